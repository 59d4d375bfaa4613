/* SPDX-License-Identifier: BSD-2-Clause */
/* The status code rows of one instance that somebody asked for, sorted, and what SETs and reloads do to them.
 * Under the mutex of the controls. */
#ifndef AGENT_CONTROLS_ROWS_H
#define AGENT_CONTROLS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/controls.h"
#include "config/config.h"
#include "mib/set.h"

enum {
    CONTROLS_HIDDEN_MAX =
        4096 /* destroyed rows remembered of an instance: then the one destroyed first shows again */
};

/* A row, and what the configuration wanted of it when it was read: a reload that wants the same leaves it
 * alone. */
struct controls_entry {
    struct control_row row;
    bool asked_notify; /* these four: of rows that are configured */
    uint8_t asked_emit;
    uint32_t asked_threshold, asked_interval_s;
    uint64_t follow; /* the last reload that found it in use */
    bool is_fresh;   /* made by a reload that is not carried out yet */
};

/* Pointers, so that making room in the middle is cheap. Zero-initialise. */
struct controls_rows {
    struct controls_entry **entry; /* owned, by control_row_compare() */
    size_t count, room;
    uint32_t made;   /* seen, and not configured: at most CONTROLS_ROWS_MAX by SET */
    uint32_t hidden; /* and those of them that were destroyed: at most CONTROLS_HIDDEN_MAX */
};

void controls_rows_fini(struct controls_rows *r);

/* The row of that key, or NULL. */
struct controls_entry *controls_rows_find(const struct controls_rows *r, const struct control_row *key);

/* Make room for `more` rows than there are. False without memory. */
bool controls_rows_reserve(struct controls_rows *r, size_t more);

/* Put one in, whose key is not there: there must be room. Take one out that is there: it is the caller's. */
void controls_rows_insert(struct controls_rows *r, struct controls_entry *entry);
void controls_rows_remove(struct controls_rows *r, struct controls_entry *entry);

/* Make a row that is there say what `row` says; its key and is_configured stay. */
void controls_rows_replace(struct controls_rows *r, struct controls_entry *entry,
                           const struct control_row *row);

/* By how much a change makes `made` grow: 1, 0 or -1. */
int controls_rows_growth(const struct controls_rows *r, const struct mib_change *change);

/* Only the key of a change's row. */
void controls_rows_key(const struct mib_change *change, struct control_row *key);

/* What a change leaves in the row's place, `before` being there now (NULL: nothing, or a merely observed
 * row): what is created begins with the defaults of RFC 4780, configured or not, unless the change says
 * otherwise. */
void controls_rows_judge(const struct control_row *before, const struct mib_change *change, uint64_t now_ns,
                         struct control_row *after);

/* The row that was destroyed first and is in no configuration; NULL: not more than CONTROLS_HIDDEN_MAX
 * are. */
struct controls_entry *controls_rows_surplus(const struct controls_rows *r);

/* What becomes of `last` with another configuration: `next` shares the rows that stay as they are, and has
 * new ones for the others, which take serials from *serial. `follow` numbers reloads. False without memory:
 * *next is to be given up. */
bool controls_rows_follow(struct controls_rows *next, const struct controls_rows *last,
                          const struct config_instance *config, uint64_t follow, uint32_t *serial);

/* Give a plan up: frees what it has of its own. */
void controls_rows_abandon(struct controls_rows *next);

/* The plan has become true: it owns its rows. */
void controls_rows_own(struct controls_rows *next);

/* Free what no plan of reload `follow` took over. */
void controls_rows_retire(struct controls_rows *last, uint64_t follow);

#endif
