/* SPDX-License-Identifier: BSD-2-Clause */
/* What the walker makes of a getter's answer, and what it does with rows and columns that no real table
 * has. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "mib/columns.h"

enum { ENTRY_IDS = 8, COLUMNS = 11 };

struct row {
    uint32_t appl_index;
    struct span name;
    uint64_t number;
    struct span text;
    bool is_hole;
};

static bool
get_unless_hole(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
                struct mib_value *value)
{
    return !((const struct row *)row->data)->is_hole && mib_get_u64(view, row, column, value);
}

static void
key_row(const struct mib_row *row, struct mib_key *key)
{
    mib_key_number(key, ((const struct row *)row->data)->appl_index);
    mib_key_text(key, ((const struct row *)row->data)->name);
}

#define NUMBER .get = get_unless_hole, .offset = offsetof(struct row, number)

static const struct mib_column columns[COLUMNS] = {
    { 1, MIB_INTEGER, MIB_READ_ONLY, "integer", NUMBER },
    { 2, MIB_UNSIGNED32, MIB_READ_ONLY, "unsigned", NUMBER },
    { 3, MIB_GAUGE32, MIB_READ_ONLY, "gauge", NUMBER },
    { 4, MIB_COUNTER32, MIB_READ_ONLY, "counter", NUMBER },
    { 5, MIB_TIMETICKS, MIB_READ_ONLY, "time", NUMBER },
    { 6, MIB_OCTETS, MIB_READ_ONLY, "octets", MIB_FIELD(struct row, text) },
    { 7, MIB_BITS, MIB_READ_ONLY, "bits", NUMBER },
    { 8, MIB_UNSIGNED32, MIB_READ_ONLY, "range", NUMBER, MIB_RANGE(100, 1000) },
    { 9, MIB_UNSIGNED32, MIB_READ_ONLY, "known", MIB_FIELD_BY(mib_get_u32_known, struct row, number) },
    { 10, MIB_INTEGER, MIB_READ_ONLY, "truth", MIB_FIELD(struct row, is_hole) },
    { UINT32_MAX, MIB_COUNTER32, MIB_READ_ONLY, "last", NUMBER },
};

static const struct mib_table table = {
    .name = "table",
    MIB_ENTRY(1, 1),
    MIB_COLUMNS(columns),
    .seek = mib_seek_rows,
    .rows = SNAP_METHODS,
    .key = key_row,
};

/* The value of that column in `row`, which is alone in the table. */
static enum mib_result
get_at(const struct row *row, uint32_t column, uint64_t now_ns, uint32_t uptime_cs, struct mib_value *value)
{
    const uint32_t oid[] = { 1, 3, 6, 1, 2, 1, 1, 1, column, row->appl_index, 0 };
    const void *const rows[] = { row };
    const struct snapshot snapshot = { .rows[SNAP_METHODS] = { rows, 1 } };
    const struct mib_view view = { .snapshot = &snapshot, .now_ns = now_ns, .uptime_cs = uptime_cs };

    return mib_get(&table, &view, oid, sizeof(oid) / sizeof(oid[0]), value);
}

static uint64_t
number_of(uint32_t column, uint64_t number)
{
    const struct row row = { .appl_index = 1, .number = number };
    struct mib_value value;

    cr_assert(eq(int, get_at(&row, column, 0, 0, &value), MIB_OK));
    return value.number;
}

static size_t
length_of(const char *text)
{
    const struct row row = { .appl_index = 1, .text = span_string(text) };
    struct mib_value value;

    cr_assert(eq(int, get_at(&row, 6, 0, 0, &value), MIB_OK));
    return value.octets.length;
}

Test(mib_value, counter_wraps_at_2_to_the_32)
{
    cr_expect(eq(u64, number_of(4, UINT32_MAX), UINT32_MAX));
    cr_expect(eq(u64, number_of(4, UINT64_C(1) << 32), 0));
    cr_expect(eq(u64, number_of(4, (UINT64_C(7) << 32) + 3), 3));
    cr_expect(eq(u64, number_of(4, UINT64_MAX), UINT32_MAX));
}

Test(mib_value, gauge_latches_at_its_greatest)
{
    cr_expect(eq(u64, number_of(3, UINT32_MAX - 1), UINT32_MAX - 1));
    cr_expect(eq(u64, number_of(3, UINT64_C(1) << 32), UINT32_MAX));
    cr_expect(eq(u64, number_of(2, UINT64_MAX), UINT32_MAX));
}

Test(mib_value, integer_never_turns_negative)
{
    cr_expect(eq(u64, number_of(1, INT32_MAX), INT32_MAX));
    cr_expect(eq(u64, number_of(1, UINT32_MAX), INT32_MAX));
}

Test(mib_value, number_outside_its_range_is_the_nearest_inside)
{
    cr_expect(eq(u64, number_of(8, 0), 100));
    cr_expect(eq(u64, number_of(8, 100), 100));
    cr_expect(eq(u64, number_of(8, 1000), 1000));
    cr_expect(eq(u64, number_of(8, 1001), 1000));
}

Test(mib_value, zero_that_means_not_known_is_a_hole)
{
    const struct row row = { .appl_index = 1, .number = 0 };
    struct mib_value value;

    cr_expect(eq(int, get_at(&row, 9, 0, 0, &value), MIB_NO_INSTANCE));
}

Test(mib_value, truth_is_1_and_2)
{
    const struct row no = { .appl_index = 1, .is_hole = false }, yes = { .appl_index = 1, .is_hole = true };
    struct mib_value value;

    cr_assert(eq(int, get_at(&no, 10, 0, 0, &value), MIB_OK));
    cr_expect(eq(u64, value.number, 2));
    cr_assert(eq(int, get_at(&yes, 10, 0, 0, &value), MIB_OK));
    cr_expect(eq(u64, value.number, 1));
}

/* sysUpTime is 10.00 s at 1,000 s of our clock: the master started at 990 s. */
static uint64_t
timestamp_of(uint64_t ns)
{
    const struct row row = { .appl_index = 1, .number = ns };
    struct mib_value value;

    cr_assert(eq(int, get_at(&row, 5, UINT64_C(1000000000000), 1000, &value), MIB_OK));
    return value.number;
}

Test(mib_timestamp, is_the_masters_uptime_at_that_time)
{
    cr_expect(eq(u64, timestamp_of(UINT64_C(993000000000)), 300));
}

Test(mib_timestamp, of_what_came_before_the_master_is_0)
{
    cr_expect(eq(u64, timestamp_of(0), 0));
    cr_expect(eq(u64, timestamp_of(1), 0));
    cr_expect(eq(u64, timestamp_of(UINT64_C(989999999999)), 0));
    cr_expect(eq(u64, timestamp_of(UINT64_C(990000000000)), 0));
}

Test(mib_timestamp, is_rounded_down)
{
    cr_expect(eq(u64, timestamp_of(UINT64_C(990010000000)), 1));
    cr_expect(eq(u64, timestamp_of(UINT64_C(990019999999)), 1));
    cr_expect(eq(u64, timestamp_of(UINT64_C(990020000000)), 2));
}

Test(mib_timestamp, is_never_later_than_now)
{
    cr_expect(eq(u64, timestamp_of(UINT64_C(1000000000000)), 1000));
    cr_expect(eq(u64, timestamp_of(UINT64_C(1000000000001)), 1000));
    cr_expect(eq(u64, timestamp_of(UINT64_MAX), 1000));
}

Test(mib_clock, timestamps_stand_still_while_readings_wobble)
{
    const uint64_t start_ns = UINT64_C(500000000000), event_ns = start_ns + 1234567890;
    struct mib_clock clock = { .is_set = false };
    struct mib_view view = { .snapshot = NULL };

    for (uint64_t step = 0; step < 10000; step++) {
        uint64_t now_ns = start_ns + 2000000000 + step * 3333333;
        uint64_t uptime_cs = 100000 + (now_ns - start_ns) / 10000000 + (step * 7919) % 50;

        mib_clock_follow(&clock, now_ns, (uint32_t)uptime_cs, &view);
        cr_assert(eq(u32, mib_timestamp(&view, event_ns), 100123), "step %d", (int)step);
    }
}

Test(mib_clock, view_is_of_now)
{
    struct mib_clock clock = { .is_set = false };
    struct mib_view view = { .snapshot = NULL };

    mib_clock_follow(&clock, 5000000000, 700, &view);
    cr_expect(eq(u64, view.now_ns, 5000000000));
    cr_expect(eq(u32, view.uptime_cs, 700));
    mib_clock_follow(&clock, 6009999999, 801, &view);
    cr_expect(eq(u64, view.now_ns, 6000000000));
    cr_expect(eq(u32, view.uptime_cs, 800));
}

Test(mib_clock, restart_of_the_master_is_followed)
{
    struct mib_clock clock = { .is_set = false };
    struct mib_view view = { .snapshot = NULL };

    mib_clock_follow(&clock, UINT64_C(100000000000), 50000, &view);
    cr_expect(eq(u32, mib_timestamp(&view, UINT64_C(90000000000)), 49000));
    mib_clock_follow(&clock, UINT64_C(101000000000), 20, &view);
    cr_expect(eq(u32, view.uptime_cs, 20));
    cr_expect(eq(u32, mib_timestamp(&view, UINT64_C(90000000000)), 0));
}

Test(mib_clock, wrap_of_the_masters_uptime_is_followed)
{
    struct mib_clock clock = { .is_set = false };
    struct mib_view view = { .snapshot = NULL };

    mib_clock_follow(&clock, UINT64_C(100000000000), UINT32_MAX - 10, &view);
    mib_clock_follow(&clock, UINT64_C(101000000000), 89, &view);
    cr_expect(eq(u32, view.uptime_cs, 89));
    mib_clock_follow(&clock, UINT64_C(102000000000), UINT32_MAX, &view);
    mib_clock_follow(&clock, UINT64_C(102500000000), UINT32_MAX, &view);
    cr_expect(eq(u32, view.uptime_cs, UINT32_MAX));
}

Test(mib_octets, of_255_pass_whole_and_of_256_are_cut)
{
    char text[257] = { 0 };

    memset(text, 'a', 255);
    cr_expect(eq(sz, length_of(text), 255));
    text[255] = 'b';
    cr_expect(eq(sz, length_of(text), 255));
}

Test(mib_octets, are_cut_between_characters)
{
    static const char *const character[] = { "\303\274", "\342\202\254", "\360\237\230\200" };

    for (size_t c = 0; c < 3; c++)
        for (size_t ahead = 250; ahead <= 255; ahead++) {
            char text[300] = { 0 };
            size_t octets = strlen(character[c]);

            memset(text, 'a', 260);
            memcpy(text + ahead, character[c], octets);
            cr_expect(eq(sz, length_of(text), ahead + octets <= 255 ? 255 : ahead), "%zu octets at %zu",
                      octets, ahead);
        }
}

Test(mib_octets, that_are_no_utf_8_are_cut_at_255)
{
    char text[300] = { 0 };

    memset(text, '\200', 299);
    cr_expect(eq(sz, length_of(text), 255));
}

static struct span
bits_of(uint64_t number, struct mib_value *value)
{
    const struct row row = { .appl_index = 1, .number = number };

    cr_assert(eq(int, get_at(&row, 7, 0, 0, value), MIB_OK));
    return value->octets;
}

Test(mib_bits, none_set_are_one_octet_of_zeros)
{
    struct mib_value value;

    cr_expect(span_equals(bits_of(0, &value), span_of("\0", 1)));
}

Test(mib_bits, bit_0_is_the_highest_of_the_first_octet)
{
    struct mib_value value;

    cr_expect(span_equals(bits_of(1u << 0, &value), span_of("\200", 1)));
    cr_expect(span_equals(bits_of(1u << 7, &value), span_of("\1", 1)));
    cr_expect(span_equals(bits_of(1u << 1 | 1u << 3, &value), span_of("\120", 1)));
}

Test(mib_bits, octets_end_with_the_last_bit_set)
{
    struct mib_value value;

    cr_expect(span_equals(bits_of(1u << 8, &value), span_of("\0\200", 2)));
    cr_expect(span_equals(bits_of(UINT64_C(1) << 63, &value), span_of("\0\0\0\0\0\0\0\1", 8)));
}

static enum mib_result
next_of(const struct mib_view *view, struct mib_oid *name)
{
    struct mib_value value;

    return mib_getnext(&table, view, name->id, name->length, name, &value);
}

Test(mib_walker, table_without_rows_ends_at_once)
{
    const struct snapshot snapshot = { .generation = 1 };
    const struct mib_view view = { .snapshot = &snapshot };
    struct mib_oid name = { .length = 0 };

    cr_expect(eq(int, next_of(&view, &name), MIB_END));
}

Test(mib_walker, columns_of_holes_alone_are_skipped)
{
    const struct row row = { .appl_index = 5, .is_hole = true };
    const void *const rows[] = { &row };
    const struct snapshot snapshot = { .rows[SNAP_METHODS] = { rows, 1 } };
    const struct mib_view view = { .snapshot = &snapshot };
    struct mib_oid name = { .length = 0 };

    cr_assert(eq(int, next_of(&view, &name), MIB_OK));
    cr_expect(eq(u32, name.id[ENTRY_IDS], 6));
    cr_assert(eq(int, next_of(&view, &name), MIB_OK));
    cr_expect(eq(u32, name.id[ENTRY_IDS], 10));
    cr_expect(eq(int, next_of(&view, &name), MIB_END));
}

Test(mib_walker, holes_between_rows_are_skipped)
{
    const struct row row[] = { { .appl_index = 1, .is_hole = true },
                               { .appl_index = 2, .is_hole = true },
                               { .appl_index = 3 },
                               { .appl_index = 4, .is_hole = true } };
    const void *const rows[] = { &row[0], &row[1], &row[2], &row[3] };
    const struct snapshot snapshot = { .rows[SNAP_METHODS] = { rows, 4 } };
    const struct mib_view view = { .snapshot = &snapshot };
    struct mib_oid name = { .length = 0 };

    for (uint32_t column = 1; column <= 2; column++) {
        cr_assert(eq(int, next_of(&view, &name), MIB_OK));
        cr_expect(eq(u32, name.id[ENTRY_IDS], column));
        cr_expect(eq(u32, name.id[ENTRY_IDS + 1], 3));
    }
}

Test(mib_walker, longest_method_name_can_be_asked_for)
{
    char text[100];
    struct row row = { .appl_index = 5, .name = span_of(text, sizeof(text)) };
    const void *const rows[] = { &row };
    const struct snapshot snapshot = { .rows[SNAP_METHODS] = { rows, 1 } };
    const struct mib_view view = { .snapshot = &snapshot };
    struct mib_oid name = { .length = 0 };
    struct mib_value value;

    memset(text, 'X', sizeof(text));
    cr_assert(eq(int, next_of(&view, &name), MIB_OK));
    cr_expect(eq(sz, name.length, ENTRY_IDS + 1 + 1 + 1 + 100));
    cr_expect(eq(int, mib_get(&table, &view, name.id, name.length, &value), MIB_OK));
}

/* 128 sub-identifiers are all that an OID has (RFC 2578 3.5): 117 octets fit here, no more. */
Test(mib_walker, rows_without_room_for_their_name_are_skipped)
{
    char text[300];
    const struct row row[] = {
        { .appl_index = 1, .name = span_of(text, 117) }, { .appl_index = 1, .name = span_of(text, 118) },
        { .appl_index = 1, .name = span_of(text, 300) }, { .appl_index = 2, .name = span_of(text, 200) },
        { .appl_index = 3, .name = span_of(text, 2) },
    };
    const void *const rows[] = { &row[0], &row[1], &row[2], &row[3], &row[4] };
    const struct snapshot snapshot = { .rows[SNAP_METHODS] = { rows, 5 } };
    const struct mib_view view = { .snapshot = &snapshot };
    struct mib_oid name = { .length = 0 };

    memset(text, '\377', sizeof(text));
    cr_assert(eq(int, next_of(&view, &name), MIB_OK));
    cr_expect(eq(sz, name.length, MIB_OID_MAX));
    cr_assert(eq(int, next_of(&view, &name), MIB_OK));
    cr_expect(eq(u32, name.id[ENTRY_IDS + 1], 3));
    cr_assert(eq(int, next_of(&view, &name), MIB_OK));
    cr_expect(eq(u32, name.id[ENTRY_IDS], 2));
    cr_expect(eq(u32, name.id[ENTRY_IDS + 1], 1));
}

Test(mib_walker, names_longer_than_an_oid_are_no_instance)
{
    uint32_t oid[MIB_OID_MAX + 10] = { 1, 3, 6, 1, 2, 1, 1, 1, 4, 1, MIB_OID_MAX + 10 - 11 };
    static const char text[MIB_OID_MAX + 10 - 11] = { 0 };
    const struct row row = { .appl_index = 1, .name = span_of(text, sizeof(text)) };
    const void *const rows[] = { &row };
    const struct snapshot snapshot = { .rows[SNAP_METHODS] = { rows, 1 } };
    const struct mib_view view = { .snapshot = &snapshot };
    struct mib_value value;

    cr_expect(eq(int, mib_get(&table, &view, oid, MIB_OID_MAX + 10, &value), MIB_NO_INSTANCE));
}

Test(mib_walker, greatest_column_number_has_an_end)
{
    const struct row row = { .appl_index = UINT32_MAX };
    const void *const rows[] = { &row };
    const struct snapshot snapshot = { .rows[SNAP_METHODS] = { rows, 1 } };
    const struct mib_view view = { .snapshot = &snapshot };
    struct mib_oid name = { .id = { 1, 3, 6, 1, 2, 1, 1, 1, UINT32_MAX }, .length = 9 };

    cr_assert(eq(int, next_of(&view, &name), MIB_OK));
    cr_expect(eq(u32, name.id[ENTRY_IDS], UINT32_MAX));
    cr_expect(eq(int, next_of(&view, &name), MIB_END));
}

Test(mib_walker, rows_sort_by_the_length_of_a_string_first)
{
    const struct row bye = { .appl_index = 1, .name = span_string("BYE") };
    const struct row info = { .appl_index = 1, .name = span_string("INFO") };
    const struct row cancel = { .appl_index = 1, .name = span_string("CANCEL") };
    const struct row other = { .appl_index = 2, .name = span_string("ACK") };

    cr_expect(lt(int, mib_row_compare(&table, &bye, &info), 0));
    cr_expect(lt(int, mib_row_compare(&table, &info, &cancel), 0));
    cr_expect(lt(int, mib_row_compare(&table, &cancel, &other), 0));
    cr_expect(gt(int, mib_row_compare(&table, &other, &bye), 0));
    cr_expect(eq(int, mib_row_compare(&table, &bye, &bye), 0));
}

Test(mib_tables, every_state_but_unknown_has_its_like_in_appl_oper_status)
{
    static const uint64_t like[] = { 0, 0, 1, 2, 4, 5, 6, 3, 0 };
    static const uint32_t oid[] = { 1, 3, 6, 1, 2, 1, 27, 1, 1, 6, 1 };

    for (unsigned status = 0; status < sizeof(like) / sizeof(like[0]); status++) {
        const struct snap_instance instance = { .appl_index = 1, .oper_status = status };
        const void *const rows[] = { &instance };
        const struct snapshot snapshot = { .rows[SNAP_INSTANCES] = { rows, 1 } };
        const struct mib_view view = { .snapshot = &snapshot };
        struct mib_value value;
        enum mib_result result = mib_get(mib_tables[0], &view, oid, sizeof(oid) / sizeof(oid[0]), &value);

        cr_expect(eq(int, result, like[status] == 0 ? MIB_NO_INSTANCE : MIB_OK), "%u", status);
        if (result == MIB_OK)
            cr_expect(eq(u64, value.number, like[status]), "%u", status);
    }
}
