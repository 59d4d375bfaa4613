/* SPDX-License-Identifier: BSD-2-Clause */
/* Retiring lanes, exactly once. A lane's counters are served from its last copy until ONE transaction has
 * added them to the instance's totals and remembered the lane; only then does the file go. Whatever dies
 * in between, the next start finds either a lane that the store does not call retired, and counts it, or
 * one that it does, and only removes it. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/instance_internal.h"
#include "agent/log.h"
#include "sipcore/fault.h"

enum {
    REMOVE_FIRST_MS = 1000,
    REMOVE_MOST_MS = 60000,
    RETAIN_MOST = 128 /* lanes in one transaction: what it costs hardly depends on
                       their number, but others wait for it */
};

#define REGISTRY_PATIENCE_NS UINT64_C(30000000000)

static bool must_wait(struct instance *i, struct lane *l, uint64_t now_ns);
static int register_lanes(struct instance *i, struct site *site, struct err *e);
static int retain_dead(struct instance *i, struct site *site, uint64_t now_ns, struct err *e);
static int retain(struct instance *i, struct site *site, struct lane *const *lane, uint32_t count,
                  struct err *e);
static bool has_name(const struct lane *l);
static int settle_transactions(struct instance *i, struct site *site, struct err *e);
static void forget_places(struct instance *i, struct site *site, uint64_t now_ns);
static bool remove_file(struct instance *i, struct lane *l, uint64_t now_ns);
static void move_aside(struct instance *i, struct site *site, uint32_t place);
static void said_store(struct instance *i, int code, const struct err *e);

/* ---- reading ---------------------------------------------------------------------------------------------------- */

void
instance_refresh_lane(struct instance *i, struct lane *l, uint64_t now_ns)
{
    struct err e;
    int code;

    assert(l->stage == LANE_LIVE);
    code = lane_reader_refresh(&l->reader, &e);
    l->messages = lane_messages(l);
    if (code == -EBADMSG) /* what passes shows in the next copy */
        instance_damage_lane(i, l, e.text, now_ns);
}

void
instance_damage_lane(struct instance *i, struct lane *l, const char *reason, uint64_t now_ns)
{
    l->stage = LANE_DAMAGED;
    i->evidence_of = NULL;
    i->must_settle = true;
    i->damaged++;
    snprintf(l->reason, sizeof(l->reason), "%.190s", reason);
    instance_lose(i, now_ns);
    instance_say(i, LOG_LEVEL_WARNING, LOG_LANE,
                 ": lane %s set aside: %s; what it counted until now is kept, "
                 "look at the file, then remove it",
                 l->label, reason);
}

bool
instance_check_lane(struct instance *i, struct site *site, struct lane *l, uint64_t now_ns)
{
    assert(l->stage == LANE_LIVE);
    lane_reader_check_map(&l->reader);
    if (!l->is_gone && lane_reader_alive(&l->reader))
        return false;
    l->is_gone = true;
    /* What it said before its end comes before its end. */
    if (!instance_follow_lane(i, site, l, now_ns)) {
        l->look_ns = now_ns;
        site_look_at(site, now_ns);
        return false;
    }
    /* The lock is the last thing that a writer loses: this copy is final. */
    if (l->stage == LANE_LIVE)
        instance_refresh_lane(i, l, now_ns);
    if (l->stage == LANE_LIVE)
        l->stage = LANE_DEAD;
    fault_point("retire.read");
    l->gone_ns = now_ns;
    i->must_settle = true;
    return true;
}

/* ---- lanes whose files were removed ----------------------------------------------------------------------------- */

/* Whether no later start can find the lane's file. One that was given another name in the directory is set
 * aside as a copy. One that cannot be looked at is there again when the directory can be searched. */
static bool
file_is_gone(const struct instance *i, const struct lane *l)
{
    struct stat st;

    if (fstat(l->reader.fd, &st) < 0 || st.st_nlink == 0)
        return true;
    if (i->dir_fd >= 0 && fstatat(i->dir_fd, l->name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return false;
    } else if (i->dir_fd >= 0 && st.st_ino == l->inode && st.st_dev == l->device) {
        return false;
    }
    for (uint32_t k = 0; k < i->lanes.n_aside; k++)
        if (i->lanes.aside[k].inode == l->inode && i->lanes.aside[k].device == l->device)
            return false;
    return true;
}

void
instance_note_removed(struct instance *i)
{
    uint32_t count = 0, back = 0;

    i->must_check_files = false;
    for (uint32_t k = 0; k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        if (l->stage != LANE_LIVE || l->is_removed == file_is_gone(i, l))
            continue;
        l->is_removed = !l->is_removed;
        *(l->is_removed ? &count : &back) += 1;
    }
    i->removed += count;
    if (count > 0)
        instance_say(i, LOG_LEVEL_WARNING, LOG_LANE,
                     ": the lane%s of %u live writer%s %s removed: restart %s; "
                     "until then what %s is in this "
                     "agent only",
                     count == 1 ? "" : "s", count, count == 1 ? "" : "s", count == 1 ? "was" : "were",
                     count == 1 ? "that process" : "those processes",
                     count == 1 ? "it counts" : "they count");
    if (back > 0)
        instance_say(i, LOG_LEVEL_INFO, LOG_LANE, ": the lane%s of %u live writer%s %s there again",
                     back == 1 ? "" : "s", back, back == 1 ? "" : "s", back == 1 ? "is" : "are");
}

void
instance_leave(struct instance *i, struct site *site, uint64_t now_ns)
{
    uint32_t kept = 0, lost = 0;
    struct err e = { "" };

    instance_follow_all(i);
    instance_directory_look(i, site);
    instance_follow(i, site, now_ns); /* what their rings have is not read any more afterwards */
    site_commit(site, now_ns);
    for (uint32_t k = 0; k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        if (!lane_counts(l) || !file_is_gone(i, l))
            continue;
        if (l->stage == LANE_LIVE)
            instance_refresh_lane(i, l, now_ns);
        if (site->store && !i->is_unread && retain(i, site, &l, 1, &e) == 0)
            kept++;
        else
            lost++;
    }
    if (kept > 0)
        instance_say(i, LOG_LEVEL_WARNING, LOG_LANE,
                     ": the file%s of %u lane%s %s removed: what was counted until "
                     "now is kept; restart writers "
                     "that live",
                     kept == 1 ? "" : "s", kept, kept == 1 ? "" : "s", kept == 1 ? "was" : "were");
    if (lost > 0)
        instance_say(i, LOG_LEVEL_ERROR, LOG_LANE, ": what %u removed lane%s counted is lost: %s", lost,
                     lost == 1 ? "" : "s", e.text[0] ? e.text : "there is no store");
}

/* ---- settling --------------------------------------------------------------------------------------------------- */

void
instance_settle(struct instance *i, struct site *site, uint64_t now_ns)
{
    struct err e = { "" };
    int code = site->store && !i->is_unread ? 0 : err_set(&e, -EAGAIN, "there is no store");

    i->must_settle = false;
    if (code == 0)
        code = register_lanes(i, site, &e);
    site_commit(site, now_ns); /* registrations first: with the file goes the ring */
    if (code == 0)
        code = retain_dead(i, site, now_ns, &e);
    forget_places(i, site, now_ns);
    for (uint32_t k = i->lanes.count; k-- > 0;) {
        struct lane *l = i->lanes.lane[k];

        if (l->stage != LANE_RETIRED)
            continue;
        instance_free_bindings(i, l);
        if (l->reason[0]) {
            move_aside(i, site, k);
        } else if (remove_file(i, l, now_ns)) {
            if (site->store && !has_name(l))
                store_forget_later(site->store, i->name, l->reader.header.identity);
            lane_set_remove(&i->lanes, k);
            site->lanes--;
            i->must_search |= i->lanes.is_refusing;
        }
    }
    if (code == 0)
        code = settle_transactions(i, site, &e);
    said_store(i, code, &e);
}

/* As many as one transaction takes; the others when it is this instance's turn
 * again. */
static int
retain_dead(struct instance *i, struct site *site, uint64_t now_ns, struct err *e)
{
    struct lane *dead[RETAIN_MOST];
    uint32_t count = 0;
    bool has_more = false;
    int code;

    for (uint32_t k = 0; !has_more && k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        if (l->stage != LANE_DAMAGED && (l->stage != LANE_DEAD || must_wait(i, l, now_ns)))
            continue;
        has_more = count == RETAIN_MOST;
        if (!has_more)
            dead[count++] = l;
    }
    code = count > 0 ? retain(i, site, dead, count, e) : 0;
    if (code == 0 && has_more) { /* a store that refuses is tried again at the tick */
        i->must_settle = true;
        site_look_at(site, now_ns);
    }
    return code;
}

/* Its registrations are not all in the registry: it takes none now, and is waited for, but not for ever. */
static bool
must_wait(struct instance *i, struct lane *l, uint64_t now_ns)
{
    uint64_t lost;

    if (!i->keeps_registrations || !(l->is_behind || l->has_more))
        return false;
    i->must_settle = true;
    if (now_ns < l->gone_ns + REGISTRY_PATIENCE_NS)
        return true;
    lost = l->kept.next_sequence != 0 ? l->place.next_sequence - l->kept.next_sequence : 0;
    i->events_lost_again += lost;
    l->is_behind = l->has_more = false; /* given up: counted once */
    if (flood_add(&i->events_lost, lost, now_ns))
        instance_say(i, LOG_LEVEL_WARNING, LOG_LANE,
                     ": lane %s: what it recorded of registrations is lost: the "
                     "registry took none",
                     l->label);
    return false;
}

/* No place is kept of a lane that is retired: killed here, the next agent finds it retired, and does the same. */
static void
forget_places(struct instance *i, struct site *site, uint64_t now_ns)
{
    for (uint32_t k = 0; k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        if (l->stage != LANE_RETIRED || l->kept_id == 0 || !site_batch(site, now_ns))
            continue;
        registry_forget_place(site->batch, l->kept_id, l->reader.header.identity);
        l->kept_id = 0;
    }
    site_commit(site, now_ns);
    fault_point("retire.forgotten");
}

/* The store learns of new lanes, so that one that vanishes while no agent runs is known to have been lost. */
static int
register_lanes(struct instance *i, struct site *site, struct err *e)
{
    struct store_txn *t = NULL;
    int code = 0;

    for (uint32_t k = 0; code == 0 && k < i->lanes.count; k++) {
        struct lane *l = i->lanes.lane[k];

        if (l->is_registered || l->stage != LANE_LIVE)
            continue;
        if (!t)
            code = store_begin(site->store, &t, e);
        if (code == 0)
            store_put_lane(t, i->name, l->reader.header.identity, STORE_LANE_ATTACHED);
    }
    if (!t)
        return code;
    store_put_state(t, i->name, &i->state);
    fault_point("register.put");
    code = store_commit(t, e);
    fault_point("register.committed");
    for (uint32_t k = 0; code == 0 && k < i->lanes.count; k++)
        i->lanes.lane[k]->is_registered |= i->lanes.lane[k]->stage == LANE_LIVE;
    return code;
}

static bool
shares_transactions(const struct lane *l)
{
    return (l->reader.header.flags & LANE_SHARED_TRANSACTIONS) != 0;
}

/* How many lanes there are whose transactions may still balance against what is kept: those of a lane that has its
 * own never do. A file that cannot be opened just now may be one that shares. */
static uint32_t
count_sharing(const struct instance *i)
{
    uint32_t count = i->must_reconcile; /* those that were not seen yet */
    for (uint32_t k = 0; k < i->lanes.count; k++)
        count += lane_counts(i->lanes.lane[k]) && shares_transactions(i->lanes.lane[k]);
    for (uint32_t k = 0; k < i->lanes.n_aside; k++)
        count += i->lanes.aside[k].retry_ns != 0;
    return count;
}

/* Open transactions of a lane that has its own end with it, and what it ended too often is nobody else's; a
 * difference between lanes that share them is kept while one of these lives, and dropped with the last. */
static void
end_transactions(const struct lane *l, bool has_others, struct tally *totals)
{
    const uint64_t *c = l->reader.copy.counters;

    if (!shares_transactions(l)) /* its own `ended` is among the totals: no difference is below 0 */
        totals->counters[LANE_TRANS_ENDED] += c[LANE_TRANS_BEGUN] - c[LANE_TRANS_ENDED];
    if (!has_others)
        totals->counters[LANE_TRANS_ENDED] = totals->counters[LANE_TRANS_BEGUN];
}

static int
add_up(const struct instance *i, struct lane *const *lane, uint32_t count, struct tally *totals,
       struct err *e)
{
    uint32_t sharing = count_sharing(i);
    int code = tally_init(totals, e);

    if (code < 0)
        return code;
    code = tally_add(totals, &i->retained, e);
    for (uint32_t k = 0; code == 0 && k < count; k++) {
        struct tally_map map = { 0 };
        code = tally_add_lane(totals, &lane[k]->reader, &map, e);
        sharing -= shares_transactions(lane[k]);
        if (code == 0)
            end_transactions(lane[k], sharing > 0, totals);
    }
    if (code < 0)
        tally_fini(totals);
    return code;
}

/* The one transaction. What the instance holds in memory changes only when the store has. */
static int
retain(struct instance *i, struct site *site, struct lane *const *lane, uint32_t count, struct err *e)
{
    struct store_txn *t;
    struct tally totals;
    int code = add_up(i, lane, count, &totals, e);

    fault_point("retire.added");
    if (code < 0)
        return code;
    code = store_begin(site->store, &t, e);
    if (code == 0) {
        store_put_totals(t, i->name, &totals);
        store_put_state(t, i->name, &i->state);
        for (uint32_t k = 0; k < count; k++)
            store_put_lane(t, i->name, lane[k]->reader.header.identity, STORE_LANE_RETIRED);
        fault_point("retire.put");
        code = store_commit(t, e);
        fault_point("retire.committed");
    }
    if (code < 0) {
        tally_fini(&totals);
        return err_wrap(e, code, "lane %s", lane[0]->label);
    }
    tally_fini(&i->retained);
    i->retained = totals;
    for (uint32_t k = 0; k < count; k++)
        lane[k]->stage = LANE_RETIRED;
    i->retired += count;
    i->state_changed = false;
    return 0;
}

/* When the last lane that shares them went without being retained here (its file lost, or never opened),
 * its share is still to drop. */
static int
settle_transactions(struct instance *i, struct site *site, struct err *e)
{
    uint64_t *c = i->retained.counters, ended = c[LANE_TRANS_ENDED];
    struct store_txn *t;
    int code;

    if (c[LANE_TRANS_BEGUN] == ended || count_sharing(i) > 0)
        return 0;
    code = store_begin(site->store, &t, e);
    if (code < 0)
        return code;
    c[LANE_TRANS_ENDED] = c[LANE_TRANS_BEGUN];
    store_put_totals(t, i->name, &i->retained);
    code = store_commit(t, e);
    if (code < 0)
        c[LANE_TRANS_ENDED] = ended;
    return code;
}

/* ---- after retaining -------------------------------------------------------------------------------------------- */

/* Remove the file, if that name is still this file. True when it is gone. */
static bool
remove_file(struct instance *i, struct lane *l, uint64_t now_ns)
{
    struct stat st;
    int code;

    if (i->dir_fd < 0 || l->look_ns > now_ns)
        return false;
    if (fstatat(i->dir_fd, l->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        code = errno == ENOENT ? 0 : -errno;
    else if (st.st_dev != l->device || st.st_ino != l->inode)
        code = 0;
    else {
        fault_point("retire.unlink");
        code = unlinkat(i->dir_fd, l->name, 0) == 0 || errno == ENOENT ? 0 : -errno;
        fault_point("retire.unlinked");
    }
    if (code == 0)
        return true;
    if (l->delay_ms == 0)
        instance_say(i, LOG_LEVEL_WARNING, LOG_LANE,
                     ": lane %s is retired, but its file cannot be removed: %s; "
                     "sipmibd must be able to write to "
                     "the directory; trying again",
                     l->label, strerror(-code));
    l->delay_ms = l->delay_ms ? l->delay_ms * 2 : REMOVE_FIRST_MS;
    if (l->delay_ms > REMOVE_MOST_MS)
        l->delay_ms = REMOVE_MOST_MS;
    l->look_ns = now_ns + (uint64_t)l->delay_ms * 1000000u;
    return false;
}

/* Whether the file is still to be found, in this directory or elsewhere: then
 * it must not be counted again. */
static bool
has_name(const struct lane *l)
{
    struct stat st;

    return fstat(l->reader.fd, &st) == 0 && st.st_nlink > 0;
}

/* A damaged lane's file stays for whoever wants to know why; the store goes on calling it retired. */
static void
move_aside(struct instance *i, struct site *site, uint32_t place)
{
    const struct lane *l = i->lanes.lane[place];
    struct lane_aside *a = NULL;
    struct stat st;

    if (fstat(l->reader.fd, &st) == 0)
        a = lane_set_put_aside(&i->lanes, l->name, &st);
    if (a) {
        snprintf(a->reason, sizeof(a->reason), "%s", l->reason);
        a->code = -EBADMSG;
        a->retry_ns = 0;
    }
    lane_set_remove(&i->lanes, place);
    site->lanes--;
}

/* Once per kind of trouble, and once when it ends. */
static void
said_store(struct instance *i, int code, const struct err *e)
{
    if (code != 0)
        i->must_settle = true; /* at the next tick */
    if (code == i->said_store_code || code == -EAGAIN)
        return;
    if (code == 0)
        instance_say(i, LOG_LEVEL_INFO, LOG_STORE, ": the store takes retired lanes again");
    else
        instance_say(i, LOG_LEVEL_ERROR, LOG_STORE, ": %s; lanes wait, trying again%s", e->text,
                     code == -ENOSPC ? "; make room in the runtime directory" : "");
    i->said_store_code = code;
}
