/* SPDX-License-Identifier: BSD-2-Clause */
/* The log of the collectors. */
#include "collectors/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_OCTETS 1024
#define MINUTE_NS   60000000000ull
#define HOUR_NS     (60 * MINUTE_NS)

static struct {
    const char *program;
    enum collector_log_level least;
    bool to_journal;
} log_state = { "collector", COLLECTOR_INFO, false };

static const struct {
    const char *journal; /* sd-daemon(3) */
    const char *word;
} log_levels[] = {
    [COLLECTOR_ERROR] = { "<3>", "error: " },
    [COLLECTOR_WARNING] = { "<4>", "warning: " },
    [COLLECTOR_INFO] = { "<6>", "" },
    [COLLECTOR_DEBUG] = { "<7>", "" },
};

void
collector_log_init(const char *program, enum collector_log_level least)
{
    log_state.program = program;
    log_state.least = least;
    log_state.to_journal = getenv("JOURNAL_STREAM") != NULL;
}

void
collector_log(enum collector_log_level level, const char *format, ...)
{
    char line[LINE_OCTETS];
    size_t length;
    va_list arguments;

    if (!collector_log_wants(level))
        return;
    if (log_state.to_journal)
        snprintf(line, sizeof(line), "%s%s", log_levels[level].journal, log_levels[level].word);
    else
        snprintf(line, sizeof(line), "%s: %s", log_state.program, log_levels[level].word);
    length = strlen(line);
    va_start(arguments, format);
    vsnprintf(line + length, sizeof(line) - length, format, arguments);
    va_end(arguments);
    length = strlen(line);
    if (length == sizeof(line) - 1)
        length--;
    line[length++] = '\n';
    /* Nothing can be done, and nobody told, when standard error is gone. */
    if (write(STDERR_FILENO, line, length) < 0)
        return;
}

bool
collector_log_wants(enum collector_log_level level)
{
    return level <= log_state.least;
}

bool
collector_log_allow(struct collector_log_limit *limit, uint64_t now_ns, uint64_t *held_back)
{
    if (now_ns < limit->next_ns) {
        limit->held_back++;
        return false;
    }
    *held_back = limit->held_back;
    limit->held_back = 0;
    if (limit->wait_ns == 0 || now_ns - limit->next_ns >= HOUR_NS)
        limit->wait_ns = MINUTE_NS;
    else
        limit->wait_ns = HOUR_NS;
    limit->next_ns = now_ns + limit->wait_ns;
    return true;
}
