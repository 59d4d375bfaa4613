/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of a datagram besides its way: times, keys, compression, refusals, reload. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <zlib.h>

#include "tests/unit/hep_fixture.h"

/* ---- times, keys, compression, bad packets ---- */

TestSuite(hep_pipe, .fini = stop);

Test(hep_pipe, the_time_is_the_packets_own)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    sent_at(123 * MILLI, "192.0.2.1:5070", "192.0.2.10:5060", 17, "x");
    cr_assert(eq(u64, seen.time_ns, RECEIVED - 100 * SECOND + 123 * MILLI));
}

Test(hep_pipe, without_a_time_it_is_when_the_packet_arrived)
{
    struct hep_wire_message m = { "192.0.2.1", "192.0.2.10", 5070, 5060, 17, 0, 5, NULL, "x" };

    ADD("edge", "udp:192.0.2.10:5060");
    start();
    deliver(wire_message(&wire, &m));
    cr_assert(eq(u64, seen.time_ns, RECEIVED));
}

Test(hep_pipe, a_stamp_far_ahead_is_not_used)
{
    struct hep_wire_message m = { "192.0.2.1", "192.0.2.10", 5070, 5060, 17, RECEIVED_S + 61, 0, NULL, "x" };

    ADD("edge", "udp:192.0.2.10:5060");
    start();
    deliver(wire_message(&wire, &m));
    cr_assert(eq(u64, seen.time_ns, RECEIVED));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_FUTURE_TIMES], 1));
}

Test(hep_pipe, what_the_writer_does_not_take_is_counted)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    seen.refuses = true;
    udp("192.0.2.1:5070", "192.0.2.10:5060");
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_NOT_COUNTED], 1));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_COUNTED], 0));
}

Test(hep_pipe, only_the_right_key_is_let_in)
{
    static const struct {
        const char *key;
        enum hep_result result;
    } cases[] = { { "secret", HEP_OK }, { "wrong", HEP_KEY_WRONG }, { NULL, HEP_KEY_MISSING } };

    ADD("edge", "udp:192.0.2.10:5060");
    config.hep.auth_key = (char[]){ "secret" };
    start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct hep_wire_message m = { "192.0.2.1", "192.0.2.10", 5070, 5060, 17, 0, 0, cases[i].key, "x" };

        deliver(wire_message(&wire, &m));
        cr_assert(eq(str, seen.text, cases[i].result == HEP_OK ? "edge in" : ""));
        if (cases[i].result != HEP_OK)
            cr_assert(eq(u64, pipe_.counters[HEP_COUNT_OF_RESULT(cases[i].result)], 1));
    }
}

Test(hep_pipe, a_key_nobody_asked_for_does_no_harm)
{
    struct hep_wire_message m = { "192.0.2.1", "192.0.2.10", 5070, 5060, 17, 0, 0, "secret", "x" };

    ADD("edge", "udp:192.0.2.10:5060");
    start();
    deliver(wire_message(&wire, &m));
    cr_assert(eq(str, seen.text, "edge in"));
}

Test(hep_pipe, takes_a_compressed_payload)
{
    struct hep_wire_message m = { "192.0.2.1", "192.0.2.10", 5070, 5060, 17, 0, 0, NULL, "" };
    uint8_t small[256];
    uLongf length = sizeof(small);

    ADD("edge", "udp:192.0.2.10:5060");
    start();
    compress(small, &length, (const Bytef *)"OPTIONS", 7);
    wire_head(&wire, &m);
    wire_chunk(&wire, 0, 16, small, length);
    deliver(wire_end(&wire));
    cr_assert(eq(str, seen.text, "edge in"));
}

Test(hep_pipe, takes_a_packet_compressed_as_a_whole)
{
    struct hep_wire_message m = { "192.0.2.1", "192.0.2.10", 5070, 5060, 17, 0, 0, NULL, "OPTIONS" };
    static uint8_t small[4096];
    z_stream z = { 0 };
    struct span packet = wire_message(&wire, &m);

    ADD("edge", "udp:192.0.2.10:5060");
    start();
    deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    z.next_in = wire.octets;
    z.avail_in = (uInt)packet.length;
    z.next_out = small;
    z.avail_out = sizeof(small);
    cr_assert(eq(int, deflate(&z, Z_FINISH), Z_STREAM_END));
    deliver(span_of(small, z.total_out));
    deflateEnd(&z);
    cr_assert(eq(str, seen.text, "edge in"));
}

Test(hep_pipe, a_compressed_payload_of_nothing_is_no_payload)
{
    struct hep_wire_message m = { "192.0.2.1", "192.0.2.10", 5070, 5060, 17, 0, 0, NULL, "" };
    uint8_t small[64];
    uLongf length = sizeof(small);

    ADD("edge", "udp:192.0.2.10:5060");
    start();
    compress(small, &length, (const Bytef *)"", 0);
    wire_head(&wire, &m);
    wire_chunk(&wire, 0, 16, small, length);
    deliver(wire_end(&wire));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_OF_RESULT(HEP_NO_PAYLOAD)], 1));
}

Test(hep_pipe, each_bad_packet_is_counted_by_its_reason)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    deliver(span_string("HEP3"));
    deliver(span_string("nonsense"));
    deliver(span_string("\x1f\x8b nonsense"));
    deliver(span_of("HEP3\0\x05", 6));
    deliver(span_of(NULL, 0));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_PACKETS], 5));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_OF_RESULT(HEP_TRUNCATED)], 2));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_OF_RESULT(HEP_BAD_MAGIC)], 1));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_OF_RESULT(HEP_BAD_COMPRESSION)], 1));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_OF_RESULT(HEP_BAD_LENGTH)], 1));
}

Test(hep_pipe, a_reload_changes_routes_and_key)
{
    struct err e;

    ADD("edge", "udp:192.0.2.10:5060");
    start();
    instances[0].n_locals = 0;
    config.n_instances = 0;
    ADD("proxy", "udp:192.0.2.11:5060");
    config.hep.auth_key = (char[]){ "secret" };
    cr_assert(eq(int, hep_pipe_reconfigure(&pipe_, &config, &e), 0));
    udp("192.0.2.1:5070", "192.0.2.11:5060");
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_OF_RESULT(HEP_KEY_MISSING)], 1));
    config.hep.auth_key = NULL;
    cr_assert(eq(int, hep_pipe_reconfigure(&pipe_, &config, &e), 0));
    cr_assert(eq(str, udp("192.0.2.1:5070", "192.0.2.11:5060"), "proxy in"));
    cr_assert(eq(str, udp("192.0.2.1:5070", "192.0.2.10:5060"), ""));
}

Test(hep_pipe, every_counter_has_a_name_of_its_own)
{
    start();
    for (int i = 0; i < HEP_COUNTER_COUNT; i++)
        for (int j = 0; j < i; j++)
            cr_assert(ne(str, (char *)hep_counter_name((enum hep_counter)i),
                         (char *)hep_counter_name((enum hep_counter)j)));
}

/* ---- the log ---- */

#define MINUTE (60 * SECOND)

Test(collector_log, what_peers_trigger_is_said_at_once_after_a_minute_then_hourly)
{
    struct collector_log_limit limit = { 0 };
    uint64_t held_back = 99;

    cr_assert(collector_log_allow(&limit, 5 * SECOND, &held_back));
    cr_assert(eq(u64, held_back, 0));
    cr_assert(not(collector_log_allow(&limit, 5 * SECOND, &held_back)));
    cr_assert(not(collector_log_allow(&limit, 65 * SECOND - 1, &held_back)));
    cr_assert(collector_log_allow(&limit, 65 * SECOND, &held_back));
    cr_assert(eq(u64, held_back, 2));
    cr_assert(not(collector_log_allow(&limit, 65 * SECOND + 60 * MINUTE - 1, &held_back)));
    cr_assert(collector_log_allow(&limit, 65 * SECOND + 60 * MINUTE, &held_back));
    cr_assert(eq(u64, held_back, 1));
}

Test(collector_log, what_was_quiet_for_long_starts_anew)
{
    struct collector_log_limit limit = { 0 };
    uint64_t held_back;

    cr_assert(collector_log_allow(&limit, SECOND, &held_back));
    cr_assert(collector_log_allow(&limit, 5 * 60 * MINUTE, &held_back));
    cr_assert(collector_log_allow(&limit, 5 * 60 * MINUTE + MINUTE, &held_back));
}

Test(hep_pipe, a_reload_lets_refusals_be_logged_at_once)
{
    struct err e;

    ADD("edge", "udp:192.0.2.10:5060");
    start();
    deliver(span_string("nonsense"));
    cr_assert(pipe_.sources.source[0].is_used);
    cr_assert(eq(int, hep_pipe_reconfigure(&pipe_, &config, &e), 0));
    cr_assert(not(pipe_.sources.source[0].is_used));
}
