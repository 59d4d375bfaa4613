/* SPDX-License-Identifier: BSD-2-Clause */
/* An agent that runs short of memory, of descriptors, or of room on its disks: at every place where it asks for some,
 * from its start over a day of everything that can happen to it, and a reload, to its end. Whatever is refused, it
 * neither crashes nor keeps what it took; and once it is given all it asks for again, everything is right again: not
 * one count is lost or twice in the sums, no lane, no registration, no row that a manager made.
 *
 * A plain program, linked with --wrap (see failing.h). The core runs without its thread: the test turns it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/controls.h"
#include "agent/core_state.h"
#include "agent/registry.h"
#include "agent/site_names.h"
#include "mib/mib.h"
#include "sipcore/lane_writer.h"
#include "tests/unit/failing.h"
#include "tests/unit/scratch.h"

enum {
    LINES_MAX = 60, /* in the log, of one run: trouble is said once, and once when it ends */
    BURST = 40      /* how many are refused in a row in the second kind of sweep */
};

static const char before[] =
    "  - {name: edge, appl_index: 1, roles: [registrar_server], local: [\"udp:127.0.0.1:5060\"],\n"
    "     watch: [{method: INVITE, codes: [486], notify: true, emit: normal, threshold: 1, interval: 60s}]}\n"
    "  - {name: proxy, appl_index: 2, roles: [proxy_server]}\n"
    "  - {name: ua, appl_index: 3, roles: [user_agent]}\n";
static const char after[] =
    "  - {name: edge, appl_index: 1, roles: [registrar_server], local: [\"udp:127.0.0.1:5060\"],\n"
    "     watch: [{method: INVITE, codes: [486, 503], notify: true, emit: normal}]}\n"
    "  - {name: proxy, appl_index: 2, roles: [proxy_server], methods: [INVITE]}\n"
    "  - {name: other, appl_index: 4, roles: [registrar_server]}\n";

static char dir[PATH_MAX], runtime[PATH_MAX + 8], config_path[PATH_MAX + 16];
static struct core *core;
static struct lane_writer edge, proxy;
static uint64_t discon_ns;

/* ---- the world -------------------------------------------------------------------------------------------------- */

static void
write_config(const char *instances)
{
    FILE *file = fopen(config_path, "w");

    fprintf(file, "runtime_dir: %s\nstate_dir: %s/state\nsnapshot_max_age: 20ms\ninstances:\n%s", runtime,
            dir, instances);
    fclose(file);
}

static int
start(void)
{
    struct config *config = NULL;
    struct err e = { "" };
    FILE *nowhere = fopen("/dev/null", "w");
    int code;

    failing_pause(false);
    code = config_load(config_path, &config, nowhere, &e);
    if (code == 0) {
        code = core_start(&core, config, config_path, &e);
        if (code < 0)
            config_free(config);
    }
    failing_pause(true);
    fclose(nowhere);
    failing_claim((code == 0) == (core != NULL), "a start that fails gives no core");
    failing_claim(code == 0 || e.text[0], "a start that fails says why");
    return code;
}

static void
stop(void)
{
    failing_pause(false);
    core_stop(core);
    failing_pause(true);
    core = NULL;
}

/* A second or more passes, and the core looks at what there is to do. */
static void
pass(unsigned ms)
{
    failing_pass_ms(ms);
    failing_pause(false);
    core_turn(core);
    failing_pause(true);
}

static void
open_writer(struct lane_writer *w, const char *instance)
{
    struct lane_writer_options options = { .dir = runtime,
                                           .instance = instance,
                                           .ring_octets = LANE_RING_MIN };
    struct err e = { "" };

    if (lane_writer_open(w, &options, &e) < 0) {
        printf("not ok a writer of %s: %s\n", instance, e.text);
        exit(1);
    }
}

static void
count(struct lane_writer *w, unsigned n)
{
    while (n-- > 0) {
        lane_count(w, LANE_IN_REQUESTS);
        lane_count_method(w, METHOD_INVITE, LANE_METHOD_IN);
    }
}

/* What an agent before left, made once: it retired a lane of 5 requests, and was killed before it could remove the
 * file. */
static char template[PATH_MAX];

static const char *const left[] = { "retained.mdb/data.mdb", "retained.mdb/lock.mdb",
                                    "registrations.mdb/data.mdb", "registrations.mdb/lock.mdb",
                                    "edge/0.lane" };

static void
copy_file(const char *from_dir, const char *to_dir, const char *name)
{
    static char octets[1 << 20];
    char from[PATH_MAX + 64], to[PATH_MAX + 64];
    ssize_t n;
    int fd;

    snprintf(from, sizeof(from), "%s/%s", from_dir, name);
    snprintf(to, sizeof(to), "%s/%s", to_dir, name);
    fd = open(from, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, octets, sizeof(octets));
    close(fd);
    fd = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (n < 0 || fd < 0 || write(fd, octets, (size_t)n) != n) {
        printf("not ok copying %s to %s: %s\n", from, to, strerror(errno));
        exit(1);
    }
    close(fd);
}

static void
make_directories(void)
{
    static const char *const names[] = { "run", "run/edge", "run/retained.mdb", "run/registrations.mdb",
                                         "state" };
    char path[PATH_MAX + 64];

    for (unsigned k = 0; k < sizeof(names) / sizeof(names[0]); k++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[k]);
        mkdir(path, 0700);
    }
}

static void
begin_world(void)
{
    scratch_make(dir);
    snprintf(runtime, sizeof(runtime), "%s/run", dir);
    snprintf(config_path, sizeof(config_path), "%s/sipmib.yaml", dir);
    write_config(before);
}

static void
live_before(void)
{
    char name[NAME_MAX + 1], path[2 * PATH_MAX + 64], link_path[PATH_MAX + 64];
    struct lane_writer w;

    begin_world();
    if (start() < 0)
        exit(1);
    discon_ns = core->instance[0]->state.discon_ns;
    open_writer(&w, "edge");
    count(&w, 5);
    scratch_count(runtime, "edge", LANE_SUFFIX, name);
    snprintf(path, sizeof(path), "%s/edge/%s", runtime, name);
    snprintf(link_path, sizeof(link_path), "%s/kept", dir);
    pass(1100);
    if (linkat(AT_FDCWD, path, AT_FDCWD, link_path, 0) < 0)
        exit(1);
    lane_writer_close(&w);
    pass(1100);
    stop();
    snprintf(path, sizeof(path), "%s/edge/0.lane", runtime);
    if (linkat(AT_FDCWD, link_path, AT_FDCWD, path, 0) < 0)
        exit(1);
    snprintf(template, sizeof(template), "%s", dir);
}

static void
begin_as_left(void)
{
    char from[PATH_MAX + 8];

    begin_world();
    make_directories();
    snprintf(from, sizeof(from), "%s/run", template);
    for (unsigned k = 0; k < sizeof(left) / sizeof(left[0]); k++)
        copy_file(from, runtime, left[k]);
}

/* ---- what happens ----------------------------------------------------------------------------------------------- */

struct contacts {
    unsigned left, octets;
    uint32_t expires_s;
    char uri[1024];
};

static bool
next_contact(void *context, struct lane_binding *out)
{
    struct contacts *c = context;

    if (c->left == 0)
        return false;
    memset(c->uri, 'x', sizeof(c->uri));
    memcpy(c->uri, "sip:", 4);
    c->uri[4] = (char)('a' + c->left-- % 26);
    *out = (struct lane_binding){ .uri = span_of(c->uri, c->octets),
                                  .expires_s = c->expires_s,
                                  .q_thousandths = LANE_Q_NONE };
    return true;
}

static void
bind_user(const char *aor, unsigned contacts, unsigned octets, uint32_t expires_s)
{
    struct contacts c = { .left = contacts, .octets = octets, .expires_s = expires_s };

    lane_event_bindings(&edge, span_string(aor), next_contact, &c, 0);
}

static void
traffic(void)
{
    struct lane_status s = { .method = METHOD_INVITE, .code = 486, .cseq = 1, .call_id = span_string("1") };

    count(&edge, 10);
    for (unsigned k = 0; k < 3; k++) {
        lane_count_response(&edge, METHOD_INVITE, 486, false);
        lane_event_status(&edge, &s, 0);
    }
    bind_user("sip:alice@example.com", 1, 32, 1000000);
    bind_user("sip:bob@example.com", 20, 600, 1000000); /* takes several records */
    bind_user("sip:carol@example.com", 1, 32, 30);
    lane_event_auth_failed(&edge, 401, span_string("sip:dave@example.com"), 0);
}

/* All that a console can ask for. */
static uint32_t
walk(void)
{
    const struct snapshot *s;
    struct registry_reader *reader;
    struct mib_view view;
    struct mib_value value;
    struct mib_oid name;
    uint32_t rows = 0;

    failing_pause(false);
    s = core_snapshot_acquire(core, 0);
    reader = registry_reader_new(core_pseudonym(core));
    view = (struct mib_view){ .snapshot = s, .now_ns = core_now_ns() };
    if (reader)
        view.registrations = registry_reader_begin(reader, core_registry(s), view.now_ns);
    for (size_t t = 0; t < mib_n_tables; t++) {
        name.length = mib_tables[t]->oid_len;
        memcpy(name.id, mib_tables[t]->oid, name.length * sizeof(name.id[0]));
        while (mib_getnext(mib_tables[t], &view, name.id, name.length, &name, &value) == MIB_OK)
            rows++;
    }
    registry_reader_free(reader);
    core_snapshot_release(core, s);
    failing_pause(true);
    return rows;
}

/* sipstat --agent, as far as the agent is concerned. True when there was an answer. */
static bool
ask(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), dir_fd;
    char first = 0;

    dir_fd = open(runtime, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", dir_fd, SITE_SOCKET_NAME);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        pass(1100);
        pass(1100);
        if (recv(fd, &first, 1, MSG_DONTWAIT) < 0)
            first = 0;
    }
    close(dir_fd);
    close(fd);
    return first == '{';
}

static int
try_to_set(void)
{
    struct mib_change change = { .kind = MIB_CHANGE_STATUS_CODE,
                                 .appl_index = 1,
                                 .method_octets = 3,
                                 .method = "BYE",
                                 .code = 481,
                                 .creates = true,
                                 .sets = MIB_SETS_NOTIFY,
                                 .notify = true };
    struct mib_change service = { .kind = MIB_CHANGE_NOTIFY_ENABLE,
                                  .appl_index = 1,
                                  .notify_enable = SNAP_NOTIFY_STATUS_CHANGED,
                                  .sets = MIB_SETS_SERVICE };
    struct mib_change changes[2] = { change, service };
    uint64_t generation = controls_generation(core_controls(core));
    struct controls_undo *undo;
    struct err e = { "" };
    int code;

    failing_pause(false);
    code = controls_apply(core_controls(core), changes, 2, core_now_ns(), &undo, &e);
    if (code == 0)
        controls_keep(undo);
    failing_pause(true);
    failing_claim(code == 0 || (e.text[0] && generation == controls_generation(core_controls(core))),
                  "a SET that fails says why, and changes nothing");
    return code;
}

static void
set(void)
{
    if (try_to_set() < 0)
        failing_claim(try_to_set() == 0 || failing_refused() > 1, "a SET that failed can be made again");
}

static void
reload(void)
{
    write_config(after);
    for (unsigned attempt = 0; attempt < 8; attempt++) {
        failing_pause(false);
        core_reload(core, core_now_ns());
        failing_pause(true);
        if (!core->reload.last_failed)
            return;
        failing_claim(core->reload.text[0], "a reload that fails says why");
        failing_claim(core->n_instances == 3 && core_has_instance(core, "ua"),
                      "a reload that fails changes nothing");
    }
}

static void
remove_directory(const char *instance)
{
    char path[PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/%s", runtime, instance);
    if (access(path, F_OK) == 0) /* what could not be made is not there */
        scratch_remove(path);
}

/* ---- what must be so in the end --------------------------------------------------------------------------------- */

static uint64_t
requests_of(const char *name)
{
    for (size_t k = 0; k < core->n_instances; k++)
        if (strcmp(core->instance[k]->name, name) == 0) {
            struct err e;

            instance_sum(core->instance[k], &e);
            return core->instance[k]->sum.counters[LANE_IN_REQUESTS];
        }
    return UINT64_MAX;
}

static bool
is_wanted(unsigned code)
{
    struct lane_interest interest = { 0 };
    char path[PATH_MAX + 64];
    unsigned offset = code - LANE_CODE_FIRST;
    int fd;

    snprintf(path, sizeof(path), "%s/edge/%s", runtime, LANE_INTEREST_NAME);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, &interest, sizeof(interest)) != (ssize_t)sizeof(interest))
        interest.flags = 0;
    close(fd);
    return interest.flags == LANE_WANT_REGISTRATIONS && (interest.codes[offset / 64] >> (offset % 64) & 1);
}

static bool
has_row(const char *method, unsigned code)
{
    struct control_row *rows;
    unsigned notify_enable;
    bool is_there = false;
    size_t n;

    if (controls_copy(core_controls(core), "edge", &notify_enable, &rows, &n, NULL) < 0)
        return false;
    for (size_t k = 0; k < n; k++)
        is_there |= strcmp(rows[k].method, method) == 0 && rows[k].code == code && !rows[k].is_hidden;
    free(rows);
    return is_there && notify_enable == SNAP_NOTIFY_STATUS_CHANGED;
}

static void
check_all(void)
{
    struct registry_stats stats = { 0 };

    for (unsigned k = 0; k < 4; k++)
        pass(61000);
    failing_claim(core->n_instances == 3 && core_has_instance(core, "other"),
                  "the new configuration is in force");
    failing_claim(requests_of("edge") == 25, "edge's requests, once each");
    failing_claim(requests_of("proxy") == 7, "proxy's requests, once each");
    failing_claim(core->instance[0]->state.discon_ns == discon_ns, "nothing was lost, so DisconTime stands");
    failing_claim(core->instance[0]->lanes.count == 1 && core->instance[0]->lanes.n_aside == 0,
                  "edge's live lane");
    failing_claim(core->instance[1]->lanes.count == 0, "no lane of proxy");
    failing_claim(scratch_count(runtime, "proxy", LANE_SUFFIX, NULL) == 0, "no file of a dead lane");
    failing_claim(core->instance[0]->state.oper_status == OPER_UP, "edge is up");
    failing_claim(core->instance[1]->state.oper_status != OPER_UP,
                  "proxy is down (unknown, if it was never seen alive)");
    failing_claim(is_wanted(486) && is_wanted(503) && is_wanted(481) == has_row("BYE", 481),
                  "what is wanted is published");
    failing_claim(has_row("BYE", 481), "the row that a manager made");
    if (core->site.registry)
        registry_stats_get(core->site.registry, &stats);
    failing_claim(stats.users == 2 && stats.contacts == 21, "alice's and bob's contacts");
    failing_claim(stats.strangers == 1, "dave's failure");
    failing_claim(core->site.store && core->site.said_code == 0 && core->site.said_store_code == 0,
                  "no trouble is left");
    failing_claim(walk() > 300, "all tables answer");
    failing_claim(ask(), "sipstat --agent is answered");
}

/* ---- the sweep -------------------------------------------------------------------------------------------------- */

static void
live(void)
{
    if (start() < 0 && start() < 0)
        for (unsigned attempt = 0; attempt < 200 && !core; attempt++)
            start();
    if (!core)
        return;
    open_writer(&edge, "edge");
    open_writer(&proxy, "proxy");
    pass(1100);
    traffic();
    pass(1100);
    walk();
    ask();
    set();
    count(&proxy, 7);
    pass(1100);
    lane_writer_close(&proxy);
    pass(1100);
    count(&edge, 10);
    remove_directory("ua");
    pass(1100);
    pass(1100);
    reload();
    pass(1100);
    pass(35000);
    walk();
    pass(1100);
}

/* One run. Whether something was refused; failing_what says what went wrong. */
static bool
run(enum failing_kind kind, long skipped, long refused, unsigned *lines)
{
    unsigned descriptors;
    bool was_refused;

    failing_what = NULL;
    descriptors = failing_open_descriptors();
    begin_as_left();
    failing_forget_log();
    failing_allow_children(skipped % 5 == 0);
    failing_arm(kind, skipped, refused);
    live();
    was_refused = failing_refused() > 0;
    if (core && failing_refused() < refused) { /* to its end, and again */
        stop();
        was_refused = failing_refused() > 0;
        failing_disarm();
        start();
    }
    failing_disarm();
    if (failing_log_lines() > *lines)
        *lines = failing_log_lines();
    failing_claim(core != NULL, "it starts when there is enough");
    if (core) {
        if (core->reload.last_failed || !core_has_instance(core, "other"))
            reload();
        set(); /* what came by SET ends with the agent */
        check_all();
        stop();
    }
    lane_writer_close(&edge);
    failing_claim(failing_open_descriptors() == descriptors, "every descriptor is given back");
    scratch_remove(dir);
    return was_refused;
}

static unsigned
sweep(const char *name, enum failing_kind kind, long refused, long step)
{
    unsigned failures = 0, lines = 0;
    long skipped = 0, runs = 0;
    bool goes_on = true;

    for (; goes_on && failures < 10; skipped += step, runs++) {
        goes_on = run(kind, skipped, refused, &lines);
        if (failing_what) {
            failures++;
            printf("  %s, number %ld: %s\n%s", name, skipped + 1, failing_what, failing_log());
        }
    }
    if (lines > LINES_MAX)
        failures++;
    printf("%s %s: %ld places, at most %u lines in the log\n", failures ? "not ok" : "ok", name, runs - 1,
           lines);
    fflush(stdout);
    return failures;
}

int
main(int argc, char **argv)
{
    unsigned failures = 0, lines = 0;

    live_before();
    if (argc == 4) { /* one run again: kind, how many go well, how many do not */
        run((enum failing_kind)atoi(argv[1]), atol(argv[2]), atol(argv[3]), &lines);
        printf("%s\n%s", failing_what ? failing_what : "all is well", failing_log());
        scratch_remove(template);
        return failing_what != NULL;
    }
    failures += sweep("one allocation fails", FAILING_MEMORY, 1, 1);
    failures += sweep("many allocations fail", FAILING_MEMORY, BURST, 3);
    failures += sweep("one descriptor is not to be had", FAILING_DESCRIPTORS, 1, 1);
    failures += sweep("many descriptors are not to be had", FAILING_DESCRIPTORS, BURST, 2);
    failures += sweep("the disk is full once", FAILING_DISK, 1, 1);
    failures += sweep("the disk is full for a while", FAILING_DISK, BURST, 2);
    scratch_remove(template);
    return failures != 0;
}
