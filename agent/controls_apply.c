/* SPDX-License-Identifier: BSD-2-Clause */
/* SETs, all of each or nothing, and taking them back. The AgentX thread. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/controls_internal.h"
#include "agent/log.h"

#define NOTIFY_BITS (SNAP_NOTIFY_COLD_START | SNAP_NOTIFY_WARM_START | SNAP_NOTIFY_STATUS_CHANGED)

/* What was in a row's place. */
struct undo_row {
    char instance[CONFIG_NAME_OCTETS];
    bool was_there;
    struct control_row before;    /* its key at least */
    uint32_t serial;              /* that the change gave it */
    struct controls_entry *spare; /* to put a row in with: made before, so that nothing fails half-way */
};

struct controls_undo {
    uint64_t follows;
    struct controls_lines *lines; /* before; NULL: they were not changed */
    size_t count;
    struct undo_row row[]; /* room for two a change: the row itself, and one that was forgotten for it */
};

static struct controls_undo *make_undo(size_t count);
static int apply(struct controls *c, const struct mib_change *changes, size_t count, uint64_t now_ns,
                 struct controls_undo *undo, struct err *e);
static int plan(struct controls *c, const struct mib_change *changes, size_t count, struct err *e);
static void change_rows(struct controls *c, const struct mib_change *changes, size_t count, uint64_t now_ns,
                        struct controls_undo *undo);
static void undo_row(struct controls *c, const struct controls_undo *undo, struct undo_row *row);

static struct controls_instance *
find_appl_index(const struct controls *c, uint32_t appl_index)
{
    for (size_t i = 0; i < c->n_instances; i++)
        if (c->instance[i].appl_index == appl_index)
            return &c->instance[i];
    return NULL;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* Room for one line more: of an instance that is configured no longer. There is one: fewer can be
 * configured. */
static void
make_room(struct controls *c, struct controls_lines *l)
{
    for (size_t i = 0; i < l->count; i++) {
        if (controls_find(c, l->line[i].name))
            continue;
        log_line(LOG_LEVEL_INFO, LOG_AGENT,
                 "settings of instance %s, which is configured no longer, are forgotten", l->line[i].name);
        controls_lines_drop(l, i);
        return;
    }
}

/* The lines with the changes in them, or NULL in *out when that is what they are. Under both mutexes. */
static int
change_lines(struct controls *c, const struct mib_change *changes, size_t count, struct controls_lines **out,
             struct err *e)
{
    struct controls_lines *l = controls_lines_copy(c->lines, count);
    bool is_other = c->must_write;

    *out = NULL;
    if (!l)
        return err_set(e, -ENOMEM, "no memory for the settings");
    for (size_t i = 0; i < count; i++) {
        const struct controls_instance *in = find_appl_index(c, changes[i].appl_index);
        const struct controls_line *line = in ? controls_lines_find(l, in->name) : NULL;
        unsigned wanted = changes[i].notify_enable & NOTIFY_BITS;

        if (changes[i].kind != MIB_CHANGE_NOTIFY_ENABLE || !in || (line && line->notify_enable == wanted))
            continue;
        if (!line && l->count >= CONTROLS_LINES_MAX)
            make_room(c, l);
        controls_lines_set(l, in->name, wanted);
        is_other = true;
    }
    if (is_other)
        *out = l;
    else
        free(l);
    return 0;
}

/* Make the file say `l`: all of it, or nothing. Under the file mutex. */
static int
put_lines(struct controls *c, const struct controls_lines *l, struct err *e)
{
    int dir_fd = controls_file_directory(c->state_dir, e), code;
    bool was_replaced;

    if (dir_fd < 0)
        return dir_fd;
    code = controls_file_write(dir_fd, l, &was_replaced, e);
    if (code == 0)
        c->must_write = false;
    else if (was_replaced)
        c->must_write = controls_file_write(dir_fd, c->lines, &was_replaced, NULL) < 0;
    close(dir_fd);
    return code < 0 ? err_wrap(e, code, "state directory %s", c->state_dir) : 0;
}

/* ---- SET -------------------------------------------------------------------------------------------------------- */

uint32_t
controls_rows_free(const struct controls *c, uint32_t appl_index)
{
    pthread_mutex_t *mutex = &((struct controls *)(uintptr_t)c)->mutex;
    uint32_t made = 0;

    pthread_mutex_lock(mutex);
    for (size_t i = 0; i < c->n_instances; i++) {
        const struct controls_instance *in = &c->instance[i];

        if ((appl_index == 0 || in->appl_index == appl_index) && in->rows.made > made)
            made = in->rows.made;
    }
    pthread_mutex_unlock(mutex);
    return made < CONTROLS_ROWS_MAX ? CONTROLS_ROWS_MAX - made : 0;
}

/* The file first, where it is to change: it is what can fail. Rows of memory that is there cannot. */
static int
apply(struct controls *c, const struct mib_change *changes, size_t count, uint64_t now_ns,
      struct controls_undo *undo, struct err *e)
{
    struct controls_lines *lines = NULL;
    int code;

    pthread_mutex_lock(&c->mutex);
    code = plan(c, changes, count, e);
    if (code == 0)
        code = change_lines(c, changes, count, &lines, e);
    pthread_mutex_unlock(&c->mutex);
    if (code == 0 && lines) {
        code = put_lines(c, lines, e);
        controls_note_trouble(c, code < 0 ? e->text : "");
    }
    if (code < 0) {
        free(lines);
        return code;
    }
    pthread_mutex_lock(&c->mutex);
    /* Once more: a reload may have come while the disk was waited for. */
    code = plan(c, changes, count, e);
    if (code == 0) {
        if (lines) {
            undo->lines = c->lines;
            c->lines = lines;
        }
        change_rows(c, changes, count, now_ns, undo);
        c->stats.sets++;
        controls_changed(c);
    }
    pthread_mutex_unlock(&c->mutex);
    if (code < 0 && lines) {
        c->must_write = put_lines(c, c->lines, NULL) < 0;
        free(lines);
    }
    return code;
}

int
controls_apply(struct controls *c, const struct mib_change *changes, size_t count, uint64_t now_ns,
               struct controls_undo **undo, struct err *e)
{
    bool needs_file = false;
    struct err own = { "" };
    int code = 0;

    if (!e)
        e = &own;
    *undo = make_undo(count);
    if (!*undo)
        return err_set(e, -ENOMEM, "no memory for %zu changes", count);
    for (size_t i = 0; i < count; i++)
        needs_file |= changes[i].kind == MIB_CHANGE_NOTIFY_ENABLE;
    pthread_mutex_lock(&c->file_mutex);
    if (needs_file) {
        code = controls_read_file(c, e);
        if (code < 0)
            controls_note_trouble(c, e->text);
    }
    if (code == 0)
        code = apply(c, changes, count, now_ns, *undo, e);
    pthread_mutex_unlock(&c->file_mutex);
    if (code < 0) {
        controls_keep(*undo);
        *undo = NULL;
    }
    return code;
}

static struct controls_undo *
make_undo(size_t count)
{
    struct controls_undo *undo = calloc(1, sizeof(*undo) + 2 * count * sizeof(undo->row[0]));

    if (!undo)
        return NULL;
    for (; undo->count < count; undo->count++) {
        struct undo_row *row = &undo->row[undo->count];

        row->spare = calloc(1, sizeof(*row->spare));
        if (!row->spare) {
            controls_keep(undo);
            return NULL;
        }
    }
    return undo;
}

static bool
is_possible(const struct mib_change *change)
{
    if (change->kind == MIB_CHANGE_NOTIFY_ENABLE)
        return true;
    return change->kind == MIB_CHANGE_STATUS_CODE && change->method_octets > 0 &&
           change->method_octets <= METHOD_NAME_MAX && change->code >= LANE_CODE_FIRST &&
           change->code < LANE_CODE_FIRST + LANE_CODES &&
           (!(change->sets & MIB_SETS_EMIT) || change->emit == CONTROL_NORMAL ||
            change->emit == CONTROL_ONE_SHOT);
}

/* Can all of it be done, and is there memory for it? Under the mutex. */
static int
plan(struct controls *c, const struct mib_change *changes, size_t count, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        struct controls_instance *in = find_appl_index(c, changes[i].appl_index);

        if (!in)
            return err_set(e, -ENOENT, "no instance has applIndex %u any more", changes[i].appl_index);
        if (!is_possible(&changes[i]))
            return err_set(e, -EINVAL, "instance %s: change %zu cannot be", in->name, i);
        if (!controls_rows_reserve(&in->rows, count))
            return err_set(e, -ENOMEM, "instance %s: no memory for %zu rows", in->name, count);
        in->planned = in->rows.made;
    }
    for (size_t i = 0; i < count; i++) {
        struct controls_instance *in = find_appl_index(c, changes[i].appl_index);

        assert(in);
        if (changes[i].kind == MIB_CHANGE_STATUS_CODE)
            in->planned += controls_rows_growth(&in->rows, &changes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        const struct controls_instance *in = find_appl_index(c, changes[i].appl_index);

        assert(in);
        if (in->planned > in->rows.made && in->planned > CONTROLS_ROWS_MAX)
            return err_set(e, -EDQUOT, "instance %s: %lld rows by SET, at most %d can be", in->name,
                           (long long)in->planned, CONTROLS_ROWS_MAX);
    }
    return 0;
}

/* Too many destroyed rows are remembered: one is forgotten, and goes into the undo record. */
static void
forget_surplus(struct controls *c, struct controls_instance *in, struct undo_row *undo)
{
    struct controls_entry *entry = controls_rows_surplus(&in->rows);

    if (!entry)
        return;
    controls_rows_remove(&in->rows, entry);
    memcpy(undo->instance, in->name, sizeof(undo->instance));
    undo->before = entry->row;
    undo->serial = entry->row.serial;
    undo->was_there = true;
    undo->spare = entry;
    c->stats.rows_forgotten++;
}

static void
change_row(struct controls *c, struct controls_instance *in, const struct mib_change *change, uint64_t now_ns,
           struct undo_row *undo)
{
    struct controls_entry *entry;
    struct control_row after;

    memcpy(undo->instance, in->name, sizeof(undo->instance));
    controls_rows_key(change, &undo->before);
    entry = controls_rows_find(&in->rows, &undo->before);
    undo->was_there = entry != NULL;
    if (entry)
        undo->before = entry->row;
    controls_rows_judge(entry ? &entry->row : NULL, change, now_ns, &after);
    after.serial = undo->serial = ++c->serial;
    if (entry) {
        controls_rows_replace(&in->rows, entry, &after);
    } else {
        undo->spare->row = after;
        controls_rows_insert(&in->rows, undo->spare);
        undo->spare = NULL;
    }
}

/* What plan() found to be possible. Under the mutex. */
static void
change_rows(struct controls *c, const struct mib_change *changes, size_t count, uint64_t now_ns,
            struct controls_undo *undo)
{
    undo->follows = c->follows;
    for (size_t i = 0; i < count; i++) {
        struct controls_instance *in = find_appl_index(c, changes[i].appl_index);

        if (changes[i].kind != MIB_CHANGE_STATUS_CODE)
            continue;
        change_row(c, in, &changes[i], now_ns, &undo->row[i]);
        forget_surplus(c, in, &undo->row[undo->count++]);
    }
}

int
controls_undo(struct controls *c, struct controls_undo *undo, struct err *e)
{
    struct err own = { "" };
    int code = 0;

    if (!undo)
        return 0;
    if (!e)
        e = &own;
    pthread_mutex_lock(&c->file_mutex);
    if (undo->lines) {
        code = put_lines(c, undo->lines, e);
        controls_note_trouble(c, code < 0 ? e->text : "");
        if (code < 0)
            c->must_write = true;
    }
    pthread_mutex_lock(&c->mutex);
    if (undo->lines) {
        free(c->lines);
        c->lines = undo->lines;
        undo->lines = NULL;
    }
    for (size_t i = undo->count; i > 0; i--)
        undo_row(c, undo, &undo->row[i - 1]);
    c->stats.sets_undone++;
    controls_changed(c);
    pthread_mutex_unlock(&c->mutex);
    pthread_mutex_unlock(&c->file_mutex);
    controls_keep(undo);
    return code;
}

/* Under the mutex. */
static void
undo_row(struct controls *c, const struct controls_undo *undo, struct undo_row *row)
{
    struct controls_instance *in = row->instance[0] ? controls_find(c, row->instance) : NULL;
    struct controls_entry *entry = in ? controls_rows_find(&in->rows, &row->before) : NULL;

    /* A reload put another one there: it is newer than what is undone. */
    if (!in || (entry && undo->follows != c->follows && entry->row.serial != row->serial))
        return;
    if (entry && !row->was_there) {
        controls_rows_remove(&in->rows, entry);
        free(entry);
    } else if (entry) {
        controls_rows_replace(&in->rows, entry, &row->before);
        entry->row.serial = ++c->serial;
    } else if (row->was_there && row->spare && controls_rows_reserve(&in->rows, 1)) {
        controls_rows_insert(&in->rows, row->spare);
        row->spare = NULL;
        c->stats.rows_forgotten--;
    }
}

void
controls_keep(struct controls_undo *undo)
{
    if (!undo)
        return;
    for (size_t i = 0; i < undo->count; i++)
        free(undo->row[i].spare);
    free(undo->lines);
    free(undo);
}
