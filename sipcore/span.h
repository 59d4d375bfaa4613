/* SPDX-License-Identifier: BSD-2-Clause */
/* Bounded views of octets that somebody else owns. All pointer arithmetic on input happens here. */
#ifndef SIPCORE_SPAN_H
#define SIPCORE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* `length` octets at `data`. Not terminated, never owned. An empty span may have data NULL. */
struct span {
    const uint8_t *data;
    size_t length;
};

static inline struct span
span_of(const void *data, size_t length)
{
    return (struct span){ .data = data, .length = length };
}

static inline struct span
span_string(const char *text)
{
    return span_of(text, strlen(text));
}

/* The part of `s` from `offset` on; empty when the offset is past the end. */
static inline struct span
span_from(struct span s, size_t offset)
{
    if (offset >= s.length)
        return span_of(NULL, 0);
    return span_of(s.data + offset, s.length - offset);
}

/* The first `length` octets of `s`, or all of it when it is shorter. */
static inline struct span
span_first(struct span s, size_t length)
{
    return span_of(s.data, length < s.length ? length : s.length);
}

static inline bool
span_equals(struct span a, struct span b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

/* Cut `length` octets off the front into `out`; false, and nothing cut, when there are fewer. */
static inline bool
span_take(struct span *in, size_t length, struct span *out)
{
    if (length > in->length)
        return false;
    *out = span_of(in->data, length);
    *in = span_of(in->data + length, in->length - length);
    return true;
}

/* Network-order integers off the front of `in`; false, and nothing taken, when there are too few octets. */
static inline bool
span_take_u8(struct span *in, uint8_t *out)
{
    struct span s;

    if (!span_take(in, 1, &s))
        return false;
    *out = s.data[0];
    return true;
}

static inline bool
span_take_u16(struct span *in, uint16_t *out)
{
    struct span s;

    if (!span_take(in, 2, &s))
        return false;
    *out = (uint16_t)(s.data[0] << 8 | s.data[1]);
    return true;
}

static inline bool
span_take_u32(struct span *in, uint32_t *out)
{
    struct span s;

    if (!span_take(in, 4, &s))
        return false;
    *out = (uint32_t)s.data[0] << 24 | (uint32_t)s.data[1] << 16 | (uint32_t)s.data[2] << 8 | s.data[3];
    return true;
}

#endif
