/* SPDX-License-Identifier: BSD-2-Clause */
/* An observer to play scenes with. */
#include "tests/unit/observer_fixture.h"

#include <stdarg.h>
#include <stdio.h>

#include "sipcore/lane_reader.h"

static const char *const scalar_names[] = {
#define X(name, text, help) text,
    LANE_COUNTERS(X)
#undef X
};

static const char *const method_counter_names[LANE_METHOD_COUNTERS] = {
    [LANE_METHOD_IN] = "in",
    [LANE_METHOD_OUT] = "out",
    [LANE_METHOD_IN_RETRANSMITTED] = "in_again",
    [LANE_METHOD_OUT_RETRANSMITTED] = "out_again",
    [LANE_METHOD_FINAL_RETRANSMITTED] = "final_again",
    [LANE_METHOD_PROVISIONAL_RETRANSMITTED] = "provisional_again",
    [LANE_METHOD_RESPONSES_IN_RETRANSMITTED] = "response_in_again",
    [LANE_METHOD_SPARE] = "spare",
};

void
scene_init_with(struct scene *s, const struct observer_options *options)
{
    struct err e;

    *s = (struct scene){ .transport = SIPSTAT_UDP, .now_ns = 1000000 };
    s->lane = lane_fixture_new(&s->w);
    s->o = observer_new(options, &e);
    if (s->lane == NULL || s->o == NULL)
        abort();
}

void
scene_init(struct scene *s, uint32_t max_transactions)
{
    struct observer_options options = { .max_transactions = max_transactions,
                                        .hash_key = "a key of 16 octe" };

    scene_init_with(s, &options);
}

void
scene_fini(struct scene *s)
{
    observer_free(s->o);
    free(s->lane);
}

enum sipstat_observed
scene_in(struct scene *s, const char *message)
{
    return observer_message(s->o, &s->w, SIPSTAT_IN, span_string(message), s->transport, s->now_ns);
}

enum sipstat_observed
scene_out(struct scene *s, const char *message)
{
    return observer_message(s->o, &s->w, SIPSTAT_OUT, span_string(message), s->transport, s->now_ns);
}

void
scene_wait(struct scene *s, uint64_t ms)
{
    s->now_ns += ms * 1000000;
    observer_tick(s->o, &s->w, s->now_ns);
}

uint64_t
scene_counter(const struct scene *s, enum lane_counter counter)
{
    return atomic_load_explicit(&s->w.live->counters[counter], memory_order_relaxed);
}

/* Append "name=value" when the value is not 0. */
__attribute__((format(printf, 3, 4))) static void
append(struct scene *s, uint64_t value, const char *format, ...)
{
    size_t length = strlen(s->text);
    va_list arguments;

    if (value == 0)
        return;
    if (length > 0)
        length += (size_t)snprintf(s->text + length, sizeof(s->text) - length, " ");
    va_start(arguments, format);
    length += (size_t)vsnprintf(s->text + length, sizeof(s->text) - length, format, arguments);
    va_end(arguments);
    snprintf(s->text + length, sizeof(s->text) - length, "=%llu", (unsigned long long)value);
}

static struct span
name_of(const struct scene *s, unsigned method)
{
    if (method == METHOD_OTHER)
        return span_string(METHOD_OTHER_NAME);
    return span_of(&s->w.names[method][1], s->w.names[method][0]);
}

const char *
scene_counts(struct scene *s)
{
    s->text[0] = '\0';
    for (unsigned i = 0; i < LANE_COUNTERS_USED; i++)
        append(s, scene_counter(s, i), "%s", scalar_names[i]);
    for (unsigned m = 0; m < LANE_METHODS; m++)
        for (unsigned i = 0; i < LANE_METHOD_COUNTERS; i++)
            append(s, s->w.methods[m][i], "%.*s.%s", (int)name_of(s, m).length,
                   (const char *)name_of(s, m).data, method_counter_names[i]);
    append(s, s->w.cells[0].in, "folded.in");
    append(s, s->w.cells[0].out, "folded.out");
    for (unsigned c = 1; c < s->w.live->cells; c++) {
        uint64_t key = s->w.cells[c].key;
        struct span name = name_of(s, LANE_CELL_METHOD(key));

        append(s, s->w.cells[c].in, "%.*s/%u.in", (int)name.length, (const char *)name.data,
               LANE_CELL_CODE(key));
        append(s, s->w.cells[c].out, "%.*s/%u.out", (int)name.length, (const char *)name.data,
               LANE_CELL_CODE(key));
    }
    return s->text;
}

void
scene_want_code(struct scene *s, unsigned code)
{
    s->lane->interest.codes[(code - LANE_CODE_FIRST) / 64] |= 1ull << (code - LANE_CODE_FIRST) % 64;
}

void
scene_want_registrations(struct scene *s)
{
    s->lane->interest.flags |= LANE_WANT_REGISTRATIONS;
}

const char *
scene_words(struct scene *s)
{
    size_t length = 0;

    s->text[0] = '\0';
    for (unsigned i = 0; i < s->w.live->words; i++)
        length += (size_t)snprintf(s->text + length, sizeof(s->text) - length, "%s%.*s:%x", i > 0 ? " " : "",
                                   s->lane->words[i].octets, s->lane->words[i].text, s->lane->words[i].uses);
    return s->text;
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 3))) static void
tell(struct scene *s, const char *format, ...)
{
    size_t length = strlen(s->events);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(s->events + length, sizeof(s->events) - length, format, arguments);
    va_end(arguments);
}

static void
tell_text(struct scene *s, const char *name, struct span text)
{
    if (text.length > 0)
        tell(s, "%s%.*s", name, (int)text.length, (const char *)text.data);
}

static void
tell_status(struct scene *s, const uint8_t *body)
{
    struct lane_event_status status;
    struct span method;

    memcpy(&status, body, sizeof(status));
    method = name_of(s, status.method);
    tell(s, "status %s %.*s/%u %u ", status.direction == SIPSTAT_OUT ? "out" : "in", (int)method.length,
         (const char *)method.data, status.code, status.cseq);
    tell_text(s, "", span_of(body + sizeof(status), status.to_octets));
    tell(s, "%s\n", (status.flags & LANE_STATUS_PRIVATE) != 0 ? " private" : "");
}

static void
tell_bindings(struct scene *s, const uint8_t *body, size_t octets)
{
    struct lane_event_bindings bindings;
    struct lane_binding contact;
    struct span contacts;

    memcpy(&bindings, body, sizeof(bindings));
    tell_text(s, "bindings ", span_of(body + sizeof(bindings), bindings.aor_octets));
    contacts = span_from(span_of(body, octets), sizeof(bindings) + bindings.aor_octets);
    while (ring_contact_next(&contacts, &contact)) {
        tell_text(s, " [", contact.uri);
        if (contact.expires_s != LANE_EXPIRES_UNKNOWN)
            tell(s, " expires=%u", contact.expires_s);
        if (contact.q_thousandths != LANE_Q_NONE)
            tell(s, " q=%u", contact.q_thousandths);
        tell_text(s, " name=", contact.name);
        tell_text(s, " instance=", contact.instance);
        if (contact.reg_id != 0)
            tell(s, " reg-id=%u", contact.reg_id);
        tell(s, "]");
    }
    tell(s, "%s\n", (bindings.flags & LANE_BINDINGS_LAST) != 0 ? "" : " more");
}

static void
tell_auth_failed(struct scene *s, const uint8_t *body)
{
    struct lane_event_auth_failed failed;

    memcpy(&failed, body, sizeof(failed));
    tell(s, "auth_failed %u", failed.code);
    tell_text(s, " ", span_of(body + sizeof(failed), failed.aor_octets));
    tell(s, "\n");
}

const char *
scene_events(struct scene *s)
{
    uint64_t words[LANE_RECORD_MAX / 8];
    const struct lane_record *record = (const struct lane_record *)words;
    const uint8_t *body = (const uint8_t *)(record + 1);

    s->events[0] = '\0';
    while (s->ring_position < s->w.head) {
        for (size_t i = 0; i < LANE_RECORD_MAX / 8; i++)
            words[i] = s->w.ring_data[((s->ring_position + 8 * i) & s->w.ring_mask) / 8];
        if (record->type == LANE_EVENT_STATUS)
            tell_status(s, body);
        else if (record->type == LANE_EVENT_BINDINGS)
            tell_bindings(s, body, record->body_octets);
        else if (record->type == LANE_EVENT_AUTH_FAILED)
            tell_auth_failed(s, body);
        s->ring_position += record->octets;
    }
    return s->events;
}
