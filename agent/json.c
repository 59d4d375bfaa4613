/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing JSON into memory. */
#include "agent/json.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void append(struct json *j, const char *text, size_t octets);
static void append_format(struct json *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append_quoted(struct json *j, const char *text, size_t octets);
static void begin_member(struct json *j, const char *key);
static void open_nested(struct json *j, const char *key, char opener, char closer);

void
json_init(struct json *j)
{
    *j = (struct json){ .depth = 0 };
    j->closer[0] = '}';
    append(j, "{", 1);
}

void
json_fini(struct json *j)
{
    free(j->text);
    j->text = NULL;
    j->octets = j->allocated = 0;
}

void
json_object(struct json *j, const char *key)
{
    open_nested(j, key, '{', '}');
}

void
json_array(struct json *j, const char *key)
{
    open_nested(j, key, '[', ']');
}

static void
open_nested(struct json *j, const char *key, char opener, char closer)
{
    assert(j->depth + 1 < JSON_DEPTH_MAX);
    begin_member(j, key);
    append(j, &opener, 1);
    j->depth++;
    j->closer[j->depth] = closer;
    j->has_member[j->depth] = false;
}

void
json_close(struct json *j)
{
    assert(j->depth > 0);
    append(j, &j->closer[j->depth], 1);
    j->depth--;
}

void
json_string(struct json *j, const char *key, const char *value)
{
    if (value) {
        json_octets(j, key, value, strlen(value));
        return;
    }
    begin_member(j, key);
    append(j, "null", 4);
}

void
json_octets(struct json *j, const char *key, const void *value, size_t octets)
{
    begin_member(j, key);
    append_quoted(j, value, octets);
}

void
json_number(struct json *j, const char *key, uint64_t value)
{
    begin_member(j, key);
    append_format(j, "%llu", (unsigned long long)value);
}

void
json_decimal(struct json *j, const char *key, double value, unsigned places)
{
    begin_member(j, key);
    if (isfinite(value))
        append_format(j, "%.*f", (int)places, value);
    else
        append(j, "null", 4);
}

void
json_bool(struct json *j, const char *key, bool value)
{
    begin_member(j, key);
    append(j, value ? "true" : "false", value ? 4 : 5);
}

bool
json_finish(struct json *j)
{
    while (j->depth > 0)
        json_close(j);
    append(j, "}\n", 2);
    return !j->failed;
}

/* A comma after the member before, and the name of this one. */
static void
begin_member(struct json *j, const char *key)
{
    if (j->has_member[j->depth])
        append(j, ",", 1);
    j->has_member[j->depth] = true;
    if (key) {
        append_quoted(j, key, strlen(key));
        append(j, ":", 1);
    }
}

static void
append_quoted(struct json *j, const char *text, size_t octets)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t step;

    append(j, "\"", 1);
    for (size_t i = 0; i < octets; i += step) {
        step = json_utf8_octets(s + i, octets - i);
        if (step == 0) {
            append(j, "\xef\xbf\xbd", 3);
            step = 1;
        } else if (s[i] == '"' || s[i] == '\\') {
            append_format(j, "\\%c", s[i]);
        } else if (s[i] < 0x20 || s[i] == 0x7f) {
            append_format(j, "\\u%04x", s[i]);
        } else {
            append(j, text + i, step);
        }
    }
    append(j, "\"", 1);
}

size_t
json_utf8_octets(const unsigned char *s, size_t octets)
{
    size_t length;
    unsigned char low = 0x80,
                  high = 0xbf; /* of the second octet: no overlong forms, no surrogates, not past U+10FFFF */

    if (octets == 0)
        return 0;
    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (length > octets)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0;
    else if (s[0] == 0xed)
        high = 0x9f;
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f;
    if (s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

static void
append_format(struct json *j, const char *format, ...)
{
    char text[512];
    va_list args;
    int octets;

    va_start(args, format);
    octets = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (octets > 0)
        append(j, text, (size_t)octets < sizeof(text) ? (size_t)octets : sizeof(text) - 1);
}

/* Keeps room for the terminating zero. */
static void
append(struct json *j, const char *text, size_t octets)
{
    if (j->failed)
        return;
    if (j->octets + octets + 1 > j->allocated) {
        size_t wanted = (j->octets + octets + 1) * 2 + 1024;
        char *grown = realloc(j->text, wanted);

        if (!grown) {
            j->failed = true;
            return;
        }
        j->text = grown;
        j->allocated = wanted;
    }
    memcpy(j->text + j->octets, text, octets);
    j->octets += octets;
    j->text[j->octets] = '\0';
}
