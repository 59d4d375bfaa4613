/* SPDX-License-Identifier: BSD-2-Clause */
/* What came over the network, made fit for an SnmpAdminString. */
#include "agent/notifier_text.h"

#include <stdbool.h>
#include <string.h>

#include "mib/text.h"

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

void
notifier_text(char to[NOTICE_TEXT_OCTETS], const char *name, struct span value)
{
    uint8_t
        unfolded[2 *
                 NOTICE_TEXT_OCTETS]; /* no character of two octets or more is made shorter than by half */
    size_t used = strlen(name), step;
    bool is_fold;

    memcpy(unfolded, name, used);
    for (size_t at = 0; at < value.length && used < sizeof(unfolded); at += step) {
        step = blanks(value.data + at, value.length - at, &is_fold);
        if (is_fold && at + step == value.length)
            break; /* an end of line, no fold */
        unfolded[used++] = step > 0 ? ' ' : value.data[at];
        if (!is_fold)
            step = 1;
    }
    used = mib_text(span_of(unfolded, used), (uint8_t *)to);
    to[used] = '\0';
}
