/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration in force, and the rows that depend on it alone. Immutable but for `words`, and reference-counted:
 * snapshots point into it, so it lives until the last of them has gone. Any thread. */
#ifndef AGENT_CONFIG_HOLD_H
#define AGENT_CONFIG_HOLD_H

#include <stdatomic.h>
#include <stdint.h>

#include "config/config.h"
#include "mib/snapshot.h"
#include "sipcore/err.h"

struct word_rows;

struct config_hold {
    atomic_uint references;
    struct config *config;          /* owned */
    uint64_t generation;            /* 1, 2, 3 ... with each reload that succeeded */
    struct snap_instance *instance; /* what the configuration says of each, in its order; the rest is 0 */
    uint8_t (*host)[16];            /* of each: its host address when the configuration gives it in digits */
    struct snap_rows rows[SNAP_ROWS]; /* of the tables that show configuration only; the others are empty */
    void *block[SNAP_ROWS];           /* what the rows are made of */
    struct word_rows *words;          /* word_rows_get() keeps the newest here; the core thread's */
};

/* Hold a configuration, with one reference for the caller. Takes `config` over when it succeeds. 0, or
 * -ENOMEM. */
int config_hold_new(struct config_hold **out, struct config *config, uint64_t generation, struct err *e);

/* One more reference. Returns `h`. */
struct config_hold *config_hold_take(struct config_hold *h);

/* One less; with the last, everything is freed. NULL is fine. */
void config_hold_release(struct config_hold *h);

#endif
