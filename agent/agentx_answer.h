/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests from net-snmp turned into questions to the table walker, and its values back into varbinds. */
#ifndef AGENT_AGENTX_ANSWER_H
#define AGENT_AGENTX_ANSWER_H

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <stdint.h>

struct core;

/* Where snapshots come from, and where the relation of clocks is kept (stays borrowed). Call before any request can
 * come. */
void agentx_answer_init(struct core *core, const char *runtime_dir);

/* The one handler of all tables; its `myvoid` is the const struct mib_table. AgentX thread only. */
int agentx_answer(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                  netsnmp_agent_request_info *info, netsnmp_request_info *requests);

/* Let go of the snapshot held. AgentX thread only. */
void agentx_answer_release(void);

/* Varbinds answered since the start, and when the last request came (CLOCK_MONOTONIC ns, 0 never). */
void agentx_answer_count(uint64_t *requests, uint64_t *last_request_ns);

#endif
