/* SPDX-License-Identifier: BSD-2-Clause */
/* What must outlive the agent: retained totals, states of instances, and which lanes were taken up. An
 * LMDB environment in a private directory of the runtime directory, without syncs: safe against the death
 * of a process, gone with a reboot. One thread, one process (the agent's lock sees to that). */
#ifndef AGENT_STORE_H
#define AGENT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/oper_state.h"
#include "agent/store_pages.h"
#include "sipcore/err.h"
#include "sipcore/lane.h"
#include "sipcore/tally.h"

#define STORE_NAME "retained.mdb" /* the directory */

struct store;
struct store_txn;

/* What is known of a lane by its instance and identity. */
enum store_lane {
    STORE_LANE_UNKNOWN = 0,
    STORE_LANE_ATTACHED = 1,  /* its counters are served, and not yet in the totals */
    STORE_LANE_RETIRED = 2,   /* its counters are in the totals; its file may still be there */
    STORE_LANE_UNREADABLE = 3 /* of store_lane() alone: an error, so that it may be any of these */
};

/* What `sipstat --agent` shows. */
struct store_stats {
    uint64_t entries; /* of all tables */
    uint64_t octets;  /* in use */
    uint64_t octets_max;
    struct store_pages pages;
    uint64_t transactions; /* committed since this store was opened */
    uint64_t errors;       /* that it met since */
    char last_error[256];  /* "" when there was none */
};

/* Open the store in the runtime directory, open as `runtime_fd` and called `runtime_dir`; make it when it
 * is not there. 0, or a negative errno and `e` set:
 *   -EBADMSG         damaged: store_set_aside(), then open again
 *   -EPROTONOSUPPORT made by a newer version: refuse to start (`e` has the remedy)
 *   -ENOSPC, -EACCES ...  as the system says */
int store_open(struct store **out, const char *runtime_dir, int runtime_fd, struct err *e);

/* The layout that it had, of an older sipmibd, when it was opened; it was taken over. 0: none but today's. */
uint32_t store_layout_found(const struct store *s);

/* NULL is fine. */
void store_close(struct store *s);

/* Rename a damaged store to STORE_NAME ".damaged", in place of any before. 0, or a negative errno and `e`
 * set. */
int store_set_aside(const char *runtime_dir, int runtime_fd, struct err *e);

/* How the store is. Unless it is sound: close it, set it aside when it is damaged, open it anew, and put
 * everything into it again. */
enum store_health {
    STORE_SOUND,
    STORE_GONE,   /* its files are not in the runtime directory any more, or LMDB has given it up */
    STORE_DAMAGED /* a page of it is not what it should be, or its file was cut */
};
enum store_health store_health(struct store *s, int runtime_fd);

/* Add an instance's retained totals to `totals` (rows are made as needed) and set *state; times later than
 * `now_ns` or of another boot are 0. 0; -ENOENT: nothing is kept of it; -EBADMSG: damaged; other negative
 * errno; `e` set. */
int store_get(struct store *s, const char *instance, struct tally *totals, struct instance_state *state,
              uint64_t now_ns, struct err *e);

/* What is kept of a lane. An error is counted. */
enum store_lane store_lane(struct store *s, const char *instance,
                           const uint8_t identity[LANE_IDENTITY_OCTETS]);

/* Call `each` for every lane kept of an instance. `each` may not change the store. 0, or a negative errno
 * and `e` set. */
int store_each_lane(struct store *s, const char *instance,
                    void (*each)(void *context, const uint8_t identity[LANE_IDENTITY_OCTETS],
                                 enum store_lane stage),
                    void *context, struct err *e);

/* A transaction: everything put between begin and commit comes true at once, or nothing does. Failures
 * stick: after one, the further calls do nothing, and store_commit() fails with it. */
int store_begin(struct store *s, struct store_txn **out, struct err *e);
void store_put_totals(struct store_txn *t, const char *instance, const struct tally *totals);
void store_put_state(struct store_txn *t, const char *instance, const struct instance_state *state);
void store_put_lane(struct store_txn *t, const char *instance, const uint8_t identity[LANE_IDENTITY_OCTETS],
                    enum store_lane stage);

/* End the transaction. 0, or a negative errno and `e` set: then nothing of it is kept. */
int store_commit(struct store_txn *t, struct err *e);

/* Remember that a retired lane's file is gone: the next transaction that commits drops its identity. */
void store_forget_later(struct store *s, const char *instance, const uint8_t identity[LANE_IDENTITY_OCTETS]);

void store_stats_get(struct store *s, struct store_stats *stats);

#endif
