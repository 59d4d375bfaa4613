/* SPDX-License-Identifier: BSD-2-Clause */
/* Any OID, asked of every table: GET and GETNEXT must answer as the plain reference of the unit tests
 * does. Two octets choose an instance of the expected walk to start from (or none), one how much of its
 * name to keep; the rest are sub-identifiers behind it, one octet each, or four after an octet above 0xef. */
#include <stdlib.h>

#include "tests/unit/mib_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span in = span_of(data, size);
    struct mib_oid oid = { .length = 0 };
    uint16_t instance;
    uint8_t keep, id;

    if (!span_take_u16(&in, &instance) || !span_take_u8(&in, &keep))
        return 0;
    if (instance < mib_n_expected) {
        oid = *mib_fixture_oid(instance);
        oid.length = keep < oid.length ? keep : oid.length;
    }
    while (oid.length < MIB_OID_MAX && span_take_u8(&in, &id)) {
        uint32_t wide = id;

        if (id >= 0xf0 && !span_take_u32(&in, &wide))
            break;
        oid.id[oid.length++] = wide;
    }
    if (!mib_fixture_agrees(oid.id, oid.length))
        abort();
    return 0;
}
