/* SPDX-License-Identifier: BSD-2-Clause */
/* What sipstat-hep gets out of one core: the whole path from the socket to the lane (receive, decode,
 * route, observe), against a recvmmsg loop that only reads the same packets, both from UDP on loopback.
 *
 *   drain  the packets wait in the socket's buffer, the sender rests: the receiver's own rate
 *   live   a sender on another core sends as fast as it can: what arrives, and what is dropped */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "collectors/hep/hep_listen.h"
#include "collectors/hep/hep_turn.h"
#include "collectors/hep/hep_writers.h"
#include "tests/bench/sip_corpus.h"
#include "tests/unit/hep_wire.h"
#include "tests/unit/scratch.h"

enum { DIALOGS = 16, PACKET_MAX = 2048, ROUNDS = 801, LIVE_SECONDS = 2 };

struct packets {
    struct corpus corpus;
    size_t n;
    uint8_t (*octets)[PACKET_MAX];
    struct iovec *vectors;
    struct mmsghdr *headers;
    size_t *payload_at;
    uint32_t serial;
};

struct path {
    char dir[PATH_MAX];
    struct config_address local;
    struct config_instance instance;
    struct config config;
    struct hep_writers *writers;
    struct hep_batch *batch;
    struct hep_listener listener;
    int sender;
    struct hep_pipe pipe;
};

static void
must(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "bench_hep: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t
clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
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

static void
pin(unsigned cpu)
{
    cpu_set_t cpus;

    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* ---- packets ---- */

static void
packets_renew(struct packets *p)
{
    corpus_renew(&p->corpus, ++p->serial);
    for (size_t i = 0; i < p->n; i++)
        memcpy(p->octets[i] + p->payload_at[i], p->corpus.message[i].octets.data,
               p->corpus.message[i].octets.length);
}

static void
packets_init(struct packets *p)
{
    static struct hep_wire wire;

    p->corpus = corpus_new(DIALOGS);
    p->n = p->corpus.messages;
    p->octets = calloc(p->n, sizeof(*p->octets));
    p->vectors = calloc(p->n, sizeof(*p->vectors));
    p->headers = calloc(p->n, sizeof(*p->headers));
    p->payload_at = calloc(p->n, sizeof(*p->payload_at));
    must(p->octets && p->vectors && p->headers && p->payload_at, "memory");
    for (size_t i = 0; i < p->n; i++) {
        const struct corpus_message *m = &p->corpus.message[i];
        bool in = m->direction == SIPSTAT_IN;
        struct hep_wire_message head = { .source = in ? "198.51.100.23" : "192.0.2.10",
                                         .destination = in ? "192.0.2.10" : "198.51.100.23",
                                         .source_port = 5060,
                                         .destination_port = 5060,
                                         .ip_protocol = 17,
                                         .seconds = (uint32_t)(clock_ns(CLOCK_REALTIME) / 1000000000u) };
        struct span packet;

        wire_head(&wire, &head);
        p->payload_at[i] = wire.length + 6;
        wire_chunk(&wire, 0, 15, m->octets.data, m->octets.length);
        packet = wire_end(&wire);
        must(packet.length <= PACKET_MAX, "packet size");
        memcpy(p->octets[i], packet.data, packet.length);
        p->vectors[i] = (struct iovec){ p->octets[i], packet.length };
        p->headers[i].msg_hdr = (struct msghdr){ .msg_iov = &p->vectors[i], .msg_iovlen = 1 };
    }
}

static void
packets_fini(struct packets *p)
{
    corpus_free(&p->corpus);
    free(p->octets);
    free(p->vectors);
    free(p->headers);
    free(p->payload_at);
}

/* ---- the path ---- */

static void
path_init(struct path *path)
{
    struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons(5060) };
    struct sockaddr_in loopback = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct config_address listen_at = { .transport = SIPSTAT_UDP };
    struct err e = { "" };

    collector_log_init("bench_hep", COLLECTOR_WARNING);
    scratch_make(path->dir);
    inet_pton(AF_INET, "192.0.2.10", &local.sin_addr);
    path->local = (struct config_address){ .transport = SIPSTAT_UDP };
    memcpy(&path->local.address, &local, sizeof(local));
    memcpy(&listen_at.address, &loopback, sizeof(loopback));
    path->instance = (struct config_instance){ .name = "bench", .locals = &path->local, .n_locals = 1 };
    path->config =
        (struct config){ .runtime_dir = path->dir, .instances = &path->instance, .n_instances = 1 };
    if (hep_writers_new(&path->config, &path->writers, &e) != 0 ||
        hep_pipe_init(&path->pipe, &path->config, hep_writers_sink(path->writers), &e) != 0 ||
        hep_listener_open(&path->listener, &listen_at, &e) != 0) {
        fprintf(stderr, "bench_hep: %s\n", e.text);
        exit(1);
    }
    path->batch = hep_batch_new();
    must(path->batch != NULL, "memory");
    hep_writers_tick(path->writers, path->pipe.counters, clock_ns(CLOCK_MONOTONIC));
    must(hep_writers_open_count(path->writers) == 1, "lane");
    loopback.sin_port = htons(path->listener.bound.port);
    path->sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(connect(path->sender, (struct sockaddr *)&loopback, sizeof(loopback)) == 0, "connect");
}

static void
path_fini(struct path *path)
{
    hep_listener_close(&path->listener);
    close(path->sender);
    hep_pipe_fini(&path->pipe);
    hep_writers_free(path->writers);
    hep_batch_free(path->batch);
    scratch_remove(path->dir);
}

static int
read_whole_path(struct path *path)
{
    return hep_turn(&path->listener, path->batch, &path->pipe, path->writers);
}

/* The least that any receiver does. */
static int
read_bare(struct path *path)
{
    static struct mmsghdr headers[HEP_BATCH];
    static struct iovec vectors[HEP_BATCH];
    static uint8_t slots[HEP_BATCH][PACKET_MAX];

    for (unsigned i = 0; i < HEP_BATCH; i++) {
        vectors[i] = (struct iovec){ slots[i], PACKET_MAX };
        headers[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
    }
    int n = recvmmsg(path->listener.fd, headers, HEP_BATCH, MSG_DONTWAIT, NULL);

    return n < 0 ? 0 : n;
}

/* ---- drain ---- */

static size_t
fill(struct path *path, struct packets *p, size_t n)
{
    size_t sent = 0;

    packets_renew(p);
    while (sent < n) {
        int now = sendmmsg(path->sender, p->headers + sent, (unsigned)(n - sent), 0);

        must(now > 0, "sendmmsg");
        sent += (size_t)now;
    }
    return n;
}

/* How many packets the socket's buffer has room for, all of a pass at most. */
static size_t
room(struct path *path, struct packets *p)
{
    size_t n = p->n;

    for (;; n /= 2) {
        fill(path, p, n);
        while (read_bare(path) > 0)
            ;
        if (hep_listener_take_dropped(&path->listener) == 0)
            return n;
        must(n > HEP_BATCH, "no room in the socket's buffer");
    }
}

static double
drain_once(struct path *path, size_t n, int (*read_some)(struct path *))
{
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    size_t taken = 0;

    while (taken < n) {
        int now = read_some(path);

        must(now > 0, "packets are missing");
        taken += (size_t)now;
    }
    return (double)(clock_ns(CLOCK_MONOTONIC) - start) / (double)n;
}

static void
bench_drain(struct path *path, struct packets *p)
{
    static double bare[ROUNDS], whole[ROUNDS];
    size_t n = room(path, p);
    double b, w;

    for (unsigned i = 0; i < ROUNDS; i++) {
        fill(path, p, n);
        bare[i] = drain_once(path, n, read_bare);
        fill(path, p, n);
        whole[i] = drain_once(path, n, read_whole_path);
    }
    b = median(bare, ROUNDS);
    w = median(whole, ROUNDS);
    printf("hep drain, bare      %8.1f ns/packet %9.0f packets/s (%zu at a time)\n", b, 1e9 / b, n);
    printf("hep drain, counted   %8.1f ns/packet %9.0f packets/s, ratio %.2f (target 0.50)\n", w, 1e9 / w,
           b / w);
}

/* ---- live ---- */

struct sender {
    struct path *path;
    struct packets *packets;
    _Atomic bool stop;
    uint64_t sent;
};

static void *
send_all(void *argument)
{
    struct sender *s = argument;

    pin(1);
    while (!atomic_load(&s->stop))
        s->sent += fill(s->path, s->packets, s->packets->n);
    return NULL;
}

static void
bench_live(struct path *path, struct packets *p, const char *name, int (*read_some)(struct path *))
{
    struct sender s = { .path = path, .packets = p };
    uint64_t start = clock_ns(CLOCK_MONOTONIC), taken = 0, dropped;
    pthread_t thread;

    hep_listener_take_dropped(&path->listener);
    must(pthread_create(&thread, NULL, send_all, &s) == 0, "thread");
    while (clock_ns(CLOCK_MONOTONIC) - start < LIVE_SECONDS * 1000000000ull)
        taken += (uint64_t)read_some(path);
    atomic_store(&s.stop, true);
    pthread_join(thread, NULL);
    for (int n; (n = read_some(path)) > 0;)
        taken += (uint64_t)n;
    dropped = hep_listener_take_dropped(&path->listener);
    must(taken + dropped == s.sent, "packets that nobody accounts for");
    printf("hep live, %-10s %21.0f packets/s, %.0f sent, %.1f %% dropped by the socket\n", name,
           (double)taken / LIVE_SECONDS, (double)s.sent / LIVE_SECONDS,
           100.0 * (double)dropped / (double)s.sent);
}

int
main(void)
{
    static struct path path;
    static struct packets packets;

    pin(0);
    packets_init(&packets);
    path_init(&path);
    bench_drain(&path, &packets);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        bench_live(&path, &packets, "bare", read_bare);
        bench_live(&path, &packets, "counted", read_whole_path);
    }
    must(path.pipe.counters[HEP_COUNT_COUNTED] == path.pipe.counters[HEP_COUNT_PACKETS], "all packets count");
    path_fini(&path);
    packets_fini(&packets);
    return 0;
}
