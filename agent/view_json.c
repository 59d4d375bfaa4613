/* SPDX-License-Identifier: BSD-2-Clause */
/* A view as JSON. Names of members are those of the counters in sipcore/lane.h. */
#include "agent/json.h"
#include "agent/view_print.h"

static const char *const counter_names[] = {
#define X(name, text, help) text,
    LANE_COUNTERS(X)
#undef X
};

static const char *const method_counter_names[LANE_METHOD_COUNTERS] = {
    [LANE_METHOD_IN] = "in",
    [LANE_METHOD_OUT] = "out",
    [LANE_METHOD_IN_RETRANSMITTED] = "in_retransmitted",
    [LANE_METHOD_OUT_RETRANSMITTED] = "out_retransmitted",
    [LANE_METHOD_FINAL_RETRANSMITTED] = "final_responses_retransmitted",
    [LANE_METHOD_PROVISIONAL_RETRANSMITTED] = "provisional_responses_retransmitted",
    [LANE_METHOD_RESPONSES_IN_RETRANSMITTED] = "in_responses_retransmitted",
};

static void put_instance(struct json *j, const struct view *v, const struct view_instance *i);
static void put_counters(struct json *j, const char *key, const struct tally *t);
static void put_rates(struct json *j, const struct view *v, const struct view_instance *i);
static void put_methods(struct json *j, const struct tally *t);
static void put_codes(struct json *j, const struct tally *t);
static void put_words(struct json *j, const struct tally *t);
static void put_writers(struct json *j, const struct view_instance *i);

bool
view_print_json(const struct view *v, FILE *out)
{
    struct json j;
    bool is_whole;

    json_init(&j);
    json_string(&j, "dir", v->dir);
    json_number(&j, "monotonic_ns", v->taken_ns);
    json_array(&j, "instances");
    for (size_t k = 0; k < v->instances; k++)
        put_instance(&j, v, v->instance[k]);
    json_close(&j);
    json_number(&j, "skipped", v->skipped);
    is_whole = json_finish(&j);
    if (is_whole)
        fputs(j.text, out);
    json_fini(&j);
    return is_whole;
}

static void
put_instance(struct json *j, const struct view *v, const struct view_instance *i)
{
    json_object(j, NULL);
    json_string(j, "name", i->name);
    if (i->is_denied) { /* nothing is known: zeros would look like counts */
        json_bool(j, "permission_denied", true);
        json_close(j);
        return;
    }
    json_string(j, "state", view_state_name(view_state(i)));
    json_number(j, "writers_alive", i->alive);
    json_number(j, "writers_dead", i->dead);
    json_number(j, "lanes_set_aside", i->aside);
    put_counters(j, "counters", &i->sum);
    json_number(j, "open_transactions", tally_open_transactions(&i->sum));
    if (v->before_ns != 0)
        put_rates(j, v, i);
    put_methods(j, &i->sum);
    put_codes(j, &i->sum);
    put_words(j, &i->sum);
    put_writers(j, i);
    json_close(j);
}

static void
put_counters(struct json *j, const char *key, const struct tally *t)
{
    json_object(j, key);
    for (unsigned k = 0; k < LANE_COUNTERS_USED; k++)
        json_number(j, counter_names[k], t->counters[k]);
    json_close(j);
}

/* Per second, since the view before. */
static void
put_rates(struct json *j, const struct view *v, const struct view_instance *i)
{
    double seconds = (double)(v->taken_ns - v->before_ns) / 1e9;

    json_decimal(j, "interval_s", seconds, 3);
    json_object(j, "rates");
    for (unsigned k = 0; k < LANE_COUNTERS_USED; k++)
        json_decimal(j, counter_names[k], seconds > 0 ? (double)i->recent.counters[k] / seconds : 0, 3);
    json_close(j);
}

static void
put_methods(struct json *j, const struct tally *t)
{
    json_array(j, "methods");
    for (uint32_t m = 0; m < t->methods; m++) {
        json_object(j, NULL);
        json_octets(j, "method", t->method[m].name, t->method[m].name_octets);
        for (unsigned k = 0; k < LANE_METHOD_COUNTERS; k++)
            if (method_counter_names[k])
                json_number(j, method_counter_names[k], t->method[m].counters[k]);
        json_close(j);
    }
    json_close(j);
}

static void
put_codes(struct json *j, const struct tally *t)
{
    json_array(j, "status_codes");
    for (uint32_t c = 1; c < t->cells; c++) {
        const struct tally_method *m = &t->method[t->cell[c].method];

        json_object(j, NULL);
        json_octets(j, "method", m->name, m->name_octets);
        json_number(j, "code", t->cell[c].code);
        json_number(j, "in", t->cell[c].in);
        json_number(j, "out", t->cell[c].out);
        json_close(j);
    }
    json_close(j);
}

/* What the instance sent, and the header fields it stood in. */
static void
put_words(struct json *j, const struct tally *t)
{
    static const struct {
        uint32_t use;
        const char *header;
    } headers[] = {
        { LANE_WORD_REQUIRE, "Require" },     { LANE_WORD_PROXY_REQUIRE, "Proxy-Require" },
        { LANE_WORD_SUPPORTED, "Supported" }, { LANE_WORD_UNSUPPORTED, "Unsupported" },
        { LANE_WORD_ALLOW, "Allow" },
    };

    json_array(j, "words");
    for (uint32_t w = 0; w < t->words; w++) {
        json_object(j, NULL);
        json_string(j, "word", t->word[w].text);
        json_array(j, "headers");
        for (unsigned k = 0; k < sizeof(headers) / sizeof(headers[0]); k++)
            if (t->word[w].uses & headers[k].use)
                json_string(j, NULL, headers[k].header);
        json_close(j);
        json_close(j);
    }
    json_close(j);
}

static void
put_writer(struct json *j, const struct view_lane *l)
{
    const struct lane_header *h = &l->reader.header;
    struct lane_note_copy notes[LANE_NOTES];
    unsigned n = lane_reader_notes(&l->reader, notes);

    json_string(j, "program", h->program);
    json_string(j, "software", h->software);
    json_number(j, "pid", h->pid > 0 ? (uint64_t)h->pid : 0);
    json_bool(j, "alive", l->is_alive);
    json_bool(j, "collector", h->flags & LANE_COLLECTOR);
    json_bool(j, "shared_transactions", h->flags & LANE_SHARED_TRANSACTIONS);
    json_string(j, "state", view_state_name(l->reader.copy.state));
    json_number(j, "started_monotonic_ns", h->started_monotonic_ns);
    json_object(j, "notes");
    for (unsigned k = 0; k < n; k++)
        json_number(j, notes[k].name, notes[k].value);
    json_close(j);
}

static void
put_writers(struct json *j, const struct view_instance *i)
{
    json_array(j, "writers");
    for (size_t k = 0; k < i->lanes; k++) {
        json_object(j, NULL);
        json_string(j, "lane", i->lane[k]->name);
        if (i->lane[k]->is_attached)
            put_writer(j, i->lane[k]);
        else
            json_string(j, "set_aside", i->lane[k]->reason);
        json_close(j);
    }
    json_close(j);
}
