/* SPDX-License-Identifier: BSD-2-Clause */
/* What was removed under a running agent, what was made by the wrong user: what is kept, and what is said. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/site_names.h"
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

TestSuite(wipe, .init = open_one, .fini = close_one);

static int log_fd, stderr_fd;

/* From here on what is logged goes to a file. */
static void
log_begin(void)
{
    char path[PATH_MAX + 16];

    snprintf(path, sizeof(path), "%s/log", f.dir);
    stderr_fd = dup(STDERR_FILENO);
    log_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    dup2(log_fd, STDERR_FILENO);
    log_init("test", LOG_LEVEL_INFO, false);
}

/* What was logged since log_begin(). Static memory. */
static const char *
log_end(void)
{
    static char text[1 << 16];
    ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);

    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
    close(log_fd);
    text[n > 0 ? n : 0] = '\0';
    log_init("test", LOG_LEVEL_ERROR, false);
    return text;
}

static bool
says(const char *text, const char *what)
{
    if (strstr(text, what))
        return true;
    fprintf(stderr, "not said: %s\n%s", what, text);
    return false;
}

static unsigned
occurrences(const char *text, const char *what)
{
    unsigned count = 0;

    for (; (text = strstr(text, what)); text += strlen(what))
        count++;
    return count;
}

static uint64_t
in_requests(void)
{
    return fixture_counter(&f, 0, LANE_IN_REQUESTS);
}

static void
lane_path(char path[PATH_MAX + 2 * NAME_MAX])
{
    char name[NAME_MAX + 1];

    scratch_count(f.runtime, "edge", LANE_SUFFIX, name);
    snprintf(path, PATH_MAX + 2 * NAME_MAX, "%s/edge/%s", f.runtime, name);
}

static void
stop_in_order(void)
{
    instance_leave(f.instance[0], &f.site, f.now_ns);
    fixture_save(&f);
    fixture_kill(&f);
}

Test(wipe, keeps_what_a_live_writer_counted_whose_lane_is_gone)
{
    char path[PATH_MAX + 2 * NAME_MAX];
    uint64_t discon_ns = f.instance[0]->state.discon_ns;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 3);
    fixture_tick(&f);
    lane_path(path);
    cr_assert(eq(int, unlink(path), 0));
    fixture_count(&w, 2);
    stop_in_order();
    for (unsigned starts = 0; starts < 2; starts++) {
        f.now_ns += FIXTURE_SECOND;
        fixture_start(&f, fixture_one_instance);
        cr_assert(eq(u64, in_requests(), 5));
        cr_assert(eq(u64, f.instance[0]->vanished, 0));
        cr_assert(eq(u64, f.instance[0]->state.discon_ns, discon_ns));
        stop_in_order();
    }
    fixture_start(&f, fixture_one_instance);
    lane_writer_close(&w);
}

Test(wipe, does_not_retain_at_the_end_what_the_next_start_finds)
{
    char path[PATH_MAX + 2 * NAME_MAX], other[PATH_MAX + 64];
    struct lane_writer a, b;

    fixture_writer(&f, &a, "edge", 0);
    lane_path(path);
    fixture_writer(&f, &b, "edge", 0);
    fixture_count(&a, 3);
    fixture_count(&b, 1);
    fixture_tick(&f);
    snprintf(other, sizeof(other), "%s/edge/renamed.lane", f.runtime);
    cr_assert(eq(int, rename(path, other), 0));
    fixture_tick(&f);
    stop_in_order();
    fixture_count(&a, 1);
    fixture_count(&b, 1);
    fixture_start(&f, fixture_one_instance);
    cr_assert(eq(u64, in_requests(), 6));
    lane_writer_close(&a);
    lane_writer_close(&b);
}

Test(wipe, is_said_once_with_the_number_of_live_writers)
{
    char command[PATH_MAX + 64];
    struct lane_writer a, b;
    const char *text;

    fixture_writer(&f, &a, "edge", 0);
    fixture_writer(&f, &b, "edge", 0);
    fixture_tick(&f);
    snprintf(command, sizeof(command), "rm -f '%s'/edge/*.lane", f.runtime);
    log_begin();
    cr_assert(eq(int, system(command), 0));
    fixture_tick(&f);
    fixture_tick(&f);
    text = log_end();
    cr_assert(
        eq(uint, occurrences(text, "the lanes of 2 live writers were removed: restart those processes"), 1));
    cr_assert(eq(uint, occurrences(text, "nothing is lost"), 0));
    cr_assert(eq(u64, f.instance[0]->removed, 2));
    lane_writer_close(&a);
    lane_writer_close(&b);
}

Test(wipe, makes_no_noise_about_interest_while_the_directory_is_gone)
{
    char path[PATH_MAX + 64];
    const char *text;

    snprintf(path, sizeof(path), "%s/edge/%s", f.runtime, LANE_INTEREST_NAME);
    cr_assert(eq(int, unlink(path), 0));
    snprintf(path, sizeof(path), "%s/edge", f.runtime);
    cr_assert(eq(int, rmdir(path), 0));
    log_begin();
    interest_apply(&f.instance[0]->interest, f.instance[0]->dir_fd, "edge");
    f.instance[0]->must_look = true;
    fixture_tick(&f);
    text = log_end();
    cr_assert(eq(str, (char *)text, (char *)""));
    cr_assert(f.instance[0]->interest.is_set);
}

Test(wipe, of_the_lock_is_mended)
{
    char path[PATH_MAX + 64];
    struct site second;
    struct err e = { "" };

    snprintf(path, sizeof(path), "%s/%s", f.runtime, SITE_LOCK_NAME);
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(not(site_check(&f.site).is_ousted));
    cr_assert(eq(int, site_open(&second, f.runtime, &e), -EBUSY));
}

static unsigned
store_is_open(void)
{
    return f.site.store != NULL;
}

Test(wipe, of_the_lock_that_another_agent_used_ends_this_one)
{
    char path[PATH_MAX + 64];
    struct site second;
    struct err e = { "" };
    const char *text;

    snprintf(path, sizeof(path), "%s/%s", f.runtime, SITE_LOCK_NAME);
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(eq(int, site_open(&second, f.runtime, &e), 0), "%s", e.text);
    log_begin();
    cr_assert(site_check(&f.site).is_ousted);
    cr_assert(site_check(&f.site).is_ousted);
    text = log_end();
    cr_assert(eq(uint, occurrences(text, "this one lost its lock and ends"), 1), "%s", text);
    cr_assert(eq(uint, store_is_open(), 0));
    site_close(&second);
}

/* ---- what is said ----------------------------------------------------------------------------------------------- */

Test(wipe, says_what_to_do_about_a_store_of_another_user)
{
    char path[PATH_MAX + 64], remedy[2 * PATH_MAX + 256];
    struct site again;
    struct err e = { "" };

    fixture_kill(&f);
    snprintf(path, sizeof(path), "%s/%s", f.runtime, STORE_NAME);
    cr_assert(eq(int, chmod(path, 0755), 0));
    cr_assert(eq(int, site_open(&again, f.runtime, &e), -EPERM));
    snprintf(remedy, sizeof(remedy), "stop that sipmibd, then remove %s/%s and %s/%s", f.runtime,
             SITE_LOCK_NAME, f.runtime, STORE_NAME);
    cr_assert(says(e.text, remedy));
    cr_assert(eq(int, chmod(path, 0700), 0));
    fixture_start(&f, fixture_one_instance);
}

static int
says_what_to_do_about_the_lock(void)
{
    struct site again;
    struct err e = { "" };

    if (!sandbox_refuse_flags(SYS_openat, 2, O_CREAT | O_NONBLOCK, EACCES))
        return SANDBOX_SKIP;
    return site_open(&again, f.runtime, &e) == -EACCES && says(e.text, "cannot open agent.lock") &&
           says(e.text, "stop that sipmibd, then remove") && says(e.text, "Permission denied");
}

Test(wipe, says_what_to_do_about_a_lock_of_another_user)
{
    int result = sandbox_run(says_what_to_do_about_the_lock);

    if (result == SANDBOX_SKIP) {
        close_one(); /* a test that is skipped is not cleaned up after */
        cr_skip("cannot refuse system calls here");
    }
    cr_assert(eq(int, result, true));
}

Test(wipe, says_that_the_runtime_directory_is_a_symbolic_link)
{
    char path[PATH_MAX + 64];
    struct site again;
    struct err e = { "" };

    snprintf(path, sizeof(path), "%s/link", f.dir);
    cr_assert(eq(int, symlink(f.runtime, path), 0));
    cr_assert(lt(int, site_open(&again, path, &e), 0));
    cr_assert(says(e.text, "it is a symbolic link"));
}

Test(wipe, says_down_and_congested_as_warnings_and_one_writer_as_one)
{
    struct lane_writer w;
    const char *text;

    log_begin();
    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    lane_set_state(&w, OPER_CONGESTED, f.now_ns, 1);
    fixture_tick(&f);
    lane_writer_close(&w);
    fixture_tick(&f);
    text = log_end();
    cr_assert(says(text, "info: state: instance edge is up, was unknown; 1 writer, 0 collectors"));
    cr_assert(says(text, "warning: state: instance edge is congested, was up; 1 writer, 0 collectors"));
    cr_assert(says(text, "warning: state: instance edge is down, was congested; 0 writers, 0 collectors"));
}

/* ---- files set aside -------------------------------------------------------------------------------------------- */

static void
copy_file(const char *from, const char *to, off_t octets)
{
    char command[3 * PATH_MAX];

    snprintf(command, sizeof(command), "head -c %lld '%s' > '%s'", (long long)octets, from, to);
    cr_assert(eq(int, system(command), 0));
}

/* A damaged lane is copied into place: the reason is what is wrong with all of it, not with its beginning. */
Test(wipe, looks_again_at_a_file_set_aside_that_has_changed)
{
    char path[PATH_MAX + 2 * NAME_MAX], kept[PATH_MAX + 16];
    struct lane_writer w;
    char before[200];

    fixture_writer(&f, &w, "edge", 0);
    lane_path(path);
    snprintf(kept, sizeof(kept), "%s/kept", f.dir);
    cr_assert(eq(int, rename(path, kept), 0));
    copy_file(kept, path, 0);
    fixture_tick(&f);
    cr_assert(eq(u32, f.instance[0]->lanes.n_aside, 1));
    snprintf(before, sizeof(before), "%s", f.instance[0]->lanes.aside[0].reason);
    copy_file(kept, path, 8192);
    f.now_ns += FIXTURE_SECOND;
    instance_tick(f.instance[0], &f.site, false, f.now_ns);
    cr_assert(eq(u32, f.instance[0]->lanes.n_aside, 1));
    cr_assert(ne(str, f.instance[0]->lanes.aside[0].reason, before));
    copy_file(kept, path, 1 << 30);
    f.now_ns += FIXTURE_SECOND;
    instance_tick(f.instance[0], &f.site, false, f.now_ns);
    cr_assert(eq(u32, f.instance[0]->lanes.n_aside, 0));
    lane_writer_close(&w);
}
