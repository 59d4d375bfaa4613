/* SPDX-License-Identifier: BSD-2-Clause */
/* SIP-SERVER-MIB (RFC 4780): proxies, redirect servers and registrars, but for who is registered. */
#include "mib/columns.h"
#include "mib/tables.h"

#define FIELD(field)            MIB_FIELD(struct snap_instance, field)
#define FIELD_BY(getter, field) MIB_FIELD_BY(getter, struct snap_instance, field)
#define COUNTER(counter)        FIELD(counters[LANE_##counter])

static const struct mib_column cfg_columns[] = {
    { 1, MIB_INTEGER, MIB_READ_ONLY, "sipServerCfgHostAddressType", FIELD_BY(mib_get_address_type, host) },
    { 2, MIB_OCTETS, MIB_READ_ONLY, "sipServerCfgHostAddress", FIELD_BY(mib_get_address, host) },
};

const struct mib_table mib_server_cfg = {
    .name = "sipServerCfgTable",
    MIB_ENTRY(151, 1, 1, 1, 1),
    MIB_COLUMNS(cfg_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_SERVERS,
    .key = mib_key_instance,
};

// clang-format off
static const struct mib_column proxy_cfg_columns[] = {
    { 1, MIB_INTEGER, MIB_READ_ONLY, "sipServerCfgProxyStatefulness",     FIELD(statefulness), MIB_RANGE(1, 3) },
    { 2, MIB_INTEGER, MIB_READ_ONLY, "sipServerCfgProxyRecursion",        FIELD(recursion) },
    { 3, MIB_INTEGER, MIB_READ_ONLY, "sipServerCfgProxyRecordRoute",      FIELD(record_route) },
    { 4, MIB_BITS,    MIB_READ_ONLY, "sipServerCfgProxyAuthMethod",       FIELD(auth) },
    { 5, MIB_OCTETS,  MIB_READ_ONLY, "sipServerCfgProxyAuthDefaultRealm", FIELD(realm) },
};
// clang-format on

const struct mib_table mib_server_proxy_cfg = {
    .name = "sipServerProxyCfgTable",
    MIB_ENTRY(151, 1, 3, 1, 1),
    MIB_COLUMNS(proxy_cfg_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_PROXIES,
    .key = mib_key_instance,
};

static const struct mib_column proxy_stats_columns[] = {
    { 1, MIB_COUNTER32, MIB_READ_ONLY, "sipServerProxyStatProxyReqFailures", COUNTER(PROXY_REQUIRE_FAILED) },
    { 2, MIB_TIMETICKS, MIB_READ_ONLY, "sipServerProxyStatsDisconTime", FIELD(discon_ns) },
};

const struct mib_table mib_server_proxy_stats = {
    .name = "sipServerProxyStatsTable",
    MIB_ENTRY(151, 1, 4, 1, 1),
    MIB_COLUMNS(proxy_stats_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_PROXIES,
    .key = mib_key_instance,
};

// clang-format off
static const struct mib_column reg_cfg_columns[] = {
    { 1, MIB_UNSIGNED32, MIB_READ_ONLY, "sipServerRegMaxContactExpiryDuration", FIELD(max_contact_expiry_s) },
    { 2, MIB_UNSIGNED32, MIB_READ_ONLY, "sipServerRegMaxUsers",
      FIELD_BY(mib_get_u32_known, max_users) },
    { 3, MIB_GAUGE32,    MIB_READ_ONLY, "sipServerRegCurrentUsers",             FIELD(current_users) },
    { 4, MIB_UNSIGNED32, MIB_READ_ONLY, "sipServerRegDfltRegActiveInterval",
      FIELD_BY(mib_get_u32_known, default_expiry_s) },
};
// clang-format on

const struct mib_table mib_server_reg_cfg = {
    .name = "sipServerRegCfgTable",
    MIB_ENTRY(151, 1, 5, 1, 1),
    MIB_COLUMNS(reg_cfg_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_REGISTRARS,
    .key = mib_key_instance,
};

static const struct mib_column reg_stats_columns[] = {
    { 1, MIB_COUNTER32, MIB_READ_ONLY, "sipServerRegStatsAcceptedRegs", COUNTER(REGISTER_ACCEPTED) },
    { 2, MIB_COUNTER32, MIB_READ_ONLY, "sipServerRegStatsRejectedRegs", COUNTER(REGISTER_REJECTED) },
    { 3, MIB_TIMETICKS, MIB_READ_ONLY, "sipServerRegStatsDisconTime", FIELD(discon_ns) },
};

const struct mib_table mib_server_reg_stats = {
    .name = "sipServerRegStatsTable",
    MIB_ENTRY(151, 1, 6, 1, 1),
    MIB_COLUMNS(reg_stats_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_REGISTRARS,
    .key = mib_key_instance,
};
