/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry as another thread sees it: answers by key, each request from one moment. */
#include "agent/registry.h"

#include <stdlib.h>
#include <string.h>

#include "agent/registry_internal.h"

struct registry_reader {
    struct mib_registrations mib; /* first: a question comes back with its address */
    const struct pseudonym *pseudonym;
    struct registry *registry; /* a reference; NULL: nothing is there */
    uint64_t now_ns;
    MDB_txn *txn; /* from the first question of a request to its end */
    MDB_cursor *users, *contacts;
    char text[PSEUDONYM_OCTETS + 8];
    struct
    { /* the last answer: a manager that walks asks once for each column. Good as long as the transaction */
        bool is_there;
        uint32_t id, user, contact; /* what was asked */
        struct snap_contact row;
    } last;
};

static bool user_at(struct mib_registrations *m, uint32_t id, bool is_pseudonymous, uint32_t user,
                    struct snap_user *out);
static bool contact_at(struct mib_registrations *m, uint32_t id, bool is_pseudonymous, uint32_t user,
                       uint32_t contact, struct snap_contact *out);

struct registry_reader *
registry_reader_new(const struct pseudonym *pseudonym)
{
    struct registry_reader *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->mib = (struct mib_registrations){ .user_at = user_at, .contact_at = contact_at };
    r->pseudonym = pseudonym;
    return r;
}

void
registry_reader_free(struct registry_reader *r)
{
    if (!r)
        return;
    registry_reader_end(r);
    free(r);
}

struct mib_registrations *
registry_reader_begin(struct registry_reader *r, struct registry *of, uint64_t now_ns)
{
    if (r->registry != of) {
        registry_reader_end(r);
        r->registry = registry_take(of);
    }
    if (r->now_ns != now_ns)
        r->last.is_there = false; /* it may be over */
    r->now_ns = now_ns;
    return &r->mib;
}

/* The reference goes too: a registry that was given up is not kept open by somebody who asks nothing. */
void
registry_reader_end(struct registry_reader *r)
{
    mdb_cursor_close(r->users);
    mdb_cursor_close(r->contacts);
    if (r->txn)
        mdb_txn_abort(r->txn);
    r->users = r->contacts = NULL;
    r->txn = NULL;
    r->last.is_there = false;
    registry_release(r->registry);
    r->registry = NULL;
}

/* ---- looking up ------------------------------------------------------------------------------------------------- */

/* Readers that died without a word leave their place in the table of readers taken. */
static int
begin(struct registry_reader *r)
{
    MDB_env *env = r->registry->env;
    int code = registry_txn_begin(r->registry, MDB_RDONLY, &r->txn), dead;

    if (code == MDB_READERS_FULL && mdb_reader_check(env, &dead) == 0 && dead > 0)
        code = mdb_txn_begin(env, NULL, MDB_RDONLY, &r->txn);
    if (code != 0) {
        r->txn = NULL;
        return code;
    }
    code = mdb_cursor_open(r->txn, r->registry->users, &r->users);
    if (code != 0)
        r->users = NULL;
    if (code == 0)
        code = mdb_cursor_open(r->txn, r->registry->contacts, &r->contacts);
    if (code != 0)
        r->contacts = NULL;
    return code;
}

/* The tree that an instance's rows stand under; false when there is nothing to read. */
static bool
find_tree(struct registry_reader *r, uint32_t id, uint32_t *tree)
{
    const struct registry_row *row;
    int code;

    if (!r->registry)
        return false;
    if (!r->contacts) {
        if (r->txn) /* it failed before, and said so */
            return false;
        code = begin(r);
        if (code != 0) {
            registry_complain(r->registry, code, NULL, "begin to read registrations");
            return false;
        }
    }
    pthread_mutex_lock(&r->registry->mutex);
    row = registry_row_by_id(r->registry, id);
    *tree = row ? row->live.tree : 0;
    pthread_mutex_unlock(&r->registry->mutex);
    return row != NULL;
}

/* The first row at or behind `key`, or (`key` empty) the next one. False at the end. */
static bool
look(struct registry_reader *r, MDB_cursor *cursor, struct span key, struct span *found, struct span *value)
{
    MDB_val k = { .mv_size = key.length, .mv_data = (void *)key.data }, v;
    int code = mdb_cursor_get(cursor, &k, &v, key.length ? MDB_SET_RANGE : MDB_NEXT);

    if (code == 0) {
        *found = registry_span(k);
        *value = registry_span(v);
    } else if (code != MDB_NOTFOUND) {
        registry_complain(r->registry, code, NULL, "read registrations");
    }
    return code == 0;
}

/* The first contact of the tree at or behind *at, of users up to `last`, that is not over; *at becomes its key. */
static bool
next_contact(struct registry_reader *r, struct registry_key *at, uint32_t last, struct registry_contact *out)
{
    uint8_t from[REGISTRY_CONTACT_KEY_OCTETS];
    struct span next, found, value;
    uint32_t tree = at->tree;

    registry_contact_key(at, from);
    next = span_of(from, sizeof(from));
    while (look(r, r->contacts, next, &found, &value)) {
        if (!registry_contact_key_read(found, at) || !registry_contact_decode(value, out)) {
            registry_damage(r->registry, NULL, "a contact");
            return false;
        }
        if (at->tree != tree || at->user > last)
            return false;
        if (out->deadline_ns > r->now_ns)
            return true;
        next = span_of(NULL, 0);
    }
    return false;
}

/* Has a user something that is not over yet? */
static bool
is_live(struct registry_reader *r, const struct registry_key *user, const struct registry_user *value)
{
    struct registry_key at = *user;
    struct registry_contact contact;

    if (value->failure_end_ns > r->now_ns)
        return true;
    at.contact = 0;
    return value->contacts > 0 && next_contact(r, &at, user->user, &contact);
}

static bool
next_user(struct registry_reader *r, struct registry_key *at, struct registry_user *out)
{
    uint8_t from[REGISTRY_USER_KEY_OCTETS];
    struct span next, found, value;
    uint32_t tree = at->tree;

    registry_user_key(at, from);
    next = span_of(from, sizeof(from));
    while (look(r, r->users, next, &found, &value)) {
        if (!registry_user_key_read(found, at) || !registry_user_decode(value, out)) {
            registry_damage(r->registry, NULL, "a registered user");
            return false;
        }
        if (at->tree != tree)
            return false;
        if (is_live(r, at, out))
            return true;
        next = span_of(NULL, 0);
    }
    return false;
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static bool
user_at(struct mib_registrations *m, uint32_t id, bool is_pseudonymous, uint32_t user, struct snap_user *out)
{
    struct registry_reader *r = (struct registry_reader *)m;
    struct registry_key at = { .user = user };
    struct registry_user value;

    if (!find_tree(r, id, &at.tree) || !next_user(r, &at, &value))
        return false;
    out->index = at.user;
    out->uri = value.aor;
    out->auth_failures = value.failures;
    out->discon_ns = value.discon_ns;
    if (is_pseudonymous)
        out->uri = span_of(r->text, r->pseudonym ? pseudonym_of(r->pseudonym, value.aor, r->text) : 0);
    return true;
}

static bool
contact_at(struct mib_registrations *m, uint32_t id, bool is_pseudonymous, uint32_t user, uint32_t contact,
           struct snap_contact *out)
{
    struct registry_reader *r = (struct registry_reader *)m;
    struct registry_key at = { .user = user, .contact = contact };
    struct registry_contact value;
    size_t octets = 0;

    if (r->last.is_there && !is_pseudonymous && r->last.id == id && r->last.user == user &&
        r->last.contact == contact) {
        *out = r->last.row;
        return true;
    }
    if (!find_tree(r, id, &at.tree) || !next_contact(r, &at, UINT32_MAX, &value))
        return false;
    out->user = at.user;
    out->index = at.contact;
    out->display_name = value.name;
    out->uri = value.uri;
    out->updated_ns = value.updated_ns;
    out->expiry_unix_s = value.expiry_unix_s;
    out->q_thousandths = value.q_thousandths;
    if (is_pseudonymous) {
        memcpy(r->text, "sip:", 4);
        if (r->pseudonym)
            octets = 4 + pseudonym_of(r->pseudonym, value.uri, r->text + 4);
        out->display_name = span_of(NULL, 0);
        out->uri = span_of(r->text, octets);
        return true;
    }
    r->last.is_there = true;
    r->last.id = id;
    r->last.user = user;
    r->last.contact = contact;
    r->last.row = *out;
    return true;
}
