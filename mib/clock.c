/* SPDX-License-Identifier: BSD-2-Clause */
/* CLOCK_MONOTONIC and the master's sysUpTime. */
#include "mib/mib.h"

#define NS_PER_CS 10000000u

void
mib_clock_follow(struct mib_clock *clock, uint64_t now_ns, uint32_t uptime_cs, struct mib_view *view)
{
    uint64_t elapsed_cs = now_ns >= clock->anchor_ns ? (now_ns - clock->anchor_ns) / NS_PER_CS : 0;
    uint64_t expected_cs = clock->anchor_cs + elapsed_cs;
    uint64_t off_cs = expected_cs > uptime_cs ? expected_cs - uptime_cs : uptime_cs - expected_cs;

    if (!clock->is_set || off_cs > MIB_CLOCK_TOLERANCE_CS || expected_cs > UINT32_MAX) {
        *clock = (struct mib_clock){ .is_set = true, .anchor_ns = now_ns, .anchor_cs = uptime_cs };
        elapsed_cs = 0;
    }
    /* A whole number of hundredths since the anchor, or the rounding of the two would not cancel out. */
    view->now_ns = clock->anchor_ns + elapsed_cs * NS_PER_CS;
    view->uptime_cs = (uint32_t)(clock->anchor_cs + elapsed_cs);
}

/* The age is rounded up: a time between two hundredths belongs to the earlier one, whenever it is asked
 * for. */
uint32_t
mib_timestamp(const struct mib_view *view, uint64_t ns)
{
    uint64_t age_cs = 0;

    if (ns == 0)
        return 0;
    if (ns < view->now_ns)
        age_cs = (view->now_ns - ns - 1) / NS_PER_CS + 1;
    return age_cs < view->uptime_cs ? (uint32_t)(view->uptime_cs - age_cs) : 0;
}
