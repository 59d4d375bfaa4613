/* SPDX-License-Identifier: BSD-2-Clause */
/* The core with its thread: what managers set, notifications, and registrations. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/controls.h"
#include "agent/core.h"
#include "agent/log.h"
#include "agent/notice.h"
#include "agent/registry.h"
#include "sipcore/lane_writer.h"
#include "tests/unit/scratch.h"

enum { PATIENCE_MS = 10000 };

static char dir[PATH_MAX], runtime[PATH_MAX + 8], config_path[PATH_MAX + 16];
static struct core *core;
static struct lane_writer w;

static const char registrar[] = "  - {name: edge, appl_index: 1, roles: [registrar_server]}\n";
static const char proxy[] = "  - {name: edge, appl_index: 1, roles: [proxy_server]}\n";

static void
write_config(const char *instances)
{
    FILE *file = fopen(config_path, "w");

    fprintf(file, "runtime_dir: %s\nstate_dir: %s\nsnapshot_max_age: 20ms\ninstances:\n%s", runtime, dir,
            instances);
    fclose(file);
}

static void
start(void)
{
    struct config *config;
    struct err e = { "" };

    cr_assert(eq(int, config_load(config_path, &config, stderr, &e), 0), "%s", e.text);
    cr_assert(eq(int, core_start(&core, config, config_path, &e), 0), "%s", e.text);
}

static void
begin(void)
{
    struct lane_writer_options options = { .dir = runtime, .instance = "edge", .ring_octets = LANE_RING_MIN };
    struct err e = { "" };
    sigset_t set;

    log_init("test", LOG_LEVEL_ERROR, false);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    scratch_make(dir);
    snprintf(runtime, sizeof(runtime), "%s/run", dir);
    snprintf(config_path, sizeof(config_path), "%s/sipmib.yaml", dir);
    write_config(registrar);
    start();
    cr_assert(eq(int, lane_writer_open(&w, &options, &e), 0), "%s", e.text);
}

static void
end(void)
{
    lane_writer_close(&w);
    core_stop(core);
    scratch_remove(dir);
}

TestSuite(core_events, .init = begin, .fini = end, .timeout = 60);

/* ---- helpers ---------------------------------------------------------------------------------------------------- */

typedef bool claim(void);

static bool
comes_true(claim *what)
{
    for (unsigned waited = 0; waited < PATIENCE_MS; waited += 2) {
        if (what())
            return true;
        poll(NULL, 0, 2);
    }
    return false;
}

static void
set_row(unsigned code, unsigned sets)
{
    struct mib_change change = { .kind = MIB_CHANGE_STATUS_CODE,
                                 .appl_index = 1,
                                 .method_octets = 6,
                                 .method = "INVITE",
                                 .code = code,
                                 .creates = true,
                                 .sets = sets,
                                 .notify = true,
                                 .emit = CONTROL_NORMAL,
                                 .threshold = 0,
                                 .interval_s = 60 };
    struct controls_undo *undo;
    struct err e = { "" };

    cr_assert(eq(int, controls_apply(core_controls(core), &change, 1, core_now_ns(), &undo, &e), 0), "%s",
              e.text);
    controls_keep(undo);
    core_controls_changed(core, PATIENCE_MS);
}

static void
response(unsigned code)
{
    struct lane_status s = { .method = METHOD_INVITE, .code = code, .cseq = 1 };

    lane_count_response(&w, METHOD_INVITE, code, false);
    if (lane_wants_code(&w, code))
        lane_event_status(&w, &s, 0);
}

static unsigned
raised(enum notice_kind kind)
{
    struct notice n;
    unsigned count = 0;

    for (uint32_t k = 0; notice_queue_at(core_notices(core), k, &n); k++)
        count += n.kind == kind;
    return count;
}

static uint32_t expires_s = 3600;

static bool
next_contact(void *context, struct lane_binding *out)
{
    bool *is_done = context;

    if (*is_done)
        return false;
    *is_done = true;
    *out = (struct lane_binding){ .uri = span_string("sip:alice@192.0.2.1"),
                                  .expires_s = expires_s,
                                  .q_thousandths = LANE_Q_NONE };
    return true;
}

static void
bind_user(const char *aor)
{
    bool is_done = false;

    lane_event_bindings(&w, span_string(aor), next_contact, &is_done, 0);
}

static uint32_t
users(void)
{
    const struct snapshot *s = core_snapshot_renew(core, 1000);
    uint32_t n = ((const struct snap_instance *)s->rows[SNAP_INSTANCES].row[0])->current_users;

    core_snapshot_release(core, s);
    return n;
}

static bool
has_cold_start(void)
{
    return raised(NOTICE_COLD_START) == 1;
}

static bool
has_status_notice(void)
{
    return raised(NOTICE_STATUS_CODE) == 1;
}

static bool
has_threshold_notice(void)
{
    return raised(NOTICE_THRESHOLD_IN) == 1;
}

static bool
has_one_user(void)
{
    return users() == 1;
}

static bool
has_no_user(void)
{
    return users() == 0;
}

static bool
wants_registrations(void)
{
    return lane_wants_registrations(&w);
}

static bool
wants_no_registrations(void)
{
    return !lane_wants_registrations(&w);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

Test(core_events, the_first_writer_is_a_cold_start)
{
    cr_assert(comes_true(has_cold_start));
}

Test(core_events, a_set_is_followed_when_it_is_answered)
{
    const struct snapshot *s;
    const struct snap_code *row;

    cr_assert(comes_true(has_cold_start));
    cr_assert(not(lane_wants_code(&w, 488)));
    set_row(488, MIB_SETS_NOTIFY | MIB_SETS_EMIT);
    cr_assert(lane_wants_code(&w, 488));
    s = core_snapshot_renew(core, PATIENCE_MS);
    cr_assert(eq(u32, s->rows[SNAP_CODES].count, 1));
    row = s->rows[SNAP_CODES].row[0];
    cr_assert(eq(u16, row->code, 488));
    cr_assert(row->notify);
    core_snapshot_release(core, s);
}

Test(core_events, a_response_that_was_asked_for_is_a_notification)
{
    cr_assert(comes_true(has_cold_start));
    set_row(488, MIB_SETS_NOTIFY | MIB_SETS_EMIT);
    response(488);
    cr_assert(comes_true(has_status_notice));
}

Test(core_events, a_threshold_is_looked_at_once_a_second)
{
    cr_assert(comes_true(has_cold_start));
    response(488);
    set_row(488, MIB_SETS_THRESHOLD | MIB_SETS_INTERVAL);
    poll(NULL, 0, 1500);
    cr_assert(not(has_threshold_notice()), "what was counted before does not count");
    response(488);
    cr_assert(comes_true(has_threshold_notice));
}

Test(core_events, a_renewed_snapshot_shows_what_was_counted_before_it)
{
    cr_assert(comes_true(has_cold_start));
    for (uint64_t k = 1; k <= 50; k++) {
        const struct snapshot *s;

        lane_count(&w, LANE_IN_REQUESTS);
        s = core_snapshot_renew(core, PATIENCE_MS);
        cr_assert(eq(
            u64, ((const struct snap_instance *)s->rows[SNAP_INSTANCES].row[0])->counters[LANE_IN_REQUESTS],
            k));
        core_snapshot_release(core, s);
    }
}

Test(core_events, a_snapshot_shows_a_registration_made_before_it)
{
    cr_assert(comes_true(has_cold_start));
    bind_user("sip:alice@example.com");
    cr_assert(eq(u32, users(), 1));
}

Test(core_events, registrations_end_with_their_time)
{
    cr_assert(comes_true(has_cold_start));
    expires_s = 1;
    bind_user("sip:alice@example.com");
    cr_assert(eq(u32, users(), 1));
    cr_assert(comes_true(has_no_user));
}

Test(core_events, registrations_outlive_the_agent)
{
    cr_assert(comes_true(has_cold_start));
    bind_user("sip:alice@example.com");
    core_stop(core);
    bind_user("sip:bob@example.com");
    start();
    cr_assert(eq(u32, users(), 2));
}

Test(core_events, a_new_runtime_directory_gets_what_the_rings_still_have)
{
    char other[PATH_MAX + 64];

    cr_assert(comes_true(has_cold_start));
    bind_user("sip:alice@example.com");
    cr_assert(eq(u32, users(), 1));
    snprintf(other, sizeof(other), "%s.old", runtime);
    cr_assert(eq(int, rename(runtime, other), 0));
    bind_user("sip:bob@example.com");
    for (unsigned waited = 0; waited < PATIENCE_MS && users() != 2; waited += 50)
        poll(NULL, 0, 50);
    cr_assert(eq(u32, users(), 2));
    snprintf(other, sizeof(other), "%s/%s", runtime, REGISTRY_NAME);
    for (unsigned waited = 0; waited < PATIENCE_MS && access(other, F_OK) < 0; waited += 50)
        poll(NULL, 0, 50);
    cr_assert(eq(int, access(other, F_OK), 0));
    poll(NULL, 0, 1200);
    cr_assert(eq(u32, users(), 2));
}

Test(core_events, a_reload_takes_the_role_of_a_registrar_away_and_gives_it_back)
{
    cr_assert(comes_true(has_cold_start));
    bind_user("sip:alice@example.com");
    cr_assert(eq(u32, users(), 1));
    write_config(proxy);
    kill(getpid(), SIGHUP);
    cr_assert(comes_true(wants_no_registrations));
    cr_assert(comes_true(has_no_user));
    write_config(registrar);
    kill(getpid(), SIGHUP);
    cr_assert(comes_true(wants_registrations));
    bind_user("sip:bob@example.com");
    cr_assert(comes_true(has_one_user));
}

Test(core_events, a_damaged_registry_is_set_aside)
{
    char path[PATH_MAX + 64];
    FILE *file;

    cr_assert(comes_true(has_cold_start));
    bind_user("sip:alice@example.com");
    cr_assert(eq(u32, users(), 1));
    core_stop(core);
    snprintf(path, sizeof(path), "%s/%s/data.mdb", runtime, REGISTRY_NAME);
    file = fopen(path, "r+");
    for (unsigned k = 0; k < 8192; k++)
        fputc(0xa5, file);
    fclose(file);
    start();
    snprintf(path, sizeof(path), "%s/%s.damaged", runtime, REGISTRY_NAME);
    cr_assert(eq(int, access(path, F_OK), 0));
    bind_user("sip:bob@example.com");
    cr_assert(eq(u32, users(), 2), "alice is still in the ring");
}
