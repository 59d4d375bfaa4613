/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry: what ends when, and failed authentications. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/registry_internal.h"
#include "tests/unit/registry_fixture.h"

TestSuite(registry_time, .init = reg_begin, .fini = reg_end);

#define cr_users(expected)    cr_assert_str_eq(reg_users(), expected)
#define cr_contacts(expected) cr_assert_str_eq(reg_contacts(), expected)

/* ---- contacts --------------------------------------------------------------------------------------------------- */

Test(registry_time, hides_what_is_over_before_it_is_removed)
{
    reg_put("sip:alice@h", "sip:a@1;60 sip:a@2;120");
    reg_put("sip:bob@h", "sip:b@1;60");
    reg_pass(60);
    cr_users("1:alice@h(0)");
    cr_contacts("1.2:sip:a@2");
    reg_pass(60);
    cr_users("");
}

Test(registry_time, removes_what_is_over_and_says_what_is_next)
{
    reg_put("sip:alice@h", "sip:a@1;60 sip:a@2;120");
    reg_put("sip:bob@h", "sip:b@1;90");
    cr_assert(eq(u64, registry_next_ns(reg), (REG_UPTIME + 60) * REG_SECOND));
    reg_pass(59);
    cr_assert(eq(uint, reg_expire(10), 0));
    reg_pass(1);
    cr_assert(eq(uint, reg_expire(10), 1));
    cr_assert(eq(u64, registry_next_ns(reg), (REG_UPTIME + 90) * REG_SECOND));
    cr_assert(eq(u32, registry_users(reg, reg_id), 2));
    reg_pass(30);
    cr_assert(eq(uint, reg_expire(10), 1));
    cr_assert(eq(u32, registry_users(reg, reg_id), 1));
    reg_pass(30);
    cr_assert(eq(uint, reg_expire(10), 1));
    cr_assert(eq(u64, registry_next_ns(reg), UINT64_MAX));
    cr_assert(eq(u64, reg_stats().contacts, 0));
    cr_assert(eq(u64, reg_stats().users, 0));
    cr_assert(eq(u64, reg_stats().expired, 3));
}

Test(registry_time, removes_many_in_steps)
{
    for (unsigned i = 0; i < 25; i++) {
        char aor[32];

        snprintf(aor, sizeof(aor), "sip:user%u@h", i);
        reg_put(aor, "sip:a@1;60");
    }
    reg_pass(61);
    cr_assert(eq(uint, reg_expire(10), 10));
    cr_assert(eq(uint, reg_expire(10), 10));
    cr_assert(eq(uint, reg_expire(10), 5));
    cr_assert(eq(u64, reg_stats().contacts, 0));
}

Test(registry_time, counts_from_when_it_was_accepted)
{
    struct snap_contact c;

    reg_put_at("sip:alice@h", "sip:a@1;60", (REG_UNIX - 20) * REG_SECOND);
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(i64, c.expiry_unix_s, (int64_t)REG_UNIX + 40));
    cr_assert(eq(u64, c.updated_ns, (REG_UPTIME - 20) * REG_SECOND));
    cr_assert(eq(u64, registry_next_ns(reg), (REG_UPTIME + 40) * REG_SECOND));
}

Test(registry_time, takes_what_is_older_than_its_expiry_as_gone)
{
    reg_put("sip:alice@h", "sip:a@1;600");
    reg_put_at("sip:alice@h", "sip:a@1;60", (REG_UNIX - 60) * REG_SECOND);
    cr_users("");
}

Test(registry_time, takes_a_time_to_come_as_now)
{
    struct snap_contact c;

    reg_put_at("sip:alice@h", "sip:a@1;60", (REG_UNIX + 1000) * REG_SECOND);
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(i64, c.expiry_unix_s, (int64_t)REG_UNIX + 60));
}

Test(registry_time, takes_an_unknown_time_as_now)
{
    struct snap_contact c;

    reg_put_at("sip:alice@h", "sip:a@1;60", 0);
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(u64, c.updated_ns, REG_UPTIME * REG_SECOND));
}

Test(registry_time, knows_no_moment_before_the_machine_was_up)
{
    struct snap_contact c;

    reg_put_at("sip:alice@h", "sip:a@1;4294967294", (REG_UNIX - 2 * REG_UPTIME) * REG_SECOND);
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(u64, c.updated_ns, 0));
}

Test(registry_time, does_not_mind_jumps_of_the_wall_clock)
{
    struct snap_contact c;

    reg_put("sip:alice@h", "sip:a@1;60");
    reg_clock.unix_ns += 86400 * REG_SECOND;
    cr_assert(reg_contact(1, 1, &c));
    cr_assert(eq(i64, c.expiry_unix_s, (int64_t)REG_UNIX + 60), "as it was told");
    registry_reader_end(reg_reader);
    cr_assert(eq(uint, reg_expire(10), 0));
    reg_clock.now_ns += 60 * REG_SECOND;
    cr_assert(eq(uint, reg_expire(10), 1));
}

Test(registry_time, moves_the_end_with_a_refresh)
{
    reg_put("sip:alice@h", "sip:a@1;60");
    reg_pass(50);
    reg_put("sip:alice@h", "sip:a@1;60");
    reg_pass(50);
    cr_assert(eq(uint, reg_expire(10), 0));
    cr_contacts("1.1:sip:a@1");
    reg_pass(10);
    cr_assert(eq(uint, reg_expire(10), 1));
}

Test(registry_time, keeps_the_index_of_a_refresh_that_comes_before_the_removal)
{
    reg_put("sip:alice@h", "sip:a@1;60");
    reg_pass(61);
    reg_put("sip:alice@h", "sip:a@1;60");
    cr_contacts("1.1:sip:a@1");
}

/* ---- failures --------------------------------------------------------------------------------------------------- */

Test(registry_time, counts_the_failures_of_a_user)
{
    struct snap_user user;

    reg_put("sip:alice@h", "sip:a@1;60");
    reg_pass(5);
    reg_fail("sip:alice@h");
    reg_fail("sip:alice@h");
    cr_users("1:alice@h(2)");
    cr_assert(reg_user(1, &user));
    cr_assert(eq(u64, user.discon_ns, REG_UPTIME * REG_SECOND), "the row is as old as it was");
}

Test(registry_time, keeps_a_stranger_for_as_long_as_it_should)
{
    struct snap_user user;

    reg_fail("sip:mallory@h");
    cr_users("1:mallory@h(1)");
    cr_assert(reg_user(1, &user));
    cr_assert(eq(u64, user.discon_ns, REG_UPTIME * REG_SECOND));
    registry_reader_end(reg_reader);
    cr_contacts("");
    cr_assert(eq(u32, registry_users(reg, reg_id), 0));
    cr_assert(eq(u64, reg_stats().strangers, 1));
    reg_pass(REGISTRY_FAILURE_S - 1);
    reg_fail("sip:mallory@h");
    reg_pass(REGISTRY_FAILURE_S - 1);
    cr_assert(eq(uint, reg_expire(10), 0));
    cr_users("1:mallory@h(2)");
    reg_pass(1);
    cr_users("");
    cr_assert(eq(uint, reg_expire(10), 1));
    cr_assert(eq(u64, reg_stats().strangers, 0));
    reg_fail("sip:mallory@h");
    cr_users("2:mallory@h(1)");
}

Test(registry_time, makes_a_stranger_a_user_when_it_registers)
{
    reg_fail("sip:alice@h");
    reg_put("sip:alice@h", "sip:a@1;60");
    cr_users("1:alice@h(1)");
    cr_assert(eq(u64, reg_stats().strangers, 0));
    cr_assert(eq(u32, registry_users(reg, reg_id), 1));
}

Test(registry_time, keeps_a_user_with_failures_when_its_last_contact_goes)
{
    reg_put("sip:alice@h", "sip:a@1;600");
    reg_fail("sip:alice@h");
    reg_put("sip:alice@h", "");
    cr_users("1:alice@h(1)");
    cr_assert(eq(u32, registry_users(reg, reg_id), 0));
    cr_assert(eq(u64, reg_stats().strangers, 1));
    reg_pass(REGISTRY_FAILURE_S);
    reg_expire(10);
    cr_assert(eq(u64, reg_stats().strangers, 0));
}

Test(registry_time, keeps_a_user_with_failures_when_its_last_contact_ends)
{
    reg_put("sip:alice@h", "sip:a@1;60");
    reg_fail("sip:alice@h");
    reg_pass(60);
    cr_users("1:alice@h(1)");
    cr_assert(eq(uint, reg_expire(10), 1));
    cr_users("1:alice@h(1)");
    cr_assert(eq(u64, reg_stats().strangers, 1));
    cr_assert(eq(u32, registry_users(reg, reg_id), 0));
    reg_pass(REGISTRY_FAILURE_S);
    cr_assert(eq(uint, reg_expire(10), 1));
    cr_users("");
    cr_assert(eq(u64, reg_stats().strangers, 0));
}

Test(registry_time, keeps_the_count_of_a_user_that_stays_registered)
{
    reg_put("sip:alice@h", "sip:a@1;7300");
    reg_fail("sip:alice@h");
    reg_pass(REGISTRY_FAILURE_S);
    cr_assert(eq(uint, reg_expire(10), 1));
    cr_users("1:alice@h(1)");
    reg_pass(REGISTRY_FAILURE_S + 100);
    cr_assert(eq(uint, reg_expire(10), 1));
    cr_users("");
    cr_assert(eq(u64, reg_stats().strangers, 0));
}

Test(registry_time, makes_no_more_strangers_than_it_should)
{
    struct registry_row *row = registry_row_by_id(reg, reg_id);

    row->work.strangers = row->live.strangers = REGISTRY_STRANGERS_MAX;
    reg_put("sip:alice@h", "sip:a@1;60");
    reg_fail("sip:mallory@h");
    reg_fail("sip:alice@h");
    cr_users("1:alice@h(1)");
    cr_assert(eq(u64, reg_stats().strangers_over, 1));
}

/* ---- restarts --------------------------------------------------------------------------------------------------- */

Test(registry_time, goes_on_after_a_restart)
{
    reg_put("sip:alice@h", "sip:a@1;60 sip:a@2;120");
    reg_fail("sip:mallory@h");
    reg_reopen();
    cr_users("1:alice@h(0) 2:mallory@h(1)");
    cr_contacts("1.1:sip:a@1 1.2:sip:a@2");
    cr_assert(eq(u32, registry_users(reg, reg_id), 1));
    cr_assert(eq(u64, registry_next_ns(reg), (REG_UPTIME + 60) * REG_SECOND));
}

Test(registry_time, forgets_all_in_another_boot)
{
    MDB_val key = { .mv_size = 4, .mv_data = "boot" },
            value = { .mv_size = 16, .mv_data = "of another time!" };
    MDB_txn *txn;

    reg_put("sip:alice@h", "sip:a@1;60");
    cr_assert(eq(int, mdb_txn_begin(reg->env, NULL, 0, &txn), 0));
    cr_assert(eq(int, mdb_put(txn, reg->meta, &key, &value, 0), 0));
    cr_assert(eq(int, mdb_txn_commit(txn), 0));
    reg_reopen();
    cr_users("");
    cr_assert(eq(u64, registry_next_ns(reg), UINT64_MAX));
    reg_put("sip:alice@h", "sip:a@1;60");
    reg_reopen();
    cr_users("1:alice@h(0)");
}
