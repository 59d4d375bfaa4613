/* SPDX-License-Identifier: BSD-2-Clause */
/* Which rows the words that an instance was seen to send get in its tables of option tags and of supported
 * methods: those of the configuration come first, then the others in the order in which they came up. A row
 * keeps its place while the configuration and the tally stay. One thread. */
#ifndef AGENT_WORD_ORDER_H
#define AGENT_WORD_ORDER_H

#include <stdint.h>

#include "config/config.h"
#include "sipcore/tally.h"

struct word_order {
    uint64_t generation;          /* another one when anything below is; 0: not yet made */
    uint32_t tags, methods;       /* rows, with those of the configuration */
    uint8_t uses[TALLY_WORDS];    /* of each word, as of the last look */
    uint16_t tag[TALLY_WORDS];    /* the row of each word, from 1; 0: it is no option tag */
    uint16_t method[TALLY_WORDS]; /* the same; 0: no method either */
};

/* Zero-initialise, and again with another configuration or tally. Costs next to nothing when no word came
 * up. */
void word_order_update(struct word_order *o, const struct tally *sum, const struct config_instance *config);

#endif
