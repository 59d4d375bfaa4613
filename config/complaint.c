/* SPDX-License-Identifier: BSD-2-Clause */
/* Complaints about a configuration file. */
#include "config/complaint.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/phrase.h"

enum {
    COMPLAINT_OCTETS = 2048,
    EXCERPT_COLUMNS = 100 /* of a line that is shown on a terminal */
};

/* Keep a copy of `text`; -ENOMEM is remembered. */
static void
keep(struct complaints *c, unsigned line, unsigned column, const char *text, bool is_warning)
{
    size_t octets = strlen(text) + 1;
    char *copy = malloc(octets);

    if (!copy) {
        c->error = -ENOMEM;
        return;
    }
    memcpy(copy, text, octets);
    c->kept[c->n_kept] = (struct complaint){
        .line = line, .column = column, .order = c->n_kept, .is_warning = is_warning, .text = copy
    };
    c->n_kept++;
}

void
complaints_add(struct complaints *c, unsigned line, unsigned column, const char *format, ...)
{
    char text[COMPLAINT_OCTETS];
    va_list args;

    c->n++;
    if (c->n_kept == CONFIG_COMPLAINTS_MAX)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    keep(c, line, column, text, false);
}

/* At most half of what is kept, so that errors have room. */
void
complaints_warn(struct complaints *c, unsigned line, unsigned column, const char *text)
{
    if (c->n_warnings == CONFIG_COMPLAINTS_MAX / 2 || c->n_kept == CONFIG_COMPLAINTS_MAX)
        return;
    c->n_warnings++;
    keep(c, line, column, text, true);
}

void
complaints_last_is_secret(struct complaints *c)
{
    if (c->n_kept)
        c->kept[c->n_kept - 1].is_secret = true;
}

static int
compare_places(const void *left, const void *right)
{
    const struct complaint *a = left, *b = right;

    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* The text of one line, counted from 1, without its end; NULL when the file has fewer. */
static const char *
line_find(const struct source *source, unsigned line, size_t *length)
{
    const char *at = source->text, *end = source->text + source->length, *stop;

    while (--line && at)
        at = memchr(at, '\n', (size_t)(end - at)) ? (char *)memchr(at, '\n', (size_t)(end - at)) + 1 : NULL;
    if (!at || at == end)
        return NULL;
    stop = memchr(at, '\n', (size_t)(end - at));
    *length = (size_t)((stop ? stop : end) - at);
    return at;
}

/* Show the line of a complaint and a mark below the place; characters that are not printable come out as dots. */
static void
print_excerpt(const struct complaint *complaint, const struct source *source, FILE *out)
{
    size_t length;
    const char *line = line_find(source, complaint->line, &length);
    uint32_t point = 0;

    if (!line || complaint->column > EXCERPT_COLUMNS)
        return;
    fputs("  ", out);
    for (unsigned column = 0; length && column < EXCERPT_COLUMNS; column++) {
        size_t n = phrase_utf8(line, length, &point);

        if (n && phrase_is_printable(point))
            fprintf(out, "%.*s", (int)n, line);
        else
            fputc(n && point == '\t' ? ' ' : '.', out);
        line += n ? n : 1;
        length -= n ? n : 1;
    }
    fprintf(out, "\n  %*s^\n", (int)complaint->column - 1, "");
}

void
complaints_print(struct complaints *c, const struct source *source, FILE *out)
{
    int fd = fileno(out);
    bool is_terminal = fd >= 0 && isatty(fd);

    qsort(c->kept, c->n_kept, sizeof(c->kept[0]), compare_places);
    for (size_t i = 0; i < c->n_kept; i++) {
        const struct complaint *complaint = &c->kept[i];

        if (complaint->is_warning && c->n > 0)
            continue; /* first things first */
        fprintf(out, "%s:%u:%u: %s\n", source->name, complaint->line, complaint->column, complaint->text);
        if (is_terminal && !complaint->is_secret)
            print_excerpt(complaint, source, out);
    }
    if (c->n + c->n_warnings > c->n_kept)
        fprintf(out, "%s: and %zu more\n", source->name, c->n + c->n_warnings - c->n_kept);
}

void
complaints_fini(struct complaints *c)
{
    for (size_t i = 0; i < c->n_kept; i++)
        free(c->kept[i].text);
    *c = (struct complaints){ 0 };
}
