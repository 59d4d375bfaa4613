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

struct observer {
    struct trans_table table;
    struct siphash_key hash_key;
    bool clock_started;
    uint64_t clock_last_ns; /* the caller's */
    uint64_t clock_ns;      /* ours: starts at 0 and never runs backwards */
    uint32_t now_ms;        /* ours, for the table; wraps */
    unsigned schemes;
    char scheme[OBSERVER_SCHEMES][OBSERVER_SCHEME_OCTETS]; /* lower case, terminated */
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

/* End an open transaction whose time is up. It is remembered for a while; NULL when that is over, too. */
struct trans *observer_time_out(struct observer *o, struct lane_writer *w, struct trans *x);

#endif
