/* SPDX-License-Identifier: BSD-2-Clause */
/* SET in the phases of net-snmp. */
#include "agent/agentx_set.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agentx_answer.h"
#include "agent/controls.h"
#include "agent/core.h"
#include "agent/log.h"
#include "mib/set.h"

enum {
    PLANS_MAX = 8, /* the master has one SET at a time; more are the remains of one that forgot to clean up */
    CHANGES_WAIT_MS = 300 /* for the core to take a change in */
};

/* A SET between its phases. */
struct plan {
    bool is_applied;
    long transaction;
    const netsnmp_handler_registration *registration;
    struct mib_change *changes;
    size_t n_changes;
    struct controls_undo *undo;
};

/* The varbinds of one call. */
struct assignments {
    struct mib_assignment *assignment;
    uint32_t *ids; /* that they point to */
    size_t count;
};

static struct {
    struct core *core;
    struct plan plans[PLANS_MAX]; /* the oldest first */
    size_t n_plans;
    uint64_t changed_ns;                           /* when one was last carried out or taken back */
    char said[sizeof(((struct err *)NULL)->text)]; /* the last trouble, not to be repeated */
} self;

static void reserve(netsnmp_handler_registration *registration, netsnmp_agent_request_info *info,
                    netsnmp_request_info *requests);
static enum mib_set_error judge(const struct assignments *a, struct plan *plan, size_t *failed_at);
static bool take_assignments(const netsnmp_request_info *requests, struct assignments *out);
static void take_value(const netsnmp_variable_list *varbind, struct mib_assignment *out);
static uint32_t rows_free(const struct assignments *a);
static netsnmp_request_info *find_kept(netsnmp_request_info *requests);
static void apply(struct plan *plan, netsnmp_agent_request_info *info, netsnmp_request_info *requests);
static int take_back(struct plan *plan);
static void be_content(struct plan *plan);
static void keep(const struct plan *plan);
static struct plan *find(const netsnmp_handler_registration *registration, long transaction);
static void end(struct plan *plan);
static void say_trouble(const char *what, const struct err *e);

void
agentx_set_init(struct core *core)
{
    self.core = core;
}

void
agentx_set(netsnmp_handler_registration *registration, netsnmp_agent_request_info *info,
           netsnmp_request_info *requests)
{
    struct plan *plan = find(registration, info->asp->pdu->transid);

    switch (info->mode) {
    case MODE_SET_RESERVE1:
        if (plan) /* a TestSet that the master sent again */
            end(plan);
        reserve(registration, info, requests);
        break;
    case MODE_SET_ACTION:
        if (plan)
            apply(plan, info, requests);
        else
            netsnmp_set_request_error(info, requests, SNMP_ERR_COMMITFAILED);
        break;
    case MODE_SET_COMMIT:
        if (plan)
            be_content(plan);
        break;
    case MODE_SET_UNDO:
        if (plan && take_back(plan) < 0)
            netsnmp_set_request_error(info, requests, SNMP_ERR_UNDOFAILED);
        break;
    case MODE_SET_FREE:
        if (plan)
            end(plan);
        break;
    default: break;
    }
}

bool
agentx_set_is_applied(void)
{
    bool is_applied = false;

    for (size_t i = 0; i < self.n_plans; i++)
        is_applied |= self.plans[i].is_applied;
    return is_applied;
}

void
agentx_set_abandon(void)
{
    while (self.n_plans > 0)
        take_back(&self.plans[0]);
}

static void
reserve(netsnmp_handler_registration *registration, netsnmp_agent_request_info *info,
        netsnmp_request_info *requests)
{
    struct plan plan = { .transaction = info->asp->pdu->transid, .registration = registration };
    enum mib_set_error error = MIB_SET_RESOURCE_UNAVAILABLE;
    netsnmp_request_info *failed = requests;
    struct assignments a;
    size_t failed_at = 0;

    if (take_assignments(requests, &a))
        error = judge(&a, &plan, &failed_at);
    free(a.assignment);
    free(a.ids);
    if (error == MIB_SET_OK) {
        keep(&plan);
        return;
    }
    free(plan.changes);
    while (failed_at-- > 0 && failed->next)
        failed = failed->next;
    netsnmp_set_request_error(info, failed, (int)error); /* the numbers are SNMP's own */
}

static enum mib_set_error
judge(const struct assignments *a, struct plan *plan, size_t *failed_at)
{
    const struct mib_view *view = agentx_answer_renew();

    plan->changes = calloc(a->count, sizeof(*plan->changes));
    /* A core that is busy gives an old picture, which does not show what was set last. */
    if (!plan->changes || view->snapshot->taken_ns < self.changed_ns)
        return MIB_SET_RESOURCE_UNAVAILABLE;
    return mib_set_check(view, rows_free(a), a->assignment, a->count, plan->changes, &plan->n_changes,
                         failed_at);
}

/* False without memory. Free what is in `out` either way. */
static bool
take_assignments(const netsnmp_request_info *requests, struct assignments *out)
{
    size_t n_ids = 0, count = 0;
    uint32_t *id;

    for (const netsnmp_request_info *r = requests; r; r = r->next, count++)
        n_ids += r->requestvb->name_length;
    out->count = count;
    out->assignment = calloc(count, sizeof(*out->assignment));
    out->ids = id = calloc(n_ids, sizeof(*out->ids));
    if (!out->assignment || !out->ids)
        return false;
    for (struct mib_assignment *a = out->assignment; requests; requests = requests->next, a++) {
        const netsnmp_variable_list *varbind = requests->requestvb;

        a->id = id;
        a->length = varbind->name_length;
        for (size_t i = 0; i < varbind->name_length; i++)
            *id++ = (uint32_t)varbind->name[i];
        take_value(varbind, a);
    }
    return true;
}

static void
take_value(const netsnmp_variable_list *varbind, struct mib_assignment *out)
{
    switch (varbind->type) {
    case ASN_INTEGER:
        out->wire = MIB_WIRE_INTEGER;
        out->number = (int32_t)*varbind->val.integer;
        break;
    case ASN_UNSIGNED:
        out->wire = MIB_WIRE_UNSIGNED32;
        out->number = (uint32_t)*varbind->val.integer;
        break;
    case ASN_OCTET_STR:
        out->wire = MIB_WIRE_OCTETS;
        out->octets = span_of(varbind->val.string, varbind->val_len);
        break;
    default: out->wire = MIB_WIRE_OTHER;
    }
}

/* Room for rows in the instances that are set: one that is full is no other's business. */
static uint32_t
rows_free(const struct assignments *a)
{
    const struct controls *controls = core_controls(self.core);
    uint32_t least = UINT32_MAX, appl_index, previous_index = 0;

    for (size_t i = 0; i < a->count; i++) {
        const struct mib_assignment *assignment = &a->assignment[i];
        const struct mib_table *table = mib_table_find(assignment->id, assignment->length);

        if (!table || assignment->length <= table->oid_len + 1)
            continue;
        appl_index = assignment->id[table->oid_len + 1]; /* the first index of all tables that can be set */
        if (appl_index != 0 && appl_index != previous_index) {
            uint32_t room = controls_rows_free(controls, appl_index);

            least = room < least ? room : least;
            previous_index = appl_index;
        }
    }
    return least == UINT32_MAX ? 0 : least;
}

static void
apply(struct plan *plan, netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    struct err e = { "" };

    if (plan->is_applied) /* a CommitSet that the master sent again */
        return;
    if (plan->n_changes > 0 && controls_apply(core_controls(self.core), plan->changes, plan->n_changes,
                                              core_now_ns(), &plan->undo, &e) < 0) {
        say_trouble("a SET cannot be carried out", &e);
        netsnmp_set_request_error(info, find_kept(requests), SNMP_ERR_COMMITFAILED);
        return;
    }
    plan->is_applied = true;
    self.changed_ns = core_now_ns();
    self.said[0] = '\0';
}

/* The varbind that cannot be committed: all but sipCommonCfgServiceNotifEnable is set in memory, where only memory can
 * be missing, which is all the same for the first. */
static netsnmp_request_info *
find_kept(netsnmp_request_info *requests)
{
    static const oid kept[] = { 1, 3, 6, 1, 2, 1, 149, 1, 1, 1, 1, 7 };
    netsnmp_request_info *r = requests;

    while (r &&
           netsnmp_oid_is_subtree(kept, OID_LENGTH(kept), r->requestvb->name, r->requestvb->name_length) != 0)
        r = r->next;
    return r ? r : requests;
}

/* Ends the plan. 0, or a negative errno when it cannot be undone. */
static int
take_back(struct plan *plan)
{
    struct err e = { "" };
    int r = 0;

    if (plan->is_applied && plan->n_changes > 0) {
        r = controls_undo(core_controls(self.core), plan->undo, &e);
        if (r < 0)
            say_trouble("a SET cannot be undone", &e);
        self.changed_ns = core_now_ns();
        core_controls_changed(self.core, 0);
        agentx_answer_changed();
    }
    plan->undo = NULL;
    plan->is_applied = false;
    end(plan);
    return r;
}

static void
be_content(struct plan *plan)
{
    bool is_change = plan->is_applied && plan->n_changes > 0;

    end(plan);
    if (!is_change)
        return;
    core_controls_changed(self.core, CHANGES_WAIT_MS);
    agentx_answer_changed();
}

static void
keep(const struct plan *plan)
{
    if (self.n_plans == PLANS_MAX)
        end(&self.plans[0]);
    self.plans[self.n_plans++] = *plan;
}

static struct plan *
find(const netsnmp_handler_registration *registration, long transaction)
{
    for (size_t i = 0; i < self.n_plans; i++)
        if (self.plans[i].transaction == transaction && self.plans[i].registration == registration)
            return &self.plans[i];
    return NULL;
}

/* Forget it, and keep what it did. */
static void
end(struct plan *plan)
{
    size_t behind = self.n_plans - 1 - (size_t)(plan - self.plans);

    controls_keep(plan->undo);
    free(plan->changes);
    memmove(plan, plan + 1, behind * sizeof(*plan));
    self.n_plans--;
}

/* Once, until it is another trouble or none: any manager that may write can cause it. */
static void
say_trouble(const char *what, const struct err *e)
{
    if (strcmp(self.said, e->text) == 0)
        return;
    snprintf(self.said, sizeof(self.said), "%s", e->text);
    log_line(LOG_LEVEL_WARNING, LOG_AGENTX, "%s: %s", what, e->text);
}
