/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole SIP messages. */
#include "sipcore/sip_message.h"

#include "sipcore/sip_text.h"

_Static_assert(SIP_HEADER_COUNT <= 32, "a bit of sip_message.present for each");

/* Those of which a second one leaves it open which one holds; in responses Content-Length, too. */
#define SINGLE_IN_REQUESTS \
    (1u << SIP_HEADER_FROM | 1u << SIP_HEADER_TO | 1u << SIP_HEADER_CALL_ID | 1u << SIP_HEADER_CSEQ)
#define SINGLE_IN_RESPONSES (SINGLE_IN_REQUESTS | 1u << SIP_HEADER_CONTENT_LENGTH)

/* "SIP/" digits "." digits, in any case, and nothing else. */
static bool
is_version(struct span s)
{
    size_t dot, end;

    if (s.length == 7 && memcmp(s.data, "SIP/2.0", 7) == 0)
        return true;
    if (s.length < 7 || !sip_equals_nocase(span_first(s, 4), "sip/"))
        return false;
    dot = sip_skip(s, 4, SIP_CHAR_DIGIT);
    end = sip_skip(s, dot + 1, SIP_CHAR_DIGIT);
    return dot > 4 && sip_at(s, dot, '.') && end > dot + 1 && end == s.length;
}

/* SIP-Version SP 3DIGIT SP Reason-Phrase, from behind the version on; a missing or odd reason phrase is no fault (RFC
 * 4475 3.1.1.12, 3.1.1.13). */
static bool
status_line_parse(struct span line, size_t space, struct sip_start_line *out)
{
    size_t start = sip_skip(line, space, SIP_CHAR_LWS);
    uint64_t code;

    if (line.length < start + 3)
        return false;
    if (line.length > start + 3 && !sip_char_is(line.data[start + 3], SIP_CHAR_LWS))
        return false;
    if (!sip_decimal(sip_slice(line, start, start + 3), 999, &code) || code < 100)
        return false;
    out->is_request = false;
    out->code = (uint16_t)code;
    return true;
}

/* Method SP Request-URI SP SIP-Version. The version is the last word, so that white space inside the
 * Request-URI (RFC 4475 3.1.2.8) does no harm. */
static bool
request_line_parse(struct span line, size_t method_end, struct sip_start_line *out)
{
    struct span uri = sip_trim(span_from(line, method_end));
    size_t version_at = uri.length;

    if (uri.length > 8 && memcmp(&uri.data[uri.length - 8], " SIP/2.0", 8) == 0)
        version_at -= 7;
    while (version_at > 0 && !sip_char_is(uri.data[version_at - 1], SIP_CHAR_LWS))
        version_at--;
    if (!is_version(span_from(uri, version_at)))
        return false;
    out->is_request = true;
    out->code = 0;
    out->method = span_first(line, method_end);
    out->uri = sip_trim(span_first(uri, version_at));
    return out->uri.length > 0;
}

bool
sip_start_line_parse(struct span line, struct sip_start_line *out)
{
    size_t end, space;

    if (line.length >= 8 && memcmp(line.data, "SIP/2.0 ", 8) == 0)
        return status_line_parse(line, 7, out);
    end = sip_skip(line, 0, SIP_CHAR_TOKEN);
    if (end == 0 || end >= line.length)
        return false;
    if (line.data[end] == '/') {
        space = sip_find(line, end, SIP_CHAR_LWS);
        return is_version(span_first(line, space)) && status_line_parse(line, space, out);
    }
    return (line.data[end] == ' ' || line.data[end] == '\t') && request_line_parse(line, end, out);
}

/* Cut the first line, white space at its end included, off `rest`. */
static bool
take_first_line(struct span *rest, struct span *line)
{
    size_t blank = 0;
    const uint8_t *newline;

    while (sip_at(*rest, blank, '\r') || sip_at(*rest, blank, '\n'))
        blank++;
    *rest = span_from(*rest, blank);
    newline = rest->length > 0 ? memchr(rest->data, '\n', rest->length) : NULL;
    return newline != NULL && span_take(rest, (size_t)(newline - rest->data) + 1, line);
}

/* From or To: the tag, empty when there is none. */
static bool
read_tag(const struct sip_message *m, enum sip_header_id id, struct span *tag)
{
    return sip_headers_have(&m->fields, id) && sip_tag_parse(sip_headers_value(&m->fields, id), tag);
}

static bool
read_via(struct sip_message *m)
{
    return sip_headers_have(&m->fields, SIP_HEADER_VIA) &&
           sip_via_parse(sip_headers_value(&m->fields, SIP_HEADER_VIA), &m->via);
}

static bool
read_call_id(struct sip_message *m)
{
    if (!sip_headers_have(&m->fields, SIP_HEADER_CALL_ID))
        return false;
    m->call_id = sip_headers_value(&m->fields, SIP_HEADER_CALL_ID);
    return m->call_id.length > 0;
}

static enum sip_fault
read_cseq(struct sip_message *m)
{
    if (!sip_headers_have(&m->fields, SIP_HEADER_CSEQ) ||
        !sip_cseq_parse(sip_headers_value(&m->fields, SIP_HEADER_CSEQ), &m->cseq, &m->method))
        return SIP_FAULT_CSEQ;
    if (m->start.is_request && !span_equals(m->method, m->start.method))
        return SIP_FAULT_CSEQ_METHOD;
    return SIP_FAULT_NONE;
}

/* RSeq only tells reliable provisional responses apart: an unreadable one is as good as none. */
static void
read_rseq(struct sip_message *m)
{
    uint64_t rseq = 0;

    if (sip_headers_have(&m->fields, SIP_HEADER_RSEQ) &&
        !sip_decimal(sip_headers_value(&m->fields, SIP_HEADER_RSEQ), UINT32_MAX, &rseq))
        rseq = 0;
    m->rseq = (uint32_t)rseq;
}

/* A message whose length is wrong is discarded if it is a response; a request is answered, so it counts (RFC 3261
 * 18.3). */
static bool
cut_body(struct sip_message *m)
{
    uint64_t length;

    if (!sip_headers_have(&m->fields, SIP_HEADER_CONTENT_LENGTH))
        return true;
    if (!sip_decimal(sip_headers_value(&m->fields, SIP_HEADER_CONTENT_LENGTH), m->body.length, &length))
        return m->start.is_request;
    m->body = span_first(m->body, (size_t)length);
    return true;
}

enum sip_fault
sip_message_parse(struct span octets, struct sip_message *m)
{
    enum sip_fault fault = sip_message_parse_key(octets, m);

    return fault == SIP_FAULT_NONE ? sip_message_parse_rest(m) : fault;
}

enum sip_fault
sip_message_parse_key(struct span octets, struct sip_message *m)
{
    struct span line;

    if (octets.length > SIP_MESSAGE_MAX)
        return SIP_FAULT_TOO_LONG;
    if (!take_first_line(&octets, &line) || !sip_start_line_parse(line, &m->start))
        return SIP_FAULT_START_LINE;
    m->headers = octets;
    if (sip_header_collect(&octets, &m->fields) != SIP_HEADER_END)
        return SIP_FAULT_CUT;
    if ((m->fields.repeated & (m->start.is_request ? SINGLE_IN_REQUESTS : SINGLE_IN_RESPONSES)) != 0)
        return SIP_FAULT_REPEATED;
    m->body = octets;
    if (!read_via(m))
        return SIP_FAULT_VIA;
    if (!read_call_id(m))
        return SIP_FAULT_CALL_ID;
    return read_cseq(m);
}

enum sip_fault
sip_message_parse_rest(struct sip_message *m)
{
    if (!read_tag(m, SIP_HEADER_FROM, &m->from_tag))
        return SIP_FAULT_FROM;
    if (!read_tag(m, SIP_HEADER_TO, &m->to_tag))
        return SIP_FAULT_TO;
    read_rseq(m);
    return cut_body(m) ? SIP_FAULT_NONE : SIP_FAULT_CONTENT_LENGTH;
}
