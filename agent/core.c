/* SPDX-License-Identifier: BSD-2-Clause */
/* The core as the rest of the program sees it: starting, stopping, and what the AgentX thread may call. */
#include "agent/core.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/controls.h"
#include "agent/core_state.h"
#include "agent/log.h"
#include "agent/notice.h"
#include "agent/pseudonym.h"
#include "agent/snapshot_build.h"

static struct core *make(struct config *config, const char *config_path, struct err *e);
static void raise_descriptor_limit(void);
static int open_shared(struct core *c, struct err *e);
static int open_descriptors(struct core *c, struct err *e);
static int take_up_instances(struct core *c, struct err *e);
static int start_thread(struct core *c, struct err *e);
static void destroy(struct core *c);

uint64_t
core_now_ns(void)
{
    static _Atomic uint64_t
        latest_ns; /* the clock stands still where it cannot be read, and never goes back */
    uint64_t before_ns = atomic_load_explicit(&latest_ns, memory_order_relaxed), now_ns;
    struct timespec now = { 0, 0 };

    clock_gettime(CLOCK_MONOTONIC, &now);
    now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    while (now_ns > before_ns &&
           !atomic_compare_exchange_weak_explicit(&latest_ns, &before_ns, now_ns, memory_order_relaxed,
                                                  memory_order_relaxed))
        continue;
    return now_ns > before_ns ? now_ns : before_ns;
}

/* ---- starting --------------------------------------------------------------------------------------------------- */

int
core_start(struct core **out, struct config *config, const char *config_path, struct err *e)
{
    struct core *c = make(config, config_path, e);
    int code;

    *out = NULL;
    if (!c)
        return -ENOMEM;
    raise_descriptor_limit();
    code = open_descriptors(c, e);
    if (code == 0)
        code = site_open(&c->site, config->runtime_dir, e);
    if (code == 0)
        code = open_shared(c, e);
    if (code == 0)
        code = core_registry_follow(c, core_now_ns(), e);
    if (code == 0)
        code = take_up_instances(c, e);
    if (code == 0 && !core_build(c, core_now_ns()))
        code = err_set(e, -ENOMEM, "no memory for a snapshot");
    if (code == 0)
        code = start_thread(c, e);
    if (code < 0) {
        c->hold->config = NULL; /* the caller's still */
        destroy(c);
        return code;
    }
    *out = c;
    return 0;
}

static struct core *
make(struct config *config, const char *config_path, struct err *e)
{
    struct core *c = calloc(1, sizeof(*c));

    if (!c)
        goto no_memory;
    c->request_fd = c->stop_fd = c->signal_fd = c->epoll_fd = -1;
    c->site.runtime_fd = c->site.lock_fd = c->site.runtime_watch = c->site.watcher.fd = -1;
    c->started_ns = core_now_ns();
    c->next_tick_ns = c->started_ns + CORE_TICK_NS;
    pthread_mutex_init(&c->mutex, NULL);
    pthread_cond_init(&c->published, NULL);
    status_init(&c->status);
    c->config_path = strdup(config_path);
    if (!c->config_path || config_hold_new(&c->hold, config, 1, e) < 0) {
        free(c->config_path);
        free(c);
        goto no_memory;
    }
    c->first_hold = config_hold_take(c->hold);
    atomic_init(&c->max_age_ns, (uint64_t)config->snapshot_max_age_ms * 1000000u);
    return c;

no_memory:
    err_set(e, -ENOMEM, "no memory for the agent");
    return NULL;
}

/* Every lane takes a descriptor. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    if (limit.rlim_cur < SITE_LANES_MAX + 1024) {
        limit.rlim_cur = limit.rlim_max < SITE_LANES_MAX + 1024 ? limit.rlim_max : SITE_LANES_MAX + 1024;
        setrlimit(RLIMIT_NOFILE, &limit); /* where it fails, lanes beyond the limit wait, and say so */
    }
}

static int
open_descriptors(struct core *c, struct err *e)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    c->request_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    c->stop_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    c->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (c->request_fd < 0 || c->stop_fd < 0 || c->signal_fd < 0 || c->epoll_fd < 0)
        return err_sys(e, -errno, "cannot make the descriptors that the core waits on");
    return 0;
}

/* What the other thread uses as well. */
static int
open_shared(struct core *c, struct err *e)
{
    const struct config *config = c->hold->config;
    int code = 0;

    mkdir(config->state_dir,
          0750); /* as far as its parent is there; who opens files in it says what is wrong */
    c->controls = controls_new(config->state_dir, e);
    c->notices = c->controls ? notice_queue_new(config->notifications.queue) : NULL;
    if (c->notices)
        code = controls_check_version(c->controls, e);
    else
        code = err_set(e, -ENOMEM, "no memory for the notifications");
    if (code == 0)
        code = controls_follow(c->controls, config, e);
    if (code < 0)
        return code;
    c->pseudonym = pseudonym_new(config->state_dir, e);
    if (!c->pseudonym)
        log_line(LOG_LEVEL_WARNING, LOG_AGENT, "no pseudonyms: %s; who asks for privacy is anonymous",
                 e->text);
    c->site.controls = c->controls;
    c->site.notices = c->notices;
    c->site.pseudonym = c->pseudonym;
    notice_queue_set_bounds(c->notices, config->notifications.queue, config->n_instances);
    c->site.notice_rate = config->notifications.rate;
    c->controls_taken = controls_generation(c->controls);
    return 0;
}

static int
take_up_instances(struct core *c, struct err *e)
{
    const struct config *config = c->hold->config;

    c->instance = calloc(config->n_instances + 1, sizeof(struct instance *));
    for (size_t k = 0; c->instance && k < config->n_instances; k++) {
        struct instance *i = calloc(1, sizeof(*i));
        int code = i ? instance_take_up(i, &config->instances[k], &c->site, core_now_ns(), e)
                     : err_set(e, -ENOMEM, "no memory for an instance");

        if (code < 0) {
            free(i);
            return code;
        }
        c->instance[c->n_instances++] = i;
    }
    core_look_for_strangers(c);
    core_put_states(c);
    return c->instance ? 0 : err_set(e, -ENOMEM, "no memory for the instances");
}

static int
start_thread(struct core *c, struct err *e)
{
    int watched[] = { c->request_fd, c->stop_fd, c->signal_fd, c->site.watcher.fd };
    int code;

    for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.fd = watched[i] };

        if (watched[i] >= 0 && epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, watched[i], &event) < 0)
            return err_sys(e, -errno, "cannot wait on a descriptor");
    }
    status_open(&c->status, &c->site, c->epoll_fd);
    code = pthread_create(&c->thread, NULL, core_thread, c);
    return code == 0 ? 0 : err_sys(e, -code, "cannot start the core thread");
}

/* ---- stopping --------------------------------------------------------------------------------------------------- */

void
core_request_stop(struct core *c)
{
    eventfd_write(c->stop_fd, 1); /* never read: it stays readable */
}

int
core_stop_fd(const struct core *c)
{
    return c->stop_fd;
}

bool
core_stop(struct core *c)
{
    bool is_ousted;

    if (!c)
        return true;
    pthread_mutex_lock(&c->mutex);
    c->is_awaited = true;
    pthread_cond_broadcast(&c->published);
    pthread_mutex_unlock(&c->mutex);
    core_request_stop(c);
    pthread_join(c->thread, NULL);
    is_ousted = c->site.is_ousted;
    destroy(c);
    return !is_ousted;
}

void
core_put_away(struct core *c)
{
    uint64_t now_ns = core_now_ns();

    if (!c->site.runtime_dir) {
        core_registry_close(c, now_ns);
        return;
    }
    if (!c->site.is_ousted && c->snapshot)
        core_follow_site(c);
    status_close(&c->status);
    for (size_t k = 0; k < c->n_instances; k++) {
        if (c->site.is_ousted)
            interest_abandon(&c->instance[k]->interest);
        else if (c->snapshot)
            instance_leave(c->instance[k], &c->site, now_ns);
        if (!c->site.is_ousted) {
            instance_follow(c->instance[k], &c->site, now_ns);
            instance_keep_places(c->instance[k], &c->site, now_ns);
        }
    }
    site_commit(&c->site, now_ns);
    core_put_states(c);
    for (size_t k = 0; k < c->n_instances; k++) {
        instance_let_go(c->instance[k], &c->site);
        free(c->instance[k]);
    }
    free(c->instance);
    c->instance = NULL;
    c->n_instances = 0;
    core_registry_close(c, now_ns);
    site_close(&c->site);
}

static void
destroy(struct core *c)
{
    core_put_away(c);
    snapshot_release(c->snapshot);
    config_hold_release(c->hold);
    config_hold_release(c->first_hold);
    controls_free(c->controls);
    notice_queue_free(c->notices);
    pseudonym_free(c->pseudonym);
    for (int *fd = (int[]){ c->request_fd, c->stop_fd, c->signal_fd, c->epoll_fd, -2 }; *fd != -2; fd++)
        if (*fd >= 0)
            close(*fd);
    pthread_cond_destroy(&c->published);
    pthread_mutex_destroy(&c->mutex);
    free(c->config_path);
    free(c);
}

/* ---- what the AgentX thread calls ------------------------------------------------------------------------------- */

static struct timespec
deadline_of(uint64_t ns)
{
    return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };
}

/* Wait until a snapshot was built that was begun after this. The mutex is held. */
static void
wait_for_snapshot(struct core *c, const struct timespec *deadline)
{
    uint64_t number = ++c->asked;

    eventfd_write(c->request_fd, 1);
    while (c->answered < number && !c->has_ended)
        if (pthread_cond_clockwait(&c->published, &c->mutex, CLOCK_MONOTONIC, deadline) != 0)
            break;
}

static const struct snapshot *
acquire(struct core *c, uint64_t max_age_ns, unsigned wait_ms)
{
    uint64_t now_ns = core_now_ns();
    struct timespec deadline = deadline_of(now_ns + (uint64_t)wait_ms * 1000000u);
    const struct snapshot *s;

    pthread_mutex_lock(&c->mutex);
    if (now_ns > c->snapshot->taken_ns + max_age_ns && !c->has_ended)
        wait_for_snapshot(c, &deadline);
    s = snapshot_take(c->snapshot);
    pthread_mutex_unlock(&c->mutex);
    return s;
}

const struct snapshot *
core_snapshot_acquire(struct core *c, unsigned wait_ms)
{
    return acquire(c, atomic_load_explicit(&c->max_age_ns, memory_order_relaxed), wait_ms);
}

const struct snapshot *
core_snapshot_renew(struct core *c, unsigned wait_ms)
{
    return acquire(c, 0, wait_ms);
}

void
core_snapshot_release(struct core *c, const struct snapshot *s)
{
    (void)c;
    snapshot_release(s);
}

void
core_report_agentx(struct core *c, const struct agentx_report *report)
{
    bool is_news;

    pthread_mutex_lock(&c->mutex);
    is_news =
        !c->has_report || report->state != c->report.state || strcmp(report->reason, c->report.reason) != 0;
    c->report = *report;
    c->has_report = true;
    pthread_mutex_unlock(&c->mutex);
    if (is_news)
        eventfd_write(c->request_fd, 1);
}

struct controls *
core_controls(struct core *c)
{
    return c->controls;
}

void
core_controls_changed(struct core *c, unsigned wait_ms)
{
    struct timespec deadline = deadline_of(core_now_ns() + (uint64_t)wait_ms * 1000000u);
    uint64_t generation = controls_generation(c->controls);

    eventfd_write(c->request_fd, 1);
    pthread_mutex_lock(&c->mutex);
    while (c->controls_taken < generation && !c->has_ended)
        if (pthread_cond_clockwait(&c->published, &c->mutex, CLOCK_MONOTONIC, &deadline) != 0)
            break;
    pthread_mutex_unlock(&c->mutex);
}

struct notice_queue *
core_notices(struct core *c)
{
    return c->notices;
}

const struct pseudonym *
core_pseudonym(const struct core *c)
{
    return c->pseudonym;
}
