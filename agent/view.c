/* SPDX-License-Identifier: BSD-2-Clause */
/* What the viewer sees: instances and lanes, read without the agent's help. */
#include "agent/view.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store.h"
#include "sipcore/sipstat.h"

static int denied(const char *dir, const char *name, size_t more, struct err *e);
static int scan(struct view *v, const char *only, struct err *e);
static struct view_instance *find_or_add_instance(struct view *v, const char *name);
static void scan_instance(struct view *v, struct view_instance *i);
static struct view_lane *find_or_add_lane(struct view *v, struct view_instance *i, const char *name);
static void attach(struct view *v, struct view_lane *l, int dir_fd);
static void drop_unseen(struct view *v);
static void sum_up(struct view *v, struct view_instance *i);
static void add_lane(struct view *v, struct view_instance *i, struct view_lane *l);
static void subtract(struct lane_copy *from, const struct lane_copy *before);
static void free_lane(struct view_lane *l);
static void free_instance(struct view *v, struct view_instance *i);

int
view_open(struct view *v, const char *dir, struct err *e)
{
    *v = (struct view){ .dir = dir };
    v->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (v->dir_fd >= 0)
        return 0;
    if (errno == EACCES)
        return denied(dir, NULL, 0, e);
    return err_sys(e, -errno, "runtime directory %s: cannot open", dir);
}

void
view_close(struct view *v)
{
    for (size_t i = 0; i < v->instances; i++)
        free_instance(v, v->instance[i]);
    free(v->instance);
    if (v->dir_fd >= 0)
        close(v->dir_fd);
    *v = (struct view){ .dir_fd = -1 };
}

int
view_refresh(struct view *v, const char *only, uint64_t now_ns, struct err *e)
{
    int r;

    v->before_ns = v->taken_ns;
    v->skipped = 0;
    v->trouble = 0;
    for (size_t i = 0; i < v->instances; i++) {
        v->instance[i]->is_seen = false;
        for (size_t k = 0; k < v->instance[i]->lanes; k++)
            v->instance[i]->lane[k]->is_seen = false;
    }
    r = scan(v, only, e);
    if (r < 0)
        return r;
    drop_unseen(v);
    for (size_t i = 0; i < v->instances; i++)
        sum_up(v, v->instance[i]);
    v->taken_ns = now_ns;
    return 0;
}

/* ---- access --------------------------------------------------------------------------------------------------- */

int
view_check_access(const struct view *v, struct err *e)
{
    const struct view_instance *first = NULL;
    size_t n = 0;

    for (size_t k = 0; k < v->instances; k++) {
        if (!v->instance[k]->is_denied)
            continue;
        if (n++ == 0)
            first = v->instance[k];
    }
    if (!first && v->trouble < 0)
        return err_sys(e, v->trouble, "%s: not all of it could be read", v->dir);
    return first ? denied(v->dir, first->name, n - 1, e) : 0;
}

/* -EACCES, with the remedy: the group that owns the directory, by name or number, when its mode lets the group in. */
static int
denied(const char *dir, const char *name, size_t more, struct err *e)
{
    char path[PATH_MAX], others[48] = "", group[96] = "the group that owns it";
    const struct group *entry;
    struct stat st;

    snprintf(path, sizeof(path), "%s%s%s", dir, name ? "/" : "", name ? name : "");
    if (more > 0)
        snprintf(others, sizeof(others), " (and %zu more)", more);
    if (stat(path, &st) == 0) {
        if ((st.st_mode & (S_IRGRP | S_IXGRP)) != (S_IRGRP | S_IXGRP))
            return err_set(e, -EACCES, "%.300s%s: permission denied: its mode %03o does not let its group in",
                           path, others, (unsigned)st.st_mode & 0777u);
        entry = getgrgid(st.st_gid);
        if (entry)
            snprintf(group, sizeof(group), "group \"%.60s\", which owns it", entry->gr_name);
        else
            snprintf(group, sizeof(group), "group %u, which owns it", (unsigned)st.st_gid);
    }
    return err_set(e, -EACCES, "%.300s%s: permission denied: join %s (and log in again)", path, others,
                   group);
}

int
view_no_instance(const struct view *v, const char *name, struct err *e)
{
    struct view all;
    char names[320] = "";
    size_t used = 0;

    if (view_open(&all, v->dir, e) < 0 || view_refresh(&all, NULL, 1, e) < 0) {
        view_close(&all);
        return err_set(e, -ENOENT, "there is no instance %.64s below %s", name, v->dir);
    }
    for (size_t k = 0; k < all.instances; k++) {
        if (used + strlen(all.instance[k]->name) + 8 > sizeof(names)) {
            snprintf(names + used, sizeof(names) - used, " ...");
            break;
        }
        used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%s", k > 0 ? ", " : "",
                                 all.instance[k]->name);
    }
    if (all.instances == 0)
        err_set(e, -ENOENT, "there is no instance %.64s below %.80s, nor any other", name, v->dir);
    else
        err_set(e, -ENOENT, "there is no instance %.64s below %.80s; there is %s", name, v->dir, names);
    view_close(&all);
    return -ENOENT;
}

/* ---- finding ---------------------------------------------------------------------------------------------------- */

static int
by_name(const void *a, const void *b)
{
    const struct view_instance *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* A directory stream of its own, from the start: dup() would share the position. */
static DIR *
open_stream(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);

    if (fd >= 0 && !stream)
        close(fd); /* no memory */
    return stream;
}

static int
scan(struct view *v, const char *only, struct err *e)
{
    DIR *stream = open_stream(v->dir_fd, ".");
    const struct dirent *entry;

    if (!stream && errno == EACCES)
        return denied(v->dir, NULL, 0, e);
    if (!stream)
        return err_sys(e, -errno, "runtime directory %s: cannot read", v->dir);
    while ((entry = readdir(stream))) {
        struct view_instance *i;

        if (entry->d_name[0] == '.' || (only && strcmp(entry->d_name, only) != 0) ||
            (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN))
            continue;
        i = find_or_add_instance(v, entry->d_name);
        if (i)
            scan_instance(v, i);
        else
            v->skipped++;
    }
    closedir(stream);
    return 0;
}

/* Trouble of this process, not of what it looks at. */
static bool
is_shortage(int code)
{
    return code == -ENOMEM || code == -EMFILE || code == -ENFILE;
}

static void *
no_memory(struct view *v)
{
    v->trouble = -ENOMEM;
    return NULL;
}

static struct view_instance *
find_or_add_instance(struct view *v, const char *name)
{
    struct view_instance *i, **grown;

    for (size_t k = 0; k < v->instances; k++)
        if (strcmp(v->instance[k]->name, name) == 0)
            return v->instance[k];
    if (v->instances == VIEW_INSTANCES_MAX || strlen(name) >= sizeof(i->name))
        return NULL;
    grown = realloc(v->instance, (v->instances + 1) * sizeof(*grown));
    if (!grown)
        return no_memory(v);
    v->instance = grown;
    i = calloc(1, sizeof(*i));
    if (!i)
        return no_memory(v);
    memcpy(i->name, name, strlen(name) + 1);
    if (tally_init(&i->sum, NULL) < 0 || tally_init(&i->recent, NULL) < 0) {
        free_instance(v, i);
        return no_memory(v);
    }
    v->instance[v->instances++] = i;
    qsort(v->instance, v->instances, sizeof(*v->instance), by_name);
    return i;
}

/* A directory is an instance's when it can hold lanes; one that holds none (the agent's store) is shown only when a
 * lane was there before. One that cannot be read may be an instance's; the store is the agent's alone. */
static void
scan_instance(struct view *v, struct view_instance *i)
{
    DIR *stream = open_stream(v->dir_fd, i->name);
    const struct dirent *entry;

    i->is_denied = !stream && errno == EACCES && strcmp(i->name, STORE_NAME) != 0;
    i->is_seen = i->is_denied;
    if (!stream && is_shortage(-errno))
        v->trouble = -errno;
    if (!stream)
        return;
    while ((entry = readdir(stream))) {
        size_t octets = strlen(entry->d_name);
        struct view_lane *l;

        if (strcmp(entry->d_name, LANE_INTEREST_NAME) == 0)
            i->is_seen = true; /* an instance, though nobody writes now */
        if (octets <= strlen(LANE_SUFFIX) || entry->d_name[0] == '.' ||
            strcmp(entry->d_name + octets - strlen(LANE_SUFFIX), LANE_SUFFIX) != 0)
            continue;
        i->is_seen = true;
        l = find_or_add_lane(v, i, entry->d_name);
        if (!l) {
            v->skipped++;
            continue;
        }
        l->is_seen = true;
        if (!l->is_attached && l->reason[0] == '\0')
            attach(v, l, dirfd(stream));
    }
    closedir(stream);
}

static struct view_lane *
find_or_add_lane(struct view *v, struct view_instance *i, const char *name)
{
    struct view_lane *l, **grown;

    for (size_t k = 0; k < i->lanes; k++)
        if (strcmp(i->lane[k]->name, name) == 0)
            return i->lane[k];
    if (v->lanes == VIEW_LANES_MAX)
        return NULL;
    grown = realloc(i->lane, (i->lanes + 1) * sizeof(*grown));
    if (!grown)
        return no_memory(v);
    i->lane = grown;
    l = calloc(1, sizeof(*l));
    if (!l)
        return no_memory(v);
    l->name = strdup(name);
    if (!l->name) {
        free(l);
        return no_memory(v);
    }
    i->lane[i->lanes++] = l;
    v->lanes++;
    return l;
}

static void
attach(struct view *v, struct view_lane *l, int dir_fd)
{
    struct err e = { "" };
    int code = lane_reader_open(&l->reader, dir_fd, l->name, &e);

    if (is_shortage(code)) { /* tried again at the next scan */
        v->trouble = code;
        return;
    }
    if (code < 0) {
        snprintf(l->reason, sizeof(l->reason), "%.*s", (int)sizeof(l->reason) - 1, e.text);
        return;
    }
    l->is_attached = true;
}

static void
drop_unseen(struct view *v)
{
    size_t kept_instances = 0;

    for (size_t n = 0; n < v->instances; n++) {
        struct view_instance *i = v->instance[n];
        size_t kept = 0;

        for (size_t k = 0; k < i->lanes; k++) {
            if (i->lane[k]->is_seen) {
                i->lane[kept++] = i->lane[k];
            } else {
                free_lane(i->lane[k]);
                v->lanes--;
            }
        }
        i->lanes = kept;
        if (i->is_seen)
            v->instance[kept_instances++] = i;
        else
            free_instance(v, i);
    }
    v->instances = kept_instances;
}

/* ---- adding up -------------------------------------------------------------------------------------------------- */

static void
sum_up(struct view *v, struct view_instance *i)
{
    struct err e = { "" };

    tally_clear(&i->sum);
    tally_clear(&i->recent);
    i->alive = i->dead = i->aside = 0;
    for (size_t k = 0; k < i->lanes; k++) {
        struct view_lane *l = i->lane[k];

        if (l->is_attached) {
            l->is_alive = lane_reader_alive(&l->reader);
            l->before = l->reader.copy;
            if (lane_reader_refresh(&l->reader, &e) < 0) {
                snprintf(l->reason, sizeof(l->reason), "%.*s", (int)sizeof(l->reason) - 1, e.text);
                lane_reader_close(&l->reader);
                l->is_attached = l->is_alive = false;
            }
        }
        if (!l->is_attached) {
            i->aside++;
            continue;
        }
        i->alive += l->is_alive;
        i->dead += !l->is_alive;
        add_lane(v, i, l);
    }
}

/* Both tallies get the same lanes in the same order, so their rows have the same numbers. */
static void
add_lane(struct view *v, struct view_instance *i, struct view_lane *l)
{
    struct lane_copy now = l->reader.copy;

    if (tally_add_lane(&i->sum, &l->reader, &l->map, NULL) < 0) {
        v->trouble = -ENOMEM;
        return;
    }
    subtract(&l->reader.copy, &l->before);
    if (tally_add_lane(&i->recent, &l->reader, &l->recent_map, NULL) < 0)
        v->trouble = -ENOMEM;
    l->reader.copy = now;
}

static void
subtract(struct lane_copy *from, const struct lane_copy *before)
{
    for (unsigned i = 0; i < LANE_COUNTERS_MAX; i++)
        from->counters[i] -= before->counters[i];
    for (unsigned m = 0; m < LANE_METHODS; m++)
        for (unsigned i = 0; i < LANE_METHOD_COUNTERS; i++)
            from->method_counters[m][i] -= before->method_counters[m][i];
    for (uint32_t c = 0; c < before->cells; c++) {
        from->cell[c].in -= before->cell[c].in;
        from->cell[c].out -= before->cell[c].out;
    }
}

static void
free_lane(struct view_lane *l)
{
    if (l->is_attached)
        lane_reader_close(&l->reader);
    free(l->name);
    free(l);
}

static void
free_instance(struct view *v, struct view_instance *i)
{
    for (size_t k = 0; k < i->lanes; k++)
        free_lane(i->lane[k]);
    v->lanes -= i->lanes;
    free(i->lane);
    tally_fini(&i->sum);
    tally_fini(&i->recent);
    free(i);
}

/* ---- state ------------------------------------------------------------------------------------------------------ */

unsigned
view_state(const struct view_instance *i)
{
    const struct lane_copy *last[2] = { NULL, NULL }; /* of stacks, of collectors */

    for (size_t k = 0; k < i->lanes; k++) {
        const struct lane_reader *r = &i->lane[k]->reader;
        const struct lane_copy **of = &last[(r->header.flags & LANE_COLLECTOR) != 0];

        if (i->lane[k]->is_alive && (!*of || r->copy.state_monotonic_ns > (*of)->state_monotonic_ns))
            *of = &r->copy;
    }
    if (last[0])
        return last[0]->state;
    if (last[1])
        return last[1]->state > SIPSTAT_STATE_UP ? last[1]->state : VIEW_COLLECTOR_ONLY;
    return VIEW_NO_WRITER;
}

const char *
view_state_name(unsigned state)
{
    static const char *const names[] = { "no live writer", "unknown",   "up",
                                         "down",           "congested", "restarting",
                                         "quiescing",      "testing",   "collector only" };

    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}
