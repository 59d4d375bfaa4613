/* SPDX-License-Identifier: BSD-2-Clause */
/* What the benchmarks of the typed calls share: a writer opened as a SIP stack opens it, by the installed library, and
 * the calls in batches. Its interest file is the benchmark's, which so can be the agent. */
#ifndef TESTS_BENCH_TYPED_CALLS_H
#define TESTS_BENCH_TYPED_CALLS_H

#include <limits.h>
#include <stdbool.h>

#include "sipcore/lane.h"
#include "sipcore/sipstat.h"

enum { TYPED_CALLS_BATCH = 50000, TYPED_CALLS_OWN_LINES = 65536 };

struct typed_calls {
    char dir[PATH_MAX];
    sipstat_writer *writer;
    struct lane_interest *interest; /* NULL when it is an agent's */
    _Atomic uint64_t
        *own; /* a mapped file beside the lane: TYPED_CALLS_OWN_LINES lines of 8 words, for baselines */
    struct sipstat_headers headers; /* of a usual call */
};

/* Open all of it in a directory of its own below /dev/shm (the runtime directory is a tmpfs, too), or aborts. */
void typed_calls_open(struct typed_calls *t);

/* The same with a writer of `instance` in a runtime directory that an agent serves; dir may not be removed by
 * typed_calls_close() then. */
void typed_calls_open_in(struct typed_calls *t, const char *dir, const char *instance);

void typed_calls_close(struct typed_calls *t);

/* Want all responses recorded, or none. */
void typed_calls_want(struct typed_calls *t, bool is_wanted);

/* One batch of TYPED_CALLS_BATCH. */
typedef void typed_calls_batch(struct typed_calls *t);

typed_calls_batch typed_four_increments; /* the least that counting in shared memory can cost */
typed_calls_batch typed_requests;
typed_calls_batch typed_responses;
typed_calls_batch typed_varied_responses; /* as of a proxy, each from a place of its own */
typed_calls_batch typed_transactions;     /* request, begin, response, end */
typed_calls_batch typed_bare_responses;   /* without header fields, of a code that is wanted if any is */
typed_calls_batch typed_full_responses;   /* with To, From, Call-ID and CSeq, the same */
typed_calls_batch typed_no_writer;        /* of a stack that could not open one */

/* Nanoseconds a call of one batch, of this thread's time. */
double typed_calls_time(struct typed_calls *t, typed_calls_batch *batch);

#endif
