/* SPDX-License-Identifier: BSD-2-Clause */
/* The relation of the two clocks, in a file. */
#include "agent/agentx_clock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/core.h"

#define NAME      "agent.clock"
#define TEMPORARY ".agent.clock.tmp"

enum { TEXT_OCTETS = 64 };

void
agentx_clock_load(const char *runtime_dir, struct mib_clock *clock)
{
    char path[PATH_MAX], text[TEXT_OCTETS];
    struct mib_clock kept = { .is_set = true };
    ssize_t octets;
    int fd;

    if (snprintf(path, sizeof(path), "%s/" NAME, runtime_dir) >= (int)sizeof(path))
        return;
    fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return;
    octets = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[octets > 0 ? octets : 0] = '\0';
    /* Of another boot, if it lies ahead. */
    if (sscanf(text, "%" SCNu64 " %" SCNu32, &kept.anchor_ns, &kept.anchor_cs) == 2 &&
        kept.anchor_ns <= core_now_ns())
        *clock = kept;
}

void
agentx_clock_save(const char *runtime_dir, const struct mib_clock *clock)
{
    char path[PATH_MAX], temporary[PATH_MAX], text[TEXT_OCTETS];
    int octets, fd;
    bool is_whole;

    if (snprintf(path, sizeof(path), "%s/" NAME, runtime_dir) >= (int)sizeof(path) ||
        snprintf(temporary, sizeof(temporary), "%s/" TEMPORARY, runtime_dir) >= (int)sizeof(temporary))
        return;
    octets = snprintf(text, sizeof(text), "%" PRIu64 " %" PRIu32 "\n", clock->anchor_ns, clock->anchor_cs);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    is_whole = write(fd, text, (size_t)octets) == octets;
    close(fd);
    if (!is_whole || rename(temporary, path) < 0)
        unlink(temporary);
}
