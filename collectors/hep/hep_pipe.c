/* SPDX-License-Identifier: BSD-2-Clause */
/* From a datagram to counted messages. */
#include "collectors/hep/hep_pipe.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A message on its way through. */
struct message {
    const struct hep_datagram *datagram;
    struct hep_packet packet;
    struct span payload;
    uint64_t time_ns;
};

static enum hep_result message_decode(struct hep_pipe *pipe, struct message *m);
static void message_stamp(struct hep_pipe *pipe, struct message *m);
static struct hep_route message_route(struct hep_pipe *pipe, const struct message *m);
static struct hep_route route_learnt(struct hep_pipe *pipe, const struct message *m, uint32_t instance);
static void message_hand_over(struct hep_pipe *pipe, const struct message *m, const struct hep_route *route);
static void message_count(struct hep_pipe *pipe, const struct message *m, uint32_t instance,
                          enum sipstat_direction direction);
static void log_refused(struct hep_pipe *pipe, const struct hep_datagram *datagram, enum hep_result result);
static void log_unrouted(struct hep_pipe *pipe, const struct message *m);
static void log_learnt(const struct hep_learn *learn);

int
hep_pipe_init(struct hep_pipe *pipe, const struct config *config, struct hep_sink sink, struct err *e)
{
    memset(pipe, 0, sizeof(*pipe));
    pipe->sink = sink;
    pipe->inflater = hep_inflater_new();
    if (!pipe->inflater)
        return err_set(e, -ENOMEM, "no memory for the HEP decoder");
    if (hep_pipe_reconfigure(pipe, config, e) != 0) {
        hep_pipe_fini(pipe);
        return -ENOMEM;
    }
    return 0;
}

static void
forget_key(struct hep_pipe *pipe)
{
    void *key = (void *)(uintptr_t)pipe->key.data;

    if (key)
        explicit_bzero(key, pipe->key.length);
    free(key);
}

int
hep_pipe_reconfigure(struct hep_pipe *pipe, const struct config *config, struct err *e)
{
    struct hep_routes *routes = NULL;
    char *key = NULL;

    if (config->hep.auth_key && !(key = strdup(config->hep.auth_key)))
        return err_set(e, -ENOMEM, "no memory for the HEP routing table");
    if (hep_routes_new(config, &routes) != 0) {
        free(key);
        return err_set(e, -ENOMEM, "no memory for the HEP routing table");
    }
    hep_routes_free(pipe->routes);
    forget_key(pipe);
    pipe->routes = routes;
    pipe->key = key ? span_string(key) : span_of(NULL, 0);
    memset(&pipe->sources, 0, sizeof(pipe->sources));
    return 0;
}

void
hep_pipe_fini(struct hep_pipe *pipe)
{
    hep_inflater_free(pipe->inflater);
    hep_routes_free(pipe->routes);
    forget_key(pipe);
    memset(pipe, 0, sizeof(*pipe));
}

void
hep_pipe_datagram(struct hep_pipe *pipe, const struct hep_datagram *datagram)
{
    struct hep_route route;
    enum hep_result result;
    struct message m;

    pipe->counters[HEP_COUNT_PACKETS]++;
    m.datagram = datagram;
    result = message_decode(pipe, &m);
    if (result != HEP_OK) {
        pipe->counters[HEP_COUNT_OF_RESULT(result)]++;
        pipe->refused_ns = datagram->monotonic_ns;
        log_refused(pipe, datagram, result);
        return;
    }
    message_stamp(pipe, &m);
    route = message_route(pipe, &m);
    if (route.source == HEP_ROUTE_NONE && route.destination == HEP_ROUTE_NONE) {
        pipe->counters[HEP_COUNT_UNROUTED]++;
        log_unrouted(pipe, &m);
        return;
    }
    message_hand_over(pipe, &m, &route);
}

/* The key is checked before anything is inflated for the sender, a packet compressed as a whole excepted. */
static enum hep_result
message_decode(struct hep_pipe *pipe, struct message *m)
{
    struct span octets = m->datagram->octets;
    enum hep_result result = HEP_OK;

    if (hep_is_compressed(octets))
        result = hep_inflate(pipe->inflater, octets, pipe->inflated_packet, &octets);
    if (result == HEP_OK)
        result = hep_decode(octets, (uint32_t)(m->datagram->received_ns / 1000000000u), &m->packet);
    if (result == HEP_OK && pipe->key.data)
        result = hep_key_check(&m->packet, pipe->key);
    if (result != HEP_OK)
        return result;
    m->payload = m->packet.payload;
    if (m->packet.payload_compressed)
        result = hep_inflate(pipe->inflater, m->packet.payload, pipe->inflated_payload, &m->payload);
    return result == HEP_OK && m->payload.length == 0 ? HEP_NO_PAYLOAD : result;
}

static void
message_stamp(struct hep_pipe *pipe, struct message *m)
{
    m->time_ns = hep_packet_time_ns(&m->packet);
    if (m->time_ns > m->datagram->received_ns + HEP_FUTURE_NS) {
        pipe->counters[HEP_COUNT_FUTURE_TIMES]++;
        m->time_ns = 0;
    }
    if (m->time_ns == 0)
        m->time_ns = m->datagram->received_ns;
}

static struct hep_route
message_route(struct hep_pipe *pipe, const struct message *m)
{
    struct hep_route route;

    if (hep_routes_take_all(pipe->routes))
        return route_learnt(pipe, m, 0);
    route = hep_routes_find(pipe->routes, hep_packet_transport(&m->packet), &m->packet.source,
                            &m->packet.destination);
    if (route.undecided)
        return route_learnt(pipe, m, route.source);
    return route;
}

static struct hep_route
route_learnt(struct hep_pipe *pipe, const struct message *m, uint32_t instance)
{
    bool is_request = !span_equals(span_first(m->payload, 8), span_string("SIP/2.0 "));
    unsigned ends = hep_learn_message(&pipe->learn, &m->packet.source, &m->packet.destination, is_request);

    pipe->counters[HEP_COUNT_GUESSED_WRONG] = pipe->learn.guessed_wrong;
    if (ends & HEP_LEARN_SETTLED)
        log_learnt(&pipe->learn);
    return (struct hep_route){
        .source = ends & HEP_LEARN_SOURCE ? instance : HEP_ROUTE_NONE,
        .destination = ends & HEP_LEARN_DESTINATION ? instance : HEP_ROUTE_NONE,
    };
}

static void
message_hand_over(struct hep_pipe *pipe, const struct message *m, const struct hep_route *route)
{
    if (route->source != HEP_ROUTE_NONE && route->destination != HEP_ROUTE_NONE) {
        bool is_echo = hep_echo_take(&pipe->echo, &m->packet, m->payload, m->time_ns);

        pipe->counters[is_echo ? HEP_COUNT_SELF_ECHOES : HEP_COUNT_SELF_MESSAGES]++;
        pipe->counters[HEP_COUNT_SELF_FORGOTTEN] = pipe->echo.forgotten;
        if (is_echo)
            return;
    }
    if (route->source != HEP_ROUTE_NONE)
        message_count(pipe, m, route->source, SIPSTAT_OUT);
    if (route->destination != HEP_ROUTE_NONE)
        message_count(pipe, m, route->destination, SIPSTAT_IN);
}

static void
message_count(struct hep_pipe *pipe, const struct message *m, uint32_t instance,
              enum sipstat_direction direction)
{
    bool is_counted = pipe->sink.message(pipe->sink.context, instance, direction, m->payload,
                                         hep_packet_transport(&m->packet), m->time_ns);

    pipe->counters[is_counted ? HEP_COUNT_COUNTED : HEP_COUNT_NOT_COUNTED]++;
}

/* What to do about it, where the configuration can. */
static const char *
remedy(enum hep_result result)
{
    if (result == HEP_KEY_MISSING)
        return "; set it at the mirror, or remove collectors.hep.auth_key";
    if (result == HEP_KEY_WRONG)
        return "; make collectors.hep.auth_key and the mirror's the same";
    return "";
}

/* True when a line about the sender may be written; `text` is who it is. */
static bool
may_log(struct hep_pipe *pipe, const struct hep_datagram *datagram, enum hep_counter reason,
        char text[HEP_ENDPOINT_TEXT], uint64_t *held_back)
{
    struct hep_endpoint sender;
    bool is_known = datagram->sender && hep_endpoint_from(&sender, datagram->sender);

    if (!hep_sources_allow(&pipe->sources, is_known ? &sender : NULL, reason, datagram->monotonic_ns,
                           held_back))
        return false;
    if (is_known)
        hep_endpoint_text(&sender, text, HEP_ENDPOINT_TEXT);
    else
        snprintf(text, HEP_ENDPOINT_TEXT, "a sender not recorded");
    return true;
}

static void
log_refused(struct hep_pipe *pipe, const struct hep_datagram *datagram, enum hep_result result)
{
    char sender[HEP_ENDPOINT_TEXT];
    uint64_t held_back;

    if (may_log(pipe, datagram, HEP_COUNT_OF_RESULT(result), sender, &held_back))
        collector_log(COLLECTOR_WARNING,
                      "HEP packet from %s refused: %s%s (%s; %" PRIu64 " more since the last line)", sender,
                      hep_result_words(result), remedy(result), hep_result_name(result), held_back);
}

static void
log_unrouted(struct hep_pipe *pipe, const struct message *m)
{
    char sender[HEP_ENDPOINT_TEXT], source[HEP_ENDPOINT_TEXT], destination[HEP_ENDPOINT_TEXT];
    uint64_t held_back;

    if (!may_log(pipe, m->datagram, HEP_COUNT_UNROUTED, sender, &held_back))
        return;
    collector_log(
        COLLECTOR_WARNING,
        "SIP message from %s to %s, IP protocol %u, mirrored by %s, not counted: neither is a local address of an "
        "instance; add the one that is an instance's to local of that instance (unrouted; %" PRIu64
        " more since the last line)",
        hep_endpoint_text(&m->packet.source, source, sizeof(source)),
        hep_endpoint_text(&m->packet.destination, destination, sizeof(destination)), m->packet.ip_protocol,
        sender, held_back);
}

static void
log_learnt(const struct hep_learn *learn)
{
    char ours[HEP_ENDPOINT_TEXT];

    collector_log(learn->guessed_wrong ? COLLECTOR_WARNING : COLLECTOR_INFO,
                  "no local address configured: learnt %s; until then %" PRIu64
                  " messages were counted in the wrong direction",
                  hep_endpoint_text(&learn->ours[learn->n_ours - 1], ours, sizeof(ours)),
                  learn->guessed_wrong);
}
