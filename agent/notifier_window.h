/* SPDX-License-Identifier: BSD-2-Clause */
/* The window in which responses of one row are counted against its threshold. Pure. One thread. */
#ifndef AGENT_NOTIFIER_WINDOW_H
#define AGENT_NOTIFIER_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/* One direction. */
struct notifier_count_window {
    uint64_t base;   /* what was counted when the window began */
    bool has_raised; /* its notification, in this window */
};

struct notifier_window {
    bool has_begun;
    uint64_t start_ns;
    struct notifier_count_window in, out;
};

/* Look at a window of `interval_s` (not 0): with `in` and `out` counted until now, does it exceed `threshold` for the
 * first time? Then, if its time is over, the next one begins. */
void notifier_window_look(struct notifier_window *w, uint32_t threshold, uint32_t interval_s, uint64_t in,
                          uint64_t out, uint64_t now_ns, bool *in_exceeds, bool *out_exceeds);

#endif
