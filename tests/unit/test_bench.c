/* SPDX-License-Identifier: BSD-2-Clause */
/* What benchmarks say of their figures: tests/bench/bench.h. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/unit/scratch.h"

/* The JSON line that a report appends; what it prints for people is not looked at. */
static const char *
reported(const struct bench_row *row)
{
    static char text[4096];
    char path[PATH_MAX];
    int fd = scratch_file(path);
    ssize_t octets;

    cr_assert(ge(int, fd, 0));
    setenv("BENCH_JSON", path, 1);
    bench_report(row);
    octets = read(fd, text, sizeof(text) - 1);
    cr_assert(gt(long, (long)octets, 0));
    text[octets] = '\0';
    close(fd);
    unlink(path);
    return text;
}

static void
says(const char *text, const char *part)
{
    cr_expect(ne(ptr, strstr(text, part), NULL), "no %s in %s", part, text);
}

Test(bench, median_of_an_even_number_is_between_the_middle_two)
{
    cr_assert(bench_median((const double[]){ 4, 1, 3, 2 }, 4) == 2.5);
}

Test(bench, median_of_more_runs_than_counted_is_of_runs_from_all_over)
{
    static double values[10 * BENCH_RUNS_MAX];

    for (unsigned i = 0; i < 10 * BENCH_RUNS_MAX; i++)
        values[i] = i;
    cr_assert(labs((long)bench_median(values, 10 * BENCH_RUNS_MAX) - 5 * BENCH_RUNS_MAX) < 10);
}

Test(bench, ratio_is_the_median_of_the_pairs_and_not_of_the_medians)
{
    const char *text = reported(&(struct bench_row){
        .name = "call",
        .unit = "ns",
        .values = (const double[]){ 2, 30, 8 },
        .baseline = "store",
        .baseline_values = (const double[]){ 1, 10, 8 },
        .count = 3,
        .target = 2,
    });

    says(text, "\"median\": 8, ");
    says(text, "\"baseline_median\": 8, ");
    says(text, "\"ratio\": 2, ");
    says(text, "\"verdict\": \"met\"");
}

Test(bench, spread_is_the_middle_half_over_the_median)
{
    says(reported(&(struct bench_row){
             .name = "call", .unit = "ns", .values = (const double[]){ 10, 20, 30, 40, 50 }, .count = 5 }),
         "\"spread\": 0.6667");
}

Test(bench, lower_bound_is_not_met_from_below)
{
    says(reported(&(struct bench_row){ .name = "rate",
                                       .unit = "1/s",
                                       .values = (const double[]){ 9 },
                                       .count = 1,
                                       .target = 10,
                                       .at_least = true }),
         "\"verdict\": \"NOT met\"");
}

Test(bench, quotes_in_a_name_stay_in_the_name)
{
    says(reported(&(struct bench_row){
             .name = "a \"b\" \\ c", .unit = "ns", .values = (const double[]){ 1 }, .count = 1 }),
         "\"name\": \"a \\\"b\\\" \\\\ c\", \"unit\"");
}
