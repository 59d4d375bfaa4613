/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls of the C library that the processes under test get from here, their libraries included: a wall clock that the
 * harness moves, a file system that it fills, and the writes of LMDB with fault points between them. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "sipcore/fault.h"
#include "tests/stress/faults_control.h"

enum { LMDB_PAGE_OCTETS = 4096, LMDB_META_PAGES = 2 };

int clock_gettime(clockid_t clock, struct timespec *now);
int gettimeofday(struct timeval *restrict now, void *restrict zone);
time_t time(time_t *now);
ssize_t pwrite(int fd, const void *from, size_t octets, off_t offset);
ssize_t writev(int fd, const struct iovec *parts, int count);
int posix_fallocate(int fd, off_t offset, off_t octets);

/* ---- the wall clock --------------------------------------------------------------------------------------------- */

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    const struct faults_control *c = faults_control();

    if (syscall(SYS_clock_gettime, clock, now) != 0)
        return -1;
    if (c && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += atomic_load(&c->clock_offset_s);
    return 0;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec exact;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &exact);
    *now = (struct timeval){ .tv_sec = exact.tv_sec, .tv_usec = exact.tv_nsec / 1000 };
    return 0;
}

time_t
time(time_t *now)
{
    struct timespec exact;

    clock_gettime(CLOCK_REALTIME, &exact);
    if (now)
        *now = exact.tv_sec;
    return exact.tv_sec;
}

/* ---- the file system -------------------------------------------------------------------------------------------- */

static bool
is_full(void)
{
    const struct faults_control *c = faults_control();

    return c && atomic_load(&c->is_full);
}

int
posix_fallocate(int fd, off_t offset, off_t octets)
{
    if (is_full())
        return ENOSPC;
    return syscall(SYS_fallocate, fd, 0, offset, octets) == 0 ? 0 : errno;
}

/* ---- LMDB ------------------------------------------------------------------------------------------------------- */

static pid_t owner; /* a child that only looks passes no points */

__attribute__((constructor)) static void
note_owner(void)
{
    owner = getpid();
}

/* A commit writes its pages, and then the page that makes them count. */
ssize_t
pwrite(int fd, const void *from, size_t octets, off_t offset)
{
    bool is_page = octets >= LMDB_PAGE_OCTETS && offset >= LMDB_META_PAGES * LMDB_PAGE_OCTETS;
    bool is_meta = octets < LMDB_PAGE_OCTETS && offset < LMDB_META_PAGES * LMDB_PAGE_OCTETS && octets >= 64;
    ssize_t n;

    if (is_full()) {
        errno = ENOSPC;
        return -1;
    }
    if (getpid() != owner)
        is_page = is_meta = false;
    if (is_page)
        fault_point("lmdb.pages");
    if (is_meta)
        fault_point("lmdb.meta");
    n = syscall(SYS_pwrite64, fd, from, octets, offset);
    if (is_meta)
        fault_point("lmdb.done");
    return n;
}

/* Pages that lie side by side. */
ssize_t
writev(int fd, const struct iovec *parts, int count)
{
    if (is_full()) {
        errno = ENOSPC;
        return -1;
    }
    if (getpid() == owner && count > 0 && parts[0].iov_len >= LMDB_PAGE_OCTETS)
        fault_point("lmdb.pages");
    return syscall(SYS_writev, fd, parts, count);
}
