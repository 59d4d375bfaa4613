/* SPDX-License-Identifier: BSD-2-Clause */
/* The adapter for libre: real stacks on loopback, in one process, each counted by its own writer. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define METHOD_MAX RE_METHOD_MAX /* sipcore has one too */
#include <re.h>
#undef METHOD_MAX

#include "collectors/stacks/re/sipstat_re.h"
#include "tests/unit/scratch.h"

enum { STACKS = 2, HASH_SIZE = 8, GUARD_MS = 5000, SETTLE_MS = 50 };

struct stack {
    struct sip *sip;
    struct sip_lsnr *answers;
    struct sa local;
    sipstat_writer *writer;
    char instance[8];
};

static char dir[PATH_MAX];
static struct stack stacks[STACKS];
static struct tmr guard;

static bool
answer(const struct sip_msg *request, void *arg)
{
    struct stack *s = arg;

    (void)sip_treply(NULL, s->sip, request, 200, "OK");
    return true;
}

static void
listen_on_loopback(struct stack *s)
{
    struct sa any;

    sa_set_str(&any, "127.0.0.1", 0);
    cr_assert(eq(int, sip_transp_add(s->sip, SIP_TRANSP_UDP, &any), 0));
    cr_assert(eq(int, sip_transp_laddr(s->sip, &s->local, SIP_TRANSP_UDP, &any), 0));
}

static void
start(struct stack *s, unsigned number)
{
    struct sipstat_options options = { .size = sizeof(options), .dir = dir, .instance = s->instance };
    char error[256];

    snprintf(s->instance, sizeof(s->instance), "re-%u", number);
    cr_assert(eq(int, sip_alloc(&s->sip, NULL, HASH_SIZE, HASH_SIZE, HASH_SIZE, "test", NULL, NULL), 0));
    cr_assert(eq(int, sipstat_open(&s->writer, &options, error, sizeof(error)), 0), "%s", error);
    cr_assert(eq(int, sipstat_re_attach(s->sip, s->writer), 0));
    cr_assert(eq(int, sip_listen(&s->answers, s->sip, true, answer, s), 0));
    listen_on_loopback(s);
}

static void
setup(void)
{
    scratch_make(dir);
    cr_assert(eq(int, libre_init(), 0));
    for (unsigned i = 0; i < STACKS; i++)
        start(&stacks[i], i);
}

static void
teardown(void)
{
    for (unsigned i = 0; i < STACKS; i++) {
        sip_close(stacks[i].sip, true);
        sipstat_re_detach(stacks[i].sip);
        mem_deref(stacks[i].answers);
        mem_deref(stacks[i].sip);
        sipstat_close(stacks[i].writer);
    }
    libre_close();
    scratch_remove(dir);
}

TestSuite(sipstat_re, .init = setup, .fini = teardown);

/* ---- the event loop --------------------------------------------------------------------------------------------- */

static void
stop_loop(void *arg)
{
    (void)arg;
    re_cancel();
}

static void
run_for(uint64_t ms)
{
    tmr_start(&guard, ms, stop_loop, NULL);
    cr_assert(eq(int, re_main(NULL), 0));
    tmr_cancel(&guard);
}

static void
answered(int err, const struct sip_msg *response, void *arg)
{
    bool *is_answered = arg;

    *is_answered = err == 0 && response != NULL && response->scode == 200;
    re_cancel();
}

/* An OPTIONS from one stack to the other, and its 200. */
static void
ask(const struct stack *from, const struct stack *to)
{
    struct sip_request *request;
    char uri[64];
    bool is_answered = false;

    re_snprintf(uri, sizeof(uri), "sip:%J", &to->local);
    cr_assert(
        eq(int,
           sip_requestf(&request, from->sip, true, "OPTIONS", uri, NULL, NULL, NULL, answered, &is_answered,
                        "From: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>\r\nCall-ID: %llu\r\n"
                        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
                        rand_u64()),
           0));
    run_for(GUARD_MS);
    cr_assert(is_answered);
}

/* A datagram from nowhere in particular. */
static void
throw_at(const struct stack *to, const char *text)
{
    struct mbuf mb = { .buf = (uint8_t *)text, .size = strlen(text), .end = strlen(text) };

    cr_assert(eq(int, udp_send_anon(&to->local, &mb), 0));
    run_for(SETTLE_MS);
}

/* ---- what was counted ------------------------------------------------------------------------------------------- */

static uint64_t
counted(const struct stack *s, enum lane_counter counter)
{
    char path[PATH_MAX + 80], name[NAME_MAX + 1];
    struct lane_reader r;
    struct err e;
    uint64_t value;
    int dir_fd;

    cr_assert(eq(uint, scratch_count(dir, s->instance, LANE_SUFFIX, name), 1));
    snprintf(path, sizeof(path), "%s/%s", dir, s->instance);
    dir_fd = open(path, O_RDONLY | O_DIRECTORY);
    cr_assert(eq(int, lane_reader_open(&r, dir_fd, name, &e), 0), "%s", e.text);
    close(dir_fd);
    value = r.copy.counters[counter];
    lane_reader_close(&r);
    return value;
}

static void
expect_counts(const struct stack *s, uint64_t in_requests, uint64_t out_requests, uint64_t in_responses,
              uint64_t out_responses)
{
    cr_expect(eq(u64, counted(s, LANE_IN_REQUESTS), in_requests));
    cr_expect(eq(u64, counted(s, LANE_OUT_REQUESTS), out_requests));
    cr_expect(eq(u64, counted(s, LANE_IN_RESPONSES), in_responses));
    cr_expect(eq(u64, counted(s, LANE_OUT_RESPONSES), out_responses));
}

Test(sipstat_re, stacks_of_one_process_count_apart_though_libre_tells_them_by_the_same_argument)
{
    ask(&stacks[0], &stacks[1]);
    expect_counts(&stacks[0], 0, 1, 1, 0);
    expect_counts(&stacks[1], 1, 0, 0, 1);
}

Test(sipstat_re, message_on_a_known_socket_counts_once)
{
    ask(&stacks[0], &stacks[1]);
    ask(&stacks[0], &stacks[1]);
    ask(&stacks[1], &stacks[0]);
    expect_counts(&stacks[0], 1, 2, 2, 1);
    expect_counts(&stacks[1], 2, 1, 1, 2);
}

Test(sipstat_re, datagram_that_libre_cannot_decode_is_discarded_once_its_socket_is_known)
{
    ask(&stacks[0], &stacks[1]);
    throw_at(&stacks[1], "INVITE sip:b@example.org SIP/2.0\r\nnonsense\r\n\r\n");
    cr_expect(eq(u64, counted(&stacks[1], LANE_DISCARDED), 1));
    cr_expect(eq(u64, counted(&stacks[0], LANE_DISCARDED), 0));
}

Test(sipstat_re, keepalive_is_no_message)
{
    ask(&stacks[0], &stacks[1]);
    throw_at(&stacks[1], "\r\n\r\n\r\n\r\n");
    cr_expect(eq(u64, counted(&stacks[1], LANE_DISCARDED), 0));
    expect_counts(&stacks[1], 1, 0, 0, 1);
}

Test(sipstat_re, transport_that_is_replaced_goes_on_counting_once)
{
    ask(&stacks[0], &stacks[1]);
    sip_transp_flush(stacks[1].sip);
    listen_on_loopback(&stacks[1]);
    ask(&stacks[0], &stacks[1]);
    ask(&stacks[0], &stacks[1]);
    expect_counts(&stacks[1], 3, 0, 0, 3);
}

Test(sipstat_re, nothing_counts_after_detach)
{
    ask(&stacks[0], &stacks[1]);
    sipstat_re_detach(stacks[1].sip);
    ask(&stacks[0], &stacks[1]);
    expect_counts(&stacks[1], 1, 0, 0, 1);
    expect_counts(&stacks[0], 0, 2, 2, 0);
}

Test(sipstat_re, stack_without_a_writer_is_left_as_it_is)
{
    sipstat_re_detach(stacks[1].sip);
    cr_expect(eq(int, sipstat_re_attach(stacks[1].sip, NULL), 0));
    cr_expect(eq(int, sipstat_re_attach(NULL, stacks[1].writer), -EINVAL));
    ask(&stacks[0], &stacks[1]);
    expect_counts(&stacks[1], 0, 0, 0, 0);
}

Test(sipstat_re, stack_is_attached_once)
{
    cr_expect(eq(int, sipstat_re_attach(stacks[0].sip, stacks[0].writer), -EALREADY));
}

Test(sipstat_re, there_is_room_for_so_many_stacks_and_detaching_makes_room)
{
    struct sip *more[SIPSTAT_RE_STACKS_MAX] = { NULL };
    int last = 0;

    for (unsigned i = 0; i < SIPSTAT_RE_STACKS_MAX - STACKS + 1; i++) {
        cr_assert(eq(int, sip_alloc(&more[i], NULL, HASH_SIZE, HASH_SIZE, HASH_SIZE, NULL, NULL, NULL), 0));
        last = sipstat_re_attach(more[i], stacks[0].writer);
        cr_expect(eq(int, last, i < SIPSTAT_RE_STACKS_MAX - STACKS ? 0 : -ENOSPC));
    }
    sipstat_re_detach(more[0]);
    cr_expect(eq(int, sipstat_re_attach(more[SIPSTAT_RE_STACKS_MAX - STACKS], stacks[0].writer), 0));
    for (unsigned i = 0; i < SIPSTAT_RE_STACKS_MAX && more[i]; i++) {
        sipstat_re_detach(more[i]);
        mem_deref(more[i]);
    }
}
