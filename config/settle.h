/* SPDX-License-Identifier: BSD-2-Clause */
/* What one value of the configuration says about another. */
#ifndef CONFIG_SETTLE_H
#define CONFIG_SETTLE_H

#include "config/config.h"
#include "config/field.h"

/* After the tables have loaded `c` from the tree `root`: complain of values that contradict each other, make the
 * defaults that follow other values (timers, expiry), and put the instances into the order of appl_index. Copes with a
 * configuration in which values are missing because they were complained about. */
void settle_config(struct loader *l, const struct node *root, struct config *c);

#endif
