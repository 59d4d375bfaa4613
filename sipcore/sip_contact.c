/* SPDX-License-Identifier: BSD-2-Clause */
/* Contact header fields as bindings. */
#include "sipcore/sip_contact.h"

#include "sipcore/lane.h"
#include "sipcore/sip_text.h"

enum { EXPIRES_MALFORMED_S = 3600 };

/* Any number of seconds that can be written is an expiry; the largest that a binding can have stands for more. */
static uint32_t
parse_expires(struct span value)
{
    uint64_t seconds;

    if (value.length == 0 || sip_skip(value, 0, SIP_CHAR_DIGIT) < value.length)
        return EXPIRES_MALFORMED_S;
    if (!sip_decimal(value, LANE_EXPIRES_UNKNOWN - 1, &seconds))
        return LANE_EXPIRES_UNKNOWN - 1;
    return (uint32_t)seconds;
}

void
sip_contacts_start(struct sip_contacts *contacts, const struct sip_message *m)
{
    contacts->lines = m->headers;
    contacts->list = span_of(NULL, 0);
    contacts->otherwise_s = LANE_EXPIRES_UNKNOWN;
    if (sip_headers_have(&m->fields, SIP_HEADER_EXPIRES))
        contacts->otherwise_s = parse_expires(sip_headers_value(&m->fields, SIP_HEADER_EXPIRES));
}

/* The next element of this Contact, or of one further down. */
static bool
next_element(struct sip_contacts *contacts, struct span *element)
{
    struct sip_header header;

    while (!sip_list_next(&contacts->list, element)) {
        do {
            if (sip_header_next(&contacts->lines, &header) != SIP_HEADER_READ)
                return false;
        } while (header.id != SIP_HEADER_CONTACT);
        contacts->list = header.value;
    }
    return true;
}

/* Copy a display name: quotes and escapes resolved (RFC 3261 25.1, quoted-pair), folds as one space. */
static struct span
copy_name(struct span display, uint8_t to[SIP_CONTACT_NAME_MAX])
{
    bool is_quoted = sip_at(display, 0, '"');
    size_t length = 0;

    for (size_t i = is_quoted; i < display.length && length < SIP_CONTACT_NAME_MAX; i++) {
        if (is_quoted && display.data[i] == '"')
            break;
        if (is_quoted && display.data[i] == '\\' && i + 1 < display.length) {
            to[length++] = display.data[++i];
        } else if (display.data[i] == '\r' || display.data[i] == '\n') {
            to[length++] = ' ';
            i = sip_skip(display, i, SIP_CHAR_LWS) - 1;
        } else {
            to[length++] = display.data[i];
        }
    }
    return span_of(to, length);
}

uint16_t
sip_q_parse(struct span value)
{
    unsigned thousandths = 0, unit = 1000;

    if (value.length == 0 || value.length > 5 || (value.data[0] != '0' && value.data[0] != '1') ||
        (value.length > 1 && value.data[1] != '.'))
        return LANE_Q_NONE;
    for (size_t i = 0; i < value.length; i++) {
        if (i == 1)
            continue;
        if (!sip_char_is(value.data[i], SIP_CHAR_DIGIT))
            return LANE_Q_NONE;
        thousandths += (unsigned)(value.data[i] - '0') * unit;
        unit /= 10;
    }
    return thousandths <= 1000 ? (uint16_t)thousandths : LANE_Q_NONE;
}

static void
read_param(const struct sip_param *param, struct lane_binding *out)
{
    uint64_t reg_id;

    if (sip_equals_nocase(param->name, "expires"))
        out->expires_s = parse_expires(param->value);
    else if (sip_equals_nocase(param->name, "q"))
        out->q_thousandths = sip_q_parse(param->value);
    else if (sip_equals_nocase(param->name, "+sip.instance"))
        out->instance = param->value;
    else if (sip_equals_nocase(param->name, "reg-id") && sip_decimal(param->value, INT32_MAX, &reg_id))
        out->reg_id = (uint32_t)reg_id;
}

bool
sip_contacts_next(void *context, struct lane_binding *out)
{
    struct sip_contacts *contacts = context;
    struct sip_address address;
    struct sip_param param;
    struct span element;
    size_t at = 0;

    do {
        if (!next_element(contacts, &element))
            return false;
    } while (!sip_address_parse(element, &address) || span_equals(address.uri, span_string("*")));

    *out = (struct lane_binding){
        .uri = address.uri,
        .name = copy_name(address.display, contacts->name),
        .expires_s = contacts->otherwise_s,
        .q_thousandths = LANE_Q_NONE,
    };
    while (sip_param_next(address.params, &at, &param))
        read_param(&param, out);
    return true;
}
