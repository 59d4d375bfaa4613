/* SPDX-License-Identifier: BSD-2-Clause */
/* RFC 4475 3.1.1: well formed, though it may not look so. Each counts as what it is. */
#include "tests/unit/torture.h"

#define VALID(section, name, counts, reason, text) \
    T_CASE("4475", "3.1.1." section, name, VALID, NONE, counts, reason, text)

// clang-format off
static const struct torture messages[] = {
    VALID("1", "wsinv", T_REQUEST("INVITE"), "white space and folds change nothing; names in any case, long or compact",
          "INVITE sip:otto@desk.example.org;odd SIP/2.0\r\n"
          "tO\t :\r\n  sip:otto@desk.example.org\t;\r\n\ttag   =   q7w8\r\n"
          "f   :   \"Ines \\\\ \\\"the \\\"\"\t\t<sip:ines@example.net>\r\n ;\r\n\ttag\r\n =\r\n p0o9\r\n"
          "mAX-fORWARDS:   0041\r\n"
          "CALL-ID   :\r\n folded.once@rack.example.net\r\n"
          "content-LENGTH  :  0005\r\n"
          "CSEQ :\r\n\t 00077\r\n   INVITE\r\n"
          "S:\r\n"
          "X-Continued:  one\r\n  two\r\n\tthree\r\n"
          "X-Separators: ,;,;;,,\r\n"
          "V :  SIP\t/\t2.0\r\n / TCP\t\tedge.example.net\t;\r\n\tbranch\r\n =\r\n z9hG4bKfold1 ,\r\n"
          "  SIP / 2.0 / UDP 198.51.100.7\r\n ; branch = z9hG4bKfold2\r\n"
          "via  : SIP  /  2.0  /UDP\r\n  198.51.100.8 ;branch=oldstyle\r\n"
          "M  :  \"a \\\"b\\\"\"\r\n <sip:ines@192.0.2.77>  ;  x =\r\n y ;\r\n z  ;  q  =  0.5\r\n"
          "\r\nhello"),
    VALID("2", "intmeth", T_REQUEST("Z!%*_+`'~.-9"), "every character that its grammar allows, in each place",
          "Z!%*_+`'~.-9 sip:9-_.!~*'(),%26=+$;?/:-_.!~*'()&=+$,0@example.org SIP/2.0\r\n"
          "v: SIP/2.0/TCP h-1.example.net;branch=z9hG4bK~'`+_*%!.-\r\n"
          "t: \"\\\x01\\\x0b\\\x7f\\\"\\\\ \xc3\xa9\" <sip:otto@example.org>\r\n"
          "f: -.!%*_+`'~ plain words <sip:ines@example.net>;x'`~+_*!.%-=\"\xd0\xb6;,<\\\">\";tag=-.!%*_+`'~\r\n"
          "i: -.!%*_+`'~()<>:\\\"/[]?{}@()<>:\\\"/[]?{}\r\n"
          "CSeq: 2147483647 Z!%*_+`'~.-9\r\n"
          "X-!%*_+`'~.: \xe2\x82\xac\xef\xbb\xbf text\r\n" T_END),
    VALID("3", "esc01", T_REQUEST("INVITE"), "an escape stands for a character, and never for a separator",
          "INVITE sip:tel%3A%2b1%3Bx%40here@example.org SIP/2.0\r\n" T_VIA("esc01")
          "To: sip:%6ftto%20%26%20co@example.org\r\nFrom: <sip:in%65s@example.net>;tag=5\r\n"
          T_CALL_ID("esc01") T_CSEQ("INVITE") "Contact: <sip:%69@192.0.2.77;x=%6c%72;%6c%72>\r\n" T_END),
    VALID("4", "escnull", T_REQUEST("REGISTER"), "an escaped NUL ends nothing",
          "REGISTER sip:example.org SIP/2.0\r\n" T_VIA("escnull")
          "To: sip:zero%00inside@example.org\r\nFrom: sip:zero%00inside@example.org;tag=6\r\n"
          T_CALL_ID("escnull") T_CSEQ("REGISTER")
          "Contact: <sip:%00@198.51.100.1>\r\nContact: <sip:%00%00@198.51.100.1>\r\n" T_END),
    VALID("5", "esc02", T_REQUEST("BY%45"), "a per cent sign in a method is a character: this is no BYE",
          "BY%45 sip:example.org SIP/2.0\r\n" T_VIA("esc02")
          "To: \"%5A%5A\" <sip:otto@example.org>\r\nFrom: \"%22%00%\" <sip:ines@example.net>;tag=%7\r\n"
          T_CALL_ID("esc02") T_CSEQ("BY%45") "Contact: <sip:a%6c@192.0.2.77>;%6eame=%zz\r\n" T_END),
    VALID("6", "lwsdisp", T_REQUEST("OPTIONS"), "a display name needs no space before the bracket",
          "OPTIONS sip:otto@example.org SIP/2.0\r\n" T_VIA("lwsdisp")
          "To: otto<sip:otto@example.org>\r\nFrom: ines<sip:ines@example.net>;tag=7\r\n"
          T_CALL_ID("lwsdisp") T_CSEQ("OPTIONS") "l:0\r\n\r\n"),
    VALID("7", "longreq", T_REQUEST("INVITE"), "no length of a part is too long as long as the whole fits",
          "INVITE sip:otto@example.org SIP/2.0\r\n"
          "To: \"" T_10(T_10("otto the long "))
          "\" <sip:" T_10(T_10("otto")) "@example.org:7777;p=" T_10(T_10("v")) ">\r\n"
          "From: sip:" T_10(T_10("ines-")) "@example.net;tag=" T_10(T_10("0123")) ";" T_10("parameter") "=" T_10("1")
          ";more=\"" T_10(T_10("\\\"")) "\"\r\n"
          "Call-ID: " T_10(T_10("identity.")) "@" T_10("rack") ".example.net\r\n" T_CSEQ("INVITE")
          "X-" T_10(T_10("Name")) ": " T_10(T_10(" v")) "\r\n"
          "Via: SIP/2.0/UDP " T_10("label.") "example.net;branch=z9hG4bK" T_10(T_10("branch")) "\r\n"
          T_10("Via: SIP/2.0/TCP hop.example.net:5061;branch=z9hG4bK\r\n")
          "Contact: <sip:" T_10(T_10("i")) "@192.0.2.77>\r\n" T_END),
    VALID("8", "dblreq", T_REQUEST("REGISTER"), "octets behind Content-Length are not of the message (RFC 3261 18.3)",
          "REGISTER sip:example.org SIP/2.0\r\n" T_ALL("dblreq1", "REGISTER") T_END
          "BYE sip:otto@example.org SIP/2.0\r\n" T_ALL("dblreq2", "BYE") T_END),
    VALID("9", "semiuri", T_REQUEST("OPTIONS"), "a semicolon in the user part begins no parameter",
          "OPTIONS sip:otto;room=9;a%40b@example.org SIP/2.0\r\n" T_VIA("semiuri")
          "To: <sip:otto;room=9@example.org;x=y>\r\nFrom: <sip:ines;tag=no@example.net>;tag=8\r\n"
          T_CALL_ID("semiuri") T_CSEQ("OPTIONS") T_END),
    VALID("10", "transports", T_REQUEST("OPTIONS"), "any token is a transport",
          "OPTIONS sip:otto@example.org SIP/2.0\r\n"
          "Via: SIP/2.0/PIGEON-2 coop.example.net;branch=z9hG4bK-transports\r\n"
          "Via: SIP/2.0/SCTP a.example.net;branch=z9hG4bKa\r\nVia: SIP/2.0/TLS b.example.net;branch=z9hG4bKb\r\n"
          "Via: SIP/2.0/TCP c.example.net;branch=z9hG4bKc\r\nVia: SIP/2.0/UDP d.example.net;branch=z9hG4bKd\r\n"
          T_FROM T_TO T_CALL_ID("transports") T_CSEQ("OPTIONS") T_END),
    VALID("11", "mpart01", T_REQUEST("MESSAGE"), "a body is octets: NUL, empty lines and all",
          "MESSAGE sip:otto@example.org SIP/2.0\r\n" T_ALL("mpart01", "MESSAGE")
          "Content-Type: multipart/mixed; boundary=\"=cut=\"\r\nContent-Length: 100\r\n\r\n"
          "--=cut=\r\nContent-Type: text/plain\r\n\r\nhi\r\n--=cut=\r\nContent-Type: image/png\r\n\r\n"
          "\x89PNG\r\n\x1a\n\0\0\r\n\r\n--=cut=--"),
    VALID("12", "unreason", T_RESPONSE("INVITE/200"), "a reason phrase is any text, UTF-8 among it",
          "SIP/2.0 200 := \xce\xbd\xce\xb1\xce\xaf * (2^3) \xe2\x82\xac; %41\r\n" T_ALL("unreason", "INVITE") T_END),
    VALID("13", "noreason", T_RESPONSE("INVITE/100"), "a reason phrase may be empty, and its space stays",
          "SIP/2.0 100 \r\n" T_ALL("noreason", "INVITE") T_END),
};
// clang-format on

const struct torture_table torture_valid = { messages, sizeof(messages) / sizeof(messages[0]) };
