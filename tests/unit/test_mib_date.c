/* SPDX-License-Identifier: BSD-2-Clause */
/* DateAndTime of RFC 2579, in the time zones that TZ names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "mib/date.h"

/* As its DISPLAY-HINT has it. */
static const char *
date_in(const char *zone, int64_t unix_s)
{
    static char text[64];
    uint8_t d[MIB_DATE_OCTETS];

    setenv("TZ", zone, 1);
    tzset();
    memset(d, 0xee, sizeof(d));
    mib_date(unix_s, d);
    snprintf(text, sizeof(text), "%d-%d-%d,%d:%d:%d.%d,%c%d:%d", d[0] << 8 | d[1], d[2], d[3], d[4], d[5],
             d[6], d[7], d[8], d[9], d[10]);
    return text;
}

#define EXPECT_DATE(zone, unix_s, expected) \
    cr_expect(eq(str, (char *)date_in(zone, unix_s), (char *)(expected)))

Test(mib_date, utc_is_plus_0)
{
    EXPECT_DATE("UTC0", 0, "1970-1-1,0:0:0.0,+0:0");
    EXPECT_DATE("UTC0", 1767225599, "2025-12-31,23:59:59.0,+0:0");
    EXPECT_DATE("UTC0", 1709164800, "2024-2-29,0:0:0.0,+0:0");
}

Test(mib_date, local_time_comes_with_its_zone)
{
    EXPECT_DATE("CET-1", 1767225599, "2026-1-1,0:59:59.0,+1:0");
    EXPECT_DATE("EST5", 1767225599, "2025-12-31,18:59:59.0,-5:0");
    EXPECT_DATE("IST-5:30", 1767225599, "2026-1-1,5:29:59.0,+5:30");
    EXPECT_DATE("NST3:30", 1767225599, "2025-12-31,20:29:59.0,-3:30");
    EXPECT_DATE("TST0:45", 1767225599, "2025-12-31,23:14:59.0,-0:45");
}

Test(mib_date, summer_time_is_that_of_the_date)
{
    static const char berlin[] = "CET-1CEST,M3.5.0,M10.5.0/3";

    EXPECT_DATE(berlin, 1774745999, "2026-3-29,1:59:59.0,+1:0");
    EXPECT_DATE(berlin, 1774746000, "2026-3-29,3:0:0.0,+2:0");
    EXPECT_DATE(berlin, 1792889999, "2026-10-25,2:59:59.0,+2:0");
    EXPECT_DATE(berlin, 1792890000, "2026-10-25,2:0:0.0,+1:0");
}

/* SYNTAX ends at 13 hours; New Zealand's summer is just inside, Kiribati outside. */
Test(mib_date, zone_too_far_from_utc_is_written_as_utc)
{
    EXPECT_DATE("NZDT-13", 1767225599, "2026-1-1,12:59:59.0,+13:0");
    EXPECT_DATE("CHADT-13:45", 1767225599, "2026-1-1,13:44:59.0,+13:45");
    EXPECT_DATE("LINT-14", 1767225599, "2025-12-31,23:59:59.0,+0:0");
    EXPECT_DATE("TST14", 1767225599, "2025-12-31,23:59:59.0,+0:0");
}

Test(mib_date, what_no_calendar_has_is_the_nearest)
{
    EXPECT_DATE("UTC0", -1, "1970-1-1,0:0:0.0,+0:0");
    EXPECT_DATE("UTC0", INT64_MIN, "1970-1-1,0:0:0.0,+0:0");
    EXPECT_DATE("EST5", INT64_MIN, "1969-12-31,19:0:0.0,-5:0");
    EXPECT_DATE("UTC0", INT64_C(253402300799), "9999-12-31,23:59:59.0,+0:0");
    EXPECT_DATE("UTC0", INT64_MAX, "9999-12-31,23:59:59.0,+0:0");
    EXPECT_DATE("CET-1", INT64_MAX, "10000-1-1,0:59:59.0,+1:0");
}

Test(mib_date, unknown_zone_is_utc)
{
    EXPECT_DATE("Nowhere/At_All", 1767225599, "2025-12-31,23:59:59.0,+0:0");
}
