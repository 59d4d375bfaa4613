/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines for a terminal. */
#include "agent/view_text.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void
view_put_row(FILE *out, const char *format, ...)
{
    char line[256];
    size_t used;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    used = strlen(line);
    while (used > 0 && line[used - 1] == ' ')
        used--;
    fprintf(out, "%.*s\n", (int)used, line);
}

void
view_put_text(FILE *out, unsigned indent, const char *format, ...)
{
    char *text = NULL;
    const char *at;
    unsigned column, from = 0;
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (r < 0)
        return;
    column = (unsigned)strspn(text, " ");
    at = text + column;
    fprintf(out, "%*s", (int)column, "");
    while (*at) {
        size_t blanks = strspn(at, " "), word = strcspn(at + blanks, " ");

        if (word > 0 && column > from && column + blanks + word > VIEW_COLUMNS) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = from = indent;
            at += blanks;
            continue;
        }
        if (word > 0)
            fprintf(out, "%.*s", (int)(blanks + word), at);
        column += (unsigned)(blanks + word);
        at += blanks + word;
    }
    fputc('\n', out);
    free(text);
}

const char *
view_put_wide(FILE *out, const char *text, unsigned columns)
{
    if (strlen(text) <= columns)
        return text;
    fprintf(out, "  %s\n", text);
    return "";
}

const char *
view_age(char text[VIEW_AGE_OCTETS], double seconds)
{
    unsigned long long s = seconds > 0 && seconds < 1e12 ? (unsigned long long)seconds : 0;

    if (s < 3600)
        snprintf(text, VIEW_AGE_OCTETS, "%llum%02llus", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, VIEW_AGE_OCTETS, "%lluh%02llum", s / 3600, s / 60 % 60);
    else
        snprintf(text, VIEW_AGE_OCTETS, "%llud%02lluh", s / 86400, s / 3600 % 24);
    return text;
}
