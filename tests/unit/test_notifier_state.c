/* SPDX-License-Identifier: BSD-2-Clause */
/* Notifications of the operational state: which of them a change raises, and in which order. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "agent/log.h"
#include "agent/notifier.h"

static struct notice_queue *queue;
static struct notifier n;

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    queue = notice_queue_new(1000);
    notifier_init(&n, "edge", queue, NULL);
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
    notifier_state(&n, before, &s, 1000);
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
