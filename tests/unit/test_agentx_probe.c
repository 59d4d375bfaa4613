/* SPDX-License-Identifier: BSD-2-Clause */
/* What the probe says of an AgentX master that does not answer, and the remedy. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agentx_probe.h"
#include "tests/unit/scratch.h"

static char dir[PATH_MAX];
static char reason[256];
static char where[PATH_MAX + 64];

static void
name_socket(void)
{
    scratch_make(dir);
    snprintf(where, sizeof(where), "unix:%s/master", dir);
}

static void
remove_socket(void)
{
    scratch_remove(dir);
}

static int
make_socket(bool is_listening)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", where + strlen("unix:"));
    cr_assert(eq(int, bind(fd, (struct sockaddr *)&address, sizeof(address)), 0));
    if (is_listening)
        cr_assert(eq(int, listen(fd, 4), 0));
    return fd;
}

TestSuite(agentx_probe, .init = name_socket, .fini = remove_socket, .timeout = 30);

Test(agentx_probe, says_that_snmpd_does_not_run)
{
    cr_assert(eq(int, agentx_probe(where, reason, sizeof(reason)), -ENOENT));
    cr_assert(strstr(reason, "does its snmpd.conf say \"master agentx\"") != NULL);
}

Test(agentx_probe, says_that_snmpd_has_ended)
{
    int fd = make_socket(false);

    cr_assert(eq(int, agentx_probe(where, reason, sizeof(reason)), -ECONNREFUSED));
    cr_assert(strstr(reason, "start snmpd") != NULL);
    close(fd);
}

Test(agentx_probe, says_that_the_master_gives_no_session)
{
    int fd = make_socket(true);

    cr_assert(eq(int, agentx_probe(where, reason, sizeof(reason)), 0));
    cr_assert(strstr(reason, "accepts connections but gives no session") != NULL);
    close(fd);
}

Test(agentx_probe, names_the_remedy_for_permission)
{
    char parent[PATH_MAX + 16];

    if (geteuid() == 0) {
        remove_socket(); /* Criterion runs no .fini after a skip */
        cr_skip("root may connect to anything");
    }
    snprintf(parent, sizeof(parent), "%s/closed", dir);
    mkdir(parent, 0);
    snprintf(where, sizeof(where), "unix:%s/closed/master", dir);
    cr_assert(eq(int, agentx_probe(where, reason, sizeof(reason)), -EACCES));
    cr_assert(strstr(reason, "agentXPerms") != NULL);
}

Test(agentx_probe, tries_tcp_too)
{
    cr_assert(eq(int, agentx_probe("tcp:127.0.0.1:1", reason, sizeof(reason)), -ECONNREFUSED));
    cr_assert(strstr(reason, "agentXSocket set to this address") != NULL);
}
