/* SPDX-License-Identifier: BSD-2-Clause */
/* A registry in a scratch directory. */
#include "tests/unit/registry_fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/registry_internal.h"
#include "tests/unit/scratch.h"

enum { MAP_OCTETS = 64 << 20, CONTACTS = 100, TEXT = 65536 };

char reg_dir[PATH_MAX];
int reg_dir_fd = -1;
struct registry *reg;
uint32_t reg_id;
struct registry_clock reg_clock;
struct registry_reader *reg_reader;
struct err reg_err;

static void
insist(bool claim)
{
    if (claim)
        return;
    fprintf(stderr, "registry fixture: %s\n", reg_err.text);
    abort();
}

int
reg_open(size_t map_octets)
{
    int code = registry_open_sized(&reg, reg_dir, reg_dir_fd, map_octets, &reg_err);

    return code == 0 ? registry_instance(reg, "edge", &reg_id, &reg_err) : code;
}

void
reg_close(void)
{
    registry_reader_end(reg_reader);
    registry_release(reg);
    reg = NULL;
}

void
reg_reopen(void)
{
    reg_close();
    insist(reg_open(MAP_OCTETS) == 0);
}

void
reg_begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    scratch_make(reg_dir);
    reg_dir_fd = open(reg_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    reg_clock =
        (struct registry_clock){ .now_ns = REG_UPTIME * REG_SECOND, .unix_ns = REG_UNIX * REG_SECOND };
    reg_reader = registry_reader_new(NULL);
    insist(reg_reader != NULL && reg_open(MAP_OCTETS) == 0);
}

void
reg_end(void)
{
    reg_close();
    registry_reader_free(reg_reader);
    close(reg_dir_fd);
    scratch_remove(reg_dir);
}

void
reg_pass(uint64_t seconds)
{
    reg_clock.now_ns += seconds * REG_SECOND;
    reg_clock.unix_ns += seconds * REG_SECOND;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

/* The next field of a contact, which ends at ';' or at the end of the text. */
static struct span
field(const char **at)
{
    size_t length = strcspn(*at, "; ");
    struct span s = span_of(*at, length);

    *at += length + ((*at)[length] == ';');
    return s;
}

static struct lane_binding
parse(const char **at)
{
    struct lane_binding b = { .q_thousandths = LANE_Q_NONE, .expires_s = LANE_EXPIRES_UNKNOWN };
    struct span s;

    b.uri = field(at);
    s = field(at);
    if (s.length)
        b.expires_s = (uint32_t)strtoul((const char *)s.data, NULL, 10);
    s = field(at);
    if (s.length)
        b.q_thousandths = (uint16_t)(strtod((const char *)s.data, NULL) * 1000);
    b.instance = field(at);
    s = field(at);
    if (s.length)
        b.reg_id = (uint32_t)strtoul((const char *)s.data, NULL, 10);
    b.name = field(at);
    *at += **at == ' ';
    return b;
}

int
reg_put_at(const char *aor, const char *contacts, uint64_t accepted_unix_ns)
{
    struct lane_binding bindings[CONTACTS];
    struct registry_batch *b;
    size_t count = 0;
    int code = registry_begin(reg, &reg_clock, &b, &reg_err);

    if (code < 0)
        return code;
    while (*contacts && count < CONTACTS)
        bindings[count++] = parse(&contacts);
    registry_put_bindings(b, reg_id, span_string(aor), bindings, count, 3600, accepted_unix_ns);
    return registry_commit(b, &reg_err);
}

int
reg_put(const char *aor, const char *contacts)
{
    return reg_put_at(aor, contacts, reg_clock.unix_ns);
}

int
reg_fail(const char *aor)
{
    struct registry_batch *b;
    int code = registry_begin(reg, &reg_clock, &b, &reg_err);

    if (code < 0)
        return code;
    registry_put_failure(b, reg_id, span_string(aor), reg_clock.unix_ns);
    return registry_commit(b, &reg_err);
}

unsigned
reg_expire(unsigned max)
{
    struct registry_batch *b;
    unsigned n;

    insist(registry_begin(reg, &reg_clock, &b, &reg_err) == 0);
    n = registry_expire(b, max);
    insist(registry_commit(b, &reg_err) == 0);
    return n;
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

const char *
reg_users(void)
{
    static char text[TEXT];
    struct mib_registrations *m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
    struct snap_user u = { 0 };
    size_t at = 0;

    text[0] = '\0';
    while (at < TEXT - 600 && u.index != UINT32_MAX && m->user_at(m, reg_id, false, u.index + 1, &u))
        at += (size_t)snprintf(text + at, TEXT - at, "%s%u:%.*s(%llu)", at ? " " : "", u.index,
                               (int)u.uri.length, (const char *)u.uri.data,
                               (unsigned long long)u.auth_failures);
    registry_reader_end(reg_reader);
    return text;
}

const char *
reg_contacts(void)
{
    static char text[TEXT];
    struct mib_registrations *m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
    struct snap_contact c = { 0 };
    size_t at = 0;

    text[0] = '\0';
    while (at < TEXT - 600 &&
           m->contact_at(m, reg_id, false, c.user + (c.index == UINT32_MAX), c.index + 1, &c))
        at += (size_t)snprintf(text + at, TEXT - at, "%s%u.%u:%.*s", at ? " " : "", c.user, c.index,
                               (int)c.uri.length, (const char *)c.uri.data);
    registry_reader_end(reg_reader);
    return text;
}

bool
reg_contact(uint32_t user, uint32_t index, struct snap_contact *out)
{
    struct mib_registrations *m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);

    return m->contact_at(m, reg_id, false, user, index, out) && out->user == user && out->index == index;
}

bool
reg_user(uint32_t user, struct snap_user *out)
{
    struct mib_registrations *m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);

    return m->user_at(m, reg_id, false, user, out) && out->index == user;
}

struct registry_stats
reg_stats(void)
{
    struct registry_stats stats;

    registry_stats_get(reg, &stats);
    return stats;
}
