/* SPDX-License-Identifier: BSD-2-Clause */
/* Following the event rings of an instance's lanes.
 *
 * Two things are read from one ring. Status and state events are news: each is heard once, by this agent, and only if
 * it was recorded in its time; `heard` tells how far. Registrations are kept: they go into the registry in batches,
 * each with the place in the ring up to which it covers it, so that they come true exactly once whatever is killed.
 * Where a batch fails the ring is read again from the place that the registry has; what was heard is not heard again.
 *
 * How often. A reader that spins costs its writers 4 to 8 times what a count costs them, since each look takes the
 * ring's head away from the writer's cache; and 1 ms later is soon enough for any console. So: 1 ms after a look that
 * found something, then twice as long each time, up to 50 ms while it is quiet. With many lanes, of which a look costs
 * about a microsecond each, no more often than 1 ms for every 64, a tenth of a processor at most. An instance of which
 * nothing is wanted is looked at with the snapshots and ticks, for its state. */
#include <errno.h>
#include <inttypes.h>

#include "agent/instance_internal.h"
#include "agent/log.h"

enum {
    FOLLOW_MOST = 4096,   /* records of one lane at a time: a few milliseconds */
    FOLLOW_SHARE = 4096,  /* of all lanes of an instance: what it may take before
                           others have their turn */
    FOLLOW_ALL = 1 << 20, /* ... at a start or an end */
    COST_NOTIFICATION = 1 /* of a status code, for each lane, of which all cells
                           are looked through; a record is 1 */
};

#define POLL_LEAST_NS UINT64_C(1000000)
#define POLL_MOST_NS  UINT64_C(50000000)
#define POLL_LANES    64

static void find_kept(const struct site *site, struct lane *l, uint32_t registry_id,
                      const struct ring_cursor *newest);
static void spend(struct instance *i, uint64_t units);
static void go_back(struct instance *i, struct lane *l);
static void take(struct instance *i, struct site *site, struct lane *l, const struct ring_event *event,
                 uint64_t now_ns);
static void note_lost(struct instance *i, struct lane *l, uint32_t read_octets, uint64_t now_ns);
static void declare(struct lane *l);
static void plan_next(struct instance *i, struct site *site, bool found, bool is_done, uint64_t now_ns);

/* ---- where to begin --------------------------------------------------------------------------------------------- */

int
instance_follow_begin(struct instance *i, struct site *site, struct lane *l, struct err *e)
{
    bool is_new = l->reader.header.started_monotonic_ns >= i->taken_up_ns;
    struct ring_cursor newest;
    int code;

    if (l->stage != LANE_LIVE) {
        l->kept_id = i->registry_id; /* perhaps: forgetting what is not there does no harm */
        return 0;
    }
    code = ring_cursor_init(&newest, &l->reader, false, e);
    if (code == 0)
        code = ring_cursor_init(&l->place, &l->reader, true, e);
    if (code == 0)
        code = lane_reader_refresh(&l->reader, e); /* not older than the place: what it says is not missed */
    if (code == -EBADMSG)
        return code;
    if (!is_new || l->place.position == newest.position)
        declare(l);
    l->heard = is_new ? 0 : newest.position;
    /* Its first records are overwritten already; how many registrations that were is not known. */
    if (is_new && l->place.next_sequence > 1)
        flood_add(&i->events_lost, l->place.next_sequence - 1, i->taken_up_ns);
    if (!is_new && !i->keeps_registrations)
        l->place = newest;
    l->kept = l->place;
    if (i->registry_id != 0)
        find_kept(site, l, i->registry_id, &newest);
    l->place = l->kept;
    return 0;
}

/* The place that the registry has is the better one, if it is one of this ring: what is before is in it already. */
static void
find_kept(const struct site *site, struct lane *l, uint32_t registry_id, const struct ring_cursor *newest)
{
    struct ring_cursor kept, place;
    struct err e;

    if (!registry_get_place(site->registry, registry_id, l->reader.header.identity, &kept))
        return;
    l->kept_id = registry_id;
    if (kept.position <= newest->position &&
        ring_cursor_resume(&place, &l->reader, kept.position, kept.next_sequence, &e) == 1)
        l->kept = place;
}

/* The state as the lane's copy has it; as it was opened it has declared none. */
static void
declare(struct lane *l)
{
    const struct lane_copy *c = &l->reader.copy;

    l->declared_ns = c->state_monotonic_ns;
    l->declared = 0;
    if (c->state != OPER_UP || c->state_monotonic_ns != l->reader.header.started_monotonic_ns)
        l->declared = c->state;
}

void
instance_follow_registry(struct instance *i, struct site *site, uint64_t now_ns)
{
    struct err e = { "" };
    int code = 0;

    i->keeps_registrations = i->config->roles & CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR);
    if (!site->registry || (i->registry_id != 0 && i->registry_generation != site->registry_generation))
        i->registry_id = 0;
    if (!site->registry || i->keeps_registrations == (i->registry_id != 0))
        return;
    site_commit(site, now_ns); /* these are batches of their own */
    if (i->keeps_registrations)
        code = registry_instance(site->registry, i->name, &i->registry_id, &e);
    else
        code = registry_clear(site->registry, i->registry_id, &e);
    if (code < 0) {
        if (code != i->said_registry_code)
            instance_say(i, LOG_LEVEL_ERROR, LOG_STORE, ": %s; trying again", e.text);
        i->said_registry_code = code;
        i->registry_id = i->keeps_registrations ? 0 : i->registry_id;
        return;
    }
    i->said_registry_code = 0;
    i->registry_id = i->keeps_registrations ? i->registry_id : 0;
    i->registry_generation = site->registry_generation;
    for (uint32_t k = 0; i->keeps_registrations && k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];
        struct ring_cursor newest = l->place;

        if (l->stage != LANE_LIVE && l->stage != LANE_DEAD)
            continue;
        /* A registry that knows nothing of the lane gets what the ring still has all of. */
        if (ring_cursor_init(&l->kept, &l->reader, true, &e) < 0 || l->kept.position > newest.position)
            l->kept = newest;
        find_kept(site, l, i->registry_id, &newest);
        l->is_behind = l->kept.position < l->place.position;
    }
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

void
instance_follow(struct instance *i, struct site *site, uint64_t now_ns)
{
    uint32_t count = i->lanes.count, from = i->follow_from < count ? i->follow_from : 0;
    bool found = false, is_done = true;

    i->follow_from = 0; /* in their order, unless the share is used up below */
    instance_follow_more(i);
    for (uint32_t n = 0; n < count; n++) {
        struct lane *l = i->lanes.lane[(from + n) % count];
        uint64_t before = l->place.position;

        if (i->follow_left == 0) { /* the others' turn comes first the next time */
            i->follow_from = (from + n) % count;
            is_done = false;
            break;
        }
        if (l->stage != LANE_LIVE && !(l->stage == LANE_DEAD && (l->is_behind || l->has_more)))
            continue;
        is_done &= instance_follow_lane(i, site, l, now_ns);
        found |= l->place.position != before;
    }
    if (i->must_follow_controls)
        instance_follow_controls(i, site, now_ns);
    plan_next(i, site, found, is_done, now_ns);
}

static void
plan_next(struct instance *i, struct site *site, bool found, bool is_done, uint64_t now_ns)
{
    uint64_t least_ns = POLL_LEAST_NS * (1 + i->lanes.count / POLL_LANES);

    i->poll_delay_ns = found ? least_ns : i->poll_delay_ns * 2;
    if (i->poll_delay_ns > POLL_MOST_NS)
        i->poll_delay_ns = POLL_MOST_NS;
    if (i->poll_delay_ns < least_ns)
        i->poll_delay_ns = least_ns;
    if ((i->lanes.count == 0 || !interest_is_any(&i->interest)) && is_done) {
        i->poll_ns = SITE_NEVER;
        return;
    }
    i->poll_ns = now_ns + (is_done ? i->poll_delay_ns : 0);
    site_look_at(site, i->poll_ns);
}

static void
spend(struct instance *i, uint64_t units)
{
    i->follow_left -= units < i->follow_left ? (uint32_t)units : i->follow_left;
}

void
instance_follow_more(struct instance *i)
{
    if (i->follow_left < FOLLOW_SHARE)
        i->follow_left = FOLLOW_SHARE;
}

void
instance_follow_all(struct instance *i)
{
    i->follow_left = FOLLOW_ALL;
}

bool
instance_follow_lane(struct instance *i, struct site *site, struct lane *l, uint64_t now_ns)
{
    struct ring_event event;
    struct err e = { "" };
    int code = 1;

    if (l->is_behind && i->registry_id != 0 && site_takes_registrations(site, now_ns))
        go_back(i, l);
    i->evidence_of = NULL;
    for (unsigned n = 0; n < FOLLOW_MOST && i->follow_left > 0; n++) {
        code = ring_next(&l->place, &l->reader, &event, &e);
        note_lost(i, l, code == 1 ? event.record.octets : 0, now_ns);
        if (code <= 0)
            break;
        if (event.record.sequence >= l->counted) {
            i->events++;
            l->counted = event.record.sequence + 1;
        }
        spend(i, 1);
        take(i, site, l, &event, now_ns);
    }
    i->evidence_of = NULL;
    l->has_more = code == 1;
    if (code < 0 && l->stage == LANE_LIVE)
        instance_damage_lane(i, l, e.text, now_ns);
    if (code < 0) {
        l->is_behind = false; /* there is nothing to go back to */
        return true;
    }
    if (i->registry_id != 0 && !l->is_behind && site->batch)
        site_put_place(site, l, i->registry_id, instance_safe_place(l));
    if (code == 0 && l->is_resyncing && l->stage == LANE_LIVE) {
        l->is_resyncing = false;
        instance_refresh_lane(i, l, now_ns);
        declare(l);
        instance_decide(i, false, now_ns);
    }
    return code == 0;
}

void
instance_keep_places(struct instance *i, struct site *site, uint64_t now_ns)
{
    for (uint32_t k = 0; i->registry_id != 0 && k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        if (l->stage == LANE_LIVE && !l->is_behind && !l->is_in_batch &&
            l->kept.position != instance_safe_place(l)->position && site_batch(site, now_ns))
            site_put_place(site, l, i->registry_id, instance_safe_place(l));
    }
}

static void
go_back(struct instance *i, struct lane *l)
{
    instance_free_bindings(i, l);
    l->place = l->kept;
    l->is_behind = false;
}

/* The `lost` records before record number `next` are lost. Which of them had been counted as read before? */
static void
count_again(struct instance *i, struct lane *l, uint64_t lost, uint64_t next)
{
    if (l->counted > next - lost)
        i->events_lost_again += l->counted < next ? l->counted - (next - lost) : lost;
    if (l->counted < next)
        l->counted = next;
}

/* `read_octets`: of the record that came after what was lost. */
static void
note_lost(struct instance *i, struct lane *l, uint32_t read_octets, uint64_t now_ns)
{
    uint64_t lost = l->place.lost;

    if (lost == 0)
        return;
    l->place.lost = 0;
    l->is_resyncing = true;
    count_again(i, l, lost, l->place.next_sequence - (read_octets > 0));
    instance_break_bindings(i, l);
    if (l->kept.position < l->place.position - read_octets) { /* nothing is left there to go back to */
        l->kept = l->place;
        l->kept.position -= read_octets;
        l->kept.next_sequence -= read_octets > 0;
    }
    if (flood_add(&i->events_lost, lost, now_ns))
        instance_say(i, LOG_LEVEL_WARNING, LOG_LANE,
                     ": lane %s: events were overwritten before they were read: "
                     "notifications are "
                     "missing, and registrations until their next refresh; give "
                     "the writer a longer ring",
                     l->label);
}

/* ---- one record ------------------------------------------------------------------------------------------------- */

/* When an event happened, CLOCK_MONOTONIC: not in the future, and not before the one before. */
static uint64_t
event_ns(const struct lane *l, const struct ring_event *event, uint64_t now_ns)
{
    uint64_t unix_ns = site_unix_ns(now_ns), ago_ns;

    ago_ns = event->record.time_ns < unix_ns ? unix_ns - event->record.time_ns : 0;
    if (ago_ns > now_ns || now_ns - ago_ns < l->declared_ns)
        return l->declared_ns < now_ns ? l->declared_ns : now_ns;
    return now_ns - ago_ns;
}

/* Decided event by event, so that a restart is seen that began and ended between two looks. */
static void
hear_state(struct instance *i, struct lane *l, const struct ring_event *event, uint64_t now_ns)
{
    l->declared_ns = event_ns(l, event, now_ns);
    l->declared = event->state.state;
    instance_hear_state(i, l, now_ns);
}

static void
take_registration(struct instance *i, struct site *site, struct lane *l, const struct ring_event *event,
                  uint64_t now_ns)
{
    struct registry_batch *batch = NULL;

    if (!l->is_behind && i->registry_id != 0)
        batch = site_batch(site, now_ns);
    if (!batch) {
        l->is_behind = true; /* the ring keeps it */
        return;
    }
    if (event->record.type == LANE_EVENT_BINDINGS)
        instance_take_bindings(i, batch, l, event);
    else
        registry_put_failure(batch, i->registry_id, event->aor, event->record.time_ns);
}

static void
take(struct instance *i, struct site *site, struct lane *l, const struct ring_event *event, uint64_t now_ns)
{
    bool is_news = l->place.position - event->record.octets >= l->heard;
    uint32_t raised = i->notifier.sequence;
    unsigned type = event->record.type;

    if (l->place.position > l->heard)
        l->heard = l->place.position;
    if (type != LANE_EVENT_BINDINGS)
        instance_break_bindings(i, l);
    if (type == LANE_EVENT_STATE && is_news)
        hear_state(i, l, event, now_ns);
    else if (type == LANE_EVENT_STATUS && is_news)
        instance_hear_status(i, site, l, event, now_ns);
    else if ((type == LANE_EVENT_AUTH_FAILED || type == LANE_EVENT_BINDINGS) && i->keeps_registrations)
        take_registration(i, site, l, event, now_ns);
    if (i->notifier.sequence != raised)
        spend(i, COST_NOTIFICATION * (uint64_t)i->lanes.count);
}
