/* SPDX-License-Identifier: BSD-2-Clause */
/* libre's parser. It reads from its own buffers, where its sockets put what they receive: each message waits in one,
 * so that nothing is copied while time is taken. */
#include "tests/bench/peers.h"

#ifdef HAVE_LIBRE

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HAVE_STDBOOL_H 1 /* else re_types.h defines a bool of its own, of the same size */
#include <re.h>

static struct mbuf **buffers;
static size_t count;

static void
peer_renew(const struct corpus *c)
{
    for (size_t i = 0; i < count; i++)
        memcpy(buffers[i]->buf, c->message[i].octets.data, c->message[i].octets.length);
}

static bool
peer_open(const struct corpus *c)
{
    count = c->messages;
    buffers = calloc(count, sizeof(struct mbuf *));
    if (buffers == NULL)
        abort();
    for (size_t i = 0; i < count; i++) {
        buffers[i] = mbuf_alloc(c->message[i].octets.length);
        if (buffers[i] == NULL)
            abort();
        buffers[i]->end = c->message[i].octets.length;
    }
    peer_renew(c);
    return true;
}

static bool
parse(const struct corpus *c, size_t i)
{
    struct sip_msg *message;

    (void)c;
    buffers[i]->pos = 0;
    if (sip_msg_decode(&message, buffers[i]) != 0)
        return false;
    mem_deref(message);
    return true;
}

static void
peer_close(void)
{
    for (size_t i = 0; i < count; i++)
        mem_deref(buffers[i]);
    free(buffers);
}

const struct peer peer_re = { "libre", peer_open, peer_renew, parse, peer_close };

#else

static bool
peer_open(const struct corpus *c)
{
    (void)c;
    return false;
}

const struct peer peer_re = { "libre", peer_open, NULL, NULL, NULL };

#endif
