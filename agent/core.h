/* SPDX-License-Identifier: BSD-2-Clause */
/* The core thread: everything of the agent that must not stall. It finds lanes, follows them, retires the
 * dead into the store, keeps operational states, reloads the configuration, answers `sipstat --agent`, and
 * builds snapshots. It knows nothing of net-snmp; the AgentX thread knows it by this header alone. */
#ifndef AGENT_CORE_H
#define AGENT_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"
#include "mib/snapshot.h"
#include "sipcore/err.h"

struct controls;
struct core;
struct notice_queue;
struct pseudonym;
struct registry;

/* Open the store, take up the lanes that are there, build a first snapshot and start the thread. Takes
 * `config` over when it succeeds. `config_path` is read again on SIGHUP. Block SIGHUP, SIGTERM and SIGINT
 * in all threads before: the core takes them from a signalfd. 0, or a negative errno and `e` set;
 * -EPROTONOSUPPORT: what is kept is of a newer sipmibd. Call once. */
int core_start(struct core **out, struct config *config, const char *config_path, struct err *e);

/* Ask the core to end, as SIGTERM does. Any thread. The core thread stops at once, puts what it holds into the store,
 * closes it and gives the directory's lock back. When core_stop() is not called within a second then, because the
 * AgentX thread is held in a master that does not answer, the core thread says so and ends the process itself, by
 * _exit(0), or 1 when core_stop() would say false: nothing is left to do but to free memory. So whoever asks for the
 * end calls core_stop() soon. */
void core_request_stop(struct core *c);

/* A descriptor that becomes readable (and stays so) once the core was asked to end: for the other thread's
 * poll. */
int core_stop_fd(const struct core *c);

/* Wait for the thread to end and free everything. The other thread must have let go of its snapshots. False when the
 * core ended because another sipmibd had taken the runtime directory: it said so. */
bool core_stop(struct core *c);

/* A snapshot not older than the configured snapshot_max_age, as a hold that core_snapshot_release() ends.
 * When the held one is too old the core is asked for a new one and waited for, at most `wait_ms`; then, or
 * when the core is busy for longer, the newest there is. Never NULL after core_start(). Called by the
 * AgentX thread only. */
const struct snapshot *core_snapshot_acquire(struct core *c, unsigned wait_ms);
void core_snapshot_release(struct core *c, const struct snapshot *s);

/* The same, but of after this call: for what must see its own changes, and what must not be judged by old
 * data. Waits at most `wait_ms`, then the newest there is. */
const struct snapshot *core_snapshot_renew(struct core *c, unsigned wait_ms);

/* What managers may set. After a change tell the core, which takes it in within `wait_ms` or soon after. */
struct controls *core_controls(struct core *c);
void core_controls_changed(struct core *c, unsigned wait_ms);

/* Notifications to deliver. */
struct notice_queue *core_notices(struct core *c);

/* The registrations that belong to a snapshot, and the names to serve them under; NULL when there are none. Valid
 * while the snapshot is held. */
struct registry *core_registry(const struct snapshot *s);
const struct pseudonym *core_pseudonym(const struct core *c);

/* What the AgentX thread has to say of itself. The core logs changes, once each, and shows it in `sipstat
 * --agent`. */
enum agentx_state { AGENTX_STARTING, AGENTX_CONNECTED, AGENTX_DISCONNECTED };

struct agentx_report {
    enum agentx_state state;
    uint64_t since_ns; /* in this state, CLOCK_MONOTONIC */
    char reason[256];  /* why not connected, and the remedy; "" while connected */
    uint64_t connects, disconnects;
    uint64_t requests;              /* varbinds answered */
    uint64_t registrations_refused; /* by the master, see its log for why */
    uint64_t last_request_ns;       /* CLOCK_MONOTONIC, 0 never */
    uint64_t notices_sent;          /* notifications given to the master, repetitions included */
    uint64_t notices_repeated;      /* ... because the master did not answer for the first time */
    uint64_t turn_started_ns; /* when the turn began that may block in the master; 0: it waits for work */
};

/* Store the report for the core; copies, never blocks for long. */
void core_report_agentx(struct core *c, const struct agentx_report *report);

/* CLOCK_MONOTONIC in nanoseconds. */
uint64_t core_now_ns(void);

#endif
