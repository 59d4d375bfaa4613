/* SPDX-License-Identifier: BSD-2-Clause */
/* Instances: what their lanes counted is there exactly once, whatever dies. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/snapshot_build.h"
#include "tests/unit/agent_fixture.h"
#include "tests/unit/sandbox.h"
#include "tests/unit/scratch.h"

static struct agent_fixture f;

static void
open_one(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    fixture_open(&f, fixture_one_instance);
}

static void
close_one(void)
{
    fixture_close(&f);
}

TestSuite(instance, .init = open_one, .fini = close_one);

static unsigned
lane_files(void)
{
    char name[NAME_MAX + 1];

    return scratch_count(f.runtime, "edge", LANE_SUFFIX, name);
}

static uint64_t
in_requests(void)
{
    return fixture_counter(&f, 0, LANE_IN_REQUESTS);
}

Test(instance, makes_its_directory_for_the_group)
{
    char path[PATH_MAX + 16];
    struct stat st;

    snprintf(path, sizeof(path), "%s/edge", f.runtime);
    cr_assert(eq(int, stat(path, &st), 0));
    cr_assert(eq(int, (int)(st.st_mode & 07777), 03770));
}

Test(instance, sums_its_lanes)
{
    struct lane_writer a, b;

    fixture_writer(&f, &a, "edge", 0);
    fixture_writer(&f, &b, "edge", 0);
    fixture_count(&a, 3);
    fixture_count(&b, 4);
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 7));
    fixture_count(&b, 1);
    cr_assert(eq(u64, in_requests(), 8));
    lane_writer_close(&a);
    lane_writer_close(&b);
}

Test(instance, keeps_what_a_killed_writer_counted_exactly_once)
{
    pid_t pid = fixture_writer_process(&f, "edge", 1000);

    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 1000));
    fixture_kill_process(pid);
    cr_assert(eq(u64, in_requests(), 1000), "dead, not noticed");
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 1000), "dead and retired");
    cr_assert(eq(u32, f.instance[0]->lanes.count, 0));
    cr_assert(eq(uint, lane_files(), 0));
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 1000));
}

Test(instance, keeps_what_a_writer_counted_that_lived_and_died_unseen)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 5);
    lane_writer_close(&w);
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 5));
    cr_assert(eq(uint, lane_files(), 0));
}

Test(instance, serves_the_same_after_the_agent_was_killed)
{
    struct lane_writer dead, live;
    uint64_t discon_ns = f.instance[0]->state.discon_ns;

    fixture_writer(&f, &dead, "edge", 0);
    fixture_writer(&f, &live, "edge", 0);
    fixture_count(&dead, 10);
    fixture_count(&live, 1);
    fixture_tick(&f);
    lane_writer_close(&dead);
    fixture_tick(&f);
    fixture_kill(&f);
    fixture_count(&live, 1);
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 12));
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, discon_ns));
    lane_writer_close(&live);
}

Test(instance, retires_at_start_what_died_while_no_agent_ran)
{
    pid_t pid = fixture_writer_process(&f, "edge", 42);

    fixture_tick(&f);
    fixture_kill(&f);
    fixture_kill_process(pid);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 42));
    cr_assert(eq(uint, lane_files(), 0));
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 42));
}

/* The agent died after the transaction and before the file was removed. */
Test(instance, only_removes_a_lane_that_the_store_calls_retired)
{
    char name[NAME_MAX + 1], path[PATH_MAX + 2 * NAME_MAX], kept[PATH_MAX + 16];
    pid_t pid = fixture_writer_process(&f, "edge", 42);

    scratch_count(f.runtime, "edge", LANE_SUFFIX, name);
    snprintf(path, sizeof(path), "%s/edge/%s", f.runtime, name);
    snprintf(kept, sizeof(kept), "%s/kept", f.dir);
    cr_assert(eq(int, link(path, kept), 0));
    fixture_kill_process(pid);
    fixture_tick(&f);
    fixture_kill(&f);
    cr_assert(eq(int, rename(kept, path), 0));
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 42));
    cr_assert(eq(uint, lane_files(), 0));
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 42));
}

/* The same, but the file is back only after the start that would have removed it. */
Test(instance, knows_a_retired_lane_until_it_saw_that_the_file_is_gone)
{
    char name[NAME_MAX + 1], path[PATH_MAX + 2 * NAME_MAX], kept[PATH_MAX + 16];
    pid_t pid = fixture_writer_process(&f, "edge", 42);
    uint8_t identity[LANE_IDENTITY_OCTETS];

    scratch_count(f.runtime, "edge", LANE_SUFFIX, name);
    snprintf(path, sizeof(path), "%s/edge/%s", f.runtime, name);
    snprintf(kept, sizeof(kept), "%s/kept", f.dir);
    cr_assert(eq(int, link(path, kept), 0));
    fixture_tick(&f);
    memcpy(identity, f.instance[0]->lanes.lane[0]->reader.header.identity, sizeof(identity));
    fixture_kill_process(pid);
    fixture_tick(&f);
    cr_assert(eq(int, (int)store_lane(f.site.store, "edge", identity), STORE_LANE_RETIRED));
    fixture_kill(&f);
    cr_assert(eq(int, rename(kept, path), 0));
    fixture_start(&f, fixture_one_instance);
    fixture_tick(&f);
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(int, (int)store_lane(f.site.store, "edge", identity), STORE_LANE_RETIRED),
              "no transaction has dropped it yet");
    pid = fixture_writer_process(&f, "edge", 1);
    fixture_tick(&f);
    cr_assert(eq(int, (int)store_lane(f.site.store, "edge", identity), STORE_LANE_UNKNOWN));
    cr_assert(eq(u64, in_requests(), 43));
    fixture_kill_process(pid);
}

Test(instance, says_that_counts_are_lost_when_a_lane_vanished_while_no_agent_ran)
{
    char name[NAME_MAX + 1], path[PATH_MAX + 2 * NAME_MAX];
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 3);
    fixture_tick(&f);
    fixture_kill(&f);
    scratch_count(f.runtime, "edge", LANE_SUFFIX, name);
    snprintf(path, sizeof(path), "%s/edge/%s", f.runtime, name);
    cr_assert(eq(int, unlink(path), 0));
    f.now_ns += 5 * FIXTURE_SECOND;
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 0));
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, f.now_ns));
    fixture_save(&f);
    fixture_kill(&f);
    f.now_ns += 5 * FIXTURE_SECOND;
    fixture_start(&f, fixture_one_instance);
    cr_assert(lt(u64, f.instance[0]->state.discon_ns, f.now_ns), "lost once, not at every start");
    lane_writer_close(&w);
}

Test(instance, goes_on_reading_a_lane_whose_file_was_removed)
{
    char name[NAME_MAX + 1], path[PATH_MAX + 2 * NAME_MAX];
    uint64_t discon_ns = f.instance[0]->state.discon_ns;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    scratch_count(f.runtime, "edge", LANE_SUFFIX, name);
    snprintf(path, sizeof(path), "%s/edge/%s", f.runtime, name);
    cr_assert(eq(int, unlink(path), 0));
    fixture_count(&w, 3);
    cr_assert(eq(u64, in_requests(), 3));
    lane_writer_close(&w);
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 3));
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, discon_ns));
}

/* ---- damage ----------------------------------------------------------------------------------------------------- */

/* Open the only lane as somebody with ill intent would. */
static int
open_lane_file(void)
{
    char name[NAME_MAX + 1], path[PATH_MAX + 2 * NAME_MAX];

    scratch_count(f.runtime, "edge", LANE_SUFFIX, name);
    snprintf(path, sizeof(path), "%s/edge/%s", f.runtime, name);
    return open(path, O_RDWR);
}

Test(instance, keeps_the_last_good_copy_of_a_lane_that_is_truncated)
{
    struct lane_writer w;
    int fd;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 7);
    fixture_tick(&f);
    fd = open_lane_file();
    cr_assert(eq(int, ftruncate(fd, 4096), 0));
    close(fd);
    f.now_ns += FIXTURE_SECOND;
    cr_assert(eq(u64, in_requests(), 7));
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, f.now_ns), "what it counts from now on is lost");
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 7));
    cr_assert(eq(u32, f.instance[0]->lanes.n_aside, 1));
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 7));
    lane_writer_close(&w);
}

Test(instance, does_not_count_a_damaged_lane_again_when_it_is_mended)
{
    static const uint64_t nothing = 0, seven = 7;
    const off_t offset = LANE_HEADER_OCTETS + offsetof(struct lane_live, counters);
    struct lane_writer w;
    int fd;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 7);
    fixture_tick(&f);
    fd = open_lane_file();
    cr_assert(eq(int, (int)pwrite(fd, &nothing, sizeof(nothing), offset), (int)sizeof(nothing)));
    fixture_tick(&f);
    cr_assert(eq(int, (int)pwrite(fd, &seven, sizeof(seven), offset), (int)sizeof(seven)));
    close(fd);
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 7));
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 7));
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 7), "the second start knows it too");
    lane_writer_close(&w);
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 7), "and so does one after the writer's death");
}

Test(instance, leaves_other_lanes_alone_when_one_is_damaged)
{
    struct lane_writer w;
    pid_t pid;
    int fd;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 7);
    fixture_tick(&f);
    fd = open_lane_file();
    cr_assert(eq(int, ftruncate(fd, 0), 0));
    close(fd);
    pid = fixture_writer_process(&f, "edge", 5);
    fixture_tick(&f);
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 12));
    fixture_kill_process(pid);
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 12));
    lane_writer_close(&w);
}

/* ---- transactions ----------------------------------------------------------------------------------------------- */

static uint64_t
open_transactions(void)
{
    const struct snapshot *s = fixture_snapshot(&f);
    uint64_t open = ((const struct snap_instance *)s->rows[SNAP_INSTANCES].row[0])->open_transactions;

    snapshot_release(s);
    return open;
}

static void
transactions(struct lane_writer *w, unsigned begun, unsigned ended)
{
    lane_add(&w->live->counters[LANE_TRANS_BEGUN], begun);
    lane_add(&w->live->counters[LANE_TRANS_ENDED], ended);
}

Test(instance, ends_the_transactions_of_a_writer_that_died_with_them)
{
    struct lane_writer a, b;

    fixture_writer(&f, &a, "edge", 0);
    fixture_writer(&f, &b, "edge", 0);
    transactions(&a, 10, 4);
    transactions(&b, 3, 1);
    fixture_tick(&f);
    cr_assert(eq(u64, open_transactions(), 8));
    lane_writer_close(&a);
    fixture_tick(&f);
    cr_assert(eq(u64, open_transactions(), 2));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_TRANS_BEGUN), 13));
    lane_writer_close(&b);
    fixture_tick(&f);
    cr_assert(eq(u64, open_transactions(), 0));
}

Test(instance, keeps_the_difference_of_shared_transactions_while_a_lane_lives)
{
    struct lane_writer a, b;

    fixture_writer(&f, &a, "edge", LANE_SHARED_TRANSACTIONS);
    fixture_writer(&f, &b, "edge", LANE_SHARED_TRANSACTIONS);
    transactions(&a, 10, 2);
    transactions(&b, 0, 3);
    fixture_tick(&f);
    lane_writer_close(&a);
    fixture_tick(&f);
    cr_assert(eq(u64, open_transactions(), 5));
    transactions(&b, 0, 5);
    cr_assert(eq(u64, open_transactions(), 0));
    transactions(&b, 1, 0);
    lane_writer_close(&b);
    fixture_tick(&f);
    cr_assert(eq(u64, open_transactions(), 0), "dropped with the last lane");
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_TRANS_BEGUN), 11));
}

Test(instance, drops_the_difference_of_shared_transactions_beside_a_collector)
{
    struct lane_writer worker, collector;

    fixture_writer(&f, &worker, "edge", LANE_SHARED_TRANSACTIONS);
    fixture_writer(&f, &collector, "edge", LANE_COLLECTOR);
    transactions(&worker, 10, 2);
    fixture_tick(&f);
    cr_assert(eq(u64, open_transactions(), 8));
    lane_writer_close(&worker);
    fixture_tick(&f);
    cr_assert(eq(u64, open_transactions(), 0));
    lane_writer_close(&collector);
}

Test(instance, does_not_let_a_writer_that_only_ended_eat_the_transactions_of_others)
{
    struct lane_writer a, b, alone;

    fixture_writer(&f, &a, "edge", LANE_SHARED_TRANSACTIONS);
    fixture_writer(&f, &b, "edge", LANE_SHARED_TRANSACTIONS);
    fixture_writer(&f, &alone, "edge", 0);
    transactions(&a, 10, 2);
    transactions(&alone, 1, 5);
    fixture_tick(&f);
    lane_writer_close(&alone);
    fixture_tick(&f);
    cr_assert(eq(u64, open_transactions(), 8));
    lane_writer_close(&a);
    fixture_tick(&f);
    cr_assert(eq(u64, open_transactions(), 8));
    lane_writer_close(&b);
}

/* ---- the store is wiped, or full -------------------------------------------------------------------------------- */

Test(instance, puts_what_it_holds_into_a_new_store)
{
    uint64_t discon_ns = f.instance[0]->state.discon_ns;
    struct store_txn *t;
    struct lane_writer w;
    char command[PATH_MAX + 64];
    struct err e;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 5);
    fixture_tick(&f);
    lane_writer_close(&w);
    fixture_tick(&f);
    snprintf(command, sizeof(command), "rm -rf '%s'", f.runtime);
    cr_assert(eq(int, system(command), 0));
    cr_assert(site_check(&f.site).store);
    cr_assert(eq(int, store_begin(f.site.store, &t, &e), 0));
    instance_put_all(f.instance[0], t);
    cr_assert(eq(int, store_commit(t, &e), 0));
    f.instance[0]->must_look = true;
    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 2);
    fixture_tick(&f);
    cr_assert(eq(u64, in_requests(), 7));
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 7));
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, discon_ns));
    lane_writer_close(&w);
}

Test(instance, begins_anew_when_the_store_was_wiped_while_no_agent_ran)
{
    char command[PATH_MAX + 64];
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 5);
    lane_writer_close(&w);
    fixture_tick(&f);
    fixture_kill(&f);
    snprintf(command, sizeof(command), "rm -rf '%s'", f.runtime);
    cr_assert(eq(int, system(command), 0));
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 0));
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, f.now_ns));
}

Test(instance, begins_anew_on_a_damaged_store_which_is_kept_for_examination)
{
    char path[PATH_MAX + 64];
    struct lane_writer dead, live;

    fixture_writer(&f, &dead, "edge", 0);
    fixture_writer(&f, &live, "edge", 0);
    fixture_count(&dead, 5);
    fixture_count(&live, 2);
    fixture_tick(&f);
    lane_writer_close(&dead);
    fixture_tick(&f);
    fixture_kill(&f);
    snprintf(path, sizeof(path), "%s/%s/data.mdb", f.runtime, STORE_NAME);
    cr_assert(eq(int, truncate(path, 9000), 0));
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 2), "live lanes are not in the store");
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, f.now_ns));
    snprintf(path, sizeof(path), "%s/%s.damaged/data.mdb", f.runtime, STORE_NAME);
    cr_assert(eq(int, access(path, F_OK), 0));
    lane_writer_close(&live);
}

/* Use up what room there is, to the last page. */
static void
fill_up(const char *path)
{
    static const char page[4096];
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    while (write(fd, page, sizeof(page)) > 0)
        continue;
    close(fd);
}

static int
waits_for_room(void)
{
    char path[PATH_MAX + 16];
    struct lane_writer w;

    if (!sandbox_mount_tmpfs("/tmp", "size=1m"))
        return SANDBOX_SKIP;
    setenv("TMPDIR", "/tmp", 1);
    fixture_open(&f, fixture_one_instance);
    fixture_writer(&f, &w, "edge", 0);
    for (unsigned code = 100; code < 600; code++)
        lane_count_response(&w, METHOD_INVITE, code, true);
    fixture_count(&w, 5);
    fixture_tick(&f);
    snprintf(path, sizeof(path), "%s/ballast", f.dir);
    fill_up(path);
    lane_writer_close(&w);
    fixture_tick(&f);
    fixture_tick(&f);
    if (in_requests() != 5 || lane_files() != 1 || f.instance[0]->lanes.count != 1)
        return false;
    unlink(path);
    fixture_tick(&f);
    if (in_requests() != 5 || lane_files() != 0)
        return false;
    fixture_kill(&f);
    fixture_start(&f, fixture_one_instance);
    return in_requests() == 5;
}

Test(instance, keeps_a_dead_lane_until_the_store_has_room_for_it)
{
    int result = sandbox_run(waits_for_room);

    if (result == SANDBOX_SKIP) {
        close_one(); /* a test that is skipped is not cleaned up after */
        cr_skip("cannot mount a small tmpfs here");
    }
    cr_assert(eq(int, result, true));
}

Test(instance, looks_for_itself_where_nothing_can_be_watched)
{
    struct lane_writer w;

    watcher_close(&f.site.watcher);
    f.instance[0]->watch = -1;
    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 3);
    f.now_ns += FIXTURE_SECOND;
    instance_tick(f.instance[0], &f.site, false, f.now_ns);
    cr_assert(eq(u64, in_requests(), 3));
    lane_writer_close(&w);
}
