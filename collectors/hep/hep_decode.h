/* SPDX-License-Identifier: BSD-2-Clause */
/* HEP packets: what a mirror of SIP traffic sends. Versions 1, 2 and 3; pure functions over spans, no
 * allocation. */
#ifndef COLLECTORS_HEP_HEP_DECODE_H
#define COLLECTORS_HEP_HEP_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/hep/hep_endpoint.h"
#include "sipcore/sipstat.h"
#include "sipcore/span.h"

/* A packet is never longer: the total length of HEPv3 has 16 bits, and so has a UDP datagram's. */
#define HEP_PACKET_MAX 65535u

/* Why a packet is refused: name as in the lane's notes, words as in the log. */
#define HEP_RESULTS(X)                                                                                   \
    X(OK, "ok", "well formed")                                                                           \
    X(TRUNCATED, "truncated", "it ends before its lengths say")                                          \
    X(BAD_MAGIC, "bad_magic", "not HEP: it starts with none of HEP3, EEP3, version 1 or 2, gzip")        \
    X(BAD_LENGTH, "bad_length", "its total length is less than its own header")                          \
    X(BAD_CHUNK_LENGTH, "bad_chunk_length", "the length of a chunk is less than the chunk's own header") \
    X(BAD_CHUNK_SIZE, "bad_chunk_size", "the size of a chunk does not fit its type")                     \
    X(BAD_FAMILY, "bad_family", "its address family is neither IPv4 nor IPv6")                           \
    X(NO_ADDRESS, "no_address", "source or destination address or port is missing")                      \
    X(NO_PAYLOAD, "no_payload", "it has no payload")                                                     \
    X(NOT_SIP, "not_sip", "its payload is not SIP")                                                      \
    X(BAD_COMPRESSION, "bad_compression", "what is compressed in it cannot be inflated")                 \
    X(INFLATED_TOO_LARGE, "inflated_too_large",                                                          \
      "what is compressed in it inflates to more than 65535 octets")                                     \
    X(KEY_MISSING, "key_missing", "it has no authentication key")                                        \
    X(KEY_WRONG, "key_wrong", "its authentication key is not the configured one")

enum hep_result {
#define X(id, name, words) HEP_##id,
    HEP_RESULTS(X)
#undef X
        HEP_RESULT_COUNT
};

/* "truncated" ... and a sentence without a subject for the log. Static memory. */
const char *hep_result_name(enum hep_result result);
const char *hep_result_words(enum hep_result result);

/* What a packet says. The spans point into the packet. */
struct hep_packet {
    struct hep_endpoint source, destination;
    uint32_t seconds;      /* Unix time of the message; 0: not given */
    uint32_t microseconds; /* below 1000000 */
    uint8_t ip_protocol;   /* as sent; 0: not given. hep_packet_transport() knows the customs */
    bool has_key;
    bool payload_compressed; /* chunk 0x10: zlib or gzip, by its magic */
    struct span key;
    struct span payload; /* never empty */
};

/* A chunk of HEPv3. */
struct hep_chunk {
    uint16_t vendor, type;
    struct span body;
};

/* Take one chunk off the front of `in`: HEP_OK, HEP_TRUNCATED or HEP_BAD_CHUNK_LENGTH (then `in` is
 * undefined). */
enum hep_result hep_next_chunk(struct span *in, struct hep_chunk *out);

/* Decode one packet. `now_s` (Unix time) only decides the byte order of version 2's time, which senders
 * write in their own. Octets behind HEPv3's total length are ignored. On anything but HEP_OK `*out` is
 * undefined; HEP_NOT_SIP is well formed, but of another protocol. Not for a packet that is compressed as a
 * whole: see hep_is_compressed(). */
enum hep_result hep_decode(struct span packet, uint32_t now_s, struct hep_packet *out);

/* True when the packet as a whole is gzip, as heplify may send it: inflate it, then decode. */
bool hep_is_compressed(struct span packet);

/* Whether the packet carries the key: HEP_OK, HEP_KEY_MISSING or HEP_KEY_WRONG. The time it takes depends
 * on the lengths only, not on where they differ. */
enum hep_result hep_key_check(const struct hep_packet *packet, struct span key);

/* The transport behind the packet's protocol number: IANA's, and what mirrors use where there is none (22
 * TLS, 50 WS). SIPSTAT_TRANSPORT_OTHER when it is none of them. */
enum sipstat_transport hep_packet_transport(const struct hep_packet *packet);

/* Unix time of the message in nanoseconds, 0 when not given. */
uint64_t hep_packet_time_ns(const struct hep_packet *packet);

#endif
