/* SPDX-License-Identifier: BSD-2-Clause */
/* The adapter for libre (1.1.0 and later of its API with sip_set_trace_handler()): counts all SIP of a libre stack.
 *
 * Two lines instrument a stack that has its struct sip:
 *
 *     sipstat_open(&writer, &(struct sipstat_options){ .size = sizeof(struct sipstat_options) }, NULL, 0);
 *     sipstat_re_attach(sip, writer);
 *
 * and two take it down again: sipstat_re_detach(sip) before the stack is freed, sipstat_close(writer) after.
 *
 * libre's trace handler shows each message that it decoded, and each that it is about to send, retransmissions
 * included. It does not show
 *   - datagrams that cannot be decoded. The adapter also listens on the UDP sockets themselves, and so counts those as
 *     discarded; it learns of a socket with the first new request on it, so only garbage before that is not seen.
 *   - streams that turn to garbage: libre closes the connection without a word. Not counted.
 *   - keep-alives (CRLF, STUN). They are no messages, and count nowhere in the MIB.
 *   - whether a message could be sent: it shows it just before, and a failed send counts as sent.
 *   - connections, so the columns about associations stay without a value. */
#ifndef COLLECTORS_STACKS_RE_SIPSTAT_RE_H
#define COLLECTORS_STACKS_RE_SIPSTAT_RE_H

#include "sipcore/sipstat.h"

struct sip;

enum {
    SIPSTAT_RE_STACKS_MAX = 16, /* stacks attached at once in a process */
    SIPSTAT_RE_SOCKETS_MAX =
        16 /* UDP sockets per stack that are listened on themselves; others by the trace only */
};

/* Have `writer` count all messages of `sip` from now on. Takes sip's trace handler over, and lets time pass for the
 * writer each second from libre's own timer. Call it in the thread that runs the stack's event loop, before that loop
 * runs, and before the application's sip_listen(): what handlers called earlier claim for themselves does not tell the
 * adapter of sockets. One writer may serve several stacks of one thread; each stack has one writer.
 *   0          done; also when `writer` is NULL: the stack is left as it is
 *   -EINVAL    no stack
 *   -EALREADY  the stack is attached
 *   -ENOSPC    SIPSTAT_RE_STACKS_MAX stacks are attached
 *   -ENOMEM */
int sipstat_re_attach(struct sip *sip, sipstat_writer *writer);

/* Undo that. The same thread, before the stack is freed. A stack that is not attached, or NULL, is fine. */
void sipstat_re_detach(struct sip *sip);

#endif
