/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 4475 3.2 to 3.4: transactions, applications, RFC 2543. Well formed, apart from fields missing or repeated. */
#include "tests/unit/torture.h"

#define CASE(section, name, verdict, fault, counts, reason, text) \
    T_CASE("4475", section, name, verdict, fault, counts, reason, text)

// clang-format off
static const struct torture messages[] = {
    CASE("3.2.1", "badbranch", INVALID, NONE, T_REQUEST("OPTIONS"), "a bare cookie tells nothing: matched as RFC 2543",
         "OPTIONS sip:otto@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.5;branch=z9hG4bK\r\n" T_FROM T_TO
         T_CALL_ID("badbranch") T_CSEQ("OPTIONS") T_END),
    CASE("3.3.1", "insuf", INVALID, CALL_ID, T_DISCARDED, "without Call-ID, From, To there is no transaction",
         "INVITE sip:otto@example.org SIP/2.0\r\n" T_VIA("insuf") T_CSEQ("INVITE") T_MORE T_END),
    CASE("3.3.2", "unkscm", UNSUPPORTED, NONE, T_UNSUPPORTED_URI("OPTIONS"), "a scheme that nobody has: 416",
         "OPTIONS unheardOf:just-text SIP/2.0\r\n" T_ALL("unkscm", "OPTIONS") T_END),
    CASE("3.3.3", "novelsc", UNSUPPORTED, NONE, T_UNSUPPORTED_URI("OPTIONS"), "a scheme, but not for SIP: 416",
         "OPTIONS gopher+tls.x://192.0.2.200:70/1 SIP/2.0\r\n" T_ALL("novelsc", "OPTIONS") T_END),
    CASE("3.3.4", "unksm2", UNSUPPORTED, NONE, T_REQUEST("REGISTER"), "schemes in fields are the registrar's to judge",
         "REGISTER sip:example.org SIP/2.0\r\n" T_VIA("unksm2") "To: doi:10.1000/182\r\n"
         "From: <ftp://files.example.net>;tag=ab12\r\n" T_CALL_ID("unksm2") T_CSEQ("REGISTER")
         "Contact: <bookmark:ines>\r\n" T_END),
    CASE("3.3.5", "bext01", UNSUPPORTED, NONE, T_REQUEST("OPTIONS"), "only the answer 420 says that it is lacking",
         "OPTIONS sip:otto@example.org SIP/2.0\r\n" T_ALL("bext01", "OPTIONS")
         "Require: levitation, teleport\r\nProxy-Require: invisibility\r\nProxy-Require: timetravel\r\n" T_END),
    CASE("3.3.6", "invut", UNSUPPORTED, NONE, T_REQUEST("INVITE"), "a body that nobody can read: 415",
         "INVITE sip:otto@example.org SIP/2.0\r\n" T_ALL("invut", "INVITE")
         "Content-Type: application/x-riddle\r\nContent-Length: 9\r\n\r\n<?:> \r\n\r\n"),
    CASE("3.3.7", "regaut01", UNSUPPORTED, NONE, T_REQUEST("REGISTER"), "credentials of a scheme that nobody has",
         "REGISTER sip:example.org SIP/2.0\r\n" T_ALL("regaut01", "REGISTER")
         "Authorization: Handshake secret=\"x\", times=3\r\n" T_END),
    CASE("3.3.8", "multi01", INVALID, REPEATED, T_DISCARDED, "which of them holds is a guess",
         "INVITE sip:otto@example.org SIP/2.0\r\n" T_ALL("multi01", "INVITE")
         "CSeq: 32 INVITE\r\nCall-ID: another@rack.example.net\r\nTo: <sip:olga@example.org>\r\n"
         "From: <sip:ivan@example.net>;tag=cd34\r\nMax-Forwards: 1\r\n" T_END),
    CASE("3.3.9", "mcl01", INVALID, NONE, T_REQUEST("OPTIONS"), "as a wrong length: answered 400",
         "OPTIONS sip:otto@example.org SIP/2.0\r\n" T_ALL("mcl01", "OPTIONS")
         "Content-Length: 11\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nhow long?"),
    CASE("3.3.10", "bcast", VALID, NONE, T_RESPONSE("INVITE/200"), "received, whatever becomes of it",
         "SIP/2.0 200 OK\r\n" T_VIA("bcast") "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bKall\r\n"
         T_FROM T_TO T_CALL_ID("bcast") T_CSEQ("INVITE") T_END),
    CASE("3.3.11", "zeromf", UNSUPPORTED, NONE, T_REQUEST("OPTIONS"), "answered 483, or for the other side",
         "OPTIONS sip:otto@example.org SIP/2.0\r\n" T_VIA("zeromf") T_FROM T_TO T_CALL_ID("zeromf") T_CSEQ("OPTIONS")
         "Max-Forwards: 0\r\n" T_END),
    CASE("3.3.12", "cparam01", VALID, NONE, T_REQUEST("REGISTER"), "an unknown parameter of the Contact",
         "REGISTER sip:example.org SIP/2.0\r\n" T_VIA("cparam01") T_FROM T_TO T_CALL_ID("cparam01") T_CSEQ("REGISTER")
         "Contact: sip:+4930555000@gw.example.net;mood\r\n" T_END),
    CASE("3.3.13", "cparam02", VALID, NONE, T_REQUEST("REGISTER"), "an unknown parameter of the URI in it",
         "REGISTER sip:example.org SIP/2.0\r\n" T_VIA("cparam02") T_FROM T_TO T_CALL_ID("cparam02") T_CSEQ("REGISTER")
         "Contact: <sip:+4930555000@gw.example.net;mood>\r\n" T_END),
    CASE("3.3.14", "regescrt", VALID, NONE, T_REQUEST("REGISTER"), "a header field escaped in the URI",
         "REGISTER sip:example.org SIP/2.0\r\n" T_VIA("regescrt") T_FROM T_TO T_CALL_ID("regescrt") T_CSEQ("REGISTER")
         "Contact: <sip:ines@192.0.2.77?Route=%3Csip:hop.example.net%3E>\r\n" T_END),
    CASE("3.3.15", "sdp01", UNSUPPORTED, NONE, T_REQUEST("INVITE"), "nothing it would accept: 406",
         "INVITE sip:otto@example.org SIP/2.0\r\n" T_ALL("sdp01", "INVITE") "Accept: text/runes\r\n"
         "Content-Type: application/sdp\r\nContent-Length: 10\r\n\r\nv=0\r\ns=-\r\n"),
    CASE("3.4.1", "inv2543", VALID, NONE, T_REQUEST("INVITE"), "no branch, no tag, no Content-Length, no Max-Forwards",
         "INVITE sip:otto@example.org SIP/2.0\r\nVia: SIP/2.0/UDP museum.example.net\r\n"
         "From: <sip:+4930555001@museum.example.net;user=phone>\r\nTo: sip:+4930555002@example.org;user=phone\r\n"
         "Record-Route: <sip:otto@example.org;maddr=museum.example.net>\r\nCall-ID: 1999@museum.example.net\r\n"
         "CSeq: 8 INVITE\r\nContent-Type: application/sdp\r\n\r\nv=0\r\ns=-\r\n"),
};
// clang-format on

const struct torture_table torture_semantic = { messages, sizeof(messages) / sizeof(messages[0]) };
