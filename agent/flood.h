/* SPDX-License-Identifier: BSD-2-Clause */
/* Something that is left out, or lost, again and again: counted each time, said once when it begins and once when it is
 * over. Pure; the clock is passed in, CLOCK_MONOTONIC nanoseconds. One thread. */
#ifndef AGENT_FLOOD_H
#define AGENT_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#define FLOOD_QUIET_NS UINT64_C(1000000000) /* so long without: it is over */

/* Zero-initialise. */
struct flood {
    uint64_t total;  /* since the start */
    uint64_t before; /* ... when the one that is on began */
    uint64_t last_ns;
    bool is_on;
};

/* It happened `count` times more. True when that begins a flood: say so. */
bool flood_add(struct flood *f, uint64_t count, uint64_t now_ns);

/* About once a second. True once, when a flood is over; *count is how much it came to. */
bool flood_is_over(struct flood *f, uint64_t now_ns, uint64_t *count);

#endif
