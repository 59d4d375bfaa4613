/* SPDX-License-Identifier: BSD-2-Clause */
/* What observing a message costs, all of it: parse, match its transaction, count. Against the least that any parser
 * does, finding the line ends by memchr in the same messages; and against what other SIP parsers take to parse them
 * and do no more. Then as messages grow. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sipcore/sipstat.h"
#include "tests/bench/bench.h"
#include "tests/bench/peers.h"
#include "tests/bench/sip_corpus.h"
#include "tests/unit/scratch.h"

enum { DIALOGS = 32, WARM_PASSES = 20, PASSES = 301, MESSAGE_GAP_NS = 300000 };

static const struct peer *const peers[] = { &peer_osip, &peer_re, &peer_sofia };

enum { PEERS = sizeof(peers) / sizeof(peers[0]) };

static const struct sipstat_addresses over_udp = { .transport = SIPSTAT_UDP };
static volatile size_t sink;
static char dir[PATH_MAX];

/* Of this thread alone: a pass of a slow parser is long enough to be interrupted by what else the machine does. */
static double
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static sipstat_writer *
open_writer(uint32_t transactions)
{
    struct sipstat_options options = {
        .size = sizeof(options), .instance = "bench", .dir = dir, .max_transactions = transactions
    };
    char error[256] = "";
    sipstat_writer *w;

    if (sipstat_open(&w, &options, error, sizeof(error)) != 0) {
        fprintf(stderr, "bench_observe: %s\n", error);
        scratch_remove(dir);
        exit(1);
    }
    return w;
}

static void
scan_lines(struct span s)
{
    const uint8_t *at = s.data, *end = s.data + s.length;
    size_t lines = 0;

    while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        lines++;
    }
    sink += lines;
}

/* ---- the corpus ---- */

/* Nanoseconds a message, of each pass. */
static double lines_ns[PASSES], observe_ns[PASSES], peer_ns[PEERS][PASSES];

static double
time_lines(const struct corpus *c)
{
    double start = now_ns();

    for (size_t i = 0; i < c->messages; i++)
        scan_lines(c->message[i].octets);
    return (now_ns() - start) / (double)c->messages;
}

static double
time_observe(const struct corpus *c, sipstat_writer *w, uint64_t *clock_ns)
{
    double start = now_ns();

    for (size_t i = 0; i < c->messages; i++) {
        struct span octets = c->message[i].octets;

        sink += sipstat_observe(w, c->message[i].direction, octets.data, octets.length, &over_udp,
                                *clock_ns += MESSAGE_GAP_NS);
    }
    return (now_ns() - start) / (double)c->messages;
}

static double
time_peer(const struct corpus *c, const struct peer *peer)
{
    double start = now_ns();

    for (size_t i = 0; i < c->messages; i++)
        sink += peer->parse(c, i);
    return (now_ns() - start) / (double)c->messages;
}

/* The same messages for memchr and for us, whom they are new calls. Nothing else in between: caches and branch
 * predictors are as warm as they can be for both. */
static void
time_lines_and_observe(struct corpus *c, sipstat_writer *w, uint64_t *clock_ns)
{
    for (unsigned i = 0; i < WARM_PASSES + PASSES; i++) {
        corpus_renew(c, i);
        lines_ns[i % PASSES] = time_lines(c); /* what was noted when caches were cold is overwritten */
        observe_ns[i % PASSES] = time_observe(c, w, clock_ns);
    }
}

/* The same messages for the peers and for us, in turns, so that all find caches as the one before left them. */
static void
time_peers_and_observe(struct corpus *c, sipstat_writer *w, uint64_t *clock_ns, const bool has[PEERS])
{
    for (unsigned i = 0; i < WARM_PASSES + PASSES; i++) {
        corpus_renew(c, WARM_PASSES + PASSES + i);
        for (unsigned p = 0; p < PEERS; p++)
            if (has[p] && peers[p]->renew != NULL)
                peers[p]->renew(c);
        observe_ns[i % PASSES] = time_observe(c, w, clock_ns);
        for (unsigned p = 0; p < PEERS; p++)
            if (has[p])
                peer_ns[p][i % PASSES] = time_peer(c, peers[p]);
    }
}

static void
describe(const struct corpus *c)
{
    size_t least = SIZE_MAX, most = 0;

    for (size_t i = 0; i < c->messages; i++) {
        size_t length = c->message[i].octets.length;

        least = length < least ? length : least;
        most = length > most ? length : most;
    }
    bench_note("The corpus: %zu messages of %zu to %zu octets, %zu on average.", c->messages, least, most,
               c->octets / c->messages);
}

/* The peers, slowest and others told, the fastest with the target. */
static void
report_peers(const bool has[PEERS])
{
    unsigned fastest = PEERS;

    for (unsigned p = 0; p < PEERS; p++)
        if (has[p] &&
            (fastest == PEERS || bench_median(peer_ns[p], PASSES) < bench_median(peer_ns[fastest], PASSES)))
            fastest = p;
    for (unsigned p = 0; p < PEERS; p++) {
        char name[64];

        snprintf(name, sizeof(name), "%s, parsing only%s", peers[p]->name, p == fastest ? " (fastest)" : "");
        if (has[p])
            bench_report(&(struct bench_row){
                .name = name,
                .unit = "ns",
                .values = peer_ns[p],
                .count = PASSES,
                .baseline = "sipstat_observe",
                .baseline_values = observe_ns,
                .target = p == fastest ? 5 : 0,
                .at_least = true,
                .section = p == fastest ? "observe" : NULL,
            });
        else
            bench_absent("observe", name, "not installed");
    }
}

static void
note_refused(const struct corpus *c, const bool has[PEERS])
{
    for (unsigned p = 0; p < PEERS; p++) {
        size_t refused = 0;

        for (size_t i = 0; has[p] && i < c->messages; i++)
            refused += !peers[p]->parse(c, i);
        if (refused > 0)
            bench_note("%s refuses %zu of the messages.", peers[p]->name, refused);
    }
}

static void
bench_corpus(void)
{
    struct corpus c = corpus_new(DIALOGS);
    sipstat_writer *w = open_writer(0);
    uint64_t clock_ns = MESSAGE_GAP_NS;
    bool has[PEERS];

    describe(&c);
    time_lines_and_observe(&c, w, &clock_ns);
    bench_report(&(struct bench_row){
        .name = "sipstat_observe, mixed messages",
        .unit = "ns",
        .values = observe_ns,
        .count = PASSES,
        .baseline = "memchr over the lines",
        .baseline_values = lines_ns,
        .target = 6,
        .section = "observe",
    });
    for (unsigned p = 0; p < PEERS; p++)
        has[p] = peers[p]->open(&c);
    note_refused(&c, has);
    time_peers_and_observe(&c, w, &clock_ns, has);
    report_peers(has);
    for (unsigned p = 0; p < PEERS; p++)
        if (has[p])
            peers[p]->close();
    sipstat_close(w);
    corpus_free(&c);
}

/* ---- as messages grow ---- */

enum { NUMBERED_MAX = 8192, CURVE_RUNS = 15, CURVE_STEPS = 4000 };

#define START "INVITE sip:2@example.com SIP/2.0\r\n"
#define CALL                                                                                             \
    "Via: SIP/2.0/UDP 198.51.100.23:5060;branch=z9hG4bK-@@@@@@@@\r\nFrom: <sip:1@example.com>;tag=1\r\n" \
    "To: <sip:2@example.com>\r\nCall-ID: 7ac91e@198.51.100.23\r\nCSeq: 1 INVITE\r\n"

/* A message whose branch holds a number. */
struct numbered {
    char text[NUMBERED_MAX];
    char *digits;
    size_t length;
};

/* `start` and the fields that every message has, then as much of `header` and `body`, over and over, as fits whole
 * lines of `octets`. */
static void
numbered_init(struct numbered *n, const char *start, const char *header, size_t header_octets,
              const char *body, size_t body_octets)
{
    size_t lines = header_octets / strlen(header), body_lines = body_octets / strlen(body);

    n->length = (size_t)sprintf(n->text, "%s" CALL, start);
    while (lines-- > 0)
        n->length += (size_t)sprintf(n->text + n->length, "%s", header);
    n->length +=
        (size_t)sprintf(n->text + n->length, "Content-Length: %zu\r\n\r\n", body_lines * strlen(body));
    while (body_lines-- > 0)
        n->length += (size_t)sprintf(n->text + n->length, "%s", body);
    n->digits = strstr(n->text, "@@@@@@@@");
}

static void
set_number(struct numbered *n, uint32_t number)
{
    for (int i = 7; i >= 0; i--, number >>= 4)
        n->digits[i] = "0123456789abcdef"[number & 15];
}

/* Nanoseconds to observe the message as a new transaction; `lines`: only to find its line ends. */
static double
time_numbered(sipstat_writer *w, struct numbered *n, bool lines)
{
    static uint32_t number;
    static uint64_t clock_ns = MESSAGE_GAP_NS;
    double ns[CURVE_RUNS];

    for (unsigned run = 0; run < CURVE_RUNS; run++) {
        double start = now_ns();

        for (unsigned i = 0; i < CURVE_STEPS; i++) {
            set_number(n, number++);
            if (lines)
                scan_lines(span_of(n->text, n->length));
            else
                sink +=
                    sipstat_observe(w, SIPSTAT_IN, n->text, n->length, &over_udp, clock_ns += MESSAGE_GAP_NS);
        }
        ns[run] = (now_ns() - start) / CURVE_STEPS;
    }
    return bench_median(ns, CURVE_RUNS);
}

static void
bench_growing(void)
{
    static const char header[] = "X-Example-Header: forty octets in a line\r\n",
                      body[] = "a=rtpmap:8 PCMA/8000\r\n";
    static const size_t sizes[] = { 0, 200, 400, 800, 1600, 3700 };
    static struct numbered n;
    sipstat_writer *w = open_writer(0);

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        numbered_init(&n, START, header, 0, body, sizes[i]);
        bench_point("observe, message size: by body", "octets", (double)n.length, "ns",
                    time_numbered(w, &n, false));
        numbered_init(&n, START, header, sizes[i], body, 0);
        bench_point("observe, message size: by header", "octets", (double)n.length, "ns",
                    time_numbered(w, &n, false));
        bench_point("observe, message size: memchr over lines", "octets", (double)n.length, "ns",
                    time_numbered(w, &n, true));
    }
    for (unsigned lines = 0; lines <= 128; lines = lines != 0 ? 2 * lines : 4) {
        numbered_init(&n, START, header, lines * strlen(header), body, 0);
        bench_point("observe, header count: unknown fields", "header fields", 6 + lines, "ns",
                    time_numbered(w, &n, false));
        numbered_init(&n, START, "v: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK7\r\n", lines * 42, body, 0);
        bench_point("observe, header count: more Vias", "header fields", 6 + lines, "ns",
                    time_numbered(w, &n, false));
    }
    sipstat_close(w);
}

int
main(void)
{
    scratch_make(dir);
    bench_pin(1);
    bench_corpus();
    bench_growing();
    scratch_remove(dir);
    return 0;
}
