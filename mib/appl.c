/* SPDX-License-Identifier: BSD-2-Clause */
/* NETWORK-SERVICES-MIB (RFC 2788): applTable, which gives every applIndex of the SIP tables its meaning.
 * The table of single associations is not served: its group is optional, and a SIP server's are its
 * transport connections. */
#include "mib/columns.h"
#include "mib/tables.h"

#define FIELD(field) MIB_FIELD(struct snap_instance, field)
#define ASSOCIATIONS(counter) \
    MIB_FIELD_BY(get_association_count, struct snap_instance, counters[LANE_##counter])

static mib_getter get_oper_status;
static mib_getter get_inbound_associations;
static mib_getter get_outbound_associations;
static mib_getter get_association_count;

// clang-format off
static const struct mib_column appl_columns[] = {
    {  2, MIB_OCTETS,    MIB_READ_ONLY, "applName",                            FIELD(name) },
    {  3, MIB_OCTETS,    MIB_READ_ONLY, "applDirectoryName",                   FIELD(directory_name) },
    {  4, MIB_OCTETS,    MIB_READ_ONLY, "applVersion",
      MIB_FIELD_BY(mib_get_text, struct snap_instance, version) },
    {  5, MIB_TIMETICKS, MIB_READ_ONLY, "applUptime",                          FIELD(start_ns) },
    {  6, MIB_INTEGER,   MIB_READ_ONLY, "applOperStatus",                      .get = get_oper_status },
    {  7, MIB_TIMETICKS, MIB_READ_ONLY, "applLastChange",                      FIELD(last_change_ns) },
    {  8, MIB_GAUGE32,   MIB_READ_ONLY, "applInboundAssociations",             .get = get_inbound_associations },
    {  9, MIB_GAUGE32,   MIB_READ_ONLY, "applOutboundAssociations",            .get = get_outbound_associations },
    { 10, MIB_COUNTER32, MIB_READ_ONLY, "applAccumulatedInboundAssociations",  ASSOCIATIONS(ASSOC_IN_OPENED) },
    { 11, MIB_COUNTER32, MIB_READ_ONLY, "applAccumulatedOutboundAssociations", ASSOCIATIONS(ASSOC_OUT_OPENED) },
    { 12, MIB_TIMETICKS, MIB_READ_ONLY, "applLastInboundActivity",             FIELD(last_in_ns) },
    { 13, MIB_TIMETICKS, MIB_READ_ONLY, "applLastOutboundActivity",            FIELD(last_out_ns) },
    { 14, MIB_COUNTER32, MIB_READ_ONLY, "applRejectedInboundAssociations",     ASSOCIATIONS(ASSOC_IN_FAILED) },
    { 15, MIB_COUNTER32, MIB_READ_ONLY, "applFailedOutboundAssociations",      ASSOCIATIONS(ASSOC_OUT_FAILED) },
    { 16, MIB_OCTETS,    MIB_READ_ONLY, "applDescription",                     FIELD(description) },
    { 17, MIB_OCTETS,    MIB_READ_ONLY, "applURL",                             FIELD(url) },
};
// clang-format on

const struct mib_table mib_appl = {
    .name = "applTable",
    MIB_ENTRY(27, 1, 1),
    MIB_COLUMNS(appl_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_INSTANCES,
    .key = mib_key_instance,
};

/* The states of the two MIBs differ. Under test is operational but not available: halted(3). Unknown has
 * no value here, and any would be a claim (down would raise alarms): then the object is not there, while
 * sipCommonCfgServiceOperStatus of the same applIndex says unknown(1). */
static bool
get_oper_status(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
                struct mib_value *value)
{
    enum { UP = 1, DOWN, HALTED, CONGESTED, RESTARTING, QUIESCING };
    static const uint8_t from_sip[] = {
        [2] = UP, [3] = DOWN, [4] = CONGESTED, [5] = RESTARTING, [6] = QUIESCING, [7] = HALTED,
    };
    const struct snap_instance *instance = row->data;

    (void)view;
    (void)column;
    if (instance->oper_status < sizeof(from_sip))
        value->number = from_sip[instance->oper_status];
    return value->number != 0;
}

/* Closed may be ahead of opened when the one that opened died before it was seen: none then, not four
 * billion. */
static bool
get_open(const struct snap_instance *instance, enum lane_counter opened, enum lane_counter closed,
         struct mib_value *value)
{
    if (instance->counters[opened] > instance->counters[closed])
        value->number = instance->counters[opened] - instance->counters[closed];
    return instance->has_associations;
}

static bool
get_inbound_associations(const struct mib_view *view, const struct mib_row *row,
                         const struct mib_column *column, struct mib_value *value)
{
    (void)view;
    (void)column;
    return get_open(row->data, LANE_ASSOC_IN_OPENED, LANE_ASSOC_IN_CLOSED, value);
}

static bool
get_outbound_associations(const struct mib_view *view, const struct mib_row *row,
                          const struct mib_column *column, struct mib_value *value)
{
    (void)view;
    (void)column;
    return get_open(row->data, LANE_ASSOC_OUT_OPENED, LANE_ASSOC_OUT_CLOSED, value);
}

/* Zero connections and connections that nobody reports are not the same: the latter are holes. */
static bool
get_association_count(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
                      struct mib_value *value)
{
    const struct snap_instance *instance = row->data;

    return instance->has_associations && mib_get_u64(view, row, column, value);
}
