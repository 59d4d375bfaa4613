/* SPDX-License-Identifier: BSD-2-Clause */
/* agent/process_use, agent/store_pages: what a process and its files take. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/process_use.h"
#include "agent/store_pages.h"
#include "tests/unit/scratch.h"

TestSuite(process_use);

Test(process_use, counts_descriptors_and_not_its_own)
{
    struct process_use before, after;
    int fd;

    process_use_get(&before);
    fd = open("/dev/null", O_RDONLY);
    process_use_get(&after);
    close(fd);
    cr_assert(eq(u64, after.descriptors, before.descriptors + 1));
    cr_assert(le(u64, after.descriptors, after.descriptors_max));
}

Test(process_use, tells_resident_memory)
{
    enum { OCTETS = 32 << 20, LEAST = 24 << 20 };
    struct process_use before, after;
    volatile char *more;

    process_use_get(&before);
    more = malloc(OCTETS);
    cr_assert(more != NULL);
    for (size_t k = 0; k < OCTETS; k += 1024)
        more[k] = 1;
    process_use_get(&after);
    free((void *)more);
    cr_assert(gt(u64, before.rss_octets, 0));
    cr_assert(ge(u64, after.rss_octets, before.rss_octets + LEAST));
    cr_assert(ge(u64, after.rss_highest_octets + (1 << 20), after.rss_octets));
}

static void
count(MDB_env *env, struct store_pages *out)
{
    MDB_txn *txn;

    cr_assert(eq(int, mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0));
    store_pages_count(env, txn, out);
    mdb_txn_abort(txn);
}

/* So many values of a page each, or none. */
static void
fill(MDB_env *env, unsigned values)
{
    char octets[4000] = { 0 };
    MDB_txn *txn;
    MDB_dbi table;

    cr_assert(eq(int, mdb_txn_begin(env, NULL, 0, &txn), 0));
    cr_assert(eq(int, mdb_dbi_open(txn, NULL, 0, &table), 0));
    cr_assert(eq(int, mdb_drop(txn, table, 0), 0));
    for (unsigned k = 0; k < values; k++) {
        MDB_val key = { .mv_size = sizeof(k), .mv_data = &k },
                value = { .mv_size = sizeof(octets), .mv_data = octets };

        cr_assert(eq(int, mdb_put(txn, table, &key, &value, 0), 0));
    }
    cr_assert(eq(int, mdb_txn_commit(txn), 0));
}

Test(process_use, counts_the_pages_of_a_store_and_those_that_are_free)
{
    struct store_pages full, empty;
    char dir[PATH_MAX];
    MDB_env *env;

    scratch_make(dir);
    cr_assert(eq(int, mdb_env_create(&env), 0));
    cr_assert(eq(int, mdb_env_set_mapsize(env, 16 << 20), 0));
    cr_assert(eq(int, mdb_env_open(env, dir, MDB_NOSYNC, 0600), 0));
    fill(env, 200);
    count(env, &full);
    cr_expect(ge(u64, full.pages - full.free, 200));
    fill(env, 0);
    count(env, &empty);
    cr_expect(ge(u64, empty.pages, full.pages));
    cr_expect(le(u64, empty.pages - empty.free, 20));
    cr_expect(gt(u64, empty.lots, 0));
    mdb_env_close(env);
    scratch_remove(dir);
}
