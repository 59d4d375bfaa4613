/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the agent for its own state. */
#ifndef AGENT_VIEW_AGENT_H
#define AGENT_VIEW_AGENT_H

#include <stdbool.h>
#include <stdio.h>

#include "sipcore/err.h"

/* Ask the agent of the runtime directory `dir` and print its answer: as it came, with `as_json`, else as a page for
 * people. Waits at most two seconds. 0, or a negative errno and `e` set with what to do. */
int view_print_agent(const char *dir, bool as_json, FILE *out, struct err *e);

#endif
