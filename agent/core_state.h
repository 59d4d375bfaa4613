/* SPDX-License-Identifier: BSD-2-Clause */
/* The core's insides, for its own files: what the core thread owns, and the little it shares. */
#ifndef AGENT_CORE_STATE_H
#define AGENT_CORE_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/config_hold.h"
#include "agent/core.h"
#include "agent/instance.h"
#include "agent/site.h"
#include "agent/status.h"

#define CORE_TICK_NS     1000000000u
#define CORE_PATIENCE_NS 1000000000u /* with the other thread, at the end */

/* What became of the last reload, for people. */
struct core_reload {
    uint64_t attempts, failures;
    uint64_t last_ns; /* CLOCK_MONOTONIC; 0: none */
    bool last_failed;
    char text[256];
};

struct core {
    /* Shared with the AgentX thread, under the mutex, which is never held over a system call that could
     * wait. */
    pthread_mutex_t mutex;
    pthread_cond_t published;        /* a new snapshot, or the end */
    const struct snapshot *snapshot; /* the newest; one reference */
    uint64_t asked,
        answered; /* snapshots asked for, so far; those before `answered` were begun after they were */
    uint64_t controls_taken; /* generation of the controls that the core follows */
    bool has_ended;          /* the core thread builds no more */
    bool is_awaited;         /* core_stop() waits for the core thread */
    struct agentx_report report;
    bool has_report;

    /* Set once, or atomic. */
    int request_fd;                  /* eventfd: look at what the other thread wants */
    int stop_fd;                     /* eventfd: readable from the moment that the end is asked for */
    atomic_uint_fast64_t max_age_ns; /* snapshot_max_age */
    struct controls *controls;
    struct notice_queue *notices;
    struct pseudonym *pseudonym;

    /* The core thread's own. */
    pthread_t thread;
    int signal_fd, epoll_fd;
    char *config_path;
    struct config_hold
        *first_hold;          /* what the agent was started with: names that the other thread was given */
    struct config_hold *hold; /* in force */
    struct site site;
    struct instance **instance; /* in the order of the configuration */
    size_t n_instances;
    struct status status;
    struct core_reload reload;
    struct agentx_report said_report; /* as last logged */
    int said_registry_code;           /* the trouble with opening the registry that was last logged */
    uint64_t expire_ns;               /* the registry is not looked through for what is over before */
    bool must_put_all;                /* the store is new, and has not got everything yet */
    int said_put_code;
    uint64_t started_ns, next_tick_ns;
    uint64_t built_ns; /* when the newest snapshot was begun */
    uint64_t build_took_ns, build_worst_ns;
    uint64_t builds;
    uint64_t generation; /* of the newest snapshot */
};

/* core_loop.c: the core thread. */
void *core_thread(void *core);

/* Wait once, and do what there is to do. False when the end was asked for. */
bool core_turn(struct core *c);

/* Read all lanes, build a snapshot and publish it. False: no memory, the old one stays (said once). */
bool core_build(struct core *c, uint64_t now_ns);

/* core_reload.c: read the configuration again. */
void core_reload(struct core *c, uint64_t now_ns);

/* Whether `name` is an instance of the configuration in force. */
bool core_has_instance(const struct core *c, const char *name);

/* See which directories of the runtime directory are no instance's. */
void core_look_for_strangers(struct core *c);

/* core_tick.c: what is done once a second. */
void core_tick(struct core *c, uint64_t now_ns);

/* Let the core thread wait for the site's watcher, if there is one. */
void core_wait_on_watcher(const struct core *c);

/* See whether the runtime directory and the store are still there, and put all into a store that is new. */
void core_follow_site(struct core *c);

/* Leave everything in order: what is held is in the store, the directory is another agent's for the taking.
 * The newest snapshot stays. Nothing happens the second time. */
void core_put_away(struct core *c);

/* Put what changed of the instances' states into the store. */
void core_put_states(struct core *c);

/* Follow what managers set, if anything changed, and tell who waits for that. */
void core_take_controls(struct core *c, uint64_t now_ns);

/* core_registry.c: see whether the registry is there, and is needed; instances follow it. */
/* 0; -EPROTONOSUPPORT and `e` set at the start, when it is of a newer sipmibd; other trouble is logged. */
int core_registry_follow(struct core *c, uint64_t now_ns, struct err *e);
void core_registry_close(struct core *c, uint64_t now_ns);

/* When that is next to be looked through for what is over; SITE_NEVER. */
uint64_t core_registry_next_ns(const struct core *c);

/* Remove what is over, a bounded part of it, if it is time. */
void core_registry_expire(struct core *c, uint64_t now_ns);

/* Log what changed in the other thread's report. */
void core_say_report(struct core *c);

#endif
