/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 5118 4: addresses of IPv6 in all places. */
#include "tests/unit/torture.h"

#define CASE(section, name, verdict, counts, reason, text) \
    T_CASE("5118", section, name, verdict, NONE, counts, reason, text)
#define VIA6(id) "Via: SIP/2.0/UDP [2001:db8:7::1];branch=z9hG4bK-" id "\r\n"
#define ALL6(id, m) \
    VIA6(id) T_FROM T_TO T_CALL_ID(id) T_CSEQ(m) "Max-Forwards: 68\r\nContact: <sip:i@[2001:db8:7::1]>\r\n"

// clang-format off
static const struct torture messages[] = {
    CASE("4.1", "", VALID, T_REQUEST("REGISTER"), "addresses in brackets",
         "REGISTER sip:[2001:db8:7::2] SIP/2.0\r\n" ALL6("6-1", "REGISTER") T_END),
    CASE("4.2", "", INVALID, T_REQUEST("REGISTER"), "no brackets: answered 400, and the URI tells no transaction",
         "REGISTER sip:2001:db8:7::2 SIP/2.0\r\n" ALL6("6-2", "REGISTER") T_END),
    CASE("4.3", "", VALID, T_REQUEST("REGISTER"), "what looks like a port is the end of an address",
         "REGISTER sip:[2001:db8:7::2:5066] SIP/2.0\r\n" ALL6("6-3", "REGISTER") T_END),
    CASE("4.4", "", VALID, T_REQUEST("REGISTER"), "a port behind the brackets",
         "REGISTER sip:[2001:db8:7::2]:5066 SIP/2.0\r\nVia: SIP/2.0/UDP [2001:db8:7::1]:5066;branch=z9hG4bK-6-4\r\n"
         T_FROM T_TO T_CALL_ID("6-4") T_CSEQ("REGISTER") T_END),
    CASE("4.5", "brackets", VALID, T_REQUEST("BYE"), "received= in brackets, as many write it: the branch is behind it",
         "BYE sip:[2001:db8:7::2] SIP/2.0\r\n"
         "Via: SIP/2.0/UDP [2001:db8:7::1];received=[2001:db8:7::fe];branch=z9hG4bK-6-5a\r\n"
         T_FROM T_TO T_CALL_ID("6-5a") T_CSEQ("BYE") T_END),
    CASE("4.5", "no brackets", VALID, T_REQUEST("OPTIONS"), "received= without brackets, as the grammar has it",
         "OPTIONS sip:[2001:db8:7::2] SIP/2.0\r\n"
         "Via: SIP/2.0/UDP [2001:db8:7::1];received=2001:db8:7::fe;branch=z9hG4bK-6-5b\r\n"
         T_FROM T_TO T_CALL_ID("6-5b") T_CSEQ("OPTIONS") T_END),
    CASE("4.6", "", VALID, T_REQUEST("INVITE"), "addresses in SDP have no brackets; a body is not looked at",
         "INVITE sip:otto@[2001:db8:7::2] SIP/2.0\r\n" ALL6("6-6", "INVITE")
         "Content-Type: application/sdp\r\nContent-Length: 35\r\n\r\no=i 1 1 IN IP6 2001:db8:7::1\r\ns=-\r\n"),
    CASE("4.7", "", VALID, T_REQUEST("BYE"), "hops of both families",
         "BYE sip:otto@example.org SIP/2.0\r\n"
         "Via: SIP/2.0/UDP [2001:db8:7::3]:6060;branch=z9hG4bK-6-7\r\n"
         "Via: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKb\r\n"
         "Via: SIP/2.0/TCP [2001:db8:7::1];branch=z9hG4bKc;received=198.51.100.10\r\n"
         T_FROM T_TO T_CALL_ID("6-7") T_CSEQ("BYE") T_END),
    CASE("4.8", "", VALID, T_REQUEST("INVITE"), "connections of both families in SDP",
         "INVITE sip:otto@[2001:db8:7::2] SIP/2.0\r\n" ALL6("6-8", "INVITE")
         "Content-Type: application/sdp\r\nContent-Length: 92\r\n\r\n"
         "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 198.51.100.9\r\nm=video 4002 RTP/AVP 31\r\nc=IN IP6 2001:db8::9"),
    CASE("4.9", "", VALID, T_REQUEST("INVITE"), "an address of IPv4 mapped into IPv6",
         "INVITE sip:otto@example.org SIP/2.0\r\n"
         "Via: SIP/2.0/UDP [::ffff:198.51.100.9]:15060;branch=z9hG4bK-6-9\r\n"
         "Via: SIP/2.0/UDP [::ffff:198.51.100.10];branch=z9hG4bKb\r\n"
         T_FROM T_TO T_CALL_ID("6-9") T_CSEQ("INVITE") "Contact: <sip:i@[::ffff:198.51.100.9]>\r\n" T_END),
    CASE("4.10", "three colons", INVALID, T_REQUEST("OPTIONS"), "by the grammar's old mistake, which one should read",
         "OPTIONS sip:otto@[2001:db8:::198.51.100.2] SIP/2.0\r\n"
         "Via: SIP/2.0/UDP [2001:db8:::198.51.100.3];branch=z9hG4bK-6-10a\r\n"
         T_FROM "To: sip:otto@[2001:db8:::198.51.100.2]\r\n" T_CALL_ID("6-10a") T_CSEQ("OPTIONS") T_END),
    CASE("4.10", "two colons", VALID, T_REQUEST("OPTIONS"), "as the grammar is now",
         "OPTIONS sip:otto@[2001:db8::198.51.100.2] SIP/2.0\r\n"
         "Via: SIP/2.0/UDP [2001:db8::198.51.100.3];branch=z9hG4bK-6-10b\r\n"
         T_FROM "To: sip:otto@[2001:db8::198.51.100.2]\r\n" T_CALL_ID("6-10b") T_CSEQ("OPTIONS") T_END),
};
// clang-format on

const struct torture_table torture_ipv6 = { messages, sizeof(messages) / sizeof(messages[0]) };
