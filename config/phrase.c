/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentences for complaints. */
#include "config/phrase.h"

#include <stdarg.h>
#include <stdio.h>

void
phrase_add(struct phrase *p, const char *format, ...)
{
    va_list args;
    int added;

    va_start(args, format);
    added = vsnprintf(p->text + p->used, sizeof(p->text) - p->used, format, args);
    va_end(args);
    if (added > 0)
        p->used += (size_t)added;
    if (p->used > sizeof(p->text) - 1)
        p->used = sizeof(p->text) - 1;
}

/* Marks that turn the direction of the text after them: a complaint must read as it was written. */
static bool
is_direction_mark(uint32_t point)
{
    return (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

/* Append the first character of `octets` in a form that is safe to print; returns its octets, 1 when it is none. */
static size_t
escape_one(struct phrase *p, const char *octets, size_t length)
{
    uint32_t point;
    size_t n = phrase_utf8(octets, length, &point);

    if (n == 0)
        phrase_add(p, "\\x%02x", (unsigned char)octets[0]);
    else if (point == '\n')
        phrase_add(p, "\\n");
    else if (point == '\t')
        phrase_add(p, "\\t");
    else if (point == '"' || point == '\\')
        phrase_add(p, "\\%c", (char)point);
    else if (point < 0x80 && !phrase_is_printable(point))
        phrase_add(p, "\\x%02x", point);
    else if (!phrase_is_printable(point) || is_direction_mark(point))
        phrase_add(p, "\\u%04x", point);
    else
        phrase_add(p, "%.*s", (int)n, octets);
    return n ? n : 1;
}

void
phrase_escape(struct phrase *p, const char *octets, size_t length)
{
    size_t at = 0;

    for (unsigned shown = 0; at < length && shown < PHRASE_QUOTE_MAX; shown++)
        at += escape_one(p, octets + at, length - at);
    if (at < length)
        phrase_add(p, "...");
}

void
phrase_quote(struct phrase *p, const char *octets, size_t length)
{
    phrase_add(p, "\"");
    phrase_escape(p, octets, length);
    phrase_add(p, "\"");
}

/* How many octets the character that begins with `lead` has, and the bits that `lead` gives to its code point. */
static size_t
utf8_lead(unsigned char lead, uint32_t *bits)
{
    if (lead < 0x80) {
        *bits = lead;
        return 1;
    }
    if (lead >= 0xc2 && lead <= 0xdf) {
        *bits = lead & 0x1f;
        return 2;
    }
    if ((lead & 0xf0) == 0xe0) {
        *bits = lead & 0x0f;
        return 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        *bits = lead & 0x07;
        return 4;
    }
    return 0;
}

size_t
phrase_utf8(const char *octets, size_t length, uint32_t *point)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    uint32_t value;
    size_t n = length ? utf8_lead((unsigned char)octets[0], &value) : 0;

    if (n == 0 || n > length)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)octets[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | ((unsigned char)octets[i] & 0x3f);
    }
    if (value < least[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 0;
    if (point)
        *point = value;
    return n;
}

bool
phrase_is_printable(uint32_t point)
{
    if (point < 0x20 || (point >= 0x7f && point <= 0x9f))
        return false;
    if (point == 0x2028 || point == 0x2029 || point == 0xfeff)
        return false;
    return (point & 0xfffe) != 0xfffe && !(point >= 0xfdd0 && point <= 0xfdef);
}
