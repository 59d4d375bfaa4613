/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines of a SIP header: where each ends, folds included, and which field it is. No allocation, any
 * thread. */
#ifndef SIPCORE_SIP_HEADER_H
#define SIPCORE_SIP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/sip_text.h"
#include "sipcore/span.h"

/* The header fields that something here reads. All others are SIP_HEADER_OTHER. */
enum sip_header_id {
    SIP_HEADER_OTHER,
    SIP_HEADER_VIA,
    SIP_HEADER_FROM,
    SIP_HEADER_TO,
    SIP_HEADER_CALL_ID,
    SIP_HEADER_CSEQ,
    SIP_HEADER_CONTENT_LENGTH,
    SIP_HEADER_RSEQ,
    SIP_HEADER_PROXY_REQUIRE,
    SIP_HEADER_AUTHORIZATION,
    SIP_HEADER_PROXY_AUTHORIZATION,
    SIP_HEADER_WWW_AUTHENTICATE,
    SIP_HEADER_PROXY_AUTHENTICATE,
    SIP_HEADER_CONTACT,
    SIP_HEADER_EXPIRES,
    SIP_HEADER_REQUIRE,
    SIP_HEADER_SUPPORTED,
    SIP_HEADER_UNSUPPORTED,
    SIP_HEADER_ALLOW,
    SIP_HEADER_PRIVACY,
    SIP_HEADER_PATH,
    SIP_HEADER_COUNT
};

/* One header line. `value` is without white space at its ends but may have folds inside; empty for
 * SIP_HEADER_OTHER. */
struct sip_header {
    enum sip_header_id id;
    struct span value;
};

/* What sip_header_next() came to. */
enum sip_header_result {
    SIP_HEADER_READ, /* a line: *out is set */
    SIP_HEADER_END,  /* the empty line: `rest` is the body now */
    SIP_HEADER_CUT   /* the octets end before the empty line */
};

/* Take the next line off `rest`. Names in any case, long or compact, white space before the colon, lines
 * ended by CRLF or by LF alone, continued by lines that start with SP or HTAB (RFC 3261 7.3.1). A line
 * without a known name and a colon is SIP_HEADER_OTHER, whatever it is. */
enum sip_header_result sip_header_next(struct span *rest, struct sip_header *out);

/* The header fields of a message by kind. */
struct sip_headers {
    uint32_t present;  /* bit n: a field of enum sip_header_id n */
    uint32_t repeated; /* bit n: more than one of them */
    /* What follows the colon of the first of each kind, when its bit is set. */
    struct span raw[SIP_HEADER_COUNT];
};

/* True when there is such a field. */
static inline bool
sip_headers_have(const struct sip_headers *h, enum sip_header_id id)
{
    return (h->present >> id & 1) != 0;
}

/* The value of a field that is there, or its first one's, without white space at its ends. */
static inline struct span
sip_headers_value(const struct sip_headers *h, enum sip_header_id id)
{
    return sip_trim(h->raw[id]);
}

/* Take all lines off `rest` and note which fields there are. SIP_HEADER_END: `rest` is the body now; or
 * SIP_HEADER_CUT. */
enum sip_header_result sip_header_collect(struct span *rest, struct sip_headers *out);

#endif
