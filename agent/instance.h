/* SPDX-License-Identifier: BSD-2-Clause */
/* One configured SIP entity as the core thread knows it: its directory, its lanes, its totals, its state.
 * The rule that all of it serves: what a lane counted is in the sums exactly once, from the moment it is
 * attached, whatever dies. One thread; the clock is passed in (CLOCK_MONOTONIC nanoseconds). */
#ifndef AGENT_INSTANCE_H
#define AGENT_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/interest.h"
#include "agent/lane_set.h"
#include "agent/log.h"
#include "agent/notifier.h"
#include "agent/oper_state.h"
#include "agent/row_order.h"
#include "agent/site.h"
#include "config/config.h"
#include "sipcore/err.h"
#include "sipcore/tally.h"

/* Which lanes are there, and what those of one kind (collectors are the other)
 * declared last. */
struct instance_evidence {
    struct oper_evidence all;
    uint64_t declared_ns[2];
    uint32_t declared[2];
};

struct instance {
    char name[CONFIG_NAME_OCTETS];
    const struct config_instance *config; /* of the configuration in force */
    int dir_fd;                           /* -1: could not be opened */
    int watch;                            /* -1: none */
    dev_t dir_device;
    ino_t dir_inode;
    struct log_quota log_quota[LOG_TOPICS];
    bool must_look;      /* at the directory: something happened to it, or it could not be opened */
    bool must_scan;      /* for lanes: events were lost, or there may be room again */
    bool must_search;    /* the same at the next tick: one that could not be taken up is not remembered */
    bool must_reconcile; /* with what the store knows: not all that is in the directory was seen yet */
    bool
        is_unseen; /* ... and the directory cannot be read, which has lanes that were served: it is not served */
    bool must_check_files;   /* a lane's file may have been removed */
    bool must_settle;        /* a lane is to be registered, retained or removed */
    bool is_unread;          /* the store could not be asked yet what it keeps */
    bool state_changed;      /* since it was put into the store */
    int said_dir_code;       /* the trouble with the directory that was last logged */
    int said_reconcile_code; /* the same of the store */
    uint64_t search_ns;      /* must_search: not before */
    int said_store_code;     /* the trouble with retiring that was last logged */
    int said_registry_code;  /* the trouble with the registry that was last logged */
    struct lane_set lanes;
    struct tally retained;  /* what the store holds */
    struct tally sum;       /* scratch of instance_sum(); its rows live on for the order */
    struct row_order order; /* rows of `sum` in the order of their OIDs */
    struct instance_state state;
    struct interest interest;
    uint64_t taken_up_ns;              /* what was recorded before is no news */
    struct notifier notifier;          /* has the core's copy of the control rows, too */
    uint64_t controls_generation;      /* of that copy */
    bool must_follow_controls;         /* they changed, and could not be followed; or a one-shot was spent */
    bool keeps_registrations;          /* it is a registrar */
    uint32_t registry_id;              /* 0: no registrar, or the registry cannot be asked yet */
    uint64_t registry_generation;      /* of the registry that gave it */
    struct instance_evidence evidence; /* gathered for the state events of ... */
    const struct lane *evidence_of;    /* ... the lane that is being followed; NULL: not gathered */
    uint32_t follow_left;              /* so much of the rings may be read in this turn */
    uint32_t follow_from;              /* the lane whose turn it is */
    uint64_t events;                   /* taken off the rings, since the agent started */
    struct flood events_lost;          /* overwritten before they were read, or kept: registrations */
    uint64_t events_lost_again; /* of those, how many were read before: read + lost - again = written */
    uint64_t bindings_broken;   /* sets of bindings of which a part was lost: they heal at the next refresh */
    size_t sets_octets;         /* of those that are not complete yet */
    uint64_t poll_ns;           /* when the rings are looked at again */
    uint64_t poll_delay_ns;
    char software[LANE_TEXT_OCTETS]; /* as the newest writer calls itself */
    uint64_t retired;                /* lanes, since the agent started */
    uint64_t damaged;                /* lanes that went bad while they were served */
    uint64_t removed;                /* lanes whose file somebody removed while the writer lived */
    uint64_t vanished;               /* lanes whose file was gone before their counts could be retained */
};

/* Begin to serve an instance: read what the store keeps, make and watch its directory, attach its lanes,
 * retire those whose writers died meanwhile. Trouble with any of it is logged and tried again at ticks. 0,
 * or -ENOMEM. */
int instance_take_up(struct instance *i, const struct config_instance *config, struct site *site,
                     uint64_t now_ns, struct err *e);

/* The same in two steps. All that can fail (0, or -ENOMEM; then there is nothing to let go); and the rest. */
int instance_init(struct instance *i, const struct config_instance *config, struct site *site,
                  uint64_t now_ns, struct err *e);
void instance_begin(struct instance *i, struct site *site, uint64_t now_ns);

/* Before an orderly end: retain what is held of lanes whose files were removed, so that the next start goes
 * on where this agent was. The lanes become retired, their writers' further counts are seen by nobody. */
void instance_leave(struct instance *i, struct site *site, uint64_t now_ns);

/* End that: lanes stay on disk, what is kept of them in the store; nobody is interested in their events. */
void instance_let_go(struct instance *i, struct site *site);

/* Follow another configuration. `sum`, initialised and empty, becomes the instance's: rows that were asked
 * for once are not asked for ever. */
void instance_reconfigure(struct instance *i, const struct config_instance *config, struct site *site,
                          struct tally *sum);

/* Something happened in the instance's directory. */
void instance_event(struct instance *i, struct site *site, const struct watcher_event *event,
                    uint64_t now_ns);

/* Call after a run of events. */
void instance_finish_events(struct instance *i, struct site *site, uint64_t now_ns);

/* Once a second: ask all locks, try again what failed, read all lanes unless a snapshot just did
 * (`is_fresh`). */
void instance_tick(struct instance *i, struct site *site, bool is_fresh, uint64_t now_ns);

/* Look at what site_look_at() was asked for. */
void instance_look(struct instance *i, struct site *site, uint64_t now_ns);

/* Follow what managers set, if it changed: rows, notifications, what writers are to record. */
void instance_follow_controls(struct instance *i, struct site *site, uint64_t now_ns);

/* Follow the registry: it is another one now, or the instance's role changed. */
void instance_follow_registry(struct instance *i, struct site *site, uint64_t now_ns);

/* Read what is new in the event rings, a bounded part of it; what it says of registrations goes into the site's batch,
 * which the caller commits. */
void instance_follow(struct instance *i, struct site *site, uint64_t now_ns);

/* Once a second, and in the end: put how far rings were read, where no registrations came with it. */
void instance_keep_places(struct instance *i, struct site *site, uint64_t now_ns);

/* Read all live lanes, and decide the state. */
void instance_refresh(struct instance *i, struct site *site, uint64_t now_ns);

/* Add up retained totals and lanes, as last read, in i->sum. 0, or -ENOMEM. */
int instance_sum(struct instance *i, struct err *e);

/* Put all that is kept of the instance into a store that is new. */
void instance_put_all(struct instance *i, struct store_txn *t);

/* Put the state, when it changed. */
void instance_put_state(struct instance *i, struct store_txn *t);

#endif
