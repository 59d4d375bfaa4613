/* SPDX-License-Identifier: BSD-2-Clause */
/* More packets than a socket has room for: when that begins, when it is over, and what it came to. Pure; the clock is
 * passed in, CLOCK_MONOTONIC nanoseconds. One thread. */
#ifndef COLLECTORS_HEP_HEP_STORM_H
#define COLLECTORS_HEP_HEP_STORM_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/log.h"

#define HEP_STORM_QUIET_NS UINT64_C(10000000000) /* so long without a loss: it is over */

/* Zero-initialise. */
struct hep_storm {
    bool is_on, is_said;
    uint64_t began_ns, last_ns; /* the looks that found the first and the last loss */
    uint64_t dropped, received; /* packets from then on until the last loss */
    uint64_t received_before;   /* in all, as of the last look */
    uint64_t received_since;    /* since the last loss */
    struct collector_log_limit limit;
    uint64_t held_back; /* storms not said, before this one */
};

enum hep_storm_news { HEP_STORM_NOTHING, HEP_STORM_BEGAN, HEP_STORM_OVER };

/* Look: `dropped` packets were lost since the last look, and `received` were received in all so far. What is to be
 * said: each storm's beginning and end once, but of storms that follow each other one a minute, then one an hour. */
enum hep_storm_news hep_storm_look(struct hep_storm *s, uint64_t dropped, uint64_t received, uint64_t now_ns);

/* The socket is about to be closed. True when the end of a storm is to be said. */
bool hep_storm_end(struct hep_storm *s);

#endif
