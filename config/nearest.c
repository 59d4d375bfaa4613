/* SPDX-License-Identifier: BSD-2-Clause */
/* "Did you mean ...?": the edit distance of words, neighbouring letters swapped counting as one edit. */
#include "config/nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum {
    NEAREST_OCTETS = 40,
    NEAREST_PREFIX_MIN = 3 /* shorter beginnings say too little */
};

static unsigned
least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static bool
is_same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Row `i` of the table of distances between the beginnings of `a` and `b`, from the two rows above it. */
static void
fill_row(unsigned row[3][NEAREST_OCTETS + 1], const char *a, size_t i, const char *b, size_t b_length)
{
    unsigned *now = row[i % 3], *above = row[(i + 2) % 3], *above2 = row[(i + 1) % 3];

    now[0] = (unsigned)i;
    for (size_t j = 1; j <= b_length; j++) {
        unsigned change = is_same_letter(a[i - 1], b[j - 1]) ? 0 : 1;

        now[j] = least(above[j - 1] + change, least(above[j], now[j - 1]) + 1);
        if (i > 1 && j > 1 && is_same_letter(a[i - 1], b[j - 2]) && is_same_letter(a[i - 2], b[j - 1]))
            now[j] = least(now[j], above2[j - 2] + 1);
    }
}

unsigned
nearest_distance(const char *word, const char *candidate)
{
    unsigned row[3][NEAREST_OCTETS + 1];
    size_t a = strlen(word), b = strlen(candidate);

    if (a == 0 || a > NEAREST_OCTETS || b > NEAREST_OCTETS)
        return NEAREST_FAR;
    for (size_t j = 0; j <= b; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= a; i++)
        fill_row(row, word, i, candidate, b);
    if (a >= NEAREST_PREFIX_MIN && a < b && strncasecmp(word, candidate, a) == 0)
        return 1;
    return row[a % 3][b];
}

const char *
nearest_find(const char *word, const void *candidates, size_t n, size_t stride)
{
    const char *best = NULL;
    unsigned best_distance = (unsigned)strlen(word) / 4 + 2; /* farther is no misspelling but another word */

    for (size_t i = 0; i < n; i++) {
        const char *candidate;
        unsigned distance;

        memcpy(&candidate, (const char *)candidates + i * stride, sizeof(candidate));
        if (!candidate)
            continue;
        distance = nearest_distance(word, candidate);
        if (distance < best_distance && distance < strlen(candidate)) {
            best = candidate;
            best_distance = distance;
        }
    }
    return best;
}
