/* SPDX-License-Identifier: BSD-2-Clause */
/* DateAndTime of RFC 2579. Any thread. */
#ifndef MIB_DATE_H
#define MIB_DATE_H

#include <stdint.h>

enum { MIB_DATE_OCTETS = 11 };

/* Write a time, in seconds since 1970 UTC, as DateAndTime in local time with its zone, deci-seconds 0.
 * Depends on the time zone of the process (TZ) and on nothing else. What SYNTAX has no room for is written
 * as the nearest it has room for: times before 1970 or after the year 9999 as these limits, and zones more
 * than 13:59 from UTC as UTC, which is the same moment. */
void mib_date(int64_t unix_s, uint8_t to[MIB_DATE_OCTETS]);

#endif
