/* SPDX-License-Identifier: BSD-2-Clause */
/* Any sequence of messages, in any direction, at any time, over a table of any size: whatever comes, every message
 * counts exactly once, no count falls, and the gauges agree with the table. Registrations and every second status code
 * are recorded. Two more observers see the same: one with another hash key, which leaves the same lane, as many events
 * included (but LANE_WORDS_FOLDED, which counts what is read, and what is remembered is not read again); and one that
 * is told the time before each message, which counts the same as long as no table was full.
 *
 * The first octet bounds the table. Then steps of an octet each: bit 0 the direction, bits 1-2 the transport, bits 3-5
 * the time that passes, bits 6-7 what comes: 0, octets as they are (two of length, then they); 1, a message made from
 * three octets: method and kind, branch and tags, status code and sequence number; 2, the same with two more for a
 * place in it and one to put there; 3, what came before. */
#include <stdio.h>
#include <stdlib.h>

#include "sipcore/observer.h"
#include "tests/unit/lane_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MADE_MAX = 1024, MESSAGES_MAX = 128 /* of a sequence: four times what the largest table holds */ };

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

enum { USUAL, OTHER_KEY, TICKED, WATCHERS };

/* An observer, and what it counts on; the lane is used again. */
struct watcher {
    struct observer *o;
    struct lane_writer w;
    struct lane_fixture *lane;
};

static void
watcher_init(struct watcher *a, uint32_t max_transactions, bool other_key)
{
    struct observer_options options = { .max_transactions = max_transactions, .hash_key = "0123456789abcde" };

    options.hash_key[0] ^= other_key;
    a->o = observer_new(&options, NULL);
    if (a->lane != NULL)
        lane_fixture_reset(a->lane, &a->w);
    else
        a->lane = lane_fixture_new(&a->w);
    must(a->o != NULL && a->lane != NULL);
    memset(a->lane->interest.codes, 0x55, sizeof(a->lane->interest.codes));
    a->lane->interest.flags = LANE_WANT_REGISTRATIONS;
}

/* Sums over the lane: each request is new or a retransmission, each response has a cell. */
static void
check_sums(const struct watcher *a, uint64_t messages, uint32_t max)
{
    const struct lane_fixture *lane = a->lane;
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
    must(c[LANE_TRANS_BEGUN] - c[LANE_TRANS_ENDED] == observer_open(a->o));
    must(observer_open(a->o) <= observer_remembered(a->o) && observer_remembered(a->o) <= max);
    must(c[LANE_TRANS_TIMED_OUT] + c[LANE_TRANS_EVICTED] <= c[LANE_TRANS_ENDED]);
    must(lane->live.words <= LANE_WORDS);
    must(c[LANE_REGISTER_ACCEPTED] + c[LANE_REGISTER_REJECTED] <= c[LANE_OUT_RESPONSES]);
}

/* What a lane counted: the first part of it. */
struct counts {
    struct lane_live live;
    _Atomic uint64_t methods[LANE_METHODS][LANE_METHOD_COUNTERS];
    struct lane_cell cells[LANE_CELLS]; /* as many as are in use */
};

_Static_assert(offsetof(struct counts, cells) == offsetof(struct lane_fixture, cells), "the first part");

static void
check_method_rising(const _Atomic uint64_t *now, const _Atomic uint64_t *before)
{
    for (unsigned i = 0; i < LANE_METHOD_COUNTERS; i++)
        must(now[i] >= before[i]);
}

/* No counter is less than it was when this was last asked. */
static void
check_rising(const struct lane_fixture *lane, struct counts *before)
{
    size_t octets = offsetof(struct counts, cells) + lane->live.cells * sizeof(before->cells[0]);

    for (unsigned i = 0; i < LANE_COUNTERS_USED; i++)
        must(lane->live.counters[i] >= before->live.counters[i]);
    for (unsigned m = 0; m < lane->live.methods; m++)
        check_method_rising(lane->methods[m], before->methods[m]);
    check_method_rising(lane->methods[METHOD_OTHER], before->methods[METHOD_OTHER]);
    for (unsigned i = 0; i < before->live.cells; i++)
        must(lane->cells[i].key == before->cells[i].key && lane->cells[i].in >= before->cells[i].in &&
             lane->cells[i].out >= before->cells[i].out);
    must(lane->live.cells >= before->live.cells && lane->live.words >= before->live.words);
    memcpy(before, lane, octets);
}

static void
check_same(const struct watcher a[WATCHERS])
{
    struct lane_fixture *usual = a[USUAL].lane, *other = a[OTHER_KEY].lane, *ticked = a[TICKED].lane;
    _Atomic uint64_t *folded = &usual->live.counters[LANE_WORDS_FOLDED];

    must((*folded == 0) == (other->live.counters[LANE_WORDS_FOLDED] == 0));
    other->live.counters[LANE_WORDS_FOLDED] = *folded;
    must(memcmp(usual, other, offsetof(struct lane_fixture, ring_data)) == 0); /* which has times */
    if (usual->live.counters[LANE_TRANS_EVICTED] + usual->live.counters[LANE_TRANS_MEMORY_EVICTED] > 0)
        return;
    must(memcmp(usual->live.counters, ticked->live.counters, sizeof(usual->live.counters)) == 0);
    must(memcmp(usual->methods, ticked->methods, sizeof(usual->methods)) == 0);
    must(memcmp(usual->cells, ticked->cells, sizeof(usual->cells)) == 0);
}

/* A message from three octets; the text is valid until the next. */
static size_t
made(const uint8_t octets[3], char text[MADE_MAX])
{
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
        snprintf(text, MADE_MAX,
                 "%s\r\nVia: SIP/2.0/UDP h;branch=%s\r\nFrom: <sip:a>%s\r\nTo: <sip:b>%s\r\nCall-ID: %u\r\n"
                 "CSeq: %u %s\r\nRSeq: %u\r\n%s%s\r\n",
                 first, branches[octets[1] & 7], tags[octets[1] >> 3 & 3], tags[octets[1] >> 5 & 3],
                 octets[1] >> 7, octets[2] >> 4 & 3, method, octets[2] >> 6, extra, lists);
    return (size_t)length;
}

/* Take what the step's message is off the input; it is valid until the next. */
static bool
take_message(struct span *in, uint8_t control, struct span *message)
{
    static char text[MADE_MAX];
    struct span octets;
    size_t made_length;
    uint16_t length, place;
    uint8_t octet;

    if ((control & 0xc0) == 0xc0)
        return true;
    if ((control & 0xc0) == 0)
        return span_take_u16(in, &length) && span_take(in, length, message);
    if (!span_take(in, 3, &octets))
        return false;
    made_length = made(octets.data, text);
    *message = span_of(text, made_length);
    if ((control & 0xc0) == 0x80 && span_take_u16(in, &place) && span_take_u8(in, &octet))
        text[place % made_length] = (char)octet;
    return true;
}

static void
show(struct watcher a[WATCHERS], uint8_t control, struct span message, uint64_t now_ns)
{
    static const enum sipstat_transport transports[4] = { SIPSTAT_UDP, SIPSTAT_TCP, SIPSTAT_TRANSPORT_OTHER,
                                                          SIPSTAT_WSS };
    enum sipstat_observed observed[WATCHERS];

    observer_tick(a[TICKED].o, &a[TICKED].w, now_ns);
    for (int i = 0; i < WATCHERS; i++)
        observed[i] = observer_message(a[i].o, &a[i].w, (enum sipstat_direction)(control & 1), message,
                                       transports[control >> 1 & 3], now_ns);
    must(observed[USUAL] == observed[OTHER_KEY]);
}

/* All is over some time after the last message. */
static void
finish(struct watcher a[WATCHERS], uint64_t now_ns)
{
    for (int i = 0; i < WATCHERS; i++) {
        /* The clock may wrap here once, which takes no time. */
        observer_tick(a[i].o, &a[i].w, now_ns + 300000000000);
        observer_tick(a[i].o, &a[i].w, now_ns + 600000000000);
        must(observer_open(a[i].o) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct counts before;
    struct span in = span_of(data, size), message = span_of(NULL, 0);
    static struct watcher a[WATCHERS];
    uint64_t now_ns = 1, messages = 0;
    uint32_t max;
    uint8_t control;

    if (!span_take_u8(&in, &control))
        return 0;
    max = 1 + control % 32;
    for (int i = 0; i < WATCHERS; i++)
        watcher_init(&a[i], max, i == OTHER_KEY);
    memset(&before, 0, offsetof(struct counts, cells));
    while (messages < MESSAGES_MAX && span_take_u8(&in, &control)) {
        unsigned step = control >> 3 & 7;

        now_ns += step == 7 ? -(now_ns / 2) : steps_ns[step];
        now_ns += now_ns == 0; /* which would ask for the clock */
        if (!take_message(&in, control, &message))
            break;
        show(a, control, message, now_ns);
        if (++messages % 16 == 0) {
            check_sums(&a[USUAL], messages, max);
            check_rising(a[USUAL].lane, &before);
        }
    }
    finish(a, now_ns);
    for (int i = 0; i < WATCHERS; i++)
        check_sums(&a[i], messages, max);
    check_rising(a[USUAL].lane, &before);
    check_same(a);
    for (int i = 0; i < WATCHERS; i++)
        observer_free(a[i].o);
    return 0;
}
