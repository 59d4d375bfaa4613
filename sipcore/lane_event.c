/* SPDX-License-Identifier: BSD-2-Clause */
/* The bodies of a lane's event records. Each is put together on the stack, bounded, and then put into the ring. */
#include <string.h>

#include "sipcore/lane_status.h"
#include "sipcore/lane_writer.h"

enum {
    TEXT_MAX = 255, /* of a contact's names */
    BODY_MAX = LANE_RECORD_MAX - sizeof(struct lane_record)
};

#define CLOCK_TRUST_NS UINT64_C(60000000000)

_Static_assert(sizeof(struct lane_event_bindings) + LANE_AOR_MAX + sizeof(struct lane_contact) +
                       LANE_CONTACT_URI_MAX + 2 * TEXT_MAX <=
                   BODY_MAX,
               "a record holds the longest contact of the longest address-of-record");

/* A body in the making. */
struct body {
    uint8_t *data;
    size_t octets;
    bool was_cut;
};

/* Append at most `most` octets of `text`; returns how many. */
static uint16_t
append_text(struct body *b, struct span text, size_t most)
{
    if (text.length > most) {
        text = span_first(text, most);
        b->was_cut = true;
    }
    if (text.length > 0)
        memcpy(b->data + b->octets, text.data, text.length);
    b->octets += text.length;
    return (uint16_t)text.length;
}

/* Unix time of what is kept until a time of its own comes. A mirror whose clock is wrong by more than transport takes
 * would have registrations end early, or at once: then they are of now. */
static uint64_t
kept_time(const struct lane_writer *w, uint64_t message_ns)
{
    uint64_t now_ns = lane_event_time(w, 0),
             off_ns = now_ns > message_ns ? now_ns - message_ns : message_ns - now_ns;

    return (w->flags & LANE_COLLECTOR) && off_ns <= CLOCK_TRUST_NS ? message_ns : now_ns;
}

static void
put_body(struct lane_writer *w, enum lane_event type, const struct body *b, uint64_t time_ns)
{
    if (b->was_cut)
        lane_count(w, LANE_EVENTS_CUT);
    lane_ring_put(w, type, b->data, b->octets, time_ns);
}

void
lane_set_state(struct lane_writer *w, unsigned state, uint64_t monotonic_ns, uint64_t time_ns)
{
    struct lane_event_state event = {
        .state = state,
        .previous = atomic_load_explicit(&w->live->state, memory_order_relaxed),
    };

    atomic_store_explicit(&w->live->state_monotonic_ns, monotonic_ns, memory_order_relaxed);
    atomic_store_explicit(&w->live->state, state, memory_order_release);
    lane_ring_put(w, LANE_EVENT_STATE, &event, sizeof(event), time_ns);
}

void
lane_event_status(struct lane_writer *w, const struct lane_status *status, uint64_t time_ns)
{
    lane_status_put(w, status, time_ns);
}

/* Whether a record can have it. Cut, two users would be one. */
static bool
is_aor(struct lane_writer *w, struct span aor)
{
    if (aor.length > LANE_AOR_MAX)
        lane_count(w, LANE_EVENTS_CUT);
    return aor.length > 0 && aor.length <= LANE_AOR_MAX;
}

void
lane_event_auth_failed(struct lane_writer *w, unsigned code, struct span aor, uint64_t time_ns)
{
    uint8_t data[sizeof(struct lane_event_auth_failed) + LANE_AOR_MAX];
    struct body b = { .data = data, .octets = sizeof(struct lane_event_auth_failed) };
    struct lane_event_auth_failed head = { .code = (uint16_t)code };

    if (!is_aor(w, aor))
        return;
    head.aor_octets = append_text(&b, aor, LANE_AOR_MAX);
    memcpy(data, &head, sizeof(head));
    put_body(w, LANE_EVENT_AUTH_FAILED, &b, kept_time(w, time_ns));
}

/* ---- bindings --------------------------------------------------------------------------------------------------- */

/* What a contact takes in a record, or more. */
static size_t
contact_octets(const struct lane_binding *c)
{
    return sizeof(struct lane_contact) + span_first(c->uri, LANE_CONTACT_URI_MAX).length +
           span_first(c->name, TEXT_MAX).length + span_first(c->instance, TEXT_MAX).length;
}

static void
append_contact(struct body *b, const struct lane_binding *c)
{
    struct lane_contact contact = {
        .expires_s = c->expires_s,
        .reg_id = c->reg_id,
        .q_thousandths = c->q_thousandths <= 1000 ? c->q_thousandths : LANE_Q_NONE,
    };
    uint8_t *head = b->data + b->octets;

    b->octets += sizeof(contact);
    contact.uri_octets = append_text(b, c->uri, LANE_CONTACT_URI_MAX);
    contact.name_octets = append_text(b, c->name, TEXT_MAX);
    contact.instance_octets = append_text(b, c->instance, TEXT_MAX);
    memcpy(head, &contact, sizeof(contact));
}

void
lane_event_bindings(struct lane_writer *w, struct span aor,
                    bool (*next)(void *context, struct lane_binding *out), void *context, uint64_t time_ns)
{
    uint8_t data[BODY_MAX];
    struct body b = { .data = data, .octets = sizeof(struct lane_event_bindings) };
    struct lane_event_bindings head = { 0 };
    struct lane_binding contact;
    size_t start;

    if (!is_aor(w, aor))
        return;
    time_ns = kept_time(w, time_ns);
    head.aor_octets = append_text(&b, aor, LANE_AOR_MAX);
    start = b.octets;
    while (head.part < UINT16_MAX && next(context, &contact)) {
        if (contact.uri.length == 0)
            continue;
        if (contact_octets(&contact) > sizeof(data) - b.octets) {
            memcpy(data, &head, sizeof(head));
            put_body(w, LANE_EVENT_BINDINGS, &b, time_ns);
            head.part++;
            head.contacts = 0;
            b.octets = start;
            b.was_cut = false;
        }
        append_contact(&b, &contact);
        head.contacts++;
    }
    head.flags = LANE_BINDINGS_LAST;
    memcpy(data, &head, sizeof(head));
    put_body(w, LANE_EVENT_BINDINGS, &b, time_ns);
}
