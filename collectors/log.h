/* SPDX-License-Identifier: BSD-2-Clause */
/* The log of the collectors: lines on standard error, where systemd and containers look for them. */
#ifndef COLLECTORS_LOG_H
#define COLLECTORS_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* error: service lost; warning: an operator should act; info: a state changed; debug: the rest. */
enum collector_log_level { COLLECTOR_ERROR, COLLECTOR_WARNING, COLLECTOR_INFO, COLLECTOR_DEBUG };

/* From which level on lines are written, and the program's name in front of each (kept, not copied). When
 * the journal reads standard error (JOURNAL_STREAM is set) lines carry its priorities. Before any other
 * call; one thread. */
void collector_log_init(const char *program, enum collector_log_level least);

/* One line, cut at 1023 octets, in one write(2). The caller passes no octets of a peer in it, only
 * numbers, names of its own and addresses. */
void collector_log(enum collector_log_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* True when a line of that level would be written. */
bool collector_log_wants(enum collector_log_level level);

/* Keeps what peers can trigger to a line at once, the next not before a minute later, then one an hour. What was quiet
 * for an hour when it might have been said starts anew. Zeroed: ready. */
struct collector_log_limit {
    uint64_t next_ns; /* no line before this time */
    uint64_t wait_ns; /* what was waited for it */
    uint64_t held_back;
};

/* True when a line may be written at `now_ns` (any monotonic clock); *held_back is then the number of
 * times it was refused since the last line. */
bool collector_log_allow(struct collector_log_limit *limit, uint64_t now_ns, uint64_t *held_back);

#endif
