/* SPDX-License-Identifier: BSD-2-Clause */
/* What one value of the configuration says about another. */
#include "config/settle.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/address.h"
#include "config/schema.h"

static void settle_instances(struct loader *l, const struct node *list, struct config *c);
static void check_locals(struct loader *l, const struct node *list, const struct config *c);
static void check_collectors(struct loader *l, const struct node *root, const struct config *c);

static int
compare_indexes(const void *left, const void *right)
{
    const struct config_instance *a = left, *b = right;

    return a->appl_index < b->appl_index ? -1 : a->appl_index > b->appl_index;
}

void
settle_config(struct loader *l, const struct node *root, struct config *c)
{
    const struct node *list = node_find(root, "instances");
    size_t mark = field_enter(l, "instances", 9);

    settle_instances(l, list, c);
    check_locals(l, list, c);
    field_leave(l, mark);
    check_collectors(l, root, c);
    if (c->n_instances)
        qsort(c->instances, c->n_instances, sizeof(c->instances[0]), compare_indexes);
}

/* Complain at the value of a key of a mapping, if it is there. */
static void __attribute__((format(printf, 4, 5)))
complain_at_key(struct loader *l, const struct node *mapping, const char *key, const char *format, ...)
{
    const struct node *value = node_find(mapping, key);
    char text[PHRASE_OCTETS];
    va_list args;
    size_t mark;

    if (!value)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    mark = field_enter(l, key, strlen(key));
    field_complain(l, value, "%s", text);
    field_leave(l, mark);
}

/* ---- one instance ---- */

static uint32_t
clamp(uint64_t value, const struct field *f)
{
    return (uint32_t)(value < f->min ? f->min : value > f->max ? f->max : value);
}

/* RFC 3261 table 4 for unreliable transports; a value that follows T1 or T4 is brought into the range of its object. */
static void
derive_timers(const struct node *timers, struct config_instance *i)
{
    uint64_t t1 = i->timer_ms[CONFIG_TIMER_T1], t4 = i->timer_ms[CONFIG_TIMER_T4];
    const uint64_t derived[CONFIG_TIMERS] = {
        [CONFIG_TIMER_A] = t1,
        [CONFIG_TIMER_B] = 64 * t1,
        [CONFIG_TIMER_D] = 64 * t1 > 32000 ? 64 * t1 : 32000,
        [CONFIG_TIMER_E] = t1,
        [CONFIG_TIMER_F] = 64 * t1,
        [CONFIG_TIMER_G] = t1,
        [CONFIG_TIMER_H] = 64 * t1,
        [CONFIG_TIMER_I] = t4,
        [CONFIG_TIMER_J] = 64 * t1,
        [CONFIG_TIMER_K] = t4,
    };

    for (size_t t = 0; t < CONFIG_TIMERS; t++) {
        const struct field *f = &schema_timers.fields[t];

        if (!f->fallback && !node_find(timers, f->key))
            i->timer_ms[t] = clamp(derived[t], f);
    }
}

/* A section that no role asks for would be set up in vain. Says nothing while the roles are not all understood. */
static void
check_roles(struct loader *l, const struct node *n, const struct config_instance *i)
{
    const struct node *roles = node_find(n, "roles");

    if (!roles || !i->roles || roles->n_children != (size_t)__builtin_popcount(i->roles))
        return;
    for (size_t s = 0; s < schema_instance.n_fields; s++) {
        const struct field *f = &schema_instance.fields[s];
        const char *role = kind_word(schema_roles, (unsigned)f->min);

        if (f->kind == &kind_section && !(i->roles & f->min))
            complain_at_key(
                l, n, f->key,
                "expected the role %s with this section, got roles without it (add it, or remove %s)", role,
                f->key);
    }
}

static void
settle_instance(struct loader *l, const struct node *n, struct config_instance *i)
{
    const struct node *registrar = node_find(n, "registrar");
    size_t mark;

    derive_timers(node_find(n, "timers"), i);
    check_roles(l, n, i);

    mark = field_enter(l, "proxy", 5);
    if (i->proxy.auth & CONFIG_AUTH_NONE && i->proxy.auth != CONFIG_AUTH_NONE)
        complain_at_key(l, node_find(n, "proxy"), "auth",
                        "expected none to stand alone, got other methods with it");
    field_leave(l, mark);

    mark = field_enter(l, "registrar", 9);
    if (i->registrar.default_expiry_s > i->registrar.max_contact_expiry_s &&
        i->registrar.max_contact_expiry_s) {
        complain_at_key(l, registrar, "default_expiry",
                        "expected at most max_contact_expiry, %" PRIu32 "s, got %" PRIu32 "s",
                        i->registrar.max_contact_expiry_s, i->registrar.default_expiry_s);
        i->registrar.default_expiry_s = i->registrar.max_contact_expiry_s; /* where it is only the default */
    }
    field_leave(l, mark);
}

/* ---- instances among each other ---- */

static void
check_unique(struct loader *l, const struct node *list, const struct config *c, size_t i)
{
    const struct config_instance *now = &c->instances[i];
    const struct node *n = node_item(list, i);
    bool has_name = now->name[0], has_index = now->appl_index;

    for (size_t j = 0; j < i && (has_name || has_index); j++) {
        const struct config_instance *earlier = &c->instances[j];
        unsigned line = node_item(list, j) ? node_item(list, j)->line : 0;

        if (has_name && strcmp(earlier->name, now->name) == 0) {
            complain_at_key(l, n, "name", "expected a name of its own, got \"%s\" again (see line %u)",
                            now->name, line);
            has_name = false;
        }
        if (has_index && earlier->appl_index == now->appl_index) {
            complain_at_key(l, n, "appl_index",
                            "expected a number of its own, got %" PRIu32 " again (see line %u)",
                            now->appl_index, line);
            has_index = false;
        }
    }
}

static void
settle_instances(struct loader *l, const struct node *list, struct config *c)
{
    for (size_t i = 0; i < c->n_instances; i++) {
        size_t mark = field_enter_item(l, i);

        settle_instance(l, node_item(list, i), &c->instances[i]);
        check_unique(l, list, c, i);
        field_leave(l, mark);
    }
}

/* ---- local addresses of different instances ---- */

struct claim {
    const struct config_address *address;
    size_t instance, index;
};

static int
compare_claims(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int order = address_compare(a->address, b->address);

    if (order)
        return order;
    if (a->instance != b->instance)
        return a->instance < b->instance ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

static const struct node *
claim_node(const struct node *list, const struct claim *claim)
{
    return node_item(node_find(node_item(list, claim->instance), "local"), claim->index);
}

static void
complain_of_claim(struct loader *l, const struct node *list, const struct claim *claim,
                  const struct claim *other)
{
    const struct node *n = claim_node(list, claim);
    size_t mark = field_enter_item(l, claim->instance);
    struct phrase found = { 0 };

    field_enter(l, "local", 5);
    field_enter_item(l, claim->index);
    phrase_quote(&found, n->text, n->length);
    field_complain(l, n, "expected an address that no other instance has, got %s (taken at line %u%s)",
                   found.text, claim_node(list, other)->line, other->address->any_host ? ", by *" : "");
    field_leave(l, mark);
}

/* Collect the addresses of all instances. */
static size_t
collect_claims(const struct config *c, struct claim *claims)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_instances; i++)
        for (size_t j = 0; j < c->instances[i].n_locals; j++)
            if (c->instances[i].locals[j].transport != SIPSTAT_TRANSPORT_OTHER)
                claims[n++] =
                    (struct claim){ .address = &c->instances[i].locals[j], .instance = i, .index = j };
    return n;
}

/* A collector tells instances by their addresses: two must not claim the same one. Claims on one port stand together
 * when sorted, those for any host in front. */
static void
check_locals(struct loader *l, const struct node *list, const struct config *c)
{
    size_t n = 0;
    struct claim *claims;

    for (size_t i = 0; i < c->n_instances; i++)
        n += c->instances[i].n_locals;
    claims = field_alloc(l, n, sizeof(*claims));
    if (!claims)
        return;
    n = collect_claims(c, claims);
    qsort(claims, n, sizeof(claims[0]), compare_claims);
    for (size_t i = 1, any = 0; i < n; i++) {
        const struct claim *now = &claims[i], *before = &claims[i - 1];

        if (address_port(now->address) != address_port(claims[any].address) ||
            (now->address->transport == SIPSTAT_UDP) != (claims[any].address->transport == SIPSTAT_UDP))
            any = i;
        else if (claims[any].address->any_host && claims[any].instance != now->instance)
            complain_of_claim(l, list, now, &claims[any]);
        else if (now->instance != before->instance && address_compare(now->address, before->address) == 0)
            complain_of_claim(l, list, now, before);
    }
    free(claims);
}

/* ---- collectors ---- */

/* With several instances, what a collector receives must be somebody's. */
static void
check_collectors(struct loader *l, const struct node *root, const struct config *c)
{
    const struct node *hep = node_find(node_find(root, "collectors"), "hep");
    size_t mark;

    if (c->hep.n_listen == 0 || c->n_instances < 2)
        return;
    for (size_t i = 0; i < c->n_instances; i++)
        if (c->instances[i].n_locals)
            return;
    mark = field_enter(l, "collectors.hep", 14);
    complain_at_key(
        l, hep, "listen",
        "expected local addresses in the instances, got none in any of the %zu (they tell which instance a "
        "packet belongs to)",
        c->n_instances);
    field_leave(l, mark);
}
