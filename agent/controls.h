/* SPDX-License-Identifier: BSD-2-Clause */
/* What SNMP managers may set: which notifications an instance sends, and the rows of its status code table
 * with their notification settings. Shared by both threads under a short mutex that is never held over
 * anything that waits. The AgentX thread changes it, the core thread follows the changes and marks one-shots
 * as triggered.
 *
 * A row is here when somebody asked for it: the configuration, or a SET that created it, changed it or
 * destroyed it. Rows that merely exist because a pair was seen are not, and have the defaults of RFC 4780.
 * Rows that came by SET end with the agent (RFC 4780); sipCommonCfgServiceNotifEnable is kept in the state
 * directory. */
#ifndef AGENT_CONTROLS_H
#define AGENT_CONTROLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "mib/set.h"
#include "sipcore/err.h"
#include "sipcore/span.h"

enum {
    CONTROLS_ROWS_MAX =
        4096, /* of one instance that SETs made or changed; those of the configuration come on top */
    CONTROLS_THRESHOLD_DEFAULT = 500,
    CONTROLS_INTERVAL_DEFAULT_S = 60
};

enum control_emit { CONTROL_NORMAL = 1, CONTROL_ONE_SHOT = 2, CONTROL_TRIGGERED = 3 };

/* A row somebody asked for. Destroyed by SET it is hidden: until it is created again, the agent is restarted,
 * or, a row of the configuration, its watch changes. */
struct control_row {
    uint8_t method_octets;
    char method[METHOD_NAME_MAX + 1]; /* terminated */
    uint16_t code;                    /* 100 to 999 */
    bool is_configured;
    bool is_hidden;
    bool notify;
    uint8_t emit; /* enum control_emit */
    uint32_t threshold, interval_s;
    uint64_t discon_ns; /* its counters are discontinuous: created by SET then; 0: as the instance */
    uint32_t serial;    /* another one after each change by somebody: thresholds begin a new window. To
                           be triggered is none */
};

/* The order of the table: method length, method, code. As strcmp(). */
int control_row_compare(const struct control_row *a, const struct control_row *b);

struct controls;

/* `state_dir`: where sipCommonCfgServiceNotifEnable is kept, in the file CONTROLS_FILE. A file that is
 * damaged is renamed to CONTROLS_FILE ".damaged", and said; a directory that cannot be read or written is
 * said: then the defaults are in force, and it is tried again at each SET that needs it and at each reload.
 * NULL without memory. */
#define CONTROLS_FILE "settings"
struct controls *controls_new(const char *state_dir, struct err *e);

/* 0; -EPROTONOSUPPORT and `e` set when the file is of a newer sipmibd, for which starting is to be refused. */
int controls_check_version(struct controls *c, struct err *e);
void controls_free(struct controls *c);

/* Follow a configuration: its watches become rows, those of the last one that are no longer in it go, rows by
 * SET stay. A row whose watch is as it was stays as it is, changed by SET, triggered or destroyed; a watch
 * that is new or another takes the configuration's values. Instances that are no longer there lose their
 * rows, but keep what is in the file. Core thread (or before it starts). 0, or -ENOMEM and nothing
 * changed. */
int controls_follow(struct controls *c, const struct config *config, struct err *e);

/* ---- the AgentX thread */

struct controls_undo;

/* How many rows more a SET may make, over the whole: of the instance `appl_index`, or (0) of the one that has
 * least room. Destroyed rows take none. */
uint32_t controls_rows_free(const struct controls *c, uint32_t appl_index);

/* Carry out all changes, at once for the other thread, and the file with them (write beside, fsync, rename).
 * A row that is created begins with the defaults of RFC 4780, a configured one too; a row that is not here
 * and set without being created was seen, and begins with them as well. What a reload took meanwhile is made
 * again. 0 with *undo set; -EIO, -ENOSPC ...: the file cannot be written, -EDQUOT: too many rows, -ENOMEM,
 * -EINVAL: no change that can be, -ENOENT: the instance has gone: `e` set and nothing changed. Waits for the
 * disk when sipCommonCfgServiceNotifEnable changes. */
int controls_apply(struct controls *c, const struct mib_change *changes, size_t count, uint64_t now_ns,
                   struct controls_undo **undo, struct err *e);

/* Take it back, or be content with it. Either ends the undo record; NULL is fine. 0, or a negative errno when
 * the file cannot be written back: what is in force is as before, but the next start will read what was
 * undone. What a reload has replaced meanwhile stays. */
int controls_undo(struct controls *c, struct controls_undo *undo, struct err *e);
void controls_keep(struct controls_undo *undo);

/* ---- the core thread */

/* 1, 2, 3 ...: changes with every change. Any thread. */
uint64_t controls_generation(const struct controls *c);

/* Copy what is set for an instance: *rows malloc'ed (also when there are none) and sorted by
 * control_row_compare(). `generation` may be NULL. 0; -ENOENT: no such instance; -ENOMEM. */
int controls_copy(struct controls *c, const char *instance, unsigned *notify_enable,
                  struct control_row **rows, size_t *count, uint64_t *generation);

/* A one-shot was sent: its row reads triggered(3), unless it was changed since it had that serial. */
void controls_trigger(struct controls *c, const char *instance, const struct control_row *row);

/* What `sipstat --agent` shows. */
struct controls_stats {
    uint64_t sets, sets_undone; /* carried out, and those of them that were taken back */
    uint32_t rows_set;          /* rows that are there by SET, now */
    uint32_t rows_hidden;       /* destroyed, and not configured */
    uint64_t rows_forgotten;    /* destroyed, and no longer remembered: there were too many */
    char trouble[256];          /* with the file, last; "" none */
};
void controls_stats_get(struct controls *c, struct controls_stats *stats);

#endif
