/* SPDX-License-Identifier: BSD-2-Clause */
/* SET: what a request to change objects comes down to, or why it is refused. RFC 3416 4.2.5 decides which
 * error it is, RFC 2579 (RowStatus) and RFC 4780 what is allowed. Nothing is changed here: the agent carries
 * the plan out, all of it or nothing. Pure: any thread.
 *
 * First each varbind is judged by itself:
 *
 *   notWritable    no writable column: read-only or index columns, no column, a table, an object of
 *                  notifications
 *   wrongType      not the tag of the column's SYNTAX
 *   wrongLength    BITS of more than 128 bits (RFC 2578 7.1.4 has no limit, but names this one). Octets of
 *                  zeros at the end are fine, and so is an empty string: no bit set
 *   wrongValue     a bit in an octet behind that of the last named bit (those in its octet are ignored on
 *                  receipt, RFC 3417 8); no TruthValue; triggered(3); of RowStatus all but createAndGo(4)
 *                  and destroy(6), the only ones RFC 4780 admits: active(1) of a row that is active, too
 *   noCreation     an index that no row can have; an instance that is not there, whose row in
 *                  sipCommonCfgTable no SET can make
 *
 * Then, when all have passed, each together with the others, in any order of theirs:
 *
 *   inconsistentName    a setting of a row that is not there and not created in this SET; a row to create
 *                       for an instance that is not configured now
 *   inconsistentValue   the second of two values for one object that differ, createAndGo and destroy
 *                       included; createAndGo of a row that is there; a setting of a row that this SET
 *                       destroys
 *   resourceUnavailable no room for another row
 *
 * Saying the same thing twice is fine, and so is destroying a row that is not there. */
#ifndef MIB_SET_H
#define MIB_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mib/mib.h"

/* error-status of RFC 3416 3. */
enum mib_set_error {
    MIB_SET_OK = 0,
    MIB_SET_GEN_ERR = 5,
    MIB_SET_NO_ACCESS = 6,
    MIB_SET_WRONG_TYPE = 7,
    MIB_SET_WRONG_LENGTH = 8,
    MIB_SET_WRONG_ENCODING = 9,
    MIB_SET_WRONG_VALUE = 10,
    MIB_SET_NO_CREATION = 11,
    MIB_SET_INCONSISTENT_VALUE = 12,
    MIB_SET_RESOURCE_UNAVAILABLE = 13,
    MIB_SET_COMMIT_FAILED = 14,
    MIB_SET_UNDO_FAILED = 15,
    MIB_SET_NOT_WRITABLE = 17,
    MIB_SET_INCONSISTENT_NAME = 18
};

/* What a varbind brings, by its tag on the wire. */
enum mib_wire {
    MIB_WIRE_INTEGER,    /* INTEGER: number */
    MIB_WIRE_UNSIGNED32, /* Unsigned32, Gauge32 (the same tag): number */
    MIB_WIRE_OCTETS,     /* OCTET STRING: octets */
    MIB_WIRE_OTHER       /* anything else: right for no object here */
};

/* One varbind of a SET. Borrowed. */
struct mib_assignment {
    const uint32_t *id;
    size_t length;
    enum mib_wire wire;
    int64_t number;
    struct span octets;
};

enum mib_change_kind {
    MIB_CHANGE_NOTIFY_ENABLE, /* sipCommonCfgServiceNotifEnable of an instance */
    MIB_CHANGE_STATUS_CODE    /* a row of sipCommonStatusCodeTable, and of the table that augments it */
};

/* Bits of mib_change.sets: which columns get a value. */
#define MIB_SETS_NOTIFY    1u
#define MIB_SETS_EMIT      2u
#define MIB_SETS_THRESHOLD 4u
#define MIB_SETS_INTERVAL  8u
#define MIB_SETS_SERVICE   16u /* of MIB_CHANGE_NOTIFY_ENABLE, always */

/* All that a SET does to one row. */
struct mib_change {
    enum mib_change_kind kind;
    uint32_t appl_index;
    unsigned notify_enable; /* SNAP_NOTIFY_* */
    uint8_t method_octets;
    char method[METHOD_NAME_MAX];
    uint32_t code;
    bool creates, destroys; /* by RowStatus; destroying what is not there is left out */
    bool takes_room;        /* nobody asked for the row so far, and now it is wanted */
    unsigned sets;          /* MIB_SETS_* */
    bool notify;
    unsigned emit; /* 1 normal, 2 oneShot */
    uint32_t threshold, interval_s;
};

/* Judge a SET of `count` varbinds. `rows_free`: how many rows more somebody may ask for, of each instance;
 * changing a row that was only observed so far takes one, too. On success *n_changes rows of `changes`,
 * which has room for `count`; each row of a table comes once. Otherwise the error, and *failed_at, the place
 * in `a` of the varbind at fault: the first that fails by itself; if none does, the first that fails
 * together with others; if none does, the one that asks for the row for which there is no room. The view's
 * snapshot must be of after the last change. */
enum mib_set_error mib_set_check(const struct mib_view *view, uint32_t rows_free,
                                 const struct mib_assignment *a, size_t count, struct mib_change *changes,
                                 size_t *n_changes, size_t *failed_at);
#endif
