/* SPDX-License-Identifier: BSD-2-Clause */
/* What a SET of several objects is answered, in any order of them: all or nothing, as if all at once.
 * Applications 1, 7 and 300 are there; so are, of 1, INVITE/486 (asked for) and INVITE/200, BYE/200
 * (observed). */
#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/mib_set_fixture.h"

#define ENABLE   "sipCommonCfgServiceNotifEnable"
#define STATUS   "sipCommonStatusCodeRowStatus"
#define SEND     "sipCommonStatusCodeNotifSend"
#define EMIT     "sipCommonStatusCodeNotifEmitMode"
#define THRESH   "sipCommonStatusCodeNotifThresh"
#define INTERVAL "sipCommonStatusCodeNotifInterval"
#define THERE    "1/INVITE/486"
#define SEEN     "1/INVITE/200"
#define ABSENT   "1/INVITE/603"

#define EXPECT_CASES(cases, rows_free)                            \
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) \
    cr_expect(set_case_holds(&(cases)[i], rows_free), "%s", (cases)[i].rule)

// clang-format off
static const struct set_case accepted[] = {
    { "a row made, with all of its settings",
      { { STATUS, ABSENT, "i4" }, { SEND, ABSENT, "i1" }, { EMIT, ABSENT, "i1" }, { THRESH, ABSENT, "u5" },
        { INTERVAL, ABSENT, "u6" } }, MIB_SET_OK, ABSENT " create send=1 emit=1 thresh=5 interval=6" },
    { "a row made, with one setting",
      { { STATUS, ABSENT, "i4" }, { SEND, ABSENT, "i1" } }, MIB_SET_OK, ABSENT " create send=1" },
    { "all settings of a row that is there",
      { { SEND, THERE, "i2" }, { EMIT, THERE, "i2" }, { THRESH, THERE, "u7" }, { INTERVAL, THERE, "u8" } },
      MIB_SET_OK, THERE " send=0 emit=2 thresh=7 interval=8" },
    { "several rows",
      { { STATUS, ABSENT, "i4" }, { SEND, THERE, "i1" }, { STATUS, "7/BYE/481", "i4" }, { STATUS, SEEN, "i6" },
        { SEND, ABSENT, "i1" } }, MIB_SET_OK,
      SEEN " destroy; " THERE " send=1; " ABSENT " create send=1; 7/BYE/481 create" },
    { "rows of methods that begin alike",
      { { STATUS, "1/INVITE/603", "i4" }, { STATUS, "1/INVIT/603", "i4" }, { STATUS, "1/INVITEX/603", "i4" } },
      MIB_SET_OK, "1/INVIT/603 create; 1/INVITE/603 create; 1/INVITEX/603 create" },
    { "tables of different kinds",
      { { ENABLE, "1", "xE0" }, { SEND, THERE, "i1" }, { ENABLE, "7", "x" } }, MIB_SET_OK,
      "1 enable=7; 1/INVITE/486 send=1; 7 enable=0" },
    { "a row made twice", { { STATUS, ABSENT, "i4" }, { STATUS, ABSENT, "i4" } }, MIB_SET_OK, ABSENT " create" },
    { "a row destroyed twice", { { STATUS, THERE, "i6" }, { STATUS, THERE, "i6" } }, MIB_SET_OK, THERE " destroy" },
    { "a setting made twice", { { SEND, THERE, "i1" }, { SEND, THERE, "i1" } }, MIB_SET_OK, THERE " send=1" },
    { "a number set twice", { { THRESH, THERE, "u9" }, { THRESH, THERE, "u9" } }, MIB_SET_OK, THERE " thresh=9" },
    { "the same bits, written differently",
      { { ENABLE, "1", "xC0" }, { ENABLE, "1", "xC000" } }, MIB_SET_OK, "1 enable=3" },
    { "the same bits that have names, with others that have none",
      { { ENABLE, "1", "xC0" }, { ENABLE, "1", "xDF" } }, MIB_SET_OK, "1 enable=3" },
    { "no bits, written differently", { { ENABLE, "1", "x" }, { ENABLE, "1", "x00" } }, MIB_SET_OK, "1 enable=0" },
    { "destroying what is not there, next to others",
      { { STATUS, ABSENT, "i6" }, { SEND, THERE, "i1" }, { STATUS, "2/BYE/200", "i6" } }, MIB_SET_OK,
      THERE " send=1" },
};

static const struct set_case inconsistent[] = {
    { "made and destroyed", { { STATUS, ABSENT, "i4" }, { STATUS, ABSENT, "i6" } }, MIB_SET_INCONSISTENT_VALUE, "AB" },
    { "made and destroyed, next to others",
      { { STATUS, ABSENT, "i4" }, { STATUS, ABSENT, "i6" }, { SEND, THERE, "i1" } },
      MIB_SET_INCONSISTENT_VALUE, "AB" },
    { "destroyed, with a setting",
      { { STATUS, THERE, "i6" }, { SEND, THERE, "i1" } }, MIB_SET_INCONSISTENT_VALUE, "b" },
    { "destroyed, with two settings",
      { { STATUS, THERE, "i6" }, { SEND, THERE, "i1" }, { THRESH, THERE, "u1" } },
      MIB_SET_INCONSISTENT_VALUE, "bc" },
    { "destroyed though not there, with a setting",
      { { STATUS, ABSENT, "i6" }, { SEND, ABSENT, "i1" } }, MIB_SET_INCONSISTENT_NAME, "b" },
    { "made though it is there, with a setting",
      { { STATUS, THERE, "i4" }, { SEND, THERE, "i1" } }, MIB_SET_INCONSISTENT_VALUE, "a" },
    { "true and false", { { SEND, THERE, "i1" }, { SEND, THERE, "i2" } }, MIB_SET_INCONSISTENT_VALUE, "AB" },
    { "normal and oneShot", { { EMIT, THERE, "i1" }, { EMIT, THERE, "i2" } }, MIB_SET_INCONSISTENT_VALUE, "AB" },
    { "two thresholds", { { THRESH, THERE, "u1" }, { THRESH, THERE, "u0" } }, MIB_SET_INCONSISTENT_VALUE, "AB" },
    { "two intervals", { { INTERVAL, THERE, "u1" }, { INTERVAL, THERE, "u0" } }, MIB_SET_INCONSISTENT_VALUE, "AB" },
    { "different bits", { { ENABLE, "1", "xC0" }, { ENABLE, "1", "x80" } }, MIB_SET_INCONSISTENT_VALUE, "AB" },
    { "some bits and none", { { ENABLE, "1", "xC0" }, { ENABLE, "1", "x" } }, MIB_SET_INCONSISTENT_VALUE, "AB" },
    { "two values of a row that is made",
      { { STATUS, ABSENT, "i4" }, { SEND, ABSENT, "i1" }, { SEND, ABSENT, "i2" } },
      MIB_SET_INCONSISTENT_VALUE, "BC" },
    { "a setting of the wrong row",
      { { STATUS, ABSENT, "i4" }, { SEND, "1/INVITE/604", "i1" } }, MIB_SET_INCONSISTENT_NAME, "b" },
    { "a setting of the same code and another method",
      { { STATUS, ABSENT, "i4" }, { SEND, "1/INVIT/603", "i1" } }, MIB_SET_INCONSISTENT_NAME, "b" },
    { "a setting of another application's row",
      { { STATUS, ABSENT, "i4" }, { SEND, "7/INVITE/603", "i1" } }, MIB_SET_INCONSISTENT_NAME, "b" },
    { "a row and a setting for no such application",
      { { STATUS, "2/INVITE/603", "i4" }, { SEND, "2/INVITE/603", "i1" } }, MIB_SET_INCONSISTENT_NAME, "ab" },
};

/* What fails by itself goes before what fails together with others, wherever it stands. */
static const struct set_case one_spoils_all[] = {
    { "a wrong type", { { STATUS, ABSENT, "i4" }, { SEND, ABSENT, "u1" } }, MIB_SET_WRONG_TYPE, "b" },
    { "a wrong value", { { STATUS, ABSENT, "i4" }, { EMIT, ABSENT, "i3" } }, MIB_SET_WRONG_VALUE, "b" },
    { "a wrong length",
      { { SEND, THERE, "i1" }, { ENABLE, "1", "x0000000000000000000000000000000000" } }, MIB_SET_WRONG_LENGTH, "b" },
    { "a read-only column",
      { { STATUS, ABSENT, "i4" }, { SEND, ABSENT, "i1" }, { "sipCommonStatusCodeIns", ABSENT, "i0" } },
      MIB_SET_NOT_WRITABLE, "c" },
    { "no such row ever", { { SEND, THERE, "i1" }, { STATUS, "1/INVITE/99", "i4" } }, MIB_SET_NO_CREATION, "b" },
    { "no such application", { { SEND, THERE, "i1" }, { ENABLE, "2", "x00" } }, MIB_SET_NO_CREATION, "b" },
    { "a wrong value, next to a setting of no row",
      { { SEND, ABSENT, "i1" }, { EMIT, THERE, "i3" } }, MIB_SET_WRONG_VALUE, "b" },
    { "a read-only column, next to made and destroyed",
      { { STATUS, ABSENT, "i4" }, { STATUS, ABSENT, "i6" }, { "applName", "1", "x41" } },
      MIB_SET_NOT_WRITABLE, "c" },
    { "two wrong ones",
      { { SEND, THERE, "i3" }, { SEND, THERE, "i4" }, { THRESH, THERE, "u1" } }, MIB_SET_WRONG_VALUE, "ab" },
    { "a wrong value of one object, twice, with a good one between",
      { { EMIT, THERE, "i3" }, { EMIT, THERE, "i1" } }, MIB_SET_WRONG_VALUE, "a" },
};

static const struct set_case with_room_for_one[] = {
    { "one row", { { STATUS, ABSENT, "i4" } }, MIB_SET_OK, ABSENT " create" },
    { "the same row twice", { { STATUS, ABSENT, "i4" }, { STATUS, ABSENT, "i4" } }, MIB_SET_OK, ABSENT " create" },
    { "two rows",
      { { STATUS, ABSENT, "i4" }, { STATUS, "1/BYE/603", "i4" } }, MIB_SET_RESOURCE_UNAVAILABLE, "AB" },
    { "one row each of two applications",
      { { STATUS, ABSENT, "i4" }, { STATUS, "7/BYE/603", "i4" } }, MIB_SET_OK, ABSENT " create; 7/BYE/603 create" },
    { "a row made, and one that was only observed changed",
      { { STATUS, ABSENT, "i4" }, { SEND, SEEN, "i1" } }, MIB_SET_RESOURCE_UNAVAILABLE, "AB" },
    { "a row made, and one changed that was asked for",
      { { STATUS, ABSENT, "i4" }, { SEND, THERE, "i1" } }, MIB_SET_OK, THERE " send=1; " ABSENT " create" },
    { "a row made, and one destroyed that was only observed",
      { { STATUS, ABSENT, "i4" }, { STATUS, SEEN, "i6" } }, MIB_SET_OK, SEEN " destroy; " ABSENT " create" },
    { "a row made, and nothing destroyed",
      { { STATUS, ABSENT, "i4" }, { STATUS, "1/BYE/603", "i6" } }, MIB_SET_OK, ABSENT " create" },
};

static const struct set_case without_room[] = {
    { "a row made", { { STATUS, ABSENT, "i4" } }, MIB_SET_RESOURCE_UNAVAILABLE, "a" },
    { "the row is what there is no room for, not its settings",
      { { SEND, ABSENT, "i1" }, { STATUS, ABSENT, "i4" }, { EMIT, ABSENT, "i1" } },
      MIB_SET_RESOURCE_UNAVAILABLE, "b" },
    { "an observed row changed", { { SEND, SEEN, "i1" } }, MIB_SET_RESOURCE_UNAVAILABLE, "a" },
    { "an observed row destroyed", { { STATUS, SEEN, "i6" } }, MIB_SET_OK, SEEN " destroy" },
    { "a row changed that was asked for", { { SEND, THERE, "i1" } }, MIB_SET_OK, THERE " send=1" },
    { "a row destroyed that was asked for", { { STATUS, THERE, "i6" } }, MIB_SET_OK, THERE " destroy" },
    { "nothing destroyed", { { STATUS, ABSENT, "i6" } }, MIB_SET_OK, "" },
    { "notifications enabled", { { ENABLE, "1", "xE0" } }, MIB_SET_OK, "1 enable=7" },
    { "an inconsistency goes first",
      { { STATUS, ABSENT, "i4" }, { STATUS, THERE, "i4" } }, MIB_SET_INCONSISTENT_VALUE, "b" },
};
// clang-format on

Test(mib_set_rows, what_agrees_is_taken_in_any_order)
{
    EXPECT_CASES(accepted, 100);
}

Test(mib_set_rows, what_contradicts_itself_is_refused_in_any_order)
{
    EXPECT_CASES(inconsistent, 100);
}

Test(mib_set_rows, one_wrong_varbind_spoils_all)
{
    EXPECT_CASES(one_spoils_all, 100);
}

Test(mib_set_rows, room_is_counted_by_row_and_application)
{
    EXPECT_CASES(with_room_for_one, 1);
}

Test(mib_set_rows, without_room_only_what_needs_none_is_taken)
{
    EXPECT_CASES(without_room, 0);
}

/* A setting between createAndGo and destroy of one row: the first that meets a contradiction is at fault. */
Test(mib_set_rows, first_of_several_contradictions_is_at_fault)
{
    static const struct set_varbind varbind[] = { { SEND, ABSENT, "i1" },
                                                  { STATUS, ABSENT, "i4" },
                                                  { STATUS, ABSENT, "i6" } };
    struct mib_assignment a[3];
    struct mib_oid oid[3];
    struct mib_change changes[3];
    uint8_t octets[SET_OCTETS_MAX];
    size_t n, at;

    for (size_t i = 0; i < 3; i++)
        a[i] = set_parse(&varbind[i], &oid[i], octets);
    cr_expect(
        eq(int, mib_set_check(&mib_fixture_view, 9, a, 3, changes, &n, &at), MIB_SET_INCONSISTENT_VALUE));
    cr_expect(eq(sz, at, 0));
    for (size_t i = 0; i < 3; i++)
        a[i] = set_parse(&varbind[2 - i], &oid[i], octets);
    cr_expect(
        eq(int, mib_set_check(&mib_fixture_view, 9, a, 3, changes, &n, &at), MIB_SET_INCONSISTENT_VALUE));
    cr_expect(eq(sz, at, 1));
}

Test(mib_set_rows, second_of_three_values_is_at_fault)
{
    static const struct set_varbind varbind[] = { { THRESH, THERE, "u1" },
                                                  { THRESH, THERE, "u2" },
                                                  { THRESH, THERE, "u3" } };
    struct mib_assignment a[3];
    struct mib_oid oid[3];
    struct mib_change changes[3];
    uint8_t octets[SET_OCTETS_MAX];
    size_t n, at;

    for (size_t i = 0; i < 3; i++)
        a[i] = set_parse(&varbind[i], &oid[i], octets);
    cr_expect(
        eq(int, mib_set_check(&mib_fixture_view, 9, a, 3, changes, &n, &at), MIB_SET_INCONSISTENT_VALUE));
    cr_expect(eq(sz, at, 1));
}

/* As many as fit into a PDU: each of them its own row, then each its own setting. */
Test(mib_set_rows, many_varbinds_are_judged_in_no_time)
{
    enum { ROWS = 900, COUNT = 2 * ROWS };
    struct mib_assignment *a = calloc(COUNT, sizeof(*a));
    struct mib_oid *oid = calloc(COUNT, sizeof(*oid));
    struct mib_change *changes = calloc(COUNT, sizeof(*changes));
    const struct set_varbind made = { STATUS, "7/INVITE/100", "i4" },
                             setting = { SEND, "7/INVITE/100", "i1" };
    uint8_t octets[SET_OCTETS_MAX];
    size_t n, at;

    for (uint32_t i = 0; i < COUNT; i++) {
        a[i] = set_parse(i < ROWS ? &made : &setting, &oid[i], octets);
        oid[i].id[oid[i].length - 1] = 100 + i % ROWS;
    }
    cr_expect(eq(int, mib_set_check(&mib_fixture_view, ROWS, a, COUNT, changes, &n, &at), MIB_SET_OK));
    cr_expect(eq(sz, n, ROWS));
    cr_expect(eq(int, mib_set_check(&mib_fixture_view, ROWS - 1, a, COUNT, changes, &n, &at),
                 MIB_SET_RESOURCE_UNAVAILABLE));
    cr_expect(eq(sz, at, ROWS - 1));
    free(changes);
    free(oid);
    free(a);
}
