/* SPDX-License-Identifier: BSD-2-Clause */
/* The hot path of sipstat-hep: from a packet in memory to the lane. */
#include "collectors/hep/hep_pipe.h"
#include "collectors/hep/hep_writers.h"
#include "tests/bench/guard.h"
#include "tests/bench/sip_corpus.h"
#include "tests/unit/hep_wire.h"
#include "tests/unit/scratch.h"

enum { DIALOGS = 16, PACKET_MAX = 2048 };

#define RECEIVED_S UINT64_C(1750000000)
#define SECOND     UINT64_C(1000000000)

static char dir[PATH_MAX];
static struct config_address local;
static struct config_instance instance = { .name = "guard", .locals = &local, .n_locals = 1 };
static struct config config = { .runtime_dir = dir, .instances = &instance, .n_instances = 1 };
static struct hep_writers *writers;
static struct hep_pipe pipe_;
static struct corpus corpus;
static uint8_t (*packets)[PACKET_MAX];
static size_t *lengths;
static uint32_t serial;

static void
open_pipe(void)
{
    struct sockaddr_in own = { .sin_family = AF_INET, .sin_port = htons(5060) };
    struct err e = { "" };

    scratch_make(dir);
    inet_pton(AF_INET, "192.0.2.10", &own.sin_addr);
    local.transport = SIPSTAT_UDP;
    memcpy(&local.address, &own, sizeof(own));
    guard_must(hep_writers_new(&config, &writers, &e) == 0, e.text);
    guard_must(hep_pipe_init(&pipe_, &config, hep_writers_sink(writers), &e) == 0, e.text);
    hep_writers_tick(writers, pipe_.counters, SECOND);
    guard_must(hep_writers_open_count(writers) == 1, "lane");
    corpus = corpus_new(DIALOGS);
    packets = calloc(corpus.messages, sizeof(*packets));
    lengths = calloc(corpus.messages, sizeof(*lengths));
    guard_must(packets != NULL && lengths != NULL, "memory");
}

static void
close_pipe(void)
{
    guard_must(pipe_.counters[HEP_COUNT_COUNTED] == pipe_.counters[HEP_COUNT_PACKETS], "all packets count");
    hep_pipe_fini(&pipe_);
    hep_writers_free(writers);
    corpus_free(&corpus);
    free(packets);
    free(lengths);
    scratch_remove(dir);
}

static void
renew_packets(void)
{
    static struct hep_wire wire;

    corpus_renew(&corpus, ++serial);
    for (size_t i = 0; i < corpus.messages; i++) {
        const struct corpus_message *m = &corpus.message[i];
        bool in = m->direction == SIPSTAT_IN;
        struct hep_wire_message head = {
            .source = in ? "198.51.100.23" : "192.0.2.10",
            .destination = in ? "192.0.2.10" : "198.51.100.23",
            .source_port = 5060,
            .destination_port = 5060,
            .ip_protocol = 17,
            .seconds = (uint32_t)RECEIVED_S,
        };
        struct span packet;

        wire_head(&wire, &head);
        wire_chunk(&wire, 0, 15, m->octets.data, m->octets.length);
        packet = wire_end(&wire);
        guard_must(packet.length <= PACKET_MAX, "packet size");
        memcpy(packets[i], packet.data, packet.length);
        lengths[i] = packet.length;
    }
}

static unsigned
count_packets(void)
{
    hep_writers_set_now(writers, SECOND);
    for (size_t i = 0; i < corpus.messages; i++)
        hep_pipe_datagram(&pipe_, &(struct hep_datagram){ .octets = span_of(packets[i], lengths[i]),
                                                          .received_ns = RECEIVED_S * SECOND,
                                                          .monotonic_ns = SECOND });
    return (unsigned)corpus.messages;
}

const struct guard_path guard_hep_paths[] = {
    { "HEP packet, decode to count", open_pipe, renew_packets, count_packets, close_pipe },
};
const size_t guard_hep_count = sizeof(guard_hep_paths) / sizeof(guard_hep_paths[0]);
