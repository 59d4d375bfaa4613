/* SPDX-License-Identifier: BSD-2-Clause */
/* The running collector: sockets, signals, the time. */
#include "collectors/hep/hep_server.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "collectors/hep/hep_listen.h"
#include "collectors/hep/hep_pipe.h"
#include "collectors/hep/hep_turn.h"
#include "collectors/hep/hep_writers.h"
#include "collectors/log.h"

#define TICK_NS 1000000000ull

enum {
    BATCHES_PER_TURN = 8, /* of one listener, before the others and the time get theirs */
    BATCHES_AT_END = 4096 /* what waits in the sockets when we are told to end is still counted, up to this */
};

struct listeners {
    struct hep_listener item[CONFIG_LISTENERS_MAX];
    size_t n;
};

struct hep_server {
    const struct hep_options *options;
    struct config *config;
    struct listeners listeners;
    struct hep_batch *batch;
    struct hep_writers *writers;
    int epoll_fd, signal_fd;
    bool has_pipe, is_ending;
    uint64_t next_tick_ns, packets_logged;
    struct hep_pipe pipe;
};

static int load(const struct hep_options *options, struct config **out, struct err *e);
static void log_lines(enum collector_log_level level, char *text);
static int server_start(struct hep_server *s, struct err *e);
static int server_signals(struct hep_server *s, struct err *e);
static int server_watch(struct hep_server *s, int fd, struct err *e);
static int server_listen(struct hep_server *s, const struct config *config, struct listeners *out,
                         struct err *e);
static const struct hep_listener *listeners_find(const struct listeners *listeners,
                                                 const struct config_address *address);
static void listeners_close_but(struct listeners *listeners, const struct listeners *kept);
static void server_take_listeners(struct hep_server *s, const struct listeners *wanted);
static void server_announce(const struct hep_server *s, const struct listeners *before);
static int server_loop(struct hep_server *s, struct err *e);
static int server_event(struct hep_server *s, int fd, struct err *e);
static void server_signal(struct hep_server *s);
static int server_receive(struct hep_server *s, struct hep_listener *listener, unsigned batches);
static void server_tick(struct hep_server *s, uint64_t now_ns);
static void server_look_at_losses(struct hep_server *s, struct hep_listener *listener, uint64_t now_ns);
static void say_storm_is_over(const struct hep_listener *listener);
static void server_reload(struct hep_server *s);
static int server_apply(struct hep_server *s, struct config *config, struct err *e);
static void server_stop(struct hep_server *s);
static void warn_unmatched(const struct config *config);
static uint64_t clock_ns(clockid_t clock);

int
hep_server_load(const struct hep_options *options, struct config **out, struct err *e)
{
    int code = load(options, out, e);
    struct config *config = *out;

    if (code != 0)
        return code;
    if (options->dir) {
        char *dir = strdup(options->dir);

        if (!dir) {
            config_free(config);
            return err_set(e, -ENOMEM, "no memory for the configuration");
        }
        free(config->runtime_dir);
        config->runtime_dir = dir;
    }
    if (config->hep.key_is_hidden)
        code =
            err_set(e, -EACCES,
                    "%s: collectors.hep.auth_key_file cannot be read: let user %u read it, and nobody else",
                    options->config_file, (unsigned)geteuid());
    else if (config->n_instances == 0)
        code = err_set(e, -EINVAL, "%s: no instance to count for: add one under instances",
                       options->config_file);
    else if (options->n_listen + config->hep.n_listen == 0)
        code = err_set(e, -EINVAL, "%s: nowhere to listen: set collectors.hep.listen, or use --listen",
                       options->config_file);
    if (code != 0)
        config_free(config);
    return code;
}

/* A person who asks gets the complaints as they are, with the lines they are about; the log gets each as an error, so
 * that it has its priority in the journal. */
static int
load(const struct hep_options *options, struct config **out, struct err *e)
{
    char *complaints = NULL;
    size_t octets;
    FILE *stream = NULL;
    int code;

    if (!options->only_check && !isatty(STDERR_FILENO))
        stream = open_memstream(&complaints, &octets);
    code = config_load(options->config_file, out, stream ? stream : stderr, e);
    if (stream && fclose(stream) == 0 && complaints)
        log_lines(code < 0 ? COLLECTOR_ERROR : COLLECTOR_WARNING, complaints);
    free(complaints);
    return code;
}

static void
log_lines(enum collector_log_level level, char *text)
{
    char *rest, *line = strtok_r(text, "\n", &rest);

    for (; line; line = strtok_r(NULL, "\n", &rest))
        collector_log(level, "%s", line);
}

int
hep_server_run(const struct hep_options *options, struct config *config, struct err *e)
{
    struct hep_server *s = calloc(1, sizeof(*s));
    int code;

    if (!s) {
        config_free(config);
        return err_set(e, -ENOMEM, "no memory");
    }
    *s = (struct hep_server){ .options = options, .config = config, .epoll_fd = -1, .signal_fd = -1 };
    code = server_start(s, e);
    if (code == 0)
        code = server_loop(s, e);
    server_stop(s);
    free(s);
    return code;
}

static int
server_start(struct hep_server *s, struct err *e)
{
    struct listeners listeners;
    int code;

    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (s->epoll_fd < 0)
        return err_sys(e, -errno, "cannot make an epoll descriptor");
    code = server_signals(s, e);
    if (code == 0)
        code = hep_writers_new(s->config, &s->writers, e);
    if (code == 0)
        code = hep_pipe_init(&s->pipe, s->config, hep_writers_sink(s->writers), e);
    if (code != 0)
        return code;
    s->has_pipe = true;
    s->batch = hep_batch_new();
    if (!s->batch)
        return err_set(e, -ENOMEM, "no memory for the receive buffers");
    code = server_listen(s, s->config, &listeners, e);
    if (code != 0)
        return code;
    server_take_listeners(s, &listeners);
    warn_unmatched(s->config);
    server_tick(s, clock_ns(CLOCK_MONOTONIC));
    server_announce(s, NULL);
    return 0;
}

/* Signals are read like packets, between them: nothing of ours is ever interrupted. */
static int
server_signals(struct hep_server *s, struct err *e)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->signal_fd < 0)
        return err_sys(e, -errno, "cannot make a signal descriptor");
    return server_watch(s, s->signal_fd, e);
}

static int
server_watch(struct hep_server *s, int fd, struct err *e)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return err_sys(e, -errno, "cannot watch a descriptor");
    return 0;
}

/* The listeners that `config` asks for: those that are there already as they are, the others newly opened
 * and watched. On failure the new ones are closed again and nothing has changed. */
static int
server_listen(struct hep_server *s, const struct config *config, struct listeners *out, struct err *e)
{
    bool by_option = s->options->n_listen > 0;
    const struct config_address *addresses = by_option ? s->options->listen : config->hep.listen;
    size_t n = by_option ? s->options->n_listen : config->hep.n_listen;

    out->n = 0;
    for (size_t i = 0; i < n && i < CONFIG_LISTENERS_MAX; i++) {
        const struct hep_listener *there = by_option && i < s->listeners.n
                                               ? &s->listeners.item[i]
                                               : listeners_find(&s->listeners, &addresses[i]);
        int code = 0;

        if (there)
            out->item[out->n] = *there;
        else
            code = hep_listener_open(&out->item[out->n], &addresses[i], e);
        out->n += code == 0;
        if (code == 0 && !there)
            code = server_watch(s, out->item[out->n - 1].fd, e);
        if (code != 0) {
            listeners_close_but(out, &s->listeners);
            return code;
        }
    }
    return 0;
}

static const struct hep_listener *
listeners_find(const struct listeners *listeners, const struct config_address *address)
{
    for (size_t i = 0; i < listeners->n; i++)
        if (hep_listener_is_for(&listeners->item[i], address))
            return &listeners->item[i];
    return NULL;
}

static bool
listeners_have(const struct listeners *listeners, int fd)
{
    for (size_t i = 0; i < listeners->n; i++)
        if (listeners->item[i].fd == fd)
            return true;
    return false;
}

static void
listeners_close_but(struct listeners *listeners, const struct listeners *kept)
{
    for (size_t i = 0; i < listeners->n; i++)
        if (!listeners_have(kept, listeners->item[i].fd))
            hep_listener_close(&listeners->item[i]);
}

/* Close what is no longer wanted, after what waits there; epoll forgets a closed descriptor by itself. */
static void
server_take_listeners(struct hep_server *s, const struct listeners *wanted)
{
    for (size_t i = 0; i < s->listeners.n; i++) {
        struct hep_listener *listener = &s->listeners.item[i];

        if (listeners_have(wanted, listener->fd))
            continue;
        server_receive(s, listener, BATCHES_AT_END);
        server_look_at_losses(s, listener, clock_ns(CLOCK_MONOTONIC));
        if (hep_storm_end(&listener->storm))
            say_storm_is_over(listener);
    }
    listeners_close_but(&s->listeners, wanted);
    s->listeners = *wanted;
}

/* On standard output, for who started us with port 0. */
static void
server_announce(const struct hep_server *s, const struct listeners *before)
{
    char text[HEP_LISTENER_TEXT];

    for (size_t i = 0; i < s->listeners.n; i++) {
        const struct hep_listener *listener = &s->listeners.item[i];

        if (before && listeners_have(before, listener->fd))
            continue;
        hep_listener_text(listener, text, sizeof(text));
        printf("listening on %s\n", text);
        collector_log(COLLECTOR_INFO, "listening on %s, the kernel queues up to %d KiB", text,
                      listener->buffer_octets >> 10);
    }
    fflush(stdout);
}

static int
server_loop(struct hep_server *s, struct err *e)
{
    while (!s->is_ending) {
        struct epoll_event events[CONFIG_LISTENERS_MAX + 1];
        uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
        uint64_t wait_ms = now_ns < s->next_tick_ns ? (s->next_tick_ns - now_ns) / 1000000 + 1 : 0;
        int n = epoll_wait(s->epoll_fd, events, CONFIG_LISTENERS_MAX + 1, (int)wait_ms), code;

        if (n < 0 && errno != EINTR)
            return err_sys(e, -errno, "cannot wait for packets");
        for (int i = 0; i < n; i++)
            if ((code = server_event(s, events[i].data.fd, e)) != 0)
                return code;
        now_ns = clock_ns(CLOCK_MONOTONIC);
        if (now_ns >= s->next_tick_ns)
            server_tick(s, now_ns);
    }
    return 0;
}

static int
server_event(struct hep_server *s, int fd, struct err *e)
{
    char text[HEP_LISTENER_TEXT];

    if (fd == s->signal_fd) {
        server_signal(s);
        return 0;
    }
    for (size_t i = 0; i < s->listeners.n; i++)
        if (s->listeners.item[i].fd == fd) {
            int code = server_receive(s, &s->listeners.item[i], BATCHES_PER_TURN);

            /* A receive that fails would fail again at once, for ever: an unusable socket ends us. */
            if (code < 0 && code != -ENOMEM && code != -ENOBUFS)
                return err_sys(e, code, "cannot receive from %s",
                               hep_listener_text(&s->listeners.item[i], text, sizeof(text)));
        }
    return 0;
}

static void
server_signal(struct hep_server *s)
{
    struct signalfd_siginfo info;

    while (read(s->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            server_reload(s);
        else
            s->is_ending = true;
    }
}

/* Read and count what waits, at most so many batches. 0, or what receiving failed with. */
static int
server_receive(struct hep_server *s, struct hep_listener *listener, unsigned batches)
{
    int n = HEP_BATCH;

    for (unsigned i = 0; i < batches && n == HEP_BATCH; i++)
        n = hep_turn(listener, s->batch, &s->pipe, s->writers);
    return n < 0 ? n : 0;
}

static void
server_tick(struct hep_server *s, uint64_t now_ns)
{
    for (size_t i = 0; i < s->listeners.n; i++)
        server_look_at_losses(s, &s->listeners.item[i], now_ns);
    hep_writers_tick(s->writers, s->pipe.counters, now_ns);
    if (s->pipe.counters[HEP_COUNT_PACKETS] != s->packets_logged)
        collector_log(COLLECTOR_DEBUG,
                      "%" PRIu64 " packets received, %" PRIu64 " SIP messages counted so far",
                      s->pipe.counters[HEP_COUNT_PACKETS], s->pipe.counters[HEP_COUNT_COUNTED]);
    s->packets_logged = s->pipe.counters[HEP_COUNT_PACKETS];
    s->next_tick_ns = now_ns + TICK_NS;
}

static void
server_look_at_losses(struct hep_server *s, struct hep_listener *listener, uint64_t now_ns)
{
    uint64_t dropped = hep_listener_take_dropped(listener);
    char text[HEP_LISTENER_TEXT], before[64] = "";

    s->pipe.counters[HEP_COUNT_SOCKET_DROPPED] += dropped;
    switch (hep_storm_look(&listener->storm, dropped, listener->received, now_ns)) {
    case HEP_STORM_BEGAN:
        if (listener->storm.held_back > 0)
            snprintf(before, sizeof(before), " (%" PRIu64 " times more since it was last said)",
                     listener->storm.held_back);
        collector_log(
            COLLECTOR_WARNING,
            "%s: more comes than can be counted: %" PRIu64 " packets lost so far%s; the kernel queues "
            "up to %d KiB, raise net.core.rmem_max for bursts, mirror less if it lasts",
            hep_listener_text(listener, text, sizeof(text)), dropped, before, listener->buffer_octets >> 10);
        break;
    case HEP_STORM_OVER: say_storm_is_over(listener); break;
    case HEP_STORM_NOTHING: break;
    }
}

static void
say_storm_is_over(const struct hep_listener *listener)
{
    const struct hep_storm *storm = &listener->storm;
    char text[HEP_LISTENER_TEXT];

    collector_log(
        COLLECTOR_WARNING,
        "%s: packets are no longer lost; it was %" PRIu64 " of %" PRIu64 " in %.0f s, the counts are "
        "short by what was in them",
        hep_listener_text(listener, text, sizeof(text)), storm->dropped, storm->dropped + storm->received,
        (double)(storm->last_ns - storm->began_ns + TICK_NS) / 1e9);
}

static void
server_reload(struct hep_server *s)
{
    struct config *config;
    struct err e = { "" };

    if (hep_server_load(s->options, &config, &e) != 0 || server_apply(s, config, &e) != 0)
        collector_log(COLLECTOR_ERROR, "configuration not reloaded, the old one stays in force: %s", e.text);
    else
        collector_log(COLLECTOR_INFO, "configuration reloaded from %s", s->options->config_file);
}

/* Everything that can fail comes first. Takes `config`. */
static int
server_apply(struct hep_server *s, struct config *config, struct err *e)
{
    struct listeners before = s->listeners, wanted;
    struct hep_writers *writers = NULL, *old = s->writers;
    int code = hep_writers_new(config, &writers, e);

    if (code == 0)
        code = server_listen(s, config, &wanted, e);
    if (code == 0) {
        code = hep_pipe_reconfigure(&s->pipe, config, e);
        if (code != 0)
            listeners_close_but(&wanted, &before);
    }
    if (code != 0) {
        hep_writers_free(writers);
        config_free(config);
        return code;
    }
    hep_writers_adopt(writers, old);
    s->writers = writers;
    s->pipe.sink = hep_writers_sink(writers);
    hep_writers_free(old);
    config_free(s->config);
    s->config = config;
    server_take_listeners(s, &wanted);
    server_announce(s, &before);
    warn_unmatched(config);
    server_tick(s, clock_ns(CLOCK_MONOTONIC));
    return 0;
}

/* What already arrived is counted; then the lanes get their last notes and are let go. */
static void
server_stop(struct hep_server *s)
{
    for (size_t i = 0; i < s->listeners.n && s->is_ending; i++)
        server_receive(s, &s->listeners.item[i], BATCHES_AT_END);
    if (s->is_ending) {
        server_tick(s, clock_ns(CLOCK_MONOTONIC));
        collector_log(COLLECTOR_INFO,
                      "ending; %" PRIu64 " packets received, %" PRIu64 " SIP messages counted",
                      s->pipe.counters[HEP_COUNT_PACKETS], s->pipe.counters[HEP_COUNT_COUNTED]);
    }
    for (size_t i = 0; i < s->listeners.n; i++)
        if (hep_storm_end(&s->listeners.item[i].storm))
            say_storm_is_over(&s->listeners.item[i]);
    listeners_close_but(&s->listeners, &(struct listeners){ .n = 0 });
    hep_writers_free(s->writers);
    if (s->has_pipe)
        hep_pipe_fini(&s->pipe);
    hep_batch_free(s->batch);
    config_free(s->config);
    if (s->signal_fd >= 0)
        close(s->signal_fd);
    if (s->epoll_fd >= 0)
        close(s->epoll_fd);
}

/* With several instances, one that has no local address gets nothing. */
static void
warn_unmatched(const struct config *config)
{
    if (config->n_instances == 1 && config->instances[0].n_locals == 0)
        collector_log(
            COLLECTOR_INFO,
            "instance %s has no local address: it gets all messages, and which were received and which sent "
            "is learnt from them; set instances.local to be sure",
            config->instances[0].name);
    for (size_t i = 0; i < config->n_instances && config->n_instances > 1; i++)
        if (config->instances[i].n_locals == 0)
            collector_log(COLLECTOR_WARNING, "instance %s has no local address: no message is counted for it",
                          config->instances[i].name);
}

static uint64_t
clock_ns(clockid_t clock)
{
    struct timespec now = { 0, 0 };

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
