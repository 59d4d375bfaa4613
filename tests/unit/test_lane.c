/* SPDX-License-Identifier: BSD-2-Clause */
/* What a writer counts, a reader sees; and what a reader refuses to believe. Making lanes: test_lane_file.c;
 * words: test_lane_words.c. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sipcore/sipstat.h"
#include "tests/unit/scratch.h"

static struct scratch_lane s;

static void
open_lane(void)
{
    scratch_lane_open(&s, LANE_RING_MIN);
}

static void
close_lane(void)
{
    scratch_lane_close(&s);
}

TestSuite(lane, .init = open_lane, .fini = close_lane);
TestSuite(lane_damage, .init = open_lane, .fini = close_lane);

static int
refresh(void)
{
    return lane_reader_refresh(&s.reader, &s.e);
}

/* The cell of (method, code) in the reader's copy, NULL when there is none. */
static const struct lane_cell_copy *
cell(unsigned method, unsigned code)
{
    for (uint32_t i = 1; i < s.reader.copy.cells; i++)
        if (s.reader.copy.cell[i].key == LANE_CELL_KEY(method, code))
            return &s.reader.copy.cell[i];
    return NULL;
}

/* ---- what is counted
 * -------------------------------------------------------------------------------------------- */

Test(lane, starts_up_and_empty)
{
    cr_assert(eq(u32, s.reader.copy.state, SIPSTAT_STATE_UP));
    cr_assert(eq(u32, s.reader.copy.methods, METHOD_IANA_COUNT));
    cr_assert(eq(u32, s.reader.copy.cells, 1));
    for (unsigned i = 0; i < LANE_COUNTERS_MAX; i++)
        cr_assert(eq(u64, s.reader.copy.counters[i], 0));
    cr_assert(not(s.reader.copy.has_associations));
}

Test(lane, says_whose_it_is)
{
    const struct lane_header *h = &s.reader.header;

    cr_assert(eq(str, (char *)h->instance, "edge"));
    cr_assert(eq(str, (char *)h->software, "test/1"));
    cr_assert(ne(chr, h->program[0], 0));
    cr_assert(eq(i64, h->pid, getpid()));
    cr_assert(gt(u64, h->started_monotonic_ns, 0));
    cr_assert(gt(u64, h->started_realtime_ns, 0));
    cr_assert(eq(u64, s.reader.copy.state_monotonic_ns, h->started_monotonic_ns));
}

Test(lane, shows_scalars_methods_and_cells)
{
    lane_count(&s.writer, LANE_IN_REQUESTS);
    lane_count_method(&s.writer, METHOD_UPDATE, LANE_METHOD_OUT);
    lane_count_response(&s.writer, METHOD_INVITE, 180, false);
    lane_count_response(&s.writer, METHOD_INVITE, 180, true);
    lane_count_response(&s.writer, METHOD_INVITE, 180, true);
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(u64, s.reader.copy.counters[LANE_IN_REQUESTS], 1));
    cr_assert(eq(u64, s.reader.copy.method_counters[METHOD_UPDATE][LANE_METHOD_OUT], 1));
    cr_assert(eq(u64, cell(METHOD_INVITE, 180)->in, 1));
    cr_assert(eq(u64, cell(METHOD_INVITE, 180)->out, 2));
}

Test(lane, takes_every_code_from_100_to_999)
{
    for (unsigned code = 100; code <= 999; code++)
        lane_count_response(&s.writer, METHOD_BYE, code, true);
    cr_assert(eq(int, refresh(), 0));
    for (unsigned code = 100; code <= 999; code++)
        cr_assert(cell(METHOD_BYE, code) && cell(METHOD_BYE, code)->out == 1);
    cr_assert(eq(u64, s.reader.copy.counters[LANE_CELLS_FOLDED], 0));
}

Test(lane, folds_codes_outside_visibly)
{
    static const unsigned odd[] = { 0, 99, 1000, 65636, UINT32_MAX };

    for (unsigned i = 0; i < 5; i++)
        lane_count_response(&s.writer, METHOD_BYE, odd[i], false);
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(u64, s.reader.copy.counters[LANE_CELLS_FOLDED], 5));
    cr_assert(eq(u64, s.reader.copy.cell[0].in, 5));
    cr_assert(eq(u32, s.reader.copy.cells, 1));
}

Test(lane, folds_cells_beyond_the_table_visibly)
{
    for (unsigned method = 0; method < 2; method++)
        for (unsigned code = 100; code <= 999; code++)
            lane_count_response(&s.writer, method, code, true);
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(u32, s.reader.copy.cells, LANE_CELLS));
    cr_assert(eq(u64, s.reader.copy.counters[LANE_CELLS_FOLDED], 1800 - (LANE_CELLS - 1)));
    cr_assert(eq(u64, s.reader.copy.cell[0].out, 1800 - (LANE_CELLS - 1)));
}

Test(lane, names_extension_methods_once)
{
    unsigned first = lane_method(&s.writer, span_string("FOO")),
             second = lane_method(&s.writer, span_string("foo"));

    cr_assert(eq(uint, first, METHOD_IANA_COUNT));
    cr_assert(eq(uint, second, METHOD_IANA_COUNT + 1));
    cr_assert(eq(uint, lane_method(&s.writer, span_string("FOO")), first));
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(str, (char *)lane_reader_method_name(&s.reader, first), "FOO"));
    cr_assert(eq(str, (char *)lane_reader_method_name(&s.reader, second), "foo"));
    cr_assert(lane_reader_method_name(&s.reader, second + 1) == NULL);
}

Test(lane, knows_the_registered_methods_by_their_numbers)
{
    for (unsigned i = 0; i < METHOD_IANA_COUNT; i++) {
        cr_assert(eq(uint, lane_method(&s.writer, span_string(method_name(i))), i));
        cr_assert(eq(str, (char *)lane_reader_method_name(&s.reader, i), (char *)method_name(i)));
    }
    cr_assert(eq(str, (char *)method_name(METHOD_UPDATE), "UPDATE"));
    cr_assert(eq(str, (char *)lane_reader_method_name(&s.reader, METHOD_OTHER), METHOD_OTHER_NAME));
}

Test(lane, has_room_for_forty_nine_extension_methods)
{
    char name[8];

    for (unsigned i = METHOD_IANA_COUNT; i < METHOD_OTHER; i++) {
        snprintf(name, sizeof(name), "X%u", i);
        cr_assert(eq(uint, lane_method(&s.writer, span_string(name)), i));
    }
    cr_assert(eq(uint, lane_method(&s.writer, span_string("ONE-TOO-MANY")), METHOD_OTHER));
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(u32, s.reader.copy.methods, METHOD_OTHER));
    cr_assert(eq(str, (char *)lane_reader_method_name(&s.reader, METHOD_OTHER - 1), "X62"));
}

Test(lane, takes_the_longest_method_name)
{
    char name[METHOD_NAME_MAX + 2] = { 0 };

    memset(name, 'M', METHOD_NAME_MAX + 1);
    cr_assert(eq(uint, lane_method(&s.writer, span_of(name, METHOD_NAME_MAX + 1)), METHOD_OTHER));
    cr_assert(eq(uint, lane_method(&s.writer, span_of(name, METHOD_NAME_MAX)), METHOD_IANA_COUNT));
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(sz, strlen(lane_reader_method_name(&s.reader, METHOD_IANA_COUNT)), METHOD_NAME_MAX));
}

Test(lane, takes_no_name_that_is_not_a_token)
{
    cr_assert(eq(uint, lane_method(&s.writer, span_string("")), METHOD_OTHER));
    cr_assert(eq(uint, lane_method(&s.writer, span_string("A B")), METHOD_OTHER));
    cr_assert(eq(uint, lane_method(&s.writer, span_string("(other)")), METHOD_OTHER));
    cr_assert(eq(uint, lane_method(&s.writer, span_of("A\0B", 3)), METHOD_OTHER));
    cr_assert(eq(uint, lane_method(&s.writer, span_string("\xc3\xa9")), METHOD_OTHER));
    cr_assert(eq(uint, lane_method(&s.writer, span_string("a.!%*_+`'~-9")), METHOD_IANA_COUNT));
}

Test(lane, shows_the_declared_state_and_when)
{
    lane_set_state(&s.writer, SIPSTAT_STATE_CONGESTED, 1234, 99);
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(u32, s.reader.copy.state, SIPSTAT_STATE_CONGESTED));
    cr_assert(eq(u64, s.reader.copy.state_monotonic_ns, 1234));
}

Test(lane, carries_notes)
{
    struct lane_note_copy notes[LANE_NOTES];

    lane_note_name(&s.writer, 0, "packets");
    lane_note_name(&s.writer, 1, "a name that is too long to be kept");
    lane_note_set(&s.writer, 1, 42);
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(uint, lane_reader_notes(&s.reader, notes), 2));
    cr_assert(eq(str, notes[0].name, "packets"));
    cr_assert(eq(str, notes[1].name, "a name that is too long"));
    cr_assert(eq(u64, notes[1].value, 42));
}

Test(lane, shows_notes_as_printable_text)
{
    struct lane_note_copy notes[LANE_NOTES];

    lane_note_name(&s.writer, 0, "a\033b\xff");
    memset(s.writer.notes + LANE_NOTE_OCTETS, 'x', LANE_NOTE_NAME_OCTETS);
    lane_note_name(&s.writer, 1, "x");
    cr_assert(eq(int, refresh(), 0));
    lane_reader_notes(&s.reader, notes);
    cr_assert(eq(str, notes[0].name, "a?b?"));
    cr_assert(eq(sz, strlen(notes[1].name), LANE_NOTE_NAME_OCTETS - 1));
}

Test(lane, waits_for_a_cell_whose_key_is_not_there_yet)
{
    lane_count_response(&s.writer, METHOD_BYE, 200, true);
    lane_count_response(&s.writer, METHOD_BYE, 201, true);
    atomic_store(&s.writer.cells[1].key, 0);
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(u32, s.reader.copy.cells, 1));
    atomic_store(&s.writer.cells[1].key, LANE_CELL_KEY(METHOD_BYE, 200));
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(u32, s.reader.copy.cells, 3));
}

Test(lane, waits_for_a_cell_whose_method_has_no_name_yet)
{
    unsigned method = lane_method(&s.writer, span_string("FOO"));

    lane_count_response(&s.writer, method, 200, true);
    atomic_store(&s.writer.live->methods, METHOD_IANA_COUNT);
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(u32, s.reader.copy.cells, 1));
    atomic_store(&s.writer.live->methods, METHOD_IANA_COUNT + 1);
    cr_assert(eq(int, refresh(), 0));
    cr_assert(eq(u64, cell(method, 200)->out, 1));
}

Test(lane, is_alive_until_it_is_closed)
{
    cr_assert(lane_reader_alive(&s.reader));
    lane_writer_close(&s.writer);
    cr_assert(not(lane_reader_alive(&s.reader)));
    cr_assert(eq(int, refresh(), 0));
}

/* A stack that becomes a daemon closes all descriptors it does not know, and reuses their numbers. */
Test(lane, needs_no_descriptor)
{
    char path[64], target[PATH_MAX];
    unsigned found = 0;

    for (int fd = 0; fd < 1024; fd++) {
        ssize_t octets;

        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        octets = readlink(path, target, sizeof(target) - 1);
        target[octets > 0 ? octets : 0] = 0;
        found += fd != s.reader.fd && strstr(target, s.name) != NULL;
    }
    cr_assert(eq(uint, found, 0));
    cr_assert(lane_reader_alive(&s.reader));
}

Test(lane, knows_whether_its_file_is_still_there)
{
    cr_assert(lane_writer_is_listed(&s.writer));
    unlinkat(s.dir_fd, s.name, 0);
    cr_assert(not(lane_writer_is_listed(&s.writer)));
}

Test(lane, is_there_for_all_it_knows_where_it_may_not_look)
{
    if (geteuid() != 0)
        cr_skip("only root can become a user who may not look");
    cr_assert(eq(int, fchmod(s.dir_fd, 0), 0));
    cr_assert(eq(int, seteuid(65534), 0));
    bool is_listed = lane_writer_is_listed(&s.writer);
    cr_assert(eq(int, seteuid(0), 0));
    cr_assert(eq(int, fchmod(s.dir_fd, 0700), 0));
    cr_assert(is_listed);
}

/* ---- damage
 * ----------------------------------------------------------------------------------------------------- */

/* A refresh that is refused, and leaves the last good copy alone. */
static bool
is_damaged(const char *what)
{
    struct lane_copy before = s.reader.copy;

    return refresh() == -EBADMSG && strstr(s.e.text, what) &&
           memcmp(&before, &s.reader.copy, sizeof(before)) == 0;
}

static bool
is_refused(int code, const char *what)
{
    struct lane_reader r;
    int got = lane_reader_open(&r, s.dir_fd, s.name, &s.e);

    if (got == 0)
        lane_reader_close(&r);
    return got == code && strstr(s.e.text, what) != NULL;
}

static char *
lane_path(void)
{
    static char path[PATH_MAX + NAME_MAX + 8];

    snprintf(path, sizeof(path), "%s/edge/%s", s.dir, s.name);
    return path;
}

Test(lane_damage, scalar_runs_backwards)
{
    lane_count(&s.writer, LANE_DISCARDED);
    refresh();
    atomic_store(&s.writer.live->counters[LANE_DISCARDED], 0);
    cr_assert(is_damaged("a counter runs backwards"));
}

Test(lane_damage, counter_goes_around)
{
    atomic_store(&s.writer.live->counters[LANE_DISCARDED], UINT64_MAX >> 1);
    refresh();
    atomic_store(&s.writer.live->counters[LANE_DISCARDED], UINT64_MAX - 2);
    cr_assert(is_damaged("a counter runs backwards"));
}

Test(lane_damage, no_number_of_counts)
{
    atomic_store(&s.writer.live->counters[LANE_DISCARDED], UINT64_C(1) << 63);
    cr_assert(is_damaged("a counter runs backwards"));
}

Test(lane_damage, file_with_a_hole_is_not_read_through_a_mapping)
{
    int fd = openat(s.dir_fd, s.name, O_RDWR | O_CLOEXEC), code;

    cr_assert(s.reader.map != NULL);
    lane_reader_check_map(&s.reader);
    cr_assert(s.reader.map != NULL);
    code = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4096 * 8, 4096);
    close(fd);
    if (code != 0)
        cr_skip_test("this file system has no holes");
    lane_reader_check_map(&s.reader);
    cr_assert(s.reader.map == NULL);
}

Test(lane_damage, method_counter_runs_backwards)
{
    lane_count_method(&s.writer, METHOD_UPDATE, LANE_METHOD_IN);
    refresh();
    atomic_store(&s.writer.methods[METHOD_UPDATE][LANE_METHOD_IN], 0);
    cr_assert(is_damaged("a counter runs backwards"));
}

Test(lane_damage, counter_of_other_methods_runs_backwards)
{
    lane_count_method(&s.writer, METHOD_OTHER, LANE_METHOD_IN);
    refresh();
    atomic_store(&s.writer.methods[METHOD_OTHER][LANE_METHOD_IN], 0);
    cr_assert(is_damaged("a counter runs backwards"));
}

Test(lane_damage, cell_runs_backwards)
{
    lane_count_response(&s.writer, METHOD_BYE, 200, true);
    refresh();
    atomic_store(&s.writer.cells[1].out, 0);
    cr_assert(is_damaged("a cell runs backwards"));
}

Test(lane_damage, cell_changes_its_key)
{
    lane_count_response(&s.writer, METHOD_BYE, 200, true);
    refresh();
    atomic_store(&s.writer.cells[1].key, LANE_CELL_KEY(METHOD_BYE, 201));
    cr_assert(is_damaged("changed its method or status code"));
}

Test(lane_damage, first_cell_gets_a_key)
{
    atomic_store(&s.writer.cells[0].key, LANE_CELL_KEY(METHOD_BYE, 201));
    cr_assert(is_damaged("changed its method or status code"));
}

Test(lane_damage, cell_of_a_code_that_is_none)
{
    lane_count_response(&s.writer, METHOD_BYE, 200, true);
    atomic_store(&s.writer.cells[1].key, LANE_CELL_KEY(METHOD_BYE, 1000));
    cr_assert(is_damaged("has the key"));
    atomic_store(&s.writer.cells[1].key, LANE_CELL_KEY(METHOD_BYE, 99));
    cr_assert(is_damaged("has the key"));
}

Test(lane_damage, cell_of_a_method_beyond_the_table)
{
    lane_count_response(&s.writer, METHOD_BYE, 200, true);
    atomic_store(&s.writer.cells[1].key, LANE_CELL_KEY(LANE_METHODS, 200));
    cr_assert(is_damaged("has the key"));
    atomic_store(&s.writer.cells[1].key, 1ull << 32 | LANE_CELL_KEY(METHOD_BYE, 200));
    cr_assert(is_damaged("has the key"));
}

Test(lane_damage, more_cells_than_the_table_has)
{
    atomic_store(&s.writer.live->cells, LANE_CELLS + 1);
    cr_assert(is_damaged("1025 cells in a table of 1024"));
}

Test(lane_damage, fewer_cells_than_before)
{
    lane_count_response(&s.writer, METHOD_BYE, 200, true);
    refresh();
    atomic_store(&s.writer.live->cells, 1);
    cr_assert(is_damaged("1 cells after 2"));
}

Test(lane_damage, more_methods_than_the_table_has)
{
    atomic_store(&s.writer.live->methods, LANE_METHODS);
    cr_assert(is_damaged("64 methods"));
}

Test(lane_damage, fewer_methods_than_are_registered)
{
    atomic_store(&s.writer.live->methods, 0);
    cr_assert(is_damaged("0 methods after 14"));
}

Test(lane_damage, more_notes_than_the_table_has)
{
    atomic_store(&s.writer.live->notes, LANE_NOTES + 1);
    cr_assert(is_damaged("33 notes"));
}

Test(lane_damage, state_that_is_none)
{
    atomic_store(&s.writer.live->state, 1);
    cr_assert(is_damaged("state 1"));
    atomic_store(&s.writer.live->state, 8);
    cr_assert(is_damaged("state 8"));
}

Test(lane_damage, method_name_that_is_not_a_token)
{
    unsigned method = lane_method(&s.writer, span_string("FOO"));

    s.writer.names[method][2] = ' ';
    cr_assert(is_damaged("not a token"));
    s.writer.names[method][0] = 0;
    cr_assert(is_damaged("not a token"));
    s.writer.names[method][0] = 255;
    cr_assert(is_damaged("not a token"));
}

Test(lane_damage, truncation_while_it_is_read)
{
    cr_assert(eq(int, truncate(lane_path(), LANE_HEADER_OCTETS + 100), 0));
    cr_assert(is_damaged("truncated"));
}

Test(lane_damage, hole_punched_into_the_counters)
{
    int fd = openat(s.dir_fd, s.name, O_RDWR | O_CLOEXEC);
    int code;

    lane_count(&s.writer, LANE_DISCARDED);
    refresh();
    code = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, LANE_HEADER_OCTETS, 4096);
    close(fd);
    if (code != 0) {
        close_lane(); /* a test that is skipped is not cleaned up after */
        cr_skip_test("no holes on this file system");
    }
    cr_assert(is_damaged("damaged"));
}

Test(lane_damage, file_of_another_kind)
{
    scratch_lane_poke(&s, offsetof(struct lane_header, magic), 0);
    cr_assert(is_refused(-EBADMSG, "not a lane"));
}

Test(lane_damage, file_shorter_than_a_header)
{
    cr_assert(eq(int, truncate(lane_path(), 20), 0));
    cr_assert(is_refused(-EBADMSG, "truncated"));
}

Test(lane_damage, lane_of_another_abi_version)
{
    scratch_lane_poke(&s, offsetof(struct lane_header, abi), (uint64_t)LANE_HEADER_OCTETS << 32 | 3);
    cr_assert(is_refused(-EPROTONOSUPPORT, "lane ABI version 3, this program reads 1 to 2"));
}

Test(lane_damage, every_offset_that_is_not_the_layouts)
{
    for (uint64_t at = offsetof(struct lane_header, live_offset); at < offsetof(struct lane_header, flags);
         at += 8) {
        uint64_t word;

        cr_assert(eq(int, lane_reader_copy(&s.reader, &word, sizeof(word), at, &s.e), 0));
        scratch_lane_poke(&s, at, word + 8);
        cr_assert(is_refused(-EBADMSG, "damaged"), "offset %d", (int)at);
        scratch_lane_poke(&s, at, word + (8ull << 32));
        cr_assert(is_refused(-EBADMSG, "damaged"), "offset %d", (int)at + 4);
        scratch_lane_poke(&s, at, word);
    }
    cr_assert(not(is_refused(-EBADMSG, "")));
}

Test(lane_damage, file_longer_than_it_says)
{
    cr_assert(eq(int, truncate(lane_path(), (off_t)s.reader.header.file_octets + 8), 0));
    cr_assert(is_refused(-EBADMSG, "octets long instead of"));
}

Test(lane_damage, text_without_an_end)
{
    for (uint64_t at = 0; at < LANE_TEXT_OCTETS; at += 8)
        scratch_lane_poke(&s, offsetof(struct lane_header, software) + at, 0x7878787878787878);
    cr_assert(is_refused(-EBADMSG, "has no end"));
}

/* ---- what is not a lane at all
 * ---------------------------------------------------------------------------------- */

Test(lane_damage, symbolic_link)
{
    cr_assert(eq(int, renameat(s.dir_fd, s.name, s.dir_fd, "real"), 0));
    cr_assert(eq(int, symlinkat("real", s.dir_fd, s.name), 0));
    cr_assert(is_refused(-EBADMSG, "not a regular file"));
}

Test(lane_damage, fifo_does_not_block)
{
    cr_assert(eq(int, unlinkat(s.dir_fd, s.name, 0), 0));
    cr_assert(eq(int, mkfifoat(s.dir_fd, s.name, 0600), 0));
    cr_assert(is_refused(-EBADMSG, "not a regular file"));
}

Test(lane_damage, directory)
{
    cr_assert(eq(int, unlinkat(s.dir_fd, s.name, 0), 0));
    cr_assert(eq(int, mkdirat(s.dir_fd, s.name, 0700), 0));
    cr_assert(is_refused(-EBADMSG, "not a regular file"));
}

Test(lane_damage, device)
{
    struct lane_reader r;

    cr_assert(eq(int, lane_reader_open(&r, s.dir_fd, "/dev/zero", &s.e), -EBADMSG));
}

Test(lane_damage, nothing_there)
{
    cr_assert(eq(int, unlinkat(s.dir_fd, s.name, 0), 0));
    cr_assert(is_refused(-ENOENT, "cannot open"));
}
