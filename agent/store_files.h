/* SPDX-License-Identifier: BSD-2-Clause */
/* The files under an LMDB environment in the runtime directory: a private directory, called `name`, room for LMDB's
 * lock table, and whether they are still there. Everything by the descriptor of the runtime directory. */
#ifndef AGENT_STORE_FILES_H
#define AGENT_STORE_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/store_codec.h"
#include "sipcore/err.h"

/* Which file it is, whatever its name. */
struct store_file_identity {
    dev_t device;
    ino_t inode;
};

/* Make the directory (mode 0700) when it is missing, refuse one that is not ours alone, and
 * allocate the lock file: LMDB writes it through a mapping, and a sparse one on a full tmpfs is SIGBUS. 0,
 * or a negative errno, `e` set. */
int store_files_prepare(int runtime_fd, const char *name, struct err *e);

/* True when the open file `fd` is the data file there; fills in *identity. */
bool store_files_are(int runtime_fd, const char *name, int fd, struct store_file_identity *identity);

/* True when the data file there is still that one. */
bool store_files_still(int runtime_fd, const char *name, const struct store_file_identity *identity);

/* Rename the directory to `name` and ".damaged", removing what an earlier damage left under that name. 0, or a negative
 * errno, `e` set. */
int store_files_set_aside(int runtime_fd, const char *name, struct err *e);

/* Remove the directory with LMDB's files in it; nothing there is fine. 0, or a negative errno, `e` set. */
int store_files_remove(int runtime_fd, const char *name, struct err *e);

/* What tells one boot of the machine from another; zeros where the system does not say. 0, or a negative errno and `e`
 * set: it cannot be asked now (no descriptor is left), which must not be taken for another boot. */
int store_files_boot_id(uint8_t boot_id[BOOT_ID_OCTETS], struct err *e);

#endif
