/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts that came over a network, made fit to be an SnmpAdminString (RFC 3411): UTF-8 of at most 255 octets
 * without control characters. Pure: any thread. */
#ifndef MIB_TEXT_H
#define MIB_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "sipcore/span.h"

enum { MIB_TEXT_OCTETS = 255 };

/* Copy `in` to `to` and return its length. Each octet that is no part of a UTF-8 character (RFC 3629), and
 * each control character (C0, DEL, C1), becomes a '?'. What is too long is cut where a character begins. */
size_t mib_text(struct span in, uint8_t to[MIB_TEXT_OCTETS]);

#endif
