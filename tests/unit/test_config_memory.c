/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory that runs out while a configuration is loaded: allocation 1 fails, then allocation 2 ... until the loading
 * gets through. Each failure must come out as -ENOMEM with nothing made; the sanitizers see whether anything is lost.
 * A plain program: linked with --wrap for the allocations of config/, and in the place of those of libyaml. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config/config.h"

static const char good[] = "agentx: {socket: \"tcp:localhost:705\"}\n"
                           "collectors: {hep: {listen: [\"udp:127.0.0.1:9060\"], auth_key: abc}}\n"
                           "instances:\n"
                           "  - name: a\n"
                           "    appl_index: 1\n"
                           "    roles: [user_agent, proxy_server]\n"
                           "    host: sip.example.org\n"
                           "    local: [\"udp:[2001:db8::1]:5060\", \"tcp:192.0.2.1:5060\"]\n"
                           "    option_tags: {supported: [100rel, timer], required: [100rel]}\n"
                           "    user_agent: {servers: [{address: 192.0.2.1, role: proxy_server}]}\n"
                           "    watch: [{method: INVITE, codes: [403, 404]}, {method: BYE, codes: 481}]\n";

static const char bad[] =
    "state_dri: /x\n"
    "instances:\n"
    "  - {name: .a, appl_index: 0, roles: [proxy], local: [\"udp:1.2.3.4:0\"]}\n"
    "  - {name: b, appl_index: 1, roles: [other], watch: [{method: A, codes: [1, 200, 200]}]}\n";

/* How many allocations still succeed before one fails; -1 for all. */
static long countdown = -1;

static int
may_allocate(void)
{
    if (countdown < 0)
        return 1;
    return countdown-- > 0;
}

void *__real_malloc(size_t octets);
void *__real_calloc(size_t n, size_t octets);
void *__real_realloc(void *old, size_t octets);
void *__wrap_malloc(size_t octets);
void *__wrap_calloc(size_t n, size_t octets);
void *__wrap_realloc(void *old, size_t octets);
void *yaml_malloc(size_t octets);
void *yaml_realloc(void *old, size_t octets);
char *yaml_strdup(const char *text);

void *
__wrap_malloc(size_t octets)
{
    return may_allocate() ? __real_malloc(octets) : NULL;
}

void *
__wrap_calloc(size_t n, size_t octets)
{
    return may_allocate() ? __real_calloc(n, octets) : NULL;
}

void *
__wrap_realloc(void *old, size_t octets)
{
    return may_allocate() ? __real_realloc(old, octets) : NULL;
}

void *
yaml_malloc(size_t octets)
{
    return malloc(octets ? octets : 1);
}

void *
yaml_realloc(void *old, size_t octets)
{
    return realloc(old, octets ? octets : 1);
}

char *
yaml_strdup(const char *text)
{
    size_t octets = text ? strlen(text) + 1 : 0;
    char *copy = text ? malloc(octets) : NULL;

    return copy ? memcpy(copy, text, octets) : NULL;
}

/* Load `text` with every allocation failing once; true when all ended as they should, the last with `last`. */
static int
survives(const char *what, const char *text, int last)
{
    char path[64];
    struct config *c;
    struct err e;
    FILE *nowhere = fopen("/dev/null", "w");
    int fd = memfd_create("config", 0), rc = -ENOMEM;
    long n = 0;

    if (fd < 0 || !nowhere || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    while (rc == -ENOMEM && n < 100000) {
        countdown = n++;
        rc = config_load(path, &c, nowhere, &e);
        if (countdown >= 0 && rc == -ENOMEM) { /* refused although nothing failed */
            rc = 0;
            last = 1;
        }
        countdown = -1;
        if ((rc != 0) != !c)
            last = 1;
        config_free(c);
    }
    close(fd);
    fclose(nowhere);
    printf("%s: %ld allocations, %s\n", what, n - 1, rc == last && n > 100 ? "each may fail" : "FAILED");
    return rc == last && n > 100;
}

int
main(void)
{
    int all = survives("a good configuration", good, 0);

    all &= survives("a bad configuration", bad, -EINVAL);
    return all ? 0 : 1;
}
