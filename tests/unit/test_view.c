/* SPDX-License-Identifier: BSD-2-Clause */
/* The viewer: what it finds, what it adds up, what it prints; and what the probe says of an AgentX master. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agentx_probe.h"
#include "agent/view.h"
#include "agent/view_agent.h"
#include "agent/view_print.h"
#include "sipcore/sipstat.h"
#include "tests/unit/scratch.h"

#define SECOND 1000000000ull

static char dir[PATH_MAX];
static struct view v;
static struct err e;
static char *printed;
static size_t printed_octets;

static void
set_up(void)
{
    scratch_make(dir);
    cr_assert(eq(int, view_open(&v, dir, &e), 0), "%s", e.text);
}

static void
tear_down(void)
{
    view_close(&v);
    scratch_remove(dir);
    free(printed);
}

static sipstat_writer *
open_writer(const char *instance)
{
    struct sipstat_options options = { .size = sizeof(options), .dir = dir, .instance = instance };
    sipstat_writer *w = NULL;
    char error[256];

    cr_assert(eq(int, sipstat_open(&w, &options, error, sizeof(error)), 0), "%s", error);
    return w;
}

static void
look(uint64_t now_ns)
{
    cr_assert(eq(int, view_refresh(&v, NULL, now_ns, &e), 0), "%s", e.text);
}

enum form { TABLES, JSON, EVENTS };

/* What is printed of the view now. */
static const char *
print(enum form form)
{
    FILE *out;

    free(printed);
    printed = NULL;
    out = open_memstream(&printed, &printed_octets);
    if (form == TABLES)
        view_print(&v, out);
    else if (form == JSON)
        view_print_json(&v, out);
    else
        view_print_events(&v, false, out);
    fclose(out);
    return printed;
}

TestSuite(view, .init = set_up, .fini = tear_down, .timeout = 30);

Test(view, says_so_when_nobody_reports)
{
    look(SECOND);
    cr_assert(eq(sz, v.instances, 0));
    cr_assert(strstr(print(TABLES), "no SIP process or collector reports there yet") != NULL);
}

Test(view, adds_up_the_writers_of_an_instance)
{
    sipstat_writer *a = open_writer("edge"), *b = open_writer("edge");

    sipstat_request(a, SIPSTAT_IN, SIPSTAT_INVITE, 0);
    sipstat_request(b, SIPSTAT_IN, SIPSTAT_INVITE, 0);
    sipstat_response(b, SIPSTAT_OUT, SIPSTAT_INVITE, 486, 0, NULL);
    look(SECOND);
    cr_assert(eq(sz, v.instance[0]->alive, 2));
    cr_assert(eq(u64, v.instance[0]->sum.counters[LANE_IN_REQUESTS], 2));
    cr_assert(strstr(print(TABLES), "INVITE            486") != NULL);
    sipstat_close(a);
    sipstat_close(b);
}

Test(view, shows_rates_from_the_second_look_on)
{
    sipstat_writer *w = open_writer("edge");

    sipstat_request(w, SIPSTAT_IN, SIPSTAT_OPTIONS, 0);
    look(10 * SECOND);
    cr_assert(strstr(print(TABLES), "/s") == NULL);
    for (int i = 0; i < 30; i++)
        sipstat_request(w, SIPSTAT_IN, SIPSTAT_OPTIONS, 0);
    look(12 * SECOND);
    cr_assert(strstr(print(TABLES), "15.0/s") != NULL);
    cr_assert(strstr(print(JSON), "\"in_requests\":15.000") != NULL);
    sipstat_close(w);
}

Test(view, tells_a_dead_writer_from_a_live_one)
{
    sipstat_writer *w = open_writer("edge");

    look(SECOND);
    cr_assert(eq(sz, v.instance[0]->alive, 1));
    sipstat_close(w);
    look(2 * SECOND);
    cr_assert(eq(sz, v.instance[0]->alive, 0));
    cr_assert(eq(sz, v.instance[0]->dead, 1));
    cr_assert(strstr(print(TABLES), "1 dead and not yet retired") != NULL);
}

Test(view, names_a_lane_it_cannot_read_and_why)
{
    char path[PATH_MAX + 32];
    sipstat_writer *w = open_writer("edge");
    int fd;

    snprintf(path, sizeof(path), "%s/edge/bad.lane", dir);
    fd = open(path, O_CREAT | O_WRONLY, 0600);
    cr_assert(eq(int, ftruncate(fd, 100000), 0));
    close(fd);
    look(SECOND);
    cr_assert(eq(sz, v.instance[0]->aside, 1));
    cr_assert(strstr(print(TABLES), "bad.lane: set aside: ") != NULL);
    sipstat_close(w);
}

Test(view, forgets_a_lane_whose_file_is_gone)
{
    char path[2 * PATH_MAX], name[NAME_MAX + 1];
    sipstat_writer *w = open_writer("edge");

    look(SECOND);
    cr_assert(eq(uint, scratch_count(dir, "edge", LANE_SUFFIX, name), 1));
    snprintf(path, sizeof(path), "%s/edge/%s", dir, name);
    unlink(path);
    look(2 * SECOND);
    cr_assert(eq(sz, v.instance[0]->lanes, 0));
    sipstat_close(w);
}

Test(view, shows_the_declared_state)
{
    sipstat_writer *w = open_writer("edge");

    sipstat_set_state(w, SIPSTAT_STATE_QUIESCING);
    look(SECOND);
    cr_assert(strstr(print(TABLES), "edge: quiescing, 1 writer") != NULL);
    sipstat_close(w);
}

Test(view, follows_events_once_each)
{
    sipstat_writer *w = open_writer("edge");

    sipstat_set_state(w, SIPSTAT_STATE_CONGESTED);
    look(SECOND);
    cr_assert(strstr(print(EVENTS), "edge state congested, was up") != NULL);
    cr_assert(eq(str, (char *)print(EVENTS), ""));
    sipstat_close(w);
}

Test(view, counts_events_that_were_overwritten)
{
    sipstat_writer *w = open_writer("edge");

    look(SECOND);
    print(EVENTS);
    for (int i = 0; i < 100000; i++)
        sipstat_set_state(w, SIPSTAT_STATE_UP);
    cr_assert(strstr(print(EVENTS), "events were overwritten before they could be shown") != NULL);
    sipstat_close(w);
}

Test(view, looks_at_one_instance_when_asked_to)
{
    sipstat_writer *a = open_writer("edge"), *b = open_writer("core");

    cr_assert(eq(int, view_refresh(&v, "core", SECOND, &e), 0));
    cr_assert(eq(sz, v.instances, 1));
    cr_assert(eq(str, v.instance[0]->name, "core"));
    sipstat_close(a);
    sipstat_close(b);
}

Test(view, outlines_json_for_people)
{
    FILE *out = open_memstream(&printed, &printed_octets);

    view_print_outline("{\"a\":1,\"b\":{\"c\":\"x \\\"y\\\"\"},\"d\":[]}\n", out);
    fclose(out);
    cr_assert(eq(str, printed, "a: 1\nb: \n  c: x \"y\"\nd: \n"));
}

Test(view, says_that_no_agent_runs)
{
    cr_assert(eq(int, view_print_agent(dir, false, stdout, &e), -ENOENT));
    cr_assert(strstr(e.text, "no agent runs here; start sipmibd") != NULL);
}

/* ---- probe ------------------------------------------------------------------------------------------------------ */

static char reason[256];
static char where[PATH_MAX + 64];

static void
name_socket(void)
{
    scratch_make(dir);
    snprintf(where, sizeof(where), "unix:%s/master", dir);
}

static void
remove_socket(void)
{
    scratch_remove(dir);
}

static int
make_socket(bool is_listening)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", where + strlen("unix:"));
    cr_assert(eq(int, bind(fd, (struct sockaddr *)&address, sizeof(address)), 0));
    if (is_listening)
        cr_assert(eq(int, listen(fd, 4), 0));
    return fd;
}

TestSuite(agentx_probe, .init = name_socket, .fini = remove_socket, .timeout = 30);

Test(agentx_probe, says_that_snmpd_does_not_run)
{
    cr_assert(eq(int, agentx_probe(where, reason, sizeof(reason)), -ENOENT));
    cr_assert(strstr(reason, "does its snmpd.conf say \"master agentx\"") != NULL);
}

Test(agentx_probe, says_that_snmpd_has_ended)
{
    int fd = make_socket(false);

    cr_assert(eq(int, agentx_probe(where, reason, sizeof(reason)), -ECONNREFUSED));
    cr_assert(strstr(reason, "start snmpd") != NULL);
    close(fd);
}

Test(agentx_probe, says_that_the_master_gives_no_session)
{
    int fd = make_socket(true);

    cr_assert(eq(int, agentx_probe(where, reason, sizeof(reason)), 0));
    cr_assert(strstr(reason, "accepts connections but gives no session") != NULL);
    close(fd);
}

Test(agentx_probe, names_the_remedy_for_permission)
{
    char parent[PATH_MAX + 16];

    if (geteuid() == 0) {
        remove_socket(); /* Criterion runs no .fini after a skip */
        cr_skip("root may connect to anything");
    }
    snprintf(parent, sizeof(parent), "%s/closed", dir);
    mkdir(parent, 0);
    snprintf(where, sizeof(where), "unix:%s/closed/master", dir);
    cr_assert(eq(int, agentx_probe(where, reason, sizeof(reason)), -EACCES));
    cr_assert(strstr(reason, "agentXPerms") != NULL);
}

Test(agentx_probe, tries_tcp_too)
{
    cr_assert(eq(int, agentx_probe("tcp:127.0.0.1:1", reason, sizeof(reason)), -ECONNREFUSED));
    cr_assert(strstr(reason, "agentXSocket set to this address") != NULL);
}
