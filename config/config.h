/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration of the agent and the collectors: one strict YAML file, loaded whole or not at all. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>

#include "sipcore/err.h"
#include "sipcore/sipstat.h"

enum {
    CONFIG_INSTANCES_MAX = 1024,
    CONFIG_LOCALS_MAX = 64,       /* per instance */
    CONFIG_WATCHES_MAX = 4096,    /* (method, code) pairs per instance */
    CONFIG_COMPLAINTS_MAX = 100,  /* printed; the rest is only counted */
    CONFIG_METHODS_MAX = 256,     /* per instance */
    CONFIG_OPTION_TAGS_MAX = 256, /* per instance and header field */
    CONFIG_UA_SERVERS_MAX = 256,  /* per instance */
    CONFIG_LISTENERS_MAX = 16,
    CONFIG_NAME_OCTETS = 64, /* of an instance, with the terminating zero */
    CONFIG_FILE_OCTETS_MAX = 4 << 20
};

/* Roles of an instance, as the bits of SipTCEntityRole (RFC 4780): bit 0 is the most significant of the first
 * octet. */
enum config_role {
    CONFIG_ROLE_OTHER = 0,
    CONFIG_ROLE_USER_AGENT = 1,
    CONFIG_ROLE_PROXY = 2,
    CONFIG_ROLE_REDIRECT = 3,
    CONFIG_ROLE_REGISTRAR = 4
};
#define CONFIG_ROLE_BIT(role) (1u << (role))

/* A transport address: "udp:192.0.2.10:5060", "tls:[2001:db8::1]:5061"; an address may be `*` for any. */
struct config_address {
    enum sipstat_transport transport; /* SIPSTAT_UDP ... */
    bool any_host;                    /* "udp:*:5060": any IPv4 or IPv6 address; `address` is then :: */
    struct sockaddr_storage address;  /* AF_INET or AF_INET6, port included */
};

/* RFC 3261 table 4, in the order of sipCommonCfgTimerEntry's columns. Milliseconds. */
enum config_timer {
    CONFIG_TIMER_A,
    CONFIG_TIMER_B,
    CONFIG_TIMER_C,
    CONFIG_TIMER_D,
    CONFIG_TIMER_E,
    CONFIG_TIMER_F,
    CONFIG_TIMER_G,
    CONFIG_TIMER_H,
    CONFIG_TIMER_I,
    CONFIG_TIMER_J,
    CONFIG_TIMER_K,
    CONFIG_TIMER_T1,
    CONFIG_TIMER_T2,
    CONFIG_TIMER_T4,
    CONFIG_TIMERS
};

/* Bits of SipTCOptionTagHeaders. */
#define CONFIG_TAG_REQUIRE       1u
#define CONFIG_TAG_PROXY_REQUIRE 2u
#define CONFIG_TAG_SUPPORTED     4u

struct config_option_tag {
    char *tag;
    unsigned headers; /* CONFIG_TAG_* */
};

enum config_statefulness { CONFIG_STATELESS = 1, CONFIG_TRANSACTION_STATEFUL = 2, CONFIG_CALL_STATEFUL = 3 };

/* Bits of sipServerCfgProxyAuthMethod. */
#define CONFIG_AUTH_NONE   1u
#define CONFIG_AUTH_TLS    2u
#define CONFIG_AUTH_DIGEST 4u

enum config_expose { CONFIG_EXPOSE_FULL, CONFIG_EXPOSE_PSEUDONYM, CONFIG_EXPOSE_NONE };
enum config_emit { CONFIG_EMIT_NORMAL = 1, CONFIG_EMIT_ONE_SHOT = 2 };

/* One row of sipCommonStatusCodeTable asked for by the configuration, its notification settings with it. */
struct config_watch {
    char *method;
    unsigned code; /* 100 to 999 */
    bool notify;   /* sipCommonStatusCodeNotifSend */
    enum config_emit emit;
    uint32_t threshold; /* messages */
    uint32_t interval_s;
};

struct config_ua_server {
    int family; /* AF_INET, AF_INET6, or 0 for a domain name */
    uint8_t address[16];
    char *host;     /* as configured */
    unsigned roles; /* CONFIG_ROLE_BIT() */
};

#define CONFIG_GROUP_UNKNOWN ((gid_t)-1)

/* Who may write the lanes of an instance. */
struct config_group {
    char *name; /* as configured, a name or a number; NULL: the group of the runtime directory */
    gid_t id;   /* CONFIG_GROUP_UNKNOWN: this machine had no such group when the file was read */
};

struct config_instance {
    char name[CONFIG_NAME_OCTETS];
    struct config_group group; /* of its directory */
    uint32_t appl_index;       /* 1 to 2147483647, unique */
    unsigned roles;            /* CONFIG_ROLE_BIT() */
    char *description;         /* never NULL: "" when not given */
    char *organization;
    char *url;            /* applURL */
    char *directory_name; /* applDirectoryName */
    char *host;           /* sipServerCfgHostAddress when it is not the first local address; may be NULL */
    struct config_address *locals;
    size_t n_locals;
    uint32_t max_transactions; /* sipCommonCfgMaxTransactions, 1 or more */
    char **methods;            /* sipCommonMethodSupportedTable */
    size_t n_methods;
    struct config_option_tag *option_tags;
    size_t n_option_tags;
    uint32_t timer_ms[CONFIG_TIMERS]; /* defaults by RFC 3261 from T1, T2, T4 */
    uint32_t stale_after_s;
    struct {
        enum config_statefulness statefulness;
        bool recursion, record_route;
        unsigned auth; /* CONFIG_AUTH_* */
        char *realm;
    } proxy;
    struct {
        uint32_t max_contact_expiry_s, default_expiry_s, max_users;
        enum config_expose expose;
    } registrar;
    struct config_ua_server *ua_servers;
    size_t n_ua_servers;
    bool status_codes_observed;   /* else only those configured (or SET) */
    struct config_watch *watches; /* each pair once; by method (strcmp), then code */
    size_t n_watches;
};

struct config {
    char *runtime_dir;
    char *state_dir;
    char *agentx_socket; /* as net-snmp spells it: "unix:/var/agentx/master", "tcp:127.0.0.1:705" */
    uint32_t ping_interval_s;
    uint32_t snapshot_max_age_ms;
    struct {
        uint32_t rate;  /* sipCommonStatusCodeNotif a second and instance, 1 to 1000 */
        uint32_t queue; /* notifications kept while there is no master, 16 to 100000 */
    } notifications;
    struct config_instance *instances; /* in the order of appl_index */
    size_t n_instances;
    struct {
        struct config_address *listen;
        size_t n_listen;
        char *auth_key; /* NULL: none asked. A secret: never logged, never dumped */
        bool
            key_is_hidden; /* there is a file with one that this process may not read: not for the collector */
    } hep;
};

/* Load `path` ("-": standard input). On success 0 and *out owned by the caller. Otherwise -EINVAL (or the errno of
 * reading, or -ENOMEM) and nothing made; with -EINVAL every complaint, at most CONFIG_COMPLAINTS_MAX, is written to
 * `complaints` (NULL: to nowhere) in the order of the file as file:line:column: key: expected ..., got ... (what to
 * do) one a line, lines and columns from 1, the number of further ones last: "file: and 3 more". Warnings,
 * "file:line:column: warning: key: ...", are written with 0 only: the configuration is good, and an operator should
 * know. Where `complaints` is a terminal the line of the file and a mark follow each. `e` gets a summary: "3 errors
 * in /etc/sipmib/sipmib.yaml". Reads a file, and the key file that it may name; no other effects, no global state:
 * any thread. */
int config_load(const char *path, struct config **out, FILE *complaints, struct err *e);

/* NULL is fine. */
void config_free(struct config *c);

/* Write the configuration in force, defaults included, as YAML that config_load() takes; secrets are replaced. What
 * was read from a file of its own (auth_key_file) appears in the place it was read into. */
void config_dump(const struct config *c, FILE *out);

/* The instance of that name, or NULL. */
const struct config_instance *config_instance_find(const struct config *c, const char *name);

/* True when `address` (port included) over `transport` is one of the instance's local addresses. Collectors that
 * cannot tell TLS from TCP or WS from TLS pass what they know: transports of one family match each other, datagrams
 * (UDP) or streams (all others); SIPSTAT_TRANSPORT_OTHER is not known at all, and matches both. An IPv4-mapped IPv6
 * address is the IPv4 address. False when the instance has no local addresses, or the address is neither IPv4 nor
 * IPv6. */
bool config_instance_is_local(const struct config_instance *i, enum sipstat_transport transport,
                              const struct sockaddr *address);

#endif
