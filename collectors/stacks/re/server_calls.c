/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls: who is called decides how they go, see server.h. */
#include "collectors/stacks/re/server.h"

enum {
    HASH_SIZE = 1024,
    CALLS_MAX = 10000,
    RING_MS = 50,
    TALK_MS = 50 /* of "hangup" */
};

struct calls {
    struct sip *sip;
    struct sipsess_sock *sessions;
    struct list list;
};

struct call {
    struct le le;
    struct sipsess *session;
    struct tmr timer; /* to answer, then to hang up */
    bool hangs_up;
};

static void incoming(const struct sip_msg *invite, void *arg);

static void
calls_destroy(void *arg)
{
    struct calls *c = arg;

    list_flush(&c->list);
    mem_deref(c->sessions);
}

struct calls *
calls_new(struct sip *sip)
{
    struct calls *c = mem_zalloc(sizeof(*c), calls_destroy);

    if (!c)
        return NULL;
    c->sip = sip;
    if (sipsess_listen(&c->sessions, sip, HASH_SIZE, incoming, c) != 0)
        return mem_deref(c);
    return c;
}

/* ---- one call --------------------------------------------------------------------------------------------------- */

/* Freeing a session that is established sends its BYE. */
static void
call_destroy(void *arg)
{
    struct call *call = arg;

    tmr_cancel(&call->timer);
    list_unlink(&call->le);
    mem_deref(call->session);
}

static void
hang_up(void *arg)
{
    mem_deref(arg);
}

static void
answer(void *arg)
{
    struct call *call = arg;

    if (sipsess_answer(call->session, 200, "OK", NULL, NULL) != 0)
        mem_deref(call);
}

static void
established(const struct sip_msg *ack, void *arg)
{
    struct call *call = arg;

    (void)ack;
    if (call->hangs_up)
        tmr_start(&call->timer, TALK_MS, hang_up, call);
}

/* The caller's BYE or CANCEL, or no ACK. */
static void
closed(int err, const struct sip_msg *message, void *arg)
{
    (void)err;
    (void)message;
    mem_deref(arg);
}

/* A re-INVITE: no session description is negotiated here. */
static int
offered(struct mbuf **description, const struct sip_msg *invite, void *arg)
{
    (void)invite;
    (void)arg;
    *description = NULL;
    return 0;
}

static void
ring(struct calls *c, const struct sip_msg *invite, bool is_slow, bool hangs_up)
{
    struct call *call = mem_zalloc(sizeof(*call), call_destroy);

    if (!call) {
        (void)sip_treply(NULL, c->sip, invite, 503, "No Memory");
        return;
    }
    call->hangs_up = hangs_up;
    list_append(&c->list, &call->le, call);
    if (sipsess_accept(&call->session, c->sessions, invite, 180, "Ringing", "server", "application/sdp", NULL,
                       NULL, NULL, false, offered, NULL, established, NULL, NULL, closed, call, NULL) != 0) {
        mem_deref(call);
        (void)sip_treply(NULL, c->sip, invite, 500, "Server Internal Error");
        return;
    }
    if (!is_slow)
        tmr_start(&call->timer, RING_MS, answer, call);
}

static void
incoming(const struct sip_msg *invite, void *arg)
{
    struct calls *c = arg;
    const struct pl *user = &invite->uri.user;

    if (list_count(&c->list) >= CALLS_MAX)
        (void)sip_treply(NULL, c->sip, invite, 503, "Too Many Calls");
    else if (pl_strcmp(user, "nobody") == 0)
        (void)sip_treply(NULL, c->sip, invite, 404, "Not Found");
    else if (pl_strcmp(user, "busy") == 0)
        (void)sip_treply(NULL, c->sip, invite, 486, "Busy Here");
    else if (pl_strcmp(user, "away") == 0)
        (void)sip_treply(NULL, c->sip, invite, 480, "Temporarily Unavailable");
    else
        ring(c, invite, pl_strcmp(user, "slow") == 0, pl_strcmp(user, "hangup") == 0);
}
