/* SPDX-License-Identifier: BSD-2-Clause */
/* What all instances share: the runtime directory, its inotify watches, the store, and the bounds over all
 * of them. */
#ifndef AGENT_SITE_H
#define AGENT_SITE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/controls.h"
#include "agent/flood.h"
#include "agent/notice.h"
#include "agent/pseudonym.h"
#include "agent/registry.h"
#include "agent/store.h"
#include "agent/watcher.h"
#include "config/config.h"
#include "sipcore/err.h"

enum {
    SITE_LANES_MAX = 16384, /* attached, over all instances; each takes a descriptor and about 40 KiB */
    SITE_INSTANCE_LANES_MAX = 4096, /* attached, of one instance */
    SITE_LANES_KEPT = 2048,         /* of all those, for instances that have fewer than ... */
    SITE_SMALL_LANES = 64,          /* ... so many each */
    SITE_ASIDE_MAX = 256, /* files of one instance remembered as set aside; beyond it they are only counted */
    SITE_STRANGERS_MAX = 64 /* directories of no configured instance remembered */
};

#define SITE_NEVER UINT64_MAX

/* A directory of the runtime directory that belongs to no configured instance. */
struct site_stranger {
    char name[CONFIG_NAME_OCTETS];
};

struct lane;

/* One thread. */
struct site {
    char *runtime_dir;
    int runtime_fd;    /* -1 while the directory is not there */
    int lock_fd;       /* the file that says which agent this directory has */
    int runtime_watch; /* -1: none */
    dev_t runtime_device;
    ino_t runtime_inode;
    gid_t runtime_group; /* who may write lanes, where the configuration does not say otherwise */
    bool is_ousted;      /* another agent was found on the directory */
    struct watcher watcher;
    struct store *store;   /* NULL while it cannot be opened: lanes wait, nothing is retired */
    uint32_t lanes;        /* attached, over all instances */
    uint64_t next_look_ns; /* when something wants to be looked at again before the next tick; SITE_NEVER */
    struct registry *registry;    /* NULL while it cannot be opened, or no instance is a registrar */
    uint64_t registry_generation; /* 1, 2 ...: of the one that is open */
    struct registry_batch *batch; /* NULL: none is begun */
    struct lane *batch_lanes;     /* whose places are in it */
    uint64_t registry_rest_ns;    /* after a failure: nothing is put before */
    uint64_t batches_failed;
    int said_batch_code;          /* the trouble with batches that was last logged */
    struct flood refused;         /* sets of bindings of which something found no room */
    uint64_t refused_seen;        /* of them, by the registry that is open */
    uint64_t registries_lost;     /* times a registry went away while the agent ran */
    uint64_t registries_damaged;  /* times one was set aside */
    struct controls *controls;    /* borrowed; NULL: all is as the MIB's defaults say, and no notifications */
    struct notice_queue *notices; /* borrowed; NULL: none are raised */
    const struct pseudonym *pseudonym; /* borrowed; NULL: there is no key */
    uint32_t notice_rate;              /* status code notifications a second and instance */
    uint64_t capped_before;            /* notifications beyond it, of instances that are served no more */
    int said_code;                     /* the trouble with the runtime directory that was last logged */
    int said_lock_code;                /* the trouble with the lock that was last logged */
    int said_store_code;               /* the trouble with the store that was last logged */
    uint64_t stores_lost;              /* times a store went away while the agent ran */
    uint64_t stores_damaged;           /* times one was set aside */
    uint64_t strangers_over;           /* beyond SITE_STRANGERS_MAX */
    unsigned n_strangers;
    struct site_stranger stranger[SITE_STRANGERS_MAX];
};

/* Open the runtime directory (made with mode 3771 when its parent is there), take the agent's lock in it,
 * watch it, and open the store; a damaged store is set aside and a new one made. 0, or a negative errno
 * and `e` set; -EBUSY: another agent runs on it. */
int site_open(struct site *s, const char *runtime_dir, struct err *e);
void site_close(struct site *s);

/* What site_check() found, and did something about. */
struct site_changes {
    bool directory; /* the runtime directory is another one: instances must look at theirs again */
    bool watch;     /* it is watched, where it was not: look through it, and wait for the watcher */
    bool store;     /* the store is new: instances must put all they hold into it */
    bool is_ousted; /* another agent serves the directory now: this one must touch nothing in it, and end */
};

/* See whether the runtime directory, the agent's lock in it and the store are still what was opened. When they are
 * not, open them again; what cannot be done is said once and tried at the next call. */
struct site_changes site_check(struct site *s);

/* Ask to be looked at by `at_ns`. */
void site_look_at(struct site *s, uint64_t at_ns);

/* site_batch.c: the batch of the registry that is begun, or a new one. NULL when there is no registry, or it failed a
 * moment ago (said once): registrations wait in the rings then. */
struct registry_batch *site_batch(struct site *s, uint64_t now_ns);

/* Whether that would give one. */
bool site_takes_registrations(const struct site *s, uint64_t now_ns);

/* Put the place of a lane into the batch that is begun: how far it was read comes true together with what was read. */
void site_put_place(struct site *s, struct lane *l, uint32_t registry_id, const struct ring_cursor *place);

/* End the batch, if one is begun. 0: lanes whose places were in it have them kept; or a negative errno: their
 * registrations are to be read again. */
int site_commit(struct site *s, uint64_t now_ns);

/* CLOCK_REALTIME when CLOCK_MONOTONIC was `now_ns`. */
uint64_t site_unix_ns(uint64_t now_ns);

/* Remember a directory of no configured instance, and say so once. Nothing but directories is looked at. */
void site_note_stranger(struct site *s, const char *name);
void site_forget_stranger(struct site *s, const char *name);

/* True for what the agent itself keeps in the runtime directory. */
bool site_name_is_reserved(const char *name);

#endif
