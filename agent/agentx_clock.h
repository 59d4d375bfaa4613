/* SPDX-License-Identifier: BSD-2-Clause */
/* How the master's sysUpTime relates to our clock, kept over restarts of sipmibd. Each reading is off by
 * up to a hundredth, and a DisconTime that moves by one tells a console to throw its interval away. */
#ifndef AGENT_AGENTX_CLOCK_H
#define AGENT_AGENTX_CLOCK_H

#include "mib/mib.h"

/* Take up what the last sipmibd of this runtime directory kept; *clock stays all zero when there is nothing usable.
 * mib_clock_follow() drops it when the master disagrees. */
void agentx_clock_load(const char *runtime_dir, struct mib_clock *clock);

/* Keep it: a file written beside and renamed. Failure only costs the next start its hundredth. */
void agentx_clock_save(const char *runtime_dir, const struct mib_clock *clock);

#endif
