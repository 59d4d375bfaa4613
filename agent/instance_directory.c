/* SPDX-License-Identifier: BSD-2-Clause */
/* The directory of an instance: made, opened, watched, and looked through for lanes. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/instance_internal.h"
#include "agent/log.h"

enum { TEMPORARY_AGE_S = 60 };

/* Sticky: writers of the group make lanes, and cannot remove or rename each other's. */
#define MODE 03770u

static int open_directory(struct instance *i, const struct site *site, struct err *e);
static bool is_member(gid_t group);
static int settle(struct instance *i, int fd, gid_t group, bool is_made, struct err *e);
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

/* The group that the directory is to have. Without the agent in it lanes could not be read. */
static int
find_group(const struct instance *i, const struct site *site, gid_t *group, struct err *e)
{
    const struct config_group *g = &i->config->group;

    *group = site->runtime_group;
    if (!g->name)
        return 0;
    if (g->id == CONFIG_GROUP_UNKNOWN)
        return err_set(e, -ESRCH,
                       "there is no group \"%s\" (instances[].group): add it with "
                       "groupadd, then reload",
                       g->name);
    if (!is_member(g->id))
        return err_set(e, -EPERM,
                       "sipmibd is not in group %s (instances[].group): add user "
                       "%u to it (usermod -aG), then "
                       "restart sipmibd",
                       g->name, (unsigned)geteuid());
    *group = g->id;
    return 0;
}

static bool
is_member(gid_t group)
{
    int count = getgroups(0, NULL);
    gid_t *groups = count > 0 ? calloc((size_t)count, sizeof(*groups)) : NULL;
    bool is_found = geteuid() == 0 || getegid() == group;

    count = groups ? getgroups(count, groups) : 0;
    for (int k = 0; k < count; k++)
        is_found |= groups[k] == group;
    free(groups);
    return is_found;
}

/* Writers of an instance that is kept apart get in last of all, when it has its group and the agent's interest file
 * in it: they never make one. */
static int
open_directory(struct instance *i, const struct site *site, struct err *e)
{
    bool is_apart = i->config->group.name, is_made;
    gid_t group;
    int fd, code;

    if (site_name_is_reserved(i->name))
        return err_set(e, -EINVAL,
                       "the agent keeps its own file of that name: name the "
                       "instance otherwise");
    code = find_group(i, site, &group, e);
    if (code < 0)
        return code;
    is_made = mkdirat(site->runtime_fd, i->name, is_apart ? 0700 : MODE) == 0;
    if (!is_made && errno != EEXIST)
        return err_sys(e, -errno, "cannot make it");
    fd = openat(site->runtime_fd, i->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_sys(e, -errno, "cannot open it");
    code = settle(i, fd, group, is_made, e);
    if (code == 0)
        return fd;
    close(fd);
    return code;
}

/* Group and mode, where they are the agent's to set: mkdir(2) obeys the umask and drops the set-group-ID bit, which
 * is what gives lanes their group, and the configuration may have changed since. What a writer made before the agent
 * came is used as it is, but not for an instance that is kept apart. */
static int
settle(struct instance *i, int fd, gid_t group, bool is_made, struct err *e)
{
    bool is_apart = i->config->group.name;
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(e, -errno, "cannot look at it");
    if (st.st_uid != geteuid())
        return !is_apart ? 0
                         : err_set(e, -EPERM,
                                   "it belongs to user %u, who could let anybody "
                                   "in (instances[].group): remove it, "
                                   "and sipmibd makes its own",
                                   (unsigned)st.st_uid);
    if (st.st_gid != group && fchown(fd, (uid_t)-1, group) < 0 && is_apart)
        return err_sys(e, -errno, "cannot give it to group %s", i->config->group.name);
    if (is_apart && is_made) {
        if (fchmod(fd, MODE & ~0070) < 0)
            return err_sys(e, -errno, "cannot set its mode");
        interest_apply(&i->interest, fd, i->name);
    }
    if (((is_made && is_apart) || (st.st_mode & 07777) != MODE || st.st_gid != group) && fchmod(fd, MODE) < 0)
        return err_sys(e, -errno, "cannot set its mode");
    return 0;
}

/* Take the directory over, unless it is the one that is open already. */
static void
adopt(struct instance *i, struct site *site, int fd)
{
    char path[512];
    struct stat st;

    if (fstat(fd, &st) < 0)
        st = (struct stat){ .st_ino = 0 };
    snprintf(path, sizeof(path), "%s/%s", site->runtime_dir, i->name);
    if (i->dir_fd >= 0 && st.st_ino == i->dir_inode && st.st_dev == i->dir_device && st.st_ino != 0 &&
        i->watch >= 0) {
        i->watch = watcher_add(&site->watcher, fd,
                               path); /* the same, unless its end was among events that were lost */
        close(fd);
        return;
    }
    instance_directory_close(i, site);
    i->dir_fd = fd;
    i->dir_device = st.st_dev;
    i->dir_inode = st.st_ino;
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
        instance_say(i, LOG_LEVEL_INFO, LOG_LANE, ": directory %s/%s is there now", site->runtime_dir,
                     i->name);
        return;
    }
    if (code == -EACCES)
        remedy = "; sipmibd's user must own it, or be in its group";
    else if (code == -ENOTDIR || code == -ELOOP)
        remedy = "; something else has its name: remove that";
    instance_say(i, LOG_LEVEL_ERROR, LOG_LANE, ": directory %s/%s: %s%s; trying again", site->runtime_dir,
                 i->name, e->text, remedy);
}

/* A hidden file that nobody holds, a minute old: its maker was killed before it could name it (where unnamed files
 * are not to be had, see sipcore/lane_file.h). */
static void
sweep_temporary(struct instance *i, const char *name)
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
        instance_say(i, LOG_LEVEL_INFO, LOG_LANE, ": removed an unfinished file");
    close(fd);
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
        i->must_scan = i->must_look = true; /* that says what is wrong with it */
        return;
    }
    i->must_scan = i->must_search = false;
    i->must_check_files = true;
    i->lanes.aside_over = i->lanes.refused = 0; /* of this look */
    forget_gone(i);
    while ((entry = readdir(dir))) {
        instance_attach(i, site, entry->d_name, now_ns);
        interest_hear(&i->interest, i->dir_fd, entry->d_name, i->name);
        sweep_temporary(i, entry->d_name);
    }
    closedir(dir);
}
