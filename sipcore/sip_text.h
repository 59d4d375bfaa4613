/* SPDX-License-Identifier: BSD-2-Clause */
/* Character classes of RFC 3261 25.1 and small helpers over spans, for the SIP parser. No state: any
 * thread. */
#ifndef SIPCORE_SIP_TEXT_H
#define SIPCORE_SIP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sipcore/span.h"

/* Bits of sip_chars[]. */
enum {
    SIP_CHAR_TOKEN = 1,      /* token of RFC 3261 25.1 */
    SIP_CHAR_LWS = 2,        /* SP, HTAB, and the CR and LF of a folded line */
    SIP_CHAR_DIGIT = 4,      /* 0 to 9 */
    SIP_CHAR_NAME_END = 8,   /* ends a parameter's name: ';' ',' '=' LWS */
    SIP_CHAR_VALUE_END = 16, /* ends a parameter's value: ';' ',' LWS */
    SIP_CHAR_PARAM_END = 32, /* ends a parameter, or starts a quoted string: ';' ',' '"' */
    SIP_CHAR_HOST_END = 64   /* ends a host name: ':' ';' ',' LWS */
};

/* The classes of each octet. */
extern const uint8_t sip_chars[256];

static inline bool
sip_char_is(uint8_t octet, unsigned classes)
{
    return (sip_chars[octet] & classes) != 0;
}

/* ASCII letters in lower case, everything else as it is; no locale. */
static inline uint8_t
sip_lower(uint8_t octet)
{
    return (uint8_t)(octet - 'A') < 26 ? octet | 0x20 : octet;
}

/* The octets of `s` from `from` up to, not including, `to`; empty when there are none. */
static inline struct span
sip_slice(struct span s, size_t from, size_t to)
{
    return to > from ? span_first(span_from(s, from), to - from) : span_of(NULL, 0);
}

/* True when `s` has an octet at `i`, and it is `octet`. */
static inline bool
sip_at(struct span s, size_t i, uint8_t octet)
{
    return i < s.length && s.data[i] == octet;
}

/* The first position at or after `i` that is not of (skip) or is of (find) the given classes; the length if
 * none. */
static inline size_t
sip_skip(struct span s, size_t i, unsigned classes)
{
    while (i < s.length && sip_char_is(s.data[i], classes))
        i++;
    return i;
}

static inline size_t
sip_find(struct span s, size_t i, unsigned classes)
{
    while (i < s.length && !sip_char_is(s.data[i], classes))
        i++;
    return i;
}

/* `s` without white space (folds included) at its ends. */
static inline struct span
sip_trim(struct span s)
{
    while (s.length > 0 && sip_char_is(s.data[s.length - 1], SIP_CHAR_LWS))
        s.length--;
    while (s.length > 0 && sip_char_is(s.data[0], SIP_CHAR_LWS))
        s = span_from(s, 1);
    return s;
}

/* Eight octets as a number, the first one lowest. */
static inline uint64_t
sip_load(const uint8_t octets[8])
{
    uint64_t word;

    memcpy(&word, octets, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/* Compare with a text in lower case, letters of `s` in either case. */
bool sip_equals_nocase(struct span s, const char *lower);

/* True when the eight octets in `seen` (of sip_load()) start with those in `known`, which are lower-case
 * letters, digits, '-', ';' and '=', and of which the upper `cut` bits do not count. Of these the letters
 * alone have bit 6 set, and half of it is the bit that tells their cases apart. */
static inline bool
sip_word_matches(uint64_t seen, uint64_t known, unsigned cut)
{
    return ((seen | (known & 0x4040404040404040u) >> 1) ^ known) << cut == 0;
}

/* Compare the octets of `s` at `i` with a text of 1 to 8 such octets, known when this is compiled. */
static inline bool
sip_matches_at(struct span s, size_t i, const char *lower, size_t length)
{
    uint8_t known[8] = { 0 };

    if (i > s.length || s.length - i < length)
        return false;
    memcpy(known, lower, length);
    if (s.length - i >= 8)
        return sip_word_matches(sip_load(&s.data[i]), sip_load(known), (unsigned)(64 - 8 * length));
    for (size_t k = 0; k < length; k++)
        if (sip_lower(s.data[i + k]) != known[k])
            return false;
    return true;
}

/* The last octets of `s`, fewer than eight, as sip_load() with zeros behind. */
uint64_t sip_load_last(struct span s, size_t octets);

/* The octets of `s` from `i` on, at most its length: the first eight, or all there are and zeros behind. */
static inline uint64_t
sip_load_at(struct span s, size_t i)
{
    return __builtin_expect(s.length - i >= 8, 1) ? sip_load(&s.data[i]) : sip_load_last(s, s.length - i);
}

/* As sip_find(), by words, for classes of octets that are below '-', or ':' or ';': values and names of hosts are
 * long, and made of others. */
size_t sip_find_rare(struct span s, size_t i, unsigned classes);

/* A decimal number of any number of digits, at most `max`, and below 10^19. False for anything else, an empty
 * span included. */
bool sip_decimal(struct span s, uint64_t max, uint64_t *out);

/* The position after the quoted string that opens at `i`; 0 when it does not end (RFC 3261 25.1,
 * quoted-string). */
size_t sip_quoted_end(struct span s, size_t i);

#endif
