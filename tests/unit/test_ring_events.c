/* SPDX-License-Identifier: BSD-2-Clause */
/* What the records of the event ring say: each kind comes out as it was put in, long ones cut or divided, and what does
 * not fit its own lengths is damage. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <time.h>
#include <stdlib.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sipcore/sipstat.h"
#include "tests/unit/scratch.h"

static struct scratch_lane s;
static struct ring_cursor cursor;
static struct ring_event event;
static char long_text[3000];

static void
open_ring(void)
{
    scratch_lane_open(&s, 4 * LANE_RING_MIN);
    cr_assert(eq(int, ring_cursor_init(&cursor, &s.reader, false, &s.e), 0));
    memset(long_text, 'x', sizeof(long_text));
}

static void
close_ring(void)
{
    scratch_lane_close(&s);
}

TestSuite(ring_events, .init = open_ring, .fini = close_ring);

static int
next(void)
{
    return ring_next(&cursor, &s.reader, &event, &s.e);
}

static bool
is_text(struct span s1, const char *text)
{
    return span_equals(s1, span_string(text));
}

static uint64_t
counted(enum lane_counter counter)
{
    cr_assert(eq(int, lane_reader_refresh(&s.reader, &s.e), 0));
    return s.reader.copy.counters[counter];
}

/* ---- status codes and states ------------------------------------------------------------------------------------ */

static struct lane_status
bye(void)
{
    return (struct lane_status){
        .is_out = true,
        .method = METHOD_BYE,
        .code = 481,
        .cseq = 7,
        .to = span_string("<sip:a@x>"),
        .from = span_string("<sip:b@y>;tag=1"),
        .call_id = span_string("call"),
    };
}

Test(ring_events, carry_the_headers_behind_a_status_code)
{
    struct lane_status status = bye();

    lane_event_status(&s.writer, &status, 0);
    cr_assert(eq(int, next(), 1));
    cr_assert(event.status.direction == SIPSTAT_OUT && event.status.method == METHOD_BYE);
    cr_assert(event.status.code == 481 && event.status.cseq == 7 && event.status.flags == 0);
    cr_assert(is_text(event.to, "<sip:a@x>"));
    cr_assert(is_text(event.from, "<sip:b@y>;tag=1"));
    cr_assert(is_text(event.call_id, "call"));
}

Test(ring_events, say_that_privacy_was_asked_for)
{
    struct lane_status status = bye();

    status.is_private = true;
    lane_event_status(&s.writer, &status, 0);
    cr_assert(eq(int, next(), 1));
    cr_assert(eq(int, event.status.flags, LANE_STATUS_PRIVATE));
}

Test(ring_events, carry_every_status_code_of_the_mib)
{
    struct lane_status status = bye();

    status.code = 100;
    lane_event_status(&s.writer, &status, 0);
    status.code = 999;
    lane_event_status(&s.writer, &status, 0);
    cr_assert(next() == 1 && event.status.code == 100);
    cr_assert(next() == 1 && event.status.code == 999);
}

Test(ring_events, cut_a_long_header_and_count_it)
{
    struct lane_status status = bye();

    status.to = span_of(long_text, 256);
    status.from = span_of(long_text, 255);
    status.call_id = span_of(long_text, sizeof(long_text));
    lane_event_status(&s.writer, &status, 0);
    cr_assert(eq(int, next(), 1));
    cr_assert(eq(sz, event.to.length, 255));
    cr_assert(eq(sz, event.from.length, 255));
    cr_assert(eq(sz, event.call_id.length, 255));
    cr_assert(eq(u64, counted(LANE_EVENTS_CUT), 1));
    cr_assert(eq(u64, counted(LANE_EVENTS_WRITTEN), 1));
}

Test(ring_events, of_a_writer_have_the_real_time)
{
    struct lane_status status = { .code = 200 };

    lane_event_status(&s.writer, &status, 1234);
    lane_event_auth_failed(&s.writer, 403, span_string("sip:a@x"), 1234);
    for (int i = 0; i < 2; i++) {
        cr_assert(eq(int, next(), 1));
        cr_assert(gt(u64, event.record.time_ns, 1600000000ull * 1000000000));
    }
}

/* Tells what time a mirror's registration gets that says it is of `off_s` from now. */
static int64_t
kept_off_s(int64_t off_s)
{
    const int64_t second = 1000000000, now_ns = (int64_t)time(NULL) * second;

    s.writer.flags = LANE_COLLECTOR;
    lane_event_auth_failed(&s.writer, 403, span_string("sip:a@x"), (uint64_t)(now_ns + off_s * second));
    cr_assert(eq(int, next(), 1));
    return ((int64_t)event.record.time_ns - now_ns) / second;
}

Test(ring_events, of_registrations_believe_a_mirror_a_minute_and_no_more)
{
    cr_assert(eq(i64, kept_off_s(-50), -50));
    cr_assert(eq(i64, kept_off_s(40), 40));
    cr_assert(lt(i64, llabs(kept_off_s(-7200)), 5));
    cr_assert(lt(i64, llabs(kept_off_s(7200)), 5));
}

Test(ring_events, of_a_collector_have_the_messages_time)
{
    struct lane_status status = { .code = 200 };

    s.writer.flags = LANE_COLLECTOR;
    lane_event_status(&s.writer, &status, 1234);
    cr_assert(eq(int, next(), 1));
    cr_assert(eq(u64, event.record.time_ns, 1234));
}

Test(ring_events, carry_state_changes)
{
    lane_set_state(&s.writer, SIPSTAT_STATE_QUIESCING, 5, 6);
    cr_assert(eq(int, next(), 1));
    cr_assert(event.record.type == LANE_EVENT_STATE && event.record.time_ns == 6);
    cr_assert(event.state.state == SIPSTAT_STATE_QUIESCING && event.state.previous == SIPSTAT_STATE_UP);
}

/* ---- registrations ---------------------------------------------------------------------------------------------- */

Test(ring_events, carry_a_failed_authentication)
{
    lane_event_auth_failed(&s.writer, 407, span_string("sip:alice@example.org"), 0);
    cr_assert(eq(int, next(), 1));
    cr_assert(eq(int, event.record.type, LANE_EVENT_AUTH_FAILED));
    cr_assert(eq(int, event.auth_failed.code, 407));
    cr_assert(is_text(event.aor, "sip:alice@example.org"));
}

Test(ring_events, leave_out_a_too_long_address_of_record_and_count_it)
{
    lane_event_auth_failed(&s.writer, 407, span_of(long_text, LANE_AOR_MAX), 0);
    lane_event_auth_failed(&s.writer, 407, span_of(long_text, LANE_AOR_MAX + 1), 0);
    cr_assert(next() == 1 && event.aor.length == LANE_AOR_MAX);
    cr_assert(eq(int, next(), 0));
    cr_assert(eq(u64, counted(LANE_EVENTS_CUT), 1));
}

/* An array as a source of bindings. */
struct source {
    const struct lane_binding *next;
    unsigned left;
};

static bool
take(void *context, struct lane_binding *out)
{
    struct source *source = context;

    if (source->left == 0)
        return false;
    *out = *source->next++;
    source->left--;
    return true;
}

static void
put_bindings(const struct lane_binding *contacts, unsigned count)
{
    struct source source = { .next = contacts, .left = count };

    lane_event_bindings(&s.writer, span_string("sip:alice@example.org"), take, &source, 0);
}

static bool
is_same_binding(const struct lane_binding *a, const struct lane_binding *b)
{
    return span_equals(a->uri, b->uri) && span_equals(a->name, b->name) &&
           span_equals(a->instance, b->instance) && a->expires_s == b->expires_s && a->reg_id == b->reg_id &&
           a->q_thousandths == b->q_thousandths;
}

Test(ring_events, carry_all_bindings_of_an_address_of_record)
{
    const struct lane_binding contacts[] = {
        { .uri = span_string("sip:alice@192.0.2.1;gr=urn:uuid:f81d4fae"),
          .name = span_string("Alice"),
          .instance = span_string("<urn:uuid:f81d4fae>"),
          .expires_s = 3600,
          .reg_id = 1,
          .q_thousandths = 700 },
        { .uri = span_string("sip:a@b"), .expires_s = LANE_EXPIRES_UNKNOWN, .q_thousandths = LANE_Q_NONE },
    };
    struct lane_binding found;

    put_bindings(contacts, 2);
    cr_assert(eq(int, next(), 1));
    cr_assert(eq(int, event.record.type, LANE_EVENT_BINDINGS));
    cr_assert(event.bindings.part == 0 && event.bindings.flags == LANE_BINDINGS_LAST);
    cr_assert(eq(int, event.bindings.contacts, 2));
    cr_assert(is_text(event.aor, "sip:alice@example.org"));
    for (unsigned i = 0; i < 2; i++)
        cr_assert(ring_contact_next(&event.contacts, &found) && is_same_binding(&found, &contacts[i]));
    cr_assert(not(ring_contact_next(&event.contacts, &found)));
    cr_assert(eq(int, next(), 0));
}

Test(ring_events, say_that_an_address_of_record_has_no_bindings_left)
{
    put_bindings(NULL, 0);
    cr_assert(eq(int, next(), 1));
    cr_assert(event.bindings.part == 0 && event.bindings.flags == LANE_BINDINGS_LAST);
    cr_assert(event.bindings.contacts == 0 && event.contacts.length == 0);
}

Test(ring_events, divide_what_does_not_fit_a_record)
{
    struct lane_binding contacts[100], found;
    char uri[100][200];
    unsigned got = 0, part = 0;

    for (unsigned i = 0; i < 100; i++) {
        snprintf(uri[i], sizeof(uri[i]), "sip:alice@192.0.2.%u;x=%.*s", i, (int)(i * 37 % 150), long_text);
        contacts[i] =
            (struct lane_binding){ .uri = span_string(uri[i]), .expires_s = i, .q_thousandths = 1000 };
    }
    put_bindings(contacts, 100);
    do {
        cr_assert(eq(int, next(), 1));
        cr_assert(eq(int, event.bindings.part, part++));
        cr_assert(is_text(event.aor, "sip:alice@example.org"));
        while (ring_contact_next(&event.contacts, &found))
            cr_assert(is_same_binding(&found, &contacts[got++]));
    } while (!(event.bindings.flags & LANE_BINDINGS_LAST));
    cr_assert(eq(u32, got, 100));
    cr_assert(gt(u32, part, 3));
    cr_assert(eq(int, next(), 0));
    cr_assert(eq(u64, counted(LANE_EVENTS_CUT), 0));
}

Test(ring_events, cut_the_texts_of_a_contact_and_count_the_record)
{
    const struct lane_binding contacts[] = {
        { .uri = span_of(long_text, 1025),
          .name = span_of(long_text, 256),
          .instance = span_of(long_text, 256) },
        { .uri = span_of(long_text, 1024),
          .name = span_of(long_text, 255),
          .instance = span_of(long_text, 255) },
    };
    struct lane_binding found;

    put_bindings(contacts, 2);
    cr_assert(eq(int, next(), 1));
    for (unsigned i = 0; i < 2; i++) {
        cr_assert(ring_contact_next(&event.contacts, &found));
        cr_assert(found.uri.length == 1024 && found.name.length == 255 && found.instance.length == 255);
    }
    cr_assert(eq(u64, counted(LANE_EVENTS_CUT), 1));
}

Test(ring_events, count_each_record_that_was_cut_once)
{
    struct lane_binding contacts[] = {
        { .uri = span_of(long_text, 2000) }, { .uri = span_of(long_text, 1024) },
        { .uri = span_of(long_text, 1024) }, { .uri = span_of(long_text, 1024) },
        { .uri = span_of(long_text, 1024) },
    };

    put_bindings(contacts, 5);
    cr_assert(next() == 1 && event.bindings.contacts == 3);
    cr_assert(next() == 1 && event.bindings.contacts == 2 && event.bindings.flags == LANE_BINDINGS_LAST);
    cr_assert(eq(u64, counted(LANE_EVENTS_CUT), 1));
}

Test(ring_events, leave_out_a_contact_without_a_uri)
{
    struct lane_binding contacts[] = { { .name = span_string("Nobody") }, { .uri = span_string("sip:a@b") } };

    put_bindings(contacts, 2);
    cr_assert(next() == 1 && event.bindings.contacts == 1);
}

Test(ring_events, know_no_preference_above_one)
{
    struct lane_binding contacts[] = { { .uri = span_string("sip:a@b"), .q_thousandths = 1001 } }, found;

    put_bindings(contacts, 1);
    cr_assert(next() == 1 && ring_contact_next(&event.contacts, &found));
    cr_assert(eq(int, found.q_thousandths, LANE_Q_NONE));
}

Test(ring_events, are_not_about_nobody)
{
    struct source source = { 0 };

    lane_event_auth_failed(&s.writer, 403, span_of(NULL, 0), 0);
    lane_event_bindings(&s.writer, span_of(NULL, 0), take, &source, 0);
    cr_assert(eq(int, next(), 0));
}

/* ---- damage ----------------------------------------------------------------------------------------------------- */

/* A body as a writer might have spoilt it. */
static bool
is_refused(enum lane_event type, const void *body, size_t octets)
{
    char what[16];

    snprintf(what, sizeof(what), "type %d", (int)type);
    lane_ring_put(&s.writer, type, body, octets, 1);
    return next() == -EBADMSG && strstr(s.e.text, what) != NULL;
}

Test(ring_events, refuse_a_status_whose_texts_do_not_fill_it)
{
    struct {
        struct lane_event_status status;
        char text[8];
    } body = { .status = { .method = METHOD_BYE, .code = 481, .to_octets = 3, .from_octets = 4 } };

    cr_assert(is_refused(LANE_EVENT_STATUS, &body, sizeof(body)));
}

Test(ring_events, refuse_a_status_whose_texts_run_over)
{
    struct {
        struct lane_event_status status;
        char text[8];
    } body = { .status = { .method = METHOD_BYE, .code = 481, .to_octets = 3, .from_octets = 6 } };

    cr_assert(is_refused(LANE_EVENT_STATUS, &body, sizeof(body)));
}

Test(ring_events, refuse_a_code_that_is_none)
{
    struct lane_event_status status = { .code = 1000 };

    cr_assert(is_refused(LANE_EVENT_STATUS, &status, sizeof(status)));
}

Test(ring_events, refuse_a_state_that_is_none)
{
    struct lane_event_state state = { .state = 99, .previous = SIPSTAT_STATE_UP };

    cr_assert(is_refused(LANE_EVENT_STATE, &state, sizeof(state)));
}

/* A failed authentication of `aor_octets`, in a body that has `octets` of text. */
static bool
is_failure_refused(uint16_t code, uint16_t aor_octets, size_t octets)
{
    struct {
        struct lane_event_auth_failed head;
        char text[LANE_AOR_MAX + 1];
    } body = { .head = { .code = code, .aor_octets = aor_octets } };

    return is_refused(LANE_EVENT_AUTH_FAILED, &body, sizeof(body.head) + octets);
}

Test(ring_events, refuse_a_failure_with_another_length)
{
    cr_assert(is_failure_refused(403, 9, 10));
    cr_assert(is_failure_refused(403, 10, 9));
}

Test(ring_events, refuse_a_failure_of_nobody)
{
    cr_assert(is_failure_refused(403, 0, 0));
}

Test(ring_events, refuse_a_failure_of_too_long_a_name)
{
    cr_assert(is_failure_refused(403, LANE_AOR_MAX + 1, LANE_AOR_MAX + 1));
}

Test(ring_events, refuse_a_failure_by_a_code_that_is_none)
{
    cr_assert(is_failure_refused(99, 10, 10));
}

Test(ring_events, refuse_a_failure_without_a_head)
{
    cr_assert(is_refused(LANE_EVENT_AUTH_FAILED, "1234", 4));
}

/* Bindings of one good contact, to be spoilt; texts of 8, 8 and 8 octets after it. */
struct spoilt {
    struct lane_event_bindings head;
    char aor[8];
    struct lane_contact contact;
    char text[24];
};

static struct spoilt
good_bindings(void)
{
    return (struct spoilt){
        .head = { .flags = LANE_BINDINGS_LAST, .contacts = 1, .aor_octets = 8 },
        .contact = { .q_thousandths = 1000, .uri_octets = 8, .name_octets = 8, .instance_octets = 8 },
    };
}

static bool
are_bindings_refused(const struct spoilt *body)
{
    return is_refused(LANE_EVENT_BINDINGS, body, sizeof(*body));
}

Test(ring_events, believe_bindings_that_fit)
{
    struct spoilt body = good_bindings();

    lane_ring_put(&s.writer, LANE_EVENT_BINDINGS, &body, sizeof(body), 1);
    cr_assert(eq(int, next(), 1));
}

Test(ring_events, refuse_another_number_of_contacts)
{
    struct spoilt body = good_bindings();

    body.head.contacts = 2;
    cr_assert(are_bindings_refused(&body));
    body.head.contacts = 0;
    cr_assert(are_bindings_refused(&body));
}

Test(ring_events, refuse_bindings_of_nobody)
{
    struct spoilt body = good_bindings();

    body.head.aor_octets = 0;
    cr_assert(are_bindings_refused(&body));
}

Test(ring_events, refuse_an_address_of_record_that_runs_over)
{
    struct spoilt body = good_bindings();

    body.head.aor_octets = 4096;
    cr_assert(are_bindings_refused(&body));
}

Test(ring_events, refuse_a_contact_that_runs_over)
{
    struct spoilt body = good_bindings();

    body.contact.instance_octets = 9;
    cr_assert(are_bindings_refused(&body));
    body.contact.instance_octets = UINT16_MAX;
    cr_assert(are_bindings_refused(&body));
}

Test(ring_events, refuse_octets_after_the_last_contact)
{
    struct spoilt body = good_bindings();

    body.contact.instance_octets = 7;
    cr_assert(are_bindings_refused(&body));
}

Test(ring_events, refuse_a_contact_without_a_uri)
{
    struct spoilt body = good_bindings();

    body.contact.uri_octets = 0;
    body.contact.instance_octets = 16;
    cr_assert(are_bindings_refused(&body));
}

Test(ring_events, refuse_a_preference_above_one)
{
    struct spoilt body = good_bindings();

    body.contact.q_thousandths = 1001;
    cr_assert(are_bindings_refused(&body));
}

Test(ring_events, refuse_every_length_but_the_right_one)
{
    struct spoilt body = good_bindings();

    for (size_t octets = 0; octets < sizeof(body); octets++)
        cr_assert(is_refused(LANE_EVENT_BINDINGS, &body, octets), "%d octets", (int)octets);
}
