/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying out of files that strangers may truncate. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "sipcore/lane_map.h"
#include "tests/unit/scratch.h"

enum { PAGE_WORDS = 4096 / 8, WORDS = 4 * PAGE_WORDS };

static const _Atomic uint64_t *map;
static _Alignas(64) uint64_t copy[WORDS];
static int fd;

static void
on_other_sigbus(int number)
{
    _exit(number);
}

static void
open_file(void)
{
    char path[PATH_MAX];

    signal(SIGBUS, on_other_sigbus);
    fd = scratch_file(path);
    cr_assert(ge(int, fd, 0));
    unlink(path);
    for (uint64_t i = 0; i < WORDS; i++)
        copy[i] = i * UINT64_C(0x100000001);
    cr_assert(eq(sz, (size_t)write(fd, copy, sizeof(copy)), sizeof(copy)));
    map = lane_map_new(fd, sizeof(copy));
    cr_assert(map != NULL);
}

static void
close_file(void)
{
    lane_map_free(map, sizeof(copy));
    close(fd);
}

TestSuite(lane_map, .init = open_file, .fini = close_file);

Test(lane_map, copies_any_run_of_words)
{
    for (size_t from = 0; from < 20; from++)
        for (size_t words = 0; words < 40; words++) {
            copy[words] = 1;
            cr_assert(lane_map_copy(copy, map + from, words));
            for (size_t i = 0; i < words; i++)
                cr_assert(eq(u64, copy[i], (from + i) * UINT64_C(0x100000001)));
            cr_assert(eq(u64, copy[words], 1));
        }
}

Test(lane_map, says_so_when_a_page_is_gone_and_goes_on)
{
    cr_assert(eq(int, ftruncate(fd, 4096), 0));
    for (unsigned again = 0; again < 3; again++) {
        cr_assert(not(lane_map_copy(copy, map, WORDS)));
        cr_assert(not(lane_map_copy(copy, map + PAGE_WORDS + 1, 1)));
        cr_assert(lane_map_copy(copy, map, PAGE_WORDS));
    }
    cr_assert(eq(u64, copy[PAGE_WORDS - 1], (PAGE_WORDS - 1) * UINT64_C(0x100000001)));
}

Test(lane_map, leaves_every_other_sigbus_to_whoever_had_it_before, .exit_code = SIGBUS)
{
    cr_assert(eq(int, ftruncate(fd, 0), 0));
    cr_assert(not(lane_map_copy(copy, map, 1)));
    copy[0] = atomic_load(map); /* outside of a copy */
}
