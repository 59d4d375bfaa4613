/* SPDX-License-Identifier: BSD-2-Clause */
/* Transport addresses as the configuration writes them: "udp:192.0.2.10:5060". */
#ifndef CONFIG_ADDRESS_H
#define CONFIG_ADDRESS_H

#include <stdbool.h>
#include <stdio.h>

#include "config/config.h"
#include "config/kind.h"
#include "config/phrase.h"

/* The words for transports: udp, tcp, sctp, tls, tls-sctp, ws, wss. */
extern const struct name address_transports[];

/* Parse TRANSPORT:HOST:PORT, the host an IPv4 address, an IPv6 address in brackets, or `*`. An IPv4-mapped IPv6 address
 * becomes the IPv4 address. On failure false, and `note` says what is wrong with the part at fault. */
bool address_parse(const char *text, struct config_address *out, struct phrase *note);

void address_print(const struct config_address *a, FILE *out);

/* The port, host order. */
unsigned address_port(const struct config_address *a);

/* True when the host is 0.0.0.0 or ::, other than by `*`. */
bool address_is_unspecified(const struct config_address *a);

/* Order for sorting: what may be mistaken for each other is neighboured. By family of transports, port, `*` first,
 * host. 0 when an arriving packet could not tell the two. */
int address_compare(const struct config_address *a, const struct config_address *b);

/* Whether `other` is the address `a`: the same port and the same host, or any where that is `*`, over
 * a transport of the same family: UDP is one, the rest the other; SIPSTAT_TRANSPORT_OTHER is of both. */
bool address_matches(const struct config_address *a, enum sipstat_transport transport,
                     const struct sockaddr *other);

#endif
