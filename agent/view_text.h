/* SPDX-License-Identifier: BSD-2-Clause */
/* Lines for a terminal of 80 columns. */
#ifndef AGENT_VIEW_TEXT_H
#define AGENT_VIEW_TEXT_H

#include <stdint.h>
#include <stdio.h>

enum { VIEW_COLUMNS = 80, VIEW_AGE_OCTETS = 24 };

/* Print one line, without the blanks that empty columns leave at its end. At most 255 octets. */
void view_put_row(FILE *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Print a sentence, broken between words; further lines stand under column `indent`. Without memory: nothing. */
void view_put_text(FILE *out, unsigned indent, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Print what is no wider than `columns` with the row that follows: it returns the text. What is wider gets a line of
 * its own, and "" is returned. */
const char *view_put_wide(FILE *out, const char *text, unsigned columns);

/* "3m07s", "5h02m", "12d03h". Returns `text`. */
const char *view_age(char text[VIEW_AGE_OCTETS], double seconds);

#endif
