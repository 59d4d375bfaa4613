/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's own state as a page for people. */
#ifndef AGENT_VIEW_PAGE_H
#define AGENT_VIEW_PAGE_H

#include <stdio.h>

#include "agent/json_read.h"

/* Print the agent's answer (status_document.c): whether snmpd accepts it and if not why, how old its data is, a line
 * for each instance, then only what is amiss. Keys that are not there count as 0; those unknown are left out. */
void view_print_page(const struct json_value *answer, FILE *out);

#endif
