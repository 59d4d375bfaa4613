/* SPDX-License-Identifier: BSD-2-Clause */
/* Which senders were refused what, so that each is logged now and then: one that sends nothing but refuse cannot keep
 * another's mistake out of the log, nor fill it. */
#ifndef COLLECTORS_HEP_HEP_SOURCES_H
#define COLLECTORS_HEP_HEP_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "collectors/hep/hep_counter.h"
#include "collectors/hep/hep_endpoint.h"
#include "collectors/log.h"

enum {
    HEP_SOURCES = 64,     /* hosts remembered; the one refused longest ago makes room */
    HEP_SOURCE_BURST = 32 /* lines at once, of all hosts together */
};

#define HEP_SOURCE_LINE_NS 10000000000ull /* after that many, one in this time */

struct hep_source {
    uint8_t address[16]; /* as in struct hep_endpoint; all zero: senders not recorded */
    bool is_used;
    uint64_t last_ns;
    struct collector_log_limit limits[HEP_COUNTER_COUNT];
};

/* About 40 KiB. Zeroed: ready. */
struct hep_sources {
    struct hep_source source[HEP_SOURCES];
    uint64_t spent_until_ns; /* the lines written take up the time until then */
};

/* True when a line about this sender (NULL: not known) may be written: for each reason one at once, the next after a
 * minute, then one an hour, as far as the lines of all senders allow. *held_back is then how often it was refused for
 * this sender and reason since. `now_ns` from any monotonic clock. */
bool hep_sources_allow(struct hep_sources *s, const struct hep_endpoint *sender, enum hep_counter reason,
                       uint64_t now_ns, uint64_t *held_back);

#endif
