/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding the end of a SIP message in a stream. */
#include "sipcore/sip_stream.h"

#include "sipcore/sip_message.h"
#include "sipcore/sip_text.h"

enum { FRAME_BROKEN = -1, FRAME_INCOMPLETE = 0 };

/* What is not yet a whole first line: could it become one? A method is a token and then white space; a
 * version starts "SIP/". */
static bool
may_become_start_line(struct span s)
{
    size_t token_end = sip_skip(s, 0, SIP_CHAR_TOKEN);

    if (token_end == s.length)
        return true;
    if (token_end == 0)
        return false;
    if (s.data[token_end] == '/')
        return sip_equals_nocase(span_first(s, token_end), "sip");
    return s.data[token_end] == ' ' || s.data[token_end] == '\t';
}

/* Read the header to its end for Content-Length. FRAME_BROKEN when there is none, or two that differ or make
 * no sense; FRAME_INCOMPLETE, or 1 and the rest and the length set. */
static int
read_header(struct span *rest, uint64_t *content_length)
{
    enum sip_header_result result;
    struct sip_header header;
    bool known = false;

    while ((result = sip_header_next(rest, &header)) == SIP_HEADER_READ) {
        uint64_t n;

        if (header.id != SIP_HEADER_CONTENT_LENGTH)
            continue;
        if (!sip_decimal(header.value, SIP_MESSAGE_MAX, &n) || (known && n != *content_length))
            return FRAME_BROKEN;
        *content_length = n;
        known = true;
    }
    if (result == SIP_HEADER_CUT)
        return FRAME_INCOMPLETE;
    return known ? 1 : FRAME_BROKEN;
}

int
sip_stream_frame(const void *buffer, size_t length, size_t *skip)
{
    struct span in = span_of(buffer, length), rest, line;
    struct sip_start_line start;
    const uint8_t *newline;
    uint64_t content_length = 0, total;
    int result;

    *skip = 0;
    while (sip_at(in, *skip, '\r') || sip_at(in, *skip, '\n'))
        (*skip)++;
    in = span_from(in, *skip);
    if (in.length == 0)
        return FRAME_INCOMPLETE;

    newline = memchr(in.data, '\n', in.length);
    if (newline == NULL)
        return may_become_start_line(in) && in.length < SIP_MESSAGE_MAX ? FRAME_INCOMPLETE : FRAME_BROKEN;
    rest = in;
    if (!span_take(&rest, (size_t)(newline - in.data) + 1, &line) || !sip_start_line_parse(line, &start))
        return FRAME_BROKEN;

    result = read_header(&rest, &content_length);
    if (result == FRAME_INCOMPLETE)
        return in.length < SIP_MESSAGE_MAX ? FRAME_INCOMPLETE : FRAME_BROKEN;
    if (result == FRAME_BROKEN)
        return FRAME_BROKEN;
    total = in.length - rest.length + content_length;
    if (total > SIP_MESSAGE_MAX)
        return FRAME_BROKEN;
    return total <= in.length ? (int)total : FRAME_INCOMPLETE;
}
