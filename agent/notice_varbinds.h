/* SPDX-License-Identifier: BSD-2-Clause */
/* What a notification carries: a notice laid out as the objects of SIP-COMMON-MIB (RFC 4780), in the order of its
 * NOTIFICATION-TYPEs. Pure: any thread. Knows nothing of net-snmp. */
#ifndef AGENT_NOTICE_VARBINDS_H
#define AGENT_NOTICE_VARBINDS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/notice.h"
#include "mib/mib.h"
#include "sipcore/span.h"

enum {
    NOTICE_VARBINDS_MAX = 10, /* sysUpTime.0, snmpTrapOID.0, and at most eight objects */
    NOTICE_TRAP_OID_LENGTH = 9
};

enum notice_syntax {
    NOTICE_INTEGER,
    NOTICE_UNSIGNED32,
    NOTICE_COUNTER32,
    NOTICE_TIMETICKS,
    NOTICE_TEXT,
    NOTICE_OID
};

struct notice_varbind {
    struct mib_oid name; /* instance included */
    enum notice_syntax syntax;
    uint32_t number;  /* of the four kinds of number */
    struct span text; /* of NOTICE_TEXT: in the notice */
};

struct notice_varbinds {
    struct notice_varbind varbind[NOTICE_VARBINDS_MAX];
    size_t count;
    uint32_t trap_oid[NOTICE_TRAP_OID_LENGTH]; /* the value of the one NOTICE_OID */
};

/* Lay out `n`. The times of `view` turn its times into the master's sysUpTime: sysUpTime.0 is of when it happened, not
 * of now. `out` borrows from `n`. False, and `out` is undefined, for a kind there is not. */
bool notice_varbinds(const struct notice *n, const struct mib_view *view, struct notice_varbinds *out);

#endif
