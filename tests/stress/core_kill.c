/* SPDX-License-Identifier: BSD-2-Clause */
/* Exactly once over every death: writers that keep a ledger are killed at random instants, and so are
 * agents, each of which starts on what the one before left. The sum never falls, and in the end it is what
 * the ledgers say, give or take the message that each killed writer had in hand; so are the failed
 * authentications, which come through the event rings and are kept in the registry. Prints the seed and the
 * tally; a number of seconds as argument, three without. */
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/core.h"
#include "agent/log.h"
#include "agent/registry.h"
#include "sipcore/lane_writer.h"
#include "tests/unit/scratch.h"

enum { WRITERS = 8, MESSAGES_EACH = 2000, FAILURE_EVERY = 20 /* all of a lane's fit its ring */ };

/* What all processes see. A message is begun before it is counted and done after: the lane is between the
 * two. */
struct ledger {
    _Atomic uint64_t begun[WRITERS], done[WRITERS];
    _Atomic uint64_t failures_begun[WRITERS], failures_done[WRITERS];
    _Atomic uint64_t served;    /* the highest sum that any agent served */
    _Atomic uint64_t fell;      /* times an agent served less than one before */
    _Atomic uint64_t discon_ns; /* as the first agent served it */
    _Atomic uint64_t discon_moved;
    _Atomic uint64_t refused;   /* agents that did not start */
    _Atomic uint64_t agents_up; /* agents that lived to serve something */
};

static struct ledger *ledger;
static char dir[PATH_MAX], runtime[PATH_MAX + 8], config_path[PATH_MAX + 16];

static void give_up(const char *what) __attribute__((noreturn));

static void
give_up(const char *what)
{
    fprintf(stderr, "not ok core_kill: %s\n", what);
    exit(1);
}

static pid_t
start_process(void (*run)(unsigned), unsigned number)
{
    pid_t pid = fork();

    if (pid < 0)
        give_up("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(number);
        _exit(1);
    }
    return pid;
}

static void
run_writer(unsigned number)
{
    struct lane_writer_options options = { .dir = runtime, .instance = "edge", .ring_octets = LANE_RING_MIN };
    struct lane_writer w;

    for (;;) {
        if (lane_writer_open(&w, &options, NULL) < 0) {
            poll(NULL, 0, 1);
            continue;
        }
        for (unsigned i = 0; i < MESSAGES_EACH; i++) {
            atomic_fetch_add(&ledger->begun[number], 1);
            lane_count(&w, LANE_IN_REQUESTS);
            atomic_fetch_add(&ledger->done[number], 1);
            if (i % FAILURE_EVERY == 0) {
                atomic_fetch_add(&ledger->failures_begun[number], 1);
                lane_event_auth_failed(&w, 403, span_string("sip:alice@example.com"), 0);
                atomic_fetch_add(&ledger->failures_done[number], 1);
            }
            if (i % 100 == 0)
                poll(NULL, 0, 1);
        }
        lane_writer_close(&w);
    }
}

/* NULL: it does not start, which is said and counted. */
static struct core *
start_core(void)
{
    struct config *config = NULL;
    struct core *core = NULL;
    struct err e = { "" };
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (config_load(config_path, &config, stderr, &e) == 0 && core_start(&core, config, config_path, &e) == 0)
        return core;
    fprintf(stderr, "# an agent does not start: %s\n", e.text);
    atomic_fetch_add(&ledger->refused, 1);
    config_free(config);
    return NULL;
}

static uint64_t
take_failures(struct core *core)
{
    struct registry_reader *reader = registry_reader_new(NULL);
    const struct snapshot *s = core_snapshot_renew(core, 10000);
    const struct snap_instance *edge = s->rows[SNAP_INSTANCES].row[0];
    struct mib_registrations *r = registry_reader_begin(reader, core_registry(s), core_now_ns());
    struct snap_user user = { .auth_failures = 0 };

    r->user_at(r, edge->registry_id, false, 1, &user);
    registry_reader_end(reader);
    core_snapshot_release(core, s);
    registry_reader_free(reader);
    return user.auth_failures;
}

static uint64_t
take_sum(struct core *core)
{
    const struct snapshot *s = core_snapshot_acquire(core, 1000);
    const struct snap_instance *edge = s->rows[SNAP_INSTANCES].row[0];
    uint64_t sum = edge->counters[LANE_IN_REQUESTS], none = 0;

    if (!atomic_compare_exchange_strong(&ledger->discon_ns, &none, edge->discon_ns) &&
        none != edge->discon_ns)
        atomic_fetch_add(&ledger->discon_moved, 1);
    core_snapshot_release(core, s);
    return sum;
}

static void
serve(struct core *core)
{
    uint64_t sum = take_sum(core);

    if (sum < atomic_load(&ledger->served))
        atomic_fetch_add(&ledger->fell, 1);
    atomic_store(&ledger->served, sum);
}

static void
run_agent(unsigned number)
{
    struct core *core = start_core();

    (void)number;
    if (!core)
        _exit(1);
    atomic_fetch_add(&ledger->agents_up, 1);
    for (;;) {
        serve(core);
        poll(NULL, 0, 1);
    }
}

static void
kill_one(pid_t *pid)
{
    kill(*pid, SIGKILL);
    waitpid(*pid, NULL, 0);
}

static void
prepare(unsigned *seed)
{
    struct timespec now;
    FILE *file;

    clock_gettime(CLOCK_REALTIME, &now);
    *seed = (unsigned)now.tv_nsec ^ (unsigned)getpid();
    log_init("core_kill", LOG_LEVEL_WARNING, false);
    ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (ledger == MAP_FAILED)
        give_up("mmap");
    scratch_make(dir);
    snprintf(runtime, sizeof(runtime), "%s/run", dir);
    snprintf(config_path, sizeof(config_path), "%s/sipmib.yaml", dir);
    file = fopen(config_path, "w");
    if (!file)
        give_up("configuration");
    fprintf(file,
            "runtime_dir: %s\nstate_dir: %s\nsnapshot_max_age: 1ms\ninstances:\n"
            "  - {name: edge, appl_index: 1, roles: [registrar_server]}\n",
            runtime, dir);
    fclose(file);
}

/* The kills, for that long. How many there were. */
static unsigned
kill_at_random(unsigned seconds, unsigned *seed)
{
    pid_t writer[WRITERS], agent = start_process(run_agent, 0);
    struct timespec start, now;
    unsigned kills = 0;

    for (unsigned i = 0; i < WRITERS; i++)
        writer[i] = start_process(run_writer, i);
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        unsigned victim =
            (unsigned)rand_r(seed) % (3 * WRITERS); /* most often nobody: agents need time to start */

        poll(NULL, 0, rand_r(seed) % 12);
        if (victim == WRITERS) {
            kill_one(&agent);
            agent = start_process(run_agent, 0);
        } else if (victim < WRITERS) {
            kill_one(&writer[victim]);
            writer[victim] = start_process(run_writer, victim);
        }
        kills += victim <= WRITERS;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec - start.tv_sec < (time_t)seconds);
    for (unsigned i = 0; i < WRITERS; i++)
        kill_one(&writer[i]);
    kill_one(&agent);
    return kills + WRITERS + 1;
}

static uint64_t
add_up(const _Atomic uint64_t each[WRITERS])
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < WRITERS; i++)
        sum += each[i];
    return sum;
}

int
main(int argc, char **argv)
{
    unsigned seed, kills, seconds = argc > 1 ? (unsigned)atoi(argv[1]) : 3;
    uint64_t begun, done, sum, failures_begun, failures_done, failures;
    struct core *core;
    bool is_good;

    prepare(&seed);
    printf("# seed %u\n", seed);
    fflush(stdout); /* or each child would print it too */
    kills = kill_at_random(seconds, &seed);
    core = start_core();
    if (!core)
        give_up("the last agent does not start");
    sum = take_sum(core);
    failures = take_failures(core);
    core_stop(core);
    begun = add_up(ledger->begun);
    done = add_up(ledger->done);
    failures_begun = add_up(ledger->failures_begun);
    failures_done = add_up(ledger->failures_done);
    is_good = sum >= done && sum <= begun && sum >= ledger->served && ledger->fell == 0 &&
              ledger->discon_moved == 0 && failures >= failures_done && failures <= failures_begun;
    printf(
        "%s core_kill: %u kills, %llu agents served; counted %llu to %llu, served %llu, fell %llu times, DisconTime "
        "moved %llu times; %llu to %llu failed authentications, kept %llu\n",
        is_good ? "ok" : "not ok", kills, (unsigned long long)ledger->agents_up, (unsigned long long)done,
        (unsigned long long)begun, (unsigned long long)sum, (unsigned long long)ledger->fell,
        (unsigned long long)ledger->discon_moved, (unsigned long long)failures_done,
        (unsigned long long)failures_begun, (unsigned long long)failures);
    scratch_remove(dir);
    return !is_good;
}
