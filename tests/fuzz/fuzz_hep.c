/* SPDX-License-Identifier: BSD-2-Clause */
/* Any datagram, given to three collectors: one that knows local addresses, one that must learn them, one
 * that asks for a key. Whatever it is, it is either refused for one reason or handed over within the
 * bounds of what came in, and counted once. */
#include <netinet/in.h>
#include <stdlib.h>

#include "collectors/hep/hep_pipe.h"
#include "sipcore/observer.h"
#include "tests/unit/lane_fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WITH_LOCALS, LEARNING, WITH_KEY, PIPES };

static struct hep_pipe pipes[PIPES];
static bool is_ready;
static unsigned handed_over;
static volatile uint8_t sum;

/* Who counts what is handed over, of all pipes. */
static struct observer *observer;
static struct lane_writer writer;
static struct lane_fixture *lane;

/* All that a message may count as. */
static uint64_t
counted(void)
{
    const _Atomic uint64_t *c = lane->live.counters;

    return c[LANE_IN_REQUESTS] + c[LANE_OUT_REQUESTS] + c[LANE_IN_RESPONSES] + c[LANE_OUT_RESPONSES] +
           c[LANE_DISCARDED] + c[LANE_OUT_UNPARSABLE] + c[LANE_KEEPALIVES] + c[LANE_SIGCOMP];
}

/* Touch all of the message, so that a sanitizer sees its end, and count it. */
static bool
read_message(void *context, uint32_t instance, enum sipstat_direction direction, struct span message,
             enum sipstat_transport transport, uint64_t time_ns)
{
    uint64_t before = counted();

    (void)context;
    if (instance != 0 || (direction != SIPSTAT_IN && direction != SIPSTAT_OUT) || time_ns == 0 ||
        message.length == 0 || message.length > HEP_PACKET_MAX || transport > SIPSTAT_WSS)
        abort();
    for (size_t i = 0; i < message.length; i++)
        sum += message.data[i];
    observer_message(observer, &writer, direction, message, transport, time_ns);
    if (counted() != before + 1)
        abort();
    handed_over++;
    return true;
}

static void
make_ready(void)
{
    static struct config_address locals[2] = { { .transport = SIPSTAT_UDP }, { .transport = SIPSTAT_TCP } };
    static struct config_instance instance = { .name = "edge", .locals = locals };
    struct sockaddr_in local = { .sin_family = AF_INET,
                                 .sin_port = htons(5060),
                                 .sin_addr.s_addr = htonl(0xc000020a) };
    struct config config = { .instances = &instance, .n_instances = 1 };
    struct observer_options options = { .max_transactions = 64, .hash_key = "0123456789abcde" };
    struct err e;

    observer = observer_new(&options, &e);
    lane = lane_fixture_new(&writer);
    if (observer == NULL || lane == NULL)
        abort();
    lane->interest.flags = LANE_WANT_REGISTRATIONS;
    collector_log_init("fuzz_hep", COLLECTOR_ERROR);
    memcpy(&locals[0].address, &local, sizeof(local));
    memcpy(&locals[1].address, &local, sizeof(local));
    for (int i = 0; i < PIPES; i++) {
        instance.n_locals = i == LEARNING ? 0 : 2;
        config.hep.auth_key = i == WITH_KEY ? (char[]){ "secret" } : NULL;
        if (hep_pipe_init(&pipes[i], &config, (struct hep_sink){ read_message, NULL }, &e) != 0)
            abort();
    }
    is_ready = true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hep_datagram datagram = { .octets = span_of(data, size),
                                     .received_ns = 1750000000u * 1000000000ull,
                                     .monotonic_ns = 1 };

    if (!is_ready)
        make_ready();
    if (size > HEP_PACKET_MAX)
        return 0;
    for (int i = 0; i < PIPES; i++) {
        struct hep_pipe *p = &pipes[i];

        memset(&p->echo, 0, sizeof(p->echo));
        memset(&p->learn, 0, sizeof(p->learn));
        memset(p->counters, 0, sizeof(p->counters));
        handed_over = 0;
        hep_pipe_datagram(p, &datagram);
        uint64_t refused = p->counters[HEP_COUNT_UNROUTED];

        for (int r = HEP_OK + 1; r < HEP_RESULT_COUNT; r++)
            refused += p->counters[HEP_COUNT_OF_RESULT(r)];
        if (p->counters[HEP_COUNT_PACKETS] != 1 || refused > 1 || (refused == 0) != (handed_over > 0) ||
            p->counters[HEP_COUNT_COUNTED] != handed_over)
            abort();
    }
    return 0;
}
