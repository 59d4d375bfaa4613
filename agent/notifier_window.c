/* SPDX-License-Identifier: BSD-2-Clause */
/* Windows of thresholds. Looks come about once a second, at no particular moment of a window. */
#include "agent/notifier_window.h"

#define SECOND_NS UINT64_C(1000000000)

static bool
exceeds(struct notifier_count_window *w, uint64_t counted, uint64_t most)
{
    if (counted < w->base)
        w->base = counted; /* counts were lost: the rest of the window counts from there */
    if (w->has_raised || counted - w->base <= most)
        return false;
    w->has_raised = true;
    return true;
}

static void
begin(struct notifier_count_window *w, uint64_t counted)
{
    *w = (struct notifier_count_window){ .base = counted };
}

void
notifier_window_look(struct notifier_window *w, uint32_t threshold, uint32_t interval_s, uint64_t in,
                     uint64_t out, uint64_t now_ns, bool *in_exceeds, bool *out_exceeds)
{
    uint64_t interval_ns = interval_s * SECOND_NS, ended, most;

    *in_exceeds = *out_exceeds = false;
    if (!w->has_begun) {
        *w = (struct notifier_window){ .has_begun = true, .start_ns = now_ns };
        begin(&w->in, in);
        begin(&w->out, out);
        return;
    }
    ended = now_ns > w->start_ns ? (now_ns - w->start_ns) / interval_ns : 0;
    /* After a gap of several windows nobody knows which of them it was: only what is too much for all of them
     * together is certainly too much for one. */
    most = ended > 1 ? threshold * ended : threshold;
    *in_exceeds = exceeds(&w->in, in, most);
    *out_exceeds = exceeds(&w->out, out, most);
    if (ended == 0)
        return;
    w->start_ns += ended * interval_ns;
    begin(&w->in, in);
    begin(&w->out, out);
}
