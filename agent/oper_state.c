/* SPDX-License-Identifier: BSD-2-Clause */
/* What state a SIP entity is in. */
#include "agent/oper_state.h"

static void note_writers(struct instance_state *s, const struct oper_evidence *evidence);
static enum oper_status judge(const struct instance_state *s, const struct oper_evidence *evidence);
static bool collector_heard(const struct instance_state *s, const struct oper_evidence *evidence);
static uint64_t entered(const struct instance_state *s, const struct oper_evidence *evidence,
                        enum oper_status status);
static void note_start(struct instance_state *s, const struct oper_evidence *evidence);

void
oper_state_init(struct instance_state *s, uint64_t now_ns)
{
    *s = (struct instance_state){
        .discon_ns = now_ns,
        .oper_status = OPER_UNKNOWN,
        .last_change_ns = now_ns,
    };
}

void
oper_state_heard(struct instance_state *s, uint64_t messages_in, uint64_t messages_out, bool collector_moved,
                 uint64_t now_ns)
{
    if (messages_in > s->messages_in)
        s->last_in_ns = now_ns;
    if (messages_out > s->messages_out)
        s->last_out_ns = now_ns;
    if (collector_moved)
        s->collector_heard_ns = now_ns;
    s->messages_in = messages_in;
    s->messages_out = messages_out;
}

bool
oper_state_decide(struct instance_state *s, const struct oper_evidence *evidence)
{
    enum oper_status status;
    uint64_t entered_ns;

    note_writers(s, evidence);
    status = judge(s, evidence);
    if (status == s->oper_status)
        return false;
    entered_ns = entered(s, evidence, status);
    if (s->oper_status == OPER_UNKNOWN || s->oper_status == OPER_DOWN)
        note_start(s, evidence);
    s->oper_status = status;
    s->last_change_ns = entered_ns;
    return true;
}

static void
note_writers(struct instance_state *s, const struct oper_evidence *evidence)
{
    if (evidence->writers > 0) {
        s->had_writer = 1;
        s->writers_gone_ns = 0;
    } else if (s->had_writer && s->writers_gone_ns == 0) {
        s->writers_gone_ns = evidence->now_ns;
    } else if (evidence->collectors > 0 && s->collector_heard_ns > s->writers_gone_ns) {
        /* SIP after their end: the entity goes on without them, and a silence is no death any more. */
        s->had_writer = 0;
    }
}

static enum oper_status
judge(const struct instance_state *s, const struct oper_evidence *evidence)
{
    if (evidence->writers > 0)
        return evidence->declared ? (enum oper_status)evidence->declared : OPER_UP;
    if (evidence->collectors > 0 && evidence->declared > OPER_UP)
        return (enum oper_status)evidence->declared;
    if (evidence->collectors > 0 && collector_heard(s, evidence))
        return OPER_UP;
    return s->had_writer ? OPER_DOWN : OPER_UNKNOWN;
}

/* What a collector heard before the entity's own writers died says nothing about the time after. */
static bool
collector_heard(const struct instance_state *s, const struct oper_evidence *evidence)
{
    if (s->collector_heard_ns == 0 || s->collector_heard_ns <= s->writers_gone_ns)
        return false;
    return s->collector_heard_ns + evidence->stale_after_ns >= evidence->now_ns;
}

/* When that became so, which may be a while before it is noticed: lanes are looked at when somebody asks, or once a
 * second. A time before the last change is of something that did not make this one. */
static uint64_t
entered(const struct instance_state *s, const struct oper_evidence *evidence, enum oper_status status)
{
    uint64_t ns = 0;

    if (evidence->writers > 0 && evidence->declared == status)
        ns = evidence->declared_ns;
    else if (evidence->writers > 0 && (s->oper_status == OPER_UNKNOWN || s->oper_status == OPER_DOWN))
        ns = evidence->earliest_start_ns;
    else if (evidence->collectors > 0 && status == OPER_UNKNOWN)
        ns = s->collector_heard_ns + evidence->stale_after_ns;
    if (ns < s->last_change_ns || ns > evidence->now_ns)
        ns = evidence->now_ns;
    return ns > s->last_change_ns ? ns : s->last_change_ns;
}

/* The entity came up: when it started is what its first writer says, within reason. A collector does not
 * know: the first it heard is the start, and a silence is no new one. */
static void
note_start(struct instance_state *s, const struct oper_evidence *evidence)
{
    if (evidence->writers > 0) {
        s->start_ns = evidence->earliest_start_ns;
        if (s->start_ns == 0 || s->start_ns > evidence->now_ns)
            s->start_ns = evidence->now_ns;
    } else if (evidence->collectors > 0 && (s->start_ns == 0 || s->oper_status == OPER_DOWN)) {
        s->start_ns = evidence->now_ns;
    }
}

const char *
oper_status_name(uint32_t status)
{
    static const char *const names[] = { "?",         "unknown",    "up",        "down",
                                         "congested", "restarting", "quiescing", "testing" };

    return names[status <= OPER_TESTING ? status : 0];
}
