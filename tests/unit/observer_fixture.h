/* SPDX-License-Identifier: BSD-2-Clause */
/* An observer on a lane in memory, with a clock of its own, and messages to feed it. A test plays a scene and
 * compares everything that was counted, as one line of text. */
#ifndef TESTS_UNIT_OBSERVER_FIXTURE_H
#define TESTS_UNIT_OBSERVER_FIXTURE_H

#include "sipcore/observer.h"
#include "tests/unit/lane_fixture.h"

/* A request, and a response, with everything a transaction is told by. All arguments are string literals, so
 * that a scene reads as it is spoken; `more` is further header lines, each with its line end, or "". */
#define REQUEST_TO(uri, method, branch, cseq, to_tag, more)             \
    method " " uri " SIP/2.0\r\n"                                       \
           "Via: SIP/2.0/UDP ua.example.com:5060;branch=" branch "\r\n" \
           "From: \"Alice\" <sip:alice@example.com>;tag=a1\r\n"         \
           "To: <sip:bob@example.net>" to_tag "\r\n"                    \
           "Call-ID: 7f3a@ua.example.com\r\n"                           \
           "CSeq: " cseq " " method "\r\n" more "Content-Length: 0\r\n\r\n"
#define REQUEST(method, branch, cseq, more) REQUEST_TO("sip:bob@example.net", method, branch, cseq, "", more)
#define RESPONSE(code, method, branch, cseq, to_tag, more)                          \
    "SIP/2.0 " code " Whatever\r\n"                                                 \
    "Via: SIP/2.0/UDP ua.example.com:5060;branch=" branch ";received=192.0.2.7\r\n" \
    "From: \"Alice\" <sip:alice@example.com>;tag=a1\r\n"                            \
    "To: <sip:bob@example.net>" to_tag "\r\n"                                       \
    "Call-ID: 7f3a@ua.example.com\r\n"                                              \
    "CSeq: " cseq " " method "\r\n" more "Content-Length: 0\r\n\r\n"

/* A branch with the magic cookie. */
#define B(text) "z9hG4bK" text

/* An observer and what it counts on. */
struct scene {
    struct lane_writer w;
    struct lane_fixture *lane;
    struct observer *o;
    enum sipstat_transport transport;
    uint64_t now_ns;
    uint64_t ring_position; /* of the first event not told yet */
    char text[4096];
    char events[8192];
};

/* Set up with a table of `max_transactions`, UDP, default timers. Aborts when there is no memory. */
void scene_init(struct scene *s, uint32_t max_transactions);
void scene_init_with(struct scene *s, const struct observer_options *options);
void scene_fini(struct scene *s);

/* The instance receives, sends a message. */
enum sipstat_observed scene_in(struct scene *s, const char *message);
enum sipstat_observed scene_out(struct scene *s, const char *message);

/* Let time pass, with one tick at its end. */
void scene_wait(struct scene *s, uint64_t ms);

/* All that was counted and is not 0, in a fixed order: scalars by their names in lane.h, then METHOD.counter,
 * then METHOD/code.direction. Valid until the next call. */
const char *scene_counts(struct scene *s);

/* The events recorded since the last call, each ended with a newline, and "" when there are none. Valid until the next
 * call. At most what the ring holds. For instance:
 *   status out INVITE/486 7 <sip:bob@example.net>;tag=b
 *   auth_failed 401 sip:bob@example.net
 *   bindings sip:bob@example.net [sip:bob@192.0.2.1 expires=60 q=700 name=Bob instance=<urn:uuid:1> reg-id=1]
 * A status that is private says so at its end, bindings that go on in the next record say "more". */
const char *scene_events(struct scene *s);

/* Ask for responses with this status code, for registrations. */
void scene_want_code(struct scene *s, unsigned code);
void scene_want_registrations(struct scene *s);

/* All option tags and methods noted, "tag:uses" each, the uses as a sum of LANE_WORD_* in hexadecimal, with a space
 * between them, in the order in which they came. Shares its memory with scene_counts(). */
const char *scene_words(struct scene *s);

/* One scalar. */
uint64_t scene_counter(const struct scene *s, enum lane_counter counter);

#endif
