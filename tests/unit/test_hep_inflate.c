/* SPDX-License-Identifier: BSD-2-Clause */
/* What mirrors compress: whole, damaged, cut short, and far larger than it looks. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <zlib.h>

#include "collectors/hep/hep_inflate.h"
#include "tests/unit/guarded.h"

static const char options[] = "OPTIONS sip:a SIP/2.0\r\n\r\n";

static struct hep_inflater *inflater;
static uint8_t inflated[HEP_PACKET_MAX];
static uint8_t packed[2 * HEP_PACKET_MAX];

static void
inflater_setup(void)
{
    inflater = hep_inflater_new();
}

static void
inflater_teardown(void)
{
    hep_inflater_free(inflater);
}

enum { FORMAT_ZLIB = 15, FORMAT_GZIP = 15 + 16 };

static struct span
deflated(const void *data, size_t length, int format)
{
    z_stream z = { 0 };
    struct span result;

    cr_assert(eq(int, deflateInit2(&z, 9, Z_DEFLATED, format, 8, Z_DEFAULT_STRATEGY), Z_OK));
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)length;
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    cr_assert(eq(int, deflate(&z, Z_FINISH), Z_STREAM_END));
    result = span_of(packed, z.total_out);
    deflateEnd(&z);
    return result;
}

static enum hep_result
inflate_guarded(struct span in, struct span *result)
{
    return hep_inflate(inflater, guarded(in.data, in.length), inflated, result);
}

Test(hep_inflate, takes_zlib_and_gzip, .init = inflater_setup, .fini = inflater_teardown)
{
    struct span result;

    for (int round = 0; round < 3; round++) {
        cr_assert(eq(int, inflate_guarded(deflated(options, strlen(options), FORMAT_ZLIB), &result), HEP_OK));
        cr_assert(span_equals(result, span_string(options)));
        cr_assert(eq(int, inflate_guarded(deflated(options, strlen(options), FORMAT_GZIP), &result), HEP_OK));
        cr_assert(span_equals(result, span_string(options)));
    }
}

Test(hep_inflate, every_prefix_is_refused_and_does_no_harm_to_the_next, .init = inflater_setup,
     .fini = inflater_teardown)
{
    struct span whole = deflated(options, strlen(options), FORMAT_GZIP), result;

    for (size_t length = 0; length < whole.length; length++)
        cr_assert(eq(int, inflate_guarded(span_first(whole, length), &result), HEP_BAD_COMPRESSION));
    cr_assert(eq(int, inflate_guarded(whole, &result), HEP_OK));
}

Test(hep_inflate, damage_in_any_octet_never_gives_something_else, .init = inflater_setup,
     .fini = inflater_teardown)
{
    struct span whole = deflated(options, strlen(options), FORMAT_ZLIB), result;

    for (size_t at = 0; at < whole.length; at++) {
        packed[at] ^= 0x41;
        if (inflate_guarded(whole, &result) == HEP_OK)
            cr_assert(span_equals(result, span_string(options)), "octet %zu", at);
        packed[at] ^= 0x41;
    }
}

Test(hep_inflate, takes_exactly_65535_octets_and_refuses_one_more, .init = inflater_setup,
     .fini = inflater_teardown)
{
    static uint8_t zeros[HEP_PACKET_MAX + 1];
    struct span result;

    cr_assert(eq(int, inflate_guarded(deflated(zeros, HEP_PACKET_MAX, FORMAT_GZIP), &result), HEP_OK));
    cr_assert(eq(sz, result.length, HEP_PACKET_MAX));
    cr_assert(eq(int, inflate_guarded(deflated(zeros, HEP_PACKET_MAX + 1, FORMAT_GZIP), &result),
                 HEP_INFLATED_TOO_LARGE));
}

Test(hep_inflate, takes_65535_octets_that_do_not_compress, .init = inflater_setup, .fini = inflater_teardown)
{
    static uint8_t noise[HEP_PACKET_MAX];
    uint32_t state = 1;
    struct span result;

    for (size_t i = 0; i < sizeof(noise); i++) {
        state = state * 1664525 + 1013904223;
        noise[i] = (uint8_t)(state >> 24);
    }
    cr_assert(eq(int, inflate_guarded(deflated(noise, sizeof(noise), FORMAT_ZLIB), &result), HEP_OK));
    cr_assert(span_equals(result, span_of(noise, sizeof(noise))));
}

/* A few hundred octets that claim gigabytes are given up after 65535. */
Test(hep_inflate, a_bomb_costs_no_more_than_a_packet, .init = inflater_setup, .fini = inflater_teardown)
{
    static uint8_t zeros[16 << 20];
    struct span result;

    cr_assert(eq(int, inflate_guarded(deflated(zeros, sizeof(zeros), FORMAT_GZIP), &result),
                 HEP_INFLATED_TOO_LARGE));
}

Test(hep_inflate, refuses_what_follows_the_end, .init = inflater_setup, .fini = inflater_teardown)
{
    struct span whole = deflated(options, strlen(options), FORMAT_ZLIB), result;

    packed[whole.length++] = 'x';
    cr_assert(eq(int, inflate_guarded(whole, &result), HEP_BAD_COMPRESSION));
}
