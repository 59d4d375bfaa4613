/* SPDX-License-Identifier: BSD-2-Clause */
/* Header lines of SIP messages. */
#include "sipcore/sip_header.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sipcore/sip_text.h"

/* A name in lower case, filled up with zeros to whole words. */
struct known_name {
    _Alignas(8) uint8_t lower[24];
    uint8_t length;
    uint8_t cut;      /* bits of the first word that are not its */
    uint8_t last_cut; /* of the last word */
    uint8_t id;
    uint8_t next; /* another one that starts with the same two letters; 0: none */
};

_Static_assert(sizeof(struct known_name) == 32, "an index is a shift");

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
#define LAST_CUT(text) (56 - (sizeof(text) - 2) % 8 * 8)
#define CUT(text) (sizeof(text) - 1 > 8 ? 0 : LAST_CUT(text))
static const struct known_name names[] = {
#define X(name, text, next) \
    [NAME_##name] = { text, sizeof(text) - 1, CUT(text), LAST_CUT(text), SIP_HEADER_##name, NAME_##next },
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

/* True when the line at `at`, whose first eight octets are those of a name with more, goes on like it. */
static __attribute__((noinline)) bool
goes_on(struct span s, size_t at, const struct known_name *name)
{
    for (size_t i = 8; i < name->length; i += 8)
        if (!sip_word_matches(sip_load_at(s, at + i), sip_load(&name->lower[i]),
                              i + 8 < name->length ? 0 : name->last_cut))
            return false;
    return true;
}

/* Which field the line at `at` is, and where its value starts. The line has its line end, which is in no
 * name: so there is an octet behind the first one, and behind whatever matches. */
static inline __attribute__((always_inline)) enum sip_header_id
identify(struct span s, size_t at, size_t *value_at)
{
    unsigned letter = (unsigned)(s.data[at] | 0x20) - 'a', n;
    uint64_t first;

    if (letter >= 26 || (n = by_letters[letter][s.data[at + 1] & 31]) == NAME_NONE)
        return SIP_HEADER_OTHER;
    first = sip_load_at(s, at);
    do {
        const struct known_name *name = &names[n];
        size_t i = at + name->length;

        if (!sip_word_matches(first, sip_load(name->lower), name->cut) ||
            (name->length > 8 && !goes_on(s, at, name)))
            continue;
        while (s.data[i] == ' ' || s.data[i] == '\t')
            i++;
        if (s.data[i] == ':') {
            *value_at = i + 1;
            return (enum sip_header_id)name->id;
        }
    } while ((n = names[n].next) != NAME_NONE);
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

/* Where the line feeds are in a block of 64 octets: bit n for octet n. */
static inline uint64_t
newlines_of(const uint8_t octets[64])
{
    uint64_t found = 0;

#ifdef __SSE2__
#pragma GCC unroll 4
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i part = _mm_loadu_si128((const __m128i *)&octets[i]);

        found |= (uint64_t)_mm_movemask_epi8(_mm_cmpeq_epi8(part, _mm_set1_epi8('\n'))) << i;
    }
#else
    for (unsigned i = 0; i < 64; i++)
        found |= (uint64_t)(octets[i] == '\n') << i;
#endif
    return found;
}

/* The line feeds of a header, block by block. */
struct newlines {
    size_t next;   /* where the next block starts */
    uint64_t left; /* those of the block before that were not taken yet */
};

/* Those from `at` on, of fewer than 64 octets. */
static __attribute__((noinline)) uint64_t
last_newlines(struct span s, size_t at)
{
    uint64_t found = 0;

    if (s.length >= 64)
        return newlines_of(&s.data[s.length - 64]) >> (64 - (s.length - at));
    for (size_t i = s.length; i > at; i--)
        found = found << 1 | (s.data[i - 1] == '\n');
    return found;
}

/* As line_end(), for one line after the other. */
static inline size_t
next_line_end(struct span s, struct newlines *n)
{
    size_t at;

    do {
        while (n->left == 0) {
            if (n->next >= s.length)
                return 0;
            n->left = s.length - n->next >= 64 ? newlines_of(&s.data[n->next]) : last_newlines(s, n->next);
            n->next += 64;
        }
        at = n->next - 64 + (size_t)__builtin_ctzll(n->left) + 1;
        n->left &= n->left - 1;
        if (at == s.length)
            return 0;
    } while (s.data[at] == ' ' || s.data[at] == '\t');
    return at;
}

enum sip_header_result
sip_header_collect(struct span *rest, struct sip_headers *out)
{
    struct span s = *rest;
    struct newlines newlines = { 0, 0 };
    size_t at = 0, end, value_at = 0;
    uint32_t present = 0, repeated = 0;

    for (; (end = empty_line(s, at)) == 0; at = end) {
        enum sip_header_id id;

        end = next_line_end(s, &newlines);
        if (end == 0)
            return SIP_HEADER_CUT;
        id = identify(s, at, &value_at);
        if (id == SIP_HEADER_OTHER)
            continue;
        repeated |= present & 1u << id;
        if ((present >> id & 1) == 0)
            out->raw[id] = span_of(&s.data[value_at], end - (s.data[end - 2] == '\r' ? 2 : 1) - value_at);
        present |= 1u << id;
    }
    out->present = present;
    out->repeated = repeated;
    *rest = span_from(s, at + end);
    return SIP_HEADER_END;
}
