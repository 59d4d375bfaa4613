/* SPDX-License-Identifier: BSD-2-Clause */
/* What came over the network, made fit for an SnmpAdminString. */
#include "agent/notifier_text.h"

#include <stdbool.h>
#include <string.h>

#include "agent/json.h"

static bool
is_blank(unsigned char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The octets of blanks at `c`, and whether a line ends among them. */
static size_t
blanks(const unsigned char *c, size_t left, bool *is_fold)
{
    size_t n = 0;

    *is_fold = false;
    for (; n < left && is_blank(c[n]); n++)
        *is_fold |= c[n] == '\r' || c[n] == '\n';
    return n;
}

/* C0, DEL, and C1 (U+0080 to U+009F). */
static bool
is_control(const unsigned char *c, size_t octets)
{
    return c[0] < 0x20 || c[0] == 0x7f || (octets == 2 && c[0] == 0xc2 && c[1] < 0xa0);
}

void
notifier_text(char to[NOTICE_TEXT_OCTETS], const char *name, struct span value)
{
    size_t used = strlen(name), step, octets;
    bool is_fold;

    memcpy(to, name, used);
    for (size_t at = 0; at < value.length; at += step) {
        const unsigned char *c = (const unsigned char *)value.data + at;
        char one = '?';

        step = blanks(c, value.length - at, &is_fold);
        octets = step > 0 ? 1 : json_utf8_octets(c, value.length - at);
        if (step > 0 && is_fold && at + step == value.length)
            break; /* an end of line, no fold */
        if (step > 0) {
            one = ' ';
            if (!is_fold)
                step = 1;
        } else if (octets == 0 || is_control(c, octets)) {
            step = octets > 0 ? octets : 1;
            octets = 1;
        } else {
            step = octets;
            one = (char)c[0];
        }
        if (used + octets > NOTICE_TEXT_OCTETS - 1)
            break;
        if (octets == 1)
            to[used] = one;
        else
            memcpy(to + used, c, octets);
        used += octets;
    }
    to[used] = '\0';
}
