/* SPDX-License-Identifier: BSD-2-Clause */
/* What the table files of this folder are written with: a column that is a field of the snapshot is one
 * line, without a getter of its own; a column that can be set says itself what it takes. For mib/ only. */
#ifndef MIB_COLUMNS_H
#define MIB_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "mib/mib.h"
#include "mib/set.h"

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
mib_getter mib_get_text; /* as mib_get_octets, made fit for SnmpAdminString: for what a network said */
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

/* Of RowStatus (RFC 2579), what RFC 4780 lets a manager write. */
enum { MIB_CREATE_AND_GO = 4, MIB_DESTROY = 6 };

/* What a SET may write to a column, and where it goes. The kind decides how the index is read. */
struct mib_writable {
    enum mib_change_kind kind;
    enum mib_wire wire;
    uint32_t legal; /* bit n set: the value n (MIB_WIRE_INTEGER), or bit n (MIB_WIRE_OCTETS), may be written.
                       MIB_WIRE_UNSIGNED32 takes any */
    bool is_row_status;

    /* Note the value: of BITS, bit n in bit n. False when the same object got another one in this SET. */
    bool (*put)(struct mib_change *change, uint32_t value);
};

/* For put(): the value of a column that is a number. `sets` is its MIB_SETS_* bit. */
bool mib_change_number(struct mib_change *change, unsigned sets, uint32_t *field, uint32_t value);

#endif
