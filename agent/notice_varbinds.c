/* SPDX-License-Identifier: BSD-2-Clause */
/* The notifications of RFC 4780 as data: which objects, in which order, of which instance. */
#include "agent/notice_varbinds.h"

#include <string.h>

enum instance {
    INSTANCE_SCALAR, /* .0 */
    INSTANCE_APPL,   /* applIndex */
    INSTANCE_CODE    /* applIndex, method, status code */
};

/* An object that notifications carry. */
struct object {
    const uint32_t *oid;
    size_t oid_len;
    enum notice_syntax syntax;
    enum instance instance;
    uint32_t (*number)(const struct notice *n, const struct mib_view *view);
    size_t text; /* of NOTICE_TEXT: where in the notice */
};

static bool add(struct notice_varbinds *out, const struct object *object, const struct notice *n,
                const struct mib_view *view);
static void name_instance(struct mib_oid *name, enum instance instance, const struct notice *n);
static void put(struct mib_oid *name, uint32_t id);

static uint32_t
get_uptime(const struct notice *n, const struct mib_view *view)
{
    return mib_timestamp(view, n->time_ns);
}

static uint32_t
get_sequence(const struct notice *n, const struct mib_view *view)
{
    (void)view;
    return n->sequence;
}

static uint32_t
get_appl_index(const struct notice *n, const struct mib_view *view)
{
    (void)view;
    return n->appl_index;
}

static uint32_t
get_cseq(const struct notice *n, const struct mib_view *view)
{
    (void)view;
    return n->cseq;
}

/* Counter32: the low 32 bits of the sum, as the table has it. */
static uint32_t
get_in(const struct notice *n, const struct mib_view *view)
{
    (void)view;
    return (uint32_t)n->in;
}

static uint32_t
get_out(const struct notice *n, const struct mib_view *view)
{
    (void)view;
    return (uint32_t)n->out;
}

static uint32_t
get_start_time(const struct notice *n, const struct mib_view *view)
{
    return mib_timestamp(view, n->start_ns);
}

static uint32_t
get_last_change(const struct notice *n, const struct mib_view *view)
{
    return mib_timestamp(view, n->last_change_ns);
}

static uint32_t
get_oper_status(const struct notice *n, const struct mib_view *view)
{
    (void)view;
    return n->oper_status;
}

#define NAMED(...)                                        \
    .oid = (const uint32_t[]){ 1, 3, 6, 1, __VA_ARGS__ }, \
    .oid_len = sizeof((const uint32_t[]){ 1, 3, 6, 1, __VA_ARGS__ }) / sizeof(uint32_t)
#define SIP_COMMON(...) NAMED(2, 1, 149, 1, __VA_ARGS__)
#define TEXT(field)     .text = offsetof(struct notice, field)

// clang-format off
static const struct object
    sys_up_time     = { NAMED(2, 1, 1, 3),             NOTICE_TIMETICKS,  INSTANCE_SCALAR, get_uptime },
    trap_oid        = { NAMED(6, 3, 1, 1, 4, 1),       NOTICE_OID,        INSTANCE_SCALAR },
    to              = { SIP_COMMON(9, 1),              NOTICE_TEXT,       INSTANCE_SCALAR, TEXT(to) },
    from            = { SIP_COMMON(9, 2),              NOTICE_TEXT,       INSTANCE_SCALAR, TEXT(from) },
    call_id         = { SIP_COMMON(9, 3),              NOTICE_TEXT,       INSTANCE_SCALAR, TEXT(call_id) },
    cseq            = { SIP_COMMON(9, 4),              NOTICE_UNSIGNED32, INSTANCE_SCALAR, get_cseq },
    appl_index      = { SIP_COMMON(9, 5),              NOTICE_UNSIGNED32, INSTANCE_SCALAR, get_appl_index },
    sequence_number = { SIP_COMMON(9, 6),              NOTICE_UNSIGNED32, INSTANCE_SCALAR, get_sequence },
    oper_status     = { SIP_COMMON(1, 1, 1, 2),        NOTICE_INTEGER,    INSTANCE_APPL,   get_oper_status },
    start_time      = { SIP_COMMON(1, 1, 1, 3),        NOTICE_TIMETICKS,  INSTANCE_APPL,   get_start_time },
    last_change     = { SIP_COMMON(1, 1, 1, 4),        NOTICE_TIMETICKS,  INSTANCE_APPL,   get_last_change },
    code_ins        = { SIP_COMMON(5, 1, 1, 3),        NOTICE_COUNTER32,  INSTANCE_CODE,   get_in },
    code_outs       = { SIP_COMMON(5, 1, 1, 4),        NOTICE_COUNTER32,  INSTANCE_CODE,   get_out };

/* The OBJECTS clauses, by kind. The first four of each line are in every notification. */
#define ALWAYS &sys_up_time, &trap_oid, &sequence_number, &appl_index
static const struct object *const layouts[][NOTICE_VARBINDS_MAX] = {
    [NOTICE_STATUS_CODE]    = { ALWAYS, &to, &from, &call_id, &cseq, &code_ins, &code_outs },
    [NOTICE_THRESHOLD_IN]   = { ALWAYS, &code_ins },
    [NOTICE_THRESHOLD_OUT]  = { ALWAYS, &code_outs },
    [NOTICE_COLD_START]     = { ALWAYS, &start_time },
    [NOTICE_WARM_START]     = { ALWAYS, &last_change },
    [NOTICE_STATUS_CHANGED] = { ALWAYS, &last_change, &oper_status },
};
// clang-format on

bool
notice_varbinds(const struct notice *n, const struct mib_view *view, struct notice_varbinds *out)
{
    static const uint32_t notifications[] = { 1, 3, 6, 1, 2, 1, 149, 0 }; /* sipCommonMIBNotifications */
    const struct object *const *layout;

    _Static_assert(sizeof(notifications) / sizeof(notifications[0]) + 1 == NOTICE_TRAP_OID_LENGTH,
                   "prefix, kind");
    if (n->kind < NOTICE_STATUS_CODE || n->kind > NOTICE_STATUS_CHANGED)
        return false;
    layout = layouts[n->kind];
    memcpy(out->trap_oid, notifications, sizeof(notifications));
    out->trap_oid[NOTICE_TRAP_OID_LENGTH - 1] = n->kind;
    out->count = 0;
    while (out->count < NOTICE_VARBINDS_MAX && layout[out->count])
        if (!add(out, layout[out->count], n, view))
            return false;
    return true;
}

static bool
add(struct notice_varbinds *out, const struct object *object, const struct notice *n,
    const struct mib_view *view)
{
    struct notice_varbind *v = &out->varbind[out->count++];

    if (n->method_octets > METHOD_NAME_MAX)
        return false;
    v->syntax = object->syntax;
    v->number = object->number ? object->number(n, view) : 0;
    v->text = span_of(NULL, 0);
    if (object->syntax == NOTICE_TEXT) {
        const char *text = (const char *)n + object->text;

        v->text = span_of(text, strnlen(text, NOTICE_TEXT_OCTETS - 1));
    }
    v->name.length = 0;
    for (size_t i = 0; i < object->oid_len; i++)
        put(&v->name, object->oid[i]);
    name_instance(&v->name, object->instance, n);
    return true;
}

/* At most METHOD_NAME_MAX and 15 more sub-identifiers in all: fewer than MIB_OID_MAX. */
static void
name_instance(struct mib_oid *name, enum instance instance, const struct notice *n)
{
    if (instance == INSTANCE_SCALAR) {
        put(name, 0);
        return;
    }
    put(name, n->appl_index);
    if (instance == INSTANCE_APPL)
        return;
    put(name, n->method_octets); /* not IMPLIED: the length comes first (RFC 2578 7.7) */
    for (unsigned i = 0; i < n->method_octets; i++)
        put(name, (uint8_t)n->method[i]);
    put(name, n->code);
}

static void
put(struct mib_oid *name, uint32_t id)
{
    name->id[name->length++] = id;
}
