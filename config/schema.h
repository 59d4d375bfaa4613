/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of all mappings of the configuration. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "config/field.h"
#include "config/kind.h"

/* The outermost mapping; its fields lie in struct config. */
extern const struct table schema_root;

/* All tables, the outermost first, NULL last. */
extern const struct table *const schema_tables[];

/* The fields of an instance, in struct config_instance. */
extern const struct table schema_instance;

/* The words for roles, with their CONFIG_ROLE_BIT(). */
extern const struct name schema_roles[];

/* The keys of `timers` in the order of enum config_timer: schema_timers.fields[CONFIG_TIMER_A] is A. */
extern const struct table schema_timers;

#endif
