/* SPDX-License-Identifier: BSD-2-Clause */
/* What sipmib of former days left behind, octet by octet (tests/unit/old): lanes, interest files and stores. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/store_codec.h"
#include "agent/store_files.h"
#include "sipcore/lane_interest.h"
#include "sipcore/sipstat.h"
#include "tests/unit/agent_fixture.h"
#include "tests/unit/scratch.h"

enum { REQUESTS = 1070, DATA_OCTETS = 57344 };

static struct agent_fixture f;
static char path[PATH_MAX + 64];
static struct err e;

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    fixture_open(&f, fixture_one_instance);
}

static void
end(void)
{
    fixture_close(&f);
}

TestSuite(upgrade, .init = begin, .fini = end);

static struct lane_set *
lanes(void)
{
    return &f.instance[0]->lanes;
}

static const char *
in_edge(const char *name)
{
    snprintf(path, sizeof(path), "%s/edge/%s", f.runtime, name);
    return path;
}

/* Put a lane of old into the instance's directory; with another ABI version, unless 0. */
static void
put_lane(const char *fixture, const char *name, uint32_t abi)
{
    int fd;

    scratch_unhex(fixture, in_edge(name));
    if (abi == 0)
        return;
    fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(
        eq(int, (int)pwrite(fd, &abi, sizeof(abi), offsetof(struct lane_header, abi)), (int)sizeof(abi)));
    close(fd);
}

static void
open_lane(struct lane_reader *r, const char *fixture)
{
    int dir_fd;

    put_lane(fixture, "old", 0);
    dir_fd = open(in_edge(""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert(eq(int, lane_reader_open(r, dir_fd, "old", &e), 0), "%s", e.text);
    close(dir_fd);
}

/* ---- lanes ------------------------------------------------------------------------------------------------------ */

static void
expect_counts(const struct lane_reader *r)
{
    const struct lane_copy *c = &r->copy;
    struct lane_note_copy notes[LANE_NOTES];

    cr_assert(eq(u64, c->counters[LANE_IN_REQUESTS], REQUESTS));
    cr_assert(eq(u64, c->counters[LANE_OUT_RESPONSES], REQUESTS));
    cr_assert(eq(u64, c->counters[LANE_TRANS_BEGUN] - c->counters[LANE_TRANS_ENDED], 3));
    cr_assert(eq(u64, c->counters[LANE_DISCARDED], 1));
    cr_assert(eq(u64, c->method_counters[METHOD_REGISTER][LANE_METHOD_IN], 70));
    cr_assert(eq(u32, c->methods, METHOD_IANA_COUNT + 1));
    cr_assert(eq(str, (char *)lane_reader_method_name(r, METHOD_IANA_COUNT), "EXAMPLE"));
    cr_assert(eq(u32, c->cells, 4));
    cr_assert(eq(u64, c->cell[3].key, LANE_CELL_KEY(METHOD_IANA_COUNT, 603)));
    cr_assert(eq(u64, c->cell[3].in, 5));
    cr_assert(eq(u32, c->state, SIPSTAT_STATE_CONGESTED));
    cr_assert(eq(uint, lane_reader_notes(r, notes), 1));
    cr_assert(eq(u64, notes[0].value, 42));
    cr_assert(not(lane_reader_alive(r)));
}

static void
expect_events(const struct lane_reader *r)
{
    static struct ring_event event;
    struct ring_cursor c;
    char call_id[32];

    cr_assert(eq(int, ring_cursor_init(&c, r, true, &e), 0));
    for (unsigned i = 0; i < 3; i++) {
        cr_assert(eq(int, ring_next(&c, r, &event, &e), 1), "%s", e.text);
        cr_assert(event.record.type == LANE_EVENT_STATUS && event.status.code == 486 &&
                  event.status.flags == 0);
        snprintf(call_id, sizeof(call_id), "call-%u@example.org", i);
        cr_assert(span_equals(event.call_id, span_string(call_id)));
    }
    cr_assert(ring_next(&c, r, &event, &e) == 1 && event.record.type == LANE_EVENT_STATE);
    cr_assert(eq(int, ring_next(&c, r, &event, &e), 0));
}

Test(upgrade, reads_a_lane_of_abi_1)
{
    struct lane_reader r;

    open_lane(&r, "lane-abi1.hex");
    expect_counts(&r);
    expect_events(&r);
    cr_assert(eq(u32, r.copy.words, 0));
    lane_reader_close(&r);
}

Test(upgrade, reads_a_lane_of_abi_2)
{
    struct lane_reader r;

    open_lane(&r, "lane-abi2.hex");
    expect_counts(&r);
    expect_events(&r);
    cr_assert(eq(u32, r.copy.words, 2));
    cr_assert(eq(str, r.copy.word[0].text, "timer"));
    lane_reader_close(&r);
}

Test(upgrade, does_not_take_one_layout_for_the_other)
{
    put_lane("lane-abi1.hex", "1.lane", 2);
    put_lane("lane-abi2.hex", "2.lane", 1);
    fixture_tick(&f);
    cr_assert(eq(u32, lanes()->n_aside, 2));
    cr_assert(strstr(lanes()->aside[0].reason, "contradict") != NULL, "%s", lanes()->aside[0].reason);
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 0));
}

Test(upgrade, retires_lanes_of_both_versions_once)
{
    put_lane("lane-abi1.hex", "1.lane", 0);
    put_lane("lane-abi2.hex", "2.lane", 0);
    for (unsigned i = 0; i < 3; i++) {
        fixture_tick(&f);
        cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 2 * REQUESTS));
        cr_assert(eq(u32, lanes()->count, 0));
        cr_assert(access(in_edge("1.lane"), F_OK) < 0 && access(in_edge("2.lane"), F_OK) < 0);
        fixture_kill(&f);
        fixture_start(&f, fixture_one_instance);
    }
    cr_assert(eq(u64, f.instance[0]->state.discon_ns < f.now_ns, true));
}

Test(upgrade, follows_a_live_writer_of_abi_1)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    uint64_t more = REQUESTS + 30;
    int fd;

    scratch_unhex("lane-abi1.hex", in_edge("hidden"));
    fd = open(path, O_RDWR | O_CLOEXEC);
    cr_assert(eq(int, fcntl(fd, F_OFD_SETLK, &whole), 0));
    cr_assert(eq(int, linkat(AT_FDCWD, path, f.instance[0]->dir_fd, "live.lane", 0), 0));
    fixture_tick(&f);
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), REQUESTS));
    cr_assert(eq(uint, f.instance[0]->state.oper_status, OPER_CONGESTED));
    cr_assert(eq(int,
                 (int)pwrite(fd, &more, 8,
                             (off_t)(LANE_HEADER_OCTETS + offsetof(struct lane_live, counters) +
                                     8 * LANE_IN_REQUESTS)),
                 8));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), more));
    close(fd);
    fixture_tick(&f);
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), more));
    cr_assert(lt(int, access(in_edge("live.lane"), F_OK), 0));
}

/* ABI 0 is in the header's place as well: a number that no writer had. */
static const uint32_t others[] = { UINT32_MAX, 3, 99 };

Test(upgrade, leaves_lanes_of_other_versions_alone)
{
    char name[16];

    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%u.lane", i);
        put_lane("lane-abi2.hex", name, others[i]);
    }
    put_lane("lane-abi1.hex", "mine.lane", 0);
    for (unsigned i = 0; i < 3; i++)
        fixture_tick(&f);
    cr_assert(eq(u32, lane_set_other_abi(lanes()), 3));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), REQUESTS));
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%u.lane", i);
        cr_assert(eq(int, access(in_edge(name), F_OK), 0));
    }
}

Test(upgrade, leaves_a_lane_of_abi_0_and_one_of_another_kind_alone)
{
    const uint32_t none = 0;
    const uint64_t magic = LANE_MAGIC + ((uint64_t)1 << 56); /* "SIPLANE2" */
    int fd;

    put_lane("lane-abi2.hex", "none.lane", 0);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(eq(int, (int)pwrite(fd, &none, sizeof(none), offsetof(struct lane_header, abi)), 4));
    close(fd);
    put_lane("lane-abi2.hex", "kind.lane", 0);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(eq(int, (int)pwrite(fd, &magic, sizeof(magic), 0), 8));
    close(fd);
    fixture_tick(&f);
    cr_assert(eq(u32, lanes()->n_aside, 2));
    cr_assert(eq(u32, lane_set_other_abi(lanes()), 1));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 0));
    cr_assert(access(in_edge("none.lane"), F_OK) == 0 && access(in_edge("kind.lane"), F_OK) == 0);
}

/* What an agent of that version finds. */
Test(upgrade, keeps_a_lane_of_a_future_version_for_the_agent_that_reads_it)
{
    put_lane("lane-abi2.hex", "future.lane", 3);
    fixture_tick(&f);
    fixture_kill(&f);
    put_lane("lane-abi2.hex", "future.lane", 2);
    fixture_start(&f, fixture_one_instance);
    fixture_tick(&f);
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), REQUESTS));
    cr_assert(lt(int, access(in_edge("future.lane"), F_OK), 0));
}

/* ---- interest --------------------------------------------------------------------------------------------------- */

Test(upgrade, writers_and_agent_use_an_interest_file_of_abi_1)
{
    uint64_t codes[LANE_CODE_WORDS] = { 0 };
    struct interest mine;
    struct stat before, after;
    const struct lane_interest *seen;
    void *map;
    int dir_fd;

    interest_abandon(&f.instance[0]->interest);
    scratch_unhex("interest-abi1.hex", in_edge(LANE_INTEREST_NAME));
    cr_assert(eq(int, stat(path, &before), 0));
    dir_fd = open(in_edge(""), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    seen = lane_interest_map(dir_fd, &map);
    cr_assert(map != NULL);
    interest_init(&mine);
    codes[(486 - LANE_CODE_FIRST) / 64] = 1ull << (486 - LANE_CODE_FIRST) % 64;
    interest_want(&mine, codes, LANE_WANT_REGISTRATIONS);
    interest_apply(&mine, dir_fd, "edge");
    cr_assert(eq(int, fstatat(dir_fd, LANE_INTEREST_NAME, &after, 0), 0));
    cr_assert(eq(u64, after.st_ino, before.st_ino));
    cr_assert(eq(u64, atomic_load(&seen->flags), LANE_WANT_REGISTRATIONS));
    cr_assert(eq(u64, atomic_load(&seen->codes[(486 - LANE_CODE_FIRST) / 64]),
                 codes[(486 - LANE_CODE_FIRST) / 64]));
    interest_abandon(&mine);
    lane_interest_unmap(map);
    close(dir_fd);
}

/* ---- stores ----------------------------------------------------------------------------------------------------- */

/* Let states be of this boot, as they are when a package is upgraded. */
static void
be_of_this_boot(void)
{
    static uint64_t words[DATA_OCTETS / 8];
    int fd = open(path, O_RDWR | O_CLOEXEC);

    cr_assert(eq(int, (int)pread(fd, words, sizeof(words), 0), (int)sizeof(words)));
    for (uint8_t *at = (uint8_t *)words; at + sizeof(struct state_value) < (uint8_t *)words + sizeof(words);
         at += 2) {
        struct state_value v;

        if (memcmp(at, "STT1", 4) != 0)
            continue;
        memcpy(&v, at, sizeof(v));
        cr_assert(eq(int, store_files_boot_id(v.boot_id, &e), 0));
        v.checksum = store_checksum(v.boot_id, sizeof(v) - offsetof(struct state_value, boot_id));
        memcpy(at, &v, sizeof(v));
    }
    cr_assert(eq(int, (int)pwrite(fd, words, sizeof(words), 0), (int)sizeof(words)));
    close(fd);
}

/* The agent ends; the store is that of another agent; the agent of today starts. */
static void
start_on_store(const char *fixture)
{
    char command[2 * sizeof(path)];

    fixture_kill(&f);
    snprintf(command, sizeof(command), "rm -rf '%s/retained.mdb' && mkdir -m 700 '%s/retained.mdb'",
             f.runtime, f.runtime);
    cr_assert(eq(int, system(command), 0));
    snprintf(path, sizeof(path), "%s/retained.mdb/data.mdb", f.runtime);
    scratch_unhex(fixture, path);
    be_of_this_boot();
    fixture_start(&f, fixture_one_instance);
}

/* The store's totals, and the lane that it calls attached. */
static void
expect_taken_over(uint32_t layout)
{
    cr_assert(eq(u32, store_layout_found(f.site.store), layout));
    cr_assert(eq(u64, f.site.stores_damaged, 0));
    cr_assert(eq(u64, f.instance[0]->vanished, 0));
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, 1000000001));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 2 * REQUESTS));
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u32, store_layout_found(f.site.store), 0));
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, 1000000001));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 2 * REQUESTS));
}

Test(upgrade, takes_over_a_store_of_layout_1)
{
    put_lane("lane-abi1.hex", "1.lane", 0);
    start_on_store("retained-layout1.hex");
    expect_taken_over(1);
    cr_assert(eq(u32, f.instance[0]->retained.words, 0));
}

Test(upgrade, takes_over_a_store_of_layout_2)
{
    put_lane("lane-abi2.hex", "2.lane", 0);
    start_on_store("retained-layout2.hex");
    expect_taken_over(2);
    cr_assert(eq(u32, f.instance[0]->retained.words, 2));
}

Test(upgrade, misses_a_lane_that_only_the_older_store_knows)
{
    start_on_store("retained-layout1.hex");
    cr_assert(eq(u64, f.instance[0]->vanished, 1));
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, f.now_ns));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), REQUESTS));
}

/* Replace octets in the file at `path`, wherever they are. How often that was. */
static unsigned
replace(const void *from, const void *to, size_t octets)
{
    static uint64_t words[DATA_OCTETS / 8];
    uint8_t *data = (uint8_t *)words, *at = data;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    ssize_t size = pread(fd, words, sizeof(words), 0);
    unsigned found = 0;

    while ((at = memmem(at, (size_t)(data + size - at), from, octets))) {
        memcpy(at, to, octets);
        found++;
    }
    cr_assert(eq(int, (int)pwrite(fd, words, (size_t)size, 0), (int)size));
    close(fd);
    return found;
}

/* What site_check() finds to be set aside, instances put into the next store. */
static void
put_all(void)
{
    struct store_txn *t;

    cr_assert(site_check(&f.site).store);
    cr_assert(eq(int, store_begin(f.site.store, &t, &e), 0));
    instance_put_all(f.instance[0], t);
    cr_assert(eq(int, store_commit(t, &e), 0));
}

Test(upgrade, does_not_believe_that_a_lane_is_retired_when_a_bit_has_flipped)
{
    uint8_t row[5 + LANE_IDENTITY_OCTETS + 1] = "edge", flipped[sizeof(row)];
    int fd;

    put_lane("lane-abi1.hex", "1.lane", 0);
    start_on_store("retained-layout1.hex");
    fixture_kill(&f);
    put_lane("lane-abi1.hex", "1.lane", 0);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert(
        eq(int, (int)pread(fd, row + 5, LANE_IDENTITY_OCTETS, offsetof(struct lane_header, identity)), 16));
    close(fd);
    row[sizeof(row) - 1] = STORE_LANE_RETIRED;
    memcpy(flipped, row, sizeof(row));
    flipped[sizeof(row) - 1] = STORE_LANE_ATTACHED;
    snprintf(path, sizeof(path), "%s/retained.mdb/data.mdb", f.runtime);
    cr_assert(gt(uint, replace(row, flipped, sizeof(row)), 0));
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 2 * REQUESTS), "it is not counted again");
    cr_assert(eq(u32, lanes()->n_aside, 1));
    put_all();
    cr_assert(eq(u64, f.site.stores_damaged, 1));
}

static void
open_registry(struct registry **r, uint32_t *id)
{
    cr_assert(eq(int, registry_open(r, f.runtime, f.site.runtime_fd, &e), 0), "%s", e.text);
    cr_assert(eq(int, registry_instance(*r, "edge", id, &e), 0));
}

Test(upgrade, takes_over_registrations_of_layout_1)
{
    static const uint8_t boot_then[BOOT_ID_OCTETS] = { 0x85, 0x8c, 0xc5, 0x1c, 0x4f, 0x45, 0x41, 0xd1,
                                                       0xaa, 0x59, 0x8d, 0x0b, 0x63, 0x50, 0x83, 0x19 };
    const struct registry_clock clock = { .now_ns = 2000000000, .unix_ns = 1800000000000000000 };
    struct lane_binding again = { .uri = span_string("sip:bob@192.0.2.3"), .expires_s = 600 };
    uint8_t boot[BOOT_ID_OCTETS], lane[LANE_IDENTITY_OCTETS];
    struct registry_batch *b;
    struct ring_cursor place;
    struct registry *r;
    uint32_t id;

    cr_assert(eq(int, mkdirat(f.site.runtime_fd, REGISTRY_NAME, 0700), 0));
    snprintf(path, sizeof(path), "%s/" REGISTRY_NAME "/data.mdb", f.runtime);
    scratch_unhex("registrations-layout1.hex", path);
    cr_assert(eq(int, store_files_boot_id(boot, &e), 0));
    if (memcmp(boot, boot_then, sizeof(boot)) != 0)
        cr_assert(gt(uint, replace(boot_then, boot, sizeof(boot)), 0));
    open_registry(&r, &id);
    cr_assert(eq(u32, registry_users(r, id), 1));
    memset(lane, 0xa5, sizeof(lane));
    cr_assert(registry_get_place(r, id, lane, &place));
    cr_assert(eq(u64, place.next_sequence, 77));
    cr_assert(eq(int, registry_begin(r, &clock, &b, &e), 0));
    registry_put_bindings(b, id, span_string("sip:bob@example.org"), &again, 1, 0, 0);
    registry_put_failure(b, id, span_string("sip:alice@example.org"), clock.unix_ns);
    cr_assert(eq(int, registry_commit(b, &e), 0), "%s", e.text);
    registry_release(r);
    open_registry(&r, &id);
    cr_assert(eq(u32, registry_users(r, id), 2));
    registry_release(r);
}
