/* SPDX-License-Identifier: BSD-2-Clause */
/* An agent that follows the ring of one lane. */
#include "tests/unit/follow_fixture.h"

#include <string.h>
#include <time.h>

#include "agent/log.h"

struct agent_fixture f;
struct instance *edge;

const char follow_registrar[] = "  - name: edge\n"
                                "    appl_index: 1\n"
                                "    roles: [registrar_server]\n"
                                "    watch:\n"
                                "      - {method: INVITE, codes: [486], notify: true, emit: normal}\n"
                                "      - {method: INVITE, codes: [503], notify: true}\n";

void
follow_open(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    fixture_open(&f, follow_registrar);
    edge = f.instance[0];
}

void
follow_close(void)
{
    fixture_close(&f);
}

void
follow_restart(const char *instances)
{
    fixture_kill(&f);
    f.now_ns += FIXTURE_SECOND;
    fixture_start(&f, instances);
    edge = f.instance[0];
}

/* Time passes until the rings are looked at again. */
void
follow_poll_rings(void)
{
    f.now_ns = edge->poll_ns == SITE_NEVER ? f.now_ns + FIXTURE_SECOND : edge->poll_ns;
    instance_look(edge, &f.site, f.now_ns);
    site_commit(&f.site, f.now_ns);
}

void
follow_status(struct lane_writer *w, unsigned code)
{
    struct lane_status s = { .method = METHOD_INVITE,
                             .code = code,
                             .cseq = 1,
                             .to = span_string("<sip:bob@example.com>"),
                             .from = span_string("<sip:alice@example.com>"),
                             .call_id = span_string("1") };

    lane_count_response(w, METHOD_INVITE, code, false);
    lane_event_status(w, &s, 0);
}

void
follow_declare(struct lane_writer *w, unsigned state)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    lane_set_state(w, state, f.now_ns, (uint64_t)now.tv_sec * FIXTURE_SECOND + (uint64_t)now.tv_nsec);
}

/* `count` contacts, each with a URI of `octets`. */
struct contacts {
    unsigned count, octets;
    char uri[1024];
};

static bool
next_contact(void *context, struct lane_binding *out)
{
    struct contacts *c = context;

    if (c->count == 0)
        return false;
    memset(c->uri, 'x', sizeof(c->uri));
    memcpy(c->uri, "sip:", 4);
    c->uri[4] = (char)('a' + c->count-- % 26);
    *out = (struct lane_binding){ .uri = span_of(c->uri, c->octets),
                                  .expires_s = 3600,
                                  .q_thousandths = LANE_Q_NONE };
    return true;
}

void
follow_bind_octets(struct lane_writer *w, const char *aor, unsigned count, unsigned octets)
{
    struct contacts c = { .count = count, .octets = octets };

    lane_event_bindings(w, span_string(aor), next_contact, &c, 0);
}

void
follow_bind(struct lane_writer *w, const char *aor, unsigned count)
{
    follow_bind_octets(w, aor, count, 32);
}

void
follow_fail(struct lane_writer *w, const char *aor)
{
    lane_event_auth_failed(w, 401, span_string(aor), 0);
}

unsigned
follow_waiting(void)
{
    struct notice_stats stats;

    notice_queue_stats(f.notices, &stats);
    return stats.waiting;
}

struct notice
follow_notice(uint32_t k)
{
    struct notice out = { .sequence = 0 };

    notice_queue_at(f.notices, k, &out);
    return out;
}

/* Forget those of the state. */
void
follow_drop_notices(void)
{
    while (follow_waiting() > 0)
        notice_queue_drop(f.notices);
}

uint32_t
follow_users(void)
{
    return registry_users(f.site.registry, edge->registry_id);
}

uint64_t
follow_failures_of(const char *aor)
{
    struct registry_reader *reader = registry_reader_new(NULL);
    struct mib_registrations *r = registry_reader_begin(reader, f.site.registry, f.now_ns);
    struct snap_user user;
    uint64_t failures = 0;

    for (uint32_t k = 1; r->user_at(r, edge->registry_id, false, k, &user); k = user.index + 1)
        if (user.uri.length == strlen(aor) && memcmp(user.uri.data, aor, user.uri.length) == 0)
            failures += user.auth_failures;
    registry_reader_end(reader);
    registry_reader_free(reader);
    return failures;
}
