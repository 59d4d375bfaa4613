/* SPDX-License-Identifier: BSD-2-Clause */
/* What registrars report: all bindings of an address-of-record, and failed authentications. */
#include "agent/registry.h"

#include <string.h>

#include "agent/registry_internal.h"

#define SECOND_NS UINT64_C(1000000000)

/* A contact as it was before. Texts point into LMDB's pages: for as long as nothing is changed. */
struct old_contact {
    uint32_t index;
    bool stays;
    struct registry_contact contact;
};

/* A contact as it is to be. */
struct new_contact {
    struct registry_contact contact;
    uint32_t index;           /* 0: it is new */
    uint64_t old_deadline_ns; /* unless it is new */
    bool is_as_before;        /* not refreshed by this message: nothing to write */
};

/* One address-of-record while its bindings are replaced. */
struct change {
    struct registry_batch *batch;
    struct registry_row *row;
    struct registry_key at; /* user 0: not known yet */
    uint8_t name[REGISTRY_NAME_KEY_OCTETS];
    struct registry_user user;
    char aor[SIP_AOR_MAX];
    uint32_t next_before;   /* index of the user's next contact */
    uint32_t before, after; /* contacts */
    struct old_contact old[REGISTRY_CONTACTS_MAX];
    struct new_contact new[REGISTRY_CONTACTS_MAX];
};

static bool change_begin(struct change *c, struct registry_batch *b, uint32_t id, struct span aor);
static void read_old(struct change *c);
static void plan(struct change *c, const struct lane_binding *binding, uint32_t expires_s,
                 uint64_t accepted_unix_ns);
static bool make_room(struct change *c);
static void make_user(struct change *c, uint64_t discon_ns);
static void write_contacts(struct change *c);
static void settle(struct change *c);

/* ---- times ------------------------------------------------------------------------------------------------------ */

/* How long ago that was. What is not known (0), or to come, is now. */
static uint64_t
age_ns(const struct registry_batch *b, uint64_t unix_ns)
{
    return unix_ns == 0 || unix_ns > b->clock.unix_ns ? 0 : b->clock.unix_ns - unix_ns;
}

/* When that was, by CLOCK_MONOTONIC; 0 before it began. */
static uint64_t
moment_ns(const struct registry_batch *b, uint64_t unix_ns)
{
    uint64_t age = age_ns(b, unix_ns);

    return age < b->clock.now_ns ? b->clock.now_ns - age : 0;
}

/* ---- bindings --------------------------------------------------------------------------------------------------- */

void
registry_put_bindings(struct registry_batch *b, uint32_t id, struct span aor,
                      const struct lane_binding *contacts, size_t count, uint32_t default_expires_s,
                      uint64_t accepted_unix_ns)
{
    struct change c;

    if (!change_begin(&c, b, id, aor))
        return;
    if (c.at.user)
        read_old(&c);
    for (size_t i = 0; i < count; i++)
        plan(&c, &contacts[i],
             contacts[i].expires_s == LANE_EXPIRES_UNKNOWN ? default_expires_s : contacts[i].expires_s,
             accepted_unix_ns);
    if (!make_room(&c) || (c.at.user == 0 && c.after == 0))
        return;
    if (c.at.user == 0)
        make_user(&c, moment_ns(b, accepted_unix_ns));
    write_contacts(&c);
    settle(&c);
}

/* Find the user. False when there is nothing to do for anybody. The arrays are left as they are. */
static bool
change_begin(struct change *c, struct registry_batch *b, uint32_t id, struct span aor)
{
    struct registry *r = b->registry;
    struct span value;
    size_t octets;

    c->batch = b;
    c->row = registry_row_by_id(r, id);
    c->at = (struct registry_key){ 0 };
    c->user = (struct registry_user){ .next_contact = 1 };
    c->before = c->after = 0;
    octets = sip_aor_canonical(aor, c->aor);
    if (b->code != 0 || !c->row || octets == 0)
        return false;
    c->at.tree = c->row->work.tree;
    c->user.aor = span_of(c->aor, octets);
    registry_name_key(&r->secret, c->at.tree, c->user.aor, c->name);
    if (!batch_get(b, r->names, span_of(c->name, sizeof(c->name)), &value))
        return b->code == 0;
    if (value.length != sizeof(c->at.user))
        batch_damage(b, "the name of a user");
    else
        memcpy(&c->at.user, value.data, sizeof(c->at.user));
    if (b->code == 0 && !batch_get_user(b, &c->at, &c->user, c->aor))
        batch_damage(b, "the name of a user: there is none");
    c->next_before = c->user.next_contact;
    return b->code == 0;
}

static void
read_old(struct change *c)
{
    struct registry_batch *b = c->batch;
    uint8_t from[REGISTRY_CONTACT_KEY_OCTETS];
    MDB_val key = { .mv_size = sizeof(from), .mv_data = from }, value;
    struct registry_key at;
    MDB_cursor *cursor;
    int code;

    registry_contact_key(&c->at, from);
    code = mdb_cursor_open(b->txn, b->registry->contacts, &cursor);
    if (code != 0) {
        batch_fail(b, code, "read contacts");
        return;
    }
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && registry_contact_key_read(registry_span(key), &at) && at.tree == c->at.tree &&
           at.user == c->at.user && c->before < REGISTRY_CONTACTS_MAX) {
        struct old_contact *old = &c->old[c->before++];

        old->index = at.contact;
        old->stays = false;
        if (!registry_contact_decode(registry_span(value), &old->contact))
            batch_damage(b, "a contact");
        code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (code != 0 && code != MDB_NOTFOUND)
        batch_fail(b, code, "read contacts");
    if (c->before != c->user.contacts)
        batch_damage(b, "a user: its contacts are not as many as it has");
}

/* Two bindings are the same when the flows are (RFC 5626), else when the URIs are: two clients at one URI that both
 * have a flow are two. */
static bool
is_same(const struct registry_contact *a, const struct registry_contact *b)
{
    return a->flow && b->flow ? a->flow == b->flow : span_equals(a->uri, b->uri);
}

/* What the response lists without the request having refreshed it has the expiry that was known, but for the rounding
 * to seconds on the way, and less time left than it was given. */
static bool
is_as_before(const struct registry_contact *now, const struct registry_contact *before)
{
    int64_t later_s = now->expiry_unix_s - before->expiry_unix_s;
    uint64_t left_ns = now->deadline_ns - now->updated_ns,
             given_ns = before->deadline_ns - before->updated_ns;

    return later_s >= -1 && later_s <= 1 && left_ns + SECOND_NS / 2 < given_ns &&
           now->q_thousandths == before->q_thousandths && now->flow == before->flow &&
           span_equals(now->uri, before->uri) && span_equals(now->name, before->name);
}

/* The same binding as one that the message has listed already, or a place for another one. */
static struct new_contact *
place_for(struct change *c, const struct registry_contact *contact)
{
    for (uint32_t i = 0; i < c->after; i++)
        if (is_same(&c->new[i].contact, contact))
            return &c->new[i];
    if (c->after == REGISTRY_CONTACTS_MAX) {
        c->batch->contacts_over++;
        return NULL;
    }
    c->new[c->after] = (struct new_contact){ 0 };
    return &c->new[c->after++];
}

static struct old_contact *
find_old(struct change *c, const struct registry_contact *contact)
{
    for (uint32_t i = 0; i < c->before; i++)
        if (!c->old[i].stays && is_same(&c->old[i].contact, contact))
            return &c->old[i];
    return NULL;
}

static void
plan(struct change *c, const struct lane_binding *binding, uint32_t expires_s, uint64_t accepted_unix_ns)
{
    const struct registry_batch *b = c->batch;
    uint64_t age = age_ns(b, accepted_unix_ns), life = expires_s * SECOND_NS;
    struct registry_contact contact = {
        .deadline_ns = b->clock.now_ns + life - age,
        .updated_ns = moment_ns(b, accepted_unix_ns),
        .expiry_unix_s = (int64_t)((b->clock.unix_ns - age) / SECOND_NS) + expires_s,
        .flow = registry_flow(&b->registry->secret, binding),
        .q_thousandths = binding->q_thousandths,
        .uri = span_first(binding->uri, LANE_CONTACT_URI_MAX),
        .name = span_first(binding->name, REGISTRY_NAME_MAX),
    };
    struct new_contact *new;
    struct old_contact *old;

    if (life <= age || contact.uri.length == 0)
        return;
    new = place_for(c, &contact);
    if (!new)
        return;
    new->contact = contact;
    new->is_as_before = false;
    old = new->index ? NULL : find_old(c, &contact);
    if (!old)
        return;
    old->stays = true;
    new->index = old->index;
    new->old_deadline_ns = old->contact.deadline_ns;
    new->is_as_before = is_as_before(&contact, &old->contact);
}

/* Where nothing may grow, what is new is left out, and the rest goes on. False: nothing of it is left. */
static bool
make_room(struct change *c)
{
    uint32_t known = 0;

    for (uint32_t i = 0; i < c->after; i++)
        known += c->new[i].index != 0;
    if (c->batch->code != 0)
        return false;
    if (known == c->after || batch_has_room(c->batch))
        return true;
    c->batch->refused_full++;
    known = 0;
    for (uint32_t i = 0; i < c->after; i++)
        if (c->new[i].index != 0)
            c->new[known++] = c->new[i];
    c->after = known;
    return c->at.user != 0;
}

/* ---- users ------------------------------------------------------------------------------------------------------ */

static uint32_t
after_index(uint32_t index)
{
    return index == UINT32_MAX ? 1 : index + 1;
}

static void
make_user(struct change *c, uint64_t discon_ns)
{
    struct registry *r = c->batch->registry;
    uint8_t key[REGISTRY_USER_KEY_OCTETS];
    struct span value;

    c->at.user = c->row->work.next_user;
    registry_user_key(&c->at, key);
    while (batch_get(c->batch, r->users, span_of(key, sizeof(key)), &value)) {
        c->at.user = after_index(c->at.user);
        registry_user_key(&c->at, key);
    }
    c->row->work.next_user = after_index(c->at.user);
    c->row->work.strangers++;
    c->row->is_dirty = true;
    c->user.discon_ns = discon_ns;
    batch_put(c->batch, r->names, span_of(c->name, sizeof(c->name)),
              span_of(&c->at.user, sizeof(c->at.user)));
}

/* Keep the user as its contacts and failures are now, or let it go. */
static void
settle(struct change *c)
{
    struct registry_count *count = &c->row->work;
    bool was_stranger = c->before == 0, is_there = c->after > 0 || c->user.failure_end_ns != 0;
    bool is_as_before = c->before == c->after && c->before > 0 && c->user.next_contact == c->next_before;

    c->user.contacts = (uint8_t)c->after;
    count->contacts += (uint64_t)c->after - c->before;
    count->users += (uint64_t)(c->after > 0) - (uint64_t)!was_stranger;
    count->strangers += (uint64_t)(c->after == 0 && is_there) - (uint64_t)was_stranger;
    c->row->is_dirty = true;
    if (is_there && !is_as_before)
        batch_put_user(c->batch, &c->at, &c->user);
    if (!is_there)
        batch_drop_user(c->batch, &c->at, c->user.aor);
}

/* ---- writing contacts ------------------------------------------------------------------------------------------- */

static bool
is_index_used(const struct change *c, uint32_t index)
{
    for (uint32_t i = 0; i < c->before; i++)
        if (c->old[i].index == index)
            return true;
    return false;
}

static uint32_t
new_index(struct change *c)
{
    uint32_t index = c->user.next_contact;

    while (is_index_used(c, index))
        index = after_index(index);
    c->user.next_contact = after_index(index);
    return index;
}

static void
write_contact(struct change *c, const struct new_contact *new, uint32_t index)
{
    struct registry_batch *b = c->batch;
    uint8_t key[REGISTRY_CONTACT_KEY_OCTETS], value[REGISTRY_CONTACT_MAX];
    struct registry_key at = c->at;

    at.contact = index;
    registry_contact_key(&at, key);
    batch_put(b, b->registry->contacts, span_of(key, sizeof(key)),
              span_of(value, registry_contact_encode(&new->contact, value)));
    if (new->index &&new->old_deadline_ns == new->contact.deadline_ns)
        return;
    if (new->index)
        batch_drop_deadline(b, &at, new->old_deadline_ns);
    batch_put_deadline(b, &at, new->contact.deadline_ns);
}

static void
write_contacts(struct change *c)
{
    struct registry_key at = c->at;

    for (uint32_t i = 0; i < c->before; i++) {
        at.contact = c->old[i].index;
        if (!c->old[i].stays)
            batch_drop_contact(c->batch, &at, c->old[i].contact.deadline_ns);
    }
    for (uint32_t i = 0; i < c->after; i++)
        if (!c->new[i].is_as_before)
            write_contact(c, &c->new[i], c->new[i].index ? c->new[i].index : new_index(c));
}

/* ---- failures --------------------------------------------------------------------------------------------------- */

void
registry_put_failure(struct registry_batch *b, uint32_t id, struct span aor, uint64_t failed_unix_ns)
{
    const uint64_t life = REGISTRY_FAILURE_S * SECOND_NS;
    uint64_t age = age_ns(b, failed_unix_ns), end_ns = age < life ? b->clock.now_ns + life - age : 0;
    struct change c;

    if (!change_begin(&c, b, id, aor))
        return;
    if (c.at.user == 0) {
        if (end_ns == 0)
            return;
        if (c.row->work.strangers >= REGISTRY_STRANGERS_MAX || !batch_has_room(b)) {
            b->strangers_over++;
            return;
        }
        make_user(&c, moment_ns(b, failed_unix_ns));
    }
    c.user.failures++;
    if (end_ns > c.user.failure_end_ns) {
        if (c.user.failure_end_ns)
            batch_drop_deadline(b, &c.at, c.user.failure_end_ns);
        batch_put_deadline(b, &c.at, end_ns);
        c.user.failure_end_ns = end_ns;
    }
    batch_put_user(b, &c.at, &c.user);
}
