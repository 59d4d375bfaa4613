/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine that runs short of something: memory, descriptors, or room on its disks. For plain programs that are linked
 * with --wrap (FAILING_WRAPPED in tests/module.am): what the code under test asks for, of the C library and of LMDB, is
 * counted, and some of it refused. One thread.
 *
 * The rule of all sweeps: the first thing that is asked for is refused, then the second alone, and so on until a run
 * gets through with nothing refused. */
#ifndef TESTS_UNIT_FAILING_H
#define TESTS_UNIT_FAILING_H

#include <stdbool.h>

enum failing_kind {
    FAILING_MEMORY, /* ENOMEM of malloc() and its like, fopen() and its like, and LMDB; threads: EAGAIN */
    FAILING_DESCRIPTORS, /* EMFILE of whatever gives a descriptor */
    FAILING_DISK         /* ENOSPC of whatever changes a file or a directory, and of LMDB */
};

/* Refuse `count` things of that kind after the first `after`. Nothing is counted or refused before
 * failing_pause(false). / */
void failing_arm(enum failing_kind kind, long after, long count);
void failing_pause(bool is_paused);

/* Whether children can be made at all: they cost more than all else. */
void failing_allow_children(bool are_allowed);

/* How many were refused since failing_arm(). */
long failing_refused(void);

/* Nothing is refused any more. */
void failing_disarm(void);

/* Both clocks, CLOCK_MONOTONIC and CLOCK_REALTIME, go on by that much at once. */
void failing_pass_ms(unsigned ms);

/* What was logged since the last failing_forget_log(), warnings and errors. The log goes nowhere else. */
unsigned failing_log_lines(void);
const char *failing_log(void);
void failing_forget_log(void);

/* What is wrong in this run: the first claim that does not hold. NULL: nothing. */
extern const char *failing_what;
void failing_claim(bool is_true, const char *text);

/* Those of this process, to be compared with another such number. */
unsigned failing_open_descriptors(void);

#endif
