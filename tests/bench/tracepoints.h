/* SPDX-License-Identifier: BSD-2-Clause */
/* The tracepoints that recorded_call compares with, in the form that LTTng-UST wants: read several times over. */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER sipmib_bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "tests/bench/tracepoints.h"

#if !defined(TESTS_BENCH_TRACEPOINTS_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define TESTS_BENCH_TRACEPOINTS_H

#include <lttng/tracepoint.h>
#include <stddef.h>
#include <stdint.h>

// clang-format off
/* What sipstat_response() records without header fields. */
LTTNG_UST_TRACEPOINT_EVENT(
    sipmib_bench, numbers,
    LTTNG_UST_TP_ARGS(uint8_t, direction, uint8_t, method, uint16_t, code, uint32_t, cseq),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint8_t, direction, direction)
        lttng_ust_field_integer(uint8_t, method, method)
        lttng_ust_field_integer(uint16_t, code, code)
        lttng_ust_field_integer(uint32_t, cseq, cseq)
    )
)

/* What it records with them. */
LTTNG_UST_TRACEPOINT_EVENT(
    sipmib_bench, values,
    LTTNG_UST_TP_ARGS(uint32_t, cseq, const char *, to, size_t, to_length, const char *, from, size_t, from_length,
                      const char *, call_id, size_t, call_id_length),
    LTTNG_UST_TP_FIELDS(
        lttng_ust_field_integer(uint32_t, cseq, cseq)
        lttng_ust_field_sequence_text(char, to, to, size_t, to_length)
        lttng_ust_field_sequence_text(char, from, from, size_t, from_length)
        lttng_ust_field_sequence_text(char, call_id, call_id, size_t, call_id_length)
    )
)
// clang-format on

#endif

#include <lttng/tracepoint-event.h>
