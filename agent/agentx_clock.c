/* SPDX-License-Identifier: BSD-2-Clause */
/* The relation of the two clocks, in a file. */
#include "agent/agentx_clock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/core.h"
#include "agent/site_names.h"
#include "sipcore/lane_file.h"

enum { TEXT_OCTETS = 64 };

static int
open_directory(const char *runtime_dir)
{
    return open(runtime_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Of our own user only: all who write lanes may make files there. */
static bool
read_own(int dir_fd, char text[TEXT_OCTETS])
{
    int fd = openat(dir_fd, SITE_CLOCK_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    ssize_t octets = -1;
    struct stat st;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid())
        octets = read(fd, text, TEXT_OCTETS - 1);
    close(fd);
    text[octets > 0 ? octets : 0] = '\0';
    return octets > 0;
}

void
agentx_clock_load(const char *runtime_dir, struct mib_clock *clock)
{
    struct mib_clock kept = { .is_set = true };
    int dir_fd = open_directory(runtime_dir);
    char text[TEXT_OCTETS];

    /* Of another boot, if it lies ahead. */
    if (dir_fd >= 0 && read_own(dir_fd, text) &&
        sscanf(text, "%" SCNu64 " %" SCNu32, &kept.anchor_ns, &kept.anchor_cs) == 2 &&
        kept.anchor_ns <= core_now_ns())
        *clock = kept;
    if (dir_fd >= 0)
        close(dir_fd);
}

void
agentx_clock_save(const char *runtime_dir, const struct mib_clock *clock)
{
    int dir_fd = open_directory(runtime_dir), octets;
    struct lane_file f;
    char text[TEXT_OCTETS];

    if (dir_fd < 0)
        return;
    octets = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu32 "\n", clock->anchor_ns, clock->anchor_cs);
    if (lane_file_begin(&f, dir_fd, 0600, (size_t)octets, NULL) == 0) {
        if (lane_file_write(&f, text, (size_t)octets, 0, NULL) == 0)
            lane_file_replace(&f, SITE_CLOCK_NAME, NULL);
        lane_file_end(&f);
    }
    close(dir_fd);
}
