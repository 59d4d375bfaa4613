/* SPDX-License-Identifier: BSD-2-Clause */
/* SETs as text, and what must come of them in any order of their varbinds. Over the view of mib_fixture.h. */
#ifndef TESTS_UNIT_MIB_SET_FIXTURE_H
#define TESTS_UNIT_MIB_SET_FIXTURE_H

#include "mib/set.h"
#include "tests/unit/mib_fixture.h"

enum { SET_VARBINDS = 5 };

struct set_varbind {
    const char *object; /* the name of a column, or an OID in dotted form */
    const char *index;  /* "1/INVITE/486" with the method as text, or in dotted form, "" for none */
    const char
        *value; /* "i4" INTEGER, "u500" Unsigned32, "xC000" OCTET STRING in hexadecimal, "o" another type */
};

struct set_case {
    const char *rule;
    struct set_varbind varbind[SET_VARBINDS]; /* up to the first without an object */
    enum mib_set_error error;
    const char *
        outcome; /* of MIB_SET_OK: the changes, "1/INVITE/603 create send=1; 7 enable=4", sorted. Otherwise the
                            varbinds at fault: "ac" the first and the third as written, whichever comes first in the
                            order sent, "AC" whichever of them comes last */
};

/* Check a case in every order of its varbinds. When it fails, says on standard error how. */
bool set_case_holds(const struct set_case *c, uint32_t rows_free);

/* A varbind as a SET has it. Uses `oid` and `octets`. */
enum { SET_OCTETS_MAX = 64 };
struct mib_assignment set_parse(const struct set_varbind *v, struct mib_oid *oid,
                                uint8_t octets[SET_OCTETS_MAX]);

#endif
