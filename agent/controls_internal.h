/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files of the controls.
 *
 * Two mutexes. `mutex` guards what both threads see and is held for as long as memory is looked at.
 * `file_mutex` is held over work on the file, and taken first; the core thread only tries to get it, and so
 * never waits for a disk that the other waits for. Lines of the file in memory are never changed, but
 * replaced, under both: who has one may read. */
#ifndef AGENT_CONTROLS_INTERNAL_H
#define AGENT_CONTROLS_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "agent/controls.h"
#include "agent/controls_file.h"
#include "agent/controls_rows.h"

struct controls_instance {
    char name[CONFIG_NAME_OCTETS];
    uint32_t appl_index;
    struct controls_rows rows;
    int64_t planned; /* rows made, with the changes under way */
};

struct controls {
    char *state_dir;
    pthread_mutex_t file_mutex;
    bool is_unread;  /* the file: nothing is written over what was never read */
    bool must_write; /* it does not say what `lines` does */

    pthread_mutex_t mutex;
    struct controls_instance *instance; /* by name */
    size_t n_instances;
    struct controls_lines *lines;
    uint32_t serial;
    uint64_t follows; /* reloads so far */
    struct controls_stats stats;
    atomic_uint_fast64_t generation;
};

/* Something changed: the generation is another one. Under `mutex`. */
void controls_changed(struct controls *c);

/* Under `mutex`; NULL: there is none. */
struct controls_instance *controls_find(const struct controls *c, const char *name);

/* The trouble there is with the file now, "" none. */
void controls_note_trouble(struct controls *c, const char *text);

/* Read the file unless that was done: a damaged one is put out of the way, and that said. 0, or why it cannot
 * be read. Under `file_mutex`. */
int controls_read_file(struct controls *c, struct err *e);

#endif
