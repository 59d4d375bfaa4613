/* SPDX-License-Identifier: BSD-2-Clause */
/* What observing a message costs: parse, match its transaction, count. Against the least that any parser
 * does, finding the line ends by memchr in the same messages; and as the transaction table grows. Pinned to
 * one CPU; medians. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sipcore/observer.h"
#include "sipcore/sip_message.h"
#include "tests/bench/sip_corpus.h"
#include "tests/unit/lane_fixture.h"

enum { DIALOGS = 32, PASSES = 401, LIVE_STEPS = 200000, LIVE_RUNS = 5 };

static volatile size_t sink;

/* Of this thread alone: what else the machine does shows in the caches only. */
static double
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int
compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double
median(double *values, size_t n)
{
    qsort(values, n, sizeof(*values), compare);
    return values[n / 2];
}

static struct observer *
new_observer(uint32_t max)
{
    struct observer_options options = { .max_transactions = max, .hash_key = "sixteen octets.." };
    struct err e;
    struct observer *o = observer_new(&options, &e);

    if (o == NULL) {
        fprintf(stderr, "bench_observe: %s\n", e.text);
        exit(1);
    }
    return o;
}

static size_t
scan_lines(struct span s)
{
    size_t lines = 0;
    const uint8_t *newline;

    while ((newline = memchr(s.data, '\n', s.length)) != NULL) {
        s = span_from(s, (size_t)(newline - s.data) + 1);
        lines++;
        if (s.length == 0)
            break;
    }
    return lines;
}

/* One pass over the corpus each of three ways; nanoseconds a message. */
static void
time_pass(struct corpus *c, struct observer *o, struct lane_writer *w, uint64_t *clock_ns, double out[3])
{
    struct sip_message m;
    double start = now_ns();

    for (size_t i = 0; i < c->messages; i++)
        sink += scan_lines(c->message[i].octets);
    out[0] = (now_ns() - start) / (double)c->messages;

    start = now_ns();
    for (size_t i = 0; i < c->messages; i++)
        sink += (size_t)sip_message_parse(c->message[i].octets, &m);
    out[1] = (now_ns() - start) / (double)c->messages;

    start = now_ns();
    for (size_t i = 0; i < c->messages; i++)
        sink += observer_message(o, w, c->message[i].direction, c->message[i].octets, SIPSTAT_UDP,
                                 *clock_ns += 300000);
    out[2] = (now_ns() - start) / (double)c->messages;
}

static void
bench_corpus(struct lane_writer *w)
{
    static double ns[3][PASSES], ratio[3][PASSES];
    static const char *const names[3] = { "memchr over the lines", "sip_message_parse",
                                          "observer_message (target 6)" };
    struct corpus c = corpus_new(DIALOGS);
    struct observer *o = new_observer(65536);
    uint64_t clock_ns = 1000000;

    for (int i = 0; i < PASSES; i++) {
        double pass[3];

        corpus_renew(&c, (uint32_t)i);
        time_pass(&c, o, w, &clock_ns, pass);
        for (int k = 0; k < 3; k++) {
            ns[k][i] = pass[k];
            ratio[k][i] = pass[k] / pass[0];
        }
    }
    printf("corpus: %zu messages, %zu octets each, %u transactions remembered\n", c.messages,
           c.octets / c.messages, observer_remembered(o));
    for (int k = 0; k < 3; k++)
        printf("%-28s %8.1f ns/message %6.2f x\n", names[k], median(ns[k], PASSES), median(ratio[k], PASSES));
    observer_free(o);
    corpus_free(&c);
}

/* ---- as the table grows -------------------------------------------------------------------------------- */

#define CALL                                                                                             \
    "Via: SIP/2.0/UDP 198.51.100.23:5060;branch=z9hG4bK-@@@@@@@@\r\nFrom: <sip:1@example.com>;tag=1\r\n" \
    "To: <sip:2@example.com>\r\nCall-ID: 7ac91e@198.51.100.23\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"

/* A message whose branch holds a number. */
struct numbered {
    char text[512];
    char *digits;
    size_t length;
};

static void
numbered_init(struct numbered *n, const char *text)
{
    n->length = strlen(text);
    memcpy(n->text, text, n->length + 1);
    n->digits = strstr(n->text, "@@@@@@@@");
}

static struct span
with_number(struct numbered *n, uint32_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 4)
        n->digits[i] = "0123456789abcdef"[number & 15];
    return span_of(n->text, n->length);
}

/* A provisional response to one of `live` open INVITEs, each time another one, in an order that no cache
 * foresees. */
static double
time_live(struct lane_writer *w, uint32_t live)
{
    struct observer *o = new_observer(live);
    struct numbered invite, ringing;
    uint32_t random = 1;
    double start, ns[LIVE_RUNS];

    numbered_init(&invite, "INVITE sip:2@example.com SIP/2.0\r\n" CALL);
    numbered_init(&ringing, "SIP/2.0 180 Ringing\r\n" CALL);
    for (uint32_t i = 0; i < live; i++)
        observer_message(o, w, SIPSTAT_IN, with_number(&invite, i), SIPSTAT_UDP, 1);
    for (int run = 0; run < LIVE_RUNS; run++) {
        start = now_ns();
        for (int i = 0; i < LIVE_STEPS; i++) {
            random = random * 1664525u + 1013904223u;
            observer_message(o, w, SIPSTAT_OUT,
                             with_number(&ringing, (uint32_t)((uint64_t)random * live >> 32)), SIPSTAT_UDP,
                             1);
        }
        ns[run] = (now_ns() - start) / LIVE_STEPS;
    }
    observer_free(o);
    return median(ns, LIVE_RUNS);
}

static void
bench_live(struct lane_writer *w)
{
    static const uint32_t sizes[] = { 1, 1000, 100000, 1000000 };
    double base = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        double ns = time_live(w, sizes[i]);

        if (i == 0)
            base = ns;
        printf("%-20s %7u %8.1f ns/message %6.2f x (target 2.5)\n", "open transactions", sizes[i], ns,
               ns / base);
    }
}

int
main(void)
{
    struct lane_writer w;
    struct lane_fixture *lane = lane_fixture_new(&w);
    cpu_set_t cpus;

    if (lane == NULL)
        return 1;
    CPU_ZERO(&cpus);
    CPU_SET(sched_getcpu(), &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
    bench_corpus(&w);
    bench_live(&w);
    free(lane);
    return 0;
}
