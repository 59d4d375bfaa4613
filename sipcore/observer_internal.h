/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the observer share. */
#ifndef SIPCORE_OBSERVER_INTERNAL_H
#define SIPCORE_OBSERVER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/lane_writer.h"
#include "sipcore/observer.h"
#include "sipcore/sip_message.h"
#include "sipcore/siphash.h"
#include "sipcore/trans.h"

enum { OBSERVER_SCHEMES = 16, OBSERVER_SCHEME_OCTETS = 32 };

/* Header field values with option tags or methods that were sent lately: what is in them is known. A set holds values
 * of one hash, the latest of each in place of the oldest. */
enum { OBSERVER_VALUE_SETS = 64, OBSERVER_VALUE_WAYS = 2, OBSERVER_VALUE_OCTETS = 256 };

struct observer_value {
    uint64_t mark; /* hash of field, length and some octets; 0: free */
    uint16_t length;
    uint16_t field; /* enum sip_header_id */
    uint8_t octets[OBSERVER_VALUE_OCTETS];
};

struct observer_values {
    uint8_t next[OBSERVER_VALUE_SETS]; /* which way of each set is replaced next */
    struct observer_value way[OBSERVER_VALUE_SETS][OBSERVER_VALUE_WAYS];
};

struct observer {
    struct trans_table table;
    struct siphash_key hash_key;
    bool clock_started;
    uint64_t clock_last_ns; /* the caller's */
    uint64_t clock_ns;      /* ours: starts at 0 and never runs backwards */
    uint32_t now_ms;        /* ours, for the table; wraps */
    unsigned schemes;
    char scheme[OBSERVER_SCHEMES][OBSERVER_SCHEME_OCTETS]; /* lower case, terminated */
    struct observer_values values;
};

/* One message on its way through. */
struct observation {
    struct observer *o;
    struct lane_writer *w;
    const struct sip_message *m;
    bool is_out;
    bool is_reliable;     /* transport */
    unsigned method;      /* as the lane numbers it */
    struct trans_key key; /* its transaction's; for an ACK its INVITE's */
    uint64_t now_ns;      /* the caller's clock */
};

/* Count a request, a response. */
enum sipstat_observed observer_request(const struct observation *a);
enum sipstat_observed observer_response(const struct observation *a);

/* The header fields that observer_words() looks at. */
#define OBSERVER_WORD_FIELDS                                                                  \
    (1u << SIP_HEADER_REQUIRE | 1u << SIP_HEADER_PROXY_REQUIRE | 1u << SIP_HEADER_SUPPORTED | \
     1u << SIP_HEADER_UNSUPPORTED | 1u << SIP_HEADER_ALLOW)

/* Note the option tags and methods that a message names, which the instance sends. */
void observer_words(const struct observation *a);

/* Record all bindings that a 2xx to REGISTER lists. */
void observer_bindings(const struct observation *a);

/* Record the authentication failure when it is one: `x` is the transaction of a REGISTER, the message its first final
 * response. */
void observer_auth_failure(const struct observation *a, const struct trans *x);

/* True when any Privacy of the message asks that who is calling is kept from others. */
bool observer_is_private(const struct sip_message *m);

/* End an open transaction whose time is up. It is remembered for a while; NULL when that is over, too. */
struct trans *observer_time_out(struct observer *o, struct lane_writer *w, struct trans *x);

#endif
