/* SPDX-License-Identifier: BSD-2-Clause */
/* The tally of an instance: retained totals plus live lanes, added up by method name and status code. Used
 * by the agent for its snapshot and by the viewer. Rows once made stay, so their numbers are stable. One
 * thread. */
#ifndef SIPCORE_TALLY_H
#define SIPCORE_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/err.h"
#include "sipcore/lane_reader.h"

enum {
    TALLY_METHODS =
        256, /* distinct method names over all lanes of an instance, METHOD_OTHER_NAME among them */
    TALLY_CELLS = 16384,            /* distinct (method, code) pairs */
    TALLY_WORDS = 512,              /* distinct option tags and allowed methods */
    TALLY_OTHER = METHOD_IANA_COUNT /* the row of METHOD_OTHER_NAME */
};

struct tally_method {
    char name[LANE_NAME_OCTETS]; /* terminated */
    uint8_t name_octets;
    uint64_t counters[LANE_METHOD_COUNTERS];
};

struct tally_cell {
    uint16_t method; /* index in tally.method */
    uint16_t code;   /* 0: what was folded */
    uint64_t in, out;
};

/* Sums. Methods 0 to METHOD_IANA_COUNT-1 are IANA's, at the numbers of sipcore/method.h; then "(other)"; then
 * extensions in order of appearance. Cell 0 is what was folded. */
struct tally {
    uint64_t counters[LANE_COUNTERS_MAX];
    bool has_associations;
    uint32_t methods;
    uint32_t cells;
    uint64_t methods_folded,
        cells_folded;            /* overflow of the tally's own tables: messages added under "(other)" */
    struct tally_method *method; /* TALLY_METHODS */
    struct tally_cell *cell;     /* grows to TALLY_CELLS: a pointer into it ends with the next row */
    uint32_t cells_allocated;
    uint16_t *index; /* [method][code - LANE_CODE_FIRST] -> cell */
    uint32_t words;
    uint64_t words_folded;       /* words of lanes that found no room */
    struct lane_word_copy *word; /* TALLY_WORDS, in order of appearance; uses of all lanes together */
    uint32_t method_hash[TALLY_METHODS], word_hash[TALLY_WORDS]; /* of the texts: most comparisons end here */
};

/* Where each method and cell of one lane goes in one tally; kept with the lane so that adding it again is a
 * plain loop. Zero-initialise. Valid for one pair of lane and tally. */
struct tally_map {
    uint32_t methods, cells, words; /* mapped so far */
    bool has_folded;                /* some cell went to cell 0 */
    uint16_t method[LANE_METHODS];
    uint16_t cell[LANE_CELLS];
    uint16_t word[LANE_WORDS];
};

int tally_init(struct tally *t, struct err *e);
void tally_fini(struct tally *t);

/* Set all sums to 0 and keep the rows; words, once seen, stay. */
void tally_clear(struct tally *t);

/* Add a lane's last copy. 0 or -ENOMEM. */
int tally_add_lane(struct tally *t, const struct lane_reader *r, struct tally_map *map, struct err *e);

/* Add (or make) a row's sums by name: for retained totals read back. Folds into "(other)" when the table is full. */
uint32_t tally_method(struct tally *t, const char *name, size_t octets);
uint32_t tally_cell(struct tally *t, uint32_t method, unsigned code);

/* Note a word in its uses (LANE_WORD_*). What is no word of a lane is left out. */
void tally_word(struct tally *t, const char *text, size_t octets, uint32_t uses);

/* Add all of `from` to `to`. */
int tally_add(struct tally *to, const struct tally *from, struct err *e);

/* Transactions awaiting a final response: begun less ended, never below 0. */
uint64_t tally_open_transactions(const struct tally *t);

#endif
