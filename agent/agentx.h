/* SPDX-License-Identifier: BSD-2-Clause */
/* The AgentX thread: the only code that touches net-snmp. A stalled master freezes this thread and nothing else. */
#ifndef AGENT_AGENTX_H
#define AGENT_AGENTX_H

#include <stdint.h>

#include "agent/core.h"
#include "sipcore/err.h"

/* Copied where needed; must stay valid while agentx_run() runs.
 *   ping_interval_s  also how soon a lost master is looked for again */
struct agentx_options {
    const char *socket; /* "unix:/var/agentx/master", "tcp:127.0.0.1:705" */
    const char *runtime_dir;
    uint32_t ping_interval_s;
};

/* What the library reads from the environment. Before there is another thread: setenv() and getenv() do not lock each
 * other out. net-snmp wants a directory of its own to write to: it gets state_dir, and writes nothing there. */
void agentx_set_environment(const char *state_dir);

/* Connect to the master, register the modules that mib_tables belong to, answer, carry out SETs and deliver
 * notifications until core_stop_fd() is readable. Reconnects by itself for ever; what is wrong meanwhile goes to
 * core_report_agentx(). 0, or a negative errno and `e` set when the library cannot even be set up. Once per process, on
 * the thread that keeps it. */
int agentx_run(struct core *core, const struct agentx_options *options, struct err *e);

#endif
