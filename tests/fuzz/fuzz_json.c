/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text as JSON: it is refused, with a reason, or read into a tree that is one. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* How many values there are below, that one included. */
static size_t
check_value(const struct json_value *v, unsigned depth)
{
    size_t values = 1;

    must(depth <= JSON_READ_DEPTH_MAX + 1 && v->key != NULL && v->text != NULL);
    must(v->kind == JSON_NUMBER || v->number == 0);
    must(v->kind == JSON_STRING || v->text[0] == '\0');
    must(v->kind == JSON_ARRAY || v->kind == JSON_OBJECT || v->first == NULL);
    must(v->kind != JSON_NUMBER || isfinite(v->number));
    for (const struct json_value *member = v->first; member != NULL; member = member->next) {
        must(v->kind == JSON_OBJECT || member->key[0] == '\0');
        if (v->kind == JSON_OBJECT)
            must(strcmp(json_get(v, member->key)->key, member->key) == 0);
        values += check_value(member, depth + 1);
    }
    return values;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct json_tree tree = { .root = NULL };
    struct err e = { .text = "" };
    int rc;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    rc = json_read(&tree, text, &e);
    free(text);
    must((rc == 0) == (tree.root != NULL) && (rc == 0) == (e.text[0] == '\0'));
    if (rc == 0)
        must(check_value(tree.root, 0) == tree.values);
    json_tree_free(&tree);
    return 0;
}
