/* SPDX-License-Identifier: BSD-2-Clause */
/* The interest file as a writer sees it: read-only, the agent's, or its own user's until there is an agent. */
#ifndef SIPCORE_LANE_INTEREST_H
#define SIPCORE_LANE_INTEREST_H

#include <sys/types.h>

#include "sipcore/lane.h"

#define LANE_INTEREST_NAME_OCTETS 24

/* Map the interest file of the instance whose directory is open as `dir_fd`: "interest" if it is the agent's (who is
 * whoever owns the runtime directory, or root), else this user's own, made when it is missing (nothing wanted; the
 * agent may write it, others may read it). A file of another user is never mapped: who can truncate it could end this
 * process by SIGBUS. Never fails: when there is no such file and none can be made, this is the built-in interest in
 * nothing, and *map is NULL. Otherwise *map is what lane_interest_unmap() takes. Bits that an agent sets later show by
 * themselves. */
const struct lane_interest *lane_interest_map(int dir_fd, void **map);

/* What the file is called that a writer of this user makes where there is none of the agent's: "interest.UID". */
void lane_interest_name(char name[LANE_INTEREST_NAME_OCTETS], uid_t user);

/* NULL is fine. Async-signal-safe. */
void lane_interest_unmap(void *map);

#endif
