/* SPDX-License-Identifier: BSD-2-Clause */
/* What a master may send: PDUs in any order, with any varbinds, to the guard, and what that admits to the code that
 * turns net-snmp's varbinds into questions and SETs, before an agent without threads. A GET or GETNEXT is answered or
 * not, with a type and a value that can be sent; a SET that passed its test can be carried out; and one that is taken
 * back, by UndoSet or by the end of the session, leaves all as it was.
 *
 * The input is a list of PDUs: an octet for the type (or 255: the whole header follows), one for the transaction, then
 * varbinds, of which the first octet says how many: an octet for the table, one for the column, one for the row (of
 * those below, or any: a number of sub-identifiers, one octet each, or four after an octet above 0xef), one for the
 * type, and the value: four octets, or a length and as many octets. */
#include "agent/agentx_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/agentx_guard.h"
#include "agent/agentx_set.h"
#include "agent/core.h"
#include "agent/log.h"
#include "agent/snapshot_build.h"
#include "tests/unit/agent_fixture.h"

enum {
    GET = 5, /* RFC 2741 6.1 */
    GET_NEXT = 6,
    GET_BULK = 7,
    TEST_SET = 8,
    COMMIT_SET = 9,
    UNDO_SET = 10,
    CLEANUP_SET = 11,
    HEADER_FOLLOWS = 255,
    PDUS_MAX = 24,
    VARBINDS_MAX = 6,
    KNOWN_ROWS = 5
};

/* Varbinds of net-snmp, as its parser makes them. */
struct request {
    netsnmp_request_info info[VARBINDS_MAX];
    netsnmp_variable_list *varbinds;
    size_t count;
};

static struct agent_fixture f;
static struct lane_writer writer;
static struct agentx_guard guard;
static struct request set; /* the one in hand */
static bool is_passed, is_committed;
static struct agentx_root root = { .module = "all" };
static uint64_t state_before; /* of what can be set, before the SET */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* ---- the core, as the AgentX thread knows it --------------------------------------------------------------------- */

static void
follow_controls(void)
{
    for (size_t k = 0; k < f.count; k++)
        instance_follow_controls(f.instance[k], &f.site, f.now_ns);
}

const struct snapshot *
core_snapshot_acquire(struct core *c, unsigned wait_ms)
{
    (void)c;
    (void)wait_ms;
    f.now_ns++;
    follow_controls();
    return fixture_snapshot(&f);
}

const struct snapshot *
core_snapshot_renew(struct core *c, unsigned wait_ms)
{
    return core_snapshot_acquire(c, wait_ms);
}

void
core_snapshot_release(struct core *c, const struct snapshot *s)
{
    (void)c;
    snapshot_release(s);
}

struct controls *
core_controls(struct core *c)
{
    (void)c;
    return f.controls;
}

void
core_controls_changed(struct core *c, unsigned wait_ms)
{
    (void)c;
    (void)wait_ms;
    follow_controls();
}

const struct pseudonym *
core_pseudonym(const struct core *c)
{
    (void)c;
    return NULL;
}

uint64_t
core_now_ns(void)
{
    return f.now_ns;
}

/* ---- the agent -------------------------------------------------------------------------------------------------- */

static void
end_agent(void)
{
    agentx_answer_fini();
    lane_writer_close(&writer);
    fixture_close(&f);
}

static void
begin_agent(void)
{
    static const char instances[] = "  - {name: edge, appl_index: 1, roles: [registrar_server],\n"
                                    "     watch: [{method: INVITE, codes: [486, 503], notify: true}]}\n"
                                    "  - {name: other, appl_index: 7, roles: [proxy_server]}\n";

    log_init("fuzz_agentx", LOG_LEVEL_ERROR, false);
    fixture_open(&f, instances);
    fixture_writer(&f, &writer, "edge", 0);
    lane_count_response(&writer, METHOD_BYE, 481, true);
    lane_event_auth_failed(&writer, 403, span_string("sip:eve@example.org"), 0);
    fixture_tick(&f);
    root.tables = mib_tables;
    root.n_tables = mib_n_tables;
    agentx_answer_init(NULL, f.runtime);
    agentx_set_init(NULL);
    must(atexit(end_agent) == 0);
}

/* Nothing is set. */
static void
begin_input(void)
{
    char path[PATH_MAX + sizeof(CONTROLS_FILE) + 1];
    struct err e = { "" };

    agentx_answer_changed();
    controls_free(f.controls);
    snprintf(path, sizeof(path), "%s/" CONTROLS_FILE, f.dir);
    unlink(path);
    f.controls = f.site.controls = controls_new(f.dir, &e);
    must(f.controls != NULL && controls_follow(f.controls, f.hold->config, &e) == 0);
    guard = (struct agentx_guard){ .phase = AGENTX_NO_SET };
}

static uint64_t
mixed(uint64_t sum, uint64_t with)
{
    return (sum ^ with) * UINT64_C(0x100000001b3);
}

/* All that can be set, in a number. */
static uint64_t
state(void)
{
    const struct snapshot *s = core_snapshot_renew(NULL, 0);
    const struct snap_rows *instances = &s->rows[SNAP_INSTANCES], *codes = &s->rows[SNAP_CODES];
    uint64_t sum = 1;

    for (uint32_t i = 0; i < instances->count; i++)
        sum = mixed(sum, ((const struct snap_instance *)instances->row[i])->notify_enable);
    for (uint32_t i = 0; i < codes->count; i++) {
        const struct snap_code *c = codes->row[i];

        sum = mixed(sum, (uint64_t)c->appl_index << 32 | c->code);
        for (size_t k = 0; k < c->method.length; k++)
            sum = mixed(sum, c->method.data[k]);
        sum = mixed(sum, (uint64_t)c->notify << 40 | (uint64_t)c->emit << 32 | c->threshold);
        sum = mixed(sum, c->interval_s);
    }
    snapshot_release(s);
    return sum;
}

/* ---- varbinds --------------------------------------------------------------------------------------------------- */

static size_t
take_row(struct span *in, oid *id, size_t length)
{
    uint8_t count, octet;

    if (!span_take_u8(in, &count))
        return length;
    for (; count > 0 && length < MAX_OID_LEN && span_take_u8(in, &octet); count--) {
        uint32_t wide = octet;

        if (octet >= 0xf0 && !span_take_u32(in, &wide))
            break;
        id[length++] = wide;
    }
    return length;
}

static size_t
take_name(struct span *in, oid id[MAX_OID_LEN])
{
    static const uint8_t rows[KNOWN_ROWS][7] = {
        { 1, 1 }, { 1, 7 }, { 6, 1, 3, 'B', 'Y', 'E', 200 }, { 6, 7, 3, 'B', 'Y', 'E', 100 }, { 2, 1, 1 },
    };
    const struct mib_table *table;
    uint8_t t = 0, column = 0, row = 0;
    size_t length = 0;

    span_take_u8(in, &t);
    span_take_u8(in, &column);
    span_take_u8(in, &row);
    table = mib_tables[t % mib_n_tables];
    if (t < 0xe0) {
        for (; length < table->oid_len; length++)
            id[length] = table->oid[length];
        id[length++] = column < 0xe0 ? table->columns[column % table->n_columns].id : column;
    }
    if (row >= KNOWN_ROWS)
        return take_row(in, id, length);
    for (size_t i = 1; i <= rows[row][0]; i++)
        id[length++] = rows[row][i];
    return length;
}

static bool
add_varbind(struct span *in, netsnmp_variable_list **list)
{
    static const u_char types[8] = { ASN_INTEGER, ASN_UNSIGNED,  ASN_OCTET_STR, ASN_NULL,
                                     ASN_COUNTER, ASN_TIMETICKS, ASN_IPADDRESS, ASN_OPAQUE };
    oid id[MAX_OID_LEN];
    size_t length = take_name(in, id);
    struct span octets = span_of("", 0);
    uint8_t kind = 0, count;
    uint32_t word = 0;
    long number;

    span_take_u8(in, &kind);
    switch (types[kind % 8]) {
    case ASN_NULL: return snmp_varlist_add_variable(list, id, length, ASN_NULL, NULL, 0) != NULL;
    case ASN_OCTET_STR:
    case ASN_OPAQUE:
        if (span_take_u8(in, &count))
            span_take(in, count, &octets);
        return snmp_varlist_add_variable(list, id, length, types[kind % 8], octets.data, octets.length) !=
               NULL;
    case ASN_IPADDRESS:
        return snmp_varlist_add_variable(list, id, length, ASN_IPADDRESS, "\1\2\3\4", 4) != NULL;
    default:
        span_take_u32(in, &word);
        number = types[kind % 8] == ASN_INTEGER ? (long)(int32_t)word : (long)word;
        return snmp_varlist_add_variable(list, id, length, types[kind % 8], &number, sizeof(number)) != NULL;
    }
}

static void
request_init(struct request *r, struct span *in)
{
    netsnmp_variable_list *varbind;
    uint8_t count = 0;

    *r = (struct request){ .varbinds = NULL };
    span_take_u8(in, &count);
    for (; r->count < 1u + count % VARBINDS_MAX; r->count++)
        must(add_varbind(in, &r->varbinds));
    varbind = r->varbinds;
    for (size_t i = 0; i < r->count; i++, varbind = varbind->next_variable)
        r->info[i] = (netsnmp_request_info){ .requestvb = varbind,
                                             .inclusive = count >> 7,
                                             .next = i + 1 < r->count ? &r->info[i + 1] : NULL };
}

static void
request_fini(struct request *r)
{
    snmp_free_varbind(r->varbinds);
    *r = (struct request){ .varbinds = NULL };
}

/* ---- PDUs ------------------------------------------------------------------------------------------------------- */

/* Whether nothing was wrong with any varbind. */
static bool
call(struct request *r, int mode, uint32_t transaction)
{
    static netsnmp_handler_registration registration;
    netsnmp_mib_handler handler = { .myvoid = &root };
    netsnmp_pdu pdu = { .transid = (long)transaction };
    netsnmp_agent_session session = { .pdu = &pdu };
    netsnmp_agent_request_info info = { .mode = mode, .asp = &session };
    bool is_good = true;

    for (size_t i = 0; i < r->count; i++) {
        r->info[i].agent_req_info = &info;
        r->info[i].status = 0;
    }
    if (r->count > 0)
        must(agentx_answer(&handler, &registration, &info, r->info) == SNMP_ERR_NOERROR);
    for (size_t i = 0; i < r->count; i++)
        is_good = is_good && r->info[i].status == 0;
    return is_good;
}

/* What is asked, and what is answered: no less than what was asked for, and nothing that cannot be sent. */
static void
read_values(struct span *in, int mode, uint32_t transaction)
{
    oid asked[VARBINDS_MAX][MAX_OID_LEN];
    size_t lengths[VARBINDS_MAX];
    struct request r;

    request_init(&r, in);
    for (size_t i = 0; i < r.count; i++) {
        lengths[i] = r.info[i].requestvb->name_length;
        memcpy(asked[i], r.info[i].requestvb->name, lengths[i] * sizeof(oid));
        r.info[i].requestvb->type = ASN_NULL;
    }
    must(call(&r, mode, transaction));
    for (size_t i = 0; i < r.count; i++) {
        const netsnmp_variable_list *v = r.info[i].requestvb;
        int order = snmp_oid_compare(v->name, v->name_length, asked[i], lengths[i]);

        must(v->name_length <= MAX_OID_LEN && v->val_len <= 4096);
        must(mode == MODE_GET || v->type == ASN_NULL ? order == 0 : order > 0 || r.info[i].inclusive);
        must(mode == MODE_GETNEXT || v->type != ASN_NULL);
    }
    request_fini(&r);
}

static void
end_set(void)
{
    request_fini(&set);
    is_passed = is_committed = false;
}

/* Each as net-snmp's subagent hands it on: the varbinds are those of the TestSet. */
static void
take_set(struct span *in, uint8_t type, uint32_t transaction)
{
    switch (type) {
    case TEST_SET:
        end_set();
        state_before = state();
        request_init(&set, in);
        is_passed = call(&set, MODE_SET_RESERVE1, transaction) && call(&set, MODE_SET_RESERVE2, transaction);
        must(state() == state_before);
        break;
    case COMMIT_SET:
        is_committed = call(&set, MODE_SET_ACTION, transaction);
        must(is_committed == is_passed);
        break;
    case UNDO_SET:
        must(call(&set, MODE_SET_UNDO, transaction));
        must(state() == state_before);
        end_set();
        break;
    default:
        call(&set, is_committed ? MODE_SET_COMMIT : MODE_SET_FREE, transaction);
        must(is_committed || state() == state_before);
        end_set();
    }
}

/* A SET that was not ended is taken back. */
static void
end_session(void)
{
    bool is_open = guard.phase == AGENTX_TESTED || guard.phase == AGENTX_COMMITTED;

    agentx_set_abandon();
    agentx_answer_release();
    must(!is_open || state() == state_before);
    end_set();
    guard = (struct agentx_guard){ .phase = AGENTX_NO_SET };
}

static void
take_header(struct span *in, uint8_t type, uint8_t header[AGENTX_HEADER_OCTETS])
{
    uint8_t transaction = 0;
    struct span octets;

    memset(header, 0, AGENTX_HEADER_OCTETS);
    if (type == HEADER_FOLLOWS) {
        if (span_take(in, AGENTX_HEADER_OCTETS, &octets))
            memcpy(header, octets.data, AGENTX_HEADER_OCTETS);
        return;
    }
    span_take_u8(in, &transaction);
    header[0] = 1;
    header[1] = type % 24;
    header[2] = AGENTX_NETWORK_BYTE_ORDER;
    header[11] = transaction % 4;
}

static void
take_pdu(struct span *in, uint8_t type)
{
    uint8_t header[AGENTX_HEADER_OCTETS];
    enum agentx_verdict verdict;
    uint32_t transaction;
    size_t payload;

    take_header(in, type, header);
    verdict = agentx_guard_judge(&guard, header, &payload);
    must(payload % 4 == 0 && payload <= AGENTX_PAYLOAD_OCTETS_MAX);
    must(verdict == AGENTX_PASS || verdict == AGENTX_REPEATED || payload == 0 || header[1] < 24);
    transaction = guard.transaction;
    if (verdict == AGENTX_BROKEN)
        end_session();
    if (verdict != AGENTX_PASS)
        return;
    if (header[1] == GET)
        read_values(in, MODE_GET, header[11]);
    else if (header[1] == GET_NEXT || header[1] == GET_BULK) /* which the library makes GETNEXTs of */
        read_values(in, MODE_GETNEXT, header[11]);
    else if (header[1] >= TEST_SET && header[1] <= CLEANUP_SET)
        take_set(in, header[1], transaction);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    uint8_t type;

    if (f.count == 0)
        begin_agent();
    begin_input();
    for (unsigned i = 0; i < PDUS_MAX && span_take_u8(&in, &type); i++)
        take_pdu(&in, type);
    end_session();
    return 0;
}
