/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory of an instance: made, opened, watched, and looked through for lanes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/instance_internal.h"
#include "agent/log.h"

enum { TEMPORARY_AGE_S = 60 };

static int open_directory(const struct instance *i, const struct site *site, struct err *e);
static void adopt(struct instance *i, struct site *site, int fd);
static void complain(struct instance *i, const struct site *site, int code, const struct err *e);

void
instance_directory_look(struct instance *i, struct site *site)
{
    struct err e = { "" };
    int fd;

    if (site->runtime_fd < 0)
        return; /* said by the site */
    fd = open_directory(i, site, &e);
    complain(i, site, fd < 0 ? fd : 0, &e);
    if (fd < 0) {
        i->must_look = true;
        return;
    }
    i->must_look = false;
    adopt(i, site, fd);
    interest_apply(&i->interest, i->dir_fd, i->name);
}

static int
open_directory(const struct instance *i, const struct site *site, struct err *e)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    bool is_made;
    int fd;

    if (site_name_is_reserved(i->name))
        return err_set(e, -EINVAL, "the agent keeps its own file of that name: name the instance otherwise");
    is_made = mkdirat(site->runtime_fd, i->name, 02770) == 0;
    if (!is_made && errno != EEXIST)
        return err_sys(e, -errno, "cannot make it");
    fd = openat(site->runtime_fd, i->name, flags);
    if (fd < 0)
        return err_sys(e, -errno, "cannot open it");
    /* mkdir(2) obeys the umask and drops the set-group-ID bit, which is what gives lanes their group. */
    if (is_made && fchmod(fd, 02770) < 0) {
        int code = err_sys(e, -errno, "cannot set its mode");

        close(fd);
        return code;
    }
    return fd;
}

/* Take the directory over, unless it is the one that is open already. */
static void
adopt(struct instance *i, struct site *site, int fd)
{
    char path[512];
    struct stat st;

    if (fstat(fd, &st) < 0)
        st.st_ino = 0;
    if (i->dir_fd >= 0 && st.st_ino == i->dir_inode && st.st_ino != 0 && i->watch >= 0) {
        close(fd);
        return;
    }
    instance_directory_close(i, site);
    i->dir_fd = fd;
    i->dir_inode = st.st_ino;
    snprintf(path, sizeof(path), "%s/%s", site->runtime_dir, i->name);
    i->watch = watcher_add(&site->watcher, fd, path);
    i->must_scan = i->must_check_files = true;
}

void
instance_directory_close(struct instance *i, struct site *site)
{
    watcher_remove(&site->watcher, i->watch);
    i->watch = -1;
    if (i->dir_fd >= 0)
        close(i->dir_fd);
    i->dir_fd = -1;
}

/* Once per kind of trouble, and once when it ends. */
static void
complain(struct instance *i, const struct site *site, int code, const struct err *e)
{
    const char *remedy = "";

    if (code == i->said_dir_code)
        return;
    i->said_dir_code = code;
    if (code == 0) {
        log_line(LOG_LEVEL_INFO, LOG_LANE, "instance %s: directory %s/%s is there now", i->name,
                 site->runtime_dir, i->name);
        return;
    }
    if (code == -EACCES || code == -EPERM)
        remedy = "; sipmibd's user must own it or be in its group, and it must have mode 2770";
    else if (code == -ENOTDIR || code == -ELOOP)
        remedy = "; something else has its name: remove that";
    log_line(LOG_LEVEL_ERROR, LOG_LANE, "instance %s: directory %s/%s: %s%s; trying again", i->name,
             site->runtime_dir, i->name, e->text, remedy);
}

/* A hidden file that nobody holds, a minute old: its maker was killed before it could name it (where unnamed files are
 * not to be had, see sipcore/lane_file.h). */
static void
sweep_temporary(const struct instance *i, const char *name)
{
    struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
    size_t octets = strlen(name);
    struct timespec now;
    struct stat st;
    int fd;

    if (name[0] != '.' || octets < 5 || strcmp(name + octets - 4, ".tmp") != 0)
        return;
    fd = openat(i->dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return;
    clock_gettime(CLOCK_REALTIME, &now);
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && now.tv_sec - st.st_ctim.tv_sec > TEMPORARY_AGE_S &&
        fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type == F_UNLCK && unlinkat(i->dir_fd, name, 0) == 0)
        log_line(LOG_LEVEL_INFO, LOG_LANE, "instance %s: removed an unfinished file", i->name);
    close(fd);
}

static bool
is_known(const struct instance *i, const struct dirent *entry)
{
    for (uint32_t k = 0; k < i->lanes.count; k++)
        if (i->lanes.lane[k]->inode == entry->d_ino && strcmp(i->lanes.lane[k]->name, entry->d_name) == 0)
            return true;
    return false;
}

/* Files set aside that are there no more. */
static void
forget_gone(struct instance *i)
{
    struct stat st;

    for (uint32_t k = i->lanes.n_aside; k-- > 0;)
        if (fstatat(i->dir_fd, i->lanes.aside[k].name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
            lane_set_drop_aside(&i->lanes, &i->lanes.aside[k]);
}

void
instance_scan(struct instance *i, struct site *site, uint64_t now_ns)
{
    const struct dirent *entry;
    DIR *dir = NULL;
    int fd;

    if (i->dir_fd < 0)
        return;
    fd = openat(i->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        dir = fdopendir(fd);
    if (!dir) {
        if (fd >= 0)
            close(fd);
        i->must_scan = true;
        return;
    }
    i->must_scan = false;
    i->must_check_files = true;
    forget_gone(i);
    while ((entry = readdir(dir))) {
        if (!is_known(i, entry))
            instance_attach(i, site, entry->d_name, now_ns);
        sweep_temporary(i, entry->d_name);
    }
    closedir(dir);
}
