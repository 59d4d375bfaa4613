/* SPDX-License-Identifier: BSD-2-Clause */
/* Why the AgentX master cannot be reached. */
#include "agent/agentx_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PROBE_WAIT_MS = 500 };

static int probe_unix(const char *path);
static int probe_tcp(const char *host_port);
static int connect_within(int fd, const struct sockaddr *address, socklen_t length);
static const char *remedy(int code, int is_unix);

int
agentx_probe(const char *socket, char *reason, size_t size)
{
    int is_tcp = strncmp(socket, "tcp:", 4) == 0;
    const char *where = is_tcp ? socket + 4 : strncmp(socket, "unix:", 5) == 0 ? socket + 5 : socket;
    int r = is_tcp ? probe_tcp(where) : probe_unix(where);
    char meaning[64];

    if (r == 0)
        snprintf(
            reason, size,
            "the master at %s accepts connections but gives no session; look into snmpd's log (its \"master "
            "agentx\" may be missing, or it may be starting or stopped)",
            socket);
    else
        snprintf(reason, size, "cannot connect to the AgentX master at %s: %s; %s", socket,
                 strerror_r(-r, meaning, sizeof(meaning)), remedy(r, !is_tcp));
    return r;
}

static int
probe_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd, r;

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    r = connect_within(fd, (struct sockaddr *)&address, sizeof(address));
    close(fd);
    return r;
}

/* The configuration allows numeric addresses only, so nothing is looked up. */
static int
probe_tcp(const char *host_port)
{
    struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM },
                    *found;
    char host[64];
    const char *colon = strrchr(host_port, ':');
    int fd, r;

    if (!colon || (size_t)(colon - host_port) >= sizeof(host))
        return -EINVAL;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - host_port), host_port);
    if (host[0] == '[' && strchr(host, ']')) {
        *strchr(host, ']') = '\0';
        memmove(host, host + 1, strlen(host));
    }
    if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
        return -EINVAL;
    fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    r = fd < 0 ? -errno : connect_within(fd, found->ai_addr, found->ai_addrlen);
    if (fd >= 0)
        close(fd);
    freeaddrinfo(found);
    return r;
}

static int
connect_within(int fd, const struct sockaddr *address, socklen_t length)
{
    struct pollfd wait = { .fd = fd, .events = POLLOUT };
    int code = 0;
    socklen_t code_length = sizeof(code);

    if (connect(fd, address, length) == 0)
        return 0;
    if (errno == EAGAIN) /* a unix socket whose queue is full: the master does not accept */
        return -ETIMEDOUT;
    if (errno != EINPROGRESS)
        return -errno;
    if (poll(&wait, 1, PROBE_WAIT_MS) != 1)
        return -ETIMEDOUT;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &code_length) < 0)
        return -errno;
    return -code;
}

static const char *
remedy(int code, int is_unix)
{
    switch (-code) {
    case ENOENT:
        return "is snmpd running, and does its snmpd.conf say \"master agentx\" and the same agentXSocket?";
    case ECONNREFUSED:
        return is_unix ? "nobody listens there any more: start snmpd"
                       : "nobody listens there: start snmpd, with agentXSocket set to this address";
    case EACCES:
        return "let this user's group in with \"agentXPerms 0660 0755 root GROUP\" in snmpd.conf, and restart snmpd";
    case EMFILE:
    case ENFILE: return "no descriptor is left: raise the limit on open files (LimitNOFILE)";
    case ETIMEDOUT: return "the master does not answer: is snmpd stopped or overloaded?";
    default: return "check agentx.socket in the configuration against agentXSocket in snmpd.conf";
    }
}
