/* SPDX-License-Identifier: BSD-2-Clause */
/* How a benchmark measures and says what it found. A figure is the median of several runs; what it is
 * compared with ran in the same process, interleaved with it, so that the ratio is of pairs that saw the
 * same machine.
 *
 * Each row is a line for people on stdout and, with BENCH_JSON=file in the environment, a JSON object on a
 * line of its own appended to that file: tests/bench/run makes the table and the pictures of these.
 * tests/bench/bench.py is the same for scripts. For single-threaded programs (bench_now_ns and bench_median
 * excepted). */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>

/* One figure. */
struct bench_row {
    const char *name;              /* "typed call, request" */
    const char *unit;              /* of the values: "ns" */
    const double *values;          /* the figure of each run; not changed */
    unsigned count;                /* how many, at least 1 */
    const char *baseline;          /* what it is compared with in the same run; NULL: absolute */
    const double *baseline_values; /* of the same runs, as many, in the same unit; NULL: absolute */
    double target;                 /* of the ratio, or without a baseline of the median; 0: none, told only */
    bool at_least;                 /* the target is a lower bound; else an upper one */
    const char *section; /* which target it answers: a key of SECTIONS in bench.py; NULL: further figures */
};

/* Report one figure: the median; the spread, which is (75th - 25th percentile) / median of the values; with
 * a baseline the ratio, which is the median over the runs of value / baseline value. Neither allocates nor
 * fails: what cannot be appended to BENCH_JSON is said on stderr. At most BENCH_RUNS_MAX runs count; more
 * are thinned out evenly. */
void bench_report(const struct bench_row *row);

enum { BENCH_RUNS_MAX = 4096 };

/* A row that has no figure here, and why: "not installed: libosip2". */
void bench_absent(const char *section, const char *name, const char *reason);

/* One point of a cost curve: curves with the same name make one line of a picture. x must be > 0
 * (logarithmic). What stands before the first ": " of the name is the picture, the rest the line in it:
 * "observe: message size". */
void bench_point(const char *curve, const char *x_unit, double x, const char *y_unit, double y);

/* A sentence for the reader of the output, shown below the table as well. printf's format. */
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Run on this CPU from here on, as counted among the CPUs that the process may use (modulo their number, so
 * that 1 is the only CPU of a machine with one). Of the calling thread; threads made later inherit it. */
void bench_pin(unsigned cpu);

/* CLOCK_MONOTONIC in nanoseconds. */
double bench_now_ns(void);

/* The median of count values, at least one; values are not reordered. Above BENCH_RUNS_MAX thinned out
 * evenly. */
double bench_median(const double *values, unsigned count);

#endif
