/* SPDX-License-Identifier: BSD-2-Clause */
/* Getters that serve columns of many tables. */
#include "mib/columns.h"
#include "mib/text.h"

bool
mib_get_u64(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
            struct mib_value *value)
{
    (void)view;
    value->number = *(const uint64_t *)mib_field(row, column);
    return true;
}

bool
mib_get_u32(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
            struct mib_value *value)
{
    (void)view;
    value->number = *(const uint32_t *)mib_field(row, column);
    return true;
}

bool
mib_get_u32_known(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
                  struct mib_value *value)
{
    return mib_get_u32(view, row, column, value) && value->number != 0;
}

bool
mib_get_truth(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
              struct mib_value *value)
{
    (void)view;
    value->number = *(const bool *)mib_field(row, column) ? 1 : 2;
    return true;
}

bool
mib_get_octets(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
               struct mib_value *value)
{
    (void)view;
    value->octets = *(const struct span *)mib_field(row, column);
    return true;
}

bool
mib_get_text(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
             struct mib_value *value)
{
    _Static_assert(sizeof(value->scratch) >= MIB_TEXT_OCTETS, "room for the text");
    (void)view;
    value->octets =
        span_of(value->scratch, mib_text(*(const struct span *)mib_field(row, column), value->scratch));
    return true;
}

static enum snap_address_type address_type(const struct snap_address *address);

bool
mib_get_address_type(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
                     struct mib_value *value)
{
    (void)view;
    value->number = address_type(mib_field(row, column));
    return true;
}

bool
mib_get_address(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
                struct mib_value *value)
{
    const struct snap_address *address = mib_field(row, column);

    (void)view;
    if (address_type(address) != SNAP_ADDRESS_UNKNOWN)
        value->octets = address->octets;
    return true;
}

static enum snap_address_type
address_type(const struct snap_address *address)
{
    size_t length = address->octets.length;
    bool fits = false;

    switch (address->type) {
    case SNAP_ADDRESS_UNKNOWN: break;
    case SNAP_ADDRESS_IPV4: fits = length == 4; break;
    case SNAP_ADDRESS_IPV6: fits = length == 16; break;
    case SNAP_ADDRESS_DNS: fits = length >= 1 && length <= MIB_OCTETS_MAX; break;
    }
    return fits ? address->type : SNAP_ADDRESS_UNKNOWN;
}

void
mib_key_instance(const struct mib_row *row, struct mib_key *key)
{
    mib_key_number(key, ((const struct snap_instance *)row->data)->appl_index);
}
