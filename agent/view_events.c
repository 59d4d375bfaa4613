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
};

static void follow_lane(struct view_lane *l, const struct printer *p);
static void print_event(const struct printer *p, const struct ring_event *event);
static void print_text(const struct printer *p, const struct ring_event *event);
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
    fflush(out);
}

static void
follow_lane(struct view_lane *l, const struct printer *p)
{
    struct ring_event event;
    struct err e = { "" };
    uint64_t lost;
    int r = 0;

    if (!l->has_cursor) {
        if (ring_cursor_init(&l->cursor, &l->reader, true, &e) < 0)
            return; /* the next refresh says what is wrong with the lane */
        l->has_cursor = true;
    }
    lost = l->cursor.lost;
    for (unsigned n = 0; n < EVENTS_A_CALL_MAX && (r = ring_next(&l->cursor, &l->reader, &event, &e)) > 0;
         n++)
        print_event(p, &event);
    if (l->cursor.lost > lost)
        print_lost(p, l->cursor.lost - lost);
}

static void
print_event(const struct printer *p, const struct ring_event *event)
{
    if (p->as_json)
        print_json(p, event);
    else
        print_text(p, event);
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

static void
print_status(const struct printer *p, const struct ring_event *event)
{
    fprintf(p->out, "%s %u to %s, CSeq %" PRIu32,
            event->status.direction == SIPSTAT_OUT ? "sent" : "received", event->status.code,
            method_of(p, event), event->status.cseq);
    print_header(p, "To", event->to.data, event->to.length);
    print_header(p, "From", event->from.data, event->from.length);
    print_header(p, "Call-ID", event->call_id.data, event->call_id.length);
    fputc('\n', p->out);
}

static void
print_text(const struct printer *p, const struct ring_event *event)
{
    char time[40];

    fprintf(p->out, "%s %s ", when(time, event->record.time_ns), p->instance->name);
    switch (event->record.type) {
    case LANE_EVENT_STATUS: print_status(p, event); break;
    case LANE_EVENT_STATE:
        fprintf(p->out, "state %s, was %s\n", view_state_name(event->state.state),
                view_state_name(event->state.previous));
        break;
    default: fprintf(p->out, "event of type %u, unknown to this version\n", event->record.type);
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
    if (event->record.type == LANE_EVENT_STATUS) {
        json_string(&j, "event", "status");
        json_string(&j, "direction", event->status.direction == SIPSTAT_OUT ? "out" : "in");
        json_string(&j, "method", method_of(p, event));
        json_number(&j, "code", event->status.code);
        json_number(&j, "cseq", event->status.cseq);
        json_octets(&j, "to", event->to.data, event->to.length);
        json_octets(&j, "from", event->from.data, event->from.length);
        json_octets(&j, "call_id", event->call_id.data, event->call_id.length);
    } else if (event->record.type == LANE_EVENT_STATE) {
        json_string(&j, "event", "state");
        json_string(&j, "state", view_state_name(event->state.state));
        json_string(&j, "previous", view_state_name(event->state.previous));
    } else {
        json_number(&j, "type", event->record.type);
    }
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
