/* SPDX-License-Identifier: BSD-2-Clause */
/* The log: one line, one write(2), so many a second for each topic. */
#include "agent/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { LINES_PER_SECOND = 20, LINE_OCTETS = 1400, QUOTA_LINES = 20 };

#define QUOTA_NS UINT64_C(60000000000) /* that many lines in so long */

static const char *const level_names[] = { "error", "warning", "info", "debug" };
static const int level_priorities[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
static const char *const topic_names[LOG_TOPICS] = { "agent", "agentx", "config", "lane", "store", "state" };

/* How much of a topic got through in the present second. */
struct topic_budget {
    int64_t second;
    unsigned lines;
    unsigned held_back;
};

static struct {
    const char *program;
    enum log_level least;
    bool to_syslog;
    bool to_journal; /* standard error is journald's: it has its own time stamps and wants a priority */
    pthread_mutex_t mutex;
    struct topic_budget budget[LOG_TOPICS];
    atomic_ulong held_back;
} logger = { .program = "sipmib", .least = LOG_LEVEL_WARNING, .mutex = PTHREAD_MUTEX_INITIALIZER };

static bool stderr_is_journal(void);
static bool admit(enum log_topic topic, unsigned *held_back);
static void emit(enum log_level level, enum log_topic topic, const char *text);

void
log_init(const char *program, enum log_level least, bool to_syslog)
{
    logger.program = program;
    logger.least = least;
    logger.to_syslog = to_syslog;
    logger.to_journal = !to_syslog && stderr_is_journal();
    if (to_syslog)
        openlog(program, LOG_PID, LOG_DAEMON);
}

/* systemd names the device and inode of the stream that it gave us (systemd.exec, JOURNAL_STREAM). */
static bool
stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long device, inode;
    struct stat st;

    if (!stream || sscanf(stream, "%lu:%lu", &device, &inode) != 2 || fstat(STDERR_FILENO, &st) < 0)
        return false;
    return st.st_dev == (dev_t)device && st.st_ino == (ino_t)inode;
}

void
log_line(enum log_level level, enum log_topic topic, const char *format, ...)
{
    char text[1024], said[80];
    unsigned held_back;
    va_list args;

    if (level > logger.least)
        return;
    if (!admit(topic, &held_back))
        return;
    if (held_back > 0) {
        snprintf(said, sizeof(said), "%u lines held back", held_back);
        emit(LOG_LEVEL_WARNING, topic, said);
    }
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    emit(level, topic, text);
}

/* Whether one more line may pass; *held_back is what was not let through in the second that just ended.
 * Complaints about the configuration are asked for by a person and bounded by the loader: they all pass. */
static bool
admit(enum log_topic topic, unsigned *held_back)
{
    struct topic_budget *budget = &logger.budget[topic];
    struct timespec now = { 0, 0 };
    bool pass = true;

    *held_back = 0;
    if (topic == LOG_CONFIG)
        return true;
    clock_gettime(CLOCK_MONOTONIC, &now);
    pthread_mutex_lock(&logger.mutex);
    if (budget->second != now.tv_sec) {
        *held_back = budget->held_back;
        *budget = (struct topic_budget){ .second = now.tv_sec };
    }
    if (budget->lines < LINES_PER_SECOND) {
        budget->lines++;
    } else {
        budget->held_back++;
        atomic_fetch_add_explicit(&logger.held_back, 1, memory_order_relaxed);
        pass = false;
    }
    pthread_mutex_unlock(&logger.mutex);
    return pass;
}

static void
emit(enum log_level level, enum log_topic topic, const char *text)
{
    char line[LINE_OCTETS], when[40] = "";
    struct timespec now = { 0, 0 };
    struct tm local;
    int octets;

    if (logger.to_syslog) {
        syslog(level_priorities[level], "%s: %s: %s", level_names[level], topic_names[topic], text);
        return;
    }
    if (logger.to_journal) {
        octets =
            snprintf(line, sizeof(line), "<%d>%s: %s\n", level_priorities[level], topic_names[topic], text);
    } else {
        clock_gettime(CLOCK_REALTIME, &now);
        if (localtime_r(&now.tv_sec, &local))
            strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &local);
        octets = snprintf(line, sizeof(line), "%s.%03ld %s[%ld] %s: %s: %s\n", when, now.tv_nsec / 1000000,
                          logger.program, (long)getpid(), level_names[level], topic_names[topic], text);
    }
    if (octets < 0)
        return;
    if ((size_t)octets >= sizeof(line)) {
        octets = sizeof(line) - 1;
        line[octets - 1] = '\n';
    }
    if (write(STDERR_FILENO, line, (size_t)octets) < 0)
        return; /* nowhere left to say so */
}

bool
log_is_said(enum log_level level)
{
    return level <= logger.least;
}

bool
log_quota_has(struct log_quota *q)
{
    struct timespec now = { 0, 0 };
    uint64_t now_ns;

    clock_gettime(CLOCK_MONOTONIC, &now);
    now_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    q->credit_ns = q->at_ns == 0 ? QUOTA_NS : q->credit_ns + (now_ns - q->at_ns);
    if (q->credit_ns > QUOTA_NS)
        q->credit_ns = QUOTA_NS;
    q->at_ns = now_ns;
    return q->credit_ns >= QUOTA_NS / QUOTA_LINES;
}

bool
log_quota_take(struct log_quota *q)
{
    if (log_quota_has(q)) {
        q->credit_ns -= QUOTA_NS / QUOTA_LINES;
        return true;
    }
    q->held_back++;
    atomic_fetch_add_explicit(&logger.held_back, 1, memory_order_relaxed);
    return false;
}

void
log_tick(void)
{
    char said[80];

    for (unsigned topic = 0; topic < LOG_TOPICS; topic++) {
        struct topic_budget *budget = &logger.budget[topic];
        struct timespec now = { 0, 0 };
        unsigned held_back = 0;

        clock_gettime(CLOCK_MONOTONIC, &now);
        pthread_mutex_lock(&logger.mutex);
        if (budget->held_back > 0 && budget->second != now.tv_sec) {
            held_back = budget->held_back;
            budget->held_back = 0;
        }
        pthread_mutex_unlock(&logger.mutex);
        if (held_back == 0)
            continue;
        snprintf(said, sizeof(said), "%u lines held back", held_back);
        emit(LOG_LEVEL_WARNING, topic, said);
    }
}

unsigned long
log_held_back(void)
{
    return atomic_load_explicit(&logger.held_back, memory_order_relaxed);
}

const char *
log_escape(char *out, size_t size, const char *text, size_t octets)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;

    if (size == 0)
        return out;
    for (size_t i = 0; i < octets; i++) {
        unsigned char c = (unsigned char)text[i];
        bool plain = c >= 0x20 && c < 0x7f && c != '\\';

        if (used + (plain ? 1 : 4) >= size)
            break;
        if (plain) {
            out[used++] = (char)c;
            continue;
        }
        out[used++] = '\\';
        out[used++] = 'x';
        out[used++] = hex[c >> 4];
        out[used++] = hex[c & 15];
    }
    out[used] = '\0';
    return out;
}
