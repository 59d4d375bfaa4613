/* SPDX-License-Identifier: BSD-2-Clause */
/* Building snapshots: one block of memory each, immutable once built, reference-counted, and holding on to
 * the configuration it points into. */
#ifndef AGENT_SNAPSHOT_BUILD_H
#define AGENT_SNAPSHOT_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "agent/config_hold.h"
#include "agent/instance.h"
#include "agent/registry.h"
#include "mib/snapshot.h"
#include "sipcore/err.h"

/* Add up and lay out all instances, as their lanes were last read: `instance[k]` is of place `k` in the
 * configuration that `hold` holds. `registry` (NULL: there is none now) is held as long as the snapshot;
 * core_registry() gives it. One reference is the caller's. 0, or -ENOMEM. The core thread. */
int snapshot_build(const struct snapshot **out, struct instance *const *instance, size_t count,
                   struct config_hold *hold, struct registry *registry, uint64_t generation, uint64_t now_ns,
                   struct err *e);

/* One more reference, one less; with the last, it is freed. Any thread. snapshot_release(NULL) is fine. */
const struct snapshot *snapshot_take(const struct snapshot *s);
void snapshot_release(const struct snapshot *s);

/* How many there are in this process at the moment. Any thread. */
unsigned snapshots_alive(void);

#endif
