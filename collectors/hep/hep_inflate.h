/* SPDX-License-Identifier: BSD-2-Clause */
/* Inflates what mirrors compress: zlib (captagent) or gzip (heplify), told apart by their magic. */
#ifndef COLLECTORS_HEP_HEP_INFLATE_H
#define COLLECTORS_HEP_HEP_INFLATE_H

#include "collectors/hep/hep_decode.h"
#include "sipcore/span.h"

struct hep_inflater;

/* NULL when there is no memory. Nothing is allocated after that. One thread at a time. */
struct hep_inflater *hep_inflater_new(void);

/* NULL is fine. */
void hep_inflater_free(struct hep_inflater *inflater);

/* Inflate the whole of `in` into `out` (room for HEP_PACKET_MAX octets); *result is then the part of `out`
 * in use. HEP_OK, HEP_BAD_COMPRESSION (damaged, or cut short, or followed by something else) or
 * HEP_INFLATED_TOO_LARGE. Work and memory are bounded by HEP_PACKET_MAX whatever `in` claims. */
enum hep_result hep_inflate(struct hep_inflater *inflater, struct span in, uint8_t *out, struct span *result);

#endif
