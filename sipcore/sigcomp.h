/* SPDX-License-Identifier: BSD-2-Clause */
/* Compressed messages (RFC 3320, RFC 3486, RFC 5049): telling them from garbage, not reading them. */
#ifndef SIPCORE_SIGCOMP_H
#define SIPCORE_SIGCOMP_H

#include <stdbool.h>

#include "sipcore/span.h"

/* True when the octets can be one SigComp message: five bits set in front, which no SIP and no UTF-8 begins with, and
 * all that its header says is there (RFC 3320 7, RFC 4077 3.1). Pure. */
bool sigcomp_is_message(struct span octets);

#endif
