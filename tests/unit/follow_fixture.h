/* SPDX-License-Identifier: BSD-2-Clause */
/* An agent that follows the ring of one lane: of instance "edge", a registrar that watches INVITE 486 (normal) and 503
 * (one-shot). */
#ifndef TESTS_UNIT_FOLLOW_FIXTURE_H
#define TESTS_UNIT_FOLLOW_FIXTURE_H

#include <stdint.h>

#include "agent/notice.h"
#include "tests/unit/agent_fixture.h"

extern struct agent_fixture f;
extern struct instance *edge;
extern const char follow_registrar[];

void follow_open(void);
void follow_close(void);

/* The agent is killed, and another one starts a second later. */
void follow_restart(const char *instances);

/* Time passes until the rings are looked at again. */
void follow_poll_rings(void);

/* A response to INVITE came in, and is recorded. */
void follow_status(struct lane_writer *w, unsigned code);
void follow_declare(struct lane_writer *w, unsigned state);

/* A REGISTER was accepted: `count` contacts now, with URIs of `octets`, 32 unless told. */
void follow_bind_octets(struct lane_writer *w, const char *aor, unsigned count, unsigned octets);
void follow_bind(struct lane_writer *w, const char *aor, unsigned count);
void follow_fail(struct lane_writer *w, const char *aor);

/* Notifications that wait; the k-th; forget them. */
unsigned follow_waiting(void);
struct notice follow_notice(uint32_t k);
void follow_drop_notices(void);

/* What the registry has. */
uint32_t follow_users(void);
uint64_t follow_failures_of(const char *aor);

#endif
