/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading JSON (RFC 8259) into a tree. For the agent's own answers: small, strict and bounded. */
#ifndef AGENT_JSON_READ_H
#define AGENT_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

#include "sipcore/err.h"

enum { JSON_READ_DEPTH_MAX = 16, JSON_READ_VALUES_MAX = 1 << 20 };

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A value and, in an object, its key. Text is UTF-8 and terminated: U+0000 and lone surrogates come as U+FFFD. */
struct json_value {
    enum json_kind kind;
    const char *key;  /* "" in an array */
    const char *text; /* of a string; else "" */
    double number;    /* 0 for what is no number */
    bool is_true;
    struct json_value *first,
        *next; /* of an array or object: its members, in order; the one after this one */
};

/* A document read. One thread. Its members are json_read.c's own but for `root`. */
struct json_tree {
    struct json_value *root;
    char *text;
    struct json_value *value;
    size_t values;
};

/* Read one document; `text` is copied. 0; -EBADMSG with `e` saying what was expected at which octet; -E2BIG with more
 * than JSON_READ_VALUES_MAX values; -ENOMEM. After a failure nothing is left to undo. */
int json_read(struct json_tree *t, const char *text, struct err *e);

/* Free what json_read() took. Fine on a zeroed tree, and twice. */
void json_tree_free(struct json_tree *t);

/* The member `key` of an object (the first, when there are two); NULL when there is none. `object` may be NULL or no
 * object at all, so that a path can be followed without a question at each step. */
const struct json_value *json_get(const struct json_value *object, const char *key);

/* The same, and what is in it: 0, false or "" when it is not there or of another kind. */
double json_get_number(const struct json_value *object, const char *key);
bool json_get_bool(const struct json_value *object, const char *key);
const char *json_get_text(const struct json_value *object, const char *key);

#endif
