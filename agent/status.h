/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's own state for whoever may connect to its socket: each connection gets one JSON document and
 * is closed. Never waits for a client: who does not read is dropped. The core thread. */
#ifndef AGENT_STATUS_H
#define AGENT_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/json.h"
#include "agent/site.h"

enum { STATUS_CLIENTS_MAX = 8 };

struct core;

/* Somebody who did not take the whole document at once. */
struct status_client {
    int fd; /* -1: free */
    char *text;
    size_t octets, sent;
    uint64_t deadline_ns;
};

struct status {
    int listen_fd;    /* -1: not listening */
    int epoll_fd;     /* borrowed */
    int directory_fd; /* borrowed: where the socket is */
    int spare_fd;     /* given up for a client when no other descriptor is left; -1: it is */
    bool is_deaf;     /* nobody is accepted before the next tick */
    ino_t inode;      /* the socket's */
    int said_code;    /* the trouble that was last logged */
    uint64_t answered;
    uint64_t turned_away; /* too many at once, or no memory */
    uint64_t dropped;     /* did not read in time */
    struct status_client client[STATUS_CLIENTS_MAX];
};

void status_init(struct status *s);

/* Listen in the site's runtime directory, anew when it did before. Trouble is logged, and tried again at
 * ticks. */
void status_open(struct status *s, const struct site *site, int epoll_fd);

/* Remove the socket, drop all clients. */
void status_close(struct status *s);

/* One of the descriptors that status_open() gave to epoll is ready. */
void status_event(struct status *s, const struct core *c, int fd, uint64_t now_ns);

/* Once a second: drop who is slow, listen again where the socket has gone. */
void status_tick(struct status *s, const struct site *site, uint64_t now_ns);

/* status_document.c: write the document. */
void status_write(const struct core *c, struct json *j, uint64_t now_ns);

#endif
