/* SPDX-License-Identifier: BSD-2-Clause */
/* One configured SIP entity: its life from the configuration's point of view, and what its lanes say of
 * its state. */
#include "agent/instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/core.h"
#include "agent/instance_internal.h"
#include "agent/log.h"
#include "sipcore/fault.h"

enum { LOOK_AGAIN_NS = 3000000, SEARCH_REST = 20, FETCH_OCTETS = 512, FETCH_LINE = 64 };

#define ASIDE_PATIENCE_NS UINT64_C(60000000000)

static bool is_blind(const struct instance *i, const struct site *site);
static void read_store(struct instance *i, struct site *site, uint64_t now_ns);
static void reconcile(struct instance *i, struct site *site, uint64_t now_ns);
static void look_for_lost(struct instance *i, struct site *site, uint64_t now_ns);
static void note_gone(struct instance *i, const char *name);
static void look_at_closed(struct instance *i, struct site *site, const char *name, uint64_t now_ns);
static ino_t inode_of(const struct instance *i, const char *name);
static void sum_messages(const struct instance *i, uint64_t *in, uint64_t *out);
static void hear(struct instance *i, bool collector_moved, uint64_t now_ns);

/* ---- beginning and end ------------------------------------------------------------------------------------------ */

int
instance_take_up(struct instance *i, const struct config_instance *config, struct site *site, uint64_t now_ns,
                 struct err *e)
{
    int code = instance_init(i, config, site, now_ns, e);

    if (code == 0)
        instance_begin(i, site, now_ns);
    return code;
}

int
instance_init(struct instance *i, const struct config_instance *config, struct site *site, uint64_t now_ns,
              struct err *e)
{
    int code;

    *i = (struct instance){ .config = config, .dir_fd = -1, .watch = -1, .must_look = true };
    snprintf(i->name, sizeof(i->name), "%s", config->name);
    lane_set_init(&i->lanes);
    row_order_init(&i->order);
    interest_init(&i->interest);
    i->taken_up_ns = i->poll_ns = now_ns;
    instance_notify_begin(i, site);
    code = tally_init(&i->retained, e);
    if (code == 0)
        code = tally_init(&i->sum, e);
    if (code < 0) {
        tally_fini(&i->retained);
        notifier_fini(&i->notifier);
        return err_wrap(e, code, "instance %s", i->name);
    }
    row_order_seed(&i->sum, config);
    oper_state_init(&i->state, now_ns);
    i->is_unread = true;
    return 0;
}

void
instance_begin(struct instance *i, struct site *site, uint64_t now_ns)
{
    instance_follow_all(i);
    read_store(i, site, now_ns);
    fault_point("start.read");
    instance_follow_registry(i, site, now_ns);
    instance_follow_controls(i, site, now_ns); /* before anything is found that is worth a notification */
    instance_directory_look(i, site);
    instance_scan(i, site, now_ns);
    fault_point("start.scanned");
    reconcile(i, site, now_ns);
    instance_notify_tick(i, now_ns); /* windows of thresholds begin with what was counted before */
    i->follow_left = 0;
}

/* What the store keeps becomes what the instance holds. Nothing kept: counting begins now. Until it could
 * be read nothing is retired, so that nothing is in the totals twice. */
static void
read_store(struct instance *i, struct site *site, uint64_t now_ns)
{
    struct tally totals;
    struct err e;
    int code;

    if (!i->is_unread || !site->store)
        return;
    code = tally_init(&totals, &e);
    if (code < 0)
        return;
    code = store_get(site->store, i->name, &totals, &i->state, now_ns, &e);
    if (code == -EBADMSG) {
        instance_say(i, LOG_LEVEL_ERROR, LOG_STORE, ": %s: what ended writers counted is lost", e.text);
        oper_state_init(&i->state, now_ns);
    }
    if (code == 0) {
        tally_fini(&i->retained);
        i->retained = totals;
    } else {
        tally_fini(&totals);
    }
    i->state_changed = code != 0;
    i->is_unread = code != 0 && code != -ENOENT && code != -EBADMSG;
}

struct reconciliation {
    struct instance *instance;
    struct store *store;
    bool all_seen; /* every file in the directory is attached: what is not among them is gone */
    unsigned lost;
};

/* A lane that the store knows and no file is: retired and removed is well, attached means that its counts
 * are gone. A retired one is remembered for as long as a file that could not be opened might be it. */
static void
reconcile_lane(void *context, const uint8_t identity[LANE_IDENTITY_OCTETS], enum store_lane stage)
{
    struct reconciliation *r = context;

    if (lane_set_find_identity(&r->instance->lanes, identity))
        return;
    if (stage == STORE_LANE_ATTACHED)
        r->lost++;
    if (stage == STORE_LANE_ATTACHED || r->all_seen)
        store_forget_later(r->store, r->instance->name, identity);
}

/* When the first writer came that no agent has seen: those that died in the dark are taken for dead by then. */
static uint64_t
dark_ends_ns(const struct instance *i, uint64_t now_ns)
{
    uint64_t first_ns = now_ns;

    for (uint32_t k = 0; k < i->lanes.count; k++) {
        const struct lane *l = i->lanes.lane[k];
        uint64_t started_ns = l->reader.header.started_monotonic_ns;

        if (l->stage == LANE_LIVE && !l->was_known && !lane_is_collector(l) && started_ns < first_ns)
            first_ns = started_ns;
    }
    return first_ns > i->state.last_change_ns ? first_ns : now_ns;
}

/* Is there a file that may be a lane's, but could not be taken up yet? Then no lane is lost for not being there; but a
 * file that nobody can read may stay for ever. */
static bool
may_have_more(const struct instance *i, uint64_t now_ns)
{
    bool may = i->dir_fd < 0 || i->must_scan || i->must_search || i->lanes.is_refusing;

    for (uint32_t k = 0; now_ns < i->taken_up_ns + ASIDE_PATIENCE_NS && k < i->lanes.n_aside; k++)
        may |= i->lanes.aside[k].retry_ns != 0;
    return may;
}

/* What the store knows of, and is not there any more. */
static void
count_unseen(void *context, const uint8_t identity[LANE_IDENTITY_OCTETS], enum store_lane stage)
{
    struct reconciliation *r = context;

    r->lost += stage == STORE_LANE_ATTACHED && !lane_set_find_identity(&r->instance->lanes, identity);
}

/* Without its lanes an instance would be served less than it was, and more again when they come into sight. */
static void
note_unseen(struct instance *i, struct store *store)
{
    struct reconciliation r = { .instance = i, .store = store };
    struct err e;

    if (i->dir_fd < 0 || i->must_scan) {
        if (!store || store_each_lane(store, i->name, count_unseen, &r, &e) < 0)
            return; /* as it was */
    }
    if (r.lost > 0 && !i->is_unseen)
        log_line(LOG_LEVEL_ERROR, LOG_LANE,
                 "instance %s: not served until its directory can be read: %u "
                 "lane%s there %s counts",
                 i->name, r.lost, r.lost == 1 ? "" : "s", r.lost == 1 ? "has" : "have");
    i->is_unseen = r.lost > 0;
}

static void
look_for_lost(struct instance *i, struct site *site, uint64_t now_ns)
{
    struct reconciliation r = { .instance = i, .store = site->store };
    struct err e;
    int code;

    i->must_reconcile = !site->store || may_have_more(i, now_ns);
    note_unseen(i, site->store);
    if (i->must_reconcile)
        return;
    r.all_seen = i->lanes.n_aside == 0 && i->lanes.aside_over == 0;
    code = store_each_lane(site->store, i->name, reconcile_lane, &r, &e);
    i->must_reconcile = code < 0;
    if (code < 0 && code != i->said_reconcile_code)
        instance_say(i, LOG_LEVEL_ERROR, LOG_STORE, ": %s", e.text);
    i->said_reconcile_code = code;
    if (r.lost > 0) {
        instance_say(i, LOG_LEVEL_WARNING, LOG_LANE,
                     ": the file%s of %u lane%s %s removed while no agent ran, or "
                     "before one was killed: what %s "
                     "counted is lost",
                     r.lost == 1 ? "" : "s", r.lost, r.lost == 1 ? "" : "s", r.lost == 1 ? "was" : "were",
                     r.lost == 1 ? "it" : "they");
        i->vanished += r.lost;
        instance_lose(i, now_ns);
    }
}

/* Compare what was there when an agent last looked with what is there now, and decide what happened
 * meanwhile. */
static void
reconcile(struct instance *i, struct site *site, uint64_t now_ns)
{
    bool has_collector = false;
    uint64_t in, out;

    look_for_lost(i, site, now_ns);
    for (uint32_t k = 0; k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        l->messages = l->heard_messages = lane_messages(l);
        if (l->stage == LANE_LIVE)
            instance_check_lane(i, site, l, now_ns);
        has_collector |= l->stage == LANE_LIVE && lane_is_collector(l);
    }
    sum_messages(i, &in, &out);
    hear(i, has_collector && (in > i->state.messages_in || out > i->state.messages_out), now_ns);
    /* Writers that died and writers that came in the dark: the entity was down between them. */
    instance_decide(i, true, dark_ends_ns(i, now_ns));
    instance_decide(i, false, now_ns);
    fault_point("start.reconciled");
    instance_follow(i, site, now_ns);
    instance_settle(i, site, now_ns);
}

void
instance_let_go(struct instance *i, struct site *site)
{
    site_commit(site, i->taken_up_ns); /* lanes in the batch go with the instance */
    interest_fini(&i->interest, i->dir_fd);
    instance_directory_close(i, site);
    site->lanes -= i->lanes.count;
    for (uint32_t k = 0; k < i->lanes.count; k++)
        instance_free_bindings(i, i->lanes.lane[k]);
    lane_set_fini(&i->lanes);
    site->capped_before += i->notifier.capped.total;
    notifier_fini(&i->notifier);
    row_order_fini(&i->order);
    tally_fini(&i->sum);
    tally_fini(&i->retained);
}

void
instance_reconfigure(struct instance *i, const struct config_instance *config, struct site *site,
                     struct tally *sum)
{
    tally_fini(&i->sum);
    i->sum = *sum;
    row_order_fini(&i->order);
    row_order_seed(&i->sum, config);
    for (uint32_t k = 0; k < i->lanes.count; k++)
        memset(&i->lanes.lane[k]->map, 0, sizeof(i->lanes.lane[k]->map));
    i->config = config;
    instance_notify_configure(i, site);
    instance_directory_look(i, site);
}

/* ---- as time goes by -------------------------------------------------------------------------------------------- */

void
instance_event(struct instance *i, struct site *site, const struct watcher_event *event, uint64_t now_ns)
{
    const uint32_t gone = IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT;

    if (event->mask & gone) {
        i->must_look = true;
        if (event->mask & IN_IGNORED) /* also when another instance had the directory, and gave it up */
            i->watch = -1;
        return;
    }
    if (strcmp(event->name, LANE_INTEREST_NAME) == 0) {
        if (event->mask & (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO) && i->dir_fd >= 0)
            interest_apply(&i->interest, i->dir_fd, i->name);
        return;
    }
    if (event->mask & (IN_CREATE | IN_MOVED_TO) && i->dir_fd >= 0)
        interest_hear(&i->interest, i->dir_fd, event->name, i->name);
    if (event->mask & (IN_CREATE | IN_MOVED_TO))
        instance_attach(i, site, event->name, now_ns);
    i->must_check_files |= (event->mask & IN_MOVED_TO) != 0; /* it may be one that was away */
    if (event->mask & (IN_DELETE | IN_MOVED_FROM))
        note_gone(i, event->name);
    if (event->mask & IN_CLOSE_WRITE)
        look_at_closed(i, site, event->name, now_ns);
}

/* A name is gone: of a file set aside, or of a lane that somebody removed. */
static void
note_gone(struct instance *i, const char *name)
{
    instance_detach_aside(i, name);
    i->must_check_files = true;
    i->must_search |=
        i->lanes.is_refusing || i->lanes.aside_over > 0; /* it may be one of those not remembered */
}

/* The inode of a file that is called so in the directory. A lane is made
 * without a name (O_TMPFILE). To the kernel it keeps that of such a file, "#"
 * and the number of its inode, for as long as its writer has it, whatever else
 * it is called. 0: there is none. */
static ino_t
inode_of(const struct instance *i, const char *name)
{
    struct stat st;

    if (name[0] == '#')
        return (ino_t)strtoull(name + 1, NULL, 10);
    return i->dir_fd >= 0 && fstatat(i->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_ino : 0;
}

/* Somebody who could write to the file has let go of it. A death is taken in at once: what comes up later
 * in the same breath is another start. */
static void
look_at_closed(struct instance *i, struct site *site, const char *name, uint64_t now_ns)
{
    struct lane *l;

    if (lane_set_find_aside(&i->lanes, name)) {
        instance_attach(i, site, name, now_ns); /* it may have been looked at before all of it was there */
        return;
    }
    l = lane_set_find(&i->lanes, i->dir_device, inode_of(i, name));
    if (!l || l->stage != LANE_LIVE)
        return;
    if (instance_check_lane(i, site, l, now_ns)) {
        instance_decide(i, false, now_ns);
        return;
    }
    /* The kernel tells of a close just before it drops the lock: look again a little later. */
    l->look_ns = now_ns + LOOK_AGAIN_NS;
    site_look_at(site, l->look_ns);
}

void
instance_finish_events(struct instance *i, struct site *site, uint64_t now_ns)
{
    if (!i->must_settle)
        return;
    instance_decide(i, false, now_ns);
    instance_follow(i, site, now_ns); /* what a new lane has already, after it came */
    instance_settle(i, site, now_ns);
}

void
instance_look(struct instance *i, struct site *site, uint64_t now_ns)
{
    instance_follow_more(i);
    if (i->must_look)
        instance_directory_look(i, site);
    if (i->must_scan)
        instance_scan(i, site, now_ns);
    for (uint32_t k = 0; k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        if (l->look_ns == 0)
            continue;
        if (l->look_ns > now_ns) {
            site_look_at(site, l->look_ns);
            continue;
        }
        l->look_ns = 0;
        if (l->stage == LANE_LIVE)
            instance_check_lane(i, site, l, now_ns);
    }
    if (i->poll_ns <= now_ns)
        instance_follow(i, site, now_ns);
    else
        site_look_at(site, i->poll_ns);
    instance_finish_events(i, site, now_ns);
}

/* Nobody tells of what happens in its directory, or to it. */
static bool
is_blind(const struct instance *i, const struct site *site)
{
    return i->watch < 0 || site->runtime_watch < 0;
}

/* A directory may be full of files that cannot be opened: the search for one that can takes a share of the time. */
static void
search(struct instance *i, struct site *site, uint64_t now_ns)
{
    uint64_t before_ns = core_now_ns();

    instance_scan(i, site, now_ns);
    i->search_ns = now_ns + SEARCH_REST * (core_now_ns() - before_ns);
}

void
instance_tick(struct instance *i, struct site *site, bool is_fresh, uint64_t now_ns)
{
    instance_follow_more(i);
    if (i->is_unread)
        read_store(i, site, now_ns);
    if (i->must_look || i->dir_fd < 0 || is_blind(i, site))
        instance_directory_look(i, site);
    else if (!i->interest.is_set)
        interest_apply(&i->interest, i->dir_fd, i->name);
    i->must_search |= i->lanes.is_refusing && i->lanes.count < SITE_INSTANCE_LANES_MAX &&
                      site->lanes < SITE_LANES_MAX - SITE_LANES_KEPT; /* others may have made room */
    if (i->must_scan || is_blind(i, site) || (i->must_search && now_ns >= i->search_ns))
        search(i, site, now_ns);
    instance_retry_aside(i, site, now_ns);
    if (i->must_reconcile)
        look_for_lost(i, site, now_ns);
    for (uint32_t k = 0; k < i->lanes.count; k++)
        if (i->lanes.lane[k]->stage == LANE_LIVE)
            instance_check_lane(i, site, i->lanes.lane[k], now_ns);
    if (i->must_check_files)
        instance_note_removed(i);
    instance_follow_registry(i, site, now_ns);
    instance_follow_controls(i, site, now_ns);
    if (i->must_settle) /* who came or went, before what they say */
        instance_decide(i, false, now_ns);
    if (is_fresh)
        instance_decide(i, false, now_ns);
    else
        instance_refresh(i, site, now_ns);
    instance_keep_places(i, site, now_ns);
    instance_notify_tick(i, now_ns);
    instance_settle(i, site, now_ns);
    instance_say_held_back(i);
}

/* Where the lane goes in the sums will be asked for next, after all lanes were read: short runs of memory, far apart,
 * of which the processor sees none coming. */
static void
fetch_ahead(const struct lane *l)
{
    for (size_t at = 0; at < FETCH_OCTETS; at += FETCH_LINE)
        __builtin_prefetch((const char *)&l->map + at);
}

void
instance_refresh(struct instance *i, struct site *site, uint64_t now_ns)
{
    bool collector_moved = false;

    instance_follow(i, site, now_ns);
    for (uint32_t k = 0; k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        if (l->stage != LANE_LIVE)
            continue;
        if (k + 1 < i->lanes.count)
            fetch_ahead(i->lanes.lane[k + 1]);
        instance_refresh_lane(i, l, now_ns);
        collector_moved |= lane_is_collector(l) && l->messages > l->heard_messages;
        l->heard_messages = l->messages;
    }
    hear(i, collector_moved, now_ns);
    instance_decide(i, false, now_ns);
    if (i->must_settle)
        site_look_at(site, now_ns);
}

int
instance_sum(struct instance *i, struct err *e)
{
    int code;

    tally_clear(&i->sum);
    code = tally_add(&i->sum, &i->retained, e);
    for (uint32_t k = 0; code == 0 && k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        if (lane_counts(l))
            code = tally_add_lane(&i->sum, &l->reader, &l->map, e);
    }
    if (code == 0)
        code = row_order_update(&i->order, &i->sum, i->config, i->notifier.rows, i->notifier.n_rows,
                                i->controls_generation, e);
    return code < 0 ? err_wrap(e, code, "instance %s", i->name) : 0;
}

/* ---- the state -------------------------------------------------------------------------------------------------- */

static void
sum_messages(const struct instance *i, uint64_t *in, uint64_t *out)
{
    *in = i->retained.counters[LANE_IN_REQUESTS] + i->retained.counters[LANE_IN_RESPONSES];
    *out = i->retained.counters[LANE_OUT_REQUESTS] + i->retained.counters[LANE_OUT_RESPONSES];
    for (uint32_t k = 0; k < i->lanes.count; k++) {
        const struct lane_copy *c = &i->lanes.lane[k]->reader.copy;

        if (!lane_counts(i->lanes.lane[k]))
            continue;
        *in += c->counters[LANE_IN_REQUESTS] + c->counters[LANE_IN_RESPONSES];
        *out += c->counters[LANE_OUT_REQUESTS] + c->counters[LANE_OUT_RESPONSES];
    }
}

/* Take note of messages that came and went: the sums are the whole instance's, so that nothing is noticed
 * twice. */
static void
hear(struct instance *i, bool collector_moved, uint64_t now_ns)
{
    uint64_t in, out;

    sum_messages(i, &in, &out);
    if (in == i->state.messages_in && out == i->state.messages_out && !collector_moved)
        return;
    oper_state_heard(&i->state, in, out, collector_moved, now_ns);
    i->state_changed = true;
}

void
instance_lose(struct instance *i, uint64_t now_ns)
{
    i->state.discon_ns = now_ns;
    i->state_changed = true;
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

void
instance_put_all(struct instance *i, struct store_txn *t)
{
    store_put_totals(t, i->name, &i->retained);
    store_put_state(t, i->name, &i->state);
    for (uint32_t k = 0; k < i->lanes.count; k++) {
        const struct lane *l = i->lanes.lane[k];

        store_put_lane(t, i->name, l->reader.header.identity,
                       l->stage == LANE_RETIRED ? STORE_LANE_RETIRED : STORE_LANE_ATTACHED);
    }
}

void
instance_put_state(struct instance *i, struct store_txn *t)
{
    if (i->state_changed)
        store_put_state(t, i->name, &i->state);
}
