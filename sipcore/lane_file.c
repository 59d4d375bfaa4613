/* SPDX-License-Identifier: BSD-2-Clause */
/* Making shared files: complete first, named last. */
#include "sipcore/lane_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sipcore/fault.h"

/* Allocated in pieces: a tmpfs gives back what it has when a signal interrupts it, so that a process with a
 * fast interval timer would otherwise never get a large file. */
#define ALLOCATE_STEP_OCTETS (256u << 10)

enum { PROC_PATH_OCTETS = 48, TEMPORARY_OCTETS = sizeof(((struct lane_file *)0)->temporary) };

static int
open_directory(int dir_fd, const char *name, int flags)
{
    int fd;

    do
        fd = openat(dir_fd, name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd < 0 ? -errno : fd;
}

/* The sentence for a runtime directory that cannot be opened, with what to do about it. */
static int
complain_of_runtime_directory(const char *dir, int code, struct err *e)
{
    if (code == -ENOENT)
        return err_set(
            e, code, "runtime directory %s does not exist: is sipmib installed, or SIPSTAT_DIR right?", dir);
    if (code == -ENOTDIR || code == -ELOOP)
        return err_set(e, code,
                       "runtime directory %s: not a directory (or a symbolic link, which is not followed)",
                       dir);
    return err_sys(e, code, "runtime directory %s: cannot open", dir);
}

/* Who may write lanes there: numbers, since to look names up could hold up the SIP process. */
static int
complain_of_access(int parent, const char *dir, const char *instance, const char *what, int code,
                   struct err *e)
{
    struct stat st;

    if (fstatat(parent, instance, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return err_set(
            e, code,
            "%s/%s: cannot %s: permission denied: this process (user %u) must be in group %u, whose it is "
            "(getent group %u; instances[].group of sipmib.yaml)",
            dir, instance, what, (unsigned)geteuid(), (unsigned)st.st_gid, (unsigned)st.st_gid);
    if (errno == ENOENT && fstat(parent, &st) == 0)
        return err_set(
            e, code,
            "%s/%s: cannot %s: permission denied: start sipmibd first, which makes it; or, if the instance "
            "has no group of its own, let this process (user %u) be in group %u, that of %s",
            dir, instance, what, (unsigned)geteuid(), (unsigned)st.st_gid, dir);
    return err_set(e, code, "%s/%s: cannot %s: permission denied: may this user (%u) enter %s?", dir,
                   instance, what, (unsigned)geteuid(), dir);
}

static int
complain_of_instance_directory(int parent, const char *dir, const char *instance, const char *what, int code,
                               struct err *e)
{
    if (code == -EACCES || code == -EPERM)
        return complain_of_access(parent, dir, instance, what, code, e);
    return err_sys(e, code, "%s/%s: cannot %s", dir, instance, what);
}

/* A hidden name that nobody can know before. */
static int
set_temporary(char name[TEMPORARY_OCTETS], struct err *e)
{
    uint8_t random[8];
    int code = lane_file_random(random, sizeof(random), e);

    if (code < 0)
        return code;
    name[0] = '.';
    lane_file_hex(name + 1, random, sizeof(random));
    memcpy(name + 1 + 2 * sizeof(random), ".tmp", sizeof(".tmp"));
    return 0;
}

/* Of two that are faster than each other one has the name. */
static int
name_directory(int parent, const char *temporary, const char *instance)
{
    int code = renameat2(parent, temporary, parent, instance, RENAME_NOREPLACE);

    if (code < 0 && (errno == ENOSYS || errno == EINVAL))
        code = renameat(parent, temporary, parent, instance); /* takes the place of an empty one at most */
    return code < 0 && errno != EEXIST && errno != ENOTEMPTY ? -1 : 0;
}

/* As files are made: complete first, named last. mkdir(2) obeys the umask and drops the set-group-ID bit, which is what
 * gives lanes their group; who is killed before that is mended leaves nothing that others would come to. Not
 * sticky: the agent, which is in the group, is to remove lanes from it. */
static int
make_directory(int parent, const char *dir, const char *instance, struct err *e)
{
    char temporary[TEMPORARY_OCTETS];
    int fd, code = set_temporary(temporary, e);

    if (code < 0)
        return code;
    if (mkdirat(parent, temporary, 02770) < 0)
        return complain_of_instance_directory(parent, dir, instance, "make the directory", -errno, e);
    fd = open_directory(parent, temporary, O_RDONLY);
    fault_point("file.directory");
    if (fd < 0 || fchmod(fd, 02770) < 0)
        code = complain_of_instance_directory(parent, dir, instance, "set the mode of the directory",
                                              fd < 0 ? fd : -errno, e);
    else if (name_directory(parent, temporary, instance) < 0)
        code = complain_of_instance_directory(parent, dir, instance, "name the directory", -errno, e);
    unlinkat(parent, temporary, AT_REMOVEDIR); /* it has the name by now, or another was faster */
    if (fd >= 0)
        close(fd);
    return code;
}

static int
open_or_make(int parent, const char *dir, const char *instance, struct err *e)
{
    int fd = open_directory(parent, instance, O_RDONLY);

    if (fd == -ENOENT) {
        int code = make_directory(parent, dir, instance, e);

        if (code < 0)
            return code;
        fd = open_directory(parent, instance, O_RDONLY);
    }
    if (fd < 0)
        return complain_of_instance_directory(parent, dir, instance, "open the directory", fd, e);
    return fd;
}

int
lane_file_directory(const char *dir, const char *instance, struct err *e)
{
    int parent = open_directory(AT_FDCWD, dir, O_PATH), fd;

    if (parent < 0)
        return complain_of_runtime_directory(dir, parent, e);
    fd = open_or_make(parent, dir, instance, e);
    close(parent);
    return fd;
}

static int
allocate(int fd, size_t octets, struct err *e)
{
    struct rlimit limit;

    /* Beyond this limit the kernel would send SIGXFSZ, which ends a process that does not expect it. */
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < octets)
        return err_set(e, -EFBIG, "cannot allocate %zu octets: the process's file size limit is %llu", octets,
                       (unsigned long long)limit.rlim_cur);
    for (size_t offset = 0; offset < octets;) {
        size_t step = octets - offset < ALLOCATE_STEP_OCTETS ? octets - offset : ALLOCATE_STEP_OCTETS;
        int code = posix_fallocate(fd, (off_t)offset, (off_t)step);

        if (code == EINTR)
            continue;
        if (code != 0)
            return err_sys(e, -code, "cannot allocate %zu octets", octets);
        offset += step;
    }
    return 0;
}

/* Where /proc shows this thread's descriptor. Not /proc/self: that is the thread group leader's table, and a thread may
 * have one of its own. */
static void
set_proc_path(char path[PROC_PATH_OCTETS], int fd)
{
    snprintf(path, PROC_PATH_OCTETS, "/proc/thread-self/fd/%d", fd);
}

/* A file without a name. False where that is not to be had: no O_TMPFILE on this file system, or no /proc to name the
 * file by later. */
static bool
open_unnamed(struct lane_file *f, mode_t mode)
{
    char path[PROC_PATH_OCTETS];
    struct stat ours, seen;

    f->fd = openat(f->dir_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    if (f->fd < 0)
        return false;
    set_proc_path(path, f->fd);
    if (fstat(f->fd, &ours) == 0 && stat(path, &seen) == 0 && ours.st_dev == seen.st_dev &&
        ours.st_ino == seen.st_ino)
        return true;
    close(f->fd);
    f->fd = -1;
    return false;
}

/* The same with a name, for where open_unnamed() cannot. */
static int
open_named(struct lane_file *f, mode_t mode, struct err *e)
{
    int code = set_temporary(f->temporary, e);

    if (code < 0)
        return code;
    f->fd = openat(f->dir_fd, f->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (f->fd < 0) {
        code = -errno;
        f->temporary[0] = 0;
        return err_sys(e, code, "cannot make a file");
    }
    return 0;
}

int
lane_file_begin(struct lane_file *f, int dir_fd, mode_t mode, size_t octets, struct err *e)
{
    int code = 0;

    *f = (struct lane_file){ .dir_fd = dir_fd, .fd = -1 };
    if (!open_unnamed(f, mode))
        code = open_named(f, mode, e);
    fault_point("file.made");
    if (code == 0 && fchmod(f->fd, mode) < 0)
        code = err_sys(e, -errno, "cannot set the mode of the new file");
    if (code == 0)
        code = allocate(f->fd, octets, e);
    fault_point("file.allocated");
    if (code < 0)
        lane_file_end(f);
    return code;
}

int
lane_file_write(const struct lane_file *f, const void *from, size_t octets, off_t offset, struct err *e)
{
    const uint8_t *next = from;

    while (octets > 0) {
        ssize_t n = pwrite(f->fd, next, octets, offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, -errno, "cannot write");
        next += n;
        octets -= (size_t)n;
        offset += n;
    }
    return 0;
}

/* From the temporary name to the final one, which must not exist. */
static int
publish_named(const struct lane_file *f, const char *name)
{
    if (renameat2(f->dir_fd, f->temporary, f->dir_fd, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != ENOSYS && errno != EINVAL)
        return -errno;
    if (linkat(f->dir_fd, f->temporary, f->dir_fd, name, 0) < 0)
        return -errno;
    unlinkat(f->dir_fd, f->temporary, 0);
    return 0;
}

int
lane_file_publish(struct lane_file *f, const char *name, struct err *e)
{
    char path[PROC_PATH_OCTETS];
    int code;

    if (f->temporary[0]) {
        code = publish_named(f, name);
    } else {
        set_proc_path(path, f->fd);
        code = linkat(AT_FDCWD, path, f->dir_fd, name, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
    }
    if (code == -EEXIST)
        return code;
    if (code < 0)
        return err_sys(e, code, "cannot name the new file %s", name);
    f->temporary[0] = 0;
    return 0;
}

int
lane_file_replace(struct lane_file *f, const char *name, struct err *e)
{
    char temporary[sizeof(f->temporary)];
    int code = 0;

    if (!f->temporary[0]) { /* a file without a name can be given a new one only */
        code = set_temporary(temporary, e);
        if (code == 0)
            code = lane_file_publish(f, temporary, e);
        if (code == 0)
            memcpy(f->temporary, temporary, sizeof(temporary));
    }
    if (code == 0 && renameat(f->dir_fd, f->temporary, f->dir_fd, name) < 0)
        code = err_sys(e, -errno, "cannot name the new file %s", name);
    if (code == 0)
        f->temporary[0] = 0;
    return code;
}

void
lane_file_end(struct lane_file *f)
{
    if (f->temporary[0])
        unlinkat(f->dir_fd, f->temporary, 0);
    if (f->fd >= 0)
        close(f->fd);
    *f = (struct lane_file){ .dir_fd = -1, .fd = -1 };
}

int
lane_file_random(void *to, size_t octets, struct err *e)
{
    uint8_t *next = to;

    while (octets > 0) {
        ssize_t n = getrandom(next, octets, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, -errno, "cannot get random octets");
        next += n;
        octets -= (size_t)n;
    }
    return 0;
}

void
lane_file_hex(char *to, const uint8_t *from, size_t octets)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < octets; i++) {
        *to++ = digits[from[i] >> 4];
        *to++ = digits[from[i] & 15];
    }
    *to = 0;
}
