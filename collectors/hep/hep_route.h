/* SPDX-License-Identifier: BSD-2-Clause */
/* From the two ends of a message to the instances it concerns, by their local addresses. */
#ifndef COLLECTORS_HEP_HEP_ROUTE_H
#define COLLECTORS_HEP_HEP_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/hep/hep_decode.h"
#include "config/config.h"

#define HEP_ROUTE_NONE UINT32_MAX

/* Where a message belongs: indices into config.instances, HEP_ROUTE_NONE for an end that is nobody's. */
struct hep_route {
    uint32_t source, destination;
    bool undecided; /* both ends match without a host, for one instance: which it is has to be learnt */
};

/* A hash table of all local addresses. Does not change, and keeps nothing of the configuration. */
struct hep_routes;

/* 0 and *out owned by the caller, or -ENOMEM. Where two instances name one address the first has it. */
int hep_routes_new(const struct config *config, struct hep_routes **out);

/* NULL is fine. */
void hep_routes_free(struct hep_routes *routes);

/* True when there is one instance and it has no local address: all messages are its own, and their
 * direction has to be learnt (hep_learn.h). */
bool hep_routes_take_all(const struct hep_routes *routes);

/* Constant time. `transport` as from hep_packet_transport(): datagram and stream transports are told
 * apart, not more, since mirrors do not; SIPSTAT_TRANSPORT_OTHER fits both. An end that matches better
 * than the other wins over a match by host or port alone. */
struct hep_route hep_routes_find(const struct hep_routes *routes, enum sipstat_transport transport,
                                 const struct hep_endpoint *source, const struct hep_endpoint *destination);

#endif
