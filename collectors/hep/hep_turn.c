/* SPDX-License-Identifier: BSD-2-Clause */
/* One turn of work: a batch of datagrams from a socket to the lanes. */
#include "collectors/hep/hep_turn.h"

#include <time.h>

/* How long after a refused packet the senders are asked for even under load: somebody will want to know
 * who it is. */
#define CURIOUS_NS 60000000000ull

static bool wants_senders(const struct hep_listener *listener, const struct hep_pipe *pipe, uint64_t now_ns);
static uint64_t clock_ns(clockid_t clock);

int
hep_turn(struct hep_listener *listener, struct hep_batch *batch, struct hep_pipe *pipe,
         struct hep_writers *writers)
{
    struct hep_datagram datagram = { .monotonic_ns = clock_ns(CLOCK_MONOTONIC_COARSE) };
    int n = hep_listener_receive(listener, batch, wants_senders(listener, pipe, datagram.monotonic_ns));

    if (n < 0) {
        pipe->counters[HEP_COUNT_RECEIVE_ERRORS]++;
        return n;
    }
    listener->last_batch = n;
    listener->received += (uint64_t)n;
    datagram.received_ns = clock_ns(CLOCK_REALTIME);
    hep_writers_set_now(writers, datagram.monotonic_ns);
    for (int i = 0; i < n; i++) {
        hep_batch_get(batch, (unsigned)i, &datagram);
        hep_pipe_datagram(pipe, &datagram);
    }
    return n;
}

/* The address of a sender is only for the log. A full batch is load. */
static bool
wants_senders(const struct hep_listener *listener, const struct hep_pipe *pipe, uint64_t now_ns)
{
    bool refused_lately = pipe->refused_ns != 0 && now_ns - pipe->refused_ns < CURIOUS_NS;

    return refused_lately || listener->last_batch < HEP_BATCH;
}

static uint64_t
clock_ns(clockid_t clock)
{
    struct timespec now = { 0, 0 };

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
