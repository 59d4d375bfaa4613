/* SPDX-License-Identifier: BSD-2-Clause */
/* Realistic SIP for benchmarks: whole calls, registrations and the like through a proxy, deterministic, in
 * sizes and header forms as seen on the wire. */
#ifndef TESTS_BENCH_SIP_CORPUS_H
#define TESTS_BENCH_SIP_CORPUS_H

#include <stdbool.h>
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
    size_t octets;
    char *text;      /* of all messages */
    size_t *serials; /* offsets in `text` of the 8 digits that tell one pass from the next */
    size_t serial_count;
};

/* Dialogs `n` times over: a call of 10 messages with SDP, a failed one, a registration with challenge, in
 * long and in compact form, options, a subscription. Aborts without memory. */
struct corpus corpus_new(unsigned n);
void corpus_free(struct corpus *c);

/* Make all branches and Call-IDs new: write `serial` into each. */
void corpus_renew(struct corpus *c, uint32_t serial);

#endif
