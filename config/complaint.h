/* SPDX-License-Identifier: BSD-2-Clause */
/* What is wrong with a configuration file, collected while it is read, and printed in the order of the file. */
#ifndef CONFIG_COMPLAINT_H
#define CONFIG_COMPLAINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/config.h"

/* A file as it was read. */
struct source {
    const char *name; /* as complaints call it */
    char *text;
    size_t length;       /* octets */
    bool is_open_to_all; /* everybody may read it */
};

/* One complaint: a place, counted from 1, and "key: expected ..., got ...". */
struct complaint {
    unsigned line, column;
    size_t order; /* of two at one place the earlier found comes first */
    bool is_warning;
    bool is_secret; /* its line holds a secret: never show it */
    char *text;
};

/* Zero-initialised: none yet. */
struct complaints {
    struct complaint kept[CONFIG_COMPLAINTS_MAX];
    size_t n_kept;
    size_t n_warnings; /* of those kept */
    size_t n;          /* errors, kept or not */
    int error;         /* 0, or -ENOMEM when one could not be kept */
};

/* Add one; beyond CONFIG_COMPLAINTS_MAX it is only counted. The last added is complaints_last(). */
void complaints_add(struct complaints *c, unsigned line, unsigned column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Add a warning. It is no error, and is not counted as one. */
void complaints_warn(struct complaints *c, unsigned line, unsigned column, const char *text);

/* The lines around the complaint last added are never shown: it is about a secret. */
void complaints_last_is_secret(struct complaints *c);

/* Sort by place and write each, warnings only where there is no error, as "name:line:column: text"; last how many
 * there are beyond those kept. On a terminal the line of the file stands below each, and a mark below the place. */
void complaints_print(struct complaints *c, const struct source *source, FILE *out);

void complaints_fini(struct complaints *c);

#endif
