/* SPDX-License-Identifier: BSD-2-Clause */
/* usage: followed_call RUNTIME_DIR INSTANCE PID...
 *
 * What a typed call costs while readers follow the lane, against the same while they stand still: windows of both kinds
 * take turns, and the processes PID are stopped in every other. bench_followed starts them. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/typed_calls.h"

enum { PAIRS = 60, WINDOW_MS = 250, SETTLE_MS = 20 };

static struct typed_calls calls;

static struct subject {
    const char *name;
    const char *baseline;
    typed_calls_batch *batch;
    double followed[PAIRS], alone[PAIRS];
} subjects[] = {
    { .name = "sipstat_request, followed", .baseline = "the same alone", .batch = typed_requests },
    { .name = "sipstat_response, followed", .baseline = "the same alone", .batch = typed_responses },
    { .name = "recorded, followed", .baseline = "the same alone", .batch = typed_full_responses },
};

enum { SUBJECTS = sizeof(subjects) / sizeof(subjects[0]) };

/* Batches of all kinds in turn for a window: the mean of each, since readers come seldom. */
static void
run_window(double ns[SUBJECTS])
{
    double spent[SUBJECTS] = { 0 }, end = bench_now_ns() + WINDOW_MS * 1e6;
    unsigned turns = 0;

    do {
        for (unsigned i = 0; i < SUBJECTS; i++)
            spent[i] += typed_calls_time(&calls, subjects[i].batch);
        turns++;
    } while (bench_now_ns() < end);
    for (unsigned i = 0; i < SUBJECTS; i++)
        ns[i] = spent[i] / turns;
}

static void
signal_all(char **pids, int number)
{
    for (; *pids != NULL; pids++)
        if (kill((pid_t)strtol(*pids, NULL, 10), number) < 0) {
            fprintf(stderr, "followed_call: no process %s\n", *pids);
            exit(1);
        }
    usleep(SETTLE_MS * 1000);
}

static void
report(const struct subject *s)
{
    bench_report(&(struct bench_row){ .section = "typed call, followed",
                                      .name = s->name,
                                      .unit = "ns",
                                      .values = s->followed,
                                      .count = PAIRS,
                                      .baseline = s->baseline,
                                      .baseline_values = s->alone,
                                      .target = 1.3 });
}

int
main(int argc, char **argv)
{
    double ns[SUBJECTS];

    if (argc < 4) {
        fprintf(stderr, "usage: followed_call RUNTIME_DIR INSTANCE PID...\n");
        return 2;
    }
    bench_pin(1);
    typed_calls_open_in(&calls, argv[1], argv[2]);
    run_window(ns); /* the readers find the lane */
    for (unsigned pair = 0; pair < PAIRS; pair++) {
        run_window(ns);
        for (unsigned i = 0; i < SUBJECTS; i++)
            subjects[i].followed[pair] = ns[i];
        signal_all(argv + 3, SIGSTOP);
        run_window(ns);
        for (unsigned i = 0; i < SUBJECTS; i++)
            subjects[i].alone[pair] = ns[i];
        signal_all(argv + 3, SIGCONT);
    }
    for (unsigned i = 0; i < SUBJECTS; i++)
        report(&subjects[i]);
    typed_calls_close(&calls);
    return 0;
}
