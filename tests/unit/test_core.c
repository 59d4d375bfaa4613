/* SPDX-License-Identifier: BSD-2-Clause */
/* The core with its thread: what it promises to the rest of the program. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/core.h"
#include "agent/log.h"
#include "sipcore/lane_writer.h"
#include "tests/unit/scratch.h"

enum { PATIENCE_MS = 10000 };

static char dir[PATH_MAX], runtime[PATH_MAX + 8], config_path[PATH_MAX + 16];
static struct core *core;

static void
write_config(const char *instances)
{
    FILE *file = fopen(config_path, "w");

    fprintf(file, "runtime_dir: %s\nstate_dir: %s\nsnapshot_max_age: 20ms\ninstances:\n%s", runtime, dir,
            instances);
    fclose(file);
}

static int
start(struct core **out, struct err *e)
{
    struct config *config;
    int code;

    cr_assert(eq(int, config_load(config_path, &config, stderr, e), 0), "%s", e->text);
    code = core_start(out, config, config_path, e);
    if (code < 0)
        config_free(config);
    return code;
}

static int connect_status(void);

static const char edge[] = "  - {name: edge, appl_index: 1, roles: [proxy_server], description: first}\n";
static const char edge_and_core[] =
    "  - {name: edge, appl_index: 3, roles: [proxy_server], description: second}\n"
    "  - {name: core, appl_index: 2, roles: [user_agent]}\n";

static void
begin(void)
{
    struct err e = { "" };
    sigset_t set;

    log_init("test", LOG_LEVEL_ERROR, false);
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    scratch_make(dir);
    snprintf(runtime, sizeof(runtime), "%s/run", dir);
    snprintf(config_path, sizeof(config_path), "%s/sipmib.yaml", dir);
    write_config(edge);
    cr_assert(eq(int, start(&core, &e), 0), "%s", e.text);
}

static void
end(void)
{
    core_stop(core);
    scratch_remove(dir);
}

TestSuite(core, .init = begin, .fini = end, .timeout = 60);

static void
open_writer(struct lane_writer *w, const char *instance)
{
    struct lane_writer_options options = { .dir = runtime,
                                           .instance = instance,
                                           .ring_octets = LANE_RING_MIN };
    struct err e = { "" };

    cr_assert(eq(int, lane_writer_open(w, &options, &e), 0), "%s", e.text);
}

static void
count(struct lane_writer *w, unsigned n)
{
    while (n-- > 0)
        lane_count(w, LANE_IN_REQUESTS);
}

/* Something that a snapshot shows sooner or later. */
typedef bool claim(const struct snapshot *s, uint64_t wanted);

static bool
comes_true(claim *what, uint64_t wanted)
{
    for (unsigned waited = 0; waited < PATIENCE_MS; waited += 5) {
        const struct snapshot *s = core_snapshot_acquire(core, 1000);
        bool is_true = what(s, wanted);

        core_snapshot_release(core, s);
        if (is_true)
            return true;
        poll(NULL, 0, 5);
    }
    return false;
}

static bool
has_counted(const struct snapshot *s, uint64_t wanted)
{
    uint64_t sum = 0;

    for (uint32_t k = 0; k < s->rows[SNAP_INSTANCES].count; k++)
        sum += ((const struct snap_instance *)s->rows[SNAP_INSTANCES].row[k])->counters[LANE_IN_REQUESTS];
    return sum == wanted;
}

static bool
has_instances(const struct snapshot *s, uint64_t wanted)
{
    return s->rows[SNAP_INSTANCES].count == wanted;
}

static bool
has_status(const struct snapshot *s, uint64_t wanted)
{
    return ((const struct snap_instance *)s->rows[SNAP_INSTANCES].row[0])->oper_status == wanted;
}

Test(core, counts_lanes_that_come_and_go)
{
    struct lane_writer w;

    open_writer(&w, "edge");
    count(&w, 5);
    cr_assert(comes_true(has_counted, 5));
    cr_assert(comes_true(has_status, 2));
    lane_writer_close(&w);
    cr_assert(comes_true(has_status, 3));
    cr_assert(comes_true(has_counted, 5));
}

Test(core, gives_a_snapshot_that_is_new_enough)
{
    const struct snapshot *first = core_snapshot_acquire(core, 1000), *second, *third;

    poll(NULL, 0, 30);
    second = core_snapshot_acquire(core, 1000);
    cr_assert(gt(u64, second->generation, first->generation));
    third = core_snapshot_acquire(core, 1000);
    cr_assert(lt(u64, core_now_ns() - third->taken_ns, UINT64_C(1000000000)));
    core_snapshot_release(core, first);
    core_snapshot_release(core, second);
    core_snapshot_release(core, third);
}

Test(core, gives_one_snapshot_to_all_who_ask_within_its_age)
{
    write_config("  - {name: edge, appl_index: 1, roles: [proxy_server]}\nsnapshot_max_age: 60s\n");
    /* The key stands twice now: refused, the old configuration stays. */
    kill(getpid(), SIGHUP);
    {
        const struct snapshot *a = core_snapshot_acquire(core, 1000), *b = core_snapshot_acquire(core, 1000);

        cr_assert(le(u64, b->generation - a->generation, 1));
        core_snapshot_release(core, a);
        core_snapshot_release(core, b);
    }
}

Test(core, refuses_a_directory_that_another_agent_serves)
{
    struct core *second = NULL;
    struct err e = { "" };

    cr_assert(eq(int, start(&second, &e), -EBUSY));
    cr_assert(strstr(e.text, "another sipmibd") != NULL, "%s", e.text);
}

Test(core, reloads_and_keeps_the_counts)
{
    struct lane_writer w;

    open_writer(&w, "edge");
    count(&w, 5);
    cr_assert(comes_true(has_counted, 5));
    write_config(edge_and_core);
    kill(getpid(), SIGHUP);
    cr_assert(comes_true(has_instances, 2));
    cr_assert(comes_true(has_counted, 5));
    write_config("  - {name: core, appl_index: 2, roles: [user_agent]}\n");
    kill(getpid(), SIGHUP);
    cr_assert(comes_true(has_instances, 1));
    cr_assert(comes_true(has_counted, 0));
    count(&w, 2);
    lane_writer_close(&w);
    write_config(edge);
    kill(getpid(), SIGHUP);
    cr_assert(comes_true(has_counted, 7));
}

Test(core, changes_nothing_when_a_reload_fails)
{
    const struct snapshot *s;

    write_config("  - {name: edge, appl_index: none}\n");
    kill(getpid(), SIGHUP);
    for (unsigned k = 0; k < 20; k++) {
        s = core_snapshot_acquire(core, 1000);
        cr_assert(eq(u32, s->rows[SNAP_INSTANCES].count, 1));
        core_snapshot_release(core, s);
        poll(NULL, 0, 10);
    }
}

Test(core, keeps_a_snapshot_whole_over_a_reload)
{
    const struct snapshot *s = core_snapshot_acquire(core, 1000);
    const struct snap_instance *row = s->rows[SNAP_INSTANCES].row[0];

    write_config(edge_and_core);
    kill(getpid(), SIGHUP);
    cr_assert(comes_true(has_instances, 2));
    cr_assert(span_equals(row->description, span_string("first")));
    cr_assert(eq(u32, row->appl_index, 1));
    core_snapshot_release(core, s);
}

Test(core, serves_the_same_after_a_restart)
{
    struct lane_writer w;
    struct err e = { "" };
    uint64_t discon_ns;

    open_writer(&w, "edge");
    count(&w, 5);
    cr_assert(comes_true(has_counted, 5));
    {
        const struct snapshot *s = core_snapshot_acquire(core, 0);

        discon_ns = ((const struct snap_instance *)s->rows[SNAP_INSTANCES].row[0])->discon_ns;
        core_snapshot_release(core, s);
    }
    core_stop(core);
    lane_writer_close(&w);
    cr_assert(eq(int, start(&core, &e), 0), "%s", e.text);
    cr_assert(comes_true(has_counted, 5));
    {
        const struct snapshot *s = core_snapshot_acquire(core, 0);

        cr_assert(
            eq(u64, ((const struct snap_instance *)s->rows[SNAP_INSTANCES].row[0])->discon_ns, discon_ns));
        core_snapshot_release(core, s);
    }
}

Test(core, loses_nothing_when_the_runtime_directory_is_wiped)
{
    char command[PATH_MAX + 64];
    struct lane_writer dead, live, late;
    struct err e = { "" };

    open_writer(&dead, "edge");
    count(&dead, 5);
    lane_writer_close(&dead);
    open_writer(&live, "edge");
    count(&live, 2);
    cr_assert(comes_true(has_counted, 7));
    snprintf(command, sizeof(command), "rm -rf '%s' 2>/dev/null", runtime);
    for (unsigned attempt = 0; system(command) != 0; attempt++)
        cr_assert(lt(uint, attempt, 20), "the agent makes directories again before they are all gone");
    count(&live, 2);
    cr_assert(comes_true(has_counted, 9));
    for (unsigned waited = 0; waited < PATIENCE_MS; waited += 50) {
        struct lane_writer_options options = { .dir = runtime,
                                               .instance = "edge",
                                               .ring_octets = LANE_RING_MIN };

        if (access(runtime, F_OK) == 0 && lane_writer_open(&late, &options, &e) == 0)
            break;
        poll(NULL, 0, 50);
    }
    count(&late, 1);
    cr_assert(comes_true(has_counted, 10));
    lane_writer_close(&live);
    lane_writer_close(&late);
    cr_assert(comes_true(has_status, 3));
    core_stop(core);
    cr_assert(eq(int, start(&core, &e), 0), "%s", e.text);
    cr_assert(comes_true(has_counted, 10));
}

Test(core, loses_nothing_when_its_store_is_damaged)
{
    static const char zeros[1 << 16];
    char path[PATH_MAX + 64];
    struct lane_writer w;
    struct err e = { "" };
    int fd;

    open_writer(&w, "edge");
    count(&w, 5);
    cr_assert(comes_true(has_counted, 5));
    lane_writer_close(&w);
    cr_assert(comes_true(has_status, 3));
    snprintf(path, sizeof(path), "%s/retained.mdb/data.mdb", runtime);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    cr_assert(eq(int, (int)pwrite(fd, zeros, sizeof(zeros), 8192), (int)sizeof(zeros)));
    close(fd);
    open_writer(&w, "edge");
    count(&w, 2);
    cr_assert(comes_true(has_counted, 7));
    snprintf(path, sizeof(path), "%s/retained.mdb.damaged", runtime);
    for (unsigned waited = 0; waited < PATIENCE_MS && access(path, F_OK) != 0; waited += 50)
        poll(NULL, 0, 50);
    cr_assert(eq(int, access(path, F_OK), 0));
    lane_writer_close(&w);
    cr_assert(comes_true(has_status, 3));
    core_stop(core);
    cr_assert(eq(int, start(&core, &e), 0), "%s", e.text);
    cr_assert(comes_true(has_counted, 7));
}

Test(core, goes_on_where_it_was_when_it_is_restarted_after_a_wipe)
{
    char command[PATH_MAX + 64];
    struct lane_writer live;
    struct err e = { "" };

    open_writer(&live, "edge");
    count(&live, 7);
    cr_assert(comes_true(has_counted, 7));
    snprintf(command, sizeof(command), "rm -rf '%s' 2>/dev/null", runtime);
    for (unsigned attempt = 0; system(command) != 0; attempt++)
        cr_assert(lt(uint, attempt, 20), "the agent makes directories again before they are all gone");
    count(&live, 2);
    core_stop(core);
    for (unsigned starts = 0; starts < 2; starts++) {
        cr_assert(eq(int, start(&core, &e), 0), "%s", e.text);
        cr_assert(comes_true(has_counted, 9));
        core_stop(core);
    }
    cr_assert(eq(int, start(&core, &e), 0), "%s", e.text);
    lane_writer_close(&live);
}

Test(core, keeps_a_second_agent_out_after_a_wipe)
{
    struct core *second = NULL;
    struct err e = { "" };
    char path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/agent.lock", runtime);
    cr_assert(eq(int, unlink(path), 0));
    for (unsigned waited = 0; access(path, F_OK) < 0 && waited < PATIENCE_MS; waited += 50)
        poll(NULL, 0, 50);
    poll(NULL, 0, 50);
    cr_assert(eq(int, start(&second, &e), -EBUSY));
}

Test(core, ends_when_another_agent_took_its_directory)
{
    struct pollfd stop = { .fd = core_stop_fd(core), .events = POLLIN };
    struct core *second = NULL;
    struct err e = { "" };
    char path[PATH_MAX + 32];

    log_init("test", LOG_LEVEL_ERROR, true); /* its error is no news */
    snprintf(path, sizeof(path), "%s/agent.lock", runtime);
    for (unsigned attempt = 0; attempt < 20 && !second; attempt++) {
        unlink(path);
        start(&second, &e);
    }
    cr_assert(second != NULL);
    cr_assert(eq(int, poll(&stop, 1, PATIENCE_MS), 1));
    core_stop(core);
    core = second;
    cr_assert(ge(int, connect_status(), 0), "the other's socket is left alone");
}

/* ---- the status socket ------------------------------------------------------------------------------------------ */

static int
connect_status(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (chdir(runtime) < 0) /* a test's directory may be too long for a socket's name */
        return -1;
    strcpy(address.sun_path, "agent.sock");
    return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

static size_t
read_all(int fd, char *text, size_t size)
{
    size_t used = 0;
    ssize_t n;

    while (used < size - 1 && (n = read(fd, text + used, size - 1 - used)) > 0)
        used += (size_t)n;
    text[used] = '\0';
    close(fd);
    return used;
}

Test(core, tells_its_state_to_who_connects)
{
    static char text[1 << 16];
    struct agentx_report report = { .state = AGENTX_DISCONNECTED, .reason = "no \"snmpd\"", .connects = 3 };
    struct lane_writer w;
    int fd;

    open_writer(&w, "edge");
    cr_assert(comes_true(has_status, 2));
    core_report_agentx(core, &report);
    fd = connect_status();
    cr_assert(ge(int, fd, 0));
    cr_assert(gt(sz, read_all(fd, text, sizeof(text)), 0));
    cr_assert(eq(chr, text[0], '{'));
    cr_assert(strstr(text, "\"reason\":\"no \\\"snmpd\\\"\"") != NULL, "%s", text);
    cr_assert(strstr(text, "\"name\":\"edge\",\"appl_index\":1,\"status\":\"up\"") != NULL, "%s", text);
    cr_assert(strstr(text, "\"writers\":1") != NULL, "%s", text);
    cr_assert(strstr(text, "\"counters\":{\"in_requests\":0,\"out_requests\":0,") != NULL, "%s", text);
    lane_writer_close(&w);
}

Test(core, tells_what_writers_counted_that_are_dead)
{
    static char text[1 << 16];
    struct lane_writer dead, live;

    open_writer(&dead, "edge");
    open_writer(&live, "edge");
    count(&dead, 5);
    count(&live, 2);
    lane_writer_close(&dead);
    cr_assert(comes_true(has_counted, 7));
    cr_assert(gt(sz, read_all(connect_status(), text, sizeof(text)), 0));
    cr_assert(strstr(text, "\"counters\":{\"in_requests\":7,") != NULL, "%s", text);
    lane_writer_close(&live);
}

Test(core, is_not_held_up_by_who_connects_and_does_not_read)
{
    int fd[64];

    for (unsigned k = 0; k < 64; k++)
        fd[k] = connect_status();
    for (unsigned k = 0; k < 10; k++) {
        const struct snapshot *s;

        poll(NULL, 0, 25);
        s = core_snapshot_acquire(core, 1000);
        cr_assert(lt(u64, core_now_ns() - s->taken_ns, UINT64_C(1000000000)));
        core_snapshot_release(core, s);
    }
    for (unsigned k = 0; k < 64; k++)
        if (fd[k] >= 0)
            close(fd[k]);
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

Test(core, tells_the_other_thread_of_a_signal_to_end)
{
    struct pollfd stop = { .fd = core_stop_fd(core), .events = POLLIN };

    cr_assert(eq(int, poll(&stop, 1, 0), 0));
    kill(getpid(), SIGTERM);
    cr_assert(eq(int, poll(&stop, 1, PATIENCE_MS), 1));
    cr_assert(eq(int, poll(&stop, 1, 0), 1), "and stays readable");
}

/* The fixture's agent, in a child whose other thread does not come. */
static int
ends_without_the_other_thread(void)
{
    struct err e = { "" };
    uint64_t before = core_now_ns();

    snprintf(runtime, sizeof(runtime), "%s/held", dir);
    write_config(edge);
    if (start(&core, &e) < 0)
        return false;
    core_request_stop(core);
    while (core_now_ns() - before < PATIENCE_MS * UINT64_C(1000000))
        poll(NULL, 0, PATIENCE_MS);
    return false;
}

Test(core, ends_the_process_when_the_other_thread_is_held)
{
    uint64_t before = core_now_ns();
    int status = -1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(ends_without_the_other_thread() ? 0 : 1);
    cr_assert(eq(int, (int)waitpid(pid, &status, 0), (int)pid));
    cr_assert(eq(int, status, 0));
    cr_assert(ge(u64, core_now_ns() - before, UINT64_C(900000000)));
    cr_assert(lt(u64, core_now_ns() - before, UINT64_C(6000000000)));
}

Test(core, answers_from_the_last_snapshot_after_the_end)
{
    const struct snapshot *s;
    uint64_t before;

    core_request_stop(core);
    poll(NULL, 0, 100);
    before = core_now_ns();
    s = core_snapshot_acquire(core, 5000);
    cr_assert(lt(u64, core_now_ns() - before, UINT64_C(4000000000)));
    core_snapshot_release(core, s);
}
