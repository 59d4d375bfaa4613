/* SPDX-License-Identifier: BSD-2-Clause */
/* Registrations from event rings: kept exactly once, whatever is killed or away. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/registry_internal.h"
#include "tests/unit/follow_fixture.h"

TestSuite(follow_registrations, .init = follow_open, .fini = follow_close);

/* ---- registrations ---------------------------------------------------------------------------------------------- */

Test(follow_registrations, registrations_are_wanted_of_a_registrar_and_kept)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    cr_assert(lane_wants_registrations(&w));
    follow_bind(&w, "sip:alice@example.com", 1);
    follow_bind(&w, "sip:bob@example.com", 2);
    follow_poll_rings();
    cr_assert(eq(u32, follow_users(), 2));
    follow_bind(&w, "sip:alice@example.com", 0);
    follow_poll_rings();
    cr_assert(eq(u32, follow_users(), 1));
    lane_writer_close(&w);
}

static uint64_t
registry_contacts_now(void)
{
    struct registry_stats stats;

    registry_stats_get(f.site.registry, &stats);
    return stats.contacts;
}

Test(follow_registrations, a_set_of_several_records_is_one_set)
{
    struct registry_stats stats;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_bind_octets(&w, "sip:alice@example.com", 9, 1000);
    follow_bind(&w, "sip:bob@example.com", 1);
    follow_poll_rings();
    registry_stats_get(f.site.registry, &stats);
    cr_assert(eq(u64, stats.contacts, 10));
    cr_assert(eq(u64, stats.users, 2));
    cr_assert(eq(u64, edge->bindings_broken, 0));
    lane_writer_close(&w);
}

/* A record of a set, as a writer makes it that was killed in the midst of it, or was lapped. */
static void
put_part(struct lane_writer *w, unsigned part, unsigned flags)
{
    static const char aor[] = "sip:alice@example.com";
    struct {
        struct lane_event_bindings head;
        char aor[sizeof(aor) - 1];
    } body = { .head = { .part = (uint16_t)part, .flags = (uint16_t)flags, .aor_octets = sizeof(aor) - 1 } };

    memcpy(body.aor, aor, sizeof(body.aor));
    lane_ring_put(w, LANE_EVENT_BINDINGS, &body, offsetof(__typeof__(body), aor) + sizeof(body.aor), 1);
}

Test(follow_registrations, a_set_that_lacks_a_part_is_dropped_and_counted_once)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_bind(&w, "sip:alice@example.com", 1);
    put_part(&w, 1, 0);
    put_part(&w, 2, 0);
    put_part(&w, 3, LANE_BINDINGS_LAST);
    follow_poll_rings();
    cr_assert(eq(u64, edge->bindings_broken, 1));
    cr_assert(eq(u32, follow_users(), 1));
    put_part(&w, 0, 0);
    follow_bind(&w, "sip:bob@example.com", 1);
    follow_poll_rings();
    cr_assert(eq(u64, edge->bindings_broken, 2));
    put_part(&w, 0, 0);
    follow_status(&w, 486);
    put_part(&w, 1, LANE_BINDINGS_LAST);
    follow_poll_rings();
    cr_assert(eq(u64, edge->bindings_broken, 4));
    cr_assert(eq(u32, follow_users(), 2));
    lane_writer_close(&w);
}

Test(follow_registrations, goes_on_where_the_agent_before_was_and_counts_no_failure_twice)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_fail(&w, "sip:alice@example.com");
    follow_fail(&w, "sip:alice@example.com");
    follow_poll_rings();
    fixture_kill(&f);
    cr_assert(lane_wants_registrations(&w)); /* for the next one */
    follow_fail(&w, "sip:alice@example.com");
    follow_bind(&w, "sip:bob@example.com", 1);
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, follow_registrar);
    edge = f.instance[0];
    follow_poll_rings();
    cr_assert(eq(u64, follow_failures_of("alice@example.com"), 3));
    cr_assert(eq(u32, follow_users(), 1));
    cr_assert(eq(u64, edge->events_lost.total, 0));
    lane_writer_close(&w);
}

/* Names of lanes are random, and so is the order in which a directory lists them. */
Test(follow_registrations, what_dead_writers_reported_is_read_in_the_order_of_their_lives)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    lane_writer_close(&w);
    fixture_kill(&f);
    for (unsigned contacts = 9; contacts > 0; contacts--) {
        fixture_writer(&f, &w, "edge", 0);
        follow_bind(&w, "sip:alice@example.com", contacts);
        lane_writer_close(&w);
    }
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, follow_registrar);
    edge = f.instance[0];
    fixture_tick(&f);
    cr_assert(eq(u64, registry_contacts_now(), 1));
}

Test(follow_registrations, what_no_agent_read_for_long_is_counted_as_lost)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_fail(&w, "sip:alice@example.com");
    follow_poll_rings();
    fixture_kill(&f);
    for (unsigned k = 0; k < 1000; k++)
        follow_fail(&w, "sip:bob@example.com");
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, follow_registrar);
    edge = f.instance[0];
    fixture_tick(&f);
    cr_assert(gt(u64, edge->events_lost.total, 0));
    cr_assert(eq(u64, edge->events_lost.total + follow_failures_of("bob@example.com"), 1000));
    cr_assert(eq(u64, follow_failures_of("alice@example.com"), 1));
    lane_writer_close(&w);
}

Test(follow_registrations, an_agent_killed_before_its_batch_is_committed_loses_and_doubles_nothing)
{
    struct lane_writer w;
    pid_t pid;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_fail(&w, "sip:alice@example.com");
    follow_poll_rings();
    fixture_kill(&f);
    follow_fail(&w, "sip:alice@example.com");
    f.now_ns += FIXTURE_SECOND;
    pid = fork();
    if (pid == 0) {
        fixture_start(&f, follow_registrar);
        instance_follow(f.instance[0], &f.site, f.now_ns);
        _exit(f.site.batch ? 0 : 1);
    }
    cr_assert(eq(int, waitpid(pid, (int[]){ 0 }, 0), pid));
    fixture_start(&f, follow_registrar);
    edge = f.instance[0];
    follow_poll_rings();
    cr_assert(eq(u64, follow_failures_of("alice@example.com"), 2));
    lane_writer_close(&w);
}

Test(follow_registrations, an_ended_writer_is_read_to_its_end_before_its_lane_goes)
{
    struct lane_writer w;
    struct ring_cursor place;
    uint8_t identity[LANE_IDENTITY_OCTETS];

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_bind(&w, "sip:carol@example.com", 1);
    follow_poll_rings();
    memcpy(identity, edge->lanes.lane[0]->reader.header.identity, sizeof(identity));
    cr_assert(registry_get_place(f.site.registry, edge->registry_id, identity, &place));
    follow_bind(&w, "sip:alice@example.com", 1);
    follow_fail(&w, "sip:bob@example.com");
    lane_writer_close(&w);
    fixture_tick(&f);
    cr_assert(eq(u32, edge->lanes.count, 0));
    cr_assert(eq(u32, follow_users(), 2));
    cr_assert(eq(u64, follow_failures_of("bob@example.com"), 1));
    cr_assert(not(registry_get_place(f.site.registry, edge->registry_id, identity, &place)));
}

/* Nobody takes registrations for a while. */
static struct registry *
take_registry_away(void)
{
    struct registry *r = f.site.registry;

    f.site.registry = NULL;
    fixture_tick(&f);
    cr_assert(eq(u32, edge->registry_id, 0));
    return r;
}

Test(follow_registrations, registrations_wait_in_the_ring_for_the_registry_and_news_is_heard_once)
{
    struct registry *r;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_fail(&w, "sip:alice@example.com");
    follow_poll_rings();
    follow_drop_notices();
    r = take_registry_away();
    follow_fail(&w, "sip:alice@example.com");
    follow_status(&w, 486);
    follow_bind(&w, "sip:bob@example.com", 1);
    follow_poll_rings();
    cr_assert(eq(uint, follow_waiting(), 1));
    f.site.registry = r;
    fixture_tick(&f);
    follow_poll_rings();
    cr_assert(eq(u64, follow_failures_of("alice@example.com"), 2));
    cr_assert(eq(u32, follow_users(), 1));
    cr_assert(eq(uint, follow_waiting(), 1));
    lane_writer_close(&w);
}

Test(follow_registrations, an_ended_writer_waits_for_the_registry)
{
    struct registry *r;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    r = take_registry_away();
    follow_bind(&w, "sip:bob@example.com", 1);
    lane_writer_close(&w);
    fixture_tick(&f);
    cr_assert(eq(u32, edge->lanes.count, 1));
    f.site.registry = r;
    fixture_tick(&f);
    fixture_tick(&f);
    cr_assert(eq(u32, edge->lanes.count, 0));
    cr_assert(eq(u32, follow_users(), 1));
}

Test(follow_registrations, an_ended_writer_that_waited_is_read_to_its_end_in_as_many_looks_as_it_takes)
{
    enum { USERS = 9000, MOST_AT_A_LOOK = 4096 };
    struct lane_writer_options options = {
        .dir = f.runtime, .instance = "edge", .software = "fixture/1", .ring_octets = 4 << 20
    };
    struct registry *r;
    struct lane_writer w;
    struct err e;

    cr_assert(eq(int, lane_writer_open(&w, &options, &e), 0), "%s", e.text);
    fixture_tick(&f);
    r = take_registry_away();
    for (unsigned k = 0; k < USERS; k++) {
        char aor[64];

        snprintf(aor, sizeof(aor), "sip:user-%u@example.com", k);
        follow_bind(&w, aor, 1);
    }
    for (unsigned k = 0; k <= USERS / MOST_AT_A_LOOK; k++)
        follow_poll_rings();
    lane_writer_close(&w);
    fixture_tick(&f);
    cr_assert(eq(u32, edge->lanes.count, 1));
    f.site.registry = r;
    for (unsigned k = 0; k < 6; k++)
        fixture_tick(&f);
    cr_assert(eq(u32, follow_users(), USERS));
    cr_assert(eq(u32, edge->lanes.count, 0));
    cr_assert(eq(u64, edge->events_lost.total, 0));
}

Test(follow_registrations, what_is_read_again_is_counted_once)
{
    struct registry *r;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    r = take_registry_away();
    for (unsigned k = 0; k < 10; k++)
        follow_bind(&w, "sip:alice@example.com", 1);
    follow_poll_rings();
    f.site.registry = r;
    for (unsigned k = 0; k < 3; k++)
        fixture_tick(&f);
    follow_poll_rings();
    cr_assert(eq(u32, follow_users(), 1));
    cr_assert(eq(u64, edge->events, 10));
    cr_assert(eq(u64, edge->events_lost.total, 0));
    lane_writer_close(&w);
}

Test(follow_registrations, what_was_read_and_is_lost_before_it_is_kept_is_counted_as_that)
{
    unsigned written = 11 + 2 * LANE_RING_MIN / 64;
    struct registry *r;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    follow_bind(&w, "sip:alice@example.com", 1);
    fixture_tick(&f);
    fixture_tick(&f);
    r = take_registry_away();
    for (unsigned k = 1; k < 11; k++)
        follow_bind(&w, "sip:alice@example.com", 1);
    follow_poll_rings();
    for (unsigned k = 11; k < written; k++)
        follow_fail(&w, "sip:bob@example.com");
    follow_poll_rings();
    f.site.registry = r;
    for (unsigned k = 0; k < 3; k++)
        fixture_tick(&f);
    cr_assert(ge(u64, edge->events_lost_again, 10));
    cr_assert(eq(u64, edge->events + edge->events_lost.total - edge->events_lost_again, written));
    lane_writer_close(&w);
}

Test(follow_registrations, an_ended_writer_does_not_wait_for_ever)
{
    struct registry *r;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    r = take_registry_away();
    follow_bind(&w, "sip:bob@example.com", 1);
    lane_writer_close(&w);
    for (unsigned k = 0; k < 32; k++)
        fixture_tick(&f);
    cr_assert(eq(u32, edge->lanes.count, 0));
    cr_assert(eq(u64, edge->events_lost.total, 1));
    f.site.registry = r;
}

Test(follow_registrations, a_new_registry_gets_what_the_rings_still_have)
{
    struct registry *r;
    struct lane_writer w;
    struct err e;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_bind(&w, "sip:bob@example.com", 1);
    follow_poll_rings();
    follow_drop_notices();
    r = take_registry_away();
    registry_release(r);
    cr_assert(eq(int, registry_set_aside(f.runtime, f.site.runtime_fd, &e), 0));
    cr_assert(eq(int, registry_open(&f.site.registry, f.runtime, f.site.runtime_fd, &e), 0), "%s", e.text);
    f.site.registry_generation++;
    fixture_tick(&f);
    cr_assert(eq(u32, follow_users(), 1));
    cr_assert(eq(uint, follow_waiting(), 0));
    lane_writer_close(&w);
}

/* The agent ends in order, as the core does it, and another one starts. */
static void
end_and_start(void)
{
    instance_leave(edge, &f.site, f.now_ns);
    instance_follow(edge, &f.site, f.now_ns);
    instance_keep_places(edge, &f.site, f.now_ns);
    site_commit(&f.site, f.now_ns);
    follow_restart(follow_registrar);
}

Test(follow_registrations, the_last_ones_of_a_removed_lane_are_kept_at_the_end)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    follow_bind(&w, "sip:alice@example.com", 1);
    follow_poll_rings();
    cr_assert(eq(int, unlinkat(edge->dir_fd, edge->lanes.lane[0]->name, 0), 0));
    follow_bind(&w, "sip:bob@example.com", 1);
    end_and_start();
    cr_assert(eq(u32, edge->lanes.count, 0));
    cr_assert(eq(u32, follow_users(), 2));
    lane_writer_close(&w);
}

/* Registers another user, without a ring between. */
static void
put_user(unsigned number)
{
    struct lane_binding contact = { .uri = span_string("sip:somebody@192.0.2.1:5060"), .expires_s = 60 };
    struct registry_batch *batch = site_batch(&f.site, f.now_ns);
    char aor[64];

    cr_assert(batch != NULL);
    snprintf(aor, sizeof(aor), "sip:user%u@example.com", number);
    registry_put_bindings(batch, edge->registry_id, span_string(aor), &contact, 1, 60,
                          site_unix_ns(f.now_ns));
    cr_assert(eq(int, site_commit(&f.site, f.now_ns), 0));
}

static void
expire_all(void)
{
    struct registry_batch *batch;

    do {
        batch = site_batch(&f.site, f.now_ns);
        cr_assert(batch != NULL);
        registry_expire(batch, 50);
        cr_assert(eq(int, site_commit(&f.site, f.now_ns), 0));
    } while (registry_next_ns(f.site.registry) <= f.now_ns);
}

Test(follow_registrations, want_of_room_is_said_once_until_there_is_room_again)
{
    struct registry *r = take_registry_away();
    struct err e;
    unsigned n = 0;

    registry_release(r);
    cr_assert(eq(int, registry_set_aside(f.runtime, f.site.runtime_fd, &e), 0));
    cr_assert(eq(int, registry_open_sized(&f.site.registry, f.runtime, f.site.runtime_fd, 2 << 20, &e), 0));
    f.site.registry_generation++;
    fixture_tick(&f);
    while (n < 100000 && !f.site.refused.is_on)
        put_user(n++);
    cr_assert(gt(uint, n, 100));
    f.now_ns += 2 * FLOOD_QUIET_NS;
    put_user(0);
    cr_assert(f.site.refused.is_on, "a refresh makes no room");
    cr_assert(eq(u64, f.site.refused.total, 1));
    f.now_ns += 60 * FIXTURE_SECOND;
    expire_all();
    cr_assert(not(f.site.refused.is_on));
    cr_assert(eq(u64, f.site.refused.total, 1));
}

Test(follow_registrations, a_damaged_ring_is_followed_no_more)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    fixture_tick(&f);
    atomic_store(&w.ring->head, 7);
    fixture_tick(&f);
    cr_assert(eq(u64, edge->damaged, 1));
    cr_assert(eq(u32, edge->lanes.count, 0));
    cr_assert(eq(u32, edge->lanes.n_aside, 1));
    lane_writer_close(&w);
}
