/* SPDX-License-Identifier: BSD-2-Clause */
/* Rows of option tags and supported methods. */
#include "agent/word_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Where an instance's rows begin, and where texts go. */
struct room {
    const void **tag, **method; /* pointers to rows that are there, all 0 */
    char *text;
};

static uint64_t
sum_generations(struct instance *const *instance, size_t count)
{
    uint64_t sum = 0;

    for (size_t k = 0; k < count; k++)
        sum += instance[k]->order.words.generation;
    return sum;
}

/* All rows, empty, and the room behind them, in one block. */
static struct word_rows *
make_block(struct instance *const *instance, size_t count, struct room *at)
{
    size_t tags = 0, methods = 0, text_octets = 0, octets;
    struct snap_supported_method *method;
    struct snap_option_tag *tag;
    struct word_rows *w;

    for (size_t k = 0; k < count; k++) {
        tags += instance[k]->order.words.tags;
        methods += instance[k]->order.words.methods;
        for (uint32_t i = 0; i < instance[k]->sum.words; i++)
            text_octets += instance[k]->sum.word[i].octets;
    }
    octets =
        sizeof(*w) + tags * (sizeof(*tag) + sizeof(void *)) + methods * (sizeof(*method) + sizeof(void *));
    w = calloc(1, octets + text_octets);
    if (!w)
        return NULL;
    tag = (struct snap_option_tag *)(w + 1);
    method = (struct snap_supported_method *)(tag + tags);
    at->tag = (const void **)(method + methods);
    at->method = at->tag + tags;
    at->text = (char *)(at->method + methods);
    for (size_t i = 0; i < tags; i++)
        at->tag[i] = &tag[i];
    for (size_t i = 0; i < methods; i++)
        at->method[i] = &method[i];
    atomic_init(&w->references, 1);
    w->tags = (struct snap_rows){ .row = at->tag, .count = (uint32_t)tags };
    w->methods = (struct snap_rows){ .row = at->method, .count = (uint32_t)methods };
    return w;
}

static struct snap_option_tag *
tag_at(const struct room *at, uint32_t index)
{
    return (struct snap_option_tag *)(uintptr_t)at->tag[index - 1];
}

static struct snap_supported_method *
method_at(const struct room *at, uint32_t index)
{
    return (struct snap_supported_method *)(uintptr_t)at->method[index - 1];
}

static void
fill_configured(struct room *at, const struct instance *i)
{
    const struct config_instance *config = i->config;

    for (uint32_t k = 1; k <= i->order.words.tags; k++) {
        tag_at(at, k)->appl_index = config->appl_index;
        tag_at(at, k)->index = k;
    }
    for (uint32_t k = 1; k <= i->order.words.methods; k++) {
        method_at(at, k)->appl_index = config->appl_index;
        method_at(at, k)->index = k;
    }
    for (size_t k = 0; k < config->n_option_tags; k++) {
        tag_at(at, (uint32_t)k + 1)->tag = span_string(config->option_tags[k].tag);
        tag_at(at, (uint32_t)k + 1)->headers = config->option_tags[k].headers;
    }
    for (size_t k = 0; k < config->n_methods; k++)
        method_at(at, (uint32_t)k + 1)->name = span_string(config->methods[k]);
}

/* A text that outlives the tally: the row has none yet, so this is the first spelling that was seen of it. */
static struct span
keep_text(struct room *at, const struct lane_word_copy *word)
{
    struct span kept = span_of(at->text, word->octets);

    memcpy(at->text, word->text, word->octets);
    at->text += word->octets;
    return kept;
}

static void
fill_seen(struct room *at, const struct instance *i)
{
    const struct word_order *o = &i->order.words;

    for (uint32_t k = 0; k < i->sum.words; k++) {
        const struct lane_word_copy *word = &i->sum.word[k];
        struct snap_option_tag *tag = o->tag[k] ? tag_at(at, o->tag[k]) : NULL;
        struct snap_supported_method *method = o->method[k] ? method_at(at, o->method[k]) : NULL;
        bool is_new_tag = tag && tag->tag.length == 0, is_new_method = method && method->name.length == 0;
        struct span text;

        if (tag)
            tag->headers |= word->uses & LANE_WORD_TAG;
        if (!is_new_tag && !is_new_method)
            continue;
        text = keep_text(at, word);
        if (is_new_tag)
            tag->tag = text;
        if (is_new_method)
            method->name = text;
    }
}

static struct word_rows *
take(struct word_rows *w)
{
    atomic_fetch_add_explicit(&w->references, 1, memory_order_relaxed);
    return w;
}

int
word_rows_get(struct word_rows **out, struct config_hold *hold, struct instance *const *instance,
              size_t count, struct err *e)
{
    uint64_t generation = sum_generations(instance, count);
    struct word_rows *w;
    struct room at;

    if (!hold->words || hold->words->generation != generation) {
        w = make_block(instance, count, &at);
        if (!w)
            return err_set(e, -ENOMEM, "no memory for option tags and methods");
        w->generation = generation;
        for (size_t k = 0; k < count; k++) {
            fill_configured(&at, instance[k]);
            fill_seen(&at, instance[k]);
            at.tag += instance[k]->order.words.tags;
            at.method += instance[k]->order.words.methods;
        }
        word_rows_release(hold->words);
        hold->words = w;
    }
    *out = take(hold->words);
    return 0;
}

void
word_rows_release(struct word_rows *w)
{
    /* Release: our last reading comes before. Acquire: it comes before the other's freeing. */
    if (w && atomic_fetch_sub_explicit(&w->references, 1, memory_order_acq_rel) == 1)
        free(w);
}
