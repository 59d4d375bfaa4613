/* SPDX-License-Identifier: BSD-2-Clause */
/* What the table files of this folder are written with: a column that is a field of the snapshot is one
 * line, without a getter of its own. For mib/ only. */
#ifndef MIB_COLUMNS_H
#define MIB_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "mib/mib.h"

/* The entry of a table below mib-2, 1.3.6.1.2.1. */
#define MIB_ENTRY(...)                                          \
    .oid = (const uint32_t[]){ 1, 3, 6, 1, 2, 1, __VA_ARGS__ }, \
    .oid_len = sizeof((const uint32_t[]){ 1, 3, 6, 1, 2, 1, __VA_ARGS__ }) / sizeof(uint32_t)

#define MIB_COLUMNS(array) .columns = (array), .n_columns = sizeof(array) / sizeof((array)[0])

/* A field of the row's structure, as it stands. The field's type chooses the getter. */
#define MIB_FIELD(type, field) MIB_FIELD_BY(MIB_FIELD_GETTER(type, field), type, field)

/* A field with a getter of the table's own, which finds it by mib_field(). */
#define MIB_FIELD_BY(getter, type, field) .get = (getter), .offset = offsetof(type, field)

#define MIB_FIELD_GETTER(type, field)              \
    _Generic(((const type *)NULL)->field, uint64_t \
             : mib_get_u64, uint32_t               \
             : mib_get_u32, bool                   \
             : mib_get_truth, struct span          \
             : mib_get_octets)

/* A range of the column's SYNTAX. */
#define MIB_RANGE(low, high) .min = (low), .max = (high)

mib_getter mib_get_u64;
mib_getter mib_get_u32;
mib_getter mib_get_u32_known; /* a hole when it is 0, for objects whose SYNTAX begins at 1 */
mib_getter mib_get_truth;     /* TruthValue: true(1), false(2) */
mib_getter mib_get_octets;
mib_getter mib_get_address_type; /* of a struct snap_address: InetAddressType ... */
mib_getter mib_get_address; /* ... and InetAddress; unknown(0) and empty unless the two agree (RFC 4001) */

/* The column's field in the row. */
static inline const void *
mib_field(const struct mib_row *row, const struct mib_column *column)
{
    return (const uint8_t *)row->data + column->offset;
}

/* Add a part to the index that a table's key function builds. */
static inline void
mib_key_number(struct mib_key *key, uint32_t number)
{
    key->part[key->parts].is_text = false;
    key->part[key->parts++].number = number;
}

static inline void
mib_key_text(struct mib_key *key, struct span text)
{
    key->part[key->parts].is_text = true;
    key->part[key->parts++].text = text;
}

/* The index of rows that are a struct snap_instance: its applIndex. */
void mib_key_instance(const struct mib_row *row, struct mib_key *key);

#endif
