/* SPDX-License-Identifier: BSD-2-Clause */
/* The ring seen between any two instructions of its writer: the writer is a child that is traced step by
 * step, and after each step every reader's question is asked. What holds here holds for a writer that is
 * killed anywhere, too. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sipcore/sipstat.h"
#include "tests/unit/scratch.h"

enum {
    UNTRACED = 90, /* written at full speed: together less than the ring, so nothing is overwritten yet */
    TRACED = 20,
    ALL = UNTRACED + TRACED
};

static char dir[PATH_MAX];
static struct lane_reader reader;
static struct err e;

/* Record `number` is so long, and filled with its number. */
static size_t
body_octets(uint64_t number)
{
    return number * 53 % 300;
}

static uint64_t
record_octets(uint64_t number)
{
    return (sizeof(struct lane_record) + body_octets(number) + 7) & ~(uint64_t)7;
}

static void
put(struct lane_writer *w, uint64_t number)
{
    uint8_t body[300];

    memset(body, (int)number, sizeof(body));
    lane_ring_put(w, 77, body, body_octets(number), number);
}

static bool
is_record(const struct ring_event *event, uint64_t number)
{
    const uint8_t *body = (const uint8_t *)event->body;

    if (event->record.sequence != number || event->record.time_ns != number ||
        event->record.body_octets != body_octets(number))
        return false;
    for (size_t i = 0; i < event->record.body_octets; i++)
        if (body[i] != (uint8_t)number)
            return false;
    return true;
}

static void
be_the_writer(void)
{
    struct lane_writer_options options = { .dir = dir, .instance = "edge", .ring_octets = LANE_RING_MIN };
    static struct lane_writer w;

    if (lane_writer_open(&w, &options, &e) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(1);
    for (uint64_t number = 1; number <= UNTRACED; number++)
        put(&w, number);
    raise(SIGSTOP);
    for (uint64_t number = UNTRACED + 1; number <= ALL; number++)
        put(&w, number);
    _exit(0);
}

static bool
attach(void)
{
    char path[PATH_MAX + 8], name[NAME_MAX + 1];
    int dir_fd, code;

    if (scratch_count(dir, "edge", LANE_SUFFIX, name) != 1)
        return false;
    snprintf(path, sizeof(path), "%s/edge", dir);
    dir_fd = open(path, O_RDONLY | O_DIRECTORY);
    code = lane_reader_open(&reader, dir_fd, name, &e);
    close(dir_fd);
    return code == 0;
}

/* What has been seen so far. */
struct view {
    uint64_t oldest, oldest_position; /* the oldest record not known to be overwritten */
    struct ring_cursor newest;
    uint64_t got;
    uint64_t steps;
    const char *fault;
};

/* A reader that comes to the oldest record now gets it whole, or learns that it is gone. */
static void
try_oldest(struct view *v)
{
    static struct ring_event event;

    for (;;) {
        struct ring_cursor c = { .position = v->oldest_position, .next_sequence = v->oldest };
        int code = ring_next(&c, &reader, &event, &e);

        if (code < 0)
            v->fault = e.text;
        else if (code == 1 && !is_record(&event, event.record.sequence))
            v->fault = "a torn record";
        if (v->fault || (code == 1 && event.record.sequence == v->oldest))
            return;
        v->oldest_position += record_octets(v->oldest);
        v->oldest++;
        if (v->oldest > UNTRACED)
            return;
    }
}

/* A reader that keeps up gets every record as soon as it is published. */
static void
try_newest(struct view *v)
{
    static struct ring_event event;
    int code = ring_next(&v->newest, &reader, &event, &e);

    if (code < 0)
        v->fault = e.text;
    else if (code == 1 && !is_record(&event, UNTRACED + ++v->got))
        v->fault = "the wrong record";
    if (v->newest.lost > 0)
        v->fault = "a loss that is none";
    if (lane_reader_refresh(&reader, &e) < 0)
        v->fault = e.text;
}

/* A reader that attaches now starts at the right number. */
static void
try_new_cursor(struct view *v)
{
    struct ring_cursor c;

    if (ring_cursor_init(&c, &reader, false, &e) < 0)
        v->fault = e.text;
    else if (c.next_sequence != 0 &&
             (c.next_sequence != UNTRACED + v->got + 1 || c.position != v->newest.position))
        v->fault = "a new reader starts at the wrong number";
}

static bool
step(pid_t child)
{
    int status;

    return ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) == 0 && waitpid(child, &status, 0) == child &&
           WIFSTOPPED(status);
}

static void
watch(pid_t child, struct view *v)
{
    v->oldest = 1;
    ring_cursor_init(&v->newest, &reader, false, &e);
    while (!v->fault && step(child)) {
        v->steps++;
        try_newest(v);
        if (!v->fault)
            try_new_cursor(v);
        if (!v->fault)
            try_oldest(v);
    }
}

Test(ring_steps, no_reader_is_misled_between_any_two_instructions)
{
    struct view v = { .fault = NULL };
    int status;
    pid_t child;

    scratch_make(dir);
    child = fork();
    if (child == 0)
        be_the_writer();
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
        scratch_remove(dir);
        cr_skip_test("tracing is not allowed on this machine");
    }
    if (attach())
        watch(child, &v);
    else
        v.fault = e.text;
    kill(child, SIGKILL);
    lane_reader_close(&reader);
    scratch_remove(dir);
    cr_assert(v.fault == NULL, "%s after %d steps", v.fault, (int)v.steps);
    cr_assert(eq(u64, v.got, TRACED));
    cr_assert(gt(u64, v.oldest, 1));
}
