/* SPDX-License-Identifier: BSD-2-Clause */
/* What a SIP process pays for a typed call, warm and cold, by the installed library. Warm: against the least that
 * counting in shared memory can cost, four relaxed increments of a mapped file. Cold: what it costs a process that has
 * used all caches for other things since the last call, against one load that memory has to answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/typed_calls.h"

enum { ROUNDS = 301, COLD_ROUNDS = 301, OPENS = 101, TICKS = 10000, LINE = 64 };

#define SWEEP_OCTETS (96u << 20) /* more than any cache that one core fills */

static struct typed_calls calls;

/* ---- warm ------------------------------------------------------------------------------------------------------- */

static struct warm {
    const char *name;
    typed_calls_batch *batch;
    double target; /* of the ratio, 0: told */
    double ns[ROUNDS];
} warm[] = {
    { .name = "four relaxed increments", .batch = typed_four_increments }, /* the baseline comes first */
    { .name = "sipstat_request", .batch = typed_requests, .target = 3 },
    { .name = "sipstat_response", .batch = typed_responses, .target = 3 },
    { .name = "sipstat_response, codes and methods mixed", .batch = typed_varied_responses, .target = 3 },
    { .name = "request, begin, response, end", .batch = typed_transactions },
    { .name = "sipstat_request, no writer", .batch = typed_no_writer },
};

#define WARM (sizeof(warm) / sizeof(warm[0]))

static void
bench_warm(void)
{
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < WARM; i++)
            warm[i].ns[round] = typed_calls_time(&calls, warm[i].batch);
    for (unsigned i = 1; i < WARM; i++)
        bench_report(&(struct bench_row){ .section = warm[i].target > 0 ? "typed call" : NULL,
                                          .name = warm[i].name,
                                          .unit = "ns",
                                          .values = warm[i].ns,
                                          .count = ROUNDS,
                                          .baseline = warm[0].name,
                                          .baseline_values = warm[0].ns,
                                          .target = warm[i].target });
}

/* ---- cold ------------------------------------------------------------------------------------------------------- */

static volatile uint64_t sink;

static void
nothing(unsigned round)
{
    (void)round;
}

/* A line of a mapped file, as a counter is, each time another one. */
static void
one_load(unsigned round)
{
    sink = calls.own[(uint64_t)round * 2654435761u % TYPED_CALLS_OWN_LINES * 8];
}

static void
cold_request(unsigned round)
{
    (void)round;
    sipstat_request(calls.writer, SIPSTAT_IN, SIPSTAT_INVITE, 0);
}

static void
cold_response(unsigned round)
{
    (void)round;
    sipstat_response(calls.writer, SIPSTAT_OUT, SIPSTAT_INVITE, 200, 0, NULL);
}

/* Read a lot of other memory: code and data of the last call are in no cache afterwards, nor where their pages are. */
static void
sweep(const char *memory)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < SWEEP_OCTETS; i += LINE)
        sum += (uint64_t)memory[i];
    sink = sum;
}

/* Reading the clock twice before brings back what it needs itself. */
static double
time_cold(const char *memory, void (*call)(unsigned round), unsigned round)
{
    double start;

    sweep(memory);
    sink = *(const volatile unsigned char *)&calls.own; /* the line of this program's own pointers is back */
    bench_now_ns();
    start = bench_now_ns();
    call(round);
    return bench_now_ns() - start;
}

static struct cold {
    const char *name;
    void (*call)(unsigned round);
    double ns[COLD_ROUNDS];
} cold[] = {
    { .name = "the clock", .call = nothing },
    { .name = "one load from memory", .call = one_load },
    { .name = "sipstat_request, caches swept", .call = cold_request },
    { .name = "sipstat_response, caches swept", .call = cold_response },
};

enum { CLOCK, LOAD, COLD = sizeof(cold) / sizeof(cold[0]) };

static void
bench_cold(void)
{
    char *memory = malloc(SWEEP_OCTETS);
    double clock_ns;

    if (memory == NULL)
        abort();
    memset(memory, 1, SWEEP_OCTETS);
    for (unsigned round = 0; round < COLD_ROUNDS; round++)
        for (unsigned i = 0; i < COLD; i++)
            cold[i].ns[round] = time_cold(memory, cold[i].call, round);
    clock_ns = bench_median(cold[CLOCK].ns, COLD_ROUNDS);
    for (unsigned i = LOAD; i < COLD; i++)
        for (unsigned round = 0; round < COLD_ROUNDS; round++)
            cold[i].ns[round] -= clock_ns;
    for (unsigned i = LOAD + 1; i < COLD; i++)
        bench_report(&(struct bench_row){ .section = "typed call, cold",
                                          .name = cold[i].name,
                                          .unit = "ns",
                                          .values = cold[i].ns,
                                          .count = COLD_ROUNDS,
                                          .baseline = cold[LOAD].name,
                                          .baseline_values = cold[LOAD].ns,
                                          .target = 3 });
    free(memory);
}

/* ---- once, and in between --------------------------------------------------------------------------------------- */

static void
tell(const char *name, const char *unit, const double *values, unsigned count)
{
    bench_report(&(struct bench_row){ .name = name, .unit = unit, .values = values, .count = count });
}

static void
bench_open(void)
{
    struct sipstat_options options = { .size = sizeof(options), .dir = calls.dir, .instance = "bench" };
    double opened[OPENS], closed[OPENS], ticked[OPENS], start;

    for (unsigned i = 0; i < OPENS; i++) {
        sipstat_writer *writer;

        start = bench_now_ns();
        if (sipstat_open(&writer, &options, NULL, 0) < 0)
            abort();
        opened[i] = (bench_now_ns() - start) / 1000;
        start = bench_now_ns();
        for (unsigned k = 0; k < TICKS; k++)
            sipstat_tick(writer, 0);
        ticked[i] = (bench_now_ns() - start) / TICKS;
        start = bench_now_ns();
        sipstat_close(writer);
        closed[i] = (bench_now_ns() - start) / 1000;
    }
    tell("sipstat_open, once a thread", "us", opened, OPENS);
    tell("sipstat_close", "us", closed, OPENS);
    tell("sipstat_tick, nothing due", "ns", ticked, OPENS);
}

/* As /proc has it; 0 where it cannot be read. */
static double
private_octets(void)
{
    unsigned long pages = 0, resident = 0, shared = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL)
        return 0;
    if (fscanf(f, "%lu %lu %lu", &pages, &resident, &shared) != 3)
        resident = shared = 0;
    fclose(f);
    return (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE);
}

static void
bench_memory(void)
{
    struct sipstat_options options = { .size = sizeof(options), .dir = calls.dir, .instance = "bench" };
    struct lane_header header = { .abi = LANE_ABI };
    enum { WRITERS = 16 };
    sipstat_writer *writers[WRITERS];
    double lane, before = private_octets(), private;

    lane_layout(&header, LANE_RING_DEFAULT);
    lane = (double)header.file_octets;
    tell("lane with the default ring", "octets", &lane, 1);
    lane -= LANE_RING_DEFAULT;
    tell("of these all but the ring", "octets", &lane, 1);
    for (unsigned i = 0; i < WRITERS; i++)
        if (sipstat_open(&writers[i], &options, NULL, 0) < 0)
            abort();
    private = (private_octets() - before) / WRITERS;
    tell("memory of a writer besides, touched", "octets", &private, 1);
    for (unsigned i = 0; i < WRITERS; i++)
        sipstat_close(writers[i]);
}

int
main(void)
{
    bench_pin(1);
    typed_calls_open(&calls);
    bench_warm();
    bench_cold();
    bench_open();
    bench_memory();
    typed_calls_close(&calls);
    return 0;
}
