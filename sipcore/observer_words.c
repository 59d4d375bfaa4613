/* SPDX-License-Identifier: BSD-2-Clause */
/* The option tags and methods that an instance sends. Whatever sends SIP repeats the same few header field values for
 * ever: those are remembered as they stand, and only others are read. */
#include "sipcore/observer_internal.h"
#include "sipcore/sip_text.h"

/* The most that is read of one message: beyond that somebody wants to keep us busy. */
enum { WORDS_PER_MESSAGE = 256 };

static uint64_t
rotate(uint64_t word, unsigned bits)
{
    return word << bits | word >> (64 - bits);
}

/* A hash of three places, the length and the field, never 0. Cheap, not good: equal marks only mean that it is worth
 * comparing, and one who makes them on purpose gains no more than being read. */
static uint64_t
mark_of(const struct observer *o, enum sip_header_id id, struct span value)
{
    uint64_t h = o->hash_key.word[0] ^ value.length ^ (uint64_t)id << 32;

    if (value.length < 8)
        return (h ^ sip_load_at(value, 0)) * 0x9e3779b97f4a7c15u | 1;
    h ^= sip_load(value.data) ^ rotate(sip_load(&value.data[value.length / 2 - 4]), 21) ^
         rotate(sip_load(&value.data[value.length - 8]), 42);
    return h * 0x9e3779b97f4a7c15u | 1;
}

/* True when the value is remembered; remembers it, when it is not and not too long. */
static bool
is_known(struct observer *o, enum sip_header_id id, struct span value)
{
    uint64_t mark = mark_of(o, id, value);
    unsigned set = (unsigned)(mark >> 32) % OBSERVER_VALUE_SETS;
    struct observer_value *v = o->values.way[set];

    for (unsigned i = 0; i < OBSERVER_VALUE_WAYS; i++)
        if (v[i].mark == mark && v[i].field == id && span_equals(span_of(v[i].octets, v[i].length), value))
            return true;
    if (value.length > OBSERVER_VALUE_OCTETS)
        return false;
    v = &v[o->values.next[set]++ % OBSERVER_VALUE_WAYS];
    v->mark = mark;
    v->field = (uint16_t)id;
    v->length = (uint16_t)value.length;
    if (value.length > 0)
        memcpy(v->octets, value.data, value.length);
    return false;
}

static unsigned
use_of(enum sip_header_id id)
{
    switch (id) {
    case SIP_HEADER_REQUIRE: return LANE_WORD_REQUIRE;
    case SIP_HEADER_PROXY_REQUIRE: return LANE_WORD_PROXY_REQUIRE;
    case SIP_HEADER_SUPPORTED: return LANE_WORD_SUPPORTED;
    case SIP_HEADER_UNSUPPORTED: return LANE_WORD_UNSUPPORTED;
    default: return LANE_WORD_ALLOW;
    }
}

/* Option tags are equal in any case (RFC 3261 7.3.1): noted in lower case. Methods are not (7.1). What is too long for
 * a lane is handed on as it is, and counted there. */
static void
note_word(struct lane_writer *w, struct span word, unsigned use)
{
    uint8_t lower[LANE_WORD_TEXT_OCTETS];

    if (use != LANE_WORD_ALLOW && word.length <= sizeof(lower)) {
        for (size_t i = 0; i < word.length; i++)
            lower[i] = sip_lower(word.data[i]);
        word = span_of(lower, word.length);
    }
    lane_word(w, word, use);
}

/* Read a value that is not known. One that is remembered is read to its end, whatever is left of the budget. */
static void
note_value(const struct observation *a, enum sip_header_id id, struct span value, unsigned *budget)
{
    bool is_long = value.length > OBSERVER_VALUE_OCTETS;
    struct span word;

    if (is_known(a->o, id, value))
        return;
    while (sip_list_next(&value, &word)) {
        if (*budget > 0) {
            --*budget;
        } else if (is_long) {
            lane_count(a->w, LANE_WORDS_FOLDED);
            return;
        }
        note_word(a->w, word, use_of(id));
    }
}

/* There are several lines of a kind. */
static void
note_lines(const struct observation *a, unsigned budget)
{
    struct span rest = a->m->headers;
    struct sip_header header;

    while (sip_header_next(&rest, &header) == SIP_HEADER_READ) {
        if ((OBSERVER_WORD_FIELDS >> header.id & 1) == 0)
            continue;
        if (budget == 0) {
            lane_count(a->w, LANE_WORDS_FOLDED);
            return;
        }
        note_value(a, header.id, header.value, &budget);
    }
}

void
observer_words(const struct observation *a)
{
    const struct sip_headers *fields = &a->m->fields;
    uint32_t wanted = fields->present & OBSERVER_WORD_FIELDS;
    unsigned budget = WORDS_PER_MESSAGE;

    if ((fields->repeated & wanted) != 0) {
        note_lines(a, budget);
        return;
    }
    for (; wanted != 0; wanted &= wanted - 1) {
        enum sip_header_id id = (enum sip_header_id)__builtin_ctz(wanted);

        note_value(a, id, sip_headers_value(fields, id), &budget);
    }
}
