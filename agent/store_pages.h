/* SPDX-License-Identifier: BSD-2-Clause */
/* How many pages an LMDB environment has, and how many of them wait to be used again. */
#ifndef AGENT_STORE_PAGES_H
#define AGENT_STORE_PAGES_H

#include <stdint.h>

struct MDB_env;
struct MDB_txn;

struct store_pages {
    uint64_t octets; /* of one page */
    uint64_t pages;  /* of the file, free ones included: it never has fewer again */
    uint64_t free;   /* of them; with very many lots of free pages, at least */
    uint64_t
        lots; /* of free pages: what one transaction let go each; many mean that somebody reads for long */
    uint64_t readers; /* places for readers ever taken at once */
};

/* Ask, in a transaction that reads. Its cost is one step for each lot, of the first 4096. Zeros when it cannot be
 * told. The thread of the transaction. */
void store_pages_count(struct MDB_env *env, struct MDB_txn *txn, struct store_pages *out);

#endif
