/* SPDX-License-Identifier: BSD-2-Clause */
/* Any octets as a SIP message and as a stream of them: nothing is read outside, everything found lies inside,
 * and framing and parsing agree on where a message ends. */
#include <stdlib.h>

#include "sipcore/lane.h"
#include "sipcore/sigcomp.h"
#include "sipcore/sip_contact.h"
#include "sipcore/sip_message.h"
#include "sipcore/sip_stream.h"
#include "sipcore/sip_text.h"
#include "sipcore/sip_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span input;

static void
must(bool holds)
{
    if (!holds)
        abort();
}

static void
must_be_inside(struct span s)
{
    must(s.length == 0 || (s.data >= input.data && s.length <= input.length &&
                           (size_t)(s.data - input.data) <= input.length - s.length));
}

/* A canonical address-of-record is no longer than it may be, and empty only when there was nothing. */
static void
read_aor(struct span uri)
{
    char text[SIP_AOR_MAX];
    size_t length = sip_aor_canonical(uri, text);

    must(length <= sizeof(text) && (length > 0) == (sip_trim(uri).length > 0));
}

static void
read_contacts(const struct sip_message *m)
{
    struct sip_contacts contacts;
    struct lane_binding b;

    sip_contacts_start(&contacts, m);
    while (sip_contacts_next(&contacts, &b)) {
        must(b.uri.length > 0 && (b.q_thousandths <= 1000 || b.q_thousandths == LANE_Q_NONE));
        must(b.name.data == contacts.name && b.name.length <= sizeof(contacts.name));
        must_be_inside(b.uri);
        must_be_inside(b.instance);
        read_aor(b.uri);
    }
}

/* Header fields that later stages read: lists of addresses and of tokens, with parameters. */
static void
read_list(struct span value)
{
    struct span item, scheme;
    struct sip_address address;
    struct sip_param param;

    while (sip_list_next(&value, &item)) {
        size_t at = 0;

        must_be_inside(item);
        must(item.length > 0);
        if (!sip_address_parse(item, &address))
            continue;
        must_be_inside(address.display);
        must_be_inside(address.uri);
        must_be_inside(address.params);
        if (sip_uri_scheme(address.uri, &scheme))
            must_be_inside(scheme);
        while (sip_param_next(address.params, &at, &param)) {
            must_be_inside(param.name);
            must_be_inside(param.value);
            must(at <= address.params.length);
        }
    }
}

static void
read_message(void)
{
    struct sip_message m;
    struct sip_header header;
    struct span rest;

    if (sip_message_parse(input, &m) != SIP_FAULT_NONE)
        return;
    must(m.method.length > 0 && m.via.host.length > 0 && m.cseq <= 0x7fffffff);
    must(m.start.is_request ? m.start.uri.length > 0 : m.start.code >= 100 && m.start.code <= 999);
    must_be_inside(m.method);
    must_be_inside(m.via.host);
    must_be_inside(m.via.branch);
    must_be_inside(m.from_tag);
    must_be_inside(m.to_tag);
    must_be_inside(m.body);
    for (rest = m.headers; sip_header_next(&rest, &header) == SIP_HEADER_READ;) {
        must_be_inside(header.value);
        read_list(header.value);
        (void)sip_challenge_is_stale(header.value);
        (void)sip_privacy_is_wanted(header.value);
        (void)sip_credentials_are_given(header.value);
    }
    read_contacts(&m);
}

/* A message that framing found is one octet short of being found before, and parses, apart from its header
 * fields. */
static void
read_stream(void)
{
    size_t skip, skip_again;
    int length = sip_stream_frame(input.data, input.length, &skip);
    struct sip_message m;
    enum sip_fault fault;

    must(length >= -1 && skip <= input.length);
    if (length <= 0)
        return;
    must((size_t)length <= SIP_MESSAGE_MAX && skip + (size_t)length <= input.length);
    must(sip_stream_frame(input.data, skip + (size_t)length, &skip_again) == length && skip_again == skip);
    must(sip_stream_frame(input.data, skip + (size_t)length - 1, &skip_again) == 0);
    fault = sip_message_parse(span_first(span_from(input, skip), (size_t)length), &m);
    must(fault != SIP_FAULT_START_LINE && fault != SIP_FAULT_CUT && fault != SIP_FAULT_TOO_LONG &&
         fault != SIP_FAULT_CONTENT_LENGTH);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = span_of(data, size);
    read_message();
    read_stream();
    read_aor(input);
    must(!sigcomp_is_message(input) || (size > 1 && data[0] >= 0xf8));
    return 0;
}
