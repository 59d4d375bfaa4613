/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows option tags and methods get that an instance was seen to send. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "agent/word_order.h"

static struct tally sum;
static struct word_order order;
static char timer[] = "timer", invite[] = "INVITE", bye[] = "BYE", *methods[] = { invite, bye };
static struct config_option_tag tags[] = { { timer, CONFIG_TAG_SUPPORTED } };
static const struct config_instance config = {
    .option_tags = tags, .n_option_tags = 1, .methods = methods, .n_methods = 2
};

static void
begin(void)
{
    cr_assert(eq(int, tally_init(&sum, NULL), 0));
    memset(&order, 0, sizeof(order));
}

static void
end(void)
{
    tally_fini(&sum);
}

TestSuite(word_order, .init = begin, .fini = end);

static void
see(const char *word, uint32_t uses)
{
    tally_word(&sum, word, strlen(word), uses);
    word_order_update(&order, &sum, &config);
}

Test(word_order, begins_with_what_is_configured)
{
    word_order_update(&order, &sum, &config);
    cr_assert(eq(u32, order.tags, 1));
    cr_assert(eq(u32, order.methods, 2));
    cr_assert(ne(u64, order.generation, 0));
}

Test(word_order, appends_what_comes_up)
{
    see("path", LANE_WORD_SUPPORTED);
    see("100rel", LANE_WORD_REQUIRE);
    cr_assert(eq(u32, order.tags, 3));
    cr_assert(eq(uint, order.tag[0], 2));
    cr_assert(eq(uint, order.tag[1], 3));
    cr_assert(eq(u32, order.methods, 2));
}

Test(word_order, finds_tags_that_are_configured_in_any_spelling)
{
    see("Timer", LANE_WORD_REQUIRE);
    cr_assert(eq(uint, order.tag[0], 1));
    cr_assert(eq(u32, order.tags, 1));
}

Test(word_order, gives_two_spellings_of_a_tag_one_row)
{
    see("PATH", LANE_WORD_ALLOW);
    see("Path", LANE_WORD_ALLOW);
    sum.word[0].uses |= LANE_WORD_SUPPORTED;
    sum.word[1].uses |= LANE_WORD_REQUIRE;
    word_order_update(&order, &sum, &config);
    cr_assert(eq(uint, order.tag[0], 2));
    cr_assert(eq(uint, order.tag[1], order.tag[0]));
    cr_assert(eq(u32, order.tags, 2));
}

Test(word_order, tells_methods_apart_by_their_case)
{
    see("BYE", LANE_WORD_ALLOW);
    see("bye", LANE_WORD_ALLOW);
    cr_assert(eq(uint, order.method[0], 2));
    cr_assert(eq(uint, order.method[1], 3));
    cr_assert(eq(u32, order.methods, 3));
}

Test(word_order, keeps_the_rows_of_words_that_are_used_in_another_way_later)
{
    see("events", LANE_WORD_ALLOW);
    see("path", LANE_WORD_SUPPORTED);
    see("events", LANE_WORD_SUPPORTED);
    cr_assert(eq(uint, order.tag[1], 2));
    cr_assert(eq(uint, order.tag[0], 3));
    cr_assert(eq(uint, order.method[0], 3));
}

Test(word_order, has_another_generation_only_when_something_came_up)
{
    uint64_t before;

    see("path", LANE_WORD_SUPPORTED);
    before = order.generation;
    see("path", LANE_WORD_SUPPORTED);
    cr_assert(eq(u64, order.generation, before));
    see("path", LANE_WORD_REQUIRE);
    cr_assert(ne(u64, order.generation, before), "other headers");
}
