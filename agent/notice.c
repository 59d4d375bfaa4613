/* SPDX-License-Identifier: BSD-2-Clause */
/* The queue of notifications: a ring of pointers that grows as far as it must. The mutex is held over the pointers
 * only, never over an allocation or a system call that could wait. */
#include "agent/notice.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { ROOM_FIRST = 64 };

struct notice_queue {
    pthread_mutex_t mutex;
    int event_fd;
    struct notice **notice; /* room for `room`; those that wait from `first` on, around the end */
    uint32_t room, first, waiting, max;
    uint32_t common, share; /* see notice_queue_put() */
    uint64_t put, delivered, overflowed;
};

static bool has_room(const struct notice_queue *q, uint32_t appl_index);
static bool make_room(struct notice_queue *q);
static bool count_overflow(struct notice_queue *q);

struct notice_queue *
notice_queue_new(uint32_t max)
{
    struct notice_queue *q = calloc(1, sizeof(*q));

    if (!q)
        return NULL;
    q->notice = calloc(ROOM_FIRST, sizeof(struct notice *));
    q->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (!q->notice || q->event_fd < 0) {
        if (q->event_fd >= 0)
            close(q->event_fd);
        free(q->notice);
        free(q);
        return NULL;
    }
    pthread_mutex_init(&q->mutex, NULL);
    q->room = ROOM_FIRST;
    q->max = q->common = q->share = max;
    return q;
}

void
notice_queue_free(struct notice_queue *q)
{
    if (!q)
        return;
    for (uint32_t k = 0; k < q->waiting; k++)
        free(q->notice[(q->first + k) % q->room]);
    close(q->event_fd);
    pthread_mutex_destroy(&q->mutex);
    free(q->notice);
    free(q);
}

/* ---- the core thread -------------------------------------------------------------------------------------------- */

bool
notice_queue_put(struct notice_queue *q, const struct notice *n)
{
    struct notice *copy;
    bool is_taken;

    pthread_mutex_lock(&q->mutex);
    is_taken = has_room(q, n->appl_index);
    pthread_mutex_unlock(&q->mutex);
    /* Between the two holds of the mutex the queue can only become shorter: nobody else puts. */
    if (!is_taken || !make_room(q))
        return count_overflow(q);
    copy = malloc(sizeof(*copy));
    if (!copy)
        return count_overflow(q);
    *copy = *n;
    pthread_mutex_lock(&q->mutex);
    q->notice[(q->first + q->waiting++) % q->room] = copy;
    q->put++;
    pthread_mutex_unlock(&q->mutex);
    eventfd_write(q->event_fd, 1);
    return true;
}

/* What is beyond shares was put while no more than `common` waited, and all shares together are no more than what is
 * left: who has less than its share always finds room. The mutex is held. */
static bool
has_room(const struct notice_queue *q, uint32_t appl_index)
{
    uint32_t own = 0;

    if (q->waiting < q->common || q->waiting >= q->max)
        return q->waiting < q->common;
    for (uint32_t k = 0; k < q->waiting; k++)
        own += q->notice[(q->first + k) % q->room]->appl_index == appl_index;
    return own < q->share;
}

/* Only the putting thread changes `room`. */
static bool
make_room(struct notice_queue *q)
{
    struct notice **grown, **old = q->notice;
    uint32_t room = q->room * 2;
    bool is_full;

    pthread_mutex_lock(&q->mutex);
    is_full = q->waiting == q->room;
    pthread_mutex_unlock(&q->mutex);
    if (!is_full)
        return true;
    grown = calloc(room, sizeof(struct notice *));
    if (!grown)
        return false;
    pthread_mutex_lock(&q->mutex);
    for (uint32_t k = 0; k < q->waiting; k++)
        grown[k] = old[(q->first + k) % q->room];
    q->notice = grown;
    q->room = room;
    q->first = 0;
    pthread_mutex_unlock(&q->mutex);
    free(old);
    return true;
}

static bool
count_overflow(struct notice_queue *q)
{
    pthread_mutex_lock(&q->mutex);
    q->overflowed++;
    pthread_mutex_unlock(&q->mutex);
    return false;
}

void
notice_queue_set_bounds(struct notice_queue *q, uint32_t max, size_t instances)
{
    uint32_t least = instances > 1 ? 2 * (uint32_t)instances : 0, half;

    max = max > least ? max : least;
    half = max / 2;
    pthread_mutex_lock(&q->mutex);
    q->max = max;
    q->common = instances > 1 ? max - half : max;
    q->share = instances > 1 ? half / (uint32_t)instances : max;
    pthread_mutex_unlock(&q->mutex);
}

/* ---- the AgentX thread ------------------------------------------------------------------------------------------ */

int
notice_queue_fd(const struct notice_queue *q)
{
    return q->event_fd;
}

void
notice_queue_clear(struct notice_queue *q)
{
    eventfd_t ignored;

    eventfd_read(q->event_fd, &ignored);
}

bool
notice_queue_at(struct notice_queue *q, uint32_t k, struct notice *out)
{
    bool is_there;

    pthread_mutex_lock(&q->mutex);
    is_there = k < q->waiting;
    if (is_there)
        *out = *q->notice[(q->first + k) % q->room];
    pthread_mutex_unlock(&q->mutex);
    return is_there;
}

void
notice_queue_drop(struct notice_queue *q)
{
    struct notice *oldest = NULL;

    pthread_mutex_lock(&q->mutex);
    if (q->waiting > 0) {
        oldest = q->notice[q->first];
        q->first = (q->first + 1) % q->room;
        q->waiting--;
        q->delivered++;
    }
    pthread_mutex_unlock(&q->mutex);
    free(oldest);
}

/* ---- any thread ------------------------------------------------------------------------------------------------- */

void
notice_queue_stats(struct notice_queue *q, struct notice_stats *stats)
{
    pthread_mutex_lock(&q->mutex);
    *stats = (struct notice_stats){ .waiting = q->waiting,
                                    .max = q->max,
                                    .put = q->put,
                                    .delivered = q->delivered,
                                    .overflowed = q->overflowed };
    pthread_mutex_unlock(&q->mutex);
}
