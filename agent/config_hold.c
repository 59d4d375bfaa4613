/* SPDX-License-Identifier: BSD-2-Clause */
/* A configuration in force, and the rows that depend on it alone. */
#include "agent/config_hold.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/word_rows.h"

static void fill_instance(struct snap_instance *out, const struct config_instance *in, uint8_t host[16]);
static int fill_ports(struct config_hold *h);
static int fill_ua_servers(struct config_hold *h);

int
config_hold_new(struct config_hold **out, struct config *config, uint64_t generation, struct err *e)
{
    struct config_hold *h = calloc(1, sizeof(*h));

    *out = NULL;
    if (!h)
        return err_set(e, -ENOMEM, "no memory for the configuration");
    atomic_init(&h->references, 1);
    h->generation = generation;
    h->instance = calloc(config->n_instances + 1, sizeof(*h->instance));
    h->host = calloc(config->n_instances + 1, sizeof(*h->host));
    h->config = config;
    if (!h->instance || !h->host || fill_ports(h) < 0 || fill_ua_servers(h) < 0) {
        h->config = NULL;
        config_hold_release(h);
        return err_set(e, -ENOMEM, "no memory for the configuration");
    }
    for (size_t i = 0; i < config->n_instances; i++)
        fill_instance(&h->instance[i], &config->instances[i], h->host[i]);
    *out = h;
    return 0;
}

struct config_hold *
config_hold_take(struct config_hold *h)
{
    atomic_fetch_add_explicit(&h->references, 1, memory_order_relaxed);
    return h;
}

void
config_hold_release(struct config_hold *h)
{
    /* Release: our last use comes before. Acquire: it comes before the other's freeing. */
    if (!h || atomic_fetch_sub_explicit(&h->references, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < SNAP_ROWS; i++)
        free(h->block[i]);
    word_rows_release(h->words);
    free(h->instance);
    free(h->host);
    config_free(h->config);
    free(h);
}

/* ---- instances -------------------------------------------------------------------------------------------------- */

static struct snap_address
address_of_octets(int family, const uint8_t *octets)
{
    if (family == AF_INET)
        return (struct snap_address){ .type = SNAP_ADDRESS_IPV4, .octets = span_of(octets, 4) };
    return (struct snap_address){ .type = SNAP_ADDRESS_IPV6, .octets = span_of(octets, 16) };
}

/* A name as it stands, or what its digits say. */
static struct snap_address
address_of_text(const char *text, uint8_t octets[16])
{
    if (inet_pton(AF_INET, text, octets) == 1)
        return address_of_octets(AF_INET, octets);
    if (inet_pton(AF_INET6, text, octets) == 1)
        return address_of_octets(AF_INET6, octets);
    return (struct snap_address){ .type = SNAP_ADDRESS_DNS, .octets = span_string(text) };
}

/* The host as configured, else the first address that the instance listens on. */
static struct snap_address
host_of(const struct config_instance *in, uint8_t host[16])
{
    if (in->host && in->host[0])
        return address_of_text(in->host, host);
    for (size_t i = 0; i < in->n_locals; i++) {
        const struct sockaddr_storage *a = &in->locals[i].address;

        if (in->locals[i].any_host)
            continue;
        if (a->ss_family == AF_INET)
            memcpy(host, &((const struct sockaddr_in *)(const void *)a)->sin_addr, 4);
        else if (a->ss_family == AF_INET6)
            memcpy(host, &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr, 16);
        else
            continue;
        return address_of_octets(a->ss_family, host);
    }
    return (struct snap_address){ .type = SNAP_ADDRESS_UNKNOWN };
}

static bool
is_stateless_proxy(const struct config_instance *in)
{
    const unsigned others = CONFIG_ROLE_BIT(CONFIG_ROLE_USER_AGENT) | CONFIG_ROLE_BIT(CONFIG_ROLE_REDIRECT) |
                            CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR);

    return (in->roles & CONFIG_ROLE_BIT(CONFIG_ROLE_PROXY)) && !(in->roles & others) &&
           in->proxy.statefulness == CONFIG_STATELESS;
}

static void
fill_instance(struct snap_instance *out, const struct config_instance *in, uint8_t host[16])
{
    _Static_assert((int)CONFIG_TIMERS == (int)SNAP_TIMERS, "the same timers in the same order");

    *out = (struct snap_instance){
        .appl_index = in->appl_index,
        .name = span_string(in->name),
        .directory_name = span_string(in->directory_name),
        .description = span_string(in->description),
        .url = span_string(in->url),
        .organization = span_string(in->organization),
        .max_transactions = in->max_transactions,
        .roles = in->roles,
        .is_stateless_proxy = is_stateless_proxy(in),
        .host = host_of(in, host),
        .statefulness = in->proxy.statefulness,
        .recursion = in->proxy.recursion,
        .record_route = in->proxy.record_route,
        .auth = in->proxy.auth,
        .realm = span_string(in->proxy.realm ? in->proxy.realm : ""),
        .max_contact_expiry_s = in->registrar.max_contact_expiry_s,
        .default_expiry_s = in->registrar.default_expiry_s,
        .max_users = in->registrar.max_users,
        .is_pseudonymous = in->registrar.expose == CONFIG_EXPOSE_PSEUDONYM,
    };
    memcpy(out->timer_ms, in->timer_ms, sizeof(out->timer_ms));
}

/* ---- the tables that are configuration -------------------------------------------------------------------------- */

/* Room for `count` rows of `octets` each, and the pointers to them, in one block. */
static void *
make_rows(struct config_hold *h, enum snap_rows_id id, size_t count, size_t octets)
{
    const void **pointer;
    char *row;

    h->block[id] = calloc(count + 1, octets + sizeof(void *));
    if (!h->block[id])
        return NULL;
    pointer = h->block[id];
    row = (char *)(pointer + count);
    for (size_t i = 0; i < count; i++)
        pointer[i] = row + i * octets;
    h->rows[id] = (struct snap_rows){ .row = pointer, .count = (uint32_t)count };
    return row;
}

static uint32_t
port_of(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)(const void *)a)->sin6_port);
    return ntohs(((const struct sockaddr_in *)(const void *)a)->sin_port);
}

/* SipTCTransportProtocol: other(0), udp(1), tcp(2), sctp(3), tlsTcp(4), tlsSctp(5); WebSockets are none of
 * those. */
static unsigned
transport_bit(enum sipstat_transport transport)
{
    switch (transport) {
    case SIPSTAT_UDP: return 1u << 1;
    case SIPSTAT_TCP: return 1u << 2;
    case SIPSTAT_SCTP: return 1u << 3;
    case SIPSTAT_TLS: return 1u << 4;
    case SIPSTAT_TLS_SCTP: return 1u << 5;
    default: return 1u << 0;
    }
}

static int
compare_ports(const void *left, const void *right)
{
    const struct snap_port *a = left, *b = right;

    return a->port < b->port ? -1 : a->port > b->port;
}

/* One instance's rows, after the `count` that are there: by port, listeners on one port merged. */
static uint32_t
add_ports(struct snap_port *row, uint32_t count, const struct config_instance *in)
{
    uint32_t first = count;

    for (size_t i = 0; i < in->n_locals; i++) {
        uint32_t port = port_of(&in->locals[i].address), at = first;

        while (at < count && row[at].port != port)
            at++;
        if (at == count)
            row[count++] = (struct snap_port){ .appl_index = in->appl_index, .port = port };
        row[at].transports |= transport_bit(in->locals[i].transport);
    }
    qsort(row + first, count - first, sizeof(*row), compare_ports);
    return count;
}

static int
fill_ports(struct config_hold *h)
{
    size_t most = 0;
    uint32_t count = 0;
    struct snap_port *row;

    for (size_t i = 0; i < h->config->n_instances; i++)
        most += h->config->instances[i].n_locals;
    row = make_rows(h, SNAP_PORTS, most, sizeof(*row));
    if (!row)
        return -ENOMEM;
    for (size_t i = 0; i < h->config->n_instances; i++)
        count = add_ports(row, count, &h->config->instances[i]);
    h->rows[SNAP_PORTS].count = count;
    return 0;
}

static struct snap_address
ua_server_address(const struct config_ua_server *server)
{
    if (server->family == AF_INET || server->family == AF_INET6)
        return address_of_octets(server->family, server->address);
    return (struct snap_address){ .type = SNAP_ADDRESS_DNS, .octets = span_string(server->host) };
}

static int
fill_ua_servers(struct config_hold *h)
{
    struct snap_ua_server *row;
    size_t count = 0;

    for (size_t i = 0; i < h->config->n_instances; i++)
        count += h->config->instances[i].n_ua_servers;
    row = make_rows(h, SNAP_UA_SERVERS, count, sizeof(*row));
    if (!row)
        return -ENOMEM;
    for (size_t i = 0; i < h->config->n_instances; i++) {
        const struct config_instance *in = &h->config->instances[i];

        for (size_t k = 0; k < in->n_ua_servers; k++)
            *row++ = (struct snap_ua_server){ .appl_index = in->appl_index,
                                              .index = (uint32_t)k + 1,
                                              .address = ua_server_address(&in->ua_servers[k]),
                                              .roles = in->ua_servers[k].roles };
    }
    return 0;
}
