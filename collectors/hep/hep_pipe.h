/* SPDX-License-Identifier: BSD-2-Clause */
/* From a datagram to counted messages: decode, check the key, inflate, find instance and direction, hand
 * over. */
#ifndef COLLECTORS_HEP_HEP_PIPE_H
#define COLLECTORS_HEP_HEP_PIPE_H

#include <stdint.h>
#include <sys/socket.h>

#include "collectors/hep/hep_counter.h"
#include "collectors/hep/hep_decode.h"
#include "collectors/hep/hep_echo.h"
#include "collectors/hep/hep_inflate.h"
#include "collectors/hep/hep_learn.h"
#include "collectors/hep/hep_route.h"
#include "collectors/hep/hep_sources.h"
#include "config/config.h"
#include "sipcore/err.h"
#include "sipcore/sipstat.h"
#include "sipcore/span.h"

/* A packet stamped later than it arrived by more than this keeps no time of its own: clocks of two
 * machines differ, but one stamp far ahead must not end every open transaction. */
#define HEP_FUTURE_NS 60000000000ull

/* Takes the messages. True: counted. `instance` is an index into the configuration's instances. */
struct hep_sink {
    bool (*message)(void *context, uint32_t instance, enum sipstat_direction direction, struct span message,
                    enum sipstat_transport transport, uint64_t time_ns);
    void *context;
};

/* What came in, and when. Pointers are borrowed for the call. */
struct hep_datagram {
    struct span octets;
    const struct sockaddr *sender; /* NULL: not known */
    uint64_t received_ns;          /* Unix time */
    uint64_t monotonic_ns;         /* for the limit on log lines */
};

/* Everything between the sockets and the writers. One thread; allocates in init and reconfigure only. */
struct hep_pipe {
    struct hep_sink sink;
    struct hep_routes *routes;
    struct span key; /* owned; data NULL: none asked */
    struct hep_learn learn;
    struct hep_inflater *inflater;
    uint64_t counters[HEP_COUNTER_COUNT];
    uint64_t refused_ns; /* monotonic time of the last packet refused; 0: none yet */
    struct hep_sources sources;
    struct hep_echo echo;
    uint8_t inflated_packet[HEP_PACKET_MAX], inflated_payload[HEP_PACKET_MAX];
};

/* About 240 KiB; zeroed by init. 0 or -ENOMEM; then nothing is left to undo. `config` is not kept. */
int hep_pipe_init(struct hep_pipe *pipe, const struct config *config, struct hep_sink sink, struct err *e);

/* Take routes and key of another configuration: all, or with -ENOMEM nothing. What is refused by them is logged at
 * once again. */
int hep_pipe_reconfigure(struct hep_pipe *pipe, const struct config *config, struct err *e);

/* Free what init made. After a failed init: not needed. */
void hep_pipe_fini(struct hep_pipe *pipe);

/* Handle one datagram, whatever it contains. Refusals are counted, and logged as hep_sources_allow() says. */
void hep_pipe_datagram(struct hep_pipe *pipe, const struct hep_datagram *datagram);

#endif
