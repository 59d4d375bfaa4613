/* SPDX-License-Identifier: BSD-2-Clause */
/* What the collector counts about itself. It shows these as the notes of a lane, in this order. */
#ifndef COLLECTORS_HEP_HEP_COUNTER_H
#define COLLECTORS_HEP_HEP_COUNTER_H

#include <stdint.h>

#include "collectors/hep/hep_decode.h"
#include "sipcore/lane.h"

/* A counter, its name, and what it means. */
#define HEP_COUNTERS(X)                                                                                     \
    X(PACKETS, "packets", "HEP packets received")                                                           \
    X(COUNTED, "counted", "SIP messages handed to an instance, one that it sends to itself twice")          \
    X(NOT_COUNTED, "not_counted", "SIP messages of an instance whose lane could not be opened")             \
    X(UNROUTED, "unrouted", "SIP messages between addresses that are no instance's")                        \
    X(SELF_MESSAGES, "self_messages", "SIP messages with both ends local: counted as sent and as received") \
    X(SELF_ECHOES, "self_echoes", "second copies of those, not counted again")                              \
    X(SELF_FORGOTTEN, "self_forgotten", "of those, pushed out of the table before their echo could come")   \
    X(GUESSED_WRONG, "guessed_wrong",                                                                       \
      "SIP messages counted in the wrong direction before the local address was known")                     \
    X(FUTURE_TIMES, "future_times", "packets stamped later than they arrived: their time is not used")      \
    X(SOCKET_DROPPED, "socket_dropped", "packets that a socket had no room for")                            \
    X(RECEIVE_ERRORS, "receive_errors", "errors of receiving")

/* First the counters above, then one for each reason to refuse a packet (hep_result, HEP_OK has none). */
enum hep_counter {
#define X(id, name, words) HEP_COUNT_##id,
    HEP_COUNTERS(X)
#undef X
        HEP_COUNT_REFUSED,
    HEP_COUNTER_COUNT = (int)HEP_COUNT_REFUSED + (int)HEP_RESULT_COUNT - 1
};

_Static_assert((int)HEP_COUNTER_COUNT <= (int)LANE_NOTES, "every counter has a note");

#define HEP_COUNT_OF_RESULT(result) ((enum hep_counter)((int)HEP_COUNT_REFUSED + (int)(result)-1))

/* Name of a counter, at most 23 characters. Static memory. */
const char *hep_counter_name(enum hep_counter counter);

#endif
