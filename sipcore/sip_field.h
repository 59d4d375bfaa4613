/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in SIP header fields: Via, CSeq, addresses, parameters, lists, URI schemes. Everything returned
 * points into the octets given. No allocation, any thread. White space and folds are allowed where RFC 3261
 * 25.1 has LWS, and in a few more places; what is only untidy is read, what is ambiguous is refused. */
#ifndef SIPCORE_SIP_FIELD_H
#define SIPCORE_SIP_FIELD_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/span.h"

/* A parameter: `;name=value`. The value is empty when there is none, and without its quotes when it had
 * them. */
struct sip_param {
    struct span name, value;
};

/* Read the parameter at or after *at and move *at behind it. False at the end of `s` or at a ','. Empty
 * parameters (";;") are skipped; whatever else stands between a value and the next ';' too. */
bool sip_param_next(struct span s, size_t *at, struct sip_param *out);

/* The value of the first parameter called `lower_name`; false when there is none. */
bool sip_param_find(struct span params, const char *lower_name, struct span *value);

/* A Via, as far as it tells a transaction (RFC 3261 17.1.3, 17.2.3, 20.42). */
struct sip_via {
    struct span transport; /* UDP, TCP ... as written */
    struct span host;      /* with the brackets of an IPv6 literal */
    uint16_t port;         /* 0: none written */
    struct span branch;    /* empty: none */
    bool is_unique; /* the branch tells the transaction by itself: it has the magic cookie, and something
                              behind it (RFC 3261 8.1.1.7) */
};

/* Read the first Via of a header field's value, which may list several. False when protocol, transport, host
 * or port cannot be read. Any protocol version will do. */
bool sip_via_parse(struct span value, struct sip_via *out);

/* name-addr or addr-spec with parameters, as in From, To, Contact, Route (RFC 3261 20.10). */
struct sip_address {
    struct span display; /* quotes included */
    struct span uri; /* without the angle brackets; without brackets it ends at the first ';' (RFC 3261 20) */
    struct span params; /* from the first ';' on */
};

/* False when it is empty, a quoted string does not end, or a '<' has no '>'. */
bool sip_address_parse(struct span value, struct sip_address *out);

/* The tag of From or To, empty when there is none; false as sip_address_parse(). */
bool sip_tag_parse(struct span value, struct span *tag);

/* Take the next element off a comma-separated list. Commas in quoted strings and angle brackets do not count;
 * empty elements are skipped. False at the end. */
bool sip_list_next(struct span *rest, struct span *item);

/* CSeq: a number below 2^31 and a method (RFC 3261 20.16, 8.1.1.5). */
bool sip_cseq_parse(struct span value, uint32_t *number, struct span *method);

/* True when an Authorization or Proxy-Authorization brings credentials. Digest without a response is none:
 * IMS phones send one to say who they are before they are asked (3GPP TS 24.229 5.1.1.2). */
bool sip_credentials_are_given(struct span value);

/* True when a challenge of a WWW-Authenticate or Proxy-Authenticate says stale=true: the nonce was too old, the
 * password may well be right (RFC 7616 3.3). */
bool sip_challenge_is_stale(struct span value);

/* True when a Privacy asks that who is calling is kept from others: id, user or header among its values (RFC 3323 4.2,
 * RFC 3325 9.3). They are separated by ';'; ',' is read, too. */
bool sip_privacy_is_wanted(struct span value);

/* The scheme of a URI, as written; false when there is none (RFC 3986 3.1). */
bool sip_uri_scheme(struct span uri, struct span *scheme);

#endif
