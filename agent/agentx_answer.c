/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests from net-snmp turned into questions to the table walker. */
#include "agent/agentx_answer.h"

#include "agent/agentx_clock.h"
#include "agent/agentx_set.h"
#include "agent/core.h"
#include "agent/registry.h"
#include "mib/mib.h"

/* How long a request waits for a fresh snapshot before it is answered from the newest there is. Well below the master's
 * own patience (agentXTimeout, 1 s), since it drops subagents that are slow. */
enum { SNAPSHOT_WAIT_MS = 300 };

/* A snapshot holds its registry open, which cannot be opened anew meanwhile: nothing is held for nobody. */
#define HOLD_NS UINT64_C(2000000000)

/* The varbinds of one SNMP request share one snapshot, though the master makes an AgentX request of those of each root,
 * and of each repetition of a GETBULK: they have the transaction in common. */
static struct {
    struct core *core;
    const char *runtime_dir;
    struct mib_clock clock; /* the master's sysUpTime against ours */
    struct mib_view view;
    struct registry_reader *reader; /* NULL without memory: then there are no registrations */
    bool must_renew;                /* something was set since the last view */
    long transaction;               /* that the view was made for; never negative for one of the master */
    uint64_t varbinds, last_request_ns;
} self;

static void end_reading(void);
static void take_view(long transaction);
static void answer_get(const struct agentx_root *root, netsnmp_agent_request_info *info,
                       netsnmp_request_info *request);
static void answer_getnext(const struct agentx_root *root, netsnmp_request_info *request);
static enum mib_result get(const struct agentx_root *root, const netsnmp_request_info *request,
                           struct mib_value *value);
static enum mib_result getnext(const struct agentx_root *root, const netsnmp_request_info *request,
                               struct mib_oid *name, struct mib_value *value);
static size_t oid_in(const netsnmp_request_info *request, uint32_t id[MIB_OID_MAX]);
static void set_value(netsnmp_request_info *request, const struct mib_value *value);

void
agentx_answer_init(struct core *core, const char *runtime_dir)
{
    self.core = core;
    self.runtime_dir = runtime_dir;
    agentx_clock_load(runtime_dir, &self.clock);
    self.reader = registry_reader_new(core_pseudonym(core));
}

void
agentx_answer_fini(void)
{
    agentx_answer_release();
    registry_reader_free(self.reader);
    self.reader = NULL;
}

int
agentx_answer(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
              netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    const struct agentx_root *root = handler->myvoid;
    bool is_read = info->mode == MODE_GET || info->mode == MODE_GETNEXT;

    if (is_read)
        take_view(info->asp->pdu->transid);
    else
        agentx_set(registration, info, requests);
    for (netsnmp_request_info *r = requests; r; r = r->next) {
        if (is_read && r->processed)
            continue;
        self.varbinds += is_read || info->mode == MODE_SET_RESERVE1;
        if (info->mode == MODE_GET)
            answer_get(root, info, r);
        else if (info->mode == MODE_GETNEXT)
            answer_getnext(root, r);
    }
    end_reading(); /* not held while the library waits for the master */
    return SNMP_ERR_NOERROR;
}

static void
end_reading(void)
{
    if (self.reader)
        registry_reader_end(self.reader);
    self.view.registrations = NULL;
}

void
agentx_answer_rest(void)
{
    if (self.view.snapshot && core_now_ns() > self.view.now_ns + HOLD_NS)
        agentx_answer_release();
}

const struct mib_view *
agentx_answer_renew(void)
{
    agentx_answer_release();
    self.view.snapshot = core_snapshot_renew(self.core, SNAPSHOT_WAIT_MS);
    agentx_answer_times(&self.view);
    self.transaction = -1;
    return &self.view;
}

void
agentx_answer_changed(void)
{
    agentx_answer_release();
    self.must_renew = true;
}

void
agentx_answer_times(struct mib_view *view)
{
    uint64_t anchor_ns = self.clock.anchor_ns;

    mib_clock_follow(&self.clock, core_now_ns(), (uint32_t)netsnmp_get_agent_uptime(), view);
    if (self.clock.anchor_ns != anchor_ns) /* the first time, and after a restart of the master */
        agentx_clock_save(self.runtime_dir, &self.clock);
}

void
agentx_answer_release(void)
{
    end_reading();
    if (self.view.snapshot)
        core_snapshot_release(self.core, self.view.snapshot);
    self.view.snapshot = NULL;
}

void
agentx_answer_count(uint64_t *requests, uint64_t *last_request_ns)
{
    *requests = self.varbinds;
    *last_request_ns = self.last_request_ns;
}

/* The view of this transaction: the one in hand, else a new one. */
static void
take_view(long transaction)
{
    if (!self.view.snapshot || self.transaction != transaction) {
        agentx_answer_release();
        self.view.snapshot = self.must_renew ? core_snapshot_renew(self.core, SNAPSHOT_WAIT_MS)
                                             : core_snapshot_acquire(self.core, SNAPSHOT_WAIT_MS);
        self.must_renew = false;
        agentx_answer_times(&self.view);
        self.transaction = transaction;
        self.last_request_ns = self.view.now_ns;
    }
    if (!self.reader) /* there was no memory for it */
        self.reader = registry_reader_new(core_pseudonym(self.core));
    if (self.reader)
        self.view.registrations =
            registry_reader_begin(self.reader, core_registry(self.view.snapshot), self.view.now_ns);
}

static void
answer_get(const struct agentx_root *root, netsnmp_agent_request_info *info, netsnmp_request_info *request)
{
    struct mib_value value;

    switch (get(root, request, &value)) {
    case MIB_OK: set_value(request, &value); break;
    case MIB_NO_OBJECT: netsnmp_set_request_error(info, request, SNMP_NOSUCHOBJECT); break;
    default: netsnmp_set_request_error(info, request, SNMP_NOSUCHINSTANCE);
    }
}

/* Left unanswered at the end of the root: then the library goes on with what is registered after it. */
static void
answer_getnext(const struct agentx_root *root, netsnmp_request_info *request)
{
    struct mib_value value;
    struct mib_oid found;
    oid name[MIB_OID_MAX];

    /* AgentX may ask for the start of the range itself (RFC 2741 5.2, "include"). */
    if (request->inclusive && get(root, request, &value) == MIB_OK) {
        set_value(request, &value);
        return;
    }
    if (getnext(root, request, &found, &value) != MIB_OK)
        return;
    for (size_t i = 0; i < found.length; i++)
        name[i] = found.id[i];
    if (snmp_set_var_objid(request->requestvb, name, found.length) == 0)
        set_value(request, &value);
    else
        netsnmp_request_set_error(request, SNMP_ERR_GENERR);
}

/* A table that the name does not lie in says so after a few comparisons, whatever its size. */
static enum mib_result
get(const struct agentx_root *root, const netsnmp_request_info *request, struct mib_value *value)
{
    enum mib_result result = MIB_NO_OBJECT;
    uint32_t id[MIB_OID_MAX];
    size_t length = oid_in(request, id);

    for (size_t t = 0; t < root->n_tables && result == MIB_NO_OBJECT; t++)
        result = mib_get(root->tables[t], &self.view, id, length, value);
    return result;
}

static enum mib_result
getnext(const struct agentx_root *root, const netsnmp_request_info *request, struct mib_oid *name,
        struct mib_value *value)
{
    enum mib_result result = MIB_END;
    uint32_t id[MIB_OID_MAX];
    size_t length = oid_in(request, id);

    for (size_t t = 0; t < root->n_tables && result != MIB_OK; t++)
        result = mib_getnext(root->tables[t], &self.view, id, length, name, value);
    return result;
}

static size_t
oid_in(const netsnmp_request_info *request, uint32_t id[MIB_OID_MAX])
{
    size_t length = request->requestvb->name_length;

    if (length > MIB_OID_MAX)
        length = MIB_OID_MAX;
    for (size_t i = 0; i < length; i++)
        id[i] = (uint32_t)request->requestvb->name[i];
    return length;
}

static void
set_value(netsnmp_request_info *request, const struct mib_value *value)
{
    static const u_char types[] = {
        [MIB_INTEGER] = ASN_INTEGER,   [MIB_UNSIGNED32] = ASN_UNSIGNED, [MIB_GAUGE32] = ASN_GAUGE,
        [MIB_COUNTER32] = ASN_COUNTER, [MIB_TIMETICKS] = ASN_TIMETICKS, [MIB_OCTETS] = ASN_OCTET_STR,
        [MIB_BITS] = ASN_OCTET_STR,
    };
    long number =
        (long)(value->syntax == MIB_INTEGER ? (int64_t)(int32_t)value->number : (int64_t)value->number);

    const void *data = &number;
    size_t octets = sizeof(number);

    if (value->syntax == MIB_OCTETS || value->syntax == MIB_BITS) {
        data = value->octets.data;
        octets = value->octets.length;
    }
    if (snmp_set_var_typed_value(request->requestvb, types[value->syntax], data, octets) != 0)
        netsnmp_request_set_error(request, SNMP_ERR_GENERR); /* no memory */
}
