/* SPDX-License-Identifier: BSD-2-Clause */
/* The tally of an instance. */
#include "sipcore/tally.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sipcore/siphash.h"

enum {
    CELLS_FIRST = 256,
    NO_WORD = UINT16_MAX /* in a map: left out, or no room for it */
};

static int reserve(struct tally *t, uint32_t cells, struct err *e);

int
tally_init(struct tally *t, struct err *e)
{
    *t = (struct tally){ 0 };
    t->method = calloc(TALLY_METHODS, sizeof(*t->method));
    t->index = calloc((size_t)TALLY_METHODS * LANE_CODES, sizeof(*t->index));
    t->word = calloc(TALLY_WORDS, sizeof(*t->word));
    if (!t->method || !t->index || !t->word || reserve(t, 1, NULL) < 0) {
        tally_fini(t);
        return err_set(e, -ENOMEM, "no memory for the sums of an instance");
    }
    memset(&t->cell[0], 0, sizeof(t->cell[0]));
    t->cells = 1;
    for (unsigned i = 0; i < METHOD_IANA_COUNT; i++)
        tally_method(t, method_name(i), strlen(method_name(i)));
    tally_method(t, METHOD_OTHER_NAME, sizeof(METHOD_OTHER_NAME) - 1);
    return 0;
}

void
tally_fini(struct tally *t)
{
    free(t->method);
    free(t->cell);
    free(t->index);
    free(t->word);
    *t = (struct tally){ 0 };
}

void
tally_clear(struct tally *t)
{
    memset(t->counters, 0, sizeof(t->counters));
    t->has_associations = false;
    t->methods_folded = t->cells_folded = t->words_folded = 0;
    for (uint32_t i = 0; i < t->methods; i++)
        memset(t->method[i].counters, 0, sizeof(t->method[i].counters));
    for (uint32_t i = 0; i < t->cells; i++)
        t->cell[i].in = t->cell[i].out = 0;
}

/* Room for `cells` cells, as far as the table may grow: then tally_cell() does not fail for want of memory. */
static int
reserve(struct tally *t, uint32_t cells, struct err *e)
{
    uint32_t room = t->cells_allocated ? t->cells_allocated : CELLS_FIRST;
    struct tally_cell *grown;

    if (cells > TALLY_CELLS)
        cells = TALLY_CELLS;
    if (cells <= t->cells_allocated)
        return 0;
    while (room < cells)
        room *= 2;
    grown = realloc(t->cell, room * sizeof(*grown));
    if (!grown)
        return err_set(e, -ENOMEM, "no memory for %u status codes of an instance", room);
    t->cell = grown;
    t->cells_allocated = room;
    return 0;
}

/* Whatever the case of its letters. The key is an address: lanes' texts are strangers' choice, and they do not know
 * it. */
static uint32_t
hash_of(const struct tally *t, struct span text)
{
    const struct siphash_key key = { .word = { (uintptr_t)t->method, (uintptr_t)t->word } };
    struct siphash h = siphash_start(&key);

    for (size_t i = 0; i < text.length; i += 8) {
        uint64_t word = 0;

        for (size_t k = i; k < text.length && k < i + 8; k++)
            word = word << 8 | (text.data[k] | 0x20u);
        siphash_word(&h, word);
    }
    return (uint32_t)siphash_end(&h);
}

uint32_t
tally_method(struct tally *t, const char *name, size_t octets)
{
    uint32_t hash = hash_of(t, span_of(name, octets));
    struct tally_method *m;

    for (uint32_t i = 0; i < t->methods; i++)
        if (t->method_hash[i] == hash && t->method[i].name_octets == octets &&
            memcmp(t->method[i].name, name, octets) == 0)
            return i;
    if (t->methods == TALLY_METHODS || octets == 0 || octets > METHOD_NAME_MAX)
        return TALLY_OTHER;
    m = &t->method[t->methods];
    memcpy(m->name, name, octets);
    m->name_octets = (uint8_t)octets;
    t->method_hash[t->methods] = hash;
    return t->methods++;
}

uint32_t
tally_cell(struct tally *t, uint32_t method, unsigned code)
{
    uint16_t *index;

    if (method >= t->methods || code - LANE_CODE_FIRST >= LANE_CODES)
        return 0;
    index = &t->index[method * LANE_CODES + code - LANE_CODE_FIRST];
    if (*index != 0)
        return *index;
    if (t->cells == TALLY_CELLS || reserve(t, t->cells + 1, NULL) < 0)
        return 0;
    t->cell[t->cells] = (struct tally_cell){ .method = (uint16_t)method, .code = (uint16_t)code };
    *index = (uint16_t)t->cells;
    return t->cells++;
}

/* The row of a word, made if need be; NO_WORD when there is no room. */
static uint16_t
find_word(struct tally *t, struct span text, uint32_t uses)
{
    uint32_t hash = hash_of(t, text);
    struct lane_word_copy *w;

    for (uint32_t i = 0; i < t->words; i++) {
        w = &t->word[i];
        if (t->word_hash[i] == hash && lane_word_is_same(span_of(w->text, w->octets), w->uses, text, uses))
            return (uint16_t)i;
    }
    if (t->words == TALLY_WORDS)
        return NO_WORD;
    w = &t->word[t->words];
    *w = (struct lane_word_copy){ .octets = (uint8_t)text.length };
    memcpy(w->text, text.data, text.length);
    t->word_hash[t->words] = hash;
    return (uint16_t)t->words++;
}

/* What a row says, into the row that find_word() found. */
static void
add_word(struct tally *t, uint16_t word, uint32_t uses)
{
    if (word == NO_WORD)
        t->words_folded++;
    else
        t->word[word].uses |= uses;
}

void
tally_word(struct tally *t, const char *text, size_t octets, uint32_t uses)
{
    if (lane_word_is_valid(span_of(text, octets)))
        add_word(t, find_word(t, span_of(text, octets), uses), uses);
}

/* ---- adding
 * ----------------------------------------------------------------------------------------------------- */

/* What a row counts, for "so many messages were folded". */
static uint64_t
messages(const uint64_t counters[LANE_METHOD_COUNTERS])
{
    return counters[LANE_METHOD_IN] + counters[LANE_METHOD_OUT] + counters[LANE_METHOD_IN_RETRANSMITTED] +
           counters[LANE_METHOD_OUT_RETRANSMITTED];
}

static void
add_scalars(struct tally *t, const uint64_t counters[LANE_COUNTERS_MAX], bool has_associations)
{
    for (unsigned i = 0; i < LANE_COUNTERS_MAX; i++)
        t->counters[i] += counters[i];
    t->has_associations |= has_associations;
}

static void
add_method(struct tally *t, uint32_t method, const uint64_t counters[LANE_METHOD_COUNTERS])
{
    for (unsigned i = 0; i < LANE_METHOD_COUNTERS; i++)
        t->method[method].counters[i] += counters[i];
}

static void
add_cell(struct tally *t, uint32_t cell, uint64_t in, uint64_t out)
{
    t->cell[cell].in += in;
    t->cell[cell].out += out;
}

/* Find the places of what the lane has more than last time. */
static void
extend_map(struct tally *t, const struct lane_reader *r, struct tally_map *map)
{
    map->method[METHOD_OTHER] = TALLY_OTHER;
    for (; map->methods < r->copy.methods; map->methods++) {
        const char *name = lane_reader_method_name(r, map->methods);

        map->method[map->methods] = (uint16_t)tally_method(t, name, strlen(name));
    }
    for (; map->cells < r->copy.cells; map->cells++) {
        uint64_t key = r->copy.cell[map->cells].key;
        uint32_t method = map->method[LANE_CELL_METHOD(key)];

        map->cell[map->cells] = (uint16_t)tally_cell(t, method, LANE_CELL_CODE(key));
        map->has_folded |= map->cells > 0 && map->cell[map->cells] == 0;
    }
    for (; map->words < r->copy.words; map->words++) {
        const struct lane_word_copy *w = &r->copy.word[map->words];

        map->word[map->words] = w->octets > 0 ? find_word(t, span_of(w->text, w->octets), w->uses) : NO_WORD;
    }
}

int
tally_add_lane(struct tally *t, const struct lane_reader *r, struct tally_map *map, struct err *e)
{
    const struct lane_copy *c = &r->copy;
    int code = reserve(t, t->cells + (c->cells - map->cells), e);

    if (code < 0)
        return code;
    extend_map(t, r, map);
    add_scalars(t, c->counters, c->has_associations);
    for (uint32_t i = 0; i < c->methods; i++) {
        add_method(t, map->method[i], c->method_counters[i]);
        if (map->method[i] == TALLY_OTHER)
            t->methods_folded += messages(c->method_counters[i]);
    }
    add_method(t, TALLY_OTHER, c->method_counters[METHOD_OTHER]);
    add_cell(t, 0, c->cell[0].in, c->cell[0].out);
    for (uint32_t i = 1; i < c->cells; i++)
        add_cell(t, map->cell[i], c->cell[i].in, c->cell[i].out);
    for (uint32_t i = 1; map->has_folded && i < c->cells; i++)
        if (map->cell[i] == 0)
            t->cells_folded += c->cell[i].in + c->cell[i].out;
    for (uint32_t i = 0; i < c->words; i++)
        if (c->word[i].octets > 0)
            add_word(t, map->word[i], c->word[i].uses);
    return 0;
}

int
tally_add(struct tally *to, const struct tally *from, struct err *e)
{
    uint16_t method[TALLY_METHODS];
    int code = reserve(to, to->cells + from->cells, e);

    if (code < 0)
        return code;
    add_scalars(to, from->counters, from->has_associations);
    to->methods_folded += from->methods_folded;
    to->cells_folded += from->cells_folded;
    to->words_folded += from->words_folded;
    for (uint32_t i = 0; i < from->methods; i++) {
        method[i] = (uint16_t)tally_method(to, from->method[i].name, from->method[i].name_octets);
        add_method(to, method[i], from->method[i].counters);
        if (method[i] == TALLY_OTHER && i != TALLY_OTHER)
            to->methods_folded += messages(from->method[i].counters);
    }
    add_cell(to, 0, from->cell[0].in, from->cell[0].out);
    for (uint32_t i = 1; i < from->cells; i++) {
        const struct tally_cell *c = &from->cell[i];
        uint32_t cell = tally_cell(to, method[c->method], c->code);

        add_cell(to, cell, c->in, c->out);
        if (cell == 0)
            to->cells_folded += c->in + c->out;
    }
    for (uint32_t i = 0; i < from->words; i++)
        tally_word(to, from->word[i].text, from->word[i].octets, from->word[i].uses);
    return 0;
}

uint64_t
tally_open_transactions(const struct tally *t)
{
    uint64_t begun = t->counters[LANE_TRANS_BEGUN], ended = t->counters[LANE_TRANS_ENDED];

    return begun > ended ? begun - ended : 0;
}
