/* SPDX-License-Identifier: BSD-2-Clause */
/* What this process takes of the system, by /proc and getrusage(2). */
#include "agent/process_use.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static uint64_t resident_octets(void);
static uint64_t count_descriptors(void);

void
process_use_get(struct process_use *out)
{
    struct rusage usage;
    struct rlimit limit;

    *out = (struct process_use){ .rss_octets = resident_octets(), .descriptors = count_descriptors() };
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        out->descriptors_max = limit.rlim_cur;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return;
    out->rss_highest_octets = (uint64_t)usage.ru_maxrss << 10;
    out->cpu_ms = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000 +
                  (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static uint64_t
resident_octets(void)
{
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    uint64_t pages = 0;
    char text[128];
    ssize_t n;

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n < 0 ? 0 : n] = '\0';
    if (sscanf(text, "%*u %" SCNu64, &pages) != 1)
        return 0;
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Without the one that is open only to count. */
static uint64_t
count_descriptors(void)
{
    const struct dirent *entry;
    DIR *dir = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (!dir)
        return 0;
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count > 0 ? count - 1 : 0;
}
