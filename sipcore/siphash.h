/* SPDX-License-Identifier: BSD-2-Clause */
/* SipHash-1-3 (Aumasson, Bernstein 2012): a keyed hash for tables that hold what strangers choose. Inline,
 * since the observer hashes a few dozen octets for each message. No state but the caller's.
 *
 * Fed word by word. Who feeds several strings feeds their lengths first, as a word, so that no two different
 * inputs make the same words. */
#ifndef SIPCORE_SIPHASH_H
#define SIPCORE_SIPHASH_H

#include <stdint.h>

#include "sipcore/sip_text.h"
#include "sipcore/span.h"

struct siphash_key {
    uint64_t word[2];
};

struct siphash {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t
siphash_rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void
siphash_round(struct siphash *h)
{
    h->v0 += h->v1;
    h->v2 += h->v3;
    h->v1 = siphash_rotate(h->v1, 13) ^ h->v0;
    h->v3 = siphash_rotate(h->v3, 16) ^ h->v2;
    h->v0 = siphash_rotate(h->v0, 32) + h->v3;
    h->v2 += h->v1;
    h->v1 = siphash_rotate(h->v1, 17) ^ h->v2;
    h->v3 = siphash_rotate(h->v3, 21) ^ h->v0;
    h->v2 = siphash_rotate(h->v2, 32);
}

static inline struct siphash
siphash_start(const struct siphash_key *key)
{
    return (struct siphash){
        .v0 = key->word[0] ^ 0x736f6d6570736575ull,
        .v1 = key->word[1] ^ 0x646f72616e646f6dull,
        .v2 = key->word[0] ^ 0x6c7967656e657261ull,
        .v3 = key->word[1] ^ 0x7465646279746573ull,
    };
}

/* Compress one word: one round. */
static inline void
siphash_word(struct siphash *h, uint64_t word)
{
    h->v3 ^= word;
    siphash_round(h);
    h->v0 ^= word;
}

/* Compress a string, padded with zeros to whole words; its length is not part of it. */
static inline void
siphash_octets(struct siphash *h, struct span s)
{
    size_t i = 0;

    for (; s.length - i >= 8; i += 8)
        siphash_word(h, sip_load(&s.data[i]));
    if (i < s.length)
        siphash_word(h, sip_load_at(s, i));
}

/* The hash: three final rounds. */
static inline uint64_t
siphash_end(struct siphash *h)
{
    h->v2 ^= 0xff;
    siphash_round(h);
    siphash_round(h);
    siphash_round(h);
    return h->v0 ^ h->v1 ^ h->v2 ^ h->v3;
}

/* A second, independent word, after siphash_end(): three rounds more, as SipHash's 128-bit form does. */
static inline uint64_t
siphash_end_more(struct siphash *h)
{
    h->v1 ^= 0xdd;
    siphash_round(h);
    siphash_round(h);
    siphash_round(h);
    return h->v0 ^ h->v1 ^ h->v2 ^ h->v3;
}

#endif
