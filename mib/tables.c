/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of all tables. */
#include "mib/tables.h"

/* In the order of their OIDs: mib-2 27, 149, 150, 151. */
const struct mib_table *const mib_tables[] = {
    &mib_appl,
    &mib_common_cfg,
    &mib_common_port,
    &mib_common_option_tag,
    &mib_common_method_supported,
    &mib_common_cfg_timer,
    &mib_common_summary_stats,
    &mib_common_method_stats,
    &mib_common_status_code,
    &mib_common_status_code_notif,
    &mib_common_trans_current,
    &mib_common_stats_retry,
    &mib_common_other_stats,
    &mib_ua_cfg_server,
    &mib_server_cfg,
    &mib_server_proxy_cfg,
    &mib_server_proxy_stats,
    &mib_server_reg_cfg,
    &mib_server_reg_user,
    &mib_server_reg_contact,
    &mib_server_reg_stats,
};

const size_t mib_n_tables = sizeof(mib_tables) / sizeof(mib_tables[0]);

const struct mib_table *
mib_table_find(const uint32_t *oid, size_t length)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        if (length >= mib_tables[t]->oid_len &&
            memcmp(oid, mib_tables[t]->oid, mib_tables[t]->oid_len * sizeof(oid[0])) == 0)
            return mib_tables[t];
    return NULL;
}
