/* SPDX-License-Identifier: BSD-2-Clause */
/* Realistic SIP for benchmarks. */
#include "tests/bench/sip_corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "@@@@@@@@" becomes the serial number of the pass, "####" the number of the dialog. */
#define VIA_UA    "Via: SIP/2.0/UDP 198.51.100.23:5060;rport;branch=z9hG4bK-524287-1---@@@@@@@@####"
#define VIA_PROXY "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK7d1f.@@@@@@@@####.0\r\n"
#define UA        "User-Agent: Example Phone 4.2.1/r18903 (Linux armv7l)\r\n"
#define PARTIES                                                             \
    "From: \"Alice Example\" <sip:1001@pbx.example.com>;tag=as4f2a77be\r\n" \
    "To: <sip:1002@pbx.example.com>"
#define CALL(method, cseq, tag)                                                                        \
    PARTIES tag "\r\nCall-ID: 81291ODNjNTVlYjA@@@@@@@@####NjYxZDFkNTc4Zg@198.51.100.23\r\nCSeq: " cseq \
                " " method "\r\n"
#define TAG      ";tag=gK0c1d2e3f"
#define RECEIVED ";received=198.51.100.23\r\n"
#define RR       "Record-Route: <sip:192.0.2.10;lr;ftag=as4f2a77be>\r\n"
#define ALLOW                                                                                              \
    "Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE, UPDATE, PRACK\r\n" \
    "Supported: replaces, norefersub, extended-refer, timer, outbound, path, 100rel\r\n"
#define SDP                                                                                                       \
    "v=0\r\no=- 16433 1 IN IP4 198.51.100.23\r\ns=call\r\nc=IN IP4 198.51.100.23\r\nt=0 0\r\n"                    \
    "m=audio 51730 RTP/AVP 9 8 0 101\r\na=rtpmap:9 G722/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n" \
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=sendrecv\r\n"
#define WITH_SDP "Content-Type: application/sdp\r\nContent-Length: 253\r\n\r\n" SDP
#define NO_BODY  "Content-Length: 0\r\n\r\n"

_Static_assert(sizeof(SDP) - 1 == 253, "as Content-Length says");

#define IN  SIPSTAT_IN
#define OUT SIPSTAT_OUT

// clang-format off
static const struct {
    enum sipstat_direction direction;
    const char *text;
} dialog[] = {
    /* A call through the proxy. */
    { IN,
      "INVITE sip:1002@pbx.example.com SIP/2.0\r\n" VIA_UA "\r\nMax-Forwards: 70\r\n"
      "Contact: <sip:1001@198.51.100.23:5060;transport=udp>\r\n" CALL("INVITE", "2", "") ALLOW UA WITH_SDP },
    { OUT, "SIP/2.0 100 trying -- your call is important to us\r\n" VIA_UA RECEIVED CALL(
               "INVITE", "2", "") "Server: proxy (5.6.3 (x86_64/linux))\r\n" NO_BODY },
    { OUT,
      "INVITE sip:1002@203.0.113.77:5060 SIP/2.0\r\n" RR VIA_PROXY VIA_UA RECEIVED "Max-Forwards: 69\r\n"
      "Contact: <sip:1001@198.51.100.23:5060;transport=udp>\r\n" CALL("INVITE", "2", "") ALLOW UA WITH_SDP },
    { IN, "SIP/2.0 180 Ringing\r\n" VIA_PROXY VIA_UA RECEIVED RR
          "Contact: <sip:1002@203.0.113.77:5060>\r\n" CALL("INVITE", "2", TAG) UA NO_BODY },
    { OUT, "SIP/2.0 180 Ringing\r\n" VIA_UA RECEIVED RR
           "Contact: <sip:1002@203.0.113.77:5060>\r\n" CALL("INVITE", "2", TAG) UA NO_BODY },
    { IN, "SIP/2.0 200 OK\r\n" VIA_PROXY VIA_UA RECEIVED RR
          "Contact: <sip:1002@203.0.113.77:5060>\r\n" CALL("INVITE", "2", TAG) ALLOW UA WITH_SDP },
    { OUT, "SIP/2.0 200 OK\r\n" VIA_UA RECEIVED RR
           "Contact: <sip:1002@203.0.113.77:5060>\r\n" CALL("INVITE", "2", TAG) ALLOW UA WITH_SDP },
    { IN, "ACK sip:1002@203.0.113.77:5060 SIP/2.0\r\n" VIA_UA "a\r\nMax-Forwards: 70\r\n"
          "Route: <sip:192.0.2.10;lr;ftag=as4f2a77be>\r\n" CALL("ACK", "2", TAG) UA NO_BODY },
    { IN, "BYE sip:1002@203.0.113.77:5060 SIP/2.0\r\n" VIA_UA "b\r\nMax-Forwards: 70\r\n"
          "Route: <sip:192.0.2.10;lr;ftag=as4f2a77be>\r\n" CALL("BYE", "3", TAG) UA NO_BODY },
    { OUT, "SIP/2.0 200 OK\r\n" VIA_UA "b" RECEIVED CALL("BYE", "3", TAG) UA NO_BODY },
    /* Registration with a challenge; the second phone speaks the compact form. */
    { IN,
      "REGISTER sip:pbx.example.com SIP/2.0\r\n" VIA_UA "c\r\nMax-Forwards: 70\r\n" CALL(
          "REGISTER", "1", "") "Contact: <sip:1001@198.51.100.23:5060>;expires=3600\r\n" UA ALLOW NO_BODY },
    { OUT,
      "SIP/2.0 401 Unauthorized\r\n" VIA_UA "c" RECEIVED CALL(
          "REGISTER", "1",
          TAG)
          "WWW-Authenticate: Digest realm=\"pbx.example.com\", nonce=\"Yz5x2mM+ca5Kk0lFQZ1v\", qop=\"auth\"\r\n"
          NO_BODY },
    { IN,
      "REGISTER sip:pbx.example.com SIP/2.0\r\nv: SIP/2.0/UDP 198.51.100.24:5062;branch=z9hG4bK@@@@@@@@####d\r\n"
      "f: <sip:1003@pbx.example.com>;tag=77\r\nt: <sip:1003@pbx.example.com>\r\ni: @@@@@@@@####@24\r\n"
      "CSeq: 2 REGISTER\r\nm: <sip:1003@198.51.100.24:5062>;expires=600\r\nMax-Forwards: 70\r\nl: 0\r\n\r\n" },
    { OUT,
      "SIP/2.0 200 OK\r\nv: SIP/2.0/UDP 198.51.100.24:5062;branch=z9hG4bK@@@@@@@@####d\r\n"
      "f: <sip:1003@pbx.example.com>;tag=77\r\nt: <sip:1003@pbx.example.com>;tag=5\r\ni: @@@@@@@@####@24\r\n"
      "CSeq: 2 REGISTER\r\nm: <sip:1003@198.51.100.24:5062>;expires=600\r\nl: 0\r\n\r\n" },
    /* What keeps phones alive, and busy lamps. */
    { OUT, "OPTIONS sip:1001@198.51.100.23:5060 SIP/2.0\r\n" VIA_PROXY
           "Max-Forwards: 70\r\n" CALL("OPTIONS", "50", "") NO_BODY },
    { IN, "SIP/2.0 200 OK\r\n" VIA_PROXY CALL("OPTIONS", "50", TAG) ALLOW UA NO_BODY },
    { OUT,
      "NOTIFY sip:1001@198.51.100.23:5060 SIP/2.0\r\n" VIA_PROXY
      "Max-Forwards: 70\r\nEvent: message-summary\r\n"
      "Subscription-State: active;expires=3500\r\n" CALL(
          "NOTIFY", "51",
          TAG)
          "Content-Type: application/simple-message-summary\r\nContent-Length: 23\r\n\r\nMessages-Waiting: yes\r\n" },
    { IN, "SIP/2.0 200 OK\r\n" VIA_PROXY CALL("NOTIFY", "51", TAG) UA NO_BODY },
};
// clang-format on

enum { STEPS = sizeof(dialog) / sizeof(dialog[0]), SERIAL_DIGITS = 8 };

static void *
must(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

static void
append(struct corpus *c, unsigned number, size_t step)
{
    size_t length = strlen(dialog[step].text);
    char *to = memcpy(c->text + c->octets, dialog[step].text, length), digits[5];

    snprintf(digits, sizeof(digits), "%04u", number % 10000);
    for (size_t i = 0; i < length; i++) {
        if (memcmp(to + i, "####", 4) == 0) {
            memcpy(to + i, digits, 4);
        } else if (memcmp(to + i, "@@@@@@@@", SERIAL_DIGITS) == 0) {
            c->serials[c->serial_count++] = c->octets + i;
            i += SERIAL_DIGITS - 1;
        }
    }
    c->message[c->messages++] = (struct corpus_message){ span_of(to, length), dialog[step].direction };
    c->octets += length;
}

struct corpus
corpus_new(unsigned n)
{
    struct corpus c = { .messages = 0 };
    size_t octets = 16;

    for (size_t i = 0; i < STEPS; i++)
        octets += strlen(dialog[i].text);
    c.text = must(calloc(n, octets));
    c.message = must(calloc(n, STEPS * sizeof(*c.message)));
    c.serials = must(calloc(n, 4 * STEPS * sizeof(*c.serials)));
    for (unsigned i = 0; i < n; i++)
        for (size_t step = 0; step < STEPS; step++)
            append(&c, i, step);
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
