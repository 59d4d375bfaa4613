/* SPDX-License-Identifier: BSD-2-Clause */
/* Second copies of a message whose two ends are both monitored.
 *
 * Such a message counts once as sent and once as received, whatever the mirror does. A stack that mirrors
 * at its sockets (Kamailio's siptrace) sends it twice, with the same addresses and octets: when it leaves
 * and when it arrives. A mirror on the wire sends it once. So the first copy counts as both, and a second
 * one that follows at once is its echo, not another message. What follows later is a retransmission: SIP
 * waits T1, 500 ms, before the first (RFC 3261 17.1.1.2), longer than a stack takes to receive from
 * itself. */
#ifndef COLLECTORS_HEP_HEP_ECHO_H
#define COLLECTORS_HEP_HEP_ECHO_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/hep/hep_decode.h"

/* How close two copies are, by the times in the packets, to be one message. */
#define HEP_ECHO_WINDOW_NS 400000000ull

enum { HEP_ECHO_SETS = 1024, HEP_ECHO_WAYS = 4 };

/* The first copies that may still have an echo. Zeroed: empty. 64 KiB, never more. */
struct hep_echo {
    struct hep_echo_entry {
        uint64_t hash;
        uint64_t time_ns; /* 0: free */
    } entries[HEP_ECHO_SETS][HEP_ECHO_WAYS];
    uint64_t forgotten; /* first copies pushed out before their window was over */
};

/* True when the message is the echo of one seen within the window; that one is then done with. Otherwise
 * it is a first copy and remembered. `payload` is the SIP message, `time_ns` when the mirror saw it (not
 * 0). */
bool hep_echo_take(struct hep_echo *echo, const struct hep_packet *packet, struct span payload,
                   uint64_t time_ns);

#endif
