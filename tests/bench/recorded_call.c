/* SPDX-License-Identifier: BSD-2-Clause */
/* What a typed call costs while its event is wanted, against a tracepoint of LTTng-UST that a session records with as
 * many fields of the same kind. bench_recorded makes the session; without it the tracepoints would be off, and this
 * says so. */
#include "tests/bench/bench.h"

#define SECTION "typed call, recorded"

#ifdef HAVE_LTTNG_UST
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "tests/bench/tracepoints.h"

#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/typed_calls.h"

enum { ROUNDS = 301 };

static struct typed_calls calls;

static void
four_numbers(struct typed_calls *t)
{
    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i++)
        lttng_ust_tracepoint(sipmib_bench, numbers, SIPSTAT_OUT, SIPSTAT_INVITE, 486, t->headers.cseq);
}

static void
four_values(struct typed_calls *t)
{
    const struct sipstat_headers *h = &t->headers;

    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i++)
        lttng_ust_tracepoint(sipmib_bench, values, h->cseq, h->to, h->to_length, h->from, h->from_length,
                             h->call_id, h->call_id_length);
}

static struct subject {
    const char *name;
    typed_calls_batch *batch;
    unsigned baseline; /* which of them */
    double target;
    double ns[ROUNDS];
} subjects[] = {
    { .name = "tracepoint, 4 numbers", .batch = four_numbers },
    { .name = "tracepoint, 3 texts and a number", .batch = four_values },
    { .name = "recorded, 4 numbers", .batch = typed_bare_responses, .baseline = 0, .target = 1 / 8.0 },
    { .name = "recorded, To, From, Call-ID, CSeq",
      .batch = typed_full_responses,
      .baseline = 1,
      .target = 1 / 8.0 },
};

enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]), BASELINES = 2 };

int
main(void)
{
    if (!lttng_ust_tracepoint_enabled(sipmib_bench, numbers) ||
        !lttng_ust_tracepoint_enabled(sipmib_bench, values)) {
        fprintf(stderr, "the session does not record\n");
        return 1;
    }
    bench_pin(1);
    typed_calls_open(&calls);
    typed_calls_want(&calls, true);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < SUBJECTS; i++)
            subjects[i].ns[round] = typed_calls_time(&calls, subjects[i].batch);
    for (unsigned i = BASELINES; i < SUBJECTS; i++) {
        const struct subject *s = &subjects[i], *baseline = &subjects[s->baseline];

        bench_report(&(struct bench_row){ .section = SECTION,
                                          .name = s->name,
                                          .unit = "ns",
                                          .values = s->ns,
                                          .count = ROUNDS,
                                          .baseline = baseline->name,
                                          .baseline_values = baseline->ns,
                                          .target = s->target });
    }
    typed_calls_close(&calls);
    return 0;
}

#else

int
main(void)
{
    bench_absent(SECTION, "recorded", "not installed when this was built: liblttng-ust-dev");
    return 0;
}

#endif
