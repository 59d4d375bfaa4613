/* SPDX-License-Identifier: BSD-2-Clause */
/* The core and the registry: open while an instance is a registrar, set aside when it is damaged, made anew where the
 * runtime directory was wiped, and rid of what is over. */
#include <errno.h>

#include "agent/core_state.h"
#include "agent/log.h"

enum { EXPIRE_MOST = 1000 }; /* at a time: a few milliseconds */

#define EXPIRE_EVERY_NS UINT64_C(250000000) /* readers pass over what is over; counts are of the last time */

static void let_go(struct core *c, uint64_t now_ns);
static void drop_unsound(struct core *c, uint64_t now_ns);
static bool is_needed(const struct core *c);
static int open_registry(struct core *c, struct err *e);

int
core_registry_follow(struct core *c, uint64_t now_ns, struct err *e)
{
    struct site *s = &c->site;
    int code;

    if (s->registry && !registry_is_sound(s->registry, s->runtime_fd))
        drop_unsound(c, now_ns);
    if (!s->registry && is_needed(c) && s->runtime_fd >= 0) {
        code = open_registry(c, e);
        if (code == -EPROTONOSUPPORT && !c->snapshot)
            return code;
        if (code == -EBUSY) /* the other thread still answers from the one before */
            code = c->said_registry_code;
        else if (code < 0 && code != c->said_registry_code)
            log_line(LOG_LEVEL_ERROR, LOG_STORE, "%s; registrations wait in the event rings, trying again",
                     e->text);
        else if (code == 0 && c->said_registry_code != 0)
            log_line(LOG_LEVEL_INFO, LOG_STORE, "the registry is open again");
        c->said_registry_code = code;
    }
    for (size_t k = 0; k < c->n_instances; k++)
        instance_follow_registry(c->instance[k], s, now_ns);
    if (s->registry && !is_needed(c)) /* after those that are registrars no longer were cleared */
        let_go(c, now_ns);
    return 0;
}

/* Snapshots hold it, and while one does it is not opened again: ours does not. */
static void
let_go(struct core *c, uint64_t now_ns)
{
    core_registry_close(c, now_ns);
    if (c->snapshot)
        core_build(c, now_ns);
}

static void
drop_unsound(struct core *c, uint64_t now_ns)
{
    struct site *s = &c->site;
    bool is_damaged = registry_is_damaged(s->registry);
    struct err e = { "" };

    *(is_damaged ? &s->registries_damaged : &s->registries_lost) += 1;
    log_line(LOG_LEVEL_WARNING, LOG_STORE, "%s/%s %s: a new one takes what the event rings still have",
             s->runtime_dir, REGISTRY_NAME, is_damaged ? "is damaged and set aside" : "is gone");
    let_go(c, now_ns);
    if (is_damaged && registry_set_aside(s->runtime_dir, s->runtime_fd, &e) < 0)
        log_line(LOG_LEVEL_ERROR, LOG_STORE, "%s", e.text);
}

static bool
is_needed(const struct core *c)
{
    const struct config *config = c->hold->config;
    unsigned roles = 0;

    for (size_t k = 0; k < config->n_instances; k++)
        roles |= config->instances[k].roles;
    return roles & CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR);
}

static int
open_registry(struct core *c, struct err *e)
{
    struct site *s = &c->site;
    int code = registry_open(&s->registry, s->runtime_dir, s->runtime_fd, e);

    if (code == -EBADMSG) {
        log_line(LOG_LEVEL_ERROR, LOG_STORE,
                 "%s; it is set aside as %s.damaged: registrations come back with their refreshes", e->text,
                 REGISTRY_NAME);
        s->registries_damaged++;
        code = registry_set_aside(s->runtime_dir, s->runtime_fd, e);
        if (code == 0)
            code = registry_open(&s->registry, s->runtime_dir, s->runtime_fd, e);
    }
    if (code == 0)
        s->registry_generation++;
    else
        s->registry = NULL;
    s->refused_seen = 0;
    return code;
}

void
core_registry_close(struct core *c, uint64_t now_ns)
{
    site_commit(&c->site, now_ns);
    registry_release(c->site.registry); /* snapshots may hold it still */
    c->site.registry = NULL;
}

uint64_t
core_registry_next_ns(const struct core *c)
{
    const struct site *s = &c->site;
    uint64_t next_ns = s->registry ? registry_next_ns(s->registry) : SITE_NEVER;

    if (next_ns < c->expire_ns)
        next_ns = c->expire_ns;
    return next_ns < s->registry_rest_ns ? s->registry_rest_ns : next_ns;
}

void
core_registry_expire(struct core *c, uint64_t now_ns)
{
    struct registry_batch *batch;

    if (c->site.is_ousted || core_registry_next_ns(c) > now_ns)
        return;
    batch = site_batch(&c->site, now_ns);
    if (batch && registry_expire(batch, EXPIRE_MOST) < EXPIRE_MOST)
        c->expire_ns = now_ns + EXPIRE_EVERY_NS;
    site_commit(&c->site, now_ns);
}
