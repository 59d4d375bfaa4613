/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent wants writers to record in their event rings: the interest files of an instance, from the agent's
 * side: its own, which nobody else may write, and those of users whose writers came before it. Written by pwrite(2),
 * never through a mapping: whoever may write lanes may also truncate it. One thread. */
#ifndef AGENT_INTEREST_H
#define AGENT_INTEREST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sipcore/err.h"
#include "sipcore/lane.h"

enum { INTEREST_USERS_MAX = 64 };

struct interest {
    int fd;                          /* the agent's own file; -1: none */
    uint64_t codes[LANE_CODE_WORDS]; /* as they should be in the file */
    uint64_t flags;                  /* the same; LANE_WANT_* */
    bool is_set;                     /* ... and are */
    int said_code;                   /* the trouble that was last logged */
    char trouble[200];               /* "" when there is none */
    unsigned users;                  /* whose writers came before an agent, and made a file of their own */
    uid_t user[INTEREST_USERS_MAX];
    bool said_users; /* that one of these files cannot be written */
};

void interest_init(struct interest *n);

/* Want these status codes (bit n: 100 + n), and these other things. */
void interest_want(struct interest *n, const uint64_t codes[LANE_CODE_WORDS], uint64_t flags);

/* Whether anything is wanted. */
bool interest_is_any(const struct interest *n);

/* Bring the file in the directory open as `dir_fd` to what is wanted, making or replacing it when need be.
 * Cheap when nothing changed. Trouble is logged once, under the instance's name. */
void interest_apply(struct interest *n, int dir_fd, const char *instance);

/* A file of this name is in the directory. If it is one that writers of a user made before there was an agent it gets
 * what is wanted, now and later. */
void interest_hear(struct interest *n, int dir_fd, const char *name, const char *instance);

/* Want no notifications any more, and close. Registrations are recorded on: the next agent goes on where this one
 * was, and finds what happened between. Want nothing before, where there will be none. */
void interest_fini(struct interest *n, int dir_fd);

/* Close, and leave the file as it is: it is another agent's. */
void interest_abandon(struct interest *n);

#endif
