/* SPDX-License-Identifier: BSD-2-Clause */
/* Keys of transactions and marks of responses. */
#include "sipcore/observer_key.h"

#include "sipcore/method.h"
#include "sipcore/sip_text.h"

enum { KIND_RFC2543 = 4 };

/* The ASCII capitals among eight octets in lower case: bit 7 of an octet's low seven bits plus a bias tells
 * whether they reach 'A', or are past 'Z'. */
static inline uint64_t
lower_word(uint64_t word)
{
    uint64_t low = word & 0x7f7f7f7f7f7f7f7fu;
    uint64_t from_a = low + 0x3f3f3f3f3f3f3f3fu, past_z = low + 0x2525252525252525u;

    return word | ((from_a ^ past_z) & ~word & 0x8080808080808080u) >> 2;
}

/* Host names are equal in any case. */
static void
hash_lower(struct siphash *h, struct span s)
{
    size_t i = 0;

    for (; s.length - i >= 8; i += 8)
        siphash_word(h, lower_word(sip_load(&s.data[i])));
    if (i < s.length)
        siphash_word(h, lower_word(sip_load_at(s, i)));
}

/* The port that sent-by means: 5060, for TLS 5061, when it does not say (RFC 3261 18.1.1, 19.1.2). */
static uint16_t
sent_by_port(const struct sip_via *via)
{
    if (via->port != 0)
        return via->port;
    return via->transport.length >= 3 && sip_equals_nocase(span_first(via->transport, 3), "tls") ? 5061
                                                                                                 : 5060;
}

void
observer_key_make(const struct siphash_key *hash_key, const struct sip_message *m, unsigned kind,
                  unsigned method, struct trans_key *out)
{
    struct span call_id = m->call_id, host = { NULL, 0 }, name = { NULL, 0 };
    struct siphash h = siphash_start(hash_key);
    uint16_t port = 0;

    if (!m->via.is_unique)
        kind |= KIND_RFC2543;
    if (kind != OBSERVER_KEY_CLIENT) {
        host = m->via.host;
        port = sent_by_port(&m->via);
    }
    if (method >= METHOD_IANA_COUNT) {
        method = METHOD_IANA_COUNT;
        name = m->method;
    }

    /* Lengths first, then the strings: all lengths are below 65536, since the message is. */
    siphash_word(&h, m->via.branch.length | (uint64_t)host.length << 16 | (uint64_t)call_id.length << 32 |
                         (uint64_t)name.length << 48);
    siphash_word(&h, m->cseq | (uint64_t)port << 32 | (uint64_t)method << 48 | (uint64_t)kind << 56);
    siphash_octets(&h, m->via.branch);
    siphash_octets(&h, call_id);
    hash_lower(&h, host);
    siphash_octets(&h, name);
    if ((kind & (KIND_RFC2543 | OBSERVER_KEY_ACK)) != 0) {
        struct span to_tag = (kind & OBSERVER_KEY_ACK) != 0 ? m->to_tag : span_of(NULL, 0);

        siphash_word(&h, m->from_tag.length | (uint64_t)to_tag.length << 16);
        siphash_octets(&h, m->from_tag);
        siphash_octets(&h, to_tag);
    }
    out->word[0] = siphash_end(&h);
    out->word[1] = siphash_end_more(&h);
}

uint32_t
observer_key_mark(const struct siphash_key *hash_key, const struct sip_message *m)
{
    struct siphash h = siphash_start(hash_key);
    uint32_t mark;

    siphash_word(&h, m->rseq | (uint64_t)m->start.code << 32 | (uint64_t)m->to_tag.length << 48);
    siphash_octets(&h, m->to_tag);
    mark = (uint32_t)siphash_end(&h);
    return mark != 0 ? mark : 1;
}
