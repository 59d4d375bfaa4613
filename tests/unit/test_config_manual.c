/* SPDX-License-Identifier: BSD-2-Clause */
/* The manual page and the sample say what the tables of config/schema.c do: sipmib.yaml(5) has a section for each
 * mapping, and in it an item for each key and for nothing else. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/kind.h"
#include "config/schema.h"

/* A file of the source tree, to be freed. Its line ends become spaces when `joined`. */
static char *
read_file(const char *name, bool joined)
{
    const char *top = getenv("top_srcdir");
    char *path, *text = NULL;
    size_t n = 0;
    ssize_t length;
    FILE *f;

    cr_assert(asprintf(&path, "%s/%s", top ? top : ".", name) > 0);
    f = fopen(path, "r");
    cr_assert(f != NULL, "%s cannot be opened", path);
    length = getdelim(&text, &n, '\0', f);
    cr_assert(length > 0);
    fclose(f);
    free(path);
    for (char *c = text; joined && *c; c++)
        if (*c == '\n')
            *c = ' ';
    return text;
}

/* What stands in `text` from after `start` to before the first of the ends; to be freed. NULL without such a start. */
static char *
part(const char *text, const char *start, const char *end, const char *other_end)
{
    const char *at = strstr(text, start), *stop, *other;

    if (!at)
        return NULL;
    at += strlen(start);
    stop = strstr(at, end);
    other = strstr(at, other_end);
    if (!stop || (other && other < stop))
        stop = other;
    return stop ? strndup(at, (size_t)(stop - at)) : strdup(at);
}

/* The section of a mapping. */
static char *
section_of(const char *page, const struct table *t)
{
    char start[128];

    snprintf(start, sizeof(start), " .Ss %s ", t->name[0] ? t->name : "The outermost mapping");
    return part(page, start, " .Ss ", " .Sh ");
}

static char *
item_of(const char *section, const struct field *f)
{
    char start[64];

    snprintf(start, sizeof(start), " .It Cm %s ", f->key);
    return part(section, start, " .It ", " .El ");
}

static bool
is_built_in(const struct field *f)
{
    return strcmp(f->key, "runtime_dir") == 0 || strcmp(f->key, "state_dir") == 0;
}

/* Calls `check` for each key of each table, with what the manual page says of it. */
static void
for_each_item(void (*check)(const struct table *t, const struct field *f, const char *item))
{
    char *page = read_file("config/sipmib.yaml.5", true);

    for (const struct table *const *t = schema_tables; *t; t++) {
        char *section = section_of(page, *t);

        cr_assert(section != NULL, "no section %s", (*t)->name);
        for (size_t i = 0; i < (*t)->n_fields; i++) {
            char *item = item_of(section, &(*t)->fields[i]);

            cr_assert(item != NULL, "no item %s in %s", (*t)->fields[i].key, (*t)->name);
            check(*t, &(*t)->fields[i], item);
            free(item);
        }
        free(section);
    }
    free(page);
}

static void
check_default(const struct table *t, const struct field *f, const char *item)
{
    const char *stated = strstr(item, "Default: ");

    if (f->is_required)
        cr_expect(strstr(item, "Required.") != NULL, "%s.%s is required", t->name, f->key);
    if (!f->fallback || is_built_in(f))
        return;
    cr_expect(stated && strstr(stated, f->fallback[0] ? f->fallback : "\"\""), "%s.%s has the default %s",
              t->name, f->key, f->fallback);
}

Test(config_manual, has_each_key_with_its_default)
{
    for_each_item(check_default);
}

static void
check_object(const struct table *t, const struct field *f, const char *item)
{
    cr_expect(f->object && strstr(item, f->object), "%s.%s feeds %s", t->name, f->key, f->object);
}

Test(config_manual, has_each_key_with_the_object_it_feeds)
{
    for_each_item(check_object);
}

static void
check_range(const struct table *t, const struct field *f, const char *item)
{
    struct phrase expected = { 0 };
    char most[32];

    f->kind->expect(f, &expected);
    snprintf(most, sizeof(most), "%ju", (uintmax_t)f->max);
    if (f->kind == &kind_ms || f->kind == &kind_seconds || f->kind == &kind_count)
        cr_expect(strstr(item, strstr(expected.text, "from ") + 5) != NULL, "%s.%s: %s", t->name, f->key,
                  expected.text);
    else if (f->kind == &kind_list || f->kind == &kind_mappings || f->kind == &kind_watches ||
             f->kind == &kind_text || f->kind == &kind_path || f->kind == &kind_name ||
             f->kind == &kind_url || f->kind == &kind_token || f->kind == &kind_key)
        cr_expect(strstr(item, most) != NULL, "%s.%s: %s", t->name, f->key, expected.text);
}

Test(config_manual, has_each_key_with_its_range)
{
    for_each_item(check_range);
}

static void
check_words(const struct table *t, const struct field *f, const char *item)
{
    if (f->kind != &kind_choice && f->kind != &kind_choices)
        return;
    for (const struct name *name = f->more; name->word; name++)
        cr_expect(strstr(item, name->word) != NULL, "%s.%s: %s", t->name, f->key, name->word);
}

Test(config_manual, has_each_key_with_its_words)
{
    for_each_item(check_words);
}

Test(config_manual, has_no_other_keys)
{
    char *page = read_file("config/sipmib.yaml.5", true);

    for (const struct table *const *t = schema_tables; *t; t++) {
        char *section = section_of(page, *t);
        size_t n = 0;

        for (const char *at = section; (at = strstr(at, " .It Cm ")) != NULL; at++)
            n++;
        cr_expect(eq(sz, n, (*t)->n_fields), "%s", (*t)->name);
        free(section);
    }
    free(page);
}

Test(config_schema, tells_what_each_key_is_for)
{
    for (const struct table *const *t = schema_tables; *t; t++)
        for (size_t i = 0; i < (*t)->n_fields; i++)
            cr_expect(ne(ptr, (void *)(*t)->fields[i].help, NULL), "%s", (*t)->fields[i].key);
}

Test(config_schema, has_the_timers_in_the_order_of_their_enum)
{
    cr_expect(eq(sz, schema_timers.n_fields, CONFIG_TIMERS));
    cr_expect(eq(str, (char *)schema_timers.fields[CONFIG_TIMER_A].key, "A"));
    cr_expect(eq(str, (char *)schema_timers.fields[CONFIG_TIMER_K].key, "K"));
    cr_expect(eq(str, (char *)schema_timers.fields[CONFIG_TIMER_T4].key, "T4"));
}

/* ---- the sample ---- */

Test(config_sample, is_good)
{
    const char *top = getenv("top_srcdir");
    struct config *c = NULL;
    struct err e = { "" };
    char *path;

    cr_assert(asprintf(&path, "%s/config/samples/sipmib.yaml", top ? top : ".") > 0);
    cr_expect(eq(int, config_load(path, &c, stderr, &e), 0), "%s", e.text);
    config_free(c);
    free(path);
}

Test(config_sample, shows_every_key_but_the_timers)
{
    char *sample = read_file("config/samples/sipmib.yaml", false), key[64];

    for (const struct table *const *t = schema_tables; *t; t++)
        for (size_t i = 0; *t != &schema_timers && i < (*t)->n_fields; i++) {
            snprintf(key, sizeof(key), "%s:", (*t)->fields[i].key);
            cr_expect(strstr(sample, key) != NULL, "%s", key);
        }
    free(sample);
}
