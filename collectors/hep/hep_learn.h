/* SPDX-License-Identifier: BSD-2-Clause */
/* Which end of a message is ours, when nobody told: learnt from what all messages have in common.
 *
 * A mirror of one SIP entity shows only messages that this entity sent or received, so its own address is
 * at one end of every message. As long as all messages are between the same two ends, a request is taken
 * as received and a response as sent by us: right for a server, wrong for a client. The first message with
 * a third end settles it. An entity with several addresses is learnt one address after the other; an
 * unknown port of a host already learnt is ours as well (the near end of a connection we opened). */
#ifndef COLLECTORS_HEP_HEP_LEARN_H
#define COLLECTORS_HEP_HEP_LEARN_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/hep/hep_endpoint.h"

enum { HEP_LEARN_MAX = 8 };

/* Zeroed: nothing learnt. */
struct hep_learn {
    struct hep_endpoint ours[HEP_LEARN_MAX]; /* certain */
    unsigned n_ours;
    struct hep_endpoint guess, other; /* the two ends of all messages since the last that was certain */
    bool guessing;
    uint64_t guessed;       /* messages taken by the guess that stands */
    uint64_t guessed_wrong; /* messages whose direction turned out to be wrong */
};

/* Bits of what hep_learn_message() returns. */
#define HEP_LEARN_SOURCE      1u /* the source is ours: the message was sent */
#define HEP_LEARN_DESTINATION 2u /* the destination is ours: it was received */
#define HEP_LEARN_SETTLED     4u /* this message made the newest of `ours` certain */

/* Which ends of a message are ours: never none, and both only when both are certain. */
unsigned hep_learn_message(struct hep_learn *learn, const struct hep_endpoint *source,
                           const struct hep_endpoint *destination, bool is_request);

#endif
