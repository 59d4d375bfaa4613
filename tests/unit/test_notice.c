/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue between who raises notifications and who delivers them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>

#include "agent/notice.h"

static struct notice_queue *q;

static void
begin(void)
{
    q = notice_queue_new(100);
}

static void
end(void)
{
    notice_queue_free(q);
}

TestSuite(notice, .init = begin, .fini = end);

static bool
put(uint32_t sequence)
{
    struct notice n = { .kind = NOTICE_STATUS_CODE, .sequence = sequence };

    return notice_queue_put(q, &n);
}

static uint32_t
at(uint32_t k)
{
    struct notice n;

    return notice_queue_at(q, k, &n) ? n.sequence : 0;
}

static bool
is_readable(void)
{
    struct pollfd wait = { .fd = notice_queue_fd(q), .events = POLLIN };

    return poll(&wait, 1, 0) == 1;
}

Test(notice, gives_them_in_order)
{
    for (uint32_t k = 1; k <= 90; k++)
        cr_assert(put(k));
    for (uint32_t k = 0; k < 90; k++)
        cr_assert(eq(u32, at(k), k + 1));
    cr_assert(eq(u32, at(90), 0));
}

Test(notice, keeps_the_order_around_the_end_of_its_room)
{
    for (uint32_t k = 1; k <= 60; k++)
        put(k);
    for (uint32_t k = 0; k < 50; k++)
        notice_queue_drop(q);
    for (uint32_t k = 61; k <= 150; k++)
        cr_assert(put(k));
    for (uint32_t k = 0; k < 100; k++)
        cr_assert(eq(u32, at(k), 51 + k));
}

Test(notice, takes_no_more_than_its_bound_and_counts_them)
{
    struct notice_stats stats;

    for (uint32_t k = 1; k <= 100; k++)
        cr_assert(put(k));
    cr_assert(not(put(101)));
    notice_queue_drop(q);
    cr_assert(put(102));
    notice_queue_stats(q, &stats);
    cr_assert(eq(u64, stats.overflowed, 1));
    cr_assert(eq(u64, stats.put, 101));
    cr_assert(eq(u64, stats.delivered, 1));
    cr_assert(eq(u32, stats.waiting, 100));
}

Test(notice, keeps_what_waits_when_its_bound_falls)
{
    for (uint32_t k = 1; k <= 80; k++)
        put(k);
    notice_queue_set_max(q, 20);
    cr_assert(not(put(81)));
    cr_assert(eq(u32, at(79), 80));
    for (unsigned k = 0; k < 61; k++)
        notice_queue_drop(q);
    cr_assert(put(82));
}

Test(notice, wakes_whoever_waits_until_told_that_it_was_heard)
{
    cr_assert(not(is_readable()));
    put(1);
    put(2);
    cr_assert(is_readable());
    notice_queue_clear(q);
    cr_assert(not(is_readable()));
    cr_assert(eq(u32, at(0), 1));
}

Test(notice, dropping_from_an_empty_queue_is_nothing)
{
    struct notice_stats stats;

    notice_queue_drop(q);
    notice_queue_stats(q, &stats);
    cr_assert(eq(u64, stats.delivered, 0));
}
