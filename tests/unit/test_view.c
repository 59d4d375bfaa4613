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

Test(view_page, says_so_when_nothing_is_amiss)
{
    cr_assert(strstr(page("{\"instances\":[]}"), "Nothing was lost, nothing is set aside.\n") != NULL);
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

Test(json_read, reads_every_kind)
{
    struct json_tree t;
    const struct json_value *list;

    cr_assert(
        eq(int, json_read(&t, " {\"a\":[1, -2.5e1,true,false,null,\"x\"] ,\"o\":{\"a\":{}}}\n", &e), 0));
    list = json_get(t.root, "a");
    cr_assert(eq(dbl, list->first->number, 1));
    cr_assert(eq(dbl, list->first->next->number, -25));
    cr_assert(list->first->next->next->is_true);
    cr_assert(eq(int, (int)list->first->next->next->next->next->kind, JSON_NULL));
    cr_assert(eq(str, (char *)list->first->next->next->next->next->next->text, "x"));
    cr_assert(eq(int, (int)json_get(json_get(t.root, "o"), "a")->kind, JSON_OBJECT));
    json_tree_free(&t);
}

Test(json_read, unescapes_strings)
{
    struct json_tree t;

    cr_assert(eq(int, json_read(&t, "\"\\\"\\\\\\/\\n\\u00e9\\u20ac\\ud83d\\ude00\\u0000\\ud83d\"", &e), 0));
    cr_assert(eq(str, (char *)t.root->text, "\"\\/\n\u00e9\u20ac\U0001f600\ufffd\ufffd"));
    json_tree_free(&t);
}

Test(json_read, what_is_not_there_is_nothing)
{
    struct json_tree t;

    cr_assert(eq(int, json_read(&t, "{\"a\":\"x\"}", &e), 0));
    cr_assert(eq(dbl, json_get_number(t.root, "a"), 0));
    cr_assert(eq(str, (char *)json_get_text(json_get(t.root, "b"), "c"), ""));
    cr_assert(not(json_get_bool(NULL, "a")));
    json_tree_free(&t);
}

Test(json_read, refuses_what_is_malformed)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "]",
        "{]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "{\"a\"}",
        "{\"a\":",
        "{a:1}",
        "{\"a\":1,}",
        "\"a",
        "\"\\",
        "\"\\u12",
        "\"\\u12g4\"",
        "\"\\x\"",
        "\"\t\"",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x10",
        "nul",
        "truee",
        "NaN",
        "[1 2]",
        "{} {}",
        "1,",
        "[\"a\":1]",
        "'a'",
        "[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
    };
    struct json_tree t;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert(eq(int, json_read(&t, bad[i], &e), -EBADMSG), "%s", bad[i]);
}

Test(json_read, refuses_every_part_of_a_document)
{
    static const char whole[] = "{\"a\":[1,true,null,\"\\u00e9\\n\"],\"b\":{\"c\":-1.5e3}}";
    struct json_tree t;
    char part[sizeof(whole)];

    for (size_t n = 0; n + 1 < sizeof(whole); n++) {
        memcpy(part, whole, n);
        part[n] = '\0';
        cr_assert(eq(int, json_read(&t, part, &e), -EBADMSG), "%s", part);
    }
}

Test(json_read, is_bounded)
{
    char *many = malloc(JSON_READ_VALUES_MAX + 1);
    struct json_tree t;

    memset(many, ',', JSON_READ_VALUES_MAX);
    many[JSON_READ_VALUES_MAX] = '\0';
    cr_assert(eq(int, json_read(&t, many, &e), -E2BIG));
    free(many);
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
