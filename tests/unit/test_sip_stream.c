/* SPDX-License-Identifier: BSD-2-Clause */
/* Where messages end in a stream. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "sipcore/sip_stream.h"
#include "tests/unit/guarded.h"

static size_t skip;

static int
frame(const char *text)
{
    struct span s = guarded(text, strlen(text));

    return sip_stream_frame(s.data, s.length, &skip);
}

#define MESSAGE "OPTIONS sip:b SIP/2.0\r\nFrom: x\r\nContent-Length: 4\r\n\r\nbody"
enum { MESSAGE_OCTETS = sizeof(MESSAGE) - 1 };

Test(sip_stream, message_ends_where_content_length_says)
{
    cr_expect(eq(int, frame(MESSAGE), MESSAGE_OCTETS));
    cr_expect(eq(sz, skip, 0));
    cr_expect(eq(int, frame(MESSAGE MESSAGE), MESSAGE_OCTETS));
    cr_expect(eq(int, frame("SIP/2.0 200 OK\nl:0\n\nrest"), 20));
}

Test(sip_stream, keepalives_in_front_are_skipped)
{
    cr_expect(eq(int, frame("\r\n\r\n" MESSAGE), MESSAGE_OCTETS));
    cr_expect(eq(sz, skip, 4));
    cr_expect(eq(int, frame("\r\n\r\n"), 0));
    cr_expect(eq(sz, skip, 4));
    cr_expect(eq(int, frame("\r"), 0));
    cr_expect(eq(sz, skip, 1));
    cr_expect(eq(int, frame(""), 0));
    cr_expect(eq(sz, skip, 0));
}

Test(sip_stream, every_prefix_is_incomplete)
{
    static const char text[] = "\r\n\r\n" MESSAGE;

    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        struct span s = guarded(text, n);

        cr_expect(eq(int, sip_stream_frame(s.data, s.length, &skip), 0), "%zu octets", n);
    }
}

/* A line that the next read may continue is not at its end. */
Test(sip_stream, every_prefix_of_folded_lines_is_incomplete)
{
    static const char text[] = "BYE sip:b SIP/2.0\nContent-Length\t:\r\n 2\r\nX: y\r\n\tz\r\n\r\nxy";

    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        struct span s = guarded(text, n);

        cr_expect(eq(int, sip_stream_frame(s.data, s.length, &skip), 0), "%zu octets", n);
    }
    cr_expect(eq(int, frame(text), (int)sizeof(text) - 1));
}

Test(sip_stream, what_cannot_become_sip_is_refused_at_once)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n",    "\x16\x03\x01",     "HTTP/", "(", " OPTIONS", "OPTIONS(", "SIX/2.0 ",
        "OPTIONS sip:b SIP\r\n", "SIP/2.0 20 x\r\n",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(eq(int, frame(bad[i]), -1), "%s", bad[i]);
    cr_expect(eq(int, frame("OPTIONS"), 0));
    cr_expect(eq(int, frame("OPTIONS sip:("), 0));
    cr_expect(eq(int, frame("sip/2"), 0));
}

Test(sip_stream, without_a_content_length_there_is_no_end)
{
    cr_expect(eq(int, frame("OPTIONS sip:b SIP/2.0\r\n\r\n"), -1));
    cr_expect(eq(int, frame("OPTIONS sip:b SIP/2.0\r\nContent-Length: -1\r\nX"), -1));
    cr_expect(eq(int, frame("OPTIONS sip:b SIP/2.0\r\nContent-Length: 65536\r\nX"), -1));
    cr_expect(eq(int, frame("OPTIONS sip:b SIP/2.0\r\nContent-Length: 1\r\nl: 2\r\nX"), -1));
    cr_expect(eq(int, frame("OPTIONS sip:b SIP/2.0\r\nContent-Length: 1\r\nl: 1\r\n\r\nx"), 51));
}

Test(sip_stream, message_may_have_65535_octets_and_no_more)
{
    static char text[70000];
    size_t head = (size_t)sprintf(text, "OPTIONS sip:b SIP/2.0\r\nContent-Length: 65488\r\n\r\n");
    struct span s;

    cr_assert(eq(sz, head + 65488, 65535 + 1));
    s = guarded(text, head);
    cr_expect(eq(int, sip_stream_frame(s.data, s.length, &skip), -1));
    sprintf(text, "OPTIONS sip:b SIP/2.0\r\nContent-Length: 65487\r\n\r\n");
    s = guarded(text, head);
    cr_expect(eq(int, sip_stream_frame(s.data, s.length, &skip), 0));
    s = guarded(text, 65535);
    cr_expect(eq(int, sip_stream_frame(s.data, s.length, &skip), 65535));
}

Test(sip_stream, endless_header_is_refused)
{
    static char text[65535];

    memset(text, 'A', sizeof(text));
    cr_expect(eq(int, sip_stream_frame(text, sizeof(text) - 1, &skip), 0));
    cr_expect(eq(int, sip_stream_frame(text, sizeof(text), &skip), -1));
    memcpy(text, "OPTIONS sip:b SIP/2.0\r\n", 23);
    cr_expect(eq(int, sip_stream_frame(text, sizeof(text) - 1, &skip), 0));
    cr_expect(eq(int, sip_stream_frame(text, sizeof(text), &skip), -1));
}
