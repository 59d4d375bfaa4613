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
put_of(uint32_t appl_index, uint32_t sequence)
{
    struct notice n = { .kind = NOTICE_STATUS_CODE, .appl_index = appl_index, .sequence = sequence };

    return notice_queue_put(q, &n);
}

static bool
put(uint32_t sequence)
{
    return put_of(1, sequence);
}

/* As many of an instance as find room, at most 1000. */
static uint32_t
fill_of(uint32_t appl_index)
{
    uint32_t count = 0;

    while (count < 1000 && put_of(appl_index, count + 1))
        count++;
    return count;
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
    notice_queue_set_bounds(q, 20, 1);
    cr_assert(not(put(81)));
    cr_assert(eq(u32, at(79), 80));
    for (unsigned k = 0; k < 61; k++)
        notice_queue_drop(q);
    cr_assert(put(82));
}

Test(notice, of_one_instance_that_floods_leave_half_of_the_room_to_others)
{
    notice_queue_set_bounds(q, 100, 5);
    cr_assert(eq(u32, fill_of(1), 50));
    for (uint32_t appl_index = 2; appl_index <= 5; appl_index++)
        cr_assert(eq(u32, fill_of(appl_index), 10));
    cr_assert(not(put_of(1, 51)));
}

Test(notice, of_the_only_instance_have_all_room)
{
    notice_queue_set_bounds(q, 100, 1);
    cr_assert(eq(u32, fill_of(1), 100));
}

Test(notice, of_each_instance_have_room_for_its_share_whatever_the_others_do)
{
    notice_queue_set_bounds(q, 100, 10);
    for (uint32_t appl_index = 1; appl_index <= 9; appl_index++)
        fill_of(appl_index);
    cr_assert(ge(u32, fill_of(10), 5));
}

Test(notice, of_each_instance_have_room_for_one_however_many_instances_there_are)
{
    notice_queue_set_bounds(q, 16, 100);
    cr_assert(eq(u32, fill_of(1), 100));
    for (uint32_t appl_index = 2; appl_index <= 100; appl_index++)
        cr_assert(put_of(appl_index, 1));
    cr_assert(not(put_of(2, 2)));
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
