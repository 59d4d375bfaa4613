/* SPDX-License-Identifier: BSD-2-Clause */
/* What all instances share. */
#include "agent/site.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/site_names.h"
#include "sipcore/fault.h"

enum { LOCK_ATTEMPTS = 20, LOCK_PAUSE_MS = 25 };

static int open_directory(struct site *s, struct err *e);
static void close_directory(struct site *s);
static int lock_directory(struct site *s, int fd, struct err *e);
static int open_store(struct site *s, bool is_first, struct err *e);
static void complain(int *said, int code, enum log_topic topic, const char *good, const struct err *e);

int
site_open(struct site *s, const char *runtime_dir, struct err *e)
{
    int code;

    *s = (struct site){ .runtime_fd = -1, .lock_fd = -1, .runtime_watch = -1, .next_look_ns = SITE_NEVER };
    watcher_init(&s->watcher);
    s->runtime_dir = strdup(runtime_dir);
    if (!s->runtime_dir)
        return err_set(e, -ENOMEM, "no memory");
    watcher_open(&s->watcher);
    code = open_directory(s, e);
    /* An agent that was just killed may take a moment to be gone. */
    for (unsigned attempt = 0; code == -EBUSY && attempt < LOCK_ATTEMPTS; attempt++) {
        poll(NULL, 0, LOCK_PAUSE_MS);
        code = open_directory(s, e);
    }
    fault_point("start.locked");
    if (code == 0)
        code = open_store(s, true, e);
    if (code < 0)
        site_close(s);
    return code;
}

void
site_close(struct site *s)
{
    store_close(s->store);
    s->store = NULL;
    close_directory(s);
    watcher_close(&s->watcher);
    free(s->runtime_dir);
    s->runtime_dir = NULL;
}

/* ---- the directory ---------------------------------------------------------------------------------------------- */

static int
not_a_directory(const struct site *s, int code, struct err *e)
{
    struct stat st;

    if (lstat(s->runtime_dir, &st) == 0 && S_ISLNK(st.st_mode))
        return err_set(
            e, code,
            "runtime directory %s: it is a symbolic link: set runtime_dir to what it points to, or put a "
            "directory in its place",
            s->runtime_dir);
    return err_sys(e, code, "runtime directory %s: cannot open it", s->runtime_dir);
}

static int
open_or_make(const struct site *s, struct err *e)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = open(s->runtime_dir, flags);

    if (fd < 0 && errno == ENOENT && mkdir(s->runtime_dir, 03771) == 0) {
        fd = open(s->runtime_dir, flags);
        if (fd >= 0 && fchmod(fd, 03771) < 0) {
            int code = err_sys(e, -errno, "runtime directory %s: cannot set its mode", s->runtime_dir);

            close(fd);
            return code;
        }
    }
    if (fd >= 0)
        return fd;
    if (errno == ENOENT || errno == EACCES || errno == EPERM)
        return err_sys(
            e, -errno,
            "runtime directory %s: cannot open or make it (systemd-tmpfiles --create makes the usual one; "
            "another is set by runtime_dir)",
            s->runtime_dir);
    if (errno == ENOTDIR || errno == ELOOP)
        return not_a_directory(s, -errno, e);
    return err_sys(e, -errno, "runtime directory %s: cannot open it", s->runtime_dir);
}

/* What the directory of somebody's own choice lets others do. */
static void
warn_of_access(const struct site *s, const struct stat *st)
{
    if (st->st_mode & S_IWOTH)
        log_line(LOG_LEVEL_WARNING, LOG_AGENT,
                 "runtime directory %s is writable by everybody: any user can forge counters; chmod 3771 it",
                 s->runtime_dir);
    else if ((st->st_mode & S_IWGRP) && !(st->st_mode & S_ISVTX))
        log_line(LOG_LEVEL_WARNING, LOG_AGENT,
                 "runtime directory %s is not sticky: whoever may write to it can remove what others made; "
                 "chmod 3771 it",
                 s->runtime_dir);
    if (st->st_uid != geteuid() && geteuid() != 0)
        log_line(
            LOG_LEVEL_WARNING, LOG_AGENT,
            "runtime directory %s belongs to user %u: writers trust that user and not sipmibd's (%u), and record "
            "no events; chown it",
            s->runtime_dir, (unsigned)st->st_uid, (unsigned)geteuid());
}

static int
open_directory(struct site *s, struct err *e)
{
    int fd = open_or_make(s, e), code;
    struct stat st;

    if (fd < 0)
        return fd;
    code = lock_directory(s, fd, e);
    if (code == 0 && fstat(fd, &st) < 0)
        code = err_sys(e, -errno, "runtime directory %s", s->runtime_dir);
    if (code != 0) {
        close(fd);
        return code;
    }
    warn_of_access(s, &st);
    s->runtime_fd = fd;
    s->runtime_group = st.st_gid;
    s->runtime_device = st.st_dev;
    s->runtime_inode = st.st_ino;
    s->runtime_watch = watcher_add(&s->watcher, fd, s->runtime_dir);
    return 0;
}

static void
close_directory(struct site *s)
{
    watcher_remove(&s->watcher, s->runtime_watch);
    s->runtime_watch = -1;
    if (s->runtime_fd >= 0)
        close(s->runtime_fd);
    s->runtime_fd = -1;
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    s->lock_fd = -1;
}

/* Only our own, or that of the directory's owner: another could hold its lock for ever. So nobody else may open it. */
static int
open_lock(const struct site *s, int runtime_fd, struct err *e)
{
    int fd = openat(runtime_fd, SITE_LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    struct stat st = { 0 }, dir = { 0 };
    int code = fd < 0 ? -errno : 0;

    if (code == 0 && (fstat(fd, &st) < 0 || fstat(runtime_fd, &dir) < 0))
        code = -errno;
    if (code == 0 && st.st_uid != geteuid() && st.st_uid != dir.st_uid)
        code = -EPERM;
    if (code == 0 && (st.st_mode & 077) && fchmod(fd, 0600) < 0)
        code = -errno;
    if (code == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    if (code == -EACCES || code == -EPERM)
        return err_sys(
            e, code,
            "runtime directory %s: cannot open %s (made by another user? stop that sipmibd, then remove "
            "%s/%s and %s/%s)",
            s->runtime_dir, SITE_LOCK_NAME, s->runtime_dir, SITE_LOCK_NAME, s->runtime_dir, STORE_NAME);
    return err_sys(e, code, "runtime directory %s: cannot open %s", s->runtime_dir, SITE_LOCK_NAME);
}

/* One agent a directory: two would retire the same lanes. The lock goes with the process, however it ends. */
static int
lock_directory(struct site *s, int runtime_fd, struct err *e)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    int fd = open_lock(s, runtime_fd, e);
    char text[32] = "";
    int code;

    if (fd < 0)
        return fd;
    if (fcntl(fd, F_OFD_SETLK, &whole) < 0) {
        code = -errno;
        if (code == -EAGAIN || code == -EACCES) {
            ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

            text[n > 0 ? n : 0] = '\0';
            code = err_set(
                e, -EBUSY,
                "runtime directory %s: another sipmibd (pid %ld) serves it: stop that one, or give this one "
                "another runtime_dir",
                s->runtime_dir, strtol(text, NULL, 10));
        } else {
            err_sys(e, code, "runtime directory %s: cannot lock %s", s->runtime_dir, SITE_LOCK_NAME);
        }
        close(fd);
        return code;
    }
    snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, strlen(text), 0) < 0)
        log_line(LOG_LEVEL_DEBUG, LOG_AGENT, "%s/%s: cannot write the pid: %s", s->runtime_dir,
                 SITE_LOCK_NAME, strerror(errno)); /* only for people */
    s->lock_fd = fd;
    return 0;
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

/* What ended writers counted is in memory, too, once it was read. */
static int
open_store(struct site *s, bool is_first, struct err *e)
{
    int code = store_open(&s->store, s->runtime_dir, s->runtime_fd, e);

    if (code == 0 && store_layout_found(s->store) != 0)
        log_line(LOG_LEVEL_INFO, LOG_STORE, "store %s/%s of an older sipmibd (layout %u) is taken over",
                 s->runtime_dir, STORE_NAME, store_layout_found(s->store));
    if (code != -EBADMSG)
        return code;
    log_line(LOG_LEVEL_ERROR, LOG_STORE, "%s; it is set aside as %s.damaged: %s", e->text, STORE_NAME,
             is_first ? "what ended writers counted is lost" : "a new one gets all that is held");
    s->stores_damaged++;
    code = store_set_aside(s->runtime_dir, s->runtime_fd, e);
    return code < 0 ? code : store_open(&s->store, s->runtime_dir, s->runtime_fd, e);
}

static bool
directory_is_same(const struct site *s)
{
    struct stat st;

    return s->runtime_fd >= 0 && lstat(s->runtime_dir, &st) == 0 && st.st_dev == s->runtime_device &&
           st.st_ino == s->runtime_inode;
}

/* Let go of a store that is not sound any more. What it held is in memory, too. */
static void
drop_bad_store(struct site *s)
{
    enum store_health health = s->store ? store_health(s->store, s->runtime_fd) : STORE_SOUND;
    struct err e;

    if (health == STORE_SOUND)
        return;
    *(health == STORE_DAMAGED ? &s->stores_damaged : &s->stores_lost) += 1;
    log_line(LOG_LEVEL_WARNING, LOG_STORE, "store %s/%s %s: a new one takes what the agent holds",
             s->runtime_dir, STORE_NAME, health == STORE_DAMAGED ? "is damaged and set aside" : "is gone");
    store_close(s->store);
    s->store = NULL;
    if (health == STORE_DAMAGED && store_set_aside(s->runtime_dir, s->runtime_fd, &e) < 0)
        log_line(LOG_LEVEL_ERROR, LOG_STORE, "%s", e.text);
}

/* The lock holds as long as the file has its name: where it was removed another agent could start. */
static int
keep_lock(struct site *s, struct err *e)
{
    int before = s->lock_fd, code;
    struct stat ours, named;

    if (fstat(before, &ours) == 0 &&
        fstatat(s->runtime_fd, SITE_LOCK_NAME, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
        ours.st_ino == named.st_ino && ours.st_dev == named.st_dev)
        return 0;
    code = lock_directory(s, s->runtime_fd, e);
    if (code == 0)
        close(before);
    if (code == 0)
        log_line(LOG_LEVEL_WARNING, LOG_AGENT, "%s/%s was removed: made and locked again", s->runtime_dir,
                 SITE_LOCK_NAME);
    else if (code != -EBUSY && code != s->said_lock_code)
        log_line(LOG_LEVEL_ERROR, LOG_AGENT, "%s; a second sipmibd could start; trying again", e->text);
    s->said_lock_code = code;
    return code;
}

/* Two agents on a directory would both retire its lanes. The other one has taken it up: what is in it is its. */
static struct site_changes
oust(struct site *s, const struct err *e)
{
    if (!s->is_ousted)
        log_line(LOG_LEVEL_ERROR, LOG_AGENT,
                 "%s; this one lost its lock and ends: it changes nothing there any more", e->text);
    s->is_ousted = true;
    store_close(s->store);
    s->store = NULL;
    return (struct site_changes){ .is_ousted = true };
}

/* True when that began now. */
static bool
begin_to_watch(struct site *s)
{
    if (s->runtime_watch >= 0 || s->runtime_fd < 0 || (s->watcher.fd < 0 && !watcher_open(&s->watcher)))
        return false;
    s->runtime_watch = watcher_add(&s->watcher, s->runtime_fd, s->runtime_dir);
    return s->runtime_watch >= 0;
}

struct site_changes
site_check(struct site *s)
{
    struct site_changes changes = { .directory = false };
    struct err e = { "" };
    int code;

    if (!directory_is_same(s)) {
        changes.directory = true;
        close_directory(s);
        store_close(s->store);
        s->store = NULL;
        code = open_directory(s, &e);
        if (code == -EBUSY)
            return oust(s, &e);
        complain(&s->said_code, code, LOG_AGENT,
                 "the runtime directory was replaced; all goes on in the new one", &e);
        if (code < 0)
            return changes;
        s->said_code = 0;
        s->stores_lost++;
    }
    changes.watch = begin_to_watch(s);
    if (keep_lock(s, &e) == -EBUSY)
        return oust(s, &e);
    drop_bad_store(s);
    if (s->store)
        return changes;
    code = open_store(s, false, &e);
    complain(&s->said_store_code, code, LOG_STORE, "the store is open again", &e);
    changes.store = code == 0;
    return changes;
}

/* Once per kind of trouble, and once when it ends. */
static void
complain(int *said, int code, enum log_topic topic, const char *good, const struct err *e)
{
    if (code == 0)
        log_line(topic == LOG_STORE ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, topic, "%s", good);
    else if (code != *said)
        log_line(LOG_LEVEL_ERROR, topic, "%s; what was counted is kept in memory; trying again", e->text);
    *said = code;
}

/* ---- the rest --------------------------------------------------------------------------------------------------- */

void
site_look_at(struct site *s, uint64_t at_ns)
{
    if (at_ns < s->next_look_ns)
        s->next_look_ns = at_ns;
}

bool
site_name_is_reserved(const char *name)
{
    static const char *const reserved[] = { STORE_NAME,     STORE_NAME ".damaged",
                                            REGISTRY_NAME,  REGISTRY_NAME ".damaged",
                                            SITE_LOCK_NAME, SITE_SOCKET_NAME,
                                            SITE_CLOCK_NAME };

    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
        if (strcmp(name, reserved[i]) == 0)
            return true;
    return false;
}

void
site_note_stranger(struct site *s, const char *name)
{
    char escaped[4 * CONFIG_NAME_OCTETS];
    struct stat st;

    if (site_name_is_reserved(name) || name[0] == '.' || strlen(name) >= CONFIG_NAME_OCTETS ||
        fstatat(s->runtime_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
        return;
    for (unsigned i = 0; i < s->n_strangers; i++)
        if (strcmp(s->stranger[i].name, name) == 0)
            return;
    if (s->n_strangers == SITE_STRANGERS_MAX) {
        s->strangers_over++;
        return;
    }
    snprintf(s->stranger[s->n_strangers++].name, CONFIG_NAME_OCTETS, "%s", name);
    log_line(
        LOG_LEVEL_INFO, LOG_LANE,
        "%s/%s is the directory of no configured instance: lanes in it are left alone; add the instance to the "
        "configuration, or remove the directory",
        s->runtime_dir, log_escape(escaped, sizeof(escaped), name, strlen(name)));
}

void
site_forget_stranger(struct site *s, const char *name)
{
    for (unsigned i = 0; i < s->n_strangers; i++)
        if (strcmp(s->stranger[i].name, name) == 0) {
            s->stranger[i] = s->stranger[--s->n_strangers];
            return;
        }
}
