/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking the agent for its own state. */
#include "agent/view_agent.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/json_read.h"
#include "agent/view_page.h"

enum { ANSWER_WAIT_MS = 2000, ANSWER_OCTETS_MAX = 16 << 20 };

static int connect_to(const char *dir, struct err *e);
static int read_answer(int fd, char **text, struct err *e);
static int print_page(const char *text, FILE *out, struct err *e);

int
view_print_agent(const char *dir, bool as_json, FILE *out, struct err *e)
{
    char *text = NULL;
    int fd = connect_to(dir, e), r;

    if (fd < 0)
        return fd;
    r = read_answer(fd, &text, e);
    close(fd);
    if (r == 0 && as_json)
        fputs(text, out);
    else if (r == 0)
        r = print_page(text, out, e);
    free(text);
    return r;
}

static int
connect_to(const char *dir, struct err *e)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd, r;

    if ((size_t)snprintf(address.sun_path, sizeof(address.sun_path), "%s/agent.sock", dir) >=
        sizeof(address.sun_path))
        return err_set(e, -ENAMETOOLONG, "%s/agent.sock: too long for a socket's name", dir);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, -errno, "cannot make a socket");
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    r = -errno;
    close(fd);
    if (r == -ENOENT || r == -ECONNREFUSED)
        return err_set(e, r,
                       "%s: no agent runs here; start sipmibd, or name its runtime directory with --dir",
                       address.sun_path);
    if (r == -EACCES)
        return err_set(e, r, "%s: permission denied: become a member of the agent's group", address.sun_path);
    return err_sys(e, r, "%s: cannot connect", address.sun_path);
}

static int
read_answer(int fd, char **text, struct err *e)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    size_t used = 0, allocated = 0;

    for (;;) {
        ssize_t n;

        if (used + 1 >= allocated) {
            char *grown = allocated < ANSWER_OCTETS_MAX ? realloc(*text, allocated + 65536) : NULL;

            if (!grown)
                return err_set(e, -ENOMEM, "the agent's answer is too long");
            *text = grown;
            allocated += 65536;
        }
        if (poll(&wait, 1, ANSWER_WAIT_MS) == 0)
            return err_set(e, -ETIMEDOUT, "the agent does not answer");
        n = read(fd, *text + used, allocated - used - 1);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return err_sys(e, -errno, "the agent's answer");
        used += (size_t)n;
        (*text)[used] = '\0';
        if (n == 0)
            return used > 0
                       ? 0
                       : err_set(e, -EPROTO, "the agent gave no answer: too many ask at once, try again");
    }
}

static int
print_page(const char *text, FILE *out, struct err *e)
{
    struct json_tree tree;
    int r = json_read(&tree, text, e);

    if (r < 0)
        return err_wrap(e, r, "the agent's answer");
    view_print_page(tree.root, out);
    json_tree_free(&tree);
    return 0;
}
