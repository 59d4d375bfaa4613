/* SPDX-License-Identifier: BSD-2-Clause */
/* One expected walk: GET checks each instance, GETNEXT each step, and what lies between the instances is
 * asked, too. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/mib_fixture.h"

enum { RANDOM_OIDS = 20000 };

static bool
is_last_of_table(size_t i)
{
    return i + 1 == mib_n_expected || mib_fixture_table(i + 1) != mib_fixture_table(i);
}

static void
expect_next(const struct mib_table *table, const uint32_t *oid, size_t length, size_t i)
{
    struct mib_oid name;
    struct mib_value value;

    cr_assert(eq(int, mib_getnext(table, &mib_fixture_view, oid, length, &name, &value), MIB_OK), "before %s",
              mib_expected[i].name);
    cr_expect(mib_fixture_compare(name.id, name.length, mib_fixture_oid(i)->id, mib_fixture_oid(i)->length) ==
                  0,
              "%s", mib_expected[i].name);
    cr_expect(mib_fixture_is_value(i, &value));
}

Test(mib_walk, expected_instances_are_in_order)
{
    for (size_t i = 1; i < mib_n_expected; i++) {
        const struct mib_oid *a = mib_fixture_oid(i - 1), *b = mib_fixture_oid(i);

        cr_expect(mib_fixture_compare(a->id, a->length, b->id, b->length) < 0, "%s", mib_expected[i].name);
    }
}

Test(mib_walk, every_instance_is_in_a_table)
{
    for (size_t i = 0; i < mib_n_expected; i++)
        cr_expect(mib_fixture_table(i) != NULL, "%s", mib_expected[i].name);
}

Test(mib_walk, tables_are_in_order)
{
    for (size_t t = 1; t < mib_n_tables; t++)
        cr_expect(mib_fixture_compare(mib_tables[t - 1]->oid, mib_tables[t - 1]->oid_len, mib_tables[t]->oid,
                                      mib_tables[t]->oid_len) < 0,
                  "%s", mib_tables[t]->name);
}

Test(mib_walk, columns_are_in_order)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        for (size_t c = 1; c < mib_tables[t]->n_columns; c++)
            cr_expect(mib_tables[t]->columns[c - 1].id < mib_tables[t]->columns[c].id, "%s",
                      mib_tables[t]->name);
}

Test(mib_walk, rows_are_in_order)
{
    for (size_t t = 0; t < mib_n_tables; t++) {
        const struct snap_rows none = { .count = 0 };
        const struct snap_rows *rows =
            mib_tables[t]->rows == SNAP_ROWS ? &none : &mib_fixture_view.snapshot->rows[mib_tables[t]->rows];

        for (uint32_t r = 1; r < rows->count; r++)
            cr_expect(mib_row_compare(mib_tables[t], rows->row[r - 1], rows->row[r]) < 0, "%s",
                      mib_tables[t]->name);
    }
}

Test(mib_walk, get_finds_every_instance)
{
    for (size_t i = 0; i < mib_n_expected; i++) {
        const struct mib_oid *name = mib_fixture_oid(i);
        struct mib_value value;

        cr_assert(
            eq(int, mib_get(mib_fixture_table(i), &mib_fixture_view, name->id, name->length, &value), MIB_OK),
            "%s", mib_expected[i].name);
        cr_expect(mib_fixture_is_value(i, &value));
    }
}

Test(mib_walk, getnext_of_each_instance_is_the_following)
{
    for (size_t i = 0; i + 1 < mib_n_expected; i++)
        if (!is_last_of_table(i))
            expect_next(mib_fixture_table(i), mib_fixture_oid(i)->id, mib_fixture_oid(i)->length, i + 1);
}

Test(mib_walk, getnext_of_the_last_instance_ends_the_table)
{
    for (size_t i = 0; i < mib_n_expected; i++) {
        struct mib_oid name;
        struct mib_value value;

        if (is_last_of_table(i))
            cr_expect(eq(int,
                         mib_getnext(mib_fixture_table(i), &mib_fixture_view, mib_fixture_oid(i)->id,
                                     mib_fixture_oid(i)->length, &name, &value),
                         MIB_END),
                      "%s", mib_expected[i].name);
    }
}

Test(mib_walk, walk_from_the_root_visits_every_instance_once)
{
    size_t i = 0;

    for (size_t t = 0; t < mib_n_tables; t++) {
        struct mib_oid name = { .id = { 1 }, .length = 1 };
        struct mib_value value;

        while (mib_getnext(mib_tables[t], &mib_fixture_view, name.id, name.length, &name, &value) == MIB_OK) {
            cr_assert(lt(sz, i, mib_n_expected));
            cr_expect(mib_fixture_compare(name.id, name.length, mib_fixture_oid(i)->id,
                                          mib_fixture_oid(i)->length) == 0,
                      "%s", mib_expected[i].name);
            i++;
        }
    }
    cr_assert(eq(sz, i, mib_n_expected));
}

Test(mib_walk, every_prefix_of_a_name_answers_as_the_reference)
{
    for (size_t i = 0; i < mib_n_expected; i++)
        for (size_t length = 0; length < mib_fixture_oid(i)->length; length++)
            cr_assert(mib_fixture_agrees(mib_fixture_oid(i)->id, length), "%zu of %s", length,
                      mib_expected[i].name);
}

Test(mib_walk, names_one_off_answer_as_the_reference)
{
    for (size_t i = 0; i < mib_n_expected; i++)
        for (size_t at = 0; at < mib_fixture_oid(i)->length; at++)
            for (int by = -1; by <= 1; by += 2) {
                struct mib_oid oid = *mib_fixture_oid(i);

                oid.id[at] += (uint32_t)by;
                cr_assert(mib_fixture_agrees(oid.id, oid.length), "%s, %zu by %d", mib_expected[i].name, at,
                          by);
            }
}

Test(mib_walk, names_with_more_behind_answer_as_the_reference)
{
    static const uint32_t more[] = { 0, 1, 256, UINT32_MAX };

    for (size_t i = 0; i < mib_n_expected; i++)
        for (size_t m = 0; m < sizeof(more) / sizeof(more[0]); m++) {
            struct mib_oid oid = *mib_fixture_oid(i);

            for (; oid.length < MIB_OID_MAX; oid.length++)
                oid.id[oid.length] = more[m];
            cr_assert(mib_fixture_agrees(oid.id, oid.length), "%s", mib_expected[i].name);
            cr_assert(mib_fixture_agrees(oid.id, mib_fixture_oid(i)->length + 1), "%s", mib_expected[i].name);
        }
}

/* Numbers that indexes are cut at: characters and what no character is, lengths true and false, codes,
 * borders. */
static uint32_t
odd_number(unsigned random)
{
    static const uint32_t odd[] = { 0,   1,   2,   3,    4,          6,          7,         8,
                                    65,  73,  78,  100,  101,        127,        200,       255,
                                    256, 300, 301, 5060, 65535,      65536,      329,       328,
                                    699, 999, 486, 5061, 0x7fffffff, 0x80000000, UINT32_MAX };

    return odd[random % (sizeof(odd) / sizeof(odd[0]))];
}

static unsigned
next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(*state >> 33);
}

Test(mib_walk, random_names_answer_as_the_reference)
{
    uint64_t random = 4780;

    for (unsigned n = 0; n < RANDOM_OIDS; n++) {
        struct mib_oid oid = *mib_fixture_oid(next_random(&random) % mib_n_expected);

        for (unsigned changes = next_random(&random) % 4; changes > 0; changes--)
            oid.id[oid.length - 1 - next_random(&random) % (oid.length < 12 ? oid.length : 12)] =
                odd_number(next_random(&random));
        for (unsigned more = next_random(&random) % 3; more > 0; more--)
            oid.id[oid.length++] = odd_number(next_random(&random));
        oid.length -= next_random(&random) % 4;
        cr_assert(mib_fixture_agrees(oid.id, oid.length), "random name %u", n);
    }
}

Test(mib_walk, string_index_longer_than_its_length_is_no_instance)
{
    static const uint32_t oid[] = { 1, 3, 6, 1, 2, 1, 149, 1, 4, 1, 1, 3, 1, 3, 'I', 'N', 'F', 'O' };
    struct mib_value value;

    cr_assert(eq(int, mib_get(mib_tables[7], &mib_fixture_view, oid, sizeof(oid) / sizeof(oid[0]), &value),
                 MIB_NO_INSTANCE));
}

Test(mib_walk, character_above_255_in_a_string_index_is_no_character)
{
    static const uint32_t oid[] = { 1, 3, 6, 1, 2, 1, 149, 1, 4, 1, 1, 3, 1, 3, 'A' + 256, 'C', 'K' };
    struct mib_value value;

    cr_assert(eq(int, mib_get(mib_tables[7], &mib_fixture_view, oid, sizeof(oid) / sizeof(oid[0]), &value),
                 MIB_NO_INSTANCE));
}
