/* SPDX-License-Identifier: BSD-2-Clause */
/* Transport addresses in one form, whatever the family. */
#include "collectors/hep/hep_endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

bool
hep_endpoint_from(struct hep_endpoint *out, const struct sockaddr *address)
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;

    switch (address->sa_family) {
    case AF_INET:
        memcpy(&ipv4, address, sizeof(ipv4));
        hep_endpoint_set_address(out, span_of(&ipv4.sin_addr, 4));
        out->port = ntohs(ipv4.sin_port);
        return true;
    case AF_INET6:
        memcpy(&ipv6, address, sizeof(ipv6));
        hep_endpoint_set_address(out, span_of(&ipv6.sin6_addr, 16));
        out->port = ntohs(ipv6.sin6_port);
        return true;
    default: return false;
    }
}

const char *
hep_endpoint_text(const struct hep_endpoint *e, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN];

    if (hep_endpoint_is_ipv4(e)) {
        inet_ntop(AF_INET, e->address + 12, host, sizeof(host));
        snprintf(out, size, "%s:%u", host, e->port);
    } else {
        inet_ntop(AF_INET6, e->address, host, sizeof(host));
        snprintf(out, size, "[%s]:%u", host, e->port);
    }
    return out;
}
