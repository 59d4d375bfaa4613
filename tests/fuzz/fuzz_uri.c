/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text as an address-of-record: its canonical form is one, fits, and is what it is made of when it is asked for
 * again. The first octet chooses a scheme to write in front. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sipcore/sip_text.h"
#include "sipcore/sip_uri.h"

enum { TEXT_MAX = 4096, NEARLY_CUT = SIP_AOR_MAX - 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In memory of its own, so that a sanitizer sees its end. */
static size_t
canonical(const char *text, size_t length, char to[SIP_AOR_MAX])
{
    char *copy = malloc(length > 0 ? length : 1);
    size_t n;

    if (copy == NULL)
        abort();
    memcpy(copy, text, length);
    n = sip_aor_canonical(span_of(copy, length), to);
    free(copy);
    return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const schemes[8] = { "", "sip:", "sips:", "tel:", "im:", "SIP:", "Tel:+", "urn:" };
    char text[TEXT_MAX], once[SIP_AOR_MAX], twice[SIP_AOR_MAX];
    size_t length, n;

    if (size == 0 || size > TEXT_MAX - 8)
        return 0;
    length = strlen(schemes[data[0] & 7]);
    memcpy(text, schemes[data[0] & 7], length);
    memcpy(text + length, data + 1, size - 1);
    length += size - 1;

    n = canonical(text, length, once);
    if (n > SIP_AOR_MAX || (n == 0) != (sip_trim(span_of(text, length)).length == 0))
        abort();
    if (n <= NEARLY_CUT && (canonical(once, n, twice) != n || memcmp(once, twice, n) != 0))
        abort();
    return 0;
}
