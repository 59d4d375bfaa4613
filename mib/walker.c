/* SPDX-License-Identifier: BSD-2-Clause */
/* GET and GETNEXT over any table descriptor. Rows are found by their key, compared with the
 * sub-identifiers as they came: whatever these are, an index cut short or none at all, they have their
 * place in the order. */
#include "mib/mib.h"

/* An index as it came in a request, perhaps none. */
struct index {
    const uint32_t *id;
    size_t length;
};

static size_t start_column(const struct mib_table *table, const uint32_t *oid, size_t length,
                           struct index *rest);
static bool next_in_column(const struct mib_table *table, const struct mib_column *column,
                           const struct mib_view *view, struct index index, struct mib_oid *name,
                           struct mib_value *value);
static int compare_prefix(const struct mib_table *table, const uint32_t *oid, size_t length);
static int compare_index(const struct mib_table *table, const struct mib_row *row, struct index index);
static int compare_text(struct span text, struct index *index);
static int compare_next(uint64_t part, struct index *index);
static int compare_numbers(uint64_t a, uint64_t b);
static bool build_name(const struct mib_table *table, const struct mib_column *column,
                       const struct mib_row *row, struct mib_oid *name);
static bool name_add(struct mib_oid *name, uint32_t id);
static bool name_add_text(struct mib_oid *name, struct span text);
static bool value_get(const struct mib_column *column, const struct mib_view *view, const struct mib_row *row,
                      struct mib_value *value);
static uint64_t clamp(uint64_t number, uint64_t min, uint64_t max);
static size_t length_to_send(struct span text);
static void bits_to_octets(struct mib_value *value);

enum mib_result
mib_get(const struct mib_table *table, const struct mib_view *view, const uint32_t *oid, size_t length,
        struct mib_value *value)
{
    const struct mib_column *column;
    struct index index;
    struct mib_row row;

    if (length <= table->oid_len || compare_prefix(table, oid, length) != 0)
        return MIB_NO_OBJECT;
    column = mib_column_find(table, oid[table->oid_len]);
    if (column == NULL)
        return MIB_NO_OBJECT;
    index = (struct index){ oid + table->oid_len + 1, length - table->oid_len - 1 };
    if (length > MIB_OID_MAX || !mib_row_find(table, view, index.id, index.length, &row))
        return MIB_NO_INSTANCE;
    return value_get(column, view, &row, value) ? MIB_OK : MIB_NO_INSTANCE;
}

enum mib_result
mib_getnext(const struct mib_table *table, const struct mib_view *view, const uint32_t *oid, size_t length,
            struct mib_oid *name, struct mib_value *value)
{
    struct index index;
    size_t c = start_column(table, oid, length, &index);

    for (; c < table->n_columns; c++, index.length = 0)
        if (next_in_column(table, &table->columns[c], view, index, name, value))
            return MIB_OK;
    return MIB_END;
}

/* Where the instances after `oid` begin: a position in the columns, and the index to go past there. */
static size_t
start_column(const struct mib_table *table, const uint32_t *oid, size_t length, struct index *rest)
{
    int order = compare_prefix(table, oid, length);
    size_t c = 0;

    *rest = (struct index){ NULL, 0 };
    if (order > 0)
        return table->n_columns;
    if (order < 0 || length <= table->oid_len)
        return 0;
    while (c < table->n_columns && table->columns[c].id < oid[table->oid_len])
        c++;
    if (c < table->n_columns && table->columns[c].id == oid[table->oid_len])
        *rest = (struct index){ oid + table->oid_len + 1, length - table->oid_len - 1 };
    return c;
}

/* The first instance of the column past `index`. */
static bool
next_in_column(const struct mib_table *table, const struct mib_column *column, const struct mib_view *view,
               struct index index, struct mib_oid *name, struct mib_value *value)
{
    struct mib_row row;

    while (table->seek(table, view, index.id, index.length, true, &row)) {
        bool has_name = build_name(table, column, &row, name);

        if (has_name && value_get(column, view, &row, value))
            return true;
        if (!has_name) /* its long string, and all others of that length, have no name: go past them */
            name->id[MIB_OID_MAX - 1] = UINT32_MAX;
        index = (struct index){ name->id + table->oid_len + 1, name->length - table->oid_len - 1 };
    }
    return false;
}

bool
mib_row_find(const struct mib_table *table, const struct mib_view *view, const uint32_t *index, size_t length,
             struct mib_row *row)
{
    return table->seek(table, view, index, length, false, row) &&
           compare_index(table, row, (struct index){ index, length }) == 0;
}

bool
mib_seek_rows(const struct mib_table *table, const struct mib_view *view, const uint32_t *index,
              size_t length, bool after, struct mib_row *row)
{
    const struct snap_rows *rows = &view->snapshot->rows[table->rows];
    const struct index wanted = { index, length };
    uint32_t low = 0, high = rows->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct mib_row probe;

        probe.data = rows->row[middle];
        if (compare_index(table, &probe, wanted) < (after ? 1 : 0))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == rows->count)
        return false;
    row->data = rows->row[low];
    return true;
}

const struct mib_column *
mib_column_find(const struct mib_table *table, uint32_t id)
{
    for (size_t c = 0; c < table->n_columns; c++)
        if (table->columns[c].id == id)
            return &table->columns[c];
    return NULL;
}

int
mib_row_compare(const struct mib_table *table, const void *a, const void *b)
{
    const struct mib_row row_a = { .data = a }, row_b = { .data = b };
    struct mib_key key_a = { .parts = 0 }, key_b = { .parts = 0 };
    int order = 0;

    table->key(&row_a, &key_a);
    table->key(&row_b, &key_b);
    for (unsigned p = 0; p < key_a.parts && order == 0; p++) {
        struct span text_a = key_a.part[p].text, text_b = key_b.part[p].text;

        if (!key_a.part[p].is_text)
            order = compare_numbers(key_a.part[p].number, key_b.part[p].number);
        else if (text_a.length != text_b.length)
            order = compare_numbers(text_a.length, text_b.length);
        else if (text_a.length != 0)
            order = memcmp(text_a.data, text_b.data, text_a.length);
    }
    return order;
}

/* Where `oid` lies: before (-1) or behind (1) all of the table, or 0 when one begins with the other. */
static int
compare_prefix(const struct mib_table *table, const uint32_t *oid, size_t length)
{
    int order = 0;

    for (size_t i = 0; i < length && i < table->oid_len && order == 0; i++)
        order = compare_numbers(oid[i], table->oid[i]);
    return order;
}

/* The order of a row's index against sub-identifiers that may be any. */
static int
compare_index(const struct mib_table *table, const struct mib_row *row, struct index index)
{
    struct mib_key key = { .parts = 0 };
    int order = 0;

    table->key(row, &key);
    for (unsigned p = 0; p < key.parts && order == 0; p++) {
        if (key.part[p].is_text)
            order = compare_text(key.part[p].text, &index);
        else
            order = compare_next(key.part[p].number, &index);
    }
    return order == 0 && index.length > 0 ? -1 : order;
}

static int
compare_text(struct span text, struct index *index)
{
    int order = compare_next(text.length, index);

    for (size_t i = 0; i < text.length && order == 0; i++)
        order = compare_next(text.data[i], index);
    return order;
}

/* A part of a row's index against the next sub-identifier, which is cut off. Past the end the longer one
 * comes later. */
static int
compare_next(uint64_t part, struct index *index)
{
    if (index->length == 0)
        return 1;
    index->length--;
    return compare_numbers(part, *index->id++);
}

static int
compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* The instance's name: entry, column, index. False when MIB_OID_MAX sub-identifiers are too few; then it
 * is cut. */
static bool
build_name(const struct mib_table *table, const struct mib_column *column, const struct mib_row *row,
           struct mib_oid *name)
{
    struct mib_key key = { .parts = 0 };
    bool fits = true;

    memcpy(name->id, table->oid, table->oid_len * sizeof(name->id[0]));
    name->length = table->oid_len;
    fits = name_add(name, column->id);
    table->key(row, &key);
    for (unsigned p = 0; p < key.parts; p++) {
        if (key.part[p].is_text)
            fits = name_add_text(name, key.part[p].text) && fits;
        else
            fits = name_add(name, key.part[p].number) && fits;
    }
    return fits;
}

static bool
name_add(struct mib_oid *name, uint32_t id)
{
    if (name->length == MIB_OID_MAX)
        return false;
    name->id[name->length++] = id;
    return true;
}

static bool
name_add_text(struct mib_oid *name, struct span text)
{
    bool fits = name_add(name, (uint32_t)text.length);

    for (size_t i = 0; i < text.length && fits; i++)
        fits = name_add(name, text.data[i]);
    return fits;
}

/* Ask the getter, and turn what it says into what goes on the wire. */
static bool
value_get(const struct mib_column *column, const struct mib_view *view, const struct mib_row *row,
          struct mib_value *value)
{
    value->syntax = column->syntax; /* no initialiser: it would clear the scratch for every number */
    value->number = 0;
    value->octets = span_of(NULL, 0);
    if (!column->get(view, row, column, value))
        return false;
    if (column->max != 0)
        value->number = clamp(value->number, column->min, column->max);
    switch (column->syntax) {
    case MIB_INTEGER: value->number = clamp(value->number, 0, INT32_MAX); break;
    case MIB_UNSIGNED32:
    case MIB_GAUGE32: value->number = clamp(value->number, 0, UINT32_MAX); break;
    case MIB_COUNTER32: value->number &= UINT32_MAX; break;
    case MIB_TIMETICKS: value->number = mib_timestamp(view, value->number); break;
    case MIB_OCTETS: value->octets = span_first(value->octets, length_to_send(value->octets)); break;
    case MIB_BITS: bits_to_octets(value); break;
    }
    if (value->octets.data == NULL)
        value->octets = span_of(value->scratch, 0);
    return true;
}

static uint64_t
clamp(uint64_t number, uint64_t min, uint64_t max)
{
    if (number < min)
        return min;
    return number > max ? max : number;
}

/* Cut where a character begins. What is not UTF-8 is cut where the room ends. */
static size_t
length_to_send(struct span text)
{
    if (text.length <= MIB_OCTETS_MAX)
        return text.length;
    for (size_t back = 0; back < 4; back++)
        if ((text.data[MIB_OCTETS_MAX - back] & 0xc0) != 0x80)
            return MIB_OCTETS_MAX - back;
    return MIB_OCTETS_MAX;
}

/* Bit 0 is the highest bit of the first octet. Octets of zeros at the end are left out, but for the first. */
static void
bits_to_octets(struct mib_value *value)
{
    size_t length = 1;

    memset(value->scratch, 0, 64 / 8);
    for (unsigned bit = 0; bit < 64; bit++) {
        if ((value->number >> bit & 1) == 0)
            continue;
        value->scratch[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
        length = bit / 8 + 1;
    }
    value->octets = span_of(value->scratch, length);
}
