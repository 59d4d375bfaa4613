/* SPDX-License-Identifier: BSD-2-Clause */
/* What a message costs, and what a transaction takes, as the table of live transactions grows. Every message is of
 * another transaction than the one before, in an order that no cache foresees: the worst there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sipcore/sipstat.h"
#include "sipcore/trans.h"
#include "tests/bench/bench.h"
#include "tests/unit/scratch.h"

enum { RUNS = 15, STEPS = 40000, SIZES = 3 };

static const uint32_t sizes[SIZES] = { 1, 100000, 1000000 };
static const char *const size_names[SIZES] = { "1 live", "100 k live", "1 M live" };

static double
thread_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static uint32_t
random_below(uint32_t bound)
{
    static uint32_t state = 1;

    state = state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)state * bound >> 32);
}

static void
report(const char *what, unsigned size, const double values[SIZES][RUNS], double target)
{
    char name[64];

    snprintf(name, sizeof(name), "%s, %s", what, size_names[size]);
    bench_report(&(struct bench_row){ .section = target > 0 ? "transactions" : NULL,
                                      .name = name,
                                      .unit = "ns",
                                      .values = values[size],
                                      .count = RUNS,
                                      .baseline = size_names[0],
                                      .baseline_values = values[0],
                                      .target = target });
}

/* The resident octets of this process that are its own. */
static double
private_octets(void)
{
    unsigned long pages = 0, resident = 0, shared = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL || fscanf(f, "%lu %lu %lu", &pages, &resident, &shared) != 3)
        abort();
    fclose(f);
    return (double)(resident - shared) * (double)sysconf(_SC_PAGESIZE);
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

#define CALL                                                                                                    \
    "Via: SIP/2.0/UDP 198.51.100.23:5060;branch=z9hG4bK-524287-1---@@@@@@@@;rport\r\n"                          \
    "Record-Route: <sip:203.0.113.7;lr;ftag=6b2e04d1>\r\n"                                                      \
    "From: \"Anna Berg\" <sip:anna.berg@example.com>;tag=6b2e04d1\r\nTo: <sip:conference-17@example.com>%s\r\n" \
    "Call-ID: 7ac91e60f2d34b@198.51.100.23\r\nCSeq: 1 INVITE\r\n"                                               \
    "Contact: <sip:anna.berg@198.51.100.23:5060;transport=udp>\r\nUser-Agent: Telephone 4.2.1 (build 8)\r\n"    \
    "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, OPTIONS, UPDATE\r\nContent-Length: 0\r\n\r\n"

/* A message whose branch holds a number. */
struct numbered {
    char text[1024];
    char *digits;
    size_t length;
};

static void
numbered_init(struct numbered *n, const char *first_line, const char *to_tag)
{
    char call[sizeof(n->text)];

    snprintf(call, sizeof(call), CALL, to_tag);
    n->length = (size_t)snprintf(n->text, sizeof(n->text), "%s\r\n%s", first_line, call);
    n->digits = strstr(n->text, "@@@@@@@@");
}

static void
observe(sipstat_writer *w, enum sipstat_direction direction, struct numbered *n, uint32_t number,
        uint64_t time_ns)
{
    for (int i = 7; i >= 0; i--, number >>= 4)
        n->digits[i] = "0123456789abcdef"[number & 15];
    sipstat_observe(w, direction, n->text, n->length, NULL, time_ns);
}

static struct numbered invite, ringing, ok;

/* ---- whole messages --------------------------------------------------------------------------------------------- */

static sipstat_writer *writers[SIZES];

static void
open_writers(const char *dir)
{
    double before;

    for (unsigned s = 0; s < SIZES; s++) {
        struct sipstat_options options = { .size = sizeof(options),
                                           .dir = dir,
                                           .max_transactions = sizes[s] };
        char error[256], name[64];

        if (sipstat_open(&writers[s], &options, error, sizeof(error)) < 0) {
            fprintf(stderr, "bench_transactions: %s\n", error);
            abort();
        }
        before = private_octets();
        for (uint32_t i = 0; i < sizes[s]; i++)
            observe(writers[s], SIPSTAT_IN, &invite, i, 1);
        before = (private_octets() - before) / sizes[s];
        snprintf(name, sizeof(name), "memory of a transaction, %s", size_names[s]);
        if (s > 0)
            bench_report(&(struct bench_row){ .section = "transactions",
                                              .name = name,
                                              .unit = "octets",
                                              .values = &before,
                                              .count = 1,
                                              .target = 64 });
    }
}

/* A provisional response to one of the open INVITEs. */
static double
time_responses(unsigned s)
{
    double start = thread_ns();

    for (unsigned i = 0; i < STEPS; i++)
        observe(writers[s], SIPSTAT_OUT, &ringing, random_below(sizes[s]), 1);
    return (thread_ns() - start) / STEPS;
}

/* A new INVITE and its final response, in a full table: one forgotten and one begun for each. */
static double
time_transactions(unsigned s, uint32_t *number)
{
    double start = thread_ns();

    for (unsigned i = 0; i < STEPS; i++) {
        observe(writers[s], SIPSTAT_IN, &invite, ++*number, 1);
        observe(writers[s], SIPSTAT_OUT, &ok, *number, 1);
    }
    return (thread_ns() - start) / STEPS / 2;
}

static void
bench_messages(void)
{
    static double responses[SIZES][RUNS], transactions[SIZES][RUNS];
    uint32_t number[SIZES];

    for (unsigned s = 0; s < SIZES; s++)
        number[s] = sizes[s];
    for (unsigned run = 0; run < RUNS; run++)
        for (unsigned s = 0; s < SIZES; s++)
            responses[s][run] = time_responses(s);
    for (unsigned run = 0; run < RUNS; run++)
        for (unsigned s = 0; s < SIZES; s++)
            transactions[s][run] = time_transactions(s, &number[s]);
    for (unsigned s = 1; s < SIZES; s++)
        report("response to any", s, (const double(*)[RUNS])responses, 2.5);
    for (unsigned s = 1; s < SIZES; s++)
        report("message of a new one", s, (const double(*)[RUNS])transactions, 2.5);
}

/* ---- the table alone -------------------------------------------------------------------------------------------- */

static struct trans_key
key_of(uint32_t number)
{
    uint64_t x = (number + 1) * 0x9e3779b97f4a7c15u;

    x ^= x >> 29;
    return (struct trans_key){ .word = { x * 0xbf58476d1ce4e5b9u, x } };
}

static void
fill(struct trans_table *t, uint32_t size)
{
    static const uint32_t wait_ms[TRANS_QUEUES] = { 32000, 181000, 32000, 5000 };
    struct err e;

    if (trans_init(t, size, wait_ms, &e) < 0)
        abort();
    for (uint32_t i = 0; i < size; i++) {
        struct trans_key key = key_of(i);

        trans_add(t, &key, TRANS_TRYING, 0);
    }
}

static volatile unsigned found_queue;

static double
time_find(struct trans_table *t, uint32_t size)
{
    double start = thread_ns();

    for (unsigned i = 0; i < STEPS; i++) {
        struct trans_key key = key_of(random_below(size));

        found_queue = trans_find(t, &key)->queue;
    }
    return (thread_ns() - start) / STEPS;
}

static void
bench_table(void)
{
    static double found[SIZES][RUNS];
    struct trans_table tables[SIZES];

    for (unsigned s = 0; s < SIZES; s++)
        fill(&tables[s], sizes[s]);
    for (unsigned run = 0; run < RUNS; run++)
        for (unsigned s = 0; s < SIZES; s++)
            found[s][run] = time_find(&tables[s], sizes[s]);
    for (unsigned s = 1; s < SIZES; s++)
        report("table alone, find any", s, (const double(*)[RUNS])found, 0);
    for (unsigned s = 0; s < SIZES; s++)
        trans_fini(&tables[s]);
}

int
main(void)
{
    char dir[PATH_MAX];

    bench_pin(1);
    scratch_make(dir);
    numbered_init(&invite, "INVITE sip:conference-17@example.com SIP/2.0", "");
    numbered_init(&ringing, "SIP/2.0 180 Ringing", ";tag=c17f");
    numbered_init(&ok, "SIP/2.0 200 OK", ";tag=c17f");
    open_writers(dir);
    bench_messages();
    bench_table();
    for (unsigned s = 0; s < SIZES; s++)
        sipstat_close(writers[s]);
    scratch_remove(dir);
    return 0;
}
