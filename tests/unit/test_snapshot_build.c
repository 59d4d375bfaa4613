/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots: which rows there are, in which order, and what they say. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/log.h"
#include "agent/snapshot_build.h"
#include "tests/unit/agent_fixture.h"

static struct agent_fixture f;
static const struct snapshot *s;

static const char instances[] =
    "  - name: edge\n"
    "    appl_index: 7\n"
    "    roles: [proxy_server]\n"
    "    description: Edge\n"
    "    methods: [INVITE, ACK, BYE]\n"
    "    local: [\"tcp:*:5060\", \"udp:192.0.2.10:5060\", \"tls:192.0.2.10:5061\", \"ws:192.0.2.10:80\"]\n"
    "    option_tags: {supported: [100rel, timer], required: [timer]}\n"
    "    proxy: {statefulness: stateless}\n"
    "    watch: [{method: INVITE, codes: [486, 403], threshold: 5, interval: 30s, notify: true}]\n"
    "  - name: ua\n"
    "    appl_index: 9\n"
    "    roles: [user_agent]\n"
    "    methods: [INVITE]\n"
    "    status_codes: configured\n"
    "    user_agent: {servers: [{address: 2001:db8::1, role: proxy_server}, {address: sip.example.org, role: "
    "registrar_server}]}\n"
    "    watch: [{method: REGISTER, codes: [403]}]\n"
    "  - name: registrar\n"
    "    appl_index: 12\n"
    "    roles: [registrar_server, proxy_server]\n"
    "    proxy: {statefulness: stateless}\n";

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    fixture_open(&f, instances);
}

static void
end(void)
{
    snapshot_release(s);
    fixture_close(&f);
}

TestSuite(snapshot, .init = begin, .fini = end);

static void
take(void)
{
    fixture_tick(&f);
    snapshot_release(s);
    s = fixture_snapshot(&f);
}

static const struct snap_instance *
instance(unsigned k)
{
    return s->rows[SNAP_INSTANCES].row[k];
}

/* "7.INVITE 7.BYE ..." of the method table. */
static const char *
method_rows(void)
{
    static char text[4096];
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t k = 0; k < s->rows[SNAP_METHODS].count; k++) {
        const struct snap_method *row = s->rows[SNAP_METHODS].row[k];

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u.%.*s", k ? " " : "", row->appl_index,
                                 (int)row->name.length, (const char *)row->name.data);
    }
    return text;
}

static const char *
code_rows(void)
{
    static char text[4096];
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t k = 0; k < s->rows[SNAP_CODES].count; k++) {
        const struct snap_code *row = s->rows[SNAP_CODES].row[k];

        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s%u.%.*s.%u", k ? " " : "", row->appl_index,
                             (int)row->method.length, (const char *)row->method.data, row->code);
    }
    return text;
}

static const struct snap_code *
find_code(uint32_t appl_index, unsigned code)
{
    for (uint32_t k = 0; k < s->rows[SNAP_CODES].count; k++) {
        const struct snap_code *row = s->rows[SNAP_CODES].row[k];

        if (row->appl_index == appl_index && row->code == code)
            return row;
    }
    cr_fail("no row");
    return NULL;
}

#define ALL_OF_REGISTRAR                                                                                     \
    "12.ACK 12.BYE 12.INFO 12.PRACK 12.REFER 12.CANCEL 12.INVITE 12.NOTIFY 12.UPDATE 12.MESSAGE 12.OPTIONS " \
    "12.PUBLISH 12.REGISTER 12.SUBSCRIBE"

Test(snapshot, shows_configured_methods_in_the_order_of_their_oids)
{
    take();
    cr_assert(eq(str, (char *)method_rows(), "7.ACK 7.BYE 7.INVITE 9.INVITE " ALL_OF_REGISTRAR));
}

Test(snapshot, shows_every_method_seen)
{
    struct lane_writer w;
    unsigned method;

    fixture_writer(&f, &w, "edge", 0);
    method = lane_method(&w, span_string("ZAP"));
    lane_count_method(&w, method, LANE_METHOD_IN);
    lane_count_method(&w, METHOD_INFO, LANE_METHOD_OUT_RETRANSMITTED);
    lane_count_method(&w, METHOD_OTHER, LANE_METHOD_IN);
    take();
    cr_assert(eq(str, (char *)method_rows(),
                 "7.ACK 7.BYE 7.ZAP 7.INFO 7.INVITE 7.(other) 9.INVITE " ALL_OF_REGISTRAR));
    lane_writer_close(&w);
    take();
    cr_assert(eq(str, (char *)method_rows(),
                 "7.ACK 7.BYE 7.ZAP 7.INFO 7.INVITE 7.(other) 9.INVITE " ALL_OF_REGISTRAR));
}

Test(snapshot, shows_status_codes_observed_and_configured_in_order)
{
    struct lane_writer w;
    const struct snap_code *row;

    take();
    cr_assert(eq(str, (char *)code_rows(), "7.INVITE.403 7.INVITE.486 9.REGISTER.403"));
    fixture_writer(&f, &w, "edge", 0);
    lane_count_response(&w, METHOD_INVITE, 486, true);
    lane_count_response(&w, METHOD_INVITE, 100, false);
    lane_count_response(&w, METHOD_BYE, 699, false);
    lane_count_response(&w, METHOD_REGISTER, 100, false);
    lane_count_response(&w, METHOD_REGISTER, 700, false);
    take();
    cr_assert(eq(str, (char *)code_rows(),
                 "7.BYE.699 7.INVITE.100 7.INVITE.403 7.INVITE.486 7.REGISTER.100 9.REGISTER.403"));
    row = find_code(7, 486);
    cr_assert(eq(u64, row->out, 1));
    cr_assert(eq(u64, row->in, 0));
    cr_assert(row->notify);
    cr_assert(eq(u32, row->threshold, 5));
    cr_assert(eq(u32, row->interval_s, 30));
    cr_assert(eq(u64, row->discon_ns, f.instance[0]->state.discon_ns));
    row = find_code(7, 699);
    cr_assert(not(row->notify));
    cr_assert(eq(u32, row->threshold, 500));
    lane_writer_close(&w);
}

Test(snapshot, shows_configured_status_codes_only_where_that_is_asked_for)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "ua", 0);
    lane_count_response(&w, METHOD_INVITE, 200, true);
    lane_count_response(&w, METHOD_REGISTER, 403, true);
    take();
    cr_assert(eq(str, (char *)code_rows(), "7.INVITE.403 7.INVITE.486 9.REGISTER.403"));
    cr_assert(eq(u64, find_code(9, 403)->out, 1));
    lane_writer_close(&w);
}

Test(snapshot, adds_lanes_up_by_name_whatever_their_numbers)
{
    struct lane_writer a, b;
    unsigned of_a, of_b;

    fixture_writer(&f, &a, "edge", 0);
    fixture_writer(&f, &b, "edge", 0);
    lane_method(&a, span_string("FIRST"));
    of_a = lane_method(&a, span_string("SAME"));
    of_b = lane_method(&b, span_string("SAME"));
    cr_assert(ne(uint, of_a, of_b));
    lane_count_response(&a, of_a, 200, true);
    lane_count_response(&b, METHOD_BYE, 481, true);
    lane_count_response(&b, of_b, 200, true);
    take();
    cr_assert(eq(u64, find_code(7, 200)->out, 2));
    lane_writer_close(&a);
    take();
    cr_assert(eq(u64, find_code(7, 200)->out, 2));
    lane_writer_close(&b);
}

Test(snapshot, merges_listeners_of_one_port)
{
    const struct snap_port *row;

    take();
    cr_assert(eq(u32, s->rows[SNAP_PORTS].count, 3));
    row = s->rows[SNAP_PORTS].row[0];
    cr_assert(eq(u32, row->port, 80));
    cr_assert(eq(uint, row->transports, 1u << 0), "WebSockets are other(0)");
    row = s->rows[SNAP_PORTS].row[1];
    cr_assert(eq(u32, row->port, 5060));
    cr_assert(eq(uint, row->transports, 1u << 1 | 1u << 2));
    row = s->rows[SNAP_PORTS].row[2];
    cr_assert(eq(u32, row->port, 5061));
    cr_assert(eq(uint, row->transports, 1u << 4));
}

Test(snapshot, takes_the_first_address_that_is_not_any_for_the_host)
{
    static const uint8_t host[] = { 192, 0, 2, 10 };

    take();
    cr_assert(eq(int, (int)instance(0)->host.type, SNAP_ADDRESS_IPV4));
    cr_assert(span_equals(instance(0)->host.octets, span_of(host, sizeof(host))));
    cr_assert(eq(int, (int)instance(1)->host.type, SNAP_ADDRESS_UNKNOWN));
}

Test(snapshot, puts_instances_into_the_tables_of_their_roles)
{
    take();
    cr_assert(eq(u32, s->rows[SNAP_INSTANCES].count, 3));
    cr_assert(eq(u32, s->rows[SNAP_TIMED].count, 2),
              "a stateless proxy has no timers; a registrar beside it does");
    cr_assert(eq(u32, s->rows[SNAP_SERVERS].count, 2));
    cr_assert(eq(u32, s->rows[SNAP_PROXIES].count, 2));
    cr_assert(eq(u32, s->rows[SNAP_REGISTRARS].count, 1));
    cr_assert(eq(ptr, (void *)s->rows[SNAP_REGISTRARS].row[0], (void *)instance(2)));
    cr_assert(eq(u32, s->rows[SNAP_SUPPORTED_METHODS].count, 3 + 1 + 14));
}

Test(snapshot, shows_the_servers_of_a_user_agent)
{
    const struct snap_ua_server *row;

    take();
    cr_assert(eq(u32, s->rows[SNAP_UA_SERVERS].count, 2));
    row = s->rows[SNAP_UA_SERVERS].row[0];
    cr_assert(eq(int, (int)row->address.type, SNAP_ADDRESS_IPV6));
    cr_assert(eq(sz, row->address.octets.length, 16));
    row = s->rows[SNAP_UA_SERVERS].row[1];
    cr_assert(eq(int, (int)row->address.type, SNAP_ADDRESS_DNS));
    cr_assert(eq(u32, row->index, 2));
}

Test(snapshot, merges_option_tags_by_their_headers)
{
    take();
    cr_assert(eq(u32, s->rows[SNAP_OPTION_TAGS].count, 2));
}

Test(snapshot, stays_as_it_was_while_everything_else_goes_on)
{
    struct lane_writer w;
    const struct snapshot *before;

    fixture_writer(&f, &w, "edge", 0);
    fixture_count(&w, 1);
    take();
    before = snapshot_take(s);
    fixture_count(&w, 5);
    lane_writer_close(&w);
    take();
    fixture_close(&f);
    cr_assert(eq(
        u64, ((const struct snap_instance *)before->rows[SNAP_INSTANCES].row[0])->counters[LANE_IN_REQUESTS],
        1));
    cr_assert(span_equals(((const struct snap_instance *)before->rows[SNAP_INSTANCES].row[0])->description,
                          span_string("Edge")),
              "the configuration lives as long");
    snapshot_release(before);
    begin();
}

Test(snapshot, cleans_what_a_writer_calls_itself)
{
    struct lane_writer_options options = {
        .dir = f.runtime, .instance = "edge", .software = "caf\xc3\xa9\n\xff/1", .ring_octets = LANE_RING_MIN
    };
    struct lane_writer w;

    cr_assert(eq(int, lane_writer_open(&w, &options, NULL), 0));
    take();
    cr_assert(span_equals(instance(0)->version, span_string("caf\xc3\xa9?"
                                                            "?/1")));
    lane_writer_close(&w);
}
