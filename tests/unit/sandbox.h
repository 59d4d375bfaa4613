/* SPDX-License-Identifier: BSD-2-Clause */
/* Trying things in a child process whose system has less than ours: fewer system calls, another root, a
 * small disk. */
#ifndef TESTS_UNIT_SANDBOX_H
#define TESTS_UNIT_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

/* What a function run by sandbox_run() returns, beside true and false: this machine does not let us try. */
#define SANDBOX_SKIP 2

/* Run `claim` in a child; its result, or 0 when the child died. It has no assertions: those of Criterion, passed ones
 * too, are messages to a process that knows nothing of the child, and are answered by chance. */
int sandbox_run(int (*claim)(void));

/* The following are for the child; false where the machine does not let us. */

/* Mount an empty tmpfs with these options over `dir`; it goes with the child. */
bool sandbox_mount_tmpfs(const char *dir, const char *options);

/* Make `dir` the root: there is no /proc any more. */
bool sandbox_chroot(const char *dir);

/* From now on the system call `number` fails with `error` when all bits of `flags` are set in argument `argument`. */
bool sandbox_refuse_flags(int number, unsigned argument, uint32_t flags, int error);

/* From now on every system call kills the process, but write and exit_group. False in a
 * build with sanitizers, which make calls of their own. */
bool sandbox_kill_system_calls(void);

#endif
