/* SPDX-License-Identifier: BSD-2-Clause */
/* The floor that a walk is measured against: an AgentX subagent that knows nothing. One registration, one hand-written
 * handler that computes each row from its number, values that are the row's number. Its index has the shape of
 * sipCommonStatusCodeTable's (a number, "INVITE" with its length, a number), so that the packets are as long.
 *
 * usage: bare_handler SOCKET ROWS. Prints "ready" once the master has it. Ends on SIGTERM. */
#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <net-snmp/agent/agent_callbacks.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { CODES = 600, COLUMNS = 4, METHOD_OCTETS = 6, INDEX_LENGTH = 1 + 1 + METHOD_OCTETS + 1 };

/* net-snmp's playpen for experiments. */
static const oid entry[] = { 1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 1, 1 };
static const oid method[METHOD_OCTETS] = { 'I', 'N', 'V', 'I', 'T', 'E' };
static unsigned long rows;
static volatile sig_atomic_t stopped;

/* The number of the first row at or after `index`, with `after` past it. Well-formed indexes or none: what
 * a walk asks. */
static unsigned long
row_at(const oid *index, size_t length, int after)
{
    unsigned long row;

    if (length < INDEX_LENGTH)
        return length > 0 ? (index[0] - 1) * CODES : 0;
    row = (index[0] - 1) * CODES + (index[INDEX_LENGTH - 1] - 100);
    return row + (after ? 1 : 0);
}

static void
set_name(netsnmp_variable_list *var, oid column, unsigned long row)
{
    oid name[OID_LENGTH(entry) + 1 + INDEX_LENGTH];
    size_t used = OID_LENGTH(entry);

    memcpy(name, entry, sizeof(entry));
    name[used++] = column;
    name[used++] = row / CODES + 1;
    name[used++] = METHOD_OCTETS;
    memcpy(name + used, method, sizeof(method));
    used += METHOD_OCTETS;
    name[used++] = 100 + row % CODES;
    snmp_set_var_objid(var, name, used);
}

static void
answer_next(netsnmp_variable_list *var)
{
    size_t known = OID_LENGTH(entry);
    oid column = 1;
    unsigned long row = 0;

    if (var->name_length > known && snmp_oid_compare(var->name, known, entry, known) == 0) {
        column = var->name[known];
        row = row_at(var->name + known + 1, var->name_length - known - 1, 1);
    }
    if (row >= rows) {
        column++;
        row = 0;
    }
    if (column > COLUMNS)
        return;
    set_name(var, column, row);
    snmp_set_var_typed_integer(var, ASN_COUNTER, (long)row);
}

static int
handle(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
       netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    (void)handler;
    (void)registration;
    for (netsnmp_request_info *r = requests; r; r = r->next) {
        netsnmp_variable_list *var = r->requestvb;
        size_t known = OID_LENGTH(entry);

        if (info->mode == MODE_GETNEXT)
            answer_next(var);
        else if (var->name_length == known + 1 + INDEX_LENGTH)
            snmp_set_var_typed_integer(var, ASN_COUNTER,
                                       (long)row_at(var->name + known + 1, INDEX_LENGTH, 0));
        else
            netsnmp_set_request_error(info, r, SNMP_NOSUCHINSTANCE);
    }
    return SNMP_ERR_NOERROR;
}

static int
on_up(int major, int minor, void *server, void *client)
{
    (void)major;
    (void)minor;
    (void)server;
    (void)client;
    puts("ready");
    fflush(stdout);
    return SNMPERR_SUCCESS;
}

static void
on_signal(int number)
{
    (void)number;
    stopped = 1;
}

int
main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    rows = strtoul(argv[2], NULL, 10);
    signal(SIGTERM, on_signal);
    setenv("MIBS", "", 1);
    snmp_disable_log();
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_ROLE, 1);
    netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, argv[1]);
    init_agent("bare");
    netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_PING_INTERVAL, 1);
    snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_START, on_up, NULL);
    netsnmp_register_handler(
        netsnmp_create_handler_registration("bare", handle, entry, OID_LENGTH(entry), HANDLER_CAN_RONLY));
    init_snmp("bare");
    while (!stopped)
        agent_check_and_process(1);
    snmp_shutdown("bare");
    return 0;
}
