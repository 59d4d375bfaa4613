/* SPDX-License-Identifier: BSD-2-Clause */
/* SIP method names. */
#include "sipcore/method.h"

static const char *const names[METHOD_IANA_COUNT] = {
    [METHOD_INVITE] = "INVITE",   [METHOD_ACK] = "ACK",
    [METHOD_OPTIONS] = "OPTIONS", [METHOD_BYE] = "BYE",
    [METHOD_CANCEL] = "CANCEL",   [METHOD_REGISTER] = "REGISTER",
    [METHOD_PRACK] = "PRACK",     [METHOD_SUBSCRIBE] = "SUBSCRIBE",
    [METHOD_NOTIFY] = "NOTIFY",   [METHOD_PUBLISH] = "PUBLISH",
    [METHOD_INFO] = "INFO",       [METHOD_REFER] = "REFER",
    [METHOD_MESSAGE] = "MESSAGE", [METHOD_UPDATE] = "UPDATE",
};

const char *
method_name(unsigned method)
{
    return method < METHOD_IANA_COUNT ? names[method] : NULL;
}

/* At most two names share a first letter. The list holds numbers plus one, 0 is none. */
int
method_find(struct span name)
{
    static const uint8_t by_letter[26][2] = {
        ['A' - 'A'] = { METHOD_ACK + 1 },
        ['B' - 'A'] = { METHOD_BYE + 1 },
        ['C' - 'A'] = { METHOD_CANCEL + 1 },
        ['I' - 'A'] = { METHOD_INVITE + 1, METHOD_INFO + 1 },
        ['M' - 'A'] = { METHOD_MESSAGE + 1 },
        ['N' - 'A'] = { METHOD_NOTIFY + 1 },
        ['O' - 'A'] = { METHOD_OPTIONS + 1 },
        ['P' - 'A'] = { METHOD_PRACK + 1, METHOD_PUBLISH + 1 },
        ['R' - 'A'] = { METHOD_REGISTER + 1, METHOD_REFER + 1 },
        ['S' - 'A'] = { METHOD_SUBSCRIBE + 1 },
        ['U' - 'A'] = { METHOD_UPDATE + 1 },
    };
    unsigned letter = name.length > 0 ? (unsigned)name.data[0] - 'A' : 26;

    for (unsigned k = 0; letter < 26 && k < 2; k++) {
        unsigned method = by_letter[letter][k];

        if (method != 0 && span_equals(name, span_string(names[method - 1])))
            return (int)method - 1;
    }
    return -1;
}

bool
method_name_is_valid(struct span name)
{
    if (name.length == 0 || name.length > METHOD_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.length; i++) {
        uint8_t c = name.data[i];
        bool is_alphanumeric = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');

        if (!is_alphanumeric && (c == 0 || !strchr("-.!%*_+`'~", c)))
            return false;
    }
    return true;
}
