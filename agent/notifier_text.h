/* SPDX-License-Identifier: BSD-2-Clause */
/* Header field values as the notifications show them. Pure: any thread. */
#ifndef AGENT_NOTIFIER_TEXT_H
#define AGENT_NOTIFIER_TEXT_H

#include "agent/notice.h"
#include "sipcore/span.h"

/* Write `name` (such as "To: ") and the value, as an SnmpAdminString may hold it (RFC 3411): at most 255 octets of
 * UTF-8, cut between characters, terminated. A fold (RFC 3261 7.3.1) and a tab become one space; control characters
 * and what is no UTF-8 become a question mark each. */
void notifier_text(char to[NOTICE_TEXT_OCTETS], const char *name, struct span value);

#endif
