/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of watched status codes: each entry names several codes, and becomes a row for each. */
#include "config/kind.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { CODES_MAX = 900 }; /* 100 to 999 */

/* A row that an entry asks for, and where it does. */
struct pair {
    const char *method; /* of the entry */
    uint32_t code;
    const struct node *node;
    size_t entry, index; /* instances[].watch[entry].codes[index] */
};

static void
free_entries(struct watch_entry *entries, size_t n)
{
    for (size_t i = 0; entries && i < n; i++) {
        free(entries[i].method);
        free(entries[i].codes);
    }
    free(entries);
}

/* Load the entries of the list; NULL when there is no memory. */
static struct watch_entry *
load_entries(struct loader *l, const struct table *t, const struct node *n)
{
    struct field f = { .kind = &kind_mapping, .more = t };
    struct watch_entry *entries = field_alloc(l, n->n_children, sizeof(*entries));

    for (size_t i = 0; entries && i < n->n_children; i++) {
        size_t mark = field_enter_item(l, i);

        if (n->children[i].kind != NODE_REFUSED)
            kind_mapping.load(l, &f, &n->children[i], &entries[i]);
        field_leave(l, mark);
    }
    return entries;
}

/* The node that code `index` of an entry came from. */
static const struct node *
code_node(const struct node *entry, size_t index)
{
    const struct node *codes = node_find(entry, "codes");

    return codes && codes->kind == NODE_LIST ? node_item(codes, index) : codes;
}

static size_t
collect_pairs(const struct watch_entry *entries, const struct node *n, struct pair *pairs)
{
    size_t n_pairs = 0;

    for (size_t i = 0; i < n->n_children; i++)
        for (size_t j = 0; entries[i].method && j < entries[i].n_codes; j++)
            if (entries[i].codes[j])
                pairs[n_pairs++] = (struct pair){ .method = entries[i].method,
                                                  .code = entries[i].codes[j],
                                                  .node = code_node(&n->children[i], j),
                                                  .entry = i,
                                                  .index = j };
    return n_pairs;
}

static int
compare_pairs(const void *left, const void *right)
{
    const struct pair *a = left, *b = right;
    int order = strcmp(a->method, b->method);

    if (order)
        return order;
    if (a->code != b->code)
        return a->code < b->code ? -1 : 1;
    if (a->entry != b->entry)
        return a->entry < b->entry ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static void
complain_of_repeated(struct loader *l, const struct pair *pair, const struct pair *first)
{
    size_t mark = field_enter_item(l, pair->entry);
    struct phrase method = { 0 };

    field_enter(l, "codes", 5);
    phrase_escape(&method, pair->method, strlen(pair->method));
    field_complain(l, pair->node,
                   "expected each method and code once, got %s %" PRIu32 " again (first at line %u)",
                   method.text, pair->code, first->node->line);
    field_leave(l, mark);
}

/* Sorts the pairs. */
static void
check_repeated(struct loader *l, struct pair *pairs, size_t n)
{
    size_t first = 0;

    qsort(pairs, n, sizeof(pairs[0]), compare_pairs);
    for (size_t i = 1; i < n; i++)
        if (pairs[i].code == pairs[first].code && strcmp(pairs[i].method, pairs[first].method) == 0)
            complain_of_repeated(l, &pairs[i], &pairs[first]);
        else
            first = i;
}

/* Make a row of each pair, in their order. */
static void
make_watches(struct loader *l, const struct watch_entry *entries, const struct pair *pairs, size_t n,
             struct config_instance *instance)
{
    instance->watches = field_alloc(l, n, sizeof(instance->watches[0]));
    for (size_t i = 0; instance->watches && i < n; i++) {
        const struct watch_entry *entry = &entries[pairs[i].entry];
        struct config_watch *watch = &instance->watches[i];

        instance->n_watches = i + 1;
        *watch = (struct config_watch){ .method = field_copy(l, entry->method),
                                        .code = pairs[i].code,
                                        .notify = entry->notify,
                                        .emit = entry->emit,
                                        .threshold = entry->threshold,
                                        .interval_s = entry->interval_s };
    }
}

/* Turn entries into rows, each pair of method and code once. */
static void
expand(struct loader *l, const struct field *f, const struct node *n, const struct watch_entry *entries,
       void *instance)
{
    size_t n_pairs = 0;
    struct pair *pairs;

    for (size_t i = 0; i < n->n_children; i++)
        n_pairs += entries[i].n_codes;
    if (n_pairs > f->max) {
        field_refuse(l, f, n, "it has %zu", n_pairs);
        return;
    }
    pairs = field_alloc(l, n_pairs, sizeof(*pairs));
    if (!pairs)
        return;
    n_pairs = collect_pairs(entries, n, pairs);
    check_repeated(l, pairs, n_pairs);
    make_watches(l, entries, pairs, n_pairs, instance);
    free(pairs);
}

static void
watches_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    struct watch_entry *entries;

    if (n->kind != NODE_LIST || n->n_children > f->max) {
        field_refuse(l, f, n, NULL);
        return;
    }
    entries = load_entries(l, f->more, n);
    if (entries && !l->error)
        expand(l, f, n, entries, base);
    free_entries(entries, n->n_children);
}

static void
watches_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "a list of entries with at most %" PRIu64 " pairs of method and code", f->max);
}

static bool
is_same_entry(const struct config_watch *a, const struct config_watch *b)
{
    return strcmp(a->method, b->method) == 0 && a->threshold == b->threshold &&
           a->interval_s == b->interval_s && a->notify == b->notify && a->emit == b->emit;
}

/* Make one entry of the rows from `i` on that differ in their code only; returns how many they are. */
static size_t
gather_entry(const struct config_instance *instance, size_t i, uint32_t codes[CODES_MAX],
             struct watch_entry *entry)
{
    const struct config_watch *watch = &instance->watches[i];
    size_t n = 0;

    while (n < CODES_MAX && i + n < instance->n_watches && is_same_entry(&watch[n], watch)) {
        codes[n] = watch[n].code;
        n++;
    }
    *entry = (struct watch_entry){ .method = watch->method,
                                   .codes = codes,
                                   .n_codes = n,
                                   .threshold = watch->threshold,
                                   .interval_s = watch->interval_s,
                                   .notify = watch->notify,
                                   .emit = watch->emit };
    return n;
}

static void
watches_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    const struct config_instance *instance = base;
    uint32_t codes[CODES_MAX];
    struct watch_entry entry;
    char dash[32];

    fputs(instance->n_watches ? "\n" : " []\n", out);
    snprintf(dash, sizeof(dash), "%*s- ", (int)indent + 2, "");
    for (size_t i = 0; i < instance->n_watches;) {
        i += gather_entry(instance, i, codes, &entry);
        field_dump_table(f->more, &entry, out, indent + 4, dash);
    }
}

const struct kind kind_watches = {
    .load = watches_load, .expect = watches_expect, .dump = watches_dump, .is_nested = true
};
