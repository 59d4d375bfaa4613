/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests from net-snmp turned into questions to the table walker. */
#include "agent/agentx_answer.h"

#include "agent/agentx_clock.h"
#include "agent/core.h"
#include "mib/mib.h"

/* How long a request waits for a fresh snapshot before it is answered from the newest there is. Well below the master's
 * own patience (agentXTimeout, 1 s), since it drops subagents that are slow. */
enum { SNAPSHOT_WAIT_MS = 300 };

/* One AgentX request may ask several tables: its varbinds share one view. */
static struct {
    struct core *core;
    const char *runtime_dir;
    struct mib_clock clock; /* the master's sysUpTime against ours */
    struct mib_view view;
    const netsnmp_agent_session *session; /* whose request the view was made for */
    long transaction, request;
    uint64_t varbinds, last_request_ns;
} self;

static void take_view(netsnmp_agent_request_info *info);
static void follow_clock(void);
static void answer_get(const struct mib_table *table, netsnmp_agent_request_info *info,
                       netsnmp_request_info *request);
static void answer_getnext(const struct mib_table *table, netsnmp_request_info *request);
static enum mib_result get(const struct mib_table *table, const netsnmp_request_info *request,
                           struct mib_value *value);
static size_t oid_in(const netsnmp_request_info *request, uint32_t id[MIB_OID_MAX]);
static void set_value(netsnmp_request_info *request, const struct mib_value *value);

void
agentx_answer_init(struct core *core, const char *runtime_dir)
{
    self.core = core;
    self.runtime_dir = runtime_dir;
    agentx_clock_load(runtime_dir, &self.clock);
}

int
agentx_answer(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
              netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    const struct mib_table *table = handler->myvoid;

    (void)registration;
    take_view(info);
    for (netsnmp_request_info *r = requests; r; r = r->next) {
        if (r->processed)
            continue;
        self.varbinds++;
        if (info->mode == MODE_GET)
            answer_get(table, info, r);
        else if (info->mode == MODE_GETNEXT)
            answer_getnext(table, r);
    }
    return SNMP_ERR_NOERROR;
}

void
agentx_answer_release(void)
{
    if (self.view.snapshot)
        core_snapshot_release(self.core, self.view.snapshot);
    self.view.snapshot = NULL;
    self.session = NULL;
}

void
agentx_answer_count(uint64_t *requests, uint64_t *last_request_ns)
{
    *requests = self.varbinds;
    *last_request_ns = self.last_request_ns;
}

/* The view of this request: the one in hand when another table was already asked for it, else a new one. */
static void
take_view(netsnmp_agent_request_info *info)
{
    const netsnmp_pdu *pdu = info->asp->pdu;

    if (self.view.snapshot && self.session == info->asp && self.transaction == pdu->transid &&
        self.request == pdu->reqid)
        return;
    agentx_answer_release();
    self.view.snapshot = core_snapshot_acquire(self.core, SNAPSHOT_WAIT_MS);
    follow_clock();
    self.session = info->asp;
    self.transaction = pdu->transid;
    self.request = pdu->reqid;
    self.last_request_ns = self.view.now_ns;
}

static void
follow_clock(void)
{
    uint64_t anchor_ns = self.clock.anchor_ns;

    mib_clock_follow(&self.clock, core_now_ns(), (uint32_t)netsnmp_get_agent_uptime(), &self.view);
    if (self.clock.anchor_ns != anchor_ns) /* the first time, and after a restart of the master */
        agentx_clock_save(self.runtime_dir, &self.clock);
}

static void
answer_get(const struct mib_table *table, netsnmp_agent_request_info *info, netsnmp_request_info *request)
{
    struct mib_value value;

    switch (get(table, request, &value)) {
    case MIB_OK: set_value(request, &value); break;
    case MIB_NO_OBJECT: netsnmp_set_request_error(info, request, SNMP_NOSUCHOBJECT); break;
    default: netsnmp_set_request_error(info, request, SNMP_NOSUCHINSTANCE);
    }
}

/* Left unanswered at the end of the table: then the library goes on with what is registered after it. */
static void
answer_getnext(const struct mib_table *table, netsnmp_request_info *request)
{
    struct mib_value value;
    struct mib_oid found;
    uint32_t id[MIB_OID_MAX];
    oid name[MIB_OID_MAX];
    size_t length = oid_in(request, id);

    /* AgentX may ask for the start of the range itself (RFC 2741 5.2, "include"). */
    if (request->inclusive && get(table, request, &value) == MIB_OK) {
        set_value(request, &value);
        return;
    }
    if (mib_getnext(table, &self.view, id, length, &found, &value) != MIB_OK)
        return;
    for (size_t i = 0; i < found.length; i++)
        name[i] = found.id[i];
    snmp_set_var_objid(request->requestvb, name, found.length);
    set_value(request, &value);
}

static enum mib_result
get(const struct mib_table *table, const netsnmp_request_info *request, struct mib_value *value)
{
    uint32_t id[MIB_OID_MAX];
    size_t length = oid_in(request, id);

    return mib_get(table, &self.view, id, length, value);
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

    if (value->syntax == MIB_OCTETS || value->syntax == MIB_BITS)
        snmp_set_var_typed_value(request->requestvb, types[value->syntax], value->octets.data,
                                 value->octets.length);
    else
        snmp_set_var_typed_value(request->requestvb, types[value->syntax], &number, sizeof(number));
}
