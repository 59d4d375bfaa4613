/* SPDX-License-Identifier: BSD-2-Clause */
/* Requests from net-snmp turned into questions to the table walker, and its values back into varbinds. */
#ifndef AGENT_AGENTX_ANSWER_H
#define AGENT_AGENTX_ANSWER_H

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <stdint.h>

#include "mib/mib.h"

struct core;

/* What is registered with the master: the objects of a MIB module, 1.3.6.1.2.1.`number`.1. Not single tables, since the
 * master makes one TestSet of each registration's varbinds, and net-snmp's subagent can keep only one apart. */
struct agentx_root {
    const char *module;
    uint32_t number;
    const struct mib_table *const *tables; /* in OID order */
    size_t n_tables;
};

/* Where snapshots come from, and where the relation of clocks is kept (stays borrowed). Call before any request can
 * come. */
void agentx_answer_init(struct core *core, const char *runtime_dir);
void agentx_answer_fini(void);

/* The one handler of all roots, SETs included; its `myvoid` is the const struct agentx_root. AgentX thread only. */
int agentx_answer(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                  netsnmp_agent_request_info *info, netsnmp_request_info *requests);

/* At the end of a turn, when no request is being answered: let go of what others wait for. AgentX thread only. */
void agentx_answer_rest(void);

/* A view that is not older than this call, as far as the core can, without registrations. Valid until the next request,
 * or release. AgentX thread only. */
const struct mib_view *agentx_answer_renew(void);

/* Something was set: the next request must see it. AgentX thread only. */
void agentx_answer_changed(void);

/* The two times of a view, now; the rest of `view` is left alone. AgentX thread only, once connected. */
void agentx_answer_times(struct mib_view *view);

/* Let go of the snapshot held. AgentX thread only. */
void agentx_answer_release(void);

/* Varbinds answered since the start, those of SETs included, and when the last request came (CLOCK_MONOTONIC ns, 0
 * never). */
void agentx_answer_count(uint64_t *requests, uint64_t *last_request_ns);

#endif
