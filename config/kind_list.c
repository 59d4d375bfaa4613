/* SPDX-License-Identifier: BSD-2-Clause */
/* Collections: mappings, lists of scalars, lists of mappings, and the two lists that are stored in another shape. */
#include "config/kind.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- mappings whose fields lie in the same structure ---- */

static void
mapping_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    if (n && n->kind == NODE_SCALAR && node_is_null(n))
        field_refuse(l, f, n, "give it a key, or leave it out");
    else if (n && n->kind != NODE_MAPPING)
        field_refuse(l, f, n, NULL);
    else
        field_load_table(l, f->more, n, base);
}

static void
mapping_expect(const struct field *f, struct phrase *p)
{
    const struct table *t = f->more;

    phrase_add(p, "a mapping with ");
    for (size_t i = 0; i < t->n_fields; i++)
        phrase_add(p, "%s%s", i ? ", " : "", t->fields[i].key);
}

static void
mapping_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    fputc('\n', out);
    field_dump_table(f->more, base, out, indent + 2, NULL);
}

const struct kind kind_mapping = { .load = mapping_load,
                                   .expect = mapping_expect,
                                   .dump = mapping_dump,
                                   .is_nested = true,
                                   .loads_absent = true };

static bool
section_is_set(const struct field *f, const void *base)
{
    const struct config_instance *instance = base;

    return (instance->roles & f->min) != 0;
}

const struct kind kind_section = { .load = mapping_load,
                                   .expect = mapping_expect,
                                   .dump = mapping_dump,
                                   .is_set = section_is_set,
                                   .is_nested = true,
                                   .loads_absent = true };

/* ---- what all lists have in common ---- */

static void
list_expect(const struct field *f, struct phrase *p)
{
    const struct list *list = f->more;

    if (list->takes_one)
        phrase_add(p, "%s or ", list->one);
    if (f->min)
        phrase_add(p, "a list of %" PRIu64 " to %" PRIu64 " %s", f->min, f->max, list->items);
    else
        phrase_add(p, "a list of at most %" PRIu64 " %s", f->max, list->items);
}

/* Whether a node is a list of min to max items; complains when not. */
static bool
is_list(struct loader *l, const struct field *f, const struct node *n)
{
    if (n->kind == NODE_LIST && n->n_children >= f->min && n->n_children <= f->max)
        return true;
    if (n->kind == NODE_LIST && n->n_children > f->max)
        field_refuse(l, f, n, "it has %zu", n->n_children);
    else if (n->kind == NODE_SCALAR && !node_is_null(n))
        field_refuse(l, f, n, "put it in brackets: [ ]");
    else if (n->kind != NODE_REFUSED)
        field_refuse(l, f, n, NULL);
    return false;
}

/* Make room for the items of a list and say how many there are; NULL when there is no memory. */
static char *
make_items(struct loader *l, const struct field *f, size_t n, void *base)
{
    const struct list *list = f->more;
    void *items = field_alloc(l, n, list->item_octets);

    if (!items)
        return NULL;
    memcpy(field_member(f, base), &items, sizeof(items));
    memcpy((char *)base + list->count_offset, &n, sizeof(n));
    return items;
}

static const char *
items_of(const struct field *f, const void *base, size_t *n)
{
    const struct list *list = f->more;
    const char *items;

    memcpy(&items, field_member_const(f, base), sizeof(items));
    memcpy(n, (const char *)base + list->count_offset, sizeof(*n));
    return items;
}

static void
complain_of_repeated(struct loader *l, const struct list *list, const struct node *item,
                     const struct node *first)
{
    struct phrase found = { 0 };

    phrase_quote(&found, item->text, item->length);
    field_complain(l, item, "expected each %s once, got %s again (first at line %u)", list->one, found.text,
                   first->line);
}

/* Complain of items that are the same as an earlier one. Lists that ask for it are short. */
static void
check_repeated(struct loader *l, const struct list *list, const struct node *nodes, const char *items,
               size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t j = 0; j < i; j++)
            if (nodes[i].kind == NODE_SCALAR && nodes[j].kind == NODE_SCALAR &&
                list->is_same(items + i * list->item_octets, items + j * list->item_octets)) {
                size_t mark = field_enter_item(l, i);

                complain_of_repeated(l, list, &nodes[i], &nodes[j]);
                field_leave(l, mark);
                break;
            }
}

/* ---- scalars ---- */

static void
list_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const struct list *list = f->more;
    bool is_one = list->takes_one && n->kind == NODE_SCALAR;
    const struct node *nodes = is_one ? n : n->children;
    size_t n_items = is_one ? 1 : n->n_children;
    char *items;

    if (!is_one && !is_list(l, f, n))
        return;
    items = make_items(l, f, n_items, base);
    for (size_t i = 0; items && i < n_items; i++) {
        size_t mark = is_one ? l->path_used : field_enter_item(l, i);

        list->item.kind->load(l, &list->item, &nodes[i], items + i * list->item_octets);
        field_leave(l, mark);
    }
    if (items && list->is_same)
        check_repeated(l, list, nodes, items, n_items);
}

static void
list_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    const struct list *list = f->more;
    size_t n;
    const char *items = items_of(f, base, &n);

    fputc('[', out);
    for (size_t i = 0; i < n; i++) {
        fputs(i ? ", " : "", out);
        list->item.kind->dump(&list->item, items + i * list->item_octets, out, indent);
    }
    fputc(']', out);
}

const struct kind kind_list = { .load = list_load, .expect = list_expect, .dump = list_dump };

/* ---- mappings ---- */

/* Load a list's item that is to be a mapping into the structure at `item`. */
static void
load_item(struct loader *l, const struct table *t, const struct node *n, size_t index, void *item)
{
    struct field f = { .kind = &kind_mapping, .more = t };
    size_t mark = field_enter_item(l, index);

    if (n->kind != NODE_REFUSED)
        mapping_load(l, &f, n, item);
    field_leave(l, mark);
}

static void
mappings_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const struct list *list = f->more;
    char *items;

    if (!is_list(l, f, n))
        return;
    items = make_items(l, f, n->n_children, base);
    for (size_t i = 0; items && i < n->n_children; i++)
        load_item(l, list->item.more, &n->children[i], i, items + i * list->item_octets);
}

/* The first line of a list's item. */
static const char *
dash_of(char dash[32], unsigned indent)
{
    snprintf(dash, 32, "%*s- ", (int)indent + 2, "");
    return dash;
}

static void
mappings_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    const struct list *list = f->more;
    char dash[32];
    size_t n;
    const char *items = items_of(f, base, &n);

    fputs(n ? "\n" : " []\n", out);
    for (size_t i = 0; i < n; i++)
        field_dump_table(list->item.more, items + i * list->item_octets, out, indent + 4,
                         dash_of(dash, indent));
}

const struct kind kind_mappings = {
    .load = mappings_load, .expect = list_expect, .dump = mappings_dump, .is_nested = true
};

/* ---- option tags: three lists of the file become one, each tag with the header fields it stands in ---- */

static struct config_option_tag *
find_tag(struct loader *l, struct config_instance *instance, const char *tag)
{
    for (size_t i = 0; i < instance->n_option_tags; i++)
        if (strcmp(instance->option_tags[i].tag, tag) == 0)
            return &instance->option_tags[i];
    if (!instance->option_tags)
        instance->option_tags = field_alloc(l, 3 * CONFIG_OPTION_TAGS_MAX, sizeof(instance->option_tags[0]));
    if (!instance->option_tags)
        return NULL;
    instance->option_tags[instance->n_option_tags].tag = field_copy(l, tag);
    if (!instance->option_tags[instance->n_option_tags].tag)
        return NULL;
    return &instance->option_tags[instance->n_option_tags++];
}

static void
tag_load(struct loader *l, const struct list *list, const struct node *n, unsigned header, void *instance)
{
    char *text = NULL;
    struct config_option_tag *tag;

    list->item.kind->load(l, &list->item, n, &text);
    tag = text ? find_tag(l, instance, text) : NULL;
    if (tag && tag->headers & header)
        field_complain(l, n, "expected each %s once, got \"%s\" again", list->one, text);
    else if (tag)
        tag->headers |= header;
    free(text);
}

static void
tags_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    struct field counted = { .kind = f->kind, .max = CONFIG_OPTION_TAGS_MAX, .more = f->more };

    if (!is_list(l, &counted, n))
        return;
    for (size_t i = 0; i < n->n_children; i++) {
        size_t mark = field_enter_item(l, i);

        tag_load(l, f->more, &n->children[i], (unsigned)f->min, base);
        field_leave(l, mark);
    }
}

static void
tags_expect(const struct field *f, struct phrase *p)
{
    (void)f;
    phrase_add(p, "a list of at most %d option tags", CONFIG_OPTION_TAGS_MAX);
}

static void
tags_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    const struct config_instance *instance = base;
    const char *separator = "";

    (void)indent;
    fputc('[', out);
    for (size_t i = 0; i < instance->n_option_tags; i++)
        if (instance->option_tags[i].headers & f->min) {
            fputs(separator, out);
            kind_dump_quoted(instance->option_tags[i].tag, out);
            separator = ", ";
        }
    fputc(']', out);
}

const struct kind kind_tags = { .load = tags_load, .expect = tags_expect, .dump = tags_dump };
