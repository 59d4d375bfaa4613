/* SPDX-License-Identifier: BSD-2-Clause */
/* The hot paths of the agent: a snapshot, a row of a table, a set of bindings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "agent/snapshot_build.h"
#include "mib/mib.h"
#include "tests/bench/guard.h"
#include "tests/unit/agent_fixture.h"
#include "tests/unit/registry_fixture.h"

enum { LANES = 16, CELLS = 150, ROWS = 10000, BATCH = 1000 };

/* ---- a snapshot ---- */

static struct agent_fixture f;
static struct lane_writer writers[LANES];

static void
open_lanes(void)
{
    log_init("guard", LOG_LEVEL_ERROR, false);
    fixture_open(&f, fixture_one_instance);
    for (unsigned i = 0; i < LANES; i++) {
        fixture_writer(&f, &writers[i], "edge", 0);
        for (unsigned cell = 1; cell < CELLS; cell++)
            lane_count_response(&writers[i], cell % 10, 100 + cell * 4, true);
    }
    fixture_tick(&f);
}

static void
close_lanes(void)
{
    for (unsigned i = 0; i < LANES; i++)
        lane_writer_close(&writers[i]);
    fixture_close(&f);
}

static unsigned
snapshot(void)
{
    snapshot_release(fixture_snapshot(&f));
    return LANES;
}

/* ---- a row ---- */

enum { COLUMN_AT = 11, INS = 3 };

static const struct mib_table *table;
static struct snap_code *codes;
static const void **rows;
static struct snapshot table_snapshot;
static struct mib_view view;

static void
open_table(void)
{
    static const char *const methods[] = { "ACK", "BYE", "CANCEL", "INVITE", "OPTIONS", "REGISTER" };

    for (size_t t = 0; t < mib_n_tables; t++)
        if (strcmp(mib_tables[t]->name, "sipCommonStatusCodeTable") == 0)
            table = mib_tables[t];
    codes = calloc(ROWS, sizeof(*codes));
    rows = calloc(ROWS, sizeof(*rows));
    guard_must(table != NULL && codes != NULL && rows != NULL, "table");
    for (uint32_t i = 0; i < ROWS; i++) { /* in the order of their OIDs: the methods' lengths do not fall */
        codes[i] = (struct snap_code){
            .appl_index = 1 + i / 120,
            .method = span_string(methods[i / 20 % 6]),
            .code = 400 + i % 20,
            .in = i,
        };
        rows[i] = &codes[i];
    }
    table_snapshot.rows[SNAP_CODES] = (struct snap_rows){ rows, ROWS };
    view.snapshot = &table_snapshot;
}

static void
close_table(void)
{
    free(codes);
    free(rows);
}

static unsigned
next_rows(void)
{
    struct mib_oid name = { .length = COLUMN_AT + 1 };
    struct mib_value value;

    memcpy(name.id, table->oid, table->oid_len * sizeof(name.id[0]));
    name.id[COLUMN_AT] = INS;
    for (unsigned i = 0; i < ROWS; i++)
        guard_must(mib_getnext(table, &view, name.id, name.length, &name, &value) == MIB_OK &&
                       value.number == i,
                   "next row");
    return ROWS;
}

/* In an order in which neighbours are far apart. */
static unsigned
find_rows(void)
{
    struct mib_value value;

    for (unsigned n = 0; n < ROWS; n++) {
        const struct snap_code *code = rows[(size_t)n * 7919 % ROWS];
        uint32_t oid[MIB_OID_MAX];
        size_t length = COLUMN_AT + 1;

        memcpy(oid, table->oid, table->oid_len * sizeof(oid[0]));
        oid[COLUMN_AT] = INS;
        oid[length++] = code->appl_index;
        oid[length++] = (uint32_t)code->method.length;
        for (size_t i = 0; i < code->method.length; i++)
            oid[length++] = code->method.data[i];
        oid[length++] = code->code;
        guard_must(mib_get(table, &view, oid, length, &value) == MIB_OK && value.number == (uint32_t)code->in,
                   "row");
    }
    return ROWS;
}

/* ---- a set of bindings ---- */

static char aors[BATCH][64], uris[BATCH][64];

/* Users that are there already: refreshes are what a registrar sees most. */
static void
open_registry(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        snprintf(aors[i], sizeof(aors[i]), "sip:user%06u@example.com", i * 7919 % 1000000);
        snprintf(uris[i], sizeof(uris[i]), "sip:user%06u@192.0.2.%u:5060;transport=udp", i, i % 250);
    }
    reg_begin();
}

static void
pass_time(void)
{
    reg_pass(60);
}

static unsigned
put_bindings(void)
{
    struct registry_batch *batch;

    guard_must(registry_begin(reg, &reg_clock, &batch, &reg_err) == 0, reg_err.text);
    for (unsigned i = 0; i < BATCH; i++) {
        struct lane_binding one = {
            .uri = span_string(uris[i]),
            .expires_s = 3600,
            .q_thousandths = LANE_Q_NONE,
        };

        registry_put_bindings(batch, reg_id, span_string(aors[i]), &one, 1, 3600, 0);
    }
    guard_must(registry_commit(batch, &reg_err) == 0, reg_err.text);
    return BATCH;
}

const struct guard_path guard_agent_paths[] = {
    { "snapshot, lane of 150 cells", open_lanes, NULL, snapshot, close_lanes },
    { "table, next row", open_table, NULL, next_rows, close_table },
    { "table, find a row", open_table, NULL, find_rows, close_table },
    { "registry, a set of bindings", open_registry, pass_time, put_bindings, reg_end },
};
const size_t guard_agent_count = sizeof(guard_agent_paths) / sizeof(guard_agent_paths[0]);
