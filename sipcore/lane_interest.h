/* SPDX-License-Identifier: BSD-2-Clause */
/* The interest file as a writer sees it: read-only, and made by whoever comes first. */
#ifndef SIPCORE_LANE_INTEREST_H
#define SIPCORE_LANE_INTEREST_H

#include "sipcore/lane.h"

/* Map the interest file of the instance whose directory is open as `dir_fd`, making it (mode 0660, nothing
 * wanted) when it is missing. Never fails: when there is no valid file and none can be made, this is the
 * built-in interest in nothing, and *map is NULL. Otherwise *map is what lane_interest_unmap() takes. Bits
 * that an agent sets later show by themselves. */
const struct lane_interest *lane_interest_map(int dir_fd, void **map);

/* NULL is fine. Async-signal-safe. */
void lane_interest_unmap(void *map);

#endif
