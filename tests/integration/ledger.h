/* SPDX-License-Identifier: BSD-2-Clause */
/* The ledger of a writer under test: a file that both it and the test map, so that what a kill -9 interrupts stays. For
 * each thing it counts it has what was announced (before the library was called) and what is done (after). While
 * `is_held` is 1 the writer does nothing, and says so in `is_idle`. */
#ifndef TESTS_INTEGRATION_LEDGER_H
#define TESTS_INTEGRATION_LEDGER_H

#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

struct ledger {
    _Atomic uint64_t is_held, is_idle;
    struct {
        _Atomic uint64_t announced, done;
    } counters[];
};

/* NULL and errno when the file cannot be made or mapped. */
static inline struct ledger *
ledger_map(const char *path, size_t counters)
{
    size_t octets = sizeof(struct ledger) + counters * sizeof(((struct ledger *)0)->counters[0]);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    void *at = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, (off_t)octets) == 0)
        at = mmap(NULL, octets, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return at == MAP_FAILED ? NULL : at;
}

static inline void
ledger_announce(struct ledger *l, unsigned counter)
{
    atomic_fetch_add(&l->counters[counter].announced, 1);
}

static inline void
ledger_confirm(struct ledger *l, unsigned counter)
{
    atomic_fetch_add(&l->counters[counter].done, 1);
}

#endif
