/* SPDX-License-Identifier: BSD-2-Clause */
/* The viewer as it follows events: each is shown once, on a line of its own, and nobody's name against his will. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/view.h"
#include "agent/view_print.h"
#include "sipcore/sipstat.h"
#include "sipcore/sipstat_internal.h"
#include "tests/unit/scratch.h"

#define AOR "sip:alice@example.org"

static char dir[PATH_MAX];
static struct view v;
static struct err e;
static sipstat_writer *w;
static char *printed;
static size_t printed_octets;

/* A writer of whom everything is wanted. */
static void
set_up(void)
{
    struct sipstat_options options = { .size = sizeof(options), .dir = dir, .instance = "edge" };
    struct lane_interest *interest;
    char path[PATH_MAX + 32];
    int fd;

    scratch_make(dir);
    cr_assert(eq(int, view_open(&v, dir, &e), 0), "%s", e.text);
    cr_assert(eq(int, sipstat_open(&w, &options, NULL, 0), 0));
    snprintf(path, sizeof(path), "%s/edge/%s", dir, LANE_INTEREST_NAME);
    fd = open(path, O_RDWR);
    interest = mmap(NULL, LANE_INTEREST_OCTETS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    cr_assert(interest != MAP_FAILED);
    memset(interest->codes, 0xff, sizeof(interest->codes));
    atomic_store(&interest->flags, LANE_WANT_REGISTRATIONS);
    munmap(interest, LANE_INTEREST_OCTETS);
    cr_assert(eq(int, view_refresh(&v, NULL, 1, &e), 0));
}

static void
tear_down(void)
{
    sipstat_close(w);
    view_close(&v);
    scratch_remove(dir);
    free(printed);
}

TestSuite(view_events, .init = set_up, .fini = tear_down, .timeout = 30);

static const char *
show(bool as_json)
{
    FILE *out;

    free(printed);
    printed = NULL;
    out = open_memstream(&printed, &printed_octets);
    view_print_events(&v, as_json, out);
    fclose(out);
    return printed;
}

/* Whether what is shown now is one line that ends so. */
static bool
shows_line(const char *end)
{
    const char *text = show(false), *newline = strchr(text, '\n');
    size_t octets = strlen(end);

    return newline && newline[1] == '\0' && (size_t)(newline - text) >= octets &&
           memcmp(newline - octets, end, octets) == 0;
}

Test(view_events, are_followed_once_each)
{
    sipstat_set_state(w, SIPSTAT_STATE_CONGESTED);
    cr_assert(shows_line(" edge state congested, was up"), "%s", printed);
    cr_assert(eq(str, (char *)show(false), ""));
}

Test(view_events, that_were_overwritten_are_counted)
{
    show(false);
    for (int i = 0; i < 100000; i++)
        sipstat_set_state(w, SIPSTAT_STATE_UP);
    cr_assert(strstr(show(false), "events were overwritten before they could be shown") != NULL);
}

static const struct sipstat_headers headers = {
    .to = "<sip:b@b>",
    .to_length = 9,
    .from = "<sip:a@a>",
    .from_length = 9,
    .call_id = "c",
    .call_id_length = 1,
    .cseq = 7,
};

Test(view_events, of_responses_name_the_parties)
{
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 486, 0, &headers);
    cr_assert(shows_line("sent 486 to INVITE, CSeq 7, To <sip:b@b>, From <sip:a@a>, Call-ID c"), "%s",
              printed);
}

Test(view_events, of_private_responses_name_nobody)
{
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 486, SIPSTAT_FLAG_PRIVATE, &headers);
    cr_assert(shows_line("sent 486 to INVITE, CSeq 7, To and From private, Call-ID c"), "%s", printed);
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 486, SIPSTAT_FLAG_PRIVATE, &headers);
    cr_assert(strstr(show(true), "\"cseq\":7,\"private\":true,\"call_id\":\"c\"}") != NULL, "%s", printed);
}

Test(view_events, tell_of_failed_authentications)
{
    sipstat_authentication_failed(w, AOR, strlen(AOR), 403);
    cr_assert(shows_line(" edge authentication of sip:alice@example.org failed: 403"), "%s", printed);
    sipstat_authentication_failed(w, AOR, strlen(AOR), 403);
    cr_assert(strstr(show(true), "\"event\":\"authentication_failed\",\"aor\":\"" AOR "\",\"code\":403}") !=
                  NULL,
              "%s", printed);
}

/* ---- bindings --------------------------------------------------------------------------------------------------- */

static const struct sipstat_contact two[] = {
    { .uri = "sip:alice@192.0.2.1;ob",
      .uri_length = 22,
      .display_name = "Al\x1bice",
      .display_name_length = 6,
      .instance = "<urn:uuid:1>",
      .instance_length = 12,
      .expires_s = 60,
      .reg_id = 2,
      .q_thousandths = 500 },
    { .uri = "sip:a@b", .uri_length = 7, .expires_s = UINT32_MAX, .q_thousandths = SIPSTAT_Q_NONE },
};

Test(view_events, list_the_contacts_of_a_user_on_one_line)
{
    sipstat_bindings(w, AOR, strlen(AOR), two, 2);
    cr_assert(
        shows_line(" edge bindings of sip:alice@example.org: \"Al\\x1bice\" <sip:alice@192.0.2.1;ob>;q=0.500;"
                   "expires=60;reg-id=2;+sip.instance=\"<urn:uuid:1>\", <sip:a@b>"),
        "%s", printed);
}

Test(view_events, say_that_a_user_has_no_contacts_left)
{
    sipstat_bindings(w, AOR, strlen(AOR), NULL, 0);
    cr_assert(shows_line(" edge bindings of sip:alice@example.org: none"), "%s", printed);
}

Test(view_events, list_the_contacts_of_a_user_in_json)
{
    sipstat_bindings(w, AOR, strlen(AOR), two, 2);
    cr_assert(
        strstr(show(true),
               "\"event\":\"bindings\",\"aor\":\"" AOR "\",\"part\":0,\"last\":true,\"contacts\":["
               "{\"uri\":\"sip:alice@192.0.2.1;ob\",\"name\":\"Al\\u001bice\",\"q\":0.500,\"expires\":60,"
               "\"reg_id\":2,\"instance\":\"<urn:uuid:1>\"},{\"uri\":\"sip:a@b\"}]}") != NULL,
        "%s", printed);
}

/* So many contacts that they take several records. */
static void
put_many(unsigned count)
{
    static struct sipstat_contact many[1000];

    for (unsigned i = 0; i < count; i++)
        many[i] = two[1];
    sipstat_bindings(w, AOR, strlen(AOR), many, count);
}

static unsigned
contacts_shown(void)
{
    unsigned count = 0;

    for (const char *p = printed; (p = strstr(p, "<sip:a@b>")); p++)
        count++;
    return count;
}

Test(view_events, put_contacts_of_several_records_on_one_line)
{
    put_many(1000);
    sipstat_set_state(w, SIPSTAT_STATE_UP);
    show(false);
    cr_assert(eq(u32, contacts_shown(), 1000));
    cr_assert(strstr(printed, "<sip:a@b>, <sip:a@b>\n") != NULL);
    cr_assert(strstr(printed, "...") == NULL && strstr(printed, "continued") == NULL);
    cr_assert(strstr(strchr(printed, '\n'), "edge state up") != NULL);
}

Test(view_events, number_the_parts_of_a_set_in_json)
{
    put_many(300);
    show(true);
    cr_assert(strstr(printed, "\"part\":0,\"last\":false") != NULL, "%s", printed);
    cr_assert(strstr(printed, "\"part\":1,\"last\":true") != NULL, "%s", printed);
}

/* A part of a set as a writer would put it that is overtaken. */
static void
put_part(uint16_t part, uint16_t flags)
{
    struct {
        struct lane_event_bindings head;
        char aor[4];
        struct lane_contact contact;
        char uri[4];
    } body = { { part, flags, 1, 4 }, "a@bc", { .uri_octets = 4, .q_thousandths = LANE_Q_NONE }, "d@ef" };

    body.contact.expires_s = LANE_EXPIRES_UNKNOWN;
    lane_ring_put(sipstat_writer_lane(w), LANE_EVENT_BINDINGS, &body, sizeof(body), 0);
}

Test(view_events, show_that_a_set_does_not_go_on)
{
    put_part(0, 0);
    cr_assert(shows_line("bindings of a@bc: <d@ef>, ..."), "%s", printed);
    put_part(0, 0);
    put_part(0, LANE_BINDINGS_LAST);
    show(false);
    cr_assert(strstr(printed, "bindings of a@bc: <d@ef>, ...\n") != NULL, "%s", printed);
    cr_assert(strstr(printed, "bindings of a@bc: <d@ef>\n") != NULL, "%s", printed);
}

Test(view_events, show_that_a_set_does_not_begin)
{
    put_part(3, LANE_BINDINGS_LAST);
    cr_assert(shows_line("bindings of a@bc, continued: <d@ef>"), "%s", printed);
}
