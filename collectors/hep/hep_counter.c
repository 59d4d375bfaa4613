/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of what the collector counts about itself. */
#include "collectors/hep/hep_counter.h"

#define X(id, name, words) _Static_assert(sizeof(name) <= LANE_NOTE_NAME_OCTETS, "fits a note");
HEP_COUNTERS(X)
HEP_RESULTS(X)
#undef X

const char *
hep_counter_name(enum hep_counter counter)
{
    static const char *const names[] = {
#define X(id, name, words) name,
        HEP_COUNTERS(X)
#undef X
    };

    if (counter < HEP_COUNT_REFUSED)
        return names[counter];
    return hep_result_name((enum hep_result)((int)counter - (int)HEP_COUNT_REFUSED + 1));
}
