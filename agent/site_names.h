/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent keeps in the runtime directory, beside the store. The viewer connects to the socket. */
#ifndef AGENT_SITE_NAMES_H
#define AGENT_SITE_NAMES_H

#define SITE_LOCK_NAME   "agent.lock"  /* locked by the agent that serves the directory; holds its pid */
#define SITE_CLOCK_NAME  "agent.clock" /* agentx_clock.h */
#define SITE_SOCKET_NAME "agent.sock"  /* each connection gets one JSON document */

#endif
