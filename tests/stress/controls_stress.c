/* SPDX-License-Identifier: BSD-2-Clause */
/* The controls between their two threads, for the thread sanitizer: one SETs two rows and a setting of a file
 * at a time, and takes every third SET back; the other copies, triggers one-shots and reloads. Whoever copies
 * must see both rows of a SET or neither. Prints "ok" or what was wrong. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/controls.h"
#include "agent/log.h"
#include "mib/snapshot.h"
#include "tests/unit/scratch.h"

enum { SETS = 3000, FILE_EVERY = 50, UNDO_EVERY = 3, RELOAD_EVERY = 10 };

static struct controls *controls;
static atomic_bool has_ended;
static atomic_uint failures;

static void
fail(const char *what)
{
    fprintf(stderr, "not ok: %s\n", what);
    atomic_fetch_add(&failures, 1);
}

static struct mib_change
row(const char *method, unsigned code, uint32_t threshold)
{
    struct mib_change change = { .kind = MIB_CHANGE_STATUS_CODE,
                                 .appl_index = 1,
                                 .code = code,
                                 .creates = threshold % 7 == 0,
                                 .sets = MIB_SETS_THRESHOLD | MIB_SETS_EMIT,
                                 .emit = CONTROL_ONE_SHOT,
                                 .threshold = threshold };

    change.method_octets = (uint8_t)strlen(method);
    memcpy(change.method, method, change.method_octets);
    return change;
}

/* Both rows have the threshold of their SET: one of the configuration, and one that is there by SET only. */
static void *
set(void *unused)
{
    struct mib_change changes[3];
    struct controls_stats stats;
    struct controls_undo *undo;

    for (uint32_t n = 1; n <= SETS; n++) {
        changes[0] = row("INVITE", 486, n);
        changes[1] = row("BYE", 481, n);
        changes[2] = (struct mib_change){ .appl_index = 1, .notify_enable = n / FILE_EVERY % 8 };
        if (controls_apply(controls, changes, n % FILE_EVERY ? 2 : 3, n, &undo, NULL) < 0)
            fail("a SET");
        else if (n % UNDO_EVERY)
            controls_keep(undo);
        else if (controls_undo(controls, undo, NULL) < 0)
            fail("taking a SET back");
        controls_rows_free(controls, 0);
        controls_stats_get(controls, &stats);
    }
    atomic_store(&has_ended, true);
    return unused;
}

/* What a copy says must belong together. */
static void
check(const struct control_row *rows, size_t count)
{
    const struct control_row *bye = NULL, *invite = NULL;

    for (size_t i = 0; i < count; i++) {
        if (i > 0 && control_row_compare(&rows[i - 1], &rows[i]) >= 0)
            fail("the order of rows");
        if (rows[i].code == 481)
            bye = &rows[i];
        if (rows[i].code == 486)
            invite = &rows[i];
    }
    if (!invite || (bye && bye->threshold != invite->threshold))
        fail("half of a SET");
}

static void *
follow(void *config)
{
    uint64_t seen = 0, generation;
    struct control_row *rows;
    unsigned notify_enable;
    size_t count;

    for (unsigned n = 0; !atomic_load(&has_ended); n++) {
        if (n % RELOAD_EVERY == 0 && controls_follow(controls, config, NULL) < 0)
            fail("a reload");
        if (controls_generation(controls) == seen)
            continue;
        if (controls_copy(controls, "edge", &notify_enable, &rows, &count, &generation) < 0) {
            fail("a copy");
            continue;
        }
        if (generation < seen)
            fail("the generation");
        seen = generation;
        check(rows, count);
        for (size_t i = 0; i < count; i++)
            controls_trigger(controls, "edge", &rows[i]);
        free(rows);
    }
    return NULL;
}

int
main(void)
{
    static char method[] = "INVITE", name[] = "edge";
    struct config_watch watch = { method, 486, false, CONFIG_EMIT_ONE_SHOT, 0, 60 };
    struct config_instance instance = { .appl_index = 1, .watches = &watch, .n_watches = 1 };
    struct config config = { .instances = &instance, .n_instances = 1 };
    char dir[PATH_MAX];
    pthread_t setter, follower;
    struct err e = { "no thread" };

    log_init("controls_stress", LOG_LEVEL_ERROR, false);
    memcpy(instance.name, name, sizeof(name));
    scratch_make(dir);
    controls = controls_new(dir, &e);
    if (!controls || controls_follow(controls, &config, &e) < 0 ||
        pthread_create(&setter, NULL, set, NULL) != 0 ||
        pthread_create(&follower, NULL, follow, &config) != 0) {
        fail(e.text);
        return 1;
    }
    pthread_join(setter, NULL);
    pthread_join(follower, NULL);
    controls_free(controls);
    scratch_remove(dir);
    if (atomic_load(&failures) == 0)
        printf("ok %d SETs\n", SETS);
    return atomic_load(&failures) != 0;
}
