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

/* True unless all eight octets are above ',' and not ';': nearly all that values are made of. Exact for the
 * lowest octet that is not; what a borrow does above it makes no difference to the answer. */
static inline bool
may_end_value(uint64_t word)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t semicolon = word ^ ones * ';';

    return (((word - ones * ('-')) & ~word) | ((semicolon - ones) & ~semicolon)) & tops;
}

size_t
sip_find_value_end(struct span s, size_t i)
{
    while (s.length - i >= 8 && !may_end_value(sip_load(&s.data[i])))
        i += 8;
    return sip_find(s, i, SIP_CHAR_VALUE_END);
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
        if (s.data[i] == '"')
            return i + 1;
        if (s.data[i] == '\\')
            i++;
    }
    return 0;
}
