/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of SIP transactions: bounded, keyed by a 128-bit hash, no strings. It knows time but not SIP: the
 * observer decides what a transaction waits for, the table says when it has waited long enough.
 *
 * Each entry stands in one queue. All entries of a queue wait equally long, so a queue is in order of
 * deadlines by itself, and adding, moving, expiring and evicting take constant time. One thread; memory is
 * reserved in trans_init() and touched as it is used: 64 octets for each transaction held. */
#ifndef SIPCORE_TRANS_H
#define SIPCORE_TRANS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sipcore/err.h"

/* Hash of what makes a transaction. Equal keys are taken for equal transactions: by chance they meet once in
 * 2^128 pairs, and by intent not without the key of the hash. */
struct trans_key {
    uint64_t word[2];
};

/* What an entry waits for. */
enum trans_queue {
    TRANS_TRYING,       /* a response: timer B or F, 64*T1 */
    TRANS_PROCEEDING,   /* an INVITE's final response, after a provisional one: timer C */
    TRANS_LINGER,       /* repetitions, over an unreliable transport or of a 2xx to INVITE: 64*T1 */
    TRANS_LINGER_SHORT, /* stragglers, where nothing is repeated: T4 */
    TRANS_QUEUES
};

#define TRANS_FLAG_ACKED         1u   /* the ACK to a non-2xx final response was seen */
#define TRANS_FLAG_CREDENTIALS   2u   /* the request carried credentials for who answers 401 */
#define TRANS_FLAG_PROXY_REQUIRE 4u   /* the request carried Proxy-Require */
#define TRANS_FLAG_URI_COUNTED   8u   /* counted in sipCommonOtherStatsNumUnsupportedUris */
#define TRANS_FLAG_RELIABLE      16u  /* the request came over a transport that repeats nothing */
#define TRANS_FLAG_EARLY         32u  /* only responses were seen, the request has yet to come: not begun */
#define TRANS_FLAG_FOR_PROXY     64u  /* the request carried credentials for who answers 407 */
#define TRANS_FLAG_PRIVATE       128u /* the request asked for privacy */

enum { TRANS_MARKS = 3 };

/* One transaction. The first members are the table's; the rest is zero when it is added, and the
 * observer's. */
struct trans {
    struct trans_key key;
    uint32_t chain;             /* next in the same bucket; also in the free list */
    uint32_t previous, next;    /* in the queue */
    uint32_t deadline_ms;       /* of the table's clock, which wraps: compare by difference */
    uint8_t queue;              /* enum trans_queue */
    uint8_t flags;              /* TRANS_FLAG_* */
    uint16_t final_code;        /* of the first final response, 0: none yet */
    uint32_t mark[TRANS_MARKS]; /* hashes of the responses seen, latest first, 0: none */
};

_Static_assert(sizeof(struct trans) == 48, "with four bucket words, 64 octets a transaction");

/* A queue, oldest first. */
struct trans_fifo {
    uint32_t first, last;
    uint32_t count;
    uint32_t first_deadline_ms; /* of `first`: so that looking whether anything is due touches no entry */
    uint32_t wait_ms;
};

struct trans_table {
    struct trans *entries; /* entry 0 is not used: 0 is none */
    uint32_t *buckets;
    uint32_t bucket_mask;
    uint32_t max;
    uint32_t used; /* entries 1 to used were handed out at least once */
    uint32_t free; /* list of those given back */
    struct trans_fifo queue[TRANS_QUEUES];
    void *map;
    size_t map_octets;
    pid_t owner; /* a forked child has no table */
};

/* The most that trans_init() takes. */
#define TRANS_MAX 16777216u

/* Reserve memory for `max` (1 to TRANS_MAX) transactions. `wait_ms`: how long each queue waits, below 2^31.
 * 0, or -EINVAL, -ENOMEM and `e` set. */
int trans_init(struct trans_table *t, uint32_t max, const uint32_t wait_ms[TRANS_QUEUES], struct err *e);
void trans_fini(struct trans_table *t);

/* The transaction of a key, NULL when there is none. */
struct trans *trans_find(struct trans_table *t, const struct trans_key *key);

/* Have memory fetched that trans_find() will look at, so that it does not have to wait: first what the key
 * leads to, then, some time later, what that leads to. */
static inline void
trans_prefetch(const struct trans_table *t, const struct trans_key *key)
{
    __builtin_prefetch(&t->buckets[key->word[0] & t->bucket_mask]);
}

static inline void
trans_prefetch_entry(const struct trans_table *t, const struct trans_key *key)
{
    const struct trans *x = &t->entries[t->buckets[key->word[0] & t->bucket_mask]];

    __builtin_prefetch(x, 1);
    __builtin_prefetch(&x->mark[TRANS_MARKS - 1], 1); /* its end may be on another cache line */
}

/* True when the table is full: then trans_add() needs trans_forget(trans_victim()) first. */
static inline bool
trans_is_full(const struct trans_table *t)
{
    return t->used == t->max && t->free == 0;
}

/* What to forget when there is no room: of those that only linger the one that has done so longest; if there
 * is none, of those that are open the one whose present wait began first. NULL when the table is empty. */
struct trans *trans_victim(struct trans_table *t);

/* Add a transaction whose key is not in the table, which is not full. */
struct trans *trans_add(struct trans_table *t, const struct trans_key *key, enum trans_queue queue,
                        uint32_t now_ms);

/* Put a transaction at the end of a queue (maybe the one it is in), to wait from now on. */
void trans_move(struct trans_table *t, struct trans *x, enum trans_queue queue, uint32_t now_ms);

void trans_forget(struct trans_table *t, struct trans *x);

/* One transaction whose deadline has come, NULL when there is none. It stays due until it is moved or
 * forgotten. */
struct trans *trans_due(struct trans_table *t, uint32_t now_ms);

/* True when its deadline has come. */
static inline bool
trans_is_due(const struct trans *x, uint32_t now_ms)
{
    return (int32_t)(now_ms - x->deadline_ms) >= 0;
}

/* How long it has been waiting where it is. */
static inline uint32_t
trans_waited_ms(const struct trans_table *t, const struct trans *x, uint32_t now_ms)
{
    return now_ms - (x->deadline_ms - t->queue[x->queue].wait_ms);
}

/* True while it awaits a final response. */
static inline bool
trans_is_open(const struct trans *x)
{
    return x->queue <= TRANS_PROCEEDING;
}

/* How many await a final response, and how many are held. */
static inline uint32_t
trans_open(const struct trans_table *t)
{
    return t->queue[TRANS_TRYING].count + t->queue[TRANS_PROCEEDING].count;
}

static inline uint32_t
trans_held(const struct trans_table *t)
{
    return trans_open(t) + t->queue[TRANS_LINGER].count + t->queue[TRANS_LINGER_SHORT].count;
}

#endif
