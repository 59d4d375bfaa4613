/* SPDX-License-Identifier: BSD-2-Clause */
/* What the configuration file may say. A new key is one entry here, one in sipmib.yaml(5), its member in config.h. */
#include "config/schema.h"

#include <string.h>

#include "config/address.h"
#include "config/config.h"
#include "config/kind.h"
#include "sipcore/method.h"

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define IN_CONFIG(member)   FIELD_AT(struct config, member)
#define IN_INSTANCE(member) FIELD_AT(struct config_instance, member)
#define IN_WATCH(member)    FIELD_AT(struct watch_entry, member)
#define IN_SERVER(member)   FIELD_AT(struct config_ua_server, member)
#define TABLE(path, array)                                             \
    {                                                                  \
        .name = path, .fields = array, .n_fields = ARRAY_LENGTH(array) \
    }

enum {
    PATH_MAX_OCTETS = 1023, /* leaves room for the names below it */
    TEXT_MAX_OCTETS = 255,  /* SnmpAdminString (RFC 3411), DistinguishedName and URLString (RFC 2788) */
    DAY_S = 86400
};

#define ALL_TRANSPORTS                                                                \
    (1u << SIPSTAT_UDP | 1u << SIPSTAT_TCP | 1u << SIPSTAT_SCTP | 1u << SIPSTAT_TLS | \
     1u << SIPSTAT_TLS_SCTP | 1u << SIPSTAT_WS | 1u << SIPSTAT_WSS)

/* ---- words ---- */

const struct name schema_roles[] = {
    { "user_agent", CONFIG_ROLE_BIT(CONFIG_ROLE_USER_AGENT) },
    { "proxy_server", CONFIG_ROLE_BIT(CONFIG_ROLE_PROXY) },
    { "redirect_server", CONFIG_ROLE_BIT(CONFIG_ROLE_REDIRECT) },
    { "registrar_server", CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR) },
    { "other", CONFIG_ROLE_BIT(CONFIG_ROLE_OTHER) },
    { NULL, 0 },
};

static const struct name statefulness_names[] = {
    { "stateless", CONFIG_STATELESS },
    { "transaction_stateful", CONFIG_TRANSACTION_STATEFUL },
    { "call_stateful", CONFIG_CALL_STATEFUL },
    { NULL, 0 },
};

static const struct name auth_names[] = {
    { "none", CONFIG_AUTH_NONE },
    { "tls", CONFIG_AUTH_TLS },
    { "digest", CONFIG_AUTH_DIGEST },
    { NULL, 0 },
};

static const struct name expose_names[] = {
    { "full", CONFIG_EXPOSE_FULL },
    { "pseudonym", CONFIG_EXPOSE_PSEUDONYM },
    { "none", CONFIG_EXPOSE_NONE },
    { NULL, 0 },
};

static const struct name status_codes_names[] = { { "observed", true },
                                                  { "configured", false },
                                                  { NULL, 0 } };

static const struct name emit_names[] = { { "normal", CONFIG_EMIT_NORMAL },
                                          { "one_shot", CONFIG_EMIT_ONE_SHOT },
                                          { NULL, 0 } };

/* ---- items of lists ---- */

static bool
is_same_word(const void *a, const void *b)
{
    const char *left, *right;

    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left && right && strcmp(left, right) == 0;
}

static bool
is_same_address(const void *a, const void *b)
{
    const struct config_address *left = a, *right = b;

    return left->transport && left->transport == right->transport && address_compare(left, right) == 0;
}

static const struct list local_list = {
    .item = { .kind = &kind_address, .max = ALL_TRANSPORTS },
    .item_octets = sizeof(struct config_address),
    .count_offset = offsetof(struct config_instance, n_locals),
    .items = "addresses",
    .one = "address",
    .is_same = is_same_address,
};

static const struct list listen_list = {
    .item = { .kind = &kind_address, .min = 1, .max = 1u << SIPSTAT_UDP },
    .item_octets = sizeof(struct config_address),
    .count_offset = offsetof(struct config, hep.n_listen),
    .items = "addresses",
    .one = "address",
    .is_same = is_same_address,
};

static const struct list method_list = {
    .item = { .kind = &kind_token,
              .size = sizeof(char *),
              .min = 1,
              .max = METHOD_NAME_MAX,
              .more = "a method name" },
    .item_octets = sizeof(char *),
    .count_offset = offsetof(struct config_instance, n_methods),
    .items = "methods",
    .one = "method",
    .is_same = is_same_word,
};

static const struct list tag_list = {
    .item = { .kind = &kind_token,
              .size = sizeof(char *),
              .min = 1,
              .max = TEXT_MAX_OCTETS,
              .more = "an option tag" },
    .items = "option tags",
    .one = "option tag",
};

static const struct list code_list = {
    .item = { .kind = &kind_count, .size = sizeof(uint32_t), .min = 100, .max = 999 },
    .item_octets = sizeof(uint32_t),
    .count_offset = offsetof(struct watch_entry, n_codes),
    .items = "status codes",
    .one = "a status code",
    .takes_one = true,
};

// clang-format off

/* ---- instances[].watch[] ---- */

static const struct field watch_fields[] = {
    { .key = "method", .kind = &kind_token, IN_WATCH(method), .min = 1, .max = METHOD_NAME_MAX,
      .is_required = true, .more = "a method name", .object = "sipCommonStatusCodeMethod",
      .help = "the method whose responses are counted" },
    { .key = "codes", .kind = &kind_list, IN_WATCH(codes), .min = 1, .max = 900,
      .is_required = true, .more = &code_list, .object = "sipCommonStatusCodeValue",
      .help = "the status codes that get a row each" },
    { .key = "threshold", .kind = &kind_count, IN_WATCH(threshold), .min = 1, .max = UINT32_MAX,
      .fallback = "500", .object = "sipCommonStatusCodeNotifThresh",
      .help = "more responses than this in one interval are excessive" },
    { .key = "interval", .kind = &kind_seconds, IN_WATCH(interval_s), .min = 1, .max = DAY_S,
      .fallback = "60s", .object = "sipCommonStatusCodeNotifInterval",
      .help = "the time that threshold is for" },
    { .key = "notify", .kind = &kind_bool, IN_WATCH(notify),
      .fallback = "false", .object = "sipCommonStatusCodeNotifSend",
      .help = "send a notification for such a response" },
    { .key = "emit", .kind = &kind_choice, IN_WATCH(emit), .more = emit_names,
      .fallback = "one_shot", .object = "sipCommonStatusCodeNotifEmitMode",
      .help = "notify for each response, or for the next only" },
};
static const struct table watch_table = TABLE("instances[].watch[]", watch_fields);

/* ---- instances[].user_agent ---- */

static const struct field server_fields[] = {
    { .key = "address", .kind = &kind_server_host, IN_SERVER(host), .is_required = true,
      .object = "sipUACfgServerAddress", .help = "the server that the user agent is set to use" },
    { .key = "role", .kind = &kind_choices, IN_SERVER(roles), .min = 1, .max = 1,
      .is_required = true, .more = schema_roles, .object = "sipUACfgServerRole",
      .help = "what that server is" },
};
static const struct table server_table = TABLE("instances[].user_agent.servers[]", server_fields);

static const struct list server_list = {
    .item = { .more = &server_table },
    .item_octets = sizeof(struct config_ua_server),
    .count_offset = offsetof(struct config_instance, n_ua_servers),
    .items = "servers",
    .one = "server",
};

static const struct field user_agent_fields[] = {
    { .key = "servers", .kind = &kind_mappings, IN_INSTANCE(ua_servers),
      .max = CONFIG_UA_SERVERS_MAX, .more = &server_list, .fallback = "[]", .object = "sipUACfgServerTable",
      .help = "the SIP servers that the user agent is set to use" },
};
static const struct table user_agent_table = TABLE("instances[].user_agent", user_agent_fields);

/* ---- instances[].registrar, instances[].proxy ---- */

static const struct field registrar_fields[] = {
    { .key = "max_contact_expiry", .kind = &kind_seconds, IN_INSTANCE(registrar.max_contact_expiry_s),
      .min = 1, .max = UINT32_MAX, .fallback = "3600s", .object = "sipServerRegMaxContactExpiryDuration",
      .help = "the longest time that a contact may be registered for" },
    { .key = "default_expiry", .kind = &kind_seconds, IN_INSTANCE(registrar.default_expiry_s),
      .min = 1, .max = UINT32_MAX, .fallback = "3600s", .object = "sipServerRegDfltRegActiveInterval",
      .help = "how long a contact is registered that asks for no time" },
    { .key = "max_users", .kind = &kind_count, IN_INSTANCE(registrar.max_users),
      .min = 1, .max = UINT32_MAX, .fallback = "1000000", .object = "sipServerRegMaxUsers",
      .help = "the number of users that the registrar supports" },
    { .key = "expose", .kind = &kind_choice, IN_INSTANCE(registrar.expose), .more = expose_names,
      .fallback = "full", .object = "sipServerRegUserTable",
      .help = "how users and contacts are shown" },
};
static const struct table registrar_table = TABLE("instances[].registrar", registrar_fields);

static const struct field proxy_fields[] = {
    { .key = "statefulness", .kind = &kind_choice, IN_INSTANCE(proxy.statefulness),
      .more = statefulness_names, .fallback = "transaction_stateful",
      .object = "sipServerCfgProxyStatefulness",
      .help = "how much state the proxy keeps by default" },
    { .key = "recursion", .kind = &kind_bool, IN_INSTANCE(proxy.recursion),
      .fallback = "false", .object = "sipServerCfgProxyRecursion",
      .help = "the proxy follows redirections itself" },
    { .key = "record_route", .kind = &kind_bool, IN_INSTANCE(proxy.record_route),
      .fallback = "false", .object = "sipServerCfgProxyRecordRoute",
      .help = "the proxy stays in the path of dialogs" },
    { .key = "auth", .kind = &kind_choices, IN_INSTANCE(proxy.auth), .min = 1, .max = 3,
      .more = auth_names, .fallback = "[none]", .object = "sipServerCfgProxyAuthMethod",
      .help = "how the proxy authenticates requests" },
    { .key = "realm", .kind = &kind_text, IN_INSTANCE(proxy.realm), .max = TEXT_MAX_OCTETS,
      .fallback = "", .object = "sipServerCfgProxyAuthDefaultRealm",
      .help = "the realm of the proxy's challenges" },
};
static const struct table proxy_table = TABLE("instances[].proxy", proxy_fields);

/* ---- instances[].timers: with the ranges of the MIB. Those without a default follow T1 or T4 (settle.c) ---- */

#define TIMER(letter, least, most, column, default_text, help_text) \
    { .key = #letter, .kind = &kind_ms, IN_INSTANCE(timer_ms[CONFIG_TIMER_##letter]), \
      .min = (least), .max = (most), .fallback = default_text, .object = column, .help = help_text }

static const struct field timer_fields[] = {
    TIMER(A, 100, 1000, "sipCommonCfgTimerA", NULL, "first retransmission of an INVITE"),
    TIMER(B, 32000, 300000, "sipCommonCfgTimerB", NULL, "INVITE without a final response"),
    TIMER(C, 180000, 300000, "sipCommonCfgTimerC", "180s", "proxied INVITE after a provisional response"),
    TIMER(D, 0, 300000, "sipCommonCfgTimerD", NULL, "wait for retransmitted responses to INVITE"),
    TIMER(E, 100, 1000, "sipCommonCfgTimerE", NULL, "first retransmission of another request"),
    TIMER(F, 32000, 300000, "sipCommonCfgTimerF", NULL, "other request without a final response"),
    TIMER(G, 0, 1000, "sipCommonCfgTimerG", NULL, "first retransmission of a final response to INVITE"),
    TIMER(H, 32000, 300000, "sipCommonCfgTimerH", NULL, "wait for the ACK"),
    TIMER(I, 0, 10000, "sipCommonCfgTimerI", NULL, "wait for retransmitted ACKs"),
    TIMER(J, 32000, 300000, "sipCommonCfgTimerJ", NULL, "wait for retransmissions of another request"),
    TIMER(K, 0, 10000, "sipCommonCfgTimerK", NULL, "wait for retransmitted responses to another request"),
    TIMER(T1, 200, 10000, "sipCommonCfgTimerT1", "500ms", "estimated round-trip time"),
    TIMER(T2, 200, 10000, "sipCommonCfgTimerT2", "4s", "longest time between retransmissions"),
    TIMER(T4, 200, 10000, "sipCommonCfgTimerT4", "5s", "longest time a message stays in the network"),
};
const struct table schema_timers = TABLE("instances[].timers", timer_fields);

/* ---- instances[].option_tags ---- */

#define TAGS(name, header, header_field) \
    { .key = #name, .kind = &kind_tags, .min = (header), .max = CONFIG_OPTION_TAGS_MAX, .fallback = "[]", \
      .more = &tag_list, .object = "sipCommonOptionTagHeaderField", .help = "option tags in " header_field }

static const struct field option_tags_fields[] = {
    TAGS(supported, CONFIG_TAG_SUPPORTED, "Supported"),
    TAGS(required, CONFIG_TAG_REQUIRE, "Require"),
    TAGS(proxy_required, CONFIG_TAG_PROXY_REQUIRE, "Proxy-Require"),
};
static const struct table option_tags_table = TABLE("instances[].option_tags", option_tags_fields);

/* ---- instances[] ---- */

static const struct field instance_fields[] = {
    { .key = "name", .kind = &kind_name, IN_INSTANCE(name), .min = 1, .max = CONFIG_NAME_OCTETS - 1,
      .is_required = true, .object = "applName",
      .help = "what SIP servers and collectors call the instance" },
    { .key = "group", .kind = &kind_group, IN_INSTANCE(group), .min = 1, .max = 32, .object = "",
      .help = "who may write its lanes, if not the group of the runtime directory" },
    { .key = "appl_index", .kind = &kind_count, IN_INSTANCE(appl_index), .min = 1, .max = INT32_MAX,
      .is_required = true, .object = "applIndex", .help = "the number of the instance in all tables" },
    { .key = "roles", .kind = &kind_choices, IN_INSTANCE(roles), .min = 1, .max = 5,
      .is_required = true, .more = schema_roles, .object = "sipCommonCfgEntityType",
      .help = "what the SIP entity is" },
    { .key = "description", .kind = &kind_text, IN_INSTANCE(description), .max = TEXT_MAX_OCTETS,
      .fallback = "", .object = "applDescription", .help = "what people call it" },
    { .key = "organization", .kind = &kind_text, IN_INSTANCE(organization), .max = TEXT_MAX_OCTETS,
      .fallback = "", .object = "sipCommonCfgOrganization",
      .help = "what stands in its Organization header field" },
    { .key = "url", .kind = &kind_url, IN_INSTANCE(url), .max = TEXT_MAX_OCTETS,
      .fallback = "", .object = "applURL", .help = "where it is described" },
    { .key = "directory_name", .kind = &kind_text, IN_INSTANCE(directory_name),
      .max = TEXT_MAX_OCTETS, .fallback = "", .object = "applDirectoryName", .help = "its entry in a directory" },
    { .key = "host", .kind = &kind_host, IN_INSTANCE(host), .max = TEXT_MAX_OCTETS,
      .object = "sipServerCfgHostAddress", .help = "the host part of its SIP URI" },
    { .key = "local", .kind = &kind_list, IN_INSTANCE(locals), .max = CONFIG_LOCALS_MAX,
      .more = &local_list, .fallback = "[]", .object = "sipCommonPortTable", .help = "where it listens" },
    { .key = "max_transactions", .kind = &kind_count, IN_INSTANCE(max_transactions),
      .min = 1, .max = UINT32_MAX, .fallback = "5000", .object = "sipCommonCfgMaxTransactions",
      .help = "the transactions a second that it can manage" },
    { .key = "methods", .kind = &kind_list, IN_INSTANCE(methods), .min = 1, .max = CONFIG_METHODS_MAX,
      .more = &method_list, .object = "sipCommonMethodSupportedTable", .help = "the methods it supports",
      .fallback = "[INVITE, ACK, OPTIONS, BYE, CANCEL, REGISTER, PRACK, SUBSCRIBE, NOTIFY, PUBLISH, INFO, REFER, "
                  "MESSAGE, UPDATE]" },
    { .key = "option_tags", .kind = &kind_mapping, .more = &option_tags_table,
      .object = "sipCommonOptionTagTable",
      .help = "the SIP extensions it supports or requires" },
    { .key = "timers", .kind = &kind_mapping, .more = &schema_timers, .object = "sipCommonCfgTimerTable",
      .help = "its timers of RFC 3261" },
    { .key = "stale_after", .kind = &kind_seconds, IN_INSTANCE(stale_after_s), .min = 1, .max = DAY_S,
      .fallback = "60s", .object = "sipCommonCfgServiceOperStatus",
      .help = "a collector that saw no SIP for so long does not know the state" },
    { .key = "proxy", .kind = &kind_section, .min = CONFIG_ROLE_BIT(CONFIG_ROLE_PROXY),
      .more = &proxy_table, .object = "sipServerProxyCfgTable",
      .help = "how the proxy server is set up" },
    { .key = "registrar", .kind = &kind_section, .min = CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR),
      .more = &registrar_table, .object = "sipServerRegCfgTable",
      .help = "how the registrar is set up" },
    { .key = "user_agent", .kind = &kind_section, .min = CONFIG_ROLE_BIT(CONFIG_ROLE_USER_AGENT),
      .more = &user_agent_table, .object = "sipUACfgServerTable",
      .help = "how the user agent is set up" },
    { .key = "status_codes", .kind = &kind_choice, IN_INSTANCE(status_codes_observed),
      .more = status_codes_names, .fallback = "observed", .object = "sipCommonStatusCodeTable",
      .help = "which status codes have a row" },
    { .key = "watch", .kind = &kind_watches, IN_INSTANCE(watches), .max = CONFIG_WATCHES_MAX,
      .more = &watch_table, .fallback = "[]", .object = "sipCommonStatusCodeNotifTable",
      .help = "status codes that have a row from the start, and notifications" },
};
const struct table schema_instance = TABLE("instances[]", instance_fields);

static const struct list instance_list = {
    .item = { .more = &schema_instance },
    .item_octets = sizeof(struct config_instance),
    .count_offset = offsetof(struct config, n_instances),
    .items = "instances",
    .one = "instance",
};

/* ---- collectors ---- */

static const struct field hep_fields[] = {
    { .key = "listen", .kind = &kind_list, IN_CONFIG(hep.listen), .max = CONFIG_LISTENERS_MAX,
      .more = &listen_list, .fallback = "[]", .object = "", .help = "where HEP packets are received" },
    { .key = "auth_key", .kind = &kind_key, IN_CONFIG(hep.auth_key), .min = 1, .max = TEXT_MAX_OCTETS,
      .fallback = "null", .object = "", .help = "what senders must present" },
    { .key = "auth_key_file", .kind = &kind_key_file, IN_CONFIG(hep.auth_key), .min = 1,
      .max = TEXT_MAX_OCTETS, .object = "", .help = "the file that holds the key" },
};
static const struct table hep_table = TABLE("collectors.hep", hep_fields);

static const struct field collectors_fields[] = {
    { .key = "hep", .kind = &kind_mapping, .more = &hep_table, .object = "",
      .help = "the collector sipstat-hep" },
};
static const struct table collectors_table = TABLE("collectors", collectors_fields);

/* ---- the outermost mapping ---- */

static const struct field agentx_fields[] = {
    { .key = "socket", .kind = &kind_socket, IN_CONFIG(agentx_socket), .max = TEXT_MAX_OCTETS,
      .fallback = "unix:/var/agentx/master", .object = "",
      .help = "where the SNMP agent listens for subagents" },
    { .key = "ping_interval", .kind = &kind_seconds, IN_CONFIG(ping_interval_s), .min = 1, .max = 60,
      .fallback = "2s", .object = "", .help = "how often the connection is checked, or tried again" },
};
static const struct table agentx_table = TABLE("agentx", agentx_fields);

static const struct field notifications_fields[] = {
    { .key = "rate", .kind = &kind_count, IN_CONFIG(notifications.rate), .min = 1, .max = 1000,
      .fallback = "20", .object = "sipCommonStatusCodeNotif",
      .help = "the most of them that are sent in a second for one instance" },
    { .key = "queue", .kind = &kind_count, IN_CONFIG(notifications.queue), .min = 16, .max = 100000,
      .fallback = "1000", .object = "", .help = "notifications kept while the SNMP agent is away" },
};
static const struct table notifications_table = TABLE("notifications", notifications_fields);

static const struct field root_fields[] = {
    { .key = "runtime_dir", .kind = &kind_path, IN_CONFIG(runtime_dir), .min = 1, .max = PATH_MAX_OCTETS,
      .fallback = SIPMIB_RUNTIME_DIR, .object = "", .help = "lanes, retained totals and registrations" },
    { .key = "state_dir", .kind = &kind_path, IN_CONFIG(state_dir), .min = 1, .max = PATH_MAX_OCTETS,
      .fallback = SIPMIB_STATE_DIR, .object = "", .help = "what SNMP settings must survive a reboot" },
    { .key = "agentx", .kind = &kind_mapping, .more = &agentx_table, .object = "",
      .help = "the connection to the SNMP agent" },
    { .key = "snapshot_max_age", .kind = &kind_ms, IN_CONFIG(snapshot_max_age_ms), .max = 60000,
      .fallback = "250ms", .object = "", .help = "how old the counters in an answer may be" },
    { .key = "notifications", .kind = &kind_mapping, .more = &notifications_table, .object = "",
      .help = "how many notifications are sent and kept" },
    { .key = "instances", .kind = &kind_mappings, IN_CONFIG(instances), .min = 1, .max = CONFIG_INSTANCES_MAX,
      .is_required = true, .more = &instance_list, .object = "applTable",
      .help = "the SIP entities that are monitored" },
    { .key = "collectors", .kind = &kind_mapping, .more = &collectors_table, .object = "",
      .help = "programs that count SIP which other processes handle" },
};
const struct table schema_root = TABLE("", root_fields);

// clang-format on

const struct table *const schema_tables[] = {
    &schema_root,       &agentx_table,  &notifications_table, &schema_instance,
    &option_tags_table, &schema_timers, &proxy_table,         &registrar_table,
    &user_agent_table,  &server_table,  &watch_table,         &collectors_table,
    &hep_table,         NULL,
};
