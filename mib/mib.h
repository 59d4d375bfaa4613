/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables as data: one const descriptor each, one walker for all. Knows nothing of net-snmp. Pure
 * functions: any thread, as long as each has a hold on the snapshot it passes. */
#ifndef MIB_MIB_H
#define MIB_MIB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mib/registrations.h"
#include "mib/snapshot.h"

enum { MIB_INDEX_MAX = 3, MIB_OID_MAX = 128, MIB_OCTETS_MAX = 255 };

/* What a column is on the wire (SMIv2 base types and application types; BITS travel as octets). */
enum mib_syntax {
    MIB_INTEGER,    /* INTEGER, Integer32, TruthValue, enumerations */
    MIB_UNSIGNED32, /* Unsigned32; the same on the wire as Gauge32 */
    MIB_GAUGE32,    /* latches at 2^32 - 1 (RFC 2578 7.1.7) */
    MIB_COUNTER32,  /* wraps: the low 32 bits of the sum */
    MIB_TIMETICKS,  /* getters give CLOCK_MONOTONIC ns; the walker converts to the master's sysUpTime */
    MIB_OCTETS,     /* OCTET STRING; cut at MIB_OCTETS_MAX on a UTF-8 boundary */
    MIB_BITS        /* getters give bit n in bit n of `number`; the walker makes octets of it, one at least */
};

enum mib_access { MIB_READ_ONLY, MIB_READ_WRITE, MIB_READ_CREATE };

/* What a getter fills in: `number` or `octets`, by the column's syntax. Do not copy one: `octets` may
 * point into it. */
struct mib_value {
    enum mib_syntax syntax;
    uint64_t number;    /* after the walker: final, 32 bits; at most 2^31 - 1 for MIB_INTEGER */
    struct span octets; /* of MIB_OCTETS and MIB_BITS: in the snapshot, or in `scratch`; data is never NULL */
    uint8_t scratch[MIB_OCTETS_MAX + 1];
};

/* One request's view: all varbinds of a request share one, so that two columns of a row agree.
 * mib_clock_follow() sets the two times. */
struct mib_view {
    const struct snapshot *snapshot;
    struct mib_registrations *registrations; /* NULL: none are kept, their tables are empty */
    uint64_t now_ns;                         /* CLOCK_MONOTONIC when the request came */
    uint32_t uptime_cs;                      /* the master's sysUpTime then, in hundredths of a second */
};

/* How the master's clock relates to ours. All zero to begin with. */
struct mib_clock {
    bool is_set;
    uint64_t anchor_ns; /* CLOCK_MONOTONIC when ... */
    uint32_t anchor_cs; /* ... the master's sysUpTime was this */
};

enum { MIB_CLOCK_TOLERANCE_CS = 100 };

/* Take a reading of both clocks and set the times of `view`. Readings wobble, by the master's answers and
 * by rounding, and consoles take any change of a DisconTime for a lost counter: so the relation once found
 * is kept until a reading is off by more than MIB_CLOCK_TOLERANCE_CS, which a restart of the master is,
 * and its sysUpTime's wrap. One thread. */
void mib_clock_follow(struct mib_clock *clock, uint64_t now_ns, uint32_t uptime_cs, struct mib_view *view);

/* A row as a table's seek found it. Do not copy one: `data` may point into it. */
struct mib_row {
    const void *data;
    union {
        struct snap_user user;
        struct snap_contact contact;
    } own; /* of rows that are not in the snapshot */
};

struct mib_column;
struct mib_writable;

/* Pure: false for a hole (the instance does not exist); cannot block, log or allocate. `value` comes
 * zeroed, but for its scratch. */
typedef bool mib_getter(const struct mib_view *view, const struct mib_row *row,
                        const struct mib_column *column, struct mib_value *value);

struct mib_column {
    uint32_t id; /* ascending in the descriptor */
    enum mib_syntax syntax;
    enum mib_access access;
    const char *object; /* its name in the MIB module */
    mib_getter *get;
    size_t offset;     /* of the field in the row's structure, for the getters of mib/columns.h */
    uint32_t min, max; /* the range of its SYNTAX, to which the walker clamps; none when max is 0 */
    const struct mib_writable *writable; /* what a SET may write (mib/columns.h); NULL: it is read-only */
};

/* One sub-identifier sequence of a row's index: a number, or a string with its length in front (not
 * IMPLIED). */
struct mib_key {
    struct {
        bool is_text;
        uint32_t number;
        struct span text;
    } part[MIB_INDEX_MAX];
    unsigned parts;
};

struct mib_table;

/* Find the first row whose index is at or, `after`, past the `length` sub-identifiers at `index`; these
 * may be partial, too long, or no possible index at all. O(log n) of the rows, by key. */
typedef bool mib_seek(const struct mib_table *table, const struct mib_view *view, const uint32_t *index,
                      size_t length, bool after, struct mib_row *row);

struct mib_table {
    const char *name;    /* "sipCommonMethodStatsTable" */
    const uint32_t *oid; /* of the entry: table.1 */
    size_t oid_len;
    const struct mib_column *columns;
    size_t n_columns;
    mib_seek *seek;
    enum snap_rows_id rows; /* for mib_seek_rows(); SNAP_ROWS: its rows are not in the snapshot */
    void (*key)(const struct mib_row *row, struct mib_key *key); /* the row's index */
};

/* All tables, in OID order, and how many. */
extern const struct mib_table *const mib_tables[];
extern const size_t mib_n_tables;

enum mib_result {
    MIB_OK,
    MIB_NO_OBJECT,   /* noSuchObject: no such column */
    MIB_NO_INSTANCE, /* noSuchInstance: no such row, or a hole in it */
    MIB_END          /* GETNEXT: nothing further in this table */
};

/* A full OID, its length in sub-identifiers. */
struct mib_oid {
    uint32_t id[MIB_OID_MAX];
    size_t length;
};

/* GET of `oid`, which may or may not be below the table. `value` is undefined unless MIB_OK. */
enum mib_result mib_get(const struct mib_table *table, const struct mib_view *view, const uint32_t *oid,
                        size_t length, struct mib_value *value);

/* GETNEXT: the first instance of the table after `oid` in lexicographic order, holes skipped; its name and
 * value, which are undefined unless MIB_OK. `oid` may be anything, shorter than or outside the table
 * included; it may be name->id. */
enum mib_result mib_getnext(const struct mib_table *table, const struct mib_view *view, const uint32_t *oid,
                            size_t length, struct mib_oid *name, struct mib_value *value);

/* The table that `oid` lies in or is the entry of, or NULL. */
const struct mib_table *mib_table_find(const uint32_t *oid, size_t length);

/* The row of exactly that index; false when there is none. */
bool mib_row_find(const struct mib_table *table, const struct mib_view *view, const uint32_t *index,
                  size_t length, struct mib_row *row);

/* The seek of tables whose rows are an array of the snapshot. */
bool mib_seek_rows(const struct mib_table *table, const struct mib_view *view, const uint32_t *index,
                   size_t length, bool after, struct mib_row *row);

/* The order of two rows of a table by their index: negative, 0 or positive. What the arrays of a snapshot
 * are sorted by: strings by length first (RFC 2578 7.7). */
int mib_row_compare(const struct mib_table *table, const void *a, const void *b);

/* The column of that number, or NULL. */
const struct mib_column *mib_column_find(const struct mib_table *table, uint32_t id);

/* A CLOCK_MONOTONIC time as TimeStamp of the master: its sysUpTime then; 0 for what came before it, or is
 * 0. The same for a given `ns` in every view whose times are from one relation of the clocks. */
uint32_t mib_timestamp(const struct mib_view *view, uint64_t ns);

#endif
