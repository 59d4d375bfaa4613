/* SPDX-License-Identifier: BSD-2-Clause */
/* What a reload does to rows that managers changed. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "mib/snapshot.h"
#include "tests/unit/controls_fixture.h"

static struct controls_fixture f;

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    controls_fixture_open(&f);
}

static void
end(void)
{
    controls_fixture_close(&f);
}

TestSuite(controls_reload, .init = begin, .fini = end);

static const struct control_row *
edge(const char *method, unsigned code)
{
    const struct control_row *row = controls_fixture_row(&f, "edge", method, code);

    cr_assert(ne(ptr, (void *)row, NULL));
    return row;
}

static void
set(const char *method, unsigned code, bool creates, bool destroys)
{
    struct mib_change change = controls_fixture_change(method, code);

    change.creates = creates;
    change.destroys = destroys;
    change.sets = destroys ? 0 : MIB_SETS_THRESHOLD;
    change.threshold = 77;
    cr_assert(eq(int, controls_fixture_set(&f, change), 0));
}

Test(controls_reload, leaves_a_row_alone_whose_watch_is_as_it_was)
{
    uint32_t serial;

    set("INVITE", 486, false, false);
    serial = edge("INVITE", 486)->serial;
    controls_trigger(f.controls, "edge", edge("MESSAGE", 503));
    controls_fixture_follow(&f);
    cr_assert(eq(u32, edge("INVITE", 486)->threshold, 77));
    cr_assert(eq(u32, edge("INVITE", 486)->serial, serial), "its window goes on");
    cr_assert(eq(uint, edge("MESSAGE", 503)->emit, CONTROL_TRIGGERED));
}

Test(controls_reload, leaves_a_destroyed_row_destroyed_while_its_watch_is_as_it_was)
{
    set("INVITE", 486, false, true);
    controls_fixture_follow(&f);
    cr_assert(edge("INVITE", 486)->is_hidden);
}

Test(controls_reload, takes_the_values_of_a_watch_that_changed)
{
    uint32_t serial;

    set("INVITE", 486, false, false);
    serial = edge("INVITE", 486)->serial;
    f.watch[0].interval_s = 31;
    controls_fixture_follow(&f);
    cr_assert(eq(u32, edge("INVITE", 486)->threshold, 5));
    cr_assert(eq(u32, edge("INVITE", 486)->interval_s, 31));
    cr_assert(ne(u32, edge("INVITE", 486)->serial, serial));
}

Test(controls_reload, shows_a_destroyed_row_again_when_its_watch_changed)
{
    set("INVITE", 486, false, true);
    f.watch[0].notify = false;
    controls_fixture_follow(&f);
    cr_assert(not(edge("INVITE", 486)->is_hidden));
    cr_assert(eq(u64, edge("INVITE", 486)->discon_ns, 0));
}

Test(controls_reload, lets_rows_by_set_stay)
{
    uint32_t serial;

    set("BYE", 481, true, false);
    set("OPTIONS", 200, false, true);
    serial = edge("BYE", 481)->serial;
    f.watch[0].threshold = 4;
    controls_fixture_follow(&f);
    cr_assert(
        eq(str, (char *)controls_fixture_rows(&f, "edge"), "BYE.481 INVITE.486 MESSAGE.503 !OPTIONS.200"));
    cr_assert(eq(u32, edge("BYE", 481)->threshold, 77));
    cr_assert(eq(u32, edge("BYE", 481)->serial, serial));
}

Test(controls_reload, gives_a_row_by_set_to_a_watch_that_is_new)
{
    static char bye[] = "BYE";

    set("BYE", 481, true, false);
    f.watch[2] = (struct config_watch){ bye, 481, true, CONFIG_EMIT_NORMAL, 1, 2 };
    f.instance[0].n_watches = 3;
    controls_fixture_follow(&f);
    cr_assert(edge("BYE", 481)->is_configured);
    cr_assert(eq(u32, edge("BYE", 481)->threshold, 1));
    cr_assert(eq(u64, edge("BYE", 481)->discon_ns, FIXTURE_NOW),
              "its counters stay as discontinuous as they were");
    cr_assert(eq(u32, controls_rows_free(f.controls, 7), CONTROLS_ROWS_MAX));
    f.instance[0].n_watches = 2;
    controls_fixture_follow(&f);
    cr_assert(not(edge("BYE", 481)->is_configured), "it had been created by SET as well");
    cr_assert(eq(u32, controls_rows_free(f.controls, 7), CONTROLS_ROWS_MAX - 1));
}

Test(controls_reload, removes_rows_that_are_configured_no_longer_changed_by_set_or_not)
{
    set("MESSAGE", 503, false, false);
    set("INVITE", 486, false, true);
    f.instance[0].n_watches = 0;
    controls_fixture_follow(&f);
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "edge"), ""));
}

Test(controls_reload, forgets_the_rows_of_an_instance_that_went_but_not_its_setting)
{
    set("BYE", 481, true, false);
    cr_assert(eq(int, controls_fixture_set(&f, controls_fixture_notify(7, SNAP_NOTIFY_STATUS_CHANGED)), 0));
    f.config.instances = &f.instance[1];
    f.config.n_instances = 1;
    controls_fixture_follow(&f);
    cr_assert(eq(int, controls_fixture_set(&f, controls_fixture_notify(7, 0)), -ENOENT));
    f.config.instances = f.instance;
    f.config.n_instances = 2;
    controls_fixture_follow(&f);
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "edge"), "INVITE.486 MESSAGE.503"));
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_STATUS_CHANGED));
}

Test(controls_reload, knows_instances_by_name_when_their_indexes_change)
{
    set("BYE", 481, true, false);
    f.instance[0].appl_index = 9;
    f.instance[1].appl_index = 7;
    controls_fixture_follow(&f);
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "edge"), "BYE.481 INVITE.486 MESSAGE.503"));
    set("BYE", 482, true, false);
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "ua"), "BYE.482"));
}
