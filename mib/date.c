/* SPDX-License-Identifier: BSD-2-Clause */
/* DateAndTime out of a Unix time. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mib/date.h"

#define END_OF_9999_S INT64_C(253402300799) /* 9999-12-31 23:59:59 UTC */

static bool local_time(time_t unix_s, struct tm *tm);

void
mib_date(int64_t unix_s, uint8_t to[MIB_DATE_OCTETS])
{
    struct tm tm;
    time_t t = (time_t)(unix_s < 0 ? 0 : unix_s > END_OF_9999_S ? END_OF_9999_S : unix_s);
    long minutes;
    int year;

    if (!local_time(t, &tm)) {
        memset(&tm, 0, sizeof(tm));
        gmtime_r(&t, &tm);
    }
    minutes = labs(tm.tm_gmtoff) / 60;
    year = tm.tm_year + 1900;
    to[0] = (uint8_t)(year >> 8);
    to[1] = (uint8_t)year;
    to[2] = (uint8_t)(tm.tm_mon + 1);
    to[3] = (uint8_t)tm.tm_mday;
    to[4] = (uint8_t)tm.tm_hour;
    to[5] = (uint8_t)tm.tm_min;
    to[6] = (uint8_t)tm.tm_sec; /* 60 in a leap second, which SYNTAX has, too */
    to[7] = 0;
    to[8] = tm.tm_gmtoff < 0 ? '-' : '+';
    to[9] = (uint8_t)(minutes / 60);
    to[10] = (uint8_t)(minutes % 60);
}

/* False when the zone cannot be told: hours from UTC are 0 to 13. */
static bool
local_time(time_t unix_s, struct tm *tm)
{
    return localtime_r(&unix_s, tm) != NULL && labs(tm->tm_gmtoff) < 14 * 3600L;
}
