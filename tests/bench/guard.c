/* SPDX-License-Identifier: BSD-2-Clause */
/* The hot paths, one at a time, for callgrind: `guard NAME` runs one and prints how often, `guard` their names. What is
 * to be counted runs below guard_counted() and nothing else does: valgrind --tool=callgrind
 * --toggle-collect=guard_counted. tests/bench/guard_instructions divides and compares. */
#include "tests/bench/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sipcore/observer.h"
#include "sipcore/sipstat.h"
#include "sipcore/sipstat_internal.h"
#include "tests/bench/sip_corpus.h"
#include "tests/unit/lane_fixture.h"
#include "tests/unit/scratch.h"

enum { PASSES = 4, CALLS = 10000, DIALOGS = 32, TRANSACTIONS = 65536 };

void
guard_must(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "guard: %s\n", what);
    exit(1);
}

/* ---- typed calls ---- */

static char dir[PATH_MAX];
static sipstat_writer *writer;
static struct lane_interest wanted;
static const char to[] = "Bob <sip:bob@biloxi.example.com>;tag=a6c85cf";
static const char from[] = "Alice <sip:alice@atlanta.example.com>;tag=1928301774";
static const char call_id[] = "a84b4c76e66710@pc33.atlanta.example.com";
static const struct sipstat_headers headers = {
    .to = to,
    .from = from,
    .call_id = call_id,
    .to_length = sizeof(to) - 1,
    .from_length = sizeof(from) - 1,
    .call_id_length = sizeof(call_id) - 1,
    .cseq = 314159,
};

static void
open_writer(void)
{
    struct sipstat_options options = { .size = sizeof(options), .instance = "guard", .dir = dir };
    char error[256] = "";

    scratch_make(dir);
    guard_must(sipstat_open(&writer, &options, error, sizeof(error)) == 0, error);
}

static void
open_wanted(void)
{
    open_writer();
    memset((void *)&wanted, 0xff, sizeof(wanted));
    sipstat_writer_lane(writer)->interest = &wanted;
}

static void
close_writer(void)
{
    sipstat_close(writer);
    scratch_remove(dir);
}

static unsigned
requests(void)
{
    for (unsigned i = 0; i < CALLS; i++)
        sipstat_request(writer, SIPSTAT_IN, SIPSTAT_INVITE, 0);
    return CALLS;
}

static unsigned
responses(void)
{
    for (unsigned i = 0; i < CALLS; i++)
        sipstat_response(writer, SIPSTAT_OUT, SIPSTAT_INVITE, 200, 0, NULL);
    return CALLS;
}

static unsigned
recorded_responses(void)
{
    for (unsigned i = 0; i < CALLS; i++)
        sipstat_response(writer, SIPSTAT_OUT, SIPSTAT_INVITE, 486, 0, &headers);
    return CALLS;
}

/* ---- raw messages ---- */

static struct lane_writer lane;
static struct lane_fixture *memory;
static struct observer *observer;
static struct corpus corpus;
static uint32_t serial;
static uint64_t clock_ns;

static void
open_observer(void)
{
    struct observer_options options = { .max_transactions = TRANSACTIONS, .hash_key = "sixteen octets.." };
    struct err e = { "" };

    memory = lane_fixture_new(&lane);
    guard_must(memory != NULL, "memory");
    observer = observer_new(&options, &e);
    guard_must(observer != NULL, e.text);
    corpus = corpus_new(DIALOGS);
    clock_ns = 1000000;
}

static void
close_observer(void)
{
    corpus_free(&corpus);
    observer_free(observer);
    free(memory);
}

static void
renew_corpus(void)
{
    corpus_renew(&corpus, ++serial);
}

static unsigned
observe(void)
{
    for (size_t i = 0; i < corpus.messages; i++)
        observer_message(observer, &lane, corpus.message[i].direction, corpus.message[i].octets, SIPSTAT_UDP,
                         clock_ns += 300000);
    return (unsigned)corpus.messages;
}

/* ---- all of them ---- */

static const struct guard_path sip_paths[] = {
    { "typed call, request", open_writer, NULL, requests, close_writer },
    { "typed call, response", open_writer, NULL, responses, close_writer },
    { "typed call, event record", open_wanted, NULL, recorded_responses, close_writer },
    { "observe, mixed message", open_observer, renew_corpus, observe, close_observer },
};

static const struct {
    const struct guard_path *paths;
    const size_t *count;
} groups[] = {
    { sip_paths, &(const size_t){ sizeof(sip_paths) / sizeof(sip_paths[0]) } },
    { guard_hep_paths, &guard_hep_count },
    { guard_agent_paths, &guard_agent_count },
};

static __attribute__((noinline)) unsigned
guard_counted(const struct guard_path *path)
{
    unsigned units = path->pass();

    __asm__ volatile("" : "+r"(units)); /* no tail call: callgrind wants to see this function return */
    return units;
}

static int
run(const struct guard_path *path)
{
    unsigned units = 0;

    path->open();
    for (unsigned pass = 0; pass <= PASSES; pass++) {
        if (path->renew != NULL)
            path->renew();
        if (pass == 0)
            path->pass(); /* cells are allotted, caches of words filled */
        else
            units += guard_counted(path);
    }
    path->close();
    printf("%u\n", units);
    return 0;
}

int
main(int argc, char **argv)
{
    for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++)
        for (size_t i = 0; i < *groups[g].count; i++) {
            const struct guard_path *path = &groups[g].paths[i];

            if (argc < 2)
                puts(path->name);
            else if (strcmp(argv[1], path->name) == 0)
                return run(path);
        }
    guard_must(argc < 2, "no such path");
    return 0;
}
