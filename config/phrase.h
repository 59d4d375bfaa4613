/* SPDX-License-Identifier: BSD-2-Clause */
/* Sentences for complaints, built piece by piece in bounded memory, and what of a foreign text may stand in them. */
#ifndef CONFIG_PHRASE_H
#define CONFIG_PHRASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PHRASE_OCTETS = 640,
    PHRASE_QUOTE_MAX = 40 /* characters of a quoted value */
};

/* A text that grows at its end; what does not fit is cut. Zero-initialised it is empty. Plain memory. */
struct phrase {
    char text[PHRASE_OCTETS]; /* always terminated */
    size_t used;
};

void phrase_add(struct phrase *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append `octets` between double quotes, escaped as C would write them, cut after PHRASE_QUOTE_MAX characters ("...").
 * Takes anything: octets that are no UTF-8, zeros, and what would disturb a terminal come out as \xNN or \uNNNN. */
void phrase_quote(struct phrase *p, const char *octets, size_t length);

/* As phrase_quote() without the quotes around it: for the key of a place. */
void phrase_escape(struct phrase *p, const char *octets, size_t length);

/* The UTF-8 character that `octets` begins with: how many octets it has and, when `point` is not NULL, its code point.
 * 0 when it is not well-formed (RFC 3629: no surrogates, no overlong forms) or cut off. */
size_t phrase_utf8(const char *octets, size_t length, uint32_t *point);

/* Whether a character may stand in a text of one line: no control (C0, DEL, C1), no line or paragraph separator, no
 * byte order mark, no noncharacter. */
bool phrase_is_printable(uint32_t point);

#endif
