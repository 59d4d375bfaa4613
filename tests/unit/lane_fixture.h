/* SPDX-License-Identifier: BSD-2-Clause */
/* A lane without a file: a struct lane_writer over private memory, for tests of what counts on lanes. Nothing
 * is locked or published; lane_writer_close() must not be called on it. */
#ifndef TESTS_UNIT_LANE_FIXTURE_H
#define TESTS_UNIT_LANE_FIXTURE_H

#include <stdlib.h>

#include "sipcore/lane_writer.h"

struct lane_fixture {
    struct lane_live live;
    _Atomic uint64_t methods[LANE_METHODS][LANE_METHOD_COUNTERS];
    struct lane_cell cells[LANE_CELLS];
    uint8_t names[LANE_METHODS][LANE_NAME_OCTETS];
    uint8_t notes[LANE_NOTES * LANE_NOTE_OCTETS];
    struct lane_word words[LANE_WORDS];
    struct lane_interest interest; /* set bits to be told of responses */
    struct lane_ring ring;
    _Atomic uint64_t ring_data[LANE_RING_MIN / 8];
    uint16_t cell_index[LANE_METHODS * LANE_CODES];
};

/* As it is before anything was counted, for a fixture of zeros. */
static inline void
lane_fixture_begin(struct lane_fixture *f, struct lane_writer *w)
{
    atomic_init(&f->live.methods, METHOD_IANA_COUNT);
    atomic_init(&f->live.cells, 1);
    atomic_init(&f->ring.head_sequence, 1);
    for (unsigned i = 0; i < METHOD_IANA_COUNT; i++) {
        f->names[i][0] = (uint8_t)strlen(method_name(i));
        memcpy(&f->names[i][1], method_name(i), f->names[i][0]);
    }
    *w = (struct lane_writer){
        .live = &f->live,
        .methods = f->methods,
        .cells = f->cells,
        .cell_index = f->cell_index,
        .interest = &f->interest,
        .ring = &f->ring,
        .ring_data = f->ring_data,
        .ring_mask = LANE_RING_MIN - 1,
        .sequence = 1,
        .names = f->names,
        .notes = f->notes,
        .words = f->words,
    };
}

static inline void
lane_fixture_init(struct lane_fixture *f, struct lane_writer *w)
{
    memset(f, 0, sizeof(*f));
    lane_fixture_begin(f, w);
}

/* The same for one that was used by a writer only: clears what such a one wrote, a small part of it all. */
static inline void
lane_fixture_reset(struct lane_fixture *f, struct lane_writer *w)
{
    uint64_t ring_octets = f->ring.intent < sizeof(f->ring_data) ? f->ring.intent : sizeof(f->ring_data);

    for (unsigned i = 1; i < f->live.cells; i++)
        f->cell_index[LANE_CELL_METHOD(f->cells[i].key) * LANE_CODES + LANE_CELL_CODE(f->cells[i].key) -
                      LANE_CODE_FIRST] = 0;
    memset(f->cells, 0, f->live.cells * sizeof(f->cells[0]));
    memset(f->words, 0, f->live.words * sizeof(f->words[0]));
    memset(f->names, 0, f->live.methods * sizeof(f->names[0]));
    memset(f->ring_data, 0, ring_octets);
    memset(f->notes, 0, sizeof(f->notes));
    memset(f->methods, 0, sizeof(f->methods));
    memset(&f->live, 0, sizeof(f->live));
    memset(&f->ring, 0, sizeof(f->ring));
    memset(&f->interest, 0, sizeof(f->interest));
    lane_fixture_begin(f, w);
}

/* NULL when there is no memory; free() it when the writer is done with. */
static inline struct lane_fixture *
lane_fixture_new(struct lane_writer *w)
{
    struct lane_fixture *f = malloc(sizeof(*f));

    if (f != NULL)
        lane_fixture_init(f, w);
    return f;
}

#endif
