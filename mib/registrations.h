/* SPDX-License-Identifier: BSD-2-Clause */
/* Registered users and their contacts, as the tables of SIP-SERVER-MIB see them. There may be millions, so
 * they are not in the snapshot: whoever holds them answers "the first at or behind this index", by key. */
#ifndef MIB_REGISTRATIONS_H
#define MIB_REGISTRATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/span.h"

/* Spans live until the next question of the same view, or as long as the view. Times as in snapshot.h. */
struct snap_user {
    uint32_t appl_index;
    uint32_t index; /* sipServerRegUserIndex, from 1 */
    struct span uri;
    uint64_t auth_failures;
    uint64_t discon_ns;
};

struct snap_contact {
    uint32_t appl_index;
    uint32_t user;  /* sipServerRegUserIndex */
    uint32_t index; /* sipServerRegContactIndex, from 1 */
    struct span display_name, uri;
    uint64_t updated_ns;
    int64_t expiry_unix_s;
    uint16_t q_thousandths; /* 0 to 1000; LANE_Q_NONE: none given */
};

/* One request's access to them. Pure to the outside: no logging, no waiting; what cannot be read is not
 * there. */
struct mib_registrations {
    /* The first user of that registrar whose index is at least `user`. appl_index is left alone. */
    bool (*user_at)(struct mib_registrations *r, uint32_t registry_id, bool is_pseudonymous, uint32_t user,
                    struct snap_user *out);
    /* The first contact of that registrar whose (user, index) is at least (`user`, `contact`). */
    bool (*contact_at)(struct mib_registrations *r, uint32_t registry_id, bool is_pseudonymous, uint32_t user,
                       uint32_t contact, struct snap_contact *out);
};

#endif
