/* SPDX-License-Identifier: BSD-2-Clause */
/* SIP-UA-MIB (RFC 4780): the servers that user agents are configured to use. */
#include "mib/columns.h"
#include "mib/tables.h"

#define FIELD_BY(getter, field) MIB_FIELD_BY(getter, struct snap_ua_server, field)

static void
key_server(const struct mib_row *row, struct mib_key *key)
{
    const struct snap_ua_server *server = row->data;

    mib_key_number(key, server->appl_index);
    mib_key_number(key, server->index);
}

static const struct mib_column server_columns[] = {
    { 2, MIB_INTEGER, MIB_READ_ONLY, "sipUACfgServerAddressType", FIELD_BY(mib_get_address_type, address) },
    { 3, MIB_OCTETS, MIB_READ_ONLY, "sipUACfgServerAddress", FIELD_BY(mib_get_address, address) },
    { 4, MIB_BITS, MIB_READ_ONLY, "sipUACfgServerRole", MIB_FIELD(struct snap_ua_server, roles) },
};

const struct mib_table mib_ua_cfg_server = {
    .name = "sipUACfgServerTable",
    MIB_ENTRY(150, 1, 1, 1, 1),
    MIB_COLUMNS(server_columns),
    .seek = mib_seek_rows,
    .rows = SNAP_UA_SERVERS,
    .key = key_server,
};
