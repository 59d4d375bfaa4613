/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the registry share. */
#ifndef AGENT_REGISTRY_INTERNAL_H
#define AGENT_REGISTRY_INTERNAL_H

#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agent/registry.h"
#include "agent/registry_codec.h"
#include "agent/store_env.h"
#include "config/config.h"

enum {
    REGISTRY_INSTANCES_MAX = 4096, /* names ever seen since the boot */
    REGISTRY_PLACES_MAX = 65536    /* lanes; beyond it those that nobody reads any more are dropped */
};

/* What is kept of an instance beside its users. */
struct registry_count {
    uint32_t tree;      /* under which its rows stand */
    uint32_t next_user; /* index */
    uint64_t users;     /* with a contact */
    uint64_t strangers; /* without */
    uint64_t contacts;
};

struct registry_row {
    uint32_t id;
    bool is_dirty;
    struct registry_count live; /* as committed; under the mutex */
    struct registry_count work; /* as in the batch that is open; the writing thread's */
    char name[CONFIG_NAME_OCTETS];
};

struct registry {
    MDB_env *env;
    MDB_dbi meta;      /* "layout" -> uint32_t; "boot" -> boot id; "secret" -> struct siphash_key */
    MDB_dbi instances; /* id, big-endian -> struct registry_count and the name */
    MDB_dbi users, names, contacts, deadlines, places; /* as in registry.h */
    MDB_dbi garbage; /* tree, big-endian -> nothing: rows that are to go, a few at a time */
    struct store_file_identity file;
    struct siphash_key secret;
    struct registry *next_open; /* list of all that are open */
    atomic_uint refs;
    atomic_bool is_given_up; /* LMDB wants the environment closed */
    atomic_bool is_damaged;
    _Atomic uint64_t octets_seen; /* of the data file; see store_env_is_cut() */
    bool has_batch;
    pthread_mutex_t mutex; /* guards what follows */
    struct registry_row *rows;
    uint32_t n_rows, rows_max;
    uint64_t next_ns;
    struct registry_stats stats; /* what is counted over time */
};

struct registry_batch {
    struct registry *registry;
    MDB_txn *txn;
    struct registry_clock clock;
    int code;              /* the first failure, a negative errno */
    struct err err;        /* what was being done then */
    uint64_t room_octets;  /* that the file may have, as things are */
    uint64_t spare_octets; /* of that, not for what is new */
    uint64_t expired, contacts_over, strangers_over, refused_full;
};

/* Open with another bound on the size; what registry_open() does with its own. */
int registry_open_sized(struct registry **out, const char *runtime_dir, int runtime_fd, size_t map_octets,
                        struct err *e);

/* Begin a transaction, but not on a file that was cut. 0 or an LMDB code. Any thread. */
int registry_txn_begin(struct registry *r, unsigned flags, MDB_txn **txn);

/* Note the first failure of LMDB in a transaction (or a negative errno), and put it into words. Returns it as a
 * negative errno. Any thread. */
int registry_complain(struct registry *r, int code, struct err *e, const char *doing);

/* A row of a table that is not what it should be. Returns -EBADMSG. Any thread. */
int registry_damage(struct registry *r, struct err *e, const char *what);

/* The row of an instance, or NULL. The writing thread, or under the mutex. */
struct registry_row *registry_row_by_id(const struct registry *r, uint32_t id);
struct registry_row *registry_row_by_tree(const struct registry *r, uint32_t tree);

/* Write down a row's `work`. 0 or an LMDB code. */
int registry_row_put(struct registry *r, MDB_txn *txn, const struct registry_row *row);

/* ---- tables, within a batch. After a failure they do nothing and find nothing. */

static inline struct span
registry_span(MDB_val v)
{
    return span_of(v.mv_data, v.mv_size);
}

/* Fail with an LMDB code; as damage. */
void batch_fail(struct registry_batch *b, int code, const char *doing);
void batch_damage(struct registry_batch *b, const char *what);
bool batch_get(struct registry_batch *b, MDB_dbi table, struct span key, struct span *value);
void batch_put(struct registry_batch *b, MDB_dbi table, struct span key, struct span value);
void batch_delete(struct registry_batch *b, MDB_dbi table, struct span key);

/* The first key at or behind `from`, copied to key[max], and *octets of it; false when there is none. */
bool batch_first(struct registry_batch *b, MDB_dbi table, struct span from, uint8_t *key, size_t max,
                 size_t *octets);

/* What it points to is copied to `aor`: what LMDB has may move with the next change. */
bool batch_get_user(struct registry_batch *b, const struct registry_key *at, struct registry_user *out,
                    char aor[SIP_AOR_MAX]);
void batch_put_user(struct registry_batch *b, const struct registry_key *at,
                    const struct registry_user *user);

/* Remove a user that has neither contacts nor failures to keep it. */
void batch_drop_user(struct registry_batch *b, const struct registry_key *at, struct span aor);

/* Remove a contact, and what says when it ends. */
void batch_drop_contact(struct registry_batch *b, const struct registry_key *at, uint64_t deadline_ns);
void batch_put_deadline(struct registry_batch *b, const struct registry_key *at, uint64_t deadline_ns);
void batch_drop_deadline(struct registry_batch *b, const struct registry_key *at, uint64_t deadline_ns);

/* May a row be added? False when the map or the file system is nearly full: what is left is for removing rows, which
 * takes new pages too. */
bool batch_has_room(const struct registry_batch *b);

#endif
