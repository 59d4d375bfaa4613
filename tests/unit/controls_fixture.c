/* SPDX-License-Identifier: BSD-2-Clause */
/* Controls over a directory of their own. */
#include "tests/unit/controls_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/scratch.h"

static void
insist(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", what);
    abort();
}

void
controls_fixture_open(struct controls_fixture *f)
{
    static char invite[] = "INVITE", message[] = "MESSAGE";

    memset(f, 0, sizeof(*f));
    scratch_make(f->dir);
    f->watch[0] = (struct config_watch){ invite, 486, true, CONFIG_EMIT_NORMAL, 5, 30 };
    f->watch[1] = (struct config_watch){ message, 503, false, CONFIG_EMIT_ONE_SHOT, 500, 60 };
    f->instance[0] =
        (struct config_instance){ .name = "edge", .appl_index = 7, .watches = f->watch, .n_watches = 2 };
    f->instance[1] = (struct config_instance){ .name = "ua", .appl_index = 9 };
    f->config = (struct config){ .instances = f->instance, .n_instances = 2 };
    controls_fixture_restart(f);
}

void
controls_fixture_close(struct controls_fixture *f)
{
    controls_free(f->controls);
    scratch_remove(f->dir);
}

void
controls_fixture_restart(struct controls_fixture *f)
{
    controls_free(f->controls);
    f->controls = controls_new(f->dir, &f->e);
    insist(f->controls, f->e.text);
    controls_fixture_follow(f);
}

void
controls_fixture_follow(struct controls_fixture *f)
{
    insist(controls_follow(f->controls, &f->config, &f->e) == 0, f->e.text);
}

struct mib_change
controls_fixture_change(const char *method, unsigned code)
{
    struct mib_change change = { .kind = MIB_CHANGE_STATUS_CODE, .appl_index = 7, .code = code };

    change.method_octets = (uint8_t)strlen(method);
    memcpy(change.method, method, change.method_octets);
    return change;
}

struct mib_change
controls_fixture_notify(uint32_t appl_index, unsigned notify_enable)
{
    return (struct mib_change){ .kind = MIB_CHANGE_NOTIFY_ENABLE,
                                .appl_index = appl_index,
                                .notify_enable = notify_enable };
}

int
controls_fixture_set(struct controls_fixture *f, struct mib_change change)
{
    struct controls_undo *undo = NULL;
    int code = controls_apply(f->controls, &change, 1, FIXTURE_NOW, &undo, &f->e);

    insist((code == 0) == (undo != NULL), "an undo record comes with success alone");
    controls_keep(undo);
    return code;
}

static struct control_row *
copy(struct controls_fixture *f, const char *instance, size_t *count, unsigned *notify_enable)
{
    struct control_row *rows;
    uint64_t generation;

    insist(controls_copy(f->controls, instance, notify_enable, &rows, count, &generation) == 0, instance);
    insist(generation == controls_generation(f->controls), "nothing changed since");
    return rows;
}

const struct control_row *
controls_fixture_row(struct controls_fixture *f, const char *instance, const char *method, unsigned code)
{
    unsigned notify_enable;
    size_t count;
    struct control_row *rows = copy(f, instance, &count, &notify_enable);
    bool is_there = false;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].method, method) != 0 || rows[i].code != code)
            continue;
        f->copy = rows[i];
        is_there = true;
    }
    free(rows);
    return is_there ? &f->copy : NULL;
}

const char *
controls_fixture_rows(struct controls_fixture *f, const char *instance)
{
    static char text[4096];
    unsigned notify_enable;
    size_t count, used = 0;
    struct control_row *rows = copy(f, instance, &count, &notify_enable);

    text[0] = '\0';
    for (size_t i = 0; i < count && used < sizeof(text); i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s%s.%u", i ? " " : "",
                                 rows[i].is_hidden ? "!" : "", rows[i].method, rows[i].code);
    free(rows);
    return text;
}

unsigned
controls_fixture_notified(struct controls_fixture *f, const char *instance)
{
    unsigned notify_enable;
    size_t count;

    free(copy(f, instance, &count, &notify_enable));
    return notify_enable;
}
