/* SPDX-License-Identifier: BSD-2-Clause */
/* Makes HEP packets, good and bad, for tests, benchmarks and fuzzer seeds. */
#ifndef TESTS_UNIT_HEP_WIRE_H
#define TESTS_UNIT_HEP_WIRE_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "sipcore/span.h"

enum { HEP_WIRE_MAX = 128 * 1024 };

struct hep_wire {
    uint8_t octets[HEP_WIRE_MAX];
    size_t length;
};

static inline void
wire_put(struct hep_wire *w, const void *data, size_t length)
{
    if (length > HEP_WIRE_MAX - w->length)
        abort();
    if (length > 0)
        memcpy(w->octets + w->length, data, length);
    w->length += length;
}

static inline void
wire_put_u16(struct hep_wire *w, unsigned value)
{
    uint16_t order = htons((uint16_t)value);

    wire_put(w, &order, sizeof(order));
}

static inline void
wire_put_u32(struct hep_wire *w, uint32_t value)
{
    uint32_t order = htonl(value);

    wire_put(w, &order, sizeof(order));
}

/* A chunk whose length says what is there. */
static inline void
wire_chunk(struct hep_wire *w, unsigned vendor, unsigned type, const void *data, size_t length)
{
    wire_put_u16(w, vendor);
    wire_put_u16(w, type);
    wire_put_u16(w, (unsigned)length + 6);
    wire_put(w, data, length);
}

static inline void
wire_chunk_u8(struct hep_wire *w, unsigned type, unsigned value)
{
    uint8_t octet = (uint8_t)value;

    wire_chunk(w, 0, type, &octet, 1);
}

static inline void
wire_chunk_u16(struct hep_wire *w, unsigned type, unsigned value)
{
    uint16_t order = htons((uint16_t)value);

    wire_chunk(w, 0, type, &order, sizeof(order));
}

static inline void
wire_chunk_u32(struct hep_wire *w, unsigned type, uint32_t value)
{
    uint32_t order = htonl(value);

    wire_chunk(w, 0, type, &order, sizeof(order));
}

/* The four octets "HEP3" and a total length that wire_end() sets. */
static inline void
wire_begin(struct hep_wire *w)
{
    w->length = 0;
    wire_put(w, "HEP3\0", 6);
}

static inline struct span
wire_end(struct hep_wire *w)
{
    uint16_t order = htons((uint16_t)w->length);

    memcpy(w->octets + 4, &order, sizeof(order));
    return span_of(w->octets, w->length);
}

/* What a usual packet says. */
struct hep_wire_message {
    const char *source, *destination; /* IPv4 or IPv6, without a port */
    uint16_t source_port, destination_port;
    uint8_t ip_protocol;
    uint32_t seconds, microseconds;
    const char *key; /* NULL: no such chunk */
    const char *payload;
};

static inline void
wire_addresses(struct hep_wire *w, const struct hep_wire_message *m)
{
    uint8_t source[16], destination[16];
    int family = strchr(m->source, ':') ? AF_INET6 : AF_INET;
    size_t octets = family == AF_INET6 ? 16 : 4;

    if (inet_pton(family, m->source, source) != 1 || inet_pton(family, m->destination, destination) != 1)
        abort();
    wire_chunk_u8(w, 1, (unsigned)family);
    wire_chunk(w, 0, family == AF_INET6 ? 5 : 3, source, octets);
    wire_chunk(w, 0, family == AF_INET6 ? 6 : 4, destination, octets);
    wire_chunk_u16(w, 7, m->source_port);
    wire_chunk_u16(w, 8, m->destination_port);
}

/* All chunks but the payload; to be ended with wire_end(). */
static inline void
wire_head(struct hep_wire *w, const struct hep_wire_message *m)
{
    wire_begin(w);
    wire_addresses(w, m);
    wire_chunk_u8(w, 2, m->ip_protocol);
    wire_chunk_u32(w, 9, m->seconds);
    wire_chunk_u32(w, 10, m->microseconds);
    wire_chunk_u8(w, 11, 1);
    wire_chunk_u32(w, 12, 7);
    if (m->key)
        wire_chunk(w, 0, 14, m->key, strlen(m->key));
}

/* A whole packet in the order in which Kamailio sends it. */
static inline struct span
wire_message(struct hep_wire *w, const struct hep_wire_message *m)
{
    wire_head(w, m);
    wire_chunk(w, 0, 15, m->payload, strlen(m->payload));
    return wire_end(w);
}

#endif
