/* SPDX-License-Identifier: BSD-2-Clause */
/* Names that tell users apart without telling who they are: HMAC-SHA-256 (RFC 2104, FIPS 180-4) of the canonical
 * address under a key of this installation, which is made on first use and kept in the state directory, mode 0600. Who
 * has the key can test guesses; who has not learns nothing but equality. */
#ifndef AGENT_PSEUDONYM_H
#define AGENT_PSEUDONYM_H

#include <stddef.h>

#include "sipcore/err.h"
#include "sipcore/span.h"

#define PSEUDONYM_KEY_FILE "pseudonym.key"

struct pseudonym;

enum { PSEUDONYM_OCTETS = 64 }; /* enough for any of them, with a terminator */

/* Read the key, or make one (write beside, fsync, rename). A file that is no key is reported and set aside as
 * PSEUDONYM_KEY_FILE ".damaged", and a new key made. When none can be kept, one for this run is used, and that is said.
 * NULL and `e` set without memory or random numbers. */
struct pseudonym *pseudonym_new(const char *state_dir, struct err *e);
void pseudonym_free(struct pseudonym *p);

/* What was wrong with the key of the state directory when it was read; "" nothing. */
const char *pseudonym_trouble(const struct pseudonym *p);

/* The pseudonym of an address (any spelling of it: sip_aor_canonical()): 32 hexadecimal digits and
 * "@pseudonym.invalid" (RFC 2606). Returns its length. Any thread. */
size_t pseudonym_of(const struct pseudonym *p, struct span uri, char to[PSEUDONYM_OCTETS]);

/* The value of a To or From whose URI is replaced: "<sip:...@pseudonym.invalid>", display name and parameters left out.
 * A value that cannot be read gives the pseudonym of all of it. */
size_t pseudonym_header(const struct pseudonym *p, struct span value, char to[PSEUDONYM_OCTETS + 8]);

#endif
