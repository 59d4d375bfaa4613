/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading the configuration again. A reload that fails changes nothing: all that can fail is done before
 * anything is changed. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/controls.h"
#include "agent/core_state.h"
#include "agent/log.h"
#include "agent/notice.h"

/* A reload on its way. */
struct plan {
    struct config_hold *hold;
    struct instance **instance; /* in the new order; those kept are the old ones */
    struct tally *sum;          /* for each, its new sums when it is kept */
    size_t count;
    size_t done; /* how many are prepared */
};

static int load(struct core *c, struct config **out, struct err *e);
static int prepare(struct core *c, struct plan *p, uint64_t now_ns, struct err *e);
static void abandon(struct core *c, struct plan *p);
static void carry_out(struct core *c, struct plan *p, uint64_t now_ns);
static void warn_of_restart(const struct config *now, const struct config *next);

void
core_reload(struct core *c, uint64_t now_ns)
{
    struct plan plan = { .count = 0 };
    struct config *next = NULL;
    struct err e = { "" };
    int code = load(c, &next, &e);

    c->reload.attempts++;
    c->reload.last_ns = now_ns;
    if (code == 0) {
        code = config_hold_new(&plan.hold, next, c->hold->generation + 1, &e);
        if (code < 0)
            config_free(next);
    }
    if (code == 0)
        code = prepare(c, &plan, now_ns, &e);
    if (code ==
        0) /* last, since it is not taken back; and before instances begin that are in the new one only */
        code = controls_follow(c->controls, next, &e);
    c->reload.last_failed = code < 0;
    if (code < 0) {
        abandon(c, &plan);
        c->reload.failures++;
        snprintf(c->reload.text, sizeof(c->reload.text), "%.250s", e.text);
        log_line(LOG_LEVEL_ERROR, LOG_CONFIG, "not reloaded: %s; the configuration before stays in force",
                 e.text);
        return;
    }
    warn_of_restart(c->first_hold->config, next);
    carry_out(c, &plan, now_ns);
    snprintf(c->reload.text, sizeof(c->reload.text), "reloaded");
    log_line(LOG_LEVEL_INFO, LOG_CONFIG, "reloaded %s, %zu instances", c->config_path, c->n_instances);
}

/* The loader's complaints go to the log, a line each. */
static int
load(struct core *c, struct config **out, struct err *e)
{
    char *text = NULL, *rest, *line;
    size_t octets;
    FILE *complaints;
    int code;

    if (strcmp(c->config_path, "-") == 0)
        return err_set(e, -EINVAL, "the configuration came from standard input, which cannot be read again");
    complaints = open_memstream(&text, &octets);
    if (!complaints)
        return err_set(e, -ENOMEM, "no memory to read the configuration");
    code = config_load(c->config_path, out, complaints, e);
    fclose(complaints);
    for (rest = text; (line = strsep(&rest, "\n"));)
        if (*line)
            log_line(code < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, LOG_CONFIG, "%s", line);
    free(text);
    return code;
}

static struct instance *
find_kept(const struct core *c, const char *name)
{
    for (size_t k = 0; k < c->n_instances; k++)
        if (strcmp(c->instance[k]->name, name) == 0)
            return c->instance[k];
    return NULL;
}

static int
prepare_one(struct core *c, struct plan *p, size_t k, uint64_t now_ns, struct err *e)
{
    const struct config_instance *config = &p->hold->config->instances[k];
    struct instance *i = find_kept(c, config->name);
    int code;

    if (i) {
        code = tally_init(&p->sum[k], e);
        p->instance[k] = code == 0 ? i : NULL;
        return code;
    }
    i = calloc(1, sizeof(*i));
    code =
        i ? instance_init(i, config, &c->site, now_ns, e) : err_set(e, -ENOMEM, "no memory for an instance");
    if (code < 0)
        free(i);
    else
        p->instance[k] = i;
    return code;
}

static int
prepare(struct core *c, struct plan *p, uint64_t now_ns, struct err *e)
{
    int code = 0;

    p->count = p->hold->config->n_instances;
    p->instance = calloc(p->count + 1, sizeof(struct instance *));
    p->sum = calloc(p->count + 1, sizeof(*p->sum));
    if (!p->instance || !p->sum)
        return err_set(e, -ENOMEM, "no memory for the instances");
    for (; code == 0 && p->done < p->count; p->done += code == 0)
        code = prepare_one(c, p, p->done, now_ns, e);
    return code;
}

static void
abandon(struct core *c, struct plan *p)
{
    for (size_t k = 0; k < p->done; k++) {
        bool is_kept = core_has_instance(c, p->instance[k]->name);

        if (is_kept) {
            tally_fini(&p->sum[k]);
        } else {
            instance_let_go(p->instance[k], &c->site);
            free(p->instance[k]);
        }
    }
    free(p->instance);
    free(p->sum);
    config_hold_release(p->hold);
}

static bool
is_planned(const struct plan *p, const struct instance *i)
{
    for (size_t k = 0; k < p->count; k++)
        if (p->instance[k] == i)
            return true;
    return false;
}

static void
take_up(struct core *c, struct instance *i, uint64_t now_ns)
{
    site_forget_stranger(&c->site, i->name);
    instance_begin(i, &c->site, now_ns);
}

/* Nothing here can fail. */
static void
carry_out(struct core *c, struct plan *p, uint64_t now_ns)
{
    struct err e = { "" };
    struct config_hold *before = c->hold;

    assert(p->hold);
    core_put_states(c);
    c->site.notice_rate = p->hold->config->notifications.rate;
    notice_queue_set_bounds(c->notices, p->hold->config->notifications.queue, p->count);
    for (size_t k = 0; k < p->count; k++) {
        if (find_kept(c, p->instance[k]->name))
            instance_reconfigure(p->instance[k], &p->hold->config->instances[k], &c->site, &p->sum[k]);
        else
            take_up(c, p->instance[k], now_ns);
    }
    for (size_t k = 0; k < c->n_instances; k++) {
        if (is_planned(p, c->instance[k]))
            continue;
        log_line(LOG_LEVEL_INFO, LOG_CONFIG, "instance %s is no longer served; what it counted is kept",
                 c->instance[k]->name);
        instance_leave(c->instance[k], &c->site, now_ns);
        interest_want(&c->instance[k]->interest, (const uint64_t[LANE_CODE_WORDS]){ 0 }, 0);
        instance_let_go(c->instance[k], &c->site);
        free(c->instance[k]);
    }
    free(c->instance);
    c->instance = p->instance;
    c->n_instances = p->count;
    c->hold = p->hold;
    free(p->sum);
    config_hold_release(before);
    atomic_store_explicit(&c->max_age_ns, (uint64_t)c->hold->config->snapshot_max_age_ms * 1000000u,
                          memory_order_relaxed);
    core_look_for_strangers(c);
    core_registry_follow(c, now_ns, &e);
    core_take_controls(c, now_ns);
    core_put_states(c);
    core_build(c, now_ns);
}

static void
warn_of(const char *key, const char *now, const char *next)
{
    if (strcmp(now, next) != 0)
        log_line(LOG_LEVEL_WARNING, LOG_CONFIG,
                 "%s changed from %s to %s: restart sipmibd for that; the old one stays", key, now, next);
}

/* What the agent was started with, and cannot change under way. */
static void
warn_of_restart(const struct config *now, const struct config *next)
{
    warn_of("runtime_dir", now->runtime_dir, next->runtime_dir);
    warn_of("state_dir", now->state_dir, next->state_dir);
    warn_of("agentx.socket", now->agentx_socket, next->agentx_socket);
    if (now->ping_interval_s != next->ping_interval_s)
        log_line(LOG_LEVEL_WARNING, LOG_CONFIG,
                 "agentx.ping_interval changed from %us to %us: restart sipmibd for that; the old one stays",
                 now->ping_interval_s, next->ping_interval_s);
}
