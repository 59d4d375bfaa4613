/* SPDX-License-Identifier: BSD-2-Clause */
/* In which order the rows of an instance's sums answer: by method name, a shorter one first (its length
 * stands in front in the index), then by status code; and which status code rows there are, of those that
 * were counted and those that somebody asked for. Sorted again only when rows appeared or changed. One
 * thread. */
#ifndef AGENT_ROW_ORDER_H
#define AGENT_ROW_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/controls.h"
#include "agent/word_order.h"
#include "config/config.h"
#include "sipcore/err.h"
#include "sipcore/tally.h"

/* A row of the status code table. */
struct row_order_code {
    uint16_t cell;   /* of the tally; 0: nothing was counted yet */
    uint16_t method; /* of the tally; TALLY_METHODS: only the control row has its name */
    uint16_t code;
    uint32_t control; /* 1 + its place among the control rows; 0: only observed */
};

struct row_order {
    uint32_t methods, cells;        /* how many rows the tally had when it was sorted; 0: not yet */
    uint64_t controls_generation;   /* of the control rows it was sorted with */
    uint16_t method[TALLY_METHODS]; /* rows of the tally, sorted; `n_methods` of them */
    uint32_t n_methods;
    struct row_order_code *code; /* sorted */
    uint32_t n_codes;
    bool is_configured[TALLY_METHODS]; /* by row of the tally: shown even when nothing was counted */
    struct word_order words;           /* rows of option tags and supported methods */
};

void row_order_init(struct row_order *o);
void row_order_fini(struct row_order *o);

/* Make the rows of methods that the configuration asks for, in a tally that was just initialised. */
void row_order_seed(struct tally *sum, const struct config_instance *config);

/* Bring the order up to date with the tally and the control rows (sorted; hidden ones hide what was observed,
 * too), which are looked at only when `controls_generation` is another one than before. Call row_order_init()
 * anew when the configuration or the tally changed its identity. 0, or -ENOMEM. */
int row_order_update(struct row_order *o, const struct tally *sum, const struct config_instance *config,
                     const struct control_row *controls, size_t n_controls, uint64_t controls_generation,
                     struct err *e);

#endif
