/* SPDX-License-Identifier: BSD-2-Clause */
/* What the viewer sees: the runtime directory's instances and lanes, read without the agent's help. One thread. */
#ifndef AGENT_VIEW_H
#define AGENT_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sipcore/err.h"
#include "sipcore/lane_reader.h"
#include "sipcore/tally.h"

enum { VIEW_INSTANCES_MAX = 1024, VIEW_LANES_MAX = 16384 };

/* A lane file. When it could not be attached, or was damaged later, `reason` says why and its counts are left out from
 * then on. */
struct view_lane {
    char *name;
    bool is_attached, is_alive, is_seen; /* seen: by the scan under way */
    char reason[200];
    struct lane_reader reader;
    struct lane_copy before; /* its counters at the view before this one */
    struct tally_map map, recent_map;
    struct ring_cursor cursor; /* of whoever follows events */
    bool has_cursor;
};

/* An instance's directory. Sums are over the lanes attached; `recent` is what was added since the view before. The rows
 * of both have the same numbers. */
struct view_instance {
    char name[64];
    bool is_seen, is_denied; /* denied: its directory cannot be read by this user */
    struct view_lane **lane;
    size_t lanes;
    size_t alive, dead, aside; /* writers alive; dead ones that the agent has not retired; lanes left out */
    struct tally sum, recent;
};

struct view {
    const char *dir;
    int dir_fd;
    struct view_instance **instance; /* in the order of their names */
    size_t instances;
    size_t lanes;
    size_t skipped; /* instances and lanes beyond the bounds above, in this view */
    int trouble;    /* why not all could be read, a negative errno: no memory, no descriptors; 0 */
    uint64_t taken_ns, before_ns; /* CLOCK_MONOTONIC of this view and of the one before; 0 at first */
};

/* Open the runtime directory. `dir` must stay valid. 0, or a negative errno and `e` set, with the remedy
 * for -EACCES. */
int view_open(struct view *v, const char *dir, struct err *e);
void view_close(struct view *v);

/* Look again: find and drop instances and lanes, read all counters. `only` names the one instance wanted, NULL for all.
 * 0, or a negative errno and `e` set when the directory itself cannot be read. */
int view_refresh(struct view *v, const char *only, uint64_t now_ns, struct err *e);

/* Whether all could be read: 0; -EACCES and `e` naming the first directory that could not, how many more, and the
 * remedy; or what else there was not enough of. */
int view_check_access(const struct view *v, struct err *e);

/* That there is no instance `name`: -ENOENT, `e` naming those that there are. */
int view_no_instance(const struct view *v, const char *name, struct err *e);

/* Beyond the states that a writer can declare. */
enum { VIEW_NO_WRITER = 0, VIEW_COLLECTOR_ONLY = 8 };

/* The state that the instance's live writers declare: the one declared last. A collector does not know that the entity
 * is up: where only collectors live it is VIEW_COLLECTOR_ONLY, unless they declare something else than up. */
unsigned view_state(const struct view_instance *i);

/* The name of a state of sipCommonCfgServiceOperStatus, or of the two above. */
const char *view_state_name(unsigned state);

#endif
