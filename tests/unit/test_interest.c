/* SPDX-License-Identifier: BSD-2-Clause */
/* The interest file from the agent's side: writers see what is wanted, whoever made the file. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"
#include "tests/unit/agent_fixture.h"

static struct agent_fixture f;

static const char watching[] = "  - name: edge\n"
                               "    appl_index: 1\n"
                               "    roles: [proxy_server]\n"
                               "    watch:\n"
                               "      - {method: INVITE, codes: [100, 486, 699], notify: true}\n"
                               "      - {method: INVITE, codes: [503], notify: false}\n";

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    fixture_open(&f, watching);
}

static void
end(void)
{
    fixture_close(&f);
}

TestSuite(interest, .init = begin, .fini = end);

static int
open_interest(void)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/edge/%s", f.runtime, LANE_INTEREST_NAME);
    return open(path, O_RDWR);
}

Test(interest, wants_the_codes_of_watches_that_notify)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    cr_assert(lane_wants_code(&w, 100));
    cr_assert(lane_wants_code(&w, 486));
    cr_assert(lane_wants_code(&w, 699));
    cr_assert(not(lane_wants_code(&w, 503)));
    cr_assert(not(lane_wants_code(&w, 487)));
    lane_writer_close(&w);
}

Test(interest, reaches_a_writer_that_was_there_before_and_ends_with_the_agent)
{
    struct lane_writer w;

    fixture_kill(&f);
    fixture_writer(&f, &w, "edge", 0);
    cr_assert(not(lane_wants_code(&w, 486)));
    fixture_start(&f, watching);
    cr_assert(lane_wants_code(&w, 486));
    fixture_kill(&f);
    cr_assert(not(lane_wants_code(&w, 486)));
    fixture_start(&f, fixture_one_instance);
    cr_assert(not(lane_wants_code(&w, 486)));
    lane_writer_close(&w);
}

Test(interest, may_not_be_written_by_the_group)
{
    int fd = open_interest();
    struct stat st;

    cr_assert(eq(int, fstat(fd, &st), 0));
    cr_assert(eq(int, (int)(st.st_mode & 07777), 0640));
    cr_assert(eq(int, (int)st.st_size, LANE_INTEREST_OCTETS));
    close(fd);
}

Test(interest, survives_a_truncated_file_and_replaces_it)
{
    struct lane_writer w;
    int fd = open_interest();

    cr_assert(eq(int, ftruncate(fd, 8), 0));
    close(fd);
    f.instance[0]->interest.is_set = false;
    fixture_tick(&f);
    fixture_kill(&f);
    fd = open_interest();
    cr_assert(eq(int, ftruncate(fd, 8), 0));
    close(fd);
    fixture_start(&f, watching);
    fixture_writer(&f, &w, "edge", 0);
    cr_assert(lane_wants_code(&w, 486));
    lane_writer_close(&w);
}

Test(interest, replaces_what_is_no_file)
{
    char path[PATH_MAX + 64];
    struct lane_writer w;

    snprintf(path, sizeof(path), "%s/edge/%s", f.runtime, LANE_INTEREST_NAME);
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(eq(int, mkfifo(path, 0660), 0));
    f.instance[0]->must_look = true;
    fixture_tick(&f);
    fixture_writer(&f, &w, "edge", 0);
    cr_assert(lane_wants_code(&w, 486));
    lane_writer_close(&w);
}
