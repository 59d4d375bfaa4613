/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints the torture messages of the unit tests, one a line, for scripts: the RFC, section and name, what it counts,
 * and the message in hexadecimal, with a tab between them. */
#include <stdio.h>

#include "tests/unit/torture.h"

int
main(void)
{
    const struct torture *t;

    for (size_t i = 0; (t = torture_get(i)) != NULL; i++) {
        printf("RFC %s %s %s\t%s\t", t->rfc, t->section, t->name, t->counts);
        for (size_t k = 0; k < t->length; k++)
            printf("%02x", (unsigned char)t->message[k]);
        putchar('\n');
    }
    return fflush(stdout) != 0;
}
