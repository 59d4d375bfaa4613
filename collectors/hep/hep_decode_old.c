/* SPDX-License-Identifier: BSD-2-Clause */
/* HEP versions 1 and 2:
 *
 *   0   version       1  header length   2  family       3  IP protocol
 *   4   source port   6  destination port
 *   8   source and destination address, 4 or 16 octets each
 *       version 2: seconds u32, microseconds u32, capture id u16, and two octets of padding
 *       the SIP message
 *
 * Ports are in network order. The time is a C structure as it lies in the sender's memory: in the sender's
 * byte order, and padded. Senders disagree on whether the header length counts it, so the length is not
 * used. */
#include "collectors/hep/hep_decode_old.h"

/* What address families are called on the systems that senders run on. */
enum {
    FAMILY_IPV6_LINUX = 10,
    FAMILY_IPV6_WINDOWS = 23,
    FAMILY_IPV6_BSD = 24,
    FAMILY_IPV6_SOLARIS = 26,
    FAMILY_IPV6_FREEBSD = 28,
    FAMILY_IPV6_DARWIN = 30
};

#define MICROSECONDS_LIMIT 1000000u

static size_t family_address_octets(uint8_t family);
static bool old_time(struct span *in, uint32_t now_s, struct hep_packet *out);
static bool time_is_swapped(uint32_t seconds, uint32_t microseconds, uint32_t now_s);
static uint32_t distance(uint32_t a, uint32_t b);

enum hep_result
hep_decode_old(struct span packet, uint32_t now_s, struct hep_packet *out)
{
    struct span in = packet, source, destination;
    uint8_t version, header_octets, family;
    size_t octets;

    *out = (struct hep_packet){ 0 };
    if (!span_take_u8(&in, &version) || !span_take_u8(&in, &header_octets) || !span_take_u8(&in, &family) ||
        !span_take_u8(&in, &out->ip_protocol))
        return HEP_TRUNCATED;
    octets = family_address_octets(family);
    if (octets == 0)
        return HEP_BAD_FAMILY;
    if (!span_take_u16(&in, &out->source.port) || !span_take_u16(&in, &out->destination.port) ||
        !span_take(&in, octets, &source) || !span_take(&in, octets, &destination))
        return HEP_TRUNCATED;
    hep_endpoint_set_address(&out->source, source);
    hep_endpoint_set_address(&out->destination, destination);
    if (version == 2 && !old_time(&in, now_s, out))
        return HEP_TRUNCATED;
    out->payload = in;
    return in.length > 0 ? HEP_OK : HEP_NO_PAYLOAD;
}

static size_t
family_address_octets(uint8_t family)
{
    switch (family) {
    case HEP_FAMILY_IPV4: return 4;
    case FAMILY_IPV6_LINUX:
    case FAMILY_IPV6_WINDOWS:
    case FAMILY_IPV6_BSD:
    case FAMILY_IPV6_SOLARIS:
    case FAMILY_IPV6_FREEBSD:
    case FAMILY_IPV6_DARWIN: return 16;
    default: return 0;
    }
}

static bool
old_time(struct span *in, uint32_t now_s, struct hep_packet *out)
{
    uint32_t seconds, microseconds, id_and_padding;

    if (!span_take_u32(in, &seconds) || !span_take_u32(in, &microseconds) ||
        !span_take_u32(in, &id_and_padding))
        return false;
    if (time_is_swapped(seconds, microseconds, now_s)) {
        seconds = __builtin_bswap32(seconds);
        microseconds = __builtin_bswap32(microseconds);
    }
    out->seconds = seconds;
    out->microseconds = microseconds < MICROSECONDS_LIMIT ? microseconds : 0;
    return true;
}

/* A true microsecond count is below a million, which few are with their octets reversed. Where that does
 * not decide, the date nearer to now does. */
static bool
time_is_swapped(uint32_t seconds, uint32_t microseconds, uint32_t now_s)
{
    bool as_is = microseconds < MICROSECONDS_LIMIT;
    bool swapped = __builtin_bswap32(microseconds) < MICROSECONDS_LIMIT;

    if (as_is != swapped)
        return swapped;
    return distance(__builtin_bswap32(seconds), now_s) < distance(seconds, now_s);
}

static uint32_t
distance(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}
