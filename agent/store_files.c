/* SPDX-License-Identifier: BSD-2-Clause */
/* The files under an LMDB environment. */
#include "agent/store_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_FILE "data.mdb" /* LMDB's names in its directory */
#define LOCK_FILE "lock.mdb"

/* LMDB's reader table takes 64 octets a reader; a file that is large enough already it leaves at its size. */
enum { LOCK_FILE_OCTETS = 16384, NAME_OCTETS = 128 };

static int allocate_lock_file(int store_fd, struct err *e);

int
store_files_prepare(int runtime_fd, const char *name, struct err *e)
{
    struct stat st;
    int fd, code = 0;

    if (mkdirat(runtime_fd, name, 0700) < 0 && errno != EEXIST)
        return err_sys(e, -errno, "cannot make it");
    fd = openat(runtime_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, -errno, "cannot open it");
    if (fstat(fd, &st) < 0)
        code = err_sys(e, -errno, "cannot look at it");
    else if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        code =
            err_set(e, -EPERM,
                    "it must be a directory of this user (%u) with mode 0700: it belongs to %u with mode %#o",
                    (unsigned)geteuid(), (unsigned)st.st_uid, (unsigned)st.st_mode & 07777u);
    else
        code = allocate_lock_file(fd, e);
    close(fd);
    return code;
}

static int
allocate_lock_file(int store_fd, struct err *e)
{
    int fd = openat(store_fd, LOCK_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    int code;

    if (fd < 0)
        return err_sys(e, -errno, "cannot make its lock file");
    do
        code = posix_fallocate(fd, 0, LOCK_FILE_OCTETS);
    while (code == EINTR);
    close(fd);
    return code == 0 ? 0 : err_sys(e, -code, "cannot allocate its lock file");
}

bool
store_files_are(int runtime_fd, const char *name, int fd, struct store_file_identity *identity)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    *identity = (struct store_file_identity){ .device = st.st_dev, .inode = st.st_ino };
    return store_files_still(runtime_fd, name, identity);
}

bool
store_files_still(int runtime_fd, const char *name, const struct store_file_identity *identity)
{
    char path[NAME_OCTETS];
    struct stat st;

    snprintf(path, sizeof(path), "%s/%s", name, DATA_FILE);
    return fstatat(runtime_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == identity->device &&
           st.st_ino == identity->inode;
}

int
store_files_set_aside(int runtime_fd, const char *name, struct err *e)
{
    char aside[NAME_OCTETS];

    snprintf(aside, sizeof(aside), "%s.damaged", name);
    store_files_remove(runtime_fd, aside, NULL);
    if (renameat(runtime_fd, name, runtime_fd, aside) < 0)
        return err_sys(e, -errno, "cannot rename it to %s", aside);
    return 0;
}

int
store_files_remove(int runtime_fd, const char *name, struct err *e)
{
    static const char *const files[] = { DATA_FILE, LOCK_FILE };
    char path[NAME_OCTETS];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", name, files[i]);
        unlinkat(runtime_fd, path, 0);
    }
    if (unlinkat(runtime_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return err_sys(e, -errno, "cannot remove it");
    return 0;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
store_files_boot_id(uint8_t boot_id[BOOT_ID_OCTETS], struct err *e)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    unsigned digits = 0;
    char text[64];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    int code = n < 0 ? -errno : 0;

    memset(boot_id, 0, BOOT_ID_OCTETS);
    if (fd >= 0)
        close(fd);
    if (code < 0 && code != -ENOENT && code != -ENOTDIR && code != -EACCES && code != -EPERM)
        return err_sys(e, code, "cannot ask which boot of the machine this is");
    for (ssize_t i = 0; i < n && digits < 2 * BOOT_ID_OCTETS; i++) {
        int value = hex_value(text[i]);

        if (value >= 0) {
            boot_id[digits / 2] = (uint8_t)(boot_id[digits / 2] << 4 | value);
            digits++;
        }
    }
    return 0;
}
