/* SPDX-License-Identifier: BSD-2-Clause */
/* Log lines about senders: bounded for each and for all, and nobody keeps another out. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "collectors/hep/hep_sources.h"

#define SECOND 1000000000ull
#define MINUTE (60 * SECOND)

enum { ONE = HEP_COUNT_UNROUTED, OTHER = HEP_COUNT_REFUSED };

static struct hep_sources sources;
static uint64_t held_back;

static bool
allow(unsigned host, unsigned reason, uint64_t now_ns)
{
    struct hep_endpoint sender = { .address = { 1, (uint8_t)(host >> 8), (uint8_t)host } };

    return hep_sources_allow(&sources, &sender, (enum hep_counter)reason, now_ns, &held_back);
}

Test(hep_sources, one_sender_does_not_keep_another_out)
{
    cr_assert(allow(1, ONE, SECOND));
    cr_assert(not(allow(1, ONE, SECOND)));
    cr_assert(allow(2, ONE, SECOND));
}

Test(hep_sources, each_reason_is_said)
{
    cr_assert(allow(1, ONE, SECOND));
    cr_assert(allow(1, OTHER, SECOND));
}

Test(hep_sources, the_port_makes_no_other_sender)
{
    struct hep_endpoint sender = { .address = { 1 }, .port = 5060 };

    cr_assert(hep_sources_allow(&sources, &sender, HEP_COUNT_UNROUTED, SECOND, &held_back));
    sender.port++;
    cr_assert(not(hep_sources_allow(&sources, &sender, HEP_COUNT_UNROUTED, SECOND, &held_back)));
}

Test(hep_sources, unknown_senders_are_one)
{
    cr_assert(hep_sources_allow(&sources, NULL, HEP_COUNT_UNROUTED, SECOND, &held_back));
    cr_assert(not(hep_sources_allow(&sources, NULL, HEP_COUNT_UNROUTED, SECOND, &held_back)));
    cr_assert(allow(1, ONE, SECOND));
}

Test(hep_sources, what_was_held_back_is_told_with_the_next_line)
{
    cr_assert(allow(1, ONE, SECOND));
    for (unsigned i = 0; i < 5; i++)
        cr_assert(not(allow(1, ONE, 2 * SECOND)));
    cr_assert(allow(1, ONE, 2 * MINUTE));
    cr_assert(eq(u64, held_back, 5));
}

Test(hep_sources, a_thousand_senders_get_a_burst_and_then_a_trickle)
{
    unsigned lines = 0;

    for (unsigned host = 0; host < 1000; host++)
        lines += allow(host, ONE, SECOND);
    cr_assert(eq(uint, lines, HEP_SOURCE_BURST));
    for (unsigned host = 0; host < 1000; host++)
        lines += allow(host, ONE, SECOND + MINUTE);
    cr_assert(eq(uint, lines, HEP_SOURCE_BURST + MINUTE / HEP_SOURCE_LINE_NS));
}

Test(hep_sources, the_sender_refused_longest_ago_is_forgotten_first)
{
    for (unsigned host = 0; host < HEP_SOURCES; host++)
        allow(host, ONE, (host + 1) * MINUTE);
    cr_assert(allow(HEP_SOURCES, ONE, 65 * MINUTE));
    for (unsigned i = 0; i < HEP_SOURCES; i++)
        cr_assert(ne(int, sources.source[i].address[2], 0));
}
