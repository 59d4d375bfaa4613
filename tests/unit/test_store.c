/* SPDX-License-Identifier: BSD-2-Clause */
/* The store: what was committed is there, the rest never was. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/store.h"
#include "agent/store_codec.h"
#include "tests/unit/sandbox.h"
#include "tests/unit/scratch.h"

#define NOW UINT64_C(5000000000)

static char dir[PATH_MAX];
static int dir_fd;
static struct store *store;
static struct tally totals;
static struct instance_state state;
static struct err e;

static void
open_store(void)
{
    cr_assert(eq(int, store_open(&store, dir, dir_fd, &e), 0), "%s", e.text);
}

static void
reopen(void)
{
    store_close(store);
    open_store();
}

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    scratch_make(dir);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    open_store();
    cr_assert(eq(int, tally_init(&totals, &e), 0));
    oper_state_init(&state, 1000);
}

static void
end(void)
{
    tally_fini(&totals);
    store_close(store);
    close(dir_fd);
    scratch_remove(dir);
}

TestSuite(store, .init = begin, .fini = end);

/* A tally with something in every corner. */
static void
fill(struct tally *t)
{
    uint32_t row = tally_method(t, "FROBNICATE", 10), cell;

    t->counters[LANE_IN_REQUESTS] += 11;
    t->counters[LANE_COUNTERS_MAX - 1] += 12;
    t->has_associations = true;
    t->cells_folded += 3;
    t->method[row].counters[LANE_METHOD_IN] += 5;
    cell = tally_cell(t, row, 699);
    t->cell[cell].in += 7;
    t->cell[cell].out += UINT64_C(0xffffffff00000001);
    t->cell[0].in += 9;
    tally_word(t, "100rel", 6, LANE_WORD_SUPPORTED | LANE_WORD_REQUIRE);
    tally_word(t, "FROBNICATE", 10, LANE_WORD_ALLOW);
    t->words_folded += 4;
}

static int
put(const char *instance)
{
    struct store_txn *t;
    int code = store_begin(store, &t, &e);

    if (code < 0)
        return code;
    store_put_totals(t, instance, &totals);
    store_put_state(t, instance, &state);
    return store_commit(t, &e);
}

Test(store, knows_nothing_of_an_instance_at_first)
{
    cr_assert(eq(int, store_get(store, "edge", &totals, &state, NOW, &e), -ENOENT));
}

Test(store, keeps_totals_and_state_over_a_restart)
{
    struct tally read;
    struct instance_state was;
    uint32_t row, cell;

    fill(&totals);
    state.oper_status = OPER_UP;
    state.start_ns = 77;
    cr_assert(eq(int, put("edge"), 0));
    reopen();
    cr_assert(eq(int, tally_init(&read, &e), 0));
    cr_assert(eq(int, store_get(store, "edge", &read, &was, NOW, &e), 0), "%s", e.text);
    row = tally_method(&read, "FROBNICATE", 10);
    cell = tally_cell(&read, row, 699);
    cr_assert(eq(u64, read.counters[LANE_IN_REQUESTS], 11));
    cr_assert(eq(u64, read.counters[LANE_COUNTERS_MAX - 1], 12));
    cr_assert(eq(u64, read.method[row].counters[LANE_METHOD_IN], 5));
    cr_assert(eq(u64, read.cell[cell].in, 7));
    cr_assert(eq(u64, read.cell[cell].out, UINT64_C(0xffffffff00000001)));
    cr_assert(eq(u64, read.cell[0].in, 9));
    cr_assert(eq(u64, read.cells_folded, 3));
    cr_assert(eq(u32, read.words, 2));
    cr_assert(eq(str, read.word[0].text, "100rel"));
    cr_assert(eq(u32, read.word[0].uses, LANE_WORD_SUPPORTED | LANE_WORD_REQUIRE));
    cr_assert(eq(str, read.word[1].text, "FROBNICATE"));
    cr_assert(eq(u64, read.words_folded, 4));
    cr_assert(read.has_associations);
    cr_assert(eq(u32, was.oper_status, OPER_UP));
    cr_assert(eq(u64, was.start_ns, 77));
    tally_fini(&read);
}

Test(store, keeps_instances_apart)
{
    fill(&totals);
    cr_assert(eq(int, put("edge"), 0));
    cr_assert(eq(int, store_get(store, "edg", &totals, &state, NOW, &e), -ENOENT));
    cr_assert(eq(int, store_get(store, "edge2", &totals, &state, NOW, &e), -ENOENT));
}

/* ---- lanes ------------------------------------------------------------------------------------------------------ */

static const uint8_t one[LANE_IDENTITY_OCTETS] = "one", two[LANE_IDENTITY_OCTETS] = "two";

static void
put_lane(const char *instance, const uint8_t *identity, enum store_lane stage)
{
    struct store_txn *t;

    cr_assert(eq(int, store_begin(store, &t, &e), 0));
    store_put_lane(t, instance, identity, stage);
    cr_assert(eq(int, store_commit(t, &e), 0));
}

Test(store, remembers_lanes_by_instance_and_identity)
{
    put_lane("edge", one, STORE_LANE_ATTACHED);
    put_lane("edge", two, STORE_LANE_RETIRED);
    reopen();
    cr_assert(eq(int, (int)store_lane(store, "edge", one), STORE_LANE_ATTACHED));
    cr_assert(eq(int, (int)store_lane(store, "edge", two), STORE_LANE_RETIRED));
    cr_assert(eq(int, (int)store_lane(store, "core", one), STORE_LANE_UNKNOWN),
              "a copied identity is nothing in another instance");
}

static void
count_lane(void *context, const uint8_t identity[LANE_IDENTITY_OCTETS], enum store_lane stage)
{
    int *seen = context;

    if (memcmp(identity, one, sizeof(one)) == 0 && stage == STORE_LANE_ATTACHED)
        seen[0]++;
    else
        seen[1]++;
}

Test(store, lists_the_lanes_of_one_instance)
{
    int seen[2] = { 0, 0 };

    put_lane("edge", one, STORE_LANE_ATTACHED);
    put_lane("edg", two, STORE_LANE_ATTACHED);
    put_lane("edge2", two, STORE_LANE_ATTACHED);
    cr_assert(eq(int, store_each_lane(store, "edge", count_lane, seen, &e), 0));
    cr_assert(eq(int, seen[0], 1));
    cr_assert(eq(int, seen[1], 0));
}

Test(store, drops_what_is_to_be_forgotten_with_the_next_transaction)
{
    put_lane("edge", one, STORE_LANE_RETIRED);
    store_forget_later(store, "edge", one);
    cr_assert(eq(int, (int)store_lane(store, "edge", one), STORE_LANE_RETIRED));
    put_lane("edge", two, STORE_LANE_ATTACHED);
    cr_assert(eq(int, (int)store_lane(store, "edge", one), STORE_LANE_UNKNOWN));
}

/* ---- damage ----------------------------------------------------------------------------------------------------- */

static void
data_path(char path[PATH_MAX + 64])
{
    snprintf(path, PATH_MAX + 64, "%s/%s/data.mdb", dir, STORE_NAME);
}

static void
overwrite(const void *octets, size_t count, off_t offset)
{
    char path[PATH_MAX + 64];
    int fd;

    data_path(path);
    fd = open(path, O_RDWR);
    cr_assert(eq(int, (int)pwrite(fd, octets, count, offset), (int)count));
    close(fd);
}

Test(store, calls_a_file_of_garbage_damaged)
{
    char garbage[16384];

    store_close(store);
    store = NULL;
    memset(garbage, 'x', sizeof(garbage));
    overwrite(garbage, sizeof(garbage), 0);
    cr_assert(eq(int, store_open(&store, dir, dir_fd, &e), -EBADMSG));
    cr_assert(eq(int, store_set_aside(dir, dir_fd, &e), 0));
    open_store();
    cr_assert(eq(int, store_set_aside(dir, dir_fd, &e), 0), "a second time takes the place of the first");
    reopen();
}

/* LMDB reads what is not there: its file is mapped. */
Test(store, survives_a_file_that_was_cut_anywhere)
{
    char path[PATH_MAX + 64];
    unsigned damaged = 0;
    struct stat st;
    char *good;
    int fd;

    for (unsigned i = 0; i < 64; i++)
        tally_cell(&totals, METHOD_INVITE, 100 + i);
    for (uint32_t i = 0; i < totals.cells; i++)
        totals.cell[i].in = i + 1;
    for (unsigned i = 0; i < 8; i++)
        cr_assert(eq(int, put(i % 2 ? "edge" : "core"), 0));
    store_close(store);
    data_path(path);
    fd = open(path, O_RDWR);
    fstat(fd, &st);
    good = malloc((size_t)st.st_size);
    cr_assert(eq(int, (int)pread(fd, good, (size_t)st.st_size, 0), (int)st.st_size));
    for (off_t cut = 1; cut < st.st_size; cut += 3001) {
        int code;

        cr_assert(eq(int, ftruncate(fd, 0), 0));
        cr_assert(eq(int, (int)pwrite(fd, good, (size_t)cut, 0), (int)cut));
        code = store_open(&store, dir, dir_fd, &e);
        cr_assert(code == 0 || code == -EBADMSG, "%s", e.text);
        damaged += code != 0;
        store_close(store);
    }
    cr_assert(gt(uint, damaged, 5));
    store = NULL;
    close(fd);
    free(good);
}

/* Close the store, and make it say that it is of another layout. */
static void
be_of_layout(uint32_t layout)
{
    char path[PATH_MAX + 64];
    MDB_val key = { .mv_size = 6, .mv_data = "layout" }, value;
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;

    store_close(store);
    store = NULL;
    snprintf(path, sizeof(path), "%s/%s", dir, STORE_NAME);
    cr_assert(eq(int, mdb_env_create(&env), 0));
    mdb_env_set_maxdbs(env, 8);
    cr_assert(eq(int, mdb_env_open(env, path, 0, 0600), 0));
    cr_assert(eq(int, mdb_txn_begin(env, NULL, 0, &txn), 0));
    cr_assert(eq(int, mdb_dbi_open(txn, "meta", 0, &dbi), 0));
    value = (MDB_val){ .mv_size = sizeof(layout), .mv_data = &layout };
    cr_assert(eq(int, mdb_put(txn, dbi, &key, &value, 0), 0));
    cr_assert(eq(int, mdb_txn_commit(txn), 0));
    mdb_env_close(env);
}

Test(store, refuses_a_newer_layout_with_the_remedy)
{
    be_of_layout(1000);
    cr_assert(eq(int, store_open(&store, dir, dir_fd, &e), -EPROTONOSUPPORT));
    cr_assert(strstr(e.text, "newer sipmibd") != NULL, "%s", e.text);
}

Test(store, does_not_read_a_layout_older_than_any)
{
    be_of_layout(0);
    cr_assert(eq(int, store_open(&store, dir, dir_fd, &e), -EBADMSG));
    cr_assert(strstr(e.text, "does not read") != NULL, "%s", e.text);
}

Test(store, refuses_a_directory_that_others_may_enter)
{
    char path[PATH_MAX + 64];

    store_close(store);
    store = NULL;
    snprintf(path, sizeof(path), "%s/%s", dir, STORE_NAME);
    cr_assert(eq(int, chmod(path, 0770), 0));
    cr_assert(eq(int, store_open(&store, dir, dir_fd, &e), -EPERM));
}

Test(store, notices_that_its_file_is_gone)
{
    char path[PATH_MAX + 64];

    cr_assert(eq(int, (int)store_health(store, dir_fd), STORE_SOUND));
    data_path(path);
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(eq(int, (int)store_health(store, dir_fd), STORE_GONE));
}

/* Everything but LMDB's first two pages. */
static void
zero_all_pages(void)
{
    static const char zeros[4096];
    char path[PATH_MAX + 64];
    struct stat st;

    cr_assert(eq(int, put("edge"), 0));
    data_path(path);
    cr_assert(eq(int, stat(path, &st), 0));
    for (off_t at = 8192; at < st.st_size; at += (off_t)sizeof(zeros))
        overwrite(zeros, sizeof(zeros), at);
}

Test(store, a_transaction_notices_that_pages_were_overwritten)
{
    zero_all_pages();
    cr_assert(eq(int, put("edge"), -EBADMSG), "%s", e.text);
    cr_assert(eq(int, (int)store_health(store, dir_fd), STORE_DAMAGED));
}

Test(store, a_look_at_a_lane_notices_that_pages_were_overwritten)
{
    zero_all_pages();
    cr_assert(eq(int, (int)store_lane(store, "edge", one), STORE_LANE_UNREADABLE));
    cr_assert(eq(int, (int)store_health(store, dir_fd), STORE_DAMAGED));
}

Test(store, does_not_touch_a_file_that_was_cut)
{
    char path[PATH_MAX + 64];
    struct store_stats stats;

    cr_assert(eq(int, put("edge"), 0));
    data_path(path);
    cr_assert(eq(int, truncate(path, 8192), 0));
    store_stats_get(store, &stats);
    cr_assert(eq(u64, stats.octets, 0));
    cr_assert(eq(int, store_get(store, "edge", &totals, &state, NOW, &e), -EBADMSG));
    cr_assert(eq(int, put("edge"), -EBADMSG), "%s", e.text);
    cr_assert(eq(int, (int)store_health(store, dir_fd), STORE_DAMAGED));
}

Test(store, is_damaged_once_its_file_was_cut)
{
    char path[PATH_MAX + 64];

    data_path(path);
    cr_assert(eq(int, truncate(path, 0), 0));
    cr_assert(eq(int, (int)store_health(store, dir_fd), STORE_DAMAGED));
}

static int
fills_up(void)
{
    uint8_t identity[LANE_IDENTITY_OCTETS] = { 0 };
    struct tally before;
    struct store_txn *t;
    int code = 0;

    if (!sandbox_mount_tmpfs(dir, "size=256k"))
        return SANDBOX_SKIP;
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    if (store_open(&store, dir, dir_fd, &e) < 0 || tally_init(&totals, NULL) < 0 ||
        tally_init(&before, NULL) < 0)
        return false;
    fill(&totals);
    if (put("edge") < 0)
        return false;
    for (unsigned i = 0; code == 0 && i < 100000; i++) {
        memcpy(identity, &i, sizeof(i));
        code = store_begin(store, &t, &e);
        if (code < 0)
            break;
        store_put_lane(t, "edge", identity, STORE_LANE_ATTACHED);
        code = store_commit(t, &e);
    }
    return code == -ENOSPC && strstr(e.text, "full") &&
           store_get(store, "edge", &before, &state, NOW, &e) == 0 &&
           before.counters[LANE_IN_REQUESTS] == 11 && store_health(store, dir_fd) == STORE_SOUND;
}

Test(store, says_that_the_file_system_is_full_and_keeps_what_it_has)
{
    int result = sandbox_run(fills_up);

    if (result == SANDBOX_SKIP) {
        end(); /* a test that is skipped is not cleaned up after */
        cr_skip("cannot mount a small tmpfs here");
    }
    cr_assert(eq(int, result, true));
}

/* ---- the codec -------------------------------------------------------------------------------------------------- */

Test(store_codec, calls_every_cut_and_every_flipped_bit_damage)
{
    struct tally t, read;
    uint8_t *data;
    size_t octets;

    cr_assert(eq(int, tally_init(&t, &e), 0));
    cr_assert(eq(int, tally_init(&read, &e), 0));
    fill(&t);
    cr_assert(eq(int, totals_encode(&t, &data, &octets, &e), 0));
    cr_assert(eq(int, totals_decode(&read, data, octets, &e), 0));
    for (size_t n = 0; n < octets; n++) {
        uint8_t *exact = malloc(n ? n : 1);

        memcpy(exact, data, n);
        cr_assert(eq(int, totals_decode(&read, exact, n, &e), -EBADMSG));
        free(exact);
        data[n] ^= 0x10;
        cr_assert(eq(int, totals_decode(&read, data, octets, &e), -EBADMSG));
        data[n] ^= 0x10;
    }
    free(data);
    tally_fini(&t);
    tally_fini(&read);
}

Test(store_codec, adds_to_what_is_there)
{
    struct tally t;
    uint8_t *data;
    size_t octets;

    cr_assert(eq(int, tally_init(&t, &e), 0));
    fill(&t);
    cr_assert(eq(int, totals_encode(&t, &data, &octets, &e), 0));
    cr_assert(eq(int, totals_decode(&t, data, octets, &e), 0));
    cr_assert(eq(u64, t.counters[LANE_IN_REQUESTS], 22));
    cr_assert(eq(u64, t.cell[0].in, 18));
    free(data);
    tally_fini(&t);
}

Test(store_codec, forgets_the_times_of_another_boot)
{
    static const uint8_t this_boot[BOOT_ID_OCTETS] = "this", other_boot[BOOT_ID_OCTETS] = "other";
    struct instance_state s = {
        .discon_ns = 5, .oper_status = OPER_UP, .had_writer = 1, .start_ns = 6, .messages_in = 7
    };
    struct state_value v;

    state_encode(&s, this_boot, &v);
    cr_assert(eq(int, state_decode(&s, other_boot, NOW, &v, sizeof(v), &e), 0));
    cr_assert(eq(u64, s.discon_ns, 0));
    cr_assert(eq(u64, s.start_ns, 0));
    cr_assert(eq(u32, s.oper_status, OPER_UNKNOWN));
    cr_assert(eq(u64, s.messages_in, 7));
}

Test(store_codec, believes_in_no_time_to_come)
{
    static const uint8_t boot[BOOT_ID_OCTETS] = "this";
    struct instance_state s = { .oper_status = OPER_UP, .start_ns = NOW + 1, .last_change_ns = NOW - 1 };
    struct state_value v;

    state_encode(&s, boot, &v);
    cr_assert(eq(int, state_decode(&s, boot, NOW, &v, sizeof(v), &e), 0));
    cr_assert(eq(u64, s.start_ns, NOW));
    cr_assert(eq(u64, s.last_change_ns, NOW - 1));
}
