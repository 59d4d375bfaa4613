/* SPDX-License-Identifier: BSD-2-Clause */
/* Following event rings: what is heard once, and how often rings are looked at. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "sipcore/sipstat.h"
#include "tests/unit/follow_fixture.h"

TestSuite(follow, .init = follow_open, .fini = follow_close);

/* ---- news ------------------------------------------------------------------------------------------------------- */

Test(follow, a_recorded_response_becomes_a_notification_that_counts_it)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_drop_notices();
    follow_status(&w, 486);
    follow_status(&w, 487);
    follow_poll_rings();
    cr_assert(eq(uint, follow_waiting(), 1));
    cr_assert(eq(str, follow_notice(0).to, "To: <sip:bob@example.com>"));
    cr_assert(eq(u64, follow_notice(0).in, 1));
    fixture_tick(&f);
    cr_assert(eq(uint, follow_waiting(), 1));
    lane_writer_close(&w);
}

Test(follow, the_count_of_a_notification_includes_ended_writers)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_status(&w, 486);
    lane_writer_close(&w);
    fixture_tick(&f);
    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_drop_notices();
    follow_status(&w, 486);
    follow_poll_rings();
    cr_assert(eq(u64, follow_notice(0).in, 2));
    lane_writer_close(&w);
}

Test(follow, a_spent_one_shot_is_told_to_the_controls_and_wanted_no_more)
{
    unsigned enable;
    struct control_row *rows;
    uint64_t generation;
    struct lane_writer w;
    size_t count;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    cr_assert(lane_wants_code(&w, 503));
    follow_status(&w, 503);
    follow_poll_rings();
    cr_assert(eq(int, controls_copy(f.controls, "edge", &enable, &rows, &count, &generation), 0));
    cr_assert(eq(sz, count, 2));
    cr_assert(eq(u8, rows[1].emit, CONTROL_TRIGGERED));
    cr_assert(not(lane_wants_code(&w, 503)));
    cr_assert(lane_wants_code(&w, 486));
    free(rows);
    lane_writer_close(&w);
}

Test(follow, what_was_recorded_before_the_agent_is_no_news)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    fixture_kill(&f);
    follow_status(&w, 486);
    follow_declare(&w, SIPSTAT_STATE_TESTING);
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, follow_registrar);
    edge = f.instance[0];
    follow_drop_notices();
    follow_poll_rings();
    cr_assert(eq(uint, follow_waiting(), 0));
    cr_assert(eq(u32, edge->state.oper_status, OPER_TESTING));
    follow_status(&w, 486);
    follow_poll_rings();
    cr_assert(eq(uint, follow_waiting(), 1));
    lane_writer_close(&w);
}

Test(follow, what_a_new_lane_recorded_before_it_was_found_is_news)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    follow_status(&w, 486);
    fixture_tick(&f);
    cr_assert(eq(uint, follow_waiting(), 2));
    cr_assert(eq(int, (int)follow_notice(0).kind, NOTICE_COLD_START));
    cr_assert(eq(int, (int)follow_notice(1).kind, NOTICE_STATUS_CODE));
    lane_writer_close(&w);
}

Test(follow, a_method_named_since_the_last_copy_is_known)
{
    struct lane_writer w;
    struct lane_status s = { .code = 486, .cseq = 1 };

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    s.method = lane_method(&w, span_string("FROB"));
    lane_event_status(&w, &s, 0);
    follow_poll_rings();
    cr_assert(eq(str, (char *)lane_reader_method_name(&edge->lanes.lane[0]->reader, s.method), "FROB"));
    lane_writer_close(&w);
}

/* ---- the state -------------------------------------------------------------------------------------------------- */

Test(follow, a_restart_between_two_looks_is_a_warm_start)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    cr_assert(eq(int, (int)follow_notice(0).kind, NOTICE_COLD_START));
    follow_drop_notices();
    edge->notifier.notify_enable = SNAP_NOTIFY_DEFAULT | SNAP_NOTIFY_STATUS_CHANGED;
    follow_declare(&w, SIPSTAT_STATE_RESTARTING);
    follow_declare(&w, SIPSTAT_STATE_UP);
    follow_poll_rings();
    cr_assert(eq(uint, follow_waiting(), 3));
    cr_assert(eq(uint, follow_notice(0).oper_status, OPER_RESTARTING));
    cr_assert(eq(int, (int)follow_notice(1).kind, NOTICE_WARM_START));
    cr_assert(eq(int, (int)follow_notice(2).kind, NOTICE_STATUS_CHANGED));
    fixture_tick(&f);
    fixture_tick(&f);
    cr_assert(eq(uint, follow_waiting(), 3));
    lane_writer_close(&w);
}

Test(follow, what_a_writer_declared_before_its_end_comes_before_its_end)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_drop_notices();
    edge->notifier.notify_enable = SNAP_NOTIFY_STATUS_CHANGED;
    follow_declare(&w, SIPSTAT_STATE_QUIESCING);
    lane_writer_close(&w);
    fixture_tick(&f);
    cr_assert(eq(uint, follow_waiting(), 2));
    cr_assert(eq(uint, follow_notice(0).oper_status, OPER_QUIESCING));
    cr_assert(eq(uint, follow_notice(1).oper_status, OPER_DOWN));
}

Test(follow, the_state_is_what_the_lane_says_where_its_events_were_lost)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_declare(&w, SIPSTAT_STATE_CONGESTED);
    for (unsigned k = 0; k < 2 * LANE_RING_MIN / 64; k++)
        follow_fail(&w, "sip:alice@example.com");
    fixture_tick(&f);
    fixture_tick(&f);
    cr_assert(gt(u64, edge->events_lost.total, 0));
    cr_assert(eq(u32, edge->state.oper_status, OPER_CONGESTED));
    lane_writer_close(&w);
}

Test(follow, an_instance_of_which_a_collector_hears_is_up_though_each_message_is_notified)
{
    unsigned passed_s, stale_after_s = edge->config->stale_after_s;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", LANE_COLLECTOR);
    fixture_tick(&f);
    follow_drop_notices();
    for (passed_s = 0; passed_s < 2 * stale_after_s; passed_s += 10) {
        lane_count(&w, LANE_IN_RESPONSES);
        follow_status(&w, 486);
        follow_poll_rings();
        f.now_ns += 9 * FIXTURE_SECOND;
        fixture_tick(&f);
        cr_assert(eq(u32, edge->state.oper_status, OPER_UP), "after %u s", passed_s);
    }
    cr_assert(eq(u64, edge->notifier.raised, 1 + passed_s / 10), "the start, and each message");
    lane_writer_close(&w);
}

/* ---- how often -------------------------------------------------------------------------------------------------- */

Test(follow, looks_again_soon_after_it_found_something_and_seldom_when_quiet)
{
    struct lane_writer w;
    uint64_t before;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    for (unsigned k = 0; k < 10; k++)
        follow_poll_rings();
    cr_assert(eq(u64, edge->poll_ns - f.now_ns, UINT64_C(50000000)));
    fixture_tick(&f);
    follow_status(&w, 487);
    follow_poll_rings();
    cr_assert(eq(u64, edge->poll_ns - f.now_ns, UINT64_C(1000000)));
    before = f.now_ns;
    follow_poll_rings();
    follow_poll_rings();
    follow_poll_rings();
    cr_assert(eq(u64, f.now_ns - before, UINT64_C(7000000)));
    lane_writer_close(&w);
}

Test(follow, an_instance_without_lanes_is_not_polled)
{
    struct lane_writer w;

    fixture_tick(&f);
    cr_assert(eq(u64, edge->poll_ns, SITE_NEVER));
    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    cr_assert(ne(u64, edge->poll_ns, SITE_NEVER));
    lane_writer_close(&w);
}

Test(follow, rings_of_which_nothing_is_wanted_are_not_polled)
{
    struct lane_writer w;

    follow_restart(fixture_one_instance);
    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    f.site.next_look_ns = SITE_NEVER;
    instance_look(edge, &f.site, f.now_ns);
    cr_assert(eq(u64, edge->poll_ns, SITE_NEVER));
    cr_assert(eq(u64, f.site.next_look_ns, SITE_NEVER));
    follow_declare(&w, SIPSTAT_STATE_TESTING);
    fixture_tick(&f);
    cr_assert(eq(u32, edge->state.oper_status, OPER_TESTING));
    lane_writer_close(&w);
}

Test(follow, one_look_reads_a_bounded_part_and_the_next_comes_at_once)
{
    struct lane_writer_options options = {
        .dir = f.runtime, .instance = "edge", .software = "fixture/1", .ring_octets = 1 << 20
    };
    struct lane_writer w;
    struct err e;
    uint64_t before;

    cr_assert(eq(int, lane_writer_open(&w, &options, &e), 0));
    fixture_tick(&f);
    before = edge->events;
    for (unsigned k = 0; k < 5000; k++)
        follow_fail(&w, "sip:alice@example.com");
    follow_poll_rings();
    cr_assert(eq(u64, edge->events - before, 4096));
    cr_assert(eq(u64, edge->poll_ns, f.now_ns));
    follow_poll_rings();
    cr_assert(eq(u64, follow_failures_of("alice@example.com"), 5000));
    lane_writer_close(&w);
}
