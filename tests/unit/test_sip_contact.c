/* SPDX-License-Identifier: BSD-2-Clause */
/* Contact header fields read as bindings. */
#include "sipcore/sip_contact.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "sipcore/lane.h"
#include "tests/unit/guarded.h"

static struct sip_contacts contacts;

/* Begin with a response that has these header lines, and no other octet behind it. */
static void
start(const char *lines)
{
    static struct sip_message m;
    static char text[8192];
    int length = snprintf(text, sizeof(text),
                          "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:b@c>;tag=1\r\n"
                          "To: <sip:b@c>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\n%s\r\n",
                          lines);

    cr_assert(eq(int, (int)sip_message_parse(guarded(text, (size_t)length), &m), SIP_FAULT_NONE));
    sip_contacts_start(&contacts, &m);
}

/* The next contact; the test fails when there is none. */
static struct lane_binding
next(void)
{
    struct lane_binding b = { .uri = { NULL, 0 } };

    cr_assert(sip_contacts_next(&contacts, &b));
    return b;
}

static struct lane_binding
only(const char *lines)
{
    struct lane_binding b, more;

    start(lines);
    b = next();
    cr_expect(not(sip_contacts_next(&contacts, &more)));
    return b;
}

#define is(span, text) \
    cr_expect(span_equals(span, span_string(text)), "%.*s", (int)(span).length, (span).data)

Test(sip_contact, everything_that_a_binding_has)
{
    struct lane_binding b = only(
        "Contact: \"Bob\" <sip:bob@192.0.2.1;gr=x;ob>;q=0.7;expires=60;+sip.instance=\"<urn:uuid:1>\";reg-id=2"
        ";pub-gruu=\"sip:b@c;gr=urn:uuid:1\";temp-gruu=\"sip:t@c;gr\"\r\n");

    is(b.uri, "sip:bob@192.0.2.1;gr=x;ob");
    is(b.name, "Bob");
    is(b.instance, "<urn:uuid:1>");
    cr_expect(eq(u32, b.expires_s, 60));
    cr_expect(eq(u32, b.reg_id, 2));
    cr_expect(eq(u16, b.q_thousandths, 700));
}

Test(sip_contact, nothing_that_it_has_not)
{
    struct lane_binding b = only("Contact: <sip:bob@192.0.2.1>\r\n");

    is(b.uri, "sip:bob@192.0.2.1");
    cr_expect(eq(sz, b.name.length, 0));
    cr_expect(eq(sz, b.instance.length, 0));
    cr_expect(eq(u32, b.expires_s, LANE_EXPIRES_UNKNOWN));
    cr_expect(eq(u32, b.reg_id, 0));
    cr_expect(eq(u16, b.q_thousandths, LANE_Q_NONE));
}

Test(sip_contact, lists_and_lines_and_compact_forms_add_up)
{
    start(
        "Contact: <sip:a@x>,<sip:b,b@x>;x=\"a,b\" ,\r\n\t<sip:c@x>\r\nPath: <sip:p;lr>\r\nm: sip:d@x;expires=5\r\n"
        "Service-Route: <sip:s;lr>\r\ncontact:\t<sip:e@x>,,\r\n");
    is(next().uri, "sip:a@x");
    is(next().uri, "sip:b,b@x");
    is(next().uri, "sip:c@x");
    is(next().uri, "sip:d@x");
    is(next().uri, "sip:e@x");
}

Test(sip_contact, star_is_none_and_what_cannot_be_read_is_none)
{
    is(only("Contact: *\r\nContact: <>, <sip:a@x>\r\nContact: \"open <sip:b@x>\r\n").uri, "sip:a@x");
}

Test(sip_contact, expiry_is_its_own_before_the_messages)
{
    start("Expires: 300\r\nContact: <sip:a@x>;expires=60, <sip:b@x>, <sip:c@x>;Expires=\"0\"\r\n");
    cr_expect(eq(u32, next().expires_s, 60));
    cr_expect(eq(u32, next().expires_s, 300));
    cr_expect(eq(u32, next().expires_s, 0));
}

Test(sip_contact, malformed_expiry_is_an_hour)
{
    cr_expect(eq(u32, only("Contact: <sip:a@x>;expires=soon\r\n").expires_s, 3600));
    cr_expect(eq(u32, only("Contact: <sip:a@x>;expires\r\n").expires_s, 3600));
    cr_expect(
        eq(u32, only("Expires: Thu, 01 Dec 1994 16:00:00 GMT\r\nContact: <sip:a@x>\r\n").expires_s, 3600));
}

Test(sip_contact, expiry_beyond_all_bounds_is_the_longest)
{
    cr_expect(eq(u32, only("Contact: <sip:a@x>;expires=4294967295\r\n").expires_s, UINT32_MAX - 1));
    cr_expect(
        eq(u32, only("Contact: <sip:a@x>;expires=99999999999999999999999\r\n").expires_s, UINT32_MAX - 1));
}

Test(sip_contact, display_name_loses_quotes_escapes_and_folds)
{
    is(only("Contact: \"Bob \\\"the\\\\ B\\\" B.\" <sip:a@x>\r\n").name, "Bob \"the\\ B\" B.");
    is(only("Contact: Bob  B. <sip:a@x>\r\n").name, "Bob  B.");
    is(only("Contact: \"Bob\r\n\t B.\"\r\n <sip:a@x>\r\n").name, "Bob B.");
    is(only("Contact: \"\" <sip:a@x>\r\n").name, "");
}

Test(sip_contact, display_name_is_bounded)
{
    static char lines[3000] = "Contact: \"";

    memset(lines + 10, 'n', 2000);
    strcpy(lines + 2010, "\" <sip:a@x>\r\n");
    cr_expect(eq(sz, only(lines).name.length, SIP_CONTACT_NAME_MAX));
}

Test(sip_contact, registration_number_is_from_1_on)
{
    cr_expect(eq(u32, only("Contact: <sip:a@x>;reg-id=0\r\n").reg_id, 0));
    cr_expect(eq(u32, only("Contact: <sip:a@x>;reg-id=2147483647\r\n").reg_id, 2147483647));
    cr_expect(eq(u32, only("Contact: <sip:a@x>;reg-id=2147483648\r\n").reg_id, 0));
    cr_expect(eq(u32, only("Contact: <sip:a@x>;reg-id=x\r\n").reg_id, 0));
}

static uint16_t
q(const char *text)
{
    return sip_q_parse(guarded(text, strlen(text)));
}

Test(sip_contact, q_is_from_0_to_1_with_three_digits)
{
    cr_expect(eq(u16, q("0"), 0));
    cr_expect(eq(u16, q("0."), 0));
    cr_expect(eq(u16, q("0.5"), 500));
    cr_expect(eq(u16, q("0.05"), 50));
    cr_expect(eq(u16, q("0.999"), 999));
    cr_expect(eq(u16, q("1"), 1000));
    cr_expect(eq(u16, q("1.0"), 1000));
    cr_expect(eq(u16, q("1.000"), 1000));
}

Test(sip_contact, q_that_is_anything_else_is_none)
{
    static const char *const wrong[] = { "",    ".5", "1.1", "1.001", "2",   "0.1234",
                                         "0,5", "-1", "0.x", "0x1",   "00.5" };

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        cr_expect(eq(u16, q(wrong[i]), LANE_Q_NONE), "%s", wrong[i]);
}
