/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in SIP header fields, and how untidily it may stand there. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sipcore/sip_field.h"
#include "sipcore/sip_text.h"
#include "tests/unit/guarded.h"

static struct span
text(const char *s)
{
    return guarded(s, strlen(s));
}

static bool
is(struct span s, const char *expected)
{
    return span_equals(s, span_string(expected));
}

/* ---- by words what could be done octet by octet -------------------------------------------------------------- */

/* Up to so many octets that matter to somebody, and such that look like them, in an order that repeats late. */
static struct span
nasty(uint32_t *random, size_t length)
{
    static const uint8_t octets[] = " \t\r\n\",;:=-.<\\a9/\x80\xac\xbb\xff";
    uint8_t made[32];

    for (size_t i = 0; i < length; i++) {
        *random = *random * 1664525u + 1013904223u;
        made[i] = (*random >> 28) < 9 ? 'x' : octets[(*random >> 16) % sizeof(octets)];
    }
    return guarded(made, length);
}

Test(sip_find_rare, finds_what_a_search_by_octets_finds)
{
    static const unsigned classes[] = { SIP_CHAR_VALUE_END, SIP_CHAR_PARAM_END, SIP_CHAR_HOST_END,
                                        SIP_CHAR_LWS };
    uint32_t random = 1;

    for (unsigned run = 0; run < 20000; run++) {
        struct span s = nasty(&random, run % 31);
        size_t from = random % 32 > s.length ? 0 : random % 32;
        unsigned class = classes[run % 4];

        cr_assert(eq(sz, sip_find_rare(s, from, class), sip_find(s, from, class)), "run %u", run);
    }
}

/* RFC 3261 25.1, quoted-string. */
static size_t
quoted_end(struct span s, size_t i)
{
    for (i++; i < s.length; i++) {
        if (s.data[i] == '"')
            return i + 1;
        i += s.data[i] == '\\';
    }
    return 0;
}

Test(sip_quoted_end, is_the_first_quote_that_no_backslash_escapes)
{
    uint32_t random = 2;

    for (unsigned run = 0; run < 20000; run++) {
        struct span s = nasty(&random, run % 31 + 1);

        cr_assert(eq(sz, sip_quoted_end(s, 0), quoted_end(s, 0)), "run %u", run);
    }
}

Test(sip_load_at, has_zeros_behind_the_last_octet)
{
    static const char letters[] = "abcdefghijklmnopqrst";

    for (size_t length = 0; length < 20; length++) {
        struct span s = guarded(letters, length);

        for (size_t i = 0; i <= length; i++) {
            uint8_t expected[8] = { 0 };

            memcpy(expected, &letters[i], length - i < 8 ? length - i : 8);
            cr_expect(eq(u64, sip_load_at(s, i), sip_load(expected)), "%zu of %zu", i, length);
        }
    }
}

/* ---- numbers and strings ------------------------------------------------------------------------------- */

Test(sip_decimal, reads_up_to_its_limit_and_no_further)
{
    uint64_t n = 0;

    cr_expect(sip_decimal(text("65535"), 65535, &n) && n == 65535);
    cr_expect(sip_decimal(text("000065535"), 65535, &n) && n == 65535);
    cr_expect(not(sip_decimal(text("65536"), 65535, &n)));
    cr_expect(not(sip_decimal(text("18446744073709551616"), UINT64_MAX, &n)));
    cr_expect(sip_decimal(text("9999999999999999999"), UINT64_MAX, &n) && n == 9999999999999999999u);
    cr_expect(sip_decimal(text("0000000000000000000000000000017"), 17, &n) && n == 17);
    cr_expect(sip_decimal(text("0"), 0, &n) && n == 0);
    cr_expect(not(sip_decimal(text("9"), 5, &n)));
}

Test(sip_decimal, refuses_everything_but_digits)
{
    static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "0x10", "1e3", "4294967296a" };
    uint64_t n;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(not(sip_decimal(text(bad[i]), UINT64_MAX, &n)), "%s", bad[i]);
}

Test(sip_quoted_end, knows_escapes_and_the_end_of_input)
{
    cr_expect(eq(sz, sip_quoted_end(text("\"a\""), 0), 3));
    cr_expect(eq(sz, sip_quoted_end(text("\"a\\\"b\" c"), 0), 6));
    cr_expect(eq(sz, sip_quoted_end(text("\"\\\\\""), 0), 4));
    cr_expect(eq(sz, sip_quoted_end(text("\"a"), 0), 0));
    cr_expect(eq(sz, sip_quoted_end(text("\"a\\"), 0), 0));
    cr_expect(eq(sz, sip_quoted_end(text("\"a\\\""), 0), 0));
}

/* ---- Via ----------------------------------------------------------------------------------------------- */

struct via_case {
    const char *value, *transport, *host, *branch;
    uint16_t port;
};

static const struct via_case good_vias[] = {
    { "SIP/2.0/UDP a.example.com;branch=z9hG4bK1", "UDP", "a.example.com", "z9hG4bK1", 0 },
    { "SIP/2.0/UDP a.example.com:5061;branch=z9hG4bK1;rport", "UDP", "a.example.com", "z9hG4bK1", 5061 },
    { "SIP/2.0/TCP 192.0.2.1", "TCP", "192.0.2.1", "", 0 },
    { "SIP/2.0/UDP [2001:db8::9:1]:5070;received=[2001:db8::9:255];branch=b", "UDP", "[2001:db8::9:1]", "b",
      5070 },
    { "SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=b", "UDP", "[2001:db8::9:1]", "b", 0 },
    { "SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n SIP/2.0/UDP x;branch=y",
      "TCP", "spindle.example.com", "z9hG4bK9ikj8", 0 },
    { "sip/2.0/udp h : 5062 ;BRANCH=b", "udp", "h", "b", 5062 },
    { "SIP/7.0/UNKNOWN c.example.com;branch=b", "UNKNOWN", "c.example.com", "b", 0 },
    { "SIP/2.0/TLS-SCTP h;a;b=;c=\"x;branch=no\\\"\";branch=yes", "TLS-SCTP", "h", "yes", 0 },
    { "SIP/2.0/UDP 192.0.2.15;;,;,,", "UDP", "192.0.2.15", "", 0 },
    { "SIP/2.0/UDP 192.0.2.15;;branch=b;", "UDP", "192.0.2.15", "b", 0 },
    { "SIP/2.0/UDP h (a comment of RFC 2543);branch=b", "UDP", "h", "b", 0 },
    { "SIP/2.0/UDP h, SIP/2.0/UDP i;branch=of-another", "UDP", "h", "", 0 },
};

Test(sip_via, reads_the_first_of_the_list)
{
    for (size_t i = 0; i < sizeof(good_vias) / sizeof(good_vias[0]); i++) {
        const struct via_case *c = &good_vias[i];
        struct sip_via via;

        cr_expect(sip_via_parse(text(c->value), &via), "%s", c->value);
        cr_expect(is(via.transport, c->transport), "%s", c->value);
        cr_expect(is(via.host, c->host), "%s", c->value);
        cr_expect(is(via.branch, c->branch), "%s", c->value);
        cr_expect(eq(u16, via.port, c->port), "%s", c->value);
    }
}

Test(sip_via, refuses_what_has_no_protocol_host_or_port)
{
    static const char *const bad[] = {
        "",
        "SIP",
        "SIP/2.0",
        "SIP/2.0/",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0/UDP ;branch=b",
        "SIP/2.0/UDP :5060",
        "HTTP/1.1/TCP h",
        "SIP/2.0UDP h",
        "SIP/2.0/UDP h:",
        "SIP/2.0/UDP h:65536",
        "SIP/2.0/UDP h:-1",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP [2001:db8::1",
        "SIP//UDP h",
        "SIP/2.0/UDP,h",
    };
    struct sip_via via;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(not(sip_via_parse(text(bad[i]), &via)), "%s", bad[i]);
}

Test(sip_via, branch_is_unique_with_cookie_and_something_behind_it)
{
    static const struct {
        const char *value;
        bool is_unique;
    } cases[] = {
        { "SIP/2.0/UDP h;branch=z9hG4bK1", true },  { "SIP/2.0/UDP h;branch=Z9HG4BK1", true },
        { "SIP/2.0/UDP h;branch=z9hG4bK", false },  { "SIP/2.0/UDP h;branch=1z9hG4bK2", false },
        { "SIP/2.0/UDP h;branch=z9hG4b+1", false }, { "SIP/2.0/UDP h", false },
    };
    struct sip_via via;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_assert(sip_via_parse(text(cases[i].value), &via));
        cr_expect(eq(int, via.is_unique, cases[i].is_unique), "%s", cases[i].value);
    }
}

/* ---- addresses ----------------------------------------------------------------------------------------- */

struct address_case {
    const char *value, *display, *uri, *tag;
};

static const struct address_case good_addresses[] = {
    { "<sip:a@example.com>;tag=1", "", "sip:a@example.com", "1" },
    { "sip:a@example.com;tag=1", "", "sip:a@example.com", "1" },
    { "sip:a@example.com", "", "sip:a@example.com", "" },
    { "A. Bell <sip:a@example.com> ; tag = 2", "A. Bell", "sip:a@example.com", "2" },
    { "\"B \\\"<sip:no>;tag=0\" <sip:a@example.com;tag=no>;x;tag=3;tag=4", "\"B \\\"<sip:no>;tag=0\"",
      "sip:a@example.com;tag=no", "3" },
    { "caller<sip:caller@example.com>;TAG=323", "caller", "sip:caller@example.com", "323" },
    { "Bell, Alexander <sip:a@example.com>;tag=43", "Bell, Alexander", "sip:a@example.com", "43" },
    { "\r\n sip:vivekg@example.com ;   tag    = 19181\r\n ", "", "sip:vivekg@example.com", "19181" },
    { "\"Watson, Thomas\" < sip:t@example.org >", "\"Watson, Thomas\"", "sip:t@example.org", "" },
    { "<sip:a@[2001:db8::1]>;tag=5", "", "sip:a@[2001:db8::1]", "5" },
    { "<sip:user;par=u%40example.net@example.com>;tag=6", "", "sip:user;par=u%40example.net@example.com",
      "6" },
    { "<tel:+1-555>;tag=\"7\"", "", "tel:+1-555", "7" },
};

Test(sip_address, reads_name_addr_and_addr_spec)
{
    for (size_t i = 0; i < sizeof(good_addresses) / sizeof(good_addresses[0]); i++) {
        const struct address_case *c = &good_addresses[i];
        struct sip_address a;
        struct span tag = { NULL, 0 };

        cr_expect(sip_address_parse(text(c->value), &a), "%s", c->value);
        sip_param_find(a.params, "tag", &tag);
        cr_expect(is(a.display, c->display), "%s", c->value);
        cr_expect(is(a.uri, c->uri), "%s", c->value);
        cr_expect(is(tag, c->tag), "%s", c->value);
    }
}

Test(sip_address, refuses_what_is_empty_or_does_not_close)
{
    static const char *const bad[] = {
        "", " ", ";tag=1", "<>", "<sip:a@example.com", "\"A <sip:a@example.com>", "\"A\\", "< >;tag=1"
    };
    struct sip_address a;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect(not(sip_address_parse(text(bad[i]), &a)), "%s", bad[i]);
}

Test(sip_param, reads_each_and_skips_the_empty_ones)
{
    struct span s = text(";a=1;;b ; c = \"x;y\" junk;d=,e=2");
    struct sip_param p;
    size_t at = 0;

    cr_expect(sip_param_next(s, &at, &p) && is(p.name, "a") && is(p.value, "1"));
    cr_expect(sip_param_next(s, &at, &p) && is(p.name, "b") && is(p.value, ""));
    cr_expect(sip_param_next(s, &at, &p) && is(p.name, "c") && is(p.value, "x;y"));
    cr_expect(sip_param_next(s, &at, &p) && is(p.name, "d") && is(p.value, ""));
    cr_expect(not(sip_param_next(s, &at, &p)));
    cr_expect(eq(chr, (char)s.data[at], ','));
}

Test(sip_param, open_quote_ends_the_list)
{
    struct span s = text(";a=\"1;b=2"), value;

    cr_expect(not(sip_param_find(s, "b", &value)));
}

Test(sip_list, commas_in_quotes_and_brackets_do_not_count)
{
    struct span rest = text(", \"a, b\" <sip:x,y@z>;q=1 ,, sip:c;d=\"e,f\",\r\n *"), item;

    cr_expect(sip_list_next(&rest, &item) && is(item, "\"a, b\" <sip:x,y@z>;q=1"));
    cr_expect(sip_list_next(&rest, &item) && is(item, "sip:c;d=\"e,f\""));
    cr_expect(sip_list_next(&rest, &item) && is(item, "*"));
    cr_expect(not(sip_list_next(&rest, &item)));
}

/* ---- CSeq, URI ----------------------------------------------------------------------------------------- */

Test(sip_cseq, is_a_number_below_2_31_and_a_method)
{
    struct span method;
    uint32_t n;

    cr_expect(sip_cseq_parse(text("0009\r\n  INVITE"), &n, &method) && n == 9 && is(method, "INVITE"));
    cr_expect(sip_cseq_parse(text("2147483647 X"), &n, &method) && n == 2147483647);
    cr_expect(not(sip_cseq_parse(text("2147483648 X"), &n, &method)));
    cr_expect(not(sip_cseq_parse(text("36893488147419103232 X"), &n, &method)));
    cr_expect(not(sip_cseq_parse(text("1"), &n, &method)));
    cr_expect(not(sip_cseq_parse(text("1INVITE"), &n, &method)));
    cr_expect(not(sip_cseq_parse(text("INVITE"), &n, &method)));
    cr_expect(not(sip_cseq_parse(text("-1 INVITE"), &n, &method)));
    cr_expect(not(sip_cseq_parse(text("1 INVITE 2"), &n, &method)));
    cr_expect(not(sip_cseq_parse(text(""), &n, &method)));
}

Test(sip_uri_scheme, ends_at_the_first_colon)
{
    struct span scheme;

    cr_expect(sip_uri_scheme(text("sip:a@b"), &scheme) && is(scheme, "sip"));
    cr_expect(sip_uri_scheme(text("soap.beep://192.0.2.103:3002"), &scheme) && is(scheme, "soap.beep"));
    cr_expect(sip_uri_scheme(text("x-1+2:"), &scheme) && is(scheme, "x-1+2"));
    cr_expect(not(sip_uri_scheme(text("<sip:a@b>"), &scheme)));
    cr_expect(not(sip_uri_scheme(text(":a"), &scheme)));
    cr_expect(not(sip_uri_scheme(text("1sip:a"), &scheme)));
    cr_expect(not(sip_uri_scheme(text("alice"), &scheme)));
    cr_expect(not(sip_uri_scheme(text(""), &scheme)));
}
