/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 4475 3.1.2: malformed. Those whose transaction can be told count: an element answers them 400 or so, or mends
 * what it reads, and either way it was received. The others are discarded. */
#include "tests/unit/torture.h"

#define COUNTS(section, name, counts, reason, text) \
    T_CASE("4475", "3.1.2." section, name, INVALID, NONE, counts, reason, text)
#define DISCARDED(section, name, fault, reason, text) \
    T_CASE("4475", "3.1.2." section, name, INVALID, fault, T_DISCARDED, reason, text)

// clang-format off
static const struct torture messages[] = {
    COUNTS("1", "badinv01", T_REQUEST("INVITE"), "empty parameters and list elements hide nothing; no branch: RFC 2543",
           "INVITE sip:otto@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.5;;;,,;,\r\n"
           "From: \"Ines\" <sip:ines@example.net>;;tag=ab12;;\r\nTo: <sip:otto@example.org>;;;;\r\n"
           T_CALL_ID("badinv01") T_CSEQ("INVITE") "Contact: ,,<sip:ines@192.0.2.77>,;;,\r\n" T_END),
    COUNTS("2", "clerr", T_REQUEST("INVITE"), "a request that is cut short is answered 400 (RFC 3261 18.3)",
           "INVITE sip:otto@example.org SIP/2.0\r\n" T_ALL("clerr", "INVITE")
           "Content-Type: application/sdp\r\nContent-Length: 7001\r\n\r\nv=0\r\ns=-\r\n"),
    DISCARDED("2", "clerr, a response", CONTENT_LENGTH, "a response that is cut short is discarded (18.3)",
              "SIP/2.0 200 OK\r\n" T_ALL("clerr2", "INVITE") "Content-Length: 7001\r\n\r\nv=0\r\ns=-\r\n"),
    COUNTS("3", "ncl", T_REQUEST("INVITE"), "no length: answered 400, and in a datagram nothing else depends on it",
           "INVITE sip:otto@example.org SIP/2.0\r\n" T_ALL("ncl", "INVITE")
           "Content-Type: application/sdp\r\nContent-Length: -5\r\n\r\nv=0\r\ns=-\r\n"),
    DISCARDED("4", "scalar02", CSEQ, "a CSeq beyond 31 bits is no number that an answer could be matched by",
              "REGISTER sip:example.org SIP/2.0\r\n" T_VIA("scalar02") T_FROM T_TO T_CALL_ID("scalar02")
              "CSeq: 18446744073709551647 REGISTER\r\nMax-Forwards: 512\r\nExpires: 99999999999999999999\r\n"
              "Contact: <sip:ines@192.0.2.77>;expires=4294967297;q=3\r\n" T_END),
    DISCARDED("5", "scalarlg", CSEQ, "the same of a response, which is discarded",
              "SIP/2.0 503 Later\r\n" T_VIA("scalarlg") T_FROM T_TO T_CALL_ID("scalarlg")
              "CSeq: 4294967327 OPTIONS\r\nRetry-After: 99999999999999999999\r\n"
              "Warning: 65848 rack.example.net \"far\"\r\n" T_END),
    DISCARDED("6", "quotbal", TO, "where To ends is a guess, and so is its tag",
              "INVITE sip:otto@example.org SIP/2.0\r\n" T_VIA("quotbal") T_FROM
              "To: \"Otto <sip:otto@example.org>;tag=1\r\n" T_CALL_ID("quotbal") T_CSEQ("INVITE") T_END),
    COUNTS("7", "ltgtruri", T_REQUEST("INVITE"), "what is wrong is the Request-URI, which tells no transaction",
           "INVITE <sip:otto@example.org> SIP/2.0\r\n" T_ALL("ltgtruri", "INVITE") T_END),
    COUNTS("8", "lwsruri", T_REQUEST("INVITE"), "the last word is the version; what is between belongs to the URI",
           "INVITE sip:otto@example.org; maddr=198.51.100.1; lr SIP/2.0\r\n" T_ALL("lwsruri", "INVITE") T_END),
    COUNTS("9", "lwsstart", T_REQUEST("INVITE"), "more white space than one, between the parts of the first line",
           "INVITE   sip:otto@example.org\t\tSIP/2.0\r\n" T_ALL("lwsstart", "INVITE") T_END),
    COUNTS("10", "trws", T_REQUEST("OPTIONS"), "white space behind the version",
           "OPTIONS sip:otto@example.org SIP/2.0 \t \r\n" T_ALL("trws", "OPTIONS") T_END),
    COUNTS("11", "escruri", T_REQUEST("INVITE"), "header fields in a Request-URI: to be ignored, or answered 400",
           "INVITE sip:otto@example.org?Subject=x&Via=%53IP/2.0/UDP%20h SIP/2.0\r\n" T_ALL("escruri", "INVITE") T_END),
    COUNTS("12", "baddate", T_REQUEST("INVITE"), "nothing that counts depends on a date",
           "INVITE sip:otto@example.org SIP/2.0\r\n" T_ALL("baddate", "INVITE")
           "Date: Sun, 30 Feb 2020 25:61:00 CET\r\n" T_END),
    COUNTS("13", "regbadct", T_REQUEST("REGISTER"), "a Contact without its brackets: bindings are read from the answer",
           "REGISTER sip:example.org SIP/2.0\r\n" T_VIA("regbadct") T_FROM T_TO T_CALL_ID("regbadct") T_CSEQ("REGISTER")
           "Contact: sip:ines@192.0.2.77?X-Y=%3Csip:hop.example.net%3E\r\n" T_END),
    COUNTS("14", "badaspec", T_REQUEST("OPTIONS"), "spaces inside the brackets: the tag is behind them",
           "OPTIONS sip:otto@example.org SIP/2.0\r\n" T_VIA("badaspec")
           "From: \"Ines\" <\tsip:ines@example.net  >;tag=ab12\r\nTo: \"Otto\" < sip:otto@example.org >\r\n"
           T_CALL_ID("badaspec") T_CSEQ("OPTIONS") T_END),
    COUNTS("15", "baddn", T_REQUEST("OPTIONS"), "a comma in a display name without quotes: From is no list",
           "OPTIONS sip:otto@example.org SIP/2.0\r\n" T_VIA("baddn")
           "From: Field, Ines <sip:ines@example.net>;tag=ab12\r\n" T_TO T_CALL_ID("baddn") T_CSEQ("OPTIONS") T_END),
    COUNTS("16", "badvers", T_REQUEST("OPTIONS"), "answered 505, by the rules of this version",
           "OPTIONS sip:otto@example.org SIP/12.1\r\nVia: SIP/12.1/UDP rack.example.net;branch=z9hG4bK-badvers\r\n"
           T_FROM T_TO T_CALL_ID("badvers") T_CSEQ("OPTIONS") T_END),
    DISCARDED("17", "mismatch01", CSEQ_METHOD, "two methods: of which one is a guess",
              "OPTIONS sip:otto@example.org SIP/2.0\r\n" T_ALL("mismatch01", "INVITE") T_END),
    DISCARDED("18", "mismatch02", CSEQ_METHOD, "the same when nobody knows the method of the first line",
              "DANCE sip:otto@example.org SIP/2.0\r\n" T_ALL("mismatch02", "INVITE") T_END),
    DISCARDED("19", "bigcode", START_LINE, "a status code of ten digits, which 32 bits would make 303",
              "SIP/2.0 4294967599 Elsewhere\r\n" T_ALL("bigcode", "INVITE") T_END),
};
// clang-format on

const struct torture_table torture_invalid = { messages, sizeof(messages) / sizeof(messages[0]) };
