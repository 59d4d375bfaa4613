/* SPDX-License-Identifier: BSD-2-Clause */
/* An agent without its threads. */
#include "tests/unit/agent_fixture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/snapshot_build.h"
#include "tests/unit/scratch.h"

const char fixture_one_instance[] = "  - name: edge\n"
                                    "    appl_index: 1\n"
                                    "    roles: [proxy_server]\n"
                                    "    stale_after: 60s\n";

static void give_up(const char *what, const char *why) __attribute__((noreturn));

static void
give_up(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    abort();
}

static struct config *
load_config(const struct agent_fixture *f, const char *instances)
{
    char path[PATH_MAX + 16];
    struct config *config;
    struct err e = { "" };
    FILE *file;

    snprintf(path, sizeof(path), "%s/sipmib.yaml", f->dir);
    file = fopen(path, "w");
    if (!file)
        give_up(path, "cannot write");
    fprintf(file, "runtime_dir: %s\nstate_dir: %s\ninstances:\n%s", f->runtime, f->dir, instances);
    fclose(file);
    if (config_load(path, &config, stderr, &e) < 0)
        give_up("configuration", e.text);
    return config;
}

void
fixture_open(struct agent_fixture *f, const char *instances)
{
    struct timespec now;

    memset(f, 0, sizeof(*f));
    scratch_make(f->dir);
    snprintf(f->runtime, sizeof(f->runtime), "%s/run", f->dir);
    clock_gettime(CLOCK_MONOTONIC, &now);
    f->now_ns = (uint64_t)now.tv_sec * FIXTURE_SECOND + (uint64_t)now.tv_nsec;
    fixture_start(f, instances);
}

static bool
has_registrar(const struct config *config)
{
    unsigned roles = 0;

    for (size_t k = 0; k < config->n_instances; k++)
        roles |= config->instances[k].roles;
    return roles & CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR);
}

static void
open_shared(struct agent_fixture *f, const struct config *config)
{
    struct err e = { "" };

    f->controls = controls_new(f->dir, &e);
    f->notices = notice_queue_new(config->notifications.queue);
    if (!f->controls || !f->notices || controls_follow(f->controls, config, &e) < 0)
        give_up("controls", e.text);
    f->site.controls = f->controls;
    f->site.notices = f->notices;
    f->site.notice_rate = config->notifications.rate;
    if (has_registrar(config) && registry_open(&f->site.registry, f->runtime, f->site.runtime_fd, &e) < 0)
        give_up("registry", e.text);
    f->site.registry_generation = f->site.registry ? 1 : 0;
}

void
fixture_start(struct agent_fixture *f, const char *instances)
{
    struct config *config = load_config(f, instances);
    struct err e = { "" };

    if (config_hold_new(&f->hold, config, 1, &e) < 0 || site_open(&f->site, f->runtime, &e) < 0)
        give_up("start", e.text);
    open_shared(f, config);
    f->count = config->n_instances;
    for (size_t k = 0; k < f->count; k++) {
        f->instance[k] = calloc(1, sizeof(*f->instance[k]));
        if (!f->instance[k] ||
            instance_take_up(f->instance[k], &config->instances[k], &f->site, f->now_ns, &e) < 0)
            give_up("instance", e.text);
    }
}

void
fixture_kill(struct agent_fixture *f)
{
    for (size_t k = 0; k < f->count; k++) {
        instance_let_go(f->instance[k], &f->site);
        free(f->instance[k]);
    }
    f->count = 0;
    registry_release(f->site.registry);
    f->site.registry = NULL;
    controls_free(f->controls);
    notice_queue_free(f->notices);
    f->controls = NULL;
    f->notices = NULL;
    site_close(&f->site);
    config_hold_release(f->hold);
    f->hold = NULL;
}

void
fixture_close(struct agent_fixture *f)
{
    fixture_kill(f);
    scratch_remove(f->dir);
}

void
fixture_tick(struct agent_fixture *f)
{
    f->now_ns += FIXTURE_SECOND;
    for (size_t k = 0; k < f->count; k++) {
        f->instance[k]->must_scan = true;
        instance_tick(f->instance[k], &f->site, false, f->now_ns);
    }
    site_commit(&f->site, f->now_ns);
}

void
fixture_save(struct agent_fixture *f)
{
    struct err e = { "" };
    struct store_txn *t;

    if (store_begin(f->site.store, &t, &e) < 0)
        give_up("save", e.text);
    for (size_t k = 0; k < f->count; k++)
        instance_put_state(f->instance[k], t);
    if (store_commit(t, &e) < 0)
        give_up("save", e.text);
}

const struct snapshot *
fixture_snapshot(struct agent_fixture *f)
{
    const struct snapshot *s;
    struct err e = { "" };

    for (size_t k = 0; k < f->count; k++)
        instance_refresh(f->instance[k], &f->site, f->now_ns);
    site_commit(&f->site, f->now_ns);
    if (snapshot_build(&s, f->instance, f->count, f->hold, f->site.registry, 1, f->now_ns, &e) < 0)
        give_up("snapshot", e.text);
    return s;
}

uint64_t
fixture_counter(struct agent_fixture *f, size_t k, enum lane_counter counter)
{
    const struct snapshot *s = fixture_snapshot(f);
    uint64_t value = ((const struct snap_instance *)s->rows[SNAP_INSTANCES].row[k])->counters[counter];

    snapshot_release(s);
    return value;
}

void
fixture_writer(struct agent_fixture *f, struct lane_writer *w, const char *instance, unsigned flags)
{
    struct lane_writer_options options = { .dir = f->runtime,
                                           .instance = instance,
                                           .software = "fixture/1",
                                           .flags = flags,
                                           .ring_octets = LANE_RING_MIN };
    struct err e = { "" };

    if (lane_writer_open(w, &options, &e) < 0)
        give_up("writer", e.text);
}

void
fixture_count(struct lane_writer *w, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        lane_count(w, LANE_IN_REQUESTS);
        lane_count_method(w, METHOD_INVITE, LANE_METHOD_IN);
    }
}

pid_t
fixture_writer_process(struct agent_fixture *f, const char *instance, unsigned n)
{
    struct lane_writer w;
    int ready[2];
    char octet;
    pid_t pid;

    if (pipe(ready) < 0 || (pid = fork()) < 0)
        give_up("writer process", "cannot start");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        fixture_writer(f, &w, instance, 0);
        fixture_count(&w, n);
        if (write(ready[1], "", 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(ready[1]);
    if (read(ready[0], &octet, 1) != 1)
        give_up("writer process", "died");
    close(ready[0]);
    return pid;
}

void
fixture_kill_process(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
