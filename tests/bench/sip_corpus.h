/* SPDX-License-Identifier: BSD-2-Clause */
/* Realistic SIP for benchmarks: what a proxy with a registrar receives and sends, deterministic, in sizes and header
 * forms as seen on the wire. Own constructions: no message is a capture.
 *
 * A dialog is one of a caller's registrations (with or without challenge), one call (answered, busy or cancelled; some
 * with a challenge, some with reliable provisional responses) and one exchange besides (ping, subscription,
 * instant message, presence). Callers and callees are five kinds of phone: long header names, compact ones, lower-case
 * ones, folded lines, IPv6. About one message in forty is repeated, as over UDP. */
#ifndef TESTS_BENCH_SIP_CORPUS_H
#define TESTS_BENCH_SIP_CORPUS_H

#include <stddef.h>
#include <stdint.h>

#include "sipcore/sipstat.h"
#include "sipcore/span.h"

struct corpus_message {
    struct span octets;
    enum sipstat_direction direction;
};

struct corpus {
    struct corpus_message *message;
    size_t messages;
    size_t octets;   /* of all messages */
    char *text;      /* where they are */
    size_t *serials; /* offsets in `text` of the 8 digits that tell one pass from the next */
    size_t serial_count;
};

/* `dialogs` of them, always the same ones. Aborts without memory. */
struct corpus corpus_new(unsigned dialogs);
void corpus_free(struct corpus *c);

/* Make all branches and Call-IDs new: write `serial` into each. */
void corpus_renew(struct corpus *c, uint32_t serial);

#endif
