/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading and dumping by table. */
#include "config/field.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/nearest.h"

static void find_given(struct loader *l, const struct table *t, const struct node *n,
                       const struct node *given[FIELDS_MAX]);
static void load_field(struct loader *l, const struct field *f, const struct node *value,
                       const struct node *mapping, void *base);

void
field_load_table(struct loader *l, const struct table *t, const struct node *n, void *base)
{
    const struct node *given[FIELDS_MAX] = { NULL };

    assert(t->n_fields <= FIELDS_MAX);
    if (n)
        find_given(l, t, n, given);
    for (size_t i = 0; i < t->n_fields; i++) {
        size_t mark = field_enter(l, t->fields[i].key, strlen(t->fields[i].key));

        load_field(l, &t->fields[i], given[i], n, base);
        field_leave(l, mark);
    }
}

static const struct field *
field_find(const struct table *t, const struct node *key)
{
    for (size_t i = 0; i < t->n_fields; i++)
        if (node_equals(key, t->fields[i].key))
            return &t->fields[i];
    return NULL;
}

/* The mapping that an unknown key would be right in; NULL when there is none. */
static const struct table *
table_of_key(struct loader *l, const struct node *key)
{
    for (const struct table *const *t = l->tables; t && *t; t++)
        if (field_find(*t, key))
            return *t;
    return NULL;
}

/* What may have been meant by an unknown key. */
static void
hint_at_key(struct loader *l, const struct table *t, const struct node *key, struct phrase *hint)
{
    const char *near = nearest_find(key->text, t->fields, t->n_fields, sizeof(t->fields[0]));
    const struct table *other = table_of_key(l, key);

    if (other) {
        phrase_add(hint, "it belongs in %s", other->name[0] ? other->name : "the outermost mapping");
        return;
    }
    if (near) {
        phrase_add(hint, "did you mean %s?", near);
        return;
    }
    phrase_add(hint, "the keys here are ");
    for (size_t i = 0; i < t->n_fields; i++)
        phrase_add(hint, "%s%s", i ? ", " : "", t->fields[i].key);
}

static void
complain_of_unknown(struct loader *l, const struct table *t, const struct node *key)
{
    struct phrase found = { 0 }, hint = { 0 };
    size_t mark;

    if (l->complaints->n >=
        CONFIG_COMPLAINTS_MAX) { /* nobody will read it: spare the search for what was meant */
        l->complaints->n++;
        return;
    }
    mark = field_enter(l, key->text, key->length);
    phrase_quote(&found, key->text, key->length);
    hint_at_key(l, t, key, &hint);
    field_complain(l, key, "expected a known key, got %s (%s)", found.text, hint.text);
    field_leave(l, mark);
}

static void
complain_of_repeated(struct loader *l, const struct node *key, const struct node *first)
{
    size_t mark = field_enter(l, key->text, key->length);

    field_complain(l, key, "expected each key once, got it again (first at line %u)", first->line);
    field_leave(l, mark);
}

/* Find the value that is given for each field of the table. */
static void
find_given(struct loader *l, const struct table *t, const struct node *n,
           const struct node *given[FIELDS_MAX])
{
    for (size_t i = 0; i + 1 < n->n_children; i += 2) {
        const struct node *key = &n->children[i];
        const struct field *f = field_find(t, key);

        if (key->kind == NODE_LIST || key->kind == NODE_MAPPING)
            field_complain(l, key, "expected a key, got a %s", key->kind == NODE_LIST ? "list" : "mapping");
        else if (key->kind == NODE_SCALAR && !f)
            complain_of_unknown(l, t, key);
        else if (f && given[f - t->fields])
            complain_of_repeated(l, key, given[f - t->fields] - 1); /* the key stands before its value */
        else if (f)
            given[f - t->fields] = &n->children[i + 1];
    }
}

static void
load_field(struct loader *l, const struct field *f, const struct node *value, const struct node *mapping,
           void *base)
{
    struct phrase expected = { 0 };

    if (value && value->kind == NODE_REFUSED)
        return;
    if (value || f->kind->loads_absent) {
        f->kind->load(l, f, value, base);
    } else if (f->is_required) {
        f->kind->expect(f, &expected);
        field_complain(l, mapping, "expected %s, got nothing (this key is required: %s)", expected.text,
                       f->help);
    } else if (f->fallback) {
        field_load_default(l, f, base);
    }
}

enum { DEFAULT_ITEMS_MAX = 16 };

/* Make nodes of a default: a scalar, or "[a, b]". They borrow the text. */
static void
default_nodes(char *text, struct node *n, struct node items[DEFAULT_ITEMS_MAX])
{
    char *rest;

    *n = (struct node){ .kind = NODE_SCALAR, .is_plain = true, .text = text, .length = strlen(text) };
    if (text[0] != '[')
        return;
    *n = (struct node){ .kind = NODE_LIST, .children = items };
    for (char *item = strtok_r(text, "[], ", &rest); item; item = strtok_r(NULL, "[], ", &rest)) {
        assert(n->n_children < DEFAULT_ITEMS_MAX);
        items[n->n_children++] =
            (struct node){ .kind = NODE_SCALAR, .is_plain = true, .text = item, .length = strlen(item) };
    }
}

void
field_load_default(struct loader *l, const struct field *f, void *base)
{
    struct node n, items[DEFAULT_ITEMS_MAX];
    char *text = field_copy(l, f->fallback);
    size_t before = l->complaints->n;

    if (!text)
        return;
    default_nodes(text, &n, items);
    if (f->fallback[0] == '\0')
        n.is_plain = false; /* an empty text, not null */
    f->kind->load(l, f, &n, base);
    assert(l->complaints->n == before); /* a default that its own field refuses is our mistake */
    (void)before;
    free(text);
}

void
field_dump_table(const struct table *t, const void *base, FILE *out, unsigned indent, const char *first)
{
    for (size_t i = 0; i < t->n_fields; i++) {
        const struct field *f = &t->fields[i];

        if (!f->kind->dump || (f->kind->is_set && !f->kind->is_set(f, base)))
            continue;
        if (first)
            fprintf(out, "%s%s:", first, f->key);
        else
            fprintf(out, "%*s%s:", (int)indent, "", f->key);
        first = NULL;
        if (!f->kind->is_nested)
            fputc(' ', out);
        f->kind->dump(f, base, out, indent);
        if (!f->kind->is_nested)
            fputc('\n', out);
    }
}

/* Describe what was found in the place of a value. */
static void
describe(const struct field *f, const struct node *n, struct phrase *p)
{
    if (n->kind == NODE_LIST)
        phrase_add(p, n->n_children ? "a list" : "an empty list");
    else if (n->kind == NODE_MAPPING)
        phrase_add(p, "a mapping");
    else if (node_is_null(n))
        phrase_add(p, "null");
    else if (f->kind->is_secret)
        phrase_add(p, "a text of %zu octets", n->length);
    else
        phrase_quote(p, n->text, n->length);
}

void
field_refuse(struct loader *l, const struct field *f, const struct node *n, const char *note, ...)
{
    struct phrase expected = { 0 }, found = { 0 };
    char hint[PHRASE_OCTETS];
    va_list args;

    f->kind->expect(f, &expected);
    describe(f, n, &found);
    if (note) {
        va_start(args, note);
        vsnprintf(hint, sizeof(hint), note, args);
        va_end(args);
        phrase_add(&found, " (%s)", hint);
    } else if (node_is_null(n)) {
        phrase_add(&found,
                   f->fallback ? " (give a value, or leave the key out for the default)" : " (give a value)");
    }
    field_complain(l, n, "expected %s, got %s", expected.text, found.text);
    if (f->kind->is_secret)
        complaints_last_is_secret(l->complaints);
}

void
field_complain(struct loader *l, const struct node *place, const char *format, ...)
{
    char text[2 * PHRASE_OCTETS];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    complaints_add(l->complaints, place->line, place->column, "%s: %s", l->path_used ? l->path : "file",
                   text);
}

void
field_warn(struct loader *l, const struct node *place, const char *format, ...)
{
    char text[2 * PHRASE_OCTETS], line[3 * PHRASE_OCTETS];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    snprintf(line, sizeof(line), "warning: %s: %s", l->path_used ? l->path : "file", text);
    complaints_warn(l->complaints, place->line, place->column, line);
}

size_t
field_enter(struct loader *l, const char *key, size_t length)
{
    struct phrase p = { 0 };
    size_t mark = l->path_used;
    int n;

    phrase_escape(&p, key, length);
    n = snprintf(l->path + mark, sizeof(l->path) - mark, "%s%s", mark ? "." : "", p.text);
    l->path_used = n < 0 || (size_t)n >= sizeof(l->path) - mark ? sizeof(l->path) - 1 : mark + (size_t)n;
    return mark;
}

size_t
field_enter_item(struct loader *l, size_t index)
{
    size_t mark = l->path_used;
    int n = snprintf(l->path + mark, sizeof(l->path) - mark, "[%zu]", index);

    l->path_used = n < 0 || (size_t)n >= sizeof(l->path) - mark ? sizeof(l->path) - 1 : mark + (size_t)n;
    return mark;
}

void
field_leave(struct loader *l, size_t mark)
{
    l->path_used = mark;
    l->path[mark] = '\0';
}

const char *
field_scalar(struct loader *l, const struct field *f, const struct node *n)
{
    if (n->kind == NODE_REFUSED)
        return NULL;
    if (n->kind == NODE_SCALAR && !node_is_null(n))
        return n->text;
    field_refuse(l, f, n, NULL);
    return NULL;
}

void *
field_alloc(struct loader *l, size_t count, size_t octets)
{
    void *memory = calloc(count ? count : 1, octets);

    if (!memory)
        l->error = -ENOMEM;
    return memory;
}

char *
field_copy(struct loader *l, const char *text)
{
    size_t octets = strlen(text) + 1;
    char *copy = field_alloc(l, 1, octets);

    if (copy)
        memcpy(copy, text, octets);
    return copy;
}

void *
field_member(const struct field *f, void *base)
{
    return (char *)base + f->offset;
}

const void *
field_member_const(const struct field *f, const void *base)
{
    return (const char *)base + f->offset;
}

void
field_store(const struct field *f, void *base, uint64_t value)
{
    void *member = field_member(f, base);

    assert(f->size == 1 || f->size == sizeof(uint32_t));
    if (f->size == 1)
        *(uint8_t *)member = (uint8_t)value;
    else
        memcpy(member, &(uint32_t){ (uint32_t)value }, sizeof(uint32_t));
}

uint64_t
field_number(const struct field *f, const void *base)
{
    uint32_t value;

    if (f->size == 1)
        return *(const uint8_t *)field_member_const(f, base);
    memcpy(&value, field_member_const(f, base), sizeof(value));
    return value;
}
