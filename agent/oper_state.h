/* SPDX-License-Identifier: BSD-2-Clause */
/* What state a SIP entity is in, since when, and when it was last heard of: decided from what its lanes
 * show. Pure: the clock is passed in, so that all of it can be tested. One thread. */
#ifndef AGENT_OPER_STATE_H
#define AGENT_OPER_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* sipCommonCfgServiceOperStatus (RFC 4780). The numbers of enum sipstat_state, and `unknown` before them. */
enum oper_status {
    OPER_UNKNOWN = 1,
    OPER_UP = 2,
    OPER_DOWN = 3,
    OPER_CONGESTED = 4,
    OPER_RESTARTING = 5,
    OPER_QUIESCING = 6,
    OPER_TESTING = 7
};

/* What is remembered of an instance beside its counters; also what the store keeps of it. Times are
 * CLOCK_MONOTONIC nanoseconds, 0 for never (or before this boot). */
struct instance_state {
    uint64_t discon_ns;      /* counters were last lost; or counting began */
    uint32_t oper_status;    /* enum oper_status */
    uint32_t had_writer;     /* 1: an in-process writer was there, and no collector heard SIP after its end */
    uint64_t start_ns;       /* the entity was last started */
    uint64_t last_change_ns; /* oper_status became what it is */
    uint64_t writers_gone_ns;    /* the last in-process writer died; 0 while one lives or none ever was */
    uint64_t collector_heard_ns; /* a collector last saw SIP */
    uint64_t last_in_ns;         /* a message last came in */
    uint64_t last_out_ns;        /* a message last went out */
    uint64_t messages_in;        /* sums behind the last two: how the next look tells that they moved */
    uint64_t messages_out;
};

/* What the lanes of an instance show at one moment. */
struct oper_evidence {
    uint64_t now_ns;
    unsigned writers;           /* live in-process lanes */
    unsigned collectors;        /* live lanes of collectors */
    uint64_t earliest_start_ns; /* of the in-process ones: when the first of them was opened */
    uint32_t declared;    /* the state declared last among the in-process lanes, or among the collectors when
                                    there are none; 0: nobody declared any */
    uint64_t declared_ns; /* when that was */
    uint64_t stale_after_ns; /* a collector's silence says nothing before */
};

/* State of an instance nothing is known of. */
void oper_state_init(struct instance_state *s, uint64_t now_ns);

/* Take in what the sums of messages received and sent are now. `collector_moved`: a collector's counted
 * up. */
void oper_state_heard(struct instance_state *s, uint64_t messages_in, uint64_t messages_out,
                      bool collector_moved, uint64_t now_ns);

/* Decide the operational status. True when it changed: last_change_ns is then when that happened, as far as
 * the evidence tells, else now. */
bool oper_state_decide(struct instance_state *s, const struct oper_evidence *evidence);

/* The name of a status, for people. Static memory. */
const char *oper_status_name(uint32_t status);

#endif
