/* SPDX-License-Identifier: BSD-2-Clause */
/* What this process takes of the system. */
#ifndef AGENT_PROCESS_USE_H
#define AGENT_PROCESS_USE_H

#include <stdint.h>

struct process_use {
    uint64_t rss_octets, rss_highest_octets; /* resident now, and the most so far */
    uint64_t descriptors, descriptors_max;   /* open now, and what may be */
    uint64_t cpu_ms;                         /* of all threads, so far */
};

/* What cannot be told is 0. A few system calls, and one for every few hundred descriptors. Any thread. */
void process_use_get(struct process_use *out);

#endif
