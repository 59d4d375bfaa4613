/* SPDX-License-Identifier: BSD-2-Clause */
/* A registered contact as it is handed about: what LANE_EVENT_BINDINGS carries of it. */
#ifndef SIPCORE_LANE_BINDING_H
#define SIPCORE_LANE_BINDING_H

#include <stdint.h>

#include "sipcore/span.h"

/* The meaning of each is that of struct lane_contact. Spans are borrowed. */
struct lane_binding {
    struct span uri;        /* without angle brackets, URI parameters (GRUU) included */
    struct span name;       /* display name, without its quotes */
    struct span instance;   /* +sip.instance (RFC 5626), without its quotes; empty: none */
    uint32_t expires_s;     /* LANE_EXPIRES_UNKNOWN */
    uint32_t reg_id;        /* 0: none */
    uint16_t q_thousandths; /* LANE_Q_NONE */
};

#endif
