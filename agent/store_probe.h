/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether an LMDB environment can be used at all. LMDB believes its file: a damaged one makes it abort,
 * read what is not there, or never come back. So a child process goes first. */
#ifndef AGENT_STORE_PROBE_H
#define AGENT_STORE_PROBE_H

#include <stddef.h>

#include "sipcore/err.h"

/* Have a child open the environment at `path` with room for `tables` tables, read all of it, and begin to
 * write: some 0.1 s for a million values. The environment must not be open here. 0; -EBADMSG and `e` set when
 * the child did not live through it, or found damage; -EINTR when it was killed. What only keeps us from trying (no
 * process, no memory, no descriptor) is 0: it will show again. Nothing in the file is changed. */
int store_probe(const char *path, unsigned tables, size_t map_octets, struct err *e);

#endif
