/* SPDX-License-Identifier: BSD-2-Clause */
/* What must outlive the agent, in LMDB. */
#include "agent/store.h"

#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/site_names.h"
#include "agent/store_codec.h"
#include "agent/store_env.h"
#include "agent/store_files.h"
#include "config/config.h"

enum {
    TABLES_MAX = 8,
    FORGET_MAX = 1024, /* identities of removed lanes waiting for a transaction; a start drops what is over */
};

/* Layout 2 has totals with words, layout 3 rows of lanes with a check. */
static const struct store_env_layouts layouts = { .newest = 3, .oldest = 1 };

#define MAP_OCTETS ((size_t)1 << 30) /* address space, not memory: the file grows as it is used */

/* The instance stands before the identity, zero-terminated: an identity that a writer of another instance
 * copied is another key, and the lanes of an instance are neighbours. */
struct lane_key {
    size_t octets;
    size_t name_octets; /* terminator included */
    uint8_t data[CONFIG_NAME_OCTETS + LANE_IDENTITY_OCTETS];
};

/* That a lane was retired must not be a matter of one bit. */
struct lane_value {
    uint32_t stage; /* enum store_lane */
    uint32_t check; /* of key and stage */
};

struct store {
    MDB_env *env;
    uint32_t layout_found; /* when it was opened */
    MDB_dbi meta;          /* "layout" -> uint32_t */
    MDB_dbi totals;        /* instance -> totals_encode() */
    MDB_dbi states;        /* instance -> struct state_value */
    MDB_dbi lanes;         /* struct lane_key -> struct lane_value */
    uint8_t boot_id[BOOT_ID_OCTETS];
    struct store_file_identity file; /* of the data file: is it still the one in the directory? */
    struct lane_key forget[FORGET_MAX];
    unsigned n_forget;
    bool is_given_up; /* LMDB wants the environment closed */
    bool is_damaged;
    _Atomic uint64_t octets_seen; /* of the data file; see store_env_is_cut() */
    uint64_t transactions;
    uint64_t errors;
    char last_error[256];
};

struct store_txn {
    struct store *store;
    MDB_txn *txn;
    int code;       /* the first failure, of LMDB or a negative errno of ours */
    struct err err; /* what was being done then */
};

static int open_environment(struct store *s, const char *runtime_dir, int runtime_fd, struct err *e);
static int open_tables(struct store *s, struct err *e);
static int check_layout(struct store *s, MDB_txn *txn, struct err *e);
static int check_lanes(struct store *s, MDB_txn *txn);

/* ---- errors ----------------------------------------------------------------------------------------------------- */

/* Note the first failure of LMDB (or a negative errno) in a transaction, and put it into words. A file that needs more
 * than the map has is no file of ours: there is one process, and one size. */
static int
complain(struct store *s, int code, struct err *e, const char *doing)
{
    struct err own;

    if (!e)
        e = &own;
    s->errors++;
    code = store_first_failure(code);
    if (code == MDB_PANIC)
        s->is_given_up = true;
    if (store_code(code) == -EBADMSG || code == MDB_MAP_RESIZED)
        s->is_damaged = true;
    code = store_explain(s->env, code, e, doing);
    snprintf(s->last_error, sizeof(s->last_error), "%.250s", e->text);
    return code;
}

/* Every transaction begins here: 0 or an LMDB code. */
static int
begin(struct store *s, unsigned flags, MDB_txn **txn)
{
    return store_env_is_cut(s->env, &s->octets_seen) ? MDB_CORRUPTED
                                                     : mdb_txn_begin(s->env, NULL, flags, txn);
}

/* ---- opening ---------------------------------------------------------------------------------------------------- */

/* The first mistake of many: started as root once, and as the service's user then. */
static int
add_remedy(struct err *e, int code, const char *runtime_dir)
{
    struct err why = *e;

    return err_set(e, code, "%.250s (made by another user? stop that sipmibd, then remove %s/%s and %s/%s)",
                   why.text, runtime_dir, SITE_LOCK_NAME, runtime_dir, STORE_NAME);
}

int
store_open(struct store **out, const char *runtime_dir, int runtime_fd, struct err *e)
{
    struct store *s = calloc(1, sizeof(*s));
    int code;

    *out = NULL;
    if (!s)
        return err_set(e, -ENOMEM, "no memory for the store");
    code = store_files_boot_id(s->boot_id, e);
    if (code == 0)
        code = open_environment(s, runtime_dir, runtime_fd, e);
    if (code == 0)
        code = open_tables(s, e);
    if (code < 0) {
        store_close(s);
        err_wrap(e, code, "store %s/%s", runtime_dir, STORE_NAME);
        return code == -EPERM || code == -EACCES ? add_remedy(e, code, runtime_dir) : code;
    }
    *out = s;
    return 0;
}

void
store_close(struct store *s)
{
    if (!s)
        return;
    if (s->env)
        mdb_env_close(s->env);
    free(s);
}

static int
open_environment(struct store *s, const char *runtime_dir, int runtime_fd, struct err *e)
{
    const struct store_env_options options = { .name = STORE_NAME,
                                               .tables = TABLES_MAX,
                                               .map_octets = MAP_OCTETS };

    return store_env_open(&s->env, &s->file, runtime_dir, runtime_fd, &options, e);
}

static int
open_tables(struct store *s, struct err *e)
{
    MDB_txn *txn;
    int code = begin(s, 0, &txn);

    if (code != 0)
        return complain(s, code, e, "begin the first transaction");
    code = mdb_dbi_open(txn, "meta", MDB_CREATE, &s->meta);
    if (code == 0)
        code = mdb_dbi_open(txn, "totals", MDB_CREATE, &s->totals);
    if (code == 0)
        code = mdb_dbi_open(txn, "states", MDB_CREATE, &s->states);
    if (code == 0)
        code = mdb_dbi_open(txn, "lanes", MDB_CREATE, &s->lanes);
    if (code != 0) {
        mdb_txn_abort(txn);
        return complain(s, code, e, "open its tables");
    }
    code = check_layout(s, txn, e);
    if (code < 0) {
        mdb_txn_abort(txn);
        return code;
    }
    code = mdb_txn_commit(txn);
    return code == 0 ? 0 : complain(s, code, e, "commit the first transaction");
}

static int
check_layout(struct store *s, MDB_txn *txn, struct err *e)
{
    int code = store_env_layout(s->env, txn, s->meta, &layouts, &s->layout_found,
                                "lose the counts of writers that have ended", e);

    if (code < 0 || s->layout_found >= 3)
        return code;
    code = check_lanes(s, txn);
    return code == 0 ? 0 : complain(s, code, e, "take over the lanes of an older layout");
}

uint32_t
store_layout_found(const struct store *s)
{
    return s->layout_found < layouts.newest ? s->layout_found : 0;
}

enum store_health
store_health(struct store *s, int runtime_fd)
{
    struct err e;

    if (s->is_given_up || !store_files_still(runtime_fd, STORE_NAME, &s->file))
        return STORE_GONE;
    if (!s->is_damaged && store_env_is_cut(s->env, &s->octets_seen))
        complain(s, MDB_CORRUPTED, &e, "find the end of its file");
    return s->is_damaged ? STORE_DAMAGED : STORE_SOUND;
}

int
store_set_aside(const char *runtime_dir, int runtime_fd, struct err *e)
{
    int code = store_files_set_aside(runtime_fd, STORE_NAME, e);

    return code < 0 ? err_wrap(e, code, "store %s/%s", runtime_dir, STORE_NAME) : 0;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static MDB_val
name_key(const char *instance)
{
    return (MDB_val){ .mv_size = strlen(instance), .mv_data = (void *)instance };
}

static struct lane_key
lane_key(const char *instance, const uint8_t identity[LANE_IDENTITY_OCTETS])
{
    struct lane_key k = { .name_octets = strnlen(instance, CONFIG_NAME_OCTETS - 1) + 1 };

    memcpy(k.data, instance, k.name_octets - 1);
    if (identity)
        memcpy(k.data + k.name_octets, identity, LANE_IDENTITY_OCTETS);
    k.octets = k.name_octets + (identity ? LANE_IDENTITY_OCTETS : 0);
    return k;
}

static MDB_val
lane_val(const struct lane_key *k)
{
    return (MDB_val){ .mv_size = k->octets, .mv_data = (void *)k->data };
}

static int
read_instance(struct store *s, MDB_txn *txn, const char *instance, struct tally *totals,
              struct instance_state *state, uint64_t now_ns, struct err *e)
{
    MDB_val key = name_key(instance), value;
    int code = mdb_get(txn, s->states, &key, &value);

    if (code == MDB_NOTFOUND)
        return err_set(e, -ENOENT, "nothing kept of instance %s", instance);
    if (code != 0)
        return complain(s, code, e, "read the state of an instance");
    code = state_decode(state, s->boot_id, now_ns, value.mv_data, value.mv_size, e);
    if (code < 0)
        return code;
    code = mdb_get(txn, s->totals, &key, &value);
    if (code == MDB_NOTFOUND)
        return 0;
    if (code != 0)
        return complain(s, code, e, "read the totals of an instance");
    return totals_decode(totals, value.mv_data, value.mv_size, e);
}

int
store_get(struct store *s, const char *instance, struct tally *totals, struct instance_state *state,
          uint64_t now_ns, struct err *e)
{
    MDB_txn *txn;
    int code = begin(s, MDB_RDONLY, &txn);

    if (code != 0)
        return complain(s, code, e, "begin to read");
    code = read_instance(s, txn, instance, totals, state, now_ns, e);
    mdb_txn_abort(txn);
    if (code == -EBADMSG)
        s->errors++;
    return code;
}

static struct lane_value
lane_value(const MDB_val *key, uint32_t stage)
{
    uint64_t sum = store_checksum(key->mv_data, key->mv_size) + stage;

    return (struct lane_value){ .stage = stage,
                                .check = (uint32_t)(store_checksum(&sum, sizeof(sum)) >> 32) };
}

/* 0, or MDB_CORRUPTED. */
static int
lane_stage(const MDB_val *key, const MDB_val *value, enum store_lane *stage)
{
    struct lane_value v;

    *stage = STORE_LANE_UNKNOWN;
    if (value->mv_size != sizeof(v))
        return MDB_CORRUPTED;
    memcpy(&v, value->mv_data, sizeof(v));
    if (v.stage > STORE_LANE_RETIRED || v.check != lane_value(key, v.stage).check)
        return MDB_CORRUPTED;
    *stage = (enum store_lane)v.stage;
    return 0;
}

/* Give the rows of an older layout, which were stages alone, their checks. 0 or an LMDB code. */
static int
check_lanes(struct store *s, MDB_txn *txn)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int code = mdb_cursor_open(txn, s->lanes, &cursor);

    if (code != 0)
        return code;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        struct lane_key k = { .octets = key.mv_size };
        struct lane_value v;
        uint32_t stage;

        if (value.mv_size != sizeof(stage) || k.octets > sizeof(k.data)) {
            code = MDB_CORRUPTED;
            break;
        }
        memcpy(k.data, key.mv_data, k.octets);
        memcpy(&stage, value.mv_data, sizeof(stage));
        key = lane_val(&k); /* LMDB's own may move */
        v = lane_value(&key, stage);
        value = (MDB_val){ .mv_size = sizeof(v), .mv_data = &v };
        code = mdb_cursor_put(cursor, &key, &value, MDB_CURRENT);
        if (code != 0)
            break;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

enum store_lane
store_lane(struct store *s, const char *instance, const uint8_t identity[LANE_IDENTITY_OCTETS])
{
    struct lane_key k = lane_key(instance, identity);
    MDB_val key = lane_val(&k), value;
    enum store_lane stage = STORE_LANE_UNKNOWN;
    MDB_txn *txn;
    int code = begin(s, MDB_RDONLY, &txn);

    if (code == 0) {
        code = mdb_get(txn, s->lanes, &key, &value);
        if (code == 0)
            code = lane_stage(&key, &value, &stage);
        mdb_txn_abort(txn);
    }
    if (code == 0 || code == MDB_NOTFOUND)
        return stage;
    complain(s, code, NULL, "look up a lane");
    return STORE_LANE_UNREADABLE;
}

static int
each_lane(MDB_cursor *cursor, const struct lane_key *prefix,
          void (*each)(void *context, const uint8_t identity[LANE_IDENTITY_OCTETS], enum store_lane stage),
          void *context)
{
    MDB_val key = lane_val(prefix), value;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);

    while (code == 0 && key.mv_size == prefix->octets + LANE_IDENTITY_OCTETS &&
           memcmp(key.mv_data, prefix->data, prefix->octets) == 0) {
        enum store_lane stage;

        code = lane_stage(&key, &value, &stage);
        if (code != 0)
            break;
        each(context, (const uint8_t *)key.mv_data + prefix->octets, stage);
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    return code == MDB_NOTFOUND ? 0 : code;
}

int
store_each_lane(struct store *s, const char *instance,
                void (*each)(void *context, const uint8_t identity[LANE_IDENTITY_OCTETS],
                             enum store_lane stage),
                void *context, struct err *e)
{
    struct lane_key prefix = lane_key(instance, NULL);
    MDB_cursor *cursor;
    MDB_txn *txn;
    int code = begin(s, MDB_RDONLY, &txn);

    if (code == 0) {
        code = mdb_cursor_open(txn, s->lanes, &cursor);
        if (code == 0) {
            code = each_lane(cursor, &prefix, each, context);
            mdb_cursor_close(cursor);
        }
        mdb_txn_abort(txn);
    }
    return code == 0 ? 0 : complain(s, code, e, "list the lanes");
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

int
store_begin(struct store *s, struct store_txn **out, struct err *e)
{
    struct store_txn *t = calloc(1, sizeof(*t));
    int code;

    *out = NULL;
    if (!t)
        return err_set(e, -ENOMEM, "no memory for a transaction");
    code = begin(s, 0, &t->txn);
    if (code != 0) {
        free(t);
        return complain(s, code, e, "begin a transaction");
    }
    t->store = s;
    *out = t;
    return 0;
}

static void
put(struct store_txn *t, MDB_dbi table, MDB_val key, const void *data, size_t octets, const char *doing)
{
    MDB_val value = { .mv_size = octets, .mv_data = (void *)data };
    int code;

    if (t->code != 0)
        return;
    code = mdb_put(t->txn, table, &key, &value, 0);
    if (code != 0)
        t->code = complain(t->store, code, &t->err, doing);
}

void
store_put_totals(struct store_txn *t, const char *instance, const struct tally *totals)
{
    uint8_t *data;
    size_t octets;

    if (t->code != 0)
        return;
    t->code = totals_encode(totals, &data, &octets, &t->err);
    if (t->code != 0)
        return;
    put(t, t->store->totals, name_key(instance), data, octets, "put the totals of an instance");
    free(data);
}

void
store_put_state(struct store_txn *t, const char *instance, const struct instance_state *state)
{
    struct state_value value;

    state_encode(state, t->store->boot_id, &value);
    put(t, t->store->states, name_key(instance), &value, sizeof(value), "put the state of an instance");
}

void
store_put_lane(struct store_txn *t, const char *instance, const uint8_t identity[LANE_IDENTITY_OCTETS],
               enum store_lane stage)
{
    struct lane_key k = lane_key(instance, identity);
    MDB_val key = lane_val(&k);
    struct lane_value value = lane_value(&key, stage);

    put(t, t->store->lanes, key, &value, sizeof(value), "put a lane");
}

static void
forget(struct store_txn *t, const struct lane_key *k)
{
    MDB_val key = lane_val(k);
    int code;

    if (t->code != 0)
        return;
    code = mdb_del(t->txn, t->store->lanes, &key, NULL);
    if (code != 0 && code != MDB_NOTFOUND)
        t->code = complain(t->store, code, &t->err, "forget a lane");
}

int
store_commit(struct store_txn *t, struct err *e)
{
    struct store *s = t->store;
    int code;

    for (unsigned i = 0; i < s->n_forget; i++)
        forget(t, &s->forget[i]);
    code = t->code;
    if (code != 0) {
        mdb_txn_abort(t->txn);
        if (e)
            *e = t->err;
    } else {
        code = mdb_txn_commit(t->txn);
        if (code != 0)
            code = complain(s, code, e, "commit a transaction");
    }
    if (code == 0) {
        s->n_forget = 0;
        s->transactions++;
        store_env_is_cut(s->env, &s->octets_seen); /* it may have grown */
    }
    free(t);
    return code;
}

void
store_forget_later(struct store *s, const char *instance, const uint8_t identity[LANE_IDENTITY_OCTETS])
{
    if (s->n_forget < FORGET_MAX)
        s->forget[s->n_forget++] = lane_key(instance, identity);
}

void
store_stats_get(struct store *s, struct store_stats *stats)
{
    MDB_dbi tables[] = { s->meta, s->totals, s->states, s->lanes };
    MDB_envinfo info;
    MDB_stat stat;
    MDB_txn *txn;

    *stats = (struct store_stats){ .octets_max = MAP_OCTETS,
                                   .transactions = s->transactions,
                                   .errors = s->errors };
    snprintf(stats->last_error, sizeof(stats->last_error), "%s", s->last_error);
    if (store_env_is_cut(s->env, &s->octets_seen))
        return;
    if (mdb_env_info(s->env, &info) == 0 && mdb_env_stat(s->env, &stat) == 0)
        stats->octets = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
    if (begin(s, MDB_RDONLY, &txn) != 0)
        return;
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (mdb_stat(txn, tables[i], &stat) == 0)
            stats->entries += stat.ms_entries;
    store_pages_count(s->env, txn, &stats->pages);
    mdb_txn_abort(txn);
}
