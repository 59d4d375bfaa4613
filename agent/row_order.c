/* SPDX-License-Identifier: BSD-2-Clause */
/* In which order the rows of an instance's sums answer. */
#include "agent/row_order.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct ranked_name {
    const struct tally_method *name;
    uint16_t row;
};

void
row_order_init(struct row_order *o)
{
    *o = (struct row_order){ .methods = 0 };
}

void
row_order_fini(struct row_order *o)
{
    free(o->code);
    row_order_init(o);
}

void
row_order_seed(struct tally *sum, const struct config_instance *config)
{
    for (size_t i = 0; i < config->n_methods; i++)
        tally_method(sum, config->methods[i], strlen(config->methods[i]));
}

static int
compare_names(const void *left, const void *right)
{
    const struct tally_method *a = ((const struct ranked_name *)left)->name;
    const struct tally_method *b = ((const struct ranked_name *)right)->name;

    if (a->name_octets != b->name_octets)
        return a->name_octets < b->name_octets ? -1 : 1;
    return memcmp(a->name, b->name, a->name_octets);
}

/* rank[row]: the place of a row of the tally among all methods. */
static void
sort_methods(struct row_order *o, const struct tally *sum, uint16_t rank[TALLY_METHODS])
{
    struct ranked_name ranked[TALLY_METHODS];

    for (uint32_t i = 0; i < sum->methods; i++)
        ranked[i] = (struct ranked_name){ .name = &sum->method[i], .row = (uint16_t)i };
    qsort(ranked, sum->methods, sizeof(ranked[0]), compare_names);
    for (uint32_t i = 0; i < sum->methods; i++) {
        o->method[i] = ranked[i].row;
        rank[ranked[i].row] = (uint16_t)i;
    }
    o->n_methods = sum->methods;
}

/* The row of that name, or TALLY_METHODS: without making one. */
static uint32_t
find_method(const struct tally *sum, const char *name)
{
    size_t octets = strlen(name);

    for (uint32_t i = 0; i < sum->methods; i++)
        if (sum->method[i].name_octets == octets && memcmp(sum->method[i].name, name, octets) == 0)
            return i;
    return TALLY_METHODS;
}

static void
mark_configured(struct row_order *o, const struct tally *sum, const struct config_instance *config)
{
    memset(o->is_configured, 0, sizeof(o->is_configured));
    for (size_t i = 0; i < config->n_methods; i++) {
        uint32_t row = find_method(sum, config->methods[i]);

        if (row < TALLY_METHODS)
            o->is_configured[row] = true;
    }
}

/* ---- status codes ----------------------------------------------------------------------------------------------- */

struct ranked_cell {
    uint32_t key; /* rank of the method, then the code */
    uint16_t cell;
};

static int
compare_cells(const void *left, const void *right)
{
    const struct ranked_cell *a = left, *b = right;

    return a->key < b->key ? -1 : a->key > b->key;
}

/* All cells of the tally in the order of the table. */
static uint32_t
sort_cells(struct ranked_cell *ranked, const struct tally *sum, const uint16_t rank[TALLY_METHODS])
{
    uint32_t n = 0;

    for (uint32_t i = 1; i < sum->cells; i++)
        ranked[n++] =
            (struct ranked_cell){ .key = (uint32_t)rank[sum->cell[i].method] << 16 | sum->cell[i].code,
                                  .cell = (uint16_t)i };
    qsort(ranked, n, sizeof(*ranked), compare_cells);
    return n;
}

/* Names as the table has them: a shorter one first. */
static int
compare_name(const struct tally_method *m, const struct control_row *c)
{
    if (m->name_octets != c->method_octets)
        return m->name_octets < c->method_octets ? -1 : 1;
    return memcmp(m->name, c->method, m->name_octets);
}

static int
compare_cell(const struct tally *sum, const struct tally_cell *cell, const struct control_row *c)
{
    int order = compare_name(&sum->method[cell->method], c);

    if (order != 0)
        return order;
    return cell->code < c->code ? -1 : cell->code > c->code;
}

/* The row of the tally that has a control row's name, or TALLY_METHODS. *at goes through the sorted methods
 * as control rows come in their order. */
static uint16_t
method_of(const struct row_order *o, const struct tally *sum, const struct control_row *c, uint32_t *at)
{
    while (*at < o->n_methods && compare_name(&sum->method[o->method[*at]], c) < 0)
        ++*at;
    if (*at < o->n_methods && compare_name(&sum->method[o->method[*at]], c) == 0)
        return o->method[*at];
    return TALLY_METHODS;
}

/* Merge cells and control rows, both sorted. Returns how many rows there are. */
static uint32_t
merge_codes(const struct row_order *o, struct row_order_code *code, const struct tally *sum,
            const struct ranked_cell *ranked, uint32_t n_cells, const struct control_row *controls,
            size_t n_controls, bool is_observed)
{
    uint32_t n = 0, i = 0, at = 0;

    for (size_t k = 0; i < n_cells || k < n_controls;) {
        const struct tally_cell *cell = i < n_cells ? &sum->cell[ranked[i].cell] : NULL;
        const struct control_row *c = k < n_controls ? &controls[k] : NULL;
        int order = !cell ? 1 : !c ? -1 : compare_cell(sum, cell, c);
        struct row_order_code *row = &code[n];

        if (order < 0) {
            *row = (struct row_order_code){ ranked[i].cell, cell->method, cell->code, 0 };
            n += is_observed;
        } else {
            assert(c);
            *row = (struct row_order_code){ .method = method_of(o, sum, c, &at),
                                            .code = c->code,
                                            .control = (uint32_t)k + 1 };
            if (order == 0)
                row->cell = ranked[i].cell;
            n += !c->is_hidden;
        }
        i += order <= 0;
        k += order >= 0;
    }
    return n;
}

int
row_order_update(struct row_order *o, const struct tally *sum, const struct config_instance *config,
                 const struct control_row *controls, size_t n_controls, uint64_t controls_generation,
                 struct err *e)
{
    uint16_t rank[TALLY_METHODS];
    struct row_order_code *code;
    struct ranked_cell *ranked;
    uint32_t n;

    word_order_update(&o->words, sum, config);
    if (o->methods == sum->methods && o->cells == sum->cells && o->controls_generation == controls_generation)
        return 0;
    ranked = malloc(sum->cells * sizeof(*ranked));
    code = malloc((sum->cells + n_controls + 1) * sizeof(*code));
    if (!ranked || !code) {
        free(ranked);
        free(code);
        return err_set(e, -ENOMEM, "no memory to sort %zu rows", sum->cells + n_controls);
    }
    sort_methods(o, sum, rank);
    mark_configured(o, sum, config);
    n = sort_cells(ranked, sum, rank);
    o->n_codes = merge_codes(o, code, sum, ranked, n, controls, n_controls, config->status_codes_observed);
    free(o->code);
    free(ranked);
    o->code = code;
    o->methods = sum->methods;
    o->cells = sum->cells;
    o->controls_generation = controls_generation;
    return 0;
}
