/* SPDX-License-Identifier: BSD-2-Clause */
/* Snapshots: which rows there are, in which order, and what they say. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>
#include <string.h>

#include "agent/core.h"
#include "agent/log.h"
#include "agent/snapshot_build.h"
#include "mib/mib.h"
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

Test(snapshot, is_counted_as_long_as_somebody_holds_it)
{
    unsigned before = snapshots_alive();

    take();
    snapshot_take(s);
    cr_expect(eq(uint, snapshots_alive(), before + 1));
    snapshot_release(s);
    cr_expect(eq(uint, snapshots_alive(), before + 1));
    snapshot_release(s);
    s = NULL;
    cr_expect(eq(uint, snapshots_alive(), before));
}

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
    lane_count_response(&w, METHOD_REGISTER, 999, false);
    lane_count_response(&w, METHOD_REGISTER, 1000, false);
    take();
    cr_assert(eq(str, (char *)code_rows(),
                 "7.BYE.699 7.INVITE.100 7.INVITE.403 7.INVITE.486 7.REGISTER.100 7.REGISTER.999 "
                 "9.REGISTER.403"));
    row = find_code(7, 486);
    cr_assert(eq(u64, row->out, 1));
    cr_assert(eq(u64, row->in, 0));
    cr_assert(row->notify);
    cr_assert(eq(u32, row->threshold, 5));
    cr_assert(eq(u32, row->interval_s, 30));
    cr_assert(eq(u64, row->discon_ns, f.instance[0]->state.discon_ns));
    cr_assert(row->is_asked_for);
    row = find_code(7, 699);
    cr_assert(not(row->notify));
    cr_assert(not(row->is_asked_for));
    cr_assert(eq(u32, row->threshold, 500));
    lane_writer_close(&w);
}

/* A manager creates a row of "edge", or destroys it, and gives it a threshold. */
static void
set(const char *method, unsigned code, bool creates)
{
    struct mib_change change = { .kind = MIB_CHANGE_STATUS_CODE,
                                 .appl_index = 7,
                                 .code = code,
                                 .creates = creates,
                                 .destroys = !creates,
                                 .sets = creates ? MIB_SETS_THRESHOLD : 0,
                                 .threshold = 3 };
    struct controls_undo *undo;

    change.method_octets = (uint8_t)strlen(method);
    memcpy(change.method, method, change.method_octets);
    cr_assert(eq(int, controls_apply(f.controls, &change, 1, f.now_ns, &undo, NULL), 0));
    controls_keep(undo);
}

Test(snapshot, shows_rows_that_managers_made_and_not_those_they_destroyed)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    lane_count_response(&w, METHOD_INVITE, 200, true);
    lane_count_response(&w, METHOD_INVITE, 486, true);
    set("BYE", 481, true);
    set("ZAP", 200, true);
    set("INVITE", 486, false);
    take();
    cr_assert(eq(str, (char *)code_rows(), "7.BYE.481 7.ZAP.200 7.INVITE.200 7.INVITE.403 9.REGISTER.403"));
    cr_assert(eq(u32, find_code(7, 481)->threshold, 3));
    cr_assert(eq(u64, find_code(7, 481)->in, 0));
    cr_assert(eq(str, (char *)method_rows(), "7.ACK 7.BYE 7.INVITE 9.INVITE " ALL_OF_REGISTRAR),
              "a status code row makes no method");
    lane_writer_close(&w);
}

Test(snapshot, shows_a_row_that_was_created_as_discontinuous_since_then)
{
    uint64_t created_ns;

    fixture_tick(&f);
    created_ns = f.now_ns;
    set("INVITE", 486, false);
    set("INVITE", 486, true);
    take();
    cr_assert(eq(u64, find_code(7, 486)->discon_ns, created_ns));
    cr_assert(eq(u64, find_code(7, 403)->discon_ns, f.instance[0]->state.discon_ns));
    f.instance[0]->state.discon_ns = f.now_ns;
    take();
    cr_assert(eq(u64, find_code(7, 486)->discon_ns, f.instance[0]->state.discon_ns), "the later of both");
}

Test(snapshot, counts_nothing_for_a_row_that_never_occurred_though_others_found_no_room)
{
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    lane_count_response(&w, METHOD_INVITE, 1000, true); /* folded */
    take();
    cr_assert(eq(u64, find_code(7, 486)->out, 0));
    lane_writer_close(&w);
}

Test(snapshot, shows_which_notifications_are_enabled)
{
    struct mib_change change = { .appl_index = 9, .notify_enable = SNAP_NOTIFY_STATUS_CHANGED };
    struct controls_undo *undo;

    take();
    cr_assert(eq(uint, instance(1)->notify_enable, SNAP_NOTIFY_DEFAULT));
    cr_assert(eq(int, controls_apply(f.controls, &change, 1, f.now_ns, &undo, NULL), 0));
    controls_keep(undo);
    take();
    cr_assert(eq(uint, instance(0)->notify_enable, SNAP_NOTIFY_DEFAULT));
    cr_assert(eq(uint, instance(1)->notify_enable, SNAP_NOTIFY_STATUS_CHANGED));
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

/* "7.1 100rel 4": instance, index, tag, headers. */
static const char *
tag_rows(void)
{
    static char text[1024];
    size_t used = 0;

    for (uint32_t k = 0; k < s->rows[SNAP_OPTION_TAGS].count; k++) {
        const struct snap_option_tag *row = s->rows[SNAP_OPTION_TAGS].row[k];

        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u.%u %.*s %u", k ? ", " : "",
                                 row->appl_index, row->index, (int)row->tag.length,
                                 (const char *)row->tag.data, row->headers);
    }
    return text;
}

Test(snapshot, merges_option_tags_by_their_headers)
{
    take();
    cr_assert(eq(str, (char *)tag_rows(), "7.1 100rel 4, 7.2 timer 5"));
}

Test(snapshot, adds_option_tags_that_were_seen_to_those_of_the_configuration)
{
    struct lane_writer w, of_ua;

    fixture_writer(&f, &w, "edge", 0);
    fixture_writer(&f, &of_ua, "ua", 0);
    lane_word(&of_ua, span_string("path"), LANE_WORD_SUPPORTED);
    lane_word(&w, span_string("gruu"), LANE_WORD_UNSUPPORTED);
    lane_word(&w, span_string("100REL"), LANE_WORD_REQUIRE);
    take();
    cr_assert(eq(str, (char *)tag_rows(), "7.1 100rel 5, 7.2 timer 5, 7.3 gruu 8, 9.1 path 4"));
    lane_word(&w, span_string("gruu"), LANE_WORD_SUPPORTED);
    lane_writer_close(&w);
    lane_writer_close(&of_ua);
    take();
    cr_assert(eq(str, (char *)tag_rows(), "7.1 100rel 5, 7.2 timer 5, 7.3 gruu 12, 9.1 path 4"),
              "a writer that ended has said so as well");
}

Test(snapshot, adds_methods_that_the_entity_allows_to_those_of_the_configuration)
{
    const struct snap_supported_method *row;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    lane_word(&w, span_string("BYE"), LANE_WORD_ALLOW);
    lane_word(&w, span_string("ZAP"), LANE_WORD_ALLOW);
    take();
    cr_assert(eq(u32, s->rows[SNAP_SUPPORTED_METHODS].count, 3 + 1 + 1 + 14));
    row = s->rows[SNAP_SUPPORTED_METHODS].row[3];
    cr_assert(eq(u32, row->appl_index, 7));
    cr_assert(eq(u32, row->index, 4));
    cr_assert(span_equals(row->name, span_string("ZAP")));
    row = s->rows[SNAP_SUPPORTED_METHODS].row[4];
    cr_assert(eq(u32, row->appl_index, 9));
    cr_assert(eq(u32, row->index, 1));
    lane_writer_close(&w);
}

Test(snapshot, shares_the_rows_of_words_until_one_comes_up)
{
    const struct snapshot *before;
    struct lane_writer w;

    fixture_writer(&f, &w, "edge", 0);
    lane_word(&w, span_string("gruu"), LANE_WORD_SUPPORTED);
    take();
    before = snapshot_take(s);
    fixture_count(&w, 1);
    take();
    cr_assert(eq(ptr, (void *)s->rows[SNAP_OPTION_TAGS].row, (void *)before->rows[SNAP_OPTION_TAGS].row));
    lane_word(&w, span_string("path"), LANE_WORD_SUPPORTED);
    take();
    cr_assert(eq(u32, before->rows[SNAP_OPTION_TAGS].count, 3));
    cr_assert(eq(u32, s->rows[SNAP_OPTION_TAGS].count, 4));
    lane_writer_close(&w);
    snapshot_release(s);
    s = NULL;
    fixture_close(&f);
    cr_assert(span_equals(((const struct snap_option_tag *)before->rows[SNAP_OPTION_TAGS].row[2])->tag,
                          span_string("gruu")),
              "it lives as long as the snapshot");
    snapshot_release(before);
    begin();
}

/* ---- registrations ---------------------------------------------------------------------------------------------- */

static void
put_binding(const char *aor)
{
    static const char uri[] = "sip:192.0.2.1";
    struct registry_clock clock = { .now_ns = f.now_ns, .unix_ns = FIXTURE_SECOND * 1000 };
    struct lane_binding binding = { .uri = span_string(uri), .expires_s = 600, .q_thousandths = LANE_Q_NONE };
    struct registry_batch *b;

    cr_assert(eq(int, registry_begin(f.site.registry, &clock, &b, NULL), 0));
    registry_put_bindings(b, f.instance[2]->registry_id, span_string(aor), &binding, 1, 600, clock.unix_ns);
    cr_assert(eq(int, registry_commit(b, NULL), 0));
}

Test(snapshot, shows_how_many_users_a_registrar_has)
{
    take();
    cr_assert(eq(u32, instance(2)->current_users, 0));
    put_binding("sip:a@example.org");
    put_binding("sip:b@example.org");
    take();
    cr_assert(eq(u32, instance(2)->current_users, 2));
    cr_assert(ne(u32, instance(2)->registry_id, 0));
    cr_assert(not(instance(2)->is_pseudonymous));
    cr_assert(eq(u32, instance(0)->registry_id, 0), "a proxy has none");
    cr_assert(eq(ptr, (void *)core_registry(s), (void *)f.site.registry));
    cr_assert(eq(ptr, (void *)core_registry(NULL), NULL));
}

static void
restart_exposing(const char *expose)
{
    char text[512];

    snapshot_release(s);
    s = NULL;
    fixture_kill(&f);
    snprintf(text, sizeof(text),
             "  - {name: a, appl_index: 1, roles: [user_agent]}\n"
             "  - {name: b, appl_index: 2, roles: [user_agent]}\n"
             "  - {name: registrar, appl_index: 12, roles: [registrar_server], registrar: {expose: %s}}\n",
             expose);
    fixture_start(&f, text);
}

Test(snapshot, exposes_users_as_the_configuration_says)
{
    restart_exposing("pseudonym");
    put_binding("sip:a@example.org");
    take();
    cr_assert(instance(2)->is_pseudonymous);
    cr_assert(ne(u32, instance(2)->registry_id, 0));
    cr_assert(eq(u32, instance(2)->current_users, 1));
    restart_exposing("none");
    put_binding("sip:a@example.org");
    take();
    cr_assert(eq(u32, instance(2)->registry_id, 0));
    cr_assert(eq(u32, instance(2)->current_users, 1), "how many there are is no secret");
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

/* Made fit where it is read: what is served counts. */
Test(snapshot, is_served_with_what_a_writer_calls_itself_cleaned)
{
    uint32_t appl_version[] = { 1, 3, 6, 1, 2, 1, 27, 1, 1, 4, 0 };
    struct lane_writer_options options = {
        .dir = f.runtime, .instance = "edge", .software = "caf\xc3\xa9\n\xff/1", .ring_octets = LANE_RING_MIN
    };
    struct lane_writer w;
    struct mib_view view;
    struct mib_value value;

    cr_assert(eq(int, lane_writer_open(&w, &options, NULL), 0));
    take();
    view = (struct mib_view){ .snapshot = s };
    appl_version[10] = instance(0)->appl_index;
    cr_assert(eq(int, mib_get(mib_table_find(appl_version, 11), &view, appl_version, 11, &value), MIB_OK));
    cr_assert(span_equals(value.octets, span_string("caf\xc3\xa9?"
                                                    "?/1")));
    lane_writer_close(&w);
}
