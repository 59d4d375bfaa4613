/* SPDX-License-Identifier: BSD-2-Clause */
/* What a master may send, and in which order. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "agent/agentx_guard.h"

enum {
    GET = 5,
    NOTIFY = 12,
    TEST_SET = 8,
    COMMIT_SET = 9,
    UNDO_SET = 10,
    CLEANUP_SET = 11,
    BIG_ENDIAN_FLAG = 0x10
};

static size_t payload;

/* One PDU of this transaction, with no payload. */
static enum agentx_verdict
judge(struct agentx_guard *g, uint8_t type, uint8_t transaction)
{
    const uint8_t header[AGENTX_HEADER_OCTETS] = { 1, type, BIG_ENDIAN_FLAG, [11] = transaction };

    return agentx_guard_judge(g, header, &payload);
}

static enum agentx_verdict
judge_length(uint8_t flags, uint8_t first, uint8_t second, uint8_t third, uint8_t fourth)
{
    const uint8_t header[AGENTX_HEADER_OCTETS] = { 1, GET, flags, [16] = first, second, third, fourth };
    struct agentx_guard g = { 0 };

    return agentx_guard_judge(&g, header, &payload);
}

Test(agentx_guard, admits_a_set_that_is_committed_and_one_that_is_undone_and_one_that_fails_its_test)
{
    struct agentx_guard g = { 0 };

    cr_assert(eq(int, judge(&g, TEST_SET, 1), AGENTX_PASS));
    cr_assert(eq(int, judge(&g, COMMIT_SET, 1), AGENTX_PASS));
    cr_assert(eq(int, judge(&g, CLEANUP_SET, 1), AGENTX_PASS));
    cr_assert(eq(int, judge(&g, TEST_SET, 2), AGENTX_PASS));
    cr_assert(eq(int, judge(&g, COMMIT_SET, 2), AGENTX_PASS));
    cr_assert(eq(int, judge(&g, UNDO_SET, 2), AGENTX_PASS));
    cr_assert(eq(int, judge(&g, TEST_SET, 3), AGENTX_PASS));
    cr_assert(eq(int, judge(&g, CLEANUP_SET, 3), AGENTX_PASS));
}

Test(agentx_guard, passes_over_what_a_master_repeats)
{
    struct agentx_guard g = { 0 };

    judge(&g, TEST_SET, 1);
    cr_assert(eq(int, judge(&g, TEST_SET, 1), AGENTX_REPEATED));
    judge(&g, COMMIT_SET, 1);
    cr_assert(eq(int, judge(&g, COMMIT_SET, 1), AGENTX_REPEATED));
    judge(&g, CLEANUP_SET, 1);
    cr_assert(eq(int, judge(&g, CLEANUP_SET, 1), AGENTX_REPEATED));
}

Test(agentx_guard, passes_over_a_cleanup_after_an_undo)
{
    struct agentx_guard g = { 0 };

    judge(&g, TEST_SET, 1);
    judge(&g, COMMIT_SET, 1);
    judge(&g, UNDO_SET, 1);
    cr_assert(eq(int, judge(&g, UNDO_SET, 1), AGENTX_REPEATED));
    cr_assert(eq(int, judge(&g, CLEANUP_SET, 1), AGENTX_REPEATED));
}

Test(agentx_guard, refuses_steps_of_a_set_that_has_not_begun_or_has_ended)
{
    static const uint8_t steps[] = { COMMIT_SET, UNDO_SET, CLEANUP_SET };

    for (size_t k = 0; k < sizeof(steps); k++) {
        struct agentx_guard g = { 0 };

        cr_assert(eq(int, judge(&g, steps[k], 1), AGENTX_BROKEN));
        judge(&g, TEST_SET, 1);
        cr_assert(eq(int, judge(&g, steps[k], 2), AGENTX_BROKEN));
        judge(&g, CLEANUP_SET, 1);
        cr_assert(eq(int, judge(&g, steps[k], 1), steps[k] == CLEANUP_SET ? AGENTX_REPEATED : AGENTX_BROKEN));
    }
}

Test(agentx_guard, refuses_a_second_set_within_a_first)
{
    struct agentx_guard g = { 0 };

    judge(&g, TEST_SET, 1);
    cr_assert(eq(int, judge(&g, TEST_SET, 2), AGENTX_BROKEN));
    judge(&g, COMMIT_SET, 1);
    cr_assert(eq(int, judge(&g, TEST_SET, 1), AGENTX_BROKEN));
}

Test(agentx_guard, refuses_an_undo_before_the_commit)
{
    struct agentx_guard g = { 0 };

    judge(&g, TEST_SET, 1);
    cr_assert(eq(int, judge(&g, UNDO_SET, 1), AGENTX_BROKEN));
}

Test(agentx_guard, refuses_what_only_a_subagent_sends)
{
    struct agentx_guard g = { 0 };

    cr_assert(eq(int, judge(&g, NOTIFY, 1), AGENTX_BROKEN));
    cr_assert(eq(int, judge(&g, 0, 1), AGENTX_BROKEN));
    cr_assert(eq(int, judge(&g, 255, 1), AGENTX_BROKEN));
}

Test(agentx_guard, refuses_another_version)
{
    const uint8_t header[AGENTX_HEADER_OCTETS] = { 2, GET };
    struct agentx_guard g = { 0 };

    cr_assert(eq(int, agentx_guard_judge(&g, header, &payload), AGENTX_BROKEN));
}

Test(agentx_guard, reads_the_length_in_the_order_that_the_flags_say)
{
    cr_assert(eq(int, judge_length(BIG_ENDIAN_FLAG, 0, 0, 1, 4), AGENTX_PASS));
    cr_assert(eq(sz, payload, 260));
    cr_assert(eq(int, judge_length(0, 4, 1, 0, 0), AGENTX_PASS));
    cr_assert(eq(sz, payload, 260));
}

Test(agentx_guard, refuses_lengths_that_are_no_multiple_of_4_or_beyond_all_measure)
{
    cr_assert(eq(int, judge_length(BIG_ENDIAN_FLAG, 0, 0, 0, 6), AGENTX_BROKEN));
    cr_assert(eq(int, judge_length(BIG_ENDIAN_FLAG, 0, 4, 0, 0), AGENTX_PASS));
    cr_assert(eq(int, judge_length(BIG_ENDIAN_FLAG, 0, 4, 0, 4), AGENTX_BROKEN));
    cr_assert(eq(int, judge_length(BIG_ENDIAN_FLAG, 255, 255, 255, 252), AGENTX_BROKEN));
}
