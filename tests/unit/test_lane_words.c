/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of a lane: what a writer notes of what its entity sends, a reader sees; odd ones cost nobody a count. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/scratch.h"

static struct scratch_lane s;

static void
open_lane(void)
{
    scratch_lane_open(&s, LANE_RING_MIN);
}

static void
close_lane(void)
{
    scratch_lane_close(&s);
}

TestSuite(lane_words, .init = open_lane, .fini = close_lane);

static int
refresh(void)
{
    return lane_reader_refresh(&s.reader, &s.e);
}

static void
say(const char *word, unsigned uses)
{
    lane_word(&s.writer, span_string(word), uses);
}

/* What a reader sees now, one after the other. */
static const char *
words(void)
{
    static char text[512];
    size_t used = 0;

    cr_assert(eq(int, refresh(), 0), "%s", s.e.text);
    text[0] = 0;
    for (uint32_t i = 0; i < s.reader.copy.words; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s=%u", i ? " " : "",
                                 s.reader.copy.word[i].text, s.reader.copy.word[i].uses);
    return text;
}

static uint64_t
folded(void)
{
    refresh();
    return s.reader.copy.counters[LANE_WORDS_FOLDED];
}

Test(lane_words, are_none_at_first)
{
    cr_assert(eq(str, (char *)words(), ""));
}

Test(lane_words, are_seen_in_the_order_of_their_appearance)
{
    say("timer", LANE_WORD_SUPPORTED);
    say("100rel", LANE_WORD_REQUIRE);
    say("INVITE", LANE_WORD_ALLOW);
    cr_assert(eq(str, (char *)words(), "timer=4 100rel=1 INVITE=16"));
}

Test(lane_words, gather_their_uses_in_one_row)
{
    say("timer", LANE_WORD_SUPPORTED);
    cr_assert(eq(str, (char *)words(), "timer=4"));
    say("timer", LANE_WORD_UNSUPPORTED | LANE_WORD_REQUIRE);
    say("timer", LANE_WORD_SUPPORTED);
    cr_assert(eq(str, (char *)words(), "timer=13"));
}

Test(lane_words, that_are_option_tags_are_the_same_in_either_case)
{
    say("timer", LANE_WORD_SUPPORTED);
    say("Timer", LANE_WORD_REQUIRE);
    cr_assert(eq(str, (char *)words(), "timer=5"));
}

Test(lane_words, that_are_methods_differ_by_case)
{
    say("join", LANE_WORD_SUPPORTED);
    say("JOIN", LANE_WORD_ALLOW);
    say("Join", LANE_WORD_ALLOW);
    cr_assert(eq(str, (char *)words(), "join=4 JOIN=16 Join=16"));
}

Test(lane_words, of_the_greatest_length_are_kept_and_longer_ones_counted)
{
    char text[LANE_WORD_TEXT_OCTETS + 2] = "";

    memset(text, 'x', LANE_WORD_TEXT_OCTETS + 1);
    say(text, LANE_WORD_SUPPORTED);
    cr_assert(eq(u64, folded(), 1));
    text[LANE_WORD_TEXT_OCTETS] = 0;
    say(text, LANE_WORD_SUPPORTED);
    cr_assert(eq(u64, folded(), 1));
    cr_assert(eq(str, s.reader.copy.word[0].text, text));
}

Test(lane_words, that_are_no_tokens_are_counted)
{
    say("", LANE_WORD_SUPPORTED);
    say("a b", LANE_WORD_SUPPORTED);
    say("\xc3\xa9", LANE_WORD_SUPPORTED);
    cr_assert(eq(u64, folded(), 3));
    cr_assert(eq(str, (char *)words(), ""));
}

Test(lane_words, beyond_the_table_are_counted)
{
    char text[16];

    for (unsigned i = 0; i < LANE_WORDS + 3; i++) {
        snprintf(text, sizeof(text), "tag%u", i);
        say(text, LANE_WORD_SUPPORTED);
    }
    say("tag127", LANE_WORD_REQUIRE);
    cr_assert(eq(u64, folded(), 3));
    cr_assert(eq(u32, s.reader.copy.words, LANE_WORDS));
    cr_assert(eq(str, s.reader.copy.word[127].text, "tag127"));
    cr_assert(eq(u32, s.reader.copy.word[127].uses, LANE_WORD_SUPPORTED | LANE_WORD_REQUIRE));
}

Test(lane_words, are_there_for_a_reader_that_comes_late)
{
    struct lane_reader late;

    say("timer", LANE_WORD_SUPPORTED);
    cr_assert(eq(int, lane_reader_open(&late, s.dir_fd, s.name, &s.e), 0));
    cr_assert(eq(u32, late.copy.words, 1));
    cr_assert(eq(str, late.copy.word[0].text, "timer"));
    lane_reader_close(&late);
}

/* ---- what a writer would not do --------------------------------------------------------------------------------- */

/* Say again that something changed. */
static void
touch(void)
{
    atomic_fetch_add(&s.writer.live->word_changes, 1);
}

Test(lane_words, that_are_odd_are_left_out_and_the_others_stay)
{
    say("timer", LANE_WORD_SUPPORTED);
    say("path", LANE_WORD_SUPPORTED);
    say("gruu", LANE_WORD_SUPPORTED);
    s.writer.words[0].text[2] = ' ';
    s.writer.words[1].octets = 255;
    cr_assert(eq(str, (char *)words(), "=0 =0 gruu=4"));
    cr_assert(eq(int, s.reader.copy.word[0].octets, 0));
}

Test(lane_words, do_not_change_once_they_were_read)
{
    say("timer", LANE_WORD_SUPPORTED);
    cr_assert(eq(str, (char *)words(), "timer=4"));
    memcpy(s.writer.words[0].text, "other", 5);
    atomic_store(&s.writer.words[0].uses, LANE_WORD_REQUIRE);
    touch();
    cr_assert(eq(str, (char *)words(), "timer=5"));
}

Test(lane_words, have_no_uses_that_are_unknown)
{
    say("timer", LANE_WORD_SUPPORTED);
    atomic_store(&s.writer.words[0].uses, UINT32_MAX);
    touch();
    cr_assert(eq(str, (char *)words(), "timer=31"));
}

Test(lane_words, more_than_the_table_has_are_damage)
{
    atomic_store(&s.writer.live->words, LANE_WORDS + 1);
    cr_assert(eq(int, refresh(), -EBADMSG));
    cr_assert(strstr(s.e.text, "129 words") != NULL);
}

Test(lane_words, fewer_than_before_are_damage)
{
    say("timer", LANE_WORD_SUPPORTED);
    cr_assert(eq(int, refresh(), 0));
    atomic_store(&s.writer.live->words, 0);
    cr_assert(eq(int, refresh(), -EBADMSG));
    cr_assert(strstr(s.e.text, "0 words after 1") != NULL);
}
