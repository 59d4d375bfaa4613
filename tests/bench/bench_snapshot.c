/* SPDX-License-Identifier: BSD-2-Clause */
/* What a request for a fresh snapshot costs the agent: all lanes of an instance read, checked, added to
 * the retained totals and laid out as rows. Against copying the same octets from memory to memory. And
 * what an idle second costs. One CPU; medians of interleaved rounds. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/log.h"
#include "agent/snapshot_build.h"
#include "tests/unit/agent_fixture.h"

enum { LANES = 256, CELLS = 150, ROUNDS = 201 };

static struct agent_fixture f;
static struct lane_writer writers[LANES];

static double
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double
median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), compare);
    return values[ROUNDS / 2];
}

/* The octets that a snapshot reads of each lane. */
static void
copy_only(const uint8_t *from, uint8_t *to, size_t octets)
{
    for (unsigned i = 0; i < LANES; i++)
        memcpy(to, from + i * octets, octets);
    __asm__ volatile("" : : "r"(to) : "memory");
}

static void
tick(void)
{
    f.now_ns += FIXTURE_SECOND;
    instance_tick(f.instance[0], &f.site, false, f.now_ns);
}

int
main(void)
{
    const size_t octets = sizeof(struct lane_live) + LANE_METHODS * LANE_METHOD_COUNTERS * sizeof(uint64_t) +
                          CELLS * sizeof(struct lane_cell);
    static double copies[ROUNDS], builds[ROUNDS], ticks[ROUNDS];
    uint8_t *from = calloc(LANES, octets), *to = malloc(octets);
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof(one), &one);
    log_init("bench", LOG_LEVEL_ERROR, false);
    if (!from || !to)
        return 1;
    fixture_open(&f, fixture_one_instance);
    for (unsigned i = 0; i < LANES; i++) {
        fixture_writer(&f, &writers[i], "edge", 0);
        for (unsigned cell = 1; cell < CELLS; cell++)
            lane_count_response(&writers[i], cell % 10, 100 + cell * 4, true);
    }
    fixture_tick(&f);
    for (unsigned round = 0; round < ROUNDS; round++) {
        double start = now_us(), copied, built;

        copy_only(from, to, octets);
        copied = now_us();
        snapshot_release(fixture_snapshot(&f));
        built = now_us();
        tick();
        ticks[round] = now_us() - built;
        builds[round] = built - copied;
        copies[round] = copied - start;
    }
    printf(
        "snapshot of %d lanes with %d cells: %.0f us, %.2f us a lane; copying the octets alone %.0f us: %.1f times\n",
        LANES, CELLS, median(builds), median(builds) / LANES, median(copies),
        median(builds) / median(copies));
    printf("idle second with %d lanes (locks asked, lanes read): %.0f us\n", LANES, median(ticks));
    for (unsigned i = 0; i < LANES; i++)
        lane_writer_close(&writers[i]);
    fixture_close(&f);
    free(from);
    free(to);
    return 0;
}
