/* SPDX-License-Identifier: BSD-2-Clause */
/* How the registry's keys and values look. */
#include "agent/registry_codec.h"

#include <string.h>

#include "agent/store_codec.h"

enum {
    USER_HAS_FAILURES = 1, /* failures and failure_end_ns follow */
    CONTACT_HAS_FLOW = 1,
    HAS_CHECK = 2, /* 4 octets at the end, of all before; in layout 1 there is none */
    CHECK_OCTETS = 4,
    USER_LEAST = 14,
    CONTACT_LEAST = 29
};

/* ---- keys ------------------------------------------------------------------------------------------------------- */

static void
put_big_endian(uint8_t *out, uint64_t value, unsigned octets)
{
    for (unsigned i = octets; i > 0; i--, value >>= 8)
        out[i - 1] = (uint8_t)value;
}

void
registry_user_key(const struct registry_key *k, uint8_t out[REGISTRY_USER_KEY_OCTETS])
{
    put_big_endian(out, k->tree, 4);
    put_big_endian(out + 4, k->user, 4);
}

void
registry_contact_key(const struct registry_key *k, uint8_t out[REGISTRY_CONTACT_KEY_OCTETS])
{
    registry_user_key(k, out);
    put_big_endian(out + 8, k->contact, 4);
}

void
registry_deadline_key(const struct registry_key *k, uint8_t out[REGISTRY_DEADLINE_KEY_OCTETS])
{
    put_big_endian(out, k->time_ns, 8);
    registry_contact_key(k, out + 8);
}

bool
registry_user_key_read(struct span key, struct registry_key *out)
{
    *out = (struct registry_key){ 0 };
    return key.length == REGISTRY_USER_KEY_OCTETS && span_take_u32(&key, &out->tree) &&
           span_take_u32(&key, &out->user);
}

bool
registry_contact_key_read(struct span key, struct registry_key *out)
{
    *out = (struct registry_key){ 0 };
    return key.length == REGISTRY_CONTACT_KEY_OCTETS && span_take_u32(&key, &out->tree) &&
           span_take_u32(&key, &out->user) && span_take_u32(&key, &out->contact);
}

bool
registry_deadline_key_read(struct span key, struct registry_key *out)
{
    uint32_t high, low;

    if (key.length != REGISTRY_DEADLINE_KEY_OCTETS || !span_take_u32(&key, &high) ||
        !span_take_u32(&key, &low) || !registry_contact_key_read(key, out))
        return false;
    out->time_ns = (uint64_t)high << 32 | low;
    return true;
}

void
registry_name_key(const struct siphash_key *secret, uint32_t tree, struct span aor,
                  uint8_t out[REGISTRY_NAME_KEY_OCTETS])
{
    struct siphash h = siphash_start(secret);
    uint64_t word[2];

    siphash_word(&h, (uint64_t)tree << 32 | aor.length);
    siphash_octets(&h, aor);
    word[0] = siphash_end(&h);
    word[1] = siphash_end_more(&h);
    memcpy(out, word, sizeof(word));
}

uint64_t
registry_flow(const struct siphash_key *secret, const struct lane_binding *binding)
{
    struct siphash h = siphash_start(secret);
    uint8_t lower[255];
    size_t octets = span_first(binding->instance, sizeof(lower)).length;

    if (octets == 0 || binding->reg_id == 0)
        return 0;
    for (size_t i = 0; i < octets; i++) {
        uint8_t c = binding->instance.data[i];

        lower[i] = c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
    }
    siphash_word(&h, (uint64_t)binding->reg_id << 32 | octets);
    siphash_octets(&h, span_of(lower, octets));
    return siphash_end(&h) | 1;
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void
put(uint8_t **at, const void *data, size_t octets)
{
    if (octets > 0)
        memcpy(*at, data, octets);
    *at += octets;
}

static bool
take(struct span *in, void *out, size_t octets)
{
    struct span s;

    if (!span_take(in, octets, &s))
        return false;
    memcpy(out, s.data, octets);
    return true;
}

static void
put_check(uint8_t **at, const uint8_t *from)
{
    uint32_t check = (uint32_t)(store_checksum(from, (size_t)(*at - from)) >> 32);

    put(at, &check, sizeof(check));
}

/* Take the flags, and see that what they stand before is as it was written. */
static bool
take_flags(struct span *value, uint8_t *flags)
{
    struct span all = *value;
    uint32_t check;

    if (!take(value, flags, 1) || !(*flags & HAS_CHECK))
        return value->length < all.length;
    if (value->length < CHECK_OCTETS)
        return false;
    value->length -= CHECK_OCTETS;
    memcpy(&check, value->data + value->length, sizeof(check));
    *flags &= (uint8_t)~HAS_CHECK;
    return check == (uint32_t)(store_checksum(all.data, all.length - CHECK_OCTETS) >> 32);
}

size_t
registry_user_encode(const struct registry_user *u, uint8_t out[REGISTRY_USER_MAX])
{
    struct span aor = span_first(u->aor, SIP_AOR_MAX);
    uint8_t *at = out, flags = HAS_CHECK | (u->failures || u->failure_end_ns ? USER_HAS_FAILURES : 0);

    put(&at, &flags, 1);
    put(&at, &u->contacts, 1);
    put(&at, &u->next_contact, 4);
    put(&at, &u->discon_ns, 8);
    if (flags & USER_HAS_FAILURES) {
        put(&at, &u->failures, 8);
        put(&at, &u->failure_end_ns, 8);
    }
    put(&at, aor.data, aor.length);
    put_check(&at, out);
    return (size_t)(at - out);
}

bool
registry_user_decode(struct span value, struct registry_user *out)
{
    uint8_t flags;

    *out = (struct registry_user){ 0 };
    if (value.length < USER_LEAST || !take_flags(&value, &flags) || flags > USER_HAS_FAILURES ||
        !take(&value, &out->contacts, 1) || !take(&value, &out->next_contact, 4) ||
        !take(&value, &out->discon_ns, 8))
        return false;
    if ((flags & USER_HAS_FAILURES) &&
        (!take(&value, &out->failures, 8) || !take(&value, &out->failure_end_ns, 8)))
        return false;
    out->aor = value;
    return value.length > 0 && value.length <= SIP_AOR_MAX;
}

size_t
registry_contact_encode(const struct registry_contact *c, uint8_t out[REGISTRY_CONTACT_MAX])
{
    struct span uri = span_first(c->uri, LANE_CONTACT_URI_MAX), name = span_first(c->name, REGISTRY_NAME_MAX);
    uint8_t *at = out, flags = HAS_CHECK | (c->flow ? CONTACT_HAS_FLOW : 0);
    uint16_t uri_octets = (uint16_t)uri.length;

    put(&at, &flags, 1);
    put(&at, &c->q_thousandths, 2);
    put(&at, &uri_octets, 2);
    put(&at, &c->deadline_ns, 8);
    put(&at, &c->updated_ns, 8);
    put(&at, &c->expiry_unix_s, 8);
    if (flags & CONTACT_HAS_FLOW)
        put(&at, &c->flow, 8);
    put(&at, uri.data, uri.length);
    put(&at, name.data, name.length);
    put_check(&at, out);
    return (size_t)(at - out);
}

bool
registry_contact_decode(struct span value, struct registry_contact *out)
{
    uint16_t uri_octets;
    uint8_t flags;

    *out = (struct registry_contact){ 0 };
    if (value.length < CONTACT_LEAST || !take_flags(&value, &flags) || flags > CONTACT_HAS_FLOW ||
        !take(&value, &out->q_thousandths, 2) || !take(&value, &uri_octets, 2) ||
        !take(&value, &out->deadline_ns, 8) || !take(&value, &out->updated_ns, 8) ||
        !take(&value, &out->expiry_unix_s, 8))
        return false;
    if ((flags & CONTACT_HAS_FLOW) && !take(&value, &out->flow, 8))
        return false;
    if (!span_take(&value, uri_octets, &out->uri))
        return false;
    out->name = value;
    return uri_octets > 0 && value.length <= REGISTRY_NAME_MAX;
}
