/* SPDX-License-Identifier: BSD-2-Clause */
/* Looks at each PDU of the master before the library does. net-snmp believes that a master keeps to the protocol: the
 * PDUs of a SET that come twice, or for a SET that has ended, make it use memory that it freed. */
#ifndef AGENT_AGENTX_GUARD_H
#define AGENT_AGENTX_GUARD_H

#include <stddef.h>
#include <stdint.h>

enum {
    AGENTX_HEADER_OCTETS = 20, /* RFC 2741 6.1 */
    AGENTX_RESPONSE = 18,      /* a type of PDU */
    AGENTX_NETWORK_BYTE_ORDER = 0x10,
    AGENTX_NOT_OPEN = 257, /* RFC 2741 6.2.16 */
    AGENTX_PAYLOAD_OCTETS_MAX =
        256 * 1024 /* all varbinds of the longest UDP datagram, each number in 4 octets */
};

/* How far the SET has come that the master carries out: it does one at a time (RFC 2741 7.2.4). */
enum agentx_guard_phase { AGENTX_NO_SET, AGENTX_TESTED, AGENTX_COMMITTED, AGENTX_UNDONE, AGENTX_CLEANED };

/* One session's. All zero to begin with. */
struct agentx_guard {
    uint32_t transaction; /* of the SET */
    enum agentx_guard_phase phase;
};

enum agentx_verdict {
    AGENTX_PASS,
    AGENTX_REPEATED, /* sent again by an impatient master, on a stream that lost nothing: to be passed over */
    AGENTX_BROKEN    /* no PDU, or none that can come now: the session has to end */
};

/* Judge the PDU that begins so, and give the length of its payload, a multiple of 4 (RFC 2741 6.1); 0 where the PDU is
 * broken. */
enum agentx_verdict agentx_guard_judge(struct agentx_guard *g, const uint8_t header[AGENTX_HEADER_OCTETS],
                                       size_t *payload_octets);

#endif
