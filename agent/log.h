/* SPDX-License-Identifier: BSD-2-Clause */
/* The log of the agent and of its viewer's complaints: to standard error, or to syslog when a daemon. */
#ifndef AGENT_LOG_H
#define AGENT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* error: service lost; warning: an operator should act; info: a state changed; debug: the rest. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum log_topic { LOG_AGENT, LOG_AGENTX, LOG_CONFIG, LOG_LANE, LOG_STORE, LOG_STATE, LOG_TOPICS };

/* Where the log goes and from which level on. Call before any thread starts. */
void log_init(const char *program, enum log_level least, bool to_syslog);

/* One line. Any thread; one write(2) a line, so lines of threads do not mix. What peers can trigger must
 * be logged on change only: at most 20 lines a second a topic get through, and the number held back is
 * said when it ends. Complaints about the configuration (LOG_CONFIG) all pass: a person asked for them,
 * and the loader bounds them. */
void log_line(enum log_level level, enum log_topic topic, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The share of the log of somebody whom strangers may make talk: 20 lines at
 * once, and 20 a minute. Zero-initialise. One thread. */
struct log_quota {
    uint64_t at_ns, credit_ns;
    unsigned held_back; /* lines that were not in it, and nobody was told of yet */
};

/* Whether lines of that level are written. */
bool log_is_said(enum log_level level);

/* Whether one more line is in it. */
bool log_quota_has(struct log_quota *q);

/* The same, and take it. One that is not in it is counted, here and in
 * log_held_back(). */
bool log_quota_take(struct log_quota *q);

/* Say how many lines were held back where the flood has ended. Call about once a second. */
void log_tick(void);

/* Lines held back since the start, for the agent's own state. */
unsigned long log_held_back(void);

/* Copy `text` with everything unprintable as \xNN, cut to `size`; returns `out`. For what a peer wrote. */
const char *log_escape(char *out, size_t size, const char *text, size_t octets);

#endif
