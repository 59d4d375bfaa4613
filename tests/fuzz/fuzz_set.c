/* SPDX-License-Identifier: BSD-2-Clause */
/* Any SET, judged over the snapshot of the unit tests: what is accepted must be a plan that can be carried
 * out, the same in whatever order the varbinds come, and what is refused must leave no plan. One octet says
 * how many rows are free; then varbinds follow: one octet for the column (of those below, or none: then the
 * OID is all in the index), one for the row (of those below, or any: a number of sub-identifiers, one octet
 * each, or four after an octet above 0xef), one for the type, and the value: four octets, or a length and as
 * many octets. */
#include <stdlib.h>

#include "mib/set.h"
#include "tests/unit/mib_fixture.h"

enum { VARBINDS_MAX = 40, KNOWN_COLUMNS = 8, KNOWN_ROWS = 6 };

struct varbind {
    struct mib_oid name;
    struct mib_assignment a;
};

/* What a SET came to. */
struct outcome {
    enum mib_set_error error;
    size_t failed_at, n_changes;
    struct mib_change changes[VARBINDS_MAX];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_varbind(struct span *in, struct varbind *v);
static void begin_name(struct mib_oid *name, uint8_t column, uint8_t row);
static bool read_ids(struct span *in, struct mib_oid *name);
static bool read_value(struct span *in, struct mib_assignment *a);
static void judge(const struct mib_assignment *a, size_t count, uint32_t rows_free, struct outcome *o);
static void check(bool holds);
static void check_plan(const struct outcome *o, uint32_t rows_free);
static void check_code(const struct mib_change *c);
static bool is_there(const struct mib_change *c);
static void check_once(const struct outcome *o, size_t i, uint32_t rows_free);
static bool is_same_row(const struct mib_change *a, const struct mib_change *b);
static bool has_change(const struct outcome *o, const struct mib_change *c);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct varbind v[VARBINDS_MAX];
    static struct mib_assignment forth[VARBINDS_MAX], back[VARBINDS_MAX];
    static struct outcome one, other;
    struct span in = span_of(data, size);
    uint8_t rows_free;
    size_t count = 0;

    if (!span_take_u8(&in, &rows_free))
        return 0;
    while (count < VARBINDS_MAX && read_varbind(&in, &v[count]))
        count++;
    for (size_t i = 0; i < count; i++) {
        v[i].a.id = v[i].name.id;
        v[i].a.length = v[i].name.length;
        forth[i] = back[count - 1 - i] = v[i].a;
    }
    judge(forth, count, rows_free, &one);
    judge(back, count, rows_free, &other);
    check((one.error == MIB_SET_OK) == (other.error == MIB_SET_OK));
    check(one.n_changes == other.n_changes);
    for (size_t i = 0; i < one.n_changes; i++)
        check(has_change(&other, &one.changes[i]));
    for (size_t i = 0; i < count && one.error == MIB_SET_OK; i++) {
        judge(&forth[i], 1, rows_free, &other); /* alone it may lack its row, but nothing is wrong with it */
        check(other.error == MIB_SET_OK || other.error == MIB_SET_INCONSISTENT_NAME);
    }
    return 0;
}

static bool
read_varbind(struct span *in, struct varbind *v)
{
    uint8_t column, row, wire;

    if (!span_take_u8(in, &column) || !span_take_u8(in, &row))
        return false;
    begin_name(&v->name, column, row);
    if (row % (KNOWN_ROWS + 1) == KNOWN_ROWS && !read_ids(in, &v->name))
        return false;
    if (!span_take_u8(in, &wire))
        return false;
    v->a = (struct mib_assignment){ .wire = wire % 4 };
    return read_value(in, &v->a);
}

/* A column, and a row of the right table most of the time. */
static void
begin_name(struct mib_oid *name, uint8_t column, uint8_t row)
{
    static const char *const columns[KNOWN_COLUMNS] = {
        "sipCommonCfgServiceNotifEnable", "sipCommonStatusCodeRowStatus",
        "sipCommonStatusCodeNotifSend",   "sipCommonStatusCodeNotifEmitMode",
        "sipCommonStatusCodeNotifThresh", "sipCommonStatusCodeNotifInterval",
        "sipCommonStatusCodeIns",         "applName",
    };
    static const uint32_t rows[KNOWN_ROWS][6] = { { 1 },
                                                  { 7 },
                                                  { 1, 3, 'B', 'Y', 'E', 200 },
                                                  { 1, 3, 'B', 'Y', 'E', 481 },
                                                  { 7, 3, 'B', 'Y', 'E', 481 },
                                                  { 2, 3, 'B', 'Y', 'E', 481 } };
    static const size_t lengths[KNOWN_ROWS] = { 1, 1, 6, 6, 6, 6 };
    size_t c = column % (KNOWN_COLUMNS + 1), r = row % (KNOWN_ROWS + 1);

    name->length = 0;
    for (size_t t = 0; t < mib_n_tables && c < KNOWN_COLUMNS; t++)
        for (size_t k = 0; k < mib_tables[t]->n_columns; k++)
            if (strcmp(mib_tables[t]->columns[k].object, columns[c]) == 0) {
                memcpy(name->id, mib_tables[t]->oid, mib_tables[t]->oid_len * sizeof(name->id[0]));
                name->length = mib_tables[t]->oid_len;
                name->id[name->length++] = mib_tables[t]->columns[k].id;
            }
    for (size_t i = 0; r < KNOWN_ROWS && i < lengths[r]; i++)
        name->id[name->length++] = rows[r][i];
}

static bool
read_ids(struct span *in, struct mib_oid *name)
{
    uint8_t count, id;

    if (!span_take_u8(in, &count))
        return false;
    for (; count > 0 && name->length < MIB_OID_MAX; count--) {
        uint32_t wide;

        if (!span_take_u8(in, &id))
            return false;
        wide = id;
        if (id >= 0xf0 && !span_take_u32(in, &wide))
            return false;
        name->id[name->length++] = wide;
    }
    return true;
}

static bool
read_value(struct span *in, struct mib_assignment *a)
{
    uint32_t number;
    uint8_t length;

    if (a->wire == MIB_WIRE_OCTETS)
        return span_take_u8(in, &length) && span_take(in, length, &a->octets);
    if (!span_take_u32(in, &number))
        return false;
    a->number = a->wire == MIB_WIRE_INTEGER ? (int64_t)(int32_t)number : (int64_t)number;
    return true;
}

static void
judge(const struct mib_assignment *a, size_t count, uint32_t rows_free, struct outcome *o)
{
    o->error =
        mib_set_check(&mib_fixture_view, rows_free, a, count, o->changes, &o->n_changes, &o->failed_at);
    check(o->n_changes <= count);
    if (o->error == MIB_SET_OK)
        check_plan(o, rows_free);
    else
        check(o->n_changes == 0 && o->failed_at < count);
}

static void
check(bool holds)
{
    if (!holds)
        abort();
}

static void
check_plan(const struct outcome *o, uint32_t rows_free)
{
    for (size_t i = 0; i < o->n_changes; i++) {
        const struct mib_change *c = &o->changes[i];

        check_once(o, i, rows_free);
        check(c->appl_index == 1 || c->appl_index == 7 || c->appl_index == 300);
        if (c->kind == MIB_CHANGE_NOTIFY_ENABLE)
            check(c->notify_enable <= 7 && c->sets == MIB_SETS_SERVICE);
        else
            check_code(c);
    }
}

static void
check_code(const struct mib_change *c)
{
    struct span method = span_of(c->method, c->method_octets);

    check(c->kind == MIB_CHANGE_STATUS_CODE && c->code >= 100 && c->code <= 999);
    check(method_name_is_valid(method) || span_equals(method, span_string(METHOD_OTHER_NAME)));
    check(is_there(c) == !c->creates);
    check(!c->destroys || (!c->creates && c->sets == 0));
    check(c->creates || c->destroys || c->sets != 0);
    check((c->sets & MIB_SETS_SERVICE) == 0);
    check((c->sets & MIB_SETS_EMIT) == 0 || c->emit == 1 || c->emit == 2);
}

/* By looking at all rows. */
static bool
is_there(const struct mib_change *c)
{
    const struct snap_rows *rows = &mib_fixture_view.snapshot->rows[SNAP_CODES];

    for (uint32_t r = 0; r < rows->count; r++) {
        const struct snap_code *code = rows->row[r];

        if (code->appl_index == c->appl_index && code->code == c->code &&
            span_equals(code->method, span_of(c->method, c->method_octets)))
            return true;
    }
    return false;
}

/* Each row once, and no more rows of one application than there is room for. */
static void
check_once(const struct outcome *o, size_t i, uint32_t rows_free)
{
    uint32_t taken = 0;

    for (size_t k = 0; k < o->n_changes; k++) {
        check(k == i || !is_same_row(&o->changes[k], &o->changes[i]));
        taken += o->changes[k].takes_room && o->changes[k].appl_index == o->changes[i].appl_index;
    }
    check(taken <= rows_free);
}

static bool
is_same_row(const struct mib_change *a, const struct mib_change *b)
{
    return a->kind == b->kind && a->appl_index == b->appl_index && a->code == b->code &&
           span_equals(span_of(a->method, a->method_octets), span_of(b->method, b->method_octets));
}

static bool
has_change(const struct outcome *o, const struct mib_change *c)
{
    for (size_t i = 0; i < o->n_changes; i++) {
        const struct mib_change *d = &o->changes[i];

        if (is_same_row(c, d))
            return c->notify_enable == d->notify_enable && c->creates == d->creates &&
                   c->destroys == d->destroys && c->takes_room == d->takes_room && c->sets == d->sets &&
                   c->notify == d->notify && c->emit == d->emit && c->threshold == d->threshold &&
                   c->interval_s == d->interval_s;
    }
    return false;
}
