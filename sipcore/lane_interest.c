/* SPDX-License-Identifier: BSD-2-Clause */
/* The interest file, as a writer sees it. */
#include "sipcore/lane_interest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sipcore/lane_file.h"

static const struct lane_interest nothing;

/* Whatever goes wrong here means only that somebody else's file will be looked for once more. */
static void
make_file(int dir_fd)
{
    static const struct lane_interest empty = { .magic = LANE_INTEREST_MAGIC, .abi = LANE_ABI };
    struct lane_file f;

    if (lane_file_begin(&f, dir_fd, 0660, LANE_INTEREST_OCTETS, NULL) < 0)
        return;
    if (lane_file_write(&f, &empty, sizeof(empty), 0, NULL) == 0)
        lane_file_publish(&f, LANE_INTEREST_NAME, NULL);
    lane_file_end(&f);
}

static int
open_file(int dir_fd)
{
    /* O_NONBLOCK: a FIFO of this name must not hold up the SIP process. */
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int fd = openat(dir_fd, LANE_INTEREST_NAME, flags);

    if (fd >= 0 || errno != ENOENT)
        return fd;
    make_file(dir_fd);
    return openat(dir_fd, LANE_INTEREST_NAME, flags);
}

/* Only what is wholly there is mapped: to touch a page beyond the end of a file is SIGBUS. */
static bool
is_valid(int fd)
{
    struct lane_interest head;
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= LANE_INTEREST_OCTETS &&
           pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) && head.magic == LANE_INTEREST_MAGIC &&
           head.abi == LANE_ABI;
}

const struct lane_interest *
lane_interest_map(int dir_fd, void **map)
{
    int fd = open_file(dir_fd);

    *map = NULL;
    if (fd < 0)
        return &nothing;
    if (is_valid(fd)) {
        void *p = mmap(NULL, LANE_INTEREST_OCTETS, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

        *map = p == MAP_FAILED ? NULL : p;
    }
    close(fd);
    return *map ? *map : &nothing;
}

void
lane_interest_unmap(void *map)
{
    if (map)
        munmap(map, LANE_INTEREST_OCTETS);
}
