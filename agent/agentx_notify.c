/* SPDX-License-Identifier: BSD-2-Clause */
/* Notices on their way to the master. */
#include "agent/agentx_notify.h"

#include <net-snmp/agent/net-snmp-agent-includes.h>

#include <assert.h>
#include <errno.h>
#include <stdbool.h>

#include "agent/agentx_answer.h"
#include "agent/core.h"
#include "agent/log.h"
#include "agent/notice.h"
#include "agent/notice_varbinds.h"

enum {
    WINDOW = 8, /* most that await their answer: some 20 KiB, far less than a socket takes without blocking */
    QUICK_MS = 200, /* an answer within this shows that the master does not wait for anybody */
    /* Longer than a silent master keeps its session: whether they are sent again is decided when the session ends. */
    ANSWER_TIMEOUT_S = 120
};

/* Of RFC 2741, 6.1 and 6.2.16. The library does not install its own names for them. */
enum { NOTIFY_PDU = 12, NOT_OPEN = 257 };

/* The oldest notices of the queue, in its order: the first `in_flight` await their answer in this session, the first
 * `given` were sent before, in whatever session. */
static struct {
    struct core *core;
    struct notice_queue *queue;
    netsnmp_session *session; /* NULL: none */
    bool is_held;             /* the session takes no more; wait for the next */
    bool must_look;           /* there may be something to send */
    unsigned in_flight, given;
    /* How many may be in flight now: 1 to WINDOW. A master with a sink that does not answer (SNMPv3 informs) is held
     * for seconds by each notification: with one at a time it still answers pings in between, and keeps the session. */
    unsigned width;
    struct {
        uint64_t sent_ns;
        uintptr_t serial; /* by which an answer finds its notice: late answers of old sessions find none */
        bool is_answered;
    } window[WINDOW];
    uintptr_t last_serial;
    uint64_t sent, repeated;
    bool said_refused;
} self;

static void queue_readable(int fd, void *unused);
static int give(const struct notice *n);
static bool add_varbinds(netsnmp_pdu *pdu, const struct notice_varbinds *v);
static netsnmp_variable_list *add_varbind(netsnmp_pdu *pdu, const struct notice_varbind *v,
                                          const uint32_t *trap_oid);
static int on_answer(int operation, netsnmp_session *session, int reqid, netsnmp_pdu *pdu, void *serial);
static void take_answer(unsigned k, long status);
static void forget_window(void);

int
agentx_notify_init(struct core *core, struct err *e)
{
    self.core = core;
    self.queue = core_notices(core);
    self.must_look = true;
    if (register_readfd(notice_queue_fd(self.queue), queue_readable, NULL) != 0)
        return err_set(e, -EIO, "net-snmp: cannot watch the notification queue");
    return 0;
}

void
agentx_notify_up(netsnmp_session *session)
{
    forget_window();
    self.session = session;
    self.width = 1;
    self.is_held = false;
    self.said_refused = false;
}

void
agentx_notify_down(void)
{
    forget_window();
    self.session = NULL;
}

void
agentx_notify_send(void)
{
    struct notice n;
    int r;

    if (!self.session || self.is_held || !self.must_look)
        return;
    while (self.in_flight < self.width) {
        self.must_look = notice_queue_at(self.queue, self.in_flight, &n);
        if (!self.must_look)
            return;
        r = give(&n);
        if (r == -ENOMEM)
            return; /* at the next turn */
        if (r < 0) {
            self.is_held = true; /* the session is broken: the library finds out, and opens another */
            return;
        }
        self.sent++;
        if (self.in_flight < self.given)
            self.repeated++;
        self.window[self.in_flight].sent_ns = core_now_ns();
        self.window[self.in_flight].serial = self.last_serial;
        self.window[self.in_flight++].is_answered = false;
        if (self.given < self.in_flight)
            self.given = self.in_flight;
    }
}

void
agentx_notify_count(uint64_t *sent, uint64_t *repeated)
{
    *sent = self.sent;
    *repeated = self.repeated;
}

static void
queue_readable(int fd, void *unused)
{
    (void)fd;
    (void)unused;
    notice_queue_clear(self.queue);
    self.must_look = true;
}

/* Send one. 0, -ENOMEM, or -EIO when the session does not take it. */
static int
give(const struct notice *n)
{
    static struct notice_varbinds varbinds; /* some 6 KiB */
    struct mib_view times = { 0 };
    netsnmp_pdu *pdu = snmp_pdu_create(NOTIFY_PDU);
    bool is_notice;

    if (!pdu)
        return -ENOMEM;
    agentx_answer_times(&times);
    is_notice = notice_varbinds(n, &times, &varbinds);
    assert(is_notice); /* the core makes no others */
    if (!is_notice || !add_varbinds(pdu, &varbinds)) {
        snmp_free_pdu(pdu);
        return -ENOMEM;
    }
    pdu->sessid = self.session->sessid;
    pdu->flags |= UCD_MSG_FLAG_PDU_TIMEOUT;
    pdu->time = ANSWER_TIMEOUT_S;
    /* A call that fails may have called on_answer() already, which knows nothing of this serial yet. */
    if (snmp_async_send(self.session, pdu, on_answer, (void *)++self.last_serial) != 0)
        return 0;
    snmp_free_pdu(pdu);
    return -EIO;
}

static bool
add_varbinds(netsnmp_pdu *pdu, const struct notice_varbinds *v)
{
    for (size_t i = 0; i < v->count; i++)
        if (!add_varbind(pdu, &v->varbind[i], v->trap_oid))
            return false;
    return true;
}

static netsnmp_variable_list *
add_varbind(netsnmp_pdu *pdu, const struct notice_varbind *v, const uint32_t *trap_oid)
{
    static const u_char types[] = {
        [NOTICE_INTEGER] = ASN_INTEGER,   [NOTICE_UNSIGNED32] = ASN_UNSIGNED,
        [NOTICE_COUNTER32] = ASN_COUNTER, [NOTICE_TIMETICKS] = ASN_TIMETICKS,
        [NOTICE_TEXT] = ASN_OCTET_STR,    [NOTICE_OID] = ASN_OBJECT_ID,
    };
    oid name[MIB_OID_MAX], value[NOTICE_TRAP_OID_LENGTH];
    u_long number = v->number;

    for (size_t i = 0; i < v->name.length; i++)
        name[i] = v->name.id[i];
    if (v->syntax == NOTICE_TEXT)
        return snmp_pdu_add_variable(pdu, name, v->name.length, ASN_OCTET_STR, v->text.data, v->text.length);
    if (v->syntax != NOTICE_OID)
        return snmp_pdu_add_variable(pdu, name, v->name.length, types[v->syntax], &number, sizeof(number));
    for (size_t i = 0; i < NOTICE_TRAP_OID_LENGTH; i++)
        value[i] = trap_oid[i];
    return snmp_pdu_add_variable(pdu, name, v->name.length, ASN_OBJECT_ID, value, sizeof(value));
}

/* The library has done with a PDU: it was answered, or never will be. */
static int
on_answer(int operation, netsnmp_session *session, int reqid, netsnmp_pdu *pdu, void *serial)
{
    (void)session;
    (void)reqid;
    for (unsigned k = 0; k < self.in_flight; k++) {
        if (self.window[k].serial != (uintptr_t)serial || operation == NETSNMP_CALLBACK_OP_RESEND)
            continue;
        if (operation == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE && pdu->errstat == NOT_OPEN) {
            self.is_held = true;
            forget_window();
        } else if (operation == NETSNMP_CALLBACK_OP_RECEIVED_MESSAGE) {
            take_answer(k, pdu->errstat);
        } else {
            forget_window();
        }
        break;
    }
    return 1;
}

/* The master answers in order, but only that which is oldest can leave the queue. */
static void
take_answer(unsigned k, long status)
{
    self.window[k].is_answered = true;
    if (core_now_ns() - self.window[k].sent_ns > QUICK_MS * UINT64_C(1000000))
        self.width = 1;
    else if (self.width < WINDOW)
        self.width *= 2;
    if (status != 0 && !self.said_refused) {
        log_line(LOG_LEVEL_WARNING, LOG_AGENTX,
                 "the master refuses a notification with AgentX error %ld; it is lost, see snmpd's log",
                 status);
        self.said_refused = true;
    }
    while (self.in_flight > 0 && self.window[0].is_answered) {
        notice_queue_drop(self.queue);
        self.in_flight--;
        self.given--;
        memmove(self.window, self.window + 1, self.in_flight * sizeof(self.window[0]));
        self.must_look = true;
    }
}

/* None of them is answered for any more. */
static void
forget_window(void)
{
    self.in_flight = 0;
    self.must_look = true;
}
