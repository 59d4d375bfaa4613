/* SPDX-License-Identifier: BSD-2-Clause */
/* What makes two SIP messages one transaction, as a hash. The rules are in sipcore/observer.h. */
#ifndef SIPCORE_OBSERVER_KEY_H
#define SIPCORE_OBSERVER_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/sip_message.h"
#include "sipcore/siphash.h"
#include "sipcore/trans.h"

/* Whose transaction, and for an ACK which. */
enum observer_key_kind {
    OBSERVER_KEY_SERVER = 0,
    OBSERVER_KEY_CLIENT = 1,
    OBSERVER_KEY_ROLE = 1, /* the bit that tells them apart */
    OBSERVER_KEY_ACK = 2   /* flag: of an ACK that is its own transaction */
};

/* The key of the transaction that `m` belongs to, as if its method were `method` (IANA's number, or
 * METHOD_IANA_COUNT and above for the name in m->method). Pure. */
void observer_key_make(const struct siphash_key *hash_key, const struct sip_message *m, unsigned kind,
                       unsigned method, struct trans_key *out);

/* A mark of the response `m`, never 0: status code, To tag and RSeq. Pure. */
uint32_t observer_key_mark(const struct siphash_key *hash_key, const struct sip_message *m);

#endif
