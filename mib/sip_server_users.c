/* SPDX-License-Identifier: BSD-2-Clause */
/* SIP-SERVER-MIB (RFC 4780): who is registered, and where. The rows are not in the snapshot, which only says
 * which registrars there are: they are asked for one at a time, by key. Their texts came in requests of
 * anybody. */
#include <stdio.h>

#include "mib/columns.h"
#include "mib/date.h"
#include "mib/tables.h"

#define USER_BY(getter, field)    MIB_FIELD_BY(getter, struct snap_user, field)
#define CONTACT_BY(getter, field) MIB_FIELD_BY(getter, struct snap_contact, field)

enum { Q_MAX = 1000, USER_KEYS = 2, CONTACT_KEYS = 3 };

/* The least index that will do: applIndex, user, contact. */
struct bound {
    uint32_t id[CONTACT_KEYS];
};

typedef bool ask(struct mib_registrations *r, const struct snap_instance *registrar, struct bound from,
                 struct mib_row *row);

static mib_getter get_preference;
static mib_getter get_expiry;
static bool seek_by(ask *ask_one, unsigned keys, const struct mib_view *view, const uint32_t *index,
                    size_t length, bool after, struct mib_row *row);
static bool bound_of(const uint32_t *index, size_t length, unsigned keys, bool after, struct bound *bound);
static uint32_t first_registrar(const struct snap_rows *registrars, uint32_t appl_index);
static ask ask_user;
static ask ask_contact;

static void
key_user(const struct mib_row *row, struct mib_key *key)
{
    const struct snap_user *user = row->data;

    mib_key_number(key, user->appl_index);
    mib_key_number(key, user->index);
}

static bool
seek_user(const struct mib_table *table, const struct mib_view *view, const uint32_t *index, size_t length,
          bool after, struct mib_row *row)
{
    (void)table;
    return seek_by(ask_user, USER_KEYS, view, index, length, after, row);
}

// clang-format off
static const struct mib_column user_columns[] = {
    { 2, MIB_OCTETS,    MIB_READ_ONLY, "sipServerRegUserUri",                    USER_BY(mib_get_text, uri) },
    { 3, MIB_COUNTER32, MIB_READ_ONLY, "sipServerRegUserAuthenticationFailures", USER_BY(mib_get_u64, auth_failures) },
    { 4, MIB_TIMETICKS, MIB_READ_ONLY, "sipServerRegUserDisconTime",             USER_BY(mib_get_u64, discon_ns) },
};
// clang-format on

const struct mib_table mib_server_reg_user = {
    .name = "sipServerRegUserTable",
    MIB_ENTRY(151, 1, 5, 2, 1),
    MIB_COLUMNS(user_columns),
    .seek = seek_user,
    .rows = SNAP_ROWS,
    .key = key_user,
};

static void
key_contact(const struct mib_row *row, struct mib_key *key)
{
    const struct snap_contact *contact = row->data;

    mib_key_number(key, contact->appl_index);
    mib_key_number(key, contact->user);
    mib_key_number(key, contact->index);
}

static bool
seek_contact(const struct mib_table *table, const struct mib_view *view, const uint32_t *index, size_t length,
             bool after, struct mib_row *row)
{
    (void)table;
    return seek_by(ask_contact, CONTACT_KEYS, view, index, length, after, row);
}

// clang-format off
static const struct mib_column contact_columns[] = {
    { 2, MIB_OCTETS,    MIB_READ_ONLY, "sipServerRegContactDisplayName", CONTACT_BY(mib_get_text, display_name) },
    { 3, MIB_OCTETS,    MIB_READ_ONLY, "sipServerRegContactURI",         CONTACT_BY(mib_get_text, uri) },
    { 4, MIB_TIMETICKS, MIB_READ_ONLY, "sipServerRegContactLastUpdated", CONTACT_BY(mib_get_u64, updated_ns) },
    { 5, MIB_OCTETS,    MIB_READ_ONLY, "sipServerRegContactExpiry",      .get = get_expiry },
    { 6, MIB_OCTETS,    MIB_READ_ONLY, "sipServerRegContactPreference",  .get = get_preference },
};
// clang-format on

const struct mib_table mib_server_reg_contact = {
    .name = "sipServerRegContactTable",
    MIB_ENTRY(151, 1, 5, 3, 1),
    MIB_COLUMNS(contact_columns),
    .seek = seek_contact,
    .rows = SNAP_ROWS,
    .key = key_contact,
};

static bool
get_expiry(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
           struct mib_value *value)
{
    const struct snap_contact *contact = row->data;

    (void)view;
    (void)column;
    mib_date(contact->expiry_unix_s, value->scratch);
    value->octets = span_of(value->scratch, MIB_DATE_OCTETS);
    return true;
}

/* The object is a decimal number, an empty one is none: a contact without a q value, which nothing puts
 * behind others, has 1.0. */
static bool
get_preference(const struct mib_view *view, const struct mib_row *row, const struct mib_column *column,
               struct mib_value *value)
{
    const struct snap_contact *contact = row->data;
    unsigned q = contact->q_thousandths <= Q_MAX ? contact->q_thousandths : Q_MAX;
    int length = snprintf((char *)value->scratch, sizeof(value->scratch), "%u.%03u", q / Q_MAX, q % Q_MAX);

    (void)view;
    (void)column;
    while (length > 3 && value->scratch[length - 1] == '0')
        length--;
    value->octets = span_of(value->scratch, (size_t)length);
    return true;
}

/* One question for each registrar at most that has nothing at or behind the bound. */
static bool
seek_by(ask *ask_one, unsigned keys, const struct mib_view *view, const uint32_t *index, size_t length,
        bool after, struct mib_row *row)
{
    const struct snap_rows *registrars = &view->snapshot->rows[SNAP_REGISTRARS];
    struct bound bound;

    if (view->registrations == NULL || !bound_of(index, length, keys, after, &bound))
        return false;
    for (uint32_t r = first_registrar(registrars, bound.id[0]); r < registrars->count; r++) {
        const struct snap_instance *registrar = registrars->row[r];

        if (registrar->appl_index != bound.id[0])
            bound = (struct bound){ { registrar->appl_index } };
        if (registrar->registry_id != 0 && ask_one(view->registrations, registrar, bound, row))
            return true;
    }
    return false;
}

/* The first whole index at or, `after`, past any sub-identifiers. One cut short comes before all that begin
 * with it; one that is too long comes behind that of which it is the beginning. False: there is none. */
static bool
bound_of(const uint32_t *index, size_t length, unsigned keys, bool after, struct bound *bound)
{
    *bound = (struct bound){ { 0 } };
    for (size_t i = 0; i < keys && i < length; i++)
        bound->id[i] = index[i];
    if (length < keys || (length == keys && !after))
        return true;
    for (unsigned i = keys; i-- > 0;)
        if (++bound->id[i] != 0)
            return true;
    return false;
}

/* The first registrar with that applIndex or a greater one. */
static uint32_t
first_registrar(const struct snap_rows *registrars, uint32_t appl_index)
{
    uint32_t low = 0, high = registrars->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (((const struct snap_instance *)registrars->row[middle])->appl_index < appl_index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* An answer before what was asked for would send a walk round in circles: it is none. */
static bool
ask_user(struct mib_registrations *r, const struct snap_instance *registrar, struct bound from,
         struct mib_row *row)
{
    struct snap_user *user = &row->own.user;

    if (!r->user_at(r, registrar->registry_id, registrar->is_pseudonymous, from.id[1], user))
        return false;
    user->appl_index = registrar->appl_index;
    row->data = user;
    return user->index >= from.id[1];
}

static bool
ask_contact(struct mib_registrations *r, const struct snap_instance *registrar, struct bound from,
            struct mib_row *row)
{
    struct snap_contact *contact = &row->own.contact;

    if (!r->contact_at(r, registrar->registry_id, registrar->is_pseudonymous, from.id[1], from.id[2],
                       contact))
        return false;
    contact->appl_index = registrar->appl_index;
    row->data = contact;
    return contact->user > from.id[1] || (contact->user == from.id[1] && contact->index >= from.id[2]);
}
