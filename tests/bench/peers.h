/* SPDX-License-Identifier: BSD-2-Clause */
/* Other people's SIP parsers, for comparison: each parses whole messages as its own documentation says, and releases
 * what it made of them. Which of them are there, configure knows. */
#ifndef TESTS_BENCH_PEERS_H
#define TESTS_BENCH_PEERS_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/bench/sip_corpus.h"

struct peer {
    const char *name;
    /* Get ready to parse the messages of `c`, which keep their places and lengths. Not timed. False: not installed. */
    bool (*open)(const struct corpus *c);
    /* The messages have new serials: not timed. NULL when that makes no difference. */
    void (*renew)(const struct corpus *c);
    /* Parse message `i` and release it. False when it was refused. */
    bool (*parse)(const struct corpus *c, size_t i);
    void (*close)(void);
};

extern const struct peer peer_osip, peer_sofia, peer_re;

#endif
