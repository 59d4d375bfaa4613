/* SPDX-License-Identifier: BSD-2-Clause */
/* Header lines of SIP messages. */
#include "sipcore/sip_header.h"

#include "sipcore/sip_text.h"

/* A name in lower case, filled up with zeros to whole words. */
struct known_name {
    uint8_t lower[24];
    uint8_t length;
    uint8_t cut; /* bits of the last word that are not its */
    uint8_t id;
    uint8_t next; /* another one that starts with the same two letters; 0: none */
};

// clang-format off
#define KNOWN_NAMES(X)                                                                                         \
    X(VIA, "via", V) X(V, "v", NONE) X(FROM, "from", NONE) X(F, "f", NONE) X(TO, "to", NONE) X(T, "t", NONE)   \
    X(CALL_ID, "call-id", NONE) X(I, "i", NONE) X(CSEQ, "cseq", NONE)                                          \
    X(CONTENT_LENGTH, "content-length", CONTACT) X(CONTACT, "contact", NONE) X(L, "l", NONE) X(M, "m", NONE)   \
    X(RSEQ, "rseq", NONE) X(AUTHORIZATION, "authorization", NONE) X(ALLOW, "allow", NONE)                      \
    X(PROXY_AUTHORIZATION, "proxy-authorization", PROXY_REQUIRE) X(PROXY_REQUIRE, "proxy-require", PRIVACY)    \
    X(PRIVACY, "privacy", PROXY_AUTHENTICATE) X(PROXY_AUTHENTICATE, "proxy-authenticate", NONE)                \
    X(WWW_AUTHENTICATE, "www-authenticate", NONE) X(EXPIRES, "expires", NONE) X(REQUIRE, "require", NONE)      \
    X(SUPPORTED, "supported", NONE) X(K, "k", NONE) X(UNSUPPORTED, "unsupported", NONE) X(PATH, "path", NONE)
// clang-format on

enum {
    NAME_NONE,
#define X(name, text, next) NAME_##name,
    KNOWN_NAMES(X)
#undef X
};

/* What the compact forms stand for. */
enum {
    SIP_HEADER_V = SIP_HEADER_VIA,
    SIP_HEADER_F = SIP_HEADER_FROM,
    SIP_HEADER_T = SIP_HEADER_TO,
    SIP_HEADER_I = SIP_HEADER_CALL_ID,
    SIP_HEADER_L = SIP_HEADER_CONTENT_LENGTH,
    SIP_HEADER_M = SIP_HEADER_CONTACT,
    SIP_HEADER_K = SIP_HEADER_SUPPORTED
};

// clang-format off
#define CUT(text) (56 - (sizeof(text) - 2) % 8 * 8)
static const struct known_name names[] = {
#define X(name, text, next) [NAME_##name] = { text, sizeof(text) - 1, CUT(text), SIP_HEADER_##name, NAME_##next },
    KNOWN_NAMES(X)
#undef X
};
// clang-format on

/* The first name to try, by the first letter and the low five bits of what follows it: the second letter, in
 * either case, or of a compact form the colon or white space. Most lines are told by these two: known or
 * not. */
// clang-format off
#define SECOND(octet) [(octet) & 31]
#define COMPACT(name) SECOND(':') = NAME_##name, SECOND(' ') = NAME_##name, SECOND('\t') = NAME_##name
static const uint8_t by_letters[26][32] = {
    ['a' - 'a'] = { SECOND('u') = NAME_AUTHORIZATION, SECOND('l') = NAME_ALLOW },
    ['c' - 'a'] = { SECOND('a') = NAME_CALL_ID, SECOND('s') = NAME_CSEQ, SECOND('o') = NAME_CONTENT_LENGTH },
    ['e' - 'a'] = { SECOND('x') = NAME_EXPIRES },
    ['f' - 'a'] = { SECOND('r') = NAME_FROM, COMPACT(F) },
    ['i' - 'a'] = { COMPACT(I) },
    ['k' - 'a'] = { COMPACT(K) },
    ['l' - 'a'] = { COMPACT(L) },
    ['m' - 'a'] = { COMPACT(M) },
    ['p' - 'a'] = { SECOND('r') = NAME_PROXY_AUTHORIZATION, SECOND('a') = NAME_PATH },
    ['r' - 'a'] = { SECOND('s') = NAME_RSEQ, SECOND('e') = NAME_REQUIRE },
    ['s' - 'a'] = { SECOND('u') = NAME_SUPPORTED },
    ['t' - 'a'] = { SECOND('o') = NAME_TO, COMPACT(T) },
    ['u' - 'a'] = { SECOND('n') = NAME_UNSUPPORTED },
    ['v' - 'a'] = { SECOND(':') = NAME_V, SECOND(' ') = NAME_V, SECOND('i') = NAME_VIA /* also HTAB: then V */ },
    ['w' - 'a'] = { SECOND('w') = NAME_WWW_AUTHENTICATE },
};
// clang-format on

/* True when the line at `at` starts with the name. */
static inline bool
name_matches(struct span s, size_t at, const struct known_name *name)
{
    size_t i = 0;

    for (; i < name->length && s.length - at >= i + 8; i += 8)
        if (!sip_word_matches(sip_load(&s.data[at + i]), sip_load(&name->lower[i]),
                              i + 8 < name->length ? 0 : name->cut))
            return false;
    for (; i < name->length; i++)
        if (at + i >= s.length || sip_lower(s.data[at + i]) != name->lower[i])
            return false;
    return true;
}

/* Which field the line at `at` is, and where its value starts. The line has its line end, which is in no
 * name: so there is an octet behind the first one, and behind a name that matches. */
static inline enum sip_header_id
identify(struct span s, size_t at, size_t *value_at)
{
    unsigned letter = (unsigned)(s.data[at] | 0x20) - 'a';

    if (letter >= 26)
        return SIP_HEADER_OTHER;
    for (unsigned n = by_letters[letter][s.data[at + 1] & 31]; n != NAME_NONE; n = names[n].next) {
        size_t i = at + names[n].length;

        if (!name_matches(s, at, &names[n]))
            continue;
        while (s.data[i] == ' ' || s.data[i] == '\t')
            i++;
        if (s.data[i] == ':') {
            *value_at = i + 1;
            return (enum sip_header_id)names[n].id;
        }
    }
    return SIP_HEADER_OTHER;
}

/* Where the line at `at` ends, with its line end and the lines that continue it; 0 when the octets end
 * before, or with it: what comes next may continue it. */
static inline size_t
line_end(struct span s, size_t at)
{
    const uint8_t *newline;

    do {
        newline = at < s.length ? memchr(&s.data[at], '\n', s.length - at) : NULL;
        if (newline == NULL)
            return 0;
        at = (size_t)(newline - s.data) + 1;
    } while (at < s.length && (s.data[at] == ' ' || s.data[at] == '\t'));
    return at < s.length ? at : 0;
}

/* The octets of the empty line at `at`; 0 when there is none. */
static inline size_t
empty_line(struct span s, size_t at)
{
    if (sip_at(s, at, '\n'))
        return 1;
    return sip_at(s, at, '\r') && sip_at(s, at + 1, '\n') ? 2 : 0;
}

enum sip_header_result
sip_header_next(struct span *rest, struct sip_header *out)
{
    size_t end = empty_line(*rest, 0), value_at = 0;
    struct span line;

    if (end != 0) {
        *rest = span_from(*rest, end);
        return SIP_HEADER_END;
    }
    end = line_end(*rest, 0);
    if (end == 0)
        return SIP_HEADER_CUT;
    line = span_first(*rest, end);
    *rest = span_from(*rest, end);
    out->id = identify(line, 0, &value_at);
    out->value = out->id != SIP_HEADER_OTHER ? sip_trim(span_from(line, value_at)) : span_of(NULL, 0);
    return SIP_HEADER_READ;
}

enum sip_header_result
sip_header_collect(struct span *rest, struct sip_headers *out)
{
    struct span s = *rest;
    size_t at = 0, end, value_at = 0;
    uint32_t present = 0, repeated = 0;

    while ((end = empty_line(s, at)) == 0) {
        uint32_t bit;
        enum sip_header_id id;

        end = line_end(s, at);
        if (end == 0)
            return SIP_HEADER_CUT;
        id = identify(s, at, &value_at);
        bit = 1u << id;
        repeated |= present & bit;
        if ((present & bit) == 0)
            out->raw[id] = sip_slice(s, value_at, end - (s.data[end - 2] == '\r' ? 2 : 1));
        present |= bit;
        at = end;
    }
    out->present = present & ~(1u << SIP_HEADER_OTHER);
    out->repeated = repeated & ~(1u << SIP_HEADER_OTHER);
    *rest = span_from(s, at + end);
    return SIP_HEADER_END;
}
