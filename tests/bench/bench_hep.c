/* SPDX-License-Identifier: BSD-2-Clause */
/* What sipstat-hep gets out of one core, against a recvmmsg loop that only reads the same packets. Both are processes
 * of their own on one CPU, the one the program as built; the packets come from another CPU over UDP on loopback:
 *
 *   drain  the receiver is stopped, packets fill its socket, and it goes on. Its CPU time until it sleeps again is
 *          what that many packets cost: no sender is fast enough to keep the bare loop busy, and what else the machine
 *          does is not in it. On a core of its own it is the time that passes
 *   pace   packets come at half the rate at which the bare loop drained, and none may be lost */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#include "tests/bench/bench.h"
#include "tests/bench/hep_packets.h"
#include "tests/unit/scratch.h"

enum {
    RECEIVER_CPU,
    SENDER_CPU,
    BATCH = 32,
    BUFFER_OCTETS = 32 << 20, /* what sipstat-hep asks for */
    DIALOGS = 20,
    COPIES = 12,
    ROUNDS = 301,
    CURVE_ROUNDS = 41,
    PACE_ROUNDS = 12,
    PACE_MS = 2000,
    BURST_MS = 2,
    WAITED_MAX_MS = 50 /* for its core: one that loses packets then shows nothing */
};

#define PACE_NAME   "sipstat-hep, received at half the bare rate"
#define REACHED_MIN 0.9 /* of that rate: a sender that got less of its core did not send it */

struct receiver {
    pid_t pid;
    uint16_t port;
    clockid_t cpu;
    int to;                  /* a socket connected to its */
    unsigned long long sent; /* packets, to it */
};

/* A receiver's socket as the kernel sees it. */
struct queue {
    unsigned long octets, dropped;
};

/* Packets a second of each round. */
struct rates {
    unsigned rounds; /* at most ROUNDS */
    double bare[ROUNDS], real[ROUNDS], ratio[ROUNDS];
};

struct pace {
    double sent, lost, seconds, cpu_share, waited_ms;
};

static void
must(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "bench_hep: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- receivers ---- */

static void
receiver_meet(struct receiver *r)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(r->port) };

    must(clock_getcpuclockid(r->pid, &r->cpu) == 0, "clock of a receiver");
    r->to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    must(connect(r->to, (struct sockaddr *)&at, sizeof(at)) == 0, "connect");
}

static void
receiver_prepare(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    bench_pin(RECEIVER_CPU);
}

/* The least that any receiver does. */
static void
read_bare(int fd)
{
    static struct mmsghdr headers[BATCH];
    static struct iovec vectors[BATCH];
    static uint8_t slots[BATCH][HEP_PACKETS_OCTETS];

    for (unsigned i = 0; i < BATCH; i++) {
        vectors[i] = (struct iovec){ slots[i], sizeof(slots[i]) };
        headers[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
    }
    for (;;)
        must(recvmmsg(fd, headers, BATCH, MSG_WAITFORONE, NULL) > 0 || errno == EINTR, "recvmmsg");
}

static struct receiver
start_bare(void)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct receiver r = { .pid = -1 };
    socklen_t octets = sizeof(at);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), buffer = BUFFER_OCTETS;

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) != 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
    must(bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0, "bind");
    must(getsockname(fd, (struct sockaddr *)&at, &octets) == 0, "getsockname");
    r.port = ntohs(at.sin_port);
    r.pid = fork();
    must(r.pid >= 0, "fork");
    if (r.pid == 0) {
        receiver_prepare();
        read_bare(fd);
    }
    close(fd);
    receiver_meet(&r);
    return r;
}

static void
write_config(const char *dir, const char *path)
{
    FILE *f = fopen(path, "we");

    must(f != NULL, path);
    fprintf(f,
            "runtime_dir: %s\n"
            "instances:\n"
            "  - {name: bench, appl_index: 1, roles: [proxy_server], local: [\"udp:%s:%d\"]}\n"
            "collectors: {hep: {auth_key: %s}}\n",
            dir, HEP_PACKETS_LOCAL, HEP_PACKETS_PORT, HEP_PACKETS_KEY);
    must(fclose(f) == 0, path);
}

/* The program as installed, but for its directory; it says on which port it listens. */
static struct receiver
start_real(const char *dir)
{
    const char *program = getenv("SIPSTAT_HEP") ? getenv("SIPSTAT_HEP") : "collectors/hep/sipstat-hep";
    char config[PATH_MAX + 16], log[PATH_MAX + 16];
    struct receiver r = { .pid = -1 };
    unsigned port = 0;
    FILE *said;
    int out[2];

    snprintf(config, sizeof(config), "%s/sipmib.yaml", dir);
    snprintf(log, sizeof(log), "%s/log", dir);
    write_config(dir, config);
    chmod(config, 0600);
    must(pipe2(out, O_CLOEXEC) == 0, "pipe");
    r.pid = fork();
    must(r.pid >= 0, "fork");
    if (r.pid == 0) {
        receiver_prepare();
        dup2(out[1], STDOUT_FILENO);
        must(freopen(log, "w", stderr) != NULL, log);
        execl(program, program, "-f", config, "--listen", "udp:127.0.0.1:0", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    said = fdopen(out[0], "r");
    must(said != NULL && fscanf(said, "listening on udp:127.0.0.1:%u", &port) == 1, program);
    fclose(said);
    r.port = (uint16_t)port;
    receiver_meet(&r);
    return r;
}

static bool
queue_look(const struct receiver *r, struct queue *q)
{
    FILE *f = fopen("/proc/net/udp", "re");
    bool found = false;
    char line[256];
    unsigned port;

    must(f != NULL, "/proc/net/udp");
    while (!found && fgets(line, sizeof(line), f))
        found = sscanf(line, " %*d: %*8x:%x %*x:%*x %*x %*x:%lx %*x:%*x %*x %*u %*u %*u %*u %*s %lu", &port,
                       &q->octets, &q->dropped) == 3 &&
                port == r->port;
    fclose(f);
    return found;
}

/* The kernel's list may leave a socket out when others come and go while it is read. */
static struct queue
queue_of(const struct receiver *r)
{
    struct queue q;
    unsigned tries = 100;

    while (!queue_look(r, &q))
        must(--tries > 0, "the socket of a receiver is gone");
    return q;
}

static bool
is_asleep(const struct receiver *r)
{
    char path[64], line[512] = "", state = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)r->pid);
    f = fopen(path, "re");
    must(f != NULL && fgets(line, sizeof(line), f), path);
    fclose(f);
    sscanf(strrchr(line, ')'), ") %c", &state);
    return state == 'S';
}

/* How long it was ready to run, but did not. */
static double
waited_ms(const struct receiver *r)
{
    unsigned long long ran, waited = 0;
    char path[64];
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)r->pid);
    f = fopen(path, "re");
    if (f == NULL || fscanf(f, "%llu %llu", &ran, &waited) != 2)
        waited = 0;
    if (f != NULL)
        fclose(f);
    return (double)waited / 1e6;
}

/* Until there is nothing left to read, and it has dealt with what it read. */
static void
wait_until_done(const struct receiver *r)
{
    while (queue_of(r).octets > 0 || !is_asleep(r))
        usleep(200);
}

static double
cpu_ns(const struct receiver *r)
{
    struct timespec t;

    must(clock_gettime(r->cpu, &t) == 0, "clock of a receiver");
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
stop_bare(struct receiver *r)
{
    close(r->to);
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
}

/* The last line of its log says what it did with the packets: all it received are counted. */
static void
stop_real(struct receiver *r, const char *dir)
{
    unsigned long long received = r->sent - queue_of(r).dropped, packets = 0, counted = 0;
    char path[PATH_MAX + 16], line[512];
    const char *last;
    FILE *f;

    close(r->to);
    kill(r->pid, SIGTERM);
    waitpid(r->pid, NULL, 0);
    snprintf(path, sizeof(path), "%s/log", dir);
    f = fopen(path, "re");
    must(f != NULL, path);
    while (fgets(line, sizeof(line), f))
        if ((last = strstr(line, "ending; ")))
            sscanf(last, "ending; %llu packets received, %llu SIP messages counted", &packets, &counted);
    fclose(f);
    errno = 0;
    must(packets == received && counted == received, "what was received was not all counted");
}

/* ---- drain ---- */

/* The CPU time that each of n packets cost; less than 0 when the socket had no room for them. */
static double
drain(struct receiver *r, struct hep_packets *p, size_t n)
{
    unsigned long dropped = queue_of(r).dropped;
    double start;
    int status;

    hep_packets_renew(p);
    kill(r->pid, SIGSTOP);
    must(waitpid(r->pid, &status, WUNTRACED) == r->pid && WIFSTOPPED(status), "a receiver ended");
    must(hep_packets_send(p, r->to, 0, n), "send");
    r->sent += n;
    start = cpu_ns(r);
    kill(r->pid, SIGCONT);
    wait_until_done(r);
    return queue_of(r).dropped == dropped ? (cpu_ns(r) - start) / (double)n : -1;
}

/* How many packets there is room for. */
static size_t
room(struct receiver *r, struct hep_packets *p)
{
    size_t n = p->n;

    while (n > BATCH && drain(r, p, n) < 0)
        n /= 2;
    return n;
}

/* The drained packets a second of both, in turns. */
static void
drain_both(struct receiver *bare, struct receiver *real, struct hep_packets *p, size_t n, struct rates *out)
{
    for (unsigned i = 0; i < out->rounds; i++) {
        out->bare[i] = 1e9 / drain(bare, p, n);
        out->real[i] = 1e9 / drain(real, p, n);
        out->ratio[i] = out->real[i] / out->bare[i];
    }
}

/* Returns the rate of the bare loop. */
static double
bench_drain(struct receiver *bare, struct receiver *real, struct hep_packets *p)
{
    static struct rates r = { .rounds = CURVE_ROUNDS };
    size_t n = room(real, p);

    for (size_t less = n; less >= 4 * BATCH; less /= 4) {
        drain_both(bare, real, p, less, &r);
        bench_point("sipstat-hep: packets that wait in the socket", "packets", (double)less,
                    "of the bare rate", bench_median(r.ratio, r.rounds));
    }
    r.rounds = ROUNDS;
    drain_both(bare, real, p, n, &r);
    bench_report(&(struct bench_row){ .name = "sipstat-hep, one core",
                                      .unit = "packets/s",
                                      .values = r.real,
                                      .count = ROUNDS,
                                      .baseline = "recvmmsg loop that only reads",
                                      .baseline_values = r.bare,
                                      .target = 0.5,
                                      .at_least = true,
                                      .section = "hep" });
    bench_note(
        "sipstat-hep: %zu packets of %zu octets on average wait in the socket when a receiver is let go, and are "
        "divided by its CPU time until it sleeps again; no one core sends as fast as the bare loop reads",
        n, p->octets / p->n);
    return bench_median(r.bare, ROUNDS);
}

/* ---- pace ---- */

/* Send so many packets, from where it was left off. */
static void
send_next(struct receiver *r, struct hep_packets *p, size_t n)
{
    static size_t at;

    for (size_t sent; n > 0; n -= sent, at += sent) {
        if (at >= p->n)
            at = 0;
        if (at == 0)
            hep_packets_renew(p);
        sent = hep_packets_send_many(p, r->to, at, n);
        must(sent > 0, "send");
        r->sent += sent;
    }
}

/* Packets at `rate` a second for a while. What the sender falls behind by more than BURST_MS, because it does not get
 * its core or cannot send that fast, is not made up for: that would be another rate. */
static struct pace
pace(struct receiver *r, struct hep_packets *p, double rate)
{
    double start = bench_now_ns(), cpu = cpu_ns(r), last = start, now, due = 0;
    struct pace result = { .lost = -(double)queue_of(r).dropped, .waited_ms = -waited_ms(r) };

    while ((now = bench_now_ns()) - start < PACE_MS * 1e6) {
        due += (now - last) / 1e9 * rate;
        if (due > rate * BURST_MS / 1e3)
            due = rate * BURST_MS / 1e3;
        last = now;
        if (due < BATCH)
            continue;
        send_next(r, p, (size_t)due);
        result.sent += (double)(size_t)due;
        due -= (double)(size_t)due;
    }
    result.seconds = (bench_now_ns() - start) / 1e9;
    wait_until_done(r);
    result.cpu_share = (cpu_ns(r) - cpu) / (bench_now_ns() - start);
    result.lost += (double)queue_of(r).dropped;
    result.waited_ms += waited_ms(r);
    return result;
}

/* One value for all rounds: a median would hide what is lost now and then. */
static void
report_pace(double sent, double lost)
{
    double received = 1 - lost / sent;

    bench_report(&(struct bench_row){ .name = PACE_NAME,
                                      .unit = "of all",
                                      .values = &received,
                                      .count = 1,
                                      .target = 1,
                                      .at_least = true,
                                      .section = "hep" });
}

static void
bench_pace(struct receiver *real, struct hep_packets *p, double rate)
{
    double reached[PACE_ROUNDS], share[PACE_ROUNDS], sent = 0, lost = 0;
    unsigned n = 0;

    for (unsigned i = 0; i < PACE_ROUNDS; i++) {
        struct pace done = pace(real, p, rate);

        if (done.lost > 0 && done.waited_ms > WAITED_MAX_MS)
            continue;
        sent += done.sent;
        lost += done.lost;
        reached[n] = done.sent / done.seconds;
        share[n++] = done.cpu_share;
    }
    if (n == 0 || bench_median(reached, n) < REACHED_MIN * rate)
        bench_absent("hep", PACE_NAME, "other programs had the sender's or the receiver's core for too long");
    else
        report_pace(sent, lost);
    if (n == 0)
        return;
    bench_note(
        "sipstat-hep: of %.0f packets/s wanted %.0f were sent, %.0f of %.0f lost, its core %.0f %% busy; in %u of %u "
        "rounds packets were lost while other programs had its core for over %d ms, which are left out",
        rate, bench_median(reached, n), lost, sent, 100 * bench_median(share, n), PACE_ROUNDS - n,
        PACE_ROUNDS, WAITED_MAX_MS);
}

int
main(void)
{
    struct hep_packets packets = hep_packets_new(DIALOGS, COPIES);
    struct receiver bare, real;
    char dir[PATH_MAX];
    double bare_rate;

    scratch_make(dir);
    bench_pin(SENDER_CPU);
    bare = start_bare();
    real = start_real(dir);
    bare_rate = bench_drain(&bare, &real, &packets);
    bench_pace(&real, &packets, bare_rate / 2);
    stop_bare(&bare);
    stop_real(&real, dir);
    scratch_remove(dir);
    hep_packets_free(&packets);
    return 0;
}
