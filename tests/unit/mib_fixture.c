/* SPDX-License-Identifier: BSD-2-Clause */
/* The reference that the walker is held to: every question is answered by looking at the whole expected
 * walk. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/mib_fixture.h"

enum { EXPECTED_MAX = 1024, TABLES_MAX = 64 };

/* The instances of a table: they stand together, since the walk is in order. */
struct range {
    size_t first, end;
};

static void parse(const char *text, struct mib_oid *oid);
static const struct range *range_of(const struct mib_table *table);
static bool is_below(const struct mib_oid *oid, const uint32_t *prefix, size_t length);
static void print_value(const struct mib_value *value, const char **type, char *text, size_t size);

const struct mib_oid *
mib_fixture_oid(size_t i)
{
    static struct mib_oid parsed[EXPECTED_MAX];

    if (mib_n_expected > EXPECTED_MAX)
        abort();
    if (parsed[i].length == 0)
        parse(mib_expected[i].name, &parsed[i]);
    return &parsed[i];
}

const struct mib_table *
mib_fixture_table(size_t i)
{
    static const struct mib_table *found[EXPECTED_MAX];

    for (size_t t = 0; t < mib_n_tables && found[i] == NULL; t++)
        if (is_below(mib_fixture_oid(i), mib_tables[t]->oid, mib_tables[t]->oid_len))
            found[i] = mib_tables[t];
    return found[i];
}

static void
parse(const char *text, struct mib_oid *oid)
{
    struct mib_oid parsed = { .length = 0 };
    char *end;

    for (; parsed.length < MIB_OID_MAX; text = end + 1) {
        parsed.id[parsed.length++] = (uint32_t)strtoul(text, &end, 10);
        if (*end != '.')
            break;
    }
    *oid = parsed;
}

int
mib_fixture_compare(const uint32_t *a, size_t a_length, const uint32_t *b, size_t b_length)
{
    for (size_t i = 0; i < a_length && i < b_length; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return (a_length > b_length) - (a_length < b_length);
}

static const struct range *
range_of(const struct mib_table *table)
{
    static struct range ranges[TABLES_MAX];
    struct range *r = ranges;

    if (mib_n_tables > TABLES_MAX)
        abort();
    for (size_t t = 0; mib_tables[t] != table; t++)
        r++;
    if (r->end > 0)
        return r;
    while (r->first < mib_n_expected && mib_fixture_table(r->first) != table)
        r->first++;
    r->end = r->first;
    while (r->end < mib_n_expected && mib_fixture_table(r->end) == table)
        r->end++;
    return r;
}

/* An object is there when an instance of it is: the fixture has one for every column. */
enum mib_result
mib_fixture_get(const struct mib_table *table, const uint32_t *oid, size_t length, size_t *i)
{
    const struct range *r = range_of(table);
    enum mib_result result = MIB_NO_OBJECT;

    for (size_t e = r->first; e < r->end; e++) {
        const struct mib_oid *name = mib_fixture_oid(e);

        if (mib_fixture_compare(name->id, name->length, oid, length) == 0) {
            *i = e;
            return MIB_OK;
        }
        if (length > table->oid_len && is_below(name, oid, table->oid_len + 1))
            result = MIB_NO_INSTANCE;
    }
    return result;
}

enum mib_result
mib_fixture_getnext(const struct mib_table *table, const uint32_t *oid, size_t length, size_t *i)
{
    const struct range *r = range_of(table);

    for (size_t e = r->first; e < r->end; e++) {
        const struct mib_oid *name = mib_fixture_oid(e);

        if (mib_fixture_compare(name->id, name->length, oid, length) > 0) {
            *i = e;
            return MIB_OK;
        }
    }
    return MIB_END;
}

static bool
is_below(const struct mib_oid *oid, const uint32_t *prefix, size_t length)
{
    return oid->length > length && mib_fixture_compare(oid->id, length, prefix, length) == 0;
}

bool
mib_fixture_is_value(size_t i, const struct mib_value *value)
{
    const struct mib_instance *expected = &mib_expected[i];
    const char *type;
    char text[3 * MIB_OCTETS_MAX + 1];

    print_value(value, &type, text, sizeof(text));
    if (strcmp(type, expected->type) == 0 && strcmp(text, expected->value) == 0)
        return true;
    fprintf(stderr, "%s: expected %s: %s, got %s: %s\n", expected->name, expected->type, expected->value,
            type, text);
    return false;
}

static void
print_value(const struct mib_value *value, const char **type, char *text, size_t size)
{
    static const char *const names[] = {
        [MIB_INTEGER] = "INTEGER",     [MIB_UNSIGNED32] = "Unsigned32", [MIB_GAUGE32] = "Gauge32",
        [MIB_COUNTER32] = "Counter32", [MIB_TIMETICKS] = "TimeTicks",   [MIB_OCTETS] = "STRING",
        [MIB_BITS] = "BITS",
    };
    bool is_text = value->syntax == MIB_OCTETS;
    int used = 0;

    *type = names[value->syntax];
    text[0] = '\0';
    if (value->syntax != MIB_OCTETS && value->syntax != MIB_BITS) {
        snprintf(text, size, "%" PRIu64, value->number);
        return;
    }
    for (size_t i = 0; i < value->octets.length; i++)
        is_text = is_text && value->octets.data[i] >= ' ' && value->octets.data[i] <= '~';
    if (is_text) {
        snprintf(text, size, "%.*s", (int)value->octets.length, (const char *)value->octets.data);
        return;
    }
    if (value->syntax == MIB_OCTETS)
        *type = "HEX";
    for (size_t i = 0; i < value->octets.length; i++)
        used += snprintf(text + used, size - (size_t)used, i == 0 ? "%02X" : " %02X", value->octets.data[i]);
}

bool
mib_fixture_agrees(const uint32_t *oid, size_t length)
{
    for (size_t t = 0; t < mib_n_tables; t++) {
        struct mib_value value;
        struct mib_oid name;
        enum mib_result expected;
        size_t i = 0;

        expected = mib_fixture_get(mib_tables[t], oid, length, &i);
        if (mib_get(mib_tables[t], &mib_fixture_view, oid, length, &value) != expected ||
            (expected == MIB_OK && !mib_fixture_is_value(i, &value)))
            return false;
        expected = mib_fixture_getnext(mib_tables[t], oid, length, &i);
        if (mib_getnext(mib_tables[t], &mib_fixture_view, oid, length, &name, &value) != expected)
            return false;
        if (expected == MIB_OK && (mib_fixture_compare(name.id, name.length, mib_fixture_oid(i)->id,
                                                       mib_fixture_oid(i)->length) != 0 ||
                                   !mib_fixture_is_value(i, &value)))
            return false;
    }
    return true;
}
