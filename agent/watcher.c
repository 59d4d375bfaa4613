/* SPDX-License-Identifier: BSD-2-Clause */
/* Being told what happens in directories. */
#include "agent/watcher.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/log.h"

/* The last writer of a file letting go of it, by whatever death, is IN_CLOSE_WRITE. Not with IN_EXCL_UNLINK: of a file
 * that was made without a name nothing would be told. */
#define WATCHED                                                                                             \
    (IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF | IN_MOVE_SELF | \
     IN_ONLYDIR)

static void go_blind(struct watcher *w, int code, const char *path);

void
watcher_init(struct watcher *w)
{
    *w = (struct watcher){ .fd = -1 };
}

bool
watcher_open(struct watcher *w)
{
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (w->fd < 0)
        go_blind(w, errno, "directories");
    return w->fd >= 0;
}

void
watcher_close(struct watcher *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

int
watcher_add(struct watcher *w, int dir_fd, const char *path)
{
    char self[40];
    int watch;

    if (w->fd < 0)
        return -1;
    /* inotify takes no descriptor; /proc turns one into a path that nobody can redirect. */
    snprintf(self, sizeof(self), "/proc/self/fd/%d", dir_fd);
    watch = inotify_add_watch(w->fd, self, WATCHED);
    if (watch < 0 && errno == ENOENT)
        watch = inotify_add_watch(w->fd, path, WATCHED | IN_DONT_FOLLOW);
    if (watch < 0)
        go_blind(w, errno, path);
    return watch;
}

static void
go_blind(struct watcher *w, int code, const char *path)
{
    const char *remedy = "";

    if (code == ENOSPC)
        remedy = "; raise the sysctl fs.inotify.max_user_watches";
    else if (code == EMFILE)
        remedy = "; raise the sysctl fs.inotify.max_user_instances";
    if (!w->is_blind)
        log_line(LOG_LEVEL_WARNING, LOG_LANE, "%s cannot be watched: %s; looking once a second instead%s",
                 path, strerror(code), remedy);
    w->is_blind = true;
}

void
watcher_sees_all(struct watcher *w)
{
    if (w->is_blind)
        log_line(LOG_LEVEL_INFO, LOG_LANE, "all directories are watched again");
    w->is_blind = false;
}

void
watcher_remove(struct watcher *w, int watch)
{
    if (w->fd >= 0 && watch >= 0)
        inotify_rm_watch(w->fd, watch); /* fails when the directory is gone already: the same to us */
}

void
watcher_read(struct watcher *w, void (*event)(void *context, const struct watcher_event *what), void *context)
{
    char buffer[32768] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t octets = read(w->fd, buffer, sizeof(buffer));
    struct watcher_event what;

    for (ssize_t at = 0; at < octets;) {
        const struct inotify_event *raw = (const struct inotify_event *)(const void *)(buffer + at);

        at += (ssize_t)(sizeof(*raw) + raw->len);
        what =
            (struct watcher_event){ .watch = raw->wd, .mask = raw->mask, .name = raw->len ? raw->name : "" };
        if (raw->mask & IN_Q_OVERFLOW) {
            w->overflows++;
            what.watch = -1;
        }
        event(context, &what);
    }
}
