/* SPDX-License-Identifier: BSD-2-Clause */
/* One writer as fast as it can, readers of every kind at the same time: nobody sees half a record, a loss that is not
 * counted, a counter that runs backwards or a row without its name. A plain program, so that it runs under the thread
 * sanitizer; for that some readers copy from the writer's own mapping, where the sanitizer can see them. */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/scratch.h"

#define RECORDS           300000u
#define BODY_WORDS_MAX    40u
#define BURST_LOG2_MAX    9u /* the ring holds about 90 records: some bursts fit, some overtake every reader */
#define RECORD_TYPE       77
#define EXTENSION_METHODS 30u
#define WORD_USES         4u
#define WORD_USES_EACH    2 /* of which each word gets every other one: 30 is even */

/* A reader of events (or of counters) and what it found. */
struct follower {
    const char *name;
    bool is_in_memory;
    unsigned pause_octets_log2; /* it rests after every 2^n records */
    pthread_t thread;
    struct lane_reader reader;
    uint64_t got, lost;
    const char *complaint;
    struct err e;
};

static struct scratch_lane s;
static atomic_bool is_over;

static uint64_t
expected_word(uint64_t sequence, size_t index)
{
    return (sequence + 1) * 0x9e3779b97f4a7c15u ^ index;
}

static size_t
expected_words(uint64_t sequence)
{
    return expected_word(sequence, 0) >> 32 & 31 ? (size_t)(expected_word(sequence, 0) >> 32) % BODY_WORDS_MAX
                                                 : 0;
}

/* Rows appear while the readers look: a new method name, a new cell, a new word or another use of one now and then. */
static void
count_something(uint64_t number)
{
    char name[16];
    unsigned method;

    if (number % 64 != 0)
        return;
    snprintf(name, sizeof(name), "EXTENSION%u", (unsigned)(number / 64 % EXTENSION_METHODS));
    method = lane_method(&s.writer, span_string(name));
    lane_count_method(&s.writer, method, LANE_METHOD_IN);
    lane_count_response(&s.writer, method, 100 + (unsigned)(number / 64 % 31), true);
    lane_count(&s.writer, LANE_IN_REQUESTS);
    lane_word(&s.writer, span_string(name), 1u << number / 64 % WORD_USES);
}

static void *
write_all(void *unused)
{
    uint64_t body[BODY_WORDS_MAX], burst_end = 0;

    for (uint64_t number = 1; number <= RECORDS; number++) {
        size_t words = expected_words(number);

        for (size_t i = 0; i < words; i++)
            body[i] = expected_word(number, i);
        lane_ring_put(&s.writer, RECORD_TYPE, body, words * 8, number);
        count_something(number);
        if (number >= burst_end) {
            burst_end = number + (1u << expected_word(number, 1) % BURST_LOG2_MAX);
            sched_yield();
        }
    }
    atomic_store(&is_over, true);
    return unused;
}

static const char *
fault_of(const struct ring_event *event)
{
    uint64_t sequence = event->record.sequence;
    size_t words = expected_words(sequence);

    if (event->record.type != RECORD_TYPE || event->record.time_ns != sequence)
        return "a record's head is torn";
    if (event->record.body_octets != words * 8)
        return "a record has another's length";
    for (size_t i = 0; i < words; i++)
        if (event->body[i] != expected_word(sequence, i))
            return "a record's body is torn";
    return NULL;
}

static void *
follow_events(void *argument)
{
    struct follower *f = argument;
    struct ring_event event;
    struct ring_cursor c = { .next_sequence = 1 };
    int code;

    for (;;) {
        bool was_over = atomic_load(&is_over);

        while ((code = ring_next(&c, &f->reader, &event, &f->e)) == 1) {
            f->complaint = fault_of(&event);
            if (f->complaint)
                return NULL;
            if ((++f->got & ((1u << f->pause_octets_log2) - 1)) == 0)
                sched_yield();
        }
        if (code < 0) {
            f->complaint = f->e.text;
            return NULL;
        }
        if (was_over)
            break;
        sched_yield();
    }
    f->lost = c.lost;
    if (f->got + f->lost != RECORDS)
        f->complaint = "records got and records lost are not the records written";
    return NULL;
}

/* What is wrong with the words. */
static const char *
fault_of_words(const struct lane_copy *c, bool is_at_end)
{
    for (uint32_t i = 0; i < c->words; i++)
        if (strncmp(c->word[i].text, "EXTENSION", 9) != 0 || c->word[i].uses == 0 ||
            (is_at_end && __builtin_popcount(c->word[i].uses) != WORD_USES_EACH))
            return "a word is torn, or has not all its uses";
    return is_at_end && c->words != EXTENSION_METHODS ? "words are missing" : NULL;
}

static void *
follow_counters(void *argument)
{
    struct follower *f = argument;

    for (;;) {
        bool was_over = atomic_load(&is_over);

        if (lane_reader_refresh(&f->reader, &f->e) < 0) {
            f->complaint = f->e.text;
            return NULL;
        }
        f->got++;
        for (unsigned i = METHOD_IANA_COUNT; i < f->reader.copy.methods; i++)
            if (strncmp(lane_reader_method_name(&f->reader, i), "EXTENSION", 9) != 0)
                f->complaint = "a method has no name";
        if (fault_of_words(&f->reader.copy, was_over))
            f->complaint = fault_of_words(&f->reader.copy, was_over);
        if (was_over)
            break;
        sched_yield();
    }
    if (f->reader.copy.methods != METHOD_IANA_COUNT + EXTENSION_METHODS ||
        f->reader.copy.cells != 1 + EXTENSION_METHODS * 31)
        f->complaint = "rows are missing";
    return NULL;
}

static void
start(struct follower *f, void *(*function)(void *))
{
    if (lane_reader_open(&f->reader, s.dir_fd, s.name, &f->e) < 0) {
        fprintf(stderr, "%s: %s\n", f->name, f->e.text);
        exit(1);
    }
    if (f->is_in_memory)
        f->reader.memory = (const _Atomic uint64_t *)(const void *)s.writer.map;
    pthread_create(&f->thread, NULL, function, f);
}

int
main(void)
{
    static struct follower events[] = {
        { .name = "events, mapped", .is_in_memory = true, .pause_octets_log2 = 20 },
        { .name = "events, mapped and slow", .is_in_memory = true, .pause_octets_log2 = 2 },
        { .name = "events", .pause_octets_log2 = 20 },
    };
    static struct follower counters[] = { { .name = "counters, mapped", .is_in_memory = true },
                                          { .name = "counters" } };
    pthread_t writer;
    int failed = 0;

    scratch_lane_open(&s, LANE_RING_MIN);
    for (unsigned i = 0; i < 3; i++)
        start(&events[i], follow_events);
    for (unsigned i = 0; i < 2; i++)
        start(&counters[i], follow_counters);
    pthread_create(&writer, NULL, write_all, NULL);
    pthread_join(writer, NULL);
    for (unsigned i = 0; i < 5; i++) {
        struct follower *f = i < 3 ? &events[i] : &counters[i - 3];

        pthread_join(f->thread, NULL);
        printf("%s: %llu taken, %llu overwritten: %s\n", f->name, (unsigned long long)f->got,
               (unsigned long long)f->lost, f->complaint ? f->complaint : "ok");
        failed |= f->complaint != NULL;
        lane_reader_close(&f->reader);
    }
    scratch_lane_close(&s);
    return failed;
}
