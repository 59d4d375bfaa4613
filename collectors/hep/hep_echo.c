/* SPDX-License-Identifier: BSD-2-Clause */
/* Second copies of a message whose two ends are both monitored. */
#include "collectors/hep/hep_echo.h"

static uint64_t message_hash(const struct hep_packet *packet, struct span payload);
static uint64_t hash_octets(uint64_t hash, struct span octets);
static bool within_window(const struct hep_echo_entry *entry, uint64_t time_ns);

bool
hep_echo_take(struct hep_echo *echo, const struct hep_packet *packet, struct span payload, uint64_t time_ns)
{
    uint64_t hash = message_hash(packet, payload);
    struct hep_echo_entry *set = echo->entries[hash % HEP_ECHO_SETS], *oldest = &set[0];

    for (unsigned i = 0; i < HEP_ECHO_WAYS; i++) {
        if (set[i].hash == hash && within_window(&set[i], time_ns)) {
            set[i].time_ns = 0;
            return true;
        }
        if (set[i].time_ns < oldest->time_ns)
            oldest = &set[i];
    }
    if (within_window(oldest, time_ns))
        echo->forgotten++;
    *oldest = (struct hep_echo_entry){ .hash = hash, .time_ns = time_ns };
    return false;
}

/* Of the whole message and both ends. Not keyed: who can send us packets can make us count what he likes
 * anyway. */
static uint64_t
message_hash(const struct hep_packet *packet, struct span payload)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ payload.length;

    hash = hash_octets(hash, span_of(&packet->source, sizeof(packet->source)));
    hash = hash_octets(hash, span_of(&packet->destination, sizeof(packet->destination)));
    hash = hash_octets(hash ^ packet->ip_protocol, payload);
    return hash ^ hash >> 29;
}

/* Eight octets a step; the rest is padded with zeros, the length is in the start value. */
static uint64_t
hash_octets(uint64_t hash, struct span octets)
{
    struct span word;

    while (octets.length > 0) {
        uint64_t bits = 0;

        word = span_first(octets, sizeof(bits));
        memcpy(&bits, word.data, word.length);
        octets = span_from(octets, word.length);
        hash = (hash ^ bits) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    return hash;
}

/* Two workers of one stack may send their copies in either order. */
static bool
within_window(const struct hep_echo_entry *entry, uint64_t time_ns)
{
    uint64_t apart = entry->time_ns > time_ns ? entry->time_ns - time_ns : time_ns - entry->time_ns;

    return entry->time_ns != 0 && apart <= HEP_ECHO_WINDOW_NS;
}
