/* SPDX-License-Identifier: BSD-2-Clause */
/* A registry in a scratch directory, with a clock of its own, and a reader of it. One at a time. */
#ifndef TESTS_UNIT_REGISTRY_FIXTURE_H
#define TESTS_UNIT_REGISTRY_FIXTURE_H

#include <limits.h>
#include <stdarg.h>
#include <stdint.h>

#include "agent/registry.h"

#define REG_SECOND UINT64_C(1000000000)
#define REG_UNIX   UINT64_C(1700000000) /* when the clock begins, in seconds */
#define REG_UPTIME UINT64_C(100000)     /* the same by CLOCK_MONOTONIC */

extern char reg_dir[PATH_MAX];
extern int reg_dir_fd;
extern struct registry *reg;
extern uint32_t reg_id; /* of the instance "edge" */
extern struct registry_clock reg_clock;
extern struct registry_reader *reg_reader;
extern struct err reg_err;

/* A scratch directory, the registry in it and a reader without pseudonyms; abort when that cannot be. */
void reg_begin(void);
void reg_end(void);

/* Open it with this bound; the code of registry_open(). Close it as a process that ends does. */
int reg_open(size_t map_octets);
void reg_close(void);
void reg_reopen(void);

void reg_pass(uint64_t seconds);

/* One batch each, at this moment; the code of its commit. `contacts` are "URI;expires;q;instance;reg-id;name", later
 * fields optional, separated by spaces: "sip:a@h;600 sip:b@h;300;0.5". */
int reg_put(const char *aor, const char *contacts);
int reg_put_at(const char *aor, const char *contacts, uint64_t accepted_unix_ns);
int reg_fail(const char *aor);

/* Remove what is over, at most `max`; how many that was. */
unsigned reg_expire(unsigned max);

/* What a reader sees: "1:alice@h(2) 3:bob@h(0)" with the failures in brackets, and "1.1:sip:a@h 1.2:..." Static
 * memory. */
const char *reg_users(void);
const char *reg_contacts(void);

/* The contact (user, index) and the user; false when they are not there. */
bool reg_contact(uint32_t user, uint32_t index, struct snap_contact *out);
bool reg_user(uint32_t user, struct snap_user *out);

struct registry_stats reg_stats(void);

#endif
