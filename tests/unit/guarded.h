/* SPDX-License-Identifier: BSD-2-Clause */
/* Input for parsers that ends at an unreadable page: reading one octet too far is a SIGSEGV, with or without
 * a sanitizer. Also catches reading before the start by less than a page, when the text fills whole pages. */
#ifndef TESTS_UNIT_GUARDED_H
#define TESTS_UNIT_GUARDED_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sipcore/span.h"

enum { GUARDED_MAX = 128 * 1024 };

/* A copy of up to GUARDED_MAX octets. The memory is the same in each call: one at a time. Never freed. */
static inline struct span
guarded(const void *data, size_t length)
{
    static unsigned char *end;

    if (length > GUARDED_MAX)
        abort();
    if (end == NULL) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        void *map =
            mmap(NULL, GUARDED_MAX + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (map == MAP_FAILED || mprotect((char *)map + GUARDED_MAX, page, PROT_NONE) != 0)
            abort();
        end = (unsigned char *)map + GUARDED_MAX;
    }
    if (length > 0)
        memmove(end - length, data, length);
    return span_of(end - length, length);
}

#endif
