/* SPDX-License-Identifier: BSD-2-Clause */
/* Where HEP comes in: UDP sockets, read many datagrams at a time. */
#include "collectors/hep/hep_listen.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Wanted of the kernel; it gives what it may, and uses it only while packets wait. */
#define BUFFER_OCTETS (32 << 20)

/* Slots do not start at multiples of 64 KiB: the first octets of all of them would share a few cache sets,
 * and most packets have no more than these. */
#define SLOT_OCTETS (HEP_PACKET_MAX + 1u + 2048u)

struct hep_batch {
    bool has_senders;
    struct mmsghdr headers[HEP_BATCH];
    struct iovec vectors[HEP_BATCH];
    struct sockaddr_storage senders[HEP_BATCH];
    uint8_t slots[HEP_BATCH][SLOT_OCTETS];
};

static int listener_bind(struct hep_listener *listener);
static void raise_buffer(struct hep_listener *listener);
static void address_text(const struct config_address *address, char *out, size_t size);

int
hep_listener_open(struct hep_listener *listener, const struct config_address *address, struct err *e)
{
    struct sockaddr_storage bound = { 0 };
    socklen_t octets = sizeof(bound);
    char text[HEP_LISTENER_TEXT];
    int code;

    *listener = (struct hep_listener){ .fd = -1, .wanted = *address };
    address_text(address, text, sizeof(text));
    if (address->transport != SIPSTAT_UDP)
        return err_set(e, -EINVAL, "HEP listener at %s: HEP is taken over UDP only", text);
    code = listener_bind(listener);
    if (code < 0)
        return err_sys(e, code, "cannot listen for HEP at udp:%s", text);
    if (getsockname(listener->fd, (struct sockaddr *)&bound, &octets) == 0)
        hep_endpoint_from(&listener->bound, (struct sockaddr *)&bound);
    raise_buffer(listener);
    return 0;
}

/* Any host means both families in one socket, where the system has IPv6. */
static int
listener_bind(struct hep_listener *listener)
{
    struct config_address address = listener->wanted;
    struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
    struct hep_endpoint e;
    int only_ipv6 = !address.any_host, code;

    if (!hep_endpoint_from(&e, (struct sockaddr *)&address.address))
        return -EAFNOSUPPORT;
    any.sin6_port = htons(e.port);
    if (address.any_host)
        memcpy(&address.address, &any, sizeof(any));
    listener->fd = socket(address.address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0 && errno == EAFNOSUPPORT && address.any_host) {
        address.address = (struct sockaddr_storage){ 0 };
        memcpy(&address.address, &(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = any.sin6_port },
               sizeof(struct sockaddr_in));
        listener->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (listener->fd < 0)
        return -errno;
    if (address.address.ss_family == AF_INET6)
        setsockopt(listener->fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof(only_ipv6));
    if (bind(listener->fd, (struct sockaddr *)&address.address,
             address.address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                   : sizeof(struct sockaddr_in)) == 0)
        return 0;
    code = -errno;
    hep_listener_close(listener);
    return code;
}

/* Beyond net.core.rmem_max where we may, up to it where not. */
static void
raise_buffer(struct hep_listener *listener)
{
    int wanted = BUFFER_OCTETS;
    socklen_t octets = sizeof(listener->buffer_octets);

    if (setsockopt(listener->fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof(wanted)) != 0)
        setsockopt(listener->fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof(wanted));
    if (getsockopt(listener->fd, SOL_SOCKET, SO_RCVBUF, &listener->buffer_octets, &octets) != 0)
        listener->buffer_octets = 0;
}

static void
address_text(const struct config_address *address, char *out, size_t size)
{
    struct hep_endpoint e = { .port = 0 };

    if (!hep_endpoint_from(&e, (const struct sockaddr *)&address->address))
        snprintf(out, size, "an unknown address");
    else if (address->any_host)
        snprintf(out, size, "*:%u", e.port);
    else
        hep_endpoint_text(&e, out, size);
}

void
hep_listener_close(struct hep_listener *listener)
{
    if (listener->fd >= 0)
        close(listener->fd);
    listener->fd = -1;
}

bool
hep_listener_is_for(const struct hep_listener *listener, const struct config_address *address)
{
    struct hep_endpoint ours, theirs;

    return hep_endpoint_from(&ours, (const struct sockaddr *)&listener->wanted.address) &&
           hep_endpoint_from(&theirs, (const struct sockaddr *)&address->address) &&
           ours.port == theirs.port && listener->wanted.any_host == address->any_host &&
           listener->wanted.transport == address->transport &&
           (address->any_host || hep_endpoint_same_host(&ours, &theirs));
}

const char *
hep_listener_text(const struct hep_listener *listener, char *out, size_t size)
{
    char endpoint[HEP_ENDPOINT_TEXT];

    snprintf(out, size, "udp:%s", hep_endpoint_text(&listener->bound, endpoint, sizeof(endpoint)));
    return out;
}

/* Asked of the socket and not of the packets (SO_RXQ_OVFL): nobody may send another packet after the
 * burst. */
uint64_t
hep_listener_take_dropped(struct hep_listener *listener)
{
    uint32_t memory[SK_MEMINFO_VARS] = { 0 }, before = listener->dropped;
    socklen_t octets = sizeof(memory);

    if (getsockopt(listener->fd, SOL_SOCKET, SO_MEMINFO, memory, &octets) != 0)
        return 0;
    listener->dropped = memory[SK_MEMINFO_DROPS];
    return listener->dropped - before;
}

struct hep_batch *
hep_batch_new(void)
{
    struct hep_batch *batch = calloc(1, sizeof(*batch));

    for (unsigned i = 0; batch && i < HEP_BATCH; i++) {
        batch->vectors[i] = (struct iovec){ .iov_base = batch->slots[i], .iov_len = HEP_PACKET_MAX };
        batch->headers[i].msg_hdr =
            (struct msghdr){ .msg_name = &batch->senders[i], .msg_iov = &batch->vectors[i], .msg_iovlen = 1 };
    }
    return batch;
}

void
hep_batch_free(struct hep_batch *batch)
{
    free(batch);
}

int
hep_listener_receive(struct hep_listener *listener, struct hep_batch *batch, bool with_senders)
{
    int n;

    if (with_senders || batch->has_senders)
        for (unsigned i = 0; i < HEP_BATCH; i++) {
            batch->headers[i].msg_hdr.msg_name = with_senders ? &batch->senders[i] : NULL;
            batch->headers[i].msg_hdr.msg_namelen = with_senders ? sizeof(batch->senders[i]) : 0;
        }
    batch->has_senders = with_senders;
    do
        n = recvmmsg(listener->fd, batch->headers, HEP_BATCH, MSG_DONTWAIT, NULL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
    return n;
}

void
hep_batch_get(const struct hep_batch *batch, unsigned index, struct hep_datagram *out)
{
    out->octets = span_of(batch->slots[index], batch->headers[index].msg_len);
    out->sender = batch->has_senders ? (const struct sockaddr *)&batch->senders[index] : NULL;
}
