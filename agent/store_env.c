/* SPDX-License-Identifier: BSD-2-Clause */
/* LMDB environments of the runtime directory. */
#include "agent/store_env.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "agent/store_probe.h"

/* LMDB wants a path. That nobody put another directory there meanwhile is checked afterwards, by the file it has
 * open. */
int
store_env_open(MDB_env **out, struct store_file_identity *file, const char *runtime_dir, int runtime_fd,
               const struct store_env_options *options, struct err *e)
{
    char path[4096];
    int code, fd;

    *out = NULL;
    code = store_files_prepare(runtime_fd, options->name, e);
    if (code < 0)
        return code;
    if ((size_t)snprintf(path, sizeof(path), "%s/%s", runtime_dir, options->name) >= sizeof(path))
        return err_set(e, -ENAMETOOLONG, "the path is too long");
    code = store_probe(path, options->tables, options->map_octets, e);
    if (code < 0)
        return code;
    code = mdb_env_create(out);
    if (code == 0)
        code = mdb_env_set_mapsize(*out, options->map_octets);
    if (code == 0)
        code = mdb_env_set_maxdbs(*out, options->tables);
    if (code == 0)
        code = mdb_env_open(*out, path, MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS, 0600);
    if (code == 0)
        code = mdb_env_get_fd(*out, &fd);
    if (code != 0)
        return store_explain(*out, code, e, "open it");
    if (!store_files_are(runtime_fd, options->name, fd, file))
        return err_set(e, -EAGAIN, "somebody replaced it while it was opened");
    return 0;
}

int
store_env_layout(MDB_env *env, MDB_txn *txn, MDB_dbi meta, const struct store_env_layouts *known,
                 uint32_t *found, const char *loss, struct err *e)
{
    MDB_val key = { .mv_size = 6, .mv_data = "layout" }, value;
    uint32_t newest = known->newest;
    int code = mdb_get(txn, meta, &key, &value);

    *found = newest;
    if (code == 0 && value.mv_size != sizeof(*found))
        return err_set(e, -EBADMSG, "damaged: a layout of %zu octets", value.mv_size);
    if (code == 0)
        memcpy(found, value.mv_data, sizeof(*found));
    if (*found > newest)
        return err_set(
            e, -EPROTONOSUPPORT,
            "made by a newer sipmibd (layout %u, this one knows %u): run that one, or remove the directory and %s",
            *found, newest, loss);
    if (*found < known->oldest)
        return err_set(e, -EBADMSG, "of layout %u, which this sipmibd (%u to %u) does not read", *found,
                       known->oldest, newest);
    if (code == MDB_NOTFOUND || *found < newest) {
        value = (MDB_val){ .mv_size = sizeof(newest), .mv_data = &newest };
        code = mdb_put(txn, meta, &key, &value, 0);
    }
    return code == 0 ? 0 : store_explain(env, store_first_failure(code), e, "read its layout");
}

int
store_code(int code)
{
    switch (code) {
    case MDB_MAP_FULL: return -ENOSPC;
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
    case MDB_BAD_DBI:
    case MDB_BAD_VALSIZE: return -EBADMSG;
    case MDB_PANIC:
    case MDB_BAD_TXN: return -EIO;
    default: return code > 0 ? -code : code < -30000 ? -EIO : code;
    }
}

int
store_first_failure(int code)
{
    return code == MDB_BAD_TXN ? MDB_CORRUPTED : code;
}

bool
store_env_is_cut(MDB_env *env, _Atomic uint64_t *octets)
{
    uint64_t seen = atomic_load(octets);
    struct stat st;
    int fd;

    if (mdb_env_get_fd(env, &fd) != 0 || fstat(fd, &st) < 0)
        return false;
    while ((uint64_t)st.st_size > seen && !atomic_compare_exchange_weak(octets, &seen, (uint64_t)st.st_size))
        ;
    return (uint64_t)st.st_size < seen;
}

uint64_t
store_env_room(MDB_env *env, uint64_t *total)
{
    struct statvfs fs;
    int fd;

    if (!env || mdb_env_get_fd(env, &fd) != 0 || fstatvfs(fd, &fs) != 0)
        return UINT64_MAX;
    if (total)
        *total = (uint64_t)fs.f_blocks * fs.f_frsize;
    return (uint64_t)fs.f_bavail * fs.f_frsize;
}

/* LMDB calls it an input/output error when a part of what it writes does not fit. */
int
store_explain(MDB_env *env, int code, struct err *e, const char *doing)
{
    if (code == EIO && store_env_room(env, NULL) < 65536)
        code = ENOSPC;
    if (code == ENOSPC || code == -ENOSPC)
        err_set(e, -ENOSPC, "cannot %s: the file system is full", doing);
    else
        err_set(e, -EIO, "cannot %s: %s", doing,
                code < 0 && code > -30000 ? strerror(-code) : mdb_strerror(code));
    return store_code(code);
}
