/* SPDX-License-Identifier: BSD-2-Clause */
/* What a snapshot costs its reader: copy, check and add up all lanes of an instance. Against the bare
 * pread(2) of the same octets. One CPU; medians of interleaved rounds. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sipcore/tally.h"
#include "tests/unit/scratch.h"

enum { LANES = 256, CELLS = 150, ROUNDS = 201 };

static struct lane_writer writers[LANES];
static struct lane_reader readers[LANES];
static struct tally_map maps[LANES];
static struct tally tally;

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

static void
must(bool claim, const struct err *e)
{
    if (claim)
        return;
    fprintf(stderr, "bench_lanes: %s\n", e->text);
    exit(1);
}

/* Lanes with traffic of the usual codes of ten methods, one writer each. */
static void
open_lanes(const char *dir, int dir_fd)
{
    struct lane_writer_options options = { .dir = dir, .instance = "edge", .ring_octets = LANE_RING_MIN };
    char name[NAME_MAX + 1];
    struct err e = { "" };

    for (unsigned i = 0; i < LANES; i++) {
        must(lane_writer_open(&writers[i], &options, &e) == 0, &e);
        for (unsigned cell = 1; cell < CELLS; cell++)
            lane_count_response(&writers[i], cell % 10, 100 + cell * 4, true);
        must(scratch_count(dir, "edge", LANE_SUFFIX, name) == 1, &e);
        must(lane_reader_open(&readers[i], dir_fd, name, &e) == 0, &e);
        unlinkat(dir_fd, name, 0);
    }
}

/* What the kernel alone takes for it. */
static void
read_only(void)
{
    static uint8_t buffer[64 << 10];
    struct err e = { "" };

    for (unsigned i = 0; i < LANES; i++) {
        uint32_t octets = readers[i].header.cells_offset - readers[i].header.live_offset;

        octets += CELLS * (uint32_t)sizeof(struct lane_cell);
        must(pread(readers[i].fd, buffer, octets, readers[i].header.live_offset) == (ssize_t)octets, &e);
    }
}

static void
refresh(void)
{
    struct err e = { "" };

    for (unsigned i = 0; i < LANES; i++)
        must(lane_reader_refresh(&readers[i], &e) == 0, &e);
}

static void
refresh_and_add(void)
{
    struct err e = { "" };

    tally_clear(&tally);
    for (unsigned i = 0; i < LANES; i++) {
        must(lane_reader_refresh(&readers[i], &e) == 0, &e);
        must(tally_add_lane(&tally, &readers[i], &maps[i], &e) == 0, &e);
    }
}

static double
median_us(double *us)
{
    qsort(us, ROUNDS, sizeof(*us), compare);
    return us[ROUNDS / 2];
}

static double
time_us(void (*run)(void))
{
    double start = now_us();

    run();
    return now_us() - start;
}

int
main(void)
{
    static double base[ROUNDS], copy[ROUNDS], all[ROUNDS];
    double base_us, copy_us, all_us;
    struct scratch_lane s;
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(sched_getcpu(), &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
    scratch_lane_open(&s, LANE_RING_MIN);
    unlinkat(s.dir_fd, s.name, 0);
    must(tally_init(&tally, &s.e) == 0, &s.e);
    open_lanes(s.dir, s.dir_fd);
    for (unsigned i = 0; i < ROUNDS; i++) {
        base[i] = time_us(read_only);
        copy[i] = time_us(refresh);
        all[i] = time_us(refresh_and_add);
    }
    base_us = median_us(base);
    copy_us = median_us(copy);
    all_us = median_us(all);
    printf("%-34s %8.0f us for %u lanes of %u cells\n", "bare pread of the same octets", base_us, LANES,
           CELLS);
    printf("%-34s %8.0f us %6.2f x\n", "refresh", copy_us, copy_us / base_us);
    printf("%-34s %8.0f us %6.2f x\n", "refresh and add up", all_us, all_us / base_us);
    for (unsigned i = 0; i < LANES; i++) {
        lane_reader_close(&readers[i]);
        lane_writer_close(&writers[i]);
    }
    tally_fini(&tally);
    scratch_lane_close(&s);
    return 0;
}
