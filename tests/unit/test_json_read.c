/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading JSON: every kind of value comes out, and what is malformed is refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/json_read.h"

static struct err e;

Test(json_read, reads_every_kind)
{
    struct json_tree t;
    const struct json_value *list;

    cr_assert(
        eq(int, json_read(&t, " {\"a\":[1, -2.5e1,true,false,null,\"x\"] ,\"o\":{\"a\":{}}}\n", &e), 0));
    list = json_get(t.root, "a");
    cr_assert(eq(dbl, list->first->number, 1));
    cr_assert(eq(dbl, list->first->next->number, -25));
    cr_assert(list->first->next->next->is_true);
    cr_assert(eq(int, (int)list->first->next->next->next->next->kind, JSON_NULL));
    cr_assert(eq(str, (char *)list->first->next->next->next->next->next->text, "x"));
    cr_assert(eq(int, (int)json_get(json_get(t.root, "o"), "a")->kind, JSON_OBJECT));
    json_tree_free(&t);
}

Test(json_read, unescapes_strings)
{
    struct json_tree t;

    cr_assert(eq(int, json_read(&t, "\"\\\"\\\\\\/\\n\\u00e9\\u20ac\\ud83d\\ude00\\u0000\\ud83d\"", &e), 0));
    cr_assert(eq(str, (char *)t.root->text, "\"\\/\n\u00e9\u20ac\U0001f600\ufffd\ufffd"));
    json_tree_free(&t);
}

Test(json_read, what_is_not_there_is_nothing)
{
    struct json_tree t;

    cr_assert(eq(int, json_read(&t, "{\"a\":\"x\"}", &e), 0));
    cr_assert(eq(dbl, json_get_number(t.root, "a"), 0));
    cr_assert(eq(str, (char *)json_get_text(json_get(t.root, "b"), "c"), ""));
    cr_assert(not(json_get_bool(NULL, "a")));
    json_tree_free(&t);
}

Test(json_read, refuses_what_is_malformed)
{
    static const char *const bad[] = {
        "",          " ",          "{",
        "[",         "]",          "{]",
        "[1",        "[1,",        "[1,]",
        "[,1]",      "{\"a\"}",    "{\"a\":",
        "{a:1}",     "{\"a\":1,}", "\"a",
        "\"\\",      "\"\\u12",    "\"\\u12g4\"",
        "\"\\x\"",   "\"\t\"",     "01",
        "-",         "1.",         ".5",
        "1e",        "1e+",        "1e309",
        "-1e309",    "+1",         "0x10",
        "nul",       "truee",      "NaN",
        "[1 2]",     "{} {}",      "1,",
        "[\"a\":1]", "'a'",        "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
    };
    struct json_tree t;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert(eq(int, json_read(&t, bad[i], &e), -EBADMSG), "%s", bad[i]);
}

Test(json_read, refuses_every_part_of_a_document)
{
    static const char whole[] = "{\"a\":[1,true,null,\"\\u00e9\\n\"],\"b\":{\"c\":-1.5e3}}";
    struct json_tree t;
    char part[sizeof(whole)];

    for (size_t n = 0; n + 1 < sizeof(whole); n++) {
        memcpy(part, whole, n);
        part[n] = '\0';
        cr_assert(eq(int, json_read(&t, part, &e), -EBADMSG), "%s", part);
    }
}

Test(json_read, is_bounded)
{
    char *many = malloc(JSON_READ_VALUES_MAX + 1);
    struct json_tree t;

    memset(many, ',', JSON_READ_VALUES_MAX);
    many[JSON_READ_VALUES_MAX] = '\0';
    cr_assert(eq(int, json_read(&t, many, &e), -E2BIG));
    free(many);
}
