/* SPDX-License-Identifier: BSD-2-Clause */
/* Holds the table descriptors to what the RFCs define, as tests/integration/mib-facts.txt has it: names,
 * numbers, syntax, ranges, access and indexes. What is defined and not served is listed here, each with
 * its reason. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/mib_fixture.h"

enum { FACTS_MAX = 600, LINE_MAX_OCTETS = 1200, WORD_MAX = 100 };

struct fact {
    char module[WORD_MAX + 1], name[WORD_MAX + 1], oid[WORD_MAX + 1], kind[WORD_MAX + 1];
    char rest[LINE_MAX_OCTETS];
};

static struct fact facts[FACTS_MAX];
static size_t n_facts;

/* Readable objects of the modules whose tables are served. */
static const char *const not_served[] = {
    /* Single associations: the group is optional, connections are the transport's. */
    "assocRemoteApplication",
    "assocApplicationProtocol",
    "assocApplicationType",
    "assocDuration",
};

static void
read_facts(void)
{
    const char *top = getenv("top_srcdir");
    char path[4096], line[LINE_MAX_OCTETS];
    FILE *file;

    snprintf(path, sizeof(path), "%s/tests/integration/mib-facts.txt", top == NULL ? "." : top);
    file = fopen(path, "r");
    cr_assert(file != NULL, "cannot read %s: set top_srcdir", path);
    while (fgets(line, sizeof(line), file) != NULL) {
        struct fact *f = &facts[n_facts];

        if (line[0] == '#')
            continue;
        cr_assert(lt(sz, n_facts, FACTS_MAX));
        if (sscanf(line, "%100s %100s %100s %100s %1199[^\n]", f->module, f->name, f->oid, f->kind,
                   f->rest) >= 4)
            n_facts++;
    }
    fclose(file);
    cr_assert(gt(sz, n_facts, 0));
}

TestSuite(mib_facts, .init = read_facts);

static const struct fact *
find_name(const char *kind, const char *name)
{
    for (size_t i = 0; i < n_facts; i++)
        if (strcmp(facts[i].kind, kind) == 0 && strcmp(facts[i].name, name) == 0)
            return &facts[i];
    return NULL;
}

static const struct fact *
find_oid(const char *kind, const uint32_t *oid, size_t length)
{
    char text[WORD_MAX + 1] = "";
    size_t used = 0;

    for (size_t i = 0; i < length && used < WORD_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, i == 0 ? "%u" : ".%u", oid[i]);
    for (size_t i = 0; i < n_facts; i++)
        if (strcmp(facts[i].kind, kind) == 0 && strcmp(facts[i].oid, text) == 0)
            return &facts[i];
    return NULL;
}

/* The word behind `key`, such as "syntax=", up to a space. Empty when there is none. */
static void
word_of(const struct fact *f, const char *key, char word[LINE_MAX_OCTETS])
{
    const char *found = strstr(f->rest, key);

    word[0] = '\0';
    if (found != NULL)
        snprintf(word, LINE_MAX_OCTETS, "%.*s", (int)strcspn(found + strlen(key), " "), found + strlen(key));
}

/* What a SYNTAX is on the wire: textual conventions are followed to what they are of. */
static enum mib_syntax
syntax_of(const char *word)
{
    static const struct {
        const char *name;
        enum mib_syntax syntax;
    } bases[] = {
        { "Enumeration", MIB_INTEGER }, { "Integer32", MIB_INTEGER },   { "Unsigned32", MIB_UNSIGNED32 },
        { "Gauge32", MIB_GAUGE32 },     { "Counter32", MIB_COUNTER32 }, { "TimeTicks", MIB_TIMETICKS },
        { "OctetString", MIB_OCTETS },  { "Bits", MIB_BITS },
    };
    char name[LINE_MAX_OCTETS], base[LINE_MAX_OCTETS];
    const struct fact *type;

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "({/"), word);
    for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++)
        if (strcmp(bases[i].name, name) == 0)
            return bases[i].syntax;
    type = find_name("type", name);
    cr_assert(type != NULL, "%s is no type", name);
    word_of(type, "base=", base);
    return syntax_of(base);
}

/* The row's own index, or that of the row it augments. */
static void
index_of(const struct fact *row, char index[LINE_MAX_OCTETS])
{
    char other[LINE_MAX_OCTETS];

    word_of(row, "augments=", other);
    if (other[0] != '\0')
        row = find_name("row", other);
    cr_assert(row != NULL);
    word_of(row, "index=", index);
}

Test(mib_facts, tables_have_their_names_and_numbers)
{
    for (size_t t = 0; t < mib_n_tables; t++) {
        const struct fact *f = find_oid("table", mib_tables[t]->oid, mib_tables[t]->oid_len - 1);

        cr_assert(f != NULL, "%s", mib_tables[t]->name);
        cr_expect(strcmp(f->name, mib_tables[t]->name) == 0, "%s", mib_tables[t]->name);
        cr_expect(find_oid("row", mib_tables[t]->oid, mib_tables[t]->oid_len) != NULL, "%s",
                  mib_tables[t]->name);
    }
}

Test(mib_facts, indexes_have_their_parts)
{
    for (size_t t = 0; t < mib_n_tables; t++) {
        struct mib_row row;
        struct mib_key key = { .parts = 0 };
        char index[LINE_MAX_OCTETS], syntax[LINE_MAX_OCTETS], *rest = index;
        unsigned parts = 0;

        cr_assert(mib_tables[t]->seek(mib_tables[t], &mib_fixture_view, NULL, 0, false, &row));
        mib_tables[t]->key(&row, &key);
        index_of(find_oid("row", mib_tables[t]->oid, mib_tables[t]->oid_len), index);
        for (const char *name; (name = strsep(&rest, ",")) != NULL; parts++) {
            cr_assert(lt(uint, parts, key.parts), "%s", mib_tables[t]->name);
            word_of(find_name("column", name), "syntax=", syntax);
            cr_expect(eq(int, key.part[parts].is_text, syntax_of(syntax) == MIB_OCTETS), "%s", name);
        }
        cr_expect(eq(uint, parts, key.parts), "%s", mib_tables[t]->name);
    }
}

/* That of column `c` of a table. */
static const struct fact *
fact_of(const struct mib_table *table, size_t c)
{
    struct mib_oid oid = { .length = table->oid_len + 1 };
    const struct fact *f;

    memcpy(oid.id, table->oid, table->oid_len * sizeof(oid.id[0]));
    oid.id[table->oid_len] = table->columns[c].id;
    f = find_oid("column", oid.id, oid.length);
    cr_assert(f != NULL, "%s", table->columns[c].object);
    return f;
}

Test(mib_facts, columns_have_their_names_and_numbers)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        for (size_t c = 0; c < mib_tables[t]->n_columns; c++)
            cr_expect(
                eq(str, (char *)fact_of(mib_tables[t], c)->name, (char *)mib_tables[t]->columns[c].object));
}

Test(mib_facts, columns_have_their_syntax)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        for (size_t c = 0; c < mib_tables[t]->n_columns; c++) {
            char syntax[LINE_MAX_OCTETS];

            word_of(fact_of(mib_tables[t], c), "syntax=", syntax);
            cr_expect(eq(int, mib_tables[t]->columns[c].syntax, syntax_of(syntax)), "%s",
                      mib_tables[t]->columns[c].object);
        }
}

/* libsmi says read-write of a column that RFC 4780 has read-create; its row says that it can be created. */
Test(mib_facts, columns_have_their_access)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        for (size_t c = 0; c < mib_tables[t]->n_columns; c++) {
            const struct fact *row = find_oid("row", mib_tables[t]->oid, mib_tables[t]->oid_len);
            enum mib_access expected = MIB_READ_ONLY;
            char access[LINE_MAX_OCTETS];

            word_of(fact_of(mib_tables[t], c), "access=", access);
            if (strcmp(access, "readwrite") == 0)
                expected = strstr(row->rest, "create=true") != NULL ? MIB_READ_CREATE : MIB_READ_WRITE;
            else
                cr_expect(eq(str, access, "readonly"), "%s", mib_tables[t]->columns[c].object);
            cr_expect(eq(int, mib_tables[t]->columns[c].access, expected), "%s",
                      mib_tables[t]->columns[c].object);
        }
}

/* The lowest and highest value that a SYNTAX has: of "Unsigned32(100..1000)", or of the numbers of an
 * enumeration. */
static void
range_of(const char *syntax, unsigned long *min, unsigned long *max)
{
    const char *at = syntax;

    *min = 0;
    *max = 0;
    if (syntax[strcspn(syntax, "({")] == '(') {
        cr_assert(eq(int, sscanf(syntax + strcspn(syntax, "("), "(%lu..%lu)", min, max), 2));
        return;
    }
    for (*min = ULONG_MAX; (at = strchr(at, '(')) != NULL; at++) {
        unsigned long number = strtoul(at + 1, NULL, 10);

        *min = number < *min ? number : *min;
        *max = number > *max ? number : *max;
    }
}

Test(mib_facts, ranges_are_those_of_the_syntax)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        for (size_t c = 0; c < mib_tables[t]->n_columns; c++) {
            const struct mib_column *column = &mib_tables[t]->columns[c];
            char syntax[LINE_MAX_OCTETS];
            unsigned long min, max;

            if (column->max == 0)
                continue;
            word_of(fact_of(mib_tables[t], c), "syntax=", syntax);
            range_of(syntax, &min, &max);
            cr_expect(eq(ulong, column->min, min), "%s", column->object);
            cr_expect(eq(ulong, column->max, max), "%s", column->object);
        }
}

static bool
is_served(const char *object)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        for (size_t c = 0; c < mib_tables[t]->n_columns; c++)
            if (strcmp(mib_tables[t]->columns[c].object, object) == 0)
                return true;
    return false;
}

static bool
is_listed(const char *object)
{
    for (size_t i = 0; i < sizeof(not_served) / sizeof(not_served[0]); i++)
        if (strcmp(not_served[i], object) == 0)
            return true;
    return false;
}

Test(mib_facts, what_is_not_served_is_listed)
{
    for (size_t i = 0; i < n_facts; i++) {
        char access[LINE_MAX_OCTETS];

        if (strcmp(facts[i].kind, "column") != 0 || (strcmp(facts[i].module, "NETWORK-SERVICES-MIB") != 0 &&
                                                     strncmp(facts[i].module, "SIP-", 4) != 0))
            continue;
        word_of(&facts[i], "access=", access);
        if (strcmp(access, "noaccess") == 0)
            cr_expect(not(is_served(facts[i].name) || is_listed(facts[i].name)), "index %s", facts[i].name);
        else
            cr_expect(is_served(facts[i].name) != is_listed(facts[i].name), "%s", facts[i].name);
    }
}
