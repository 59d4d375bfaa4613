/* SPDX-License-Identifier: BSD-2-Clause */
/* How long transactions are open and remembered; the clock; the bound of the table. All time is injected. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "tests/unit/observer_fixture.h"

static struct scene s;

static void
setup(void)
{
    scene_init(&s, 1000);
}

static void
teardown(void)
{
    scene_fini(&s);
}

TestSuite(observer_time, .init = setup, .fini = teardown);

static void
expect_(const char *counts, int line)
{
    const char *found = scene_counts(&s);

    cr_expect(strcmp(found, counts) == 0, "line %d:\n expected %s\n    found %s", line, counts, found);
}
#define expect(counts)                   expect_(counts, __LINE__)
#define step(direction, message, result) cr_expect(eq(int, scene_##direction(&s, message), SIPSTAT_##result))
#define open_and_remembered(open, remembered)     \
    cr_expect(eq(u32, observer_open(s.o), open)); \
    cr_expect(eq(u32, observer_remembered(s.o), remembered))

/* ---- timers -------------------------------------------------------------------------------------------- */

Test(observer_time, request_without_response_times_out_after_64_t1)
{
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    scene_wait(&s, 31999);
    expect("out_requests=1 transactions_begun=1 OPTIONS.out=1");
    scene_wait(&s, 1);
    expect("out_requests=1 transactions_begun=1 transactions_ended=1 transactions_timed_out=1 OPTIONS.out=1");
    open_and_remembered(0, 1);
}

Test(observer_time, server_transaction_without_response_times_out_as_well)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    scene_wait(&s, 32000);
    expect("in_requests=1 transactions_begun=1 transactions_ended=1 transactions_timed_out=1 INVITE.in=1");
}

Test(observer_time, late_response_is_matched_and_ends_nothing_twice)
{
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    scene_wait(&s, 32000);
    step(in, RESPONSE("200", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    expect("out_requests=1 in_responses=1 transactions_begun=1 transactions_ended=1 transactions_timed_out=1 "
           "OPTIONS.out=1 OPTIONS/200.in=1");
}

Test(observer_time, provisional_response_to_invite_starts_timer_c)
{
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    scene_wait(&s, 1000);
    step(in, RESPONSE("100", "INVITE", B("1"), "1", "", ""), COUNTED);
    scene_wait(&s, 180999);
    open_and_remembered(1, 1);
    scene_wait(&s, 1);
    open_and_remembered(0, 1);
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_TIMED_OUT), 1));
}

Test(observer_time, timer_c_starts_anew_with_each_response_above_100)
{
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(in, RESPONSE("180", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    scene_wait(&s, 170000);
    step(in, RESPONSE("180", "INVITE", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    scene_wait(&s, 170000);
    open_and_remembered(1, 1);
    step(in, RESPONSE("100", "INVITE", B("1"), "1", "", ""), COUNTED);
    scene_wait(&s, 11000);
    open_and_remembered(0, 1);
}

Test(observer_time, provisional_response_to_others_changes_no_timer)
{
    step(out, REQUEST("SUBSCRIBE", B("1"), "1", ""), COUNTED);
    scene_wait(&s, 31000);
    step(in, RESPONSE("100", "SUBSCRIBE", B("1"), "1", "", ""), COUNTED);
    scene_wait(&s, 1000);
    open_and_remembered(0, 1);
}

Test(observer_time, what_has_ended_is_remembered_for_64_t1)
{
    step(in, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("200", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    scene_wait(&s, 31999);
    step(in, REQUEST("OPTIONS", B("1"), "1", ""), RETRANSMISSION);
    step(out, RESPONSE("200", "OPTIONS", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    scene_wait(&s, 1);
    open_and_remembered(0, 0);
    step(in, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
}

Test(observer_time, reliable_transport_needs_5_seconds_only)
{
    s.transport = SIPSTAT_TLS;
    step(in, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("200", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    scene_wait(&s, 4999);
    open_and_remembered(0, 1);
    scene_wait(&s, 1);
    open_and_remembered(0, 0);
}

/* Timer H is 64*T1 for all transports. */
Test(observer_time, late_ack_over_a_reliable_transport_belongs_to_its_invite)
{
    s.transport = SIPSTAT_TLS;
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("486", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    scene_wait(&s, 31999);
    step(in, REQUEST("ACK", B("1"), "1", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_BEGUN), 1));
}

Test(observer_time, counts_do_not_depend_on_ticks)
{
    step(in, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    s.now_ns += 100000000000;
    step(in, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_BEGUN), 2));
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_TIMED_OUT), 1));
}

Test(observer_time, success_of_invite_is_repeated_over_reliable_transports_too)
{
    s.transport = SIPSTAT_TCP;
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    scene_wait(&s, 31999);
    step(out, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    scene_wait(&s, 1);
    open_and_remembered(0, 0);
}

Test(observer_time, timers_follow_the_options)
{
    struct observer_options options = { .max_transactions = 10, .t1_ms = 100, .timer_c_ms = 200000 };

    scene_fini(&s);
    scene_init_with(&s, &options);
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(in, RESPONSE("100", "INVITE", B("1"), "1", "", ""), COUNTED);
    scene_wait(&s, 6400);
    open_and_remembered(1, 2);
    scene_wait(&s, 193600);
    open_and_remembered(0, 1);
}

/* ---- the clock ----------------------------------------------------------------------------------------- */

Test(observer_time, messages_move_the_clock_as_ticks_do)
{
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    s.now_ns += 32000000000;
    step(in, "\r\n", KEEPALIVE);
    open_and_remembered(0, 1);
}

Test(observer_time, epoch_does_not_matter)
{
    s.now_ns = 1764000000000000000;
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    scene_wait(&s, 31999);
    open_and_remembered(1, 1);
    scene_wait(&s, 1);
    open_and_remembered(0, 1);
}

Test(observer_time, small_steps_back_are_reordering)
{
    s.now_ns = 100000000000;
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    s.now_ns -= 4999999999;
    observer_tick(s.o, &s.w, s.now_ns);
    s.now_ns += 4999999999;
    scene_wait(&s, 31999);
    open_and_remembered(1, 1);
    scene_wait(&s, 1);
    open_and_remembered(0, 1);
}

Test(observer_time, large_steps_back_are_a_new_epoch)
{
    s.now_ns = 100000000000;
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    s.now_ns -= 50000000000;
    observer_tick(s.o, &s.w, s.now_ns);
    scene_wait(&s, 31999);
    open_and_remembered(1, 1);
    scene_wait(&s, 1);
    open_and_remembered(0, 1);
}

Test(observer_time, one_poisoned_time_costs_ten_minutes_once)
{
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    observer_tick(s.o, &s.w, UINT64_MAX);
    open_and_remembered(0, 0);
    observer_tick(s.o, &s.w, s.now_ns);
    step(out, REQUEST("INVITE", B("2"), "2", ""), COUNTED);
    scene_wait(&s, 31999);
    open_and_remembered(1, 1);
}

/* ---- the bound ----------------------------------------------------------------------------------------- */

static void
send_options(unsigned number)
{
    char text[512];

    snprintf(
        text, sizeof(text),
        "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK%u\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\n"
        "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n",
        number);
    cr_assert(eq(int, scene_out(&s, text), SIPSTAT_COUNTED));
}

Test(observer_time, full_table_forgets_the_finished_then_the_oldest_open)
{
    scene_fini(&s);
    scene_init(&s, 3);
    step(in, REQUEST("MESSAGE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("200", "MESSAGE", B("1"), "1", ";tag=b", ""), COUNTED);
    send_options(1);
    send_options(2);
    send_options(3);
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_MEMORY_EVICTED), 1));
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_EVICTED), 0));
    send_options(4);
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_EVICTED), 1));
    open_and_remembered(3, 3);
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_BEGUN) - scene_counter(&s, LANE_TRANS_ENDED), 3));
}

Test(observer_time, gauge_is_right_after_any_number_of_evictions)
{
    scene_fini(&s);
    scene_init(&s, 7);
    for (unsigned i = 0; i < 1000; i++)
        send_options(i);
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_BEGUN) - scene_counter(&s, LANE_TRANS_ENDED),
                 observer_open(s.o)));
    scene_wait(&s, 32000);
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_BEGUN), scene_counter(&s, LANE_TRANS_ENDED)));
    scene_wait(&s, 32000);
    open_and_remembered(0, 0);
}

/* A jump of the clock leaves more to expire than one message does; what is counted must not depend on
 * that. */
Test(observer_time, what_is_overdue_counts_as_expired)
{
    char text[512];

    for (unsigned i = 0; i < 500; i++)
        send_options(i);
    s.now_ns += 40000000000;
    step(in, "\r\n", KEEPALIVE);
    cr_assert(gt(u32, observer_open(s.o), 0));
    snprintf(
        text, sizeof(text),
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK499\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>;tag=2\r\n"
        "Call-ID: 1\r\nCSeq: 1 OPTIONS\r\n\r\n");
    step(in, text, COUNTED);
    scene_wait(&s, 0);
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_TIMED_OUT), 500));
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_ENDED), 500));
}

/* ---- options ------------------------------------------------------------------------------------------- */

Test(observer_time, options_out_of_range_are_refused)
{
    static const char *const many[] = { "a", "b", "c", "d", "e", "f", "g", "h", "i",
                                        "j", "k", "l", "m", "n", "o", "p", "q", NULL };
    static const char *const empty[] = { "", NULL };
    static const struct observer_options bad[] = {
        { .max_transactions = 0 },
        { .max_transactions = 16777217 },
        { .max_transactions = 1, .t1_ms = 1000001 },
        { .max_transactions = 1, .timer_c_ms = 1000000001 },
        { .max_transactions = 1, .uri_schemes = many },
        { .max_transactions = 1, .uri_schemes = empty },
    };
    struct err e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(eq(ptr, observer_new(&bad[i], &e), NULL), "%zu", i);
}

Test(observer_time, uri_schemes_are_the_callers_choice)
{
    static const char *const schemes[] = { "IM", NULL };
    struct observer_options options = { .max_transactions = 10, .uri_schemes = schemes };

    scene_fini(&s);
    scene_init_with(&s, &options);
    step(in, REQUEST_TO("im:b@example.net", "MESSAGE", B("1"), "1", "", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_UNSUPPORTED_URIS), 0));
    step(in, REQUEST_TO("sip:b@example.net", "MESSAGE", B("2"), "1", "", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_UNSUPPORTED_URIS), 1));
}
