/* SPDX-License-Identifier: BSD-2-Clause */
/* The core and the thread beside it, for the thread sanitizer: writers come, count, record events and go; a
 * reader asks for snapshots and reads every row of them, and every registered user, takes notifications and
 * carries out SETs; the configuration is reloaded, the status is asked, all at once. What was counted must
 * be there in the end, every failed authentication once, no counter may ever fall, and notifications are
 * numbered without gaps. Prints "ok" or what was wrong. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/controls.h"
#include "agent/core.h"
#include "agent/log.h"
#include "agent/notice.h"
#include "agent/registry.h"
#include "sipcore/lane_writer.h"
#include "tests/unit/scratch.h"

enum { WRITERS = 3, LANES_EACH = 40, MESSAGES_EACH = 200, FAILURE_EVERY = 10, PATIENCE_MS = 20000 };

static char dir[PATH_MAX], runtime[PATH_MAX + 8], config_path[PATH_MAX + 16];
static struct core *core;
static atomic_bool has_ended;
static atomic_uint failures;

static void
fail(const char *what)
{
    fprintf(stderr, "not ok: %s\n", what);
    atomic_fetch_add(&failures, 1);
}

/* Complete under another name first: a reload at any moment finds a whole file. */
static void
write_config(unsigned variant)
{
    char temporary[PATH_MAX + 32];
    FILE *file;

    snprintf(temporary, sizeof(temporary), "%s.new", config_path);
    file = fopen(temporary, "w");
    fprintf(file,
            "runtime_dir: %s\nstate_dir: %s\nsnapshot_max_age: 1ms\ninstances:\n"
            "  - {name: edge, appl_index: %u, roles: [registrar_server], description: variant %u,\n"
            "     watch: [{method: INVITE, codes: [%u], notify: true, emit: normal, threshold: 3}]}\n",
            runtime, dir, 1 + variant % 2, variant, 400 + variant % 100);
    if (variant % 3 == 0)
        fprintf(file, "  - {name: extra, appl_index: 7, roles: [user_agent]}\n");
    fclose(file);
    if (rename(temporary, config_path) < 0)
        fail("rename");
}

static void
record(struct lane_writer *w, unsigned code, unsigned i)
{
    struct lane_status status = { .is_out = true, .method = METHOD_INVITE, .code = code };
    char aor[32];

    if (i % FAILURE_EVERY == 0) {
        snprintf(aor, sizeof(aor), "sip:user%u@example.com", i % 50);
        lane_event_auth_failed(w, 403, span_string(aor), 0);
    }
    if (lane_wants_code(w, code))
        lane_event_status(w, &status, 0);
}

static void *
write_lanes(void *seed)
{
    unsigned code = 200 + (unsigned)(uintptr_t)seed * 7;

    for (unsigned lane = 0; lane < LANES_EACH; lane++) {
        struct lane_writer_options options = { .dir = runtime,
                                               .instance = "edge",
                                               .ring_octets = LANE_RING_MIN };
        struct lane_writer w;
        struct err e = { "" };

        if (lane_writer_open(&w, &options, &e) < 0) {
            fail(e.text);
            return NULL;
        }
        for (unsigned i = 0; i < MESSAGES_EACH; i++) {
            lane_count(&w, LANE_IN_REQUESTS);
            lane_count_response(&w, METHOD_INVITE, code + i % 50, true);
            record(&w, code + i % 50, i);
            if (i % 100 == 0)
                poll(NULL, 0, 1);
        }
        lane_writer_close(&w);
    }
    return NULL;
}

/* Everything a walk would touch. */
static uint64_t
read_rows(const struct snapshot *s)
{
    const struct snap_instance *edge = s->rows[SNAP_INSTANCES].row[0];
    uint64_t octets = 0;

    for (uint32_t k = 0; k < s->rows[SNAP_METHODS].count; k++)
        octets += ((const struct snap_method *)s->rows[SNAP_METHODS].row[k])->name.data[0];
    for (uint32_t k = 0; k < s->rows[SNAP_CODES].count; k++) {
        const struct snap_code *row = s->rows[SNAP_CODES].row[k];

        octets += row->method.data[0] + row->out;
    }
    for (uint32_t k = 0; k < edge->description.length; k++)
        octets += edge->description.data[k];
    if (octets == 0)
        fail("no octets");
    return edge->counters[LANE_IN_REQUESTS];
}

/* Failed authentications of all users that the snapshot's registry has. */
static uint64_t
read_users(const struct snapshot *s, struct registry_reader *reader)
{
    const struct snap_instance *edge = s->rows[SNAP_INSTANCES].row[0];
    struct mib_registrations *r = registry_reader_begin(reader, core_registry(s), core_now_ns());
    struct snap_user user;
    uint64_t failures_seen = 0;

    for (uint32_t k = 1; r->user_at(r, edge->registry_id, false, k, &user); k = user.index + 1)
        failures_seen += user.auth_failures;
    registry_reader_end(reader);
    return failures_seen;
}

/* Numbers of instance "edge", whose applIndex changes with the configuration; the other one comes and goes. */
static void
take_notices(void)
{
    static uint32_t last;
    struct notice n;

    notice_queue_clear(core_notices(core));
    while (notice_queue_at(core_notices(core), 0, &n)) {
        if (n.appl_index != 7 && n.sequence != ++last)
            fail("a notification is missing");
        notice_queue_drop(core_notices(core));
    }
}

static void
change_row(unsigned number)
{
    struct mib_change change = { .kind = MIB_CHANGE_STATUS_CODE,
                                 .appl_index = 1 + number % 2,
                                 .method_octets = 6,
                                 .method = "INVITE",
                                 .code = 200 + number % 50,
                                 .creates = true,
                                 .sets = MIB_SETS_NOTIFY | MIB_SETS_EMIT,
                                 .notify = true,
                                 .emit = 1 + number / 2 % 2 };
    struct controls_undo *undo;
    struct err e;

    if (controls_apply(core_controls(core), &change, 1, core_now_ns(), &undo, &e) < 0)
        return; /* the instance has another applIndex now */
    core_controls_changed(core, 500);
    if (number % 3 == 0)
        controls_undo(core_controls(core), undo, &e);
    else
        controls_keep(undo);
}

static void *
read_snapshots(void *unused)
{
    struct registry_reader *reader = registry_reader_new(NULL);
    uint64_t last = 0;
    unsigned number = 0;

    while (!atomic_load(&has_ended)) {
        const struct snapshot *s = core_snapshot_acquire(core, 500);
        struct agentx_report report = { .state = AGENTX_CONNECTED, .requests = s->generation };
        uint64_t now = read_rows(s);

        if (now < last)
            fail("a counter fell");
        last = now;
        core_report_agentx(core, &report);
        read_users(s, reader);
        core_snapshot_release(core, s);
        take_notices();
        if (++number % 8 == 0)
            change_row(number / 8);
    }
    registry_reader_free(reader);
    return unused;
}

static void
ask_status(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char text[4096];

    snprintf(address.sun_path, sizeof(address.sun_path), "agent.sock");
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        while (read(fd, text, sizeof(text)) > 0)
            continue;
    if (fd >= 0)
        close(fd);
}

static void *
disturb(void *unused)
{
    for (unsigned variant = 0; !atomic_load(&has_ended); variant++) {
        write_config(variant);
        kill(getpid(), SIGHUP);
        poll(NULL, 0, 20);
        ask_status();
    }
    return unused;
}

static bool
all_is_counted(void)
{
    const uint64_t wanted = (uint64_t)WRITERS * LANES_EACH * MESSAGES_EACH;
    struct registry_reader *reader = registry_reader_new(NULL);
    bool is_all = false;

    for (unsigned waited = 0; waited < PATIENCE_MS && !is_all; waited += 10) {
        const struct snapshot *s = core_snapshot_renew(core, 500);

        is_all = read_rows(s) == wanted && read_users(s, reader) == wanted / FAILURE_EVERY;
        core_snapshot_release(core, s);
        poll(NULL, 0, 10);
    }
    registry_reader_free(reader);
    return is_all;
}

static void
start(void)
{
    struct config *config;
    struct err e = { "" };
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    log_init("core_stress", LOG_LEVEL_ERROR, false);
    scratch_make(dir);
    snprintf(runtime, sizeof(runtime), "%s/run", dir);
    snprintf(config_path, sizeof(config_path), "%s/sipmib.yaml", dir);
    write_config(0);
    if (config_load(config_path, &config, stderr, &e) < 0 || core_start(&core, config, config_path, &e) < 0 ||
        chdir(runtime) < 0) {
        fprintf(stderr, "not ok: %s\n", e.text);
        exit(1);
    }
}

int
main(void)
{
    pthread_t writer[WRITERS], reader, disturber;

    start();
    pthread_create(&reader, NULL, read_snapshots, NULL);
    pthread_create(&disturber, NULL, disturb, NULL);
    for (uintptr_t i = 0; i < WRITERS; i++)
        pthread_create(&writer[i], NULL, write_lanes, (void *)i);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writer[i], NULL);
    if (!all_is_counted())
        fail("not everything that was counted is there");
    atomic_store(&has_ended, true);
    pthread_join(reader, NULL);
    pthread_join(disturber, NULL);
    core_stop(core);
    if (chdir("/") < 0)
        fail("chdir");
    scratch_remove(dir);
    if (atomic_load(&failures) == 0)
        puts("ok core_stress");
    return atomic_load(&failures) != 0;
}
