/* SPDX-License-Identifier: BSD-2-Clause */
/* Saying once what happens again and again. */
#include "agent/flood.h"

bool
flood_add(struct flood *f, uint64_t count, uint64_t now_ns)
{
    bool begins = !f->is_on && count > 0;

    if (count == 0)
        return false;
    if (begins)
        f->before = f->total;
    f->total += count;
    f->last_ns = now_ns;
    f->is_on = true;
    return begins;
}

bool
flood_is_over(struct flood *f, uint64_t now_ns, uint64_t *count)
{
    if (!f->is_on || now_ns < f->last_ns + FLOOD_QUIET_NS)
        return false;
    f->is_on = false;
    *count = f->total - f->before;
    return true;
}
