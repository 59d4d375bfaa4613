/* SPDX-License-Identifier: BSD-2-Clause */
/* What a SET of one object is answered, by RFC 3416 4.2.5, RFC 2579 and RFC 4780. Applications 1, 7 and 300
 * are there; so are, of 1, INVITE/486 (asked for) and INVITE/200, BYE/200 (observed). */
#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "mib/columns.h"
#include "tests/unit/mib_set_fixture.h"

#define ENABLE   "sipCommonCfgServiceNotifEnable"
#define STATUS   "sipCommonStatusCodeRowStatus"
#define SEND     "sipCommonStatusCodeNotifSend"
#define EMIT     "sipCommonStatusCodeNotifEmitMode"
#define THRESH   "sipCommonStatusCodeNotifThresh"
#define INTERVAL "sipCommonStatusCodeNotifInterval"
#define THERE    "1/INVITE/486"
#define ABSENT   "1/INVITE/603"

enum { ROWS_FREE = 100 };

#define EXPECT_CASES(cases)                                       \
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) \
    cr_expect(set_case_holds(&(cases)[i], ROWS_FREE), "%s", (cases)[i].rule)

/* One varbind that is accepted, and one that is not. */
#define TAKES(rule, object, index, value, plan)              \
    {                                                        \
        rule, { { object, index, value } }, MIB_SET_OK, plan \
    }
#define REFUSES(rule, object, index, value, error)               \
    {                                                            \
        rule, { { object, index, value } }, MIB_SET_##error, "a" \
    }

// clang-format off
static const struct set_case values[] = {
    TAKES("no bit at all, an empty string",       ENABLE, "1", "x", "1 enable=0"),
    TAKES("one octet of zeros",                   ENABLE, "1", "x00", "1 enable=0"),
    TAKES("coldStart is the highest bit",         ENABLE, "7", "x80", "7 enable=1"),
    TAKES("all three",                            ENABLE, "300", "xE0", "300 enable=7"),
    TAKES("octets of zeros at the end",           ENABLE, "1", "xC00000", "1 enable=3"),
    TAKES("128 bits",                             ENABLE, "1", "x20000000000000000000000000000000", "1 enable=4"),
    REFUSES("129 bits and more",                  ENABLE, "1", "x2000000000000000000000000000000000", WRONG_LENGTH),
    REFUSES("too long, and bits without a name",  ENABLE, "1", "xFF00000000000000000000000000000000", WRONG_LENGTH),
    TAKES("bit 3 has no name, and is ignored",    ENABLE, "1", "x90", "1 enable=1"),
    TAKES("so are all behind the last name",      ENABLE, "1", "x3F", "1 enable=4"),
    REFUSES("bit 8",                              ENABLE, "1", "xC080", WRONG_VALUE),
    REFUSES("bit 31",                             ENABLE, "1", "x00000001", WRONG_VALUE),
    REFUSES("bit 32, which is not bit 0",         ENABLE, "1", "x0000000080", WRONG_VALUE),
    REFUSES("bit 127",                            ENABLE, "1", "x00000000000000000000000000000001", WRONG_VALUE),
    REFUSES("INTEGER for BITS",                   ENABLE, "1", "i3", WRONG_TYPE),
    REFUSES("Unsigned32 for BITS",                ENABLE, "1", "u3", WRONG_TYPE),
    REFUSES("something else for BITS",            ENABLE, "1", "o", WRONG_TYPE),

    TAKES("true(1)",                              SEND, THERE, "i1", THERE " send=1"),
    TAKES("false(2)",                             SEND, THERE, "i2", THERE " send=0"),
    REFUSES("TruthValue 0",                       SEND, THERE, "i0", WRONG_VALUE),
    REFUSES("TruthValue 3",                       SEND, THERE, "i3", WRONG_VALUE),
    REFUSES("TruthValue -1",                      SEND, THERE, "i-1", WRONG_VALUE),
    REFUSES("TruthValue 33, which is not 1",      SEND, THERE, "i33", WRONG_VALUE),
    REFUSES("TruthValue, the least there is",     SEND, THERE, "i-2147483648", WRONG_VALUE),
    REFUSES("Unsigned32 for TruthValue",          SEND, THERE, "u1", WRONG_TYPE),
    REFUSES("OCTET STRING for TruthValue",        SEND, THERE, "x01", WRONG_TYPE),

    TAKES("normal(1)",                            EMIT, THERE, "i1", THERE " emit=1"),
    TAKES("oneShot(2)",                           EMIT, THERE, "i2", THERE " emit=2"),
    REFUSES("triggered(3) can be read only",      EMIT, THERE, "i3", WRONG_VALUE),
    REFUSES("EmitMode 0",                         EMIT, THERE, "i0", WRONG_VALUE),
    REFUSES("EmitMode 4",                         EMIT, THERE, "i4", WRONG_VALUE),
    REFUSES("Unsigned32 for EmitMode",            EMIT, THERE, "u1", WRONG_TYPE),
    REFUSES("something else for EmitMode",        EMIT, THERE, "o", WRONG_TYPE),

    TAKES("a threshold of 0",                     THRESH, THERE, "u0", THERE " thresh=0"),
    TAKES("the greatest threshold",               THRESH, THERE, "u4294967295", THERE " thresh=4294967295"),
    REFUSES("INTEGER for a threshold",            THRESH, THERE, "i500", WRONG_TYPE),
    REFUSES("OCTET STRING for a threshold",       THRESH, THERE, "x35", WRONG_TYPE),
    TAKES("an interval of 0",                     INTERVAL, THERE, "u0", THERE " interval=0"),
    TAKES("the longest interval",                 INTERVAL, THERE, "u4294967295", THERE " interval=4294967295"),
    REFUSES("INTEGER for an interval",            INTERVAL, THERE, "i60", WRONG_TYPE),
    REFUSES("something else for an interval",     INTERVAL, THERE, "o", WRONG_TYPE),

    REFUSES("RowStatus 0",                        STATUS, ABSENT, "i0", WRONG_VALUE),
    REFUSES("active of a row that is there",      STATUS, THERE, "i1", WRONG_VALUE),
    REFUSES("active of a row that is not",        STATUS, ABSENT, "i1", WRONG_VALUE),
    REFUSES("notInService of a row that is there", STATUS, THERE, "i2", WRONG_VALUE),
    REFUSES("notInService of a row that is not",  STATUS, ABSENT, "i2", WRONG_VALUE),
    REFUSES("notReady",                           STATUS, THERE, "i3", WRONG_VALUE),
    REFUSES("createAndWait of a row that is there", STATUS, THERE, "i5", WRONG_VALUE),
    REFUSES("createAndWait of a row that is not", STATUS, ABSENT, "i5", WRONG_VALUE),
    REFUSES("RowStatus 7",                        STATUS, ABSENT, "i7", WRONG_VALUE),
    REFUSES("RowStatus -4",                       STATUS, ABSENT, "i-4", WRONG_VALUE),
    REFUSES("RowStatus 36, which is not 4",       STATUS, ABSENT, "i36", WRONG_VALUE),
    REFUSES("Unsigned32 for RowStatus",           STATUS, ABSENT, "u4", WRONG_TYPE),
    REFUSES("OCTET STRING for RowStatus",         STATUS, ABSENT, "x04", WRONG_TYPE),
};

static const struct set_case names[] = {
    REFUSES("no such application",                ENABLE, "2", "x00", NO_CREATION),
    REFUSES("application 0",                      ENABLE, "0", "x00", NO_CREATION),
    REFUSES("no index",                           ENABLE, "", "x00", NO_CREATION),
    REFUSES("an index too long",                  ENABLE, "1.0", "x00", NO_CREATION),
    REFUSES("row status without an index",        STATUS, "", "i4", NO_CREATION),
    REFUSES("an application alone",               STATUS, "1", "i4", NO_CREATION),
    REFUSES("no method, no code",                 STATUS, "1.6", "i4", NO_CREATION),
    REFUSES("method of no octets",                STATUS, "1.0.486", "i4", NO_CREATION),
    REFUSES("method shorter than its length",     STATUS, "1.6.73.78.86.486", "i4", NO_CREATION),
    REFUSES("no code behind the method",          STATUS, "1.3.66.89.69", "i4", NO_CREATION),
    REFUSES("more behind the code",               STATUS, "1.3.66.89.69.500.0", "i4", NO_CREATION),
    REFUSES("more behind an existing row",        STATUS, "1.3.66.89.69.200.1", "i6", NO_CREATION),
    REFUSES("two codes behind the method",        STATUS, "1.3.66.89.69.500.500", "i4", NO_CREATION),
    REFUSES("a character above 255",              STATUS, "1.3.322.89.69.500", "i4", NO_CREATION),
    REFUSES("a method that is no token",          STATUS, "1/IN VITE/500", "i4", NO_CREATION),
    REFUSES("a method that is no ASCII",          STATUS, "1.1.200.500", "i4", NO_CREATION),
    REFUSES("code 99",                            STATUS, "1/INVITE/99", "i4", NO_CREATION),
    REFUSES("code 1000",                          STATUS, "1/INVITE/1000", "i4", NO_CREATION),
    REFUSES("code 4294967295",                    STATUS, "1/INVITE/4294967295", "i4", NO_CREATION),
    REFUSES("application 0 has no rows",          STATUS, "0/INVITE/500", "i4", NO_CREATION),
    REFUSES("applIndex ends at 2147483647",       STATUS, "2147483648/INVITE/500", "i4", NO_CREATION),
    REFUSES("destroying what can never be",       STATUS, "1/INVITE/99", "i6", NO_CREATION),
    REFUSES("a setting of what can never be",     SEND, "1/INVITE/99", "i1", NO_CREATION),
    REFUSES("a setting without an index",         THRESH, "", "u1", NO_CREATION),
    REFUSES("a setting of a row not there",       SEND, ABSENT, "i1", INCONSISTENT_NAME),
    REFUSES("... by its mode",                    EMIT, ABSENT, "i1", INCONSISTENT_NAME),
    REFUSES("... by its threshold",               THRESH, ABSENT, "u1", INCONSISTENT_NAME),
    REFUSES("... by its interval",                INTERVAL, ABSENT, "u1", INCONSISTENT_NAME),
    REFUSES("a setting at no such application",   SEND, "2/INVITE/486", "i1", INCONSISTENT_NAME),
    REFUSES("a row for no such application",      STATUS, "2/INVITE/486", "i4", INCONSISTENT_NAME),
    REFUSES("... of the greatest applIndex",      STATUS, "2147483647/INVITE/486", "i4", INCONSISTENT_NAME),
    TAKES("a row for code 100",                   STATUS, "7/INVITE/100", "i4", "7/INVITE/100 create"),
    TAKES("a row for code 999",                   STATUS, "7/INVITE/999", "i4", "7/INVITE/999 create"),
    TAKES("a row for an extension method",        STATUS, "7/X-a.b!%*_+`'~/200", "i4", "7/X-a.b!%*_+`'~/200 create"),
    TAKES("methods are case-sensitive",           STATUS, "1/invite/486", "i4", "1/invite/486 create"),
    TAKES("a row of those without room",          STATUS, "1/(other)/486", "i4", "1/(other)/486 create"),
    REFUSES("creating a row that is there",       STATUS, THERE, "i4", INCONSISTENT_VALUE),
    REFUSES("... that was only observed",         STATUS, "1/INVITE/200", "i4", INCONSISTENT_VALUE),
    TAKES("destroying a row that is there",       STATUS, THERE, "i6", THERE " destroy"),
    TAKES("... that was only observed",           STATUS, "1/INVITE/200", "i6", "1/INVITE/200 destroy"),
    TAKES("destroying a row that is not",         STATUS, ABSENT, "i6", ""),
    TAKES("... of no such application",           STATUS, "2/INVITE/486", "i6", ""),
    TAKES("a setting of an observed row",         SEND, "1/BYE/200", "i1", "1/BYE/200 send=1"),
};

static const struct set_case unwritable[] = {
    REFUSES("the root",                           "1", "", "i1", NOT_WRITABLE),
    REFUSES("a table",                            "1.3.6.1.2.1.149.1.5.1", "", "i4", NOT_WRITABLE),
    REFUSES("an entry",                           "1.3.6.1.2.1.149.1.5.1.1", "", "i4", NOT_WRITABLE),
    REFUSES("an entry of settings",               "1.3.6.1.2.1.149.1.5.2.1", "", "i4", NOT_WRITABLE),
    REFUSES("a column of the index",              "1.3.6.1.2.1.149.1.5.1.1.1", THERE, "x00", NOT_WRITABLE),
    REFUSES("the other column of the index",      "1.3.6.1.2.1.149.1.5.1.1.2", THERE, "u486", NOT_WRITABLE),
    REFUSES("no column",                          "1.3.6.1.2.1.149.1.5.1.1.7", THERE, "i1", NOT_WRITABLE),
    REFUSES("column 0",                           "1.3.6.1.2.1.149.1.5.2.1.0", THERE, "i1", NOT_WRITABLE),
    REFUSES("no table",                           "1.3.6.1.2.1.149.1.5.3.1.1", THERE, "i1", NOT_WRITABLE),
    REFUSES("an object of notifications",         "1.3.6.1.2.1.149.1.9.1", "0", "x41", NOT_WRITABLE),
    REFUSES("another one",                        "1.3.6.1.2.1.149.1.9.6", "0", "u1", NOT_WRITABLE),
    REFUSES("a notification",                     "1.3.6.1.2.1.149.0.1", "", "u1", NOT_WRITABLE),
    REFUSES("an object of another MIB",           "1.3.6.1.2.1.1.5", "0", "x41", NOT_WRITABLE),
    REFUSES("a table that is not served",         "1.3.6.1.2.1.27.2.1.2", "1.1", "x41", NOT_WRITABLE),
};
// clang-format on

Test(mib_set, takes_the_values_of_a_syntax_and_no_others)
{
    EXPECT_CASES(values);
}

Test(mib_set, tells_rows_that_can_never_be_from_those_that_are_not)
{
    EXPECT_CASES(names);
}

Test(mib_set, refuses_what_is_no_writable_column)
{
    EXPECT_CASES(unwritable);
}

/* With a value of each type, at an instance that is there, at none, and without an index. */
static bool
is_refused(const char *object, const char *index)
{
    static const char *const some[] = { "i1", "i4", "i6", "u1", "x00", "o" };
    bool ok = true;

    for (size_t v = 0; v < sizeof(some) / sizeof(some[0]); v++) {
        const struct set_case c = REFUSES("read-only", object, index, some[v], NOT_WRITABLE);

        ok = set_case_holds(&c, ROWS_FREE) && ok;
    }
    return ok;
}

Test(mib_set, refuses_every_read_only_column)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        for (size_t c = 0; c < mib_tables[t]->n_columns; c++) {
            const struct mib_column *column = &mib_tables[t]->columns[c];

            if (column->access != MIB_READ_ONLY)
                continue;
            cr_expect(is_refused(column->object, "1"), "%s", column->object);
            cr_expect(is_refused(column->object, THERE), "%s", column->object);
            cr_expect(is_refused(column->object, "1.1"), "%s", column->object);
            cr_expect(is_refused(column->object, ""), "%s", column->object);
        }
}

Test(mib_set, columns_that_can_be_set_say_what_they_take)
{
    for (size_t t = 0; t < mib_n_tables; t++)
        for (size_t c = 0; c < mib_tables[t]->n_columns; c++)
            cr_expect(eq(int, mib_tables[t]->columns[c].access != MIB_READ_ONLY,
                         mib_tables[t]->columns[c].writable != NULL),
                      "%s", mib_tables[t]->columns[c].object);
}

/* A length of 100 is allowed, one of 101 is not. */
static enum mib_set_error
create_long(size_t octets)
{
    struct mib_oid oid;
    const struct set_varbind v = { STATUS, "1", "i4" };
    uint8_t unused[SET_OCTETS_MAX];
    struct mib_assignment a = set_parse(&v, &oid, unused);
    struct mib_change change;
    size_t n, at;

    oid.id[a.length++] = (uint32_t)octets;
    for (size_t i = 0; i < octets; i++)
        oid.id[a.length++] = 'X';
    oid.id[a.length++] = 200;
    return mib_set_check(&mib_fixture_view, ROWS_FREE, &a, 1, &change, &n, &at);
}

Test(mib_set, method_names_end_at_100_octets)
{
    cr_expect(eq(int, create_long(100), MIB_SET_OK));
    cr_expect(eq(int, create_long(101), MIB_SET_NO_CREATION));
}

Test(mib_set, nothing_to_set_is_fine)
{
    struct mib_change change;
    size_t n = 99, at;

    cr_expect(eq(int, mib_set_check(&mib_fixture_view, 0, NULL, 0, &change, &n, &at), MIB_SET_OK));
    cr_expect(eq(sz, n, 0));
}

Test(mib_set, name_of_no_sub_identifiers_is_not_writable)
{
    const struct mib_assignment a = { .id = NULL, .length = 0, .wire = MIB_WIRE_INTEGER };
    struct mib_change change;
    size_t n, at;

    cr_expect(eq(int, mib_set_check(&mib_fixture_view, 0, &a, 1, &change, &n, &at), MIB_SET_NOT_WRITABLE));
}
