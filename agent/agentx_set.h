/* SPDX-License-Identifier: BSD-2-Clause */
/* SET in the phases of net-snmp. All varbinds of a SET that are below one of our roots come in one call, are judged
 * together (mib_set_check), carried out together (controls_apply) and taken back together. A plan is kept in between:
 *
 *   RESERVE1  AgentX TestSet: judge, and keep the plan; the one varbind at fault gets the error
 *   RESERVE2  nothing
 *   ACTION    AgentX CommitSet: carry out; commitFailed when that cannot be (RFC 2741 7.2.4.2 allows no other)
 *   COMMIT    AgentX CleanupSet after it: be content
 *   UNDO      AgentX UndoSet: take back, or undoFailed
 *   FREE      AgentX CleanupSet when somebody's TestSet failed
 *
 * AgentX thread only. */
#ifndef AGENT_AGENTX_SET_H
#define AGENT_AGENTX_SET_H

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <stdbool.h>

struct core;

/* Whose controls are set. Stays borrowed. */
void agentx_set_init(struct core *core);

/* One phase of a SET. `registration`: whose varbinds they are. */
void agentx_set(netsnmp_handler_registration *registration, netsnmp_agent_request_info *info,
                netsnmp_request_info *requests);

/* Whether something was carried out of which the master has not said that it stays. */
bool agentx_set_is_applied(void);

/* The session with the master has ended: nobody will end what was begun, and no manager was told that it is done. So it
 * is taken back. */
void agentx_set_abandon(void);

#endif
