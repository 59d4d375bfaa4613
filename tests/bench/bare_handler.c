/* SPDX-License-Identifier: BSD-2-Clause */
/* The floor that walks are measured against: an AgentX subagent that knows nothing. Hand-written handlers, one
 * registration each, over rows whose place follows from their index:
 *
 *   codes      shaped as sipCommonStatusCodeTable (a number, "INVITE" with its length, a number; Counter32),
 *              values that are the row's number
 *   contacts   shaped as sipServerRegContactTable (three numbers; texts, TimeTicks, DateAndTime), out of an array
 *
 * usage: bare_handler SOCKET CODES CONTACTS. Prints "ready" once the master has it. Ends on SIGTERM. */
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

/* ---- contacts ---- */

enum { FIRST_COLUMN = 2, LAST_COLUMN = 6, CONTACT_INDEX = 3, APPL_INDEX = 8 };

struct contact {
    char name[10], uri[40], q[4];
    unsigned char date[11];
    unsigned long changed;
};

static const oid contact_entry[] = { 1, 3, 6, 1, 4, 1, 8072, 9999, 9999, 2, 1 };
static struct contact *contacts;
static unsigned long n_contacts;

static int
fill_contacts(void)
{
    static const unsigned char date[11] = { 7, 234, 11, 23, 18, 40, 7, 0, '+', 0, 0 };

    contacts = calloc(n_contacts + 1, sizeof(*contacts));
    for (unsigned long i = 0; contacts != NULL && i < n_contacts; i++) {
        struct contact *c = &contacts[i];

        strcpy(c->name, "Some Body");
        snprintf(c->uri, sizeof(c->uri), "sip:u%07lu@10.%lu.%lu.%lu:5060", i % 10000000, i >> 16 & 255,
                 i >> 8 & 255, i & 255);
        strcpy(c->q, "1.0");
        memcpy(c->date, date, sizeof(date));
        c->changed = 25;
    }
    return contacts != NULL;
}

static void
set_contact(netsnmp_variable_list *var, oid column, const struct contact *c)
{
    if (column == 4)
        snmp_set_var_typed_integer(var, ASN_TIMETICKS, (long)c->changed);
    else if (column == 5)
        snmp_set_var_typed_value(var, ASN_OCTET_STR, c->date, sizeof(c->date));
    else {
        const char *text = column == 2 ? c->name : column == 3 ? c->uri : c->q;

        snmp_set_var_typed_value(var, ASN_OCTET_STR, text, strlen(text));
    }
}

/* Contact `row` is that of user row + 1, with the contact index 1. */
static void
next_contact(netsnmp_variable_list *var)
{
    oid name[OID_LENGTH(contact_entry) + 1 + CONTACT_INDEX], column = FIRST_COLUMN;
    size_t known = OID_LENGTH(contact_entry);
    unsigned long row = 0;

    if (var->name_length > known && snmp_oid_compare(var->name, known, contact_entry, known) == 0) {
        column = var->name[known] < FIRST_COLUMN ? FIRST_COLUMN : var->name[known];
        if (var->name_length > known + CONTACT_INDEX) /* a whole index: the row behind it */
            row = var->name[known + 2];
        else if (var->name_length > known + 2) /* a user: its first contact */
            row = var->name[known + 2] - 1;
    }
    if (row >= n_contacts) {
        column++;
        row = 0;
    }
    if (column > LAST_COLUMN)
        return;
    memcpy(name, contact_entry, sizeof(contact_entry));
    name[known] = column;
    name[known + 1] = APPL_INDEX;
    name[known + 2] = row + 1;
    name[known + 3] = 1;
    snmp_set_var_objid(var, name, known + 1 + CONTACT_INDEX);
    set_contact(var, column, &contacts[row]);
}

static int
handle_contacts(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    (void)handler;
    (void)registration;
    for (netsnmp_request_info *r = requests; r; r = r->next)
        if (info->mode == MODE_GETNEXT)
            next_contact(r->requestvb);
        else
            netsnmp_set_request_error(info, r, SNMP_NOSUCHINSTANCE); /* nobody asks */
    return SNMP_ERR_NOERROR;
}

/* ---- both ---- */

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
    if (argc != 4)
        return 2;
    rows = strtoul(argv[2], NULL, 10);
    n_contacts = strtoul(argv[3], NULL, 10);
    if (!fill_contacts())
        return 1;
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
        netsnmp_create_handler_registration("codes", handle, entry, OID_LENGTH(entry), HANDLER_CAN_RONLY));
    netsnmp_register_handler(netsnmp_create_handler_registration(
        "contacts", handle_contacts, contact_entry, OID_LENGTH(contact_entry), HANDLER_CAN_RONLY));
    init_snmp("bare");
    while (!stopped)
        agent_check_and_process(1);
    snmp_shutdown("bare");
    return 0;
}
