/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request for a fresh snapshot costs the agent: all lanes of an instance read, checked, added to the retained
 * totals and laid out as rows, with cold caches; against copying what is in use of those lanes with memcpy, as cold.
 * Then what becomes of it with more lanes, and what a second costs in which nothing happens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "agent/snapshot_build.h"
#include "tests/bench/bench.h"
#include "tests/unit/agent_fixture.h"

enum {
    LANES = 256,
    LANES_MAX = 1024,
    CELLS = 150,
    ROUNDS = 41,
    CURVE_ROUNDS = 9,
    SWEPT_OCTETS = 64 << 20 /* more than the caches hold */
};

/* In use of a lane: its live part with the named methods, and the last method with the cells behind it. */
#define HEAD_OCTETS (sizeof(struct lane_live) + METHOD_IANA_COUNT * LANE_METHOD_COUNTERS * sizeof(uint64_t))
#define TAIL_OCTETS (LANE_METHOD_COUNTERS * sizeof(uint64_t) + CELLS * sizeof(struct lane_cell))

static struct agent_fixture f;
static struct lane_writer writers[LANES_MAX];
static uint8_t *swept, *copies;

/* The caches are full of something else then, written to. */
static void
sweep(void)
{
    for (size_t i = 0; i < SWEPT_OCTETS; i += 64)
        swept[i]++;
}

static void
copy_all(unsigned lanes)
{
    uint8_t *to = copies;

    for (unsigned i = 0; i < lanes; i++) {
        memcpy(to, writers[i].live, HEAD_OCTETS);
        memcpy(to + HEAD_OCTETS, writers[i].methods[METHOD_OTHER], TAIL_OCTETS);
        to += HEAD_OCTETS + TAIL_OCTETS;
    }
    __asm__ volatile("" : : "r"(copies) : "memory");
}

static void
take_snapshot(unsigned lanes)
{
    (void)lanes;
    snapshot_release(fixture_snapshot(&f));
}

static void
tick(unsigned lanes)
{
    (void)lanes;
    f.now_ns += FIXTURE_SECOND;
    instance_tick(f.instance[0], &f.site, false, f.now_ns);
}

static double
time_us(void (*run)(unsigned), unsigned lanes, bool is_cold)
{
    double start;

    if (is_cold)
        sweep();
    start = bench_now_ns();
    run(lanes);
    return (bench_now_ns() - start) / 1e3;
}

/* A count on each lane between the rounds, as traffic has it. */
static void
count_on_all(unsigned lanes)
{
    for (unsigned i = 0; i < lanes; i++)
        for (unsigned cell = 1; cell < CELLS; cell++)
            lane_count_response(&writers[i], cell % 10, 100 + cell * 4, true);
}

static void
measure(bool is_cold)
{
    static double copied[ROUNDS], taken[ROUNDS];
    const char *baseline = "memcpy of what is in use of them";

    for (unsigned round = 0; round < ROUNDS; round++) {
        count_on_all(LANES);
        copied[round] = time_us(copy_all, LANES, is_cold);
        taken[round] = time_us(take_snapshot, LANES, is_cold);
    }
    bench_report(&(struct bench_row){
        .name = is_cold ? "snapshot of 256 lanes, 150 cells each, cold" : "the same, warm",
        .unit = "us",
        .values = taken,
        .count = ROUNDS,
        .baseline = baseline,
        .baseline_values = copied,
        .target = is_cold ? 3 : 0,
        .section = is_cold ? "snapshot" : NULL,
    });
    if (is_cold)
        bench_report(&(struct bench_row){ .name = "the same, absolute",
                                          .unit = "us",
                                          .values = taken,
                                          .count = ROUNDS,
                                          .target = 1000,
                                          .section = "snapshot" });
}

static void
measure_ticks(void)
{
    static double ticks[ROUNDS];

    for (unsigned round = 0; round < ROUNDS; round++)
        ticks[round] = time_us(tick, LANES, true);
    bench_report(
        &(struct bench_row){ .name = "the second's work for 256 lanes (locks asked, lanes read), cold",
                             .unit = "us",
                             .values = ticks,
                             .count = ROUNDS });
}

/* Lanes are added as the curve goes on; `open` are there. */
static unsigned
add_lanes(unsigned open, unsigned lanes)
{
    for (; open < lanes; open++)
        fixture_writer(&f, &writers[open], "edge", 0);
    count_on_all(lanes);
    fixture_tick(&f);
    snapshot_release(fixture_snapshot(&f)); /* the first one maps and sorts */
    return open;
}

static void
add_point(unsigned lanes)
{
    static double taken[CURVE_ROUNDS];

    for (unsigned round = 0; round < CURVE_ROUNDS; round++)
        taken[round] = time_us(take_snapshot, lanes, true);
    bench_point("snapshot: cold, 150 cells a lane", "lanes", lanes, "us", bench_median(taken, CURVE_ROUNDS));
}

int
main(void)
{
    unsigned open = 0;

    bench_pin(0);
    setenv("TMPDIR", "/dev/shm", 0); /* where lanes are: in memory */
    log_init("bench", LOG_LEVEL_ERROR, false);
    swept = malloc(SWEPT_OCTETS);
    copies = malloc(LANES * (HEAD_OCTETS + TAIL_OCTETS));
    if (!swept || !copies)
        return 1;
    memset(swept, 1, SWEPT_OCTETS);
    memset(copies, 1, LANES * (HEAD_OCTETS + TAIL_OCTETS));
    fixture_open(&f, fixture_one_instance);
    for (unsigned lanes = 1; lanes <= LANES_MAX; lanes *= 2) {
        open = add_lanes(open, lanes);
        if (lanes == LANES) {
            measure(true);
            measure(false);
            measure_ticks();
            bench_note(
                "snapshot: what the lanes hold comes from memory once for memcpy, and here twice: each counter is "
                "compared with the private copy of the last time, lest one runs backwards");
        }
        add_point(lanes);
    }
    for (unsigned i = 0; i < open; i++)
        lane_writer_close(&writers[i]);
    fixture_close(&f);
    free(swept);
    free(copies);
    return 0;
}
