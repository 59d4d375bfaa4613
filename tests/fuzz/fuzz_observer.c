/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of messages, in any direction, at any time, over a table of any size: whatever comes, every
 * message counts exactly once, and the gauges agree with the table. Registrations and every second status code
 * are recorded.
 *
 * The first octet bounds the table. Then steps of an octet each: bit 0 the direction, bits 1-2 the transport,
 * bits 3-5 the time that passes, bits 6-7 what comes: octets as they are (two of length, then they), or else
 * a message made from three octets: method and kind, branch and tags, status code and sequence number. */
#include <stdio.h>
#include <stdlib.h>

#include "sipcore/observer.h"
#include "tests/unit/lane_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const methods[16] = { "INVITE",   "ACK",     "CANCEL", "BYE",   "REGISTER", "OPTIONS",
                                         "INVITE",   "ACK",     "PRACK",  "NEW",   "NEWER",    "NOTIFY",
                                         "REGISTER", "MESSAGE", "ACK",    "INVITE" };
static const unsigned codes[16] = { 100, 180, 183, 200, 202, 302, 401, 403,
                                    405, 407, 416, 420, 486, 501, 603, 799 };
static const char *const branches[8] = { "z9hG4bK1", "z9hG4bK2", "z9hG4bK3", "z9hG4bK",
                                         "old",      "",         "z9hG4bK1", "Z9HG4BK1" };
static const char *const tags[4] = { "", ";tag=x", ";tag=y", ";tag=" };
static const char all_lists[] =
    "Contact: \"x\\\"y\" <sip:c@h>;q=0.5;expires=60;+sip.instance=\"<urn:uuid:1>\";reg-id=1, <sip:d@h>\r\n"
    "m: *, sip:e\r\nSupported: a, B,c\r\nRequire: a\r\nk: d\r\nAllow: INVITE,NEW\r\n"
    "WWW-Authenticate: Digest nonce=\"1\",stale=TRUE\r\n";
static const uint64_t steps_ns[8] = { 0, 1, 100000000, 5000000000, 32000000000, 181000000000, UINT64_MAX / 3,
                                      0 };

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* Sums over the lane: each request is new or a retransmission, each response has a cell. */
static void
check(struct observer *o, const struct lane_fixture *lane, uint64_t messages, uint32_t max)
{
    const _Atomic uint64_t *c = lane->live.counters;
    uint64_t in = 0, out = 0, responses = 0;

    for (unsigned m = 0; m < LANE_METHODS; m++) {
        in += lane->methods[m][LANE_METHOD_IN] + lane->methods[m][LANE_METHOD_IN_RETRANSMITTED];
        out += lane->methods[m][LANE_METHOD_OUT] + lane->methods[m][LANE_METHOD_OUT_RETRANSMITTED];
    }
    for (unsigned i = 0; i < lane->live.cells; i++)
        responses += lane->cells[i].in + lane->cells[i].out;
    must(in == c[LANE_IN_REQUESTS] && out == c[LANE_OUT_REQUESTS]);
    must(responses == c[LANE_IN_RESPONSES] + c[LANE_OUT_RESPONSES]);
    must(messages == in + out + responses + c[LANE_DISCARDED] + c[LANE_OUT_UNPARSABLE] + c[LANE_KEEPALIVES] +
                         c[LANE_SIGCOMP]);
    must(c[LANE_TRANS_BEGUN] - c[LANE_TRANS_ENDED] == observer_open(o));
    must(observer_open(o) <= observer_remembered(o) && observer_remembered(o) <= max);
    must(c[LANE_TRANS_TIMED_OUT] + c[LANE_TRANS_EVICTED] <= c[LANE_TRANS_ENDED]);
    must(lane->live.words <= LANE_WORDS);
    must(c[LANE_REGISTER_ACCEPTED] + c[LANE_REGISTER_REJECTED] <= c[LANE_OUT_RESPONSES]);
}

/* A message from three octets; the text is valid until the next. */
static struct span
made(const uint8_t octets[3])
{
    static char text[1024];
    const char *method = methods[octets[0] & 15],
               *extra = (octets[0] & 32) != 0 ? "Authorization: Digest response=x\r\nPrivacy: id\r\n" : "";
    const char *lists = (octets[0] & 128) != 0 ? all_lists : "";
    const char *scheme = (octets[0] & 64) != 0 ? "http" : "sip";
    char first[64];
    int length;

    if ((octets[0] & 16) != 0)
        snprintf(first, sizeof(first), "SIP/2.0 %u x", codes[octets[2] & 15]);
    else
        snprintf(first, sizeof(first), "%s %s:b SIP/2.0", method, scheme);
    length =
        snprintf(text, sizeof(text),
                 "%s\r\nVia: SIP/2.0/UDP h;branch=%s\r\nFrom: <sip:a>%s\r\nTo: <sip:b>%s\r\nCall-ID: %u\r\n"
                 "CSeq: %u %s\r\nRSeq: %u\r\n%s%s\r\n",
                 first, branches[octets[1] & 7], tags[octets[1] >> 3 & 3], tags[octets[1] >> 5 & 3],
                 octets[1] >> 7, octets[2] >> 4 & 3, method, octets[2] >> 6, extra, lists);
    return span_of(text, (size_t)length);
}

/* Take what the step's message is off the input. */
static bool
take_message(struct span *in, uint8_t control, struct span *message)
{
    uint16_t length;

    if ((control & 0xc0) == 0)
        return span_take_u16(in, &length) && span_take(in, length, message);
    if (!span_take(in, 3, message))
        return false;
    *message = made(message->data);
    return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum sipstat_transport transports[4] = { SIPSTAT_UDP, SIPSTAT_TCP, SIPSTAT_TRANSPORT_OTHER,
                                                          SIPSTAT_WSS };
    struct observer_options options = { .hash_key = "0123456789abcde" };
    struct span in = span_of(data, size), message;
    struct lane_writer w;
    struct lane_fixture *lane;
    struct observer *o;
    uint64_t now_ns = 1, messages = 0;
    uint8_t control;

    if (!span_take_u8(&in, &control))
        return 0;
    options.max_transactions = 1 + control % 32;
    o = observer_new(&options, NULL);
    lane = lane_fixture_new(&w);
    must(o != NULL && lane != NULL);
    memset(lane->interest.codes, 0x55, sizeof(lane->interest.codes));
    lane->interest.flags = LANE_WANT_REGISTRATIONS;
    while (span_take_u8(&in, &control)) {
        unsigned step = control >> 3 & 7;

        now_ns += step == 7 ? -(now_ns / 2) : steps_ns[step];
        if (!take_message(&in, control, &message))
            break;
        observer_message(o, &w, (enum sipstat_direction)(control & 1), message, transports[control >> 1 & 3],
                         now_ns);
        if (++messages % 16 == 0)
            check(o, lane, messages, options.max_transactions);
    }
    /* The clock may wrap here once, which takes no time. */
    observer_tick(o, &w, now_ns += 300000000000);
    observer_tick(o, &w, now_ns += 300000000000);
    check(o, lane, messages, options.max_transactions);
    must(observer_open(o) == 0);
    observer_free(o);
    free(lane);
    return 0;
}
