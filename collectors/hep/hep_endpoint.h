/* SPDX-License-Identifier: BSD-2-Clause */
/* Transport addresses in one form, whatever the family. */
#ifndef COLLECTORS_HEP_HEP_ENDPOINT_H
#define COLLECTORS_HEP_HEP_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "sipcore/span.h"

/* An address and a port. IPv4 stands in its IPv4-mapped form (RFC 4291 2.5.5.2), so that it also equals
 * what a dual-stack socket reports. */
struct hep_endpoint {
    uint8_t address[16];
    uint16_t port; /* host order */
};

_Static_assert(sizeof(struct hep_endpoint) == 18, "no padding: compared as octets");

static inline bool
hep_endpoint_same_host(const struct hep_endpoint *a, const struct hep_endpoint *b)
{
    return memcmp(a->address, b->address, sizeof(a->address)) == 0;
}

static inline bool
hep_endpoint_equal(const struct hep_endpoint *a, const struct hep_endpoint *b)
{
    return a->port == b->port && hep_endpoint_same_host(a, b);
}

/* Set the address from its octets in network order: 4 for IPv4, 16 for IPv6; nothing else may be given. */
static inline void
hep_endpoint_set_address(struct hep_endpoint *e, struct span octets)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (octets.length == 4) {
        memcpy(e->address, mapped, sizeof(mapped));
        memcpy(e->address + sizeof(mapped), octets.data, 4);
    } else {
        memcpy(e->address, octets.data, sizeof(e->address));
    }
}

static inline bool
hep_endpoint_is_ipv4(const struct hep_endpoint *e)
{
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    return memcmp(e->address, mapped, sizeof(mapped)) == 0;
}

/* From the system's form. False for families other than AF_INET and AF_INET6. */
bool hep_endpoint_from(struct hep_endpoint *out, const struct sockaddr *address);

/* "192.0.2.1:5060", "[2001:db8::1]:5060"; returns `out`. HEP_ENDPOINT_TEXT octets always suffice. */
#define HEP_ENDPOINT_TEXT 56
const char *hep_endpoint_text(const struct hep_endpoint *e, char *out, size_t size);

#endif
