/* SPDX-License-Identifier: BSD-2-Clause */
/* What all benchmarks share: medians of runs, ratios of pairs, the line for people and the line for
 * tests/bench/run. */
#include "tests/bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct line {
    char text[4096];
    size_t length;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void
add(struct line *line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    line->length +=
        (size_t)vsnprintf(line->text + line->length, sizeof(line->text) - line->length, format, args);
    va_end(args);
    if (line->length >= sizeof(line->text))
        line->length = sizeof(line->text) - 1;
}

static void
add_string(struct line *line, const char *key, const char *value)
{
    add(line, ", \"%s\": \"", key);
    for (; *value != '\0'; value++)
        if ((unsigned char)*value < ' ')
            add(line, "\\u%04x", (unsigned)(unsigned char)*value);
        else
            add(line, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
    add(line, "\"");
}

static struct line
json_of(const char *kind)
{
    struct line line = { .length = 0 };

    add(&line, "{\"kind\": \"%s\"", kind);
    add_string(&line, "program", program_invocation_short_name);
    return line;
}

/* One write, so that lines of several programs do not mix. */
static void
append(struct line *line)
{
    const char *path = getenv("BENCH_JSON");
    int fd;

    if (path == NULL)
        return;
    add(line, "}\n");
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, line->text, line->length) != (ssize_t)line->length)
        fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* ---- statistics ---- */

struct sorted {
    double value[BENCH_RUNS_MAX];
    unsigned count;
};

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* The values, or with a baseline the ratios of the pairs. */
static struct sorted *
sort(const double *values, const double *baseline, unsigned count)
{
    static _Thread_local struct sorted s;

    s.count = count < BENCH_RUNS_MAX ? count : BENCH_RUNS_MAX;
    for (unsigned i = 0; i < s.count; i++) {
        size_t from = (size_t)i * count / s.count;

        s.value[i] = baseline != NULL ? values[from] / baseline[from] : values[from];
    }
    qsort(s.value, s.count, sizeof(s.value[0]), compare);
    return &s;
}

/* Between the two nearest of the sorted values. */
static double
quantile(const struct sorted *s, double q)
{
    double at = q * (s->count - 1);
    unsigned i = (unsigned)at;

    return i + 1 < s->count ? s->value[i] + (at - i) * (s->value[i + 1] - s->value[i])
                            : s->value[s->count - 1];
}

double
bench_median(const double *values, unsigned count)
{
    return quantile(sort(values, NULL, count), 0.5);
}

/* ---- what is said ---- */

static const char *
verdict(const struct bench_row *row, double figure)
{
    if (row->target == 0)
        return "told";
    return (row->at_least ? figure >= row->target : figure <= row->target) ? "met" : "NOT met";
}

static void
append_row(const struct bench_row *row, double median, double spread, double ratio)
{
    struct line line = json_of("row");

    add_string(&line, "section", row->section != NULL ? row->section : "");
    add_string(&line, "name", row->name);
    add_string(&line, "unit", row->unit);
    add(&line, ", \"runs\": %u, \"median\": %.9g, \"spread\": %.4g", row->count, median, spread);
    if (row->baseline != NULL) {
        add_string(&line, "baseline", row->baseline);
        add(&line, ", \"baseline_median\": %.9g, \"ratio\": %.6g",
            bench_median(row->baseline_values, row->count), ratio);
    }
    if (row->target != 0)
        add(&line, ", \"target\": %.6g, \"at_least\": %s", row->target, row->at_least ? "true" : "false");
    add_string(&line, "verdict", verdict(row, row->baseline != NULL ? ratio : median));
    append(&line);
}

void
bench_report(const struct bench_row *row)
{
    const struct sorted *s = sort(row->values, NULL, row->count);
    double median = quantile(s, 0.5), spread, ratio = 0;

    spread = median != 0 ? (quantile(s, 0.75) - quantile(s, 0.25)) / median : 0;
    if (row->baseline != NULL)
        ratio = quantile(sort(row->values, row->baseline_values, row->count), 0.5);
    printf("%-44s %10.4g %-10s spread %3.0f %%", row->name, median, row->unit, 100 * spread);
    if (row->baseline != NULL)
        printf("  %.3g x %s (%.4g)", ratio, row->baseline, bench_median(row->baseline_values, row->count));
    if (row->target != 0)
        printf("  target %s %.4g%s: %s", row->at_least ? ">=" : "<=", row->target,
               row->baseline != NULL ? " x" : "", verdict(row, row->baseline != NULL ? ratio : median));
    printf("\n");
    fflush(stdout);
    append_row(row, median, spread, ratio);
}

void
bench_absent(const char *section, const char *name, const char *reason)
{
    struct line line = json_of("absent");

    printf("%-44s no figure: %s\n", name, reason);
    fflush(stdout);
    add_string(&line, "section", section != NULL ? section : "");
    add_string(&line, "name", name);
    add_string(&line, "reason", reason);
    append(&line);
}

void
bench_point(const char *curve, const char *x_unit, double x, const char *y_unit, double y)
{
    struct line line = json_of("point");

    printf("%-44s %10.6g %-10s %10.4g %s\n", curve, x, x_unit, y, y_unit);
    fflush(stdout);
    add_string(&line, "curve", curve);
    add_string(&line, "x_unit", x_unit);
    add_string(&line, "y_unit", y_unit);
    add(&line, ", \"x\": %.9g, \"y\": %.9g", x, y);
    append(&line);
}

void
bench_note(const char *format, ...)
{
    struct line line = json_of("note");
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printf("  %s\n", text);
    fflush(stdout);
    add_string(&line, "text", text);
    append(&line);
}

/* ---- where and when ---- */

void
bench_pin(unsigned cpu)
{
    static cpu_set_t allowed; /* as the process was started */
    static bool known;
    cpu_set_t one;
    int at = -1;

    if (!known && sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return;
    known = true;
    cpu %= (unsigned)CPU_COUNT(&allowed);
    do {
        at++;
    } while (!CPU_ISSET(at, &allowed) || cpu-- > 0);
    CPU_ZERO(&one);
    CPU_SET(at, &one);
    sched_setaffinity(0, sizeof(one), &one);
}

double
bench_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}
