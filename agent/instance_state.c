/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of an instance, as its lanes show it. */
#include <string.h>

#include "agent/instance_internal.h"

static void note_software(struct instance *i);

static void
note_declared(struct instance_evidence *evidence, const struct lane *l)
{
    bool kind = lane_is_collector(l);

    if (l->declared == 0 || l->declared_ns < evidence->declared_ns[kind])
        return;
    evidence->declared[kind] = l->declared;
    evidence->declared_ns[kind] = l->declared_ns;
}

static void
gather(struct instance_evidence *evidence, const struct instance *i, bool known_only)
{
    *evidence = (struct instance_evidence){ .declared = { 0 } };
    for (uint32_t k = 0; k < i->lanes.count; k++) {
        const struct lane *l = i->lanes.lane[k];
        uint64_t started = l->reader.header.started_monotonic_ns;

        if (l->stage != LANE_LIVE || (known_only && !l->was_known))
            continue;
        if (lane_is_collector(l))
            evidence->all.collectors++;
        else if (evidence->all.writers++ == 0 || started < evidence->all.earliest_start_ns)
            evidence->all.earliest_start_ns = started;
        note_declared(evidence, l);
    }
}

/* Trouble is for those who read warnings only. */
static void
say_status(struct instance *i, uint32_t before, const struct oper_evidence *evidence)
{
    uint32_t status = i->state.oper_status;
    bool is_trouble = status == OPER_DOWN || status == OPER_CONGESTED;

    instance_say(i, is_trouble ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, LOG_STATE,
                 " is %s, was %s; %u writer%s, %u collector%s", oper_status_name(status),
                 oper_status_name(before), evidence->writers, evidence->writers == 1 ? "" : "s",
                 evidence->collectors, evidence->collectors == 1 ? "" : "s");
}

static void
decide_by(struct instance *i, struct instance_evidence *evidence, uint64_t now_ns)
{
    struct oper_evidence *all = &evidence->all;
    uint64_t gone_before = i->state.writers_gone_ns;
    uint32_t before = i->state.oper_status, had_before = i->state.had_writer;

    all->now_ns = now_ns;
    all->stale_after_ns = (uint64_t)i->config->stale_after_s * 1000000000u;
    all->declared = evidence->declared[all->writers == 0];
    all->declared_ns = evidence->declared_ns[all->writers == 0];
    if (oper_state_decide(&i->state, all)) {
        say_status(i, before, all);
        notifier_state(&i->notifier, before, &i->state, now_ns);
        i->state_changed = true;
    }
    if (i->state.writers_gone_ns != gone_before || i->state.had_writer != had_before)
        i->state_changed = true;
}

void
instance_decide(struct instance *i, bool known_only, uint64_t now_ns)
{
    struct instance_evidence evidence;

    if (i->is_unseen)
        return;
    if (!known_only)
        note_software(i);
    gather(&evidence, i, known_only);
    decide_by(i, &evidence, now_ns);
}

/* Of thousands of lanes each may have thousands of changes: all lanes are
 * looked at once for those of one. */
void
instance_hear_state(struct instance *i, const struct lane *l, uint64_t now_ns)
{
    if (i->is_unseen)
        return;
    if (i->evidence_of == l)
        note_declared(&i->evidence, l);
    else
        gather(&i->evidence, i, false);
    i->evidence_of = l;
    decide_by(i, &i->evidence, now_ns);
}

/* The newest writer's word; a collector's only where there is no other. What
 * was last known stays. */
static void
note_software(struct instance *i)
{
    const struct lane_header *newest = NULL;
    bool is_collector = true;

    for (uint32_t k = 0; k < i->lanes.count; k++) {
        const struct lane *l = i->lanes.lane[k];
        const struct lane_header *h = &l->reader.header;

        if (l->stage != LANE_LIVE || h->software[0] == '\0' ||
            (newest && !is_collector && lane_is_collector(l)))
            continue;
        if (!newest || (is_collector && !lane_is_collector(l)) ||
            h->started_monotonic_ns > newest->started_monotonic_ns) {
            newest = h;
            is_collector = lane_is_collector(l);
        }
    }
    if (newest)
        memcpy(i->software, newest->software, sizeof(i->software));
}
