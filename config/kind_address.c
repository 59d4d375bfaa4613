/* SPDX-License-Identifier: BSD-2-Clause */
/* Addresses in the tables. */
#include <string.h>
#include <sys/socket.h>

#include "config/address.h"
#include "config/kind.h"

static bool
is_allowed(const struct field *f, const struct config_address *a, struct phrase *note)
{
    if (!(f->max & (UINT64_C(1) << a->transport))) {
        phrase_add(note, "this transport is not served here");
        return false;
    }
    if (!f->min && address_is_unspecified(a)) {
        phrase_add(note, "for any address write *");
        return false;
    }
    return true;
}

static void
address_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    const char *text = field_scalar(l, f, n);
    struct config_address a;
    struct phrase note = { 0 };

    if (!text)
        return;
    if (strlen(text) != n->length)
        field_refuse(l, f, n, NULL);
    else if (!address_parse(text, &a, &note) || !is_allowed(f, &a, &note))
        field_refuse(l, f, n, "%s", note.text);
    else
        memcpy(field_member(f, base), &a, sizeof(a));
}

static void
address_expect(const struct field *f, struct phrase *p)
{
    if (f->max == UINT64_C(1) << SIPSTAT_UDP)
        phrase_add(p, "udp:ADDRESS:PORT");
    else
        phrase_add(p, "TRANSPORT:ADDRESS:PORT");
}

static void
address_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    struct config_address a;

    (void)indent;
    memcpy(&a, field_member_const(f, base), sizeof(a));
    fputc('"', out);
    address_print(&a, out);
    fputc('"', out);
}

const struct kind kind_address = { .load = address_load, .expect = address_expect, .dump = address_dump };

/* Sets family and address as well, which lie in the same structure. */
static void
server_host_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    struct config_ua_server *server = base;
    const char *text = field_scalar(l, f, n);

    if (!text)
        return;
    server->family = strlen(text) == n->length ? kind_parse_ip(text, server->address) : 0;
    if (!server->family && (strlen(text) != n->length || !kind_is_host_name(text)))
        field_refuse(l, f, n, NULL);
    else
        server->host = field_copy(l, text);
}

static void
server_host_expect(const struct field *f, struct phrase *p)
{
    (void)f;
    phrase_add(p, "an IP address or a host name, without a port");
}

static void
server_host_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    const struct config_ua_server *server = base;

    (void)f;
    (void)indent;
    kind_dump_quoted(server->host, out);
}

const struct kind kind_server_host = { .load = server_host_load,
                                       .expect = server_host_expect,
                                       .dump = server_host_dump };
