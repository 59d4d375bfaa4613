/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking up lanes: what is no lane of this instance is set aside, once, and hurts nobody. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/log.h"
#include "tests/unit/agent_fixture.h"
#include "tests/unit/scratch.h"

static struct agent_fixture f;
static const struct lane_set *lanes;

static const char two_instances[] = "  - {name: edge, appl_index: 1, roles: [proxy_server]}\n"
                                    "  - {name: core, appl_index: 2, roles: [proxy_server]}\n";

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    fixture_open(&f, two_instances);
    lanes = &f.instance[0]->lanes;
}

static void
end(void)
{
    fixture_close(&f);
}

TestSuite(lanes, .init = begin, .fini = end);

static void
path_of(char path[PATH_MAX + 2 * NAME_MAX], const char *instance, const char *name)
{
    snprintf(path, PATH_MAX + 2 * NAME_MAX, "%s/%s/%s", f.runtime, instance, name);
}

/* Copy the lane of a writer, which goes on, to `instance`/`name`. */
static void
copy_lane(const char *from, const char *instance, const char *name)
{
    char lane[NAME_MAX + 1], source[PATH_MAX + 2 * NAME_MAX], target[PATH_MAX + 2 * NAME_MAX],
        command[3 * PATH_MAX];

    scratch_count(f.runtime, from, LANE_SUFFIX, lane);
    path_of(source, from, lane);
    path_of(target, instance, name);
    snprintf(command, sizeof(command), "cp '%s' '%s'", source, target);
    cr_assert(eq(int, system(command), 0));
}

static void
expect_aside(const char *reason)
{
    fixture_tick(&f);
    cr_assert(eq(u32, lanes->n_aside, 1));
    cr_assert(strstr(lanes->aside[0].reason, reason) != NULL, "%s", lanes->aside[0].reason);
    cr_assert(eq(u64, lanes->aside[0].retry_ns, 0));
}

Test(lanes, sets_a_file_aside_that_is_no_lane)
{
    char path[PATH_MAX + 2 * NAME_MAX];
    FILE *file;

    path_of(path, "edge", "x.lane");
    file = fopen(path, "w");
    for (unsigned i = 0; i < 10000; i++)
        fputs("not a lane ", file);
    fclose(file);
    expect_aside("not a lane");
    fixture_tick(&f);
    cr_assert(eq(u32, lanes->n_aside, 1));
    unlink(path);
    fixture_tick(&f);
}

Test(lanes, sets_everything_aside_that_is_no_file)
{
    char path[PATH_MAX + 2 * NAME_MAX];

    path_of(path, "edge", "fifo.lane");
    cr_assert(eq(int, mkfifo(path, 0660), 0));
    path_of(path, "edge", "directory.lane");
    cr_assert(eq(int, mkdir(path, 0770), 0));
    path_of(path, "edge", "link.lane");
    cr_assert(eq(int, symlink("/etc/passwd", path), 0));
    fixture_tick(&f);
    cr_assert(eq(u32, lanes->n_aside, 3));
    cr_assert(eq(u32, lanes->count, 0));
}

Test(lanes, ignores_what_is_not_called_a_lane)
{
    char path[PATH_MAX + 2 * NAME_MAX];

    path_of(path, "edge", ".hidden.lane");
    close(open(path, O_CREAT | O_WRONLY, 0660));
    path_of(path, "edge", ".lane");
    close(open(path, O_CREAT | O_WRONLY, 0660));
    path_of(path, "edge", "lane.tmp");
    close(open(path, O_CREAT | O_WRONLY, 0660));
    fixture_tick(&f);
    cr_assert(eq(u32, lanes->n_aside, 0));
}

Test(lanes, refuses_a_lane_of_another_instance)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "core", 0);
    fixture_count(&w, 3);
    copy_lane("core", "edge", "stolen.lane");
    expect_aside("instance \"core\"");
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 0));
    cr_assert(eq(u64, fixture_counter(&f, 1, LANE_IN_REQUESTS), 3));
    lane_writer_close(&w);
}

Test(lanes, refuses_a_copy_of_a_lane_that_is_served)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 3);
    fixture_tick(&f);
    copy_lane("edge", "edge", "copy.lane");
    expect_aside("it is a copy of");
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 3));
    lane_writer_close(&w);
    fixture_tick(&f);
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 3));
}

Test(lanes, leaves_a_lane_of_another_abi_alone)
{
    const uint32_t abi = LANE_ABI + 1;
    char path[PATH_MAX + 2 * NAME_MAX];
    struct lane_writer w;
    int fd;

    fixture_writer(&f, &w, "core", 0);
    copy_lane("core", "edge", "new.lane");
    lane_writer_close(&w);
    path_of(path, "edge", "new.lane");
    fd = open(path, O_WRONLY);
    cr_assert(
        eq(int, (int)pwrite(fd, &abi, sizeof(abi), offsetof(struct lane_header, abi)), (int)sizeof(abi)));
    close(fd);
    expect_aside("ABI version 3");
    cr_assert(eq(int, access(path, F_OK), 0));
}

Test(lanes, counts_what_is_beyond_its_memory_of_files_set_aside)
{
    char path[PATH_MAX + 2 * NAME_MAX], name[32];

    for (unsigned i = 0; i < SITE_ASIDE_MAX + 10; i++) {
        snprintf(name, sizeof(name), "%u.lane", i);
        path_of(path, "edge", name);
        close(open(path, O_CREAT | O_WRONLY, 0660));
    }
    fixture_tick(&f);
    cr_assert(eq(u32, lanes->n_aside, SITE_ASIDE_MAX));
    cr_assert(eq(u64, lanes->aside_over, 10));
}

Test(lanes, takes_a_lane_up_that_took_the_place_of_a_bad_file)
{
    char path[PATH_MAX + 2 * NAME_MAX], lane[NAME_MAX + 1], real[PATH_MAX + 2 * NAME_MAX];
    struct lane_writer w;

    path_of(path, "edge", "x.lane");
    close(open(path, O_CREAT | O_WRONLY, 0660));
    fixture_tick(&f);
    cr_assert(eq(u32, lanes->n_aside, 1));
    fixture_writer(&f, &w, "core", 0);
    lane_writer_close(&w);
    unlink(path);
    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 2);
    scratch_count(f.runtime, "edge", LANE_SUFFIX, lane);
    path_of(real, "edge", lane);
    cr_assert(eq(int, rename(real, path), 0));
    fixture_tick(&f);
    cr_assert(eq(u32, lanes->count, 1));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 2));
    lane_writer_close(&w);
}

static int
as_nobody(void)
{
    char path[PATH_MAX + 2 * NAME_MAX], lane[NAME_MAX + 1];
    struct lane_writer w;

    fixture_open(&f, two_instances);
    lanes = &f.instance[0]->lanes;
    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 2);
    scratch_count(f.runtime, "edge", LANE_SUFFIX, lane);
    path_of(path, "edge", lane);
    if (chmod(path, 0) < 0)
        return 2;
    fixture_tick(&f);
    if (lanes->n_aside != 1 || lanes->aside[0].retry_ns == 0)
        return 3;
    if (chmod(path, 0640) < 0)
        return 4;
    fixture_tick(&f);
    fixture_tick(&f);
    if (lanes->n_aside != 0 || fixture_counter(&f, 0, LANE_IN_REQUESTS) != 2)
        return 5;
    lane_writer_close(&w);
    fixture_close(&f);
    return 0;
}

Test(lanes, tries_again_what_it_may_not_open)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
            _exit(77);
        _exit(as_nobody());
    }
    waitpid(pid, &status, 0);
    cr_assert(eq(int, WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0));
}

Test(lanes, waits_with_a_lane_while_there_are_no_descriptors)
{
    struct rlimit limit, none;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 2);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = (rlim_t)dup(0) + 1; /* just enough to look through the directory */
    setrlimit(RLIMIT_NOFILE, &none);
    fixture_tick(&f);
    setrlimit(RLIMIT_NOFILE, &limit);
    cr_assert(eq(u32, lanes->count, 0));
    for (unsigned k = 0; k < 4; k++)
        fixture_tick(&f);
    cr_assert(eq(u32, lanes->count, 1));
    cr_assert(eq(u32, lanes->n_aside, 0));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 2));
    lane_writer_close(&w);
}
