/* SPDX-License-Identifier: BSD-2-Clause */
/* The writing side of a lane's event ring. One writer, any number of readers; it overwrites the oldest
 * records and never waits. Each barrier names its partner in ring_reader.c. */
#include <assert.h>
#include <string.h>

#include "sipcore/lane_writer.h"

/* The thread sanitizer does not follow fences. It need not: every word that both sides touch is atomic, and what the
 * fences order is proved by the sequence numbers and contents that tests/stress/ring_stress.c checks. */
#if defined(__SANITIZE_THREAD__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/* The ring's data, held in registers: the compiler must take any store to shared memory for one to the
 * writer itself. */
struct ring_data {
    _Atomic uint64_t *word;
    uint64_t mask;
};

static inline void
put_word(struct ring_data ring, uint64_t position, uint64_t word)
{
    atomic_store_explicit(&ring.word[(position & ring.mask) / 8], word, memory_order_relaxed);
}

/* Copy into the ring at `position`, the last word filled up with zeros. 8-byte relaxed stores: a lapped
 * reader loses a record, it does not race. */
static inline void
put_words(struct ring_data ring, uint64_t position, const void *from, size_t octets)
{
    const uint8_t *next = from, *last = next + octets / 8 * 8;
    uint64_t word;

    for (; next < last; next += 8, position += 8) {
        memcpy(&word, next, 8);
        put_word(ring, position, word);
    }
    if (octets % 8 > 0) {
        word = 0;
        memcpy(&word, next, octets % 8);
        put_word(ring, position, word);
    }
}

/* The first word of a record, put together in a register: three narrow stores read back as one word would
 * wait for each other. */
static uint64_t
first_word(uint32_t record_octets, enum lane_event type, size_t body_octets)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return record_octets | (uint64_t)(uint16_t)type << 32 | (uint64_t)body_octets << 48;
#else
    return (uint64_t)record_octets << 32 | (uint64_t)(uint16_t)type << 16 | (uint16_t)body_octets;
#endif
}

/* The length of a record, from its first word. */
static uint32_t
length_at(struct ring_data ring, uint64_t position)
{
    uint64_t word = atomic_load_explicit(&ring.word[(position & ring.mask) / 8], memory_order_relaxed);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return (uint32_t)word;
#else
    return (uint32_t)(word >> 32);
#endif
}

/* The oldest record that stays whole when all before `next` is written. What a foreign hand made of the lengths must
 * not keep us: then it is the record that is written at `head`. */
static uint64_t
make_room(struct ring_data ring, uint64_t oldest, uint64_t head, uint64_t next)
{
    while (next - oldest > ring.mask + 1) {
        uint32_t octets = length_at(ring, oldest);

        if (octets < sizeof(struct lane_record) || octets > LANE_RECORD_MAX || octets % 8 != 0)
            return head;
        oldest += octets;
    }
    return oldest;
}

void
lane_ring_put(struct lane_writer *w, enum lane_event type, const void *body, size_t octets, uint64_t time_ns)
{
    uint32_t record_octets = (uint32_t)(sizeof(struct lane_record) + octets + 7) & ~7u;
    struct ring_data ring = { .word = w->ring_data, .mask = w->ring_mask };
    uint64_t head = w->head, next = head + record_octets, sequence = w->sequence;

    assert(octets <= LANE_RECORD_MAX - sizeof(struct lane_record));
    w->oldest = make_room(ring, w->oldest, head, next);
    atomic_store_explicit(&w->ring->oldest, w->oldest, memory_order_relaxed);
    atomic_store_explicit(&w->ring->intent, next, memory_order_relaxed);
    /* A, pairs with A in ring_reader.c: who sees a word of this record sees the intent too, and knows what
     * it lost. */
    atomic_thread_fence(memory_order_release);
    put_word(ring, head, first_word(record_octets, type, octets));
    put_word(ring, head + offsetof(struct lane_record, sequence), sequence);
    put_word(ring, head + offsetof(struct lane_record, time_ns), time_ns);
    put_words(ring, head + sizeof(struct lane_record), body, octets);
    w->head = next;
    w->sequence = sequence + 1;
    atomic_store_explicit(&w->ring->head_sequence, sequence + 1, memory_order_relaxed);
    /* B, pairs with B in ring_reader.c: the record and its successor's number are visible before the new head. */
    atomic_store_explicit(&w->ring->head, next, memory_order_release);
    lane_count(w, LANE_EVENTS_WRITTEN);
}
