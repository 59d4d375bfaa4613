/* SPDX-License-Identifier: BSD-2-Clause */
/* The corpus as a mirror sends it: HEPv3 packets on a UDP socket. */
#include "tests/bench/hep_packets.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/hep_wire.h"

#define PEER           "198.51.100.23"
#define CORRELATION_ID "81291ODNjNTVlYjA00000000NjYxZDFkNTc4Zg@198.51.100.23"

enum { SEGMENTS_MAX = 48, SEGMENTED_OCTETS_MAX = 60000 };

static void
must(bool claim, const char *what)
{
    if (claim)
        return;
    fprintf(stderr, "hep_packets: %s\n", what);
    exit(1);
}

/* One packet at the end of the others. All are as long before the message, so that time_at and text_at hold for all. */
static void
add(struct hep_packets *p, const struct corpus_message *m)
{
    static struct hep_wire wire;
    bool in = m->direction == SIPSTAT_IN;
    struct hep_wire_message head = { .source = in ? PEER : HEP_PACKETS_LOCAL,
                                     .destination = in ? HEP_PACKETS_LOCAL : PEER,
                                     .source_port = HEP_PACKETS_PORT,
                                     .destination_port = HEP_PACKETS_PORT };
    struct span packet;

    wire_begin(&wire);
    wire_addresses(&wire, &head);
    wire_chunk_u8(&wire, 2, IPPROTO_UDP);
    p->time_at = wire.length;
    wire_chunk_u32(&wire, 9, 0);
    wire_chunk_u32(&wire, 10, 0);
    wire_chunk_u8(&wire, 11, 1);
    wire_chunk_u32(&wire, 12, 2001);
    wire_chunk(&wire, 0, 14, HEP_PACKETS_KEY, strlen(HEP_PACKETS_KEY));
    wire_chunk(&wire, 0, 17, CORRELATION_ID, strlen(CORRELATION_ID));
    p->text_at = wire.length + 6;
    wire_chunk(&wire, 0, 15, m->octets.data, m->octets.length);
    packet = wire_end(&wire);
    must(packet.length <= HEP_PACKETS_OCTETS, "a packet is too long");
    p->vectors[p->n] = (struct iovec){ p->data + p->octets, packet.length };
    p->headers[p->n].msg_hdr = (struct msghdr){ .msg_iov = &p->vectors[p->n], .msg_iovlen = 1 };
    memcpy(p->data + p->octets, packet.data, packet.length);
    p->octets += packet.length;
    p->n++;
}

struct hep_packets
hep_packets_new(unsigned dialogs, unsigned copies)
{
    struct hep_packets p = { .corpus = corpus_new(dialogs), .copies = copies };
    size_t most = p.corpus.messages * copies;

    p.data = calloc(most, HEP_PACKETS_OCTETS);
    p.vectors = calloc(most, sizeof(*p.vectors));
    p.headers = calloc(most, sizeof(*p.headers));
    must(p.data && p.vectors && p.headers, "no memory");
    for (size_t i = 0; i < p.corpus.messages; i++)
        for (unsigned copy = 0; copy < copies; copy++)
            add(&p, &p.corpus.message[i]);
    return p;
}

void
hep_packets_free(struct hep_packets *p)
{
    corpus_free(&p->corpus);
    free(p->data);
    free(p->vectors);
    free(p->headers);
}

void
hep_packets_renew(struct hep_packets *p)
{
    static struct hep_wire wire;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    wire.length = 0;
    wire_chunk_u32(&wire, 9, (uint32_t)now.tv_sec);
    wire_chunk_u32(&wire, 10, (uint32_t)now.tv_nsec / 1000);
    for (unsigned copy = 0; copy < p->copies; copy++) {
        corpus_renew(&p->corpus, ++p->serial);
        for (size_t i = 0; i < p->corpus.messages; i++) {
            struct span text = p->corpus.message[i].octets;
            uint8_t *packet = p->vectors[i * p->copies + copy].iov_base;

            memcpy(packet + p->time_at, wire.octets, wire.length);
            memcpy(packet + p->text_at, text.data, text.length);
        }
    }
}

bool
hep_packets_send(struct hep_packets *p, int fd, size_t first, size_t n)
{
    for (size_t sent = 0; sent < n;) {
        int now = sendmmsg(fd, p->headers + first + sent, (unsigned)(n - sent), 0);

        if (now <= 0)
            return false;
        sent += (size_t)now;
    }
    return true;
}

size_t
hep_packets_send_many(struct hep_packets *p, int fd, size_t first, size_t most)
{
    size_t length = p->vectors[first].iov_len, n = 1;
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(uint16_t))];
    } control = { .header = { .cmsg_len = CMSG_LEN(sizeof(uint16_t)),
                              .cmsg_level = IPPROTO_UDP,
                              .cmsg_type = UDP_SEGMENT } };
    struct msghdr message = { .msg_iov = &p->vectors[first],
                              .msg_control = &control,
                              .msg_controllen = sizeof(control.octets) };

    while (n < most && n < SEGMENTS_MAX && first + n < p->n && p->vectors[first + n].iov_len == length &&
           (n + 1) * length <= SEGMENTED_OCTETS_MAX)
        n++;
    memcpy(CMSG_DATA(&control.header), &(uint16_t){ (uint16_t)length }, sizeof(uint16_t));
    message.msg_iovlen = n;
    if (n > 1 && sendmsg(fd, &message, 0) > 0)
        return n;
    return hep_packets_send(p, fd, first, n) ? n : 0;
}
