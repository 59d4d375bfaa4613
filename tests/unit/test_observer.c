/* SPDX-License-Identifier: BSD-2-Clause */
/* The counting rules: what a sequence of messages, each received or sent, does to the counters. A scene is a
 * string of steps; everything it counted is compared as one line. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "tests/unit/observer_fixture.h"

static struct scene s;

static void
setup(void)
{
    scene_init(&s, 1000);
}

static void
teardown(void)
{
    scene_fini(&s);
}

TestSuite(observer, .init = setup, .fini = teardown);

/* Everything counted so far, and nothing else. */
static void
expect_(const char *counts, int line)
{
    const char *found = scene_counts(&s);

    cr_expect(strcmp(found, counts) == 0, "line %d:\n expected %s\n    found %s", line, counts, found);
}
#define expect(counts)                   expect_(counts, __LINE__)
#define step(direction, message, result) cr_expect(eq(int, scene_##direction(&s, message), SIPSTAT_##result))

/* ---- requests and responses, each role ----------------------------------------------------------------- */

Test(observer, server_transaction_begins_with_the_request_and_ends_with_the_final_response)
{
    step(in, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    expect("in_requests=1 transactions_begun=1 OPTIONS.in=1");
    cr_expect(eq(u32, observer_open(s.o), 1));
    step(out, RESPONSE("200", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    expect(
        "in_requests=1 out_responses=1 transactions_begun=1 transactions_ended=1 OPTIONS.in=1 OPTIONS/200.out=1");
    cr_expect(eq(u32, observer_open(s.o), 0));
    cr_expect(eq(u32, observer_remembered(s.o), 1));
}

Test(observer, client_transaction_begins_with_the_request_and_ends_with_the_final_response)
{
    step(out, REQUEST("BYE", B("1"), "2", ""), COUNTED);
    step(in, RESPONSE("481", "BYE", B("1"), "2", ";tag=b", ""), COUNTED);
    expect("out_requests=1 in_responses=1 transactions_begun=1 transactions_ended=1 BYE.out=1 BYE/481.in=1");
}

Test(observer, provisional_responses_do_not_end_a_transaction)
{
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(in, RESPONSE("100", "INVITE", B("1"), "1", "", ""), COUNTED);
    step(in, RESPONSE("180", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    expect("out_requests=1 in_responses=2 transactions_begun=1 INVITE.out=1 INVITE/100.in=1 INVITE/180.in=1");
    cr_expect(eq(u32, observer_open(s.o), 1));
}

Test(observer, roles_never_match_each_other)
{
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("200", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    expect(
        "out_requests=1 out_responses=1 transactions_begun=1 responses_unmatched=1 OPTIONS.out=1 OPTIONS/200.out=1");
}

Test(observer, message_to_oneself_is_two_transactions)
{
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    step(in, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("200", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in, RESPONSE("200", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    expect(
        "in_requests=1 out_requests=1 in_responses=1 out_responses=1 transactions_begun=2 transactions_ended=2 "
        "OPTIONS.in=1 OPTIONS.out=1 OPTIONS/200.in=1 OPTIONS/200.out=1");
}

Test(observer, fork_branches_are_transactions_each)
{
    step(in, REQUEST("INVITE", B("up"), "1", ""), COUNTED);
    step(out, REQUEST("INVITE", B("down1"), "1", ""), COUNTED);
    step(out, REQUEST("INVITE", B("down2"), "1", ""), COUNTED);
    step(in, RESPONSE("486", "INVITE", B("down1"), "1", ";tag=x", ""), COUNTED);
    step(in, RESPONSE("200", "INVITE", B("down2"), "1", ";tag=y", ""), COUNTED);
    step(out, RESPONSE("200", "INVITE", B("up"), "1", ";tag=y", ""), COUNTED);
    expect(
        "in_requests=1 out_requests=2 in_responses=2 out_responses=1 transactions_begun=3 transactions_ended=3 "
        "INVITE.in=1 INVITE.out=2 INVITE/486.in=1 INVITE/200.in=1 INVITE/200.out=1");
}

Test(observer, response_shown_before_its_request_ends_the_transaction_when_it_comes)
{
    step(in, RESPONSE("200", "BYE", B("1"), "2", ";tag=b", ""), COUNTED);
    cr_expect(eq(u32, observer_open(s.o), 0));
    step(out, REQUEST("BYE", B("1"), "2", ""), COUNTED);
    cr_expect(eq(u32, observer_open(s.o), 0));
    step(out, REQUEST("BYE", B("1"), "2", ""), RETRANSMISSION);
    expect(
        "out_requests=2 in_responses=1 transactions_begun=1 transactions_ended=1 responses_unmatched=1 BYE.out=1 "
        "BYE.out_again=1 BYE/200.in=1");
}

Test(observer, provisional_response_shown_before_its_invite_leaves_it_open)
{
    step(in, RESPONSE("180", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    cr_expect(eq(u32, observer_open(s.o), 1));
    step(in, RESPONSE("486", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    expect("out_requests=1 in_responses=2 transactions_begun=1 transactions_ended=1 responses_unmatched=1 "
           "INVITE.out=1 INVITE/180.in=1 INVITE/486.in=1");
}

Test(observer, ack_shown_before_its_invite_belongs_to_it)
{
    step(in, RESPONSE("486", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, REQUEST("ACK", B("1"), "1", ""), COUNTED);
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    cr_expect(eq(u32, observer_open(s.o), 0));
    expect("out_requests=2 in_responses=1 transactions_begun=1 transactions_ended=1 responses_unmatched=1 "
           "INVITE.out=1 ACK.out=1 INVITE/486.in=1");
}

Test(observer, response_without_request_is_unmatched)
{
    step(in, RESPONSE("200", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("404", "BYE", B("2"), "1", ";tag=b", ""), COUNTED);
    expect("in_responses=1 out_responses=1 responses_unmatched=2 OPTIONS/200.in=1 BYE/404.out=1");
}

Test(observer, same_branch_with_another_method_is_another_transaction)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(in, REQUEST("CANCEL", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("200", "CANCEL", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("487", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in, REQUEST("ACK", B("1"), "1", ""), COUNTED);
    expect("in_requests=3 out_responses=2 transactions_begun=2 transactions_ended=2 "
           "INVITE.in=1 ACK.in=1 CANCEL.in=1 CANCEL/200.out=1 INVITE/487.out=1");
}

Test(observer, same_branch_with_another_sequence_number_is_another_transaction)
{
    step(in, REQUEST("REGISTER", B("fixed"), "1", ""), COUNTED);
    step(in, REQUEST("REGISTER", B("fixed"), "2", ""), COUNTED);
    expect("in_requests=2 transactions_begun=2 REGISTER.in=2");
}

/* ---- retransmissions ----------------------------------------------------------------------------------- */

Test(observer, repeated_request_counts_in_the_summary_and_as_retransmission_only)
{
    step(in, REQUEST("MESSAGE", B("1"), "1", ""), COUNTED);
    step(in, REQUEST("MESSAGE", B("1"), "1", ""), RETRANSMISSION);
    step(out, RESPONSE("200", "MESSAGE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in, REQUEST("MESSAGE", B("1"), "1", ""), RETRANSMISSION);
    expect("in_requests=3 out_responses=1 transactions_begun=1 transactions_ended=1 "
           "MESSAGE.in=1 MESSAGE.in_again=2 MESSAGE/200.out=1");
}

Test(observer, request_sent_again_is_a_retry)
{
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, REQUEST("INVITE", B("1"), "1", ""), RETRANSMISSION);
    step(out, REQUEST("INVITE", B("1"), "1", ""), RETRANSMISSION);
    expect("out_requests=3 transactions_begun=1 INVITE.out=1 INVITE.out_again=2");
}

Test(observer, final_response_sent_again_is_a_retry)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    expect("in_requests=1 out_responses=2 transactions_begun=1 transactions_ended=1 "
           "INVITE.in=1 INVITE.final_again=1 INVITE/200.out=2");
}

Test(observer, provisional_response_sent_again_is_a_retry)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("100", "INVITE", B("1"), "1", "", ""), COUNTED);
    step(out, RESPONSE("100", "INVITE", B("1"), "1", "", ""), RETRANSMISSION);
    step(out, RESPONSE("180", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("100", "INVITE", B("1"), "1", "", ""), RETRANSMISSION);
    expect("in_requests=1 out_responses=4 transactions_begun=1 INVITE.in=1 INVITE.provisional_again=2 "
           "INVITE/100.out=3 INVITE/180.out=1");
}

Test(observer, response_received_again_is_no_retry_of_ours)
{
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(in, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    expect("out_requests=1 in_responses=2 transactions_begun=1 transactions_ended=1 INVITE.out=1 "
           "INVITE.response_in_again=1 INVITE/200.in=2");
}

Test(observer, responses_of_two_forks_are_not_retransmissions_of_each_other)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("180", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("180", "INVITE", B("1"), "1", ";tag=c", ""), COUNTED);
    step(out, RESPONSE("180", "INVITE", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    step(out, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("200", "INVITE", B("1"), "1", ";tag=c", ""), COUNTED);
    step(out, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    expect("in_requests=1 out_responses=6 transactions_begun=1 transactions_ended=1 INVITE.in=1 "
           "INVITE.final_again=1 INVITE.provisional_again=1 INVITE/180.out=3 INVITE/200.out=3");
}

Test(observer, reliable_provisional_responses_are_told_apart_by_rseq)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("183", "INVITE", B("1"), "1", ";tag=b", "RSeq: 1\r\nRequire: 100rel\r\n"), COUNTED);
    step(out, RESPONSE("183", "INVITE", B("1"), "1", ";tag=b", "RSeq: 1\r\nRequire: 100rel\r\n"),
         RETRANSMISSION);
    step(out, RESPONSE("183", "INVITE", B("1"), "1", ";tag=b", "RSeq: 2\r\nRequire: 100rel\r\n"), COUNTED);
    expect("in_requests=1 out_responses=3 transactions_begun=1 INVITE.in=1 INVITE.provisional_again=1 "
           "INVITE/183.out=3");
}

Test(observer, three_different_responses_are_remembered)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    for (int round = 0; round < 2; round++) {
        int again = round == 0 ? SIPSTAT_COUNTED : SIPSTAT_RETRANSMISSION;

        cr_expect(eq(int, scene_out(&s, RESPONSE("180", "INVITE", B("1"), "1", ";tag=b", "")), again));
        cr_expect(eq(int, scene_out(&s, RESPONSE("180", "INVITE", B("1"), "1", ";tag=c", "")), again));
        cr_expect(eq(int, scene_out(&s, RESPONSE("181", "INVITE", B("1"), "1", ";tag=c", "")), again));
    }
}

/* ---- ACK ----------------------------------------------------------------------------------------------- */

Test(observer, ack_to_a_failure_belongs_to_its_invite)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("486", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in, REQUEST("ACK", B("1"), "1", ""), COUNTED);
    step(in, REQUEST("ACK", B("1"), "1", ""), RETRANSMISSION);
    expect("in_requests=3 out_responses=1 transactions_begun=1 transactions_ended=1 INVITE.in=1 ACK.in=1 "
           "ACK.in_again=1 INVITE/486.out=1");
}

Test(observer, ack_to_success_is_a_transaction_that_ends_as_it_begins)
{
    step(out, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(in, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, REQUEST_TO("sip:bob@192.0.2.4", "ACK", B("2"), "1", ";tag=b", ""), COUNTED);
    step(out, REQUEST_TO("sip:bob@192.0.2.4", "ACK", B("2"), "1", ";tag=b", ""), RETRANSMISSION);
    expect("out_requests=3 in_responses=1 transactions_begun=2 transactions_ended=2 INVITE.out=1 ACK.out=1 "
           "ACK.out_again=1 INVITE/200.in=1");
    cr_expect(eq(u32, observer_open(s.o), 0));
}

Test(observer, ack_to_success_with_the_branch_of_the_invite_is_its_own_transaction)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in, REQUEST_TO("sip:bob@192.0.2.4", "ACK", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in, REQUEST_TO("sip:bob@192.0.2.4", "ACK", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    expect("in_requests=3 out_responses=1 transactions_begun=2 transactions_ended=2 INVITE.in=1 ACK.in=1 "
           "ACK.in_again=1 INVITE/200.out=1");
}

Test(observer, acks_to_two_forks_are_two_even_with_one_branch)
{
    step(in, REQUEST_TO("sip:bob@192.0.2.4", "ACK", B("fixed"), "1", ";tag=b", ""), COUNTED);
    step(in, REQUEST_TO("sip:bob@192.0.2.4", "ACK", B("fixed"), "1", ";tag=c", ""), COUNTED);
    expect("in_requests=2 transactions_begun=2 transactions_ended=2 ACK.in=2");
}

Test(observer, late_ack_is_its_own_transaction)
{
    step(in, REQUEST("INVITE", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("486", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    scene_wait(&s, 33000);
    step(in, REQUEST("ACK", B("1"), "1", ""), COUNTED);
    expect("in_requests=2 out_responses=1 transactions_begun=2 transactions_ended=2 INVITE.in=1 ACK.in=1 "
           "INVITE/486.out=1");
}

/* ---- RFC 2543 ------------------------------------------------------------------------------------------ */

Test(observer, without_cookie_the_whole_call_makes_the_transaction)
{
    step(in, REQUEST("INVITE", "1", "1", ""), COUNTED);
    step(in, REQUEST("INVITE", "1", "1", ""), RETRANSMISSION);
    step(in, REQUEST("INVITE", "2", "1", ""), COUNTED);
    step(out, RESPONSE("404", "INVITE", "1", "1", ";tag=b", ""), COUNTED);
    step(in, REQUEST("ACK", "1", "1", ""), COUNTED);
    expect(
        "in_requests=4 out_responses=1 transactions_begun=2 transactions_ended=1 INVITE.in=2 INVITE.in_again=1 "
        "ACK.in=1 INVITE/404.out=1");
}

Test(observer, without_any_branch_request_and_response_match)
{
    static const char invite[] = "INVITE sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/UDP old.example.com\r\n"
                                 "From: <sip:a@example.com>;tag=1\r\nTo: sip:b@example.net\r\n"
                                 "Call-ID: 1@old\r\nCSeq: 1 INVITE\r\n\r\n";
    static const char other_from[] =
        "INVITE sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/UDP old.example.com\r\n"
        "From: <sip:a@example.com>;tag=2\r\nTo: sip:b@example.net\r\n"
        "Call-ID: 1@old\r\nCSeq: 1 INVITE\r\n\r\n";
    static const char ok[] = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP old.example.com;received=192.0.2.1\r\n"
                             "From: <sip:a@example.com>;tag=1\r\nTo: sip:b@example.net;tag=9\r\n"
                             "Call-ID: 1@old\r\nCSeq: 1 INVITE\r\n\r\n";
    static const char ack[] = "ACK sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/UDP old.example.com\r\n"
                              "From: <sip:a@example.com>;tag=1\r\nTo: sip:b@example.net;tag=9\r\n"
                              "Call-ID: 1@old\r\nCSeq: 1 ACK\r\n\r\n";

    step(in, invite, COUNTED);
    step(in, invite, RETRANSMISSION);
    step(in, other_from, COUNTED);
    step(out, ok, COUNTED);
    step(in, ack, COUNTED);
    step(in, ack, RETRANSMISSION);
    expect(
        "in_requests=5 out_responses=1 transactions_begun=3 transactions_ended=2 INVITE.in=2 INVITE.in_again=1 "
        "ACK.in=1 ACK.in_again=1 INVITE/200.out=1");
}

Test(observer, cookie_alone_is_no_branch)
{
    step(in, REQUEST("OPTIONS", B(""), "1", ""), COUNTED);
    step(in, REQUEST("OPTIONS", B(""), "2", ""), COUNTED);
    step(out, RESPONSE("200", "OPTIONS", B(""), "1", ";tag=b", ""), COUNTED);
    expect(
        "in_requests=2 out_responses=1 transactions_begun=2 transactions_ended=1 OPTIONS.in=2 OPTIONS/200.out=1");
}

/* ---- what else is counted ------------------------------------------------------------------------------ */

Test(observer, unsupported_uri_scheme_counts_once_for_a_transaction)
{
    step(in, REQUEST_TO("http://example.net", "OPTIONS", B("1"), "1", "", ""), COUNTED);
    step(in, REQUEST_TO("http://example.net", "OPTIONS", B("1"), "1", "", ""), RETRANSMISSION);
    step(out, RESPONSE("416", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    expect(
        "in_requests=2 out_responses=1 transactions_begun=1 transactions_ended=1 unsupported_uris=1 OPTIONS.in=1 "
        "OPTIONS.in_again=1 OPTIONS/416.out=1");
}

Test(observer, supported_scheme_answered_416_is_an_unsupported_uri)
{
    step(in, REQUEST_TO("SIPS:bob@example.net", "INVITE", B("1"), "1", "", ""), COUNTED);
    step(out, RESPONSE("416", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("416", "INVITE", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    step(in, REQUEST_TO("SIPS:bob@example.net", "ACK", B("1"), "1", ";tag=b", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_UNSUPPORTED_URIS), 1));
}

Test(observer, scheme_of_a_request_sent_is_not_ours_to_support)
{
    step(out, REQUEST_TO("http://example.net", "OPTIONS", B("1"), "1", "", ""), COUNTED);
    step(in, RESPONSE("416", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_UNSUPPORTED_URIS), 0));
}

Test(observer, emergency_call_is_supported)
{
    step(in, REQUEST_TO("urn:service:sos", "INVITE", B("1"), "1", "", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_UNSUPPORTED_URIS), 0));
}

Test(observer, unsupported_uri_of_an_ack_was_counted_with_its_invite)
{
    step(in, REQUEST_TO("http://example.net", "INVITE", B("1"), "1", "", ""), COUNTED);
    step(out, RESPONSE("200", "INVITE", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in, REQUEST_TO("http://example.net", "ACK", B("2"), "1", ";tag=b", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_UNSUPPORTED_URIS), 1));
}

Test(observer, discarded_message_takes_no_method_number)
{
    step(
        in,
        "FROB sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nCall-ID: 1\r\nCSeq: 1 FROB\r\n\r\n",
        DISCARDED);
    cr_expect(eq(u32, s.w.live->methods, METHOD_IANA_COUNT));
}

Test(observer, more_than_a_message_can_be_is_no_keepalive)
{
    static const uint8_t zeros[70000];

    cr_expect(eq(int, observer_message(s.o, &s.w, SIPSTAT_IN, span_of(zeros, sizeof(zeros)), SIPSTAT_UDP, 1),
                 SIPSTAT_DISCARDED));
}

Test(observer, tel_is_supported_and_a_malformed_uri_is_not_unsupported)
{
    step(in, REQUEST_TO("tel:+358-555-1234567", "INVITE", B("1"), "1", "", ""), COUNTED);
    step(in, REQUEST_TO("<sip:bob@example.net>", "INVITE", B("2"), "1", "", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_UNSUPPORTED_URIS), 0));
}

Test(observer, method_answered_405_or_501_is_unsupported_once)
{
    step(in, REQUEST("JUMP", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("501", "JUMP", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("501", "JUMP", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    step(in, REQUEST("PUBLISH", B("2"), "1", ""), COUNTED);
    step(out, RESPONSE("405", "PUBLISH", B("2"), "1", ";tag=b", ""), COUNTED);
    expect("in_requests=2 out_responses=3 transactions_begun=2 transactions_ended=2 unsupported_methods=2 "
           "PUBLISH.in=1 JUMP.in=1 JUMP.final_again=1 JUMP/501.out=2 PUBLISH/405.out=1");
}

Test(observer, proxy_require_failure_needs_the_header_and_420)
{
    step(in, REQUEST("INVITE", B("1"), "1", "Proxy-Require: sec-agree\r\n"), COUNTED);
    step(out, RESPONSE("420", "INVITE", B("1"), "1", ";tag=b", "Unsupported: sec-agree\r\n"), COUNTED);
    step(out, RESPONSE("420", "INVITE", B("1"), "1", ";tag=b", "Unsupported: sec-agree\r\n"), RETRANSMISSION);
    step(in, REQUEST("INVITE", B("2"), "2", "Require: sec-agree\r\n"), COUNTED);
    step(out, RESPONSE("420", "INVITE", B("2"), "2", ";tag=b", "Unsupported: sec-agree\r\n"), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_PROXY_REQUIRE_FAILED), 1));
}

Test(observer, registration_is_accepted_once)
{
    step(in,
         REQUEST("REGISTER", B("1"), "1",
                 "Authorization: Digest username=\"alice\", response=\"6629fae4\"\r\n"),
         COUNTED);
    step(out, RESPONSE("200", "REGISTER", B("1"), "1", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("200", "REGISTER", B("1"), "1", ";tag=b", ""), RETRANSMISSION);
    expect("in_requests=1 out_responses=2 transactions_begun=1 transactions_ended=1 register_accepted=1 "
           "REGISTER.in=1 REGISTER.final_again=1 REGISTER/200.out=2");
}

Test(observer, challenge_without_credentials_is_neither_accepted_nor_rejected)
{
    step(in, REQUEST("REGISTER", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("401", "REGISTER", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in, REQUEST("REGISTER", B("2"), "2", ""), COUNTED);
    step(out, RESPONSE("407", "REGISTER", B("2"), "2", ";tag=b", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_REGISTER_ACCEPTED), 0));
    cr_expect(eq(u64, scene_counter(&s, LANE_REGISTER_REJECTED), 0));
}

/* An IMS phone names itself before it is asked (3GPP TS 24.229 5.1.1.2). */
Test(observer, digest_without_a_response_is_no_credentials)
{
    step(in,
         REQUEST("REGISTER", B("1"), "1",
                 "Authorization: Digest username=\"a@ims\", nonce=\"\", response=\"\"\r\n"),
         COUNTED);
    step(out, RESPONSE("401", "REGISTER", B("1"), "1", ";tag=b", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_REGISTER_REJECTED), 0));
}

Test(observer, credentials_for_the_registrar_are_none_for_a_proxy)
{
    step(in,
         REQUEST("REGISTER", B("1"), "1",
                 "Authorization: Digest username=\"alice\", response=\"6629fae4\"\r\n"),
         COUNTED);
    step(out, RESPONSE("407", "REGISTER", B("1"), "1", ";tag=b", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_REGISTER_REJECTED), 0));
}

Test(observer, registration_is_rejected_by_failure_or_by_a_challenge_to_credentials)
{
    step(in, REQUEST("REGISTER", B("1"), "1", ""), COUNTED);
    step(out, RESPONSE("403", "REGISTER", B("1"), "1", ";tag=b", ""), COUNTED);
    step(in,
         REQUEST("REGISTER", B("2"), "2",
                 "Authorization: Digest username=\"alice\", response=\"6629fae4\"\r\n"),
         COUNTED);
    step(out, RESPONSE("401", "REGISTER", B("2"), "2", ";tag=b", ""), COUNTED);
    step(in,
         REQUEST("REGISTER", B("3"), "3",
                 "Proxy-Authorization: Digest username=\"alice\", response=\"6629fae4\"\r\n"),
         COUNTED);
    step(out, RESPONSE("407", "REGISTER", B("3"), "3", ";tag=b", ""), COUNTED);
    step(in, REQUEST("REGISTER", B("4"), "4", ""), COUNTED);
    step(out, RESPONSE("302", "REGISTER", B("4"), "4", ";tag=b", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_REGISTER_REJECTED), 4));
}

Test(observer, registration_of_ones_own_is_not_registrar_work)
{
    step(out, REQUEST("REGISTER", B("1"), "1", ""), COUNTED);
    step(in, RESPONSE("200", "REGISTER", B("1"), "1", ";tag=b", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_REGISTER_ACCEPTED), 0));
}

Test(observer, methods_beyond_the_table_fold_and_stay_apart)
{
    char request[1024];

    for (int i = 0; i < 60; i++) {
        snprintf(
            request, sizeof(request),
            "M%d sip:b@example.net SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
            "To: <sip:b@c>\r\nCall-ID: 1\r\nCSeq: 1 M%d\r\n\r\n",
            i, i);
        cr_expect(eq(int, scene_in(&s, request), SIPSTAT_COUNTED));
    }
    cr_expect(eq(u64, scene_counter(&s, LANE_METHODS_FOLDED), 60 - (METHOD_OTHER - METHOD_IANA_COUNT)));
    cr_expect(eq(u64, s.w.methods[METHOD_OTHER][LANE_METHOD_IN], 60 - (METHOD_OTHER - METHOD_IANA_COUNT)));
    cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_BEGUN), 60));
}

Test(observer, status_codes_above_699_touch_no_transaction)
{
    step(out, REQUEST("OPTIONS", B("1"), "1", ""), COUNTED);
    step(in, RESPONSE("799", "OPTIONS", B("1"), "1", ";tag=b", ""), COUNTED);
    expect("out_requests=1 in_responses=1 transactions_begun=1 OPTIONS.out=1 OPTIONS/799.in=1");
}

Test(observer, watched_status_code_is_recorded_with_its_header_fields)
{
    const struct lane_record *record = (const void *)s.lane->ring_data;
    const struct lane_event_status *status = (const struct lane_event_status *)(record + 1);

    s.lane->interest.codes[(486 - 100) / 64] |= 1ull << (486 - 100) % 64;
    step(in, REQUEST("INVITE", B("1"), "77", ""), COUNTED);
    step(out, RESPONSE("180", "INVITE", B("1"), "77", ";tag=b", ""), COUNTED);
    step(out, RESPONSE("486", "INVITE", B("1"), "77", ";tag=b", ""), COUNTED);
    cr_expect(eq(u64, scene_counter(&s, LANE_EVENTS_WRITTEN), 1));
    cr_expect(eq(int, status->direction, SIPSTAT_OUT));
    cr_expect(eq(int, status->code, 486));
    cr_expect(eq(u32, status->cseq, 77));
    cr_expect(eq(int, memcmp(status + 1, "<sip:bob@example.net>;tag=b\"Alice\"", 34), 0));
}

/* ---- what is not SIP ----------------------------------------------------------------------------------- */

Test(observer, keepalives_are_not_messages)
{
    static const uint8_t stun[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42 };
    enum sipstat_observed result;

    step(in, "\r\n\r\n", KEEPALIVE);
    step(out, "\r\n", KEEPALIVE);
    step(in, "", KEEPALIVE);
    result = observer_message(s.o, &s.w, SIPSTAT_IN, span_of(stun, sizeof(stun)), SIPSTAT_UDP, 1);
    cr_expect(eq(int, result, SIPSTAT_KEEPALIVE));
    result = observer_message(s.o, &s.w, SIPSTAT_IN, span_of("\0\0\0\0", 4), SIPSTAT_UDP, 1);
    cr_expect(eq(int, result, SIPSTAT_KEEPALIVE));
    expect("keepalives=5");
}

Test(observer, garbage_is_discarded_when_received_and_unparsable_when_sent)
{
    step(in, "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", DISCARDED);
    step(in, "\xf8sigcomp", DISCARDED);
    step(in, "\1\2\3", DISCARDED);
    step(out, "OPTIONS sip:b@example.net SIP/2.0\r\n\r\n", DISCARDED);
    expect("discarded=3 out_unparsable=1");
}

Test(observer, compressed_messages_are_neither_read_nor_garbage)
{
    static const char nack[27] = "\xf8\0\1\1";
    enum sipstat_observed result;

    step(in,
         "\xf9"
         "state and what was compressed with it",
         COMPRESSED);
    step(out,
         "\xfd\x01"
         "state and what was compressed with it",
         COMPRESSED);
    result = observer_message(s.o, &s.w, SIPSTAT_IN, span_of(nack, sizeof(nack)), SIPSTAT_UDP, 1);
    cr_expect(eq(int, result, SIPSTAT_COMPRESSED));
    step(in, "\xfbshort", DISCARDED);
    expect("discarded=1 sigcomp=3");
}

Test(observer, more_than_65535_octets_are_discarded)
{
    static char huge[65536 + 200];
    size_t head = (size_t)sprintf(huge, REQUEST("OPTIONS", B("1"), "1", "X: "));

    memset(huge + head, 'x', sizeof(huge) - head);
    cr_expect(eq(int, observer_message(s.o, &s.w, SIPSTAT_IN, span_of(huge, 65535), SIPSTAT_UDP, 1),
                 SIPSTAT_COUNTED));
    cr_expect(eq(int, observer_message(s.o, &s.w, SIPSTAT_IN, span_of(huge, 65536), SIPSTAT_UDP, 1),
                 SIPSTAT_DISCARDED));
}
