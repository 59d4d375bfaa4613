/* SPDX-License-Identifier: BSD-2-Clause */
/* Which option tags and methods the observer notes, and that it is not tired by those it knows. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "tests/unit/observer_fixture.h"

static struct scene s;

static void
setup(void)
{
    scene_init(&s, 1000);
}

static void
teardown(void)
{
    scene_fini(&s);
}

TestSuite(observer_words, .init = setup, .fini = teardown);

#define expect(words) cr_expect(eq(str, (char *)(uintptr_t)scene_words(&s), words))
#define sent(more)    scene_out(&s, REQUEST("OPTIONS", B("1"), "1", more))

Test(observer_words, option_tags_have_the_bits_of_their_fields)
{
    sent("Require: a\r\nProxy-Require: b\r\nSupported: c\r\nUnsupported: d\r\n");
    expect("b:2 a:1 c:4 d:8");
}

Test(observer_words, one_tag_in_several_fields_is_one_word)
{
    sent("Require: timer\r\nk: 100rel ,timer\r\n");
    expect("timer:5 100rel:4");
}

Test(observer_words, methods_are_of_allow)
{
    sent("Allow: INVITE, BYE,NEW\r\n");
    expect("INVITE:10 BYE:10 NEW:10");
}

Test(observer_words, option_tags_are_equal_in_any_case_and_methods_are_not)
{
    sent("Supported: Timer\r\nRequire: TIMER\r\nAllow: INFO, Info\r\n");
    expect("timer:5 INFO:10 Info:10");
}

Test(observer_words, what_is_received_is_somebody_elses)
{
    scene_in(&s, REQUEST("OPTIONS", B("1"), "1", "Supported: a\r\nAllow: B\r\n"));
    scene_in(&s, RESPONSE("420", "OPTIONS", B("2"), "1", "", "Unsupported: c\r\n"));
    expect("");
}

Test(observer_words, responses_sent_count_too)
{
    scene_out(&s, RESPONSE("420", "OPTIONS", B("2"), "1", "", "Unsupported: c\r\n"));
    expect("c:8");
}

Test(observer_words, all_lines_count_when_there_are_several)
{
    sent("Supported: a,\r\n b\r\nAllow: A\r\nsupported: c\r\nk: d\r\nAllow: B\r\n");
    expect("a:4 b:4 A:10 c:4 d:4 B:10");
}

Test(observer_words, new_value_is_read_though_others_are_known)
{
    sent("Supported: a\r\n");
    sent("Supported: a\r\n");
    sent("Supported: a, b\r\n");
    sent("Supported: a\r\nSupported: c\r\n");
    expect("a:4 b:4 c:4");
}

Test(observer_words, same_value_in_another_field_is_another)
{
    sent("Supported: a\r\n");
    sent("Require: a\r\n");
    expect("a:5");
}

Test(observer_words, empty_values_are_none)
{
    sent("Supported:\r\nAllow: ,\r\nRequire: \r\n");
    expect("");
}

Test(observer_words, what_is_no_token_is_folded_and_told_once)
{
    sent("Supported: a b, \"c\"\r\n");
    sent("Supported: a b, \"c\"\r\n");
    expect("");
    cr_expect(eq(u64, scene_counter(&s, LANE_WORDS_FOLDED), 2));
}

Test(observer_words, what_cannot_be_parsed_says_nothing)
{
    scene_out(&s, "OPTIONS sip:b SIP/2.0\r\nSupported: a\r\n\r\n");
    expect("");
}

/* A value that is longer than what is remembered is read each time, and right. */
Test(observer_words, long_values_are_read)
{
    static char message[2048];
    int length =
        snprintf(message, sizeof(message),
                 "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
                 "To: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nAllow: %0600d, LAST\r\n\r\n",
                 0);

    memset(strstr(message, "0000"), ' ', 597);
    cr_assert(lt(int, length, (int)sizeof(message)));
    scene_out(&s, message);
    expect("000:10 LAST:10");
}

/* More values than are remembered, again and again: each word is noted, none twice. */
Test(observer_words, any_number_of_values)
{
    static char message[512];

    for (int round = 0; round < 3; round++)
        for (int i = 0; i < 1000; i++) {
            snprintf(
                message, sizeof(message),
                "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
                "To: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nAllow: M%d, N%d\r\n\r\n",
                i % 60, i / 60);
            scene_out(&s, message);
        }
    cr_expect(eq(u64, s.w.live->words, 60 + 17));
    cr_expect(eq(u64, scene_counter(&s, LANE_WORDS_FOLDED), 0));
}

/* Sixty thousand words in one message: bounded, and said. */
Test(observer_words, one_message_does_not_keep_us_busy)
{
    static char message[65000];
    size_t length = (size_t)snprintf(
        message, sizeof(message),
        "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n");

    while (length < sizeof(message) - 40)
        length +=
            (size_t)snprintf(message + length, sizeof(message) - length, "Supported: t%zu, x\r\n", length);
    snprintf(message + length, sizeof(message) - length, "\r\n");
    cr_expect(eq(int, scene_out(&s, message), SIPSTAT_COUNTED));
    cr_expect(le(u64, scene_counter(&s, LANE_WORDS_FOLDED), 2));
    cr_expect(gt(u64, scene_counter(&s, LANE_WORDS_FOLDED), 0));
}

/* What it did not come to is not taken for known. */
Test(observer_words, what_was_not_read_is_read_the_next_time)
{
    static char message[65000];
    size_t length = (size_t)snprintf(
        message, sizeof(message),
        "OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        "To: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n");

    for (int i = 0; i < 256; i++)
        length +=
            (size_t)snprintf(message + length, sizeof(message) - length, "Allow: A,%*s\r\n", i % 200, "A");
    snprintf(message + length, sizeof(message) - length, "Allow: LAST\r\n\r\n");
    scene_out(&s, message);
    expect("A:10");
    cr_expect(eq(u64, scene_counter(&s, LANE_WORDS_FOLDED), 1));
    sent("Allow: LAST\r\n");
    expect("A:10 LAST:10");
}
