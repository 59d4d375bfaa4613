/* SPDX-License-Identifier: BSD-2-Clause */
/* SIP-COMMON-MIB (RFC 4780): the configuration tables. */
#include "mib/columns.h"
#include "mib/tables.h"

#define FIELD(field) MIB_FIELD(struct snap_instance, field)

static mib_getter get_protocol_version;
static mib_getter get_notify_enable;
static bool put_notify_enable(struct mib_change *change, uint32_t value);

static const struct mib_writable notify_enable_writable = {
    .kind = MIB_CHANGE_NOTIFY_ENABLE,
    .wire = MIB_WIRE_OCTETS,
    .legal = SNAP_NOTIFY_COLD_START | SNAP_NOTIFY_WARM_START | SNAP_NOTIFY_STATUS_CHANGED,
    .put = put_notify_enable,
};

// clang-format off
static const struct mib_column cfg_columns[] = {
    { 1, MIB_OCTETS,     MIB_READ_ONLY, "sipCommonCfgProtocolVersion",   .get = get_protocol_version },
    { 2, MIB_INTEGER,    MIB_READ_ONLY, "sipCommonCfgServiceOperStatus", FIELD(oper_status), MIB_RANGE(1, 7) },
    { 3, MIB_TIMETICKS,  MIB_READ_ONLY, "sipCommonCfgServiceStartTime",  FIELD(start_ns) },
    { 4, MIB_TIMETICKS,  MIB_READ_ONLY, "sipCommonCfgServiceLastChange", FIELD(last_change_ns) },
    { 5, MIB_OCTETS,     MIB_READ_ONLY, "sipCommonCfgOrganization",      FIELD(organization) },
    { 6, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgMaxTransactions",
      MIB_FIELD_BY(mib_get_u32_known, struct snap_instance, max_transactions) },
    { 7, MIB_BITS,       MIB_READ_WRITE, "sipCommonCfgServiceNotifEnable",
      MIB_FIELD_BY(get_notify_enable, struct snap_instance, notify_enable),
      .writable = &notify_enable_writable },
    { 8, MIB_BITS,       MIB_READ_ONLY, "sipCommonCfgEntityType",        FIELD(roles) },
};
// clang-format on

const struct mib_table mib_common_cfg = {
    .name = "sipCommonCfgTable",
    MIB_ENTRY(149, 1, 1, 1, 1),
    MIB_COLUMNS(cfg_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_INSTANCES,
    .key = mib_key_instance,
};

/* As in the start line of every message (RFC 3261 7.1). */
static bool
get_protocol_version(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
                     struct mib_value *value)
{
    (void)view;
    (void)row;
    (void)column;
    value->octets = span_string("SIP/2.0");
    return true;
}

/* Bits without a name are not of the SYNTAX. */
static bool
get_notify_enable(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
                  struct mib_value *value)
{
    bool is_there = mib_get_u32(view, row, column, value);

    value->number &= notify_enable_writable.legal;
    return is_there;
}

static bool
put_notify_enable(struct mib_change *change, uint32_t value)
{
    return mib_change_number(change, MIB_SETS_SERVICE, &change->notify_enable, value);
}

static void
key_port(const struct mib_row *row, struct mib_key *key)
{
    const struct snap_port *port = row->data;

    mib_key_number(key, port->appl_index);
    mib_key_number(key, port->port);
}

static const struct mib_column port_columns[] = {
    { 2, MIB_BITS, MIB_READ_ONLY, "sipCommonPortTransportRcv", MIB_FIELD(struct snap_port, transports) },
};

const struct mib_table mib_common_port = {
    .name = "sipCommonPortTable",
    MIB_ENTRY(149, 1, 1, 2, 1),
    MIB_COLUMNS(port_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_PORTS,
    .key = key_port,
};

static void
key_option_tag(const struct mib_row *row, struct mib_key *key)
{
    const struct snap_option_tag *tag = row->data;

    mib_key_number(key, tag->appl_index);
    mib_key_number(key, tag->index);
}

static const struct mib_column option_tag_columns[] = {
    { 2, MIB_OCTETS, MIB_READ_ONLY, "sipCommonOptionTag",
      MIB_FIELD_BY(mib_get_text, struct snap_option_tag, tag) },
    { 3, MIB_BITS, MIB_READ_ONLY, "sipCommonOptionTagHeaderField",
      MIB_FIELD(struct snap_option_tag, headers) },
};

const struct mib_table mib_common_option_tag = {
    .name = "sipCommonOptionTagTable",
    MIB_ENTRY(149, 1, 1, 3, 1),
    MIB_COLUMNS(option_tag_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_OPTION_TAGS,
    .key = key_option_tag,
};

static void
key_supported_method(const struct mib_row *row, struct mib_key *key)
{
    const struct snap_supported_method *method = row->data;

    mib_key_number(key, method->appl_index);
    mib_key_number(key, method->index);
}

static const struct mib_column supported_method_columns[] = {
    { 2, MIB_OCTETS, MIB_READ_ONLY, "sipCommonMethodSupportedName",
      MIB_FIELD(struct snap_supported_method, name) },
};

const struct mib_table mib_common_method_supported = {
    .name = "sipCommonMethodSupportedTable",
    MIB_ENTRY(149, 1, 1, 4, 1),
    MIB_COLUMNS(supported_method_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_SUPPORTED_METHODS,
    .key = key_supported_method,
};

// clang-format off
/* The MIB's ranges are narrower than what RFC 3261 allows (B, F, H and J of 64*T1 with a T1 below 500 ms,
 * zero over reliable transports). The objects are read-only, so what lies outside shows as the nearest
 * value inside. */
static const struct mib_column timer_columns[] = {
    {  1, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerA",  FIELD(timer_ms[0]),  MIB_RANGE(100, 1000) },
    {  2, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerB",  FIELD(timer_ms[1]),  MIB_RANGE(32000, 300000) },
    {  3, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerC",  FIELD(timer_ms[2]),  MIB_RANGE(180000, 300000) },
    {  4, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerD",  FIELD(timer_ms[3]),  MIB_RANGE(0, 300000) },
    {  5, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerE",  FIELD(timer_ms[4]),  MIB_RANGE(100, 1000) },
    {  6, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerF",  FIELD(timer_ms[5]),  MIB_RANGE(32000, 300000) },
    {  7, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerG",  FIELD(timer_ms[6]),  MIB_RANGE(0, 1000) },
    {  8, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerH",  FIELD(timer_ms[7]),  MIB_RANGE(32000, 300000) },
    {  9, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerI",  FIELD(timer_ms[8]),  MIB_RANGE(0, 10000) },
    { 10, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerJ",  FIELD(timer_ms[9]),  MIB_RANGE(32000, 300000) },
    { 11, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerK",  FIELD(timer_ms[10]), MIB_RANGE(0, 10000) },
    { 12, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerT1", FIELD(timer_ms[11]), MIB_RANGE(200, 10000) },
    { 13, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerT2", FIELD(timer_ms[12]), MIB_RANGE(200, 10000) },
    { 14, MIB_UNSIGNED32, MIB_READ_ONLY, "sipCommonCfgTimerT4", FIELD(timer_ms[13]), MIB_RANGE(200, 10000) },
};
// clang-format on

const struct mib_table mib_common_cfg_timer = {
    .name = "sipCommonCfgTimerTable",
    MIB_ENTRY(149, 1, 2, 1, 1),
    MIB_COLUMNS(timer_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_TIMED,
    .key = mib_key_instance,
};
