/* SPDX-License-Identifier: BSD-2-Clause */
/* Counting LMDB's pages. */
#include "agent/store_pages.h"

#include <lmdb.h>
#include <string.h>

enum {
    FREE_TABLE = 0, /* LMDB's own: by transaction, the pages that it let go, their number first */
    LOTS_MAX = 4096
};

void
store_pages_count(MDB_env *env, MDB_txn *txn, struct store_pages *out)
{
    MDB_cursor *cursor;
    MDB_envinfo info;
    MDB_stat stat;
    MDB_val key, value;
    unsigned looked = 0;

    *out = (struct store_pages){ .octets = 0 };
    if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &stat) != 0)
        return;
    out->octets = stat.ms_psize;
    out->pages = (uint64_t)info.me_last_pgno + 1;
    out->readers = info.me_numreaders;
    if (mdb_stat(txn, FREE_TABLE, &stat) == 0)
        out->lots = stat.ms_entries;
    if (mdb_cursor_open(txn, FREE_TABLE, &cursor) != 0)
        return;
    while (looked++ < LOTS_MAX && mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0) {
        size_t pages = 0;

        if (value.mv_size >= sizeof(pages))
            memcpy(&pages, value.mv_data, sizeof(pages));
        out->free += pages;
    }
    mdb_cursor_close(cursor);
}
