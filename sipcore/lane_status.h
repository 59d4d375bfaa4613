/* SPDX-License-Identifier: BSD-2-Clause */
/* The record of a response, straight into the ring: the most frequent event by far. Inline, for callers that would
 * otherwise only put its fields together; others call lane_event_status(). */
#ifndef SIPCORE_LANE_STATUS_H
#define SIPCORE_LANE_STATUS_H

#include <time.h>

#include "sipcore/ring_put.h"

enum { LANE_STATUS_TEXT_MAX = 255 }; /* of each header field value; all bits set */

/* Unix time of an event on this lane. */
static inline uint64_t
lane_event_time(const struct lane_writer *w, uint64_t message_ns)
{
    struct timespec now;

    if ((w->flags & LANE_COLLECTOR) && message_ns != 0)
        return message_ns;
    if (clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0) /* in the vDSO: no system call */
        return 0;
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* See lane_event_status(). */
static inline __attribute__((always_inline)) void
lane_status_put(struct lane_writer *w, const struct lane_status *status, uint64_t message_ns)
{
    uint64_t time_ns = lane_event_time(w, message_ns);
    struct span to = status->to, from = status->from, call_id = status->call_id;
    struct ring_put r;

    /* None is longer than that if no bit above is set in any. */
    if (__builtin_expect((to.length | from.length | call_id.length) > LANE_STATUS_TEXT_MAX, 0)) {
        to = span_first(to, LANE_STATUS_TEXT_MAX);
        from = span_first(from, LANE_STATUS_TEXT_MAX);
        call_id = span_first(call_id, LANE_STATUS_TEXT_MAX);
        lane_count(w, LANE_EVENTS_CUT);
    }
    r = ring_put_begin(w, LANE_EVENT_STATUS,
                       sizeof(struct lane_event_status) + to.length + from.length + call_id.length, time_ns);
    _Static_assert(
        offsetof(struct lane_event_status, code) == 2 && offsetof(struct lane_event_status, cseq) == 4 &&
            offsetof(struct lane_event_status, to_octets) == 8 &&
            offsetof(struct lane_event_status, flags) == 14 && sizeof(struct lane_event_status) == 16,
        "two words, as put here");
    ring_put_word(&r,
                  ring_put_join_32(ring_put_join_16(ring_put_join_8(status->is_out, (uint8_t)status->method),
                                                    (uint16_t)status->code),
                                   status->cseq));
    ring_put_word(&r, ring_put_join_32(ring_put_join_16((uint16_t)to.length, (uint16_t)from.length),
                                       ring_put_join_16((uint16_t)call_id.length,
                                                        status->is_private ? LANE_STATUS_PRIVATE : 0)));
    ring_put_text(&r, to);
    ring_put_text(&r, from);
    ring_put_text(&r, call_id);
    ring_put_end(w, &r);
}

#endif
