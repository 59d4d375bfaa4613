/* SPDX-License-Identifier: BSD-2-Clause */
/* What the walker costs by itself: GETNEXT along one column of sipCommonStatusCodeTable and GET of random
 * rows, from a thousand rows to a million, against making the same names and values straight down the
 * array. No SNMP in between. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "mib/mib.h"

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
now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
by_hand(const struct mib_table *table, const struct mib_view *view)
{
    const struct snap_rows *rows = &view->snapshot->rows[table->rows];
    double start = now_ns();

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
    return (now_ns() - start) / rows->count;
}

static double
by_getnext(const struct mib_table *table, const struct mib_view *view)
{
    struct mib_oid name = { .length = COLUMN_AT + 1 };
    struct mib_value value;
    uint32_t found = 0;
    double start = now_ns();

    memcpy(name.id, table->oid, table->oid_len * sizeof(name.id[0]));
    name.id[COLUMN_AT] = INS;
    while (mib_getnext(table, view, name.id, name.length, &name, &value) == MIB_OK &&
           name.id[COLUMN_AT] == INS) {
        checksum += name.id[name.length - 1] + value.number;
        found++;
    }
    if (found != view->snapshot->rows[table->rows].count)
        abort();
    return (now_ns() - start) / found;
}

static double
by_get(const struct mib_table *table, const struct mib_view *view)
{
    const struct snap_rows *rows = &view->snapshot->rows[table->rows];
    uint64_t random = 4780;
    double start = now_ns();

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
    return (now_ns() - start) / RANDOM_GETS;
}

/* The best of a few rounds: what other processes took is not the walker's. */
static double
best(double (*measure)(const struct mib_table *, const struct mib_view *), const struct mib_view *view)
{
    double least = measure(status_code_table(), view);

    for (int round = 1; round < ROUNDS; round++) {
        double ns = measure(status_code_table(), view);

        least = ns < least ? ns : least;
    }
    return least;
}

int
main(void)
{
    printf("walker: sipCommonStatusCodeIns, ns a row, best of %d\n", ROUNDS);
    printf("%10s %10s %10s %10s %10s\n", "rows", "by hand", "getnext", "ratio", "get");
    for (uint32_t count = 1000; count <= 1000000; count *= 10) {
        struct snap_code *rows = malloc(count * sizeof(*rows));
        const void **pointers = malloc(count * sizeof(*pointers));
        struct snapshot snapshot = { .rows[SNAP_CODES] = { pointers, count } };
        struct mib_view view = { .snapshot = &snapshot };
        double hand, next, get;

        if (rows == NULL || pointers == NULL)
            return 1;
        fill(rows, pointers, count);
        hand = best(by_hand, &view);
        next = best(by_getnext, &view);
        get = best(by_get, &view);
        printf("%10u %10.1f %10.1f %10.1f %10.1f\n", count, hand, next, next / hand, get);
        free(pointers);
        free(rows);
    }
    return checksum == 0;
}
