/* SPDX-License-Identifier: BSD-2-Clause */
/* A collector without sockets and lanes, for one test: a sink that writes down what it is handed, "edge
 * in, proxy out", stands for the writers. One thread, one collector. */
#ifndef TESTS_UNIT_HEP_FIXTURE_H
#define TESTS_UNIT_HEP_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "collectors/hep/hep_pipe.h"
#include "config/address.h"
#include "tests/unit/hep_wire.h"

#define SECOND     1000000000ull
#define MILLI      1000000ull
#define RECEIVED_S 1750000000u
#define RECEIVED   (RECEIVED_S * SECOND)

enum { INSTANCES = 3, LOCALS = 4 };

/* What the sink saw since it was last asked. */
static struct {
    char text[4096];
    uint64_t time_ns; /* of the last message */
    enum sipstat_transport transport;
    bool refuses;
} seen;

static struct config_address locals[INSTANCES][LOCALS];
static struct config_instance instances[INSTANCES];
static struct config config = { .instances = instances };
static struct hep_pipe pipe_;
static struct hep_wire wire;

static inline bool
note_message(void *context, uint32_t instance, enum sipstat_direction direction, struct span message,
             enum sipstat_transport transport, uint64_t time_ns)
{
    size_t length = strlen(seen.text);

    (void)context;
    (void)message;
    cr_assert(lt(u32, instance, (uint32_t)config.n_instances));
    snprintf(seen.text + length, sizeof(seen.text) - length, "%s%s %s", length ? ", " : "",
             config.instances[instance].name, direction == SIPSTAT_IN ? "in" : "out");
    seen.time_ns = time_ns;
    seen.transport = transport;
    return !seen.refuses;
}

/* Add an instance with the local addresses given, NULL-terminated. */
static inline void
instance_add(const char *name, const char *const *addresses)
{
    size_t at = config.n_instances++;
    struct config_instance *i = &instances[at];

    snprintf(i->name, sizeof(i->name), "%s", name);
    i->locals = locals[at];
    for (; addresses && *addresses; addresses++) {
        struct phrase note;

        cr_assert(address_parse(*addresses, &i->locals[i->n_locals++], &note), "%s", *addresses);
    }
}

#define ADD(name, ...) instance_add(name, (const char *const[]){ __VA_ARGS__, NULL })

static inline void
start(void)
{
    struct err e;

    collector_log_init("test", COLLECTOR_ERROR);
    cr_assert(eq(int, hep_pipe_init(&pipe_, &config, (struct hep_sink){ note_message, NULL }, &e), 0));
}

static inline void
stop(void)
{
    hep_pipe_fini(&pipe_);
}

static inline void
deliver(struct span packet)
{
    struct hep_datagram d = { .octets = packet, .received_ns = RECEIVED, .monotonic_ns = 1 };

    seen.text[0] = 0;
    hep_pipe_datagram(&pipe_, &d);
}

/* Split "192.0.2.1:5060" or "2001:db8::1 5060" into host and port. */
static inline const char *
split(const char *endpoint, char host[64], uint16_t *port)
{
    const char *colon = strrchr(endpoint, strchr(endpoint, ' ') ? ' ' : ':');

    snprintf(host, 64, "%.*s", (int)(colon - endpoint), endpoint);
    *port = (uint16_t)atoi(colon + 1);
    return host;
}

/* Deliver one SIP message mirrored `after_ns` after the start, and tell where it went. */
static inline char *
sent_at(uint64_t after_ns, const char *source, const char *destination, uint8_t protocol, const char *payload)
{
    char from[64], to[64];
    struct hep_wire_message m = { .ip_protocol = protocol,
                                  .seconds = RECEIVED_S - 100 + (uint32_t)(after_ns / SECOND),
                                  .microseconds = (uint32_t)(after_ns % SECOND / 1000),
                                  .payload = payload };

    m.source = split(source, from, &m.source_port);
    m.destination = split(destination, to, &m.destination_port);
    deliver(wire_message(&wire, &m));
    return seen.text;
}

static inline char *
udp(const char *source, const char *destination)
{
    return sent_at(0, source, destination, 17, "OPTIONS sip:a SIP/2.0\r\n\r\n");
}

static inline char *
tcp(const char *source, const char *destination)
{
    return sent_at(0, source, destination, 6, "OPTIONS sip:a SIP/2.0\r\n\r\n");
}

#endif
