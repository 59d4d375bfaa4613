/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that runs out in the controls: allocation 1 fails, then allocation 2 ... until all goes well. Each
 * failure must come out as -ENOMEM, with nothing changed and nothing left behind. A plain program: linked with
 * --wrap. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "mib/snapshot.h"
#include "tests/unit/controls_fixture.h"

/* How many allocations still succeed before one fails; -1 for all. */
static long countdown = -1;

static struct controls_fixture f;

void *__real_malloc(size_t octets);
void *__real_calloc(size_t n, size_t octets);
void *__real_realloc(void *old, size_t octets);
void *__wrap_malloc(size_t octets);
void *__wrap_calloc(size_t n, size_t octets);
void *__wrap_realloc(void *old, size_t octets);

static bool
may_allocate(void)
{
    if (countdown < 0)
        return true;
    return countdown-- > 0;
}

void *
__wrap_malloc(size_t octets)
{
    return may_allocate() ? __real_malloc(octets) : NULL;
}

void *
__wrap_calloc(size_t n, size_t octets)
{
    return may_allocate() ? __real_calloc(n, octets) : NULL;
}

void *
__wrap_realloc(void *old, size_t octets)
{
    return may_allocate() ? __real_realloc(old, octets) : NULL;
}

static int
start(void)
{
    struct controls *c = controls_new(f.dir, NULL);

    controls_free(c);
    return c ? 0 : -ENOMEM;
}

/* The watch of a row that is there changed, one is new, one went, and so did an instance. */
static int
reload(void)
{
    return controls_follow(f.controls, &f.config, NULL);
}

static int
set(void)
{
    struct mib_change changes[3] = { controls_fixture_change("BYE", 481),
                                     controls_fixture_change("INVITE", 486),
                                     controls_fixture_notify(7, SNAP_NOTIFY_STATUS_CHANGED) };
    struct controls_undo *undo;
    int code;

    changes[0].creates = true;
    changes[1].destroys = true;
    code = controls_apply(f.controls, changes, 3, FIXTURE_NOW, &undo, NULL);
    if ((code == 0) != (undo != NULL))
        return 1;
    controls_keep(undo);
    return code;
}

static int
copy(void)
{
    struct control_row *rows;
    unsigned notify_enable;
    size_t count;
    int code = controls_copy(f.controls, "edge", &notify_enable, &rows, &count, NULL);

    if (code == 0)
        free(rows);
    return code;
}

/* Try with 0, 1, 2 ... allocations. What is in force must be the same after each failure. */
static unsigned
sweep(const char *name, int (*step)(void))
{
    int code = -ENOMEM;

    for (long allowed = 0; code == -ENOMEM; allowed++) {
        uint64_t before = controls_generation(f.controls);

        countdown = allowed;
        code = step();
        countdown = -1;
        if (code < 0 && controls_generation(f.controls) != before)
            code = 1;
    }
    printf("%s %s\n", code == 0 ? "ok" : "not ok", name);
    return code != 0;
}

static unsigned
expect(const char *name, const char *rows)
{
    if (strcmp(controls_fixture_rows(&f, "edge"), rows) == 0)
        return 0;
    printf("not ok %s: %s\n", name, controls_fixture_rows(&f, "edge"));
    return 1;
}

int
main(void)
{
    static char options[] = "OPTIONS";
    unsigned failures = 0;

    log_init("test", LOG_LEVEL_ERROR, false);
    controls_fixture_open(&f);
    failures += sweep("start", start);
    failures += sweep("set", set);
    failures += expect("set", "BYE.481 !INVITE.486 MESSAGE.503");
    failures += sweep("start with a file", start);
    f.watch[0].threshold = 9;
    f.watch[1] = (struct config_watch){ options, 200, false, CONFIG_EMIT_NORMAL, 1, 1 };
    f.config.n_instances = 1;
    failures += sweep("reload", reload);
    failures += expect("reload", "BYE.481 INVITE.486 OPTIONS.200");
    failures += sweep("copy", copy);
    controls_fixture_close(&f);
    return failures != 0;
}
