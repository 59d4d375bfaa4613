/* SPDX-License-Identifier: BSD-2-Clause */
/* The operational state: what the lanes show decides it, and nothing else. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "agent/oper_state.h"

#define SECOND UINT64_C(1000000000)

static struct instance_state s;
static struct oper_evidence evidence;

static void
begin(void)
{
    oper_state_init(&s, 1000 * SECOND);
    evidence = (struct oper_evidence){ .now_ns = 1001 * SECOND, .stale_after_ns = 60 * SECOND };
}

TestSuite(oper_state, .init = begin);

static uint32_t
decide(void)
{
    oper_state_decide(&s, &evidence);
    return s.oper_status;
}

static void
writers(unsigned n, uint64_t since_ns)
{
    evidence.writers = n;
    evidence.earliest_start_ns = since_ns;
}

Test(oper_state, is_unknown_while_no_writer_was_ever_seen)
{
    cr_assert(eq(u32, decide(), OPER_UNKNOWN));
    cr_assert(eq(u64, s.last_change_ns, 1000 * SECOND));
    cr_assert(eq(u64, s.start_ns, 0));
}

Test(oper_state, is_up_with_a_writer_since_the_first_one_started)
{
    writers(2, 990 * SECOND);
    cr_assert(oper_state_decide(&s, &evidence));
    cr_assert(eq(u32, s.oper_status, OPER_UP));
    cr_assert(eq(u64, s.start_ns, 990 * SECOND));
    cr_assert(eq(u64, s.last_change_ns, 1001 * SECOND));
    cr_assert(not(oper_state_decide(&s, &evidence)));
}

Test(oper_state, does_not_believe_in_a_start_in_the_future)
{
    writers(1, 5000 * SECOND);
    decide();
    cr_assert(eq(u64, s.start_ns, 1001 * SECOND));
}

Test(oper_state, keeps_its_start_while_writers_come_and_go)
{
    writers(2, 990 * SECOND);
    decide();
    writers(1, 1000 * SECOND);
    evidence.now_ns += SECOND;
    decide();
    cr_assert(eq(u64, s.start_ns, 990 * SECOND));
}

Test(oper_state, is_down_when_all_writers_died_and_starts_anew_after)
{
    writers(1, 990 * SECOND);
    decide();
    writers(0, 0);
    evidence.now_ns += SECOND;
    cr_assert(eq(u32, decide(), OPER_DOWN));
    cr_assert(eq(u64, s.writers_gone_ns, evidence.now_ns));
    writers(1, 1002 * SECOND + 1);
    evidence.now_ns += SECOND;
    cr_assert(eq(u32, decide(), OPER_UP));
    cr_assert(eq(u64, s.start_ns, 1002 * SECOND + 1));
    cr_assert(eq(u64, s.writers_gone_ns, 0));
}

Test(oper_state, is_what_the_stack_declares)
{
    for (uint32_t declared = OPER_UP; declared <= OPER_TESTING; declared++) {
        begin();
        writers(1, 990 * SECOND);
        evidence.declared = declared;
        cr_assert(eq(u32, decide(), declared));
    }
}

Test(oper_state, changed_when_it_was_declared_and_not_when_that_was_noticed)
{
    writers(1, 990 * SECOND);
    decide();
    evidence.now_ns += 2 * SECOND;
    evidence.declared = OPER_CONGESTED;
    evidence.declared_ns = 1002 * SECOND;
    decide();
    cr_assert(eq(u64, s.last_change_ns, 1002 * SECOND));
}

Test(oper_state, changed_when_the_last_word_ended_and_not_when_the_one_before_was_declared)
{
    writers(2, 990 * SECOND);
    evidence.declared = OPER_TESTING;
    evidence.declared_ns = 1001 * SECOND;
    decide();
    writers(1, 990 * SECOND);
    evidence.now_ns += SECOND;
    evidence.declared = OPER_UP;
    evidence.declared_ns = 1000 * SECOND;
    cr_assert(eq(u32, decide(), OPER_UP));
    cr_assert(eq(u64, s.last_change_ns, evidence.now_ns));
}

Test(oper_state, does_not_believe_in_a_declaration_in_the_future)
{
    writers(1, 990 * SECOND);
    evidence.declared = OPER_TESTING;
    evidence.declared_ns = 5000 * SECOND;
    decide();
    cr_assert(eq(u64, s.last_change_ns, evidence.now_ns));
}

Test(oper_state, is_up_since_the_first_writer_came_after_it_was_down)
{
    writers(1, 990 * SECOND);
    decide();
    writers(0, 0);
    evidence.now_ns += SECOND;
    decide();
    evidence.now_ns += 2 * SECOND;
    writers(1, 1003 * SECOND);
    decide();
    cr_assert(eq(u64, s.last_change_ns, 1003 * SECOND));
}

Test(oper_state, is_unknown_since_the_silence_was_too_long)
{
    evidence.collectors = 1;
    oper_state_heard(&s, 1, 0, true, evidence.now_ns);
    decide();
    evidence.now_ns += 100 * SECOND;
    cr_assert(eq(u32, decide(), OPER_UNKNOWN));
    cr_assert(eq(u64, s.last_change_ns, 1061 * SECOND));
}

Test(oper_state, is_unknown_with_a_silent_collector)
{
    evidence.collectors = 1;
    cr_assert(eq(u32, decide(), OPER_UNKNOWN));
}

Test(oper_state, is_up_for_stale_after_when_a_collector_heard_sip)
{
    evidence.collectors = 1;
    oper_state_heard(&s, 1, 0, true, evidence.now_ns);
    cr_assert(eq(u32, decide(), OPER_UP));
    cr_assert(eq(u64, s.start_ns, evidence.now_ns));
    evidence.now_ns += 60 * SECOND;
    cr_assert(eq(u32, decide(), OPER_UP));
    evidence.now_ns += 1;
    cr_assert(eq(u32, decide(), OPER_UNKNOWN));
}

Test(oper_state, does_not_take_a_silence_for_a_restart)
{
    uint64_t start_ns = evidence.now_ns;

    evidence.collectors = 1;
    oper_state_heard(&s, 1, 0, true, evidence.now_ns);
    decide();
    evidence.now_ns += 61 * SECOND;
    decide();
    oper_state_heard(&s, 2, 0, true, evidence.now_ns);
    cr_assert(eq(u32, decide(), OPER_UP));
    cr_assert(eq(u64, s.start_ns, start_ns));
}

Test(oper_state, is_down_though_a_collector_heard_sip_before_the_writers_died)
{
    writers(1, 990 * SECOND);
    evidence.collectors = 1;
    oper_state_heard(&s, 1, 0, true, evidence.now_ns);
    decide();
    writers(0, 0);
    evidence.now_ns += SECOND;
    cr_assert(eq(u32, decide(), OPER_DOWN));
    evidence.now_ns += SECOND;
    oper_state_heard(&s, 2, 0, true, evidence.now_ns);
    cr_assert(eq(u32, decide(), OPER_UP), "SIP after the death");
}

Test(oper_state, is_unknown_when_a_collector_goes_quiet_that_heard_sip_after_the_writers_died)
{
    writers(1, 990 * SECOND);
    decide();
    writers(0, 0);
    evidence.collectors = 1;
    evidence.now_ns += SECOND;
    cr_assert(eq(u32, decide(), OPER_DOWN));
    evidence.now_ns += SECOND;
    oper_state_heard(&s, 1, 0, true, evidence.now_ns);
    cr_assert(eq(u32, decide(), OPER_UP));
    evidence.now_ns += 61 * SECOND;
    cr_assert(eq(u32, decide(), OPER_UNKNOWN));
    evidence.collectors = 0;
    cr_assert(eq(u32, decide(), OPER_UNKNOWN));
    writers(1, 1063 * SECOND);
    decide();
    writers(0, 0);
    cr_assert(eq(u32, decide(), OPER_DOWN), "new writers, and they died");
}

Test(oper_state, stays_unknown_when_a_collector_dies)
{
    evidence.collectors = 1;
    decide();
    evidence.collectors = 0;
    cr_assert(eq(u32, decide(), OPER_UNKNOWN));
}

Test(oper_state, hears_each_direction_by_its_sum)
{
    oper_state_heard(&s, 5, 0, false, 10);
    cr_assert(eq(u64, s.last_in_ns, 10));
    cr_assert(eq(u64, s.last_out_ns, 0));
    oper_state_heard(&s, 5, 1, false, 20);
    cr_assert(eq(u64, s.last_in_ns, 10));
    cr_assert(eq(u64, s.last_out_ns, 20));
    cr_assert(eq(u64, s.collector_heard_ns, 0));
}
