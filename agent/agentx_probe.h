/* SPDX-License-Identifier: BSD-2-Clause */
/* Why the AgentX master cannot be reached. net-snmp does not say, and it is what people ask first. */
#ifndef AGENT_AGENTX_PROBE_H
#define AGENT_AGENTX_PROBE_H

#include <stddef.h>

/* Try `socket` ("unix:/path", "/path", "tcp:host:port") the way net-snmp would, without speaking AgentX, and put into
 * `reason` what is wrong and what to do about it. Waits at most half a second. Returns 0 when a connection can be made
 * (then the reason says that the master answers but gives no session), else a negative errno. */
int agentx_probe(const char *socket, char *reason, size_t size);

#endif
