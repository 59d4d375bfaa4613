/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration as data: a table of fields for each mapping, a kind for each sort of value. One table drives the
 * loading, the dump, and the test that holds the manual page to it. */
#ifndef CONFIG_FIELD_H
#define CONFIG_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/complaint.h"
#include "config/node.h"
#include "config/phrase.h"

enum {
    FIELD_PATH_OCTETS = 256,
    FIELDS_MAX = 32 /* of one table */
};

struct field;

/* The state of one loading. */
struct loader {
    struct complaints *complaints;
    char path[FIELD_PATH_OCTETS]; /* of the value in hand: "instances[0].timers.T1" */
    size_t path_used;
    int error;                         /* 0, or -ENOMEM: then nothing that was made is of use */
    bool is_open_to_all;               /* everybody may read the file */
    const struct table *const *tables; /* all there are, NULL last: where else a misplaced key may belong */
};

/* A sort of value. All functions but `load` and `expect` may be NULL. */
struct kind {
    /* Store the value of `n` in the structure at `base`, or complain. Never leaves anything that config_free() could
     * not free. Given NULL for `n` only where `loads_absent`. */
    void (*load)(struct loader *l, const struct field *f, const struct node *n, void *base);
    /* Say what the value must be: "a duration from 1s to 60s". */
    void (*expect)(const struct field *f, struct phrase *p);
    /* Write the value as YAML; NULL: the field is not in a dump. What is_nested begins after "key:" with a space or a
     * line end, ends with a line end, and indents its lines deeper than `indent`. */
    void (*dump)(const struct field *f, const void *base, FILE *out, unsigned indent);
    bool (*is_set)(const struct field *f, const void *base); /* NULL: always */
    bool is_nested;
    bool loads_absent; /* load() makes the defaults when the key is not there */
    bool is_secret;    /* never quote what was found */
};

struct field {
    const char *key;
    const struct kind *kind;
    size_t offset, size;  /* of the member that holds the value */
    uint64_t min, max;    /* of the value, in its unit; of the octets or items, where it has several */
    const char *fallback; /* the default as the file would say it; NULL: none, or one made of other keys */
    bool is_required;
    const void *more;   /* what else the kind needs: a table, names, a list */
    const char *object; /* the MIB object it feeds; "" when there is none */
    const char *help;   /* what it is, in a few words */
};

/* Where a member lies: offset and size of a field. */
#define FIELD_AT(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)

struct table {
    const char *name; /* the path of the mapping in the manual page: "instances[].timers"; "" at the top */
    const struct field *fields;
    size_t n_fields;
};

/* Load the mapping `n` into the structure at `base`: complain of keys that are unknown, repeated or missing, load each
 * value, make the defaults of the rest. With `n` NULL all are defaults. */
void field_load_table(struct loader *l, const struct table *t, const struct node *n, void *base);

/* Write the fields of a structure as YAML, each line after `indent` spaces; `first` NULL, or what stands in place of
 * the spaces of the first line: the "  - " of a list. */
void field_dump_table(const struct table *t, const void *base, FILE *out, unsigned indent, const char *first);

/* Load one default, or one value that stands outside a table. */
void field_load_default(struct loader *l, const struct field *f, void *base);

/* Complain about the value `n` of a field: "PATH: expected EXPECTATION, got VALUE", and in parentheses the note, which
 * says what to do; `note` NULL for none. */
void field_refuse(struct loader *l, const struct field *f, const struct node *n, const char *note, ...)
    __attribute__((format(printf, 4, 5)));

/* Complain at a place in words of one's own, which begin with "expected". */
void field_complain(struct loader *l, const struct node *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Warn about a place: the configuration is good all the same. In words of one's own. */
void field_warn(struct loader *l, const struct node *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Append ".key" or "[index]" to the path; the mark goes to field_leave(). */
size_t field_enter(struct loader *l, const char *key, size_t length);
size_t field_enter_item(struct loader *l, size_t index);
void field_leave(struct loader *l, size_t mark);

/* The text of a scalar that has a value; complains and returns NULL when it is null, a list or a mapping. */
const char *field_scalar(struct loader *l, const struct field *f, const struct node *n);

/* As calloc() and strdup(); NULL is remembered as the loader's error. */
void *field_alloc(struct loader *l, size_t count, size_t octets);
char *field_copy(struct loader *l, const char *text);

/* The member of a field. */
void *field_member(const struct field *f, void *base);
const void *field_member_const(const struct field *f, const void *base);

/* Store or read a number in a member of any width. */
void field_store(const struct field *f, void *base, uint64_t value);
uint64_t field_number(const struct field *f, const void *base);

#endif
