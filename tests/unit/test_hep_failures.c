/* SPDX-License-Identifier: BSD-2-Clause */
/* A HEP collector that runs short of memory, of descriptors, or of room on its disks, at every place where it asks for
 * some: while it starts, counts, reads its configuration again, and ends. It starts or says why not; what it cannot
 * count it counts as such; and once it is given all it asks for again it counts for every instance.
 *
 * A plain program, linked with --wrap (see failing.h). The collector waits in the test's own epoll_wait(). */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "collectors/hep/hep_server.h"
#include "collectors/log.h"
#include "sipcore/lane_reader.h"
#include "tests/unit/failing.h"
#include "tests/unit/hep_wire.h"
#include "tests/unit/scratch.h"

enum { BURST = 20, MESSAGES = 5, LINES_MAX = 40 };

static const char before[] =
    "  - {name: a, appl_index: 1, roles: [proxy_server], local: [\"udp:192.0.2.1:5060\"]}\n"
    "  - {name: b, appl_index: 2, roles: [proxy_server], local: [\"udp:192.0.2.2:5060\"]}\n";
static const char after[] =
    "  - {name: a, appl_index: 1, roles: [proxy_server], local: [\"udp:192.0.2.1:5060\"]}\n"
    "  - {name: c, appl_index: 3, roles: [proxy_server], local: [\"udp:192.0.2.3:5060\"]}\n";

static char dir[PATH_MAX], config_path[PATH_MAX + 16];
static unsigned turns, sent, lines;
static uint16_t port;

static void
write_config(const char *instances)
{
    FILE *file = fopen(config_path, "w");

    fprintf(
        file,
        "runtime_dir: %s\nstate_dir: %s\ncollectors: {hep: {listen: [\"udp:127.0.0.1:9060\"], auth_key: k}}\n"
        "instances:\n%s",
        dir, dir, instances);
    fclose(file);
}

/* ---- in the place of others ------------------------------------------------------------------------------------- */

int __real_bind(int fd, const struct sockaddr *address, socklen_t octets);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t octets);
int __real_epoll_wait(int fd, struct epoll_event *events, int max, int ms);
int __wrap_epoll_wait(int fd, struct epoll_event *events, int max, int ms);
void __wrap_collector_log(enum collector_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int
__wrap_bind(int fd, const struct sockaddr *address, socklen_t octets)
{
    struct sockaddr_in bound = { 0 };
    socklen_t size = sizeof(bound);
    int code = __real_bind(fd, address, octets);

    if (getsockname(fd, (struct sockaddr *)&bound, &size) == 0)
        port = bound.sin_port;
    return code;
}

void
__wrap_collector_log(enum collector_log_level level, const char *format, ...)
{
    (void)format;
    lines += level <= COLLECTOR_WARNING;
}

static void
send_to(const char *local, unsigned count)
{
    static struct hep_wire wire;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = port };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char payload[512];

    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    while (count-- > 0) {
        struct hep_wire_message m = { "198.51.100.7", local, 5060, 5060, 17, 0, 0, "k", payload };
        struct timespec now;
        struct span packet;

        clock_gettime(CLOCK_REALTIME, &now);
        m.seconds = (uint32_t)now.tv_sec;
        snprintf(
            payload, sizeof(payload),
            "OPTIONS sip:x@%s SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK%u\r\n"
            "From: <sip:y@example.org>;tag=1\r\nTo: <sip:x@example.org>\r\nCall-ID: %u\r\nCSeq: 1 OPTIONS\r\n"
            "Content-Length: 0\r\n\r\n",
            local, sent, sent);
        packet = wire_message(&wire, &m);
        sendto(fd, packet.data, packet.length, 0, (struct sockaddr *)&to, sizeof(to));
        sent++;
    }
    close(fd);
}

/* The life of a collector, turn by turn. */
int
__wrap_epoll_wait(int fd, struct epoll_event *events, int max, int ms)
{
    (void)ms;
    failing_pause(true);
    switch (turns++) {
    case 0:
        send_to("192.0.2.1", MESSAGES);
        send_to("192.0.2.2", MESSAGES);
        break;
    case 1:
        write_config(after);
        kill(getpid(), SIGHUP);
        break;
    case 2: send_to("192.0.2.3", MESSAGES); break;
    case 3:
        failing_disarm();
        kill(getpid(), SIGHUP);
        break;
    case 6:
        send_to("192.0.2.1", MESSAGES);
        send_to("192.0.2.3", MESSAGES);
        break;
    case 7: kill(getpid(), SIGTERM); break;
    default: break;
    }
    failing_pass_ms(3100);
    failing_pause(false);
    return __real_epoll_wait(fd, events, max, 0);
}

/* ---- what was counted ------------------------------------------------------------------------------------------- */

static uint64_t
counted(const char *instance)
{
    char path[PATH_MAX + 16];
    const struct dirent *entry;
    uint64_t sum = 0;
    struct err e;
    DIR *d;

    snprintf(path, sizeof(path), "%s/%s", dir, instance);
    d = opendir(path);
    while (d && (entry = readdir(d))) {
        struct lane_reader r = { .fd = -1 };

        if (!strstr(entry->d_name, LANE_SUFFIX) || lane_reader_open(&r, dirfd(d), entry->d_name, &e) < 0)
            continue;
        sum += r.copy.counters[LANE_IN_REQUESTS];
        lane_reader_close(&r);
    }
    if (d)
        closedir(d);
    return sum;
}

/* ---- the sweep -------------------------------------------------------------------------------------------------- */

static int
live(struct err *e)
{
    struct hep_options options = { .config_file = config_path, .n_listen = 1 };
    struct config *config = NULL;
    int code = hep_options_address("udp:127.0.0.1:0", &options.listen[0], e);

    turns = sent = 0;
    write_config(before);
    failing_pause(false);
    if (code == 0)
        code = hep_server_load(&options, &config, e);
    if (code == 0)
        code = hep_server_run(&options, config, e);
    failing_pause(true);
    return code;
}

static bool
run(enum failing_kind kind, long skipped, long count)
{
    unsigned descriptors = failing_open_descriptors();
    struct err e = { "" };
    bool was_refused;
    int code;

    failing_what = NULL;
    lines = 0;
    scratch_make(dir);
    snprintf(config_path, sizeof(config_path), "%s/sipmib.yaml", dir);
    failing_arm(kind, skipped, count);
    code = live(&e);
    was_refused = failing_refused() > 0;
    failing_disarm();
    failing_claim(code == 0 || (was_refused && turns == 0 && e.text[0]), "it runs, or says at once why not");
    if (code < 0)
        failing_claim(live(&e) == 0, "it starts when there is enough");
    failing_claim(counted("a") >= MESSAGES && counted("a") <= 2 * MESSAGES, "a's messages");
    failing_claim(counted("b") == MESSAGES || counted("b") == 0,
                  "b's messages: all, or none as its writer was not open");
    failing_claim(counted("c") >= MESSAGES && counted("c") <= 2 * MESSAGES, "c's messages");
    failing_claim(was_refused || counted("a") + counted("b") + counted("c") == sent,
                  "nothing refused: all messages");
    failing_claim(failing_open_descriptors() == descriptors, "every descriptor is given back");
    failing_claim(lines < LINES_MAX, "a few lines in the log");
    scratch_remove(dir);
    return was_refused;
}

static unsigned
sweep(FILE *out, const char *name, enum failing_kind kind, long count)
{
    unsigned failures = 0;
    bool goes_on = true;
    long skipped = 0;

    for (; goes_on && failures < 10; skipped++) {
        goes_on = run(kind, skipped, count);
        if (failing_what) {
            failures++;
            fprintf(out, "  %s, number %ld: %s\n", name, skipped + 1, failing_what);
        }
    }
    fprintf(out, "%s %s: %ld places\n", failures ? "not ok" : "ok", name, skipped - 1);
    fflush(out);
    return failures;
}

int
main(void)
{
    FILE *out = fdopen(dup(STDOUT_FILENO), "w"), *nowhere = freopen("/dev/null", "w", stdout);
    unsigned failures = nowhere == NULL;

    if (!out)
        return 1;
    failures += sweep(out, "one allocation fails", FAILING_MEMORY, 1);
    failures += sweep(out, "many allocations fail", FAILING_MEMORY, BURST);
    failures += sweep(out, "one descriptor is not to be had", FAILING_DESCRIPTORS, 1);
    failures += sweep(out, "many descriptors are not to be had", FAILING_DESCRIPTORS, BURST);
    failures += sweep(out, "the disk is full once", FAILING_DISK, 1);
    failures += sweep(out, "the disk is full for a while", FAILING_DISK, BURST);
    fclose(out);
    return failures != 0;
}
