/* SPDX-License-Identifier: BSD-2-Clause */
/* Which senders were refused what. */
#include "collectors/hep/hep_sources.h"

#include <string.h>

static const uint8_t unknown[16];

static struct hep_source *
find_or_replace(struct hep_sources *s, const uint8_t address[16])
{
    struct hep_source *oldest = &s->source[0];

    for (unsigned i = 0; i < HEP_SOURCES; i++) {
        struct hep_source *each = &s->source[i];

        if (each->is_used && memcmp(each->address, address, sizeof(each->address)) == 0)
            return each;
        if (oldest->is_used && (!each->is_used || each->last_ns < oldest->last_ns))
            oldest = each;
    }
    *oldest = (struct hep_source){ .is_used = true };
    memcpy(oldest->address, address, sizeof(oldest->address));
    return oldest;
}

bool
hep_sources_allow(struct hep_sources *s, const struct hep_endpoint *sender, enum hep_counter reason,
                  uint64_t now_ns, uint64_t *held_back)
{
    struct hep_source *source = find_or_replace(s, sender ? sender->address : unknown);

    source->last_ns = now_ns;
    if (s->spent_until_ns > now_ns + (HEP_SOURCE_BURST - 1) * HEP_SOURCE_LINE_NS) {
        source->limits[reason].held_back++;
        return false;
    }
    if (!collector_log_allow(&source->limits[reason], now_ns, held_back))
        return false;
    if (s->spent_until_ns < now_ns)
        s->spent_until_ns = now_ns;
    s->spent_until_ns += HEP_SOURCE_LINE_NS;
    return true;
}
