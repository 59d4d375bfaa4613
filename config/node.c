/* SPDX-License-Identifier: BSD-2-Clause */
/* libyaml's events become nodes. Events rather than libyaml's own document, which loses where a key was repeated and
 * where an anchor stood. */
#include "config/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/phrase.h"

struct builder {
    yaml_parser_t parser;
    const struct source *source;
    struct complaints *complaints;
    size_t n_nodes;
};

static int take_document(struct builder *b, struct node *root);

int
node_parse(const struct source *source, struct node *root, struct complaints *complaints)
{
    struct builder b = { .source = source, .complaints = complaints };
    const char *text = source->text;
    size_t length = source->length;
    int rc;

    *root = (struct node){ .kind = NODE_REFUSED, .line = 1, .column = 1 };
    if (length >= 3 &&
        memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* libyaml skips the mark only where it guesses */
        text += 3;
        length -= 3;
    }
    if (!yaml_parser_initialize(&b.parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&b.parser, (const unsigned char *)text, length);
    rc = take_document(&b, root);
    yaml_parser_delete(&b.parser);
    return rc;
}

static void
complain_at(struct builder *b, const yaml_mark_t *mark, const char *text)
{
    complaints_add(b->complaints, (unsigned)mark->line + 1, (unsigned)mark->column + 1, "%s", text);
}

/* Whether a tab stands at this place: libyaml says only that a token cannot begin there. */
static bool
is_tab_at(const struct source *source, const yaml_mark_t *mark)
{
    const char *at = source->text, *end = at + source->length;

    for (size_t line = 0; line < mark->line && at; line++) {
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    return at && mark->column < (size_t)(end - at) && at[mark->column] == '\t';
}

/* Turn libyaml's error into a complaint. */
static int
complain_of_syntax(struct builder *b)
{
    const yaml_parser_t *parser = &b->parser;
    struct phrase p = { 0 };

    if (parser->error == YAML_MEMORY_ERROR)
        return -ENOMEM;
    phrase_add(&p, "file: expected YAML, got an error: %s",
               parser->problem ? parser->problem : "cannot be read");
    if (parser->context)
        phrase_add(&p, " %s that begins at %zu:%zu", parser->context, parser->context_mark.line + 1,
                   parser->context_mark.column + 1);
    if (is_tab_at(b->source, &parser->problem_mark))
        phrase_add(&p, " (there is a tab: indent with spaces)");
    complain_at(b, &parser->problem_mark, p.text);
    return -EINVAL;
}

static int
next_event(struct builder *b, yaml_event_t *event)
{
    if (!yaml_parser_parse(&b->parser, event))
        return complain_of_syntax(b);
    return 0;
}

/* Read an event whose content does not matter and return its type, or a negative errno. */
static int
skip_event(struct builder *b, yaml_mark_t *mark)
{
    yaml_event_t event;
    int rc = next_event(b, &event);

    if (rc < 0)
        return rc;
    rc = (int)event.type;
    *mark = event.start_mark;
    yaml_event_delete(&event);
    return rc;
}

static int take_node(struct builder *b, struct node *out, unsigned depth);

static int
take_document(struct builder *b, struct node *root)
{
    yaml_mark_t mark;
    int rc = skip_event(b, &mark); /* the start of the stream */

    if (rc < 0 || (rc = skip_event(b, &mark)) < 0)
        return rc;
    if (rc == YAML_STREAM_END_EVENT) {
        complaints_add(b->complaints, 1, 1, "file: expected a configuration, got an empty file");
        return -EINVAL;
    }
    rc = take_node(b, root, 0);
    if (rc < 0 || (rc = skip_event(b, &mark)) < 0 || (rc = skip_event(b, &mark)) < 0)
        return rc;
    if (rc != YAML_STREAM_END_EVENT)
        complain_at(b, &mark, "file: expected one YAML document, got a second one");
    return 0;
}

/* What marks a node for use elsewhere, or gives it a type of its own, has no meaning here. */
static void
refuse_mark(struct builder *b, const yaml_event_t *event, const char *what, char sigil,
            const yaml_char_t *name)
{
    struct phrase p = { 0 };

    if (!name)
        return;
    phrase_add(&p, "file: expected plain YAML, got %s ", what);
    if (sigil)
        phrase_add(&p, "%c", sigil);
    phrase_escape(&p, (const char *)name, strlen((const char *)name));
    phrase_add(&p, " (anchors, aliases and tags are not used here: write the value out)");
    complain_at(b, &event->start_mark, p.text);
}

/* A fresh child at the end of `parent`, NULL when memory ends. The array doubles at each power of two. */
static struct node *
append_child(struct node *parent)
{
    size_t n = parent->n_children;
    struct node *grown;

    if ((n & (n - 1)) == 0) {
        grown = realloc(parent->children, (n ? 2 * n : 1) * sizeof(*grown));
        if (!grown)
            return NULL;
        parent->children = grown;
    }
    parent->children[n] = (struct node){ .kind = NODE_REFUSED };
    parent->n_children++;
    return &parent->children[n];
}

static int
take_scalar(struct builder *b, const yaml_event_t *event, struct node *out)
{
    size_t length = event->data.scalar.length;

    refuse_mark(b, event, "the anchor", '&', event->data.scalar.anchor);
    refuse_mark(b, event, "the tag", 0, event->data.scalar.tag);
    out->text = malloc(length + 1);
    if (!out->text)
        return -ENOMEM;
    memcpy(out->text, event->data.scalar.value, length);
    out->text[length] = '\0';
    out->length = length;
    out->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    out->kind = NODE_SCALAR;
    return 0;
}

/* Take children until the event that ends the collection, which take_node() reports as 1. */
static int
take_children(struct builder *b, struct node *out, unsigned depth)
{
    int rc;

    do {
        struct node *child = append_child(out);

        if (!child)
            return -ENOMEM;
        rc = take_node(b, child, depth);
    } while (rc == 0);
    if (rc == 1)
        out->n_children--; /* the slot of the end event */
    return rc < 0 ? rc : 0;
}

static int
take_collection(struct builder *b, const yaml_event_t *event, struct node *out, unsigned depth)
{
    if (event->type == YAML_SEQUENCE_START_EVENT) {
        refuse_mark(b, event, "the anchor", '&', event->data.sequence_start.anchor);
        refuse_mark(b, event, "the tag", 0, event->data.sequence_start.tag);
        out->kind = NODE_LIST;
    } else {
        refuse_mark(b, event, "the anchor", '&', event->data.mapping_start.anchor);
        refuse_mark(b, event, "the tag", 0, event->data.mapping_start.tag);
        out->kind = NODE_MAPPING;
    }
    if (depth == NODE_DEPTH_MAX) {
        complaints_add(b->complaints, out->line, out->column,
                       "file: expected at most %d levels of lists and mappings, got more", NODE_DEPTH_MAX);
        return -EINVAL;
    }
    return take_children(b, out, depth + 1);
}

static int
take_event(struct builder *b, const yaml_event_t *event, struct node *out, unsigned depth)
{
    out->line = (unsigned)event->start_mark.line + 1;
    out->column = (unsigned)event->start_mark.column + 1;
    switch (event->type) {
    case YAML_SCALAR_EVENT: return take_scalar(b, event, out);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT: return take_collection(b, event, out, depth);
    case YAML_ALIAS_EVENT: refuse_mark(b, event, "the alias", '*', event->data.alias.anchor); return 0;
    default: return 1; /* the end of a list or mapping */
    }
}

/* Read one node. 0, 1 when the next event ends the collection it would be in, or a negative errno. */
static int
take_node(struct builder *b, struct node *out, unsigned depth)
{
    yaml_event_t event;
    int rc = next_event(b, &event);

    if (rc < 0)
        return rc;
    if (++b->n_nodes > NODES_MAX) {
        complaints_add(b->complaints, (unsigned)event.start_mark.line + 1,
                       (unsigned)event.start_mark.column + 1,
                       "file: expected at most %d keys and values, got more", NODES_MAX);
        rc = -EINVAL;
    } else {
        rc = take_event(b, &event, out, depth);
    }
    yaml_event_delete(&event);
    return rc;
}

/* Deep enough to recurse: the depth is bounded by NODE_DEPTH_MAX. */
void
node_fini(struct node *n)
{
    for (size_t i = 0; i < n->n_children; i++)
        node_fini(&n->children[i]);
    free(n->children);
    free(n->text);
    *n = (struct node){ .kind = NODE_REFUSED };
}

bool
node_is_null(const struct node *n)
{
    return n->kind == NODE_SCALAR && n->is_plain &&
           (n->length == 0 || node_equals(n, "~") || node_equals(n, "null") || node_equals(n, "Null") ||
            node_equals(n, "NULL"));
}

bool
node_equals(const struct node *n, const char *text)
{
    return n->kind == NODE_SCALAR && n->length == strlen(text) && memcmp(n->text, text, n->length) == 0;
}

const struct node *
node_find(const struct node *mapping, const char *key)
{
    if (!mapping || mapping->kind != NODE_MAPPING)
        return NULL;
    for (size_t i = 0; i + 1 < mapping->n_children; i += 2)
        if (node_equals(&mapping->children[i], key))
            return &mapping->children[i + 1];
    return NULL;
}

const struct node *
node_item(const struct node *list, size_t i)
{
    if (!list || list->kind != NODE_LIST || i >= list->n_children)
        return NULL;
    return &list->children[i];
}
