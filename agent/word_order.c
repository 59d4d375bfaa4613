/* SPDX-License-Identifier: BSD-2-Clause */
/* The rows of words. */
#include "agent/word_order.h"

#include <string.h>
#include <strings.h>

/* Option tags are tokens, whose case does not matter (RFC 3261 7.3.1): two spellings of one have one row. */
static uint16_t
find_tag(const struct word_order *o, const struct tally *sum, const struct config_instance *config,
         const char *text)
{
    for (size_t i = 0; i < config->n_option_tags; i++)
        if (strcasecmp(config->option_tags[i].tag, text) == 0)
            return (uint16_t)(i + 1);
    for (uint32_t i = 0; i < sum->words; i++)
        if (o->tag[i] != 0 && strcasecmp(sum->word[i].text, text) == 0)
            return o->tag[i];
    return 0;
}

/* That of methods does matter (RFC 3261 7.1). */
static uint16_t
find_method(const struct config_instance *config, const char *text)
{
    for (size_t i = 0; i < config->n_methods; i++)
        if (strcmp(config->methods[i], text) == 0)
            return (uint16_t)(i + 1);
    return 0;
}

static void
place(struct word_order *o, const struct tally *sum, const struct config_instance *config, uint32_t k)
{
    const struct lane_word_copy *word = &sum->word[k];

    if ((word->uses & LANE_WORD_TAG) && o->tag[k] == 0) {
        o->tag[k] = find_tag(o, sum, config, word->text);
        if (o->tag[k] == 0)
            o->tag[k] = (uint16_t)++o->tags;
    }
    if ((word->uses & LANE_WORD_ALLOW) && o->method[k] == 0) {
        o->method[k] = find_method(config, word->text);
        if (o->method[k] == 0)
            o->method[k] = (uint16_t)++o->methods;
    }
    o->uses[k] = (uint8_t)word->uses;
    o->generation++;
}

void
word_order_update(struct word_order *o, const struct tally *sum, const struct config_instance *config)
{
    if (o->generation == 0) {
        o->generation = 1;
        o->tags = (uint32_t)config->n_option_tags;
        o->methods = (uint32_t)config->n_methods;
    }
    for (uint32_t k = 0; k < sum->words; k++)
        if ((uint8_t)sum->word[k].uses != o->uses[k])
            place(o, sum, config, k);
}
