/* SPDX-License-Identifier: BSD-2-Clause */
/* How the store's values look.
 *
 *   totals: struct totals_head, n_counters counters; for each method a length octet, the name and
 *   n_method_counters counters; for each cell the number of its method among those before, its code, in and
 *   out; for each word its uses, a length octet and the text. */
#include "agent/store_codec.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define TOTALS_MAGIC   0x32544f54u /* "TOT2" */
#define TOTALS_MAGIC_1 0x31544f54u /* "TOT1": of layout 1, without words */
#define STATE_MAGIC    0x31545453u /* "STT1" */

struct totals_head {
    uint32_t magic;
    uint32_t octets;   /* of the whole value */
    uint64_t checksum; /* of all after this member */
    uint32_t n_counters, n_method_counters, n_methods, n_cells, n_words, reserved;
    uint64_t methods_folded, cells_folded, words_folded;
    uint64_t has_associations;
};

/* How that began in layout 1. */
struct totals_head_1 {
    uint32_t magic, octets;
    uint64_t checksum;
    uint32_t n_counters, n_method_counters, n_methods, n_cells;
    uint64_t methods_folded, cells_folded;
    uint64_t has_associations;
};

_Static_assert(offsetof(struct totals_head_1, n_counters) == offsetof(struct totals_head, n_counters),
               "the checksum begins at the same place");

/* Octets being written or read, within bounds. */
struct cursor {
    uint8_t *to;
    const uint8_t *from, *end;
};

uint64_t
store_checksum(const void *data, size_t octets)
{
    const uint8_t *s = data;
    uint64_t sum = 0xcbf29ce484222325u; /* FNV-1a */

    for (size_t i = 0; i < octets; i++)
        sum = (sum ^ s[i]) * 0x100000001b3u;
    return sum;
}

static uint64_t
head_checksum(const void *data, size_t octets)
{
    size_t skip = offsetof(struct totals_head, checksum) + sizeof(uint64_t);

    return store_checksum((const uint8_t *)data + skip, octets - skip);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static void
put(struct cursor *c, const void *data, size_t octets)
{
    memcpy(c->to, data, octets);
    c->to += octets;
}

static bool
cell_counts(const struct tally_cell *cell)
{
    return cell->in != 0 || cell->out != 0;
}

/* The methods worth keeping: any that counted, and those their cells are about. number[i] is 1 + the place
 * of row i. */
static uint32_t
choose_methods(const struct tally *t, uint16_t number[TALLY_METHODS], size_t *octets)
{
    uint32_t chosen = 0;

    memset(number, 0, TALLY_METHODS * sizeof(number[0]));
    for (uint32_t i = 0; i < t->cells; i++)
        if (cell_counts(&t->cell[i]))
            number[t->cell[i].method] = 1;
    for (uint32_t m = 0; m < t->methods; m++) {
        for (unsigned k = 0; k < LANE_METHOD_COUNTERS; k++)
            if (t->method[m].counters[k] != 0)
                number[m] = 1;
        if (number[m]) {
            number[m] = (uint16_t)++chosen;
            *octets += 1u + t->method[m].name_octets + sizeof(t->method[m].counters);
        }
    }
    return chosen;
}

static void
put_rows(struct cursor *c, const struct tally *t, const uint16_t number[TALLY_METHODS])
{
    for (uint32_t m = 0; m < t->methods; m++) {
        if (!number[m])
            continue;
        put(c, &t->method[m].name_octets, 1);
        put(c, t->method[m].name, t->method[m].name_octets);
        put(c, t->method[m].counters, sizeof(t->method[m].counters));
    }
    for (uint32_t i = 0; i < t->cells; i++) {
        const struct tally_cell *cell = &t->cell[i];
        uint16_t method = (uint16_t)(number[cell->method] - 1);

        if (!cell_counts(cell))
            continue;
        put(c, &method, sizeof(method));
        put(c, &cell->code, sizeof(cell->code));
        put(c, &cell->in, sizeof(cell->in));
        put(c, &cell->out, sizeof(cell->out));
    }
}

static void
put_words(struct cursor *c, const struct tally *t)
{
    for (uint32_t i = 0; i < t->words; i++) {
        const struct lane_word_copy *w = &t->word[i];

        put(c, &w->uses, sizeof(w->uses));
        put(c, &w->octets, 1);
        put(c, w->text, w->octets);
    }
}

/* Octets that put_rows() and put_words() will take, but for the methods. */
static size_t
cell_and_word_octets(const struct tally *t, uint32_t n_cells)
{
    size_t octets = (size_t)n_cells * (2 * sizeof(uint16_t) + 2 * sizeof(uint64_t));

    for (uint32_t i = 0; i < t->words; i++)
        octets += sizeof(t->word[i].uses) + 1 + t->word[i].octets;
    return octets;
}

int
totals_encode(const struct tally *t, uint8_t **out, size_t *octets, struct err *e)
{
    struct totals_head head = {
        .magic = TOTALS_MAGIC,
        .n_counters = LANE_COUNTERS_MAX,
        .n_method_counters = LANE_METHOD_COUNTERS,
        .methods_folded = t->methods_folded,
        .cells_folded = t->cells_folded,
        .words_folded = t->words_folded,
        .n_words = t->words,
        .has_associations = t->has_associations,
    };
    size_t size = sizeof(head) + sizeof(t->counters);
    uint16_t number[TALLY_METHODS];
    struct cursor c;

    head.n_methods = choose_methods(t, number, &size);
    for (uint32_t i = 0; i < t->cells; i++)
        head.n_cells += cell_counts(&t->cell[i]);
    size += cell_and_word_octets(t, head.n_cells);
    head.octets = (uint32_t)size;
    *out = malloc(size);
    if (!*out)
        return err_set(e, -ENOMEM, "no memory for %zu octets of totals", size);
    c = (struct cursor){ .to = *out };
    put(&c, &head, sizeof(head));
    put(&c, t->counters, sizeof(t->counters));
    put_rows(&c, t, number);
    put_words(&c, t);
    head.checksum = head_checksum(*out, size);
    memcpy(*out + offsetof(struct totals_head, checksum), &head.checksum, sizeof(head.checksum));
    *octets = size;
    return 0;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool
get(struct cursor *c, void *data, size_t octets)
{
    if ((size_t)(c->end - c->from) < octets)
        return false;
    memcpy(data, c->from, octets);
    c->from += octets;
    return true;
}

/* A run of counters, of which this program knows the first `known`. */
static bool
add_counters(struct cursor *c, uint64_t *counters, uint32_t known, uint32_t count)
{
    uint64_t value;

    for (uint32_t i = 0; i < count; i++) {
        if (!get(c, &value, sizeof(value)))
            return false;
        if (i < known)
            counters[i] += value;
    }
    return true;
}

static bool
add_method(struct cursor *c, struct tally *t, uint32_t n_counters, uint16_t *row)
{
    char name[METHOD_NAME_MAX];
    uint8_t octets;

    if (!get(c, &octets, 1) || octets == 0 || octets > METHOD_NAME_MAX || !get(c, name, octets))
        return false;
    *row = (uint16_t)tally_method(t, name, octets);
    return add_counters(c, t->method[*row].counters, LANE_METHOD_COUNTERS, n_counters);
}

/* A full table folds, which the tally counts; a table that could not grow must not. */
static int
add_cell(struct cursor *c, struct tally *t, const uint16_t *rows, uint32_t n_rows)
{
    uint16_t method, code;
    uint64_t in, out;
    uint32_t cell;

    if (!get(c, &method, sizeof(method)) || !get(c, &code, sizeof(code)) || !get(c, &in, sizeof(in)) ||
        !get(c, &out, sizeof(out)) || method >= n_rows)
        return -EBADMSG;
    cell = code >= LANE_CODE_FIRST && code < LANE_CODE_FIRST + LANE_CODES ? tally_cell(t, rows[method], code)
                                                                          : 0;
    if (cell == 0 && code != 0 && t->cells < TALLY_CELLS)
        return -ENOMEM;
    t->cell[cell].in += in;
    t->cell[cell].out += out;
    return 0;
}

static bool
add_word(struct cursor *c, struct tally *t)
{
    char text[LANE_WORD_TEXT_OCTETS];
    uint32_t uses;
    uint8_t octets;

    if (!get(c, &uses, sizeof(uses)) || !get(c, &octets, 1) || octets > sizeof(text) || !get(c, text, octets))
        return false;
    tally_word(t, text, octets, uses);
    return true;
}

/* The head of either layout. */
static bool
get_head(struct cursor *c, struct totals_head *head)
{
    struct totals_head_1 old;
    uint32_t magic = 0;

    if ((size_t)(c->end - c->from) >= sizeof(magic))
        memcpy(&magic, c->from, sizeof(magic));
    if (magic == TOTALS_MAGIC)
        return get(c, head, sizeof(*head));
    if (magic != TOTALS_MAGIC_1 || !get(c, &old, sizeof(old)))
        return false;
    *head = (struct totals_head){
        .octets = old.octets,
        .checksum = old.checksum,
        .n_counters = old.n_counters,
        .n_method_counters = old.n_method_counters,
        .n_methods = old.n_methods,
        .n_cells = old.n_cells,
        .methods_folded = old.methods_folded,
        .cells_folded = old.cells_folded,
        .has_associations = old.has_associations,
    };
    return true;
}

int
totals_decode(struct tally *t, const void *data, size_t octets, struct err *e)
{
    struct cursor c = { .from = data, .end = (const uint8_t *)data + octets };
    uint16_t rows[TALLY_METHODS];
    struct totals_head head;

    if (!get_head(&c, &head) || head.octets != octets || head.n_methods > TALLY_METHODS ||
        head.checksum != head_checksum(data, octets))
        return err_set(e, -EBADMSG, "damaged totals of %zu octets", octets);
    t->methods_folded += head.methods_folded;
    t->cells_folded += head.cells_folded;
    t->words_folded += head.words_folded;
    t->has_associations |= head.has_associations != 0;
    if (!add_counters(&c, t->counters, LANE_COUNTERS_MAX, head.n_counters))
        return err_set(e, -EBADMSG, "damaged totals: no room for %u counters", head.n_counters);
    for (uint32_t i = 0; i < head.n_methods; i++)
        if (!add_method(&c, t, head.n_method_counters, &rows[i]))
            return err_set(e, -EBADMSG, "damaged totals: method %u", i);
    for (uint32_t i = 0; i < head.n_cells; i++) {
        int code = add_cell(&c, t, rows, head.n_methods);

        if (code < 0)
            return err_set(e, code, code == -ENOMEM ? "no memory for cell %u" : "damaged totals: cell %u", i);
    }
    for (uint32_t i = 0; i < head.n_words; i++)
        if (!add_word(&c, t))
            return err_set(e, -EBADMSG, "damaged totals: word %u", i);
    return 0;
}

/* ---- states ----------------------------------------------------------------------------------------------------- */

static uint64_t
state_checksum(const struct state_value *v)
{
    return store_checksum(v->boot_id, sizeof(*v) - offsetof(struct state_value, boot_id));
}

void
state_encode(const struct instance_state *s, const uint8_t boot_id[BOOT_ID_OCTETS], struct state_value *out)
{
    memset(out, 0, sizeof(*out));
    out->magic = STATE_MAGIC;
    out->octets = sizeof(*out);
    memcpy(out->boot_id, boot_id, BOOT_ID_OCTETS);
    out->state = *s;
    out->checksum = state_checksum(out);
}

/* The times of another boot's clock mean nothing; who was there then is gone. */
static void
forget_times(struct instance_state *s)
{
    *s = (struct instance_state){
        .oper_status = OPER_UNKNOWN,
        .messages_in = s->messages_in,
        .messages_out = s->messages_out,
    };
}

/* Nothing known happened later than now. */
static void
clamp_times(struct instance_state *s, uint64_t now_ns)
{
    uint64_t *const times[] = { &s->discon_ns,       &s->start_ns,           &s->last_change_ns,
                                &s->writers_gone_ns, &s->collector_heard_ns, &s->last_in_ns,
                                &s->last_out_ns };

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        if (*times[i] > now_ns)
            *times[i] = now_ns;
}

int
state_decode(struct instance_state *s, const uint8_t boot_id[BOOT_ID_OCTETS], uint64_t now_ns,
             const void *data, size_t octets, struct err *e)
{
    struct state_value v;

    if (octets != sizeof(v))
        return err_set(e, -EBADMSG, "damaged state of %zu octets", octets);
    memcpy(&v, data, sizeof(v));
    if (v.magic != STATE_MAGIC || v.octets != sizeof(v) || v.checksum != state_checksum(&v) ||
        v.state.oper_status < OPER_UNKNOWN || v.state.oper_status > OPER_TESTING)
        return err_set(e, -EBADMSG, "damaged state");
    *s = v.state;
    if (memcmp(v.boot_id, boot_id, BOOT_ID_OCTETS) != 0) {
        forget_times(s);
        return 0;
    }
    clamp_times(s, now_ns);
    return 0;
}
