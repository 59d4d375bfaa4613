/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages in the manner of RFC 4475 (torture tests) and RFC 5118 (the same for IPv6): one and more for each of their
 * sections, each with the same point as the RFC's and otherwise our own, and with what it counts when the instance
 * receives it in a datagram. All may be given to one observer: no two are of the same transaction.
 *
 * The verdicts follow one rule (sipcore/observer.h): a message counts when what tells its transaction can be read
 * without guessing, whatever else the element will say about it (400, 416, 420, 501, 505 ...), since the answer then
 * belongs to a request that was counted. The others are discarded. */
#ifndef TESTS_UNIT_TORTURE_H
#define TESTS_UNIT_TORTURE_H

#include <stddef.h>

#include "sipcore/sip_message.h"

/* What the RFC says of the message. */
enum torture_verdict {
    TORTURE_VALID,
    TORTURE_INVALID,    /* by syntax, or by what it says of itself */
    TORTURE_UNSUPPORTED /* well formed, and asks for what nobody has: to be refused */
};

struct torture {
    const char *rfc, *section, *name; /* "4475", "3.1.1.1", "wsinv"; RFC 5118 names none */
    enum torture_verdict verdict;
    enum sip_fault fault; /* SIP_FAULT_NONE: it counts */
    const char *counts;   /* all of it, as scene_counts() tells it */
    const char *reason;   /* why it counts as that */
    const char *message;
    size_t length;
};

/* The tables, by section. */
struct torture_table {
    const struct torture *torture;
    size_t count;
};
extern const struct torture_table torture_valid;    /* RFC 4475 3.1.1 */
extern const struct torture_table torture_invalid;  /* 3.1.2 */
extern const struct torture_table torture_semantic; /* 3.2 to 3.4 */
extern const struct torture_table torture_ipv6;     /* RFC 5118 4 */

/* All of them in turn; NULL past the last. */
const struct torture *torture_get(size_t i);

/* ---- for the tables -------------------------------------------------------------------------------------------- */

/* The fields that a message is not about. `id` makes it a transaction of its own. */
#define T_VIA(id)         "Via: SIP/2.0/UDP rack.example.net;branch=z9hG4bK-" id "\r\n"
#define T_FROM            "From: \"Ines\" <sip:ines@example.net>;tag=ab12\r\n"
#define T_TO              "To: <sip:otto@example.org>\r\n"
#define T_CALL_ID(id)     "Call-ID: " id "@rack.example.net\r\n"
#define T_CSEQ(method)    "CSeq: 31 " method "\r\n"
#define T_MORE            "Max-Forwards: 68\r\nContact: <sip:ines@192.0.2.77>\r\n"
#define T_ALL(id, method) T_VIA(id) T_FROM T_TO T_CALL_ID(id) T_CSEQ(method) T_MORE
#define T_END             "Content-Length: 0\r\n\r\n"
#define T_10(text)        text text text text text text text text text text

/* What a new request, a request for a scheme that is not supported, and a response to nothing count; and what does not
 * count. */
#define T_REQUEST(method)         "in_requests=1 transactions_begun=1 " method ".in=1"
#define T_UNSUPPORTED_URI(method) "in_requests=1 transactions_begun=1 unsupported_uris=1 " method ".in=1"
#define T_RESPONSE(cell)          "in_responses=1 responses_unmatched=1 " cell ".in=1"
#define T_DISCARDED               "discarded=1"

#define T_CASE(rfc, section, name, verdict, fault, counts, reason, text)                                 \
    {                                                                                                    \
        rfc, section, name, TORTURE_##verdict, SIP_FAULT_##fault, counts, reason, text, sizeof(text) - 1 \
    }

#endif
