/* SPDX-License-Identifier: BSD-2-Clause */
/* SIP-COMMON-MIB (RFC 4780): the tables of statistics. What each counts, and when, is decided where it is
 * counted: see sipcore/lane.h for the counters, sipcore/observer.h for the rules. */
#include "mib/columns.h"
#include "mib/tables.h"

#define COUNTER(counter)        MIB_FIELD(struct snap_instance, counters[LANE_##counter])
#define DISCON_TIME             MIB_FIELD(struct snap_instance, discon_ns)
#define METHOD_COUNTER(counter) MIB_FIELD(struct snap_method, counters[LANE_METHOD_##counter])
#define METHOD_DISCON_TIME      MIB_FIELD(struct snap_method, discon_ns)
#define CODE(field)             MIB_FIELD(struct snap_code, field)

static mib_getter get_total_transactions;
static mib_getter get_active;
static bool put_row_status(struct mib_change *change, uint32_t value);
static bool put_notify(struct mib_change *change, uint32_t value);
static bool put_emit(struct mib_change *change, uint32_t value);
static bool put_threshold(struct mib_change *change, uint32_t value);
static bool put_interval(struct mib_change *change, uint32_t value);

// clang-format off
static const struct mib_column summary_columns[] = {
    { 1, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonSummaryInRequests",        COUNTER(IN_REQUESTS) },
    { 2, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonSummaryOutRequests",       COUNTER(OUT_REQUESTS) },
    { 3, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonSummaryInResponses",       COUNTER(IN_RESPONSES) },
    { 4, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonSummaryOutResponses",      COUNTER(OUT_RESPONSES) },
    { 5, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonSummaryTotalTransactions", .get = get_total_transactions },
    { 6, MIB_TIMETICKS, MIB_READ_ONLY, "sipCommonSummaryDisconTime",        DISCON_TIME },
};
// clang-format on

const struct mib_table mib_common_summary_stats = {
    .name = "sipCommonSummaryStatsTable",
    MIB_ENTRY(149, 1, 3, 1, 1),
    MIB_COLUMNS(summary_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_INSTANCES,
    .key = mib_key_instance,
};

/* An observer at a stateless proxy matches transactions all the same; the proxy has none. */
static bool
get_total_transactions(const struct mib_view *view, const struct mib_row *row,
                       const struct mib_column *column, struct mib_value *value)
{
    const struct snap_instance *instance = row->data;

    (void)view;
    (void)column;
    value->number = instance->is_stateless_proxy ? 0 : instance->counters[LANE_TRANS_BEGUN];
    return true;
}

static void
key_method(const struct mib_row *row, struct mib_key *key)
{
    const struct snap_method *method = row->data;

    mib_key_number(key, method->appl_index);
    mib_key_text(key, method->name);
}

static const struct mib_column method_columns[] = {
    { 2, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonMethodStatsOutbounds", METHOD_COUNTER(OUT) },
    { 3, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonMethodStatsInbounds", METHOD_COUNTER(IN) },
    { 4, MIB_TIMETICKS, MIB_READ_ONLY, "sipCommonMethodStatsDisconTime", METHOD_DISCON_TIME },
};

const struct mib_table mib_common_method_stats = {
    .name = "sipCommonMethodStatsTable",
    MIB_ENTRY(149, 1, 4, 1, 1),
    MIB_COLUMNS(method_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_METHODS,
    .key = key_method,
};

static void
key_code(const struct mib_row *row, struct mib_key *key)
{
    const struct snap_code *code = row->data;

    mib_key_number(key, code->appl_index);
    mib_key_text(key, code->method);
    mib_key_number(key, code->code);
}

/* RFC 4780 admits createAndGo and destroy alone, so the others can under no circumstances be assigned: also
 * active(1), which RFC 2579 would otherwise let pass on a row that is active. */
static const struct mib_writable row_status_writable = {
    .kind = MIB_CHANGE_STATUS_CODE,
    .wire = MIB_WIRE_INTEGER,
    .legal = 1u << MIB_CREATE_AND_GO | 1u << MIB_DESTROY,
    .is_row_status = true,
    .put = put_row_status,
};

static const struct mib_column code_columns[] = {
    { 3, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonStatusCodeIns", CODE(in) },
    { 4, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonStatusCodeOuts", CODE(out) },
    { 5, MIB_INTEGER, MIB_READ_CREATE, "sipCommonStatusCodeRowStatus", .get = get_active,
      .writable = &row_status_writable },
    { 6, MIB_TIMETICKS, MIB_READ_ONLY, "sipCommonStatusCodeDisconTime", CODE(discon_ns) },
};

const struct mib_table mib_common_status_code = {
    .name = "sipCommonStatusCodeTable",
    MIB_ENTRY(149, 1, 5, 1, 1),
    MIB_COLUMNS(code_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_CODES,
    .key = key_code,
};

/* A row that exists is active(1): of the other states RFC 4780 admits none. */
static bool
get_active(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
           struct mib_value *value)
{
    (void)view;
    (void)row;
    (void)column;
    value->number = 1;
    return true;
}

/* Both are kept when they come together, so that either finds the other at fault. */
static bool
put_row_status(struct mib_change *change, uint32_t value)
{
    change->creates = change->creates || value == MIB_CREATE_AND_GO;
    change->destroys = change->destroys || value == MIB_DESTROY;
    return !change->creates || !change->destroys;
}

#define SETTING(mib_wire, mib_legal, mib_put)                                                      \
    {                                                                                              \
        .kind = MIB_CHANGE_STATUS_CODE, .wire = (mib_wire), .legal = (mib_legal), .put = (mib_put) \
    }

/* TruthValue; normal(1) and oneShot(2), while triggered(3) can only be read; any number. */
static const struct mib_writable notify_writable = SETTING(MIB_WIRE_INTEGER, 1u << 1 | 1u << 2, put_notify);
static const struct mib_writable emit_writable = SETTING(MIB_WIRE_INTEGER, 1u << 1 | 1u << 2, put_emit);
static const struct mib_writable threshold_writable = SETTING(MIB_WIRE_UNSIGNED32, 0, put_threshold);
static const struct mib_writable interval_writable = SETTING(MIB_WIRE_UNSIGNED32, 0, put_interval);

// clang-format off
static const struct mib_column code_notif_columns[] = {
    { 1, MIB_INTEGER,    MIB_READ_WRITE, "sipCommonStatusCodeNotifSend",     CODE(notify),
      .writable = &notify_writable },
    { 2, MIB_INTEGER,    MIB_READ_WRITE, "sipCommonStatusCodeNotifEmitMode", CODE(emit), MIB_RANGE(1, 3),
      .writable = &emit_writable },
    { 3, MIB_UNSIGNED32, MIB_READ_WRITE, "sipCommonStatusCodeNotifThresh",   CODE(threshold),
      .writable = &threshold_writable },
    { 4, MIB_UNSIGNED32, MIB_READ_WRITE, "sipCommonStatusCodeNotifInterval", CODE(interval_s),
      .writable = &interval_writable },
};
// clang-format on

/* Augments the status code table: the same rows. */
const struct mib_table mib_common_status_code_notif = {
    .name = "sipCommonStatusCodeNotifTable",
    MIB_ENTRY(149, 1, 5, 2, 1),
    MIB_COLUMNS(code_notif_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_CODES,
    .key = key_code,
};

static bool
put_notify(struct mib_change *change, uint32_t value)
{
    bool agrees = (change->sets & MIB_SETS_NOTIFY) == 0 || change->notify == (value == 1);

    if (agrees)
        change->notify = value == 1;
    change->sets |= MIB_SETS_NOTIFY;
    return agrees;
}

static bool
put_emit(struct mib_change *change, uint32_t value)
{
    return mib_change_number(change, MIB_SETS_EMIT, &change->emit, value);
}

static bool
put_threshold(struct mib_change *change, uint32_t value)
{
    return mib_change_number(change, MIB_SETS_THRESHOLD, &change->threshold, value);
}

static bool
put_interval(struct mib_change *change, uint32_t value)
{
    return mib_change_number(change, MIB_SETS_INTERVAL, &change->interval_s, value);
}

/* The name of the object is spelt this way in RFC 4780. */
static const struct mib_column trans_current_columns[] = {
    { 1, MIB_GAUGE32, MIB_READ_ONLY, "sipCommonTransCurrentactions",
      MIB_FIELD(struct snap_instance, open_transactions) },
};

const struct mib_table mib_common_trans_current = {
    .name = "sipCommonTransCurrentTable",
    MIB_ENTRY(149, 1, 6, 1, 1),
    MIB_COLUMNS(trans_current_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_TIMED,
    .key = mib_key_instance,
};

// clang-format off
static const struct mib_column retry_columns[] = {
    { 2, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonStatsRetries",                METHOD_COUNTER(OUT_RETRANSMITTED) },
    { 3, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonStatsRetryFinalResponses",    METHOD_COUNTER(FINAL_RETRANSMITTED) },
    { 4, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonStatsRetryNonFinalResponses",
      METHOD_COUNTER(PROVISIONAL_RETRANSMITTED) },
    { 5, MIB_TIMETICKS, MIB_READ_ONLY, "sipCommonStatsRetryDisconTime",        METHOD_DISCON_TIME },
};
// clang-format on

const struct mib_table mib_common_stats_retry = {
    .name = "sipCommonStatsRetryTable",
    MIB_ENTRY(149, 1, 7, 1, 1),
    MIB_COLUMNS(retry_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_METHODS,
    .key = key_method,
};

// clang-format off
static const struct mib_column other_columns[] = {
    { 1, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonOtherStatsNumUnsupportedUris",     COUNTER(UNSUPPORTED_URIS) },
    { 2, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonOtherStatsNumUnsupportedMethods",  COUNTER(UNSUPPORTED_METHODS) },
    { 3, MIB_COUNTER32, MIB_READ_ONLY, "sipCommonOtherStatsOtherwiseDiscardedMsgs", COUNTER(DISCARDED) },
    { 4, MIB_TIMETICKS, MIB_READ_ONLY, "sipCommonOtherStatsDisconTime",             DISCON_TIME },
};
// clang-format on

const struct mib_table mib_common_other_stats = {
    .name = "sipCommonOtherStatsTable",
    MIB_ENTRY(149, 1, 8, 1, 1),
    MIB_COLUMNS(other_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_INSTANCES,
    .key = mib_key_instance,
};
