/* SPDX-License-Identifier: BSD-2-Clause */
/* The files under the store. */
#include "agent/store_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store.h"

#define DAMAGED_NAME STORE_NAME ".damaged"
#define DATA_FILE    "data.mdb" /* LMDB's names in its directory */
#define LOCK_FILE    "lock.mdb"

/* LMDB's reader table takes 64 octets a reader; a file that is large enough already it leaves at its size. */
enum { LOCK_FILE_OCTETS = 16384 };

static int allocate_lock_file(int store_fd, struct err *e);

int
store_files_prepare(int runtime_fd, struct err *e)
{
    struct stat st;
    int fd, code = 0;

    if (mkdirat(runtime_fd, STORE_NAME, 0700) < 0 && errno != EEXIST)
        return err_sys(e, -errno, "cannot make it");
    fd = openat(runtime_fd, STORE_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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
store_files_are(int runtime_fd, int fd, struct store_file_identity *identity)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return false;
    *identity = (struct store_file_identity){ .device = st.st_dev, .inode = st.st_ino };
    return store_files_still(runtime_fd, identity);
}

bool
store_files_still(int runtime_fd, const struct store_file_identity *identity)
{
    struct stat st;

    return fstatat(runtime_fd, STORE_NAME "/" DATA_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_dev == identity->device && st.st_ino == identity->inode;
}

int
store_files_set_aside(int runtime_fd, struct err *e)
{
    unlinkat(runtime_fd, DAMAGED_NAME "/" DATA_FILE, 0);
    unlinkat(runtime_fd, DAMAGED_NAME "/" LOCK_FILE, 0);
    unlinkat(runtime_fd, DAMAGED_NAME, AT_REMOVEDIR);
    if (renameat(runtime_fd, STORE_NAME, runtime_fd, DAMAGED_NAME) < 0)
        return err_sys(e, -errno, "cannot rename it to %s", DAMAGED_NAME);
    return 0;
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void
store_files_boot_id(uint8_t boot_id[BOOT_ID_OCTETS])
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    unsigned digits = 0;
    char text[64];
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));

    memset(boot_id, 0, BOOT_ID_OCTETS);
    if (fd >= 0)
        close(fd);
    for (ssize_t i = 0; i < n && digits < 2 * BOOT_ID_OCTETS; i++) {
        int value = hex_value(text[i]);

        if (value >= 0) {
            boot_id[digits / 2] = (uint8_t)(boot_id[digits / 2] << 4 | value);
            digits++;
        }
    }
}
