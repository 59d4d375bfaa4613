/* SPDX-License-Identifier: BSD-2-Clause */
/* How fast registrations go from the event ring into LMDB: new ones, and all of them refreshed in another
 * order. Against bare mdb_put of the very rows that the registry has then, in the order in which they came, as
 * many in a transaction. And what memory a million of them take. */
#include <fcntl.h>
#include <lmdb.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/core.h"
#include "agent/instance_internal.h"
#include "agent/log.h"
#include "agent/registry_internal.h"
#include "tests/bench/bench.h"
#include "tests/unit/agent_fixture.h"
#include "tests/unit/scratch.h"

enum {
    USERS = 100000,
    RUNS = 5,
    COMMIT = 4096,  /* as many as an instance's rings give in a turn */
    MANY = 1000000, /* of whom the memory is told ... */
    MANY_COMMIT =
        64, /* ... who come a few at a time, as in most of their life: what is free between commits is small */
    RING_OCTETS = 64 << 20,
    EXPIRES_S = 3600,
    TABLES = 4,
    ROW_OCTETS = 512
};

static const char registrar[] = "  - name: edge\n"
                                "    appl_index: 1\n"
                                "    roles: [registrar_server]\n";

/* A table of the registry as it is in the end, row i being what user i + 1 has there. */
struct table {
    MDB_val key[USERS], value[USERS];
    uint8_t *octets; /* of all of them */
};

/* What one user registers. */
struct user {
    char aor[64], uri[80], instance[64];
    struct lane_binding binding;
    bool is_given;
};

static struct agent_fixture f;
static struct lane_writer writer;
static struct table tables[TABLES];
static unsigned order[USERS];    /* users' numbers, as they come */
static unsigned index_of[USERS]; /* of user number i, less 1: as the users first came */

static void
insist(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "bench_registry: %s\n", what);
    exit(1);
}

static void
make_user(struct user *u, unsigned number)
{
    snprintf(u->aor, sizeof(u->aor), "sip:+4930%08u@ims.example.com", number);
    snprintf(u->uri, sizeof(u->uri), "sip:+4930%08u@10.%u.%u.%u:5060;transport=tcp;ob", number,
             number >> 16 & 255, number >> 8 & 255, number & 255);
    snprintf(u->instance, sizeof(u->instance), "<urn:uuid:f81d4fae-7dec-11d0-a765-0000%08x>", number);
    u->binding = (struct lane_binding){ .uri = span_string(u->uri),
                                        .name = span_string("Some Body"),
                                        .instance = span_string(u->instance),
                                        .expires_s = EXPIRES_S,
                                        .reg_id = 1,
                                        .q_thousandths = LANE_Q_NONE };
    u->is_given = false;
}

static void
shuffle(void)
{
    for (unsigned i = 0; i < USERS; i++) {
        unsigned other = (unsigned)(random() % (i + 1));

        order[i] = order[other];
        order[other] = i;
    }
}

/* ---- ours ------------------------------------------------------------------------------------------------------- */

static bool
give(void *context, struct lane_binding *out)
{
    struct user *u = context;
    bool is_first = !u->is_given;

    u->is_given = true;
    *out = u->binding;
    return is_first;
}

static void
record_all(void)
{
    for (unsigned i = 0; i < USERS; i++) {
        struct user u;

        make_user(&u, order[i]);
        lane_event_bindings(&writer, span_string(u.aor), give, &u, 0);
    }
}

/* Turns of the core thread until the ring is read to its end; seconds. */
static double
take_all(void)
{
    uint64_t before = f.instance[0]->events;
    double start = bench_now_ns();

    while (f.instance[0]->events - before < USERS) {
        uint64_t now_ns = core_now_ns();

        instance_follow(f.instance[0], &f.site, now_ns);
        site_commit(&f.site, now_ns);
    }
    return (bench_now_ns() - start) / 1e9;
}

/* ---- the same by LMDB alone ------------------------------------------------------------------------------------- */

static MDB_val
keep(uint8_t **next, MDB_val from)
{
    MDB_val copy = { .mv_size = from.mv_size, .mv_data = *next };

    memcpy(*next, from.mv_data, from.mv_size);
    *next += from.mv_size;
    return copy;
}

/* Whose row it is: names (table 0) have users' indexes for values; all others have them in their keys. */
static uint32_t
user_of(unsigned table, MDB_val key, MDB_val value)
{
    struct registry_key k;
    uint32_t user = 0;

    if (table == 0)
        memcpy(&user, value.mv_data, sizeof(user));
    else if (registry_user_key_read(registry_span(key), &k) ||
             registry_contact_key_read(registry_span(key), &k) ||
             registry_deadline_key_read(registry_span(key), &k))
        user = k.user;
    insist(user >= 1 && user <= USERS, "a row is nobody's");
    return user - 1;
}

/* The rows that the registry has now. */
static void
copy_rows(void)
{
    const struct registry *r = f.site.registry;
    const MDB_dbi from[TABLES] = { r->names, r->users, r->contacts, r->deadlines };
    MDB_txn *txn;

    insist(mdb_txn_begin(r->env, NULL, MDB_RDONLY, &txn) == 0, "no transaction");
    for (unsigned t = 0; t < TABLES; t++) {
        uint8_t *next = tables[t].octets;
        MDB_cursor *cursor;
        MDB_val key, value;
        unsigned n = 0;

        insist(mdb_cursor_open(txn, from[t], &cursor) == 0, "no cursor");
        for (; mdb_cursor_get(cursor, &key, &value, MDB_NEXT) == 0; n++) {
            uint32_t user = user_of(t, key, value);

            tables[t].key[user] = keep(&next, key);
            tables[t].value[user] = keep(&next, value);
        }
        mdb_cursor_close(cursor);
        insist(n == USERS && next <= tables[t].octets + USERS * ROW_OCTETS,
               "there are not as many rows as users");
    }
    mdb_txn_abort(txn);
}

/* Put the rows of tables `first` and behind, in the order in which the users came; seconds. */
static double
put_all(MDB_env *env, const MDB_dbi *dbi, unsigned first)
{
    MDB_txn *txn = NULL;
    double start = bench_now_ns();

    for (unsigned i = 0; i < USERS; i++) {
        uint32_t user = index_of[order[i]];

        if (!txn)
            insist(mdb_txn_begin(env, NULL, 0, &txn) == 0, "no transaction");
        for (unsigned t = first; t < TABLES; t++)
            insist(mdb_put(txn, dbi[t], &tables[t].key[user], &tables[t].value[user], 0) == 0, "no put");
        if (i % COMMIT == COMMIT - 1 || i == USERS - 1) {
            insist(mdb_txn_commit(txn) == 0, "no commit");
            txn = NULL;
        }
    }
    return (bench_now_ns() - start) / 1e9;
}

/* An environment such as the registry's. */
static MDB_env *
open_bare(const char *dir, MDB_dbi *dbi)
{
    static const char *const names[TABLES] = { "names", "users", "contacts", "deadlines" };
    MDB_env *env;
    MDB_txn *txn;

    insist(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, TABLES) == 0 &&
               mdb_env_set_mapsize(env, (size_t)1 << 30) == 0 &&
               mdb_env_open(env, dir, MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS, 0600) == 0 &&
               mdb_txn_begin(env, NULL, 0, &txn) == 0,
           "no environment");
    for (unsigned t = 0; t < TABLES; t++)
        insist(mdb_dbi_open(txn, names[t], MDB_CREATE, &dbi[t]) == 0, "no table");
    insist(mdb_txn_commit(txn) == 0, "no commit");
    return env;
}

/* ---- the run ---------------------------------------------------------------------------------------------------- */

struct rates {
    double ours[RUNS], bare[RUNS];
};

static void
run(struct rates *new, struct rates *again, unsigned n)
{
    struct lane_writer_options options = { .dir = f.runtime, .instance = "edge", .ring_octets = RING_OCTETS };
    MDB_dbi dbi[TABLES];
    struct err e = { "" };
    char dir[PATH_MAX];
    MDB_env *env;

    fixture_open(&f, registrar);
    options.dir = f.runtime;
    insist(lane_writer_open(&writer, &options, &e) == 0, e.text);
    fixture_tick(&f);
    scratch_make(dir);
    env = open_bare(dir, dbi);
    shuffle();
    for (unsigned i = 0; i < USERS; i++)
        index_of[order[i]] = i;
    record_all();
    new->ours[n] = USERS / take_all();
    copy_rows();
    new->bare[n] = USERS / put_all(env, dbi, 0);
    shuffle();
    record_all();
    again->ours[n] = USERS / take_all();
    copy_rows();
    again->bare[n] = USERS / put_all(env, dbi, 2); /* users and their names stay */
    lane_writer_close(&writer);
    fixture_close(&f);
    mdb_env_close(env);
    scratch_remove(dir);
}

static void
report(const char *what, const struct rates *rates)
{
    char absolute[80];

    bench_report(&(struct bench_row){ .name = what,
                                      .unit = "bindings/s",
                                      .values = rates->ours,
                                      .count = RUNS,
                                      .baseline = "mdb_put of the same rows",
                                      .baseline_values = rates->bare,
                                      .target = 0.3,
                                      .at_least = true,
                                      .section = "registrations" });
    snprintf(absolute, sizeof(absolute), "%s, absolute", what);
    bench_report(&(struct bench_row){ .name = absolute,
                                      .unit = "bindings/s",
                                      .values = rates->ours,
                                      .count = RUNS,
                                      .target = 100000,
                                      .at_least = true,
                                      .section = "registrations" });
}

static void
measure_rates(void)
{
    static struct rates new, again;

    for (unsigned t = 0; t < TABLES; t++)
        insist((tables[t].octets = malloc((size_t)USERS * ROW_OCTETS)) != NULL, "no memory");
    for (unsigned i = 0; i < USERS; i++)
        order[i] = i;
    for (unsigned n = 0; n < RUNS; n++)
        run(&new, &again, n);
    report("new bindings, in any order", &new);
    report("refreshes, in another order", &again);
    for (unsigned t = 0; t < TABLES; t++)
        free(tables[t].octets);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

/* `strings`: octets of addresses-of-record, contact URIs and display names. */
static void
report_memory(const struct registry *r, size_t strings, size_t heap)
{
    double own = (double)strings / MANY + REGISTRY_CONTACT_KEY_OCTETS, octets;
    struct registry_stats stats;
    struct bench_row row = { .name = "a contact and its user, in LMDB and on the heap",
                             .unit = "octets",
                             .values = &octets,
                             .count = 1,
                             .baseline = "its key and strings",
                             .baseline_values = &own,
                             .target = 3,
                             .section = "contact memory" };

    registry_stats_get(r, &stats);
    insist(stats.contacts == MANY, "there are not as many contacts as users");
    octets = (double)(stats.octets + heap) / MANY;
    bench_report(&row);
    row.name = "the same, absolute";
    row.baseline = NULL;
    row.target = 400;
    bench_report(&row);
}

static void
put_many(struct registry *r, uint32_t id, size_t *strings)
{
    struct registry_clock now = { .now_ns = core_now_ns(), .unix_ns = site_unix_ns(core_now_ns()) };
    struct registry_batch *batch = NULL;
    struct err e = { "" };

    for (unsigned i = 0; i < MANY; i++) {
        struct user u;

        make_user(&u, i);
        *strings += strlen(u.aor) + u.binding.uri.length + u.binding.name.length;
        if (!batch)
            insist(registry_begin(r, &now, &batch, &e) == 0, e.text);
        registry_put_bindings(batch, id, span_string(u.aor), &u.binding, 1, EXPIRES_S, now.unix_ns);
        if (i % MANY_COMMIT != MANY_COMMIT - 1 && i != MANY - 1)
            continue;
        insist(registry_commit(batch, &e) == 0, e.text);
        batch = NULL;
    }
}

static void
measure_memory(void)
{
    size_t strings = 0, heap = mallinfo2().uordblks;
    struct err e = { "" };
    struct registry *r;
    char dir[PATH_MAX];
    uint32_t id = 0;
    int dir_fd;

    scratch_make(dir);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    insist(registry_open(&r, dir, dir_fd, &e) == 0 && registry_instance(r, "edge", &id, &e) == 0, e.text);
    put_many(r, id, &strings);
    report_memory(r, strings, mallinfo2().uordblks - heap);
    registry_release(r);
    close(dir_fd);
    scratch_remove(dir);
}

int
main(void)
{
    setenv("TMPDIR", "/dev/shm", 0); /* where registrations are: in memory */
    bench_pin(0);
    log_init("bench", LOG_LEVEL_ERROR, false);
    measure_rates();
    measure_memory();
    return 0;
}
