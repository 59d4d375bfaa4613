/* SPDX-License-Identifier: BSD-2-Clause */
/* What tests of files need: a directory of their own, and a lane in it with somebody who reads it. */
#ifndef TESTS_UNIT_SCRATCH_H
#define TESTS_UNIT_SCRATCH_H

#include <limits.h>
#include <stdint.h>

#include "sipcore/err.h"
#include "sipcore/lane_reader.h"
#include "sipcore/lane_writer.h"

/* Make a directory of our own under ${TMPDIR:-/tmp}; aborts when that cannot be. */
void scratch_make(char dir[PATH_MAX]);

/* Make an empty file under ${TMPDIR:-/tmp}, whose name goes to `path`. Its descriptor, or -1 and errno. */
int scratch_file(char path[PATH_MAX]);

/* Remove a directory with all that is in it. */
void scratch_remove(const char *dir);

/* The number of files in `dir`/`instance` whose name ends in `suffix`, and the name of one of them. */
unsigned scratch_count(const char *dir, const char *instance, const char *suffix, char name[NAME_MAX + 1]);

/* Make the file `path` of what tests/unit/old/`name` has in hexadecimal: "octets N", and rows of an offset and up to 16
 * octets; all else is zero. Aborts when it cannot. */
void scratch_unhex(const char *name, const char *path);

/* A writer of instance "edge" in a scratch directory and a reader of its lane. */
struct scratch_lane {
    char dir[PATH_MAX];
    char name[NAME_MAX + 1]; /* of the lane */
    int dir_fd;              /* of the instance */
    struct lane_writer writer;
    struct lane_reader reader;
    struct err e;
};

/* Open all of it, or abort. */
void scratch_lane_open(struct scratch_lane *s, uint32_t ring_octets);
void scratch_lane_close(struct scratch_lane *s);

/* Do to the lane what a writer never does: put a word into the file at `offset`. */
void scratch_lane_poke(const struct scratch_lane *s, uint64_t offset, uint64_t word);

#endif
