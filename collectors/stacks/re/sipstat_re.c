/* SPDX-License-Identifier: BSD-2-Clause */
/* The adapter for libre. Its trace handler gets the argument that the application gave to sip_alloc(), which says
 * nothing to us and may be the same for several stacks. So each attached stack has a slot, and each slot a trace
 * handler function of its own. */
#include "collectors/stacks/re/sipstat_re.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include <re.h>

enum {
    TICK_MS = 1000,
    HELPER_LAYER = -100 /* below everything else on the socket: what another helper takes away did arrive */
};

/* A UDP socket that is listened on. */
struct tap_socket {
    struct udp_helper
        *helper; /* with a reference of ours, beside the one that the socket drops when it is freed */
    struct sa local;
    struct tap *tap;
};

struct tap {
    atomic_bool is_taken; /* the rest belongs to the thread that set it */
    struct sip *sip;
    sipstat_writer *writer;
    struct tmr tick;
    struct sip_lsnr *requests, *responses;
    struct tap_socket sockets[SIPSTAT_RE_SOCKETS_MAX];
};

static struct tap taps[SIPSTAT_RE_STACKS_MAX];

static void trace(struct tap *tap, bool is_out, enum sip_transp transport, const struct sa *source,
                  const struct sa *destination, const uint8_t *packet, size_t length);
static bool learn_socket(const struct sip_msg *message, void *arg);
static void tick(void *arg);

/* One trace handler per slot. */
#define EACH_SLOT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define TRACE_HANDLER(n)                                                                           \
    static void trace_##n(bool tx, enum sip_transp tp, const struct sa *src, const struct sa *dst, \
                          const uint8_t *packet, size_t length, void *arg)                         \
    {                                                                                              \
        (void)arg;                                                                                 \
        trace(&taps[n], tx, tp, src, dst, packet, length);                                         \
    }
#define NAME_OF_HANDLER(n) trace_##n,

EACH_SLOT(TRACE_HANDLER)
static sip_trace_h *const trace_handlers[] = { EACH_SLOT(NAME_OF_HANDLER) };
_Static_assert(sizeof(trace_handlers) / sizeof(*trace_handlers) == SIPSTAT_RE_STACKS_MAX,
               "a handler for each slot");

static struct tap *
find_tap(const struct sip *sip)
{
    for (size_t i = 0; i < SIPSTAT_RE_STACKS_MAX; i++)
        if (atomic_load_explicit(&taps[i].is_taken, memory_order_acquire) && taps[i].sip == sip)
            return &taps[i];
    return NULL;
}

/* A free slot, now taken; stacks of several threads may ask at once. */
static struct tap *
take_tap(void)
{
    for (size_t i = 0; i < SIPSTAT_RE_STACKS_MAX; i++)
        if (!atomic_exchange_explicit(&taps[i].is_taken, true, memory_order_acquire))
            return &taps[i];
    return NULL;
}

int
sipstat_re_attach(struct sip *sip, sipstat_writer *writer)
{
    struct tap *tap;

    if (!sip)
        return -EINVAL;
    if (!writer)
        return 0;
    if (find_tap(sip))
        return -EALREADY;
    tap = take_tap();
    if (!tap)
        return -ENOSPC;
    tap->sip = sip;
    tap->writer = writer;
    if (sip_listen(&tap->requests, sip, true, learn_socket, tap) != 0 ||
        sip_listen(&tap->responses, sip, false, learn_socket, tap) != 0) {
        sipstat_re_detach(sip);
        return -ENOMEM;
    }
    sip_set_trace_handler(sip, trace_handlers[tap - taps]);
    tmr_start(&tap->tick, TICK_MS, tick, tap);
    return 0;
}

/* A socket drops its reference when it is freed (sip_transp_flush()). */
static bool
is_listened_on(const struct tap_socket *s)
{
    return s->helper && mem_nrefs(s->helper) > 1;
}

static void
forget_socket(struct tap_socket *s)
{
    if (is_listened_on(s))
        mem_deref(s->helper); /* in place of the socket */
    mem_deref(s->helper);
    memset(s, 0, sizeof(*s));
}

void
sipstat_re_detach(struct sip *sip)
{
    struct tap *tap = sip ? find_tap(sip) : NULL;

    if (!tap)
        return;
    sip_set_trace_handler(sip, NULL);
    tmr_cancel(&tap->tick);
    mem_deref(tap->requests);
    mem_deref(tap->responses);
    for (size_t i = 0; i < SIPSTAT_RE_SOCKETS_MAX; i++)
        if (tap->sockets[i].helper)
            forget_socket(&tap->sockets[i]);
    tap->sip = NULL;
    tap->writer = NULL;
    atomic_store_explicit(&tap->is_taken, false, memory_order_release);
}

static void
tick(void *arg)
{
    struct tap *tap = arg;

    sipstat_tick(tap->writer, 0);
    tmr_start(&tap->tick, TICK_MS, tick, tap);
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static enum sipstat_transport
transport_of(enum sip_transp transport)
{
    switch (transport) {
    case SIP_TRANSP_UDP: return SIPSTAT_UDP;
    case SIP_TRANSP_TCP: return SIPSTAT_TCP;
    case SIP_TRANSP_TLS: return SIPSTAT_TLS;
    case SIP_TRANSP_WS: return SIPSTAT_WS;
    case SIP_TRANSP_WSS: return SIPSTAT_WSS;
    default: return SIPSTAT_TRANSPORT_OTHER;
    }
}

static void
observe(struct tap *tap, bool is_out, enum sip_transp transport, const struct sa *source,
        const struct sa *destination, const uint8_t *packet, size_t length)
{
    struct sipstat_addresses addresses = {
        .source = &source->u.sa,
        .destination = &destination->u.sa,
        .transport = transport_of(transport),
    };

    sipstat_observe(tap->writer, is_out ? SIPSTAT_OUT : SIPSTAT_IN, packet, length, &addresses, 0);
}

static bool
find_socket(const struct tap *tap, const struct sa *local)
{
    for (size_t i = 0; i < SIPSTAT_RE_SOCKETS_MAX; i++)
        if (is_listened_on(&tap->sockets[i]) && sa_cmp(&tap->sockets[i].local, local, SA_ALL))
            return true;
    return false;
}

static void
trace(struct tap *tap, bool is_out, enum sip_transp transport, const struct sa *source,
      const struct sa *destination, const uint8_t *packet, size_t length)
{
    if (!is_out && transport == SIP_TRANSP_UDP && find_socket(tap, destination))
        return; /* counted when it arrived, by count_datagram() */

    /* A stream's buffer is shown from its start, so with the keep-alives that came before the message. */
    while (transport != SIP_TRANSP_UDP && length > 0 && (packet[0] == '\r' || packet[0] == '\n')) {
        packet++;
        length--;
    }
    observe(tap, is_out, transport, source, destination, packet, length);
}

/* ---- the sockets ------------------------------------------------------------------------------------------------ */

/* Each datagram on a socket that is listened on, before libre looks at it. */
static bool
count_datagram(struct sa *source, struct mbuf *mb, void *arg)
{
    const struct tap_socket *s = arg;

    observe(s->tap, false, SIP_TRANSP_UDP, source, &s->local, mbuf_buf(mb), mbuf_get_left(mb));
    return false;
}

static void
listen_on(struct tap *tap, struct tap_socket *s, struct udp_sock *socket, const struct sa *local)
{
    struct udp_helper *helper;

    if (udp_register_helper(&helper, socket, HELPER_LAYER, NULL, count_datagram, s) != 0)
        return; /* no memory: the trace goes on counting what libre decodes */
    s->helper = mem_ref(helper);
    s->local = *local;
    s->tap = tap;
}

/* A request or response that libre's transactions have not claimed: it knows its socket. It was counted by the trace;
 * datagrams after it are counted by count_datagram(). */
static bool
learn_socket(const struct sip_msg *message, void *arg)
{
    struct tap *tap = arg;

    if (message->tp != SIP_TRANSP_UDP || !message->sock || find_socket(tap, &message->dst))
        return false;
    for (size_t i = 0; i < SIPSTAT_RE_SOCKETS_MAX; i++) {
        struct tap_socket *s = &tap->sockets[i];

        if (is_listened_on(s))
            continue;
        if (s->helper)
            forget_socket(s);
        listen_on(tap, s, message->sock, &message->dst);
        break;
    }
    return false;
}
