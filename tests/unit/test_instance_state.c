/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of an instance: what its lanes say of it, over restarts of the agent and of the SIP entity. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "agent/log.h"
#include "tests/unit/agent_fixture.h"

static struct agent_fixture f;

static void
open_one(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    fixture_open(&f, fixture_one_instance);
}

static void
close_one(void)
{
    fixture_close(&f);
}

TestSuite(instance_state, .init = open_one, .fini = close_one);

Test(instance_state, is_up_with_a_writer_and_down_after_its_death)
{
    struct lane_writer w;
    uint64_t up_ns;

    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UNKNOWN));
    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UP));
    cr_assert(eq(str, f.instance[0]->software, "fixture/1"));
    up_ns = f.instance[0]->state.last_change_ns;
    fixture_tick(&f);
    cr_assert(eq(u64, f.instance[0]->state.last_change_ns, up_ns));
    lane_writer_close(&w);
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_DOWN));
}

Test(instance_state, keeps_its_state_over_a_restart_of_the_agent)
{
    struct lane_writer w;
    struct instance_state before;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 1);
    fixture_tick(&f);
    before = f.instance[0]->state;
    fixture_save(&f);
    fixture_kill(&f);
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UP));
    cr_assert(eq(u64, f.instance[0]->state.start_ns, before.start_ns));
    cr_assert(eq(u64, f.instance[0]->state.last_change_ns, before.last_change_ns));
    cr_assert(eq(u64, f.instance[0]->state.last_in_ns, before.last_in_ns));
    lane_writer_close(&w);
}

Test(instance_state, notices_that_the_entity_was_restarted_in_the_dark)
{
    struct lane_writer first, second;
    uint64_t started_ns;

    fixture_writer(&f, &first, "edge", 0);
    fixture_tick(&f);
    fixture_kill(&f);
    lane_writer_close(&first);
    fixture_writer(&f, &second, "edge", 0);
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UP));
    started_ns = f.instance[0]->lanes.lane[0]->reader.header.started_monotonic_ns;
    cr_assert(eq(u64, f.instance[0]->state.start_ns, started_ns));
    cr_assert(eq(u64, f.instance[0]->state.last_change_ns, started_ns));
    lane_writer_close(&second);
}

Test(instance_state, is_up_while_its_collector_hears_sip_and_unknown_after)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", LANE_COLLECTOR);
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UNKNOWN));
    fixture_count(&w, 1);
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UP));
    cr_assert(eq(u64, f.instance[0]->state.start_ns, f.now_ns));
    f.now_ns += 59 * FIXTURE_SECOND;
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UP));
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UNKNOWN));
    lane_writer_close(&w);
}

Test(instance_state, does_not_take_a_restart_of_the_agent_for_sip_that_a_collector_heard)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", LANE_COLLECTOR);
    fixture_count(&w, 1);
    fixture_tick(&f);
    f.now_ns += 100 * FIXTURE_SECOND;
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UNKNOWN));
    fixture_save(&f);
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UNKNOWN));
    lane_writer_close(&w);
}

Test(instance_state, takes_the_state_that_was_declared_last)
{
    struct lane_writer a, b;

    fixture_writer(&f, &a, "edge", 0);
    fixture_writer(&f, &b, "edge", 0);
    lane_set_state(&a, OPER_QUIESCING, f.now_ns + 1, 1);
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_QUIESCING));
    lane_set_state(&b, OPER_UP, f.now_ns + 2, 1);
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UP));
    lane_writer_close(&a);
    lane_writer_close(&b);
}
