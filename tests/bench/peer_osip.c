/* SPDX-License-Identifier: BSD-2-Clause */
/* libosip2's parser. */
#include "tests/bench/peers.h"

#ifdef HAVE_OSIP

#include <sys/time.h> /* osip's headers use time_t without it */

#include <osipparser2/osip_parser.h>

static bool
peer_open(const struct corpus *c)
{
    (void)c;
    return parser_init() == 0;
}

static bool
parse(const struct corpus *c, size_t i)
{
    struct span octets = c->message[i].octets;
    osip_message_t *message;
    bool is_read;

    if (osip_message_init(&message) != 0)
        return false;
    is_read = osip_message_parse(message, (const char *)octets.data, octets.length) == 0;
    osip_message_free(message);
    return is_read;
}

static void
peer_close(void)
{
}

const struct peer peer_osip = { "libosip2", peer_open, NULL, parse, peer_close };

#else

static bool
peer_open(const struct corpus *c)
{
    (void)c;
    return false;
}

const struct peer peer_osip = { "libosip2", peer_open, NULL, NULL, NULL };

#endif
