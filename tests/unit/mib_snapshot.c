/* SPDX-License-Identifier: BSD-2-Clause */
/* The snapshot that mib_expected is the walk of, and those who are registered. */
#include <stdlib.h>

#include "tests/unit/mib_fixture.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT(literal)                                                     \
    {                                                                     \
        .data = (const uint8_t *)(literal), .length = sizeof(literal) - 1 \
    }

/* The master started at 400,000 s of CLOCK_MONOTONIC and has been up for 10,000,000 hundredths of a
 * second. */
#define SECOND       UINT64_C(1000000000)
#define MASTER_START (400000 * SECOND)
#define AT_CS(cs)    (MASTER_START + (cs) * (SECOND / 100))
#define WRAP         (UINT64_C(1) << 32)

enum { EDGE_REGISTRY = 11, PHONE_REGISTRY = 12 };

static const struct snap_instance edge = {
    .appl_index = 1,
    .name = TEXT("edge"),
    .directory_name = TEXT("cn=edge,o=Example"),
    .version = TEXT("kamailio 5.6.3"),
    .description = TEXT("Edge proxy"),
    .url = TEXT("https://edge.example.org/"),
    .organization = TEXT("Example Telecom"),
    .oper_status = 2,
    .start_ns = AT_CS(1000),
    .last_change_ns = AT_CS(1050),
    .discon_ns = AT_CS(1001),
    .last_in_ns = AT_CS(9999900),
    .last_out_ns = AT_CS(9999899) + 9999999,
    .max_transactions = 5000,
    .roles = 1u << 2 | 1u << 4,
    .timer_ms = { 500, 32000, 180000, 32000, 500, 33000, 500, 64000, 5000, 32001, 5001, 501, 4000, 5002 },
    .counters = {
        [LANE_IN_REQUESTS] = WRAP + 17,
        [LANE_OUT_REQUESTS] = WRAP - 1,
        [LANE_IN_RESPONSES] = 1234567890,
        [LANE_OUT_RESPONSES] = 2 * WRAP,
        [LANE_TRANS_BEGUN] = 77000,
        [LANE_UNSUPPORTED_URIS] = 91,
        [LANE_UNSUPPORTED_METHODS] = 92,
        [LANE_DISCARDED] = 93,
        [LANE_PROXY_REQUIRE_FAILED] = 94,
        [LANE_REGISTER_ACCEPTED] = 95,
        [LANE_REGISTER_REJECTED] = 96,
        [LANE_ASSOC_IN_OPENED] = 120,
        [LANE_ASSOC_IN_CLOSED] = 20,
        [LANE_ASSOC_IN_FAILED] = 3,
        [LANE_ASSOC_OUT_OPENED] = 7,
        [LANE_ASSOC_OUT_CLOSED] = 9,
        [LANE_ASSOC_OUT_FAILED] = 5,
    },
    .has_associations = true,
    .open_transactions = WRAP + 5,
    .host = { SNAP_ADDRESS_IPV4, TEXT("\300\0\2\n") },
    .statefulness = 2,
    .recursion = true,
    .auth = 1u << 2,
    .realm = TEXT("example.org"),
    .max_contact_expiry_s = 3600,
    .default_expiry_s = 1800,
    .max_users = 1000000,
    .current_users = 3,
    .notify_enable = SNAP_NOTIFY_DEFAULT,
    .registry_id = EDGE_REGISTRY,
};

/* Unknown state, a directory of nothing, an address that contradicts its type, users that are nobody's
 * business; all before the master's start. */
static const struct snap_instance core = {
    .appl_index = 7,
    .name = TEXT("core"),
    .description = TEXT("Kern M\303\274nchen"),
    .oper_status = 1,
    .start_ns = MASTER_START - SECOND,
    .last_change_ns = MASTER_START,
    .last_in_ns = 1,
    .roles = 1u << 2,
    .counters = {
        [LANE_IN_REQUESTS] = 701,
        [LANE_OUT_REQUESTS] = 702,
        [LANE_IN_RESPONSES] = 703,
        [LANE_OUT_RESPONSES] = 704,
        [LANE_TRANS_BEGUN] = 705,
        [LANE_UNSUPPORTED_URIS] = 791,
        [LANE_UNSUPPORTED_METHODS] = 792,
        [LANE_DISCARDED] = 793,
        [LANE_PROXY_REQUIRE_FAILED] = 794,
        [LANE_ASSOC_IN_OPENED] = 70,
    },
    .is_stateless_proxy = true,
    .host = { SNAP_ADDRESS_IPV6, TEXT("\300\0\2\n") },
    .statefulness = 1,
    .record_route = true,
    .auth = 1u << 0,
    .current_users = UINT32_MAX,
    .notify_enable = 1u << 3 | 1u << 31,
};

/* Timers of a reliable transport and a fast T1, below the MIB's ranges, or above them. A registrar of one,
 * too. */
static const struct snap_instance phone = {
    .appl_index = 300,
    .name = TEXT("phone"),
    .version = TEXT("re 1.1.0"),
    .oper_status = 7,
    .start_ns = AT_CS(9999000),
    .last_change_ns = AT_CS(9999999),
    .discon_ns = AT_CS(9999001),
    .last_out_ns = AT_CS(10000123),
    .max_transactions = UINT32_MAX,
    .roles = 1u << 1,
    .timer_ms = { 5000, 6400, 600000, 0, 99, 0, 0, 31999, 0, 31999, 10001, 100, 20000, 0 },
    .counters = {
        [LANE_IN_REQUESTS] = 1,
        [LANE_OUT_REQUESTS] = 2,
        [LANE_IN_RESPONSES] = 3,
        [LANE_OUT_RESPONSES] = 4,
        [LANE_TRANS_BEGUN] = 5,
    },
    .open_transactions = 6,
    .max_contact_expiry_s = UINT32_MAX,
    .default_expiry_s = 60,
    .max_users = 1,
    .notify_enable = SNAP_NOTIFY_STATUS_CHANGED,
    .registry_id = PHONE_REGISTRY,
    .is_pseudonymous = true,
};

static const struct snap_port ports[] = {
    { 1, 5060, 1u << 1 | 1u << 2 },
    { 1, 5061, 1u << 4 },
    { 7, 5060, 1u << 0 },
    { 300, 65535, 1u << 3 | 1u << 5 },
};

static const struct snap_option_tag option_tags[] = {
    { 1, 1, TEXT("100rel"), 1u << 0 | 1u << 2 },
    { 1, 2, TEXT("timer"), 1u << 2 },
    { 300, 1, TEXT("path"), 0 },
};

static const struct snap_supported_method supported_methods[] = {
    { 1, 1, TEXT("INVITE") },
    { 1, 2, TEXT("ACK") },
    { 1, 6, TEXT("REGISTER") },
    { 300, UINT32_MAX, TEXT("MESSAGE") },
};

/* In the order of enum lane_method_counter. */
#define METHOD_COUNTERS(n)                                \
    {                                                     \
        (n) + 2, (n) + 1, 9, (n) + 3, (n) + 4, (n) + 5, 9 \
    }

static const struct snap_method methods[] = {
    { 1, TEXT("ACK"), METHOD_COUNTERS(10), AT_CS(1001) },
    { 1, TEXT("BYE"), METHOD_COUNTERS(20), AT_CS(1001) },
    { 1, TEXT("INFO"), METHOD_COUNTERS(30), AT_CS(1001) },
    { 1, TEXT("CANCEL"), METHOD_COUNTERS(40), AT_CS(1001) },
    { 1, TEXT("INVITE"), METHOD_COUNTERS(50), AT_CS(1001) },
    { 1, TEXT("(other)"), METHOD_COUNTERS(60), AT_CS(2000) },
    { 1, TEXT("OPTIONS"), METHOD_COUNTERS(70), AT_CS(1001) },
    { 1, TEXT("REGISTER"), METHOD_COUNTERS(80), AT_CS(1001) },
    { 300, TEXT("NOTIFY"), METHOD_COUNTERS(300), AT_CS(9999001) },
    { 300, TEXT("MESSAGE"), METHOD_COUNTERS(4 * WRAP - 2), AT_CS(9999500) },
};

static const struct snap_code codes[] = {
    { 1, TEXT("BYE"), 200, 201, 202, AT_CS(1001), false, 2, 500, 60, false },
    { 1, TEXT("INVITE"), 100, 101, 102, AT_CS(1001), false, 2, 500, 60, false },
    { 1, TEXT("INVITE"), 200, 205, 206, AT_CS(1001), false, 2, 500, 60, false },
    { 1, TEXT("INVITE"), 486, 487, 488, AT_CS(1002), true, 1, 10, 30, true },
    { 1, TEXT("REGISTER"), 401, 402, 403, AT_CS(1001), false, 2, 500, 60, false },
    { 300, TEXT("OPTIONS"), 200, 301, 302, AT_CS(9999001), false, 2, 500, 60, false },
    { 300, TEXT("OPTIONS"), 699, WRAP + 1, WRAP, AT_CS(9999600), true, 3, UINT32_MAX, 0, true },
};

static const struct snap_ua_server ua_servers[] = {
    { 300, 1, { SNAP_ADDRESS_IPV4, TEXT("\300\0\2\1") }, 1u << 2 | 1u << 4 },
    { 300, 2, { SNAP_ADDRESS_DNS, TEXT("sip.example.net") }, 1u << 3 },
    { 300, 3, { SNAP_ADDRESS_IPV6, TEXT("\40\1\r\270\0\0\0\0\0\0\0\0\0\0\0\5") }, 1u << 4 },
    { 300, 9, { SNAP_ADDRESS_DNS, TEXT("") }, 0 },
};

static const void *const instance_rows[] = { &edge, &core, &phone };
static const void *const timed_rows[] = { &edge, &phone };
static const void *const server_rows[] = { &edge, &core };
static const void *const registrar_rows[] = { &edge, &core, &phone };
static const void *const port_rows[] = { &ports[0], &ports[1], &ports[2], &ports[3] };
static const void *const option_tag_rows[] = { &option_tags[0], &option_tags[1], &option_tags[2] };
static const void *const supported_method_rows[] = {
    &supported_methods[0],
    &supported_methods[1],
    &supported_methods[2],
    &supported_methods[3],
};
static const void *const method_rows[] = {
    &methods[0], &methods[1], &methods[2], &methods[3], &methods[4],
    &methods[5], &methods[6], &methods[7], &methods[8], &methods[9],
};
static const void *const code_rows[] = {
    &codes[0], &codes[1], &codes[2], &codes[3], &codes[4], &codes[5], &codes[6],
};
static const void *const ua_server_rows[] = {
    &ua_servers[0],
    &ua_servers[1],
    &ua_servers[2],
    &ua_servers[3],
};

#define ROWS(array)           \
    {                         \
        (array), COUNT(array) \
    }

static const struct snapshot snapshot = {
    .taken_ns = AT_CS(9999990),
    .generation = 1,
    .rows = {
        [SNAP_INSTANCES] = ROWS(instance_rows),
        [SNAP_TIMED] = ROWS(timed_rows),
        [SNAP_SERVERS] = ROWS(server_rows),
        [SNAP_PROXIES] = ROWS(server_rows),
        [SNAP_REGISTRARS] = ROWS(registrar_rows),
        [SNAP_PORTS] = ROWS(port_rows),
        [SNAP_OPTION_TAGS] = ROWS(option_tag_rows),
        [SNAP_SUPPORTED_METHODS] = ROWS(supported_method_rows),
        [SNAP_METHODS] = ROWS(method_rows),
        [SNAP_CODES] = ROWS(code_rows),
        [SNAP_UA_SERVERS] = ROWS(ua_server_rows),
    },
};

/* By registry_id. */
static const struct {
    uint32_t registry_id;
    struct snap_user user;
} users[] = {
    { EDGE_REGISTRY, { .index = 1, .uri = TEXT("alice@example.org"), .discon_ns = AT_CS(5000) } },
    { EDGE_REGISTRY,
      { .index = 2, .uri = TEXT("mallory@example.org"), .auth_failures = WRAP + 9, .discon_ns = 1 } },
    { EDGE_REGISTRY, { .index = 7, .uri = TEXT("b\303\266b\r\n\377@example.org"), .auth_failures = 3 } },
    { EDGE_REGISTRY, { .index = UINT32_MAX, .uri = TEXT(""), .discon_ns = UINT64_MAX } },
    { PHONE_REGISTRY, { .index = 1, .uri = TEXT("0123456789abcdef@pseudonym.invalid") } },
};

#define Q_NONE LANE_Q_NONE
static const struct {
    uint32_t registry_id;
    struct snap_contact contact;
} contacts[] = {
    { EDGE_REGISTRY,
      { 0, 1, 1, TEXT("Alice"), TEXT("sip:alice@192.0.2.7:5062;ob"), AT_CS(9990000), 1767225599, 700 } },
    { EDGE_REGISTRY, { 0, 1, UINT32_MAX, TEXT(""), TEXT("sip:a@[2001:db8::7]"), 1, 1767225600, Q_NONE } },
    { EDGE_REGISTRY, { 0, 7, 3, TEXT("\302\205\303\266"), TEXT("tel:+49"), AT_CS(9990001), -1, 0 } },
    { EDGE_REGISTRY, { 0, UINT32_MAX, 5, TEXT("\0"), TEXT(""), UINT64_MAX, 0, 1000 } },
    { PHONE_REGISTRY, { 0, 1, 1, TEXT(""), TEXT("89ab@pseudonym.invalid"), AT_CS(9999999), 1792281600, 5 } },
};

static bool
user_at(struct mib_registrations *r, uint32_t registry_id, bool is_pseudonymous, uint32_t user,
        struct snap_user *out)
{
    (void)r;
    for (size_t i = 0; i < COUNT(users); i++)
        if (users[i].registry_id == registry_id && users[i].user.index >= user) {
            *out = users[i].user;
            return is_pseudonymous == (registry_id == PHONE_REGISTRY);
        }
    return false;
}

static bool
contact_at(struct mib_registrations *r, uint32_t registry_id, bool is_pseudonymous, uint32_t user,
           uint32_t contact, struct snap_contact *out)
{
    (void)r;
    for (size_t i = 0; i < COUNT(contacts); i++) {
        const struct snap_contact *c = &contacts[i].contact;

        if (contacts[i].registry_id == registry_id &&
            (c->user > user || (c->user == user && c->index >= contact))) {
            *out = *c;
            return is_pseudonymous == (registry_id == PHONE_REGISTRY);
        }
    }
    return false;
}

static struct mib_registrations registrations = { user_at, contact_at };

/* Dates are in local time: one hour ahead of UTC here, wherever the tests run. */
static void __attribute__((constructor)) set_time_zone(void)
{
    setenv("TZ", "CET-1", 1);
}

const struct mib_view mib_fixture_view = {
    .snapshot = &snapshot,
    .registrations = &registrations,
    .now_ns = AT_CS(10000000),
    .uptime_cs = 10000000,
};
