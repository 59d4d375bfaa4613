/* SPDX-License-Identifier: BSD-2-Clause */
/* The file that keeps sipCommonCfgServiceNotifEnable over restarts: text that a person can read, one line an
 * instance.
 *
 *   sipmib settings 1
 *   notify edge coldStart warmStart
 *   notify registrar-2 none
 *   end 2
 *
 * The last line says how many there are, and proves that nothing is missing. Whatever else is in it makes it
 * damaged: it is read whole or not at all. Always replaced as a whole, by write beside, fsync and rename. */
#ifndef AGENT_CONTROLS_FILE_H
#define AGENT_CONTROLS_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "sipcore/err.h"

enum {
    CONTROLS_LINES_MAX =
        4096 /* instances that are configured no longer keep theirs; four times what can be configured */
};

struct controls_line {
    char name[CONFIG_NAME_OCTETS]; /* of an instance */
    unsigned notify_enable;        /* SNAP_NOTIFY_* */
};

/* What the file says, in memory: each instance once, by name (strcmp). One block, free() it. */
struct controls_lines {
    size_t count, room;
    struct controls_line line[];
};

/* With room for `more` lines than there are. NULL without memory. `l` NULL: an empty one. */
struct controls_lines *controls_lines_copy(const struct controls_lines *l, size_t more);

/* NULL: the file says nothing about that instance. */
const struct controls_line *controls_lines_find(const struct controls_lines *l, const char *name);

/* Set, or add where there is room; there has to be. */
void controls_lines_set(struct controls_lines *l, const char *name, unsigned notify_enable);

/* Take one out. */
void controls_lines_drop(struct controls_lines *l, size_t place);

/* The state directory, for the calls below. A descriptor, or a negative errno and `e` set. */
int controls_file_directory(const char *state_dir, struct err *e);

/* 0 and *out set, to an empty one when there is no file; -EBADMSG: it is damaged, `e` says where; -EPROTONOSUPPORT: a
 * newer sipmibd wrote it, `e` has the remedy; otherwise the negative errno of reading it, or -ENOMEM. Does not wait
 * for what is no regular file. */
int controls_file_read(int dir_fd, struct controls_lines **out, struct err *e);

/* Rename a damaged file to CONTROLS_FILE ".damaged", over an older one. */
int controls_file_set_aside(int dir_fd, struct err *e);

/* Replace the file. 0: it is on disk. Otherwise a negative errno and `e` set; *was_replaced: the new one is
 * there, but may not survive a loss of power. Else the old one is as it was. */
int controls_file_write(int dir_fd, const struct controls_lines *l, bool *was_replaced, struct err *e);

#endif
