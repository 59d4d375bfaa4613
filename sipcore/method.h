/* SPDX-License-Identifier: BSD-2-Clause */
/* SIP method names and the small numbers that lanes count them under. */
#ifndef SIPCORE_METHOD_H
#define SIPCORE_METHOD_H

#include <stdbool.h>

#include "sipcore/span.h"

/* The fourteen methods registered with IANA have fixed numbers, in the order of sipstat.h's constants. Extension
 * methods get the following numbers lane by lane as they are seen, and what finds no free number is counted under
 * METHOD_OTHER. */
enum {
    METHOD_INVITE,
    METHOD_ACK,
    METHOD_OPTIONS,
    METHOD_BYE,
    METHOD_CANCEL,
    METHOD_REGISTER,
    METHOD_PRACK,     /* RFC 3262 */
    METHOD_SUBSCRIBE, /* RFC 6665 */
    METHOD_NOTIFY,    /* RFC 6665 */
    METHOD_PUBLISH,   /* RFC 3903 */
    METHOD_INFO,      /* RFC 6086 */
    METHOD_REFER,     /* RFC 3515 */
    METHOD_MESSAGE,   /* RFC 3428 */
    METHOD_UPDATE,    /* RFC 3311 */
    METHOD_IANA_COUNT,
    METHOD_MAX = 64, /* numbers are below this */
    METHOD_OTHER = METHOD_MAX - 1
};

/* SipTCMethodName holds 1 to 100 octets (RFC 4780). A longer name is counted under METHOD_OTHER. */
#define METHOD_NAME_MAX 100

/* What METHOD_OTHER is called: parentheses cannot occur in a token (RFC 3261 25.1), so no method collides with it. */
#define METHOD_OTHER_NAME "(other)"

/* The name of an IANA method, NULL for any other number. Static memory. */
const char *method_name(unsigned method);

/* The number of an IANA method, -1 for any other name. Method names are case-sensitive (RFC 3261 7.1). */
int method_find(struct span name);

/* True for what a lane may hold as a method's name: 1 to METHOD_NAME_MAX octets of a token (RFC 3261 25.1). */
bool method_name_is_valid(struct span name);

#endif
