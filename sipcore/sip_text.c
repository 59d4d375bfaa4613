/* SPDX-License-Identifier: BSD-2-Clause */
/* Character classes and small helpers of the SIP parser. */
#include "sipcore/sip_text.h"

#define LWS       (SIP_CHAR_LWS | SIP_CHAR_NAME_END | SIP_CHAR_VALUE_END | SIP_CHAR_HOST_END)
#define SEPARATOR (SIP_CHAR_NAME_END | SIP_CHAR_VALUE_END | SIP_CHAR_PARAM_END | SIP_CHAR_HOST_END)

const uint8_t sip_chars[256] = {
    ['0' ... '9'] = SIP_CHAR_TOKEN | SIP_CHAR_DIGIT,
    ['A' ... 'Z'] = SIP_CHAR_TOKEN,
    ['a' ... 'z'] = SIP_CHAR_TOKEN,
    ['-'] = SIP_CHAR_TOKEN,
    ['.'] = SIP_CHAR_TOKEN,
    ['!'] = SIP_CHAR_TOKEN,
    ['%'] = SIP_CHAR_TOKEN,
    ['*'] = SIP_CHAR_TOKEN,
    ['_'] = SIP_CHAR_TOKEN,
    ['+'] = SIP_CHAR_TOKEN,
    ['`'] = SIP_CHAR_TOKEN,
    ['\''] = SIP_CHAR_TOKEN,
    ['~'] = SIP_CHAR_TOKEN,
    [' '] = LWS,
    ['\t'] = LWS,
    ['\r'] = LWS,
    ['\n'] = LWS,
    [';'] = SEPARATOR,
    [','] = SEPARATOR,
    [':'] = SIP_CHAR_HOST_END,
    ['"'] = SIP_CHAR_PARAM_END,
    ['='] = SIP_CHAR_NAME_END,
};

bool
sip_equals_nocase(struct span s, const char *lower)
{
    size_t i;

    for (i = 0; i < s.length && lower[i] != '\0'; i++)
        if (sip_lower(s.data[i]) != (uint8_t)lower[i])
            return false;
    return i == s.length && lower[i] == '\0';
}

uint64_t
sip_load_last(struct span s, size_t octets)
{
    uint64_t word = 0;

    if (octets == 0)
        return 0;
    if (s.length >= 8)
        return sip_load(&s.data[s.length - 8]) >> (64 - 8 * octets);
    for (size_t i = s.length; i > s.length - octets; i--)
        word = word << 8 | s.data[i - 1];
    return word;
}

static const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;

/* The top bits of octets that are zero. Exact for the lowest one; what a borrow does above it makes no difference to
 * who looks there first. */
static inline uint64_t
zeros_of(uint64_t word)
{
    return (word - ones) & ~word & tops;
}

/* Likewise of octets that are below '-', or ':' or ';', which differ in the lowest bit. */
static inline uint64_t
rare_of(uint64_t word)
{
    return ((word - ones * '-') & ~word & tops) | zeros_of((word | ones) ^ ones * ';');
}

size_t
sip_find_rare(struct span s, size_t i, unsigned classes)
{
    while (i < s.length) {
        uint64_t rare = rare_of(sip_load_at(s, i));

        i += rare != 0 ? (size_t)__builtin_ctzll(rare) / 8 : 8;
        if (rare != 0 && i < s.length && sip_char_is(s.data[i++], classes))
            return i - 1;
    }
    return s.length;
}

bool
sip_decimal(struct span s, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    size_t i = 0;

    while (s.length > 19 && s.data[0] == '0')
        s = span_from(s, 1);
    if (s.length == 0 || s.length > 19) /* nineteen digits always fit, and nobody has more to say */
        return false;
    for (; i < s.length && (uint8_t)(s.data[i] - '0') <= 9; i++)
        value = value * 10 + (uint8_t)(s.data[i] - '0');
    *out = value;
    return i == s.length && value <= max;
}

size_t
sip_quoted_end(struct span s, size_t i)
{
    for (i++; i < s.length; i++) {
        uint64_t word = sip_load_at(s, i), found = zeros_of(word ^ ones * '"') | zeros_of(word ^ ones * '\\');

        if (found == 0) {
            i += 7;
            continue;
        }
        i += (size_t)__builtin_ctzll(found) / 8;
        if (s.data[i] == '"')
            return i + 1;
        i++;
    }
    return 0;
}
