/* SPDX-License-Identifier: BSD-2-Clause */
/* Inflates what mirrors compress. */
#include "collectors/hep/hep_inflate.h"

#include <stdlib.h>
#include <zlib.h>

/* zlib allocates its window with the first octet that needs it: it gets memory from here, so that a run of
 * bad packets neither allocates nor fails. Twice what zlib documents for inflation (about 44 KiB). */
#define POOL_OCTETS (88u << 10)
#define POOL_ALIGN  64u

/* Largest window, and the header decides between zlib and gzip (zlib.h, inflateInit2). */
#define WINDOW_BITS (15 + 32)

struct hep_inflater {
    z_stream stream;
    size_t pool_used;
    _Alignas(POOL_ALIGN) uint8_t pool[POOL_OCTETS];
};

static voidpf
pool_take(voidpf opaque, uInt items, uInt size)
{
    struct hep_inflater *inflater = opaque;
    size_t octets = ((size_t)items * size + POOL_ALIGN - 1) / POOL_ALIGN * POOL_ALIGN;
    uint8_t *taken = inflater->pool + inflater->pool_used;

    if (octets > POOL_OCTETS - inflater->pool_used)
        return NULL;
    inflater->pool_used += octets;
    return taken;
}

/* The pool goes as a whole, with the inflater. */
static void
pool_give(voidpf opaque, voidpf address)
{
    (void)opaque;
    (void)address;
}

struct hep_inflater *
hep_inflater_new(void)
{
    struct hep_inflater *inflater = aligned_alloc(POOL_ALIGN, sizeof(*inflater));

    if (!inflater)
        return NULL;
    memset(inflater, 0, sizeof(*inflater));
    inflater->stream = (z_stream){ .zalloc = pool_take, .zfree = pool_give, .opaque = inflater };
    if (inflateInit2(&inflater->stream, WINDOW_BITS) != Z_OK) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

void
hep_inflater_free(struct hep_inflater *inflater)
{
    if (!inflater)
        return;
    inflateEnd(&inflater->stream);
    free(inflater);
}

enum hep_result
hep_inflate(struct hep_inflater *inflater, struct span in, uint8_t *out, struct span *result)
{
    z_stream *z = &inflater->stream;
    uint8_t beyond;
    int status;

    if (inflateReset(z) != Z_OK)
        return HEP_BAD_COMPRESSION;
    z->next_in = (Bytef *)(uintptr_t)in.data; /* zlib only reads it */
    z->avail_in = (uInt)in.length;
    z->next_out = out;
    z->avail_out = HEP_PACKET_MAX;
    status = inflate(z, Z_FINISH);
    if (status != Z_STREAM_END && z->avail_out == 0) {
        /* Full to the brim: the end mark may still be all that is missing. One more octet would be too
         * many. */
        z->next_out = &beyond;
        z->avail_out = 1;
        status = inflate(z, Z_FINISH);
        if (z->avail_out == 0)
            return HEP_INFLATED_TOO_LARGE;
        z->next_out = out + HEP_PACKET_MAX;
        z->avail_out = 0;
    }
    if (status != Z_STREAM_END || z->avail_in > 0)
        return HEP_BAD_COMPRESSION;
    *result = span_of(out, HEP_PACKET_MAX - z->avail_out);
    return HEP_OK;
}
