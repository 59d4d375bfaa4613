/* SPDX-License-Identifier: BSD-2-Clause */
/* The hot paths whose instructions are counted: see guard.c. */
#ifndef TESTS_BENCH_GUARD_H
#define TESTS_BENCH_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/* One path. A pass is deterministic as far as the system lets it be: fixed keys, fixed clocks. */
struct guard_path {
    const char *name;
    void (*open)(void);
    void (*renew)(void);    /* before each pass, not counted; may be NULL */
    unsigned (*pass)(void); /* what is counted; how many calls, messages, rows ... it went through */
    void (*close)(void);
};

extern const struct guard_path guard_agent_paths[];
extern const size_t guard_agent_count;
extern const struct guard_path guard_hep_paths[];
extern const size_t guard_hep_count;

/* Give up, with what was wrong, unless `claim` holds. */
void guard_must(bool claim, const char *what);

#endif
