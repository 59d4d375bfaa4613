/* SPDX-License-Identifier: BSD-2-Clause */
/* The header of SigComp messages. */
#include "sipcore/sigcomp.h"

enum {
    PREFIX = 0xf8,        /* of the first octet, which ends in T and two bits of length */
    HAS_FEEDBACK = 0x04,  /* T: a returned feedback item follows */
    LENGTH_MASK = 0x03,   /* of the partial state identifier; 0: bytecode is brought along instead */
    FEEDBACK_LONG = 0x80, /* seven bits of length instead of seven bits of feedback */
    NACK_OCTETS = 24      /* reason, opcode, position, SHA-1 (RFC 4077 3.1) */
};

static bool
skip_feedback(struct span *in)
{
    struct span skipped;
    uint8_t first;

    return span_take_u8(in, &first) &&
           ((first & FEEDBACK_LONG) == 0 || span_take(in, first & 0x7f, &skipped));
}

/* Twelve bits of length and four of where it goes, of which 0 is reserved. No code at all: a negative
 * acknowledgement, where the four bits are its version. */
static bool
has_code(struct span in)
{
    uint16_t word;

    if (!span_take_u16(&in, &word))
        return false;
    if (word >> 4 == 0)
        return in.length >= NACK_OCTETS;
    return (word & 0x0f) != 0 && in.length >= (size_t)(word >> 4);
}

bool
sigcomp_is_message(struct span octets)
{
    static const uint8_t state_octets[4] = { 0, 6, 9, 12 };
    unsigned length;
    uint8_t first;

    if (!span_take_u8(&octets, &first) || (first & PREFIX) != PREFIX)
        return false;
    if ((first & HAS_FEEDBACK) != 0 && !skip_feedback(&octets))
        return false;
    length = first & LENGTH_MASK;
    return length == 0 ? has_code(octets) : octets.length >= state_octets[length];
}
