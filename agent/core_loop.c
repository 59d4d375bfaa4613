/* SPDX-License-Identifier: BSD-2-Clause */
/* The core thread: waits for something to happen in directories, for the other thread, for signals, for
 * somebody who asks for the status, and for time to pass. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "agent/core_state.h"
#include "agent/log.h"
#include "agent/notice.h"
#include "agent/snapshot_build.h"

enum { EVENTS_MAX = 16 };

static bool is_awaited_by(struct core *c, uint64_t deadline_ns);
static void say_undelivered(struct core *c);
static int wait_ms(const struct core *c, uint64_t now_ns);
static void answer_other_thread(struct core *c, uint64_t now_ns);
static bool take_signals(struct core *c, uint64_t now_ns);
static void take_directory_events(struct core *c, uint64_t now_ns);
static void publish(struct core *c, const struct snapshot *s);

void *
core_thread(void *core)
{
    struct core *c = core;
    uint64_t deadline_ns;
    bool is_awaited;

    log_line(LOG_LEVEL_INFO, LOG_AGENT, "started, %zu instance%s, runtime directory %s", c->n_instances,
             c->n_instances == 1 ? "" : "s", c->site.runtime_dir);
    while (core_turn(c))
        continue;
    log_line(LOG_LEVEL_INFO, LOG_AGENT, "stopping");
    deadline_ns = core_now_ns() + CORE_PATIENCE_NS;
    pthread_mutex_lock(&c->mutex);
    c->has_ended = true;
    pthread_cond_broadcast(&c->published);
    pthread_mutex_unlock(&c->mutex);
    core_put_away(c);
    is_awaited = is_awaited_by(c, deadline_ns);
    say_undelivered(c);
    if (!is_awaited) {
        log_line(LOG_LEVEL_INFO, LOG_AGENT,
                 "the AgentX thread is held in the master: ending without it, everything is in order");
        _exit(c->site.is_ousted ? 1 : 0);
    }
    return NULL;
}

/* Whether core_stop() is called by then. */
static bool
is_awaited_by(struct core *c, uint64_t deadline_ns)
{
    struct timespec deadline = { .tv_sec = (time_t)(deadline_ns / 1000000000u),
                                 .tv_nsec = (long)(deadline_ns % 1000000000u) };
    bool is_awaited;

    pthread_mutex_lock(&c->mutex);
    while (!c->is_awaited)
        if (pthread_cond_clockwait(&c->published, &c->mutex, CLOCK_MONOTONIC, &deadline) != 0)
            break;
    is_awaited = c->is_awaited;
    pthread_mutex_unlock(&c->mutex);
    return is_awaited;
}

/* Notifications are not kept over an end. */
static void
say_undelivered(struct core *c)
{
    struct notice_stats stats;

    notice_queue_stats(c->notices, &stats);
    if (stats.waiting > 0)
        log_line(LOG_LEVEL_WARNING, LOG_STATE,
                 "%" PRIu32 " notification%s lost: no master took %s before the end", stats.waiting,
                 stats.waiting == 1 ? " is" : "s are", stats.waiting == 1 ? "it" : "them");
}

bool
core_turn(struct core *c)
{
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(c->epoll_fd, events, EVENTS_MAX, wait_ms(c, core_now_ns()));
    uint64_t now_ns = core_now_ns();

    for (int k = 0; k < count; k++) {
        int fd = events[k].data.fd;

        if (fd == c->stop_fd)
            return false;
        if (fd == c->request_fd)
            answer_other_thread(c, now_ns);
        else if (fd == c->signal_fd && !take_signals(c, now_ns))
            return false;
        else if (fd == c->site.watcher.fd)
            take_directory_events(c, now_ns);
        else if (fd != c->signal_fd)
            status_event(&c->status, c, fd, now_ns);
    }
    if (now_ns >= c->site.next_look_ns) {
        c->site.next_look_ns = SITE_NEVER;
        for (size_t k = 0; k < c->n_instances; k++)
            instance_look(c->instance[k], &c->site, now_ns);
    }
    if (now_ns >= c->next_tick_ns) {
        c->next_tick_ns = now_ns + CORE_TICK_NS;
        core_tick(c, now_ns);
    }
    core_registry_expire(c, now_ns);
    site_commit(&c->site, now_ns); /* one batch a turn, over all instances */
    return true;
}

static int
wait_ms(const struct core *c, uint64_t now_ns)
{
    uint64_t next_ns = c->next_tick_ns < c->site.next_look_ns ? c->next_tick_ns : c->site.next_look_ns;

    if (core_registry_next_ns(c) < next_ns)
        next_ns = core_registry_next_ns(c);
    return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns + 999999) / 1000000);
}

/* ---- snapshots -------------------------------------------------------------------------------------------------- */

static void
answer_other_thread(struct core *c, uint64_t now_ns)
{
    eventfd_t ignored;
    uint64_t asked;
    bool is_wanted;

    eventfd_read(c->request_fd, &ignored);
    core_take_controls(c, now_ns);
    pthread_mutex_lock(&c->mutex);
    asked = c->asked;
    is_wanted = asked > c->answered;
    pthread_mutex_unlock(&c->mutex);
    if (is_wanted) {
        core_build(c, core_now_ns());
        pthread_mutex_lock(&c->mutex);
        c->answered = asked; /* or there is no memory: then the one before */
        pthread_cond_broadcast(&c->published);
        pthread_mutex_unlock(&c->mutex);
    }
    core_say_report(c);
}

void
core_take_controls(struct core *c, uint64_t now_ns)
{
    uint64_t generation = controls_generation(c->controls);

    if (generation == c->controls_taken)
        return;
    for (size_t k = 0; k < c->n_instances; k++)
        instance_follow_controls(c->instance[k], &c->site, now_ns);
    pthread_mutex_lock(&c->mutex);
    c->controls_taken = generation;
    pthread_cond_broadcast(&c->published);
    pthread_mutex_unlock(&c->mutex);
}

bool
core_build(struct core *c, uint64_t now_ns)
{
    const struct snapshot *s;
    struct err e;

    for (size_t k = 0; k < c->n_instances; k++)
        instance_refresh(c->instance[k], &c->site, now_ns);
    site_commit(&c->site, now_ns); /* users counted in the snapshot are those of its tables */
    if (snapshot_build(&s, c->instance, c->n_instances, c->hold, c->site.registry, ++c->generation, now_ns,
                       &e) < 0) {
        log_line(LOG_LEVEL_ERROR, LOG_AGENT, "%s; answering from the snapshot before", e.text);
        return false;
    }
    c->built_ns = now_ns;
    c->build_took_ns = core_now_ns() - now_ns;
    if (c->build_took_ns > c->build_worst_ns)
        c->build_worst_ns = c->build_took_ns;
    c->builds++;
    publish(c, s);
    return true;
}

static void
publish(struct core *c, const struct snapshot *s)
{
    const struct snapshot *before;

    pthread_mutex_lock(&c->mutex);
    before = c->snapshot;
    c->snapshot = s;
    pthread_cond_broadcast(&c->published);
    pthread_mutex_unlock(&c->mutex);
    snapshot_release(before);
}

/* ---- signals ---------------------------------------------------------------------------------------------------- */

/* False: the end is asked for; then both threads are told. */
static bool
take_signals(struct core *c, uint64_t now_ns)
{
    struct signalfd_siginfo info;
    bool must_reload = false, must_stop = false;

    while (read(c->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        must_reload |= info.ssi_signo == SIGHUP;
        must_stop |= info.ssi_signo != SIGHUP;
    }
    if (must_stop)
        core_request_stop(c);
    else if (must_reload)
        core_reload(c, now_ns);
    return !must_stop;
}

/* ---- directories ------------------------------------------------------------------------------------------------ */

struct directory_events {
    struct core *core;
    uint64_t now_ns;
};

static struct instance *
find_instance(const struct core *c, const char *name)
{
    for (size_t k = 0; k < c->n_instances; k++)
        if (strcmp(c->instance[k]->name, name) == 0)
            return c->instance[k];
    return NULL;
}

bool
core_has_instance(const struct core *c, const char *name)
{
    return find_instance(c, name) != NULL;
}

static void
runtime_event(struct core *c, const struct watcher_event *event, uint64_t now_ns)
{
    struct instance *i = find_instance(c, event->name);

    if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED)) {
        c->next_tick_ns = now_ns; /* where the site is checked */
        if (event->mask & IN_IGNORED)
            c->site.runtime_watch = -1;
    } else if (i) {
        i->must_look = true; /* when it went, at the next tick: whoever removes it may not have finished */
        if (event->mask & (IN_CREATE | IN_MOVED_TO))
            site_look_at(&c->site, now_ns);
    } else if (event->mask & (IN_CREATE | IN_MOVED_TO)) {
        if (event->mask & IN_ISDIR)
            site_note_stranger(&c->site, event->name);
    } else if (event->mask & (IN_DELETE | IN_MOVED_FROM)) {
        site_forget_stranger(&c->site, event->name);
    }
}

static void
on_directory_event(void *context, const struct watcher_event *event)
{
    const struct directory_events *d = context;
    struct core *c = d->core;

    if (event->watch < 0) {
        if (flood_add(&c->site.watcher.lost, 1, d->now_ns))
            log_line(LOG_LEVEL_WARNING, LOG_LANE,
                     "directory events were lost: there are more than sysctl fs.inotify.max_queued_events; "
                     "looking through all directories");
        if (c->site.runtime_watch >= 0) /* the same, unless its end was among them */
            c->site.runtime_watch = watcher_add(&c->site.watcher, c->site.runtime_fd, c->site.runtime_dir);
        core_look_for_strangers(c);
        for (size_t k = 0; k < c->n_instances; k++)
            c->instance[k]->must_scan = c->instance[k]->must_look = true;
        site_look_at(&c->site, d->now_ns);
        return;
    }
    if (event->watch == c->site.runtime_watch) {
        runtime_event(c, event, d->now_ns);
        return;
    }
    for (size_t k = 0; k < c->n_instances; k++)
        if (c->instance[k]->watch == event->watch)
            instance_event(c->instance[k], &c->site, event, d->now_ns);
}

void
core_wait_on_watcher(const struct core *c)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = c->site.watcher.fd };

    if (event.data.fd >= 0)
        epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event); /* or it does so already */
}

static void
take_directory_events(struct core *c, uint64_t now_ns)
{
    struct directory_events d = { .core = c, .now_ns = now_ns };

    watcher_read(&c->site.watcher, on_directory_event, &d);
    for (size_t k = 0; k < c->n_instances; k++)
        instance_finish_events(c->instance[k], &c->site, now_ns);
}
