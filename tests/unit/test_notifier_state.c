/* SPDX-License-Identifier: BSD-2-Clause */
/* Notifications of the operational state: which of them a change raises, in which order, and how many a second. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "agent/log.h"
#include "agent/notifier.h"

#define SECOND UINT64_C(1000000000)

static struct notice_queue *queue;
static struct notifier n;
static uint64_t now = 1000 * SECOND;

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    queue = notice_queue_new(1000);
    notifier_init(&n, "edge", queue, NULL);
    n.rate = 100;
}

static void
end(void)
{
    notifier_fini(&n);
    notice_queue_free(queue);
}

TestSuite(notifier_state, .init = begin, .fini = end);

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

static void
change(uint32_t before, uint32_t to, unsigned enable)
{
    struct instance_state s = { .oper_status = to, .start_ns = 5, .last_change_ns = 6 };

    n.notify_enable = enable;
    notifier_state(&n, before, &s, now);
}

Test(notifier_state, a_cold_start_is_from_down_or_unknown_to_up)
{
    change(OPER_UNKNOWN, OPER_UP, SNAP_NOTIFY_DEFAULT);
    change(OPER_DOWN, OPER_UP, SNAP_NOTIFY_DEFAULT);
    change(OPER_CONGESTED, OPER_UP, SNAP_NOTIFY_DEFAULT);
    change(OPER_UP, OPER_DOWN, SNAP_NOTIFY_DEFAULT);
    change(OPER_DOWN, OPER_CONGESTED, SNAP_NOTIFY_DEFAULT);
    cr_assert(eq(u32, waiting(), 2));
    cr_assert(eq(int, (int)notice(1).kind, NOTICE_COLD_START));
    cr_assert(eq(u64, notice(1).start_ns, 5));
    cr_assert(eq(u64, notice(1).last_change_ns, 6));
    cr_assert(eq(uint, notice(1).oper_status, OPER_UP));
}

Test(notifier_state, a_warm_start_is_from_restarting_to_up)
{
    change(OPER_RESTARTING, OPER_UP, SNAP_NOTIFY_DEFAULT);
    change(OPER_RESTARTING, OPER_DOWN, SNAP_NOTIFY_DEFAULT);
    cr_assert(eq(u32, waiting(), 1));
    cr_assert(eq(int, (int)notice(0).kind, NOTICE_WARM_START));
}

Test(notifier_state, a_change_comes_after_the_start_that_it_is)
{
    change(OPER_DOWN, OPER_UP, SNAP_NOTIFY_DEFAULT | SNAP_NOTIFY_STATUS_CHANGED);
    cr_assert(eq(int, (int)notice(0).kind, NOTICE_COLD_START));
    cr_assert(eq(int, (int)notice(1).kind, NOTICE_STATUS_CHANGED));
    cr_assert(eq(u32, notice(1).sequence, 2));
}

Test(notifier_state, what_is_not_enabled_is_not_raised)
{
    change(OPER_DOWN, OPER_UP, SNAP_NOTIFY_WARM_START);
    change(OPER_RESTARTING, OPER_UP, SNAP_NOTIFY_COLD_START);
    change(OPER_UP, OPER_TESTING, SNAP_NOTIFY_DEFAULT);
    cr_assert(eq(u32, waiting(), 0));
    change(OPER_UP, OPER_TESTING, SNAP_NOTIFY_STATUS_CHANGED);
    cr_assert(eq(u32, waiting(), 1));
}

Test(notifier_state, no_change_is_no_notification)
{
    change(OPER_UP, OPER_UP, SNAP_NOTIFY_DEFAULT | SNAP_NOTIFY_STATUS_CHANGED);
    cr_assert(eq(u32, waiting(), 0));
}

/* ---- the cap ---------------------------------------------------------------------------------------------------- */

/* There and back, one change after the other. */
static void
flap(unsigned changes)
{
    for (unsigned k = 0; k < changes; k++)
        change(k % 2 ? OPER_CONGESTED : OPER_UP, k % 2 ? OPER_UP : OPER_CONGESTED,
               SNAP_NOTIFY_STATUS_CHANGED);
}

static void
count_none(void *context, const char *method, size_t octets, unsigned code, uint64_t *in, uint64_t *out)
{
    (void)context;
    (void)method;
    (void)octets;
    (void)code;
    *in = *out = 0;
}

static void
watch_invite_486(void)
{
    struct control_row *row = calloc(1, sizeof(*row));

    cr_assert(ne(ptr, row, NULL));
    *row = (struct control_row){
        .method = "INVITE", .method_octets = 6, .code = 486, .notify = true, .emit = CONTROL_NORMAL
    };
    cr_assert(eq(int, notifier_set_rows(&n, SNAP_NOTIFY_STATUS_CHANGED, row, 1), 0));
}

static void
responses(unsigned count)
{
    struct ring_event event = { .status = { .code = 486, .cseq = 1 } };

    for (unsigned k = 0; k < count; k++)
        notifier_status(&n, &event, "INVITE", count_none, NULL, now);
}

Test(notifier_state, no_more_changes_than_the_rate_at_once)
{
    n.rate = 10;
    flap(25);
    cr_assert(eq(u32, waiting(), 10));
}

Test(notifier_state, the_rate_of_changes_comes_back_with_time)
{
    n.rate = 10;
    flap(25);
    now += SECOND / 2;
    flap(25);
    cr_assert(eq(u32, waiting(), 15));
}

Test(notifier_state, a_change_beyond_the_rate_is_counted_and_not_numbered)
{
    n.rate = 10;
    flap(25);
    cr_assert(eq(u64, n.capped.total, 15));
    now += SECOND;
    flap(1);
    cr_assert(eq(u32, notice(10).sequence, 11));
}

Test(notifier_state, a_start_and_its_change_are_two_notifications_of_the_rate)
{
    n.rate = 1;
    change(OPER_DOWN, OPER_UP, SNAP_NOTIFY_DEFAULT | SNAP_NOTIFY_STATUS_CHANGED);
    cr_assert(eq(u32, waiting(), 1));
    cr_assert(eq(int, (int)notice(0).kind, NOTICE_COLD_START));
    cr_assert(eq(u64, n.capped.total, 1));
}

Test(notifier_state, a_flood_of_status_codes_leaves_changes_their_rate)
{
    n.rate = 10;
    watch_invite_486();
    responses(25);
    cr_assert(eq(u32, waiting(), 10));
    flap(10);
    cr_assert(eq(u32, waiting(), 20));
    cr_assert(eq(int, (int)notice(19).kind, NOTICE_STATUS_CHANGED));
}

Test(notifier_state, a_flood_of_changes_leaves_status_codes_their_rate)
{
    n.rate = 10;
    watch_invite_486();
    flap(25);
    responses(10);
    cr_assert(eq(u32, waiting(), 20));
    cr_assert(eq(int, (int)notice(19).kind, NOTICE_STATUS_CODE));
}
