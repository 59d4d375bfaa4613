/* SPDX-License-Identifier: BSD-2-Clause */
/* Notifications on their way from the core thread, which raises them, to the AgentX thread, which delivers them when
 * there is a master. Bounded; what finds no room is counted and never numbered, so that the numbers have no gaps. */
#ifndef AGENT_NOTICE_H
#define AGENT_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sipcore/method.h"

/* The numbers of the notifications below sipCommonMIBNotifications. */
enum notice_kind {
    NOTICE_STATUS_CODE = 1,
    NOTICE_THRESHOLD_IN = 2,
    NOTICE_THRESHOLD_OUT = 3,
    NOTICE_COLD_START = 4,
    NOTICE_WARM_START = 5,
    NOTICE_STATUS_CHANGED = 6
};

enum { NOTICE_TEXT_OCTETS = 256 }; /* SnmpAdminString of 255, and a terminator */

/* All that any of them carries, as of when it was raised. Self-contained. */
struct notice {
    enum notice_kind kind;
    uint32_t appl_index;
    uint32_t sequence; /* 1, 2, 3 ... of its instance; after 2147483647 comes 1 */
    uint64_t time_ns;  /* CLOCK_MONOTONIC when it happened */
    uint8_t method_octets;
    char method[METHOD_NAME_MAX + 1];
    uint16_t code;
    uint64_t in, out; /* sipCommonStatusCodeIns, Outs */
    char to[NOTICE_TEXT_OCTETS], from[NOTICE_TEXT_OCTETS],
        call_id[NOTICE_TEXT_OCTETS]; /* header names included */
    uint32_t cseq;
    uint64_t start_ns, last_change_ns;
    unsigned oper_status;
};

struct notice_queue;

/* NULL without memory. `max`: most that wait, of one instance until notice_queue_set_bounds(). */
struct notice_queue *notice_queue_new(uint32_t max);
void notice_queue_free(struct notice_queue *q);

/* The core thread: put one at the end. False, and counted, when there is no room. Of several instances each has room
 * for its share of half the queue, and at least for one; who has more waiting than that has the other half in common.
 * So none that floods takes the room of others. */
bool notice_queue_put(struct notice_queue *q, const struct notice *n);
void notice_queue_set_bounds(struct notice_queue *q, uint32_t max,
                             size_t instances); /* what is in it stays */

/* The AgentX thread. A descriptor that is readable after something was put (read it with notice_queue_clear()); the
 * k-th one that waits, 0 the oldest; drop the oldest when it was delivered. */
int notice_queue_fd(const struct notice_queue *q);
void notice_queue_clear(struct notice_queue *q);
bool notice_queue_at(struct notice_queue *q, uint32_t k, struct notice *out);
void notice_queue_drop(struct notice_queue *q);

/* Any thread. */
struct notice_stats {
    uint32_t waiting, max;
    uint64_t put, delivered, overflowed;
};
void notice_queue_stats(struct notice_queue *q, struct notice_stats *stats);

#endif
