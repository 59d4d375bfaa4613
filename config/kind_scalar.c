/* SPDX-License-Identifier: BSD-2-Clause */
/* Booleans, numbers, durations, words. */
#include "config/kind.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "config/nearest.h"

/* True and false, numbers: YAML takes a quoted one for text, and so do we. */
static bool
refuse_quoted(struct loader *l, const struct field *f, const struct node *n)
{
    if (n->is_plain)
        return false;
    field_refuse(l, f, n, "take the quotes off");
    return true;
}

/* ---- booleans ---- */

static void
bool_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    if (!field_scalar(l, f, n))
        return;
    if (!node_equals(n, "true") && !node_equals(n, "false"))
        field_refuse(l, f, n, NULL);
    else if (!refuse_quoted(l, f, n))
        field_store(f, base, node_equals(n, "true"));
}

static void
bool_expect(const struct field *f, struct phrase *p)
{
    (void)f;
    phrase_add(p, "true or false");
}

static void
bool_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    (void)indent;
    fputs(field_number(f, base) ? "true" : "false", out);
}

const struct kind kind_bool = { .load = bool_load, .expect = bool_expect, .dump = bool_dump };

/* ---- numbers ---- */

/* Take the digits at the front of `text`: their value, UINT64_MAX / 4 at most; `*rest` is what follows. */
static uint64_t
take_digits(const char *text, const char **rest)
{
    uint64_t value = 0;

    for (; isdigit((unsigned char)*text); text++)
        if (value < UINT64_MAX / 40)
            value = value * 10 + (uint64_t)(*text - '0');
        else
            value = UINT64_MAX / 4;
    *rest = text;
    return value;
}

static void
count_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const char *text = field_scalar(l, f, n), *rest;
    uint64_t value;

    if (!text)
        return;
    value = take_digits(text, &rest);
    if (n->length == 0 || (size_t)(rest - text) != n->length)
        field_refuse(l, f, n, "write decimal digits only");
    else if (text[0] == '0' && n->length > 1)
        field_refuse(l, f, n, "leave out the leading zeros");
    else if (value < f->min || value > f->max)
        field_refuse(l, f, n, NULL);
    else if (!refuse_quoted(l, f, n))
        field_store(f, base, value);
}

static void
count_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "a number from %" PRIu64 " to %" PRIu64, f->min, f->max);
}

static void
count_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    (void)indent;
    fprintf(out, "%" PRIu64, field_number(f, base));
}

const struct kind kind_count = { .load = count_load, .expect = count_expect, .dump = count_dump };

/* ---- durations ---- */

static const struct name units[] = {
    { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { NULL, 0 }
};

/* The duration in milliseconds; complains and returns false when it is none. */
static bool
parse_duration(struct loader *l, const struct field *f, const struct node *n, uint64_t *ms)
{
    const char *text = field_scalar(l, f, n), *unit;

    if (!text)
        return false;
    *ms = take_digits(text, &unit);
    if (unit != text && unit == text + n->length) {
        field_refuse(l, f, n, "add a unit: ms, s, m or h");
        return false;
    }
    if (unit != text && (*unit == '.' || *unit == ',')) {
        field_refuse(l, f, n, "no fractions: use a smaller unit");
        return false;
    }
    for (const struct name *u = units; unit != text && u->word; u++)
        if (strcmp(unit, u->word) == 0 && strlen(text) == n->length) {
            *ms = *ms > UINT64_MAX / 4 / u->value ? UINT64_MAX / 4 : *ms * u->value;
            return true;
        }
    field_refuse(l, f, n, "write a number and a unit, ms, s, m or h, as in 250ms");
    return false;
}

static void
ms_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    uint64_t ms;

    if (!parse_duration(l, f, n, &ms))
        return;
    if (ms < f->min || ms > f->max)
        field_refuse(l, f, n, NULL);
    else
        field_store(f, base, ms);
}

static void
seconds_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    uint64_t ms;

    if (!parse_duration(l, f, n, &ms))
        return;
    if (ms / 1000 < f->min || (ms + 999) / 1000 > f->max)
        field_refuse(l, f, n, NULL);
    else if (ms % 1000 != 0)
        field_refuse(l, f, n, "this one counts in whole seconds");
    else
        field_store(f, base, ms / 1000);
}

/* Write milliseconds in the unit that shows them without a fraction. */
static void
add_ms(struct phrase *p, uint64_t ms)
{
    if (ms % 1000 == 0)
        phrase_add(p, "%" PRIu64 "s", ms / 1000);
    else
        phrase_add(p, "%" PRIu64 "ms", ms);
}

static void
ms_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "a duration from ");
    add_ms(p, f->min);
    phrase_add(p, " to ");
    add_ms(p, f->max);
}

static void
seconds_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "a duration from %" PRIu64 "s to %" PRIu64 "s", f->min, f->max);
}

static void
ms_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    struct phrase p = { 0 };

    (void)indent;
    add_ms(&p, field_number(f, base));
    fputs(p.text, out);
}

static void
seconds_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    (void)indent;
    fprintf(out, "%" PRIu64 "s", field_number(f, base));
}

const struct kind kind_ms = { .load = ms_load, .expect = ms_expect, .dump = ms_dump };
const struct kind kind_seconds = { .load = seconds_load, .expect = seconds_expect, .dump = seconds_dump };

/* ---- words ---- */

static size_t
count_names(const struct name *names)
{
    size_t n = 0;

    while (names[n].word)
        n++;
    return n;
}

static const struct name *
find_name(const struct name *names, const struct node *n)
{
    for (; names->word; names++)
        if (node_equals(n, names->word))
            return names;
    return NULL;
}

const char *
kind_word(const struct name *names, unsigned value)
{
    for (; names->word; names++)
        if (names->value == value)
            return names->word;
    return "?";
}

static void
add_names(struct phrase *p, const struct name *names)
{
    for (size_t i = 0; names[i].word; i++)
        phrase_add(p, "%s%s", i == 0 ? "" : names[i + 1].word ? ", " : " or ", names[i].word);
}

/* The name that a word stands for; complains and returns NULL when it is none. */
static const struct name *
take_name(struct loader *l, const struct field *f, const struct node *n)
{
    const struct name *names = f->more, *name;
    const char *text = field_scalar(l, f, n), *near;

    if (!text)
        return NULL;
    name = find_name(names, n);
    if (name)
        return name;
    near = nearest_find(text, names, count_names(names), sizeof(names[0]));
    if (near)
        field_refuse(l, f, n, "did you mean %s?", near);
    else
        field_refuse(l, f, n, NULL);
    return NULL;
}

static void
choice_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const struct name *name = take_name(l, f, n);

    if (name)
        field_store(f, base, name->value);
}

static void
choice_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "one of ");
    add_names(p, f->more);
}

static void
choice_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    (void)indent;
    fputs(kind_word(f->more, (unsigned)field_number(f, base)), out);
}

const struct kind kind_choice = { .load = choice_load, .expect = choice_expect, .dump = choice_dump };

static const struct kind kind_one_choice = { .expect = choice_expect };

/* Or the value of one word into the member. */
static void
choices_load_one(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    struct field one = { .kind = &kind_one_choice, .more = f->more };
    const struct name *name = take_name(l, &one, n);

    if (!name)
        return;
    if (field_number(f, base) & name->value)
        field_complain(l, n, "expected each word once, got %s again", name->word);
    field_store(f, base, field_number(f, base) | name->value);
}

static void
choices_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    bool takes_one = f->max == 1;

    if (n->kind == NODE_SCALAR && takes_one && !node_is_null(n)) {
        choices_load_one(l, f, n, base);
        return;
    }
    if (n->kind != NODE_LIST || n->n_children < f->min) {
        field_refuse(l, f, n, n->kind == NODE_SCALAR && !node_is_null(n) ? "put it in brackets: [ ]" : NULL);
        return;
    }
    for (size_t i = 0; i < n->n_children; i++) {
        size_t mark = field_enter_item(l, i);

        choices_load_one(l, f, &n->children[i], base);
        field_leave(l, mark);
    }
}

static void
choices_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, f->max == 1 ? "one of, or a list of, "
                  : f->min    ? "a list of one or more of "
                              : "a list of ");
    add_names(p, f->more);
}

static void
choices_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    uint64_t set = field_number(f, base);
    const char *separator = "";

    (void)indent;
    fputc('[', out);
    for (const struct name *name = f->more; name->word; name++)
        if (set & name->value) {
            fprintf(out, "%s%s", separator, name->word);
            separator = ", ";
        }
    fputc(']', out);
}

const struct kind kind_choices = { .load = choices_load, .expect = choices_expect, .dump = choices_dump };
