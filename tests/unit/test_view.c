/* SPDX-License-Identifier: BSD-2-Clause */
/* The viewer: what it finds, what it adds up, what it prints. Events: test_view_events.c. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/json_read.h"
#include "agent/view.h"
#include "agent/view_agent.h"
#include "agent/view_page.h"
#include "agent/view_print.h"
#include "agent/view_text.h"
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
open_as(const char *instance, const char *software, bool is_collector)
{
    struct sipstat_options options = { .size = sizeof(options), .dir = dir, .instance = instance };
    sipstat_writer *w = NULL;
    char error[256];

    options.software = software;
    options.flags = is_collector ? SIPSTAT_COLLECTOR : 0;
    cr_assert(eq(int, sipstat_open(&w, &options, error, sizeof(error)), 0), "%s", error);
    return w;
}

static sipstat_writer *
open_writer(const char *instance)
{
    return open_as(instance, NULL, false);
}

static void
look(uint64_t now_ns)
{
    cr_assert(eq(int, view_refresh(&v, NULL, now_ns, &e), 0), "%s", e.text);
}

enum form { TABLES, JSON };

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
    else
        view_print_json(&v, out);
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

Test(view, shows_every_status_code_of_the_mib)
{
    sipstat_writer *w = open_writer("edge");

    sipstat_response(w, SIPSTAT_IN, SIPSTAT_UPDATE, 100, 0, NULL);
    sipstat_response(w, SIPSTAT_IN, SIPSTAT_UPDATE, 999, 0, NULL);
    look(SECOND);
    cr_assert(strstr(print(TABLES), "UPDATE            100") != NULL);
    cr_assert(strstr(printed, "UPDATE            999") != NULL);
    sipstat_close(w);
}

Test(view, shows_the_words_that_were_sent)
{
    sipstat_writer *w = open_writer("edge");

    look(SECOND);
    cr_assert(strstr(print(TABLES), "Supported") == NULL);
    sipstat_word(w, SIPSTAT_SUPPORTED, "100rel", 6);
    sipstat_word(w, SIPSTAT_SUPPORTED, "timer", 5);
    sipstat_word(w, SIPSTAT_REQUIRE, "timer", 5);
    sipstat_word(w, SIPSTAT_ALLOW, "INVITE", 6);
    look(2 * SECOND);
    cr_assert(strstr(print(TABLES), "  Supported       100rel, timer\n") != NULL, "%s", printed);
    cr_assert(strstr(printed, "  Require         timer\n") != NULL, "%s", printed);
    cr_assert(strstr(printed, "  Allow           INVITE\n") != NULL, "%s", printed);
    cr_assert(strstr(print(JSON), "{\"word\":\"timer\",\"headers\":[\"Require\",\"Supported\"]}") != NULL,
              "%s", printed);
    sipstat_close(w);
}

Test(view, says_what_could_not_be_kept)
{
    sipstat_writer *w = open_writer("edge");

    sipstat_word(w, SIPSTAT_SUPPORTED, "no token", 8);
    look(SECOND);
    cr_assert(strstr(print(TABLES), "           1  option tags and methods") != NULL, "%s", printed);
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

Test(view, a_collector_does_not_make_the_state)
{
    sipstat_writer *stack = open_writer("edge"), *collector = open_as("edge", NULL, true);

    sipstat_set_state(stack, SIPSTAT_STATE_DOWN);
    sipstat_set_state(collector, SIPSTAT_STATE_UP);
    look(SECOND);
    cr_assert(eq(str, (char *)view_state_name(view_state(v.instance[0])), "down"));
    sipstat_close(stack);
    look(2 * SECOND);
    cr_assert(strstr(print(TABLES), "edge: collector only, 1 writer") != NULL);
    sipstat_set_state(collector, SIPSTAT_STATE_CONGESTED);
    look(3 * SECOND);
    cr_assert(strstr(print(TABLES), "edge: congested, 1 writer") != NULL);
    sipstat_close(collector);
}

/* The longest line printed, and whether any ends in a blank. */
static size_t
longest(const char *text, bool *is_trailing)
{
    size_t most = 0;

    *is_trailing = false;
    for (const char *line = text; *line;) {
        size_t octets = strcspn(line, "\n");

        most = octets > most ? octets : most;
        *is_trailing |= octets > 0 && line[octets - 1] == ' ';
        line += octets + (line[octets] == '\n');
    }
    return most;
}

Test(view, fits_a_terminal_and_leaves_no_blanks)
{
    sipstat_writer *w = open_as("edge", "A SIP server of a long name and version 12.345", false);
    bool is_trailing;

    for (int i = 0; i < 100000; i++)
        sipstat_request(w, SIPSTAT_IN, SIPSTAT_REGISTER, 0);
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_REGISTER, 486, 0, NULL);
    look(SECOND);
    cr_assert(le(sz, longest(print(TABLES), &is_trailing), VIEW_COLUMNS), "%s", printed);
    cr_assert(not(is_trailing), "%s", printed);
    look(2 * SECOND);
    cr_assert(le(sz, longest(print(TABLES), &is_trailing), VIEW_COLUMNS), "%s", printed);
    cr_assert(not(is_trailing), "%s", printed);
    sipstat_close(w);
}

Test(view, prints_no_heading_without_rows)
{
    sipstat_writer *w = open_writer("edge");

    look(SECOND);
    cr_assert(strstr(print(TABLES), "resent in") == NULL);
    cr_assert(strstr(printed, "health") != NULL);
    sipstat_close(w);
}

Test(view, breaks_long_lines_between_words)
{
    FILE *out = open_memstream(&printed, &printed_octets);

    view_put_text(out, 4, "%078d ab c", 0);
    fclose(out);
    cr_assert(eq(sz, strcspn(printed, "\n"), 78));
    cr_assert(eq(str, printed + 78, "\n    ab c\n"));
}

Test(view, says_which_instances_there_are)
{
    sipstat_writer *a = open_writer("edge"), *b = open_writer("core");

    cr_assert(eq(int, view_no_instance(&v, "nosuch", &e), -ENOENT));
    cr_assert(strstr(e.text, "there is no instance nosuch below") != NULL);
    cr_assert(strstr(e.text, "; there is core, edge") != NULL, "%s", e.text);
    sipstat_close(a);
    sipstat_close(b);
}

Test(view, says_that_there_is_no_instance_at_all)
{
    cr_assert(eq(int, view_no_instance(&v, "nosuch", &e), -ENOENT));
    cr_assert(strstr(e.text, "nor any other") != NULL, "%s", e.text);
}

Test(view, names_the_remedy_for_a_directory_it_may_not_read)
{
    char path[PATH_MAX + 32];

    if (geteuid() == 0) {
        tear_down(); /* Criterion runs no .fini after a skip */
        cr_skip("root may read anything");
    }
    snprintf(path, sizeof(path), "%s/edge", dir);
    mkdir(path, 0700);
    chmod(path, 0070); /* its owner may not, its group may */
    look(SECOND);
    cr_assert(eq(int, view_check_access(&v, &e), -EACCES));
    cr_assert(strstr(e.text, "edge: permission denied: join group") != NULL, "%s", e.text);
    cr_assert(strstr(print(TABLES), "edge: permission denied") != NULL);
    cr_assert(strstr(printed, "No instance has a lane") == NULL);
    rmdir(path);
}

Test(view, does_not_miss_the_agents_own_store)
{
    char path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/retained.mdb", dir);
    mkdir(path, 0);
    look(SECOND);
    cr_assert(eq(int, view_check_access(&v, &e), 0));
    rmdir(path);
}

Test(view, says_that_no_agent_runs)
{
    cr_assert(eq(int, view_print_agent(dir, false, stdout, &e), -ENOENT));
    cr_assert(strstr(e.text, "no agent runs here; start sipmibd") != NULL);
}

/* ---- the agent's page ------------------------------------------------------------------------------------------- */

static const char *
page(const char *json)
{
    struct json_tree tree;
    FILE *out;

    cr_assert(eq(int, json_read(&tree, json, &e), 0), "%s", e.text);
    free(printed);
    printed = NULL;
    out = open_memstream(&printed, &printed_octets);
    view_print_page(tree.root, out);
    fclose(out);
    json_tree_free(&tree);
    return printed;
}

static void
free_page(void)
{
    free(printed);
}

TestSuite(view_page, .fini = free_page, .timeout = 30);

Test(view_page, says_why_snmpd_is_not_connected)
{
    page("{\"agentx\":{\"state\":\"disconnected\",\"reason\":\"start snmpd\",\"for_s\":61.5,"
         "\"is_in_master\":true,\"in_master_s\":12.3}}");
    cr_assert(strstr(printed, "snmpd:  NOT connected (disconnected) for 1m01s: start snmpd\n") != NULL, "%s",
              printed);
    cr_assert(strstr(printed, "in a call to snmpd for 12.3 s: snmpd does not answer") != NULL);
}

Test(view_page, has_a_line_for_each_instance)
{
    page("{\"instances\":[{\"name\":\"edge\",\"appl_index\":7,\"status\":\"up\",\"for_s\":3700,"
         "\"lanes\":{\"writers\":2,\"collectors\":1,\"retired\":40}}]}");
    cr_assert(strstr(printed,
                     "  edge                          7  up           1h01m       2          1      40\n") !=
                  NULL,
              "%s", printed);
}

Test(view_page, says_only_what_is_amiss)
{
    page("{\"instances\":[{\"name\":\"edge\",\"lanes\":{\"set_aside\":2,\"refused\":0},"
         "\"set_aside\":[{\"file\":\"a.lane\",\"reason\":\"too \\u001bshort\",\"will_be_tried_again\":true}],"
         "\"overflows\":{\"methods_folded\":3,\"events_cut\":0}}],\"unconfigured_directories\":[\"lab\"],"
         "\"store\":{\"errors\":1,\"last_error\":\"disk full\"},"
         "\"configuration\":{\"path\":\"/x\",\"last_reload_ago_s\":5,\"last_reload_failed\":\"line 3\"}}");
    cr_assert(strstr(printed, "edge: 3 methods folded\n") != NULL);
    cr_assert(strstr(printed, "edge: a.lane set aside for now: too \\x1bshort\n") != NULL, "%s", printed);
    cr_assert(strstr(printed, "edge: 1 more lanes set aside\n") != NULL);
    cr_assert(strstr(printed, "lab: a directory of no configured instance") != NULL);
    cr_assert(strstr(printed, "store: 1 errors, the last: disk full\n") != NULL);
    cr_assert(strstr(printed, "reloading failed 0m05s ago") != NULL);
    cr_assert(strstr(printed, "refused") == NULL);
    cr_assert(strstr(printed, "events cut") == NULL);
}

Test(view_page, says_what_was_begun_anew_and_why)
{
    page(
        "{\"store\":{\"times_damaged\":1,\"times_lost\":2},\"registry\":{\"times_damaged\":3,\"times_lost\":0},"
        "\"pseudonyms\":{\"trouble\":\"it is no key\"},\"controls\":{\"trouble\":\"line 1\"},"
        "\"instances\":[{\"name\":\"edge\",\"lanes\":{\"removed_while_live\":4}}]}");
    cr_assert(strstr(printed, "store: 1 times damaged, set aside and begun anew\n") != NULL, "%s", printed);
    cr_assert(strstr(printed, "store: 2 times gone, and begun anew\n") != NULL, "%s", printed);
    cr_assert(strstr(printed, "registrations: 3 times damaged, set aside and begun anew\n") != NULL);
    cr_assert(strstr(printed, "registrations: 0") == NULL);
    cr_assert(strstr(printed, "pseudonyms: it is no key\n") != NULL);
    cr_assert(strstr(printed, "settings: line 1\n") != NULL);
    cr_assert(strstr(printed, "edge: 4 lanes of live writers were removed: restart those processes\n") !=
              NULL);
    cr_assert(strstr(printed, "Nothing was lost") == NULL);
}

Test(view_page, gives_no_reason_that_it_does_not_know)
{
    page("{\"registry\":{\"is_refused\":true}}");
    cr_assert(strstr(printed, "they wait in the event rings\n") != NULL, "%s", printed);
    page("{\"registry\":{\"is_refused\":true,\"last_error\":\"no luck\"}}");
    cr_assert(strstr(printed, "they wait in the event rings: no luck\n") != NULL, "%s", printed);
}

Test(view_page, says_so_when_nothing_is_amiss)
{
    cr_assert(strstr(page("{\"instances\":[]}"), "Nothing was lost, nothing is set aside.\n") != NULL);
}
