/* SPDX-License-Identifier: BSD-2-Clause */
/* The contents of SIP header fields. */
#include "sipcore/sip_field.h"

#include "sipcore/sip_text.h"

#define CSEQ_MAX 0x7fffffffu

bool
sip_param_next(struct span s, size_t *at, struct sip_param *out)
{
    size_t i = *at, start;

    while (i < s.length && (s.data[i] == ';' || sip_char_is(s.data[i], SIP_CHAR_LWS)))
        i++;
    *at = i;
    if (i >= s.length || s.data[i] == ',')
        return false;

    start = i;
    i = sip_find(s, i, SIP_CHAR_NAME_END);
    out->name = sip_slice(s, start, i);
    out->value = span_of(NULL, 0);
    i = sip_skip(s, i, SIP_CHAR_LWS);
    if (sip_at(s, i, '=')) {
        start = sip_skip(s, i + 1, SIP_CHAR_LWS);
        if (sip_at(s, start, '"')) {
            i = sip_quoted_end(s, start);
            if (i == 0) {
                *at = s.length;
                return false;
            }
            out->value = sip_slice(s, start + 1, i - 1);
        } else {
            i = sip_find_rare(s, start, SIP_CHAR_VALUE_END);
            out->value = sip_slice(s, start, i);
        }
    }
    while (i < s.length && s.data[i] != ';' && s.data[i] != ',')
        i++;
    *at = i;
    return true;
}

bool
sip_param_find(struct span params, const char *lower_name, struct span *value)
{
    struct sip_param param;
    size_t at = 0;

    while (sip_param_next(params, &at, &param)) {
        if (sip_equals_nocase(param.name, lower_name)) {
            *value = param.value;
            return true;
        }
    }
    return false;
}

/* True when the parameter at `at` cannot be called anything that starts with `letter`. */
static inline bool
starts_otherwise(struct span s, size_t at, char letter)
{
    return at + 1 < s.length && s.data[at] == ';' && sip_char_is(s.data[at + 1], SIP_CHAR_TOKEN) &&
           sip_lower(s.data[at + 1]) != (uint8_t)letter;
}

/* The same as sip_param_find() from `at` on, for `;name=` of at most 8 octets. Parameters that are written
 * without white space and quotes, as nearly all are, are recognised or passed over where they stand; all
 * others are read. */
static inline __attribute__((always_inline)) bool
find_usual_param(struct span s, size_t at, const char *pattern, size_t length, struct span *value)
{
    struct sip_param param;

    for (;;) {
        while (starts_otherwise(s, at, pattern[1])) {
            size_t end = sip_find_rare(s, at + 1, SIP_CHAR_PARAM_END);

            if (!sip_at(s, end, ';'))
                break;
            at = end;
        }
        if (sip_matches_at(s, at, pattern, length) && at + length < s.length &&
            sip_char_is(s.data[at + length], SIP_CHAR_TOKEN)) {
            *value = sip_slice(s, at + length, sip_find_rare(s, at + length, SIP_CHAR_VALUE_END));
            return true;
        }
        if (!sip_param_next(s, &at, &param))
            return false;
        if (param.name.length == length - 2 && sip_matches_at(param.name, 0, pattern + 1, length - 2)) {
            *value = param.value;
            return true;
        }
    }
}

/* Past "SIP / version / transport" and the white space behind it; 0 when it is something else. */
static size_t
via_protocol(struct span s, struct span *transport)
{
    static const char usual[] = "SIP/2.0/";
    size_t i, start;

    if (s.length >= sizeof(usual) && memcmp(s.data, usual, sizeof(usual) - 1) == 0) {
        i = sizeof(usual) - 1;
    } else {
        i = sip_skip(s, 0, SIP_CHAR_TOKEN);
        if (!sip_equals_nocase(span_first(s, i), "sip"))
            return 0;
        i = sip_skip(s, i, SIP_CHAR_LWS);
        if (!sip_at(s, i, '/'))
            return 0;
        start = sip_skip(s, i + 1, SIP_CHAR_LWS);
        i = sip_skip(s, start, SIP_CHAR_TOKEN);
        if (i == start)
            return 0;
        i = sip_skip(s, i, SIP_CHAR_LWS);
        if (!sip_at(s, i, '/'))
            return 0;
        i++;
    }
    start = sip_skip(s, i, SIP_CHAR_LWS);
    i = sip_skip(s, start, SIP_CHAR_TOKEN);
    *transport = sip_slice(s, start, i);
    start = i;
    i = sip_skip(s, i, SIP_CHAR_LWS);
    return transport->length > 0 && i > start ? i : 0;
}

/* The position behind host and port, 0 when they cannot be read. */
static size_t
via_sent_by(struct span s, size_t i, struct sip_via *out)
{
    size_t start = i;
    uint64_t port;

    if (sip_at(s, i, '[')) {
        while (i < s.length && s.data[i] != ']')
            i++;
        if (i++ >= s.length)
            return 0;
    } else {
        i = sip_find_rare(s, i, SIP_CHAR_HOST_END);
    }
    if (i == start)
        return 0;
    out->host = sip_slice(s, start, i);

    i = sip_skip(s, i, SIP_CHAR_LWS);
    if (sip_at(s, i, ':')) {
        start = sip_skip(s, i + 1, SIP_CHAR_LWS);
        i = sip_skip(s, start, SIP_CHAR_DIGIT);
        if (!sip_decimal(sip_slice(s, start, i), UINT16_MAX, &port))
            return 0;
        out->port = (uint16_t)port;
    }
    return i;
}

bool
sip_via_parse(struct span value, struct sip_via *out)
{
    size_t i;

    *out = (struct sip_via){ .port = 0 };
    i = via_protocol(value, &out->transport);
    if (i > 0)
        i = via_sent_by(value, i, out);
    if (i == 0)
        return false;

    /* RFC 2543 allowed a comment here; like anything else it is passed over. */
    while (i < value.length && value.data[i] != ';' && value.data[i] != ',')
        i++;
    find_usual_param(value, i, ";branch=", 8, &out->branch);
    out->is_unique = out->branch.length > 7 && sip_matches_at(out->branch, 0, "z9hg4bk", 7);
    return true;
}

/* Where the parts of an address are. Without angle brackets `open` and `close` are where the parameters
 * start. */
struct address_parts {
    size_t open, close, params;
};

/* Find the '<' that is in no quoted string, and its '>'. */
static bool
address_parts(struct span value, struct address_parts *out)
{
    size_t i = 0;
    const uint8_t *close;

    while (i < value.length && value.data[i] != '<' && value.data[i] != ';') {
        i = value.data[i] == '"' ? sip_quoted_end(value, i) : i + 1;
        if (i == 0)
            return false;
    }
    *out = (struct address_parts){ i, i, i };
    if (!sip_at(value, i, '<'))
        return i > 0;
    close = memchr(&value.data[i], '>', value.length - i);
    if (close == NULL)
        return false;
    out->close = (size_t)(close - value.data);
    out->params = out->close + 1;
    return out->close > i + 1;
}

bool
sip_address_parse(struct span value, struct sip_address *out)
{
    struct address_parts at;

    if (!address_parts(value, &at))
        return false;
    out->params = span_from(value, at.params);
    if (at.close > at.open) {
        out->display = sip_trim(span_first(value, at.open));
        out->uri = sip_trim(sip_slice(value, at.open + 1, at.close));
    } else {
        out->display = span_of(NULL, 0);
        out->uri = sip_trim(span_first(value, at.open));
    }
    return out->uri.length > 0;
}

bool
sip_tag_parse(struct span value, struct span *tag)
{
    struct address_parts at;

    *tag = span_of(NULL, 0);
    if (!address_parts(value, &at))
        return false;
    find_usual_param(value, at.params, ";tag=", 5, tag);
    return true;
}

/* The end of the list element that starts at 0. */
static size_t
list_item_end(struct span s)
{
    bool in_brackets = false;

    for (size_t i = 0; i < s.length; i++) {
        if (s.data[i] == '"') {
            i = sip_quoted_end(s, i);
            if (i == 0)
                return s.length;
            i--;
        } else if (s.data[i] == '<') {
            in_brackets = true;
        } else if (s.data[i] == '>') {
            in_brackets = false;
        } else if (s.data[i] == ',' && !in_brackets) {
            return i;
        }
    }
    return s.length;
}

bool
sip_list_next(struct span *rest, struct span *item)
{
    while (rest->length > 0) {
        size_t end = list_item_end(*rest);

        *item = sip_trim(span_first(*rest, end));
        *rest = span_from(*rest, end + 1);
        if (item->length > 0)
            return true;
    }
    return false;
}

bool
sip_cseq_parse(struct span value, uint32_t *number, struct span *method)
{
    size_t digits = sip_skip(value, 0, SIP_CHAR_DIGIT);
    size_t start = sip_skip(value, digits, SIP_CHAR_LWS);
    uint64_t n;

    if (!sip_decimal(span_first(value, digits), CSEQ_MAX, &n) || start == digits || start == value.length)
        return false;
    *number = (uint32_t)n;
    *method = span_from(value, start);
    return sip_skip(value, start, SIP_CHAR_TOKEN) == value.length;
}

bool
sip_uri_scheme(struct span uri, struct span *scheme)
{
    size_t i = 0;

    while (i < uri.length && uri.data[i] != ':') {
        uint8_t lower = sip_lower(uri.data[i]);
        bool is_letter = lower >= 'a' && lower <= 'z';

        if (!is_letter &&
            (i == 0 || (!sip_char_is(lower, SIP_CHAR_DIGIT) && lower != '+' && lower != '-' && lower != '.')))
            return false;
        i++;
    }
    *scheme = span_first(uri, i);
    return i > 0 && i < uri.length;
}

bool
sip_credentials_are_given(struct span value)
{
    size_t end = sip_skip(value, 0, SIP_CHAR_TOKEN);
    struct span rest = span_from(value, end), item;

    if (!sip_equals_nocase(span_first(value, end), "digest"))
        return value.length > 0;
    while (sip_list_next(&rest, &item)) {
        size_t name = sip_skip(item, 0, SIP_CHAR_TOKEN), i = sip_skip(item, name, SIP_CHAR_LWS);

        if (sip_at(item, i, '=') && sip_equals_nocase(span_first(item, name), "response")) {
            struct span given = sip_trim(span_from(item, i + 1));

            return given.length > 0 && !span_equals(given, span_string("\"\""));
        }
    }
    return false;
}

bool
sip_challenge_is_stale(struct span value)
{
    struct span item;

    while (sip_list_next(&value, &item)) {
        size_t end = sip_skip(item, 0, SIP_CHAR_TOKEN), i = sip_skip(item, end, SIP_CHAR_LWS);
        struct span given;

        if (i > end && i < item.length && sip_char_is(item.data[i], SIP_CHAR_TOKEN)) { /* behind a scheme */
            item = span_from(item, i);
            end = sip_skip(item, 0, SIP_CHAR_TOKEN);
            i = sip_skip(item, end, SIP_CHAR_LWS);
        }
        if (!sip_at(item, i, '=') || !sip_equals_nocase(span_first(item, end), "stale"))
            continue;
        given = sip_trim(span_from(item, i + 1));
        if (sip_equals_nocase(given, "true") || sip_equals_nocase(given, "\"true\""))
            return true;
    }
    return false;
}

bool
sip_privacy_is_wanted(struct span value)
{
    for (size_t i = 0, end; i < value.length; i = end + 1) {
        struct span word;

        end = i;
        while (end < value.length && value.data[end] != ';' && value.data[end] != ',')
            end++;
        word = sip_trim(sip_slice(value, i, end));
        if (sip_equals_nocase(word, "id") || sip_equals_nocase(word, "user") ||
            sip_equals_nocase(word, "header"))
            return true;
    }
    return false;
}
