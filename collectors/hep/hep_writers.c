/* SPDX-License-Identifier: BSD-2-Clause */
/* The collector's writers: one lane for each configured instance, opened again when that fails. */
#include "collectors/hep/hep_writers.h"

#include <errno.h>
#include <stdlib.h>

#include "collectors/log.h"
#include "sipcore/sipstat_internal.h"

/* The same failure is said again after this time. */
#define COMPLAIN_AGAIN_NS 60000000000ull

/* A mirror shows both sides of a proxy, and finished transactions are remembered for half a minute: room
 * for many times what the entity has open at once. The table is touched only as it fills. */
#define TRANSACTIONS_MIN          65536u
#define TRANSACTIONS_MAX          1048576u
#define TRANSACTIONS_PER_OPEN_ONE 16u

struct hep_writer {
    char instance[CONFIG_NAME_OCTETS];
    sipstat_writer *writer; /* NULL: not open */
    uint32_t max_transactions;
    uint64_t last_time_ns;      /* of the newest message, on the messages' clock; 0: none yet */
    uint64_t last_monotonic_ns; /* when that came in */
    uint64_t retry_ns;
    uint64_t complain_ns; /* the same failure is not said before */
    char error[256];      /* why it is not open, as last said */
};

struct hep_writers {
    char *dir;
    uint64_t now_ns;
    bool notes_named;
    size_t noted; /* whose lane they stand in */
    size_t n;
    struct hep_writer writer[];
};

static uint32_t transactions_wanted(const struct config_instance *instance);
static bool writer_message(void *context, uint32_t instance, enum sipstat_direction direction,
                           struct span message, enum sipstat_transport transport, uint64_t time_ns);
static void writer_open(struct hep_writers *writers, struct hep_writer *w, uint64_t now_ns);
static void writer_complain(struct hep_writer *w, const char *error, uint64_t now_ns);
static bool writer_is_lost(const struct hep_writer *w);
static void show_notes(struct hep_writers *writers, const uint64_t counters[HEP_COUNTER_COUNT]);

int
hep_writers_new(const struct config *config, struct hep_writers **out, struct err *e)
{
    size_t octets = sizeof(struct hep_writers) + config->n_instances * sizeof(struct hep_writer);
    struct hep_writers *writers = calloc(1, octets);

    *out = writers;
    if (writers)
        writers->dir = strdup(config->runtime_dir);
    if (!writers || !writers->dir) {
        free(writers);
        *out = NULL;
        return err_set(e, -ENOMEM, "no memory for the writers of %zu instances", config->n_instances);
    }
    writers->n = config->n_instances;
    for (size_t i = 0; i < writers->n; i++) {
        memcpy(writers->writer[i].instance, config->instances[i].name, CONFIG_NAME_OCTETS);
        writers->writer[i].max_transactions = transactions_wanted(&config->instances[i]);
    }
    return 0;
}

static uint32_t
transactions_wanted(const struct config_instance *instance)
{
    if (instance->max_transactions > TRANSACTIONS_MAX / TRANSACTIONS_PER_OPEN_ONE)
        return TRANSACTIONS_MAX;
    if (instance->max_transactions < TRANSACTIONS_MIN / TRANSACTIONS_PER_OPEN_ONE)
        return TRANSACTIONS_MIN;
    return instance->max_transactions * TRANSACTIONS_PER_OPEN_ONE;
}

void
hep_writers_free(struct hep_writers *writers)
{
    if (!writers)
        return;
    for (size_t i = 0; i < writers->n; i++)
        sipstat_close(writers->writer[i].writer);
    free(writers->dir);
    free(writers);
}

void
hep_writers_adopt(struct hep_writers *writers, struct hep_writers *old)
{
    if (strcmp(writers->dir, old->dir) != 0)
        return;
    for (size_t i = 0; i < writers->n; i++)
        for (size_t j = 0; j < old->n; j++)
            if (strcmp(writers->writer[i].instance, old->writer[j].instance) == 0) {
                writers->writer[i] = old->writer[j];
                old->writer[j].writer = NULL;
                if (old->notes_named && j == old->noted) {
                    writers->notes_named = true;
                    writers->noted = i;
                }
                break;
            }
    writers->now_ns = old->now_ns;
}

struct hep_sink
hep_writers_sink(struct hep_writers *writers)
{
    return (struct hep_sink){ .message = writer_message, .context = writers };
}

void
hep_writers_set_now(struct hep_writers *writers, uint64_t monotonic_ns)
{
    writers->now_ns = monotonic_ns;
}

static bool
writer_message(void *context, uint32_t instance, enum sipstat_direction direction, struct span message,
               enum sipstat_transport transport, uint64_t time_ns)
{
    struct sipstat_addresses addresses = { .transport = transport };
    struct hep_writers *writers = context;
    struct hep_writer *w = &writers->writer[instance];

    if (!w->writer)
        return false;
    if (time_ns > w->last_time_ns ||
        w->last_time_ns - time_ns > HEP_FUTURE_NS) /* or the clock was set back */
        w->last_time_ns = time_ns;
    w->last_monotonic_ns = writers->now_ns;
    return sipstat_observe(w->writer, direction, message.data, message.length, &addresses, time_ns) !=
           SIPSTAT_IGNORED;
}

void
hep_writers_tick(struct hep_writers *writers, const uint64_t counters[HEP_COUNTER_COUNT],
                 uint64_t monotonic_ns)
{
    writers->now_ns = monotonic_ns;
    for (size_t i = 0; i < writers->n; i++) {
        struct hep_writer *w = &writers->writer[i];

        if (monotonic_ns >= w->retry_ns && (!w->writer || writer_is_lost(w)))
            writer_open(writers, w, monotonic_ns);
        if (w->writer && w->last_time_ns != 0)
            sipstat_tick(w->writer, w->last_time_ns + (monotonic_ns - w->last_monotonic_ns));
    }
    show_notes(writers, counters);
}

/* Where it has a lane, that stays until there is another. */
static void
writer_open(struct hep_writers *writers, struct hep_writer *w, uint64_t now_ns)
{
    struct sipstat_options options = { .size = sizeof(options),
                                       .dir = writers->dir,
                                       .instance = w->instance,
                                       .flags = SIPSTAT_COLLECTOR,
                                       .max_transactions = w->max_transactions };
    sipstat_writer *writer;
    char error[sizeof(w->error)];

    if (sipstat_open(&writer, &options, error, sizeof(error)) != 0) {
        w->retry_ns = now_ns + HEP_RETRY_NS;
        writer_complain(w, error, now_ns);
        return;
    }
    if (w->writer)
        collector_log(COLLECTOR_WARNING, "instance %s: its lane was removed: counting in another",
                      w->instance);
    else
        collector_log(w->error[0] ? COLLECTOR_WARNING : COLLECTOR_INFO, "instance %s: counting%s",
                      w->instance, w->error[0] ? ", after all" : "");
    sipstat_close(w->writer);
    w->writer = writer;
    w->last_time_ns = 0;
    w->error[0] = 0;
    if (w == &writers->writer[writers->noted])
        writers->notes_named = false;
}

static void
writer_complain(struct hep_writer *w, const char *error, uint64_t now_ns)
{
    if (strcmp(w->error, error) == 0 && now_ns < w->complain_ns)
        return;
    memcpy(w->error, error, sizeof(w->error));
    w->complain_ns = now_ns + COMPLAIN_AGAIN_NS;
    collector_log(COLLECTOR_ERROR, "instance %s: %s, trying again every %llu s: %s", w->instance,
                  w->writer ? "its lane was removed, and only a sipmibd that runs already sees what it counts"
                            : "its messages are not counted",
                  HEP_RETRY_NS / 1000000000u, error);
}

/* A lane whose file is gone counts for nobody but an agent that had found it: the runtime directory was wiped. */
static bool
writer_is_lost(const struct hep_writer *w)
{
    const struct lane_writer *lane = sipstat_writer_lane(w->writer);

    return !lane || !lane_writer_is_listed(lane);
}

/* In the first lane that is open: that of the first instance may be closed to this user. */
static void
show_notes(struct hep_writers *writers, const uint64_t counters[HEP_COUNTER_COUNT])
{
    struct lane_writer *lane, *before;
    size_t first = 0;

    while (first < writers->n && !writers->writer[first].writer)
        first++;
    lane = first < writers->n ? sipstat_writer_lane(writers->writer[first].writer) : NULL;
    if (!lane)
        return;
    if (writers->notes_named && writers->noted != first) {
        before = sipstat_writer_lane(writers->writer[writers->noted].writer);
        for (unsigned i = 0; i < HEP_COUNTER_COUNT && before; i++)
            lane_note_set(before, i, 0);
        writers->notes_named = false;
    }
    for (unsigned i = 0; i < HEP_COUNTER_COUNT && !writers->notes_named; i++)
        lane_note_name(lane, i, hep_counter_name((enum hep_counter)i));
    writers->notes_named = true;
    writers->noted = first;
    for (unsigned i = 0; i < HEP_COUNTER_COUNT; i++)
        lane_note_set(lane, i, counters[i]);
}

size_t
hep_writers_open_count(const struct hep_writers *writers)
{
    size_t open = 0;

    for (size_t i = 0; i < writers->n; i++)
        open += writers->writer[i].writer != NULL;
    return open;
}
