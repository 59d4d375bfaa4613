/* SPDX-License-Identifier: BSD-2-Clause */
/* What SNMP managers may set: what is in force, for both threads. */
#include "agent/controls_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/log.h"

static void load(struct controls *c);

/* ---- the whole -------------------------------------------------------------------------------------------------- */

struct controls *
controls_new(const char *state_dir, struct err *e)
{
    struct controls *c = calloc(1, sizeof(*c));

    if (c)
        c->state_dir = strdup(state_dir);
    if (c)
        c->lines = controls_lines_copy(NULL, 0);
    if (!c || !c->state_dir || !c->lines) {
        if (c)
            free(c->state_dir);
        if (c)
            free(c->lines);
        free(c);
        err_set(e, -ENOMEM, "no memory for what managers may set");
        return NULL;
    }
    pthread_mutex_init(&c->file_mutex, NULL);
    pthread_mutex_init(&c->mutex, NULL);
    atomic_init(&c->generation, 1);
    c->is_unread = true;
    load(c);
    return c;
}

void
controls_free(struct controls *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_instances; i++)
        controls_rows_fini(&c->instance[i].rows);
    free(c->instance);
    free(c->lines);
    free(c->state_dir);
    pthread_mutex_destroy(&c->file_mutex);
    pthread_mutex_destroy(&c->mutex);
    free(c);
}

void
controls_changed(struct controls *c)
{
    atomic_fetch_add_explicit(&c->generation, 1, memory_order_release);
}

uint64_t
controls_generation(const struct controls *c)
{
    return atomic_load_explicit(&c->generation, memory_order_acquire);
}

static int
compare_instances(const void *left, const void *right)
{
    return strcmp(((const struct controls_instance *)left)->name,
                  ((const struct controls_instance *)right)->name);
}

struct controls_instance *
controls_find(const struct controls *c, const char *name)
{
    struct controls_instance key;

    snprintf(key.name, sizeof(key.name), "%s", name);
    return c->n_instances == 0 ? NULL
                               : bsearch(&key, c->instance, c->n_instances, sizeof(key), compare_instances);
}

void
controls_stats_get(struct controls *c, struct controls_stats *stats)
{
    pthread_mutex_lock(&c->mutex);
    *stats = c->stats;
    stats->rows_set = stats->rows_hidden = 0;
    for (size_t i = 0; i < c->n_instances; i++) {
        stats->rows_set += c->instance[i].rows.made;
        stats->rows_hidden += c->instance[i].rows.hidden;
    }
    pthread_mutex_unlock(&c->mutex);
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* The trouble there is with it now, "" none. */
void
controls_note_trouble(struct controls *c, const char *text)
{
    pthread_mutex_lock(&c->mutex);
    snprintf(c->stats.trouble, sizeof(c->stats.trouble), "%.250s", text);
    pthread_mutex_unlock(&c->mutex);
}

/* Put a damaged file out of the way, and say so: what it kept is lost until somebody mends it. */
static void
set_aside(struct controls *c, int dir_fd, const char *damage)
{
    struct err e = { "" };
    int code = controls_file_set_aside(dir_fd, &e);

    log_line(
        LOG_LEVEL_ERROR, LOG_AGENT,
        "state directory %s: %s; %s%s. Which service notifications are sent is at its default now, coldStart "
        "and warmStart: set sipCommonCfgServiceNotifEnable again, or mend the file, put it back and restart",
        c->state_dir, damage, code < 0 ? "it stays there: " : "it was renamed to " CONTROLS_FILE ".damaged",
        code < 0 ? e.text : "");
}

/* Read the file unless that was done. 0, or why it cannot be read. */
int
controls_read_file(struct controls *c, struct err *e)
{
    struct controls_lines *lines = NULL;
    int dir_fd, code;

    if (!c->is_unread)
        return 0;
    dir_fd = controls_file_directory(c->state_dir, e);
    if (dir_fd < 0)
        return dir_fd;
    code = controls_file_read(dir_fd, &lines, e);
    if (code == -EBADMSG) {
        set_aside(c, dir_fd, e->text);
        controls_note_trouble(c, e->text);
        code = 0;
    }
    close(dir_fd);
    if (code < 0)
        return err_wrap(e, code, "state directory %s", c->state_dir);
    c->is_unread = false;
    if (!lines)
        return 0;
    pthread_mutex_lock(&c->mutex);
    free(c->lines);
    c->lines = lines;
    c->stats.trouble[0] = '\0';
    controls_changed(c);
    pthread_mutex_unlock(&c->mutex);
    return 0;
}

/* At the start: what will not work later is said now. */
static void
load(struct controls *c)
{
    struct err e = { "" };
    int code = controls_read_file(c, &e);

    if (code == 0 && faccessat(AT_FDCWD, c->state_dir, W_OK | X_OK, AT_EACCESS) < 0)
        code = err_sys(&e, -errno, "state directory %s: cannot write to it", c->state_dir);
    if (code == 0 || code == -EPROTONOSUPPORT)
        return;
    controls_note_trouble(c, e.text);
    log_line(LOG_LEVEL_WARNING, LOG_AGENT,
             "%s: which service notifications are sent cannot be set until this user (%u) can read and write "
             "there; what was set before is in force once it was read, the default until then",
             e.text, (unsigned)geteuid());
}

int
controls_check_version(struct controls *c, struct err *e)
{
    return controls_read_file(c, e) == -EPROTONOSUPPORT ? -EPROTONOSUPPORT : 0;
}

/* ---- following the configuration -------------------------------------------------------------------------------- */

static int
follow_instances(struct controls *c, const struct config *config, struct controls_instance *next,
                 uint32_t *serial)
{
    for (size_t i = 0; i < config->n_instances; i++) {
        const struct config_instance *in = &config->instances[i];
        const struct controls_instance *last = controls_find(c, in->name);

        snprintf(next[i].name, sizeof(next[i].name), "%s", in->name);
        next[i].appl_index = in->appl_index;
        if (!controls_rows_follow(&next[i].rows, last ? &last->rows : NULL, in, c->follows, serial))
            return -ENOMEM;
    }
    return 0;
}

int
controls_follow(struct controls *c, const struct config *config, struct err *e)
{
    struct controls_instance *next = calloc(config->n_instances + 1, sizeof(*next));
    struct err ignored;
    uint32_t serial;
    int code = -ENOMEM;

    if (pthread_mutex_trylock(&c->file_mutex) == 0) {
        controls_read_file(c, &ignored);
        pthread_mutex_unlock(&c->file_mutex);
    }
    pthread_mutex_lock(&c->mutex);
    c->follows++;
    serial = c->serial;
    if (next)
        code = follow_instances(c, config, next, &serial);
    if (code == 0) {
        for (size_t i = 0; i < c->n_instances; i++)
            controls_rows_retire(&c->instance[i].rows, c->follows);
        free(c->instance);
        c->instance = next;
        c->n_instances = config->n_instances;
        c->serial = serial;
        qsort(next, c->n_instances, sizeof(*next), compare_instances);
    }
    for (size_t i = 0; next && i < config->n_instances; i++)
        (code == 0 ? controls_rows_own : controls_rows_abandon)(&next[i].rows);
    if (code == 0)
        controls_changed(c);
    else
        free(next);
    pthread_mutex_unlock(&c->mutex);
    return code == 0 ? 0 : err_set(e, code, "no memory for the status codes of the configuration");
}

/* ---- the core thread -------------------------------------------------------------------------------------------- */

int
controls_copy(struct controls *c, const char *instance, unsigned *notify_enable, struct control_row **rows,
              size_t *count, uint64_t *generation)
{
    const struct controls_instance *in;
    const struct controls_line *line;
    int code = 0;

    pthread_mutex_lock(&c->mutex);
    in = controls_find(c, instance);
    *rows = in ? malloc((in->rows.count + 1) * sizeof(**rows)) : NULL;
    if (*rows) {
        for (size_t i = 0; i < in->rows.count; i++)
            (*rows)[i] = in->rows.entry[i]->row;
        *count = in->rows.count;
        line = controls_lines_find(c->lines, instance);
        *notify_enable = line ? line->notify_enable : SNAP_NOTIFY_DEFAULT;
        if (generation)
            *generation = controls_generation(c);
    } else {
        code = in ? -ENOMEM : -ENOENT;
    }
    pthread_mutex_unlock(&c->mutex);
    return code;
}

void
controls_trigger(struct controls *c, const char *instance, const struct control_row *row)
{
    struct controls_instance *in;
    struct controls_entry *entry;

    pthread_mutex_lock(&c->mutex);
    in = controls_find(c, instance);
    entry = in ? controls_rows_find(&in->rows, row) : NULL;
    if (entry && entry->row.serial == row->serial && entry->row.emit == CONTROL_ONE_SHOT) {
        entry->row.emit = CONTROL_TRIGGERED;
        controls_changed(c);
    }
    pthread_mutex_unlock(&c->mutex);
}
