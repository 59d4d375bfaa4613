/* SPDX-License-Identifier: BSD-2-Clause */
/* Which notifications are raised, and when: each rule of agent/notifier.h. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "agent/notifier.h"
#include "sipcore/sipstat.h"
#include "tests/unit/scratch.h"

#define SECOND UINT64_C(1000000000)

static struct notice_queue *queue;
static struct notifier n;
static uint64_t now = 1000 * SECOND;
static uint64_t counted_in, counted_out;
static uint32_t serial;

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    queue = notice_queue_new(1000);
    notifier_init(&n, "edge", queue, NULL);
    n.appl_index = 7;
    n.rate = 10;
}

static void
end(void)
{
    notifier_fini(&n);
    notice_queue_free(queue);
}

TestSuite(notifier, .init = begin, .fini = end);

static void
count(void *context, const char *method, size_t octets, unsigned code, uint64_t *in, uint64_t *out)
{
    (void)context;
    (void)method;
    (void)octets;
    (void)code;
    *in = counted_in;
    *out = counted_out;
}

static struct control_row
row(const char *method, unsigned code, bool notify, unsigned emit)
{
    struct control_row r = { .code = (uint16_t)code,
                             .notify = notify,
                             .emit = (uint8_t)emit,
                             .threshold = 500,
                             .interval_s = 60,
                             .serial = ++serial };

    r.method_octets = (uint8_t)strlen(method);
    memcpy(r.method, method, r.method_octets);
    return r;
}

static void
set_rows(const struct control_row *rows, size_t count_of)
{
    struct control_row *copy = malloc((count_of + 1) * sizeof(*copy));

    memcpy(copy, rows, count_of * sizeof(*copy));
    cr_assert(eq(int, notifier_set_rows(&n, n.notify_enable, copy, count_of), 0));
    notifier_thresholds(&n, count, NULL, now);
}

static void
one_row(bool notify, unsigned emit)
{
    struct control_row r = row("INVITE", 486, notify, emit);

    set_rows(&r, 1);
}

static struct ring_event event;

static bool
status_of(const char *method, unsigned code)
{
    event.status =
        (struct lane_event_status){ .code = (uint16_t)code, .cseq = 42, .flags = event.status.flags };
    if (!event.to.data) {
        event.to = span_string("Bob <sip:bob@example.com>;tag=1");
        event.from = span_string("<sip:alice@example.com>;tag=2");
        event.call_id = span_string("a84b4c76e66710");
    }
    return notifier_status(&n, &event, method, count, NULL, now) != NULL;
}

static bool
status(void)
{
    return status_of("INVITE", 486);
}

static uint32_t
waiting(void)
{
    struct notice_stats stats;

    notice_queue_stats(queue, &stats);
    return stats.waiting;
}

static struct notice
notice(uint32_t k)
{
    struct notice out = { .sequence = 0 };

    notice_queue_at(queue, k, &out);
    return out;
}

/* ---- status codes ----------------------------------------------------------------------------------------------- */

Test(notifier, normal_raises_each)
{
    one_row(true, CONTROL_NORMAL);
    for (unsigned k = 0; k < 5; k++)
        cr_assert(not(status()));
    cr_assert(eq(u32, waiting(), 5));
    cr_assert(eq(int, (int)notice(4).kind, NOTICE_STATUS_CODE));
}

Test(notifier, one_shot_raises_once_and_is_triggered)
{
    one_row(true, CONTROL_ONE_SHOT);
    cr_assert(status());
    cr_assert(eq(u8, n.rows[0].emit, CONTROL_TRIGGERED));
    cr_assert(not(status()));
    cr_assert(eq(u32, waiting(), 1));
}

Test(notifier, triggered_is_silent)
{
    one_row(true, CONTROL_TRIGGERED);
    cr_assert(not(status()));
    cr_assert(eq(u32, waiting(), 0));
}

Test(notifier, a_changed_row_is_armed_again)
{
    one_row(true, CONTROL_ONE_SHOT);
    status();
    one_row(true, CONTROL_ONE_SHOT);
    cr_assert(status());
    cr_assert(eq(u32, waiting(), 2));
}

Test(notifier, send_false_is_silent)
{
    one_row(false, CONTROL_NORMAL);
    status();
    cr_assert(eq(u32, waiting(), 0));
}

Test(notifier, a_destroyed_row_is_silent)
{
    struct control_row r = row("INVITE", 486, true, CONTROL_NORMAL);

    r.is_hidden = true;
    r.threshold = 0;
    set_rows(&r, 1);
    status();
    counted_in += 10;
    notifier_thresholds(&n, count, NULL, now + SECOND);
    cr_assert(eq(u32, waiting(), 0));
}

Test(notifier, only_the_row_of_the_method_and_code_counts)
{
    struct control_row rows[] = { row("BYE", 486, true, CONTROL_NORMAL),
                                  row("INVITE", 403, true, CONTROL_NORMAL),
                                  row("INVITE", 486, true, CONTROL_NORMAL),
                                  row("REGISTER", 403, true, CONTROL_NORMAL) };

    set_rows(rows, 4);
    status_of("INVITE", 487);
    status_of("BYE", 403);
    status_of("MESSAGE", 486);
    cr_assert(eq(u32, waiting(), 0));
    status_of("INVITE", 403);
    status_of("REGISTER", 403);
    status_of("BYE", 486);
    cr_assert(eq(u32, waiting(), 3));
    cr_assert(eq(str, notice(1).method, "REGISTER"));
}

Test(notifier, carries_what_the_message_says)
{
    struct notice out;

    one_row(true, CONTROL_NORMAL);
    counted_in = 3;
    counted_out = 4;
    status();
    out = notice(0);
    cr_assert(eq(str, out.to, "To: Bob <sip:bob@example.com>;tag=1"));
    cr_assert(eq(str, out.from, "From: <sip:alice@example.com>;tag=2"));
    cr_assert(eq(str, out.call_id, "Call-ID: a84b4c76e66710"));
    cr_assert(eq(u32, out.cseq, 42));
    cr_assert(eq(u32, out.appl_index, 7));
    cr_assert(eq(u16, out.code, 486));
    cr_assert(eq(str, out.method, "INVITE"));
    cr_assert(eq(u64, out.in, 3));
    cr_assert(eq(u64, out.out, 4));
}

/* ---- the cap ---------------------------------------------------------------------------------------------------- */

Test(notifier, no_more_than_the_rate_at_once)
{
    one_row(true, CONTROL_NORMAL);
    for (unsigned k = 0; k < 25; k++)
        status();
    cr_assert(eq(u32, waiting(), 10));
    cr_assert(eq(u64, n.capped.total, 15));
}

Test(notifier, the_rate_comes_back_with_time)
{
    one_row(true, CONTROL_NORMAL);
    for (unsigned k = 0; k < 25; k++)
        status();
    now += SECOND / 2;
    for (unsigned k = 0; k < 25; k++)
        status();
    cr_assert(eq(u32, waiting(), 15));
    now += 100 * SECOND;
    for (unsigned k = 0; k < 25; k++)
        status();
    cr_assert(eq(u32, waiting(), 25));
}

Test(notifier, a_one_shot_beyond_the_rate_is_not_spent)
{
    struct control_row rows[] = { row("BYE", 486, true, CONTROL_ONE_SHOT),
                                  row("INVITE", 486, true, CONTROL_NORMAL) };

    set_rows(rows, 2);
    for (unsigned k = 0; k < 10; k++)
        status();
    cr_assert(not(status_of("BYE", 486)));
    now += SECOND;
    cr_assert(status_of("BYE", 486));
}

Test(notifier, a_flood_ends_after_a_second_without)
{
    one_row(true, CONTROL_NORMAL);
    for (unsigned k = 0; k < 12; k++)
        status();
    cr_assert(n.capped.is_on);
    notifier_tick(&n, now + SECOND / 2);
    cr_assert(n.capped.is_on);
    notifier_tick(&n, now + SECOND);
    cr_assert(not(n.capped.is_on));
    cr_assert(eq(u64, n.capped.total, 2));
}

/* ---- numbers ---------------------------------------------------------------------------------------------------- */

Test(notifier, numbers_have_no_gaps_where_some_are_capped_or_find_no_room)
{
    one_row(true, CONTROL_NORMAL);
    for (unsigned k = 0; k < 15; k++)
        status();
    notice_queue_set_bounds(queue, 12, 1);
    now += SECOND;
    for (unsigned k = 0; k < 10; k++)
        status();
    notice_queue_set_bounds(queue, 1000, 1);
    now += SECOND;
    status();
    cr_assert(eq(u32, waiting(), 13));
    for (uint32_t k = 0; k < 13; k++)
        cr_assert(eq(u32, notice(k).sequence, k + 1));
    cr_assert(eq(u64, n.overflowed.total, 8));
}

Test(notifier, after_the_highest_number_comes_1)
{
    one_row(true, CONTROL_NORMAL);
    n.sequence = 2147483646;
    status();
    status();
    cr_assert(eq(u32, notice(0).sequence, 2147483647));
    cr_assert(eq(u32, notice(1).sequence, 1));
}

Test(notifier, a_one_shot_that_finds_no_room_is_not_spent)
{
    one_row(true, CONTROL_ONE_SHOT);
    notice_queue_set_bounds(queue, 0, 1);
    cr_assert(not(status()));
    notice_queue_set_bounds(queue, 1, 1);
    cr_assert(status());
}

/* ---- texts ------------------------------------------------------------------------------------------------------ */

Test(notifier, cuts_at_255_octets_between_characters)
{
    char value[300];
    struct notice out;

    one_row(true, CONTROL_NORMAL);
    for (unsigned k = 0; k < sizeof(value); k += 2)
        memcpy(value + k, "\xc3\xa9", 2);
    event.to = span_of(value, sizeof(value));
    event.from = event.call_id = span_of(value, 255);
    status();
    out = notice(0);
    cr_assert(eq(sz, strlen(out.to), 254)); /* "To: " and 125 characters of two octets */
    cr_assert(eq(sz, strlen(out.from), 254));
    cr_assert(eq(sz, strlen(out.call_id), 255));
    cr_assert(eq(int, memcmp(out.to + 252, "\xc3\xa9", 3), 0));
}

Test(notifier, replaces_what_is_no_text)
{
    one_row(true, CONTROL_NORMAL);
    event.to = span_of("a\x01\x7f\xff\xc2\x80z", 7);
    event.from = span_of("a\r\n b\tc  d\r\n\t e\r\n", 17);
    event.call_id = span_of("x\0y\xe2\x82", 5);
    status();
    cr_assert(eq(str, notice(0).to, "To: a????z"));
    cr_assert(eq(str, notice(0).from, "From: a b c  d e"));
    cr_assert(eq(str, notice(0).call_id, "Call-ID: x?y??"));
}

Test(notifier, who_is_private_is_anonymous_without_a_key)
{
    one_row(true, CONTROL_NORMAL);
    event.status.flags = LANE_STATUS_PRIVATE;
    status();
    cr_assert(eq(str, notice(0).to, "To: <sip:anonymous@anonymous.invalid>"));
    cr_assert(eq(str, notice(0).from, "From: <sip:anonymous@anonymous.invalid>"));
    cr_assert(eq(str, notice(0).call_id, "Call-ID: a84b4c76e66710"));
}

static void
check_pseudonyms(void)
{
    char to[PSEUDONYM_OCTETS + 8], dir[PATH_MAX];
    struct pseudonym *p;
    struct err e;

    scratch_make(dir);
    p = pseudonym_new(dir, &e);
    n.pseudonym = p;
    one_row(true, CONTROL_NORMAL);
    status();
    pseudonym_header(p, event.to, to);
    cr_assert(eq(str, notice(0).to + 4, to));
    cr_assert(eq(int, memcmp(notice(0).to, "To: <sip:", 9), 0));
    cr_assert(strstr(notice(0).to, "bob") == NULL);
    cr_assert(strstr(notice(0).from, "alice") == NULL);
    pseudonym_free(p);
    scratch_remove(dir);
}

Test(notifier, who_is_private_has_a_pseudonym)
{
    event.status.flags = LANE_STATUS_PRIVATE;
    check_pseudonyms();
}

Test(notifier, all_users_of_a_pseudonymous_instance_have_pseudonyms)
{
    n.is_pseudonymous = true;
    check_pseudonyms();
}

/* ---- thresholds ------------------------------------------------------------------------------------------------- */

static void
threshold_row(uint32_t threshold, uint32_t interval_s)
{
    struct control_row r = row("INVITE", 486, false, CONTROL_ONE_SHOT);

    r.threshold = threshold;
    r.interval_s = interval_s;
    set_rows(&r, 1);
}

static void
after(uint64_t seconds, uint64_t in, uint64_t out)
{
    counted_in += in;
    counted_out += out;
    now += seconds * SECOND;
    notifier_thresholds(&n, count, NULL, now);
}

Test(notifier, exactly_the_threshold_does_not_exceed_it)
{
    threshold_row(5, 60);
    after(1, 5, 5);
    cr_assert(eq(u32, waiting(), 0));
    after(1, 1, 0);
    cr_assert(eq(u32, waiting(), 1));
    cr_assert(eq(int, (int)notice(0).kind, NOTICE_THRESHOLD_IN));
    cr_assert(eq(u64, notice(0).in, 6));
}

Test(notifier, each_direction_has_its_own_notification)
{
    threshold_row(5, 60);
    after(1, 0, 6);
    cr_assert(eq(int, (int)notice(0).kind, NOTICE_THRESHOLD_OUT));
    after(1, 6, 0);
    cr_assert(eq(int, (int)notice(1).kind, NOTICE_THRESHOLD_IN));
    cr_assert(eq(u32, waiting(), 2));
}

Test(notifier, a_threshold_is_exceeded_once_in_a_window_and_again_in_the_next)
{
    threshold_row(5, 10);
    after(1, 6, 0);
    after(1, 600, 0);
    after(9, 0, 0); /* the next window has begun */
    cr_assert(eq(u32, waiting(), 1));
    after(1, 6, 0);
    cr_assert(eq(u32, waiting(), 2));
}

Test(notifier, what_an_ended_window_counted_does_not_count_in_the_next)
{
    threshold_row(5, 10);
    after(9, 5, 0);
    after(1, 0, 0);
    after(1, 5, 0);
    cr_assert(eq(u32, waiting(), 0));
}

Test(notifier, what_was_counted_before_the_row_was_made_does_not_count)
{
    counted_in = 100000;
    threshold_row(5, 10);
    after(1, 5, 0);
    cr_assert(eq(u32, waiting(), 0));
}

Test(notifier, a_change_of_the_row_begins_a_new_window)
{
    threshold_row(5, 60);
    after(1, 5, 0);
    threshold_row(5, 30);
    after(1, 5, 0);
    cr_assert(eq(u32, waiting(), 0));
    after(1, 1, 0);
    cr_assert(eq(u32, waiting(), 1));
}

Test(notifier, a_row_that_did_not_change_keeps_its_window)
{
    struct control_row rows[] = { row("BYE", 486, false, CONTROL_NORMAL),
                                  row("INVITE", 486, false, CONTROL_ONE_SHOT) };

    rows[1].threshold = 5;
    set_rows(&rows[1], 1);
    after(1, 5, 0);
    set_rows(rows, 2);
    after(1, 1, 0);
    cr_assert(eq(u32, waiting(), 1));
}

Test(notifier, after_a_long_gap_only_too_much_for_all_windows_exceeds)
{
    threshold_row(5, 10);
    after(100, 50, 51);
    cr_assert(eq(u32, waiting(), 1));
    cr_assert(eq(int, (int)notice(0).kind, NOTICE_THRESHOLD_OUT));
    after(9, 6, 0); /* windows follow each other still: this one began with the gap's end */
    cr_assert(eq(u32, waiting(), 2));
}

Test(notifier, interval_0_has_no_threshold)
{
    threshold_row(5, 0);
    after(1, 1000, 1000);
    cr_assert(eq(u32, waiting(), 0));
}

Test(notifier, the_first_response_exceeds_a_threshold_of_0)
{
    threshold_row(0, 10);
    after(1, 0, 0);
    cr_assert(eq(u32, waiting(), 0));
    after(1, 1, 0);
    cr_assert(eq(u32, waiting(), 1));
}

Test(notifier, counts_that_were_lost_exceed_nothing)
{
    counted_in = 1000;
    threshold_row(5, 10);
    counted_in = 10;
    after(1, 0, 0);
    after(1, 5, 0);
    cr_assert(eq(u32, waiting(), 0));
    after(1, 1, 0);
    cr_assert(eq(u32, waiting(), 1));
}

Test(notifier, thresholds_are_not_capped)
{
    struct control_row rows[20];

    n.rate = 1;
    for (unsigned k = 0; k < 20; k++) {
        rows[k] = row("INVITE", 400 + k, false, CONTROL_NORMAL);
        rows[k].threshold = 0;
    }
    set_rows(rows, 20);
    after(1, 1, 1);
    cr_assert(eq(u32, waiting(), 40));
}

/* ---- what writers are to record --------------------------------------------------------------------------------- */

Test(notifier, wants_the_codes_that_may_still_be_sent)
{
    struct control_row rows[] = { row("BYE", 481, true, CONTROL_TRIGGERED),
                                  row("INVITE", 100, true, CONTROL_NORMAL),
                                  row("INVITE", 486, false, CONTROL_NORMAL),
                                  row("INVITE", 500, true, CONTROL_NORMAL),
                                  row("INVITE", 999, true, CONTROL_ONE_SHOT) };
    uint64_t codes[15], expected[15] = { [0] = 1, [14] = UINT64_C(1) << 3 };

    rows[3].is_hidden = true;
    set_rows(rows, 5);
    notifier_interest(&n, codes);
    cr_assert(eq(int, memcmp(codes, expected, sizeof(codes)), 0));
}
