/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry: whose bindings are which, and how they are numbered. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/registry_internal.h"
#include "tests/unit/registry_fixture.h"

TestSuite(registry, .init = reg_begin, .fini = reg_end);

#define cr_users(expected)    cr_assert_str_eq(reg_users(), expected)
#define cr_contacts(expected) cr_assert_str_eq(reg_contacts(), expected)

/* ---- whose they are --------------------------------------------------------------------------------------------- */

Test(registry, has_nobody_at_first)
{
    cr_users("");
    cr_contacts("");
    cr_assert(eq(u32, registry_users(reg, reg_id), 0));
}

Test(registry, keeps_a_user_and_its_contact)
{
    cr_assert(eq(int, reg_put("sip:alice@example.com", "sip:alice@192.0.2.1;600"), 0), "%s", reg_err.text);
    cr_users("1:alice@example.com(0)");
    cr_contacts("1.1:sip:alice@192.0.2.1");
    cr_assert(eq(u32, registry_users(reg, reg_id), 1));
}

Test(registry, replaces_the_whole_set)
{
    reg_put("sip:alice@h", "sip:a@1;600 sip:a@2;600 sip:a@3;600");
    reg_put("sip:alice@h", "sip:a@4;600 sip:a@2;600");
    cr_contacts("1.2:sip:a@2 1.4:sip:a@4");
}

Test(registry, takes_another_spelling_for_the_same_user)
{
    reg_put("sip:alice@example.com", "sip:a@1;600");
    reg_put("SIP:%61lice@EXAMPLE.com;transport=tcp", "sip:a@2;600");
    cr_users("1:alice@example.com(0)");
    cr_contacts("1.2:sip:a@2");
}

Test(registry, takes_an_empty_set_as_gone)
{
    reg_put("sip:alice@h", "sip:a@1;600 sip:a@2;600");
    reg_put("sip:alice@h", "");
    cr_users("");
    cr_contacts("");
    cr_assert(eq(u32, registry_users(reg, reg_id), 0));
    cr_assert(eq(u64, registry_next_ns(reg), UINT64_MAX));
}

Test(registry, knows_nobody_by_an_empty_set)
{
    reg_put("sip:alice@h", "");
    cr_users("");
}

Test(registry, takes_an_expiry_of_zero_as_gone)
{
    reg_put("sip:alice@h", "sip:a@1;600 sip:a@2;600");
    reg_put("sip:alice@h", "sip:a@1;0 sip:a@2;600");
    cr_contacts("1.2:sip:a@2");
}

Test(registry, gives_the_default_to_those_without_an_expiry)
{
    struct snap_contact c;

    reg_put("sip:alice@h", "sip:a@1");
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(i64, c.expiry_unix_s, (int64_t)REG_UNIX + 3600));
}

Test(registry, keeps_what_a_contact_says)
{
    struct snap_contact c;

    reg_put("sip:alice@h", "sip:a@1;600;0.7;;;Alice sip:a@2;300");
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(u16, c.q_thousandths, 700));
    cr_assert(span_equals(c.display_name, span_string("Alice")));
    cr_assert(reg_contact(1, 2, &c));
    cr_assert(eq(u16, c.q_thousandths, LANE_Q_NONE));
    cr_assert(eq(sz, c.display_name.length, 0));
    cr_assert(eq(i64, c.expiry_unix_s, (int64_t)REG_UNIX + 300));
}

Test(registry, leaves_out_and_counts_what_a_user_has_too_many_of)
{
    char set[4096] = "";
    size_t at = 0;

    for (unsigned i = 0; i < REGISTRY_CONTACTS_MAX + 3; i++)
        at += (size_t)snprintf(set + at, sizeof(set) - at, "sip:a@%u;600 ", i);
    cr_assert(eq(int, reg_put("sip:alice@h", set), 0), "%s", reg_err.text);
    cr_assert(eq(u64, reg_stats().contacts, REGISTRY_CONTACTS_MAX));
    cr_assert(eq(u64, reg_stats().contacts_over, 3));
    cr_assert(eq(int, reg_put("sip:alice@h", set), 0), "%s", reg_err.text);
    cr_assert(eq(u64, reg_stats().contacts, REGISTRY_CONTACTS_MAX));
}

Test(registry, takes_a_contact_that_is_listed_twice_once)
{
    reg_put("sip:alice@h", "sip:a@1;600 sip:a@1;300");
    reg_put("sip:alice@h", "sip:a@1;600 sip:a@1;300");
    cr_contacts("1.1:sip:a@1");
}

Test(registry, keeps_long_texts_whole)
{
    char uri[LANE_CONTACT_URI_MAX + 1], set[LANE_CONTACT_URI_MAX + 16];
    struct snap_contact c;

    memset(uri, 'u', sizeof(uri) - 1);
    memcpy(uri, "sip:", 4);
    uri[sizeof(uri) - 1] = '\0';
    snprintf(set, sizeof(set), "%s;600", uri);
    reg_put("sip:alice@h", set);
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(span_equals(c.uri, span_string(uri)));
}

/* ---- which contact is which ------------------------------------------------------------------------------------- */

Test(registry, gives_a_refreshed_contact_its_index_and_a_new_time)
{
    struct snap_contact before, after;

    reg_put("sip:alice@h", "sip:a@1;600");
    cr_assert(reg_contact(1, 1, &before));
    registry_reader_end(reg_reader);
    reg_pass(100);
    reg_put("sip:alice@h", "sip:a@1;600");
    cr_assert(reg_contact(1, 1, &after));
    cr_assert(eq(u64, after.updated_ns, before.updated_ns + 100 * REG_SECOND));
    cr_assert(eq(i64, after.expiry_unix_s, before.expiry_unix_s + 100));
}

Test(registry, leaves_alone_what_is_only_listed_and_not_refreshed)
{
    struct snap_contact c;

    reg_put("sip:alice@h", "sip:a@1;600");
    reg_pass(100);
    reg_put("sip:alice@h", "sip:a@1;500 sip:a@2;600");
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(u64, c.updated_ns, REG_UPTIME * REG_SECOND));
    cr_assert(eq(i64, c.expiry_unix_s, (int64_t)REG_UNIX + 600));
    cr_assert(reg_contact(1, 2, &c));
    cr_assert(eq(u64, c.updated_ns, (REG_UPTIME + 100) * REG_SECOND));
}

Test(registry, sees_a_refresh_that_follows_within_a_second)
{
    struct snap_contact c;

    reg_put("sip:alice@h", "sip:a@1;600");
    reg_pass(1);
    reg_put("sip:alice@h", "sip:a@1;600");
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(u64, c.updated_ns, (REG_UPTIME + 1) * REG_SECOND));
    cr_assert(eq(i64, c.expiry_unix_s, (int64_t)REG_UNIX + 601));
}

Test(registry, sees_a_change_of_q_as_a_refresh)
{
    struct snap_contact c;

    reg_put("sip:alice@h", "sip:a@1;600;0.5");
    reg_pass(100);
    reg_put("sip:alice@h", "sip:a@1;500;0.9");
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(u16, c.q_thousandths, 900));
    cr_assert(eq(u64, c.updated_ns, (REG_UPTIME + 100) * REG_SECOND));
}

Test(registry, knows_an_outbound_client_by_instance_and_reg_id_at_a_new_uri)
{
    reg_put("sip:alice@h", "sip:a@1;600;;<urn:uuid:A>;1 sip:a@1;600;;<urn:uuid:A>;2");
    reg_put("sip:alice@h", "sip:a@9;600;;<urn:uuid:a>;2 sip:a@1;600;;<urn:uuid:A>;1");
    cr_contacts("1.1:sip:a@1 1.2:sip:a@9");
}

Test(registry, tells_two_outbound_clients_at_one_uri_apart)
{
    reg_put("sip:alice@h", "sip:a@1;600;;<urn:uuid:A>;1");
    reg_put("sip:alice@h", "sip:a@1;600;;<urn:uuid:B>;1");
    cr_contacts("1.2:sip:a@1");
}

Test(registry, goes_by_the_uri_when_an_instance_has_no_reg_id)
{
    reg_put("sip:alice@h", "sip:a@1;600;;<urn:uuid:A>");
    reg_put("sip:alice@h", "sip:a@1;600;;<urn:uuid:B>");
    cr_contacts("1.1:sip:a@1");
    reg_put("sip:alice@h", "sip:a@2;600;;<urn:uuid:B>");
    cr_contacts("1.2:sip:a@2");
}

Test(registry, takes_uris_that_differ_in_a_parameter_for_two)
{
    reg_put("sip:alice@h", "sip:a@1:5060;600");
    reg_put("sip:alice@h", "sip:A@1:5060;600");
    cr_contacts("1.2:sip:A@1:5060");
}

/* ---- indexes ---------------------------------------------------------------------------------------------------- */

Test(registry, uses_no_index_of_a_user_again_soon)
{
    reg_put("sip:alice@h", "sip:a@1;600");
    reg_put("sip:alice@h", "");
    reg_put("sip:alice@h", "sip:a@1;600");
    cr_users("2:alice@h(0)");
    reg_reopen();
    reg_put("sip:alice@h", "");
    reg_put("sip:bob@h", "sip:b@1;600");
    cr_users("3:bob@h(0)");
}

Test(registry, uses_no_index_of_a_contact_again_while_its_user_lives)
{
    reg_put("sip:alice@h", "sip:a@1;600 sip:a@2;600");
    reg_put("sip:alice@h", "sip:a@1;600");
    reg_put("sip:alice@h", "sip:a@1;600 sip:a@2;600");
    cr_contacts("1.1:sip:a@1 1.3:sip:a@2");
}

Test(registry, begins_user_indexes_again_past_those_in_use)
{
    struct registry_row *row = registry_row_by_id(reg, reg_id);

    reg_put("sip:alice@h", "sip:a@1;600");
    row->work.next_user = row->live.next_user = UINT32_MAX;
    reg_put("sip:bob@h", "sip:b@1;600");
    reg_put("sip:carol@h", "sip:c@1;600");
    cr_users("1:alice@h(0) 2:carol@h(0) 4294967295:bob@h(0)");
    reg_put("sip:dave@h", "sip:d@1;600");
    cr_users("1:alice@h(0) 2:carol@h(0) 3:dave@h(0) 4294967295:bob@h(0)");
}

Test(registry, begins_contact_indexes_again_past_those_in_use)
{
    struct registry_key at = { .tree = registry_row_by_id(reg, reg_id)->work.tree, .user = 1 };
    struct registry_batch *b;
    struct registry_user user;
    char aor[SIP_AOR_MAX];

    reg_put("sip:alice@h", "sip:a@1;600");
    cr_assert(eq(int, registry_begin(reg, &reg_clock, &b, &reg_err), 0));
    cr_assert(batch_get_user(b, &at, &user, aor));
    user.next_contact = UINT32_MAX;
    batch_put_user(b, &at, &user);
    cr_assert(eq(int, registry_commit(b, &reg_err), 0));
    reg_put("sip:alice@h", "sip:a@1;600 sip:a@2;600 sip:a@3;600");
    cr_contacts("1.1:sip:a@1 1.2:sip:a@3 1.4294967295:sip:a@2");
}

/* ---- instances -------------------------------------------------------------------------------------------------- */

Test(registry, keeps_instances_apart)
{
    struct mib_registrations *m;
    struct registry_batch *b;
    struct snap_user user;
    uint32_t other;

    cr_assert(eq(int, registry_instance(reg, "core", &other, &reg_err), 0), "%s", reg_err.text);
    cr_assert(other != reg_id && other != 0);
    reg_put("sip:alice@h", "sip:a@1;600");
    cr_assert(eq(int, registry_begin(reg, &reg_clock, &b, &reg_err), 0));
    registry_put_failure(b, other, span_string("sip:alice@h"), 0);
    cr_assert(eq(int, registry_commit(b, &reg_err), 0));
    cr_users("1:alice@h(0)");
    m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
    cr_assert(m->user_at(m, other, false, 1, &user));
    cr_assert(eq(u64, user.auth_failures, 1));
    cr_assert(not(m->user_at(m, other, false, 2, &user)));
    cr_assert(eq(u32, registry_users(reg, reg_id), 1));
    cr_assert(eq(u32, registry_users(reg, other), 0));
}

Test(registry, knows_an_instance_again)
{
    uint32_t id;

    reg_reopen();
    cr_assert(eq(int, registry_instance(reg, "core", &id, &reg_err), 0));
    cr_assert(ne(u32, id, reg_id));
    cr_assert(eq(int, registry_instance(reg, "edge", &id, &reg_err), 0));
    cr_assert(eq(u32, id, reg_id));
}

Test(registry, forgets_all_users_of_an_instance_at_once_and_their_rows_by_and_by)
{
    unsigned steps = 0;

    for (unsigned i = 0; i < 10; i++) {
        char aor[32];

        snprintf(aor, sizeof(aor), "sip:user%u@h", i);
        reg_put(aor, "sip:a@1;600 sip:a@2;600");
    }
    reg_fail("sip:user3@h");
    reg_fail("sip:stranger@h");
    cr_assert(eq(int, registry_clear(reg, reg_id, &reg_err), 0), "%s", reg_err.text);
    cr_users("");
    cr_assert(eq(u32, registry_users(reg, reg_id), 0));
    reg_put("sip:user3@h", "sip:a@3;600");
    cr_users("12:user3@h(0)");
    reg_reopen();
    while (registry_next_ns(reg) == 0 && steps++ < 100)
        cr_assert(le(uint, reg_expire(4), 4));
    cr_assert(ge(uint, steps, 7));
    cr_contacts("12.1:sip:a@3");
    reg_pass(4000);
    cr_assert(eq(uint, reg_expire(100), 1), "nothing of what was forgotten is left");
    cr_assert(registry_is_sound(reg, reg_dir_fd));
}
