/* SPDX-License-Identifier: BSD-2-Clause */
/* Status code rows by SET: what each change leaves, all of a SET or nothing, and taking it back. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "mib/snapshot.h"
#include "tests/unit/controls_fixture.h"

enum { HIDDEN_MAX = 4096 };

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

TestSuite(controls, .init = begin, .fini = end);

static const struct control_row *
edge(const char *method, unsigned code)
{
    const struct control_row *row = controls_fixture_row(&f, "edge", method, code);

    cr_assert(ne(ptr, (void *)row, NULL));
    return row;
}

static int
create(const char *method, unsigned code)
{
    struct mib_change change = controls_fixture_change(method, code);

    change.creates = true;
    return controls_fixture_set(&f, change);
}

static int
destroy(const char *method, unsigned code)
{
    struct mib_change change = controls_fixture_change(method, code);

    change.destroys = true;
    return controls_fixture_set(&f, change);
}

static int
set_threshold(const char *method, unsigned code, uint32_t threshold)
{
    struct mib_change change = controls_fixture_change(method, code);

    change.sets = MIB_SETS_THRESHOLD;
    change.threshold = threshold;
    return controls_fixture_set(&f, change);
}

Test(controls, has_the_rows_of_the_configuration)
{
    const struct control_row *row = edge("INVITE", 486);

    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "edge"), "INVITE.486 MESSAGE.503"));
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "ua"), ""));
    cr_assert(row->is_configured);
    cr_assert(row->notify);
    cr_assert(eq(uint, row->emit, CONTROL_NORMAL));
    cr_assert(eq(u32, row->threshold, 5));
    cr_assert(eq(u32, row->interval_s, 30));
    cr_assert(eq(u64, row->discon_ns, 0));
}

Test(controls, keeps_rows_in_the_order_of_the_table)
{
    create("CANCEL", 200);
    create("INVITE", 100);
    create("BYE", 481);
    create("INVITE", 999);
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "edge"),
                 "BYE.481 CANCEL.200 INVITE.100 INVITE.486 INVITE.999 MESSAGE.503"));
}

Test(controls, begins_a_created_row_with_the_defaults_and_discontinuous)
{
    const struct control_row *row;

    cr_assert(eq(int, create("BYE", 481), 0));
    row = edge("BYE", 481);
    cr_assert(not(row->is_configured));
    cr_assert(not(row->notify));
    cr_assert(eq(uint, row->emit, CONTROL_ONE_SHOT));
    cr_assert(eq(u32, row->threshold, 500));
    cr_assert(eq(u32, row->interval_s, 60));
    cr_assert(eq(u64, row->discon_ns, FIXTURE_NOW));
}

Test(controls, gives_a_created_row_the_values_that_come_with_it)
{
    struct mib_change change = controls_fixture_change("BYE", 481);
    const struct control_row *row;

    change.creates = true;
    change.sets = MIB_SETS_NOTIFY | MIB_SETS_EMIT | MIB_SETS_INTERVAL;
    change.notify = true;
    change.emit = CONTROL_NORMAL;
    change.interval_s = 7;
    change.threshold = 9; /* not among what is set */
    cr_assert(eq(int, controls_fixture_set(&f, change), 0));
    row = edge("BYE", 481);
    cr_assert(row->notify);
    cr_assert(eq(uint, row->emit, CONTROL_NORMAL));
    cr_assert(eq(u32, row->interval_s, 7));
    cr_assert(eq(u32, row->threshold, 500));
}

Test(controls, makes_a_row_of_one_that_was_only_seen_when_it_is_set)
{
    const struct control_row *row;

    cr_assert(eq(int, set_threshold("BYE", 481, 9), 0));
    row = edge("BYE", 481);
    cr_assert(eq(u32, row->threshold, 9));
    cr_assert(eq(u32, row->interval_s, 60));
    cr_assert(not(row->is_configured));
    cr_assert(eq(u64, row->discon_ns, 0), "it goes on counting");
}

Test(controls, hides_rows_that_are_destroyed_whatever_their_origin)
{
    create("BYE", 481);
    destroy("BYE", 481);
    destroy("INVITE", 486);
    destroy("OPTIONS", 200);
    cr_assert(
        eq(str, (char *)controls_fixture_rows(&f, "edge"), "!BYE.481 !INVITE.486 MESSAGE.503 !OPTIONS.200"));
}

Test(controls, begins_a_configured_row_that_is_created_again_with_the_defaults)
{
    const struct control_row *row;

    destroy("INVITE", 486);
    create("INVITE", 486);
    row = edge("INVITE", 486);
    cr_assert(not(row->is_hidden));
    cr_assert(row->is_configured);
    cr_assert(not(row->notify));
    cr_assert(eq(u32, row->threshold, 500));
    cr_assert(eq(u64, row->discon_ns, FIXTURE_NOW));
}

Test(controls, shows_a_hidden_row_again_when_it_is_set)
{
    destroy("BYE", 481);
    set_threshold("BYE", 481, 3);
    cr_assert(not(edge("BYE", 481)->is_hidden));
    cr_assert(eq(u64, edge("BYE", 481)->discon_ns, FIXTURE_NOW));
}

Test(controls, gives_each_change_of_a_row_another_serial_and_leaves_the_others_alone)
{
    uint32_t other = edge("MESSAGE", 503)->serial, before = edge("INVITE", 486)->serial;

    cr_assert(ne(u32, before, other));
    set_threshold("INVITE", 486, 5);
    cr_assert(ne(u32, edge("INVITE", 486)->serial, before), "also when the values are the same");
    cr_assert(eq(u32, edge("MESSAGE", 503)->serial, other));
}

Test(controls, has_another_generation_after_every_change)
{
    uint64_t before = controls_generation(f.controls);

    create("BYE", 481);
    cr_assert(gt(u64, controls_generation(f.controls), before));
    before = controls_generation(f.controls);
    controls_fixture_follow(&f);
    cr_assert(gt(u64, controls_generation(f.controls), before));
}

Test(controls, forgets_rows_by_set_with_the_agent)
{
    create("BYE", 481);
    destroy("INVITE", 486);
    controls_fixture_restart(&f);
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "edge"), "INVITE.486 MESSAGE.503"));
}

/* ---- one-shots -------------------------------------------------------------------------------------------------- */

Test(controls, marks_a_one_shot_as_triggered_and_lets_its_window_go_on)
{
    struct control_row row = *edge("MESSAGE", 503);

    controls_trigger(f.controls, "edge", &row);
    cr_assert(eq(uint, edge("MESSAGE", 503)->emit, CONTROL_TRIGGERED));
    cr_assert(eq(u32, edge("MESSAGE", 503)->serial, row.serial));
}

Test(controls, does_not_trigger_what_was_changed_meanwhile)
{
    struct control_row row = *edge("MESSAGE", 503);

    set_threshold("MESSAGE", 503, 1);
    controls_trigger(f.controls, "edge", &row);
    cr_assert(eq(uint, edge("MESSAGE", 503)->emit, CONTROL_ONE_SHOT));
}

Test(controls, does_not_trigger_what_is_normal_or_not_there)
{
    struct control_row row = *edge("INVITE", 486);

    controls_trigger(f.controls, "edge", &row);
    cr_assert(eq(uint, edge("INVITE", 486)->emit, CONTROL_NORMAL));
    controls_trigger(f.controls, "ua", &row);
    controls_trigger(f.controls, "nobody", &row);
}

Test(controls, arms_a_triggered_row_again_by_set)
{
    struct control_row row = *edge("MESSAGE", 503);
    struct mib_change change = controls_fixture_change("MESSAGE", 503);

    controls_trigger(f.controls, "edge", &row);
    change.sets = MIB_SETS_EMIT;
    change.emit = CONTROL_ONE_SHOT;
    controls_fixture_set(&f, change);
    cr_assert(eq(uint, edge("MESSAGE", 503)->emit, CONTROL_ONE_SHOT));
}

/* ---- all or nothing --------------------------------------------------------------------------------------------- */

Test(controls, carries_out_several_changes_at_once)
{
    struct mib_change changes[3] = { controls_fixture_change("BYE", 481),
                                     controls_fixture_change("INVITE", 486),
                                     controls_fixture_notify(9, SNAP_NOTIFY_STATUS_CHANGED) };
    uint64_t before = controls_generation(f.controls);
    struct controls_undo *undo;

    changes[0].creates = true;
    changes[1].destroys = true;
    cr_assert(eq(int, controls_apply(f.controls, changes, 3, FIXTURE_NOW, &undo, NULL), 0));
    controls_keep(undo);
    cr_assert(eq(u64, controls_generation(f.controls), before + 1));
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "edge"), "BYE.481 !INVITE.486 MESSAGE.503"));
    cr_assert(eq(uint, controls_fixture_notified(&f, "ua"), SNAP_NOTIFY_STATUS_CHANGED));
}

static int
apply_with_bad_second(struct mib_change second)
{
    struct mib_change changes[2] = { controls_fixture_change("BYE", 481), second };
    uint64_t before = controls_generation(f.controls);
    struct controls_undo *undo;
    int code;

    changes[0].creates = true;
    code = controls_apply(f.controls, changes, 2, FIXTURE_NOW, &undo, &f.e);
    cr_assert(eq(ptr, undo, NULL));
    cr_assert(eq(u64, controls_generation(f.controls), before));
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "edge"), "INVITE.486 MESSAGE.503"));
    return code;
}

Test(controls, changes_nothing_when_one_change_cannot_be)
{
    struct mib_change change = controls_fixture_notify(8, 1);

    cr_assert(eq(int, apply_with_bad_second(change), -ENOENT), "no such instance");
    change = controls_fixture_change("INVITE", 99);
    cr_assert(eq(int, apply_with_bad_second(change), -EINVAL));
    change = controls_fixture_change("INVITE", 1000);
    cr_assert(eq(int, apply_with_bad_second(change), -EINVAL));
    change = controls_fixture_change("", 200);
    cr_assert(eq(int, apply_with_bad_second(change), -EINVAL));
    change = controls_fixture_change("INVITE", 200);
    change.sets = MIB_SETS_EMIT;
    change.emit = CONTROL_TRIGGERED;
    cr_assert(eq(int, apply_with_bad_second(change), -EINVAL));
}

/* Create rows 100, 101 ... of methods A0, A1 ... */
static void
create_many(unsigned count)
{
    char method[16];

    for (unsigned i = 0; i < count; i++) {
        snprintf(method, sizeof(method), "A%u", i / 900);
        cr_assert(eq(int, create(method, 100 + i % 900), 0));
    }
}

Test(controls, bounds_the_rows_by_set_and_not_those_of_the_configuration)
{
    struct controls_stats stats;

    cr_assert(eq(u32, controls_rows_free(f.controls, 7), CONTROLS_ROWS_MAX));
    create_many(CONTROLS_ROWS_MAX);
    cr_assert(eq(u32, controls_rows_free(f.controls, 7), 0));
    cr_assert(eq(u32, controls_rows_free(f.controls, 9), CONTROLS_ROWS_MAX));
    cr_assert(eq(u32, controls_rows_free(f.controls, 0), 0), "of any");
    cr_assert(eq(int, create("BYE", 481), -EDQUOT));
    cr_assert(eq(int, set_threshold("BYE", 481, 1), -EDQUOT));
    cr_assert(eq(int, set_threshold("INVITE", 486, 1), 0), "a configured row needs no room");
    cr_assert(eq(int, set_threshold("A0", 100, 1), 0));
    controls_stats_get(f.controls, &stats);
    cr_assert(eq(u32, stats.rows_set, CONTROLS_ROWS_MAX));
    cr_assert(eq(int, destroy("A0", 100), 0));
    cr_assert(eq(int, create("BYE", 481), 0), "a destroyed row gives its room back");
}

Test(controls, replaces_a_row_in_a_full_table_by_one_request)
{
    struct mib_change changes[2] = { controls_fixture_change("BYE", 481),
                                     controls_fixture_change("A0", 100) };
    struct controls_undo *undo;

    create_many(CONTROLS_ROWS_MAX);
    changes[0].creates = true;
    changes[1].destroys = true;
    cr_assert(eq(int, controls_apply(f.controls, changes, 2, FIXTURE_NOW, &undo, NULL), 0));
    controls_keep(undo);
    cr_assert(eq(u32, controls_rows_free(f.controls, 7), 0));
}

Test(controls, forgets_the_row_destroyed_first_when_too_many_are)
{
    struct controls_stats stats;
    struct mib_change change = controls_fixture_change("BYE", 481);
    struct controls_undo *undo;
    char method[16];

    destroy("INVITE", 486);
    for (unsigned i = 0; i < HIDDEN_MAX; i++) {
        snprintf(method, sizeof(method), "A%u", i / 900);
        cr_assert(eq(int, destroy(method, 100 + i % 900), 0));
    }
    controls_stats_get(f.controls, &stats);
    cr_assert(eq(u32, stats.rows_hidden, HIDDEN_MAX));
    cr_assert(eq(u64, stats.rows_forgotten, 0));
    change.destroys = true;
    cr_assert(eq(int, controls_apply(f.controls, &change, 1, FIXTURE_NOW, &undo, NULL), 0));
    cr_assert(eq(ptr, (void *)controls_fixture_row(&f, "edge", "A0", 100), NULL));
    cr_assert(edge("A0", 101)->is_hidden);
    cr_assert(edge("INVITE", 486)->is_hidden, "a configured one is not forgotten");
    controls_stats_get(f.controls, &stats);
    cr_assert(eq(u64, stats.rows_forgotten, 1));
    cr_assert(eq(int, controls_undo(f.controls, undo, NULL), 0));
    cr_assert(edge("A0", 100)->is_hidden, "and comes back when that is taken back");
    cr_assert(eq(ptr, (void *)controls_fixture_row(&f, "edge", "BYE", 481), NULL));
}

/* ---- taking it back --------------------------------------------------------------------------------------------- */

Test(controls, takes_all_of_a_set_back)
{
    struct mib_change changes[4] = { controls_fixture_change("BYE", 481),
                                     controls_fixture_change("INVITE", 486),
                                     controls_fixture_change("MESSAGE", 503), controls_fixture_notify(7, 0) };
    uint32_t serial = edge("INVITE", 486)->serial;
    struct controls_undo *undo;
    struct controls_stats stats;

    changes[0].creates = true;
    changes[1].destroys = true;
    changes[2].sets = MIB_SETS_NOTIFY;
    changes[2].notify = true;
    cr_assert(eq(int, controls_apply(f.controls, changes, 4, FIXTURE_NOW, &undo, NULL), 0));
    cr_assert(edge("MESSAGE", 503)->notify);
    cr_assert(eq(int, controls_undo(f.controls, undo, NULL), 0));
    cr_assert(eq(str, (char *)controls_fixture_rows(&f, "edge"), "INVITE.486 MESSAGE.503"));
    cr_assert(edge("INVITE", 486)->notify);
    cr_assert(eq(u32, edge("INVITE", 486)->threshold, 5));
    cr_assert(ne(u32, edge("INVITE", 486)->serial, serial), "it was another meanwhile");
    cr_assert(not(edge("MESSAGE", 503)->notify));
    cr_assert(eq(uint, controls_fixture_notified(&f, "edge"), SNAP_NOTIFY_DEFAULT));
    cr_assert(eq(u32, controls_rows_free(f.controls, 7), CONTROLS_ROWS_MAX));
    controls_stats_get(f.controls, &stats);
    cr_assert(eq(u64, stats.sets, 1));
    cr_assert(eq(u64, stats.sets_undone, 1));
}

Test(controls, takes_back_what_was_triggered_meanwhile)
{
    struct mib_change change = controls_fixture_change("BYE", 481);
    struct controls_undo *undo;

    change.creates = true;
    cr_assert(eq(int, controls_apply(f.controls, &change, 1, FIXTURE_NOW, &undo, NULL), 0));
    controls_trigger(f.controls, "edge", edge("BYE", 481));
    cr_assert(eq(int, controls_undo(f.controls, undo, NULL), 0));
    cr_assert(eq(ptr, (void *)controls_fixture_row(&f, "edge", "BYE", 481), NULL));
}

Test(controls, leaves_what_a_reload_put_in_place_when_a_set_is_taken_back)
{
    struct mib_change change = controls_fixture_change("INVITE", 486);
    struct controls_undo *undo;

    change.destroys = true;
    cr_assert(eq(int, controls_apply(f.controls, &change, 1, FIXTURE_NOW, &undo, NULL), 0));
    f.watch[0].threshold = 6;
    controls_fixture_follow(&f);
    cr_assert(eq(int, controls_undo(f.controls, undo, NULL), 0));
    cr_assert(eq(u32, edge("INVITE", 486)->threshold, 6));
}

Test(controls, takes_back_what_concerns_an_instance_that_has_gone)
{
    struct mib_change change = controls_fixture_change("INVITE", 486);
    struct controls_undo *undo;

    change.destroys = true;
    cr_assert(eq(int, controls_apply(f.controls, &change, 1, FIXTURE_NOW, &undo, NULL), 0));
    f.config.instances = &f.instance[1];
    f.config.n_instances = 1;
    controls_fixture_follow(&f);
    cr_assert(eq(int, controls_undo(f.controls, undo, NULL), 0));
    cr_assert(eq(int, controls_undo(f.controls, NULL, NULL), 0));
}
