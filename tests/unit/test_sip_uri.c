/* SPDX-License-Identifier: BSD-2-Clause */
/* Canonical addresses-of-record: which URIs name the same user. */
#include "sipcore/sip_uri.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/guarded.h"

/* The canonical form of a URI that ends at an unreadable page. */
static char *
canonical(const char *uri)
{
    static char text[SIP_AOR_MAX + 1];

    text[sip_aor_canonical(guarded(uri, strlen(uri)), text)] = 0;
    return text;
}

#define same(uri, expected) cr_expect(eq(str, canonical(uri), expected))

Test(sip_uri, sip_is_written_without_its_scheme)
{
    same("sip:alice@example.com", "alice@example.com");
    same("SIP:alice@example.com", "alice@example.com");
    same(" sip:alice@example.com ", "alice@example.com");
}

Test(sip_uri, other_schemes_stay_in_lower_case)
{
    same("SIPS:alice@example.com", "sips:alice@example.com");
    same("im:alice@Example.com", "im:alice@example.com");
    same("Pres:alice@Example.com;x=y", "pres:alice@example.com");
}

Test(sip_uri, host_is_the_same_in_any_case_and_user_is_not)
{
    same("sip:Alice@EXAMPLE.Com", "Alice@example.com");
}

Test(sip_uri, port_stays)
{
    same("sip:alice@example.com:5070", "alice@example.com:5070");
    same("sip:alice@example.com:5060", "alice@example.com:5060");
}

Test(sip_uri, ipv6_hosts_keep_their_brackets)
{
    same("sip:alice@[2001:DB8::1]", "alice@[2001:db8::1]");
    same("sip:alice@[2001:DB8::1]:5070;transport=tcp", "alice@[2001:db8::1]:5070");
    same("sip:[2001:DB8::1]", "[2001:db8::1]");
}

Test(sip_uri, parameters_and_headers_are_dropped)
{
    same("sip:alice@example.com;user=phone;transport=TCP", "alice@example.com");
    same("sip:alice@example.com;gr=urn:uuid:1", "alice@example.com");
    same("sip:alice@example.com?subject=x&to=a%40b", "alice@example.com");
    same("sip:example.com;lr", "example.com");
}

Test(sip_uri, parameters_inside_the_user_part_stay)
{
    same("sip:+15551234;phone-context=x;y@example.com;user=phone", "+15551234;phone-context=x;y@example.com");
    same("sip:a?b/c@example.com", "a?b/c@example.com");
}

Test(sip_uri, password_is_dropped)
{
    same("sip:alice:secret@example.com", "alice@example.com");
    same("sip:alice:@example.com:5061", "alice@example.com:5061");
}

Test(sip_uri, escapes_that_need_not_be_are_undone)
{
    same("sip:%61lice@example.com", "alice@example.com");
    same("sip:%41%2Db%2e%5f@example.com", "A-b._@example.com");
    same("sip:a%3bb%26c@example.com", "a;b&c@example.com");
}

Test(sip_uri, escapes_that_must_be_stay_in_upper_case)
{
    same("sip:alice%40home@example.com", "alice%40home@example.com");
    same("sip:a%3ab%c3%a9%20%00%25@example.com", "a%3Ab%C3%A9%20%00%25@example.com");
}

Test(sip_uri, what_only_looks_like_an_escape_stays)
{
    same("sip:a%4@example.com", "a%4@example.com");
    same("sip:a%zz%@example.com", "a%zz%@example.com");
    same("sip:a%6", "a%6");
    same("sip:%%34%31@example.com", "%%341@example.com");
    same("sip:%4%31@example.com", "%4%31@example.com");
    same("sip:%25%34%31@example.com", "%2541@example.com");
}

/* Nobody becomes somebody else by being asked for twice, nor by a host with the name of a scheme. */
Test(sip_uri, canonical_form_of_a_canonical_form_is_that_form)
{
    static const char *const uris[] = { "sip:tel:5060",
                                        "sip:sip:5060",
                                        "sip: alice @h",
                                        "sips:@%41@y",
                                        "tel:- 1",
                                        "tel:-+1;phone-context=x",
                                        "tel:7;phone-context=\"a;b\"",
                                        "tel:-",
                                        "sip:%%34%31@h",
                                        "sip:a@b@c",
                                        "sip:@h",
                                        "sip:;x" };

    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        char once[SIP_AOR_MAX + 1];

        strcpy(once, canonical(uris[i]));
        cr_expect(eq(str, canonical(once), once), "%s", uris[i]);
    }
    same("sip:tel:5060", "sip:tel:5060");
    same("tel:5060", "tel:5060");
}

Test(sip_uri, tel_loses_visual_separators_and_parameters)
{
    same("tel:+1-(555).123-4567;ext=9", "tel:+15551234567");
    same("TEL:+15551234567", "tel:+15551234567");
}

Test(sip_uri, tel_of_a_local_number_keeps_its_context)
{
    same("tel:70-42;ext=1;phone-context=PBX.example.com", "tel:7042;phone-context=pbx.example.com");
    same("tel:7042;Phone-Context=+1-555", "tel:7042;phone-context=+1555");
    same("tel:7042A", "tel:7042a");
}

Test(sip_uri, what_cannot_be_read_is_taken_as_it_is)
{
    same("urn:service:sos.Fire;x", "urn:service:sos.Fire;x");
    same("alice@Example.com", "alice@Example.com");
    same("sip:", "sip:");
    same("sip:alice@", "sip:alice@");
    same("sip:alice@;x", "sip:alice@;x");
    same("tel:", "tel:");
    same("tel:;x", "tel:;x");
    same("\xff\1", "\xff\1");
}

Test(sip_uri, user_that_is_empty_is_none)
{
    same("sip:@example.com", "example.com");
    same("sip::secret@example.com", "example.com");
}

Test(sip_uri, empty_is_nothing)
{
    same("", "");
    same("  ", "");
}

Test(sip_uri, too_long_is_cut)
{
    static char uri[4 + 2 * SIP_AOR_MAX] = "sip:";

    memset(uri + 4, 'a', sizeof(uri) - 5);
    cr_expect(eq(sz, strlen(canonical(uri)), SIP_AOR_MAX));
    uri[4 + SIP_AOR_MAX] = 0;
    cr_expect(eq(sz, strlen(canonical(uri)), SIP_AOR_MAX));
}

/* One, two, three octets of it would fit. */
Test(sip_uri, too_long_is_cut_between_characters)
{
    static char uri[4 + SIP_AOR_MAX + 8];

    for (size_t room = 1; room <= 4; room++) {
        memset(uri, 'a', sizeof(uri));
        memcpy(uri, "sip:", 4);
        strcpy(uri + 4 + SIP_AOR_MAX - room, "\xf0\x9f\x98\x80z");
        cr_expect(eq(sz, strlen(canonical(uri)), room < 4 ? SIP_AOR_MAX - room : SIP_AOR_MAX));
    }
}

Test(sip_uri, octets_that_are_no_character_are_cut_anywhere)
{
    static char uri[4 + 2 * SIP_AOR_MAX] = "sip:";

    memset(uri + 4, '\x80', sizeof(uri) - 5);
    cr_expect(le(sz, strlen(canonical(uri)), SIP_AOR_MAX));
}
