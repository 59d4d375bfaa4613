/* SPDX-License-Identifier: BSD-2-Clause */
/* Controls over a state directory of their own and a configuration of two instances: "edge" (applIndex 7),
 * which watches INVITE 486 and MESSAGE 503, and "ua" (9), which watches nothing. */
#ifndef TESTS_UNIT_CONTROLS_FIXTURE_H
#define TESTS_UNIT_CONTROLS_FIXTURE_H

#include <limits.h>

#include "agent/controls.h"
#include "config/config.h"
#include "sipcore/err.h"

struct controls_fixture {
    char dir[PATH_MAX];
    struct config config; /* change it, then controls_fixture_follow() */
    struct config_instance instance[3];
    struct config_watch watch[4]; /* of edge */
    struct controls *controls;
    struct control_row copy; /* controls_fixture_row() */
    struct err e;
};

enum { FIXTURE_NOW = 1000000 };

/* Make all of it; aborts when anything fails. */
void controls_fixture_open(struct controls_fixture *f);
void controls_fixture_close(struct controls_fixture *f);

/* The agent is restarted. */
void controls_fixture_restart(struct controls_fixture *f);
void controls_fixture_follow(struct controls_fixture *f);

/* A change of a row of "edge": nothing in it yet. */
struct mib_change controls_fixture_change(const char *method, unsigned code);

/* A change of which notifications an instance sends. */
struct mib_change controls_fixture_notify(uint32_t appl_index, unsigned notify_enable);

/* Carry one out, and be content with it. Its result. */
int controls_fixture_set(struct controls_fixture *f, struct mib_change change);

/* The row as the core thread sees it, or NULL; until the next call. */
const struct control_row *controls_fixture_row(struct controls_fixture *f, const char *instance,
                                               const char *method, unsigned code);

/* All of them, "INVITE.486 !BYE.481": hidden ones have the mark. Until the next call. */
const char *controls_fixture_rows(struct controls_fixture *f, const char *instance);

/* SNAP_NOTIFY_*, as the core thread sees it. */
unsigned controls_fixture_notified(struct controls_fixture *f, const char *instance);

#endif
