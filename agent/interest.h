/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent wants writers to record in their event rings: the interest file of an instance, from the
 * agent's side. Written by pwrite(2), never through a mapping: whoever may write lanes may also truncate
 * it. One thread. */
#ifndef AGENT_INTEREST_H
#define AGENT_INTEREST_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/err.h"
#include "sipcore/lane.h"

struct interest {
    int fd;                          /* -1: none */
    uint64_t codes[LANE_CODE_WORDS]; /* as they should be in the file */
    uint64_t flags;                  /* the same; LANE_WANT_* */
    bool is_set;                     /* ... and are */
    int said_code;                   /* the trouble that was last logged */
    char trouble[200];               /* "" when there is none */
};

void interest_init(struct interest *n);

/* Want these status codes (bit n: 100 + n), and these other things. */
void interest_want(struct interest *n, const uint64_t codes[LANE_CODE_WORDS], uint64_t flags);

/* Whether anything is wanted. */
bool interest_is_any(const struct interest *n);

/* Bring the file in the directory open as `dir_fd` to what is wanted, making or replacing it when need be.
 * Cheap when nothing changed. Trouble is logged once, under the instance's name. */
void interest_apply(struct interest *n, int dir_fd, const char *instance);

/* Want no notifications any more, and close. Registrations are recorded on: the next agent goes on where this one was,
 * and finds what happened between. Want nothing before, where there will be none. */
void interest_fini(struct interest *n);

/* Close, and leave the file as it is: it is another agent's. */
void interest_abandon(struct interest *n);

#endif
