/* SPDX-License-Identifier: BSD-2-Clause */
/* The torture messages, through the parser and through the observer. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "tests/unit/guarded.h"
#include "tests/unit/observer_fixture.h"
#include "tests/unit/torture.h"

#define TITLE(t) (t)->rfc, (t)->section, (t)->name

static struct span
octets_of(const struct torture *t)
{
    return guarded(t->message, t->length);
}

Test(sip_torture, each_message_is_read_or_refused_for_its_reason)
{
    const struct torture *t;

    for (size_t i = 0; (t = torture_get(i)) != NULL; i++) {
        struct sip_message m;
        enum sip_fault fault = sip_message_parse(octets_of(t), &m);

        cr_expect(fault == t->fault, "RFC %s %s %s: expected fault %u, found %u", TITLE(t), t->fault, fault);
    }
}

Test(sip_torture, each_message_counts_as_it_should)
{
    const struct torture *t;

    for (size_t i = 0; (t = torture_get(i)) != NULL; i++) {
        struct scene s;

        scene_init(&s, 10);
        observer_message(s.o, &s.w, SIPSTAT_IN, octets_of(t), SIPSTAT_UDP, 1);
        cr_expect(strcmp(scene_counts(&s), t->counts) == 0, "RFC %s %s %s: %s\n expected %s\n    found %s",
                  TITLE(t), t->reason, t->counts, scene_counts(&s));
        scene_fini(&s);
    }
}

Test(sip_torture, no_section_is_left_out)
{
    const struct torture *t;
    unsigned sections_4475 = 0, sections_5118 = 0;
    const char *section = "";

    for (size_t i = 0; (t = torture_get(i)) != NULL; i++) {
        if (strcmp(section, t->section) == 0)
            continue;
        section = t->section;
        sections_4475 += strcmp(t->rfc, "4475") == 0;
        sections_5118 += strcmp(t->rfc, "5118") == 0;
    }
    cr_expect(eq(uint, sections_4475, 49));
    cr_expect(eq(uint, sections_5118, 10));
}

Test(sip_torture, valid_messages_are_not_discarded)
{
    const struct torture *t;

    for (size_t i = 0; (t = torture_get(i)) != NULL; i++)
        cr_expect(t->verdict == TORTURE_INVALID || t->fault == SIP_FAULT_NONE, "RFC %s %s %s", TITLE(t));
}

/* Else a test of something else would test a wrong length. */
Test(sip_torture, only_those_about_lengths_have_wrong_ones)
{
    const struct torture *t;
    unsigned wrong = 0;

    for (size_t i = 0; (t = torture_get(i)) != NULL; i++) {
        struct sip_message m;
        uint64_t length;

        if (t->fault != SIP_FAULT_NONE || sip_message_parse(octets_of(t), &m) != SIP_FAULT_NONE ||
            !sip_headers_have(&m.fields, SIP_HEADER_CONTENT_LENGTH))
            continue;
        if (!sip_decimal(sip_headers_value(&m.fields, SIP_HEADER_CONTENT_LENGTH), UINT32_MAX, &length) ||
            m.body.length != length ||
            (length > 0 && m.body.data + m.body.length != octets_of(t).data + t->length))
            wrong++;
    }
    cr_expect(eq(uint, wrong, 3), "expected clerr, ncl, mcl01");
}

/* What an element answers has these fields of the request as they were (RFC 3261 8.2.6.2). */
static size_t
answer(const struct sip_message *m, unsigned code, char *text, size_t octets)
{
    static const struct {
        enum sip_header_id id;
        const char *name;
    } copied[] = { { SIP_HEADER_VIA, "Via" },
                   { SIP_HEADER_FROM, "From" },
                   { SIP_HEADER_TO, "To" },
                   { SIP_HEADER_CALL_ID, "Call-ID" },
                   { SIP_HEADER_CSEQ, "CSeq" } };
    size_t length = (size_t)snprintf(text, octets, "SIP/2.0 %u x\r\n", code);

    for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
        struct span value = sip_headers_value(&m->fields, copied[i].id);

        length += (size_t)snprintf(text + length, octets - length, "%s: ", copied[i].name);
        memcpy(text + length, value.data, value.length);
        length += value.length;
        length += (size_t)snprintf(text + length, octets - length, "\r\n");
    }
    return length + (size_t)snprintf(text + length, octets - length, "\r\n");
}

Test(sip_torture, the_answer_to_each_request_that_counts_finds_it)
{
    const struct torture *t;

    for (size_t i = 0; (t = torture_get(i)) != NULL; i++) {
        struct sip_message m;
        struct scene s;
        char text[8192];

        if (t->fault != SIP_FAULT_NONE || sip_message_parse(octets_of(t), &m) != SIP_FAULT_NONE ||
            !m.start.is_request)
            continue;
        scene_init(&s, 10);
        for (unsigned again = 0; again < 2; again++) {
            observer_message(s.o, &s.w, SIPSTAT_IN, octets_of(t), SIPSTAT_UDP, 1);
            observer_message(s.o, &s.w, SIPSTAT_OUT, span_of(text, answer(&m, 400, text, sizeof(text))),
                             SIPSTAT_UDP, 1);
        }
        cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_BEGUN), 1), "RFC %s %s %s", TITLE(t));
        cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_ENDED), 1), "RFC %s %s %s", TITLE(t));
        cr_expect(eq(u64, scene_counter(&s, LANE_TRANS_UNMATCHED), 0), "RFC %s %s %s", TITLE(t));
        cr_expect(eq(u64, scene_counter(&s, LANE_OUT_RESPONSES), 2), "RFC %s %s %s", TITLE(t));
        scene_fini(&s);
    }
}

Test(sip_torture, each_is_a_transaction_of_its_own)
{
    const struct torture *t;
    struct scene s;
    uint64_t counted = 0;

    scene_init(&s, 100);
    for (size_t i = 0; (t = torture_get(i)) != NULL; i++) {
        counted += observer_message(s.o, &s.w, SIPSTAT_IN, octets_of(t), SIPSTAT_UDP, 1) == SIPSTAT_COUNTED;
        counted += t->fault != SIP_FAULT_NONE;
        cr_expect(eq(u64, counted, i + 1), "RFC %s %s %s", TITLE(t));
    }
    scene_fini(&s);
}

/* The observer is given every prefix of each, and each with every octet in turn made NUL: it counts or
 * discards. */
Test(sip_torture, no_part_of_them_does_harm)
{
    const struct torture *t;
    struct scene s;
    uint64_t messages = 0;

    scene_init(&s, 100);
    for (size_t i = 0; (t = torture_get(i)) != NULL; i++) {
        for (size_t n = 0; n <= t->length; n++, messages++)
            observer_message(s.o, &s.w, SIPSTAT_IN, guarded(t->message, n), SIPSTAT_UDP, 1);
        for (size_t n = 0; n < t->length; n++, messages++) {
            struct span message = octets_of(t);

            ((uint8_t *)(uintptr_t)message.data)[n] = 0;
            observer_message(s.o, &s.w, SIPSTAT_OUT, message, SIPSTAT_UDP, 1);
        }
    }
    cr_expect(eq(u64,
                 scene_counter(&s, LANE_IN_REQUESTS) + scene_counter(&s, LANE_OUT_REQUESTS) +
                     scene_counter(&s, LANE_IN_RESPONSES) + scene_counter(&s, LANE_OUT_RESPONSES) +
                     scene_counter(&s, LANE_DISCARDED) + scene_counter(&s, LANE_OUT_UNPARSABLE) +
                     scene_counter(&s, LANE_KEEPALIVES),
                 messages));
    scene_fini(&s);
}
