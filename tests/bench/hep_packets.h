/* SPDX-License-Identifier: BSD-2-Clause */
/* The corpus as a mirror sends it: HEPv3 packets on a UDP socket. */
#ifndef TESTS_BENCH_HEP_PACKETS_H
#define TESTS_BENCH_HEP_PACKETS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "tests/bench/sip_corpus.h"

/* The entity whose traffic it is, and what its collector asks of mirrors. */
#define HEP_PACKETS_LOCAL "192.0.2.10"
#define HEP_PACKETS_KEY   "mirror-key-7f3a"

enum { HEP_PACKETS_PORT = 5060, HEP_PACKETS_OCTETS = 2048 };

/* Several copies of the corpus, each with transactions of its own, that take turns message by message. Each packet has
 * the chunks that Kamailio sends: family, protocol, addresses, ports, time, payload type, capture id, key, correlation
 * id, payload. */
struct hep_packets {
    struct corpus corpus;
    unsigned copies;
    size_t n;      /* packets: of all copies */
    size_t octets; /* of all packets */
    uint8_t *data; /* where they are */
    struct iovec *vectors;
    struct mmsghdr *headers;
    size_t time_at; /* in each packet */
    size_t text_at; /* the SIP message */
    uint32_t serial;
};

/* Abort without memory. */
struct hep_packets hep_packets_new(unsigned dialogs, unsigned copies);
void hep_packets_free(struct hep_packets *p);

/* Other transactions, and the time of now: before each sending. */
void hep_packets_renew(struct hep_packets *p);

/* Send `n` of the packets from `first` on over a connected socket, each by itself. False: the socket failed. */
bool hep_packets_send(struct hep_packets *p, int fd, size_t first, size_t n);

/* The same, but packets of equal length in one system call (UDP_SEGMENT): they arrive one by one, and one core can send
 * more than one core can receive. How many were sent: `most` at most, at least one; 0: the socket failed. */
size_t hep_packets_send_many(struct hep_packets *p, int fd, size_t first, size_t most);

#endif
