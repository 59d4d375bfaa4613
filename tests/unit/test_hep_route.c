/* SPDX-License-Identifier: BSD-2-Clause */
/* Which instance a mirrored message is counted for, and in which direction: "edge in, proxy out". */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/hep_fixture.h"

/* ---- direction ---- */

TestSuite(hep_route, .fini = stop);

Test(hep_route, destination_is_local_means_received)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.1:5070", "192.0.2.10:5060"), "edge in"));
}

Test(hep_route, source_is_local_means_sent)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.1:5070"), "edge out"));
}

Test(hep_route, neither_is_counted_as_unrouted)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.10:5061", "192.0.2.1:5060"), ""));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_UNROUTED], 1));
}

Test(hep_route, the_port_and_every_octet_of_the_address_count)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.1:5070", "192.0.2.10:5061"), ""));
    cr_assert(eq(str, udp("192.0.2.1:5070", "192.0.2.11:5060"), ""));
    cr_assert(eq(str, udp("192.0.2.1:5070", "193.0.2.10:5060"), ""));
}

Test(hep_route, knows_ipv6)
{
    ADD("edge", "udp:[2001:db8::a]:5060");
    start();
    cr_assert(eq(str, udp("2001:db8::1 5070", "2001:db8::a 5060"), "edge in"));
}

Test(hep_route, a_thousand_instances_are_told_apart)
{
    static struct config_instance many[CONFIG_INSTANCES_MAX];
    static struct config_address addresses[CONFIG_INSTANCES_MAX];
    char text[64], expected[64];
    struct phrase note;

    config.instances = many;
    config.n_instances = CONFIG_INSTANCES_MAX;
    for (unsigned i = 0; i < CONFIG_INSTANCES_MAX; i++) {
        snprintf(text, sizeof(text), "udp:10.0.%u.%u:5060", i / 256, i % 256);
        cr_assert(address_parse(text, &addresses[i], &note));
        snprintf(many[i].name, sizeof(many[i].name), "i%u", i);
        many[i].locals = &addresses[i];
        many[i].n_locals = 1;
    }
    start();
    for (unsigned i = 0; i < CONFIG_INSTANCES_MAX; i++) {
        snprintf(text, sizeof(text), "10.0.%u.%u:5060", i / 256, i % 256);
        snprintf(expected, sizeof(expected), "i%u in", i);
        cr_assert(eq(str, udp("192.0.2.1:5060", text), expected));
    }
}

/* ---- transports ---- */

Test(hep_route, datagrams_and_streams_of_one_number_are_two_addresses)
{
    ADD("edge", "udp:192.0.2.10:5060");
    ADD("proxy", "tcp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.1:5070", "192.0.2.10:5060"), "edge in"));
    cr_assert(eq(str, tcp("192.0.2.1:5070", "192.0.2.10:5060"), "proxy in"));
}

Test(hep_route, all_streams_are_one_family_since_mirrors_mix_them_up)
{
    static const uint8_t protocols[] = { 6, 22, 50, 132 };

    ADD("edge", "wss:192.0.2.10:443");
    start();
    for (size_t i = 0; i < sizeof(protocols); i++)
        cr_assert(eq(str, sent_at(0, "192.0.2.1:5070", "192.0.2.10:443", protocols[i], "x"), "edge in"));
}

Test(hep_route, an_unknown_transport_fits_both)
{
    ADD("edge", "udp:192.0.2.10:5060");
    ADD("proxy", "tcp:192.0.2.11:5060");
    start();
    cr_assert(eq(str, sent_at(0, "192.0.2.1:5070", "192.0.2.10:5060", 0, "x"), "edge in"));
    cr_assert(eq(str, sent_at(0, "192.0.2.1:5070", "192.0.2.11:5060", 0, "x"), "proxy in"));
}

Test(hep_route, the_observer_is_told_the_transport)
{
    ADD("edge", "tls:192.0.2.10:5061");
    start();
    sent_at(0, "192.0.2.1:5070", "192.0.2.10:5061", 22, "x");
    cr_assert(eq(int, seen.transport, SIPSTAT_TLS));
}

/* A connection that the instance opened has a port that nobody configured. */
Test(hep_route, a_stream_from_another_port_of_our_host_is_ours)
{
    ADD("edge", "tcp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, tcp("192.0.2.10:40001", "192.0.2.1:5060"), "edge out"));
    cr_assert(eq(str, tcp("192.0.2.1:5060", "192.0.2.10:40001"), "edge in"));
}

Test(hep_route, a_datagram_from_another_port_of_our_host_is_not)
{
    ADD("edge", "udp:192.0.2.10:5060", "tcp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.10:40001", "192.0.2.1:5060"), ""));
}

Test(hep_route, a_local_port_wins_over_another_port_of_the_same_host)
{
    ADD("edge", "tcp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, tcp("192.0.2.10:40001", "192.0.2.10:5060"), "edge in"));
    cr_assert(eq(str, tcp("192.0.2.10:5060", "192.0.2.10:40001"), "edge out"));
}

Test(hep_route, a_host_of_two_instances_decides_nothing)
{
    ADD("edge", "tcp:192.0.2.10:5060");
    ADD("proxy", "tcp:192.0.2.10:5070");
    start();
    cr_assert(eq(str, tcp("192.0.2.10:40001", "192.0.2.1:5060"), ""));
    cr_assert(eq(str, tcp("192.0.2.10:40001", "192.0.2.10:5070"), "proxy in"));
}

Test(hep_route, two_unknown_ports_of_our_host_decide_nothing)
{
    ADD("edge", "tcp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, tcp("192.0.2.10:40001", "192.0.2.10:40002"), ""));
}

/* ---- any host ---- */

Test(hep_route, any_host_takes_the_port)
{
    ADD("edge", "udp:*:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.1:5070", "192.0.2.10:5060"), "edge in"));
    cr_assert(eq(str, udp("2001:db8::a 5060", "2001:db8::1 5070"), "edge out"));
}

Test(hep_route, a_full_address_wins_over_any_host)
{
    ADD("edge", "udp:192.0.2.10:5060");
    ADD("proxy", "udp:*:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.1:5070", "192.0.2.10:5060"), "edge in"));
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.1:5060"), "edge out"));
    cr_assert(eq(str, udp("192.0.2.1:5070", "192.0.2.11:5060"), "proxy in"));
}

Test(hep_route, any_host_at_both_ends_is_learnt)
{
    ADD("edge", "udp:*:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.1:5060", "192.0.2.10:5060"), "edge in"));
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.2:5060"), "edge out"));
    cr_assert(eq(str, udp("192.0.2.2:5060", "192.0.2.10:5060"), "edge in"));
}

/* ---- both ends local ---- */

TestSuite(hep_self, .fini = stop);

Test(hep_self, a_message_to_itself_counts_as_sent_and_as_received)
{
    ADD("edge", "udp:192.0.2.10:5060", "udp:192.0.2.10:5070");
    start();
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.10:5070"), "edge out, edge in"));
}

Test(hep_self, the_same_port_at_both_ends_is_no_exception)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.10:5060"), "edge out, edge in"));
}

Test(hep_self, from_one_instance_to_another_each_counts_its_own)
{
    ADD("edge", "udp:192.0.2.10:5060");
    ADD("proxy", "udp:192.0.2.11:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.11:5060"), "edge out, proxy in"));
}

/* Kamailio mirrors a message to itself when it leaves and when it arrives. */
Test(hep_self, the_second_copy_of_the_mirror_is_not_another_message)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    cr_assert(eq(str, sent_at(0, "192.0.2.10:5060", "192.0.2.10:5060", 17, "x"), "edge out, edge in"));
    cr_assert(eq(str, sent_at(300 * MILLI, "192.0.2.10:5060", "192.0.2.10:5060", 17, "x"), ""));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_SELF_MESSAGES], 1));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_SELF_ECHOES], 1));
}

Test(hep_self, the_copies_may_come_in_either_order)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    cr_assert(
        eq(str, sent_at(2 * MILLI, "192.0.2.10:5060", "192.0.2.10:5060", 17, "x"), "edge out, edge in"));
    cr_assert(eq(str, sent_at(0, "192.0.2.10:5060", "192.0.2.10:5060", 17, "x"), ""));
}

Test(hep_self, a_retransmission_counts_again_with_two_copies_each)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    for (unsigned i = 0; i < 5; i++) {
        uint64_t at = i * 500 * MILLI;

        cr_assert(eq(str, sent_at(at, "192.0.2.10:5060", "192.0.2.10:5060", 17, "x"), "edge out, edge in"));
        cr_assert(eq(str, sent_at(at + MILLI, "192.0.2.10:5060", "192.0.2.10:5060", 17, "x"), ""));
    }
}

Test(hep_self, a_retransmission_counts_again_with_one_copy_each)
{
    ADD("edge", "udp:192.0.2.10:5060");
    start();
    for (unsigned i = 0; i < 5; i++)
        cr_assert(eq(str, sent_at(i * 500 * MILLI, "192.0.2.10:5060", "192.0.2.10:5060", 17, "x"),
                     "edge out, edge in"));
}

Test(hep_self, another_message_or_another_end_is_no_second_copy)
{
    ADD("edge", "udp:192.0.2.10:5060", "udp:192.0.2.10:5070", "tcp:192.0.2.10:5060");
    start();
    udp("192.0.2.10:5060", "192.0.2.10:5060");
    cr_assert(eq(str, sent_at(0, "192.0.2.10:5060", "192.0.2.10:5060", 17, "x"), "edge out, edge in"));
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.10:5070"), "edge out, edge in"));
    cr_assert(eq(str, udp("192.0.2.10:5070", "192.0.2.10:5060"), "edge out, edge in"));
    cr_assert(eq(str, tcp("192.0.2.10:5060", "192.0.2.10:5060"), "edge out, edge in"));
}

Test(hep_self, what_the_table_forgets_is_counted)
{
    char payload[32];

    ADD("edge", "udp:192.0.2.10:5060");
    start();
    for (unsigned i = 0; i < 2 * HEP_ECHO_SETS * HEP_ECHO_WAYS; i++) {
        snprintf(payload, sizeof(payload), "%u", i);
        sent_at(0, "192.0.2.10:5060", "192.0.2.10:5060", 17, payload);
    }
    cr_assert(ge(u64, pipe_.counters[HEP_COUNT_SELF_FORGOTTEN], HEP_ECHO_SETS * HEP_ECHO_WAYS));
}

/* ---- no local address ---- */

TestSuite(hep_learn, .fini = stop);

Test(hep_learn, the_first_request_is_taken_as_received)
{
    instance_add("edge", NULL);
    start();
    cr_assert(eq(str, udp("192.0.2.1:5060", "192.0.2.10:5060"), "edge in"));
    cr_assert(
        eq(str, sent_at(0, "192.0.2.10:5060", "192.0.2.1:5060", 17, "SIP/2.0 200 OK\r\n\r\n"), "edge out"));
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.1:5060"), "edge out"));
}

Test(hep_learn, a_first_response_is_taken_as_sent)
{
    instance_add("edge", NULL);
    start();
    cr_assert(
        eq(str, sent_at(0, "192.0.2.10:5060", "192.0.2.1:5060", 17, "SIP/2.0 200 OK\r\n\r\n"), "edge out"));
}

Test(hep_learn, a_third_end_makes_the_common_one_certain)
{
    instance_add("edge", NULL);
    start();
    udp("192.0.2.1:5060", "192.0.2.10:5060");
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.2:5060"), "edge out"));
    cr_assert(eq(str, udp("192.0.2.3:5060", "192.0.2.10:5060"), "edge in"));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_GUESSED_WRONG], 0));
}

Test(hep_learn, a_wrong_guess_is_mended_and_counted)
{
    instance_add("edge", NULL);
    start();
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.1:5060"), "edge in"));
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.2:5060"), "edge out"));
    cr_assert(eq(str, udp("192.0.2.10:5060", "192.0.2.1:5060"), "edge out"));
    cr_assert(eq(u64, pipe_.counters[HEP_COUNT_GUESSED_WRONG], 1));
}

Test(hep_learn, another_port_of_a_learnt_host_is_ours)
{
    instance_add("edge", NULL);
    start();
    udp("192.0.2.1:5060", "192.0.2.10:5060");
    udp("192.0.2.10:5060", "192.0.2.2:5060");
    cr_assert(eq(str, tcp("192.0.2.10:40001", "192.0.2.1:5060"), "edge out"));
    cr_assert(eq(str, tcp("192.0.2.1:5060", "192.0.2.10:40001"), "edge in"));
}

Test(hep_learn, works_on_one_host_by_the_ports)
{
    instance_add("edge", NULL);
    start();
    udp("127.0.0.1:5070", "127.0.0.1:5060");
    cr_assert(eq(str, udp("127.0.0.1:5060", "127.0.0.1:5080"), "edge out"));
    cr_assert(eq(str, udp("127.0.0.1:5080", "127.0.0.1:5060"), "edge in"));
    cr_assert(eq(str, udp("127.0.0.1:5060", "127.0.0.1:5060"), "edge out, edge in"));
}

Test(hep_learn, learns_further_addresses)
{
    instance_add("edge", NULL);
    start();
    udp("192.0.2.1:5060", "192.0.2.10:5060");
    udp("192.0.2.10:5060", "192.0.2.2:5060");
    cr_assert(eq(str, udp("10.0.0.1:5060", "10.0.0.10:5060"), "edge in"));
    cr_assert(eq(str, udp("10.0.0.10:5060", "10.0.0.2:5060"), "edge out"));
    cr_assert(eq(str, udp("10.0.0.10:5060", "192.0.2.10:5060"), "edge out, edge in"));
}

Test(hep_learn, everything_is_counted_however_confusing)
{
    char source[32], destination[32];

    instance_add("edge", NULL);
    start();
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(source, sizeof(source), "10.1.%u.%u:5060", i % 7, i % 13);
        snprintf(destination, sizeof(destination), "10.2.%u.%u:5060", i % 5, i % 11);
        cr_assert(ne(str, udp(source, destination), ""));
    }
}

Test(hep_learn, is_not_for_one_of_several_instances)
{
    instance_add("edge", NULL);
    ADD("proxy", "udp:192.0.2.11:5060");
    start();
    cr_assert(eq(str, udp("192.0.2.1:5060", "192.0.2.10:5060"), ""));
}
