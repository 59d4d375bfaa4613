/* SPDX-License-Identifier: BSD-2-Clause */
/* Any octets as a stream: however they come in pieces, the same messages are found in them and the same is counted.
 * The first octet says how long the pieces are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sipcore/observer.h"
#include "sipcore/sip_message.h"
#include "sipcore/sip_stream.h"
#include "tests/unit/lane_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
    if (!holds)
        abort();
}

/* A connection's reader: what it has of the stream, and who counts, on a lane that is used again. */
struct reader {
    struct observer *o;
    struct lane_writer w;
    struct lane_fixture *lane;
    size_t at;       /* octets that are done with */
    bool is_broken;  /* no frame can be found any more */
    uint64_t frames; /* found so far */
};

static void
reader_init(struct reader *r)
{
    struct observer_options options = { .max_transactions = 16, .hash_key = "0123456789abcde" };

    *r = (struct reader){ .lane = r->lane };
    r->o = observer_new(&options, NULL);
    if (r->lane == NULL)
        r->lane = lane_fixture_new(&r->w);
    must(r->o != NULL && r->lane != NULL);
    lane_fixture_init(r->lane, &r->w);
}

/* So many octets of the stream are there now; they are copied, so that a sanitizer sees their end. */
static void
read_on(struct reader *r, struct span stream, size_t there)
{
    size_t skip, length = there - r->at;
    uint8_t *copy = malloc(length > 0 ? length : 1);
    struct span rest = span_of(copy, length);
    int frame = 0;

    must(copy != NULL);
    if (length > 0)
        memcpy(copy, stream.data + r->at, length);
    while (!r->is_broken && (frame = sip_stream_frame(rest.data, rest.length, &skip)) > 0) {
        must(skip + (size_t)frame <= rest.length);
        observer_message(r->o, &r->w, SIPSTAT_IN, span_first(span_from(rest, skip), (size_t)frame),
                         SIPSTAT_TCP, 1);
        r->frames++;
        r->at += skip + (size_t)frame;
        rest = span_from(rest, skip + (size_t)frame);
    }
    must(frame >= -1);
    r->is_broken = r->is_broken || frame < 0;
    free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span stream = span_of(data, size);
    static struct reader whole, pieces;
    uint8_t piece;

    if (!span_take_u8(&stream, &piece))
        return 0;
    reader_init(&whole);
    reader_init(&pieces);
    read_on(&whole, stream, stream.length);
    for (size_t there = 0; there < stream.length;) {
        there += 1 + piece % 64;
        there = there < stream.length ? there : stream.length;
        read_on(&pieces, stream, there);
    }
    must(whole.frames == pieces.frames && whole.at == pieces.at && whole.is_broken == pieces.is_broken);
    must(memcmp(whole.lane, pieces.lane, sizeof(*whole.lane)) == 0);
    must(whole.lane->live.counters[LANE_IN_REQUESTS] + whole.lane->live.counters[LANE_IN_RESPONSES] +
             whole.lane->live.counters[LANE_DISCARDED] ==
         whole.frames);
    observer_free(whole.o);
    observer_free(pieces.o);
    return 0;
}
