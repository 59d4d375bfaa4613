/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses-of-record: when two URIs name the same user. No allocation, any thread. */
#ifndef SIPCORE_SIP_URI_H
#define SIPCORE_SIP_URI_H

#include <stddef.h>

#include "sipcore/span.h"

enum { SIP_AOR_MAX = 512 };

/* Write the canonical form of an address-of-record (RFC 3261 10.3 step 5) to `to`, which has SIP_AOR_MAX octets, and
 * return its length; 0 when `uri` is empty. URI parameters, headers and a password are dropped, escaped characters of
 * the user part that need no escape are unescaped, host and scheme are in lower case, a port stays. A sip: URI is
 * written without its scheme, "alice@example.com" as sipServerRegUserUri has it; sips:, im: and pres: URIs with it. A
 * tel: URI loses its visual separators, and keeps of its parameters the phone-context of a local number, without which
 * that is nobody's (RFC 3966 5.1.5). What cannot be read as one of these is taken as it is. The canonical form of a
 * canonical form is that form. Longer than SIP_AOR_MAX is cut, between two characters. */
size_t sip_aor_canonical(struct span uri, char to[SIP_AOR_MAX]);

#endif
