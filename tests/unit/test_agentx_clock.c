/* SPDX-License-Identifier: BSD-2-Clause */
/* The relation of the two clocks over restarts of sipmibd. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "agent/agentx_clock.h"
#include "agent/core.h"
#include "tests/unit/scratch.h"

static char dir[PATH_MAX];
static struct mib_clock kept;

static void
set_up(void)
{
    scratch_make(dir);
}

static void
tear_down(void)
{
    scratch_remove(dir);
}

static void
write_text(const char *text)
{
    char path[PATH_MAX + 16];
    FILE *f;

    snprintf(path, sizeof(path), "%s/agent.clock", dir);
    f = fopen(path, "w");
    cr_assert(f != NULL);
    fputs(text, f);
    fclose(f);
}

TestSuite(agentx_clock, .init = set_up, .fini = tear_down, .timeout = 10);

Test(agentx_clock, restart_keeps_time_stamps_to_the_hundredth)
{
    struct mib_clock before = { 0 }, after = { 0 };
    struct mib_view a, b;
    uint64_t now = core_now_ns();

    mib_clock_follow(&before, now, 4200, &a);
    agentx_clock_save(dir, &before);
    agentx_clock_load(dir, &after);
    /* Read again 7 ms later, when the master's hundredths have just turned. */
    mib_clock_follow(&after, now + 7000000, 4201, &b);
    cr_assert(eq(u32, mib_timestamp(&a, now - 3000000000u), mib_timestamp(&b, now - 3000000000u)));
}

Test(agentx_clock, nothing_kept_is_no_clock)
{
    agentx_clock_load(dir, &kept);
    cr_assert(not(kept.is_set));
}

Test(agentx_clock, what_lies_ahead_is_of_another_boot)
{
    char text[64];

    snprintf(text, sizeof(text), "%llu 5\n", (unsigned long long)core_now_ns() + 1000000000000u);
    write_text(text);
    agentx_clock_load(dir, &kept);
    cr_assert(not(kept.is_set));
}

Test(agentx_clock, nonsense_is_no_clock)
{
    write_text("once upon a time");
    agentx_clock_load(dir, &kept);
    cr_assert(not(kept.is_set));
}
