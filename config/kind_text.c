/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts: free ones, paths, tokens, URLs, hosts, names, secrets. */
#include "config/kind.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* Whether all characters of a text may stand in one line. */
static bool
is_one_line(const char *text, size_t length)
{
    uint32_t point;

    for (size_t at = 0, n; at < length; at += n) {
        n = phrase_utf8(text + at, length - at, &point);
        if (n == 0 || !phrase_is_printable(point))
            return false;
    }
    return true;
}

/* A text of one line and min to max octets; complains and returns NULL when it is not. The node's own: not a copy. */
static const char *
take_text(struct loader *l, const struct field *f, const struct node *n)
{
    const char *text = field_scalar(l, f, n);

    if (!text)
        return NULL;
    if (n->length > f->max) {
        field_refuse(l, f, n, "it has %zu", n->length);
        return NULL;
    }
    if (n->length < f->min) {
        field_refuse(l, f, n, NULL);
        return NULL;
    }
    if (!is_one_line(text, n->length)) {
        field_refuse(l, f, n, "one line, without control characters");
        return NULL;
    }
    return text;
}

static void
keep_text(struct loader *l, const struct field *f, const char *text, void *base)
{
    char *copy = field_copy(l, text);

    memcpy(field_member(f, base), &copy, sizeof(copy));
}

static const char *
text_of(const struct field *f, const void *base)
{
    const char *text;

    memcpy(&text, field_member_const(f, base), sizeof(text));
    return text;
}

static bool
text_is_set(const struct field *f, const void *base)
{
    return text_of(f, base) != NULL;
}

void
kind_dump_quoted(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static void
text_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    (void)indent;
    kind_dump_quoted(text_of(f, base), out);
}

static void
text_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const char *text = take_text(l, f, n);

    if (text)
        keep_text(l, f, text, base);
}

static void
add_octets(const struct field *f, struct phrase *p)
{
    if (f->min)
        phrase_add(p, "%" PRIu64 " to %" PRIu64 " octets", f->min, f->max);
    else
        phrase_add(p, "at most %" PRIu64 " octets", f->max);
}

static void
text_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "a text of ");
    add_octets(f, p);
}

const struct kind kind_text = {
    .load = text_load, .expect = text_expect, .dump = text_dump, .is_set = text_is_set
};

/* ---- paths ---- */

static void
path_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const char *text = take_text(l, f, n);

    if (text && text[0] != '/')
        field_refuse(l, f, n, "begin it with /");
    else if (text)
        keep_text(l, f, text, base);
}

static void
path_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "an absolute path of ");
    add_octets(f, p);
}

const struct kind kind_path = {
    .load = path_load, .expect = path_expect, .dump = text_dump, .is_set = text_is_set
};

/* ---- tokens ---- */

bool
kind_is_token(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\0' || (!isalnum((unsigned char)text[i]) && !strchr("-.!%*_+`'~", text[i])))
            return false;
    return length > 0;
}

static void
token_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const char *text = take_text(l, f, n);

    if (text && !kind_is_token(text, n->length))
        field_refuse(l, f, n, "letters, digits and -.!%%*_+`'~ only");
    else if (text)
        keep_text(l, f, text, base);
}

static void
token_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "%s, a token of ", (const char *)f->more);
    add_octets(f, p);
}

const struct kind kind_token = {
    .load = token_load, .expect = token_expect, .dump = text_dump, .is_set = text_is_set
};

/* ---- URLs ---- */

/* A scheme, a colon and something behind it, all of visible ASCII: what a URLString of RFC 2788 may hold. */
static bool
is_url(const char *text)
{
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

    if (!isalpha((unsigned char)text[0]) || text[scheme] != ':' || text[scheme + 1] == '\0')
        return false;
    for (; *text; text++)
        if (*text <= ' ' || *text >= 0x7f)
            return false;
    return true;
}

static void
url_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const char *text = take_text(l, f, n);

    if (text && text[0] && !is_url(text))
        field_refuse(l, f, n, NULL);
    else if (text)
        keep_text(l, f, text, base);
}

static void
url_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "a URL, as in https://www.example.org/edge, of ");
    add_octets(f, p);
}

const struct kind kind_url = {
    .load = url_load, .expect = url_expect, .dump = text_dump, .is_set = text_is_set
};

/* ---- hosts ---- */

int
kind_parse_ip(const char *text, uint8_t out[16])
{
    char inner[INET6_ADDRSTRLEN];
    size_t length = strlen(text);

    if (inet_pton(AF_INET, text, out) == 1)
        return AF_INET;
    if (text[0] == '[' && length >= 2 && text[length - 1] == ']' && length - 2 < sizeof(inner)) {
        memcpy(inner, text + 1, length - 2);
        inner[length - 2] = '\0';
        text = inner;
    }
    return inet_pton(AF_INET6, text, out) == 1 ? AF_INET6 : 0;
}

bool
kind_is_host_name(const char *text)
{
    size_t label = 0;
    bool is_numeric = true; /* what looks like an IPv4 address is a bad one, and no name */

    if (strlen(text) > 253)
        return false;
    for (; *text; text++) {
        if (*text == '.') {
            if (label == 0 || text[-1] == '-')
                return false;
            label = 0;
        } else if ((!isalnum((unsigned char)*text) && (*text != '-' || label == 0)) || ++label > 63) {
            return false;
        }
        is_numeric = is_numeric && (*text == '.' || isdigit((unsigned char)*text));
    }
    return !is_numeric && label > 0 && text[-1] != '-';
}

static void
host_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const char *text = take_text(l, f, n);
    uint8_t address[16];

    if (text && !kind_parse_ip(text, address) && !kind_is_host_name(text))
        field_refuse(l, f, n, NULL);
    else if (text)
        keep_text(l, f, text, base);
}

static void
host_expect(const struct field *f, struct phrase *p)
{
    (void)f;
    phrase_add(p, "a host name or an IP address");
}

const struct kind kind_host = {
    .load = host_load, .expect = host_expect, .dump = text_dump, .is_set = text_is_set
};

/* ---- where the AgentX master listens ---- */

/* "tcp:HOST:PORT", the host an IPv4 address or a name: net-snmp takes IPv6 by another word. */
static bool
is_tcp_socket(const char *text)
{
    char host[254];
    const char *colon = strrchr(text, ':');
    size_t length = (size_t)(colon - text);
    uint8_t address[16];
    char *end;
    unsigned long port;

    if (colon == text + 3 || length - 4 >= sizeof(host))
        return false;
    memcpy(host, text + 4, length - 4);
    host[length - 4] = '\0';
    if (kind_parse_ip(host, address) != AF_INET && !kind_is_host_name(host))
        return false;
    port = strtoul(colon + 1, &end, 10);
    return isdigit((unsigned char)colon[1]) && *end == '\0' && port >= 1 && port <= 65535;
}

static void
socket_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const char *text = take_text(l, f, n);
    bool is_unix = text && strncmp(text, "unix:", 5) == 0;

    if (!text)
        return;
    if (is_unix && text[5] != '/')
        field_refuse(l, f, n, "the path must be absolute");
    else if (is_unix && n->length - 5 >= sizeof(((struct sockaddr_un *)0)->sun_path))
        field_refuse(l, f, n, "a socket's path has at most %zu octets",
                     sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
    else if (!is_unix && (strncmp(text, "tcp:", 4) != 0 || !is_tcp_socket(text)))
        field_refuse(l, f, n, NULL);
    else
        keep_text(l, f, text, base);
}

static void
socket_expect(const struct field *f, struct phrase *p)
{
    (void)f;
    phrase_add(p, "unix:/PATH or tcp:HOST:PORT");
}

const struct kind kind_socket = {
    .load = socket_load, .expect = socket_expect, .dump = text_dump, .is_set = text_is_set
};

/* ---- names of instances ---- */

static bool
is_instance_name(const char *text)
{
    return text[0] != '.' && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                               "0123456789._-")] == '\0';
}

static void
name_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const char *text = take_text(l, f, n);

    if (text && text[0] == '.')
        field_refuse(l, f, n, "no dot in front");
    else if (text && !is_instance_name(text))
        field_refuse(l, f, n, NULL);
    else if (text)
        memcpy(field_member(f, base), text, n->length + 1); /* max is below the member's size */
}

static void
name_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "a name of %" PRIu64 " to %" PRIu64 " of A-Z a-z 0-9 . _ -", f->min, f->max);
}

static void
name_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    (void)indent;
    kind_dump_quoted(field_member_const(f, base), out);
}

const struct kind kind_name = { .load = name_load, .expect = name_expect, .dump = name_dump };
