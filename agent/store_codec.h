/* SPDX-License-Identifier: BSD-2-Clause */
/* How the store's values look: retained totals and instance states as octets, versioned and checked.
 * Host-endian: the store never leaves the machine. Pure functions. */
#ifndef AGENT_STORE_CODEC_H
#define AGENT_STORE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "agent/oper_state.h"
#include "sipcore/err.h"
#include "sipcore/tally.h"

enum { BOOT_ID_OCTETS = 16 };

/* The totals of `t`, rows without any count left out. 0 with *out malloc'ed, or -ENOMEM. */
int totals_encode(const struct tally *t, uint8_t **out, size_t *octets, struct err *e);

/* Add encoded totals to `t`, those of layout 1 as well. 0; -EBADMSG: damaged, and `t` may hold a part of them;
 * -ENOMEM. */
int totals_decode(struct tally *t, const void *data, size_t octets, struct err *e);

/* Of octets: against accidents, not against an adversary. */
uint64_t store_checksum(const void *data, size_t octets);

/* One instance's state as it is kept. */
struct state_value {
    uint32_t magic;
    uint32_t octets;
    uint64_t checksum;               /* of what follows */
    uint8_t boot_id[BOOT_ID_OCTETS]; /* CLOCK_MONOTONIC means nothing in another boot */
    struct instance_state state;
};

void state_encode(const struct instance_state *s, const uint8_t boot_id[BOOT_ID_OCTETS],
                  struct state_value *out);

/* Read a state back. Times of another boot become 0, and so do times after `now_ns`. 0 or -EBADMSG. */
int state_decode(struct instance_state *s, const uint8_t boot_id[BOOT_ID_OCTETS], uint64_t now_ns,
                 const void *data, size_t octets, struct err *e);

#endif
