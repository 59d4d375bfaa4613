/* SPDX-License-Identifier: BSD-2-Clause */
/* The reading side of a lane's event ring. The writer never waits: a reader copies first and asks afterwards
 * whether what it copied was still whole. Each barrier names its partner in ring_writer.c. */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "sipcore/lane_reader.h"
#include "sipcore/sipstat.h"

/* Fences: see ring_writer.c. */
#if defined(__SANITIZE_THREAD__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

enum {
    JUMPS_MAX = 4, /* in one call, before "nothing now" */
    CONTACT_TEXT_MAX = 255
};

static int place_is_good(const struct lane_reader *r, const struct ring_cursor *place, struct err *e);
static int read_head(const struct lane_reader *r, uint64_t *head, struct err *e);
static int read_intent(const struct lane_reader *r, uint64_t head, uint64_t *intent, struct err *e);
static int read_sequence(const struct lane_reader *r, uint64_t head, uint64_t *sequence, struct err *e);
static int read_oldest(const struct lane_reader *r, uint64_t *oldest, struct err *e);
static int start_at_oldest(struct ring_cursor *c, const struct lane_reader *r, struct err *e);
static int jump_ahead(struct ring_cursor *c, const struct lane_reader *r, uint64_t head, bool to_oldest,
                      struct err *e);
static int rest(struct ring_cursor *c, const struct lane_reader *r, struct err *e);
static int copy_record(const struct ring_cursor *c, const struct lane_reader *r, uint64_t head, uint64_t *to,
                       struct err *e);
static int take_record(struct ring_cursor *c, uint64_t head, const uint64_t *from, struct ring_event *event,
                       struct err *e);

int
ring_cursor_init(struct ring_cursor *c, const struct lane_reader *r, bool oldest, struct err *e)
{
    uint64_t head, intent;
    int code;

    *c = (struct ring_cursor){ 0 };
    code = read_head(r, &head, e);
    if (code == 0)
        code = read_intent(r, head, &intent, e);
    if (code < 0)
        return code;
    if (oldest && intent <= r->header.ring_octets) {
        c->next_sequence = 1;
        return 0;
    }
    code = oldest ? start_at_oldest(c, r, e) : 0;
    if (code != 0)
        return code < 0 ? code : 0;
    code = read_head(r, &c->position, e);
    return code < 0 ? code : read_sequence(r, c->position, &c->next_sequence, e);
}

/* 1 when a record was there long enough to be asked for its number, else 0; or a negative errno. */
static int
start_at_oldest(struct ring_cursor *c, const struct lane_reader *r, struct err *e)
{
    struct ring_cursor next = { 0 };
    struct ring_event event = { 0 };
    int code = read_oldest(r, &next.position, e);

    if (code < 0 || next.position == 0)
        return code;
    code = ring_next(&next, r, &event, e);
    if (code == 1)
        *c = (struct ring_cursor){ .position = next.position - event.record.octets,
                                   .next_sequence = event.record.sequence };
    return code;
}

int
ring_cursor_resume(struct ring_cursor *c, const struct lane_reader *r, uint64_t position,
                   uint64_t next_sequence, struct err *e)
{
    int code;

    *c = (struct ring_cursor){ .position = position, .next_sequence = next_sequence };
    code = place_is_good(r, c, e);
    if (code != 0)
        return code;
    code = ring_cursor_init(c, r, false, e);
    /* As many octets were written ever: more records than that were not lost. */
    if (code == 0 && next_sequence != 0 && c->next_sequence > next_sequence &&
        c->next_sequence - next_sequence <= c->position / sizeof(struct lane_record))
        c->lost = c->next_sequence - next_sequence;
    return code;
}

int
ring_next(struct ring_cursor *c, const struct lane_reader *r, struct ring_event *event, struct err *e)
{
    uint64_t record[LANE_RECORD_MAX / 8], head, intent;
    int code;

    for (unsigned jump = 0; jump < JUMPS_MAX; jump++) {
        code = read_head(r, &head, e);
        if (code < 0)
            return code;
        if (head < c->position || c->position % 8 != 0)
            return err_set(e, -EBADMSG, "damaged: the ring's head runs backwards");
        if (head == c->position)
            return c->gap_octets > 0 ? rest(c, r, e) : 0;
        code = copy_record(c, r, head, record, e);
        if (code == 0)
            code = read_intent(r, head, &intent, e);
        if (code != 0)
            return code;
        if (intent - c->position <= r->header.ring_octets)
            return take_record(c, head, record, event, e);
        code = jump_ahead(c, r, head, jump == 0, e);
        if (code < 0)
            return code;
    }
    return 0;
}

/* The writer has overtaken us. The oldest record that it leaves whole is the one to go on at. When that is overwritten
 * as well before it is read, the newest: it gives us as much time as the ring is long. */
static int
jump_ahead(struct ring_cursor *c, const struct lane_reader *r, uint64_t head, bool to_oldest, struct err *e)
{
    uint64_t to = head, oldest;
    int code;

    if (to_oldest) {
        code = read_oldest(r, &oldest, e);
        if (code < 0)
            return code;
        if (oldest > c->position && oldest < head)
            to = oldest;
    }
    c->gap_octets += to - c->position;
    c->position = to;
    return 0;
}

/* ---- the writer's words
 * ----------------------------------------------------------------------------------------- */

static int
read_head(const struct lane_reader *r, uint64_t *head, struct err *e)
{
    int code = lane_reader_copy(r, head, sizeof(*head), r->header.ring_offset, e);

    if (code < 0)
        return code;
    /* B, pairs with B in ring_writer.c: the records before this head, and the number of the one at it, are there. */
    atomic_thread_fence(memory_order_acquire);
    if (*head % 8 != 0)
        return err_set(e, -EBADMSG, "damaged: the ring's head is %" PRIu64, *head);
    return 0;
}

/* To be asked after everything that it is to vouch for. `head` was read before. */
static int
read_intent(const struct lane_reader *r, uint64_t head, uint64_t *intent, struct err *e)
{
    uint64_t offset = r->header.ring_offset + offsetof(struct lane_ring, intent), later;
    int code;

    /* A, pairs with A in ring_writer.c: if a word copied before this belongs to a newer record, this intent
     * covers it. */
    atomic_thread_fence(memory_order_acquire);
    code = lane_reader_copy(r, intent, sizeof(*intent), offset, e);
    if (code < 0)
        return code;
    if (*intent < head || *intent % 8 != 0)
        return err_set(e, -EBADMSG, "damaged: the ring's intent is %" PRIu64 ", its head %" PRIu64, *intent,
                       head);
    if (*intent - head <= LANE_RECORD_MAX)
        return 0;
    /* At most one record is in the making: either the writer has moved on since, or the words are nonsense. */
    atomic_thread_fence(memory_order_acquire);
    code = read_head(r, &later, e);
    if (code == 0 && (later < head || (*intent > later && *intent - later > LANE_RECORD_MAX)))
        return err_set(e, -EBADMSG, "damaged: the ring's intent is %" PRIu64 ", its head %" PRIu64, *intent,
                       later);
    return code;
}

/* The number of the record that stands, or will stand, at `head`. 0 when it cannot be told: while a record is being
 * written, the word may already be its successor's. */
static int
read_sequence(const struct lane_reader *r, uint64_t head, uint64_t *sequence, struct err *e)
{
    uint64_t offset = r->header.ring_offset + offsetof(struct lane_ring, head_sequence), intent;
    int code = lane_reader_copy(r, sequence, sizeof(*sequence), offset, e);

    if (code == 0)
        code = read_intent(r, head, &intent, e);
    if (code != 0)
        return code;
    if (intent != head)
        *sequence = 0;
    else if (*sequence == 0)
        return err_set(e, -EBADMSG, "damaged: the ring's next record has no number");
    return 0;
}

/* Where the oldest record begins; 0 when the writer does not tell. Stale at once: to be believed as far as the intent
 * read after a copy allows. */
static int
read_oldest(const struct lane_reader *r, uint64_t *oldest, struct err *e)
{
    uint64_t offset = r->header.ring_offset + offsetof(struct lane_ring, oldest);
    int code = lane_reader_copy(r, oldest, sizeof(*oldest), offset, e);

    if (code == 0 && *oldest % 8 != 0)
        return err_set(e, -EBADMSG, "damaged: the ring's oldest record is at %" PRIu64, *oldest);
    return code;
}

/* ---- gaps
 * ------------------------------------------------------------------------------------------------------- */

/* What `gap_octets` of overwritten records allow as their number. */
static bool
is_explained(uint64_t missing, uint64_t gap_octets)
{
    return missing <= gap_octets / sizeof(struct lane_record) && missing >= gap_octets / LANE_RECORD_MAX;
}

/* A record's number is known: it must be the next one, or after a jump one that the octets jumped over can
 * explain. */
static int
close_gap(struct ring_cursor *c, uint64_t sequence, struct err *e)
{
    uint64_t missing = sequence - c->next_sequence;

    if (c->next_sequence != 0) {
        if (!is_explained(missing, c->gap_octets))
            return err_set(e, -EBADMSG, "damaged: ring record %" PRIu64 " where %" PRIu64 " should be",
                           sequence, c->next_sequence);
        c->lost += missing;
    }
    c->next_sequence = sequence;
    c->gap_octets = 0;
    return 0;
}

/* Nothing is left to read. If no record is being written either, the number of the next one is known, and
 * with it what was lost. */
static int
rest(struct ring_cursor *c, const struct lane_reader *r, struct err *e)
{
    uint64_t sequence;
    int code = read_sequence(r, c->position, &sequence, e);

    return code < 0 || sequence == 0 ? code : close_gap(c, sequence, e);
}

/* Whether the number kept with a place is explained by that of the record at `head`. While that cannot be told (the
 * writer is at it, or died at it) the place has the benefit of the doubt. */
static int
number_is_good(const struct lane_reader *r, const struct ring_cursor *place, uint64_t head, struct err *e)
{
    uint64_t sequence;
    int code = read_sequence(r, head, &sequence, e);

    if (code < 0)
        return code;
    return sequence == 0 || place->next_sequence == 0 ||
           is_explained(sequence - place->next_sequence, head - place->position);
}

/* Whether a kept place is one of this ring's: 1, 0 or a negative errno. A record that is still there has to have the
 * right number. */
static int
place_is_good(const struct lane_reader *r, const struct ring_cursor *place, struct err *e)
{
    uint64_t record[LANE_RECORD_MAX / 8], head, intent;
    struct ring_cursor copy = *place;
    struct ring_event event;
    int code = read_head(r, &head, e);

    if (code < 0 || place->position > head || place->position % 8 != 0)
        return code;
    if (place->position == head)
        return number_is_good(r, place, head, e);
    code = copy_record(place, r, head, record, e);
    if (code == 0)
        code = read_intent(r, head, &intent, e);
    if (code != 0)
        return code;
    if (intent - place->position > r->header.ring_octets)
        return number_is_good(r, place, head, e);
    return take_record(&copy, head, record, &event, NULL) == 1;
}

/* ---- one record
 * ------------------------------------------------------------------------------------------------- */

/* Copy `octets` of the ring at `position`, around its end. */
static int
copy_around(const struct lane_reader *r, uint64_t position, void *to, uint64_t octets, struct err *e)
{
    uint64_t ring_octets = r->header.ring_octets, start = position & (ring_octets - 1),
             data = r->header.ring_data_offset;
    uint64_t first = octets < ring_octets - start ? octets : ring_octets - start;
    int code = lane_reader_copy(r, to, first, data + start, e);

    if (code == 0 && first < octets)
        code = lane_reader_copy(r, (uint8_t *)to + first, octets - first, data, e);
    return code;
}

/* Copy what may be a record: its first word, and as many octets as that says. When that is nonsense, only
 * the header: that much take_record() looks at. */
static int
copy_record(const struct ring_cursor *c, const struct lane_reader *r, uint64_t head, uint64_t *to,
            struct err *e)
{
    uint64_t octets = head - c->position < LANE_RECORD_MAX ? head - c->position : LANE_RECORD_MAX;
    struct lane_record record = { 0 };
    int code = copy_around(r, c->position, to, sizeof(to[0]), e);

    if (code < 0)
        return code;
    memcpy(&record, to, sizeof(to[0]));
    if (record.octets < sizeof(record) || record.octets % 8 != 0)
        octets = octets < sizeof(record) ? octets : sizeof(record);
    else if (record.octets < octets)
        octets = record.octets;
    return copy_around(r, c->position + sizeof(to[0]), to + 1, octets - sizeof(to[0]), e);
}

static bool
is_code(unsigned code)
{
    return code - LANE_CODE_FIRST < LANE_CODES;
}

static bool
is_aor(struct span aor)
{
    return aor.length > 0 && aor.length <= LANE_AOR_MAX;
}

bool
ring_contact_next(struct span *contacts, struct lane_binding *out)
{
    struct span rest = *contacts, head;
    struct lane_contact c;

    if (!span_take(&rest, sizeof(c), &head))
        return false;
    memcpy(&c, head.data, sizeof(c));
    if (c.uri_octets == 0 || c.uri_octets > LANE_CONTACT_URI_MAX || c.name_octets > CONTACT_TEXT_MAX ||
        c.instance_octets > CONTACT_TEXT_MAX || (c.q_thousandths > 1000 && c.q_thousandths != LANE_Q_NONE) ||
        !span_take(&rest, c.uri_octets, &out->uri) || !span_take(&rest, c.name_octets, &out->name) ||
        !span_take(&rest, c.instance_octets, &out->instance))
        return false;
    out->expires_s = c.expires_s;
    out->reg_id = c.reg_id;
    out->q_thousandths = c.q_thousandths;
    *contacts = rest;
    return true;
}

static bool
status_fits(struct ring_event *event)
{
    struct span body = span_of(event->body, event->record.body_octets), head;

    if (!span_take(&body, sizeof(event->status), &head))
        return false;
    memcpy(&event->status, head.data, sizeof(event->status));
    return span_take(&body, event->status.to_octets, &event->to) &&
           span_take(&body, event->status.from_octets, &event->from) &&
           span_take(&body, event->status.call_id_octets, &event->call_id) && body.length == 0 &&
           event->status.direction <= SIPSTAT_OUT && event->status.method < LANE_METHODS &&
           is_code(event->status.code);
}

static bool
auth_failed_fits(struct ring_event *event)
{
    struct span body = span_of(event->body, event->record.body_octets), head;

    if (!span_take(&body, sizeof(event->auth_failed), &head))
        return false;
    memcpy(&event->auth_failed, head.data, sizeof(event->auth_failed));
    return span_take(&body, event->auth_failed.aor_octets, &event->aor) && body.length == 0 &&
           is_aor(event->aor) && is_code(event->auth_failed.code);
}

/* The contacts fill the rest of the body, to the last octet. */
static bool
bindings_fit(struct ring_event *event)
{
    struct span body = span_of(event->body, event->record.body_octets), head;
    struct lane_binding contact;
    unsigned contacts = 0;

    if (!span_take(&body, sizeof(event->bindings), &head))
        return false;
    memcpy(&event->bindings, head.data, sizeof(event->bindings));
    if (!span_take(&body, event->bindings.aor_octets, &event->aor) || !is_aor(event->aor))
        return false;
    event->contacts = body;
    while (ring_contact_next(&body, &contact))
        contacts++;
    return body.length == 0 && contacts == event->bindings.contacts;
}

static bool
state_fits(struct ring_event *event)
{
    if (event->record.body_octets != sizeof(event->state))
        return false;
    memcpy(&event->state, event->body, sizeof(event->state));
    return event->state.state >= SIPSTAT_STATE_UP && event->state.state <= SIPSTAT_STATE_TESTING;
}

static bool
body_fits(struct ring_event *event)
{
    event->to = event->from = event->call_id = event->aor = event->contacts = span_of(NULL, 0);
    switch (event->record.type) {
    case LANE_EVENT_STATUS: return status_fits(event);
    case LANE_EVENT_STATE: return state_fits(event);
    case LANE_EVENT_AUTH_FAILED: return auth_failed_fits(event);
    case LANE_EVENT_BINDINGS: return bindings_fit(event);
    default: return true;
    }
}

/* The copy is known to be whole: from here on, what is wrong with it is damage. */
static int
take_record(struct ring_cursor *c, uint64_t head, const uint64_t *from, struct ring_event *event,
            struct err *e)
{
    struct lane_record *record = &event->record;
    int code;

    /* A record has no less than its header, and head is where one ends. */
    if (head - c->position < sizeof(*record))
        return err_set(e, -EBADMSG, "damaged: a ring record of %" PRIu64 " octets", head - c->position);
    memcpy(record, from, sizeof(*record));
    if (record->octets % 8 != 0 || record->octets < sizeof(*record) || record->octets > LANE_RECORD_MAX ||
        record->octets > head - c->position || record->body_octets > record->octets - sizeof(*record))
        return err_set(e, -EBADMSG, "damaged: a ring record of %" PRIu32 " octets with a body of %u",
                       record->octets, record->body_octets);
    memcpy(event->body, from + sizeof(*record) / 8, record->octets - sizeof(*record));
    if (!body_fits(event))
        return err_set(e, -EBADMSG, "damaged: ring record %" PRIu64 " of type %u", record->sequence,
                       record->type);
    code = close_gap(c, record->sequence, e);
    if (code < 0)
        return code;
    c->next_sequence++;
    c->position += record->octets;
    return 1;
}
