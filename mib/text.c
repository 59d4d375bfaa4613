/* SPDX-License-Identifier: BSD-2-Clause */
/* Strange octets into UTF-8. */
#include "mib/text.h"

static size_t character_length(struct span in);
static size_t announced_length(uint8_t first, uint8_t *second_min, uint8_t *second_max);

size_t
mib_text(struct span in, uint8_t to[MIB_TEXT_OCTETS])
{
    size_t used = 0;

    while (in.length > 0) {
        size_t length = character_length(in);
        struct span character = span_first(in, length == 0 ? 1 : length);
        /* C0 and DEL have one octet, C1 (U+0080 to U+009F) two */
        bool is_control = length == 1 ? in.data[0] < 0x20 || in.data[0] == 0x7f
                                      : length == 2 && in.data[0] == 0xc2 && in.data[1] < 0xa0;

        in = span_from(in, character.length);
        if (length == 0 || is_control)
            character = span_string("?");
        if (character.length > MIB_TEXT_OCTETS - used)
            break;
        memcpy(to + used, character.data, character.length);
        used += character.length;
    }
    return used;
}

/* How many octets the character at the beginning of `in` has; 0: it is none. */
static size_t
character_length(struct span in)
{
    uint8_t min, max;
    size_t length = announced_length(in.data[0], &min, &max);

    if (length > in.length)
        return 0;
    if (length > 1 && (in.data[1] < min || in.data[1] > max))
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((in.data[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

/* What the first octet promises: the whole length, and the range of the second, which keeps out overlong
 * forms, surrogates and what is past U+10FFFF (RFC 3629 4). 0: no character begins so. */
static size_t
announced_length(uint8_t first, uint8_t *second_min, uint8_t *second_max)
{
    *second_min = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    *second_max = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (first < 0x80)
        return 1;
    if (first >= 0xc2 && first <= 0xdf)
        return 2;
    if (first >= 0xe0 && first <= 0xef)
        return 3;
    return first >= 0xf0 && first <= 0xf4 ? 4 : 0;
}
