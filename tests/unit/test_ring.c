/* SPDX-License-Identifier: BSD-2-Clause */
/* The event ring: what is written comes out, what is lost is counted, what is damaged is refused. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sipcore/sipstat.h"
#include "tests/unit/scratch.h"

static struct scratch_lane s;
static struct ring_cursor cursor;
static struct ring_event event;

static void
open_ring(void)
{
    scratch_lane_open(&s, LANE_RING_MIN);
    cr_assert(eq(int, ring_cursor_init(&cursor, &s.reader, false, &s.e), 0));
}

static void
close_ring(void)
{
    scratch_lane_close(&s);
}

TestSuite(ring, .init = open_ring, .fini = close_ring);

static int
next(void)
{
    return ring_next(&cursor, &s.reader, &event, &s.e);
}

/* A record whose length and contents both follow from its number. */
static void
put(uint64_t number)
{
    uint8_t body[LANE_RECORD_MAX - sizeof(struct lane_record)];
    size_t octets = number * 37 % 200;

    memset(body, (int)(number % 251), sizeof(body));
    lane_ring_put(&s.writer, 77, body, octets, number * 10);
}

static bool
is_what_was_put(uint64_t number)
{
    const uint8_t *body = (const uint8_t *)event.body;

    if (event.record.sequence != number || event.record.time_ns != number * 10 || event.record.type != 77 ||
        event.record.body_octets != number * 37 % 200)
        return false;
    for (size_t i = 0; i < event.record.body_octets; i++)
        if (body[i] != number % 251)
            return false;
    return true;
}

static uint64_t
ring_word(size_t member)
{
    return s.reader.header.ring_offset + member;
}

static bool
is_damaged(const char *what)
{
    return next() == -EBADMSG && strstr(s.e.text, what) != NULL;
}

Test(ring, is_empty_at_first)
{
    cr_assert(eq(int, next(), 0));
}

Test(ring, gives_every_record_in_order_however_often_it_wraps)
{
    for (uint64_t number = 1; number < 5000; number++) {
        put(number);
        cr_assert(eq(int, next(), 1));
        cr_assert(is_what_was_put(number));
    }
    cr_assert(eq(int, next(), 0));
    cr_assert(eq(u64, cursor.lost, 0));
}

Test(ring, gives_a_burst_that_fits)
{
    for (uint64_t number = 1; number <= 100; number++)
        put(number);
    for (uint64_t number = 1; number <= 100; number++)
        cr_assert(next() == 1 && is_what_was_put(number));
    cr_assert(eq(int, next(), 0));
}

Test(ring, carries_the_longest_record)
{
    uint8_t body[LANE_RECORD_MAX - sizeof(struct lane_record)];

    memset(body, 7, sizeof(body));
    for (unsigned i = 0; i < 9; i++) {
        lane_ring_put(&s.writer, 77, body, sizeof(body), 1);
        cr_assert(eq(int, next(), 1));
        cr_assert(memcmp(event.body, body, sizeof(body)) == 0);
    }
}

Test(ring, counts_exactly_what_an_overtaken_reader_lost)
{
    uint64_t got = 0;

    srand(4);
    for (uint64_t number = 1; number <= 20000; number++) {
        put(number);
        while (rand() % 100 == 0 && next() == 1) {
            cr_assert(is_what_was_put(event.record.sequence));
            got++;
        }
    }
    while (next() == 1)
        got++;
    cr_assert(gt(u64, cursor.lost, 0));
    cr_assert(eq(u64, got + cursor.lost, 20000));
}

Test(ring, knows_the_loss_even_when_nothing_follows)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    cr_assert(eq(int, next(), 0));
    cr_assert(eq(u64, cursor.lost, 1000));
}

Test(ring, tells_the_loss_with_the_next_record_while_one_is_being_written)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    atomic_store(&s.writer.ring->intent, s.writer.head + 64);
    atomic_store(&s.writer.ring->head_sequence, 1002);
    cr_assert(eq(int, next(), 0));
    cr_assert(eq(u64, cursor.lost, 0));
    put(1001);
    cr_assert(next() == 1 && is_what_was_put(1001));
    cr_assert(eq(u64, cursor.lost, 1000));
}

Test(ring, survives_a_writer_killed_in_the_middle_of_a_record)
{
    put(1);
    atomic_store(&s.writer.ring->intent, s.writer.head + 128);
    cr_assert(next() == 1 && is_what_was_put(1));
    cr_assert(eq(int, next(), 0));
}

Test(ring, refuses_to_vouch_for_records_under_the_writers_pen)
{
    /* 16384 octets of records fill the ring; one more is announced, and may be half written over the oldest. */
    uint8_t body[1024 - sizeof(struct lane_record)] = { 0 };

    for (unsigned i = 0; i < 16; i++)
        lane_ring_put(&s.writer, 77, body, sizeof(body), 1);
    atomic_store(&s.writer.ring->intent, s.writer.head + 8);
    cr_assert(eq(int, next(), 0));
    cr_assert(eq(u64, cursor.gap_octets, 16384));
}

Test(ring, lets_a_late_reader_start_at_the_first_record)
{
    put(1);
    put(2);
    cr_assert(eq(int, ring_cursor_init(&cursor, &s.reader, true, &s.e), 0));
    cr_assert(next() == 1 && is_what_was_put(1));
}

Test(ring, starts_a_late_reader_at_the_newest_once_it_has_wrapped)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    cr_assert(eq(int, ring_cursor_init(&cursor, &s.reader, true, &s.e), 0));
    cr_assert(eq(int, next(), 0));
    put(1001);
    cr_assert(next() == 1 && is_what_was_put(1001));
    cr_assert(eq(u64, cursor.lost, 0));
}

Test(ring, counts_no_loss_from_before_the_reader_came)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    cr_assert(eq(int, ring_cursor_init(&cursor, &s.reader, false, &s.e), 0));
    put(1001);
    cr_assert(next() == 1 && is_what_was_put(1001));
    cr_assert(eq(u64, cursor.lost, 0));
}

Test(ring, starts_while_a_record_is_being_written)
{
    put(1);
    atomic_store(&s.writer.ring->intent, s.writer.head + 64);
    atomic_store(&s.writer.ring->head_sequence, 3);
    cr_assert(eq(int, ring_cursor_init(&cursor, &s.reader, false, &s.e), 0));
    put(2);
    cr_assert(next() == 1 && is_what_was_put(2));
    cr_assert(eq(u64, cursor.lost, 0));
}

/* ---- events
 * ----------------------------------------------------------------------------------------------------- */

static bool
is_text(struct span s1, const char *text)
{
    return span_equals(s1, span_string(text));
}

Test(ring, carries_the_headers_behind_a_status_code)
{
    lane_event_status(&s.writer, true, METHOD_BYE, 481, 7, span_string("<sip:a@x>"),
                      span_string("<sip:b@y>;tag=1"), span_string("call"), 0);
    cr_assert(eq(int, next(), 1));
    cr_assert(event.status.direction == SIPSTAT_OUT && event.status.method == METHOD_BYE);
    cr_assert(event.status.code == 481 && event.status.cseq == 7);
    cr_assert(is_text(event.to, "<sip:a@x>"));
    cr_assert(is_text(event.from, "<sip:b@y>;tag=1"));
    cr_assert(is_text(event.call_id, "call"));
}

Test(ring, cuts_a_long_header_and_counts_it)
{
    char text[1000];

    memset(text, 'x', sizeof(text));
    lane_event_status(&s.writer, true, METHOD_BYE, 481, 7, span_of(text, 256), span_of(text, 255),
                      span_of(text, sizeof(text)), 0);
    cr_assert(eq(int, next(), 1));
    cr_assert(eq(sz, event.to.length, 255));
    cr_assert(eq(sz, event.from.length, 255));
    cr_assert(eq(sz, event.call_id.length, 255));
    lane_reader_refresh(&s.reader, &s.e);
    cr_assert(eq(u64, s.reader.copy.counters[LANE_EVENTS_CUT], 1));
    cr_assert(eq(u64, s.reader.copy.counters[LANE_EVENTS_WRITTEN], 1));
}

Test(ring, stamps_a_writers_event_with_the_real_time_clock)
{
    lane_event_status(&s.writer, false, METHOD_BYE, 200, 1, span_of(NULL, 0), span_of(NULL, 0),
                      span_of(NULL, 0), 1234);
    cr_assert(eq(int, next(), 1));
    cr_assert(gt(u64, event.record.time_ns, 1600000000ull * 1000000000));
}

Test(ring, stamps_a_collectors_event_with_the_messages_time)
{
    s.writer.flags = LANE_COLLECTOR;
    lane_event_status(&s.writer, false, METHOD_BYE, 200, 1, span_of(NULL, 0), span_of(NULL, 0),
                      span_of(NULL, 0), 1234);
    cr_assert(eq(int, next(), 1));
    cr_assert(eq(u64, event.record.time_ns, 1234));
}

Test(ring, carries_state_changes)
{
    lane_set_state(&s.writer, SIPSTAT_STATE_QUIESCING, 5, 6);
    cr_assert(eq(int, next(), 1));
    cr_assert(event.record.type == LANE_EVENT_STATE && event.record.time_ns == 6);
    cr_assert(event.state.state == SIPSTAT_STATE_QUIESCING && event.state.previous == SIPSTAT_STATE_UP);
}

/* ---- damage
 * ----------------------------------------------------------------------------------------------------- */

Test(ring, refuses_a_head_that_runs_backwards)
{
    put(1);
    next();
    atomic_store(&s.writer.ring->head, 8);
    cr_assert(is_damaged("runs backwards"));
}

Test(ring, refuses_a_head_off_the_grid)
{
    scratch_lane_poke(&s, ring_word(0), 12);
    cr_assert(is_damaged("head is 12"));
}

Test(ring, refuses_an_intent_behind_the_head)
{
    put(1);
    atomic_store(&s.writer.ring->intent, 0);
    cr_assert(is_damaged("intent is 0"));
}

Test(ring, refuses_an_intent_too_far_ahead)
{
    put(1);
    atomic_store(&s.writer.ring->intent, s.writer.head + LANE_RECORD_MAX + 8);
    cr_assert(is_damaged("intent is"));
}

/* Put one record and then spoil one of its words. */
static bool
is_damaged_by(unsigned word, uint64_t value, const char *what)
{
    put(4);
    atomic_store(&s.writer.ring_data[word], value);
    return is_damaged(what);
}

Test(ring, refuses_a_record_that_runs_past_the_head)
{
    cr_assert(is_damaged_by(0, 4096, "record of 4096 octets"));
}

Test(ring, refuses_a_record_longer_than_any)
{
    for (uint64_t number = 1; number < 100; number++)
        put(number);
    atomic_store(&s.writer.ring_data[0], 4104);
    cr_assert(is_damaged("record of 4104 octets"));
}

Test(ring, refuses_a_record_shorter_than_its_header)
{
    cr_assert(is_damaged_by(0, 16, "record of 16 octets"));
}

Test(ring, refuses_a_record_off_the_grid)
{
    cr_assert(is_damaged_by(0, 28, "record of 28 octets"));
}

Test(ring, refuses_a_body_longer_than_its_record)
{
    cr_assert(is_damaged_by(0, 32 | 9ull << 48, "body of 9"));
}

Test(ring, refuses_a_number_out_of_turn)
{
    cr_assert(is_damaged_by(1, 2, "record 2 where 1 should be"));
}

Test(ring, refuses_a_loss_that_the_octets_cannot_explain)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    atomic_store(&s.writer.ring->head_sequence, UINT64_MAX);
    cr_assert(is_damaged("where 1 should be"));
}

Test(ring, refuses_a_status_event_whose_texts_do_not_fill_it)
{
    lane_event_status(&s.writer, true, METHOD_BYE, 481, 7, span_string("to"), span_string("from"),
                      span_string("c"), 0);
    atomic_store(&s.writer.ring_data[4], 3);
    cr_assert(is_damaged("type 1"));
}

Test(ring, refuses_a_state_that_is_none)
{
    lane_set_state(&s.writer, 99, 1, 1);
    cr_assert(is_damaged("type 2"));
}

Test(ring, refuses_a_truncated_ring)
{
    char path[PATH_MAX + NAME_MAX + 8];

    put(1);
    snprintf(path, sizeof(path), "%s/edge/%s", s.dir, s.name);
    cr_assert(eq(int, truncate(path, s.reader.header.ring_data_offset), 0));
    cr_assert(is_damaged("truncated"));
}
