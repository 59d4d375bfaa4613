/* SPDX-License-Identifier: BSD-2-Clause */
/* One fixed snapshot of three applications, the walk it must give, and a plain reference for GET and
 * GETNEXT over that walk. For unit tests and the fuzzer of the walker. */
#ifndef TESTS_UNIT_MIB_FIXTURE_H
#define TESTS_UNIT_MIB_FIXTURE_H

#include "mib/mib.h"

/* An instance as a console shows it: numeric name, type, value. Types are "INTEGER", "Unsigned32",
 * "Gauge32", "Counter32", "TimeTicks"; octets are "STRING" when printable and "HEX" when not; "BITS" are
 * in hexadecimal, too. */
struct mib_instance {
    const char *name, *type, *value;
};

/* The expected walk of all tables. Written from the MIB, not from the code. */
extern const struct mib_instance mib_expected[];
extern const size_t mib_n_expected;

/* Applications 1 (proxy and registrar), 7 (stateless proxy) and 300 (user agent), at a sysUpTime of
 * 100,000 s. */
extern const struct mib_view mib_fixture_view;

/* The name of instance `i` of mib_expected. */
const struct mib_oid *mib_fixture_oid(size_t i);

/* The table that it is in, NULL for none. */
const struct mib_table *mib_fixture_table(size_t i);

/* The lexicographic order of two OIDs: negative, 0 or positive. */
int mib_fixture_compare(const uint32_t *a, size_t a_length, const uint32_t *b, size_t b_length);

/* What mib_get() and mib_getnext() must answer, found by looking at every expected instance. `i` is set
 * with MIB_OK. */
enum mib_result mib_fixture_get(const struct mib_table *table, const uint32_t *oid, size_t length, size_t *i);
enum mib_result mib_fixture_getnext(const struct mib_table *table, const uint32_t *oid, size_t length,
                                    size_t *i);

/* Whether `value` is that of instance `i` of mib_expected. When it is not, says on standard error how. */
bool mib_fixture_is_value(size_t i, const struct mib_value *value);

/* Whether mib_get() and mib_getnext() answer for `oid` as the reference does, in every table. */
bool mib_fixture_agrees(const uint32_t *oid, size_t length);

#endif
