/* SPDX-License-Identifier: BSD-2-Clause */
/* "Did you mean ...?" */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include <stddef.h>

/* How alike two words are: inserted, removed, changed and swapped letters between them, not counting case; 1 when the
 * word begins the candidate. Words above 40 octets are unlike anything: NEAREST_FAR. */
unsigned nearest_distance(const char *word, const char *candidate);

#define NEAREST_FAR 1000u

/* The candidate that a misspelt word most likely means, NULL when none is near enough. `candidates` are `n` structures
 * of `stride` octets that begin with a const char *; one whose pointer is NULL is passed over. */
const char *nearest_find(const char *word, const void *candidates, size_t n, size_t stride);

#endif
