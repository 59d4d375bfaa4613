/* SPDX-License-Identifier: BSD-2-Clause */
/* What the core does once a second, whether anything happened or not. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/core_state.h"
#include "agent/log.h"
#include "sipcore/fault.h"

static void follow_watcher(struct core *c, uint64_t now_ns);
static void put_all(struct core *c);

void
core_tick(struct core *c, uint64_t now_ns)
{
    struct err e = { "" };
    bool is_fresh = c->built_ns != 0 && now_ns - c->built_ns < CORE_TICK_NS;

    site_commit(&c->site, now_ns); /* nothing is under way when the files are checked */
    core_follow_site(c);
    if (c->site.is_ousted)
        return; /* core_follow_site() asked for the end */
    core_registry_follow(c, now_ns, &e);
    for (size_t k = 0; k < c->n_instances; k++)
        instance_tick(c->instance[k], &c->site, is_fresh, now_ns);
    follow_watcher(c, now_ns);
    core_take_controls(c, now_ns);
    core_put_states(c);
    status_tick(&c->status, &c->site, now_ns);
    core_say_report(c);
    log_tick();
}

static void
follow_watcher(struct core *c, uint64_t now_ns)
{
    bool sees_all = c->site.runtime_watch >= 0;
    uint64_t count;

    for (size_t k = 0; k < c->n_instances; k++)
        sees_all &= c->instance[k]->dir_fd < 0 || c->instance[k]->watch >= 0;
    if (sees_all)
        watcher_sees_all(&c->site.watcher);
    if (flood_is_over(&c->site.watcher.lost, now_ns, &count))
        log_line(LOG_LEVEL_INFO, LOG_LANE, "directory events are kept up with again: lost %" PRIu64 " time%s",
                 count, count == 1 ? "" : "s");
}

/* Where the runtime directory or the store is another one now, what hung on the old is set up anew. */
void
core_follow_site(struct core *c)
{
    struct site_changes changes = site_check(&c->site);

    if (changes.is_ousted) {
        core_request_stop(c);
        return;
    }

    if (changes.directory || changes.watch) {
        for (size_t k = 0; k < c->n_instances; k++)
            c->instance[k]->must_look = true;
        core_wait_on_watcher(c);
        core_look_for_strangers(c);
    }
    if (changes.directory)
        status_open(&c->status, &c->site, c->epoll_fd);
    if (changes.store)
        c->must_put_all = true;
    if (c->must_put_all)
        put_all(c);
}

static void
put_all(struct core *c)
{
    struct store_txn *t;
    struct err e = { "" };
    int code;

    if (!c->site.store)
        return;
    code = store_begin(c->site.store, &t, &e);
    if (code == 0) {
        for (size_t k = 0; k < c->n_instances; k++)
            if (!c->instance[k]->is_unread)
                instance_put_all(c->instance[k], t);
        fault_point("store.put_all");
        code = store_commit(t, &e);
        fault_point("store.replaced");
    }
    if (code < 0 && code != c->said_put_code)
        log_line(LOG_LEVEL_ERROR, LOG_STORE, "%s; trying again", e.text);
    c->said_put_code = code;
    c->must_put_all = code < 0;
}

void
core_put_states(struct core *c)
{
    struct store_txn *t = NULL;
    bool any = false;
    struct err e = { "" };

    for (size_t k = 0; k < c->n_instances; k++)
        any |= c->instance[k]->state_changed && !c->instance[k]->is_unread;
    if (!any || !c->site.store || store_begin(c->site.store, &t, &e) < 0)
        return;
    for (size_t k = 0; k < c->n_instances; k++)
        if (!c->instance[k]->is_unread)
            instance_put_state(c->instance[k], t);
    if (store_commit(t, &e) < 0)
        return; /* again at the next tick; the store counts its errors, and settling says them */
    for (size_t k = 0; k < c->n_instances; k++)
        c->instance[k]->state_changed &= c->instance[k]->is_unread;
}

void
core_say_report(struct core *c)
{
    struct agentx_report r, *said = &c->said_report;
    bool has_report;

    pthread_mutex_lock(&c->mutex);
    r = c->report;
    has_report = c->has_report;
    pthread_mutex_unlock(&c->mutex);
    if (!has_report)
        return;
    if (r.connects > said->connects && r.state != AGENTX_CONNECTED)
        log_line(LOG_LEVEL_INFO, LOG_AGENTX, "connected to the master");
    if (r.state != said->state || r.connects != said->connects || strcmp(r.reason, said->reason) != 0) {
        if (r.state == AGENTX_CONNECTED && r.reason[0])
            log_line(LOG_LEVEL_WARNING, LOG_AGENTX, "connected, but %s", r.reason);
        else if (r.state == AGENTX_CONNECTED)
            log_line(LOG_LEVEL_INFO, LOG_AGENTX, "connected to the master");
        else if (r.reason[0])
            log_line(LOG_LEVEL_WARNING, LOG_AGENTX, "not connected: %s", r.reason);
    }
    *said = r;
}

void
core_look_for_strangers(struct core *c)
{
    const struct dirent *entry;
    DIR *dir = NULL;
    int fd =
        c->site.runtime_fd < 0 ? -1 : openat(c->site.runtime_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        dir = fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(dir)))
        if (!core_has_instance(c, entry->d_name))
            site_note_stranger(&c->site, entry->d_name);
    closedir(dir);
}
