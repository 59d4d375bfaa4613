/* SPDX-License-Identifier: BSD-2-Clause */
/* The event ring: what is written comes out, what is lost is counted, what is damaged is refused. What records mean:
 * test_ring_events.c. */
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

/* What record `number` takes. */
static uint64_t
octets_of(uint64_t number)
{
    return (sizeof(struct lane_record) + number * 37 % 200 + 7) & ~UINT64_C(7);
}

/* The oldest of records 1 to `last` that the ring still has all of. */
static uint64_t
oldest_of(uint64_t last)
{
    uint64_t number = last + 1, octets = 0;

    while (number > 1 && octets + octets_of(number - 1) <= LANE_RING_MIN)
        octets += octets_of(--number);
    return number;
}

Test(ring, goes_on_at_the_oldest_record_that_is_whole)
{
    for (uint64_t last = 500; last < 900; last += 7) {
        for (uint64_t number = s.writer.sequence; number <= last; number++)
            put(number);
        cursor = (struct ring_cursor){ .next_sequence = 1 };
        for (uint64_t number = oldest_of(last); number <= last; number++)
            cr_assert(next() == 1 && is_what_was_put(number));
        cr_assert(eq(int, next(), 0));
        cr_assert(eq(u64, cursor.lost, oldest_of(last) - 1));
    }
}

Test(ring, goes_on_at_the_newest_of_a_writer_that_does_not_tell_the_oldest)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    atomic_store(&s.writer.ring->oldest, 0);
    cr_assert(eq(int, next(), 0));
    cr_assert(eq(u64, cursor.lost, 1000));
}

Test(ring, goes_on_at_the_newest_when_the_oldest_is_overwritten_too)
{
    uint64_t oldest;

    for (uint64_t number = 1; number <= 900; number++)
        put(number);
    oldest = s.writer.oldest;
    for (uint64_t number = 901; number <= 1000; number++)
        put(number);
    atomic_store(&s.writer.ring->oldest, oldest);
    cr_assert(eq(int, next(), 0));
    cr_assert(eq(u64, cursor.lost, 1000));
}

Test(ring, passes_by_lengths_that_a_foreign_hand_has_spoiled)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    for (size_t word = 0; word < LANE_RING_MIN / 8; word++)
        atomic_store(&s.writer.ring_data[word], 0);
    put(1001);
    cr_assert(next() == 1 && is_what_was_put(1001));
    cr_assert(eq(u64, cursor.lost, 1000));
}

Test(ring, tells_the_loss_with_the_next_record_while_one_is_being_written)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    atomic_store(&s.writer.ring->oldest, 0);
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

Test(ring, starts_a_late_reader_at_the_oldest_once_it_has_wrapped)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    cr_assert(eq(int, ring_cursor_init(&cursor, &s.reader, true, &s.e), 0));
    cr_assert(eq(u64, cursor.next_sequence, oldest_of(1000)));
    cr_assert(next() == 1 && is_what_was_put(oldest_of(1000)));
    cr_assert(eq(u64, cursor.lost, 0));
}

Test(ring, starts_a_late_reader_at_the_newest_where_the_oldest_is_not_told)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    atomic_store(&s.writer.ring->oldest, 0);
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

/* ---- a place kept elsewhere ------------------------------------------------------------------------------------- */

static int
resume(uint64_t position, uint64_t next_sequence)
{
    return ring_cursor_resume(&cursor, &s.reader, position, next_sequence, &s.e);
}

/* Write records 1 to `last`, of which the reader takes the first `taken`. */
static void
put_and_take(uint64_t last, uint64_t taken)
{
    for (uint64_t number = 1; number <= last; number++)
        put(number);
    for (uint64_t number = 1; number <= taken; number++)
        cr_assert(next() == 1 && is_what_was_put(number));
}

Test(ring, resumes_in_the_middle)
{
    put_and_take(5, 3);
    cr_assert(eq(int, resume(cursor.position, cursor.next_sequence), 1));
    cr_assert(next() == 1 && is_what_was_put(4));
    cr_assert(next() == 1 && is_what_was_put(5));
    cr_assert(eq(u64, cursor.lost, 0));
}

Test(ring, resumes_at_the_end)
{
    put_and_take(5, 5);
    cr_assert(eq(int, resume(cursor.position, cursor.next_sequence), 1));
    cr_assert(eq(int, next(), 0));
    put(6);
    cr_assert(next() == 1 && is_what_was_put(6));
}

Test(ring, resumes_before_the_first_record)
{
    cr_assert(eq(int, resume(0, 1), 1));
    put(1);
    cr_assert(next() == 1 && is_what_was_put(1));
}

Test(ring, resumes_without_a_number)
{
    put_and_take(5, 3);
    cr_assert(eq(int, resume(cursor.position, 0), 1));
    cr_assert(next() == 1 && is_what_was_put(4));
    cr_assert(eq(u64, cursor.lost, 0));
}

Test(ring, counts_what_was_overwritten_before_it_was_resumed)
{
    uint64_t position, next_sequence;

    put_and_take(5, 3);
    position = cursor.position;
    next_sequence = cursor.next_sequence;
    for (uint64_t number = 6; number <= 1000; number++)
        put(number);
    cr_assert(eq(int, resume(position, next_sequence), 1));
    cr_assert(next() == 1 && is_what_was_put(oldest_of(1000)));
    cr_assert(eq(u64, cursor.lost, oldest_of(1000) - 4));
}

Test(ring, resumes_behind_a_writer_killed_in_the_middle_of_a_record)
{
    put_and_take(5, 5);
    atomic_store(&s.writer.ring->intent, s.writer.head + 128);
    atomic_store(&s.writer.ring->head_sequence, 7);
    cr_assert(eq(int, resume(cursor.position, cursor.next_sequence), 1));
    cr_assert(eq(int, next(), 0));
}

static bool
starts_at_the_newest(uint64_t lost)
{
    if (next() != 0 || cursor.lost != lost)
        return false;
    put(6);
    return next() == 1 && is_what_was_put(6);
}

Test(ring, does_not_believe_a_place_beyond_the_head)
{
    put_and_take(5, 5);
    cr_assert(eq(int, resume(cursor.position + 8, 6), 0));
    cr_assert(starts_at_the_newest(0));
}

Test(ring, does_not_believe_a_place_off_the_grid)
{
    put_and_take(5, 3);
    cr_assert(eq(int, resume(cursor.position + 4, 4), 0));
    cr_assert(starts_at_the_newest(2));
}

Test(ring, does_not_believe_a_place_within_a_record)
{
    put_and_take(5, 3);
    cr_assert(eq(int, resume(cursor.position + 8, 4), 0));
    cr_assert(starts_at_the_newest(2));
}

Test(ring, does_not_believe_a_place_with_another_number)
{
    put_and_take(5, 3);
    cr_assert(eq(int, resume(cursor.position, 5), 0));
    cr_assert(starts_at_the_newest(1));
}

Test(ring, does_not_believe_another_number_at_the_end)
{
    put_and_take(5, 5);
    cr_assert(eq(int, resume(cursor.position, 3), 0));
    cr_assert(starts_at_the_newest(3));
}

Test(ring, does_not_believe_a_number_of_the_future)
{
    put_and_take(5, 3);
    cr_assert(eq(int, resume(cursor.position, 1000), 0));
    cr_assert(starts_at_the_newest(0));
}

Test(ring, does_not_believe_a_number_that_the_octets_overwritten_cannot_explain)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    cr_assert(eq(int, resume(s.writer.head - LANE_RING_MIN - 8, 1), 0));
    cr_assert(eq(int, next(), 0));
    cr_assert(eq(u64, cursor.lost, 1000));
}

Test(ring, does_not_count_more_lost_than_were_ever_written)
{
    put_and_take(5, 5);
    atomic_store(&s.writer.ring->head_sequence, UINT64_MAX);
    cr_assert(eq(int, resume(cursor.position, 6), 0));
    cr_assert(eq(u64, cursor.lost, 0));
}

Test(ring, does_not_resume_in_a_damaged_ring)
{
    put_and_take(5, 3);
    atomic_store(&s.writer.ring->intent, 0);
    cr_assert(eq(int, resume(cursor.position, cursor.next_sequence), -EBADMSG));
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
    atomic_store(&s.writer.ring->oldest, 0);
    atomic_store(&s.writer.ring->head_sequence, UINT64_MAX);
    cr_assert(is_damaged("where 1 should be"));
}

Test(ring, refuses_an_oldest_record_off_the_grid)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    atomic_store(&s.writer.ring->oldest, s.writer.oldest + 4);
    cr_assert(is_damaged("oldest record is at"));
}

Test(ring, refuses_an_oldest_record_that_is_none)
{
    for (uint64_t number = 1; number <= 1000; number++)
        put(number);
    atomic_store(&s.writer.ring->oldest, s.writer.oldest + 8);
    cr_assert(is_damaged("ring record"));
}

Test(ring, refuses_a_truncated_ring)
{
    char path[PATH_MAX + NAME_MAX + 8];

    put(1);
    snprintf(path, sizeof(path), "%s/edge/%s", s.dir, s.name);
    cr_assert(eq(int, truncate(path, s.reader.header.ring_data_offset), 0));
    cr_assert(is_damaged("truncated"));
}
