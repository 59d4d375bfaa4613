/* SPDX-License-Identifier: BSD-2-Clause */
/* The AgentX thread: sets net-snmp up, keeps it turning, and answers requests from a snapshot. */
#include "agent/agentx.h"

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <net-snmp/agent/agent_callbacks.h>
#include <net-snmp/library/large_fd_set.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agentx_answer.h"
#include "agent/agentx_probe.h"
#include "agent/log.h"
#include "mib/mib.h"

enum {
    MASTER_TIMEOUT_US = 1000000, /* how long one exchange with the master may take ... */
    MASTER_RETRIES = 0,          /* ... and how often it is tried again before the session is given up */
    FIRST_PROBE_MS = 1000        /* how soon after the start we say that there is no master */
};

/* One registration per table: many more slow every lookup down. */
struct registration {
    const struct mib_table *table;
    netsnmp_handler_registration *handle;
    bool refused; /* the master would not have it: tried again by itself */
};

/* All state of this thread. Callbacks of net-snmp carry no pointer of ours (it frees what it is given), and the library
 * can be set up only once in a process: hence one static object. */
static struct {
    struct core *core;
    const struct agentx_options *options;
    struct agentx_report report;
    enum agentx_state reported_state;
    struct registration *registrations;
    size_t refusals;    /* messages of refusal since the last look */
    bool was_accepting; /* the master took connections when it was last tried */
    bool stop;
} self;

static void configure_library(void);
static int set_up_callbacks(struct err *e);
static int register_tables(struct err *e);
static netsnmp_handler_registration *register_table(const struct mib_table *table);
static void turn(netsnmp_large_fd_set *fds);
static void report(void);
static void stop_readable(int fd, void *unused);
static void watch(unsigned id, void *unused);
static void retry_refused(void);
static int on_up(int major, int minor, void *server, void *client);
static int on_down(int major, int minor, void *server, void *client);
static int on_log(int major, int minor, void *message, void *client);

int
agentx_run(struct core *core, const struct agentx_options *options, struct err *e)
{
    netsnmp_large_fd_set fds;
    int r;

    self.core = core;
    self.options = options;
    agentx_answer_init(core, options->runtime_dir);
    configure_library();
    r = set_up_callbacks(e);
    if (r == 0)
        r = register_tables(e);
    if (r < 0)
        return r;
    init_snmp("sipmibd"); /* connects, or begins to try */
    report();

    netsnmp_large_fd_set_init(&fds, FD_SETSIZE);
    while (!self.stop)
        turn(&fds);
    netsnmp_large_fd_set_cleanup(&fds);

    agentx_answer_release();
    snmp_shutdown("sipmibd");
    free(self.registrations);
    return 0;
}

/* Without this net-snmp parses every MIB file there is, prints about it, reads and writes configuration of its own, and
 * takes SIGALRM. */
static void
configure_library(void)
{
    signal(SIGPIPE, SIG_IGN);
    setenv("MIBS", "", 1);
    setenv("SNMP_PERSISTENT_DIR", self.options->state_dir, 1);
    snmp_disable_stderrlog();
    snmp_enable_calllog();
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_PERSIST_STATE, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_DONT_READ_CONFIGS, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_ALARM_DONT_USE_SIG, 1);
    netsnmp_ds_set_boolean(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_ROLE, 1);
    netsnmp_ds_set_string(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_X_SOCKET, self.options->socket);
}

static int
set_up_callbacks(struct err *e)
{
    snmp_register_callback(SNMP_CALLBACK_LIBRARY, SNMP_CALLBACK_LOGGING, on_log, NULL);
    if (init_agent("sipmibd") != 0)
        return err_set(e, -EIO, "net-snmp: cannot set up the agent library");

    /* init_agent() sets its own defaults, so these come after it. */
    netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_PING_INTERVAL,
                       (int)self.options->ping_interval_s);
    netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_TIMEOUT, MASTER_TIMEOUT_US);
    netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_RETRIES, MASTER_RETRIES);
    snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_START, on_up, NULL);
    snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_STOP, on_down, NULL);

    if (register_readfd(core_stop_fd(self.core), stop_readable, NULL) != 0)
        return err_set(e, -EIO, "net-snmp: cannot watch the stop descriptor");
    snmp_alarm_register(self.options->ping_interval_s, SA_REPEAT, watch, NULL);
    snmp_alarm_register_hr((struct timeval){ .tv_usec = FIRST_PROBE_MS * 1000 }, 0, watch, NULL);
    return 0;
}

static int
register_tables(struct err *e)
{
    self.registrations = calloc(mib_n_tables, sizeof(*self.registrations));
    if (!self.registrations)
        return err_set(e, -ENOMEM, "no memory for %zu table registrations", mib_n_tables);
    for (size_t i = 0; i < mib_n_tables; i++) {
        self.registrations[i].table = mib_tables[i];
        self.registrations[i].handle = register_table(mib_tables[i]);
        if (!self.registrations[i].handle)
            return err_set(e, -EIO, "net-snmp: cannot register %s", mib_tables[i]->name);
    }
    return 0;
}

static netsnmp_handler_registration *
register_table(const struct mib_table *table)
{
    netsnmp_handler_registration *handle;
    oid name[MIB_OID_MAX];

    for (size_t i = 0; i < table->oid_len; i++)
        name[i] = table->oid[i];
    handle = netsnmp_create_handler_registration(table->name, agentx_answer, name, table->oid_len,
                                                 HANDLER_CAN_RONLY);
    if (!handle)
        return NULL;
    handle->handler->myvoid = (void *)(uintptr_t)table; /* const in our hands, only read in agentx_answer() */
    if (netsnmp_register_handler(handle) != MIB_REGISTERED_OK)
        return NULL;
    return handle;
}

/* One turn: wait for a descriptor or a timer, then let the library work. Only the work can block in the master, and the
 * core is told when it begins, so that others can see how long it has been. */
static void
turn(netsnmp_large_fd_set *fds)
{
    struct timeval timeout = { .tv_sec = (time_t)self.options->ping_interval_s };
    int highest = 0, block = 0, ready;

    NETSNMP_LARGE_FD_ZERO(fds);
    snmp_select_info2(&highest, fds, &timeout, &block);
    netsnmp_external_event_info2(&highest, fds, NULL, NULL);
    ready = netsnmp_large_fd_set_select(highest, fds, NULL, NULL, block ? NULL : &timeout);
    self.report.turn_started_ns = core_now_ns();
    report();
    if (ready > 0) {
        netsnmp_dispatch_external_events2(&ready, fds, NULL, NULL);
        snmp_read2(fds);
    } else {
        snmp_timeout();
    }
    run_alarms();
    netsnmp_check_outstanding_agent_requests();
    self.report.turn_started_ns = 0;
    report();
}

static void
report(void)
{
    if (self.report.since_ns == 0 || self.report.state != self.reported_state)
        self.report.since_ns = core_now_ns();
    self.reported_state = self.report.state;
    agentx_answer_count(&self.report.requests, &self.report.last_request_ns);
    core_report_agentx(self.core, &self.report);
}

static void
stop_readable(int fd, void *unused)
{
    (void)fd;
    (void)unused;
    self.stop = true;
}

/* Every ping interval: say why there is no master, or offer again what it refused. */
static void
watch(unsigned id, void *unused)
{
    char reason[sizeof(self.report.reason)];
    bool is_accepting;

    (void)id;
    (void)unused;
    if (self.report.state == AGENTX_CONNECTED) {
        if (self.refusals > 0)
            retry_refused();
        return;
    }
    self.report.state = AGENTX_DISCONNECTED;
    /* A master that has just come up accepts before it gives sessions: said only when it is still so the next time. */
    is_accepting = agentx_probe(self.options->socket, reason, sizeof(reason)) == 0;
    if (!is_accepting || self.was_accepting)
        memcpy(self.report.reason, reason, sizeof(reason));
    self.was_accepting = is_accepting;
    report();
}

/* A registration that the master refuses still "succeeds" here; only the log told. Which one it was is learnt by
 * registering each again on its own. */
static void
retry_refused(void)
{
    bool first_look = true;
    size_t refused = 0;

    for (size_t i = 0; i < mib_n_tables; i++)
        first_look = first_look && !self.registrations[i].refused;
    for (size_t i = 0; i < mib_n_tables; i++) {
        struct registration *r = &self.registrations[i];

        if (!first_look && !r->refused)
            continue;
        if (r->handle)
            netsnmp_unregister_handler(r->handle);
        self.refusals = 0;
        r->handle = register_table(r->table);
        r->refused = self.refusals > 0 || !r->handle;
        refused += r->refused;
        if (r->refused)
            snprintf(self.report.reason, sizeof(self.report.reason),
                     "the master refuses %s: another subagent or module serves it; find it and switch it off",
                     r->table->name);
    }
    self.refusals = refused;
    if (refused == 0)
        self.report.reason[0] = '\0';
    report();
}

static int
on_up(int major, int minor, void *server, void *client)
{
    (void)major;
    (void)minor;
    (void)server;
    (void)client;
    if (self.report.state != AGENTX_CONNECTED)
        self.report.connects++;
    self.report.state = AGENTX_CONNECTED;
    self.report.reason[0] = '\0';
    self.was_accepting = false;
    for (size_t i = 0; i < mib_n_tables; i++)
        self.registrations[i].refused = false;
    report();
    return SNMPERR_SUCCESS;
}

static int
on_down(int major, int minor, void *server, void *client)
{
    (void)major;
    (void)minor;
    (void)server;
    (void)client;
    if (self.report.state == AGENTX_CONNECTED)
        self.report.disconnects++;
    self.report.state = AGENTX_DISCONNECTED;
    self.refusals = 0;
    snprintf(
        self.report.reason, sizeof(self.report.reason),
        "the session with the master at %s ended: snmpd stopped, or did not answer for a second; trying again "
        "every %us",
        self.options->socket, self.options->ping_interval_s);
    report();
    return SNMPERR_SUCCESS;
}

/* The library's own words go to our log at debug level, since we say ourselves what matters; but a refused registration
 * is known from here alone. */
static int
on_log(int major, int minor, void *message, void *client)
{
    const struct snmp_log_message *m = message;
    char text[256];

    (void)major;
    (void)minor;
    (void)client;
    if (strstr(m->msg, "registering pdu failed")) {
        self.refusals++;
        self.report.registrations_refused++;
    }
    log_line(LOG_LEVEL_DEBUG, LOG_AGENTX, "net-snmp: %s",
             log_escape(text, sizeof(text), m->msg, strcspn(m->msg, "\n")));
    return SNMPERR_SUCCESS;
}
