/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent writes for others to read: JSON, and escaped log lines. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/json.h"
#include "agent/log.h"

Test(json, nests_and_separates)
{
    struct json j;

    json_init(&j);
    json_number(&j, "a", UINT64_C(18446744073709551615));
    json_object(&j, "o");
    json_bool(&j, "yes", true);
    json_bool(&j, "no", false);
    json_close(&j);
    json_array(&j, "l");
    json_string(&j, NULL, "x");
    json_string(&j, NULL, NULL);
    json_object(&j, NULL);
    json_close(&j);
    json_close(&j);
    json_decimal(&j, "d", 1.25, 1);
    json_decimal(&j, "n", NAN, 1);
    cr_assert(json_finish(&j));
    cr_assert(
        eq(str, j.text,
           "{\"a\":18446744073709551615,\"o\":{\"yes\":true,\"no\":false},\"l\":[\"x\",null,{}],\"d\":1.2,"
           "\"n\":null}\n"));
    json_fini(&j);
}

Test(json, closes_what_is_open)
{
    struct json j;

    json_init(&j);
    json_array(&j, "l");
    json_object(&j, NULL);
    cr_assert(json_finish(&j));
    cr_assert(eq(str, j.text, "{\"l\":[{}]}\n"));
    json_fini(&j);
}

static void
expect(const char *octets, size_t count, const char *quoted)
{
    char expected[256];
    struct json j;

    json_init(&j);
    json_octets(&j, "s", octets, count);
    cr_assert(json_finish(&j));
    snprintf(expected, sizeof(expected), "{\"s\":\"%s\"}\n", quoted);
    cr_assert(eq(str, j.text, expected));
    json_fini(&j);
}

Test(json, escapes_what_would_end_the_string)
{
    expect("a\"b\\c\n\x7f\x01", 8, "a\\\"b\\\\c\\u000a\\u007f\\u0001");
}

Test(json, keeps_utf8_and_replaces_the_rest)
{
    expect("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
    expect("\xff", 1, "\xef\xbf\xbd");
    expect("\xc3", 1, "\xef\xbf\xbd");
    expect("\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd");
    expect("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    expect("\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

Test(log_escape, shows_every_octet_of_what_a_peer_wrote)
{
    char out[64];

    cr_assert(
        eq(str, (char *)log_escape(out, sizeof(out), "a\n\x1b[1m\\\xff", 8), "a\\x0a\\x1b[1m\\x5c\\xff"));
}

Test(log_escape, cuts_between_octets)
{
    char out[6];

    cr_assert(eq(str, (char *)log_escape(out, sizeof(out), "abc\nd", 5), "abc"));
    cr_assert(eq(str, (char *)log_escape(out, 1, "abc", 3), ""));
}
