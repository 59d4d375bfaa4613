/* SPDX-License-Identifier: BSD-2-Clause */
/* Delivers notices to the master, each as an agentx-Notify-PDU (RFC 2741 6.2.10) whose response is awaited: a notice
 * leaves the queue when the master has answered for it, so none is lost with a session. The library's own send_v2trap()
 * waits for each answer, and forgets what it is given while there is no session. AgentX thread only. */
#ifndef AGENT_AGENTX_NOTIFY_H
#define AGENT_AGENTX_NOTIFY_H

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <stdint.h>

#include "sipcore/err.h"

struct core;

/* Deliver what core_notices() holds. Stays borrowed. 0, or -EIO and `e` set. Call before init_snmp(). */
int agentx_notify_init(struct core *core, struct err *e);

/* A session with the master is open, as SNMPD_CALLBACK_INDEX_START brings it; it has ended: what it did not answer for
 * is sent again in the next one. Nothing is sent from here, since the library is in the middle of its work. */
void agentx_notify_up(netsnmp_session *session);
void agentx_notify_down(void);

/* Give the master what waits, in order, as far as it keeps up. Call it once a turn, outside of the library. */
void agentx_notify_send(void);

/* Since the start: given to the master, repetitions included; and repetitions alone. */
void agentx_notify_count(uint64_t *sent, uint64_t *repeated);

#endif
