/* SPDX-License-Identifier: BSD-2-Clause */
/* What typed calls record, and only when somebody wants to know it: header fields, bindings, failed
 * authentications; and words. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sipcore/lane_reader.h"
#include "sipcore/sipstat.h"
#include "tests/unit/scratch.h"

#define AOR "sip:alice@example.org"

static char dir[PATH_MAX];
static sipstat_writer *w;
static struct lane_reader r;
static struct lane_interest *interest;
static struct ring_cursor cursor;
static struct ring_event event;
static struct err e;

static void
open_edge(void)
{
    struct sipstat_options o = { .size = sizeof(o), .dir = dir, .instance = "edge" };
    char path[PATH_MAX + 80], name[NAME_MAX + 1];
    int dir_fd, fd;

    scratch_make(dir);
    cr_assert(eq(int, sipstat_open(&w, &o, NULL, 0), 0));
    cr_assert(eq(u32, scratch_count(dir, "edge", LANE_SUFFIX, name), 1));
    snprintf(path, sizeof(path), "%s/edge", dir);
    dir_fd = open(path, O_RDONLY | O_DIRECTORY);
    cr_assert(eq(int, lane_reader_open(&r, dir_fd, name, &e), 0));
    fd = openat(dir_fd, LANE_INTEREST_NAME, O_RDWR);
    interest = mmap(NULL, LANE_INTEREST_OCTETS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    close(dir_fd);
    cr_assert(interest != MAP_FAILED);
    cr_assert(eq(int, ring_cursor_init(&cursor, &r, true, &e), 0));
}

static void
close_edge(void)
{
    munmap(interest, LANE_INTEREST_OCTETS);
    lane_reader_close(&r);
    sipstat_close(w);
    scratch_remove(dir);
}

TestSuite(sipstat_events, .init = open_edge, .fini = close_edge);

static int
next(void)
{
    return ring_next(&cursor, &r, &event, &e);
}

static void
want_code(unsigned code)
{
    atomic_fetch_or(&interest->codes[(code - LANE_CODE_FIRST) / 64], 1ull << (code - LANE_CODE_FIRST) % 64);
}

static void
want_registrations(void)
{
    atomic_store(&interest->flags, LANE_WANT_REGISTRATIONS);
}

/* ---- responses -------------------------------------------------------------------------------------------------- */

Test(sipstat_events, response_is_recorded_only_when_asked_for)
{
    struct sipstat_headers headers = { .to = "<sip:a@b>", .to_length = 9, .cseq = 3 };

    sipstat_response(w, SIPSTAT_IN, SIPSTAT_BYE, 486, 0, &headers);
    want_code(486);
    sipstat_response(w, SIPSTAT_IN, SIPSTAT_BYE, 487, 0, &headers);
    sipstat_response(w, SIPSTAT_IN, SIPSTAT_BYE, 486, 0, &headers);
    cr_assert(eq(int, next(), 1));
    cr_assert(event.status.code == 486 && event.status.cseq == 3 && event.status.method == SIPSTAT_BYE);
    cr_assert(span_equals(event.to, span_string("<sip:a@b>")));
    cr_assert(eq(sz, event.from.length, 0));
    cr_assert(eq(int, event.status.flags, 0));
    cr_assert(eq(int, next(), 0));
}

Test(sipstat_events, response_without_headers_is_recorded_too)
{
    want_code(999);
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_BYE, 999, 0, NULL);
    cr_assert(next() == 1 && event.status.code == 999 && event.to.length == 0);
}

Test(sipstat_events, private_response_says_so_and_counts_as_any)
{
    want_code(200);
    for (int i = 0; i < 2; i++) {
        sipstat_response(w, SIPSTAT_OUT, SIPSTAT_BYE, 200, SIPSTAT_FLAG_PRIVATE, NULL);
        sipstat_response(w, SIPSTAT_OUT, SIPSTAT_BYE, 486, SIPSTAT_FLAG_PRIVATE, NULL);
        cr_assert(next() == 1 && event.status.flags == LANE_STATUS_PRIVATE);
    }
    cr_assert(eq(int, lane_reader_refresh(&r, &e), 0));
    cr_assert(eq(u64, r.copy.counters[LANE_OUT_RESPONSES], 4));
    cr_assert(eq(u64, r.copy.cell[1].out, 2));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_BYE][LANE_METHOD_FINAL_RETRANSMITTED], 0));
}

/* ---- registrations ---------------------------------------------------------------------------------------------- */

Test(sipstat_events, registrations_are_recorded_only_when_asked_for)
{
    sipstat_bindings(w, AOR, strlen(AOR), NULL, 0);
    sipstat_authentication_failed(w, AOR, strlen(AOR), 403);
    cr_assert(eq(int, next(), 0));
    want_registrations();
    sipstat_bindings(w, AOR, strlen(AOR), NULL, 0);
    sipstat_authentication_failed(w, AOR, strlen(AOR), 403);
    cr_assert(next() == 1 && event.record.type == LANE_EVENT_BINDINGS);
    cr_assert(next() == 1 && event.record.type == LANE_EVENT_AUTH_FAILED);
    cr_assert(eq(int, next(), 0));
}

Test(sipstat_events, bindings_carry_what_is_known_of_each_contact)
{
    static const struct sipstat_contact contacts[] = {
        { .uri = "sip:alice@192.0.2.1",
          .uri_length = 19,
          .display_name = "Alice",
          .display_name_length = 5,
          .instance = "<urn:uuid:1>",
          .instance_length = 12,
          .expires_s = 60,
          .reg_id = 2,
          .q_thousandths = 500 },
        { .uri = "sip:a@b", .uri_length = 7, .expires_s = 1, .q_thousandths = SIPSTAT_Q_NONE },
    };
    struct lane_binding found;

    want_registrations();
    sipstat_bindings(w, AOR, strlen(AOR), contacts, 2);
    cr_assert(eq(int, next(), 1));
    cr_assert(span_equals(event.aor, span_string(AOR)));
    cr_assert(ring_contact_next(&event.contacts, &found));
    cr_assert(span_equals(found.uri, span_string("sip:alice@192.0.2.1")));
    cr_assert(span_equals(found.name, span_string("Alice")));
    cr_assert(span_equals(found.instance, span_string("<urn:uuid:1>")));
    cr_assert(found.expires_s == 60 && found.reg_id == 2 && found.q_thousandths == 500);
    cr_assert(ring_contact_next(&event.contacts, &found));
    cr_assert(found.uri.length == 7 && found.name.length == 0 && found.instance.length == 0);
    cr_assert(found.expires_s == 1 && found.reg_id == 0 && found.q_thousandths == LANE_Q_NONE);
    cr_assert(not(ring_contact_next(&event.contacts, &found)));
}

Test(sipstat_events, bindings_of_nobody_are_ignored)
{
    want_registrations();
    sipstat_bindings(w, NULL, 7, NULL, 3);
    sipstat_bindings(w, "", 0, NULL, 0);
    sipstat_authentication_failed(w, NULL, 7, 403);
    cr_assert(eq(int, next(), 0));
}

Test(sipstat_events, more_bindings_than_the_ring_holds_are_known_to_be_lost)
{
    static struct sipstat_contact contacts[20000];
    uint64_t n = 0;
    int code;

    want_registrations();
    for (unsigned i = 0; i < 20000; i++)
        contacts[i] = (struct sipstat_contact){ .uri = "sip:alice@192.0.2.1", .uri_length = 19 };
    sipstat_bindings(w, AOR, strlen(AOR), contacts, 20000);
    while ((code = next()) == 1)
        n++;
    cr_assert(eq(int, code, 0));
    cr_assert(gt(u64, cursor.lost, 100));
    cr_assert(eq(int, lane_reader_refresh(&r, &e), 0));
    cr_assert(eq(u64, cursor.lost + n, r.copy.counters[LANE_EVENTS_WRITTEN]));
}

Test(sipstat_events, failure_by_a_code_that_is_none_is_ignored)
{
    want_registrations();
    sipstat_authentication_failed(w, AOR, strlen(AOR), 99);
    sipstat_authentication_failed(w, AOR, strlen(AOR), 1000);
    sipstat_authentication_failed(w, AOR, strlen(AOR), 407);
    cr_assert(next() == 1 && event.auth_failed.code == 407);
    cr_assert(eq(int, next(), 0));
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

Test(sipstat_events, words_are_noted_by_the_header_they_stand_in)
{
    static const struct {
        enum sipstat_word header;
        uint32_t uses;
    } known[] = {
        { SIPSTAT_REQUIRE, LANE_WORD_REQUIRE },     { SIPSTAT_PROXY_REQUIRE, LANE_WORD_PROXY_REQUIRE },
        { SIPSTAT_SUPPORTED, LANE_WORD_SUPPORTED }, { SIPSTAT_UNSUPPORTED, LANE_WORD_UNSUPPORTED },
        { SIPSTAT_ALLOW, LANE_WORD_ALLOW },
    };
    uint32_t uses = 0;

    for (unsigned i = 0; i < 5; i++) {
        sipstat_word(w, known[i].header, "path", 4);
        uses |= known[i].uses;
        cr_assert(eq(int, lane_reader_refresh(&r, &e), 0));
        cr_assert(r.copy.words == 1 && r.copy.word[0].uses == uses);
    }
    cr_assert(eq(str, r.copy.word[0].text, "path"));
}

Test(sipstat_events, words_of_unknown_headers_are_ignored)
{
    sipstat_word(w, (enum sipstat_word)0, "path", 4);
    sipstat_word(w, (enum sipstat_word)32, "path", 4);
    cr_assert(eq(int, lane_reader_refresh(&r, &e), 0));
    cr_assert(r.copy.words == 0 && r.copy.counters[LANE_WORDS_FOLDED] == 0);
}

Test(sipstat_events, word_that_is_no_token_is_counted)
{
    sipstat_word(w, SIPSTAT_SUPPORTED, NULL, 4);
    sipstat_word(w, SIPSTAT_SUPPORTED, "a,b", 3);
    cr_assert(eq(int, lane_reader_refresh(&r, &e), 0));
    cr_assert(r.copy.words == 0 && r.copy.counters[LANE_WORDS_FOLDED] == 2);
}
