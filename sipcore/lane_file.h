/* SPDX-License-Identifier: BSD-2-Clause */
/* Making a shared file so that nobody ever meets half of it: first complete, then named. Used for lanes and for the
 * interest file. Everything goes by directory descriptors; no symbolic link is followed. */
#ifndef SIPCORE_LANE_FILE_H
#define SIPCORE_LANE_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sipcore/err.h"

/* A file on its way to a name. Where the file system and /proc allow, it has no name at all until it is published;
 * elsewhere a hidden, unpredictable one. */
struct lane_file {
    int dir_fd;         /* borrowed */
    int fd;             /* read and write */
    char temporary[32]; /* "" when there is none */
};

/* Open the directory of an instance below the runtime directory `dir`, making it (mode 2770) when it is missing.
 * A descriptor, or a negative errno and `e` set. */
int lane_file_directory(const char *dir, const char *instance, struct err *e);

/* Make a file of exactly `mode` (whatever the umask) and `octets`, every one of them allocated, all zero. 0,
 * or a negative errno and `e` set: then nothing is left behind. On success end with lane_file_end(). */
int lane_file_begin(struct lane_file *f, int dir_fd, mode_t mode, size_t octets, struct err *e);

/* Write all of it at `offset`, in allocated space. 0, or a negative errno and `e` set. */
int lane_file_write(const struct lane_file *f, const void *from, size_t octets, off_t offset, struct err *e);

/* Give the file its name. 0; -EEXIST, with nothing in `e`, when the name is taken; or another negative errno
 * and `e` set. */
int lane_file_publish(struct lane_file *f, const char *name, struct err *e);

/* The same, in place of whatever has the name. 0, or a negative errno and `e` set. */
int lane_file_replace(struct lane_file *f, const char *name, struct err *e);

/* Close the file, and remove it if it was not published. */
void lane_file_end(struct lane_file *f);

/* Fill with random octets from the system. 0, or a negative errno and `e` set. */
int lane_file_random(void *to, size_t octets, struct err *e);

/* Write `octets` as hexadecimal digits and a terminator: 2 * octets + 1 characters. */
void lane_file_hex(char *to, const uint8_t *from, size_t octets);

#endif
