/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry: batches, places, damage, and no room. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/registry_internal.h"
#include "tests/unit/registry_fixture.h"
#include "tests/unit/sandbox.h"

enum { SMALL_MAP = 2 << 20 };

TestSuite(registry_files, .init = reg_begin, .fini = reg_end);

static const uint8_t one[LANE_IDENTITY_OCTETS] = "one", two[LANE_IDENTITY_OCTETS] = "two";
static const struct ring_cursor place = { .position = 4096, .next_sequence = 77 };

/* ---- batches ---------------------------------------------------------------------------------------------------- */

static void
put_two_without_commit(struct registry_batch *b)
{
    struct lane_binding binding = { .uri = span_string("sip:a@1"), .expires_s = 60 };

    registry_put_bindings(b, reg_id, span_string("sip:alice@h"), &binding, 1, 0, reg_clock.unix_ns);
    registry_put_bindings(b, reg_id, span_string("sip:bob@h"), &binding, 1, 0, reg_clock.unix_ns);
    registry_put_place(b, reg_id, one, &place);
}

Test(registry_files, loses_nothing_but_the_open_batch_when_killed)
{
    struct registry_batch *b;
    struct ring_cursor read;
    int status;
    pid_t pid;

    reg_put("sip:alice@h", "sip:a@9;60");
    reg_close();
    pid = fork();
    if (pid == 0) {
        if (reg_open(64 << 20) == 0 && registry_begin(reg, &reg_clock, &b, &reg_err) == 0)
            put_two_without_commit(b);
        raise(SIGKILL);
    }
    waitpid(pid, &status, 0);
    reg_reopen();
    cr_assert_str_eq(reg_contacts(), "1.1:sip:a@9");
    cr_assert(eq(u32, registry_users(reg, reg_id), 1));
    cr_assert(not(registry_get_place(reg, reg_id, one, &read)));
}

Test(registry_files, keeps_nothing_of_a_batch_that_failed)
{
    struct registry_batch *b;
    struct ring_cursor read;

    reg_put("sip:alice@h", "sip:a@9;60");
    cr_assert(eq(int, registry_begin(reg, &reg_clock, &b, &reg_err), 0));
    put_two_without_commit(b);
    batch_fail(b, ENOSPC, "try");
    batch_fail(b, MDB_BAD_TXN, "try again");
    put_two_without_commit(b);
    cr_assert(eq(int, registry_commit(b, &reg_err), -ENOSPC));
    cr_assert(strstr(reg_err.text, "full") != NULL, "%s", reg_err.text);
    cr_assert_str_eq(reg_contacts(), "1.1:sip:a@9");
    cr_assert(eq(u32, registry_users(reg, reg_id), 1));
    cr_assert(eq(u64, reg_stats().refused_full, 0), "it is read again");
    cr_assert(eq(u64, reg_stats().errors, 1));
    cr_assert(not(registry_get_place(reg, reg_id, one, &read)));
    cr_assert(registry_is_sound(reg, reg_dir_fd));
    reg_put("sip:bob@h", "sip:b@1;60");
    cr_assert_str_eq(reg_users(), "1:alice@h(0) 2:bob@h(0)", "the numbers of what failed are free");
}

Test(registry_files, remembers_places_with_what_was_read_up_to_there)
{
    struct registry_batch *b;
    struct ring_cursor read;

    cr_assert(eq(int, registry_begin(reg, &reg_clock, &b, &reg_err), 0));
    put_two_without_commit(b);
    registry_forget_place(b, reg_id, two);
    cr_assert(not(registry_get_place(reg, reg_id, one, &read)));
    cr_assert(eq(int, registry_commit(b, &reg_err), 0));
    reg_reopen();
    cr_assert(registry_get_place(reg, reg_id, one, &read));
    cr_assert(eq(u64, read.position, 4096));
    cr_assert(eq(u64, read.next_sequence, 77));
    cr_assert(eq(u64, read.lost, 0));
    cr_assert(not(registry_get_place(reg, reg_id, two, &read)));
    cr_assert(not(registry_get_place(reg, reg_id + 1, one, &read)), "of another instance");
    cr_assert(eq(int, registry_begin(reg, &reg_clock, &b, &reg_err), 0));
    registry_forget_place(b, reg_id, one);
    cr_assert(eq(int, registry_commit(b, &reg_err), 0));
    cr_assert(not(registry_get_place(reg, reg_id, one, &read)));
}

/* ---- damage ----------------------------------------------------------------------------------------------------- */

static int
open_data(void)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/%s/data.mdb", reg_dir, REGISTRY_NAME);
    return open(path, O_RDWR);
}

static void
fill(unsigned users)
{
    for (unsigned i = 0; i < users; i++) {
        char aor[32];

        snprintf(aor, sizeof(aor), "sip:user%u@h", i);
        reg_put(aor, "sip:a@1;60 sip:b@2;90");
    }
}

/* Opening and using it, whatever the outcome, ends. */
static bool
can_be_tried(void)
{
    int code = reg_open(64 << 20);

    cr_assert(code == 0 || code == -EBADMSG, "%s", reg_err.text);
    if (code < 0)
        return false;
    reg_contacts();
    reg_close();
    return true;
}

Test(registry_files, survives_a_file_that_was_cut_anywhere)
{
    unsigned damaged = 0;
    struct stat st;
    char *good;
    int fd;

    fill(60);
    reg_close();
    fd = open_data();
    fstat(fd, &st);
    good = malloc((size_t)st.st_size);
    cr_assert(eq(int, (int)pread(fd, good, (size_t)st.st_size, 0), (int)st.st_size));
    for (off_t cut = 1; cut < st.st_size; cut += st.st_size / 23) {
        cr_assert(eq(int, ftruncate(fd, 0), 0));
        cr_assert(eq(int, (int)pwrite(fd, good, (size_t)cut, 0), (int)cut));
        damaged += !can_be_tried();
    }
    cr_assert(gt(uint, damaged, 10));
    close(fd);
    free(good);
}

Test(registry_files, calls_garbage_damaged_and_sets_it_aside)
{
    char garbage[16384];
    int fd;

    fill(3);
    reg_close();
    memset(garbage, 'x', sizeof(garbage));
    fd = open_data();
    cr_assert(eq(int, (int)pwrite(fd, garbage, sizeof(garbage), 0), (int)sizeof(garbage)));
    close(fd);
    cr_assert(eq(int, reg_open(64 << 20), -EBADMSG));
    cr_assert(eq(int, registry_set_aside(reg_dir, reg_dir_fd, &reg_err), 0));
    cr_assert(eq(int, reg_open(64 << 20), 0), "%s", reg_err.text);
    cr_assert_str_eq(reg_users(), "");
}

Test(registry_files, is_not_sound_once_a_row_was_found_damaged)
{
    struct registry_key at = { .tree = registry_row_by_id(reg, reg_id)->work.tree, .user = 1 };
    uint8_t key[REGISTRY_USER_KEY_OCTETS];
    struct registry_batch *b;

    reg_put("sip:alice@h", "sip:a@9;60");
    cr_assert(registry_is_sound(reg, reg_dir_fd));
    cr_assert(eq(int, registry_begin(reg, &reg_clock, &b, &reg_err), 0));
    registry_user_key(&at, key);
    batch_put(b, reg->users, span_of(key, sizeof(key)), span_string("nonsense"));
    cr_assert(eq(int, registry_commit(b, &reg_err), 0));
    cr_assert_str_eq(reg_users(), "");
    cr_assert(not(registry_is_sound(reg, reg_dir_fd)));
    cr_assert(strstr(reg_stats().last_error, "a registered user") != NULL, "%s", reg_stats().last_error);
}

Test(registry_files, fails_a_batch_that_comes_upon_damage)
{
    struct registry_key at = { .tree = registry_row_by_id(reg, reg_id)->work.tree, .user = 1 };
    uint8_t key[REGISTRY_USER_KEY_OCTETS];
    struct registry_batch *b;

    reg_put("sip:alice@h", "sip:a@9;60");
    cr_assert(eq(int, registry_begin(reg, &reg_clock, &b, &reg_err), 0));
    registry_user_key(&at, key);
    batch_delete(b, reg->users, span_of(key, sizeof(key)));
    cr_assert(eq(int, registry_commit(b, &reg_err), 0));
    cr_assert(eq(int, reg_put("sip:alice@h", "sip:a@9;60"), -EBADMSG));
    cr_assert(not(registry_is_sound(reg, reg_dir_fd)));
}

/* Everything but LMDB's first two pages. */
static void
zero_all_pages(void)
{
    static const char zeros[4096];
    struct stat st;
    int fd = open_data();

    cr_assert(eq(int, fstat(fd, &st), 0));
    for (off_t at = 8192; at < st.st_size; at += (off_t)sizeof(zeros))
        cr_assert(eq(int, (int)pwrite(fd, zeros, sizeof(zeros), at), (int)sizeof(zeros)));
    close(fd);
}

Test(registry_files, a_batch_notices_that_pages_were_overwritten)
{
    fill(50);
    zero_all_pages();
    cr_assert(eq(int, reg_put("sip:late@h", "sip:a@9;60"), -EBADMSG), "%s", reg_err.text);
    cr_assert(registry_is_damaged(reg));
}

Test(registry_files, a_reader_notices_that_pages_were_overwritten)
{
    fill(50);
    zero_all_pages();
    cr_assert_str_eq(reg_contacts(), "");
    cr_assert(registry_is_damaged(reg));
}

static void
cut_file(void)
{
    int fd = open_data();

    cr_assert(eq(int, ftruncate(fd, 8192), 0));
    close(fd);
}

Test(registry_files, is_not_sound_once_its_file_was_cut)
{
    fill(50);
    cut_file();
    cr_assert(not(registry_is_sound(reg, reg_dir_fd)));
    cr_assert(registry_is_damaged(reg));
}

Test(registry_files, neither_batches_nor_readers_touch_a_file_that_was_cut)
{
    struct ring_cursor read;

    fill(50);
    cut_file();
    cr_assert(eq(u64, reg_stats().octets, 0));
    cr_assert(eq(int, reg_put("sip:late@h", "sip:a@9;60"), -EBADMSG), "%s", reg_err.text);
    cr_assert_str_eq(reg_users(), "");
    cr_assert(not(registry_get_place(reg, reg_id, one, &read)));
}

Test(registry_files, a_batch_fails_whose_file_is_cut_before_its_end)
{
    struct registry_batch *b;

    fill(1);
    cr_assert(eq(int, registry_begin(reg, &reg_clock, &b, &reg_err), 0));
    put_two_without_commit(b);
    cut_file();
    cr_assert(eq(int, registry_commit(b, &reg_err), -EBADMSG));
}

Test(registry_files, notices_that_its_file_is_gone)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/%s/data.mdb", reg_dir, REGISTRY_NAME);
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(not(registry_is_sound(reg, reg_dir_fd)));
}

Test(registry_files, is_not_opened_again_while_somebody_reads_it)
{
    struct registry *second;

    cr_assert(eq(int, registry_open(&second, reg_dir, reg_dir_fd, &reg_err), -EBUSY), "%s", reg_err.text);
}

Test(registry_files, refuses_a_newer_layout_with_the_remedy)
{
    MDB_val key = { .mv_size = 6, .mv_data = "layout" }, value;
    uint32_t layout = 1000;
    MDB_txn *txn;

    cr_assert(eq(int, mdb_txn_begin(reg->env, NULL, 0, &txn), 0));
    value = (MDB_val){ .mv_size = sizeof(layout), .mv_data = &layout };
    cr_assert(eq(int, mdb_put(txn, reg->meta, &key, &value, 0), 0));
    cr_assert(eq(int, mdb_txn_commit(txn), 0));
    reg_close();
    cr_assert(eq(int, reg_open(64 << 20), -EPROTONOSUPPORT));
    cr_assert(strstr(reg_err.text, "newer sipmibd") != NULL, "%s", reg_err.text);
}

/* ---- no room ---------------------------------------------------------------------------------------------------- */

/* Register users until no more are taken; how many were. */
static unsigned
fill_up(void)
{
    unsigned n = 0;

    while (n < 100000 && reg_stats().refused_full == 0) {
        char aor[64];

        snprintf(aor, sizeof(aor), "sip:user%u@example.com", n);
        if (reg_put(aor, "sip:somebody@192.0.2.1:5060;60") < 0)
            break;
        n++;
    }
    return n;
}

Test(registry_files, leaves_out_and_counts_what_finds_no_room_in_the_map)
{
    unsigned n;

    reg_close();
    cr_assert(eq(int, reg_open(SMALL_MAP), 0), "%s", reg_err.text);
    n = fill_up();
    cr_assert(gt(uint, n, 100));
    cr_assert(eq(u64, reg_stats().refused_full, 1));
    cr_assert(eq(int, reg_put("sip:user0@example.com", "sip:somebody@192.0.2.1:5060;90"), 0),
              "a refresh needs none");
    cr_assert(eq(u64, reg_stats().refused_full, 1));
    reg_pass(60);
    while (registry_next_ns(reg) <= reg_clock.now_ns)
        reg_expire(50);
    cr_assert(eq(u64, reg_stats().contacts, 1), "removing needs none");
    cr_assert(eq(int, reg_put("sip:late@example.com", "sip:late@192.0.2.1;60"), 0));
    cr_assert(eq(u64, reg_stats().contacts, 2), "healed by the next registration");
    cr_assert(registry_is_sound(reg, reg_dir_fd));
}

static int
fills_the_file_system(void)
{
    unsigned n;

    reg_close();
    if (!sandbox_mount_tmpfs(reg_dir, "size=2m"))
        return SANDBOX_SKIP;
    close(reg_dir_fd);
    reg_dir_fd = open(reg_dir, O_RDONLY | O_DIRECTORY);
    if (reg_open(64 << 20) < 0)
        return false;
    n = fill_up();
    if (n < 100 || reg_stats().refused_full == 0 || !registry_is_sound(reg, reg_dir_fd))
        return false;
    reg_pass(60);
    while (registry_next_ns(reg) <= reg_clock.now_ns)
        reg_expire(50);
    return reg_stats().contacts == 0 && reg_put("sip:late@h", "sip:late@1;60") == 0 &&
           reg_stats().contacts == 1 && registry_is_sound(reg, reg_dir_fd);
}

Test(registry_files, goes_on_when_the_file_system_is_full)
{
    int result = sandbox_run(fills_the_file_system);

    if (result == SANDBOX_SKIP) {
        reg_end(); /* a test that is skipped is not cleaned up after */
        cr_skip("cannot mount a small tmpfs here");
    }
    cr_assert(eq(int, result, true));
}

static int
is_filled_by_others(void)
{
    char path[PATH_MAX + 16], octets[65536] = { 1 };
    int fd, code = 0;

    reg_close();
    if (!sandbox_mount_tmpfs(reg_dir, "size=2m"))
        return SANDBOX_SKIP;
    close(reg_dir_fd);
    reg_dir_fd = open(reg_dir, O_RDONLY | O_DIRECTORY);
    if (reg_open(64 << 20) < 0 || reg_put("sip:alice@h", "sip:a@1;600") < 0)
        return false;
    snprintf(path, sizeof(path), "%s/others", reg_dir);
    fd = open(path, O_RDWR | O_CREAT, 0600);
    while (write(fd, octets, sizeof(octets)) > 0)
        ;
    for (unsigned i = 0; i < 100 && code == 0; i++) {
        char set[32];

        snprintf(set, sizeof(set), "sip:a@1;%u", 600 + 10 * i);
        code = reg_put("sip:alice@h", set);
    }
    if (code != 0 && code != -ENOSPC)
        return false;
    unlink(path);
    close(fd);
    return reg_put("sip:bob@h", "sip:b@1;60") == 0 && strcmp(reg_users(), "1:alice@h(0) 2:bob@h(0)") == 0 &&
           registry_is_sound(reg, reg_dir_fd);
}

Test(registry_files, heals_when_others_leave_room_again)
{
    int result = sandbox_run(is_filled_by_others);

    if (result == SANDBOX_SKIP) {
        reg_end();
        cr_skip("cannot mount a small tmpfs here");
    }
    cr_assert(eq(int, result, true));
}
