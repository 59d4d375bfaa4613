/* SPDX-License-Identifier: BSD-2-Clause */
/* Being told what happens in directories: inotify, by directory descriptors. Where it is not to be had,
 * the agent looks for itself at every tick, and tries again to be told. One thread. */
#ifndef AGENT_WATCHER_H
#define AGENT_WATCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/flood.h"

struct watcher {
    int fd;             /* readable when there are events; -1: not available */
    bool is_blind;      /* some directory could not be watched, and that was said */
    uint64_t overflows; /* times the kernel dropped events */
    struct flood lost;  /* the same */
};

/* One thing that happened. `name` is terminated, "" for the directory itself. */
struct watcher_event {
    int watch;     /* as watcher_add() gave it; -1: events were lost, look at everything */
    uint32_t mask; /* IN_CREATE ... */
    const char *name;
};

/* Initialise; fd is -1 then. */
void watcher_init(struct watcher *w);

/* False without inotify: then the watcher is blind, and says why (once). May be called again. */
bool watcher_open(struct watcher *w);
void watcher_close(struct watcher *w);

/* Watch the directory open as `dir_fd`, called `path`, for files that come, go, or lose their last writer.
 * The watch's number, or -1: then the watcher is blind. */
int watcher_add(struct watcher *w, int dir_fd, const char *path);
void watcher_remove(struct watcher *w, int watch);

/* All directories are watched: says so, where some were not. */
void watcher_sees_all(struct watcher *w);

/* Hand over what has happened, at most one buffer full. */
void watcher_read(struct watcher *w, void (*event)(void *context, const struct watcher_event *what),
                  void *context);

#endif
