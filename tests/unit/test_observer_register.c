/* SPDX-License-Identifier: BSD-2-Clause */
/* What the observer records of registrations: bindings and failed authentications, each once; and which responses are
 * private. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/observer_fixture.h"

static struct scene s;

static void
setup(void)
{
    scene_init(&s, 1000);
    scene_want_registrations(&s);
}

static void
teardown(void)
{
    scene_fini(&s);
}

TestSuite(observer_register, .init = setup, .fini = teardown);

#define expect(events) cr_expect(eq(str, (char *)(uintptr_t)scene_events(&s), events))

#define DIGEST                       "Authorization: Digest username=\"bob\", nonce=\"n\", response=\"0123\"\r\n"
#define PROXY                        "Proxy-Authorization: Digest username=\"bob\", nonce=\"n\", response=\"0123\"\r\n"
#define CHALLENGE                    "WWW-Authenticate: Digest realm=\"r\", nonce=\"m\""
#define ACCEPTED(branch, cseq, more) RESPONSE("200", "REGISTER", B(branch), cseq, ";tag=r", more)

/* A REGISTER and its answer. */
#define registering(more, code, answer) (scene_in(&s, REGISTER_(more)), scene_out(&s, ANSWER_(code, answer)))
#define REGISTER_(more)                 REQUEST("REGISTER", B("1"), "1", more)
#define ANSWER_(code, answer)           RESPONSE(code, "REGISTER", B("1"), "1", ";tag=r", answer)

/* ---- bindings -------------------------------------------------------------------------------------------------- */

Test(observer_register, accepted_registration_lists_all_bindings)
{
    registering("Contact: <sip:new@192.0.2.9>\r\n", "200",
                "Contact: \"B\" <sip:b@192.0.2.1>;expires=60;q=1, <sip:c@192.0.2.2;ob>\r\nExpires: 90\r\n"
                "m: <sip:d@192.0.2.3>;+sip.instance=\"<urn:uuid:1>\";reg-id=1;q=0.25\r\n");
    expect(
        "bindings sip:bob@example.net [sip:b@192.0.2.1 expires=60 q=1000 name=B] "
        "[sip:c@192.0.2.2;ob expires=90] [sip:d@192.0.2.3 expires=90 q=250 instance=<urn:uuid:1> reg-id=1]\n");
}

Test(observer_register, no_contact_is_no_binding)
{
    registering("Contact: *\r\nExpires: 0\r\n", "200", "");
    expect("bindings sip:bob@example.net\n");
}

Test(observer_register, repeated_response_is_not_recorded_again)
{
    registering("", "200", "Contact: <sip:b@192.0.2.1>\r\n");
    expect("bindings sip:bob@example.net [sip:b@192.0.2.1]\n");
    scene_in(&s, REGISTER_(""));
    scene_out(&s, ANSWER_("200", "Contact: <sip:b@192.0.2.1>\r\n"));
    expect("");
}

Test(observer_register, second_final_response_is_not_recorded)
{
    registering("", "200", "Contact: <sip:b@192.0.2.1>\r\n");
    scene_out(&s, ANSWER_("202", ""));
    expect("bindings sip:bob@example.net [sip:b@192.0.2.1]\n");
}

Test(observer_register, response_to_an_unseen_request_is_recorded)
{
    scene_out(&s, ACCEPTED("unseen", "5", "Contact: <sip:b@192.0.2.1>\r\n"));
    expect("bindings sip:bob@example.net [sip:b@192.0.2.1]\n");
}

Test(observer_register, response_after_the_time_is_up_is_recorded)
{
    scene_in(&s, REGISTER_(""));
    scene_wait(&s, 33000);
    scene_out(&s, ANSWER_("200", "Contact: <sip:b@192.0.2.1>\r\n"));
    expect("bindings sip:bob@example.net [sip:b@192.0.2.1]\n");
}

Test(observer_register, received_responses_are_somebody_elses)
{
    scene_out(&s, REGISTER_(""));
    scene_in(&s, ANSWER_("200", "Contact: <sip:b@192.0.2.1>\r\n"));
    expect("");
}

Test(observer_register, other_methods_and_codes_list_no_bindings)
{
    registering("", "302", "Contact: <sip:b@192.0.2.1>\r\n");
    scene_in(&s, REQUEST("OPTIONS", B("2"), "1", ""));
    scene_out(&s, RESPONSE("200", "OPTIONS", B("2"), "1", ";tag=r", "Contact: <sip:b@192.0.2.1>\r\n"));
    scene_out(&s, RESPONSE("200", "OPTIONS", B("3"), "1", ";tag=r", "Contact: <sip:b@192.0.2.1>\r\n"));
    expect("");
}

Test(observer_register, nothing_is_recorded_unless_it_is_wanted)
{
    s.lane->interest.flags = 0;
    registering(DIGEST, "200", "Contact: <sip:b@192.0.2.1>\r\n");
    scene_out(&s, ACCEPTED("unseen", "5", ""));
    scene_in(&s, REQUEST("REGISTER", B("2"), "2", DIGEST));
    scene_out(&s, RESPONSE("403", "REGISTER", B("2"), "2", ";tag=r", ""));
    expect("");
    cr_expect(eq(u64, scene_counter(&s, LANE_REGISTER_ACCEPTED), 1));
}

Test(observer_register, path_service_route_and_gruus_change_nothing)
{
    registering("Supported: path, gruu, outbound\r\nPath: <sip:edge;lr>\r\n", "200",
                "Path: <sip:edge;lr>\r\nService-Route: <sip:home;lr>\r\n"
                "Contact: <sip:b@192.0.2.1;gr=x>;pub-gruu=\"sip:bob@example.net;gr=urn:uuid:1\""
                ";temp-gruu=\"sip:tgruu.7@example.net;gr\";expires=60\r\n");
    expect("bindings sip:bob@example.net [sip:b@192.0.2.1;gr=x expires=60]\n");
}

/* ---- failed authentications ------------------------------------------------------------------------------------ */

Test(observer_register, refused_credentials_are_a_failure)
{
    registering(DIGEST, "401", CHALLENGE "\r\n");
    expect("auth_failed 401 sip:bob@example.net\n");
}

Test(observer_register, refused_once_is_one_failure)
{
    registering(DIGEST, "403", "");
    scene_in(&s, REGISTER_(DIGEST));
    scene_out(&s, ANSWER_("403", ""));
    expect("auth_failed 403 sip:bob@example.net\n");
}

Test(observer_register, challenge_without_credentials_is_no_failure)
{
    registering("", "401", CHALLENGE "\r\n");
    expect("");
}

Test(observer_register, credentials_count_for_whom_they_were_made)
{
    registering(PROXY, "401", CHALLENGE "\r\n");
    scene_in(&s, REQUEST("REGISTER", B("2"), "2", DIGEST));
    scene_out(&s, RESPONSE("407", "REGISTER", B("2"), "2", ";tag=r", ""));
    expect("");
    scene_in(&s, REQUEST("REGISTER", B("3"), "3", PROXY));
    scene_out(&s, RESPONSE("407", "REGISTER", B("3"), "3", ";tag=r", ""));
    expect("auth_failed 407 sip:bob@example.net\n");
    scene_in(&s, REQUEST("REGISTER", B("4"), "4", PROXY));
    scene_out(&s, RESPONSE("403", "REGISTER", B("4"), "4", ";tag=r", ""));
    expect("auth_failed 403 sip:bob@example.net\n");
}

Test(observer_register, other_codes_are_no_failure_of_authentication)
{
    registering(DIGEST, "404", "");
    expect("");
}

Test(observer_register, stale_nonce_is_no_failure)
{
    registering(DIGEST, "401", CHALLENGE ", stale=true\r\n");
    expect("");
}

Test(observer_register, stale_is_found_quoted_in_any_case_in_any_challenge)
{
    registering(DIGEST, "401", CHALLENGE ", STALE = \"TRUE\"\r\n");
    scene_in(&s, REQUEST("REGISTER", B("2"), "2", DIGEST));
    scene_out(&s,
              RESPONSE("401", "REGISTER", B("2"), "2", ";tag=r",
                       CHALLENGE ", algorithm=SHA-256\r\n" CHALLENGE ", Digest stale=True, nonce=\"q\"\r\n"));
    scene_in(&s, REQUEST("REGISTER", B("3"), "3", PROXY));
    scene_out(&s, RESPONSE("407", "REGISTER", B("3"), "3", ";tag=r",
                           "Proxy-Authenticate: Digest nonce=\"x, stale=false\",\r\n stale=true\r\n"));
    expect("");
}

Test(observer_register, not_stale_is_a_failure)
{
    registering(DIGEST, "401", CHALLENGE ", stale=false, opaque=\"stale=true\"\r\n");
    expect("auth_failed 401 sip:bob@example.net\n");
}

/* ---- privacy --------------------------------------------------------------------------------------------------- */

/* The events of a call that was answered. */
#define calling(more, code, answer)                                                 \
    (scene_want_code(&s, 486), scene_want_code(&s, 799), scene_in(&s, CALL_(more)), \
     scene_out(&s, RESPONSE(code, "INVITE", B("c"), "1", ";tag=x", answer)))
#define CALL_(more) REQUEST("INVITE", B("c"), "1", more)
#define BUSY        "status out INVITE/486 1 <sip:bob@example.net>;tag=x"

Test(observer_register, response_is_public_when_nobody_asked)
{
    calling("", "486", "");
    expect(BUSY "\n");
}

Test(observer_register, response_is_private_when_it_asks)
{
    calling("", "486", "Privacy: id\r\n");
    expect(BUSY " private\n");
}

Test(observer_register, response_is_private_when_its_request_asked)
{
    calling("Privacy: none\r\nPrivacy: history; User\r\n", "486", "");
    expect(BUSY " private\n");
}

Test(observer_register, other_privacy_leaves_the_parties_public)
{
    calling("Privacy: none\r\n", "486", "Privacy: session;critical,history\r\n");
    expect(BUSY "\n");
}

Test(observer_register, privacy_holds_for_codes_without_a_transaction)
{
    calling("Privacy: header;critical\r\n", "799", "");
    expect("status out INVITE/799 1 <sip:bob@example.net>;tag=x private\n");
}

Test(observer_register, privacy_of_a_request_that_was_forwarded_holds_for_its_response)
{
    scene_want_code(&s, 486);
    scene_out(&s, CALL_("Privacy: id,session\r\n"));
    scene_in(&s, RESPONSE("486", "INVITE", B("c"), "1", ";tag=x", ""));
    expect("status in INVITE/486 1 <sip:bob@example.net>;tag=x private\n");
}
