/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket that the agent's own state is asked at. */
#include "agent/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/site_names.h"

#define PATIENCE_NS 5000000000u

static int listen_in(const struct site *site, ino_t *inode, struct err *e);
static void listen_again(struct status *s);
static int accept_client(struct status *s);
static void accept_one(struct status *s, const struct core *c, uint64_t now_ns);
static void send_rest(struct status *s, struct status_client *client);
static void drop(struct status *s, struct status_client *client);

void
status_init(struct status *s)
{
    *s = (struct status){ .listen_fd = -1, .epoll_fd = -1, .directory_fd = -1, .spare_fd = -1 };
    for (unsigned i = 0; i < STATUS_CLIENTS_MAX; i++)
        s->client[i].fd = -1;
}

void
status_open(struct status *s, const struct site *site, int epoll_fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    struct err e = { "" };
    int code;

    if (s->listen_fd >= 0)
        close(s->listen_fd);
    s->epoll_fd = epoll_fd;
    s->directory_fd = site->runtime_fd;
    s->is_deaf = false;
    if (s->spare_fd < 0)
        s->spare_fd = eventfd(0, EFD_CLOEXEC);
    s->listen_fd = code = listen_in(site, &s->inode, &e);
    if (code >= 0) {
        code = 0;
        event.data.fd = s->listen_fd;
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->listen_fd, &event) < 0)
            code = err_sys(&e, -errno, "cannot wait on the socket");
    }
    if (code < 0 && s->listen_fd >= 0) {
        close(s->listen_fd);
        s->listen_fd = -1;
    }
    if (code < 0 && code != s->said_code)
        log_line(LOG_LEVEL_WARNING, LOG_AGENT, "%s/%s: %s: sipstat --agent cannot ask; trying again",
                 site->runtime_dir, SITE_SOCKET_NAME, e.text);
    s->said_code = code;
}

/* By the directory's descriptor: a socket's name may be 107 octets long only, and nobody can redirect it.
 * Nobody can connect before its mode is set, since it does not listen yet. */
static int
listen_in(const struct site *site, ino_t *inode, struct err *e)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat st;
    int fd, code = 0;

    if (site->runtime_fd < 0)
        return err_set(e, -ENOENT, "there is no runtime directory");
    if (fstatat(site->runtime_fd, SITE_SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        unlinkat(site->runtime_fd, SITE_SOCKET_NAME, 0) < 0)
        return err_sys(e, -errno, "cannot remove what an earlier agent left");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, -errno, "cannot make a socket");
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", site->runtime_fd,
             SITE_SOCKET_NAME);
    if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        code = err_sys(e, -errno, "cannot bind");
    else if (fchmodat(site->runtime_fd, SITE_SOCKET_NAME, 0660, 0) < 0)
        code = err_sys(e, -errno, "cannot set its mode");
    else if (listen(fd, STATUS_CLIENTS_MAX) < 0)
        code = err_sys(e, -errno, "cannot listen");
    else if (fstatat(site->runtime_fd, SITE_SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) < 0)
        code = err_sys(e, -errno, "cannot look at it");
    *inode = st.st_ino;
    if (code == 0)
        return fd;
    close(fd);
    return code;
}

static bool
socket_is_there(const struct status *s, const struct site *site)
{
    struct stat st;

    return s->listen_fd >= 0 && fstatat(site->runtime_fd, SITE_SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           st.st_ino == s->inode;
}

void
status_close(struct status *s)
{
    struct stat st;

    for (unsigned i = 0; i < STATUS_CLIENTS_MAX; i++)
        if (s->client[i].fd >= 0)
            drop(s, &s->client[i]);
    if (s->spare_fd >= 0)
        close(s->spare_fd);
    s->spare_fd = -1;
    if (s->listen_fd < 0)
        return;
    /* Another agent's socket may have the name by now. */
    if (fstatat(s->directory_fd, SITE_SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == s->inode)
        unlinkat(s->directory_fd, SITE_SOCKET_NAME, 0);
    close(s->listen_fd);
    s->listen_fd = -1;
}

void
status_tick(struct status *s, const struct site *site, uint64_t now_ns)
{
    for (unsigned i = 0; i < STATUS_CLIENTS_MAX; i++)
        if (s->client[i].fd >= 0 && s->client[i].deadline_ns <= now_ns) {
            s->dropped++;
            drop(s, &s->client[i]);
        }
    if (s->spare_fd < 0)
        s->spare_fd = eventfd(0, EFD_CLOEXEC);
    if (s->is_deaf)
        listen_again(s);
    if (s->epoll_fd >= 0 && site->runtime_fd >= 0 && !socket_is_there(s, site))
        status_open(s, site, s->epoll_fd);
}

void
status_event(struct status *s, const struct core *c, int fd, uint64_t now_ns)
{
    if (fd == s->listen_fd) {
        accept_one(s, c, now_ns);
        return;
    }
    for (unsigned i = 0; i < STATUS_CLIENTS_MAX; i++)
        if (s->client[i].fd == fd)
            send_rest(s, &s->client[i]);
}

static void
listen_again(struct status *s)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = s->listen_fd };

    s->is_deaf = s->listen_fd >= 0 && epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->listen_fd, &event) < 0;
}

/* Who asks when no descriptor is left asks for that. Where even the spare one does not help (the whole system has none)
 * nobody is listened to for a second: epoll would tell of the same client again and again. */
static int
accept_client(struct status *s)
{
    struct epoll_event nothing = { .data.fd = s->listen_fd };
    int fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && s->spare_fd >= 0 && (errno == EMFILE || errno == ENFILE)) {
        close(s->spare_fd);
        s->spare_fd = -1;
        fd = accept4(s->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    }
    if (fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        s->is_deaf = epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, s->listen_fd, &nothing) == 0;
    return fd;
}

/* One at a time, so that asking often does not keep the core from its work. */
static void
accept_one(struct status *s, const struct core *c, uint64_t now_ns)
{
    struct status_client *client = NULL;
    struct json j;
    int fd = accept_client(s);

    if (fd < 0)
        return;
    for (unsigned i = 0; i < STATUS_CLIENTS_MAX && !client; i++)
        if (s->client[i].fd < 0)
            client = &s->client[i];
    if (!client) {
        s->turned_away++;
        close(fd);
        return;
    }
    json_init(&j);
    status_write(c, &j, now_ns);
    if (!json_finish(&j)) {
        json_fini(&j);
        s->turned_away++;
        close(fd);
        return;
    }
    *client = (struct status_client){
        .fd = fd, .text = j.text, .octets = j.octets, .deadline_ns = now_ns + PATIENCE_NS
    };
    send_rest(s, client);
}

/* Whatever fits now; epoll tells when more does. */
static void
send_rest(struct status *s, struct status_client *client)
{
    struct epoll_event event = { .events = EPOLLOUT, .data.fd = client->fd };
    bool is_first = client->sent == 0;

    while (client->sent < client->octets) {
        ssize_t n =
            send(client->fd, client->text + client->sent, client->octets - client->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN &&
            (!is_first || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, client->fd, &event) == 0))
            return;
        if (n < 0)
            break;
        client->sent += (size_t)n;
    }
    if (client->sent == client->octets)
        s->answered++;
    else
        s->dropped++;
    drop(s, client);
}

static void
drop(struct status *s, struct status_client *client)
{
    (void)s;
    close(client->fd);
    free(client->text);
    *client = (struct status_client){ .fd = -1 };
}
