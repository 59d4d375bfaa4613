/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that runs out in the writer, the reader and the tally: allocation 1 fails, then allocation 2 ...
 * until all goes well. Each failure must come out as -ENOMEM, with nothing left behind. A plain program:
 * linked with --wrap. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sipcore/sipstat.h"
#include "sipcore/tally.h"
#include "tests/unit/scratch.h"

/* How many allocations still succeed before one fails; -1 for all. */
static long countdown = -1;

static char dir[PATH_MAX];

void *__real_calloc(size_t n, size_t octets);
void *__real_realloc(void *old, size_t octets);
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
open_writer(void)
{
    struct sipstat_options options = { .size = sizeof(options), .dir = dir, .instance = "memory" };
    sipstat_writer *w;
    int code = sipstat_open(&w, &options, NULL, 0);

    if ((code == 0) != (w != NULL))
        return 1;
    sipstat_close(w);
    return code;
}

static int
open_reader(void)
{
    char path[PATH_MAX + 16], name[NAME_MAX + 1];
    struct lane_reader r;
    struct err e;
    int dir_fd, code;

    if (scratch_count(dir, "memory", LANE_SUFFIX, name) != 1)
        return 1;
    snprintf(path, sizeof(path), "%s/memory", dir);
    dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    code = lane_reader_open(&r, dir_fd, name, &e);
    if (code == 0)
        lane_reader_close(&r);
    close(dir_fd);
    return code;
}

/* A lane of many cells, so that the tally has to grow. */
static int
add_up(void)
{
    static struct lane_reader r;
    struct tally_map map = { 0 };
    struct tally t;
    struct err e;
    int code = tally_init(&t, &e);

    if (code < 0)
        return code;
    r.copy.cells = 1;
    for (unsigned i = 0; i < 1000; i++)
        r.copy.cell[r.copy.cells++].key = LANE_CELL_KEY(METHOD_OTHER, 100 + i % 900);
    code = tally_add_lane(&t, &r, &map, &e);
    tally_fini(&t);
    return code;
}

static bool
survives(const char *what, int (*deed)(void))
{
    int code = -ENOMEM;
    bool is_good;
    long n = 0;

    while (code == -ENOMEM && n < 1000) {
        countdown = n++;
        code = deed();
        countdown = -1;
    }
    is_good = code == 0 && n > 1;
    printf("%s: %ld allocations, %s\n", what, n - 1, is_good ? "each may fail" : "FAILED");
    return is_good;
}

int
main(void)
{
    bool is_good;

    scratch_make(dir);
    is_good = survives("sipstat_open", open_writer);
    if (scratch_count(dir, "memory", "", NULL) != 4) { /* ., .., the interest and one lane */
        printf("sipstat_open: a failure left something behind\n");
        is_good = false;
    }
    is_good &= survives("lane_reader_open", open_reader);
    is_good &= survives("tally", add_up);
    scratch_remove(dir);
    return is_good ? 0 : 1;
}
