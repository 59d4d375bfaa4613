/* SPDX-License-Identifier: BSD-2-Clause */
/* Where HEP comes in: UDP sockets, read many datagrams at a time. */
#ifndef COLLECTORS_HEP_HEP_LISTEN_H
#define COLLECTORS_HEP_HEP_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "collectors/hep/hep_pipe.h"
#include "collectors/hep/hep_storm.h"
#include "config/config.h"
#include "sipcore/err.h"

enum { HEP_BATCH = 32 }; /* datagrams read by one system call */

struct hep_listener {
    int fd;
    struct config_address wanted; /* as configured; port 0: any free one */
    struct hep_endpoint bound;    /* as it became */
    int buffer_octets;            /* what the kernel queues at most */
    uint32_t dropped;             /* the kernel's own count when last asked; it may wrap */
    int last_batch;               /* datagrams that the last turn read: HEP_BATCH is load */
    uint64_t received;            /* datagrams so far */
    struct hep_storm storm;
};

/* Open a non-blocking socket at `address` (UDP) and raise its buffer as far as the system allows. 0, or a
 * negative errno with the address in `e`; -EINVAL for a transport other than UDP. */
int hep_listener_open(struct hep_listener *listener, const struct config_address *address, struct err *e);
void hep_listener_close(struct hep_listener *listener);

/* True when the listener was made for that configured address. */
bool hep_listener_is_for(const struct hep_listener *listener, const struct config_address *address);

/* "udp:127.0.0.1:9060"; returns `out`. HEP_LISTENER_TEXT octets always suffice. */
#define HEP_LISTENER_TEXT (HEP_ENDPOINT_TEXT + 4)
const char *hep_listener_text(const struct hep_listener *listener, char *out, size_t size);

/* Datagrams the socket had no room for since the last call. */
uint64_t hep_listener_take_dropped(struct hep_listener *listener);

/* Buffers for one batch, shared by all listeners of a thread: 2 MiB, of which the usual packet touches
 * little. */
struct hep_batch;
struct hep_batch *hep_batch_new(void); /* NULL: no memory */
void hep_batch_free(struct hep_batch *batch);

/* Read what is there, up to HEP_BATCH datagrams: their number, 0 when there is none, or a negative errno.
 * Never waits. Asking for the senders' addresses costs a tenth of a bare receive, so it is the caller's
 * choice. */
int hep_listener_receive(struct hep_listener *listener, struct hep_batch *batch, bool with_senders);

/* Datagram `index` of those just read: octets and sender (NULL when not asked for), valid until the next
 * call. Never cut: the buffer has room for the longest there is. */
void hep_batch_get(const struct hep_batch *batch, unsigned index, struct hep_datagram *out);

#endif
