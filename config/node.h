/* SPDX-License-Identifier: BSD-2-Clause */
/* YAML as a tree of nodes that know their place in the file. */
#ifndef CONFIG_NODE_H
#define CONFIG_NODE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/complaint.h"

enum {
    NODE_DEPTH_MAX = 16, /* mappings and lists within each other; the configuration needs 7 */
    NODES_MAX = 500000   /* in one file */
};

enum node_kind {
    NODE_REFUSED, /* was complained about (an alias): take it for right, and say no more */
    NODE_SCALAR,
    NODE_LIST,
    NODE_MAPPING
};

struct node {
    enum node_kind kind;
    unsigned line, column; /* from 1; columns in characters */
    bool is_plain;         /* a scalar without quotes */
    char *text;            /* of a scalar: UTF-8, terminated; may hold zeros */
    size_t length;
    struct node *children; /* items of a list; of a mapping: key, value, key, value ... */
    size_t n_children;
};

/* Parse one YAML document into `root`, which is owned by the caller on any outcome (node_fini()). 0; -EINVAL when there
 * is no tree, with the reason among the complaints; -ENOMEM. Anchors, aliases, tags and a second document are
 * complained about as well, but leave a tree to go on with: look at complaints->n. */
int node_parse(const struct source *source, struct node *root, struct complaints *complaints);

void node_fini(struct node *n);

/* A value left out, `~`, or `null` in its spellings, without quotes. */
bool node_is_null(const struct node *n);

/* True for a scalar of exactly this text. */
bool node_equals(const struct node *n, const char *text);

/* The value of the first `key` in a mapping; NULL when there is none, or `mapping` is NULL or something else. */
const struct node *node_find(const struct node *mapping, const char *key);

/* Item `i` of a list; NULL when there is none, or `list` is NULL or something else. */
const struct node *node_item(const struct node *list, size_t i);

#endif
