/* SPDX-License-Identifier: BSD-2-Clause */
/* The AgentX thread: sets net-snmp up, keeps it turning, and answers requests from a snapshot. */
#include "agent/agentx.h"

#include <net-snmp/net-snmp-config.h>

#include <net-snmp/net-snmp-includes.h>

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <net-snmp/agent/agent_callbacks.h>
#include <net-snmp/library/large_fd_set.h>

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agentx_answer.h"
#include "agent/agentx_guard.h"
#include "agent/agentx_notify.h"
#include "agent/agentx_probe.h"
#include "agent/agentx_set.h"
#include "agent/log.h"
#include "mib/mib.h"

enum {
    /* How long the master may take to answer before its session is given up. Long, since a new session would not help
     * one that is stalled, or waits 6 s for each sink of SNMPv3 informs. Nothing is sent twice meanwhile. */
    MASTER_PATIENCE_S = 20,
    ANSWER_TIMEOUT_US = 1000000, /* how long the master waits for us: told when the session is opened */
    FIRST_PROBE_MS = 1000,       /* how soon after the start we say that there is no master */
    WATCH_EARLY_NS = 100000000,  /* so that the library's timer of that interval wakes us for it */
    LAST_WORD_MS = 500,          /* how long the end waits for that of a SET; the master knows it already */
    OWN_SESSIONS = 4,            /* that the library has with itself: two */
    OWN_ROUNDS = 16              /* of what it tells itself, in a turn */
};

#define PATIENCE_TEXT "20 seconds" /* MASTER_PATIENCE_S */

struct registration {
    struct agentx_root root;
    netsnmp_handler_registration *handle;
    bool refused; /* the master would not have it: tried again by itself */
};

/* What comes from the master: the header of a PDU, and then as many octets as that says. */
struct stream {
    struct agentx_guard guard;
    uint8_t header[AGENTX_HEADER_OCTETS];
    size_t used; /* of the header */
    size_t left; /* of the payload */
    bool is_passed_over;
    uint8_t asked[AGENTX_HEADER_OCTETS]; /* the last request of ours */
    bool has_asked;
};

/* In the order of their numbers below mib-2, as mib_tables is. */
static const struct agentx_root roots[] = {
    { .module = "NETWORK-SERVICES-MIB", .number = 27 },
    { .module = "SIP-COMMON-MIB", .number = 149 },
    { .module = "SIP-UA-MIB", .number = 150 },
    { .module = "SIP-SERVER-MIB", .number = 151 },
};

/* And where the number stands in an OID, and how long that is. */
enum { ROOTS = sizeof(roots) / sizeof(roots[0]), ROOT_NUMBER_AT = 6, ROOT_LENGTH = 8 };

/* All state of this thread. Callbacks of net-snmp carry no pointer of ours (it frees what it is given), and the
 * library can be set up only once in a process: hence one static object. */
static struct {
    struct core *core;
    const struct agentx_options *options;
    struct agentx_report report;
    enum agentx_state reported_state;
    struct registration registrations[ROOTS];
    struct registration *registering; /* about which the library speaks to the master */
    struct stream stream;
    int (*send)(netsnmp_transport *, const void *, int, void **, int *); /* the library's own */
    bool is_reading;    /* here, and not in a call of the library that waits for one answer */
    int master_fd;      /* of the session with the master; -1 without one */
    bool is_broken;     /* the session ends because of what the master sent */
    bool was_accepting; /* the master took connections when it was last tried */
    uint64_t watch_ns;  /* when to watch again; an alarm would wake us beside the library's own */
    bool stop;
} self;

static void configure_library(void);
static int set_up_callbacks(struct err *e);
static int register_roots(struct err *e);
static void find_tables(struct agentx_root *root);
static netsnmp_handler_registration *register_root(const struct agentx_root *root);
static void turn(netsnmp_large_fd_set *fds, unsigned most_ms);
static void end_sets(netsnmp_large_fd_set *fds);
static int find_own_sessions(netsnmp_large_fd_set *fds, int highest, struct pollfd own[OWN_SESSIONS]);
static void read_sessions(netsnmp_large_fd_set *fds, struct pollfd *own, int n_own);
static void report(void);
static void stop_readable(int fd, void *unused);
static void watch(unsigned id, void *unused);
static void retry_refused(void);
static void register_again(const struct registration *r);
static int on_register(int major, int minor, void *parameters, void *client);
static int receive(netsnmp_transport *transport, void *to, int room, void **peer, int *peer_octets);
static int answer_for_master(uint8_t *to, size_t room);
static int send_noted(netsnmp_transport *transport, const void *pdu, int octets, void **peer,
                      int *peer_octets);
static int read_admitted(int fd, uint8_t *to, size_t room);
static int read_some(int fd, void *to, size_t room);
static bool is_admitted(struct stream *s);
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
    self.master_fd = -1;
    agentx_answer_init(core, options->runtime_dir);
    agentx_set_init(core);
    configure_library();
    r = set_up_callbacks(e);
    if (r == 0)
        r = agentx_notify_init(core, e);
    if (r == 0)
        r = register_roots(e);
    if (r < 0)
        return r;
    self.report.turn_started_ns = core_now_ns();
    report();
    init_snmp("sipmibd"); /* connects, or begins to try */
    self.report.turn_started_ns = 0;
    report();

    netsnmp_large_fd_set_init(&fds, FD_SETSIZE);
    while (!self.stop)
        turn(&fds, 1000u * options->ping_interval_s);
    end_sets(&fds);
    netsnmp_large_fd_set_cleanup(&fds);

    agentx_set_abandon();
    agentx_notify_down();
    agentx_answer_fini();
    snmp_shutdown("sipmibd");
    return 0;
}

void
agentx_set_environment(const char *state_dir)
{
    setenv("MIBS", "", 1);
    setenv("SNMP_PERSISTENT_DIR", state_dir, 1);
}

/* Without this and the environment net-snmp parses every MIB file there is, prints about it, reads and writes
 * configuration of its own, and takes SIGALRM. */
static void
configure_library(void)
{
    signal(SIGPIPE, SIG_IGN);
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
    netsnmp_ds_set_int(NETSNMP_DS_APPLICATION_ID, NETSNMP_DS_AGENT_AGENTX_TIMEOUT, ANSWER_TIMEOUT_US);
    netsnmp_ds_set_int(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_TIMEOUT, MASTER_PATIENCE_S);
    netsnmp_ds_set_int(NETSNMP_DS_LIBRARY_ID, NETSNMP_DS_LIB_RETRIES, 0);
    snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_START, on_up, NULL);
    snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_INDEX_STOP, on_down, NULL);
    snmp_register_callback(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_REGISTER_OID, on_register, NULL);

    if (register_readfd(core_stop_fd(self.core), stop_readable, NULL) != 0)
        return err_set(e, -EIO, "net-snmp: cannot watch the stop descriptor");
    self.watch_ns = UINT64_MAX;
    snmp_alarm_register_hr((struct timeval){ .tv_usec = FIRST_PROBE_MS * 1000 }, 0, watch, NULL);
    return 0;
}

static int
register_roots(struct err *e)
{
    for (size_t i = 0; i < ROOTS; i++) {
        struct registration *r = &self.registrations[i];

        r->root = roots[i];
        find_tables(&r->root);
        r->handle = register_root(&r->root);
        if (!r->handle)
            return err_set(e, -EIO, "net-snmp: cannot register %s", r->root.module);
    }
    return 0;
}

static void
find_tables(struct agentx_root *root)
{
    root->tables = mib_tables;
    root->n_tables = 0;
    for (size_t t = 0; t < mib_n_tables; t++) {
        if (mib_tables[t]->oid[ROOT_NUMBER_AT] < root->number)
            root->tables++;
        else if (mib_tables[t]->oid[ROOT_NUMBER_AT] == root->number)
            root->n_tables++;
    }
}

/* All can be written, as far as the library knows: which object refuses, and how, is for mib_set_check() to say. */
static netsnmp_handler_registration *
register_root(const struct agentx_root *root)
{
    const oid name[ROOT_LENGTH] = { 1, 3, 6, 1, 2, 1, root->number, 1 };
    netsnmp_handler_registration *handle = netsnmp_create_handler_registration(
        root->module, agentx_answer, name, ROOT_LENGTH, HANDLER_CAN_RWRITE);

    if (!handle)
        return NULL;
    handle->handler->myvoid = (void *)(uintptr_t)root; /* const in our hands, only read in agentx_answer() */
    if (netsnmp_register_handler(handle) != MIB_REGISTERED_OK)
        return NULL;
    return handle;
}

/* A master tells the manager that a SET is done, then us that it is over: without that it would be taken back. */
static void
end_sets(netsnmp_large_fd_set *fds)
{
    uint64_t until_ns = core_now_ns() + LAST_WORD_MS * UINT64_C(1000000);

    unregister_readfd(core_stop_fd(self.core)); /* it stays readable */
    while (agentx_set_is_applied() && core_now_ns() < until_ns)
        turn(fds, LAST_WORD_MS / 10);
}

/* One turn: wait for a descriptor or a timer, then let the library work. Only the work can block in the master, and
 * the core is told when it begins, so that others can see how long it has been. */
static void
turn(netsnmp_large_fd_set *fds, unsigned most_ms)
{
    struct timeval timeout = { .tv_sec = most_ms / 1000, .tv_usec = most_ms % 1000 * 1000 };
    int highest = 0, block = 0, ready, n_own;
    struct pollfd own[OWN_SESSIONS];

    NETSNMP_LARGE_FD_ZERO(fds);
    snmp_select_info2(&highest, fds, &timeout, &block);
    n_own = find_own_sessions(fds, highest, own);
    netsnmp_external_event_info2(&highest, fds, NULL, NULL);
    ready = netsnmp_large_fd_set_select(highest, fds, NULL, NULL, block ? NULL : &timeout);
    self.report.turn_started_ns = core_now_ns();
    report();
    /* What the master asked goes through sessions of the library with itself, which use the master's even if that has
     * ended meanwhile: so nothing is read that could end it before all is answered. */
    if (ready > 1 && self.master_fd >= 0)
        NETSNMP_LARGE_FD_CLR(self.master_fd, fds);
    if (ready > 0) {
        netsnmp_dispatch_external_events2(&ready, fds, NULL, NULL);
        read_sessions(fds, own, n_own);
    } else {
        snmp_timeout();
    }
    run_alarms();
    if (self.report.turn_started_ns >= self.watch_ns)
        watch(0, NULL);
    netsnmp_check_outstanding_agent_requests();
    agentx_notify_send();
    agentx_answer_rest();
    self.report.turn_started_ns = 0;
    report();
}

/* The descriptors of the sessions that the library has with itself: all of its own but the master's. */
static int
find_own_sessions(netsnmp_large_fd_set *fds, int highest, struct pollfd own[OWN_SESSIONS])
{
    int n = 0;

    for (int fd = 0; fd < highest && n < OWN_SESSIONS; fd++)
        if (fd != self.master_fd && NETSNMP_LARGE_FD_ISSET(fd, fds))
            own[n++] = (struct pollfd){ .fd = fd, .events = POLLIN };
    return n;
}

/* What is readable, and then what the library wrote to itself thereby: a request does so twice until it is answered. */
static void
read_sessions(netsnmp_large_fd_set *fds, struct pollfd *own, int n_own)
{
    self.is_reading = true;
    snmp_read2(fds);
    for (unsigned round = 0; round < OWN_ROUNDS && poll(own, (nfds_t)n_own, 0) > 0; round++) {
        NETSNMP_LARGE_FD_ZERO(fds);
        for (int k = 0; k < n_own; k++)
            if (own[k].revents & POLLIN)
                NETSNMP_LARGE_FD_SET(own[k].fd, fds);
        snmp_read2(fds);
    }
    self.is_reading = false;
}

static void
report(void)
{
    if (self.report.since_ns == 0 || self.report.state != self.reported_state)
        self.report.since_ns = core_now_ns();
    self.reported_state = self.report.state;
    agentx_answer_count(&self.report.requests, &self.report.last_request_ns);
    agentx_notify_count(&self.report.notices_sent, &self.report.notices_repeated);
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
    self.watch_ns = core_now_ns() + self.options->ping_interval_s * UINT64_C(1000000000) - WATCH_EARLY_NS;
    if (self.report.state == AGENTX_CONNECTED) {
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

/* A registration that the master refuses still "succeeds" here, and the library leaves it at that. */
static void
retry_refused(void)
{
    size_t was_refused = 0, refused = 0;

    for (size_t i = 0; i < ROOTS; i++) {
        struct registration *r = &self.registrations[i];

        if (!r->refused)
            continue;
        was_refused++;
        register_again(r);
        refused += r->refused;
        if (r->refused)
            snprintf(
                self.report.reason, sizeof(self.report.reason),
                "the master refuses %s (1.3.6.1.2.1.%u.1): another subagent or module serves it; find it and "
                "switch it off",
                r->root.module, r->root.number);
    }
    if (was_refused > 0 && refused == 0)
        self.report.reason[0] = '\0';
    report();
}

/* A Register alone. The library's way, to unregister first, would take it from its owner: net-snmp's master does not
 * look whose it is. */
static void
register_again(const struct registration *r)
{
    struct register_parameters parameters = {
        .name = r->handle->rootoid,
        .namelen = r->handle->rootoid_len,
        .priority = DEFAULT_MIB_PRIORITY,
        .reginfo = r->handle,
    };

    snmp_call_callbacks(SNMP_CALLBACK_APPLICATION, SNMPD_CALLBACK_REGISTER_OID, &parameters);
}

/* Called before the library's own, which sends the Register: so that on_log() knows which one was refused. */
static int
on_register(int major, int minor, void *parameters, void *client)
{
    const struct register_parameters *p = parameters;

    (void)major;
    (void)minor;
    (void)client;
    self.registering = NULL;
    for (size_t i = 0; i < ROOTS; i++)
        if (p->reginfo && p->reginfo == self.registrations[i].handle)
            self.registering = &self.registrations[i];
    if (self.registering)
        self.registering->refused = false;
    return SNMPERR_SUCCESS;
}

/* The library's own reader of unix sockets asks for the peer's address and allocates it at each read, for nobody, and
 * loses it when a master that ended resets the connection. This one only reads, and a PDU at most. */
static int
receive(netsnmp_transport *transport, void *to, int room, void **peer, int *peer_octets)
{
    int n = read_admitted(transport->sock, to, (size_t)room);

    if (n < 0 && !self.is_reading)
        n = answer_for_master(to, (size_t)room);
    *peer = NULL;
    *peer_octets = 0;
    if (n == 0)
        transport->flags |= NETSNMP_TRANSPORT_FLAG_EMPTY_PKT; /* for this time: 0 is not the end */
    return n;
}

/* The library waits for an answer, perhaps amid a list that it would free at the end of the session, and use again. So
 * it is told that there is no session (RFC 2741 7.1.1), and meets the end when it is back here. */
static int
answer_for_master(uint8_t *to, size_t room)
{
    struct stream *s = &self.stream;
    uint32_t words[2] = { (uint32_t)netsnmp_get_agent_uptime(), 0 }, octets = sizeof(words);
    uint16_t error = AGENTX_NOT_OPEN;
    bool is_big = s->asked[2] & AGENTX_NETWORK_BYTE_ORDER;

    if (!s->has_asked || room < AGENTX_HEADER_OCTETS + sizeof(words))
        return -1;
    s->has_asked = false;
    memcpy(to, s->asked, AGENTX_HEADER_OCTETS); /* the session, the transaction, the packet */
    to[1] = AGENTX_RESPONSE;
    to[2] &= AGENTX_NETWORK_BYTE_ORDER;
    octets = is_big ? htobe32(octets) : htole32(octets);
    words[0] = is_big ? htobe32(words[0]) : htole32(words[0]);
    error = is_big ? htobe16(error) : htole16(error);
    memcpy(&words[1], &error, sizeof(error));
    memcpy(to + AGENTX_HEADER_OCTETS - sizeof(octets), &octets, sizeof(octets));
    memcpy(to + AGENTX_HEADER_OCTETS, words, sizeof(words));
    return AGENTX_HEADER_OCTETS + (int)sizeof(words);
}

/* What is asked, so that it can be answered when the master does not any more. */
static int
send_noted(netsnmp_transport *transport, const void *pdu, int octets, void **peer, int *peer_octets)
{
    const uint8_t *header = pdu;

    if (octets >= AGENTX_HEADER_OCTETS && header[1] != AGENTX_RESPONSE) {
        memcpy(self.stream.asked, header, AGENTX_HEADER_OCTETS);
        self.stream.has_asked = true;
    }
    return self.send(transport, pdu, octets, peer, peer_octets);
}

/* What the guard admits. 0: nothing yet; -1: the session is over. */
static int
read_admitted(int fd, uint8_t *to, size_t room)
{
    struct stream *s = &self.stream;
    size_t begun = 0;
    int n;

    if (s->left == 0) {
        n = read_some(fd, s->header + s->used, sizeof(s->header) - s->used);
        if (n < 0 || (s->used += (size_t)n) < sizeof(s->header))
            return n < 0 ? -1 : 0;
        s->used = 0;
        if (room < sizeof(s->header) || !is_admitted(s))
            return -1;
        if (!s->is_passed_over) {
            memcpy(to, s->header, sizeof(s->header));
            begun = sizeof(s->header);
        }
    }
    n = read_some(fd, to + begun, s->left < room - begun ? s->left : room - begun);
    if (n < 0)
        return -1;
    s->left -= (size_t)n;
    return s->is_passed_over ? 0 : (int)begun + n;
}

/* -1 when nothing will come any more. */
static int
read_some(int fd, void *to, size_t room)
{
    ssize_t n;

    if (room == 0)
        return 0;
    do
        n = recv(fd, to, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        return (int)n;
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : -1;
}

static bool
is_admitted(struct stream *s)
{
    enum agentx_verdict verdict = agentx_guard_judge(&s->guard, s->header, &s->left);

    s->is_passed_over = verdict == AGENTX_REPEATED;
    self.is_broken = verdict == AGENTX_BROKEN;
    if (self.is_broken)
        shutdown(self.master_fd, SHUT_RDWR); /* whoever reads next meets the end */
    return verdict != AGENTX_BROKEN;
}

static int
on_up(int major, int minor, void *server, void *client)
{
    netsnmp_transport *transport = snmp_sess_transport(snmp_sess_pointer(server));

    (void)major;
    (void)minor;
    (void)client;
    self.stream = (struct stream){ .left = 0 };
    self.master_fd = transport ? transport->sock : -1;
    self.is_broken = false;
    if (transport && transport->f_send != send_noted) {
        transport->f_recv = receive;
        self.send = transport->f_send;
        transport->f_send = send_noted;
    }
    agentx_notify_up(server); /* the session, a netsnmp_session * */
    if (self.report.state != AGENTX_CONNECTED)
        self.report.connects++;
    self.report.state = AGENTX_CONNECTED;
    self.report.reason[0] = '\0';
    self.was_accepting = false;
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
    self.master_fd = -1;
    agentx_notify_down();
    agentx_set_abandon();
    agentx_answer_release();
    if (self.report.state == AGENTX_CONNECTED)
        self.report.disconnects++;
    self.report.state = AGENTX_DISCONNECTED;
    snprintf(self.report.reason, sizeof(self.report.reason),
             "the session with the master at %s ended: %s; trying again every %us", self.options->socket,
             self.is_broken ? "it sent what AgentX does not allow"
                            : "snmpd stopped, or did not answer for " PATIENCE_TEXT,
             self.options->ping_interval_s);
    report();
    return SNMPERR_SUCCESS;
}

/* The library's own words go to our log at debug level, since we say ourselves what matters; but a refused
 * registration is known from here alone. */
static int
on_log(int major, int minor, void *message, void *client)
{
    const struct snmp_log_message *m = message;
    char text[256];

    (void)major;
    (void)minor;
    (void)client;
    if (strstr(m->msg, "registering pdu failed")) {
        if (self.registering)
            self.registering->refused = true;
        self.report.registrations_refused++;
    }
    log_line(LOG_LEVEL_DEBUG, LOG_AGENTX, "net-snmp: %s",
             log_escape(text, sizeof(text), m->msg, strcspn(m->msg, "\n")));
    return SNMPERR_SUCCESS;
}
