/* SPDX-License-Identifier: BSD-2-Clause */
/* HEP versions 1 and 2: a fixed header in front of the SIP message. Part of hep_decode(). */
#ifndef COLLECTORS_HEP_HEP_DECODE_OLD_H
#define COLLECTORS_HEP_HEP_DECODE_OLD_H

#include "collectors/hep/hep_decode.h"

/* The one number of an address family that all systems agree on. */
#define HEP_FAMILY_IPV4 2

/* As hep_decode(), for a packet whose first octet is 1 or 2. */
enum hep_result hep_decode_old(struct span packet, uint32_t now_s, struct hep_packet *out);

#endif
