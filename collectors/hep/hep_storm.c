/* SPDX-License-Identifier: BSD-2-Clause */
/* Beginning and end of what a socket loses. */
#include "collectors/hep/hep_storm.h"

static void note(struct hep_storm *s, uint64_t dropped, uint64_t now_ns);

enum hep_storm_news
hep_storm_look(struct hep_storm *s, uint64_t dropped, uint64_t received, uint64_t now_ns)
{
    bool begins = dropped > 0 && !s->is_on;

    if (begins) {
        *s = (struct hep_storm){
            .is_on = true, .began_ns = now_ns, .received_before = s->received_before, .limit = s->limit
        };
        s->is_said = collector_log_allow(&s->limit, now_ns, &s->held_back);
    }
    s->received_since += received - s->received_before;
    s->received_before = received;
    if (dropped > 0)
        note(s, dropped, now_ns);
    else if (s->is_on && now_ns - s->last_ns >= HEP_STORM_QUIET_NS)
        return hep_storm_end(s) ? HEP_STORM_OVER : HEP_STORM_NOTHING;
    return begins && s->is_said ? HEP_STORM_BEGAN : HEP_STORM_NOTHING;
}

static void
note(struct hep_storm *s, uint64_t dropped, uint64_t now_ns)
{
    s->dropped += dropped;
    s->received += s->received_since;
    s->received_since = 0;
    s->last_ns = now_ns;
}

bool
hep_storm_end(struct hep_storm *s)
{
    bool is_to_say = s->is_on && s->is_said;

    s->is_on = false;
    return is_to_say;
}
