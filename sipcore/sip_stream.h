/* SPDX-License-Identifier: BSD-2-Clause */
/* Where SIP messages end in a stream (RFC 3261 18.3). */
#ifndef SIPCORE_SIP_STREAM_H
#define SIPCORE_SIP_STREAM_H

#include <stddef.h>

/* As sipstat_frame() of sipcore/sipstat.h, which is this. `skip` may not be NULL; it is set in every case. A
 * header that is not complete is looked at again with each call: give whole reads, not octets. */
int sip_stream_frame(const void *buffer, size_t length, size_t *skip);

#endif
