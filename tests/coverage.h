/* SPDX-License-Identifier: BSD-2-Clause */
/* For builds that measure coverage, included before everything (see bootstrap): what a process executed is recorded
 * when it ends by _exit() too. Nothing is recorded of one that a signal ends. */
#ifndef TESTS_COVERAGE_H
#define TESTS_COVERAGE_H

#include <unistd.h>

/* gcc's, in libgcov: writes the counts of this process. */
void __gcov_dump(void);

static inline _Noreturn void
coverage_exit(int status)
{
    __gcov_dump();
    _exit(status);
}

#define _exit(status) coverage_exit(status)

#endif
