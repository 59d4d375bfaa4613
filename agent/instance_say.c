/* SPDX-License-Identifier: BSD-2-Clause */
/* What is said of an instance in the log. Its writers may be strangers: each
 * instance has a share of its own, so that those of one can neither fill the
 * log nor silence what is said of another. */
#include <stdarg.h>
#include <stdio.h>

#include "agent/instance_internal.h"

enum { SAY_OCTETS = 900 };

void
instance_say(struct instance *i, enum log_level level, enum log_topic topic, const char *format, ...)
{
    char text[SAY_OCTETS];
    va_list args;

    if (!log_is_said(level) || !log_quota_take(&i->log_quota[topic]))
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_line(level, topic, "instance %s%s", i->name, text);
}

void
instance_say_held_back(struct instance *i)
{
    for (unsigned topic = 0; topic < LOG_TOPICS; topic++) {
        struct log_quota *q = &i->log_quota[topic];
        unsigned held_back = q->held_back;

        if (held_back == 0 || !log_quota_has(q))
            continue;
        log_quota_take(q);
        q->held_back = 0;
        log_line(LOG_LEVEL_WARNING, topic, "instance %s: %u lines held back", i->name, held_back);
    }
}
