/* SPDX-License-Identifier: BSD-2-Clause */
/* Realistic SIP for benchmarks. Messages are templates in the long form: "{a.host}" is a field of the caller's phone,
 * "{b.host}" of the callee's, "@@@@@@@@" the serial number of the pass, "####" the number of the dialog. What a
 * dialog is made of is drawn by its number; how its header lines are written is the caller's style. */
#include "tests/bench/sip_corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum style { LONG, COMPACT, LOWER, FOLDED };

static const struct phone {
    const char *host, *via, *branch; /* Via: sent-by, its parameters, and the branch */
    const char *name, *user, *tag, *call_id;
    const char *contact;              /* what its Contact has behind the host */
    const char *agent, *allow, *more; /* header lines */
    const char *sdp;
    enum style style;
} phones[] = {
    {
        .host = "198.51.100.23:5060",
        .via = ";rport",
        .branch = "z9hG4bK-524287-1---@@@@@@@@####",
        .name = "\"Alice Example\" ",
        .user = "1001",
        .tag = "as4f2a77be",
        .call_id = "81291ODNjNTVlYjA@@@@@@@@####NjYxZDFkNTc4Zg",
        .contact = ";transport=udp>",
        .agent = "User-Agent: Example Phone 4.2.1/r18903 (Linux armv7l)\r\n",
        .allow = "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE\r\n"
                 "Supported: replaces, norefersub, extended-refer, timer, outbound, path\r\n",
        .more = "",
        .sdp =
            "v=0\r\no=- 16433 1 IN IP4 198.51.100.23\r\ns=call\r\nc=IN IP4 198.51.100.23\r\nt=0 0\r\n"
            "m=audio 51730 RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\n"
            "a=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"
            "a=sendrecv\r\n",
    },
    {
        .host = "192.0.2.201:49153",
        .via = ";rport;alias",
        .branch = "z9hG4bK.@@@@@@@@####",
        .name = "",
        .user = "bob.builder",
        .tag = "~5wUgr8Tq",
        .call_id = "q@@@@@@@@####-xY7r",
        .contact = ";transport=udp>;+sip.instance=\"<urn:uuid:5d1b8f3e-11aa-4c1e-9d70-0a95bd83f1c2>\"",
        .agent = "User-Agent: Softphone/5.19 (Windows 10; x86_64)\r\n",
        .allow = "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, MESSAGE, SUBSCRIBE, INFO, PRACK, "
                 "UPDATE\r\nSupported: replaces, outbound, gruu, 100rel\r\n",
        .more = "Session-Expires: 1800\r\nAccept: application/sdp, text/plain\r\n",
        .sdp =
            "v=0\r\no=bob 3879 2110 IN IP4 192.0.2.201\r\ns=Talk\r\nc=IN IP4 192.0.2.201\r\nt=0 0\r\n"
            "m=audio 7078 RTP/AVP 96 97 0 8 101\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
            "a=rtpmap:97 speex/16000\r\na=rtpmap:101 telephone-event/48000\r\na=rtcp-fb:* trr-int 1000\r\n"
            "m=video 9078 RTP/AVP 98\r\na=rtpmap:98 VP8/90000\r\na=rtcp-fb:* ccm fir\r\n",
    },
    {
        .host = "203.0.113.9",
        .via = "",
        .branch = "z9hG4bK@@@@@@@@####",
        .name = "",
        .user = "3003",
        .tag = "77",
        .call_id = "@@@@@@@@####",
        .contact = ">",
        .agent = "",
        .allow = "",
        .more = "",
        .sdp = "v=0\r\no=u 1 1 IN IP4 203.0.113.9\r\ns=-\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n"
               "m=audio 4000 RTP/AVP 0\r\n",
        .style = COMPACT,
    },
    {
        .host = "[2001:db8::c0:ffee]:5060",
        .via = ";keep",
        .branch = "z9hG4bK-d8754z-@@@@@@@@####5a7b-1---d8754z-",
        .name = "\"+1 (555) 010-0199\" ",
        .user = "+15550100199",
        .tag = "c3po42r2d2bb8-0199",
        .call_id = "7ac91e4d-@@@@@@@@-####-9f3b-5e0a77d1c2b4",
        .contact = ">;+g.3gpp.icsi-ref=\"urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel\";audio",
        .agent = "User-Agent: IM-client/OMA1.0 Handset-9/A.01\r\n",
        .allow = "Allow: INVITE, ACK, OPTIONS, CANCEL, BYE, UPDATE, INFO, REFER, NOTIFY, MESSAGE, PRACK\r\n"
                 "Supported: 100rel, timer, precondition, gruu\r\n",
        .more = "P-Access-Network-Info: 3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=00101abcd0123456\r\n"
                "P-Preferred-Identity: <sip:+15550100199@pbx.example.com>\r\n",
        .sdp =
            "v=0\r\no=- 0 0 IN IP6 2001:db8::c0:ffee\r\ns=-\r\nc=IN IP6 2001:db8::c0:ffee\r\nt=0 0\r\n"
            "m=audio 49120 RTP/AVP 104 110 102 105\r\nb=AS:41\r\na=rtpmap:104 AMR-WB/16000\r\n"
            "a=fmtp:104 mode-change-capability=2;max-red=0\r\na=rtpmap:102 AMR/8000\r\n"
            "a=rtpmap:105 telephone-event/16000\r\na=curr:qos local none\r\na=des:qos mandatory local sendrecv\r\n",
        .style = FOLDED,
    },
    {
        .host = "gw7.trunk.example.net",
        .via = "",
        .branch = "z9hG4bK@@@@@@@@####0bb1.1",
        .name = "\"Main Office\" ",
        .user = "+442079460123",
        .tag = "gK0c1d2e3f",
        .call_id = "1390@@@@@@@@####",
        .contact = ">",
        .agent = "",
        .allow = "Allow: INVITE,ACK,CANCEL,BYE,REGISTER,REFER,INFO,SUBSCRIBE,NOTIFY,PRACK,UPDATE,OPTIONS\r\n"
                 "Supported: timer,100rel,precondition,replaces\r\n",
        .more = "P-Asserted-Identity: \"Main Office\" <sip:+442079460123@gw7.trunk.example.net:5060>\r\n"
                "Privacy: none\r\nMin-SE: 90\r\nSession-Expires: 1800\r\n",
        .sdp = "v=0\r\no=Gateway_UAC 24142 9812 IN IP4 203.0.113.250\r\ns=SIP Media Capabilities\r\n"
               "c=IN IP4 203.0.113.250\r\nt=0 0\r\nm=audio 25714 RTP/AVP 8 18 101\r\na=rtpmap:8 PCMA/8000\r\n"
               "a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\n"
               "a=sendrecv\r\na=maxptime:20\r\n",
        .style = LOWER,
    },
};

#define VIA       "Via: SIP/2.0/UDP {a.host}{a.via};branch={a.branch}"
#define FROM_A    VIA "\r\n{vias}"
#define RECEIVED  VIA ";received=198.51.100.23\r\n{vias}"
#define VIA_PROXY "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK7d1f.@@@@@@@@####.0\r\n"
#define FORWARDED VIA_PROXY RECEIVED
#define HOPS      "Max-Forwards: 70\r\n"
#define TAG       ";tag={b.tag}"
#define CALL(cseq, method, tag)                                                                          \
    "From: {a.name}<sip:{a.user}@pbx.example.com>;tag={a.tag}\r\nTo: <sip:{b.user}@pbx.example.com>" tag \
    "\r\n"                                                                                               \
    "Call-ID: {a.call_id}@{a.host}\r\nCSeq: " cseq " " method "\r\n"
#define OWN(cseq, method, tag)                                                                                   \
    "From: {a.name}<sip:{a.user}@pbx.example.com>;tag={a.tag}\r\nTo: {a.name}<sip:{a.user}@pbx.example.com>" tag \
    "\r\nCall-ID: {a.call_id}reg@{a.host}\r\nCSeq: " cseq " " method "\r\n"
#define RR        "Record-Route: <sip:192.0.2.10;lr;ftag={a.tag}>\r\n{routes}"
#define ROUTE     "Route: <sip:192.0.2.10;lr;ftag={a.tag}>\r\n"
#define CONTACT_A "Contact: <sip:{a.user}@{a.host}{a.contact}\r\n"
#define CONTACT_B "Contact: <sip:{b.user}@{b.host}{b.contact}\r\n"
#define CAPABLE_A "{a.allow}{a.agent}"
#define CAPABLE_B "{b.allow}{b.agent}"
#define SERVER    "Server: proxy (5.6.3 (x86_64/linux))\r\n"
#define CHALLENGE \
    "Digest realm=\"pbx.example.com\", nonce=\"Yz5x2mM+ca5Kk0lFQZ1vAjD4@@@@@@@@\", qop=\"auth\"\r\n"
#define ANSWER(uri)                                                                                      \
    "Digest username=\"{a.user}\",realm=\"pbx.example.com\",nonce=\"Yz5x2mM+ca5Kk0lFQZ1vAjD4@@@@@@@@\"," \
    "uri=\"" uri                                                                                         \
    "\",response=\"9f1c2a7706a4ba1d3f5e0c6b8a917e44\",cnonce=\"0a4f113b\",nc=00000001,qop=auth,"         \
    "algorithm=MD5\r\n"
#define SDP_IS "Content-Type: application/sdp\r\n"

#define IN  SIPSTAT_IN
#define OUT SIPSTAT_OUT

/* One message: its header without Content-Length, and its body. */
struct step {
    enum sipstat_direction direction;
    const char *header, *body;
};

// clang-format off
static const struct step registered[] = {
    { IN, "REGISTER sip:pbx.example.com SIP/2.0\r\n" FROM_A HOPS OWN("2", "REGISTER", "") CONTACT_A "Expires: 600\r\n"
          "Authorization: " ANSWER("sip:pbx.example.com") CAPABLE_A, "" },
    { OUT, "SIP/2.0 200 OK\r\n" RECEIVED OWN("2", "REGISTER", ";tag=b27e1a1d33761e85.5f1a") CONTACT_A SERVER, "" },
    { 0 }
};
static const struct step challenged[] = {
    { IN, "REGISTER sip:pbx.example.com SIP/2.0\r\n" FROM_A HOPS OWN("1", "REGISTER", "") CONTACT_A CAPABLE_A, "" },
    { OUT, "SIP/2.0 401 Unauthorized\r\n" RECEIVED OWN("1", "REGISTER", ";tag=b27e1a1d33761e85.77c2")
           "WWW-Authenticate: " CHALLENGE SERVER, "" },
    { 0 }
};

#define INVITE(cseq, more) \
    { IN, "INVITE sip:{b.user}@pbx.example.com SIP/2.0\r\n" FROM_A HOPS CONTACT_A CALL(cseq, "INVITE", "") more \
          CAPABLE_A "{a.more}" SDP_IS, "{a.sdp}" }
#define TRYING(cseq) \
    { OUT, "SIP/2.0 100 trying -- your call is important to us\r\n" RECEIVED CALL(cseq, "INVITE", "") SERVER, "" }
#define INVITE_ON(cseq) \
    { OUT, "INVITE sip:{b.user}@{b.host} SIP/2.0\r\n" RR FORWARDED "Max-Forwards: 69\r\n" CONTACT_A \
           CALL(cseq, "INVITE", "") CAPABLE_A "{a.more}" SDP_IS, "{a.sdp}" }
#define ANSWERS(cseq, method, status, more, body) \
    { IN, "SIP/2.0 " status "\r\n" FORWARDED RR CALL(cseq, method, TAG) more, body }, \
    { OUT, "SIP/2.0 " status "\r\n" RECEIVED RR CALL(cseq, method, TAG) more, body }
#define IN_DIALOG(suffix, cseq, method, more) \
    { IN, method " sip:{b.user}@{b.host} SIP/2.0\r\n" VIA suffix "\r\n{vias}" HOPS ROUTE CALL(cseq, method, TAG) more, \
      "" }, \
    { OUT, method " sip:{b.user}@{b.host} SIP/2.0\r\n" VIA_PROXY VIA suffix ";received=198.51.100.23\r\n{vias}" \
           "Max-Forwards: 69\r\n" CALL(cseq, method, TAG) more, "" }

static const struct step unauthorised[] = {
    INVITE("1", ""),
    { OUT, "SIP/2.0 407 Proxy Authentication Required\r\n" RECEIVED CALL("1", "INVITE", ";tag=77c2.b27e1a1d33761e85")
           "Proxy-Authenticate: " CHALLENGE SERVER, "" },
    { IN, "ACK sip:{b.user}@pbx.example.com SIP/2.0\r\n" FROM_A HOPS
          CALL("1", "ACK", ";tag=77c2.b27e1a1d33761e85"), "" },
    { 0 }
};
static const struct step answered[] = {
    INVITE("2", "Proxy-Authorization: " ANSWER("sip:{b.user}@pbx.example.com")), TRYING("2"), INVITE_ON("2"),
    ANSWERS("2", "INVITE", "180 Ringing", CONTACT_B "{b.agent}", ""),
    ANSWERS("2", "INVITE", "200 OK", CONTACT_B CAPABLE_B SDP_IS, "{b.sdp}"),
    IN_DIALOG("a", "2", "ACK", "{a.agent}"), IN_DIALOG("b", "3", "BYE", "{a.agent}"),
    ANSWERS("3", "BYE", "200 OK", "{b.agent}", ""),
    { 0 }
};
static const struct step reliable[] = {
    INVITE("2", "Require: 100rel\r\n"), TRYING("2"), INVITE_ON("2"),
    ANSWERS("2", "INVITE", "183 Session Progress", CONTACT_B "Require: 100rel\r\nRSeq: 8123\r\n" CAPABLE_B SDP_IS,
            "{b.sdp}"),
    IN_DIALOG("p", "3", "PRACK", "RAck: 8123 2 INVITE\r\n{a.agent}"),
    ANSWERS("3", "PRACK", "200 OK", "", ""),
    ANSWERS("2", "INVITE", "200 OK", CONTACT_B "{b.agent}", ""),
    IN_DIALOG("a", "2", "ACK", "{a.agent}"), IN_DIALOG("b", "4", "BYE", "Reason: Q.850;cause=16\r\n{a.agent}"),
    ANSWERS("4", "BYE", "200 OK", "{b.agent}", ""),
    { 0 }
};
static const struct step busy[] = {
    INVITE("2", ""), TRYING("2"), INVITE_ON("2"),
    ANSWERS("2", "INVITE", "486 Busy Here", "{b.agent}", ""),
    { IN, "ACK sip:{b.user}@pbx.example.com SIP/2.0\r\n" FROM_A HOPS CALL("2", "ACK", TAG), "" },
    { 0 }
};
static const struct step cancelled[] = {
    INVITE("2", ""), TRYING("2"), INVITE_ON("2"),
    ANSWERS("2", "INVITE", "180 Ringing", CONTACT_B "{b.agent}", ""),
    { IN, "CANCEL sip:{b.user}@pbx.example.com SIP/2.0\r\n" FROM_A HOPS CALL("2", "CANCEL", "") "{a.agent}", "" },
    { OUT, "SIP/2.0 200 canceling\r\n" RECEIVED CALL("2", "CANCEL", ";tag=proxy-1") SERVER, "" },
    ANSWERS("2", "INVITE", "487 Request Terminated", "{b.agent}", ""),
    { IN, "ACK sip:{b.user}@pbx.example.com SIP/2.0\r\n" FROM_A HOPS CALL("2", "ACK", TAG), "" },
    { 0 }
};

static const struct step pinged[] = {
    { OUT, "OPTIONS sip:{a.user}@{a.host} SIP/2.0\r\n" VIA_PROXY HOPS OWN("50", "OPTIONS", ""), "" },
    { IN, "SIP/2.0 200 OK\r\n" VIA_PROXY OWN("50", "OPTIONS", ";tag={a.tag}") CONTACT_A "Accept: application/sdp\r\n"
          CAPABLE_A, "" },
    { 0 }
};
static const struct step notified[] = {
    { OUT, "NOTIFY sip:{a.user}@{a.host} SIP/2.0\r\n" VIA_PROXY HOPS OWN("51", "NOTIFY", ";tag=9a8b") "Contact: "
           "<sip:192.0.2.10:5060>\r\nEvent: message-summary\r\nSubscription-State: active;expires=3500\r\n"
           "Content-Type: application/simple-message-summary\r\n",
      "Messages-Waiting: yes\r\nMessage-Account: sip:{a.user}@pbx.example.com\r\nVoice-Message: 2/8 (0/2)\r\n" },
    { IN, "SIP/2.0 200 OK\r\n" VIA_PROXY OWN("51", "NOTIFY", ";tag=9a8b") "{a.agent}", "" },
    { 0 }
};
static const struct step messaged[] = {
    { IN, "MESSAGE sip:{b.user}@pbx.example.com SIP/2.0\r\n" VIA "m\r\n{vias}" HOPS CALL("20", "MESSAGE", "")
          "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n{a.agent}Content-Type: text/plain\r\n",
      "Running ten minutes late.\r\n" },
    { OUT, "SIP/2.0 202 Accepted\r\n" VIA "m;received=198.51.100.23\r\n{vias}" CALL("20", "MESSAGE", TAG) SERVER, "" },
    { 0 }
};
static const struct step published[] = {
    { IN, "PUBLISH sip:{a.user}@pbx.example.com SIP/2.0\r\n" VIA "s\r\n{vias}" HOPS OWN("30", "PUBLISH", "")
          "Event: presence\r\nExpires: 3600\r\nSIP-If-Match: a.1790.2.1\r\n{a.agent}"
          "Content-Type: application/pidf+xml\r\n",
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" "
      "entity=\"sip:{a.user}@pbx.example.com\">\r\n <tuple id=\"t1\"><status><basic>open</basic></status></tuple>\r\n"
      "</presence>\r\n" },
    { OUT, "SIP/2.0 200 OK\r\n" VIA "s;received=198.51.100.23\r\n{vias}" OWN("30", "PUBLISH", ";tag=ab12")
           "SIP-ETag: a.1790.2.2\r\nExpires: 3600\r\n" SERVER, "" },
    { 0 }
};
// clang-format on

/* Drawn evenly, so what is more frequent is there more than once. */
static const struct step *const registrations[] = { registered, registered, challenged };
static const struct step *const challenges[] = { NULL, unauthorised };
static const struct step *const calls[] = { answered, answered, answered, reliable, busy, cancelled };
static const struct step *const others[] = { pinged, pinged, notified, messaged, published };

/* Further down than the phone's own Via and above the proxy's Record-Route: those of an edge proxy, or two. */
static const char *const hops[][2] = {
    { "", "" },
    { "", "" },
    { "Via: SIP/2.0/TCP 192.0.2.77:5060;branch=z9hG4bK@@@@@@@@edge;received=10.1.2.3\r\n",
      "Record-Route: <sip:192.0.2.77;transport=tcp;lr>\r\n" },
    { "Via: SIP/2.0/UDP sbc1.example.com;branch=z9hG4bKsbc@@@@@@@@, SIP/2.0/TLS [2001:db8::7]:5061;branch="
      "z9hG4bK@@@@@@@@.7\r\n",
      "Record-Route: <sip:sbc1.example.com;lr>,<sips:[2001:db8::7]:5061;lr>\r\n" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { SERIAL_DIGITS = 8, REPEATED_IN = 40 };

/* Text that grows. */
struct buffer {
    char *text;
    size_t length, room;
};

struct dialog {
    const struct phone *phone[2]; /* a and b */
    const char *const *hop;
    char number[5];
    uint32_t random;
};

static void *
must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static void
put(struct buffer *to, const char *text, size_t length)
{
    if (to->room - to->length <= length) {
        to->room = 2 * (to->length + length) + 4096;
        to->text = must(realloc(to->text, to->room));
    }
    memcpy(to->text + to->length, text, length);
    to->length += length;
    to->text[to->length] = '\0';
}

/* Below `below`: xorshift (Marsaglia 2003). */
static unsigned
draw(struct dialog *d, unsigned below)
{
    d->random ^= d->random << 13;
    d->random ^= d->random >> 17;
    d->random ^= d->random << 5;
    return (unsigned)((uint64_t)d->random * below >> 32);
}

/* ---- templates ---- */

static const char *
field(const struct dialog *d, const char *name, size_t length)
{
    static const struct {
        const char *name;
        size_t at;
    } members[] = {
#define MEMBER(name) { #name, offsetof(struct phone, name) }
        MEMBER(host),    MEMBER(via),     MEMBER(branch), MEMBER(name),  MEMBER(user), MEMBER(tag),
        MEMBER(call_id), MEMBER(contact), MEMBER(agent),  MEMBER(allow), MEMBER(more), MEMBER(sdp),
#undef MEMBER
    };

    if (length == 4 && memcmp(name, "vias", length) == 0)
        return d->hop[0];
    if (length == 6 && memcmp(name, "routes", length) == 0)
        return d->hop[1];
    for (size_t i = 0; i < COUNT(members); i++)
        if (length == strlen(members[i].name) + 2 && memcmp(name + 2, members[i].name, length - 2) == 0)
            return *(const char *const *)((const char *)d->phone[name[0] - 'a'] + members[i].at);
    abort(); /* no such field */
}

static void
expand(struct buffer *to, const struct dialog *d, const char *template)
{
    while (*template != '\0') {
        size_t plain = strcspn(template, "{#");

        put(to, template, plain);
        template += plain;
        if (strncmp(template, "####", 4) == 0) {
            put(to, d->number, 4);
            template += 4;
        } else if (*template == '{') {
            size_t length = strcspn(++template, "}");

            expand(to, d, field(d, template, length));
            template += length + 1;
        } else if (*template == '#') {
            put(to, template ++, 1);
        }
    }
}

/* ---- styles ---- */

static void
put_lower(struct buffer *to, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];

        put(to, &c, 1);
    }
}

/* Write a header field's name. */
static void
put_name(struct buffer *to, enum style style, const char *name, size_t length)
{
    static const char *const compact[][2] = { { "Via", "v" },          { "From", "f" },
                                              { "To", "t" },           { "Call-ID", "i" },
                                              { "Contact", "m" },      { "Content-Length", "l" },
                                              { "Content-Type", "c" }, { "Supported", "k" },
                                              { "Event", "o" },        { "Session-Expires", "x" } };

    for (size_t i = 0; style == COMPACT && i < COUNT(compact); i++)
        if (length == strlen(compact[i][0]) && memcmp(name, compact[i][0], length) == 0) {
            put(to, compact[i][1], 1);
            return;
        }
    (style == LOWER ? put_lower : put)(to, name, length);
}

/* Write a line as the style wants it: long ones are folded at the first "; " or ", " or before the first parameter
 * behind the middle. */
static void
put_line(struct buffer *to, enum style style, const char *line, size_t length)
{
    size_t name = strcspn(line, ":"), fold = length / 2;

    put_name(to, style, line, name);
    while (fold < length && line[fold] != ';')
        fold++;
    if (style != FOLDED || length < 80 || fold == length || memchr(line, '"', length) != NULL)
        fold = name;
    put(to, line + name, fold - name);
    if (fold > name)
        put(to, "\r\n ", 3);
    put(to, line + fold, length - fold);
}

/* Write a message: its first line as it is, then its header lines, Content-Length, and the body. */
static void
put_message(struct buffer *to, const struct dialog *d, const struct step *step)
{
    struct buffer header = { .length = 0 }, body = { .length = 0 };
    char length[48];
    const char *line, *end;

    expand(&body, d, step->body);
    expand(&header, d, step->header);
    put(&header, length, (size_t)snprintf(length, sizeof(length), "Content-Length: %zu\r\n", body.length));
    for (line = header.text; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
        if (line == header.text)
            put(to, line, (size_t)(end - line));
        else
            put_line(to, d->phone[0]->style, line, (size_t)(end - line));
        put(to, "\r\n", 2);
    }
    put(to, "\r\n", 2);
    if (body.length > 0)
        put(to, body.text, body.length);
    free(header.text);
    free(body.text);
}

/* ---- the corpus ---- */

/* Where messages are while their text may still move. */
struct making {
    struct corpus *c;
    struct buffer text;
    size_t *starts;
    size_t room;
};

static void
play(struct making *m, struct dialog *d, const struct step *steps)
{
    for (; steps != NULL && steps->header != NULL; steps++) {
        unsigned times = draw(d, REPEATED_IN) == 0 ? 2 : 1;

        for (unsigned i = 0; i < times; i++) {
            if (m->c->messages == m->room) {
                m->room = 2 * m->room + 256;
                m->c->message = must(realloc(m->c->message, m->room * sizeof(*m->c->message)));
                m->starts = must(realloc(m->starts, (m->room + 1) * sizeof(*m->starts)));
            }
            m->starts[m->c->messages] = m->text.length;
            m->c->message[m->c->messages++].direction = steps->direction;
            put_message(&m->text, d, steps);
        }
    }
}

static void
play_dialog(struct making *m, unsigned number)
{
    struct dialog d = { .random = (number + 1) * 2654435761u };
    unsigned a = draw(&d, COUNT(phones)), b = (a + 1 + draw(&d, COUNT(phones) - 1)) % COUNT(phones);

    snprintf(d.number, sizeof(d.number), "%04u", number % 10000);
    d.phone[0] = &phones[a];
    d.phone[1] = &phones[b];
    d.hop = hops[draw(&d, COUNT(hops))];
    play(m, &d, registrations[draw(&d, COUNT(registrations))]);
    play(m, &d, challenges[draw(&d, COUNT(challenges))]);
    play(m, &d, calls[draw(&d, COUNT(calls))]);
    play(m, &d, others[draw(&d, COUNT(others))]);
}

static void
find_serials(struct corpus *c)
{
    size_t room = 0;

    for (char *at = c->text; (at = strstr(at, "@@@@@@@@")) != NULL; at += SERIAL_DIGITS) {
        if (c->serial_count == room) {
            room = 2 * room + 1024;
            c->serials = must(realloc(c->serials, room * sizeof(*c->serials)));
        }
        c->serials[c->serial_count++] = (size_t)(at - c->text);
    }
}

struct corpus
corpus_new(unsigned dialogs)
{
    struct corpus c = { .messages = 0 };
    struct making m = { .c = &c };

    for (unsigned i = 0; i < dialogs; i++)
        play_dialog(&m, i);
    c.text = m.text.text;
    c.octets = m.text.length;
    for (size_t i = 0; i < c.messages; i++) {
        size_t end = i + 1 < c.messages ? m.starts[i + 1] : c.octets;

        c.message[i].octets = span_of(c.text + m.starts[i], end - m.starts[i]);
    }
    free(m.starts);
    if (dialogs > 0)
        find_serials(&c);
    corpus_renew(&c, 0);
    return c;
}

void
corpus_free(struct corpus *c)
{
    free(c->text);
    free(c->message);
    free(c->serials);
}

void
corpus_renew(struct corpus *c, uint32_t serial)
{
    char digits[SERIAL_DIGITS + 1];

    snprintf(digits, sizeof(digits), "%08x", serial);
    for (size_t i = 0; i < c->serial_count; i++)
        memcpy(c->text + c->serials[i], digits, SERIAL_DIGITS);
}
