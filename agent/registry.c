/* SPDX-License-Identifier: BSD-2-Clause */
/* Registered users and their contacts: the environment, and the instances in it. */
#include "agent/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/registry_internal.h"

enum { TABLES_MAX = 8 };

/* In layout 2 rows of users and contacts have checks; those of layout 1 are read without. */
static const struct store_env_layouts layouts = { .newest = 2, .oldest = 1 };

/* Some ten million contacts, at 350 octets each with their users (measured), and an eighth left for removing them. */
#define MAP_OCTETS (sizeof(size_t) > 4 ? (size_t)(UINT64_C(4) << 30) : (size_t)1 << 29)

/* LMDB wants an environment to be opened but once by a process. One that was given up and is still being read must be
 * let go before it can be opened again. */
static pthread_mutex_t open_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct registry *all_open;

static int open_it(struct registry *r, const char *runtime_dir, int runtime_fd, size_t map_octets,
                   struct err *e);
static int open_tables(struct registry *r, bool *is_of_this_boot, struct err *e);
static int read_meta(struct registry *r, MDB_txn *txn, bool *is_of_this_boot, struct err *e);
static int read_instances(struct registry *r, MDB_txn *txn, struct err *e);
static int read_next(struct registry *r, MDB_txn *txn, struct err *e);

/* ---- errors ----------------------------------------------------------------------------------------------------- */

int
registry_complain(struct registry *r, int code, struct err *e, const char *doing)
{
    struct err own;

    if (!e)
        e = &own;
    code = store_first_failure(code);
    if (code == MDB_PANIC)
        atomic_store(&r->is_given_up, true);
    if (store_code(code) == -EBADMSG || code == MDB_MAP_RESIZED) /* nobody makes it larger than the map */
        atomic_store(&r->is_damaged, true);
    code = store_explain(r->env, code, e, doing);
    pthread_mutex_lock(&r->mutex);
    r->stats.errors++;
    snprintf(r->stats.last_error, sizeof(r->stats.last_error), "%.250s", e->text);
    pthread_mutex_unlock(&r->mutex);
    return code;
}

int
registry_damage(struct registry *r, struct err *e, const char *what)
{
    char doing[128];

    snprintf(doing, sizeof(doing), "make sense of %s", what);
    return registry_complain(r, MDB_CORRUPTED, e, doing);
}

int
registry_txn_begin(struct registry *r, unsigned flags, MDB_txn **txn)
{
    return store_env_is_cut(r->env, &r->octets_seen) ? MDB_CORRUPTED
                                                     : mdb_txn_begin(r->env, NULL, flags, txn);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

int
registry_open(struct registry **out, const char *runtime_dir, int runtime_fd, struct err *e)
{
    return registry_open_sized(out, runtime_dir, runtime_fd, MAP_OCTETS, e);
}

/* The same file is still open here: by whom read on in what was given up. */
static bool
is_open(int runtime_fd)
{
    for (const struct registry *r = all_open; r; r = r->next_open)
        if (store_files_still(runtime_fd, REGISTRY_NAME, &r->file))
            return true;
    return false;
}

static void
close_it(struct registry *r)
{
    if (r->env)
        mdb_env_close(r->env);
    pthread_mutex_destroy(&r->mutex);
    free(r->rows);
    free(r);
}

int
registry_open_sized(struct registry **out, const char *runtime_dir, int runtime_fd, size_t map_octets,
                    struct err *e)
{
    struct registry *r = calloc(1, sizeof(*r));
    int code;

    *out = NULL;
    if (!r)
        return err_set(e, -ENOMEM, "no memory for the registry");
    pthread_mutex_init(&r->mutex, NULL);
    atomic_init(&r->refs, 1);
    r->stats.octets_max = map_octets;
    pthread_mutex_lock(&open_mutex);
    if (is_open(runtime_fd))
        code = err_set(e, -EBUSY, "it is still being read; again in a moment");
    else
        code = open_it(r, runtime_dir, runtime_fd, map_octets, e);
    if (code == 0) {
        r->next_open = all_open;
        all_open = r;
    }
    pthread_mutex_unlock(&open_mutex);
    if (code < 0) {
        close_it(r);
        return err_wrap(e, code, "registrations %s/%s", runtime_dir, REGISTRY_NAME);
    }
    *out = r;
    return 0;
}

/* Times of CLOCK_MONOTONIC mean nothing in another boot, and whoever was registered registers again. */
static int
open_it(struct registry *r, const char *runtime_dir, int runtime_fd, size_t map_octets, struct err *e)
{
    const struct store_env_options options = { .name = REGISTRY_NAME,
                                               .tables = TABLES_MAX,
                                               .map_octets = map_octets };
    bool is_of_this_boot = true;

    for (unsigned attempt = 0; attempt < 2; attempt++) {
        int code = store_env_open(&r->env, &r->file, runtime_dir, runtime_fd, &options, e);

        atomic_store(&r->octets_seen, 0); /* of another file */
        if (code == 0)
            code = open_tables(r, &is_of_this_boot, e);
        if (code < 0 || is_of_this_boot)
            return code;
        mdb_env_close(r->env);
        r->env = NULL;
        code = store_files_remove(runtime_fd, REGISTRY_NAME, e);
        if (code < 0)
            return code;
    }
    return err_set(e, -EAGAIN, "it is of another boot, and does not go away");
}

static int
open_tables(struct registry *r, bool *is_of_this_boot, struct err *e)
{
    const struct {
        const char *name;
        MDB_dbi *table;
    } tables[] = { { "meta", &r->meta },     { "instances", &r->instances }, { "users", &r->users },
                   { "names", &r->names },   { "contacts", &r->contacts },   { "deadlines", &r->deadlines },
                   { "places", &r->places }, { "garbage", &r->garbage } };
    uint32_t found;
    MDB_txn *txn;
    int code = registry_txn_begin(r, 0, &txn);

    _Static_assert(sizeof(tables) / sizeof(tables[0]) == TABLES_MAX, "room for each");
    if (code != 0)
        return registry_complain(r, code, e, "begin the first transaction");
    for (size_t i = 0; code == 0 && i < TABLES_MAX; i++)
        code = mdb_dbi_open(txn, tables[i].name, MDB_CREATE, tables[i].table);
    if (code != 0)
        code = registry_complain(r, code, e, "open its tables");
    if (code == 0)
        code = store_env_layout(r->env, txn, r->meta, &layouts, &found, "wait for all to register again", e);
    if (code == 0)
        code = read_meta(r, txn, is_of_this_boot, e);
    if (code == 0)
        code = read_instances(r, txn, e);
    if (code == 0)
        code = read_next(r, txn, e);
    if (code < 0) {
        mdb_txn_abort(txn);
        return code;
    }
    code = mdb_txn_commit(txn);
    return code == 0 ? 0 : registry_complain(r, code, e, "commit the first transaction");
}

/* Read `octets` of meta at `name`, or put there what *data has. *was_there tells which. */
static int
get_or_put(struct registry *r, MDB_txn *txn, const char *name, void *data, size_t octets, bool *was_there)
{
    MDB_val key = { .mv_size = strlen(name), .mv_data = (void *)name }, value;
    int code = mdb_get(txn, r->meta, &key, &value);

    *was_there = code == 0;
    if (code == 0 && value.mv_size != octets)
        return MDB_CORRUPTED;
    if (code == 0)
        memcpy(data, value.mv_data, octets);
    if (code != MDB_NOTFOUND)
        return code;
    value = (MDB_val){ .mv_size = octets, .mv_data = data };
    return mdb_put(txn, r->meta, &key, &value, 0);
}

static int
read_meta(struct registry *r, MDB_txn *txn, bool *is_of_this_boot, struct err *e)
{
    uint8_t now[BOOT_ID_OCTETS], then[BOOT_ID_OCTETS];
    bool was_there;
    int code = store_files_boot_id(now, e);

    if (code < 0)
        return code;
    memcpy(then, now, sizeof(then));
    code = get_or_put(r, txn, "boot", then, sizeof(then), &was_there);
    if (code != 0)
        return registry_complain(r, code, e, "read its boot");
    *is_of_this_boot = memcmp(now, then, sizeof(now)) == 0;
    if (getrandom(&r->secret, sizeof(r->secret), 0) != (ssize_t)sizeof(r->secret))
        return err_sys(e, -errno, "no random numbers");
    code = get_or_put(r, txn, "secret", &r->secret, sizeof(r->secret), &was_there);
    return code == 0 ? 0 : registry_complain(r, code, e, "read its secret");
}

struct registry *
registry_take(struct registry *r)
{
    if (r)
        atomic_fetch_add(&r->refs, 1);
    return r;
}

void
registry_release(struct registry *r)
{
    struct registry **at = &all_open;

    if (!r || atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    pthread_mutex_lock(&open_mutex);
    while (*at && *at != r)
        at = &(*at)->next_open;
    if (*at)
        *at = r->next_open;
    close_it(r);
    pthread_mutex_unlock(&open_mutex);
}

int
registry_set_aside(const char *runtime_dir, int runtime_fd, struct err *e)
{
    int code = store_files_set_aside(runtime_fd, REGISTRY_NAME, e);

    return code < 0 ? err_wrap(e, code, "registrations %s/%s", runtime_dir, REGISTRY_NAME) : 0;
}

bool
registry_is_sound(struct registry *r, int runtime_fd)
{
    if (store_env_is_cut(r->env, &r->octets_seen) && !atomic_load(&r->is_damaged))
        registry_complain(r, MDB_CORRUPTED, NULL, "find the end of their file");
    return !atomic_load(&r->is_given_up) && !atomic_load(&r->is_damaged) &&
           store_files_still(runtime_fd, REGISTRY_NAME, &r->file);
}

bool
registry_is_damaged(const struct registry *r)
{
    return atomic_load(&r->is_damaged);
}

/* ---- instances -------------------------------------------------------------------------------------------------- */

struct registry_row *
registry_row_by_id(const struct registry *r, uint32_t id)
{
    for (uint32_t i = 0; i < r->n_rows; i++)
        if (r->rows[i].id == id)
            return &r->rows[i];
    return NULL;
}

struct registry_row *
registry_row_by_tree(const struct registry *r, uint32_t tree)
{
    for (uint32_t i = 0; i < r->n_rows; i++)
        if (r->rows[i].work.tree == tree)
            return &r->rows[i];
    return NULL;
}

int
registry_row_put(struct registry *r, MDB_txn *txn, const struct registry_row *row)
{
    uint8_t id[4] = { (uint8_t)(row->id >> 24), (uint8_t)(row->id >> 16), (uint8_t)(row->id >> 8),
                      (uint8_t)row->id };
    uint8_t data[sizeof(row->work) + sizeof(row->name)] = { 0 };
    MDB_val key = { .mv_size = sizeof(id), .mv_data = id },
            value = { .mv_size = sizeof(data), .mv_data = data };

    memcpy(data, &row->work, sizeof(row->work));
    memcpy(data + sizeof(row->work), row->name, sizeof(row->name));
    return mdb_put(txn, r->instances, &key, &value, 0);
}

static struct registry_row *
new_row(struct registry *r)
{
    struct registry_row *rows;
    uint32_t max = r->rows_max ? 2 * r->rows_max : 8;

    if (r->n_rows == r->rows_max) {
        pthread_mutex_lock(&r->mutex);
        rows = realloc(r->rows, max * sizeof(*rows));
        if (rows) {
            r->rows = rows;
            r->rows_max = max;
        }
        pthread_mutex_unlock(&r->mutex);
        if (!rows)
            return NULL;
    }
    r->rows[r->n_rows] = (struct registry_row){ 0 };
    return &r->rows[r->n_rows];
}

static int
read_instance(struct registry *r, MDB_val key, MDB_val value, struct err *e)
{
    struct span id = registry_span(key);
    struct registry_row *row = new_row(r);

    if (!row)
        return err_set(e, -ENOMEM, "no memory for the instances");
    if (key.mv_size != 4 || value.mv_size != sizeof(row->work) + sizeof(row->name) ||
        r->n_rows >= REGISTRY_INSTANCES_MAX)
        return registry_damage(r, e, "an instance");
    span_take_u32(&id, &row->id);
    memcpy(&row->work, value.mv_data, sizeof(row->work));
    memcpy(row->name, (const uint8_t *)value.mv_data + sizeof(row->work), sizeof(row->name));
    if (row->id == 0 || row->work.next_user == 0 || row->name[sizeof(row->name) - 1] != '\0')
        return registry_damage(r, e, "an instance");
    row->live = row->work;
    r->n_rows++;
    return 0;
}

static int
read_instances(struct registry *r, MDB_txn *txn, struct err *e)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(txn, r->instances, &cursor), failure = 0;

    if (code != 0)
        return registry_complain(r, code, e, "read the instances");
    r->n_rows = 0;
    while (code == 0 && failure == 0) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
        if (code == 0)
            failure = read_instance(r, key, value, e);
    }
    mdb_cursor_close(cursor);
    if (failure < 0)
        return failure;
    return code == MDB_NOTFOUND ? 0 : registry_complain(r, code, e, "read the instances");
}

/* What ends next, from the table. */
static int
read_next(struct registry *r, MDB_txn *txn, struct err *e)
{
    MDB_cursor *cursor;
    MDB_stat garbage;
    MDB_val key, value;
    struct registry_key first = { .time_ns = UINT64_MAX };
    int code = mdb_cursor_open(txn, r->deadlines, &cursor);

    if (code == 0) {
        code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
        mdb_cursor_close(cursor);
    }
    if (code == 0 && !registry_deadline_key_read(registry_span(key), &first))
        return registry_damage(r, e, "a deadline");
    if (code == 0 || code == MDB_NOTFOUND)
        code = mdb_stat(txn, r->garbage, &garbage);
    if (code != 0)
        return registry_complain(r, code, e, "read the deadlines");
    r->next_ns = garbage.ms_entries > 0 ? 0 : first.time_ns;
    return 0;
}

/* Trees are numbered as instances are, never twice. */
static uint32_t
new_tree(const struct registry *r, MDB_txn *txn)
{
    uint32_t tree = 0, unused;
    MDB_cursor *cursor;
    MDB_val key, value;

    for (uint32_t i = 0; i < r->n_rows; i++)
        tree = r->rows[i].work.tree > tree ? r->rows[i].work.tree : tree;
    if (mdb_cursor_open(txn, r->garbage, &cursor) == 0) {
        if (mdb_cursor_get(cursor, &key, &value, MDB_LAST) == 0) {
            struct span s = registry_span(key);

            if (span_take_u32(&s, &unused) && unused > tree)
                tree = unused;
        }
        mdb_cursor_close(cursor);
    }
    return tree + 1;
}

/* Put a row, in a transaction of its own; `tree` beside 0: its rows are to go. */
static int
put_alone(struct registry *r, struct registry_row *row, bool is_cleared, struct err *e)
{
    struct registry_count before = row->work;
    uint8_t tree[REGISTRY_USER_KEY_OCTETS];
    MDB_val key = { .mv_size = 4, .mv_data = tree }, nothing = { 0 };
    MDB_txn *txn;
    int code;

    assert(!r->has_batch);
    code = registry_txn_begin(r, 0, &txn);
    if (code != 0)
        return registry_complain(r, code, e, "begin a transaction");
    row->work = (struct registry_count){ .tree = new_tree(r, txn), .next_user = before.next_user };
    if (is_cleared) {
        registry_user_key(&(struct registry_key){ .tree = before.tree }, tree);
        code = mdb_put(txn, r->garbage, &key, &nothing, 0);
    }
    if (code == 0)
        code = registry_row_put(r, txn, row);
    if (code == 0)
        code = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    if (code == 0)
        return 0;
    row->work = before;
    return registry_complain(r, code, e, "note an instance");
}

int
registry_instance(struct registry *r, const char *name, uint32_t *id, struct err *e)
{
    struct registry_row *row;
    uint32_t last = 0;
    int code;

    for (uint32_t i = 0; i < r->n_rows; i++) {
        if (strcmp(r->rows[i].name, name) == 0) {
            *id = r->rows[i].id;
            return 0;
        }
        last = r->rows[i].id > last ? r->rows[i].id : last;
    }
    if (r->n_rows >= REGISTRY_INSTANCES_MAX || strlen(name) >= CONFIG_NAME_OCTETS)
        return err_set(e, -ENOSPC, "no room for the registrations of another instance");
    row = new_row(r);
    if (!row)
        return err_set(e, -ENOMEM, "no memory for another instance");
    row->id = last + 1;
    row->work.next_user = 1;
    memcpy(row->name, name, strlen(name) + 1);
    code = put_alone(r, row, false, e);
    if (code < 0)
        return code;
    row->live = row->work;
    *id = row->id;
    pthread_mutex_lock(&r->mutex);
    r->n_rows++;
    pthread_mutex_unlock(&r->mutex);
    return 0;
}

int
registry_clear(struct registry *r, uint32_t id, struct err *e)
{
    struct registry_row *row = registry_row_by_id(r, id);
    int code;

    if (!row || row->work.users + row->work.strangers == 0)
        return 0;
    code = put_alone(r, row, true, e);
    if (code < 0)
        return code;
    pthread_mutex_lock(&r->mutex);
    row->live = row->work;
    r->next_ns = 0;
    pthread_mutex_unlock(&r->mutex);
    return 0;
}

/* ---- what it tells ---------------------------------------------------------------------------------------------- */

uint64_t
registry_next_ns(const struct registry *r)
{
    return r->next_ns;
}

uint32_t
registry_users(const struct registry *r, uint32_t id)
{
    struct registry *shared = (struct registry *)r;
    const struct registry_row *row;
    uint64_t users;

    pthread_mutex_lock(&shared->mutex);
    row = registry_row_by_id(r, id);
    users = row ? row->live.users : 0;
    pthread_mutex_unlock(&shared->mutex);
    return users < UINT32_MAX ? (uint32_t)users : UINT32_MAX;
}

void
registry_stats_get(const struct registry *r, struct registry_stats *stats)
{
    struct registry *shared = (struct registry *)r;
    MDB_envinfo info;
    MDB_stat stat;

    pthread_mutex_lock(&shared->mutex);
    *stats = r->stats;
    for (uint32_t i = 0; i < r->n_rows; i++) {
        stats->users += r->rows[i].live.users;
        stats->contacts += r->rows[i].live.contacts;
        stats->strangers += r->rows[i].live.strangers;
    }
    pthread_mutex_unlock(&shared->mutex);
    if (!store_env_is_cut(r->env, &shared->octets_seen) && mdb_env_info(r->env, &info) == 0 &&
        mdb_env_stat(r->env, &stat) == 0)
        stats->octets = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
}

void
registry_pages_get(struct registry *r, struct store_pages *pages)
{
    MDB_txn *txn;

    *pages = (struct store_pages){ .octets = 0 };
    if (registry_txn_begin(r, MDB_RDONLY, &txn) != 0)
        return;
    store_pages_count(r->env, txn, pages);
    mdb_txn_abort(txn);
}
