/* SPDX-License-Identifier: BSD-2-Clause */
/* For `make analyze` alone, which includes it before each source file: the functions of sipcore/err.h give back the
 * code that they got, which is negative. No tool looks into another file for that, and each would follow a success
 * that cannot be. */
#include <errno.h>

#include "sipcore/err.h"

static inline int
model_code(int code, int unused)
{
    (void)unused;
    return code < 0 ? code : -EIO;
}

#define err_set(e, code, ...)  model_code((code), (err_set)(e, (code), __VA_ARGS__))
#define err_sys(e, code, ...)  model_code((code), (err_sys)(e, (code), __VA_ARGS__))
#define err_wrap(e, code, ...) model_code((code), (err_wrap)(e, (code), __VA_ARGS__))
