/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of registered users and contacts, where their rows are asked for one by one: what is asked, and
 * what is made of answers. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "mib/tables.h"

/* A registrar that says what it was asked, and has one row: the last there can be, or one out of order. */
struct asked {
    struct mib_registrations r;
    unsigned questions;
    uint32_t registry_id, user, contact;
    bool is_pseudonymous, has_row;
    uint32_t answer_user, answer_contact;
};

static bool
user_at(struct mib_registrations *r, uint32_t registry_id, bool is_pseudonymous, uint32_t user,
        struct snap_user *out)
{
    struct asked *a = (struct asked *)r;

    a->questions++;
    a->registry_id = registry_id;
    a->is_pseudonymous = is_pseudonymous;
    a->user = user;
    a->contact = 0;
    *out = (struct snap_user){ .appl_index = 99, .index = a->answer_user };
    return a->has_row;
}

static bool
contact_at(struct mib_registrations *r, uint32_t registry_id, bool is_pseudonymous, uint32_t user,
           uint32_t contact, struct snap_contact *out)
{
    struct asked *a = (struct asked *)r;

    a->questions++;
    a->registry_id = registry_id;
    a->is_pseudonymous = is_pseudonymous;
    a->user = user;
    a->contact = contact;
    *out = (struct snap_contact){ .appl_index = 99, .user = a->answer_user, .index = a->answer_contact };
    return a->has_row;
}

static struct asked asked;
static struct snap_instance registrar[3];
static const void *const registrar_rows[] = { &registrar[0], &registrar[1], &registrar[2] };
static const struct snapshot snapshot = { .rows[SNAP_REGISTRARS] = { registrar_rows, 3 } };
static const struct mib_view view = { .snapshot = &snapshot, .registrations = &asked.r };

static void
prepare(void)
{
    asked = (struct asked){ .r = { user_at, contact_at } };
    registrar[0] = (struct snap_instance){ .appl_index = 5, .registry_id = 50 };
    registrar[1] = (struct snap_instance){ .appl_index = 6 };
    registrar[2] =
        (struct snap_instance){ .appl_index = UINT32_MAX, .registry_id = 70, .is_pseudonymous = true };
}

TestSuite(mib_users, .init = prepare);

static bool
seek(const struct mib_table *table, bool after, size_t length, const uint32_t *index)
{
    struct mib_row row;

    return table->seek(table, &view, index, length, after, &row);
}

#define IDS(...)                                                                     \
    sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t), (const uint32_t[]) \
    {                                                                                \
        __VA_ARGS__                                                                  \
    }

#define EXPECT_ASKED(id, user_index, contact_index) \
    cr_expect(eq(u32, asked.registry_id, (id)));    \
    cr_expect(eq(u32, asked.user, (user_index)));   \
    cr_expect(eq(u32, asked.contact, (contact_index)))

Test(mib_users, index_cut_short_comes_before_all_that_begin_with_it)
{
    asked.has_row = true;
    asked.answer_user = UINT32_MAX;
    for (int after = 0; after <= 1; after++) {
        cr_expect(seek(&mib_server_reg_user, after, 0, NULL));
        EXPECT_ASKED(50, 0, 0);
        cr_expect(seek(&mib_server_reg_user, after, IDS(5)));
        EXPECT_ASKED(50, 0, 0);
        cr_expect(seek(&mib_server_reg_contact, after, IDS(5, 8)));
        EXPECT_ASKED(50, 8, 0);
    }
}

Test(mib_users, whole_index_is_asked_for_or_what_follows_it)
{
    asked.has_row = true;
    asked.answer_user = UINT32_MAX;
    cr_expect(seek(&mib_server_reg_user, false, IDS(5, 8)));
    EXPECT_ASKED(50, 8, 0);
    cr_expect(seek(&mib_server_reg_user, true, IDS(5, 8)));
    EXPECT_ASKED(50, 9, 0);
    cr_expect(seek(&mib_server_reg_contact, false, IDS(5, 8, 3)));
    EXPECT_ASKED(50, 8, 3);
    cr_expect(seek(&mib_server_reg_contact, true, IDS(5, 8, 3)));
    EXPECT_ASKED(50, 8, 4);
}

Test(mib_users, index_too_long_comes_behind_the_row_it_begins_with)
{
    asked.has_row = true;
    asked.answer_user = UINT32_MAX;
    for (int after = 0; after <= 1; after++) {
        cr_expect(seek(&mib_server_reg_user, after, IDS(5, 8, 0)));
        EXPECT_ASKED(50, 9, 0);
        cr_expect(seek(&mib_server_reg_contact, after, IDS(5, 8, 3, UINT32_MAX, 1)));
        EXPECT_ASKED(50, 8, 4);
    }
}

Test(mib_users, last_index_is_followed_by_the_next_user_and_the_next_registrar)
{
    asked.has_row = true;
    asked.answer_user = UINT32_MAX;
    cr_expect(seek(&mib_server_reg_contact, true, IDS(5, 8, UINT32_MAX)));
    EXPECT_ASKED(50, 9, 0);
    cr_expect(seek(&mib_server_reg_contact, true, IDS(5, UINT32_MAX, UINT32_MAX)));
    EXPECT_ASKED(70, 0, 0);
    cr_expect(seek(&mib_server_reg_user, true, IDS(5, UINT32_MAX)));
    EXPECT_ASKED(70, 0, 0);
}

Test(mib_users, nothing_follows_the_last_index_there_can_be)
{
    asked.has_row = true;
    asked.answer_user = UINT32_MAX;
    asked.answer_contact = UINT32_MAX;
    cr_expect(not(seek(&mib_server_reg_user, true, IDS(UINT32_MAX, UINT32_MAX))));
    cr_expect(not(seek(&mib_server_reg_contact, true, IDS(UINT32_MAX, UINT32_MAX, UINT32_MAX))));
    cr_expect(not(seek(&mib_server_reg_contact, false, IDS(UINT32_MAX, UINT32_MAX, UINT32_MAX, 0))));
    cr_expect(eq(uint, asked.questions, 0));
    cr_expect(seek(&mib_server_reg_contact, false, IDS(UINT32_MAX, UINT32_MAX, UINT32_MAX)));
}

Test(mib_users, registrar_whose_users_are_nobodys_business_is_not_asked)
{
    cr_expect(not(seek(&mib_server_reg_user, false, IDS(6, 1))));
    cr_expect(eq(uint, asked.questions, 1));
    EXPECT_ASKED(70, 0, 0);
}

Test(mib_users, pseudonyms_are_asked_for)
{
    cr_expect(not(seek(&mib_server_reg_user, false, IDS(UINT32_MAX))));
    cr_expect(asked.is_pseudonymous);
    cr_expect(not(seek(&mib_server_reg_contact, false, IDS(UINT32_MAX))));
    cr_expect(asked.is_pseudonymous);
}

Test(mib_users, each_registrar_is_asked_once_at_most)
{
    cr_expect(not(seek(&mib_server_reg_user, false, 0, NULL)));
    cr_expect(eq(uint, asked.questions, 2));
}

/* Or GETNEXT would go round in circles for ever. */
Test(mib_users, answer_before_the_question_is_none)
{
    struct mib_oid name = { .length = 0 };
    struct mib_value value;

    asked.has_row = true;
    asked.answer_user = 7;
    cr_expect(not(seek(&mib_server_reg_user, false, IDS(UINT32_MAX, 8))));
    asked.answer_contact = 3;
    cr_expect(not(seek(&mib_server_reg_contact, false, IDS(UINT32_MAX, 7, 4))));
    cr_expect(not(seek(&mib_server_reg_contact, false, IDS(UINT32_MAX, 8, 0))));
    for (unsigned steps = 0;
         mib_getnext(&mib_server_reg_user, &view, name.id, name.length, &name, &value) == MIB_OK; steps++)
        cr_assert(lt(uint, steps, 7));
}

Test(mib_users, rows_have_the_applindex_of_their_registrar)
{
    struct mib_oid name = { .length = 0 };
    struct mib_value value;

    asked.has_row = true;
    asked.answer_user = 7;
    asked.answer_contact = 3;
    cr_assert(eq(int, mib_getnext(&mib_server_reg_user, &view, name.id, 0, &name, &value), MIB_OK));
    cr_expect(eq(u32, name.id[name.length - 2], 5));
    cr_expect(eq(u32, name.id[name.length - 1], 7));
    cr_assert(eq(int, mib_getnext(&mib_server_reg_contact, &view, name.id, 0, &name, &value), MIB_OK));
    cr_expect(eq(u32, name.id[name.length - 3], 5));
}

Test(mib_users, without_registrations_tables_are_empty)
{
    const struct mib_view none = { .snapshot = &snapshot };
    struct mib_oid name = { .length = 0 };
    struct mib_value value;

    cr_expect(eq(int, mib_getnext(&mib_server_reg_user, &none, NULL, 0, &name, &value), MIB_END));
    cr_expect(eq(int, mib_getnext(&mib_server_reg_contact, &none, NULL, 0, &name, &value), MIB_END));
}

Test(mib_users, without_registrars_tables_are_empty)
{
    const struct snapshot empty = { .generation = 1 };
    const struct mib_view none = { .snapshot = &empty, .registrations = &asked.r };
    struct mib_oid name = { .length = 0 };
    struct mib_value value;

    asked.has_row = true;
    cr_expect(eq(int, mib_getnext(&mib_server_reg_user, &none, NULL, 0, &name, &value), MIB_END));
}
