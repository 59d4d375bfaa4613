/* SPDX-License-Identifier: BSD-2-Clause */
/* The batch in which the core thread puts what it reads from the rings into the registry: one over all instances and
 * lanes, so that what comes in quickly is written in few transactions, and each lane's place with it. */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "agent/core.h"
#include "agent/lane_set.h"
#include "agent/log.h"
#include "agent/site.h"
#include "sipcore/fault.h"

#define REST_NS UINT64_C(1000000000) /* after a failure */

static void end_batch(struct site *s, bool is_kept);
static void say(struct site *s, int code, const struct err *e);
static void say_refused(struct site *s, uint64_t now_ns);

uint64_t
site_unix_ns(uint64_t now_ns)
{
    uint64_t monotonic_ns = core_now_ns(), unix_ns;
    struct timespec real = { 0, 0 };

    clock_gettime(CLOCK_REALTIME, &real);
    if (real.tv_sec < 0) /* before 1970: as good as not known */
        return 0;
    unix_ns = (uint64_t)real.tv_sec * 1000000000u + (uint64_t)real.tv_nsec;
    if (now_ns >= monotonic_ns)
        return unix_ns + (now_ns - monotonic_ns);
    return unix_ns > monotonic_ns - now_ns ? unix_ns - (monotonic_ns - now_ns) : 0;
}

bool
site_takes_registrations(const struct site *s, uint64_t now_ns)
{
    return s->batch || (s->registry && now_ns >= s->registry_rest_ns);
}

struct registry_batch *
site_batch(struct site *s, uint64_t now_ns)
{
    struct registry_clock clock;
    struct err e = { "" };
    int code;

    if (s->batch || !site_takes_registrations(s, now_ns))
        return s->batch;
    clock = (struct registry_clock){ .now_ns = now_ns, .unix_ns = site_unix_ns(now_ns) };
    code = registry_begin(s->registry, &clock, &s->batch, &e);
    if (code == 0)
        return s->batch;
    s->batch = NULL;
    s->registry_rest_ns = now_ns + REST_NS;
    s->batches_failed++;
    say(s, code, &e);
    return NULL;
}

void
site_put_place(struct site *s, struct lane *l, uint32_t registry_id, const struct ring_cursor *place)
{
    fault_point("batch.place");
    registry_put_place(s->batch, registry_id, l->reader.header.identity, place);
    l->put = *place;
    l->kept_id = registry_id;
    if (l->is_in_batch)
        return;
    l->is_in_batch = true;
    l->next_in_batch = s->batch_lanes;
    s->batch_lanes = l;
}

int
site_commit(struct site *s, uint64_t now_ns)
{
    struct registry_batch *batch = s->batch;
    struct err e = { "" };
    int code;

    if (!batch)
        return 0;
    s->batch = NULL;
    fault_point("batch.commit");
    code = registry_commit(batch, &e);
    fault_point("batch.committed");
    if (code < 0) {
        s->registry_rest_ns = now_ns + REST_NS;
        s->batches_failed++;
    }
    end_batch(s, code == 0);
    say(s, code, &e);
    say_refused(s, now_ns);
    return code;
}

/* Nothing of a failed batch is in the registry: all of it is read again from where the registry is, what is still in
 * the ring. A failed authentication counts once, as often as it is read. */
static void
end_batch(struct site *s, bool is_kept)
{
    for (struct lane *l = s->batch_lanes; l; l = l->next_in_batch) {
        l->is_in_batch = false;
        if (is_kept)
            l->kept = l->put;
        else
            l->is_behind = true;
    }
    s->batch_lanes = NULL;
}

/* Once per kind of trouble, and once when it ends. */
static void
say(struct site *s, int code, const struct err *e)
{
    if (code == s->said_batch_code)
        return;
    if (code == 0)
        log_line(LOG_LEVEL_INFO, LOG_STORE, "the registry takes registrations again");
    else
        log_line(LOG_LEVEL_ERROR, LOG_STORE, "%s; registrations wait in the event rings, trying again%s",
                 e->text, code == -ENOSPC ? "; make room in the runtime directory" : "");
    s->said_batch_code = code;
}

/* Where there is hardly any room batches go on without what is new. Said once, and once when there is room again. */
static void
say_refused(struct site *s, uint64_t now_ns)
{
    struct registry_stats stats;
    uint64_t news, count;

    registry_stats_get(s->registry, &stats);
    news = stats.refused_full - s->refused_seen;
    s->refused_seen = stats.refused_full;
    if (flood_add(&s->refused, news, now_ns))
        log_line(
            LOG_LEVEL_ERROR, LOG_STORE,
            "hardly any room is left for registrations in %s/%s: new users and contacts are left out, who is "
            "known is refreshed; make room in the runtime directory",
            s->runtime_dir, REGISTRY_NAME);
    else if (!stats.is_full && flood_is_over(&s->refused, now_ns, &count))
        log_line(LOG_LEVEL_INFO, LOG_STORE,
                 "there is room for registrations again: %" PRIu64
                 " found none, and come back with their refreshes",
                 count);
}
