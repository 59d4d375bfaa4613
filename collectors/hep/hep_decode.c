/* SPDX-License-Identifier: BSD-2-Clause */
/* HEP version 3: chunks. Versions 1 and 2 are in hep_decode_old.c. */
#include "collectors/hep/hep_decode.h"

#include "collectors/hep/hep_decode_old.h"

enum { HEP_HEADER_OCTETS = 6, HEP_CHUNK_OCTETS = 6, HEP_PAYLOAD_SIP = 1 };

/* Chunk types of vendor 0 that are used here. */
enum {
    CHUNK_FAMILY = 0x01,
    CHUNK_IP_PROTOCOL = 0x02,
    CHUNK_IPV4_SOURCE = 0x03,
    CHUNK_IPV4_DESTINATION = 0x04,
    CHUNK_IPV6_SOURCE = 0x05,
    CHUNK_IPV6_DESTINATION = 0x06,
    CHUNK_SOURCE_PORT = 0x07,
    CHUNK_DESTINATION_PORT = 0x08,
    CHUNK_SECONDS = 0x09,
    CHUNK_MICROSECONDS = 0x0a,
    CHUNK_PAYLOAD_PROTOCOL = 0x0b,
    CHUNK_KEY = 0x0e,
    CHUNK_PAYLOAD = 0x0f,
    CHUNK_COMPRESSED_PAYLOAD = 0x10,
    CHUNK_TYPES
};

#define SIZE_ANY 0xff /* in chunk_sizes: no fixed size */

/* The size of each type's value; 0: the type is not used here. */
static const uint8_t chunk_sizes[CHUNK_TYPES] = {
    [CHUNK_FAMILY] = 1,           [CHUNK_IP_PROTOCOL] = 1,
    [CHUNK_IPV4_SOURCE] = 4,      [CHUNK_IPV4_DESTINATION] = 4,
    [CHUNK_IPV6_SOURCE] = 16,     [CHUNK_IPV6_DESTINATION] = 16,
    [CHUNK_SOURCE_PORT] = 2,      [CHUNK_DESTINATION_PORT] = 2,
    [CHUNK_SECONDS] = 4,          [CHUNK_MICROSECONDS] = 4,
    [CHUNK_PAYLOAD_PROTOCOL] = 1, [CHUNK_KEY] = SIZE_ANY,
    [CHUNK_PAYLOAD] = SIZE_ANY,   [CHUNK_COMPRESSED_PAYLOAD] = SIZE_ANY,
};

/* The chunks of one packet by type: those that are there have their bit in `present`, and only they have a
 * body. Of one that repeats the last holds. */
struct chunk_set {
    uint32_t present;
    struct span body[CHUNK_TYPES];
};

#define BIT(type) (1u << (type))

static inline bool
has(const struct chunk_set *set, uint32_t types)
{
    return (set->present & types) == types;
}

/* The value of a chunk of fixed size, whose size was checked when it was collected; `otherwise` when it is
 * not there. */
static inline uint32_t
value_of(const struct chunk_set *set, unsigned type, uint32_t otherwise)
{
    struct span body = set->body[type];
    uint16_t u16 = 0;
    uint32_t u32 = 0;

    if (!has(set, BIT(type)))
        return otherwise;
    switch (chunk_sizes[type]) {
    case 1: return body.data[0];
    case 2: return span_take_u16(&body, &u16) ? u16 : otherwise;
    default: return span_take_u32(&body, &u32) ? u32 : otherwise;
    }
}

static enum hep_result decode_v3(struct span packet, struct hep_packet *out);
static enum hep_result chunks_collect(struct span in, struct chunk_set *set);
static inline enum hep_result next_chunk(struct span *in, struct hep_chunk *out);
static enum hep_result chunks_addresses(const struct chunk_set *set, struct hep_packet *out);
static bool chunks_prefer_ipv6(const struct chunk_set *set);
static enum hep_result chunks_payload(const struct chunk_set *set, struct hep_packet *out);
static bool is_magic(struct span packet);

enum hep_result
hep_decode(struct span packet, uint32_t now_s, struct hep_packet *out)
{
    if (packet.length >= 4 && is_magic(packet))
        return decode_v3(packet, out);
    if (packet.length > 0 && (packet.data[0] == 1 || packet.data[0] == 2))
        return hep_decode_old(packet, now_s, out);
    /* A first part of the magic is a packet cut short, all else is none of ours. */
    return packet.length < 4 && is_magic(packet) ? HEP_TRUNCATED : HEP_BAD_MAGIC;
}

/* True when the packet starts with the magic, or is all of it that there is. */
static bool
is_magic(struct span packet)
{
    struct span start = span_first(packet, 4);

    return start.length == 0 || memcmp(start.data, "HEP3", start.length) == 0 ||
           memcmp(start.data, "EEP3", start.length) == 0;
}

static enum hep_result
decode_v3(struct span packet, struct hep_packet *out)
{
    struct span in = span_from(packet, 4);
    struct chunk_set set;
    enum hep_result result;
    uint16_t total;

    if (!span_take_u16(&in, &total))
        return HEP_TRUNCATED;
    if (total < HEP_HEADER_OCTETS)
        return HEP_BAD_LENGTH;
    if (total > packet.length)
        return HEP_TRUNCATED;
    result = chunks_collect(span_first(in, total - HEP_HEADER_OCTETS), &set);
    if (result == HEP_OK)
        result = chunks_addresses(&set, out);
    if (result != HEP_OK)
        return result;

    out->seconds = value_of(&set, CHUNK_SECONDS, 0);
    out->microseconds = value_of(&set, CHUNK_MICROSECONDS, 0);
    if (out->microseconds >= 1000000)
        out->microseconds = 0;
    out->ip_protocol = (uint8_t)value_of(&set, CHUNK_IP_PROTOCOL, 0);
    out->has_key = has(&set, BIT(CHUNK_KEY));
    out->key = out->has_key ? set.body[CHUNK_KEY] : span_of(NULL, 0);
    return chunks_payload(&set, out);
}

/* Sort the chunks by type. Each chunk takes six octets at least, so the packet bounds their number. */
static enum hep_result
chunks_collect(struct span in, struct chunk_set *set)
{
    struct hep_chunk chunk;

    set->present = 0;
    while (in.length > 0) {
        enum hep_result result = next_chunk(&in, &chunk);

        if (result != HEP_OK)
            return result;
        if (chunk.vendor != 0 || chunk.type >= CHUNK_TYPES || chunk_sizes[chunk.type] == 0)
            continue;
        if (chunk_sizes[chunk.type] != SIZE_ANY && chunk.body.length != chunk_sizes[chunk.type])
            return HEP_BAD_CHUNK_SIZE;
        set->body[chunk.type] = chunk.body;
        set->present |= BIT(chunk.type);
    }
    return HEP_OK;
}

enum hep_result
hep_next_chunk(struct span *in, struct hep_chunk *out)
{
    return next_chunk(in, out);
}

static inline enum hep_result
next_chunk(struct span *in, struct hep_chunk *out)
{
    struct span header;
    uint16_t length = 0;

    if (!span_take(in, HEP_CHUNK_OCTETS, &header))
        return HEP_TRUNCATED;
    span_take_u16(&header, &out->vendor);
    span_take_u16(&header, &out->type);
    span_take_u16(&header, &length);
    if (length < HEP_CHUNK_OCTETS) /* the length counts its own header */
        return HEP_BAD_CHUNK_LENGTH;
    return span_take(in, length - HEP_CHUNK_OCTETS, &out->body) ? HEP_OK : HEP_TRUNCATED;
}

/* The address chunks that are there decide the family: senders write their own system's number for it. */
static enum hep_result
chunks_addresses(const struct chunk_set *set, struct hep_packet *out)
{
    bool ipv6 = chunks_prefer_ipv6(set);
    unsigned source = ipv6 ? CHUNK_IPV6_SOURCE : CHUNK_IPV4_SOURCE;
    unsigned destination = ipv6 ? CHUNK_IPV6_DESTINATION : CHUNK_IPV4_DESTINATION;

    if (!has(set, BIT(source) | BIT(destination) | BIT(CHUNK_SOURCE_PORT) | BIT(CHUNK_DESTINATION_PORT)))
        return HEP_NO_ADDRESS;
    hep_endpoint_set_address(&out->source, set->body[source]);
    hep_endpoint_set_address(&out->destination, set->body[destination]);
    out->source.port = (uint16_t)value_of(set, CHUNK_SOURCE_PORT, 0);
    out->destination.port = (uint16_t)value_of(set, CHUNK_DESTINATION_PORT, 0);
    return HEP_OK;
}

/* Only when both pairs are there is the family asked, and 2 is IPv4 everywhere. */
static bool
chunks_prefer_ipv6(const struct chunk_set *set)
{
    bool ipv4 = has(set, BIT(CHUNK_IPV4_SOURCE) | BIT(CHUNK_IPV4_DESTINATION));
    bool ipv6 = has(set, BIT(CHUNK_IPV6_SOURCE) | BIT(CHUNK_IPV6_DESTINATION));

    if (ipv4 && ipv6)
        return value_of(set, CHUNK_FAMILY, HEP_FAMILY_IPV4) != HEP_FAMILY_IPV4;
    return ipv6;
}

static enum hep_result
chunks_payload(const struct chunk_set *set, struct hep_packet *out)
{
    if (value_of(set, CHUNK_PAYLOAD_PROTOCOL, 0) != HEP_PAYLOAD_SIP)
        return HEP_NOT_SIP;
    out->payload_compressed = false;
    if (has(set, BIT(CHUNK_PAYLOAD)) && set->body[CHUNK_PAYLOAD].length > 0) {
        out->payload = set->body[CHUNK_PAYLOAD];
        return HEP_OK;
    }
    if (!has(set, BIT(CHUNK_COMPRESSED_PAYLOAD)) || set->body[CHUNK_COMPRESSED_PAYLOAD].length == 0)
        return HEP_NO_PAYLOAD;
    out->payload = set->body[CHUNK_COMPRESSED_PAYLOAD];
    out->payload_compressed = true;
    return HEP_OK;
}

bool
hep_is_compressed(struct span packet)
{
    return packet.length >= 2 && packet.data[0] == 0x1f && packet.data[1] == 0x8b;
}

enum hep_result
hep_key_check(const struct hep_packet *packet, struct span key)
{
    unsigned difference = 0;

    if (!packet->has_key)
        return HEP_KEY_MISSING;
    if (packet->key.length != key.length)
        return HEP_KEY_WRONG;
    for (size_t i = 0; i < key.length; i++)
        difference |= packet->key.data[i] ^ key.data[i];
    return difference == 0 ? HEP_OK : HEP_KEY_WRONG;
}

enum sipstat_transport
hep_packet_transport(const struct hep_packet *packet)
{
    switch (packet->ip_protocol) {
    case 17: return SIPSTAT_UDP;
    case 6: return SIPSTAT_TCP;
    case 132: return SIPSTAT_SCTP;
    case 22: return SIPSTAT_TLS; /* and WS and WSS, from Kamailio */
    case 50: return SIPSTAT_WS;  /* from OpenSIPS */
    default: return SIPSTAT_TRANSPORT_OTHER;
    }
}

uint64_t
hep_packet_time_ns(const struct hep_packet *packet)
{
    if (packet->seconds == 0)
        return 0;
    return (uint64_t)packet->seconds * 1000000000u + (uint64_t)packet->microseconds * 1000u;
}

const char *
hep_result_name(enum hep_result result)
{
    static const char *const names[] = {
#define X(id, name, words) name,
        HEP_RESULTS(X)
#undef X
    };

    return names[result];
}

const char *
hep_result_words(enum hep_result result)
{
    static const char *const all_words[] = {
#define X(id, name, words) words,
        HEP_RESULTS(X)
#undef X
    };

    return all_words[result];
}
