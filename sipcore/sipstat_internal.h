/* SPDX-License-Identifier: BSD-2-Clause */
/* For our own writers only, which link libsipcore: what lies behind the opaque handle. Not exported. */
#ifndef SIPCORE_SIPSTAT_INTERNAL_H
#define SIPCORE_SIPSTAT_INTERNAL_H

#include "sipcore/lane_writer.h"
#include "sipcore/sipstat.h"

/* The lane of an open writer, for its notes; NULL for NULL and for a writer that is not attached (a forked
 * child's). */
struct lane_writer *sipstat_writer_lane(sipstat_writer *writer);

#endif
