/* SPDX-License-Identifier: BSD-2-Clause */
/* The torture messages of all tables. */
#include "tests/unit/torture.h"

const struct torture *
torture_get(size_t i)
{
    static const struct torture_table *const tables[] = { &torture_valid, &torture_invalid, &torture_semantic,
                                                          &torture_ipv6 };

    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); i -= tables[t++]->count)
        if (i < tables[t]->count)
            return &tables[t]->torture[i];
    return NULL;
}
