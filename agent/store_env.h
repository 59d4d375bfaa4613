/* SPDX-License-Identifier: BSD-2-Clause */
/* LMDB environments of the runtime directory: how they are opened, and what their errors mean. One process uses them
 * (the agent's lock sees to that), without syncs: they are safe against its death, and gone with a reboot. */
#ifndef AGENT_STORE_ENV_H
#define AGENT_STORE_ENV_H

#include <lmdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store_files.h"
#include "sipcore/err.h"

struct store_env_options {
    const char *name;  /* of the directory, in the runtime directory */
    unsigned tables;   /* at most */
    size_t map_octets; /* address space, not memory: the file grows as it is used */
};

/* Open an environment, or make it when it is not there; it must not be open in this process. A child looks first
 * whether it can be used at all. *file tells the data file. On failure *out may be set; mdb_env_close() it. 0, or a
 * negative errno and `e` set:
 *   -EBADMSG             damaged
 *   -EAGAIN              somebody replaced it meanwhile
 *   -ENOSPC, -EACCES ... as the system says */
int store_env_open(MDB_env **out, struct store_file_identity *file, const char *runtime_dir, int runtime_fd,
                   const struct store_env_options *options, struct err *e);

/* Layouts of keys and values that a program knows: what it writes, and the oldest that it reads. */
struct store_env_layouts {
    uint32_t newest, oldest;
};

/* Note in table `meta` that the layout is the newest of those known. *found: what it was before, for the caller to take
 * over in the same transaction. 0; -EPROTONOSUPPORT: it is one that is newer still (`e` has the remedy, and the `loss`
 * that goes with it); -EBADMSG or others, `e` set. */
int store_env_layout(MDB_env *env, MDB_txn *txn, MDB_dbi meta, const struct store_env_layouts *known,
                     uint32_t *found, const char *loss, struct err *e);

/* LMDB's codes (or a negative errno) as a negative errno. What says that the file is not what it should be becomes
 * -EBADMSG. */
int store_code(int code);

/* What a failure that is the first one of its transaction says. LMDB passes over a page that it cannot use while it
 * looks for a table, and only condemns the transaction: then MDB_BAD_TXN is all that is told of damage. After another
 * failure it says nothing: do not ask. Other codes come back as they are. */
int store_first_failure(int code);

/* The same as store_code(), with "cannot `doing`: ..." in `e`. Tells a full file system from other failures to write.
 * `env` may be NULL. */
int store_explain(MDB_env *env, int code, struct err *e, const char *doing);

/* What the file system under the environment has left for us, in octets; UINT64_MAX when that cannot be told.
 * *total, unless NULL: its size. */
uint64_t store_env_room(MDB_env *env, uint64_t *total);

/* Has the data file become shorter than *octets, which is how long it was when last seen (0 at first; it is kept up to
 * date)? LMDB never shortens it, and what it has mapped beyond the end is a SIGBUS to read: ask before. One fstat().
 * Any thread. */
bool store_env_is_cut(MDB_env *env, _Atomic uint64_t *octets);

#endif
