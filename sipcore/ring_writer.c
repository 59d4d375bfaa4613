/* SPDX-License-Identifier: BSD-2-Clause */
/* The writing side of a lane's event ring. */
#include "sipcore/ring_put.h"

void
lane_ring_put(struct lane_writer *w, enum lane_event type, const void *body, size_t octets, uint64_t time_ns)
{
    struct ring_put r = ring_put_begin(w, type, octets, time_ns);

    ring_put_text(&r, span_of(body, octets));
    ring_put_end(w, &r);
}

void
ring_put_wrapped(struct lane_writer *w, uint64_t next)
{
    const _Atomic uint64_t *from = w->wrapped;

    for (uint64_t position = w->head; position < next; position += 8)
        atomic_store_explicit(&w->ring_data[(position & w->ring_mask) / 8],
                              atomic_load_explicit(from++, memory_order_relaxed), memory_order_relaxed);
}
