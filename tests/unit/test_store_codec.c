/* SPDX-License-Identifier: BSD-2-Clause */
/* Totals as octets: all of them come back, and what was cut or spoilt is refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store_codec.h"
#include "tests/unit/guarded.h"

static struct tally t, back;
static uint8_t *octets;
static size_t length;
static struct err e;

static void
begin(void)
{
    cr_assert(eq(int, tally_init(&t, &e), 0));
    cr_assert(eq(int, tally_init(&back, &e), 0));
}

static void
end(void)
{
    tally_fini(&t);
    tally_fini(&back);
    free(octets);
}

TestSuite(store_codec, .init = begin, .fini = end);

static int
there_and_back(void)
{
    cr_assert(eq(int, totals_encode(&t, &octets, &length, &e), 0));
    return totals_decode(&back, octets, length, &e);
}

static void
fill(void)
{
    uint32_t cell = tally_cell(&t, METHOD_BYE, 999);

    t.cell[cell].in = 3;
    t.method[METHOD_BYE].counters[LANE_METHOD_IN] = 4;
    tally_word(&t, "timer", 5, LANE_WORD_SUPPORTED);
}

Test(store_codec, keeps_nothing)
{
    cr_assert(eq(int, there_and_back(), 0));
    cr_assert(eq(u32, back.words, 0));
    cr_assert(eq(u32, back.cells, 1));
}

Test(store_codec, keeps_the_highest_code)
{
    fill();
    cr_assert(eq(int, there_and_back(), 0));
    cr_assert(eq(u64, back.cell[tally_cell(&back, METHOD_BYE, 999)].in, 3));
}

Test(store_codec, keeps_a_full_table_of_the_longest_words)
{
    char text[LANE_WORD_TEXT_OCTETS + 1];

    for (unsigned i = 0; i < TALLY_WORDS; i++) {
        snprintf(text, sizeof(text), "%0*u", LANE_WORD_TEXT_OCTETS, i);
        tally_word(&t, text, LANE_WORD_TEXT_OCTETS, 1u << i % 5);
    }
    cr_assert(eq(int, there_and_back(), 0));
    cr_assert(eq(u32, back.words, TALLY_WORDS));
    for (unsigned i = 0; i < TALLY_WORDS; i++)
        cr_assert(strcmp(back.word[i].text, t.word[i].text) == 0 && back.word[i].uses == 1u << i % 5);
}

Test(store_codec, adds_to_what_is_there)
{
    fill();
    tally_word(&back, "path", 4, LANE_WORD_REQUIRE);
    tally_word(&back, "TIMER", 5, LANE_WORD_REQUIRE);
    cr_assert(eq(int, there_and_back(), 0));
    cr_assert(eq(u32, back.words, 2));
    cr_assert(eq(u32, back.word[1].uses, LANE_WORD_REQUIRE | LANE_WORD_SUPPORTED));
}

Test(store_codec, refuses_every_part_of_good_totals)
{
    fill();
    cr_assert(eq(int, there_and_back(), 0));
    for (size_t n = 0; n < length; n++)
        cr_assert(eq(int, totals_decode(&back, guarded(octets, n).data, n, &e), -EBADMSG), "%zu octets", n);
}

Test(store_codec, refuses_totals_with_any_octet_changed)
{
    fill();
    cr_assert(eq(int, there_and_back(), 0));
    for (size_t n = 0; n < length; n++) {
        octets[n] ^= 0x10;
        cr_assert(eq(int, totals_decode(&back, octets, length, &e), -EBADMSG), "octet %zu", n);
        octets[n] ^= 0x10;
    }
}
