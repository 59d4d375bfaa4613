/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of texts from a network before they are an SnmpAdminString. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "mib/text.h"
#include "tests/unit/guarded.h"

static struct span
text_of(const char *in, size_t length)
{
    static uint8_t text[MIB_TEXT_OCTETS];

    return span_of(text, mib_text(guarded(in, length), text));
}

#define EXPECT_TEXT(in, expected) \
    cr_expect(span_equals(text_of(in, sizeof(in) - 1), span_of(expected, sizeof(expected) - 1)), "%s", #in)

Test(mib_text, plain_text_stays)
{
    EXPECT_TEXT("", "");
    EXPECT_TEXT("sip:alice@example.org;transport=tcp", "sip:alice@example.org;transport=tcp");
    EXPECT_TEXT(" ~", " ~");
}

Test(mib_text, utf_8_of_every_length_stays)
{
    EXPECT_TEXT("\302\240\337\277", "\302\240\337\277");
    EXPECT_TEXT("\340\240\200\355\237\277\356\200\200\357\277\277",
                "\340\240\200\355\237\277\356\200\200\357\277\277");
    EXPECT_TEXT("\360\220\200\200\364\217\277\277", "\360\220\200\200\364\217\277\277");
}

Test(mib_text, control_characters_become_question_marks)
{
    EXPECT_TEXT("a\0b\r\n\t\033\177c", "a?b?????c");
    EXPECT_TEXT("\302\200\302\237\302\240", "??\302\240");
}

Test(mib_text, octets_of_no_character_become_question_marks)
{
    EXPECT_TEXT("\200\277", "??");
    EXPECT_TEXT("\300\200\301\277", "????");
    EXPECT_TEXT("\340\237\277", "???");
    EXPECT_TEXT("\355\240\200", "???");
    EXPECT_TEXT("\360\217\277\277", "????");
    EXPECT_TEXT("\364\220\200\200\365\200\200\200\377", "?????????");
}

Test(mib_text, character_cut_short_becomes_question_marks_and_what_follows_stays)
{
    EXPECT_TEXT("\303", "?");
    EXPECT_TEXT("\342\202", "??");
    EXPECT_TEXT("\360\237\230", "???");
    EXPECT_TEXT("\303a\342\202b\360\237\230c", "?a??b???c");
}

Test(mib_text, is_cut_at_255_between_characters)
{
    static const char *const character[] = { "a", "\303\274", "\342\202\254", "\360\237\230\200" };

    for (size_t c = 0; c < 4; c++)
        for (size_t ahead = 250; ahead <= 255; ahead++) {
            char in[300];
            size_t octets = strlen(character[c]);

            memset(in, 'x', sizeof(in));
            memcpy(in + ahead, character[c], octets);
            cr_expect(eq(sz, text_of(in, sizeof(in)).length, ahead + octets <= 255 ? 255 : ahead),
                      "%zu at %zu", octets, ahead);
        }
}

Test(mib_text, that_is_rubbish_throughout_is_255_question_marks)
{
    char in[600];
    struct span text;

    memset(in, '\377', sizeof(in));
    text = text_of(in, sizeof(in));
    cr_assert(eq(sz, text.length, 255));
    for (size_t i = 0; i < text.length; i++)
        cr_expect(eq(int, text.data[i], '?'));
}
