/* SPDX-License-Identifier: BSD-2-Clause */
/* An agent without its threads: a runtime directory, a configuration, its instances, and a clock that
 * stands still until it is told to go on. */
#ifndef TESTS_UNIT_AGENT_FIXTURE_H
#define TESTS_UNIT_AGENT_FIXTURE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/config_hold.h"
#include "agent/controls.h"
#include "agent/instance.h"
#include "agent/site.h"
#include "mib/snapshot.h"
#include "sipcore/lane_writer.h"

enum { FIXTURE_INSTANCES_MAX = 4 };

#define FIXTURE_SECOND UINT64_C(1000000000)

struct agent_fixture {
    char dir[PATH_MAX]; /* everything is below */
    char runtime[PATH_MAX + 8];
    struct site site;
    struct controls *controls;
    struct notice_queue *notices;
    struct config_hold *hold;
    struct instance *instance[FIXTURE_INSTANCES_MAX];
    size_t count;
    uint64_t now_ns; /* starts at the real CLOCK_MONOTONIC, as lanes do */
};

/* The configuration's `instances:` for most tests: one, "edge", a proxy. */
extern const char fixture_one_instance[];

/* Set up a directory and start an agent on it. Aborts when anything fails. */
void fixture_open(struct agent_fixture *f, const char *instances);

/* The agent is killed: nothing is put into the store, no file is changed. */
void fixture_kill(struct agent_fixture *f);

/* An agent starts on what is there. */
void fixture_start(struct agent_fixture *f, const char *instances);

/* fixture_kill() and remove the directory. */
void fixture_close(struct agent_fixture *f);

/* A second passes: every instance looks through its directory, and is ticked. */
void fixture_tick(struct agent_fixture *f);

/* What the core does after every tick: put the states into the store. */
void fixture_save(struct agent_fixture *f);

/* A snapshot of what the lanes show now; snapshot_release() it. */
const struct snapshot *fixture_snapshot(struct agent_fixture *f);

/* A counter of instance `k`, as a snapshot shows it. */
uint64_t fixture_counter(struct agent_fixture *f, size_t k, enum lane_counter counter);

/* Open a writer in this process, or abort. */
void fixture_writer(struct agent_fixture *f, struct lane_writer *w, const char *instance, unsigned flags);

/* Count `n` requests received. */
void fixture_count(struct lane_writer *w, unsigned n);

/* A writer in a process of its own that counted `n` requests and waits; its pid. */
pid_t fixture_writer_process(struct agent_fixture *f, const char *instance, unsigned n);

/* Kill it with SIGKILL and wait for its death. */
void fixture_kill_process(pid_t pid);

#endif
