/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors with context. */
#include "sipcore/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Append `code`'s meaning. The GNU strerror_r may point at a static string instead of the buffer. */
static void
append_meaning(struct err *e, int code)
{
    char buffer[128];
    size_t used = strlen(e->text);

    snprintf(e->text + used, sizeof(e->text) - used, ": %s", strerror_r(-code, buffer, sizeof(buffer)));
}

int
err_set(struct err *e, int code, const char *format, ...)
{
    va_list args;

    if (!e)
        return code;
    va_start(args, format);
    vsnprintf(e->text, sizeof(e->text), format, args);
    va_end(args);
    return code;
}

int
err_sys(struct err *e, int code, const char *format, ...)
{
    va_list args;

    if (!e)
        return code;
    va_start(args, format);
    vsnprintf(e->text, sizeof(e->text), format, args);
    va_end(args);
    append_meaning(e, code);
    return code;
}

int
err_wrap(struct err *e, int code, const char *format, ...)
{
    struct err inner;
    va_list args;
    size_t used;

    if (!e)
        return code;
    inner = *e;
    va_start(args, format);
    vsnprintf(e->text, sizeof(e->text), format, args);
    va_end(args);
    used = strlen(e->text);
    snprintf(e->text + used, sizeof(e->text) - used, ": %s", inner.text);
    return code;
}
