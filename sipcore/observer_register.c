/* SPDX-License-Identifier: BSD-2-Clause */
/* What the observer records of registrations, and what it says of privacy. */
#include "sipcore/observer_internal.h"
#include "sipcore/sip_contact.h"

/* The URI of To: whom a REGISTER is about (RFC 3261 10.2). */
static bool
read_aor(const struct sip_message *m, struct span *aor)
{
    struct sip_address to;

    if (!sip_address_parse(sip_headers_value(&m->fields, SIP_HEADER_TO), &to))
        return false;
    *aor = to.uri;
    return true;
}

void
observer_bindings(const struct observation *a)
{
    struct sip_contacts contacts;
    struct span aor;

    if (!read_aor(a->m, &aor))
        return;
    sip_contacts_start(&contacts, a->m);
    lane_event_bindings(a->w, aor, sip_contacts_next, &contacts, a->now_ns);
}

/* True when the given claim holds for any of the header fields of a kind. */
static bool
any_field(const struct sip_message *m, enum sip_header_id id, bool (*claim)(struct span value))
{
    struct span rest = m->headers;
    struct sip_header header;

    if (!sip_headers_have(&m->fields, id))
        return false;
    if ((m->fields.repeated >> id & 1) == 0)
        return claim(sip_headers_value(&m->fields, id));
    while (sip_header_next(&rest, &header) == SIP_HEADER_READ)
        if (header.id == id && claim(header.value))
            return true;
    return false;
}

/* With credentials for who answered, refused, and not because they were made with an old nonce. */
void
observer_auth_failure(const struct observation *a, const struct trans *x)
{
    const struct sip_message *m = a->m;
    unsigned brought = 0;
    struct span aor;

    switch (m->start.code) {
    case 401: brought = TRANS_FLAG_CREDENTIALS; break;
    case 403: brought = TRANS_FLAG_CREDENTIALS | TRANS_FLAG_FOR_PROXY; break;
    case 407: brought = TRANS_FLAG_FOR_PROXY; break;
    default: break;
    }
    if ((x->flags & brought) == 0 || any_field(m, SIP_HEADER_WWW_AUTHENTICATE, sip_challenge_is_stale) ||
        any_field(m, SIP_HEADER_PROXY_AUTHENTICATE, sip_challenge_is_stale))
        return;
    if (read_aor(m, &aor))
        lane_event_auth_failed(a->w, m->start.code, aor, a->now_ns);
}

bool
observer_is_private(const struct sip_message *m)
{
    return any_field(m, SIP_HEADER_PRIVACY, sip_privacy_is_wanted);
}
