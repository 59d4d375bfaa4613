/* SPDX-License-Identifier: BSD-2-Clause */
/* What the walker costs by itself: GETNEXT along one column of sipCommonStatusCodeTable and GET of random
 * rows, from a thousand rows to a million; the walk against making the same names and values straight down
 * the array. No SNMP in between. */
#include <stdio.h>
#include <stdlib.h>

#include "mib/mib.h"
#include "tests/bench/bench.h"

enum { COLUMN_AT = 11, APPL_AT = 12, INS = 3, ROUNDS = 3, RANDOM_GETS = 200000 };

static const char *const methods[] = {
    "ACK",    "BYE",    "INFO",    "PRACK",   "REFER",   "CANCEL",   "INVITE",
    "NOTIFY", "UPDATE", "MESSAGE", "OPTIONS", "PUBLISH", "REGISTER", "SUBSCRIBE",
};
static const uint32_t codes[] = { 100, 180, 183, 200, 202, 302, 400, 401, 403, 404,
                                  407, 408, 480, 481, 486, 487, 488, 500, 503, 603 };

enum { METHODS = sizeof(methods) / sizeof(methods[0]), CODES = sizeof(codes) / sizeof(codes[0]) };

static uint64_t checksum; /* keeps the compiler from leaving out the work */

static const struct mib_table *
status_code_table(void)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        if (strcmp(mib_tables[t]->name, "sipCommonStatusCodeTable") == 0)
            return mib_tables[t];
    abort();
}

/* As many applications as it takes, each with all methods and codes. */
static void
fill(struct snap_code *rows, const void **pointers, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (struct snap_code){
            .appl_index = 1 + i / (METHODS * CODES),
            .method = span_string(methods[i / CODES % METHODS]),
            .code = codes[i % CODES],
            .in = i,
        };
        pointers[i] = &rows[i];
    }
}

static double
by_hand(const struct mib_table *table, const struct mib_view *view)
{
    const struct snap_rows *rows = &view->snapshot->rows[table->rows];
    double start = bench_now_ns();

    for (uint32_t r = 0; r < rows->count; r++) {
        const struct snap_code *code = rows->row[r];
        struct mib_oid name = { .length = APPL_AT };

        memcpy(name.id, table->oid, table->oid_len * sizeof(name.id[0]));
        name.id[COLUMN_AT] = INS;
        name.id[name.length++] = code->appl_index;
        name.id[name.length++] = (uint32_t)code->method.length;
        for (size_t i = 0; i < code->method.length; i++)
            name.id[name.length++] = code->method.data[i];
        name.id[name.length++] = code->code;
        checksum += name.id[name.length - 1] + (uint32_t)code->in;
    }
    return (bench_now_ns() - start) / rows->count;
}

static double
by_getnext(const struct mib_table *table, const struct mib_view *view)
{
    struct mib_oid name = { .length = COLUMN_AT + 1 };
    struct mib_value value;
    uint32_t found = 0;
    double start = bench_now_ns();

    memcpy(name.id, table->oid, table->oid_len * sizeof(name.id[0]));
    name.id[COLUMN_AT] = INS;
    while (mib_getnext(table, view, name.id, name.length, &name, &value) == MIB_OK &&
           name.id[COLUMN_AT] == INS) {
        checksum += name.id[name.length - 1] + value.number;
        found++;
    }
    if (found != view->snapshot->rows[table->rows].count)
        abort();
    return (bench_now_ns() - start) / found;
}

static double
by_get(const struct mib_table *table, const struct mib_view *view)
{
    const struct snap_rows *rows = &view->snapshot->rows[table->rows];
    uint64_t random = 4780;
    double start = bench_now_ns();

    for (unsigned n = 0; n < RANDOM_GETS; n++) {
        const struct snap_code *code;
        uint32_t oid[MIB_OID_MAX];
        size_t length = APPL_AT;
        struct mib_value value;

        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        code = rows->row[(random >> 32) % rows->count];
        memcpy(oid, table->oid, table->oid_len * sizeof(oid[0]));
        oid[COLUMN_AT] = INS;
        oid[length++] = code->appl_index;
        oid[length++] = (uint32_t)code->method.length;
        for (size_t i = 0; i < code->method.length; i++)
            oid[length++] = code->method.data[i];
        oid[length++] = code->code;
        if (mib_get(table, view, oid, length, &value) != MIB_OK)
            abort();
        checksum += value.number;
    }
    return (bench_now_ns() - start) / RANDOM_GETS;
}

static void
measure(uint32_t count, const struct mib_view *view)
{
    const struct mib_table *table = status_code_table();
    double hand[ROUNDS], next[ROUNDS], get[ROUNDS];
    char name[80];

    for (unsigned round = 0; round < ROUNDS; round++) {
        hand[round] = by_hand(table, view);
        next[round] = by_getnext(table, view);
        get[round] = by_get(table, view);
    }
    snprintf(name, sizeof(name), "walker alone, GETNEXT, %u rows", count);
    bench_report(&(struct bench_row){ .name = name,
                                      .unit = "ns",
                                      .values = next,
                                      .count = ROUNDS,
                                      .baseline = "made by hand",
                                      .baseline_values = hand });
    bench_point("walker alone: GETNEXT", "rows", count, "ns", bench_median(next, ROUNDS));
    bench_point("walker alone: GET of a random row", "rows", count, "ns", bench_median(get, ROUNDS));
}

int
main(void)
{
    bench_pin(0);
    for (uint32_t count = 10; count <= 1000000; count *= 10) {
        struct snap_code *rows = malloc(count * sizeof(*rows));
        const void **pointers = malloc(count * sizeof(*pointers));
        struct snapshot snapshot = { .rows[SNAP_CODES] = { pointers, count } };
        struct mib_view view = { .snapshot = &snapshot };

        if (rows == NULL || pointers == NULL)
            return 1;
        fill(rows, pointers, count);
        measure(count, &view);
        free(pointers);
        free(rows);
    }
    return checksum == 0;
}
