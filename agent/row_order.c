/* SPDX-License-Identifier: BSD-2-Clause */
/* In which order the rows of an instance's sums answer. */
#include "agent/row_order.h"

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
    for (size_t i = 0; i < config->n_watches; i++) {
        const struct config_watch *w = &config->watches[i];

        tally_cell(sum, tally_method(sum, w->method, strlen(w->method)), w->code);
    }
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

struct ranked_code {
    uint32_t key; /* rank of the method, then the code */
    struct row_order_code code;
};

static int
compare_codes(const void *left, const void *right)
{
    const struct ranked_code *a = left, *b = right;

    return a->key < b->key ? -1 : a->key > b->key;
}

/* watch[cell]: 1 + the watch that asks for the cell. */
static uint16_t *
find_watches(struct row_order *o, const struct tally *sum, const struct config_instance *config)
{
    uint16_t *watch = calloc(sum->cells, sizeof(*watch));

    o->watches_folded = 0;
    for (size_t i = 0; watch && i < config->n_watches; i++) {
        const struct config_watch *w = &config->watches[i];
        uint32_t row = find_method(sum, w->method), cell = 0;

        if (row < TALLY_METHODS && w->code - 100 < 600)
            cell = sum->index[row * 600 + w->code - 100];
        if (cell == 0)
            o->watches_folded++;
        else
            watch[cell] = (uint16_t)(i + 1);
    }
    return watch;
}

static uint32_t
collect_codes(struct ranked_code *ranked, const struct tally *sum, const struct config_instance *config,
              const uint16_t *watch, const uint16_t rank[TALLY_METHODS])
{
    uint32_t n = 0;

    for (uint32_t i = 1; i < sum->cells; i++) {
        const struct tally_cell *c = &sum->cell[i];

        if (!watch[i] && !config->status_codes_observed)
            continue;
        ranked[n++] = (struct ranked_code){
            .key = (uint32_t)rank[c->method] << 16 | c->code,
            .code = { .cell = (uint16_t)i, .method = c->method, .code = c->code, .watch = watch[i] },
        };
    }
    return n;
}

int
row_order_update(struct row_order *o, const struct tally *sum, const struct config_instance *config,
                 struct err *e)
{
    uint16_t rank[TALLY_METHODS], *watch;
    struct row_order_code *code;
    struct ranked_code *ranked;
    uint32_t n;

    if (o->methods == sum->methods && o->cells == sum->cells)
        return 0;
    watch = find_watches(o, sum, config);
    ranked = malloc(sum->cells * sizeof(*ranked));
    code = malloc(sum->cells * sizeof(*code));
    if (!watch || !ranked || !code) {
        free(watch);
        free(ranked);
        free(code);
        return err_set(e, -ENOMEM, "no memory to sort %u rows", sum->cells);
    }
    sort_methods(o, sum, rank);
    mark_configured(o, sum, config);
    n = collect_codes(ranked, sum, config, watch, rank);
    qsort(ranked, n, sizeof(*ranked), compare_codes);
    for (uint32_t i = 0; i < n; i++)
        code[i] = ranked[i].code;
    free(o->code);
    o->code = code;
    o->n_codes = n;
    o->methods = sum->methods;
    o->cells = sum->cells;
    free(watch);
    free(ranked);
    return 0;
}
