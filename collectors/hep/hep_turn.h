/* SPDX-License-Identifier: BSD-2-Clause */
/* One turn of work: a batch of datagrams from a socket to the lanes. */
#ifndef COLLECTORS_HEP_HEP_TURN_H
#define COLLECTORS_HEP_HEP_TURN_H

#include "collectors/hep/hep_listen.h"
#include "collectors/hep/hep_pipe.h"
#include "collectors/hep/hep_writers.h"

/* Read one batch and count what is in it. The number of datagrams, HEP_BATCH when there may be more; 0
 * when there was none; a negative errno when receiving failed (counted). Never waits. */
int hep_turn(struct hep_listener *listener, struct hep_batch *batch, struct hep_pipe *pipe,
             struct hep_writers *writers);

#endif
