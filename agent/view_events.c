/* SPDX-License-Identifier: BSD-2-Clause */
/* Following the event rings of all lanes in a view. */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "agent/json.h"
#include "agent/log.h"
#include "agent/view_print.h"
#include "sipcore/sipstat.h"

enum { EVENTS_A_CALL_MAX = 10000 }; /* per lane: a flood must not keep the others from being shown */

/* Where and how events are shown. */
struct printer {
    FILE *out;
    bool as_json;
    const struct view_instance *instance;
    const struct view_lane *lane;
    uint64_t awaited; /* number of the record that goes on with the line begun; 0: no line is begun */
};

static void follow_lane(struct view_lane *l, struct printer *p);
static void end_line(struct printer *p);
static void print_text(struct printer *p, const struct ring_event *event);
static void print_json(const struct printer *p, const struct ring_event *event);
static void print_lost(const struct printer *p, uint64_t lost);

void
view_print_events(struct view *v, bool as_json, FILE *out)
{
    struct printer p = { .out = out, .as_json = as_json };

    for (size_t n = 0; n < v->instances; n++) {
        p.instance = v->instance[n];
        for (size_t k = 0; k < p.instance->lanes; k++) {
            p.lane = p.instance->lane[k];
            if (p.lane->is_attached)
                follow_lane(v->instance[n]->lane[k], &p);
        }
    }
}

static void
follow_lane(struct view_lane *l, struct printer *p)
{
    struct ring_event event;
    struct err e = { "" };
    uint64_t lost;

    if (!l->has_cursor) {
        if (ring_cursor_init(&l->cursor, &l->reader, true, &e) < 0)
            return; /* the next refresh says what is wrong with the lane */
        l->has_cursor = true;
    }
    lost = l->cursor.lost;
    for (unsigned n = 0; n < EVENTS_A_CALL_MAX && ring_next(&l->cursor, &l->reader, &event, &e) > 0; n++) {
        if (p->as_json)
            print_json(p, &event);
        else
            print_text(p, &event);
    }
    end_line(p);
    if (l->cursor.lost > lost)
        print_lost(p, l->cursor.lost - lost);
}

static const char *
method_of(const struct printer *p, const struct ring_event *event)
{
    const char *name = lane_reader_method_name(&p->lane->reader, event->status.method);

    return name ? name : "?"; /* allotted since the last refresh */
}

static const char *
when(char text[40], uint64_t time_ns)
{
    time_t s = (time_t)(time_ns / 1000000000u);
    struct tm tm;
    size_t used;

    if (!localtime_r(&s, &tm))
        return "?";
    used = strftime(text, 40, "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(text + used, 40 - used, ".%03u", (unsigned)(time_ns / 1000000u % 1000u));
    return text;
}

/* A header's value, when the message had it. */
static void
print_header(const struct printer *p, const char *name, const void *value, size_t octets)
{
    char text[128];

    if (octets > 0)
        fprintf(p->out, ", %s %s", name, log_escape(text, sizeof(text), value, octets));
}

/* Who asked for privacy is not named, here as little as in notifications. */
static void
print_status(const struct printer *p, const struct ring_event *event)
{
    bool is_private = event->status.flags & LANE_STATUS_PRIVATE;

    fprintf(p->out, "%s %u to %s, CSeq %" PRIu32,
            event->status.direction == SIPSTAT_OUT ? "sent" : "received", event->status.code,
            method_of(p, event), event->status.cseq);
    if (is_private) {
        fputs(", To and From private", p->out);
    } else {
        print_header(p, "To", event->to.data, event->to.length);
        print_header(p, "From", event->from.data, event->from.length);
    }
    print_header(p, "Call-ID", event->call_id.data, event->call_id.length);
    fputc('\n', p->out);
}

/* ---- registrations ---------------------------------------------------------------------------------------------- */

static const char *
escaped(char *text, size_t size, struct span s)
{
    return log_escape(text, size, (const char *)s.data, s.length);
}

/* A contact as it stands in a Contact header field (RFC 3261 20.10). */
static void
print_contact(const struct printer *p, const struct lane_binding *c)
{
    char text[4 * LANE_CONTACT_URI_MAX + 1];

    if (c->name.length > 0)
        fprintf(p->out, "\"%s\" ", escaped(text, sizeof(text), c->name));
    fprintf(p->out, "<%s>", escaped(text, sizeof(text), c->uri));
    if (c->q_thousandths != LANE_Q_NONE)
        fprintf(p->out, ";q=%u.%03u", c->q_thousandths / 1000u, c->q_thousandths % 1000u);
    if (c->expires_s != LANE_EXPIRES_UNKNOWN)
        fprintf(p->out, ";expires=%" PRIu32, c->expires_s);
    if (c->reg_id != 0)
        fprintf(p->out, ";reg-id=%" PRIu32, c->reg_id);
    if (c->instance.length > 0)
        fprintf(p->out, ";+sip.instance=\"%s\"", escaped(text, sizeof(text), c->instance));
}

/* One line for a set of bindings, however many records it takes. */
static void
print_bindings(struct printer *p, const struct ring_event *event)
{
    struct span contacts = event->contacts;
    bool is_first = p->awaited == 0, is_last = event->bindings.flags & LANE_BINDINGS_LAST;
    char text[4 * LANE_AOR_MAX + 1];
    struct lane_binding c;

    if (is_first)
        fprintf(p->out, "bindings of %s%s:", escaped(text, sizeof(text), event->aor),
                event->bindings.part > 0 ? ", continued" : "");
    for (; ring_contact_next(&contacts, &c); is_first = false) {
        fputs(is_first ? " " : ", ", p->out);
        print_contact(p, &c);
    }
    if (is_last)
        fputs(is_first ? " none\n" : "\n", p->out);
    p->awaited = is_last ? 0 : event->record.sequence + 1;
}

/* What has begun and does not go on. */
static void
end_line(struct printer *p)
{
    if (p->awaited != 0)
        fputs(", ...\n", p->out);
    p->awaited = 0;
}

static void
print_text(struct printer *p, const struct ring_event *event)
{
    char time[40], text[4 * LANE_AOR_MAX + 1];

    if (event->record.type != LANE_EVENT_BINDINGS || event->record.sequence != p->awaited ||
        event->bindings.part == 0)
        end_line(p);
    if (p->awaited == 0)
        fprintf(p->out, "%s %s ", when(time, event->record.time_ns), p->instance->name);
    switch (event->record.type) {
    case LANE_EVENT_STATUS: print_status(p, event); break;
    case LANE_EVENT_STATE:
        fprintf(p->out, "state %s, was %s\n", view_state_name(event->state.state),
                view_state_name(event->state.previous));
        break;
    case LANE_EVENT_AUTH_FAILED:
        fprintf(p->out, "authentication of %s failed: %u\n", escaped(text, sizeof(text), event->aor),
                event->auth_failed.code);
        break;
    case LANE_EVENT_BINDINGS: print_bindings(p, event); break;
    default: fprintf(p->out, "event of type %u, unknown to this version\n", event->record.type);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static void
put_status(struct json *j, const struct printer *p, const struct ring_event *event)
{
    bool is_private = event->status.flags & LANE_STATUS_PRIVATE;

    json_string(j, "event", "status");
    json_string(j, "direction", event->status.direction == SIPSTAT_OUT ? "out" : "in");
    json_string(j, "method", method_of(p, event));
    json_number(j, "code", event->status.code);
    json_number(j, "cseq", event->status.cseq);
    if (is_private) {
        json_bool(j, "private", true);
    } else {
        json_octets(j, "to", event->to.data, event->to.length);
        json_octets(j, "from", event->from.data, event->from.length);
    }
    json_octets(j, "call_id", event->call_id.data, event->call_id.length);
}

/* A record each: what belongs together has the same address-of-record, in the order of the parts. */
static void
put_bindings(struct json *j, const struct ring_event *event)
{
    struct span contacts = event->contacts;
    struct lane_binding c;

    json_string(j, "event", "bindings");
    json_octets(j, "aor", event->aor.data, event->aor.length);
    json_number(j, "part", event->bindings.part);
    json_bool(j, "last", event->bindings.flags & LANE_BINDINGS_LAST);
    json_array(j, "contacts");
    while (ring_contact_next(&contacts, &c)) {
        json_object(j, NULL);
        json_octets(j, "uri", c.uri.data, c.uri.length);
        if (c.name.length > 0)
            json_octets(j, "name", c.name.data, c.name.length);
        if (c.q_thousandths != LANE_Q_NONE)
            json_decimal(j, "q", c.q_thousandths / 1000.0, 3);
        if (c.expires_s != LANE_EXPIRES_UNKNOWN)
            json_number(j, "expires", c.expires_s);
        if (c.reg_id != 0)
            json_number(j, "reg_id", c.reg_id);
        if (c.instance.length > 0)
            json_octets(j, "instance", c.instance.data, c.instance.length);
        json_close(j);
    }
    json_close(j);
}

static void
put_event(struct json *j, const struct printer *p, const struct ring_event *event)
{
    switch (event->record.type) {
    case LANE_EVENT_STATUS: put_status(j, p, event); break;
    case LANE_EVENT_STATE:
        json_string(j, "event", "state");
        json_string(j, "state", view_state_name(event->state.state));
        json_string(j, "previous", view_state_name(event->state.previous));
        break;
    case LANE_EVENT_AUTH_FAILED:
        json_string(j, "event", "authentication_failed");
        json_octets(j, "aor", event->aor.data, event->aor.length);
        json_number(j, "code", event->auth_failed.code);
        break;
    case LANE_EVENT_BINDINGS: put_bindings(j, event); break;
    default: json_number(j, "type", event->record.type);
    }
}

static void
print_json(const struct printer *p, const struct ring_event *event)
{
    struct json j;

    json_init(&j);
    json_number(&j, "time_ns", event->record.time_ns);
    json_string(&j, "instance", p->instance->name);
    json_string(&j, "lane", p->lane->name);
    json_number(&j, "sequence", event->record.sequence);
    put_event(&j, p, event);
    if (json_finish(&j))
        fputs(j.text, p->out);
    json_fini(&j);
}

static void
print_lost(const struct printer *p, uint64_t lost)
{
    if (p->as_json)
        fprintf(p->out, "{\"lost\":%" PRIu64 "}\n", lost);
    else
        fprintf(p->out, "-- %s: %" PRIu64 " events were overwritten before they could be shown\n",
                p->instance->name, lost);
}
