/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry with many users: registers SIPMIB_CONTACTS contacts (20,000 unless given; two for every fifth user) in
 * random order, refreshes them in another one, reopens it, walks both tables, and lets all of them end. Every row is
 * held against what is known, and it says what that cost in time and space. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/registry.h"
#include "tests/unit/scratch.h"

enum { BATCH = 1000, CONTACTS = 20000, EXPIRES_S = 3600, OCTETS_MAX = 400 };

#define SECOND UINT64_C(1000000000)

static char dir[PATH_MAX];
static int dir_fd;
static struct registry *registry;
static uint32_t id;
static struct registry_clock now_is;
static struct err e;

static void
insist(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "not so: %s (%s)\n", what, e.text);
    scratch_remove(dir);
    exit(1);
}

static double
seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
say(const char *what, unsigned n, double since)
{
    double now = seconds();

    printf("%-28s %9u in %6.2f s, %9.0f/s\n", what, n, now - since, n / (now - since));
    return now;
}

static void
open_it(void)
{
    insist(registry_open(&registry, dir, dir_fd, &e) == 0, "it opens");
    insist(registry_instance(registry, "edge", &id, &e) == 0, "it knows the instance");
}

static bool
has_two(unsigned user)
{
    return user % 5 == 0;
}

static void
put(struct registry_batch *b, unsigned user)
{
    struct lane_binding bindings[2];
    char aor[64], uri[2][128], instance[2][64];
    unsigned n = has_two(user) ? 2 : 1;

    snprintf(aor, sizeof(aor), "sip:+4930%08u@ims.example.com", user);
    for (unsigned i = 0; i < n; i++) {
        snprintf(uri[i], sizeof(uri[i]), "sip:+4930%08u@10.%u.%u.%u:50%02u;transport=tcp;ob", user,
                 user >> 16 & 255, user >> 8 & 255, user & 255, i);
        snprintf(instance[i], sizeof(instance[i]), "<urn:uuid:f81d4fae-7dec-11d0-a765-%04x%08x>", i, user);
        bindings[i] = (struct lane_binding){ .uri = span_string(uri[i]),
                                             .name = span_string("Some Body"),
                                             .instance = span_string(instance[i]),
                                             .expires_s = EXPIRES_S,
                                             .reg_id = 1,
                                             .q_thousandths = 1000 };
    }
    registry_put_bindings(b, id, span_string(aor), bindings, n, EXPIRES_S, now_is.unix_ns);
}

static unsigned *
shuffled(unsigned n)
{
    unsigned *order = malloc(n * sizeof(*order));

    insist(order != NULL, "there is memory");
    for (unsigned i = 0; i < n; i++) {
        unsigned other = (unsigned)(random() % (i + 1));

        order[i] = order[other];
        order[other] = i;
    }
    return order;
}

static void
put_all(unsigned users)
{
    unsigned *order = shuffled(users);
    struct registry_batch *b = NULL;

    for (unsigned i = 0; i < users; i++) {
        if (!b)
            insist(registry_begin(registry, &now_is, &b, &e) == 0, "a batch begins");
        put(b, order[i]);
        if (i % BATCH == BATCH - 1 || i == users - 1) {
            insist(registry_commit(b, &e) == 0, "a batch ends");
            b = NULL;
        }
        now_is.now_ns += SECOND / 1000;
        now_is.unix_ns += SECOND / 1000;
    }
    free(order);
}

static void
walk(unsigned users, unsigned contacts)
{
    struct registry_reader *reader = registry_reader_new(NULL);
    struct mib_registrations *m;
    struct snap_contact c = { 0 };
    struct snap_user u = { 0 };
    unsigned n = 0;
    double since = seconds();

    insist(reader != NULL, "there is a reader");
    for (m = registry_reader_begin(reader, registry, now_is.now_ns);
         m->user_at(m, id, false, u.index + 1, &u); n++) {
        insist(u.index == n + 1, "users come in order");
        registry_reader_end(reader); /* one request each, as GETNEXT has it */
        m = registry_reader_begin(reader, registry, now_is.now_ns);
    }
    insist(n == users, "all users are there");
    since = say("users walked", n, since);
    n = 0;
    while (m->contact_at(m, id, false, c.user, c.index + 1, &c)) {
        n++;
        registry_reader_end(reader);
        m = registry_reader_begin(reader, registry, now_is.now_ns);
    }
    insist(n == contacts, "all contacts are there");
    say("contacts walked", n, since);
    registry_reader_free(reader);
}

static void
end_all(void)
{
    struct registry_batch *b;
    unsigned n = 0;
    double since = seconds();

    now_is.now_ns += (EXPIRES_S + 1) * SECOND;
    while (registry_next_ns(registry) <= now_is.now_ns) {
        insist(registry_begin(registry, &now_is, &b, &e) == 0, "a batch begins");
        n += registry_expire(b, BATCH);
        insist(registry_commit(b, &e) == 0, "a batch ends");
    }
    say("contacts ended", n, since);
}

static struct registry_stats
look(const char *when, unsigned contacts)
{
    struct registry_stats stats;

    registry_stats_get(registry, &stats);
    printf("%-28s %9.1f MB, %.0f octets a contact\n", when, (double)stats.octets / 1e6,
           (double)stats.octets / contacts);
    return stats;
}

int
main(void)
{
    const char *given = getenv("SIPMIB_CONTACTS");
    unsigned contacts = given ? (unsigned)strtoul(given, NULL, 10) : CONTACTS, users = contacts / 6 * 5;
    struct registry_stats stats;
    double since;

    contacts = users + users / 5;
    log_init("registry_million", LOG_LEVEL_ERROR, false);
    scratch_make(dir);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    now_is = (struct registry_clock){ .now_ns = 100000 * SECOND, .unix_ns = 1700000000 * SECOND };
    open_it();
    since = seconds();
    put_all(users);
    say("users registered", users, since);
    stats = look("size", contacts);
    insist(stats.users == users && stats.contacts == contacts, "as many as were put");
    insist(stats.octets / contacts <= OCTETS_MAX, "a contact takes no more than it should");
    since = seconds();
    put_all(users);
    say("users refreshed", users, since);
    look("size after the refreshes", contacts);
    registry_release(registry);
    since = seconds();
    open_it();
    printf("%-28s %19.2f s\n", "opened again in", seconds() - since);
    walk(users, contacts);
    end_all();
    stats = look("size at the end", contacts);
    insist(stats.users == 0 && stats.contacts == 0 && stats.expired == contacts, "all have ended");
    registry_release(registry);
    close(dir_fd);
    scratch_remove(dir);
    return 0;
}
