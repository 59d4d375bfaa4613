/* SPDX-License-Identifier: BSD-2-Clause */
/* HEP packets: what is taken from good ones, and why bad ones are refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "collectors/hep/hep_decode.h"
#include "tests/unit/guarded.h"
#include "tests/unit/hep_wire.h"

#define NOW_S 1750000000u

static const char options[] = "OPTIONS sip:a SIP/2.0\r\n\r\n";
static const struct hep_wire_message usual = { "192.0.2.1", "192.0.2.10", 5070, 5060,   17,
                                               NOW_S,       123456,       NULL, options };
static struct hep_wire wire; /* of the test that runs: each has a process of its own */

/* Decode from memory that ends at an unreadable page. */
static enum hep_result
decode(struct span packet, struct hep_packet *out)
{
    return hep_decode(guarded(packet.data, packet.length), NOW_S, out);
}

/* A result by its name, so that a failure says what was found. */
static const char *
result_of(struct span packet)
{
    struct hep_packet p;

    return hep_result_name(decode(packet, &p));
}

static bool
is_endpoint(const struct hep_endpoint *e, const char *expected)
{
    char text[HEP_ENDPOINT_TEXT];

    return strcmp(hep_endpoint_text(e, text, sizeof(text)), expected) == 0;
}

/* ---- one chunk ---- */

Test(hep_chunk, refuses_length_shorter_than_its_own_header)
{
    static const uint8_t octets[] = { 0, 0, 0, 1, 0, 5, 2 };
    struct span in = guarded(octets, sizeof(octets));
    struct hep_chunk chunk;

    cr_assert(eq(int, hep_next_chunk(&in, &chunk), HEP_BAD_CHUNK_LENGTH));
}

Test(hep_chunk, refuses_length_beyond_the_packet)
{
    static const uint8_t octets[] = { 0, 0, 0, 1, 0, 8, 2 };
    struct span in = guarded(octets, sizeof(octets));
    struct hep_chunk chunk;

    cr_assert(eq(int, hep_next_chunk(&in, &chunk), HEP_TRUNCATED));
}

Test(hep_chunk, may_be_empty)
{
    static const uint8_t octets[] = { 0, 0, 0, 1, 0, 6 };
    struct span in = guarded(octets, sizeof(octets));
    struct hep_chunk chunk;

    cr_assert(eq(int, hep_next_chunk(&in, &chunk), HEP_OK));
    cr_assert(eq(sz, chunk.body.length, 0));
    cr_assert(eq(sz, in.length, 0));
}

Test(hep_chunk, header_cut_anywhere_is_truncated)
{
    static const uint8_t octets[] = { 0, 0, 0, 1, 0, 6 };
    struct hep_chunk chunk;

    for (size_t length = 0; length < sizeof(octets); length++) {
        struct span in = guarded(octets, length);

        cr_assert(eq(int, hep_next_chunk(&in, &chunk), HEP_TRUNCATED), "%zu octets", length);
    }
}

/* ---- version 3, good ---- */

Test(hep3, takes_addresses_ports_time_and_payload)
{
    struct hep_packet p;

    cr_assert(eq(int, decode(wire_message(&wire, &usual), &p), HEP_OK));
    cr_assert(is_endpoint(&p.source, "192.0.2.1:5070"));
    cr_assert(is_endpoint(&p.destination, "192.0.2.10:5060"));
    cr_assert(eq(u64, hep_packet_time_ns(&p), 1750000000123456000u));
    cr_assert(span_equals(p.payload, span_string(options)));
    cr_assert(not(p.has_key));
    cr_assert(not(p.payload_compressed));
}

Test(hep3, is_also_called_eep3)
{
    struct hep_packet p;
    struct span packet = wire_message(&wire, &usual);

    wire.octets[0] = 'E';
    cr_assert(eq(int, decode(packet, &p), HEP_OK));
}

Test(hep3, takes_ipv6)
{
    struct hep_wire_message m = usual;
    struct hep_packet p;

    m.source = "2001:db8::1";
    m.destination = "2001:db8::a";
    cr_assert(eq(int, decode(wire_message(&wire, &m), &p), HEP_OK));
    cr_assert(is_endpoint(&p.source, "[2001:db8::1]:5070"));
    cr_assert(is_endpoint(&p.destination, "[2001:db8::a]:5060"));
}

Test(hep3, trusts_the_address_that_is_there_not_the_family)
{
    struct hep_packet p;

    wire_head(&wire, &usual);
    wire_chunk_u8(&wire, 1, 30); /* what another system calls IPv6; the last family holds */
    wire_chunk(&wire, 0, 15, "x", 1);
    cr_assert(eq(int, decode(wire_end(&wire), &p), HEP_OK));
    cr_assert(is_endpoint(&p.source, "192.0.2.1:5070"));
}

Test(hep3, asks_the_family_when_both_kinds_of_address_are_there)
{
    static const uint8_t zeros[16];

    for (unsigned family = 2; family <= 10; family += 8) {
        struct hep_packet p;

        wire_head(&wire, &usual);
        wire_chunk(&wire, 0, 5, zeros, 16);
        wire_chunk(&wire, 0, 6, zeros, 16);
        wire_chunk_u8(&wire, 1, family);
        wire_chunk(&wire, 0, 15, "x", 1);
        cr_assert(eq(int, decode(wire_end(&wire), &p), HEP_OK));
        cr_assert(is_endpoint(&p.source, family == 2 ? "192.0.2.1:5070" : "[::]:5070"));
    }
}

Test(hep3, an_ipv4_mapped_address_is_the_ipv4_address)
{
    struct hep_wire_message m = usual;
    struct hep_packet p;

    m.source = "::ffff:192.0.2.1";
    m.destination = "::ffff:192.0.2.10";
    cr_assert(eq(int, decode(wire_message(&wire, &m), &p), HEP_OK));
    cr_assert(is_endpoint(&p.source, "192.0.2.1:5070"));
}

Test(hep3, chunks_come_in_any_order)
{
    struct hep_packet p;

    wire_begin(&wire);
    wire_chunk(&wire, 0, 15, options, strlen(options));
    wire_chunk_u8(&wire, 11, 1);
    wire_chunk_u32(&wire, 10, 5);
    wire_chunk_u32(&wire, 9, NOW_S);
    wire_addresses(&wire, &usual);
    wire_chunk_u8(&wire, 2, 17);
    cr_assert(eq(int, decode(wire_end(&wire), &p), HEP_OK));
    cr_assert(span_equals(p.payload, span_string(options)));
    cr_assert(eq(u32, p.seconds, NOW_S));
}

Test(hep3, skips_other_vendors_and_unknown_types)
{
    struct hep_packet p;

    wire_head(&wire, &usual);
    wire_chunk(&wire, 11, 3, "nonsense", 8); /* an IPv4 source of vendor 11, of the wrong size */
    wire_chunk(&wire, 0, 0x13, "node", 4);
    wire_chunk(&wire, 0, 0x7fff, "", 0);
    wire_chunk(&wire, 1, 15, "not this", 8);
    wire_chunk(&wire, 0, 15, options, strlen(options));
    wire_chunk(&wire, 1, 11, "\x63", 1);
    cr_assert(eq(int, decode(wire_end(&wire), &p), HEP_OK));
    cr_assert(span_equals(p.payload, span_string(options)));
}

Test(hep3, octets_behind_the_total_length_are_ignored)
{
    struct hep_packet p;
    struct span packet = wire_message(&wire, &usual);

    packet.length += 5;
    cr_assert(eq(int, decode(packet, &p), HEP_OK));
}

Test(hep3, is_not_given_a_time_it_does_not_have)
{
    struct hep_packet p;

    wire_begin(&wire);
    wire_addresses(&wire, &usual);
    wire_chunk_u8(&wire, 11, 1);
    wire_chunk(&wire, 0, 15, "x", 1);
    cr_assert(eq(int, decode(wire_end(&wire), &p), HEP_OK));
    cr_assert(eq(u64, hep_packet_time_ns(&p), 0));
}

Test(hep3, microseconds_beyond_a_second_do_not_count)
{
    struct hep_wire_message m = usual;
    struct hep_packet p;

    m.microseconds = 1000000;
    cr_assert(eq(int, decode(wire_message(&wire, &m), &p), HEP_OK));
    cr_assert(eq(u64, hep_packet_time_ns(&p), (uint64_t)NOW_S * 1000000000u));
}

Test(hep3, a_payload_as_long_as_a_datagram_is_taken)
{
    static uint8_t payload[65535];
    struct hep_packet p;
    size_t room;

    memset(payload, 'a', sizeof(payload));
    wire_head(&wire, &usual);
    room = 65535 - wire.length - 6;
    wire_chunk(&wire, 0, 15, payload, room);
    cr_assert(eq(int, decode(wire_end(&wire), &p), HEP_OK));
    cr_assert(eq(sz, p.payload.length, room));
}

/* ---- version 3, bad ---- */

Test(hep3, every_prefix_of_a_good_packet_is_truncated)
{
    struct span packet = wire_message(&wire, &usual);

    for (size_t length = 0; length < packet.length; length++)
        cr_assert(eq(str, (char *)result_of(span_first(packet, length)), "truncated"), "%zu octets", length);
}

/* The total length lies instead of the datagram: whatever ends where is refused, and nothing is read
 * behind it. */
Test(hep3, every_shorter_total_length_is_refused)
{
    struct span packet = wire_message(&wire, &usual);

    for (uint16_t total = 0; total < packet.length; total++) {
        wire.octets[4] = (uint8_t)(total >> 8);
        wire.octets[5] = (uint8_t)total;
        cr_assert(ne(str, (char *)result_of(packet), "ok"), "total length %u", total);
    }
}

Test(hep3, refuses_a_total_length_below_its_header)
{
    struct span packet = wire_message(&wire, &usual);

    wire.octets[4] = 0;
    wire.octets[5] = 5;
    cr_assert(eq(str, (char *)result_of(packet), "bad_length"));
}

Test(hep3, refuses_a_total_length_beyond_the_datagram)
{
    struct span packet = wire_message(&wire, &usual);

    wire.octets[5]++;
    cr_assert(eq(str, (char *)result_of(packet), "truncated"));
}

/* Each chunk length of a good packet, replaced by each that is too short for a header. */
Test(hep3, refuses_chunk_lengths_that_lie)
{
    struct span packet = wire_message(&wire, &usual);

    for (size_t at = 6; at < packet.length;) {
        uint8_t high = wire.octets[at + 4], low = wire.octets[at + 5];

        for (uint8_t lie = 0; lie < 6; lie++) {
            wire.octets[at + 4] = 0;
            wire.octets[at + 5] = lie;
            cr_assert(eq(str, (char *)result_of(packet), "bad_chunk_length"), "chunk at %zu", at);
        }
        wire.octets[at + 4] = wire.octets[at + 5] = 0xff;
        cr_assert(eq(str, (char *)result_of(packet), "truncated"), "chunk at %zu", at);
        wire.octets[at + 4] = high;
        wire.octets[at + 5] = low;
        at += (size_t)high << 8 | low;
    }
}

Test(hep3, refuses_each_type_of_the_wrong_size)
{
    static const struct {
        unsigned type, size;
    } types[] = { { 1, 1 }, { 2, 1 }, { 3, 4 }, { 4, 4 },  { 5, 16 }, { 6, 16 },
                  { 7, 2 }, { 8, 2 }, { 9, 4 }, { 10, 4 }, { 11, 1 } };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        for (size_t size = 0; size <= 17; size++) {
            if (size == types[i].size)
                continue;
            wire_head(&wire, &usual);
            wire_chunk(&wire, 0, types[i].type, "seventeen octets.", size);
            wire_chunk(&wire, 0, 15, "x", 1);
            cr_assert(eq(str, (char *)result_of(wire_end(&wire)), "bad_chunk_size"), "type %u, %zu octets",
                      types[i].type, size);
        }
}

Test(hep3, refuses_a_missing_address_or_port)
{
    for (unsigned missing = 3; missing <= 8; missing++) {
        if (missing == 5 || missing == 6)
            continue;
        wire_begin(&wire);
        wire_chunk_u8(&wire, 11, 1);
        if (missing != 3)
            wire_chunk(&wire, 0, 3, "\xc0\0\x02\x01", 4);
        if (missing != 4)
            wire_chunk(&wire, 0, 4, "\xc0\0\x02\x02", 4);
        if (missing != 7)
            wire_chunk_u16(&wire, 7, 5060);
        if (missing != 8)
            wire_chunk_u16(&wire, 8, 5060);
        wire_chunk(&wire, 0, 15, "x", 1);
        cr_assert(eq(str, (char *)result_of(wire_end(&wire)), "no_address"), "without type %u", missing);
    }
}

Test(hep3, refuses_addresses_of_two_families)
{
    static const uint8_t zeros[16];

    wire_begin(&wire);
    wire_chunk(&wire, 0, 3, "\xc0\0\x02\x01", 4);
    wire_chunk(&wire, 0, 6, zeros, 16);
    wire_chunk_u16(&wire, 7, 5060);
    wire_chunk_u16(&wire, 8, 5060);
    wire_chunk_u8(&wire, 11, 1);
    wire_chunk(&wire, 0, 15, "x", 1);
    cr_assert(eq(str, (char *)result_of(wire_end(&wire)), "no_address"));
}

Test(hep3, refuses_a_missing_or_empty_payload)
{
    wire_head(&wire, &usual);
    cr_assert(eq(str, (char *)result_of(wire_end(&wire)), "no_payload"));
    wire_chunk(&wire, 0, 15, "", 0);
    cr_assert(eq(str, (char *)result_of(wire_end(&wire)), "no_payload"));
}

Test(hep3, only_payload_protocol_1_is_sip)
{
    for (unsigned protocol = 0; protocol < 256; protocol++) {
        wire_head(&wire, &usual);
        wire_chunk_u8(&wire, 11, protocol);
        wire_chunk(&wire, 0, 15, "x", 1);
        cr_assert(eq(str, (char *)result_of(wire_end(&wire)), protocol == 1 ? "ok" : "not_sip"),
                  "protocol %u", protocol);
    }
}

Test(hep, refuses_what_is_none_of_its_versions)
{
    static const char *const strangers[] = { "HEP2\0\x06", "hep3\0\x06", "GET / HTTP/1.0", "\x03\x10\x02\x11",
                                             "HEX" };

    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++)
        cr_assert(eq(str, (char *)result_of(span_of(strangers[i], i == 4 ? 3 : 4)), "bad_magic"), "%zu", i);
}

/* ---- the key ---- */

Test(hep_key, must_be_the_same_in_every_octet_and_in_length)
{
    static const struct {
        const char *sent;
        enum hep_result result;
    } cases[] = {
        { "secret", HEP_OK },        { NULL, HEP_KEY_MISSING },         { "", HEP_KEY_WRONG },
        { "secre", HEP_KEY_WRONG },  { "secrets", HEP_KEY_WRONG },      { "Secret", HEP_KEY_WRONG },
        { "secreT", HEP_KEY_WRONG }, { "secretsecret", HEP_KEY_WRONG },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hep_wire_message m = usual;
        struct hep_packet p;

        m.key = cases[i].sent;
        cr_assert(eq(int, decode(wire_message(&wire, &m), &p), HEP_OK));
        cr_assert(eq(int, hep_key_check(&p, span_string("secret")), cases[i].result), "%s", cases[i].sent);
    }
}

/* ---- transports ---- */

Test(hep_transport, follows_the_customs_of_the_mirrors)
{
    static const struct {
        uint8_t protocol;
        enum sipstat_transport transport;
    } cases[] = { { 17, SIPSTAT_UDP },
                  { 6, SIPSTAT_TCP },
                  { 132, SIPSTAT_SCTP },
                  { 22, SIPSTAT_TLS },
                  { 50, SIPSTAT_WS },
                  { 0, SIPSTAT_TRANSPORT_OTHER },
                  { 255, SIPSTAT_TRANSPORT_OTHER } };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hep_packet p = { .ip_protocol = cases[i].protocol };

        cr_assert(eq(int, hep_packet_transport(&p), cases[i].transport), "protocol %u", cases[i].protocol);
    }
}

/* ---- versions 1 and 2 ---- */

static void
old_head(unsigned version, unsigned family, size_t address_octets)
{
    uint8_t address[16] = { 192, 0, 2, 1 };
    uint8_t first[] = { (uint8_t)version, 16, (uint8_t)family, 17 };

    wire.length = 0;
    wire_put(&wire, first, sizeof(first));
    wire_put_u16(&wire, 5070);
    wire_put_u16(&wire, 5060);
    wire_put(&wire, address, address_octets);
    address[3] = 10;
    wire_put(&wire, address, address_octets);
}

static struct span
old_end(void)
{
    wire_put(&wire, options, strlen(options));
    return span_of(wire.octets, wire.length);
}

Test(hep1, has_addresses_and_no_time)
{
    struct hep_packet p;

    old_head(1, 2, 4);
    cr_assert(eq(int, decode(old_end(), &p), HEP_OK));
    cr_assert(is_endpoint(&p.source, "192.0.2.1:5070"));
    cr_assert(is_endpoint(&p.destination, "192.0.2.10:5060"));
    cr_assert(span_equals(p.payload, span_string(options)));
    cr_assert(eq(u64, hep_packet_time_ns(&p), 0));
}

Test(hep1, knows_ipv6_by_the_numbers_of_all_systems)
{
    static const unsigned families[] = { 10, 23, 24, 26, 28, 30 };

    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        struct hep_packet p;

        old_head(1, families[i], 16);
        cr_assert(eq(int, decode(old_end(), &p), HEP_OK));
        cr_assert(is_endpoint(&p.source, "[c000:201::]:5070"));
    }
}

Test(hep1, refuses_other_families)
{
    old_head(1, 3, 4);
    cr_assert(eq(str, (char *)result_of(old_end()), "bad_family"));
}

Test(hep2, takes_the_time_in_either_byte_order)
{
    for (int swapped = 0; swapped < 2; swapped++) {
        struct hep_packet p;

        old_head(2, 2, 4);
        wire_put_u32(&wire, swapped ? __builtin_bswap32(NOW_S - 3600) : NOW_S - 3600);
        wire_put_u32(&wire, swapped ? __builtin_bswap32(654321) : 654321);
        wire_put_u32(&wire, 0);
        cr_assert(eq(int, decode(old_end(), &p), HEP_OK));
        cr_assert(eq(u64, hep_packet_time_ns(&p), (NOW_S - 3600) * 1000000000ull + 654321000u));
        cr_assert(span_equals(p.payload, span_string(options)));
    }
}

Test(hep2, takes_the_nearer_date_when_the_microseconds_do_not_tell)
{
    for (int swapped = 0; swapped < 2; swapped++) {
        struct hep_packet p;

        old_head(2, 2, 4);
        wire_put_u32(&wire, swapped ? __builtin_bswap32(NOW_S) : NOW_S);
        wire_put_u32(&wire, 0);
        wire_put_u32(&wire, 0);
        cr_assert(eq(int, decode(old_end(), &p), HEP_OK));
        cr_assert(eq(u32, p.seconds, NOW_S));
    }
}

Test(hep2, every_prefix_is_refused)
{
    struct span packet;
    size_t head;

    old_head(2, 2, 4);
    wire_put(&wire, "times and id", 12);
    head = wire.length;
    packet = old_end();
    for (size_t length = 1; length <= head; length++)
        cr_assert(eq(str, (char *)result_of(span_first(packet, length)),
                     length < head ? "truncated" : "no_payload"),
                  "%zu octets", length);
}

/* ---- names ---- */

Test(hep_result, each_has_a_name_and_words)
{
    for (int i = 0; i < HEP_RESULT_COUNT; i++) {
        cr_assert(gt(sz, strlen(hep_result_name((enum hep_result)i)), 1));
        cr_assert(gt(sz, strlen(hep_result_words((enum hep_result)i)), 5));
    }
}
