/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches of the registry: what begins and ends them, how they use the tables, what is over, and places. */
#include "agent/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/registry_internal.h"
#include "sipcore/fault.h"

/* What is left free at most for removing rows, which takes new pages until the batch is committed; at least an eighth
 * of the map or the file system. A step of removing takes less than PAGES_A_STEP of it. */
#define SPARE_OCTETS (UINT64_C(64) << 20)

enum { PAGES_A_STEP = 16, STEPS_LEAST = 4 };

static unsigned expire_garbage(struct registry_batch *b, unsigned max);

/* ---- begin and end ---------------------------------------------------------------------------------------------- */

/* How large the file may become, as things are now, and how much of that is to be spared. */
static void
measure_room(struct registry_batch *b)
{
    const struct registry *r = b->registry;
    uint64_t total = UINT64_MAX, left = store_env_room(r->env, &total), map = r->stats.octets_max, file = 0;
    MDB_envinfo info;
    MDB_stat stat = { .ms_psize = 4096 };

    if (mdb_env_info(r->env, &info) == 0 && mdb_env_stat(r->env, &stat) == 0)
        file = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
    b->room_octets = left < map - file ? file + left : map;
    b->spare_octets = (total < map ? total : map) / 8;
    if (b->spare_octets > SPARE_OCTETS)
        b->spare_octets = SPARE_OCTETS;
}

int
registry_begin(struct registry *r, const struct registry_clock *clock, struct registry_batch **out,
               struct err *e)
{
    struct registry_batch *b = calloc(1, sizeof(*b));
    int code;

    *out = NULL;
    if (!b)
        return err_set(e, -ENOMEM, "no memory for a batch of registrations");
    assert(!r->has_batch);
    code = registry_txn_begin(r, 0, &b->txn);
    if (code != 0) {
        free(b);
        return registry_complain(r, code, e, "begin a batch of registrations");
    }
    fault_point("batch.begun");
    b->registry = r;
    b->clock = *clock;
    measure_room(b);
    r->has_batch = true;
    *out = b;
    return 0;
}

static uint64_t
next_of(struct registry_batch *b)
{
    struct registry_key first;
    uint8_t key[REGISTRY_DEADLINE_KEY_OCTETS];
    size_t octets;

    if (batch_first(b, b->registry->garbage, span_of(NULL, 0), key, sizeof(key), &octets))
        return 0;
    if (!batch_first(b, b->registry->deadlines, span_of(NULL, 0), key, sizeof(key), &octets))
        return UINT64_MAX;
    return registry_deadline_key_read(span_of(key, octets), &first) ? first.time_ns : 0;
}

/* It came true: so it is for others, too. */
static void
publish(struct registry_batch *b, uint64_t next_ns, bool is_full)
{
    struct registry *r = b->registry;

    pthread_mutex_lock(&r->mutex);
    for (uint32_t i = 0; i < r->n_rows; i++)
        r->rows[i].live = r->rows[i].work;
    r->next_ns = next_ns;
    r->stats.batches++;
    r->stats.expired += b->expired;
    r->stats.contacts_over += b->contacts_over;
    r->stats.strangers_over += b->strangers_over;
    r->stats.refused_full += b->refused_full;
    r->stats.is_full = is_full;
    pthread_mutex_unlock(&r->mutex);
}

/* What was in it is read again. */
static void
forget(struct registry_batch *b)
{
    struct registry *r = b->registry;

    for (uint32_t i = 0; i < r->n_rows; i++)
        r->rows[i].work = r->rows[i].live;
}

int
registry_commit(struct registry_batch *b, struct err *e)
{
    struct registry *r = b->registry;
    uint64_t next_ns;
    bool is_full;
    int code;

    if (store_env_is_cut(r->env, &r->octets_seen))
        batch_fail(b, MDB_CORRUPTED, "find the end of the registrations");
    next_ns = next_of(b);
    is_full = b->code == 0 && !batch_has_room(b);
    for (uint32_t i = 0; i < r->n_rows && b->code == 0; i++) {
        if (r->rows[i].is_dirty) {
            code = registry_row_put(r, b->txn, &r->rows[i]);
            if (code != 0)
                batch_fail(b, code, "keep the counts of an instance");
        }
    }
    code = b->code;
    if (code != 0) {
        mdb_txn_abort(b->txn);
        if (e)
            *e = b->err;
    } else {
        fault_point("batch.rows");
        code = mdb_txn_commit(b->txn);
        if (code != 0)
            code = registry_complain(r, code, e, "commit a batch of registrations");
        else
            store_env_is_cut(r->env, &r->octets_seen); /* it may have grown */
    }
    if (code == 0)
        publish(b, next_ns, is_full);
    else
        forget(b);
    for (uint32_t i = 0; i < r->n_rows; i++)
        r->rows[i].is_dirty = false;
    r->has_batch = false;
    free(b);
    return code;
}

/* ---- tables ----------------------------------------------------------------------------------------------------- */

static MDB_val
val(struct span s)
{
    return (MDB_val){ .mv_size = s.length, .mv_data = (void *)s.data };
}

void
batch_fail(struct registry_batch *b, int code, const char *doing)
{
    if (b->code == 0)
        b->code = registry_complain(b->registry, code, &b->err, doing);
}

void
registry_fail(struct registry_batch *b, int code, const char *doing)
{
    batch_fail(b, code, doing);
}

void
batch_damage(struct registry_batch *b, const char *what)
{
    if (b->code == 0)
        b->code = registry_damage(b->registry, &b->err, what);
}

bool
batch_get(struct registry_batch *b, MDB_dbi table, struct span key, struct span *value)
{
    MDB_val k = val(key), v;
    int code;

    if (b->code != 0)
        return false;
    code = mdb_get(b->txn, table, &k, &v);
    if (code == 0)
        *value = registry_span(v);
    else if (code != MDB_NOTFOUND)
        batch_fail(b, code, "read registrations");
    return code == 0;
}

void
batch_put(struct registry_batch *b, MDB_dbi table, struct span key, struct span value)
{
    MDB_val k = val(key), v = val(value);
    int code;

    if (b->code != 0)
        return;
    code = mdb_put(b->txn, table, &k, &v, 0);
    if (code != 0)
        batch_fail(b, code, "keep registrations");
}

void
batch_delete(struct registry_batch *b, MDB_dbi table, struct span key)
{
    MDB_val k = val(key);
    int code;

    if (b->code != 0)
        return;
    code = mdb_del(b->txn, table, &k, NULL);
    if (code == MDB_NOTFOUND)
        batch_damage(b, "registrations: a row is missing");
    else if (code != 0)
        batch_fail(b, code, "remove registrations");
}

bool
batch_first(struct registry_batch *b, MDB_dbi table, struct span from, uint8_t *key, size_t max,
            size_t *octets)
{
    MDB_val k = val(from), v;
    MDB_cursor *cursor;
    int code;

    if (b->code != 0)
        return false;
    code = mdb_cursor_open(b->txn, table, &cursor);
    if (code == 0) {
        code = mdb_cursor_get(cursor, &k, &v, from.length ? MDB_SET_RANGE : MDB_FIRST);
        mdb_cursor_close(cursor);
    }
    if (code == 0 && k.mv_size > max)
        code = MDB_CORRUPTED;
    if (code == 0) {
        memcpy(key, k.mv_data, k.mv_size);
        *octets = k.mv_size;
    } else if (code != MDB_NOTFOUND) {
        batch_fail(b, code, "read registrations");
    }
    return code == 0;
}

bool
batch_get_user(struct registry_batch *b, const struct registry_key *at, struct registry_user *out,
               char aor[SIP_AOR_MAX])
{
    uint8_t key[REGISTRY_USER_KEY_OCTETS];
    struct span value;

    registry_user_key(at, key);
    if (!batch_get(b, b->registry->users, span_of(key, sizeof(key)), &value))
        return false;
    if (!registry_user_decode(value, out)) {
        batch_damage(b, "a registered user");
        return false;
    }
    memcpy(aor, out->aor.data, out->aor.length);
    out->aor.data = (const uint8_t *)aor;
    return true;
}

void
batch_put_user(struct registry_batch *b, const struct registry_key *at, const struct registry_user *user)
{
    uint8_t key[REGISTRY_USER_KEY_OCTETS], value[REGISTRY_USER_MAX];

    registry_user_key(at, key);
    batch_put(b, b->registry->users, span_of(key, sizeof(key)),
              span_of(value, registry_user_encode(user, value)));
}

void
batch_drop_user(struct registry_batch *b, const struct registry_key *at, struct span aor)
{
    uint8_t key[REGISTRY_USER_KEY_OCTETS], name[REGISTRY_NAME_KEY_OCTETS];

    registry_name_key(&b->registry->secret, at->tree, aor, name);
    registry_user_key(at, key);
    batch_delete(b, b->registry->users, span_of(key, sizeof(key)));
    batch_delete(b, b->registry->names, span_of(name, sizeof(name)));
}

static void
deadline_key(const struct registry_key *at, uint64_t deadline_ns, uint8_t key[REGISTRY_DEADLINE_KEY_OCTETS])
{
    struct registry_key k = *at;

    k.time_ns = deadline_ns;
    registry_deadline_key(&k, key);
}

void
batch_put_deadline(struct registry_batch *b, const struct registry_key *at, uint64_t deadline_ns)
{
    uint8_t key[REGISTRY_DEADLINE_KEY_OCTETS];

    deadline_key(at, deadline_ns, key);
    batch_put(b, b->registry->deadlines, span_of(key, sizeof(key)), span_of(NULL, 0));
}

void
batch_drop_deadline(struct registry_batch *b, const struct registry_key *at, uint64_t deadline_ns)
{
    uint8_t key[REGISTRY_DEADLINE_KEY_OCTETS];

    deadline_key(at, deadline_ns, key);
    batch_delete(b, b->registry->deadlines, span_of(key, sizeof(key)));
}

void
batch_drop_contact(struct registry_batch *b, const struct registry_key *at, uint64_t deadline_ns)
{
    uint8_t key[REGISTRY_CONTACT_KEY_OCTETS];

    registry_contact_key(at, key);
    batch_delete(b, b->registry->contacts, span_of(key, sizeof(key)));
    batch_drop_deadline(b, at, deadline_ns);
}

static uint64_t
free_octets(const struct registry_batch *b)
{
    const struct registry *r = b->registry;
    const MDB_dbi tables[] = { r->users, r->names, r->contacts, r->deadlines };
    uint64_t used = 0;
    MDB_stat stat;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        if (mdb_stat(b->txn, tables[i], &stat) == 0)
            used += (uint64_t)stat.ms_psize *
                    (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages);
    return used < b->room_octets ? b->room_octets - used : 0;
}

bool
batch_has_room(const struct registry_batch *b)
{
    return free_octets(b) > b->spare_octets;
}

/* ---- what is over ----------------------------------------------------------------------------------------------- */

/* A user has lost something. It goes with its last contact, unless failures keep it; and with the time of its failures,
 * unless it has contacts. `count`: of its instance. */
static void
settle_user(struct registry_batch *b, const struct registry_key *at, const struct registry_user *user,
            bool was_stranger, struct registry_count *count)
{
    bool is_stranger = user->contacts == 0 && user->failure_end_ns != 0;

    count->users -= user->contacts == 0 && !was_stranger;
    count->strangers += (uint64_t)is_stranger - (uint64_t)was_stranger;
    if (user->contacts > 0 || is_stranger)
        batch_put_user(b, at, user);
    else
        batch_drop_user(b, at, user->aor);
}

/* `at` is the first deadline, and reached. */
static void
end_one(struct registry_batch *b, const struct registry_key *at)
{
    struct registry_row *row = registry_row_by_tree(b->registry, at->tree);
    struct registry_count of_garbage = { 0 }, *count = row ? &row->work : &of_garbage;
    struct registry_user user;
    char aor[SIP_AOR_MAX];
    bool was_stranger;

    if (!batch_get_user(b, at, &user, aor)) {
        batch_damage(b, "a deadline: it is of nobody");
        return;
    }
    was_stranger = user.contacts == 0;
    if (at->contact && was_stranger) {
        batch_damage(b, "a user: it has more contacts than it should");
        return;
    }
    if (at->contact) {
        batch_drop_contact(b, at, at->time_ns);
        user.contacts--;
        count->contacts--;
        b->expired++;
    } else {
        batch_drop_deadline(b, at, at->time_ns);
        user.failure_end_ns = 0;
    }
    settle_user(b, at, &user, was_stranger, count);
    if (row)
        row->is_dirty = true;
}

unsigned
registry_expire(struct registry_batch *b, unsigned max)
{
    uint8_t key[REGISTRY_DEADLINE_KEY_OCTETS];
    struct registry_key at;
    uint64_t steps = free_octets(b) / (4096 * PAGES_A_STEP);
    unsigned n = 0;
    size_t octets;

    if (steps < STEPS_LEAST)
        steps = STEPS_LEAST;
    if (max > steps)
        max = (unsigned)steps;
    while (n < max && batch_first(b, b->registry->deadlines, span_of(NULL, 0), key, sizeof(key), &octets)) {
        if (!registry_deadline_key_read(span_of(key, octets), &at)) {
            batch_damage(b, "a deadline");
            break;
        }
        if (at.time_ns > b->clock.now_ns)
            break;
        end_one(b, &at);
        n++;
    }
    return n + expire_garbage(b, max - n);
}

/* The first contact of a tree that was given up; else its first user. False when it is empty. */
static bool
drop_one(struct registry_batch *b, uint32_t tree)
{
    struct registry_key from = { .tree = tree }, at;
    uint8_t key[REGISTRY_CONTACT_KEY_OCTETS];
    struct registry_contact contact;
    struct registry_user user;
    char aor[SIP_AOR_MAX];
    struct span value;
    size_t octets;

    registry_contact_key(&from, key);
    if (batch_first(b, b->registry->contacts, span_of(key, REGISTRY_CONTACT_KEY_OCTETS), key, sizeof(key),
                    &octets) &&
        registry_contact_key_read(span_of(key, octets), &at) && at.tree == tree &&
        batch_get(b, b->registry->contacts, span_of(key, octets), &value) &&
        registry_contact_decode(value, &contact)) {
        batch_drop_contact(b, &at, contact.deadline_ns);
        return true;
    }
    registry_user_key(&from, key);
    if (!batch_first(b, b->registry->users, span_of(key, REGISTRY_USER_KEY_OCTETS), key, sizeof(key),
                     &octets) ||
        !registry_user_key_read(span_of(key, octets), &at) || at.tree != tree ||
        !batch_get_user(b, &at, &user, aor))
        return false;
    if (user.failure_end_ns)
        batch_drop_deadline(b, &at, user.failure_end_ns);
    batch_drop_user(b, &at, user.aor);
    return true;
}

static unsigned
expire_garbage(struct registry_batch *b, unsigned max)
{
    uint8_t key[4];
    unsigned n = 0;
    size_t octets;

    while (n < max && batch_first(b, b->registry->garbage, span_of(NULL, 0), key, sizeof(key), &octets)) {
        struct span s = span_of(key, octets);
        uint32_t tree = 0;

        span_take_u32(&s, &tree);
        while (n < max && drop_one(b, tree))
            n++;
        if (n < max)
            batch_delete(b, b->registry->garbage, span_of(key, octets));
    }
    return n;
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

struct place_value {
    uint64_t position, next_sequence;
};

/* A lane's identity is a writer's word: it counts within its own instance only. */
struct place_key {
    uint8_t octets[4 + LANE_IDENTITY_OCTETS];
};

static struct place_key
place_key(uint32_t id, const uint8_t identity[LANE_IDENTITY_OCTETS])
{
    struct place_key key = { { (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id } };

    memcpy(key.octets + 4, identity, LANE_IDENTITY_OCTETS);
    return key;
}

void
registry_put_place(struct registry_batch *b, uint32_t id, const uint8_t identity[LANE_IDENTITY_OCTETS],
                   const struct ring_cursor *place)
{
    struct place_value value = { .position = place->position, .next_sequence = place->next_sequence };
    struct place_key key = place_key(id, identity);
    MDB_stat stat;

    if (b->code != 0)
        return;
    if (mdb_stat(b->txn, b->registry->places, &stat) == 0 && stat.ms_entries >= REGISTRY_PLACES_MAX) {
        int code = mdb_drop(b->txn, b->registry->places, 0);

        if (code != 0)
            batch_fail(b, code, "forget places in rings");
    }
    batch_put(b, b->registry->places, span_of(key.octets, sizeof(key.octets)),
              span_of(&value, sizeof(value)));
}

bool
registry_get_place(struct registry *r, uint32_t id, const uint8_t identity[LANE_IDENTITY_OCTETS],
                   struct ring_cursor *place)
{
    struct place_key of = place_key(id, identity);
    MDB_val key = { .mv_size = sizeof(of.octets), .mv_data = of.octets }, value;
    struct place_value read = { 0 };
    MDB_txn *txn;
    int code = registry_txn_begin(r, MDB_RDONLY, &txn);

    if (code == 0) {
        code = mdb_get(txn, r->places, &key, &value);
        if (code == 0 && value.mv_size != sizeof(read))
            code = MDB_CORRUPTED;
        if (code == 0)
            memcpy(&read, value.mv_data, sizeof(read));
        mdb_txn_abort(txn);
    }
    if (code != 0 && code != MDB_NOTFOUND)
        registry_complain(r, code, NULL, "look up a place in a ring");
    *place = (struct ring_cursor){ .position = read.position, .next_sequence = read.next_sequence };
    return code == 0;
}

void
registry_forget_place(struct registry_batch *b, uint32_t id, const uint8_t identity[LANE_IDENTITY_OCTETS])
{
    struct place_key of = place_key(id, identity);
    MDB_val key = { .mv_size = sizeof(of.octets), .mv_data = of.octets };
    int code;

    if (b->code != 0)
        return;
    code = mdb_del(b->txn, b->registry->places, &key, NULL);
    if (code != 0 && code != MDB_NOTFOUND)
        batch_fail(b, code, "forget a place in a ring");
}
