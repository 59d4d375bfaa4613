/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of sipCommonOptionTagTable and sipCommonMethodSupportedTable: what is configured, and what
 * instances were seen to send. They change rarely, so snapshots share them. Immutable and
 * reference-counted. */
#ifndef AGENT_WORD_ROWS_H
#define AGENT_WORD_ROWS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/config_hold.h"
#include "agent/instance.h"
#include "mib/snapshot.h"
#include "sipcore/err.h"

struct word_rows {
    atomic_uint references;
    uint64_t generation; /* the sum of the instances' word orders: each of them only grows */
    struct snap_rows tags, methods;
};

/* Give a reference to the rows as they are now, made anew when a word came up; they point into the
 * configuration that `hold` holds, and the newest of them is kept there. `instance[k]`, whose sums are up to
 * date, is of place `k` in it. 0, or -ENOMEM. The core thread. */
int word_rows_get(struct word_rows **out, struct config_hold *hold, struct instance *const *instance,
                  size_t count, struct err *e);

/* One less; NULL is fine. Any thread. */
void word_rows_release(struct word_rows *w);

#endif
