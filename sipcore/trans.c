/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of SIP transactions. */
#include "sipcore/trans.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define NONE 0u

static uint32_t
number_of(const struct trans_table *t, const struct trans *x)
{
    return (uint32_t)(x - t->entries);
}

static uint32_t *
bucket_of(struct trans_table *t, const struct trans_key *key)
{
    return &t->buckets[key->word[0] & t->bucket_mask];
}

int
trans_init(struct trans_table *t, uint32_t max, const uint32_t wait_ms[TRANS_QUEUES], struct err *e)
{
    size_t buckets = 1, entry_octets, page = 4096;

    *t = (struct trans_table){ .max = max };
    if (max < 1 || max > TRANS_MAX)
        return err_set(e, -EINVAL, "transaction table: expected 1 to %u transactions, got %u", TRANS_MAX,
                       max);
    while (buckets <= 2 * (size_t)max) /* at most four buckets an entry: few chains, and 64 octets together */
        buckets *= 2;

    entry_octets = (((size_t)max + 1) * sizeof(struct trans) + page - 1) & ~(page - 1);
    t->map_octets = entry_octets + buckets * sizeof(uint32_t);
    t->map =
        mmap(NULL, t->map_octets, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (t->map == MAP_FAILED) {
        t->map = NULL;
        return err_sys(e, -errno, "transaction table of %zu octets", t->map_octets);
    }
    /* No huge pages: touched at random, each would be cleared under a SIP message, and take milliseconds. And not for
     * children, whose copy would cost the parent a fault for every page it goes on to use. */
    (void)madvise(t->map, t->map_octets, MADV_DONTFORK);
    t->owner = getpid();
    t->entries = t->map;
    t->buckets = (uint32_t *)((char *)t->map + entry_octets);
    t->bucket_mask = (uint32_t)(buckets - 1);
    for (unsigned q = 0; q < TRANS_QUEUES; q++)
        t->queue[q].wait_ms = wait_ms[q];
    return 0;
}

void
trans_fini(struct trans_table *t)
{
    if (t->map != NULL && t->owner == getpid()) /* in a child something else may be there */
        munmap(t->map, t->map_octets);
    t->map = NULL;
}

struct trans *
trans_find(struct trans_table *t, const struct trans_key *key)
{
    for (uint32_t n = *bucket_of(t, key); n != NONE; n = t->entries[n].chain) {
        struct trans *x = &t->entries[n];

        if (x->key.word[0] == key->word[0] && x->key.word[1] == key->word[1])
            return x;
    }
    return NULL;
}

static void
enqueue(struct trans_table *t, struct trans *x, enum trans_queue queue, uint32_t now_ms)
{
    struct trans_fifo *q = &t->queue[queue];
    uint32_t n = number_of(t, x);

    x->queue = (uint8_t)queue;
    x->deadline_ms = now_ms + q->wait_ms;
    x->next = NONE;
    x->previous = q->last;
    if (q->last != NONE) {
        t->entries[q->last].next = n;
    } else {
        q->first = n;
        q->first_deadline_ms = x->deadline_ms;
    }
    q->last = n;
    q->count++;
}

/* There is a new head: note when it is due, and fetch what it will take to forget it and to make the next one
 * head. */
static void
prepare_first(struct trans_table *t, struct trans_fifo *q)
{
    const struct trans *first = &t->entries[q->first];

    q->first_deadline_ms = first->deadline_ms;
    __builtin_prefetch(bucket_of(t, &first->key), 1);
    __builtin_prefetch(&t->entries[first->next], 1);
}

static void
dequeue(struct trans_table *t, struct trans *x)
{
    struct trans_fifo *q = &t->queue[x->queue];

    if (x->next != NONE)
        t->entries[x->next].previous = x->previous;
    else
        q->last = x->previous;
    if (x->previous != NONE) {
        t->entries[x->previous].next = x->next;
    } else {
        q->first = x->next;
        if (x->next != NONE)
            prepare_first(t, q);
    }
    q->count--;
}

/* The head of the one of two queues whose head entered it first; NULL when both are empty. */
static struct trans *
older_head(struct trans_table *t, enum trans_queue one, enum trans_queue other)
{
    const struct trans_fifo *a = &t->queue[one], *b = &t->queue[other];
    uint32_t entered_a = a->first_deadline_ms - a->wait_ms, entered_b = b->first_deadline_ms - b->wait_ms;

    if (a->count == 0 && b->count == 0)
        return NULL;
    if (b->count == 0 || (a->count > 0 && (int32_t)(entered_a - entered_b) <= 0))
        return &t->entries[a->first];
    return &t->entries[b->first];
}

struct trans *
trans_victim(struct trans_table *t)
{
    struct trans *x = older_head(t, TRANS_LINGER, TRANS_LINGER_SHORT);

    return x != NULL ? x : older_head(t, TRANS_TRYING, TRANS_PROCEEDING);
}

struct trans *
trans_add(struct trans_table *t, const struct trans_key *key, enum trans_queue queue, uint32_t now_ms)
{
    uint32_t *bucket = bucket_of(t, key), n = t->free;
    struct trans *x;

    if (n != NONE)
        t->free = t->entries[n].chain;
    else
        n = ++t->used;
    x = &t->entries[n];
    *x = (struct trans){ .key = *key, .chain = *bucket };
    *bucket = n;
    enqueue(t, x, queue, now_ms);
    return x;
}

void
trans_move(struct trans_table *t, struct trans *x, enum trans_queue queue, uint32_t now_ms)
{
    dequeue(t, x);
    enqueue(t, x, queue, now_ms);
}

void
trans_forget(struct trans_table *t, struct trans *x)
{
    uint32_t n = number_of(t, x), *link = bucket_of(t, &x->key);

    dequeue(t, x);
    while (*link != n)
        link = &t->entries[*link].chain;
    *link = x->chain;
    x->chain = t->free;
    t->free = n;
}

struct trans *
trans_due(struct trans_table *t, uint32_t now_ms)
{
    for (unsigned q = 0; q < TRANS_QUEUES; q++) {
        const struct trans_fifo *fifo = &t->queue[q];

        if (fifo->count > 0 && (int32_t)(now_ms - fifo->first_deadline_ms) >= 0)
            return &t->entries[fifo->first];
    }
    return NULL;
}
