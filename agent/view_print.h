/* SPDX-License-Identifier: BSD-2-Clause */
/* A view on paper: tables for people, JSON for programs. */
#ifndef AGENT_VIEW_PRINT_H
#define AGENT_VIEW_PRINT_H

#include <stdio.h>

#include "agent/view.h"

/* Print every instance as tables of 80 columns, with rates when there was a view before. */
void view_print(const struct view *v, FILE *out);

/* Print the view as one line of JSON. False without memory. */
bool view_print_json(const struct view *v, FILE *out);

/* Print events that came since the last call, one a line (with `as_json`, one JSON object a line). A
 * lane's first ones are the oldest still there. */
void view_print_events(struct view *v, bool as_json, FILE *out);

#endif
