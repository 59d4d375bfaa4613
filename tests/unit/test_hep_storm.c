/* SPDX-License-Identifier: BSD-2-Clause */
/* collectors/hep/hep_storm: beginning and end of what a socket loses, each told once. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "collectors/hep/hep_storm.h"

#define SECOND UINT64_C(1000000000)

static const uint64_t start = 5000 * SECOND;

TestSuite(hep_storm);

Test(hep_storm, says_nothing_while_nothing_is_lost)
{
    struct hep_storm s = { 0 };

    for (uint64_t n = 0; n < 100; n++)
        cr_assert(eq(int, hep_storm_look(&s, 0, n * 1000, start + n * SECOND), HEP_STORM_NOTHING));
}

Test(hep_storm, tells_its_beginning_and_its_end_once)
{
    struct hep_storm s = { 0 };
    int began = 0, over = 0;

    for (uint64_t n = 0; n < 60; n++) {
        enum hep_storm_news news = hep_storm_look(&s, n < 5 ? 7 : 0, n * 1000, start + n * SECOND);

        began += news == HEP_STORM_BEGAN;
        over += news == HEP_STORM_OVER;
    }
    cr_assert(eq(int, began, 1));
    cr_assert(eq(int, over, 1));
}

Test(hep_storm, is_over_when_nothing_was_lost_for_the_quiet_time)
{
    struct hep_storm s = { 0 };

    hep_storm_look(&s, 1, 0, start);
    cr_expect(eq(int, hep_storm_look(&s, 0, 0, start + HEP_STORM_QUIET_NS - 1), HEP_STORM_NOTHING));
    cr_expect(eq(int, hep_storm_look(&s, 0, 0, start + HEP_STORM_QUIET_NS), HEP_STORM_OVER));
}

Test(hep_storm, counts_what_was_lost_and_what_was_received_from_the_first_loss_to_the_last)
{
    struct hep_storm s = { 0 };

    hep_storm_look(&s, 0, 1000, start);
    hep_storm_look(&s, 30, 1100, start + 1 * SECOND);
    hep_storm_look(&s, 0, 1200, start + 2 * SECOND);
    hep_storm_look(&s, 12, 1300, start + 3 * SECOND);
    hep_storm_look(&s, 0, 5000, start + 4 * SECOND);
    cr_expect(eq(int, hep_storm_look(&s, 0, 9000, start + 13 * SECOND), HEP_STORM_OVER));
    cr_expect(eq(u64, s.dropped, 42));
    cr_expect(eq(u64, s.received, 300));
    cr_expect(eq(u64, s.last_ns - s.began_ns, 2 * SECOND));
}

Test(hep_storm, begins_anew_after_its_end)
{
    struct hep_storm s = { 0 };

    hep_storm_look(&s, 5, 10, start);
    hep_storm_look(&s, 0, 20, start + HEP_STORM_QUIET_NS);
    cr_expect(eq(int, hep_storm_look(&s, 3, 30, start + 3600 * SECOND), HEP_STORM_BEGAN));
    cr_expect(eq(u64, s.dropped, 3));
    cr_expect(eq(u64, s.received, 10));
}

Test(hep_storm, says_few_of_many_and_how_many_those_were)
{
    struct hep_storm s = { 0 };
    int began = 0, over = 0;

    for (uint64_t n = 0; n < 3600; n++) { /* an hour; every twenty seconds a loss */
        enum hep_storm_news news = hep_storm_look(&s, n % 20 == 0, n, start + n * SECOND);

        began += news == HEP_STORM_BEGAN;
        over += news == HEP_STORM_OVER;
    }
    cr_expect(eq(int, began, 2));
    cr_expect(eq(int, over, 2));
    cr_expect(eq(int, hep_storm_look(&s, 1, 3600, start + 3700 * SECOND), HEP_STORM_BEGAN));
    cr_expect(gt(u64, s.held_back, 150));
}

Test(hep_storm, is_told_to_be_over_when_the_socket_is_closed_within_it)
{
    struct hep_storm s = { 0 };

    hep_storm_look(&s, 5, 10, start);
    cr_expect(hep_storm_end(&s));
    cr_expect(not(hep_storm_end(&s)));
}
