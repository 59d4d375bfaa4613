/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors with context: a code for the program, a sentence for the person. */
#ifndef SIPCORE_ERR_H
#define SIPCORE_ERR_H

/* What went wrong, in words. Each layer puts in front what only it knows, so the text reads from the outside in:
 * "instance edge: lane directory /run/sipmib/edge: cannot open: Permission denied". Plain memory: no init or free. */
struct err {
    char text[512];
};

/* Set the text and return `code` (a negative errno), so that a failing function ends `return err_set(...)`.
 * A text that does not fit is cut. `e` may be NULL: only the code is passed on. Never allocates. */
int err_set(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, and append ": " and the system's words for `-code`. */
int err_sys(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Put "format: " in front of the text that is there and return `code`. */
int err_wrap(struct err *e, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
