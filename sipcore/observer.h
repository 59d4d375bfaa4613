/* SPDX-License-Identifier: BSD-2-Clause */
/* The observer: raw SIP messages in, counts and events out. Matches transactions (RFC 3261 17, both roles)
 * within one writer. One thread at a time; allocates only in observer_new().
 *
 * What is a message
 *   Empty datagrams, datagrams of CR, LF, SP, HTAB and NUL alone, and STUN (RFC 5389, told by its magic
 *   cookie) are keep-alives: LANE_KEEPALIVES. All else is SIP, or garbage. Garbage, and SIP that cannot be
 *   parsed, is LANE_DISCARDED when received and LANE_OUT_UNPARSABLE when sent, and counts nowhere else.
 *   SigComp (RFC 3486: a first octet from 0xf8, and all octets that its header in RFC 3320 7 or RFC 4077 3.1
 *   speaks of) is SIP for whom it is meant: LANE_SIGCOMP, in both directions, and nothing else. Who can
 *   decompress it hands over what comes out.
 *
 * What can be parsed
 *   A message counts when what counting needs can be read without guessing: the first line, the top Via,
 *   From, To, Call-ID, CSeq. These make it unparsable:
 *     - more than 65535 octets
 *     - no request line and no status line; a status code that is not three digits from 100 on
 *     - a header without the empty line behind it
 *     - Via, From, To, Call-ID or CSeq missing; a second From, To, Call-ID or CSeq
 *     - a Via without protocol, transport or host, or with a port that is no port
 *     - a From or To that is empty, opens a quote or a '<' and does not close it
 *     - a CSeq that is not a number below 2^31 and a method, or in a request another method than the first
 *       line's
 *     - in a response a second Content-Length, or one that is not a number, or more than there is; a request
 *       with such is answered 400 (RFC 3261 18.3), and counts
 *   Everything else is the stack's to judge (it will answer 400, 416, 505 ...) and the message counts as what
 *   it says it is, since its answer has to find it. RFC 4475, by section:
 *     - valid, counted: 3.1.1.1 to 3.1.1.13, 3.2.1 (its branch is no more than the cookie: matched as RFC
 *       2543), 3.3.2 to 3.3.7, 3.3.10 to 3.3.15, 3.4.1. 3.1.1.8: what follows Content-Length in a datagram is
 *       ignored. 3.3.2, 3.3.3: counted, and an unsupported URI
 *     - invalid, counted by its parsable part: 3.1.2.1 (empty Via parameters), 3.1.2.2, 3.1.2.3, 3.3.9
 *       (Content-Length, of requests), 3.1.2.7 to 3.1.2.15 (odd first lines, URIs, dates, display names),
 *       3.1.2.16 (SIP/7.0)
 *     - invalid, unparsable: 3.1.2.4, 3.1.2.5 (CSeq too large), 3.1.2.6 (open quote), 3.1.2.17, 3.1.2.18
 *       (CSeq of another method), 3.1.2.19 (status code), 3.3.1 (fields missing), 3.3.8 (fields repeated)
 *   RFC 5118: all counted; the invalid Request-URI of 4.2 is the stack's to judge, and Via parameters with
 *   IPv6 addresses are read with and without brackets.
 *   Status codes from 700 on count in the summary and in cells of their own, and touch no transaction.
 *
 * Which transaction (RFC 3261 17.1.3, 17.2.3)
 *   Requests received and responses sent are a server transaction's, requests sent and responses received a
 *   client's; the two roles never match each other, so a proxy that sends to itself has one of each. The key
 *   is the top Via's branch, the CSeq method, and for the server role sent-by (host in lower case, default
 *   port when there is none). Call-ID and CSeq number are part of it too: they are the same in all messages
 *   of a transaction, and there are proxies that forward statelessly with one fixed branch for everything.
 *   Without a cookie in the branch (RFC 2543): top Via (sent-by and branch), Call-ID, CSeq number and method,
 *   From tag, in both roles. The RFC compares Request-URI and To tag as well; responses carry neither the URI
 *   nor the request's To tag. What is lost: a copy of the same request that comes back through the same
 *   neighbour with another Request-URI (a spiral) is taken for a retransmission.
 *   An ACK with the key of an INVITE that was answered 300 to 699, or not yet, belongs to that INVITE; the
 *   first one is new, more are retransmissions. Any other ACK is a transaction of its own, begun and ended at
 *   once, whose key has the tags of From and To too, since one INVITE may have several 2xx.
 *   A response that finds no transaction is LANE_TRANS_UNMATCHED. A received one is remembered for 5 s all
 *   the same: a mirror of a server with several processes may show an answer before the request, which then
 *   finds it.
 *
 * How long
 *   Open until the first final response; 64*T1 without any response (timers B, F; server transactions the
 *   same); for INVITE, timer C from the first provisional response on and again from each one above 100. When
 *   that is over the transaction ends, timed out.
 *   What has ended is remembered so that repetitions are known: 64*T1 (timers D, H, J, L, M; the client's K
 *   is shorter but duplicates take as long), but for a request over a reliable transport 5 s, unless it was
 *   an INVITE or the ACK to its 2xx: the ACK may come late and the 2xx again over any transport. Afterwards a
 *   late message is new or unmatched. One that timed out is remembered from then, not from when that was
 *   noticed. A full table forgets what has ended, longest ago first (LANE_TRANS_MEMORY_EVICTED), then what is
 *   open (LANE_TRANS_EVICTED, LANE_TRANS_ENDED).
 *
 * Retransmissions
 *   A request whose key is known is one. A response is one when its transaction had a response with the same
 *   status code, To tag and RSeq: the last three different ones are remembered.
 *
 * What is recorded
 *   A response whose status code is wanted, each time it crosses the wire. It is private when it, or the
 *   request of its transaction as far as it was seen by then, asks for that: id, user or header in any
 *   Privacy (RFC 3323, 3325).
 *   When registrations are wanted:
 *     - the bindings in the first final response to a REGISTER, if that is a 2xx and sent: it lists them all,
 *       of the URI of To. One whose request was not seen is recorded, too, since it says the same
 *     - a failed authentication: the first final response sent to a REGISTER is 401 and there was an
 *       Authorization, or 407 and a Proxy-Authorization, or 403 and either, and no challenge says stale=true
 *
 * What is noted
 *   The option tags of Require, Proxy-Require, Supported and Unsupported, in lower case, and the methods of
 *   Allow, in all messages sent: lane_word(). Values that were sent lately are remembered and cost a
 *   comparison; of one message about 256 words are read, and that there were more is LANE_WORDS_FOLDED.
 *
 * Time
 *   The caller's clock moves an own one, forwards only: by the difference from call to call, at most 600 s at
 *   once. Up to 5 s backwards is reordering and changes nothing; more is a new epoch, and takes no time. */
#ifndef SIPCORE_OBSERVER_H
#define SIPCORE_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/err.h"
#include "sipcore/lane_writer.h"
#include "sipcore/sipstat.h"
#include "sipcore/span.h"

struct observer;

struct observer_options {
    uint32_t max_transactions; /* bound of the table, 1 to 16777216 */
    uint32_t t1_ms;      /* 0: 500. Timers B, F, H, J are 64 times this (RFC 3261 table 4); at most 1000000 */
    uint32_t timer_c_ms; /* 0: 180000 and a bit, RFC 3261 16.6 step 11; at most 1000000000 */
    /* Supported Request-URI schemes, NULL-terminated, at most 16 of at most 31 octets, in any case; copied.
     * NULL: sip, sips, tel, urn (RFC 5031), im and pres (RFC 3861). */
    const char *const *uri_schemes;
    uint8_t hash_key[16]; /* random: so that a peer cannot choose colliding branches */
};

/* NULL and `e` set when there is no memory or an option is out of range. The table is reserved at once and
 * touched only as it fills: 64 octets a transaction, and 33 KiB besides. */
struct observer *observer_new(const struct observer_options *options, struct err *e);
void observer_free(struct observer *o);

/* Count one message on `w` (attached). `now_ns`: see sipstat_observe(), never 0 here; events get it as their
 * time. */
enum sipstat_observed observer_message(struct observer *o, struct lane_writer *w,
                                       enum sipstat_direction direction, struct span message,
                                       enum sipstat_transport transport, uint64_t now_ns);

/* Let time pass: end what waited too long, forget what is over. Bounded work per call. */
void observer_tick(struct observer *o, struct lane_writer *w, uint64_t now_ns);

/* Transactions held now: awaiting a final response, and all that are remembered. For tests and the viewer. */
uint32_t observer_open(const struct observer *o);
uint32_t observer_remembered(const struct observer *o);

#endif
