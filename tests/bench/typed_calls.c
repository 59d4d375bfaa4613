/* SPDX-License-Identifier: BSD-2-Clause */
/* The typed calls in batches, by the installed library. */
#include "tests/bench/typed_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/scratch.h"

static void
fail(const char *what)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    abort();
}

/* A new file of so many octets, written and mapped. */
static void *
map_file(const char *dir, const char *name, const void *head, size_t head_octets, size_t octets)
{
    char path[PATH_MAX + NAME_MAX];
    void *map;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0 || posix_fallocate(fd, 0, (off_t)octets) != 0 ||
        pwrite(fd, head, head_octets, 0) != (ssize_t)head_octets)
        fail(path);
    map = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (map == MAP_FAILED)
        fail(path);
    close(fd);
    return map;
}

static void
set_text(const char **text, size_t *length, const char *value)
{
    *text = value;
    *length = strlen(value);
}

static void
open_writer(struct typed_calls *t, const char *dir, const char *instance)
{
    struct sipstat_options options = { .size = sizeof(options), .dir = dir, .instance = instance };
    char error[256];

    if (sipstat_open(&t->writer, &options, error, sizeof(error)) < 0)
        fail(error);
    set_text(&t->headers.to, &t->headers.to_length, "Bob <sip:bob@biloxi.example.com>;tag=a6c85cf");
    set_text(&t->headers.from, &t->headers.from_length,
             "Alice <sip:alice@atlanta.example.com>;tag=1928301774");
    set_text(&t->headers.call_id, &t->headers.call_id_length, "a84b4c76e66710@pc33.atlanta.example.com");
    t->headers.cseq = 314159;
}

static void
open_own(struct typed_calls *t)
{
    t->own = map_file(t->dir, "own", "", 1, (size_t)TYPED_CALLS_OWN_LINES * 64);
}

void
typed_calls_open(struct typed_calls *t)
{
    static const struct lane_interest nothing = { .magic = LANE_INTEREST_MAGIC, .abi = LANE_ABI };
    char instance_dir[PATH_MAX + 8];

    *t = (struct typed_calls){ .interest = NULL };
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    scratch_make(t->dir);
    snprintf(instance_dir, sizeof(instance_dir), "%s/bench", t->dir);
    if (mkdir(instance_dir, 02770) < 0)
        fail(instance_dir);
    t->interest = map_file(instance_dir, LANE_INTEREST_NAME, &nothing, sizeof(nothing), LANE_INTEREST_OCTETS);
    open_own(t);
    open_writer(t, t->dir, "bench");
}

void
typed_calls_open_in(struct typed_calls *t, const char *dir, const char *instance)
{
    *t = (struct typed_calls){ .interest = NULL };
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    scratch_make(t->dir);
    open_own(t);
    open_writer(t, dir, instance);
}

void
typed_calls_close(struct typed_calls *t)
{
    sipstat_close(t->writer);
    munmap(t->own, (size_t)TYPED_CALLS_OWN_LINES * 64);
    if (t->interest)
        munmap(t->interest, LANE_INTEREST_OCTETS);
    scratch_remove(t->dir);
}

void
typed_calls_want(struct typed_calls *t, bool is_wanted)
{
    for (unsigned i = 0; i < LANE_CODE_WORDS; i++)
        atomic_store_explicit(&t->interest->codes[i], is_wanted ? UINT64_MAX : 0, memory_order_relaxed);
}

static double
thread_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* ---- batches ---------------------------------------------------------------------------------------------------- */

static void
increment(_Atomic uint64_t *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

void
typed_four_increments(struct typed_calls *t)
{
    _Atomic uint64_t *own = t->own; /* a counter is not where it is */

    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i++) {
        increment(&own[0]);
        increment(&own[1]);
        increment(&own[2]);
        increment(&own[3]);
    }
}

void
typed_requests(struct typed_calls *t)
{
    sipstat_writer *w = t->writer;

    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i++)
        sipstat_request(w, SIPSTAT_IN, SIPSTAT_INVITE, 0);
}

void
typed_responses(struct typed_calls *t)
{
    sipstat_writer *w = t->writer;

    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i++)
        sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 200, 0, NULL);
}

void
typed_varied_responses(struct typed_calls *t)
{
    sipstat_writer *w = t->writer;

    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i += 8) {
        sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 100, 0, NULL);
        sipstat_response(w, SIPSTAT_IN, SIPSTAT_INVITE, 180, 0, NULL);
        sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 180, 0, NULL);
        sipstat_response(w, SIPSTAT_OUT, SIPSTAT_REGISTER, 401, 0, NULL);
        sipstat_response(w, SIPSTAT_IN, SIPSTAT_INVITE, 200, 0, NULL);
        sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 200, 0, NULL);
        sipstat_response(w, SIPSTAT_IN, SIPSTAT_BYE, 200, 0, NULL);
        sipstat_response(w, SIPSTAT_OUT, SIPSTAT_BYE, 200, 0, NULL);
    }
}

void
typed_transactions(struct typed_calls *t)
{
    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i++) {
        sipstat_request(t->writer, SIPSTAT_IN, SIPSTAT_BYE, 0);
        sipstat_transaction_begin(t->writer);
        sipstat_response(t->writer, SIPSTAT_OUT, SIPSTAT_BYE, 200, 0, NULL);
        sipstat_transaction_end(t->writer);
    }
}

void
typed_bare_responses(struct typed_calls *t)
{
    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i++)
        sipstat_response(t->writer, SIPSTAT_OUT, SIPSTAT_INVITE, 486, 0, NULL);
}

void
typed_full_responses(struct typed_calls *t)
{
    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i++)
        sipstat_response(t->writer, SIPSTAT_OUT, SIPSTAT_INVITE, 486, 0, &t->headers);
}

void
typed_no_writer(struct typed_calls *t)
{
    (void)t;
    for (unsigned i = 0; i < TYPED_CALLS_BATCH; i++)
        sipstat_request(NULL, SIPSTAT_IN, SIPSTAT_INVITE, 0);
}

/* Of this thread: what else the machine does shows in the caches only. */
double
typed_calls_time(struct typed_calls *t, typed_calls_batch *batch)
{
    double start = thread_ns();

    batch(t);
    return (thread_ns() - start) / TYPED_CALLS_BATCH;
}
