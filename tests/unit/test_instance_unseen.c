/* SPDX-License-Identifier: BSD-2-Clause */
/* An agent that starts where it cannot read an instance's directory: what it cannot see it neither serves nor calls
 * lost. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/snapshot_build.h"
#include "tests/unit/agent_fixture.h"

static struct agent_fixture f;
static struct lane_writer writer;
static char path[PATH_MAX + 32], elsewhere[PATH_MAX + 32];

/* A lane that was served, and the directory out of sight when the next agent starts. */
static void
hide_directory(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    fixture_open(&f, fixture_one_instance);
    fixture_writer(&f, &writer, "edge", 0);
    fixture_count(&writer, 5);
    fixture_tick(&f);
    fixture_save(&f);
    fixture_kill(&f);
    snprintf(path, sizeof(path), "%s/edge", f.runtime);
    snprintf(elsewhere, sizeof(elsewhere), "%s/elsewhere", f.dir);
    cr_assert(eq(int, rename(path, elsewhere), 0));
    cr_assert(eq(int, close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0));
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, fixture_one_instance);
}

static void
show_directory(void)
{
    cr_assert(eq(int, unlink(path), 0));
    cr_assert(eq(int, rename(elsewhere, path), 0));
    fixture_tick(&f);
}

static void
close_all(void)
{
    lane_writer_close(&writer);
    fixture_close(&f);
}

static uint32_t
rows(void)
{
    const struct snapshot *s = fixture_snapshot(&f);
    uint32_t count = (uint32_t)s->rows[SNAP_INSTANCES].count;

    snapshot_release(s);
    return count;
}

TestSuite(instance_unseen, .init = hide_directory, .fini = close_all);

Test(instance_unseen, serves_nothing_rather_than_less_than_before)
{
    fixture_tick(&f);
    cr_assert(eq(u32, rows(), 0));
    show_directory();
    cr_assert(eq(u32, rows(), 1));
    cr_assert(eq(u64, fixture_counter(&f, 0, LANE_IN_REQUESTS), 5));
}

Test(instance_unseen, is_no_loss_and_no_change_of_state)
{
    uint64_t discon_ns = f.instance[0]->state.discon_ns;

    fixture_tick(&f);
    show_directory();
    cr_assert(eq(u64, f.instance[0]->state.discon_ns, discon_ns));
    cr_assert(eq(u64, f.instance[0]->vanished, 0));
    cr_assert(eq(u32, f.instance[0]->state.oper_status, OPER_UP));
}

Test(instance_unseen, calls_lost_what_is_not_there_when_it_can_be_read)
{
    uint64_t discon_ns = f.instance[0]->state.discon_ns;

    cr_assert(eq(int, unlink(path), 0));
    fixture_tick(&f);
    cr_assert(eq(u32, rows(), 1));
    cr_assert(eq(u64, f.instance[0]->vanished, 1));
    cr_assert(ne(u64, f.instance[0]->state.discon_ns, discon_ns));
}
