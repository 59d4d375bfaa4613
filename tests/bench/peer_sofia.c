/* SPDX-License-Identifier: BSD-2-Clause */
/* Sofia-SIP's parser: the message class of SIP reads all header fields. */
#include "tests/bench/peers.h"

#ifdef HAVE_SOFIA

#include <sofia-sip/msg.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>

static const msg_mclass_t *class;

static bool
peer_open(const struct corpus *c)
{
    (void)c;
    class = sip_default_mclass();
    return class != NULL;
}

static bool
parse(const struct corpus *c, size_t i)
{
    struct span octets = c->message[i].octets;
    msg_t *message = msg_make(class, 0, octets.data, (ssize_t)octets.length);
    const sip_t *sip = sip_object(message);
    bool is_read = sip != NULL && sip->sip_error == NULL && sip->sip_cseq != NULL && sip->sip_via != NULL;

    msg_destroy(message);
    return is_read;
}

static void
peer_close(void)
{
}

const struct peer peer_sofia = { "sofia-sip", peer_open, NULL, parse, peer_close };

#else

static bool
peer_open(const struct corpus *c)
{
    (void)c;
    return false;
}

const struct peer peer_sofia = { "sofia-sip", peer_open, NULL, NULL, NULL };

#endif
