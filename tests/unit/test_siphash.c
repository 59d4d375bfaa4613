/* SPDX-License-Identifier: BSD-2-Clause */
/* SipHash-1-3 against another implementation: the expected values are hash() of CPython 3.11, which uses
 * SipHash-1-3, with its key set to zero (PYTHONHASHSEED=0), of the octets 0, 1, 2 ... */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "sipcore/siphash.h"

/* The plain function of a string: whole words, then the rest with the length in the highest octet. */
static uint64_t
hash_of(const uint8_t *data, size_t length)
{
    static const struct siphash_key zero;
    struct siphash h = siphash_start(&zero);

    siphash_octets(&h, span_of(data, length & ~(size_t)7));
    siphash_word(&h, sip_load_at(span_of(data, length), length & ~(size_t)7) | (uint64_t)length << 56);
    return siphash_end(&h);
}

Test(siphash, equals_what_others_compute)
{
    static const struct {
        size_t length;
        uint64_t hash;
    } cases[] = {
        { 1, 0x68a914128e01e473 },  { 2, 0x10bac45c41e3669 },   { 7, 0x2f098ab0c751325a },
        { 8, 0xead411e67ebe2eea },  { 9, 0x75927f9d95124362 },  { 15, 0xf30eb725bb91c9ea },
        { 16, 0x8972188433a5c5b7 }, { 31, 0x169739443111d49b }, { 64, 0x75e05fd5bbc870c6 },
    };
    uint8_t octets[64];

    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect(eq(u64, hash_of(octets, cases[i].length), cases[i].hash), "%zu octets", cases[i].length);
}

Test(siphash, key_changes_everything_and_the_second_word_is_another)
{
    static const struct siphash_key one = { { 1, 2 } }, other = { { 1, 3 } };
    struct siphash a = siphash_start(&one), b = siphash_start(&other);
    uint64_t first;

    siphash_octets(&a, span_string("branch"));
    siphash_octets(&b, span_string("branch"));
    first = siphash_end(&a);
    cr_expect(ne(u64, first, siphash_end(&b)));
    cr_expect(ne(u64, first, siphash_end_more(&a)));
}
