/* SPDX-License-Identifier: BSD-2-Clause */
/* sipstat-re-server: a small real SIP server on libre, the instrumented stack of the demonstration and the tests. A
 * registrar, and users that answer calls. Its parts; all run in the one thread of libre's event loop. */
#ifndef COLLECTORS_STACKS_RE_SERVER_H
#define COLLECTORS_STACKS_RE_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <re.h>

/* What it can do, for Allow. */
#define SERVER_ALLOW "INVITE, ACK, CANCEL, BYE, OPTIONS, MESSAGE, REGISTER"

/* ---- server_registrar.c: REGISTER (RFC 3261 10.3), bindings in memory ---- */

struct registrar;

enum { REGISTRAR_EXPIRY_S = 3600 /* of a contact that does not say, and the longest given */ };

/* Contacts that ask for less than `min_expiry_s` (but not 0) are refused with 423. NULL: no memory. Free with
 * mem_deref(). */
struct registrar *registrar_new(struct sip *sip, uint32_t min_expiry_s);

/* Answer a REGISTER. */
void registrar_request(struct registrar *r, const struct sip_msg *request);

/* ---- server_calls.c: INVITE, and all that belongs to its dialog ---- */

/* Who is called decides what happens:
 *   nobody  404        busy    486        away    480
 *   slow    180, and nothing more: 487 when cancelled
 *   hangup  180, 200, and a BYE from here once the ACK is in
 *   any other  180, 200, and the caller ends the call
 * A 2xx is sent again until its ACK comes. */
struct calls;

/* NULL: no memory, or libre refused. Free with mem_deref(). */
struct calls *calls_new(struct sip *sip);

#endif
