/* SPDX-License-Identifier: BSD-2-Clause */
/* The public API: its no-ops, and where each call counts. Opening: test_sipstat_open.c; what an
 * agent has to ask for: test_sipstat_events.c. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sipcore/sipstat.h"
#include "sipcore/sipstat_internal.h"
#include "tests/unit/sandbox.h"
#include "tests/unit/scratch.h"

static char dir[PATH_MAX];
static char error[256];
static sipstat_writer *w;
static struct lane_reader r;
static struct err e;

static struct sipstat_options
edge(void)
{
    return (struct sipstat_options){ .size = sizeof(struct sipstat_options), .dir = dir, .instance = "edge" };
}

/* Attach the only lane of the instance. */
static bool
attach(void)
{
    char path[PATH_MAX + 80], name[NAME_MAX + 1];
    int dir_fd, code;

    if (scratch_count(dir, "edge", LANE_SUFFIX, name) != 1)
        return false;
    snprintf(path, sizeof(path), "%s/edge", dir);
    dir_fd = open(path, O_RDONLY | O_DIRECTORY);
    code = lane_reader_open(&r, dir_fd, name, &e);
    close(dir_fd);
    return code == 0;
}

static void
open_edge(void)
{
    struct sipstat_options o = edge();

    scratch_make(dir);
    cr_assert(eq(int, sipstat_open(&w, &o, error, sizeof(error)), 0), "%s", error);
    cr_assert(attach());
}

static void
close_edge(void)
{
    lane_reader_close(&r);
    sipstat_close(w);
    scratch_remove(dir);
}

static const struct lane_copy *
counted(void)
{
    cr_assert(eq(int, lane_reader_refresh(&r, &e), 0), "%s", e.text);
    return &r.copy;
}

TestSuite(sipstat, .init = open_edge, .fini = close_edge);

/* ---- no-ops
 * ----------------------------------------------------------------------------------------------------- */

static const char message[] =
    "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nCSeq: 1 OPTIONS\r\n"
    "To: <sip:a@b>\r\nFrom: <sip:c@d>;tag=1\r\nCall-ID: 1\r\n\r\n";

/* Every call that takes a writer. */
static bool
call_everything(sipstat_writer *writer, bool is_ignored)
{
    struct sipstat_headers headers = { .to = "to", .to_length = 2 };
    struct sipstat_contact contact = { .uri = "sip:a@b", .uri_length = 7 };
    enum sipstat_observed observed;
    unsigned method = sipstat_method(writer, "FOO", 3);

    sipstat_request(writer, SIPSTAT_IN, method, 0);
    sipstat_response(writer, SIPSTAT_OUT, method, 486, SIPSTAT_FLAG_RETRANSMISSION, &headers);
    sipstat_response(writer, SIPSTAT_OUT, SIPSTAT_BYE, 200, 0, NULL);
    sipstat_transaction_begin(writer);
    sipstat_transaction_end(writer);
    sipstat_discarded(writer);
    sipstat_unsupported_uri(writer);
    sipstat_unsupported_method(writer);
    sipstat_proxy_require_failed(writer);
    sipstat_register_accepted(writer);
    sipstat_register_rejected(writer);
    sipstat_bindings(writer, "sip:a@b", 7, &contact, 1);
    sipstat_authentication_failed(writer, "sip:a@b", 7, 403);
    sipstat_word(writer, SIPSTAT_SUPPORTED, "path", 4);
    sipstat_word(writer, SIPSTAT_SUPPORTED, "no token", 8);
    sipstat_association(writer, SIPSTAT_IN, SIPSTAT_ASSOCIATION_OPENED);
    sipstat_set_state(writer, SIPSTAT_STATE_QUIESCING);
    sipstat_tick(writer, 0);
    observed = sipstat_observe(writer, SIPSTAT_IN, message, sizeof(message) - 1, NULL, 0);
    return (observed == SIPSTAT_IGNORED) == is_ignored;
}

Test(sipstat, every_call_on_no_writer_does_nothing)
{
    cr_assert(call_everything(NULL, true));
    cr_assert(eq(uint, sipstat_method(NULL, "INVITE", 6), METHOD_OTHER));
    sipstat_close(NULL);
    cr_assert(sipstat_writer_lane(NULL) == NULL);
}

static int
child_calls_do_nothing(void)
{
    bool is_nothing = call_everything(w, true) && sipstat_writer_lane(w) == NULL;

    sipstat_close(w);
    return is_nothing;
}

Test(sipstat, every_call_in_a_forked_child_does_nothing)
{
    sipstat_discarded(w);
    cr_assert(eq(int, sandbox_run(child_calls_do_nothing), true));
    cr_assert(lane_reader_alive(&r));
    cr_assert(eq(u64, counted()->counters[LANE_DISCARDED], 1));
    cr_assert(eq(u64, counted()->counters[LANE_IN_REQUESTS], 0));
}

static int
calls_without_the_kernel(void)
{
    /* The process is another: it needs a writer of its own. */
    struct sipstat_options o = edge();
    struct lane_interest *interest;
    char path[PATH_MAX + 32];
    int fd;

    if (sipstat_open(&w, &o, error, sizeof(error)) < 0)
        return false;
    snprintf(path, sizeof(path), "%s/edge/%s", dir, LANE_INTEREST_NAME);
    fd = open(path, O_RDWR);
    interest = mmap(NULL, LANE_INTEREST_OCTETS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memset(interest->codes, 0xff, sizeof(interest->codes));
    atomic_store(&interest->flags, LANE_WANT_REGISTRATIONS);
    if (!sandbox_kill_system_calls())
        return SANDBOX_SKIP;
    for (unsigned i = 0; i < 3000; i++)
        if (!call_everything(w, false))
            return false;
    return true;
}

Test(sipstat, no_call_but_open_and_close_makes_a_system_call)
{
    int result = sandbox_run(calls_without_the_kernel);

    if (result == SANDBOX_SKIP) {
        close_edge(); /* a test that is skipped is not cleaned up after */
        cr_skip_test("no seccomp, or a sanitizer that makes calls of its own");
    }
    cr_assert(eq(int, result, true));
}

/* ---- where it counts
 * -------------------------------------------------------------------------------------------- */

Test(sipstat, request_counts_its_direction_and_method)
{
    sipstat_request(w, SIPSTAT_IN, SIPSTAT_INVITE, 0);
    sipstat_request(w, SIPSTAT_OUT, SIPSTAT_BYE, 0);
    sipstat_request(w, SIPSTAT_OUT, SIPSTAT_BYE, 0);
    cr_assert(eq(u64, counted()->counters[LANE_IN_REQUESTS], 1));
    cr_assert(eq(u64, r.copy.counters[LANE_OUT_REQUESTS], 2));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_INVITE][LANE_METHOD_IN], 1));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_BYE][LANE_METHOD_OUT], 2));
}

Test(sipstat, retransmitted_request_is_a_message_and_a_retry)
{
    sipstat_request(w, SIPSTAT_IN, SIPSTAT_INVITE, SIPSTAT_FLAG_RETRANSMISSION);
    sipstat_request(w, SIPSTAT_OUT, SIPSTAT_INVITE, SIPSTAT_FLAG_RETRANSMISSION);
    cr_assert(eq(u64, counted()->counters[LANE_IN_REQUESTS], 1));
    cr_assert(eq(u64, r.copy.counters[LANE_OUT_REQUESTS], 1));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_INVITE][LANE_METHOD_IN], 0));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_INVITE][LANE_METHOD_OUT], 0));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_INVITE][LANE_METHOD_IN_RETRANSMITTED], 1));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_INVITE][LANE_METHOD_OUT_RETRANSMITTED], 1));
}

Test(sipstat, response_counts_its_direction_method_and_code)
{
    sipstat_response(w, SIPSTAT_IN, SIPSTAT_INVITE, 180, 0, NULL);
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 180, 0, NULL);
    cr_assert(eq(u64, counted()->counters[LANE_IN_RESPONSES], 1));
    cr_assert(eq(u64, r.copy.counters[LANE_OUT_RESPONSES], 1));
    cr_assert(eq(u32, r.copy.cells, 2));
    cr_assert(eq(u64, r.copy.cell[1].in, 1));
    cr_assert(eq(u64, r.copy.cell[1].out, 1));
}

Test(sipstat, retransmitted_response_is_counted_as_final_or_not)
{
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 180, SIPSTAT_FLAG_RETRANSMISSION, NULL);
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 200, SIPSTAT_FLAG_RETRANSMISSION, NULL);
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 600, SIPSTAT_FLAG_RETRANSMISSION, NULL);
    sipstat_response(w, SIPSTAT_IN, SIPSTAT_INVITE, 200, SIPSTAT_FLAG_RETRANSMISSION, NULL);
    cr_assert(eq(u64, counted()->counters[LANE_OUT_RESPONSES], 3));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_INVITE][LANE_METHOD_PROVISIONAL_RETRANSMITTED], 1));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_INVITE][LANE_METHOD_FINAL_RETRANSMITTED], 2));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_INVITE][LANE_METHOD_RESPONSES_IN_RETRANSMITTED], 1));
}

Test(sipstat, method_without_a_name_is_other_visibly)
{
    unsigned method = sipstat_method(w, "FOO", 3);

    sipstat_request(w, SIPSTAT_IN, method, 0);
    sipstat_request(w, SIPSTAT_IN, method + 1, 0);
    sipstat_request(w, SIPSTAT_IN, 63, 0);
    sipstat_request(w, SIPSTAT_IN, UINT32_MAX, 0);
    sipstat_response(w, SIPSTAT_IN, 64, 200, 0, NULL);
    cr_assert(eq(u64, counted()->method_counters[method][LANE_METHOD_IN], 1));
    cr_assert(eq(u64, r.copy.method_counters[METHOD_OTHER][LANE_METHOD_IN], 3));
    cr_assert(eq(u64, r.copy.counters[LANE_METHODS_FOLDED], 4));
    cr_assert(eq(u64, r.copy.cell[1].key, LANE_CELL_KEY(METHOD_OTHER, 200)));
}

Test(sipstat, code_that_is_none_is_folded_visibly)
{
    sipstat_response(w, SIPSTAT_IN, SIPSTAT_BYE, 99, 0, NULL);
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_BYE, 1000, 0, NULL);
    cr_assert(eq(u64, counted()->counters[LANE_CELLS_FOLDED], 2));
    cr_assert(eq(u64, r.copy.cell[0].in, 1));
    cr_assert(eq(u64, r.copy.cell[0].out, 1));
    cr_assert(eq(u64, r.copy.counters[LANE_IN_RESPONSES], 1));
}

Test(sipstat, each_plain_call_has_its_counter)
{
    static const struct {
        void (*call)(sipstat_writer *);
        enum lane_counter counter;
    } plain[] = {
        { sipstat_transaction_begin, LANE_TRANS_BEGUN },
        { sipstat_transaction_end, LANE_TRANS_ENDED },
        { sipstat_discarded, LANE_DISCARDED },
        { sipstat_unsupported_uri, LANE_UNSUPPORTED_URIS },
        { sipstat_unsupported_method, LANE_UNSUPPORTED_METHODS },
        { sipstat_proxy_require_failed, LANE_PROXY_REQUIRE_FAILED },
        { sipstat_register_accepted, LANE_REGISTER_ACCEPTED },
        { sipstat_register_rejected, LANE_REGISTER_REJECTED },
    };

    for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        uint64_t sum = 0;

        plain[i].call(w);
        cr_assert(eq(u64, counted()->counters[plain[i].counter], 1));
        for (unsigned k = 0; k < LANE_COUNTERS_MAX; k++)
            sum += r.copy.counters[k];
        cr_assert(eq(u64, sum, i + 1));
    }
}

Test(sipstat, associations_are_unknown_until_reported)
{
    cr_assert(not(counted()->has_associations));
    sipstat_association(w, SIPSTAT_IN, SIPSTAT_ASSOCIATION_OPENED);
    cr_assert(counted()->has_associations);
}

Test(sipstat, each_association_event_has_its_counter)
{
    for (int direction = 0; direction < 2; direction++)
        for (int what = 0; what < 3; what++)
            for (int n = 0; n <= 3 * direction + what; n++)
                sipstat_association(w, direction, what);
    for (unsigned i = 0; i < 6; i++)
        cr_assert(eq(u64, counted()->counters[LANE_ASSOC_IN_OPENED + i], i + 1));
    sipstat_association(w, SIPSTAT_IN, 3);
    cr_assert(eq(u64, counted()->counters[LANE_ASSOC_OUT_OPENED], 4));
}

Test(sipstat, state_out_of_range_is_ignored)
{
    sipstat_set_state(w, 1);
    sipstat_set_state(w, 8);
    cr_assert(eq(u32, counted()->state, SIPSTAT_STATE_UP));
    cr_assert(eq(u64, r.copy.counters[LANE_EVENTS_WRITTEN], 0));
}

Test(sipstat, state_is_an_event_that_nobody_needs_to_ask_for)
{
    static struct ring_event event;
    struct ring_cursor c;

    sipstat_set_state(w, SIPSTAT_STATE_TESTING);
    cr_assert(eq(int, ring_cursor_init(&c, &r, true, &e), 0));
    cr_assert(eq(int, ring_next(&c, &r, &event, &e), 1));
    cr_assert(eq(u32, event.state.state, SIPSTAT_STATE_TESTING));
    cr_assert(gt(u64, event.record.time_ns, 1600000000ull * 1000000000));
}

Test(sipstat, observed_message_is_counted)
{
    cr_assert(
        eq(int, sipstat_observe(w, SIPSTAT_IN, message, sizeof(message) - 1, NULL, 0), SIPSTAT_COUNTED));
    cr_assert(eq(u64, counted()->counters[LANE_IN_REQUESTS], 1));
    cr_assert(eq(u64, r.copy.method_counters[SIPSTAT_OPTIONS][LANE_METHOD_IN], 1));
    cr_assert(eq(u64, r.copy.counters[LANE_TRANS_BEGUN], 1));
}

Test(sipstat, observed_message_repeated_is_a_retransmission)
{
    struct sipstat_addresses udp = { .transport = SIPSTAT_UDP };

    sipstat_observe(w, SIPSTAT_IN, message, sizeof(message) - 1, &udp, 1000);
    cr_assert(eq(int, sipstat_observe(w, SIPSTAT_IN, message, sizeof(message) - 1, &udp, 2000),
                 SIPSTAT_RETRANSMISSION));
}

Test(sipstat, observed_transaction_ends_when_time_passes)
{
    sipstat_observe(w, SIPSTAT_OUT, message, sizeof(message) - 1, NULL, 1000000000);
    sipstat_tick(w, 34ull * 1000000000);
    cr_assert(eq(u64, counted()->counters[LANE_TRANS_ENDED], 1));
    cr_assert(eq(u64, r.copy.counters[LANE_TRANS_TIMED_OUT], 1));
}

Test(sipstat, message_without_octets_is_no_crash)
{
    cr_assert(ne(int, sipstat_observe(w, SIPSTAT_IN, NULL, 0, NULL, 0), SIPSTAT_COUNTED));
}

Test(sipstat, frame_finds_the_end_of_a_message)
{
    char stream[1024] = "\r\n\r\nOPTIONS sip:a@b SIP/2.0\r\nContent-Length: 3\r\n\r\nabcINVITE";
    size_t skip = 99;

    cr_assert(eq(int, sipstat_frame(stream, strlen(stream), &skip), 49));
    cr_assert(eq(sz, skip, 4));
}

Test(sipstat, says_its_version)
{
    cr_assert(eq(str, (char *)sipstat_version(), SIPMIB_VERSION));
}
