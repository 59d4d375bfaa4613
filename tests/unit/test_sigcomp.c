/* SPDX-License-Identifier: BSD-2-Clause */
/* Telling SigComp messages from garbage. */
#include "sipcore/sigcomp.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/guarded.h"

static bool
is_message(const char *octets, size_t length)
{
    return sigcomp_is_message(guarded(octets, length));
}
#define message(text) is_message(text, sizeof(text) - 1)

/* Every prefix of a good one is none, down to `least` octets that make one. */
static void
expect_least(const char *octets, size_t length, size_t least)
{
    for (size_t i = 0; i <= length; i++)
        cr_expect(eq(int, is_message(octets, i), i >= least), "%zu octets", i);
}

Test(sigcomp, state_identifier_of_6_9_or_12_octets)
{
    expect_least("\xf9"
                 "abcdefgh",
                 9, 7);
    expect_least("\xfa"
                 "abcdefghijk",
                 12, 10);
    expect_least("\xfb"
                 "abcdefghijklmn",
                 15, 13);
}

Test(sigcomp, bytecode_of_the_length_it_says)
{
    expect_least("\xf8\0\x31"
                 "code",
                 7, 6);
    expect_least("\xf8\x00\x1f"
                 "c",
                 4, 4);
}

Test(sigcomp, feedback_of_one_octet_or_of_the_length_it_says)
{
    expect_least("\xfd\x7f"
                 "abcdefg",
                 9, 8);
    expect_least("\xfd\x83xyz"
                 "abcdefg",
                 12, 11);
    expect_least("\xfc\x80\0\x11"
                 "c",
                 5, 5);
}

Test(sigcomp, negative_acknowledgement_has_no_code)
{
    static const char nack[3 + 24] = "\xf8\0\1\1";

    expect_least(nack, sizeof(nack), 27);
}

Test(sigcomp, reserved_destination_is_none)
{
    cr_expect(not(message("\xf8\0\x30"
                          "code")));
}

Test(sigcomp, other_first_octets_are_none)
{
    cr_expect(not(message("\xf7"
                          "abcdefghijklmnopqrstuvwxyz")));
    cr_expect(not(message("INVITE sip:bob@example.net SIP/2.0\r\n\r\n")));
    cr_expect(not(message("")));
}
