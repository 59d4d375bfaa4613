/* SPDX-License-Identifier: BSD-2-Clause */
/* Places where a process may be killed or stopped by a test: one between every two steps that a death could come
 * between. Nothing at all in what is installed; compiled with -DSIPMIB_FAULTS, for test programs only, they ask the
 * test what is to happen here. */
#ifndef SIPCORE_FAULT_H
#define SIPCORE_FAULT_H

#ifdef SIPMIB_FAULTS
/* The test's: `name` is one of its table. Any thread, also with locks held. */
void fault_point(const char *name);
#else
static inline void
fault_point(const char *name)
{
    (void)name;
}
#endif

#endif
