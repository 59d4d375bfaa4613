/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages in the manner of RFC 4475 (torture tests) and RFC 5118 (the same for IPv6), one for each of their
 * sections, written for this test: each is received by a fresh observer, and everything it counts is
 * compared. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/guarded.h"
#include "tests/unit/observer_fixture.h"

/* The fields that a case is not about. */
#define VIA      "Via: SIP/2.0/UDP torture.example.com;branch=z9hG4bKtorture\r\n"
#define FROM     "From: <sip:tester@example.com>;tag=f1\r\n"
#define TO       "To: <sip:subject@example.org>\r\n"
#define CALL_ID  "Call-ID: torture.1@example.com\r\n"
#define CSEQ(m)  "CSeq: 8 " m "\r\n"
#define REST(m)  VIA FROM TO CALL_ID CSEQ(m) "Max-Forwards: 70\r\nContact: <sip:tester@host5.example.net>\r\n"
#define NO_BODY  "Content-Length: 0\r\n\r\n"
#define LONG_10  "longlonglo"
#define LONG_100 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10 LONG_10

/* What one new request, one request without any transaction, one discarded message counts. */
#define REQUEST_COUNTS(m)  "in_requests=1 transactions_begun=1 " m ".in=1"
#define BAD_URI_COUNTS(m)  "in_requests=1 transactions_begun=1 unsupported_uris=1 " m ".in=1"
#define RESPONSE_COUNTS(c) "in_responses=1 responses_unmatched=1 " c ".in=1"
#define DISCARDED          "discarded=1"

struct torture {
    const char *section;
    const char *message;
    size_t length;
    const char *counts;
};

#define CASE(section, counts, text)             \
    {                                           \
        section, text, sizeof(text) - 1, counts \
    }

// clang-format off
static const struct torture cases[] = {
    /* ---- RFC 4475 3.1.1: valid ---- */
    CASE("3.1.1.1 white space and folds wherever they may be", REQUEST_COUNTS("INVITE"),
         "INVITE sip:subject@chair.example.com;unknownparam SIP/2.0\r\n"
         "TO :\r\n sip:subject@chair.example.com ;   tag    = 1918181833n\r\n"
         "from   : \"J Tester \\\\\\\"\"       <sip:tester@example.com>\r\n" "  ;\r\n  tag = 98asjd8\r\n"
         "MaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.ndaksdj@192.0.2.1\r\n"
         "Content-Length   : 4\r\ncseq: 0009\r\n  INVITE\r\n"
         "Via  : SIP  /   2.0\r\n /UDP\r\n    192.0.2.2;branch=390skdjuw\r\n" "s :\r\n"
         "NewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
         "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\n" "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n"
         "  branch  =   z9hG4bK9ikj8  ,\r\n SIP  /    2.0   / UDP "
         "192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
         "m:\"Quoted string \\\"\\\"\" <sip:t@example.com> ; newparam =\r\n"
         "      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\nbody"),
    CASE("3.1.1.2 every character a method and its fields may have",
         REQUEST_COUNTS("!odd-Method0123456789_*+`.%indeed'~"),
         "!odd-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1"
         ",weird!*pass$wo~d" "_too.(doesn't-it)@example.com SIP/2.0\r\n"
         "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~\r\n"
         "To: \"BEL:\\\x07 NUL:\\\x01 DEL:\\\x7f\" <sip:1_unusual@example.com>\r\n"
         "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\xd1\x80\xd0\xb0"
         "\";tag=_token~1'+`*%!-.\r\n" "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{\r\n"
         "CSeq: 139122385 !odd-Method0123456789_*+`.%indeed'~\r\n"
         "Max-Forwards: 255\r\nextensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\r\n" NO_BODY),
    CASE("3.1.1.3 escapes in URIs", REQUEST_COUNTS("INVITE"),
         "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0\r\n" VIA "To: sip:%75se%72@example.com\r\n"
         "From: <sip:I%20have%20spaces@example.net>;tag=938\r\n" CALL_ID CSEQ("INVITE") NO_BODY),
    CASE("3.1.1.4 escaped NUL in URIs", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:example.com SIP/2.0\r\n" VIA "To: sip:null-%00-null@example.com\r\n"
         "From: sip:null-%00-null@example.com;tag=839923423\r\n" CALL_ID CSEQ("REGISTER") NO_BODY),
    CASE("3.1.1.5 per cent signs that escape nothing", REQUEST_COUNTS("RE%47IST%45R"),
         "RE%47IST%45R sip:registrar.example.com SIP/2.0\r\n" REST("RE%47IST%45R") NO_BODY),
    CASE("3.1.1.6 no space before the angle bracket", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:user@example.com SIP/2.0\r\n" VIA
         "To: sip:user@example.com\r\nFrom: caller<sip:caller@example.com>;tag=323\r\n" CALL_ID CSEQ("OPTIONS")
         "l: 0\r\n\r\n"),
    CASE("3.1.1.7 long values", REQUEST_COUNTS("INVITE"),
         "INVITE sip:user@example.com SIP/2.0\r\nTo: \"I have a user name of " LONG_100
         "\"<sip:user@example.com:6000;unknown=" LONG_100 ">\r\n" "F: sip:amazinglylongcallername" LONG_100
         "@example.net;tag=12" LONG_100 ";unknownheaderparam=" LONG_100 LONG_100 "\r\n" "Call-ID: longreq.one"
         LONG_100 LONG_100 "\r\n" CSEQ("INVITE") "Unknown-" LONG_100 "-Name: value\r\n"
         "Via: SIP/2.0/TCP sip33.example.com\r\nv: SIP/2.0/TCP sip32.example.com\r\n" "V: SIP/2.0/TCP "
         LONG_100 ".example.com\r\n" NO_BODY),
    CASE("3.1.1.8 octets behind the message in a datagram", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:example.com SIP/2.0\r\n" REST("REGISTER") NO_BODY
         "INVITE sip:joe@example.com SIP/2.0\r\n" REST("INVITE") NO_BODY),
    CASE("3.1.1.9 semicolons in the user part", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0\r\n" REST("OPTIONS") NO_BODY),
    CASE("3.1.1.10 transports of all sorts", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UNKNOWN t5.example.com;branch=z9hG4bK2\r\n"
         "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK3\r\n" FROM TO CALL_ID CSEQ("OPTIONS") NO_BODY),
    CASE("3.1.1.11 binary in the body", REQUEST_COUNTS("MESSAGE"),
         "MESSAGE sip:kumiko@example.org SIP/2.0\r\n" REST("MESSAGE")
         "Content-Type: multipart/mixed;boundary=b1\r\n" "Content-Length: 12\r\n\r\n"
         "\0\1\2\r\n\r\n\xff\xfe\0\r\n"),
    CASE("3.1.1.12 unusual reason phrase", RESPONSE_COUNTS("INVITE/200"),
         "SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\xd0\xbe\r\n" REST("INVITE") NO_BODY),
    CASE("3.1.1.13 empty reason phrase", RESPONSE_COUNTS("INVITE/100"), "SIP/2.0 100 \r\n" REST("INVITE") NO_BODY),

    /* ---- 3.1.2: invalid ---- */
    CASE("3.1.2.1 separators to spare in Via", REQUEST_COUNTS("INVITE"),
         "INVITE sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15;;,;,,\r\n" FROM TO CALL_ID
         CSEQ("INVITE") NO_BODY),
    CASE("3.1.2.2 Content-Length beyond the datagram", DISCARDED,
         "INVITE sip:user@example.com SIP/2.0\r\n" REST("INVITE") "Content-Length: 9999\r\n\r\nv=0\r\n"),
    CASE("3.1.2.3 negative Content-Length", DISCARDED,
         "INVITE sip:user@example.com SIP/2.0\r\n" REST("INVITE") "Content-Length: -999\r\n\r\nv=0\r\n"),
    CASE("3.1.2.4 request with numbers too large", DISCARDED,
         "REGISTER sip:example.com SIP/2.0\r\n" VIA FROM TO CALL_ID
         "CSeq: 36893488147419103232 REGISTER\r\nMax-Forwards: 300\r\n" "Expires: 10000000000000000000000\r\n"
         NO_BODY),
    CASE("3.1.2.5 response with numbers too large", DISCARDED,
         "SIP/2.0 503 Service Unavailable\r\n" VIA FROM TO CALL_ID "CSeq: 9292394834772304023312 OPTIONS\r\n"
         "Retry-After: 949302838503028349304023988\r\n" NO_BODY),
    CASE("3.1.2.6 quote that does not close", DISCARDED,
         "INVITE sip:user@example.com SIP/2.0\r\n" VIA FROM "To: \"Mr. Subject <sip:user@example.com>\r\n"
         CALL_ID CSEQ("INVITE") NO_BODY),
    CASE("3.1.2.7 angle brackets around the Request-URI", REQUEST_COUNTS("INVITE"),
         "INVITE <sip:user@example.com> SIP/2.0\r\n" REST("INVITE") NO_BODY),
    CASE("3.1.2.8 white space in the Request-URI", REQUEST_COUNTS("INVITE"),
         "INVITE sip:user@example.com; lr SIP/2.0\r\n" REST("INVITE") NO_BODY),
    CASE("3.1.2.9 several spaces in the first line", REQUEST_COUNTS("INVITE"),
         "INVITE  sip:user@example.com  SIP/2.0\r\n" REST("INVITE") NO_BODY),
    CASE("3.1.2.10 spaces at the end of the first line", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:remote-target@example.com SIP/2.0  \r\n" REST("OPTIONS") NO_BODY),
    CASE("3.1.2.11 header fields in the Request-URI", REQUEST_COUNTS("INVITE"),
         "INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0\r\n" REST("INVITE") NO_BODY),
    CASE("3.1.2.12 date of another zone", REQUEST_COUNTS("INVITE"),
         "INVITE sip:user@example.com SIP/2.0\r\n" REST("INVITE") "Date: Fri, 01 Jan 2010 16:00:00 EST\r\n" NO_BODY),
    CASE("3.1.2.13 Contact without the brackets it needs", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:example.com SIP/2.0\r\n" REST("REGISTER")
         "Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E\r\n" NO_BODY),
    CASE("3.1.2.14 spaces inside the brackets", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:user@example.org SIP/2.0\r\n" VIA FROM
         "To: \"Watson, Thomas\" < sip:t.watson@example.org >\r\n" CALL_ID CSEQ("OPTIONS") NO_BODY),
    CASE("3.1.2.15 comma in a display name without quotes", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:t.watson@example.org SIP/2.0\r\n" VIA
         "From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43\r\n" TO CALL_ID CSEQ("OPTIONS") NO_BODY),
    CASE("3.1.2.16 a version of the future", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:t.watson@example.org SIP/7.0\r\n"
         "Via: SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw\r\n" FROM TO CALL_ID CSEQ("OPTIONS") NO_BODY),
    CASE("3.1.2.17 CSeq with another method", DISCARDED,
         "OPTIONS sip:user@example.com SIP/2.0\r\n" REST("INVITE") NO_BODY),
    CASE("3.1.2.18 CSeq with another, unknown method", DISCARDED,
         "NEWMETHOD sip:user@example.com SIP/2.0\r\n" REST("INVITE") NO_BODY),
    CASE("3.1.2.19 status code out of range", DISCARDED,
         "SIP/2.0 4294967301 better not break the receiver\r\n" REST("INVITE") NO_BODY),

    /* ---- 3.2 to 3.4: transactions, applications, RFC 2543 ---- */
    CASE("3.2.1 cookie without anything behind it", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK\r\n" FROM TO
         CALL_ID CSEQ("OPTIONS") NO_BODY),
    CASE("3.3.1 fields missing", DISCARDED, "INVITE sip:user@example.com SIP/2.0\r\n" CSEQ("INVITE") VIA NO_BODY),
    CASE("3.3.2 Request-URI of an unknown scheme", BAD_URI_COUNTS("OPTIONS"),
         "OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0\r\n" REST("OPTIONS") NO_BODY),
    CASE("3.3.3 Request-URI of a known scheme that is not SIP's", BAD_URI_COUNTS("OPTIONS"),
         "OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0\r\n" REST("OPTIONS") NO_BODY),
    CASE("3.3.4 unknown schemes in header fields", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:example.com SIP/2.0\r\n" VIA
         "To: isbn:2983792873\r\nFrom: <http://www.example.com>;tag=3234233\r\n" CALL_ID CSEQ("REGISTER")
         "Contact: <name:John_Smith>\r\n" NO_BODY),
    CASE("3.3.5 Require and Proxy-Require nobody knows", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:user@example.com SIP/2.0\r\n" REST("OPTIONS")
         "Require: nothingSupportsThis\r\nProxy-Require: noProxiesSupportThis\r\n" NO_BODY),
    CASE("3.3.6 unknown Content-Type", REQUEST_COUNTS("INVITE"),
         "INVITE sip:user@example.com SIP/2.0\r\n" REST("INVITE") "Content-Type: application/unknownformat\r\n"
         "Content-Length: 5\r\n\r\n<xml>"),
    CASE("3.3.7 unknown authorization scheme", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:example.com SIP/2.0\r\n" REST("REGISTER")
         "Authorization: NoOneKnowsThisScheme opaque-data=here\r\n" NO_BODY),
    CASE("3.3.8 several of what there may be one", DISCARDED,
         "INVITE sip:user@example.com SIP/2.0\r\n" REST("INVITE")
         "CSeq: 5 INVITE\r\nCall-ID: other\r\nTo: sip:other@example.com\r\n" NO_BODY),
    CASE("3.3.9 several Content-Length", DISCARDED,
         "OPTIONS sip:user@example.com SIP/2.0\r\n" REST("OPTIONS")
         "Content-Length: 13\r\nContent-Length: 5\r\n" "\r\nThere's no way to know"),
    CASE("3.3.10 response with a broadcast Via", RESPONSE_COUNTS("INVITE/200"),
         "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\r\n"
         "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23\r\n" FROM TO CALL_ID CSEQ("INVITE") NO_BODY),
    CASE("3.3.11 Max-Forwards of zero", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:user@example.com SIP/2.0\r\n" VIA FROM TO CALL_ID CSEQ("OPTIONS") "Max-Forwards: 0\r\n"
         NO_BODY),
    CASE("3.3.12 REGISTER with a contact parameter", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:example.com SIP/2.0\r\n" VIA FROM TO CALL_ID CSEQ("REGISTER")
         "Contact: sip:+19725552222@gw1.example.net;unknownparam\r\n" NO_BODY),
    CASE("3.3.13 REGISTER with a URI parameter", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:example.com SIP/2.0\r\n" VIA FROM TO CALL_ID CSEQ("REGISTER")
         "Contact: <sip:+19725552222@gw1.example.net;unknownparam>\r\n" NO_BODY),
    CASE("3.3.14 REGISTER with an escaped header field", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:example.com SIP/2.0\r\n" VIA FROM TO CALL_ID CSEQ("REGISTER")
         "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>\r\n" NO_BODY),
    CASE("3.3.15 unacceptable Accept", REQUEST_COUNTS("INVITE"),
         "INVITE sip:user@example.com SIP/2.0\r\n" REST("INVITE") "Accept: text/nobodyKnowsThis\r\n" NO_BODY),
    CASE("3.4.1 INVITE of RFC 2543", REQUEST_COUNTS("INVITE"),
         "INVITE sip:UserB@example.com SIP/2.0\r\nVia: SIP/2.0/UDP iftgw.example.com\r\n"
         "From: <sip:+13035551111@ift.client.example.net;user=phone>\r\n"
         "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\r\n"
         "To: sip:+16505552222@ss1.example.net;user=phone\r\n"
         "Call-ID: inv2543.1717@ift.client.example.com\r\n"
         "CSeq: 56 INVITE\r\nContent-Type: application/sdp\r\n" "\r\nv=0\r\n"),

    /* ---- RFC 5118 ---- */
    CASE("5118 4.1 IPv6 in brackets", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:[2001:db8::10] SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: sip:user@example.com;tag=81x2\r\n"
         "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111\r\n" CALL_ID CSEQ("REGISTER") NO_BODY),
    CASE("5118 4.2 IPv6 in the Request-URI without brackets", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:2001:db8::10 SIP/2.0\r\nTo: sip:user@example.com\r\nFrom: sip:user@example.com;tag=81x2\r\n"
         "Via: SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-112\r\n" CALL_ID CSEQ("REGISTER") NO_BODY),
    CASE("5118 4.3 a port that is part of the address", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:[2001:db8::10:5070] SIP/2.0\r\n" REST("REGISTER") NO_BODY),
    CASE("5118 4.4 a port behind the brackets", REQUEST_COUNTS("REGISTER"),
         "REGISTER sip:[2001:db8::10]:5070 SIP/2.0\r\n" REST("REGISTER") NO_BODY),
    CASE("5118 4.5 received with brackets", REQUEST_COUNTS("BYE"),
         "BYE sip:[2001:db8::10] SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];bran"
         "ch=z9hG4bKas3-111\r\n" FROM TO CALL_ID CSEQ("BYE") NO_BODY),
    CASE("5118 4.5 received without brackets", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:[2001:db8::10] SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;br"
         "anch=z9hG4bKas3\r\n" FROM TO CALL_ID CSEQ("OPTIONS") NO_BODY),
    CASE("5118 4.6 IPv6 in SDP", REQUEST_COUNTS("INVITE"),
         "INVITE sip:user@[2001:db8::10] SIP/2.0\r\n" REST("INVITE")
         "Content-Length: 34\r\n\r\nc=IN IP6 2001:db8::20\r\n" "m=audio 1\r\n"),
    CASE("5118 4.7 both families in Via", REQUEST_COUNTS("BYE"),
         "BYE sip:user@host.example.net SIP/2.0\r\n"
         "Via: SIP/2.0/UDP [2001:db8::9:1]:6050;branch=z9hG4bKas3-111\r\n"
         "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144\r\n"
         "Via: SIP/2.0/TCP [2001:db8::9:255];branch=z9hG4bK451jj;received=192.0.2.200\r\n" FROM TO CALL_ID
         CSEQ("BYE") NO_BODY),
    CASE("5118 4.9 IPv4 mapped into IPv6", REQUEST_COUNTS("INVITE"),
         "INVITE sip:user@example.com SIP/2.0\r\nVia: SIP/2.0/UDP [::ffff:192.0.2.10]:19823;branch=z9hG4bKbh"
         "19\r\n" FROM TO CALL_ID CSEQ("INVITE") NO_BODY),
    CASE("5118 4.10 IPv6 with three colons, after an old grammar's mistake", REQUEST_COUNTS("OPTIONS"),
         "OPTIONS sip:user@[2001:db8:::192.0.2.1] SIP/2.0\r\n"
         "Via: SIP/2.0/UDP [2001:db8:::192.0.2.2];branch=z9hG4bKas3\r\n" FROM TO CALL_ID CSEQ("OPTIONS")
         NO_BODY),
};
// clang-format on

enum { CASES = sizeof(cases) / sizeof(cases[0]) };

Test(sip_torture, each_message_counts_as_it_should)
{
    for (size_t i = 0; i < CASES; i++) {
        struct span message = guarded(cases[i].message, cases[i].length);
        struct scene s;

        scene_init(&s, 10);
        observer_message(s.o, &s.w, SIPSTAT_IN, message, SIPSTAT_UDP, 1);
        cr_expect(strcmp(scene_counts(&s), cases[i].counts) == 0, "%s:\n expected %s\n    found %s",
                  cases[i].section, cases[i].counts, scene_counts(&s));
        scene_fini(&s);
    }
}

/* The observer is given every prefix of each, and each with every octet in turn made NUL: it counts or
 * discards. */
Test(sip_torture, no_part_of_them_does_harm)
{
    struct scene s;
    uint64_t messages = 0;

    scene_init(&s, 100);
    for (size_t i = 0; i < CASES; i++) {
        for (size_t n = 0; n <= cases[i].length; n++, messages++)
            observer_message(s.o, &s.w, SIPSTAT_IN, guarded(cases[i].message, n), SIPSTAT_UDP, 1);
        for (size_t n = 0; n < cases[i].length; n++, messages++) {
            struct span message = guarded(cases[i].message, cases[i].length);

            ((uint8_t *)(uintptr_t)message.data)[n] = 0;
            observer_message(s.o, &s.w, SIPSTAT_OUT, message, SIPSTAT_UDP, 1);
        }
    }
    cr_expect(eq(u64,
                 scene_counter(&s, LANE_IN_REQUESTS) + scene_counter(&s, LANE_OUT_REQUESTS) +
                     scene_counter(&s, LANE_IN_RESPONSES) + scene_counter(&s, LANE_OUT_RESPONSES) +
                     scene_counter(&s, LANE_DISCARDED) + scene_counter(&s, LANE_OUT_UNPARSABLE) +
                     scene_counter(&s, LANE_KEEPALIVES),
                 messages));
    scene_fini(&s);
}
