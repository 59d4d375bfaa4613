/* SPDX-License-Identifier: BSD-2-Clause */
/* Putting a record into a lane's event ring, piece by piece: begin, whole words, texts, end. Inline, so that what is
 * known when this is compiled costs nothing. One writer, any number of readers; it overwrites the oldest records and
 * never waits. Each barrier names its partner in ring_reader.c. */
#ifndef SIPCORE_RING_PUT_H
#define SIPCORE_RING_PUT_H

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "sipcore/lane_writer.h"

/* The thread sanitizer does not follow fences. It need not: every word that both sides touch is atomic, and what the
 * fences order is proved by the sequence numbers and contents that tests/stress/ring_stress.c checks. */
#if defined(__SANITIZE_THREAD__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/* A record in the making, straight in the ring; one that wraps around the ring's end is put together beside it and
 * copied by ring_put_end(). The compiler must take any store to shared memory for one to the writer itself: what is
 * needed meanwhile is held here, in registers. */
struct ring_put {
    _Atomic uint64_t *to; /* the next word */
    uint64_t word;   /* octets of it that are there already, zeros behind; little-endian on any machine */
    unsigned octets; /* how many, 0 to 7 */
    bool wraps;
    uint64_t next; /* behind the record */
};

/* One word, by a relaxed store: a lapped reader loses a record, it does not race. Only while no text has left octets in
 * `word`. */
static inline __attribute__((always_inline)) void
ring_put_word(struct ring_put *r, uint64_t word)
{
    atomic_store_explicit(r->to++, word, memory_order_relaxed);
}

/* Numbers that stand one behind the other, put together in a register: narrow stores read back as one word would wait
 * for each other. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define RING_PUT_JOIN(type, bits, first, second) ((type)((type)(first) | (type)(second) << (bits)))
#else
#define RING_PUT_JOIN(type, bits, first, second) ((type)((type)(first) << (bits) | (type)(second)))
#endif

static inline __attribute__((always_inline)) uint16_t
ring_put_join_8(uint8_t first, uint8_t second)
{
    return RING_PUT_JOIN(uint16_t, 8, first, second);
}

static inline __attribute__((always_inline)) uint32_t
ring_put_join_16(uint16_t first, uint16_t second)
{
    return RING_PUT_JOIN(uint32_t, 16, first, second);
}

static inline __attribute__((always_inline)) uint64_t
ring_put_join_32(uint32_t first, uint32_t second)
{
    return RING_PUT_JOIN(uint64_t, 32, first, second);
}

/* The oldest record that stays whole when all before `next` is written. What a foreign hand made of the lengths must
 * not keep us: then it is the record that is written now. */
static inline __attribute__((always_inline)) uint64_t
ring_put_make_room(const struct lane_writer *w, uint64_t next)
{
    const char *data = (const char *)w->ring_data;
    uint64_t oldest = w->oldest, mask = w->ring_mask;

    while (next - oldest > mask + 1) {
        const void *first = data + (oldest & mask);
        uint32_t octets = atomic_load_explicit((const _Atomic uint32_t *)first, memory_order_relaxed);

        if (octets < sizeof(struct lane_record) || octets > LANE_RECORD_MAX || octets % 8 != 0)
            return w->head;
        oldest += octets;
    }
    return oldest;
}

/* Begin a record of so many octets of body, at most LANE_RECORD_MAX less the record header. */
static inline __attribute__((always_inline)) struct ring_put
ring_put_begin(struct lane_writer *w, enum lane_event type, size_t body_octets, uint64_t time_ns)
{
    uint32_t octets = (uint32_t)(sizeof(struct lane_record) + body_octets + 7) & ~7u;
    uint64_t offset = w->head & w->ring_mask;
    struct ring_put r = { .next = w->head + octets, .wraps = offset + octets > w->ring_mask + 1 };

    assert(body_octets <= LANE_RECORD_MAX - sizeof(struct lane_record));
    w->oldest = ring_put_make_room(w, r.next);
    atomic_store_explicit(&w->ring->oldest, w->oldest, memory_order_relaxed);
    atomic_store_explicit(&w->ring->intent, r.next, memory_order_relaxed);
    /* A, pairs with A in ring_reader.c: who sees a word of this record sees the intent too, and knows what
     * it lost. */
    atomic_thread_fence(memory_order_release);
    r.to = __builtin_expect(r.wraps, 0) ? w->wrapped : w->ring_data + offset / 8;
    ring_put_word(&r, ring_put_join_32(octets, ring_put_join_16((uint16_t)type, (uint16_t)body_octets)));
    ring_put_word(&r, w->sequence);
    ring_put_word(&r, time_ns);
    return r;
}

static inline __attribute__((always_inline)) uint64_t
ring_put_load(const uint8_t *from)
{
    uint64_t word;

    memcpy(&word, from, sizeof(word));
    return le64toh(word);
}

static inline __attribute__((always_inline)) void
ring_put_octet(struct ring_put *r, uint8_t octet)
{
    r->word |= (uint64_t)octet << (8 * r->octets++);
    if (r->octets < 8)
        return;
    ring_put_word(r, htole64(r->word));
    r->word = r->octets = 0;
}

/* A text right behind what was put before. Never by way of a buffer: words read back across two stores would wait for
 * both. */
static inline __attribute__((always_inline)) void
ring_put_text(struct ring_put *r, struct span text)
{
    unsigned room = 8 - r->octets;
    const uint8_t *last;

    if (text.length < 8) {
        for (size_t i = 0; i < text.length; i++)
            ring_put_octet(r, text.data[i]);
        return;
    }
    last = text.data + text.length - 8;
    ring_put_word(r, htole64(r->word | ring_put_load(text.data) << (8 * r->octets)));
    for (const uint8_t *from = text.data + room; from <= last; from += 8)
        ring_put_word(r, htole64(ring_put_load(from)));
    r->octets = (unsigned)(text.length - room) % 8;
    /* The last octets, of which there may be none: in two steps, a word is not shifted by all its bits. */
    r->word = ring_put_load(last) >> 8 >> (56 - 8 * r->octets);
}

/* Copy the record that was put together beside the ring, and ends before `next`. */
void ring_put_wrapped(struct lane_writer *w, uint64_t next);

/* The record is complete. */
static inline __attribute__((always_inline)) void
ring_put_end(struct lane_writer *w, struct ring_put *r)
{
    if (r->octets > 0)
        ring_put_word(r, htole64(r->word));
    if (__builtin_expect(r->wraps, 0))
        ring_put_wrapped(w, r->next);
    w->head = r->next;
    w->sequence++;
    atomic_store_explicit(&w->ring->head_sequence, w->sequence, memory_order_relaxed);
    /* B, pairs with B in ring_reader.c: the record and its successor's number are visible before the new head. */
    atomic_store_explicit(&w->ring->head, r->next, memory_order_release);
    lane_count(w, LANE_EVENTS_WRITTEN);
}

#endif
