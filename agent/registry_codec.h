/* SPDX-License-Identifier: BSD-2-Clause */
/* How the registry's keys and values look. Keys are big-endian, so that their order in LMDB is the order of indexes;
 * values are host-endian and packed: they never leave the machine, and there are millions. Pure functions. */
#ifndef AGENT_REGISTRY_CODEC_H
#define AGENT_REGISTRY_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sipcore/lane.h"
#include "sipcore/lane_binding.h"
#include "sipcore/sip_uri.h"
#include "sipcore/siphash.h"
#include "sipcore/span.h"

enum {
    REGISTRY_USER_KEY_OCTETS = 8,      /* tree, user */
    REGISTRY_CONTACT_KEY_OCTETS = 12,  /* tree, user, contact */
    REGISTRY_DEADLINE_KEY_OCTETS = 20, /* time, tree, user, contact; contact 0: the user's failures */
    REGISTRY_NAME_KEY_OCTETS = 16,     /* a hash */
    REGISTRY_NAME_MAX = 255,           /* of a display name */
    REGISTRY_USER_MAX = 34 + SIP_AOR_MAX,
    REGISTRY_CONTACT_MAX = 41 + LANE_CONTACT_URI_MAX + REGISTRY_NAME_MAX
};

/* What a row is called. `tree` is an instance's as long as its users are not forgotten all together. */
struct registry_key {
    uint64_t time_ns;
    uint32_t tree, user, contact;
};

void registry_user_key(const struct registry_key *k, uint8_t out[REGISTRY_USER_KEY_OCTETS]);
void registry_contact_key(const struct registry_key *k, uint8_t out[REGISTRY_CONTACT_KEY_OCTETS]);
void registry_deadline_key(const struct registry_key *k, uint8_t out[REGISTRY_DEADLINE_KEY_OCTETS]);

/* What the octets of a key of any of the three kinds say; false when there are not as many as it has. */
bool registry_user_key_read(struct span key, struct registry_key *out);
bool registry_contact_key_read(struct span key, struct registry_key *out);
bool registry_deadline_key_read(struct span key, struct registry_key *out);

/* The key of a canonical address-of-record: 128 bits, keyed, so that nobody can make two the same. */
void registry_name_key(const struct siphash_key *secret, uint32_t tree, struct span aor,
                       uint8_t out[REGISTRY_NAME_KEY_OCTETS]);

/* What tells a binding of an outbound client whatever its URI (RFC 5626): a keyed hash of +sip.instance, in any case
 * of letters (it is a URN), and reg-id. 0 unless both are given. */
uint64_t registry_flow(const struct siphash_key *secret, const struct lane_binding *binding);

struct registry_user {
    uint64_t failures;       /* of authentication */
    uint64_t failure_end_ns; /* until when they keep the row; 0: not, any more */
    uint64_t discon_ns;
    uint32_t next_contact; /* index */
    uint8_t contacts;
    struct span aor; /* canonical */
};

struct registry_contact {
    uint64_t deadline_ns, updated_ns;
    int64_t expiry_unix_s;
    uint64_t flow; /* registry_flow() */
    uint16_t q_thousandths;
    struct span uri, name;
};

/* Encode; texts beyond LANE_CONTACT_URI_MAX, REGISTRY_NAME_MAX and SIP_AOR_MAX are cut. Returns the octets used. */
size_t registry_user_encode(const struct registry_user *u, uint8_t out[REGISTRY_USER_MAX]);
size_t registry_contact_encode(const struct registry_contact *c, uint8_t out[REGISTRY_CONTACT_MAX]);

/* Decode; spans point into `value`. False: damaged. */
bool registry_user_decode(struct span value, struct registry_user *out);
bool registry_contact_decode(struct span value, struct registry_contact *out);

#endif
