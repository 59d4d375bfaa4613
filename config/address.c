/* SPDX-License-Identifier: BSD-2-Clause */
/* Transport addresses. */
#include "config/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <string.h>

#include "config/nearest.h"

enum { ADDRESS_HOST_OCTETS = 64 };

const struct name address_transports[] = {
    { "udp", SIPSTAT_UDP },           { "tcp", SIPSTAT_TCP },
    { "tls", SIPSTAT_TLS },           { "sctp", SIPSTAT_SCTP },
    { "tls-sctp", SIPSTAT_TLS_SCTP }, { "ws", SIPSTAT_WS },
    { "wss", SIPSTAT_WSS },           { NULL, 0 },
};

/* The transport before the first colon; 0 when it is none. */
static enum sipstat_transport
parse_transport(const char *text, size_t length, struct phrase *note)
{
    char word[16] = "";
    const char *near;

    for (const struct name *t = address_transports; t->word; t++)
        if (strlen(t->word) == length && memcmp(t->word, text, length) == 0)
            return (enum sipstat_transport)t->value;
    if (length < sizeof(word))
        memcpy(word, text, length);
    near = nearest_find(word, address_transports, 7, sizeof(address_transports[0]));
    if (near)
        phrase_add(note, "the transport: did you mean %s?", near);
    else
        phrase_add(note, "the transport is one of udp, tcp, tls, sctp, tls-sctp, ws, wss");
    return SIPSTAT_TRANSPORT_OTHER;
}

static void
set_ip(struct config_address *out, int family, const uint8_t ip[16], unsigned port)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (family == AF_INET6 && memcmp(ip, mapped, sizeof(mapped)) == 0) {
        family = AF_INET;
        ip += sizeof(mapped);
    }
    if (family == AF_INET) {
        memcpy(&v4.sin_addr, ip, sizeof(v4.sin_addr));
        memcpy(&out->address, &v4, sizeof(v4));
    } else {
        memcpy(&v6.sin6_addr, ip, sizeof(v6.sin6_addr));
        memcpy(&out->address, &v6, sizeof(v6));
    }
}

/* The host of `length` octets into `out`. */
static bool
parse_host(const char *text, size_t length, unsigned port, struct config_address *out, struct phrase *note)
{
    static const uint8_t any[16];
    char host[ADDRESS_HOST_OCTETS] = "";
    uint8_t ip[16];
    int family;

    if (length == 1 && text[0] == '*') {
        out->any_host = true;
        set_ip(out, AF_INET6, any, port);
        return true;
    }
    if (length < sizeof(host))
        memcpy(host, text, length);
    family = kind_parse_ip(host, ip);
    if (family == AF_INET6 && host[0] != '[') {
        phrase_add(note, "an IPv6 address stands in brackets: [%s]", host);
        return false;
    }
    if (!family) {
        phrase_add(note, "not an IP address, and host names are not looked up; * is for any address");
        return false;
    }
    set_ip(out, family, ip, port);
    return true;
}

/* A port from 1 to 65535, digits only; 0 otherwise. */
static unsigned
parse_port(const char *text)
{
    unsigned port = 0;
    size_t digits = strspn(text, "0123456789");

    if (digits == 0 || digits > 5 || text[digits] != '\0')
        return 0;
    for (size_t i = 0; i < digits; i++)
        port = port * 10 + (unsigned)(text[i] - '0');
    return port > 65535 ? 0 : port;
}

bool
address_parse(const char *text, struct config_address *out, struct phrase *note)
{
    const char *colon = strchr(text, ':'), *host = colon ? colon + 1 : NULL, *end;
    unsigned port;

    *out = (struct config_address){ .any_host = false };
    if (!colon) {
        phrase_add(note, "there is no colon");
        return false;
    }
    out->transport = parse_transport(text, (size_t)(colon - text), note);
    if (out->transport == SIPSTAT_TRANSPORT_OTHER)
        return false;
    end = strrchr(host, ':');
    if (!end || strchr(end, ']')) {
        phrase_add(note, "the port is missing");
        return false;
    }
    port = parse_port(end + 1);
    if (!port) {
        phrase_add(note, "the port is a number from 1 to 65535");
        return false;
    }
    return parse_host(host, (size_t)(end - host), port, out, note);
}

/* Family, port and host of a socket address, IPv4-mapped IPv6 as IPv4. */
struct endpoint {
    sa_family_t family; /* 0: neither IPv4 nor IPv6 */
    unsigned port;
    uint8_t host[16];
};

static struct endpoint
endpoint_of(const struct sockaddr *address)
{
    struct endpoint e = { .family = address->sa_family };
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;

    if (e.family == AF_INET) {
        memcpy(&v4, address, sizeof(v4));
        e.port = ntohs(v4.sin_port);
        memcpy(e.host, &v4.sin_addr, sizeof(v4.sin_addr));
    } else if (e.family == AF_INET6) {
        memcpy(&v6, address, sizeof(v6));
        e.port = ntohs(v6.sin6_port);
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            e.family = AF_INET;
            memcpy(e.host, &v6.sin6_addr.s6_addr[12], 4);
        } else {
            memcpy(e.host, &v6.sin6_addr, sizeof(v6.sin6_addr));
        }
    } else {
        e.family = 0;
    }
    return e;
}

unsigned
address_port(const struct config_address *a)
{
    return endpoint_of((const struct sockaddr *)&a->address).port;
}

bool
address_is_unspecified(const struct config_address *a)
{
    static const uint8_t any[16];
    struct endpoint e = endpoint_of((const struct sockaddr *)&a->address);

    return !a->any_host && e.family && memcmp(e.host, any, sizeof(any)) == 0;
}

void
address_print(const struct config_address *a, FILE *out)
{
    struct endpoint e = endpoint_of((const struct sockaddr *)&a->address);
    char host[INET6_ADDRSTRLEN] = "*";

    if (!a->any_host)
        inet_ntop(e.family, e.host, host, sizeof(host));
    fprintf(out, e.family == AF_INET6 && !a->any_host ? "%s:[%s]:%u" : "%s:%s:%u",
            kind_word(address_transports, a->transport), host, e.port);
}

int
address_compare(const struct config_address *a, const struct config_address *b)
{
    struct endpoint x = endpoint_of((const struct sockaddr *)&a->address);
    struct endpoint y = endpoint_of((const struct sockaddr *)&b->address);
    bool x_is_udp = a->transport == SIPSTAT_UDP, y_is_udp = b->transport == SIPSTAT_UDP;

    if (x_is_udp != y_is_udp)
        return x_is_udp ? -1 : 1;
    if (x.port != y.port)
        return x.port < y.port ? -1 : 1;
    if (a->any_host != b->any_host)
        return a->any_host ? -1 : 1;
    if (x.family != y.family)
        return x.family < y.family ? -1 : 1;
    return memcmp(x.host, y.host, sizeof(x.host));
}

bool
address_matches(const struct config_address *a, enum sipstat_transport transport,
                const struct sockaddr *other)
{
    struct endpoint x = endpoint_of((const struct sockaddr *)&a->address), y = endpoint_of(other);

    if (transport != SIPSTAT_TRANSPORT_OTHER && (transport == SIPSTAT_UDP) != (a->transport == SIPSTAT_UDP))
        return false;
    if (y.family == 0 || x.port != y.port)
        return false;
    return a->any_host || (x.family == y.family && memcmp(x.host, y.host, sizeof(x.host)) == 0);
}
