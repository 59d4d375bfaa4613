/* SPDX-License-Identifier: BSD-2-Clause */
/* Canonical addresses-of-record. */
#include "sipcore/sip_uri.h"

#include "sipcore/sip_field.h"
#include "sipcore/sip_text.h"

/* A text being written, cut at SIP_AOR_MAX. */
struct aor {
    char *text;
    size_t length;
    bool was_cut;
};

static void write_address(struct aor *to, struct span scheme, struct span address);
static void write_phone(struct aor *to, struct span phone);
static bool has_known_scheme(struct span uri);
static size_t cut_at_character(const char *text, size_t length);

static void
put(struct aor *to, uint8_t octet)
{
    if (to->length < SIP_AOR_MAX)
        to->text[to->length++] = (char)octet;
    else
        to->was_cut = true;
}

static void
put_span(struct aor *to, struct span s)
{
    for (size_t i = 0; i < s.length; i++)
        put(to, s.data[i]);
}

static void
put_lower(struct aor *to, struct span s)
{
    for (size_t i = 0; i < s.length; i++)
        put(to, sip_lower(s.data[i]));
}

size_t
sip_aor_canonical(struct span uri, char to[SIP_AOR_MAX])
{
    struct aor out = { .text = to };
    struct span scheme, rest;
    bool has_scheme;

    uri = sip_trim(uri);
    has_scheme = sip_uri_scheme(uri, &scheme);
    rest = span_from(uri, has_scheme ? scheme.length + 1 : 0);
    if (has_scheme && sip_equals_nocase(scheme, "sip"))
        write_address(&out, span_of(NULL, 0), rest);
    else if (has_scheme && (sip_equals_nocase(scheme, "sips") || sip_equals_nocase(scheme, "im") ||
                            sip_equals_nocase(scheme, "pres")))
        write_address(&out, scheme, rest);
    else if (has_scheme && sip_equals_nocase(scheme, "tel"))
        write_phone(&out, rest);
    /* "sip:tel:5060" is a port of a host called tel: without its scheme it would be somebody's number. */
    if (has_scheme && sip_equals_nocase(scheme, "sip") && has_known_scheme(span_of(to, out.length)))
        out.length = 0;
    if (out.length == 0)
        put_span(&out, uri);
    return out.was_cut ? cut_at_character(to, out.length) : sip_trim(span_of(to, out.length)).length;
}

static bool
has_known_scheme(struct span uri)
{
    static const char *const known[] = { "sip", "sips", "im", "pres", "tel" };
    struct span scheme;

    if (sip_uri_scheme(uri, &scheme))
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (sip_equals_nocase(scheme, known[i]))
                return true;
    return false;
}

/* ---- user@host ------------------------------------------------------------------------------------------------- */

/* The first position at or after `i` with one of these few; the length if none. */
static inline size_t
find_any(struct span s, size_t i, const char *octets)
{
    for (; i < s.length; i++)
        for (const char *o = octets; *o != '\0'; o++)
            if (s.data[i] == (uint8_t)*o)
                return i;
    return i;
}

static int
hex_digit(uint8_t octet)
{
    uint8_t lower = sip_lower(octet);

    if (lower >= '0' && lower <= '9')
        return lower - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Characters that may stand in a user part unescaped: RFC 3261 25.1, unreserved and user-unreserved. */
static bool
needs_no_escape(uint8_t octet)
{
    uint8_t lower = sip_lower(octet);

    return (lower >= 'a' && lower <= 'z') || sip_char_is(octet, SIP_CHAR_DIGIT) ||
           (octet != 0 && strchr("-_.!~*'()&=+$,;?/", octet) != NULL);
}

/* True when the octet would be the first or second digit behind a per cent sign. */
static bool
would_escape(const struct aor *to, uint8_t octet)
{
    size_t n = to->length;

    if (hex_digit(octet) < 0 || n == 0)
        return false;
    return to->text[n - 1] == '%' ||
           (n > 1 && to->text[n - 2] == '%' && hex_digit((uint8_t)to->text[n - 1]) >= 0);
}

/* One that needs its escape keeps it, in upper case: "%3a" and "%3A" are the same. So does one behind a per cent
 * sign that escapes nothing, or together they would escape something. */
static void
write_user(struct aor *to, struct span user)
{
    for (size_t i = 0; i < user.length; i++) {
        int high = -1, low = -1;

        if (user.data[i] == '%' && i + 2 < user.length) {
            high = hex_digit(user.data[i + 1]);
            low = hex_digit(user.data[i + 2]);
        }
        if (high < 0 || low < 0) {
            put(to, user.data[i]);
            continue;
        }
        i += 2;
        if (needs_no_escape((uint8_t)(high << 4 | low)) && !would_escape(to, (uint8_t)(high << 4 | low))) {
            put(to, (uint8_t)(high << 4 | low));
        } else {
            put(to, '%');
            put(to, (uint8_t) "0123456789ABCDEF"[high]);
            put(to, (uint8_t) "0123456789ABCDEF"[low]);
        }
    }
}

/* [user [":" password] "@"] host [":" port], then parameters and headers. A ';' or '?' before the '@' belongs to the
 * user. Nothing is written when there is no host, or none that could be one. */
static void
write_address(struct aor *to, struct span scheme, struct span address)
{
    size_t at = find_any(address, 0, "@");
    struct span user = { NULL, 0 }, host = address;

    if (at < address.length) {
        user = span_first(address, at);
        user = sip_trim(span_first(user, find_any(user, 0, ":")));
        host = span_from(address, at + 1);
    }
    host = sip_trim(span_first(host, find_any(host, 0, ";?")));
    if (host.length == 0 || find_any(host, 0, "@") < host.length)
        return;
    if (scheme.length > 0) {
        put_lower(to, scheme);
        put(to, ':');
    }
    if (user.length > 0) {
        write_user(to, user);
        put(to, '@');
    }
    put_lower(to, host);
}

/* ---- telephone numbers (RFC 3966) ------------------------------------------------------------------------------ */

/* Without visual separators and white space. */
static void
put_number(struct aor *to, struct span number)
{
    for (size_t i = 0; i < number.length; i++)
        if (number.data[i] == 0 || strchr("-.() \t\r\n", number.data[i]) == NULL)
            put(to, sip_lower(number.data[i]));
}

/* A domain name, or the first digits of a global number. */
static void
put_context(struct aor *to, struct span context)
{
    size_t end = sip_skip(context, 0, SIP_CHAR_TOKEN);

    if (sip_at(context, 0, '+'))
        put_number(to, span_first(context, end));
    else
        put_lower(to, span_first(context, end));
}

static void
write_phone(struct aor *to, struct span phone)
{
    size_t end = find_any(phone, 0, ";?"), start;
    struct span number = sip_trim(span_first(phone, end)), context;

    if (number.length == 0)
        return;
    put_span(to, span_string("tel:"));
    start = to->length;
    put_number(to, number);
    if ((to->length > start && to->text[start] == '+') ||
        !sip_param_find(span_from(phone, end), "phone-context", &context))
        return;
    put_span(to, span_string(";phone-context="));
    put_context(to, context);
}

/* ---- UTF-8 (RFC 3629) ------------------------------------------------------------------------------------------ */

/* `length`, less the octets of a last character that is not complete. */
static size_t
cut_at_character(const char *text, size_t length)
{
    size_t lead = length, wanted;
    uint8_t octet;

    while (lead > 0 && length - lead < 3 && ((uint8_t)text[lead - 1] & 0xc0) == 0x80)
        lead--;
    if (lead == 0)
        return length;
    octet = (uint8_t)text[lead - 1];
    wanted = octet >= 0xf0 ? 4 : octet >= 0xe0 ? 3 : octet >= 0xc0 ? 2 : 1;
    return length - (lead - 1) < wanted ? lead - 1 : length;
}
