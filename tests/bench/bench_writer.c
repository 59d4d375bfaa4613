/* SPDX-License-Identifier: BSD-2-Clause */
/* What a SIP process pays for a typed call, against the least that counting in shared memory can cost: four relaxed
 * increments of counters in a mapped file, in the same run. Pinned to one CPU; medians of interleaved rounds. */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sipcore/sipstat.h"
#include "sipcore/sipstat_internal.h"
#include "tests/unit/scratch.h"

enum { ROUNDS = 301, CALLS = 10000 };

static sipstat_writer *writer;
static struct lane_writer *lane;
static struct lane_interest wanted;
static const struct lane_interest *unwanted;
static struct sipstat_headers headers;

static void
four_increments(void)
{
    _Atomic uint64_t *unused = &lane->live->counters[LANE_COUNTERS_MAX - 4];

    for (unsigned i = 0; i < CALLS; i++) {
        lane_add(&unused[0], 1);
        lane_add(&unused[1], 1);
        lane_add(&unused[2], 1);
        lane_add(&unused[3], 1);
    }
}

static void
requests(void)
{
    for (unsigned i = 0; i < CALLS; i++)
        sipstat_request(writer, SIPSTAT_IN, SIPSTAT_INVITE, 0);
}

static void
responses(void)
{
    for (unsigned i = 0; i < CALLS; i++)
        sipstat_response(writer, SIPSTAT_OUT, SIPSTAT_INVITE, 200, 0, NULL);
}

/* The codes of a busy proxy, so that no cell is always the last one. */
static void
varied_responses(void)
{
    static const uint16_t codes[] = { 100, 180, 200, 401, 183, 404, 486, 487 };

    for (unsigned i = 0; i < CALLS; i++)
        sipstat_response(writer, SIPSTAT_OUT, i >> 3 & 7, codes[i & 7], 0, NULL);
}

static void
transactions(void)
{
    for (unsigned i = 0; i < CALLS; i++) {
        sipstat_request(writer, SIPSTAT_IN, SIPSTAT_BYE, 0);
        sipstat_transaction_begin(writer);
        sipstat_response(writer, SIPSTAT_OUT, SIPSTAT_BYE, 200, 0, NULL);
        sipstat_transaction_end(writer);
    }
}

static void
recorded_responses(void)
{
    lane->interest = &wanted;
    for (unsigned i = 0; i < CALLS; i++)
        sipstat_response(writer, SIPSTAT_OUT, SIPSTAT_INVITE, 486, 0, &headers);
    lane->interest = unwanted;
}

static void
ring_records(void)
{
    uint64_t body[5] = { 1, 2, 3, 4, 5 };

    for (unsigned i = 0; i < CALLS; i++)
        lane_ring_put(lane, LANE_EVENT_STATE, body, sizeof(body), i);
}

static void
no_writer(void)
{
    for (unsigned i = 0; i < CALLS; i++)
        sipstat_request(NULL, SIPSTAT_IN, SIPSTAT_INVITE, 0);
}

static struct subject {
    const char *name;
    void (*run)(void);
    double ns[ROUNDS];
} subjects[] = {
    { .name = "four relaxed increments", .run = four_increments }, /* the baseline comes first */
    { .name = "sipstat_request", .run = requests },
    { .name = "sipstat_response", .run = responses },
    { .name = "sipstat_response, varied", .run = varied_responses },
    { .name = "request + response + begin + end", .run = transactions },
    { .name = "64-octet ring record", .run = ring_records },
    { .name = "sipstat_response, recorded", .run = recorded_responses },
    { .name = "sipstat_request, no writer", .run = no_writer },
};

#define SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static double
time_ns(void (*run)(void))
{
    struct timespec start, end;

    clock_gettime(CLOCK_MONOTONIC, &start);
    run();
    clock_gettime(CLOCK_MONOTONIC, &end);
    return ((double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec)) / CALLS;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void
set_text(const char **text, size_t *length, const char *value)
{
    *text = value;
    *length = strlen(value);
}

static void
prepare(void)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(sched_getcpu(), &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
    lane = sipstat_writer_lane(writer);
    unwanted = lane->interest;
    memset((void *)&wanted, 0xff, sizeof(wanted));
    set_text(&headers.to, &headers.to_length, "Bob <sip:bob@biloxi.example.com>;tag=a6c85cf");
    set_text(&headers.from, &headers.from_length, "Alice <sip:alice@atlanta.example.com>;tag=1928301774");
    set_text(&headers.call_id, &headers.call_id_length, "a84b4c76e66710@pc33.atlanta.example.com");
}

int
main(void)
{
    struct sipstat_options options = { .size = sizeof(options), .instance = "bench" };
    char dir[PATH_MAX], error[256];

    scratch_make(dir);
    options.dir = dir;
    if (sipstat_open(&writer, &options, error, sizeof(error)) < 0) {
        fprintf(stderr, "bench_writer: %s\n", error);
        scratch_remove(dir);
        return 1;
    }
    prepare();
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < SUBJECTS; i++)
            subjects[i].ns[round] = time_ns(subjects[i].run);
    for (unsigned i = 0; i < SUBJECTS; i++) {
        qsort(subjects[i].ns, ROUNDS, sizeof(double), compare);
        printf("%-34s %8.2f ns/call %6.2f x\n", subjects[i].name, subjects[i].ns[ROUNDS / 2],
               subjects[i].ns[ROUNDS / 2] / subjects[0].ns[ROUNDS / 2]);
    }
    printf("baseline: four relaxed increments of a mapped file, this run, CPU %d\n", sched_getcpu());
    sipstat_close(writer);
    scratch_remove(dir);
    return 0;
}
