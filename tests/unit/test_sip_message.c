/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole messages: header lines, first lines, what makes one unparsable; and every prefix of good ones. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "sipcore/sip_message.h"
#include "tests/unit/guarded.h"

static struct sip_message m;

static enum sip_fault
parse(const char *text)
{
    return sip_message_parse(guarded(text, strlen(text)), &m);
}

static bool
is(struct span s, const char *expected)
{
    return span_equals(s, span_string(expected));
}

/* ---- header lines -------------------------------------------------------------------------------------- */

static enum sip_header_id
id_of(const char *line)
{
    char text[64]; /* the line, and what shows that it is at its end */
    int length = snprintf(text, sizeof(text), "%s\r\n", line);
    struct span rest = guarded(text, (size_t)length);
    struct sip_header header;

    cr_assert(eq(int, sip_header_next(&rest, &header), SIP_HEADER_READ), "%s", line);
    return header.id;
}

Test(sip_header, names_are_known_in_any_case_long_and_compact)
{
    static const struct {
        const char *line;
        enum sip_header_id id;
    } cases[] = {
        { "Via: x\r\n", SIP_HEADER_VIA },
        { "vIA: x\r\n", SIP_HEADER_VIA },
        { "v: x\n", SIP_HEADER_VIA },
        { "V:x\n", SIP_HEADER_VIA },
        { "FROM: x\r\n", SIP_HEADER_FROM },
        { "f: x\r\n", SIP_HEADER_FROM },
        { "To: x\r\n", SIP_HEADER_TO },
        { "T: x\r\n", SIP_HEADER_TO },
        { "Call-ID: x\r\n", SIP_HEADER_CALL_ID },
        { "CALL-id: x\r\n", SIP_HEADER_CALL_ID },
        { "i: x\r\n", SIP_HEADER_CALL_ID },
        { "CSeq: x\r\n", SIP_HEADER_CSEQ },
        { "Content-Length: x\r\n", SIP_HEADER_CONTENT_LENGTH },
        { "L: x\r\n", SIP_HEADER_CONTENT_LENGTH },
        { "RSeq: x\r\n", SIP_HEADER_RSEQ },
        { "Proxy-Require: x\r\n", SIP_HEADER_PROXY_REQUIRE },
        { "Authorization: x\r\n", SIP_HEADER_AUTHORIZATION },
        { "Proxy-Authorization: x\r\n", SIP_HEADER_PROXY_AUTHORIZATION },
        { "WWW-Authenticate: x\r\n", SIP_HEADER_WWW_AUTHENTICATE },
        { "Proxy-Authenticate: x\r\n", SIP_HEADER_PROXY_AUTHENTICATE },
        { "Contact: x\r\n", SIP_HEADER_CONTACT },
        { "m: x\r\n", SIP_HEADER_CONTACT },
        { "Expires: x\r\n", SIP_HEADER_EXPIRES },
        { "Require: x\r\n", SIP_HEADER_REQUIRE },
        { "Supported: x\r\n", SIP_HEADER_SUPPORTED },
        { "k: x\r\n", SIP_HEADER_SUPPORTED },
        { "Unsupported: x\r\n", SIP_HEADER_UNSUPPORTED },
        { "Allow: x\r\n", SIP_HEADER_ALLOW },
        { "Privacy: x\r\n", SIP_HEADER_PRIVACY },
        { "Path: x\r\n", SIP_HEADER_PATH },
        { "TO : x\r\n", SIP_HEADER_TO },
        { "To\t \t: x\r\n", SIP_HEADER_TO },
        { "Subject: x\r\n", SIP_HEADER_OTHER },
        { "s: x\r\n", SIP_HEADER_OTHER },
        { "Via\r\n", SIP_HEADER_OTHER },
        { "Viaa: x\r\n", SIP_HEADER_OTHER },
        { "Vi: x\r\n", SIP_HEADER_OTHER },
        { "To x: y\r\n", SIP_HEADER_OTHER },
        { "CALL\rID: x\r\n", SIP_HEADER_OTHER },
        { ": x\r\n", SIP_HEADER_OTHER },
        { " To: x\r\n", SIP_HEADER_OTHER },
        { "\xff\xfe: x\r\n", SIP_HEADER_OTHER },
        { "Allow-Events: x\r\n", SIP_HEADER_OTHER },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect(eq(int, id_of(cases[i].line), cases[i].id), "%s", cases[i].line);
}

Test(sip_header, lines_go_on_when_the_next_starts_with_white_space)
{
    static const char text[] = "To: a\r\n b\n\tc \r\nCSeq: 1\r\n\r\nbody";
    struct span rest = guarded(text, sizeof(text) - 1);
    struct sip_header header;

    cr_assert(eq(int, sip_header_next(&rest, &header), SIP_HEADER_READ));
    cr_expect(is(header.value, "a\r\n b\n\tc"));
    cr_assert(eq(int, sip_header_next(&rest, &header), SIP_HEADER_READ));
    cr_expect(is(header.value, "1"));
    cr_assert(eq(int, sip_header_next(&rest, &header), SIP_HEADER_END));
    cr_expect(is(rest, "body"));
}

Test(sip_header, octets_that_end_before_the_empty_line_are_cut)
{
    static const char *const cut[] = { "",          "To",          "To: a",        "To: a\r",
                                       "To: a\r\n", "To: a\r\n b", "To: a\r\n b\n" };
    struct sip_header header;

    for (size_t i = 0; i < sizeof(cut) / sizeof(cut[0]); i++) {
        struct span rest = guarded(cut[i], strlen(cut[i]));

        cr_expect(eq(int, sip_header_next(&rest, &header), SIP_HEADER_CUT), "%s", cut[i]);
    }
}

/* What sip_header_collect() notes of `s`, found by sip_header_next(). */
static enum sip_header_result
collect_slowly(struct span *s, struct sip_headers *out)
{
    struct sip_header header;
    enum sip_header_result result;

    out->present = out->repeated = 0;
    while ((result = sip_header_next(s, &header)) == SIP_HEADER_READ) {
        if (header.id == SIP_HEADER_OTHER)
            continue;
        if (sip_headers_have(out, header.id))
            out->repeated |= 1u << header.id;
        else
            out->raw[header.id] = header.value;
        out->present |= 1u << header.id;
    }
    return result;
}

Test(sip_header, all_at_once_are_what_they_are_one_by_one)
{
    static const char lines[] = "To: a\r\n b\n\tc \r\n\rvia:x\nCSeq:\r\n\r\r\nv: 2\nL:4\r\n\r\nbody\n\n";
    char text[160 + sizeof(lines)] = "x:";

    memset(text + 2, '.', 158);
    for (size_t start = 3; start < 160; start++) { /* where a line ends depends on nothing before it */
        text[start - 1] = '\n';
        memcpy(text + start, lines, sizeof(lines));
        for (size_t length = 0; length < start + sizeof(lines); length++) {
            struct span fast = guarded(text, length), slow = fast;
            struct sip_headers a, b;

            cr_assert(eq(int, sip_header_collect(&fast, &a), collect_slowly(&slow, &b)), "%zu of %zu", length,
                      start);
            if (slow.length == 0 || slow.data[0] != 'b')
                continue;
            cr_expect(span_equals(fast, slow) && a.present == b.present && a.repeated == b.repeated);
            for (int id = 0; id < SIP_HEADER_COUNT; id++)
                if (sip_headers_have(&b, (enum sip_header_id)id))
                    cr_expect(span_equals(sip_headers_value(&a, (enum sip_header_id)id), b.raw[id]));
        }
        text[start - 1] = '.';
    }
}

/* ---- first lines --------------------------------------------------------------------------------------- */

static bool
start_line(const char *line)
{
    return sip_start_line_parse(guarded(line, strlen(line)), &m.start);
}

Test(sip_start_line, request_lines)
{
    cr_expect(start_line("INVITE sip:b@example.net SIP/2.0\r\n"));
    cr_expect(m.start.is_request && is(m.start.method, "INVITE") && is(m.start.uri, "sip:b@example.net"));
    cr_expect(start_line("!interesting-Method0123456789_*+`.%indeed'~ sip:b sip/2.0\n"));
    cr_expect(is(m.start.method, "!interesting-Method0123456789_*+`.%indeed'~"));
    cr_expect(start_line("INVITE  sip:user@example.com  SIP/2.0"));
    cr_expect(is(m.start.uri, "sip:user@example.com"));
    cr_expect(start_line("INVITE sip:user@example.com; lr SIP/2.0\r\n"));
    cr_expect(is(m.start.uri, "sip:user@example.com; lr"));
    cr_expect(start_line("OPTIONS sip:remote-target@example.com SIP/2.0  \r\n"));
    cr_expect(start_line("OPTIONS sip:t@example.org SIP/7.0\r\n"));
    cr_expect(start_line("OPTIONS <sip:t@example.org> SIP/2.0\r\n"));
}

Test(sip_start_line, status_lines)
{
    cr_expect(start_line("SIP/2.0 200 OK\r\n") && !m.start.is_request && m.start.code == 200);
    cr_expect(start_line("SIP/2.0 100 \r\n") && m.start.code == 100);
    cr_expect(start_line("SIP/2.0 100\r\n") && m.start.code == 100);
    cr_expect(start_line("sip/2.0 699 \xd0\x9f\r\n") && m.start.code == 699);
    cr_expect(start_line("SIP/2.0 999 too much\r\n") && m.start.code == 999);
    cr_expect(start_line("SIP/2.0  200  OK\r\n") && m.start.code == 200);
}

Test(sip_start_line, everything_else_is_refused)
{
    static const char *const bad[] = {
        "",
        "\r\n",
        "INVITE",
        "INVITE ",
        "INVITE SIP/2.0",
        "INVITE sip:b",
        "INVITE sip:b HTTP/1.1",
        "INVITE sip:b SIP/2",
        "INVITE sip:b SIP/2.",
        "INVITE sip:b SIP/.0",
        "INVITE sip:b SIP/2.0x",
        "INVITE sip:b SIP2.0",
        " INVITE sip:b SIP/2.0",
        "INV(ITE sip:b SIP/2.0",
        "SIP/2.0",
        "SIP/2.0 ",
        "SIP/2.0 20 OK",
        "SIP/2.0 2000 OK",
        "SIP/2.0 099 Low",
        "SIP/2.0 4294967301 better not break the receiver",
        "SIP/2.0 abc",
        "SIP/2.0 200OK",
        "SIP/2 200 OK",
        "HTTP/1.1 200 OK",
        "SIP/2.0 -200 OK",
        "/",
        "INVITE/2.0 200 OK",
        "GET / HTTP/1.1",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(not(start_line(bad[i])), "%s", bad[i]);
}

/* ---- messages ------------------------------------------------------------------------------------------ */

#define VIA     "Via: SIP/2.0/UDP ua.example.com;branch=z9hG4bK1\r\n"
#define FROM    "From: <sip:a@example.com>;tag=1\r\n"
#define TO      "To: <sip:b@example.net>\r\n"
#define CALL_ID "Call-ID: 1@ua\r\n"
#define CSEQ    "CSeq: 7 OPTIONS\r\n"
#define OPTIONS "OPTIONS sip:b@example.net SIP/2.0\r\n"
#define STATUS  "SIP/2.0 200 x\r\n"

Test(sip_message, takes_what_counting_needs)
{
    cr_assert(eq(
        int,
        parse(
            "\r\n\r\n" OPTIONS "v: SIP/2.0/TCP [2001:db8::1]:5061;branch=z9hG4bK9\r\n"
            "Via: SIP/2.0/UDP other\r\nf: <sip:a@b>;tag=x\r\nt: <sip:c@d>;tag=y\r\ni: id\r\ncseq: 7 OPTIONS\r\n"
            "Proxy-Require: foo\r\nl: 4\r\n\r\nbodytrailing"),
        SIP_FAULT_NONE));
    cr_expect(is(m.via.branch, "z9hG4bK9"));
    cr_expect(is(m.from_tag, "x"));
    cr_expect(is(m.to_tag, "y"));
    cr_expect(is(m.call_id, "id"));
    cr_expect(eq(u32, m.cseq, 7));
    cr_expect(is(m.method, "OPTIONS"));
    cr_expect(is(m.body, "body"));
    cr_expect(sip_headers_have(&m.fields, SIP_HEADER_PROXY_REQUIRE));
    cr_expect(not(sip_headers_have(&m.fields, SIP_HEADER_AUTHORIZATION)));
}

Test(sip_message, faults)
{
    static const struct {
        const char *text;
        enum sip_fault fault;
    } cases[] = {
        { OPTIONS VIA FROM TO CALL_ID CSEQ "\r\n", SIP_FAULT_NONE },
        { OPTIONS VIA FROM TO CALL_ID CSEQ "\n", SIP_FAULT_NONE },
        { OPTIONS VIA FROM TO CALL_ID CSEQ "Content-Length: 0\r\n\r\nignored", SIP_FAULT_NONE },
        { OPTIONS VIA FROM TO CALL_ID CSEQ "no colon\r\n\r\n", SIP_FAULT_NONE },
        { OPTIONS " folded\r\n" VIA FROM TO CALL_ID CSEQ "\r\n", SIP_FAULT_NONE },
        { "", SIP_FAULT_START_LINE },
        { OPTIONS, SIP_FAULT_CUT },
        { OPTIONS VIA FROM TO CALL_ID CSEQ, SIP_FAULT_CUT },
        { OPTIONS "\r\n", SIP_FAULT_VIA },
        { OPTIONS FROM TO CALL_ID CSEQ "\r\n", SIP_FAULT_VIA },
        { OPTIONS "Via: x\r\n" FROM TO CALL_ID CSEQ "\r\n", SIP_FAULT_VIA },
        { OPTIONS VIA TO CALL_ID CSEQ "\r\n", SIP_FAULT_FROM },
        { OPTIONS VIA "From: \"x <sip:a@b>\r\n" TO CALL_ID CSEQ "\r\n", SIP_FAULT_FROM },
        { OPTIONS VIA FROM CALL_ID CSEQ "\r\n", SIP_FAULT_TO },
        { OPTIONS VIA FROM "To: \r\n" CALL_ID CSEQ "\r\n", SIP_FAULT_TO },
        { OPTIONS VIA FROM TO CSEQ "\r\n", SIP_FAULT_CALL_ID },
        { OPTIONS VIA FROM TO "Call-ID: \r\n" CSEQ "\r\n", SIP_FAULT_CALL_ID },
        { OPTIONS VIA FROM TO CALL_ID "\r\n", SIP_FAULT_CSEQ },
        { OPTIONS VIA FROM TO CALL_ID "CSeq: 2147483648 OPTIONS\r\n\r\n", SIP_FAULT_CSEQ },
        { OPTIONS VIA FROM TO CALL_ID "CSeq: 1 INVITE\r\n\r\n", SIP_FAULT_CSEQ_METHOD },
        { OPTIONS VIA FROM TO CALL_ID "CSeq: 1 options\r\n\r\n", SIP_FAULT_CSEQ_METHOD },
        { OPTIONS VIA FROM TO CALL_ID CSEQ CSEQ "\r\n", SIP_FAULT_REPEATED },
        { OPTIONS VIA FROM FROM TO CALL_ID CSEQ "\r\n", SIP_FAULT_REPEATED },
        /* A request with a wrong length is answered, a response with one is discarded (RFC 3261 18.3). */
        { OPTIONS VIA FROM TO CALL_ID CSEQ "l: 0\r\nContent-Length: 0\r\n\r\n", SIP_FAULT_NONE },
        { OPTIONS VIA FROM TO CALL_ID CSEQ "Content-Length: 1\r\n\r\n", SIP_FAULT_NONE },
        { OPTIONS VIA FROM TO CALL_ID CSEQ "Content-Length: -1\r\n\r\n", SIP_FAULT_NONE },
        { STATUS VIA FROM TO CALL_ID CSEQ "l: 0\r\nContent-Length: 0\r\n\r\n", SIP_FAULT_REPEATED },
        { STATUS VIA FROM TO CALL_ID CSEQ "Content-Length: 1\r\n\r\n", SIP_FAULT_CONTENT_LENGTH },
        { STATUS VIA FROM TO CALL_ID CSEQ "Content-Length: 9999\r\n\r\nshort", SIP_FAULT_CONTENT_LENGTH },
        { STATUS VIA FROM TO CALL_ID CSEQ "Content-Length: -1\r\n\r\n", SIP_FAULT_CONTENT_LENGTH },
        { STATUS VIA FROM TO CALL_ID CSEQ "Content-Length: \r\n\r\n", SIP_FAULT_CONTENT_LENGTH },
        { STATUS VIA FROM TO CALL_ID CSEQ "Content-Length: 99999999999999999999999\r\n\r\n",
          SIP_FAULT_CONTENT_LENGTH },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect(eq(int, parse(cases[i].text), cases[i].fault), "case %zu: %s", i, cases[i].text);
}

Test(sip_message, rseq_is_read_and_a_bad_one_is_none)
{
    cr_assert(
        eq(int, parse("SIP/2.0 183 x\r\n" VIA FROM TO CALL_ID CSEQ "RSeq: 988789\r\n\r\n"), SIP_FAULT_NONE));
    cr_expect(eq(u32, m.rseq, 988789));
    cr_assert(
        eq(int, parse("SIP/2.0 183 x\r\n" VIA FROM TO CALL_ID CSEQ "RSeq: many\r\n\r\n"), SIP_FAULT_NONE));
    cr_expect(eq(u32, m.rseq, 0));
}

/* A short message is good; none of its beginnings is, and none is read beyond its end. */
Test(sip_message, no_prefix_of_a_message_is_a_message)
{
    static const char *const good[] = {
        OPTIONS VIA FROM TO CALL_ID CSEQ "Content-Length: 0\r\n\r\n",
        "SIP/2.0 200 OK\n" VIA "f : \"x\\\"\" <sip:a@b>\r\n ;tag=1\r\n" TO CALL_ID CSEQ "l: 4\n\nbody",
        ("INVITE sip:[2001:db8::10] SIP/2.0\r\nv:SIP / 2.0 / UDP [2001:db8::9:1]:1 ; branch = b,SIP/2.0/TCP x\r\n"
         "From:\"a\"<sip:a>;tag=1\r\nTo: b\r\nCSeq:1\r\n INVITE\r\nCall-ID:x\r\nContent-Length:0000\r\n\r\n"),
    };

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        size_t length = strlen(good[i]);

        cr_expect(eq(int, parse(good[i]), SIP_FAULT_NONE), "%s", good[i]);
        for (size_t n = 0; n < length; n++)
            cr_expect(ne(int, sip_message_parse(guarded(good[i], n), &m), SIP_FAULT_NONE),
                      "message %zu, %zu octets", i, n);
    }
}

/* Nothing in a message makes the parser read outside it: each octet of a good one replaced by each of some
 * nasty ones. */
Test(sip_message, any_octet_may_be_anything)
{
    static const char good[] = OPTIONS VIA FROM TO CALL_ID CSEQ "RSeq: 1\r\nContent-Length: 4\r\n\r\nbody";
    static const char nasty[] = "\0\r\n\t \":;,<>=/[]\\-09Aa\xff";
    char text[sizeof(good)];

    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        for (size_t k = 0; k < sizeof(nasty) - 1; k++) {
            memcpy(text, good, sizeof(good));
            text[i] = nasty[k];
            cr_expect(lt(int, sip_message_parse(guarded(text, sizeof(good) - 1), &m), SIP_FAULTS));
        }
    }
}
