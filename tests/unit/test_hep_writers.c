/* SPDX-License-Identifier: BSD-2-Clause */
/* The collector's lanes over time: opened, opened again, kept by a reload, and in the time of the
 * messages. The clock is an argument, so an hour takes no time. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collectors/hep/hep_writers.h"
#include "collectors/log.h"
#include "tests/unit/scratch.h"

#define SECOND 1000000000ull
#define START  (1000 * SECOND)
/* Messages of long ago: their time is not the machine's. */
#define THEN (1000000000ull * SECOND)

#define INVITE                                                                                       \
    "INVITE sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK1\r\n"       \
    "From: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n" \
    "Content-Length: 0\r\n\r\n"

static char dir[PATH_MAX];
static struct config_instance instances[2] = { { .name = "edge" }, { .name = "core" } };
static struct config config = { .runtime_dir = dir, .instances = instances, .n_instances = 1 };
static uint64_t counters[HEP_COUNTER_COUNT];
static struct hep_writers *writers;
static struct err e;

static void
setup(void)
{
    collector_log_init("test", COLLECTOR_ERROR);
    scratch_make(dir);
    cr_assert(eq(int, hep_writers_new(&config, &writers, &e), 0));
}

static void
teardown(void)
{
    hep_writers_free(writers);
    scratch_remove(dir);
}

static bool
hand_over(uint32_t instance, uint64_t time_ns)
{
    struct hep_sink sink = hep_writers_sink(writers);

    return sink.message(sink.context, instance, SIPSTAT_OUT, span_string(INVITE), SIPSTAT_UDP, time_ns);
}

/* What the only lane of an instance holds; all zero without one. */
static struct lane_reader
lane_of(const char *instance)
{
    struct lane_reader reader = { .fd = -1 };
    char name[NAME_MAX + 1], path[PATH_MAX + 128];

    if (scratch_count(dir, instance, LANE_SUFFIX, name) == 1) {
        snprintf(path, sizeof(path), "%s/%s", dir, instance);
        int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        cr_assert(eq(int, lane_reader_open(&reader, dir_fd, name, &e), 0), "%s", e.text);
        close(dir_fd);
    }
    return reader;
}

static uint64_t
counted(const char *instance, enum lane_counter counter)
{
    struct lane_reader reader = lane_of(instance);
    uint64_t value = reader.copy.counters[counter];

    if (reader.fd >= 0)
        lane_reader_close(&reader);
    return value;
}

static uint64_t
noted(const char *instance, const char *name)
{
    struct lane_reader reader = lane_of(instance);
    struct lane_note_copy notes[LANE_NOTES];
    uint64_t value = UINT64_MAX;
    unsigned n = reader.fd >= 0 ? lane_reader_notes(&reader, notes) : 0;

    for (unsigned i = 0; i < n; i++)
        if (strcmp(notes[i].name, name) == 0)
            value = notes[i].value;
    if (reader.fd >= 0)
        lane_reader_close(&reader);
    return value;
}

TestSuite(hep_writers, .init = setup, .fini = teardown);

Test(hep_writers, are_opened_by_the_first_tick)
{
    cr_assert(eq(sz, hep_writers_open_count(writers), 0));
    hep_writers_tick(writers, counters, START);
    cr_assert(eq(sz, hep_writers_open_count(writers), 1));
}

Test(hep_writers, say_that_they_are_a_collectors)
{
    struct lane_reader reader;

    hep_writers_tick(writers, counters, START);
    reader = lane_of("edge");
    cr_assert(eq(u32, reader.header.flags, LANE_COLLECTOR));
    lane_reader_close(&reader);
}

Test(hep_writers, count_what_they_are_handed)
{
    hep_writers_tick(writers, counters, START);
    cr_assert(hand_over(0, THEN));
    cr_assert(eq(u64, counted("edge", LANE_OUT_REQUESTS), 1));
}

/* SigComp: nothing here can read it, but it was SIP, and it was counted. */
Test(hep_writers, count_compressed_messages_as_what_they_are)
{
    struct hep_sink sink = hep_writers_sink(writers);
    struct span compressed = span_string("\xf9"
                                         "state, and what was compressed");

    hep_writers_tick(writers, counters, START);
    cr_expect(sink.message(sink.context, 0, SIPSTAT_IN, compressed, SIPSTAT_UDP, THEN));
    cr_expect(eq(u64, counted("edge", LANE_SIGCOMP), 1));
    cr_expect(eq(u64, counted("edge", LANE_DISCARDED), 0));
}

Test(hep_writers, that_are_not_open_say_so)
{
    cr_assert(not(hand_over(0, THEN)));
}

Test(hep_writers, show_the_collectors_counters_as_notes)
{
    counters[HEP_COUNT_PACKETS] = 7;
    counters[HEP_COUNT_OF_RESULT(HEP_KEY_WRONG)] = 3;
    hep_writers_tick(writers, counters, START);
    cr_assert(eq(u64, noted("edge", "packets"), 7));
    cr_assert(eq(u64, noted("edge", "key_wrong"), 3));
    counters[HEP_COUNT_PACKETS] = 8;
    hep_writers_tick(writers, counters, START + SECOND);
    cr_assert(eq(u64, noted("edge", "packets"), 8));
}

/* ---- time ---- */

Test(hep_writers, let_time_pass_in_the_time_of_the_messages)
{
    hep_writers_tick(writers, counters, START);
    hand_over(0, THEN);
    hep_writers_tick(writers, counters, START + 31 * SECOND);
    cr_assert(eq(u64, counted("edge", LANE_TRANS_TIMED_OUT), 0));
    hep_writers_tick(writers, counters, START + 33 * SECOND);
    cr_assert(eq(u64, counted("edge", LANE_TRANS_TIMED_OUT), 1));
}

/* Ten minutes pass unseen between the opening of the lane and the message. */
Test(hep_writers, count_the_time_from_the_message_on)
{
    hep_writers_tick(writers, counters, START);
    hep_writers_set_now(writers, START + 600 * SECOND);
    hand_over(0, THEN);
    hep_writers_tick(writers, counters, START + 601 * SECOND);
    cr_assert(eq(u64, counted("edge", LANE_TRANS_TIMED_OUT), 0));
    hep_writers_tick(writers, counters, START + 633 * SECOND);
    cr_assert(eq(u64, counted("edge", LANE_TRANS_TIMED_OUT), 1));
}

Test(hep_writers, take_a_late_packet_for_what_it_is)
{
    hep_writers_tick(writers, counters, START);
    hand_over(0, THEN);
    hand_over(0, THEN - 60 * SECOND);
    hep_writers_tick(writers, counters, START + 33 * SECOND);
    cr_assert(eq(u64, counted("edge", LANE_TRANS_TIMED_OUT), 1));
}

/* ---- failures ---- */

Test(hep_writers, that_cannot_open_are_tried_again_every_five_seconds)
{
    cr_assert(eq(int, rmdir(dir), 0));
    hep_writers_tick(writers, counters, START);
    cr_assert(eq(sz, hep_writers_open_count(writers), 0));
    cr_assert(eq(int, mkdir(dir, 0700), 0));
    hep_writers_tick(writers, counters, START + 4 * SECOND);
    cr_assert(eq(sz, hep_writers_open_count(writers), 0));
    hep_writers_tick(writers, counters, START + 5 * SECOND);
    cr_assert(eq(sz, hep_writers_open_count(writers), 1));
}

Test(hep_writers, that_lost_their_lane_start_another)
{
    char name[NAME_MAX + 1], path[PATH_MAX + NAME_MAX + 16];

    hep_writers_tick(writers, counters, START);
    hand_over(0, THEN);
    scratch_count(dir, "edge", LANE_SUFFIX, name);
    snprintf(path, sizeof(path), "%s/edge/%s", dir, name);
    cr_assert(eq(int, unlink(path), 0));
    counters[HEP_COUNT_PACKETS] = 5;
    hep_writers_tick(writers, counters, START + SECOND);
    cr_assert(hand_over(0, THEN));
    cr_assert(eq(u64, counted("edge", LANE_OUT_REQUESTS), 1));
    cr_assert(eq(u64, noted("edge", "packets"), 5));
}

Test(hep_writers, keep_their_lane_until_there_is_another)
{
    char edge[PATH_MAX + 8], away[PATH_MAX + 16];

    snprintf(edge, sizeof(edge), "%s/edge", dir);
    snprintf(away, sizeof(away), "%s/away", dir);
    hep_writers_tick(writers, counters, START);
    cr_assert(eq(int, rename(edge, away), 0));
    close(creat(edge, 0600));
    hep_writers_tick(writers, counters, START + SECOND);
    cr_assert(hand_over(0, THEN));
    cr_assert(eq(u64, counted("away", LANE_OUT_REQUESTS), 1));
    cr_assert(eq(int, unlink(edge), 0));
    cr_assert(eq(int, rename(away, edge), 0));
    hep_writers_tick(writers, counters, START + 6 * SECOND);
    cr_assert(hand_over(0, THEN));
    cr_assert(eq(u64, counted("edge", LANE_OUT_REQUESTS), 2));
}

/* ---- reload ---- */

/* A reload to `n` instances, as the server does it. */
static void
reload(size_t n)
{
    struct hep_writers *old = writers;

    config.n_instances = n;
    cr_assert(eq(int, hep_writers_new(&config, &writers, &e), 0));
    hep_writers_adopt(writers, old);
    hep_writers_free(old);
    hep_writers_tick(writers, counters, START + SECOND);
}

Test(hep_writers, are_kept_by_a_reload_with_their_transactions)
{
    hep_writers_tick(writers, counters, START);
    hand_over(0, THEN);
    reload(2);
    hand_over(0, THEN + SECOND);
    cr_assert(eq(u64, counted("edge", LANE_OUT_REQUESTS), 2));
    cr_assert(eq(u64, counted("edge", LANE_TRANS_BEGUN), 1));
    hep_writers_tick(writers, counters, START + 60 * SECOND);
    cr_assert(eq(u64, counted("edge", LANE_TRANS_TIMED_OUT), 1));
}

Test(hep_writers, are_opened_for_new_instances)
{
    hep_writers_tick(writers, counters, START);
    reload(2);
    cr_assert(eq(sz, hep_writers_open_count(writers), 2));
    cr_assert(hand_over(1, THEN));
    cr_assert(eq(u64, counted("core", LANE_OUT_REQUESTS), 1));
}

Test(hep_writers, are_closed_for_instances_that_are_gone)
{
    struct lane_reader reader;

    config.n_instances = 2;
    reload(2);
    reload(1);
    cr_assert(eq(sz, hep_writers_open_count(writers), 1));
    reader = lane_of("core");
    cr_assert(not(lane_reader_alive(&reader)));
    lane_reader_close(&reader);
}

Test(hep_writers, move_to_another_runtime_directory)
{
    struct hep_writers *old = writers;
    char elsewhere[PATH_MAX];

    hep_writers_tick(writers, counters, START);
    scratch_make(elsewhere);
    config.runtime_dir = elsewhere;
    cr_assert(eq(int, hep_writers_new(&config, &writers, &e), 0));
    hep_writers_adopt(writers, old);
    hep_writers_free(old);
    hep_writers_tick(writers, counters, START);
    cr_assert(eq(u32, scratch_count(elsewhere, "edge", LANE_SUFFIX, NULL), 1));
    scratch_remove(elsewhere);
}
