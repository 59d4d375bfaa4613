/* SPDX-License-Identifier: BSD-2-Clause */
/* What the configuration says of notifications. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"

#define HEAD "instances:\n  - name: a\n    appl_index: 1\n    roles: [proxy_server]\n"

static struct config *
load(const char *text)
{
    int fd = memfd_create("config", 0);
    struct config *c = NULL;
    struct err e;
    char path[64];

    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    cr_assert(config_load(path, &c, NULL, &e) == 0, "%s", e.text);
    close(fd);
    return c;
}

Test(config_values, status_codes_go_as_far_as_their_object_does)
{
    char text[8192] = HEAD "    watch: [{method: INVITE, codes: [100";
    struct config *c;

    for (unsigned code = 101; code <= 999; code++)
        sprintf(text + strlen(text), ", %u", code);
    strcat(text, "]}]\n");
    c = load(text);
    cr_assert(eq(sz, c->instances[0].n_watches, 900));
    cr_expect(eq(uint, c->instances[0].watches[0].code, 100));
    cr_expect(eq(uint, c->instances[0].watches[899].code, 999));
    config_free(c);
}

Test(config_values, notifications_have_a_rate_and_a_queue)
{
    struct config *c = load("notifications: {rate: 1000, queue: 16}\n" HEAD);

    cr_expect(eq(u32, c->notifications.rate, 1000));
    cr_expect(eq(u32, c->notifications.queue, 16));
    config_free(c);
}
