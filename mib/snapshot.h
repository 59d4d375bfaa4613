/* SPDX-License-Identifier: BSD-2-Clause */
/* What the tables are read from: one immutable picture of all instances. The agent builds it, any thread
 * reads it. All pointers in it live as long as it does. Every row structure begins with its applIndex, and
 * every array of rows is in the order of the OIDs it answers for, without repetition: as mib_row_compare()
 * of its table has it, where ACK, BYE and INFO come before CANCEL. A method's name has 1 to 100 octets
 * (SipTCMethodName); rows whose name would not fit into an OID are skipped. */
#ifndef MIB_SNAPSHOT_H
#define MIB_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/lane.h"
#include "sipcore/span.h"

enum { SNAP_TIMERS = 14 }; /* A to K, T1, T2, T4: the columns of sipCommonCfgTimerEntry */

/* InetAddressType of RFC 4001, as far as used. */
enum snap_address_type {
    SNAP_ADDRESS_UNKNOWN = 0,
    SNAP_ADDRESS_IPV4 = 1,
    SNAP_ADDRESS_IPV6 = 2,
    SNAP_ADDRESS_DNS = 16
};

/* Served as unknown, and empty, when the octets are not what the type says. */
struct snap_address {
    enum snap_address_type type;
    struct span octets;
};

/* Times are CLOCK_MONOTONIC nanoseconds; 0 is "before anything known". The walker turns them into the
 * master's sysUpTime as they are read. */
struct snap_instance {
    uint32_t appl_index;
    struct span name, directory_name, version, description, url, organization;
    unsigned oper_status;      /* sipCommonCfgServiceOperStatus: 1 unknown ... 7 testing */
    uint64_t start_ns;         /* the SIP entity was last started */
    uint64_t last_change_ns;   /* it entered oper_status */
    uint64_t discon_ns;        /* counters last discontinuous */
    uint64_t last_in_ns;       /* last SIP message received ... */
    uint64_t last_out_ns;      /* ... and sent (seen to within a second when nothing polls) */
    uint32_t max_transactions; /* 0: not known, the object is a hole */
    unsigned roles;            /* bit n set: bit n of SipTCEntityRole */
    uint32_t timer_ms[SNAP_TIMERS];
    uint64_t counters[LANE_COUNTERS_MAX]; /* by enum lane_counter, retained and live summed */
    bool has_associations;
    bool is_stateless_proxy;
    uint64_t open_transactions;
    struct snap_address host;
    unsigned statefulness; /* 1 stateless, 2 transactionStateful, 3 callStateful */
    bool recursion, record_route;
    unsigned auth; /* bit n set: bit n of sipServerCfgProxyAuthMethod */
    struct span realm;
    uint32_t max_contact_expiry_s;
    uint32_t default_expiry_s, max_users; /* 0: not known, holes */
    uint32_t current_users;               /* with at least one binding */
    unsigned notify_enable;               /* bit n set: bit n of sipCommonCfgServiceNotifEnable */
    uint32_t registry_id; /* for struct mib_registrations; 0: its users are nobody's business */
    bool is_pseudonymous; /* its users and contacts are served under pseudonyms */
};

/* Bits of notify_enable. */
#define SNAP_NOTIFY_COLD_START     1u
#define SNAP_NOTIFY_WARM_START     2u
#define SNAP_NOTIFY_STATUS_CHANGED 4u
#define SNAP_NOTIFY_DEFAULT        (SNAP_NOTIFY_COLD_START | SNAP_NOTIFY_WARM_START)

struct snap_port {
    uint32_t appl_index;
    uint32_t port;
    unsigned transports; /* bit n set: bit n of SipTCTransportProtocol */
};

/* Those of the configuration come first, then those that the entity was seen to send. */
struct snap_option_tag {
    uint32_t appl_index;
    uint32_t index; /* from 1; a tag keeps it while the agent runs with this configuration */
    struct span tag;
    unsigned headers; /* bit n set: bit n of SipTCOptionTagHeaders */
};

struct snap_supported_method {
    uint32_t appl_index;
    uint32_t index; /* from 1 */
    struct span name;
};

/* Also the rows of sipCommonStatsRetryTable. */
struct snap_method {
    uint32_t appl_index;
    struct span name;
    uint64_t counters[LANE_METHOD_COUNTERS]; /* by enum lane_method_counter */
    uint64_t discon_ns;
};

/* Also the rows of sipCommonStatusCodeNotifTable. */
struct snap_code {
    uint32_t appl_index;
    struct span method;
    uint32_t code;
    uint64_t in, out;
    uint64_t discon_ns;
    bool notify;
    unsigned emit; /* 1 normal, 2 oneShot, 3 triggered */
    uint32_t threshold, interval_s;
    bool is_asked_for; /* by the configuration or by a SET, not merely observed */
};

struct snap_ua_server {
    uint32_t appl_index;
    uint32_t index; /* from 1 */
    struct snap_address address;
    unsigned roles;
};

/* Pointers to rows, in OID order. */
struct snap_rows {
    const void *const *row;
    uint32_t count;
};

enum snap_rows_id {
    SNAP_INSTANCES, /* struct snap_instance: all */
    SNAP_TIMED,     /* those that run transaction timers: not the stateless proxies */
    SNAP_SERVERS,   /* proxy, redirect and registrar servers */
    SNAP_PROXIES,
    SNAP_REGISTRARS,
    SNAP_PORTS,
    SNAP_OPTION_TAGS,
    SNAP_SUPPORTED_METHODS,
    SNAP_METHODS,
    SNAP_CODES,
    SNAP_UA_SERVERS,
    SNAP_ROWS
};

struct snapshot {
    uint64_t taken_ns;   /* CLOCK_MONOTONIC */
    uint64_t generation; /* 1, 2, 3 ... */
    struct snap_rows rows[SNAP_ROWS];
};

#endif
