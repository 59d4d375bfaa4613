/* SPDX-License-Identifier: BSD-2-Clause */
/* Sums over lanes: by name, not by number; stable rows; visible overflow. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sipcore/tally.h"

static struct tally t;
static struct tally_map map_a, map_b;
static struct lane_reader a, b;
static struct err e;

/* Lanes as their readers hold them, made by hand. */
static void
make_lane(struct lane_reader *r)
{
    memset(r, 0, sizeof(*r));
    r->names = calloc(LANE_METHODS, sizeof(*r->names));
    for (unsigned i = 0; i < METHOD_IANA_COUNT; i++)
        strcpy(r->names[i], method_name(i));
    strcpy(r->names[METHOD_OTHER], METHOD_OTHER_NAME);
    r->copy.methods = METHOD_IANA_COUNT;
    r->copy.cells = 1;
}

static unsigned
name_method(struct lane_reader *r, const char *name)
{
    strcpy(r->names[r->copy.methods], name);
    return r->copy.methods++;
}

static void
set_cell(struct lane_reader *r, unsigned method, unsigned code, uint64_t in, uint64_t out)
{
    r->copy.cell[r->copy.cells++] = (struct lane_cell_copy){ LANE_CELL_KEY(method, code), in, out };
}

static void
make_all(void)
{
    make_lane(&a);
    make_lane(&b);
    memset(&map_a, 0, sizeof(map_a));
    memset(&map_b, 0, sizeof(map_b));
    cr_assert(eq(int, tally_init(&t, &e), 0));
}

static void
free_all(void)
{
    free(a.names);
    free(b.names);
    tally_fini(&t);
}

TestSuite(tally, .init = make_all, .fini = free_all);

static void
say(struct lane_reader *r, const char *word, uint32_t uses)
{
    struct lane_word_copy *w = &r->copy.word[r->copy.words++];

    w->uses = uses;
    w->octets = (uint8_t)strlen(word);
    strcpy(w->text, word);
}

static void
add_both(void)
{
    cr_assert(eq(int, tally_add_lane(&t, &a, &map_a, &e), 0));
    cr_assert(eq(int, tally_add_lane(&t, &b, &map_b, &e), 0));
}

static const struct tally_cell *
sum(const char *method, unsigned code)
{
    return &t.cell[tally_cell(&t, tally_method(&t, method, strlen(method)), code)];
}

static struct tally_method *
row(const char *method)
{
    return &t.method[tally_method(&t, method, strlen(method))];
}

Test(tally, begins_with_the_registered_methods_and_other)
{
    cr_assert(eq(u32, t.methods, METHOD_IANA_COUNT + 1));
    cr_assert(eq(str, t.method[METHOD_UPDATE].name, "UPDATE"));
    cr_assert(eq(str, t.method[TALLY_OTHER].name, METHOD_OTHER_NAME));
    cr_assert(eq(u32, t.cells, 1));
}

Test(tally, adds_scalars)
{
    a.copy.counters[LANE_DISCARDED] = 2;
    b.copy.counters[LANE_DISCARDED] = 3;
    add_both();
    cr_assert(eq(u64, t.counters[LANE_DISCARDED], 5));
}

Test(tally, knows_associations_when_any_lane_does)
{
    add_both();
    cr_assert(not(t.has_associations));
    b.copy.has_associations = true;
    add_both();
    cr_assert(t.has_associations);
}

Test(tally, adds_methods_by_name_where_numbers_differ)
{
    unsigned foo_a = name_method(&a, "FOO"), bar_a = name_method(&a, "BAR");
    unsigned bar_b = name_method(&b, "BAR"), foo_b = name_method(&b, "FOO");

    a.copy.method_counters[foo_a][LANE_METHOD_IN] = 1;
    a.copy.method_counters[bar_a][LANE_METHOD_IN] = 10;
    b.copy.method_counters[foo_b][LANE_METHOD_IN] = 100;
    b.copy.method_counters[bar_b][LANE_METHOD_IN] = 1000;
    set_cell(&a, foo_a, 200, 1, 2);
    set_cell(&b, foo_b, 200, 10, 20);
    add_both();
    cr_assert(eq(u64, row("FOO")->counters[LANE_METHOD_IN], 101));
    cr_assert(eq(u64, row("BAR")->counters[LANE_METHOD_IN], 1010));
    cr_assert(eq(u64, sum("FOO", 200)->in, 11));
    cr_assert(eq(u64, sum("FOO", 200)->out, 22));
}

Test(tally, tells_methods_apart_by_case)
{
    a.copy.method_counters[name_method(&a, "foo")][0] = 1;
    b.copy.method_counters[name_method(&b, "FOO")][0] = 1;
    add_both();
    cr_assert(eq(u64, row("foo")->counters[0], 1));
}

Test(tally, adds_what_lanes_folded)
{
    a.copy.method_counters[METHOD_OTHER][LANE_METHOD_OUT] = 4;
    a.copy.cell[0] = (struct lane_cell_copy){ 0, 5, 6 };
    set_cell(&a, METHOD_OTHER, 404, 7, 8);
    add_both();
    cr_assert(eq(u64, t.method[TALLY_OTHER].counters[LANE_METHOD_OUT], 4));
    cr_assert(eq(u64, t.cell[0].in, 5));
    cr_assert(eq(u64, t.cell[0].out, 6));
    cr_assert(eq(u64, sum(METHOD_OTHER_NAME, 404)->out, 8));
    cr_assert(eq(u64, t.methods_folded, 0));
    cr_assert(eq(u64, t.cells_folded, 0));
}

Test(tally, clearing_keeps_the_rows)
{
    set_cell(&a, name_method(&a, "FOO"), 200, 1, 2);
    add_both();
    tally_clear(&t);
    cr_assert(eq(u32, t.cells, 2));
    cr_assert(eq(u64, t.cell[1].out, 0));
    add_both();
    cr_assert(eq(u32, t.cells, 2));
    cr_assert(eq(u64, t.cell[1].out, 2));
}

Test(tally, follows_a_lane_that_grows)
{
    set_cell(&a, METHOD_BYE, 200, 1, 0);
    add_both();
    tally_clear(&t);
    set_cell(&a, name_method(&a, "FOO"), 300, 2, 0);
    add_both();
    cr_assert(eq(u64, sum("BYE", 200)->in, 1));
    cr_assert(eq(u64, sum("FOO", 300)->in, 2));
}

Test(tally, folds_methods_beyond_its_table_visibly)
{
    char name[16];

    for (unsigned i = 0; i < TALLY_METHODS; i++) {
        snprintf(name, sizeof(name), "M%u", i);
        tally_method(&t, name, strlen(name));
    }
    cr_assert(eq(u32, t.methods, TALLY_METHODS));
    a.copy.method_counters[name_method(&a, "ONE-TOO-MANY")][LANE_METHOD_IN] = 3;
    add_both();
    cr_assert(eq(u64, t.method[TALLY_OTHER].counters[LANE_METHOD_IN], 3));
    cr_assert(eq(u64, t.methods_folded, 3));
}

Test(tally, folds_cells_beyond_its_table_visibly)
{
    for (unsigned i = 0; i < TALLY_CELLS; i++) {
        char name[16];

        snprintf(name, sizeof(name), "M%u", i / LANE_CODES);
        tally_cell(&t, tally_method(&t, name, strlen(name)), 100 + i % LANE_CODES);
    }
    cr_assert(eq(u32, t.cells, TALLY_CELLS));
    set_cell(&a, METHOD_BYE, 200, 1, 2);
    add_both();
    cr_assert(eq(u64, t.cell[0].in, 1));
    cr_assert(eq(u64, t.cells_folded, 3));
}

Test(tally, makes_rows_by_name)
{
    uint32_t foo = tally_method(&t, "FOO", 3);

    cr_assert(eq(u32, tally_method(&t, "FOO", 3), foo));
    cr_assert(eq(u32, tally_method(&t, "INVITE", 6), METHOD_INVITE));
    cr_assert(eq(u32, tally_method(&t, METHOD_OTHER_NAME, 7), TALLY_OTHER));
    cr_assert(eq(u32, tally_method(&t, "", 0), TALLY_OTHER));
}

Test(tally, has_no_cell_for_a_code_that_is_none)
{
    cr_assert(eq(u32, tally_cell(&t, METHOD_BYE, 99), 0));
    cr_assert(eq(u32, tally_cell(&t, METHOD_BYE, 1000), 0));
    cr_assert(eq(u32, tally_cell(&t, METHOD_BYE, 0), 0));
    cr_assert(eq(u32, tally_cell(&t, TALLY_METHODS, 200), 0));
    cr_assert(eq(u32, t.cells, 1));
}

Test(tally, adds_a_tally)
{
    struct tally other;

    cr_assert(eq(int, tally_init(&other, &e), 0));
    set_cell(&a, name_method(&a, "FOO"), 200, 1, 2);
    a.copy.counters[LANE_IN_REQUESTS] = 9;
    tally_method(&t, "BAR", 3);
    cr_assert(eq(int, tally_add_lane(&other, &a, &map_a, &e), 0));
    other.methods_folded = 3;
    cr_assert(eq(int, tally_add(&t, &other, &e), 0));
    cr_assert(eq(int, tally_add(&t, &other, &e), 0));
    tally_fini(&other);
    cr_assert(eq(u64, sum("FOO", 200)->out, 4));
    cr_assert(eq(u64, t.counters[LANE_IN_REQUESTS], 18));
    cr_assert(eq(u64, t.methods_folded, 6));
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

/* The words of the tally with their uses, one after the other. */
static const char *
words(void)
{
    static char text[256];
    size_t used = 0;

    text[0] = 0;
    for (uint32_t i = 0; i < t.words; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s=%u", i ? " " : "", t.word[i].text,
                                 t.word[i].uses);
    return text;
}

Test(tally, joins_the_uses_of_a_word)
{
    say(&a, "timer", LANE_WORD_SUPPORTED);
    say(&a, "path", LANE_WORD_REQUIRE);
    say(&b, "path", LANE_WORD_SUPPORTED);
    say(&b, "timer", LANE_WORD_REQUIRE);
    add_both();
    cr_assert(eq(str, (char *)words(), "timer=5 path=5"));
}

Test(tally, takes_option_tags_in_either_case_for_one)
{
    say(&a, "timer", LANE_WORD_SUPPORTED);
    say(&b, "TIMER", LANE_WORD_REQUIRE);
    add_both();
    cr_assert(eq(str, (char *)words(), "timer=5"));
}

Test(tally, takes_methods_in_either_case_for_two)
{
    say(&a, "Join", LANE_WORD_SUPPORTED);
    say(&b, "JOIN", LANE_WORD_ALLOW);
    say(&b, "join", LANE_WORD_ALLOW);
    add_both();
    cr_assert(eq(str, (char *)words(), "Join=4 JOIN=16 join=16"));
}

Test(tally, keeps_words_when_it_is_cleared)
{
    say(&a, "timer", LANE_WORD_SUPPORTED);
    add_both();
    tally_clear(&t);
    cr_assert(eq(str, (char *)words(), "timer=4"));
}

Test(tally, follows_the_words_of_a_lane)
{
    say(&a, "timer", LANE_WORD_SUPPORTED);
    add_both();
    a.copy.word[0].uses |= LANE_WORD_REQUIRE;
    say(&a, "path", LANE_WORD_SUPPORTED);
    add_both();
    cr_assert(eq(str, (char *)words(), "timer=5 path=4"));
}

Test(tally, passes_over_a_word_that_the_reader_left_out)
{
    say(&a, "", 0);
    say(&a, "path", LANE_WORD_SUPPORTED);
    add_both();
    cr_assert(eq(str, (char *)words(), "path=4"));
    cr_assert(eq(u64, t.words_folded, 0));
}

Test(tally, counts_words_beyond_its_table)
{
    char word[16];

    for (unsigned i = 0; i < TALLY_WORDS; i++) {
        snprintf(word, sizeof(word), "tag%u", i);
        tally_word(&t, word, strlen(word), LANE_WORD_SUPPORTED);
    }
    say(&a, "path", LANE_WORD_SUPPORTED);
    say(&a, "tag7", LANE_WORD_REQUIRE);
    add_both();
    tally_clear(&t);
    add_both();
    cr_assert(eq(u32, t.words, TALLY_WORDS));
    cr_assert(eq(u32, t.word[7].uses, LANE_WORD_SUPPORTED | LANE_WORD_REQUIRE));
    cr_assert(eq(u64, t.words_folded, 1));
}

Test(tally, has_no_word_that_a_lane_could_not_have)
{
    char text[LANE_WORD_TEXT_OCTETS + 1];

    memset(text, 'x', sizeof(text));
    tally_word(&t, text, sizeof(text), LANE_WORD_SUPPORTED);
    tally_word(&t, "", 0, LANE_WORD_SUPPORTED);
    tally_word(&t, "a b", 3, LANE_WORD_SUPPORTED);
    cr_assert(eq(u32, t.words, 0));
    tally_word(&t, text, LANE_WORD_TEXT_OCTETS, LANE_WORD_SUPPORTED);
    cr_assert(eq(u32, t.words, 1));
}

Test(tally, adds_the_words_of_a_tally)
{
    struct tally other;

    cr_assert(eq(int, tally_init(&other, &e), 0));
    tally_word(&other, "path", 4, LANE_WORD_SUPPORTED);
    tally_word(&other, "timer", 5, LANE_WORD_REQUIRE);
    other.words_folded = 2;
    tally_word(&t, "timer", 5, LANE_WORD_SUPPORTED);
    cr_assert(eq(int, tally_add(&t, &other, &e), 0));
    tally_fini(&other);
    cr_assert(eq(str, (char *)words(), "timer=5 path=4"));
    cr_assert(eq(u64, t.words_folded, 2));
}

Test(tally, open_transactions_are_never_negative)
{
    t.counters[LANE_TRANS_BEGUN] = 5;
    t.counters[LANE_TRANS_ENDED] = 3;
    cr_assert(eq(u64, tally_open_transactions(&t), 2));
    t.counters[LANE_TRANS_ENDED] = 6;
    cr_assert(eq(u64, tally_open_transactions(&t), 0));
}
