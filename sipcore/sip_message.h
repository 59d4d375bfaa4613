/* SPDX-License-Identifier: BSD-2-Clause */
/* One SIP message, as far as counting needs it. Everything points into the octets given: no allocation, any
 * thread. */
#ifndef SIPCORE_SIP_MESSAGE_H
#define SIPCORE_SIP_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/sip_field.h"
#include "sipcore/sip_header.h"
#include "sipcore/span.h"

/* A longer message cannot be counted; also the most that UDP carries. */
#define SIP_MESSAGE_MAX 65535u

/* Why a message cannot be counted. The rules, and which message of RFC 4475 meets which, are in
 * sipcore/observer.h. */
enum sip_fault {
    SIP_FAULT_NONE,
    SIP_FAULT_TOO_LONG,
    SIP_FAULT_START_LINE, /* neither a request line nor a status line */
    SIP_FAULT_CUT,        /* the header does not end in an empty line */
    SIP_FAULT_REPEATED,   /* two From, To, Call-ID or CSeq, or in a response Content-Length */
    SIP_FAULT_VIA,        /* the top one missing or unreadable; likewise below */
    SIP_FAULT_FROM,
    SIP_FAULT_TO,
    SIP_FAULT_CALL_ID,
    SIP_FAULT_CSEQ,
    SIP_FAULT_CSEQ_METHOD,    /* a request whose CSeq names another method than its first line */
    SIP_FAULT_CONTENT_LENGTH, /* of a response: not a number, or more than there is */
    SIP_FAULTS
};

/* The first line (RFC 3261 7.1, 7.2). Any version number will do: what is not 2.0 is answered 505, so it
 * counts. */
struct sip_start_line {
    bool is_request;
    uint16_t code;      /* responses: 100 to 999 */
    struct span method; /* requests */
    struct span uri;    /* requests: as written between method and version */
};

/* A message that can be counted. */
struct sip_message {
    struct sip_start_line start;
    struct span method; /* from CSeq; a request's is the same in the first line */
    uint32_t cseq;
    uint32_t rseq; /* RFC 3262; 0: none, or unreadable */
    struct sip_via via;
    struct span from_tag, to_tag; /* empty: none */
    struct span call_id;
    struct span headers;       /* from the first header line on, for sip_header_next() */
    struct span body;          /* as long as Content-Length says, if it can be, else all the rest */
    struct sip_headers fields; /* the first of each kind */
};

/* Parse a whole message as a datagram carries it: line ends in front are skipped (RFC 3261 7.5), octets
 * behind Content-Length are ignored (18.3). One pass over the header; the body is not looked at. *m is
 * undefined after a fault. */
enum sip_fault sip_message_parse(struct span octets, struct sip_message *m);

/* The same in two steps, for who can use the time between them to fetch memory. First all that tells a
 * transaction: the first line, Via, Call-ID, CSeq; then the rest: From, To, RSeq, Content-Length. */
enum sip_fault sip_message_parse_key(struct span octets, struct sip_message *m);
enum sip_fault sip_message_parse_rest(struct sip_message *m);

/* Parse the first line, without its line end. */
bool sip_start_line_parse(struct span line, struct sip_start_line *out);

#endif
