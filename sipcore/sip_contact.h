/* SPDX-License-Identifier: BSD-2-Clause */
/* The bindings that a response to REGISTER lists (RFC 3261 10.3 step 8, 20.10). No allocation, any thread. */
#ifndef SIPCORE_SIP_CONTACT_H
#define SIPCORE_SIP_CONTACT_H

#include "sipcore/lane_binding.h"
#include "sipcore/sip_message.h"

enum { SIP_CONTACT_NAME_MAX = 512 };

/* Where the reading of a message's Contact header fields stands. */
struct sip_contacts {
    struct span lines;    /* header lines not looked at yet */
    struct span list;     /* of the current Contact */
    uint32_t otherwise_s; /* for contacts without an expiry of their own */
    uint8_t name[SIP_CONTACT_NAME_MAX];
};

/* Begin with a message that was parsed; it must stay as it is meanwhile. */
void sip_contacts_start(struct sip_contacts *contacts, const struct sip_message *m);

/* Take the next contact of any Contact header field; false at the end. `contacts` is a struct sip_contacts: this is a
 * callback of lane_event_bindings(). out->name is valid until the next call, everything else points into the message.
 *
 * "*" and what cannot be read as an address is passed over. The display name is without quotes and escapes, a fold in
 * it is one space. The expiry is the contact's own, else the message's, else LANE_EXPIRES_UNKNOWN; a malformed one is
 * 3600 (RFC 3261 20.19). A q that is none by RFC 3261 25.1 is LANE_Q_NONE. All else, a GRUU's parameters (RFC 5627)
 * among it, is left out, unless it is a parameter of the URI. */
bool sip_contacts_next(void *contacts, struct lane_binding *out);

/* A qvalue of RFC 3261 25.1 in thousandths; LANE_Q_NONE when it is none. */
uint16_t sip_q_parse(struct span value);

#endif
