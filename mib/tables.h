/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptors of all tables, for the list of mib_tables. For mib/ only. */
#ifndef MIB_TABLES_H
#define MIB_TABLES_H

#include "mib/mib.h"

/* NETWORK-SERVICES-MIB (RFC 2788) */
extern const struct mib_table mib_appl;

/* SIP-COMMON-MIB (RFC 4780) */
extern const struct mib_table mib_common_cfg;
extern const struct mib_table mib_common_port;
extern const struct mib_table mib_common_option_tag;
extern const struct mib_table mib_common_method_supported;
extern const struct mib_table mib_common_cfg_timer;
extern const struct mib_table mib_common_summary_stats;
extern const struct mib_table mib_common_method_stats;
extern const struct mib_table mib_common_status_code;
extern const struct mib_table mib_common_status_code_notif;
extern const struct mib_table mib_common_trans_current;
extern const struct mib_table mib_common_stats_retry;
extern const struct mib_table mib_common_other_stats;

/* SIP-UA-MIB (RFC 4780) */
extern const struct mib_table mib_ua_cfg_server;

/* SIP-SERVER-MIB (RFC 4780) */
extern const struct mib_table mib_server_cfg;
extern const struct mib_table mib_server_proxy_cfg;
extern const struct mib_table mib_server_proxy_stats;
extern const struct mib_table mib_server_reg_cfg;
extern const struct mib_table mib_server_reg_user;
extern const struct mib_table mib_server_reg_contact;
extern const struct mib_table mib_server_reg_stats;

#endif
