/* SPDX-License-Identifier: BSD-2-Clause */
/* The judge of SETs. What a column takes is said where the column is; here is how errors come about, and
 * their order. */
#include "mib/columns.h"
#include "mib/tables.h"

#include <assert.h>

enum { BITS_OCTETS_MAX = 128 / 8, APPL_INDEX_MAX = INT32_MAX, CODE_MIN = 100, CODE_MAX = 999 };

/* What a varbind comes down to. */
struct target {
    const struct mib_table *table;
    const struct mib_writable *writable;
    const uint32_t *index;
    size_t index_length;
    uint32_t value;
    struct mib_change row; /* kind and index of its row, nothing else */
};

/* A SET while it is judged. */
struct judgement {
    const struct mib_view *view;
    const struct mib_assignment *a;
    size_t count;
    struct mib_change *changes;
    size_t n_changes;
    size_t conflict_at; /* the first varbind that contradicts an earlier one; `count`: none */
};

static enum mib_set_error judge_alone(const struct mib_view *view, const struct mib_assignment *a,
                                      struct target *t);
static bool value_of(const struct mib_writable *w, const struct mib_assignment *a, uint32_t *value);
static bool bits_of(struct span octets, uint32_t named, uint32_t *bits);
static bool row_of(const struct mib_view *view, struct target *t);
static bool status_code_of(const uint32_t *index, size_t length, struct mib_change *row);
static void merge(struct judgement *j);
static struct mib_change *change_of(const struct judgement *j, const struct mib_change *row);
static bool is_same_row(const struct mib_change *a, const struct mib_change *b);
static enum mib_set_error judge_together(const struct judgement *j, size_t i);
static bool is_configured(const struct mib_view *view, uint32_t appl_index);
static bool find_code(const struct mib_view *view, const struct mib_change *row, struct mib_row *found);
static enum mib_set_error judge_room(const struct judgement *j, uint32_t rows_free, size_t *failed_at);
static bool takes_room(const struct mib_view *view, const struct mib_change *change);
static size_t asker_of(const struct judgement *j, const struct mib_change *change);
static void drop_destroyed(struct judgement *j);

enum mib_set_error
mib_set_check(const struct mib_view *view, uint32_t rows_free, const struct mib_assignment *a, size_t count,
              struct mib_change *changes, size_t *n_changes, size_t *failed_at)
{
    struct judgement j = { .view = view, .a = a, .count = count, .changes = changes, .conflict_at = count };
    enum mib_set_error error = MIB_SET_OK;
    struct target t;

    *n_changes = 0;
    for (*failed_at = 0; *failed_at < count; ++*failed_at)
        if ((error = judge_alone(view, &a[*failed_at], &t)) != MIB_SET_OK)
            return error;
    merge(&j);
    for (*failed_at = 0; *failed_at < count; ++*failed_at)
        if ((error = judge_together(&j, *failed_at)) != MIB_SET_OK)
            return error;
    error = judge_room(&j, rows_free, failed_at);
    if (error != MIB_SET_OK)
        return error;
    drop_destroyed(&j);
    *n_changes = j.n_changes;
    return MIB_SET_OK;
}

/* In the order of RFC 3416 4.2.5: the value comes before the name. */
static enum mib_set_error
judge_alone(const struct mib_view *view, const struct mib_assignment *a, struct target *t)
{
    const struct mib_column *column = NULL;

    *t = (struct target){ .table = mib_table_find(a->id, a->length) };
    if (t->table != NULL && a->length > t->table->oid_len)
        column = mib_column_find(t->table, a->id[t->table->oid_len]);
    if (column == NULL || column->writable == NULL)
        return MIB_SET_NOT_WRITABLE;
    t->writable = column->writable;
    t->index = a->id + t->table->oid_len + 1;
    t->index_length = a->length - t->table->oid_len - 1;
    if (a->wire != t->writable->wire)
        return MIB_SET_WRONG_TYPE;
    if (a->wire == MIB_WIRE_OCTETS && a->octets.length > BITS_OCTETS_MAX)
        return MIB_SET_WRONG_LENGTH;
    if (!value_of(t->writable, a, &t->value))
        return MIB_SET_WRONG_VALUE;
    return row_of(view, t) ? MIB_SET_OK : MIB_SET_NO_CREATION;
}

/* False for a value that can under no circumstances be assigned. */
static bool
value_of(const struct mib_writable *w, const struct mib_assignment *a, uint32_t *value)
{
    bool is_legal = false;

    switch (w->wire) {
    case MIB_WIRE_INTEGER:
        is_legal = a->number >= 0 && a->number < 32 && (w->legal >> a->number & 1) != 0;
        *value = (uint32_t)a->number;
        break;
    case MIB_WIRE_UNSIGNED32:
        is_legal = a->number >= 0 && a->number <= UINT32_MAX;
        *value = (uint32_t)a->number;
        break;
    case MIB_WIRE_OCTETS: is_legal = bits_of(a->octets, w->legal, value); break;
    case MIB_WIRE_OTHER: break;
    }
    return is_legal;
}

/* Bit n of the BITS in bit n; the highest bit of the first octet is bit 0. What is behind the last bit that
 * has a name, in its octet, is ignored on receipt (RFC 3417 8 (4)). False when a bit of a further octet is
 * set: it has no name. */
static bool
bits_of(struct span octets, uint32_t named, uint32_t *bits)
{
    *bits = 0;
    for (size_t i = 0; i < octets.length; i++) {
        uint32_t names = i < sizeof(named) ? named >> i * 8 & 0xff : 0;

        if (names == 0 && octets.data[i] != 0)
            return false;
        for (unsigned bit = 0; bit < 8; bit++)
            if ((names >> bit & 1) != 0 && (octets.data[i] >> (7 - bit) & 1) != 0)
                *bits |= (uint32_t)1 << (i * 8 + bit);
    }
    return true;
}

/* Which row it is. False for an index that is no row's and will be none's by any SET. */
static bool
row_of(const struct mib_view *view, struct target *t)
{
    struct mib_row row;

    t->row.kind = t->writable->kind;
    t->row.appl_index = t->index_length > 0 ? t->index[0] : 0;
    switch (t->row.kind) {
    case MIB_CHANGE_NOTIFY_ENABLE: return mib_row_find(t->table, view, t->index, t->index_length, &row);
    case MIB_CHANGE_STATUS_CODE: return status_code_of(t->index, t->index_length, &t->row);
    }
    return false;
}

/* applIndex, the method with its length in front, the code. A method that is no token can never be counted,
 * but there may be a row for those that found no room for one of their own. */
static bool
status_code_of(const uint32_t *index, size_t length, struct mib_change *row)
{
    struct span method;

    if (length < 3 || index[0] < 1 || index[0] > APPL_INDEX_MAX || index[1] > METHOD_NAME_MAX ||
        length != 3 + (size_t)index[1])
        return false;
    for (uint32_t i = 0; i < index[1]; i++) {
        if (index[2 + i] > UINT8_MAX)
            return false;
        row->method[i] = (char)index[2 + i];
    }
    row->method_octets = (uint8_t)index[1];
    row->code = index[length - 1];
    method = span_of(row->method, row->method_octets);
    return row->code >= CODE_MIN && row->code <= CODE_MAX &&
           (method_name_is_valid(method) || span_equals(method, span_string(METHOD_OTHER_NAME)));
}

/* Gather what is to be done to each row. */
static void
merge(struct judgement *j)
{
    struct target t;

    for (size_t i = 0; i < j->count; i++) {
        struct mib_change *change;

        judge_alone(j->view, &j->a[i], &t);
        assert(t.writable); /* what names no object to write was refused before */
        change = change_of(j, &t.row);
        if (change == NULL) {
            change = &j->changes[j->n_changes++];
            *change = t.row;
        }
        if (!t.writable->put(change, t.value) && j->conflict_at == j->count)
            j->conflict_at = i;
    }
}

static struct mib_change *
change_of(const struct judgement *j, const struct mib_change *row)
{
    for (size_t c = 0; c < j->n_changes; c++)
        if (is_same_row(&j->changes[c], row))
            return &j->changes[c];
    return NULL;
}

static bool
is_same_row(const struct mib_change *a, const struct mib_change *b)
{
    return a->kind == b->kind && a->appl_index == b->appl_index && a->code == b->code &&
           span_equals(span_of(a->method, a->method_octets), span_of(b->method, b->method_octets));
}

/* Varbind `i` in the light of the others, and of what is there. */
static enum mib_set_error
judge_together(const struct judgement *j, size_t i)
{
    const struct mib_change *change;
    struct target t;
    struct mib_row row;
    bool creates, is_there, is_setting;

    judge_alone(j->view, &j->a[i], &t);
    if (t.row.kind == MIB_CHANGE_NOTIFY_ENABLE)
        return i == j->conflict_at ? MIB_SET_INCONSISTENT_VALUE : MIB_SET_OK;
    change = change_of(j, &t.row);
    is_there = find_code(j->view, &t.row, &row);
    is_setting = !t.writable->is_row_status;
    creates = t.writable->is_row_status && t.value == MIB_CREATE_AND_GO;
    if (is_setting && !is_there && !change->creates)
        return MIB_SET_INCONSISTENT_NAME;
    if ((is_setting || creates) && !is_configured(j->view, t.row.appl_index))
        return MIB_SET_INCONSISTENT_NAME;
    if (i == j->conflict_at || (creates && is_there) || (is_setting && change->destroys))
        return MIB_SET_INCONSISTENT_VALUE;
    return MIB_SET_OK;
}

static bool
is_configured(const struct mib_view *view, uint32_t appl_index)
{
    struct mib_row row;

    return mib_row_find(&mib_common_cfg, view, &appl_index, 1, &row);
}

static bool
find_code(const struct mib_view *view, const struct mib_change *row, struct mib_row *found)
{
    uint32_t index[3 + METHOD_NAME_MAX];
    size_t length = 0;

    index[length++] = row->appl_index;
    index[length++] = row->method_octets;
    for (size_t i = 0; i < row->method_octets; i++)
        index[length++] = (uint8_t)row->method[i];
    index[length++] = row->code;
    return mib_row_find(&mib_common_status_code, view, index, length, found);
}

/* The rows that nobody asked for so far, instance by instance. What is destroyed by the same SET makes no
 * room yet. */
static enum mib_set_error
judge_room(const struct judgement *j, uint32_t rows_free, size_t *failed_at)
{
    for (size_t c = 0; c < j->n_changes; c++) {
        struct mib_change *change = &j->changes[c];
        uint32_t taken = 0;

        change->takes_room = takes_room(j->view, change);
        for (size_t before = 0; before < c; before++)
            if (j->changes[before].takes_room && j->changes[before].appl_index == change->appl_index)
                taken++;
        if (change->takes_room && taken >= rows_free) {
            *failed_at = asker_of(j, change);
            return MIB_SET_RESOURCE_UNAVAILABLE;
        }
    }
    return MIB_SET_OK;
}

static bool
takes_room(const struct mib_view *view, const struct mib_change *change)
{
    struct mib_row row;

    if (change->kind != MIB_CHANGE_STATUS_CODE || change->destroys)
        return false;
    return !find_code(view, change, &row) || !((const struct snap_code *)row.data)->is_asked_for;
}

/* The varbind that makes a row of it: createAndGo, or the first. */
static size_t
asker_of(const struct judgement *j, const struct mib_change *change)
{
    struct target t;

    for (size_t i = 0; i < j->count; i++)
        if (judge_alone(j->view, &j->a[i], &t) == MIB_SET_OK && is_same_row(&t.row, change) &&
            (!change->creates || t.writable->is_row_status))
            return i;
    return 0;
}

/* Leave out the destruction of what is not there. */
static void
drop_destroyed(struct judgement *j)
{
    size_t kept = 0;
    struct mib_row row;

    for (size_t c = 0; c < j->n_changes; c++)
        if (!j->changes[c].destroys || find_code(j->view, &j->changes[c], &row))
            j->changes[kept++] = j->changes[c];
    j->n_changes = kept;
}

bool
mib_change_number(struct mib_change *change, unsigned sets, uint32_t *field, uint32_t value)
{
    bool agrees = (change->sets & sets) == 0 || *field == value;

    if (agrees)
        *field = value;
    change->sets |= sets;
    return agrees;
}
