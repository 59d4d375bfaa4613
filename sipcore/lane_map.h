/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying out of files that strangers may truncate at any time, without a system call for each copy: the file is
 * mapped, and the SIGBUS of a page that is gone ends the copy instead of the process. */
#ifndef SIPCORE_LANE_MAP_H
#define SIPCORE_LANE_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Map `octets` of the file open as `fd` to be read by lane_map_copy() and by nothing else. NULL when that is not to be
 * had; pread(2) does then. The first call of a process installs a handler for SIGBUS: what is not raised by a copy
 * goes to the handler that was there before. Any thread. */
const _Atomic uint64_t *lane_map_new(int fd, uint64_t octets);

/* NULL is fine. */
void lane_map_free(const _Atomic uint64_t *map, uint64_t octets);

/* Copy `words` out of a mapping, none of them torn, in no order: fences make one. False when some of it is not there
 * any more; then `to` holds nothing of use. Any thread, several at once. */
bool lane_map_copy(uint64_t *to, const _Atomic uint64_t *from, size_t words);

#endif
