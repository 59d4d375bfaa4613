/* SPDX-License-Identifier: BSD-2-Clause */
/* From the two ends of a message to the instances it concerns, by their local addresses. */
#include "collectors/hep/hep_route.h"

#include <errno.h>
#include <stdlib.h>

/* What a slot of the table stands for. A datagram and a stream local address of one number are different
 * addresses. */
enum slot_kind { SLOT_FREE, SLOT_DATAGRAM, SLOT_STREAM, SLOT_DATAGRAM_ANY, SLOT_STREAM_ANY, SLOT_HOST };

#define INSTANCE_SEVERAL (HEP_ROUTE_NONE - 1) /* a host with streams of more than one instance */

struct slot {
    struct hep_endpoint endpoint; /* port 0 with SLOT_HOST, address zero with SLOT_..._ANY */
    uint8_t kind;
    uint32_t instance;
};

struct hep_routes {
    bool take_all, has_any;
    size_t mask; /* slots less one; a power of two, at most half of them used */
    struct slot slots[];
};

/* How sure a match is; the order counts. */
enum hep_match {
    HEP_MATCH_NONE,
    HEP_MATCH_HOST, /* a stream, and the host is one instance's but not the port: a connection it opened */
    HEP_MATCH_ANY,  /* the port of a local address without a host, "udp:*:5060" */
    HEP_MATCH_EXACT
};

struct found {
    enum hep_match match;
    uint32_t instance;
};

static size_t slots_wanted(const struct config *config);
static void add_local(struct hep_routes *routes, const struct config_address *local, uint32_t instance);
static void add_slot(struct hep_routes *routes, enum slot_kind kind, const struct hep_endpoint *e,
                     uint32_t instance);
static struct slot *slot_find(const struct hep_routes *routes, enum slot_kind kind,
                              const struct hep_endpoint *e);
static uint64_t slot_hash(enum slot_kind kind, const struct hep_endpoint *e);
static bool is_stream(enum sipstat_transport transport);
static struct found end_find(const struct hep_routes *routes, enum sipstat_transport transport,
                             const struct hep_endpoint *e);
static struct found end_find_as(const struct hep_routes *routes, bool stream, const struct hep_endpoint *e);

int
hep_routes_new(const struct config *config, struct hep_routes **out)
{
    size_t slots = slots_wanted(config);
    struct hep_routes *routes = calloc(1, sizeof(*routes) + slots * sizeof(routes->slots[0]));

    *out = routes;
    if (!routes)
        return -ENOMEM;
    routes->mask = slots - 1;
    routes->take_all = config->n_instances == 1 && config->instances[0].n_locals == 0;
    for (size_t i = 0; i < config->n_instances; i++)
        for (size_t j = 0; j < config->instances[i].n_locals; j++)
            add_local(routes, &config->instances[i].locals[j], (uint32_t)i);
    return 0;
}

/* Each local address takes two slots at most: its own and its host's. */
static size_t
slots_wanted(const struct config *config)
{
    size_t used = 0, slots = 16;

    for (size_t i = 0; i < config->n_instances; i++)
        used += 2 * config->instances[i].n_locals;
    while (slots < 2 * used)
        slots *= 2;
    return slots;
}

static void
add_local(struct hep_routes *routes, const struct config_address *local, uint32_t instance)
{
    struct hep_endpoint e;
    bool stream = is_stream(local->transport);

    if (!hep_endpoint_from(&e, (const struct sockaddr *)&local->address))
        return;
    if (local->any_host) {
        memset(e.address, 0, sizeof(e.address));
        add_slot(routes, stream ? SLOT_STREAM_ANY : SLOT_DATAGRAM_ANY, &e, instance);
        routes->has_any = true;
        return;
    }
    add_slot(routes, stream ? SLOT_STREAM : SLOT_DATAGRAM, &e, instance);
    e.port = 0;
    if (stream)
        add_slot(routes, SLOT_HOST, &e, instance);
}

static void
add_slot(struct hep_routes *routes, enum slot_kind kind, const struct hep_endpoint *e, uint32_t instance)
{
    struct slot *slot = slot_find(routes, kind, e);

    if (slot->kind == SLOT_FREE)
        *slot = (struct slot){ .endpoint = *e, .kind = (uint8_t)kind, .instance = instance };
    else if (kind == SLOT_HOST && slot->instance != instance)
        slot->instance = INSTANCE_SEVERAL;
}

/* The slot of that address, or the free one where it would be. */
static struct slot *
slot_find(const struct hep_routes *routes, enum slot_kind kind, const struct hep_endpoint *e)
{
    size_t at = slot_hash(kind, e) & routes->mask;
    const struct slot *slot = &routes->slots[at];

    while (slot->kind != SLOT_FREE && (slot->kind != kind || !hep_endpoint_equal(&slot->endpoint, e))) {
        at = (at + 1) & routes->mask;
        slot = &routes->slots[at];
    }
    return (struct slot *)(uintptr_t)slot;
}

static uint64_t
slot_hash(enum slot_kind kind, const struct hep_endpoint *e)
{
    uint64_t high, low;

    memcpy(&high, e->address, sizeof(high));
    memcpy(&low, e->address + sizeof(high), sizeof(low));
    low = (low ^ ((uint64_t)e->port << 8 | kind)) * 0xff51afd7ed558ccdu;
    low = (low ^ low >> 32 ^ high) * 0x9e3779b97f4a7c15u;
    return low ^ low >> 32;
}

static bool
is_stream(enum sipstat_transport transport)
{
    return transport != SIPSTAT_UDP && transport != SIPSTAT_TRANSPORT_OTHER;
}

void
hep_routes_free(struct hep_routes *routes)
{
    free(routes);
}

bool
hep_routes_take_all(const struct hep_routes *routes)
{
    return routes->take_all;
}

struct hep_route
hep_routes_find(const struct hep_routes *routes, enum sipstat_transport transport,
                const struct hep_endpoint *source, const struct hep_endpoint *destination)
{
    struct found s = end_find(routes, transport, source), d = end_find(routes, transport, destination);
    struct hep_route route = { .source = s.instance, .destination = d.instance };

    if (s.match > d.match)
        route.destination = HEP_ROUTE_NONE;
    else if (d.match > s.match)
        route.source = HEP_ROUTE_NONE;
    else if (s.match == HEP_MATCH_HOST)
        route.source = route.destination = HEP_ROUTE_NONE; /* both ends on our host, and neither port known */
    else if (s.match == HEP_MATCH_ANY && s.instance == d.instance)
        route.undecided = !hep_endpoint_equal(source, destination);
    return route;
}

static struct found
end_find(const struct hep_routes *routes, enum sipstat_transport transport, const struct hep_endpoint *e)
{
    struct found datagram, stream;

    if (transport != SIPSTAT_TRANSPORT_OTHER)
        return end_find_as(routes, is_stream(transport), e);
    datagram = end_find_as(routes, false, e);
    stream = end_find_as(routes, true, e);
    return stream.match > datagram.match ? stream : datagram;
}

static struct found
end_find_as(const struct hep_routes *routes, bool stream, const struct hep_endpoint *e)
{
    const struct slot *slot = slot_find(routes, stream ? SLOT_STREAM : SLOT_DATAGRAM, e);

    if (slot->kind != SLOT_FREE)
        return (struct found){ HEP_MATCH_EXACT, slot->instance };
    if (routes->has_any) {
        struct hep_endpoint any = { .port = e->port };

        slot = slot_find(routes, stream ? SLOT_STREAM_ANY : SLOT_DATAGRAM_ANY, &any);
        if (slot->kind != SLOT_FREE)
            return (struct found){ HEP_MATCH_ANY, slot->instance };
    }
    if (stream) {
        struct hep_endpoint host = *e;

        host.port = 0;
        slot = slot_find(routes, SLOT_HOST, &host);
        if (slot->kind != SLOT_FREE && slot->instance != INSTANCE_SEVERAL)
            return (struct found){ HEP_MATCH_HOST, slot->instance };
    }
    return (struct found){ HEP_MATCH_NONE, HEP_ROUTE_NONE };
}
