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

/* As it is before anything was counted. */
static inline void
lane_fixture_init(struct lane_fixture *f, struct lane_writer *w)
{
    memset(f, 0, sizeof(*f));
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
