/* SPDX-License-Identifier: BSD-2-Clause */
/* The collector's writers: one lane for each configured instance, opened again when that fails. */
#ifndef COLLECTORS_HEP_HEP_WRITERS_H
#define COLLECTORS_HEP_HEP_WRITERS_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/hep/hep_counter.h"
#include "collectors/hep/hep_pipe.h"
#include "config/config.h"
#include "sipcore/err.h"

/* How long after a failure a lane is tried again. */
#define HEP_RETRY_NS 5000000000ull

struct hep_writers;

/* One writer for each instance of `config`, in its order, none of them open yet. 0 or -ENOMEM. Nothing of
 * `config` is kept. One thread. */
int hep_writers_new(const struct config *config, struct hep_writers **out, struct err *e);

/* Close all. NULL is fine. */
void hep_writers_free(struct hep_writers *writers);

/* Take over from `old` the open writers of instances that both have, when their runtime directory is the
 * same, so that a reload loses no transaction. `old` keeps the rest. */
void hep_writers_adopt(struct hep_writers *writers, struct hep_writers *old);

/* The sink that counts on these writers. */
struct hep_sink hep_writers_sink(struct hep_writers *writers);

/* The time (CLOCK_MONOTONIC) at which the next messages are handed over. */
void hep_writers_set_now(struct hep_writers *writers, uint64_t monotonic_ns);

/* About once a second: open what is not open and due for another attempt, or was removed from under us;
 * let time pass for the observers, in the time of the messages; show `counters` as notes of the first
 * instance's lane. */
void hep_writers_tick(struct hep_writers *writers, const uint64_t counters[HEP_COUNTER_COUNT],
                      uint64_t monotonic_ns);

/* How many are open. */
size_t hep_writers_open_count(const struct hep_writers *writers);

#endif
