/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether an LMDB environment can be used at all: a child finds out. */
#include "agent/store_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sipcore/fault.h"

enum {
    PATIENCE_S = 10,
    PAGE_OCTETS = 4096,
    SCRATCH_OCTETS = 65536,
    REWRITTEN_MAX = 4096,
    FREE_TABLE = 0,
    MAIN_TABLE = 1
};

static bool lacks_something; /* the child: what it met says nothing of the file */

static void be_a_child(void);
static bool is_usable(const char *path, unsigned tables, size_t map_octets);

/* What a damaged file makes of its reader. Other signals come from somebody, or for want of memory: a service manager
 * that ends us ends the child first. */
static bool
is_of_file(int number)
{
    return number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE ||
           number == SIGABRT || number == SIGPROF;
}

int
store_probe(const char *path, unsigned tables, size_t map_octets, struct err *e)
{
    pid_t pid = fork();
    int status = 0;

    if (pid < 0)
        return 0;
    if (pid == 0) {
        be_a_child();
        _exit(is_usable(path, tables, map_octets) || lacks_something ? 0 : 1);
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 0;
    if (WIFSIGNALED(status) && !is_of_file(WTERMSIG(status)))
        return err_set(e, -EINTR, "the process that looks it through was killed");
    if (WIFSIGNALED(status))
        return err_set(e, -EBADMSG, "damaged: reading it ends in signal %d", WTERMSIG(status));
    return WEXITSTATUS(status) == 0 ? 0 : err_set(e, -EBADMSG, "damaged: it contradicts itself");
}

/* Quiet, alone, and not for ever. */
static void
be_a_child(void)
{
    const struct itimerval patience = { .it_value.tv_sec = PATIENCE_S };
    const struct rlimit no_core = { 0, 0 };
    sigset_t none;
    int null;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close_range(3, ~0u, 0); /* above all the agent's lock, which must not outlive the agent */
    setrlimit(RLIMIT_CORE, &no_core);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0)
        dup2(null, STDERR_FILENO); /* LMDB says where it gave up */
    for (int s = SIGILL; s <= SIGTERM; s++)
        signal(s, SIG_DFL);
    signal(SIGPROF, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setitimer(ITIMER_PROF, &patience, NULL); /* its own time: a busy machine is no damage */
}

/* Whether LMDB did what it was asked for. */
static bool
is_done(int code)
{
    lacks_something |= code == ENOMEM || code == EMFILE || code == ENFILE || code == EAGAIN || code == ENOSPC;
    return code == 0;
}

/* Every value, and an octet of each page of it: more finds nothing more. */
static bool
read_table(MDB_txn *txn, MDB_dbi table)
{
    volatile uint8_t sum = 0;
    MDB_val key, value;
    MDB_cursor *cursor;
    int code;

    if (!is_done(mdb_cursor_open(txn, table, &cursor)))
        return false;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0)
        for (size_t i = 0; i < value.mv_size; i += PAGE_OCTETS)
            sum ^= ((const uint8_t *)value.mv_data)[i] ^ ((const uint8_t *)value.mv_data)[value.mv_size - 1];
    mdb_cursor_close(cursor);
    (void)sum;
    return code == MDB_NOTFOUND;
}

/* What is free: a count, and that many page numbers. A wrong one would be given out while it is in use. */
static bool
free_pages_are_good(MDB_txn *txn, size_t last_page)
{
    MDB_val key, value;
    MDB_cursor *cursor;
    bool is_good = true;
    int code;

    if (!is_done(mdb_cursor_open(txn, FREE_TABLE, &cursor)))
        return false;
    while (is_good && (code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        size_t count = 0, page;

        is_good = value.mv_size >= sizeof(count);
        if (is_good)
            memcpy(&count, value.mv_data, sizeof(count));
        is_good = is_good && count < value.mv_size / sizeof(count);
        for (size_t i = 1; is_good && i <= count; i++) {
            memcpy(&page, (const uint8_t *)value.mv_data + i * sizeof(page), sizeof(page));
            is_good = page >= 2 && page <= last_page;
        }
    }
    mdb_cursor_close(cursor);
    return is_good && code == MDB_NOTFOUND;
}

/* The main table holds the others by name. They are left open, as the numbers from MAIN_TABLE + 1 to below
 * *tables. */
static bool
read_all(MDB_env *env, MDB_txn *txn, MDB_dbi *tables)
{
    MDB_envinfo info;
    MDB_cursor *cursor;
    MDB_val key, value;
    MDB_dbi table;
    char name[64];
    int code;

    if (mdb_env_info(env, &info) != 0 || !free_pages_are_good(txn, info.me_last_pgno))
        return false;
    if (!is_done(mdb_cursor_open(txn, MAIN_TABLE, &cursor)))
        return false;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (key.mv_size >= sizeof(name))
            return false;
        memcpy(name, key.mv_data, key.mv_size);
        name[key.mv_size] = '\0';
        if (!is_done(mdb_dbi_open(txn, name, 0, &table)) || !read_table(txn, table))
            return false;
        if (table >= *tables)
            *tables = table + 1;
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND;
}

/* Put every value in place of itself, as far as is reasonable. */
static bool
rewrite_table(MDB_txn *txn, MDB_dbi table)
{
    unsigned count = 0;
    MDB_val key, value;
    MDB_cursor *cursor;
    int code;

    if (!is_done(mdb_cursor_open(txn, table, &cursor)))
        return false;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0 && count++ < REWRITTEN_MAX) {
        void *copy = malloc(value.mv_size + 1);

        if (!copy)
            break;
        memcpy(copy, value.mv_data, value.mv_size);
        value.mv_data = copy;
        code = mdb_cursor_put(cursor, &key, &value, MDB_CURRENT);
        free(copy);
        if (!is_done(code))
            break;
    }
    mdb_cursor_close(cursor);
    return code == 0 || code == MDB_NOTFOUND || code == MDB_MAP_FULL || code == ENOSPC;
}

/* What a transaction does to pages, without its commit. Something of more than a page makes LMDB look for
 * free ones. */
static bool
write_all(MDB_env *env, MDB_dbi tables)
{
    MDB_val key = { .mv_size = 5, .mv_data = "probe" }, value = { .mv_size = SCRATCH_OCTETS };
    bool is_good = true;
    MDB_dbi scratch;
    MDB_txn *txn;
    int code;

    if (!is_done(mdb_txn_begin(env, NULL, 0, &txn)))
        return false;
    for (MDB_dbi table = MAIN_TABLE + 1; is_good && table < tables; table++)
        is_good = rewrite_table(txn, table);
    code = is_good ? mdb_dbi_open(txn, "probe", MDB_CREATE, &scratch) : MDB_CORRUPTED;
    if (code == 0)
        code = mdb_put(txn, scratch, &key, &value, MDB_RESERVE);
    mdb_txn_abort(txn);
    return is_done(code) || code == MDB_MAP_FULL;
}

static bool
is_usable(const char *path, unsigned tables, size_t map_octets)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi main_table, opened = MAIN_TABLE + 1;
    bool is_good;

    if (mdb_env_create(&env) != 0)
        return true; /* no memory says nothing of the file */
    mdb_env_set_mapsize(env, map_octets);
    mdb_env_set_maxdbs(env, tables + 1);
    if (mdb_env_open(env, path, MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS, 0600) != 0)
        return true; /* the parent will be told the same, in words */
    if (!is_done(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn)))
        return false;
    fault_point("start.probing");
    is_good = is_done(mdb_dbi_open(txn, NULL, 0, &main_table)) && read_all(env, txn, &opened);
    is_good = is_done(mdb_txn_commit(txn)) && is_good; /* which keeps the tables open; it only read */
    return is_good && write_all(env, opened);
}
