/* SPDX-License-Identifier: BSD-2-Clause */
/* Status code rows that somebody asked for. */
#include "agent/controls_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int
control_row_compare(const struct control_row *a, const struct control_row *b)
{
    int order;

    if (a->method_octets != b->method_octets)
        return a->method_octets < b->method_octets ? -1 : 1;
    order = memcmp(a->method, b->method, a->method_octets);
    if (order != 0)
        return order;
    return a->code < b->code ? -1 : a->code > b->code;
}

/* The first place whose row is not before `key`. */
static size_t
place_of(const struct controls_rows *r, const struct control_row *key)
{
    size_t low = 0, high = r->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (control_row_compare(&r->entry[middle]->row, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void
controls_rows_fini(struct controls_rows *r)
{
    for (size_t i = 0; i < r->count; i++)
        free(r->entry[i]);
    free(r->entry);
    *r = (struct controls_rows){ .count = 0 };
}

struct controls_entry *
controls_rows_find(const struct controls_rows *r, const struct control_row *key)
{
    size_t at = place_of(r, key);

    return at < r->count && control_row_compare(&r->entry[at]->row, key) == 0 ? r->entry[at] : NULL;
}

bool
controls_rows_reserve(struct controls_rows *r, size_t more)
{
    struct controls_entry **grown;
    size_t room = r->count + more;

    if (room <= r->room)
        return true;
    if (room < 2 * r->room)
        room = 2 * r->room;
    grown = realloc(r->entry, room * sizeof(struct controls_entry *));
    if (!grown)
        return false;
    r->entry = grown;
    r->room = room;
    return true;
}

/* Keep the two sums right: a row leaves (-1) or comes (1). */
static void
account(struct controls_rows *r, const struct control_row *row, int step)
{
    if (row->is_configured)
        return;
    if (row->is_hidden)
        r->hidden += (uint32_t)step;
    else
        r->made += (uint32_t)step;
}

void
controls_rows_insert(struct controls_rows *r, struct controls_entry *entry)
{
    size_t at = place_of(r, &entry->row);

    memmove(&r->entry[at + 1], &r->entry[at], (r->count - at) * sizeof(struct controls_entry *));
    r->entry[at] = entry;
    r->count++;
    account(r, &entry->row, 1);
}

void
controls_rows_remove(struct controls_rows *r, struct controls_entry *entry)
{
    size_t at = place_of(r, &entry->row);

    r->count--;
    memmove(&r->entry[at], &r->entry[at + 1], (r->count - at) * sizeof(struct controls_entry *));
    account(r, &entry->row, -1);
}

void
controls_rows_replace(struct controls_rows *r, struct controls_entry *entry, const struct control_row *row)
{
    bool is_configured = entry->row.is_configured;

    account(r, &entry->row, -1);
    entry->row = *row;
    entry->row.is_configured = is_configured;
    account(r, &entry->row, 1);
}

/* ---- changes by SET --------------------------------------------------------------------------------------------- */

void
controls_rows_key(const struct mib_change *change, struct control_row *key)
{
    memset(key, 0, sizeof(*key));
    key->method_octets = change->method_octets;
    memcpy(key->method, change->method, change->method_octets);
    key->code = (uint16_t)change->code;
}

int
controls_rows_growth(const struct controls_rows *r, const struct mib_change *change)
{
    const struct controls_entry *entry;
    struct control_row key;

    controls_rows_key(change, &key);
    entry = controls_rows_find(r, &key);
    if (entry && entry->row.is_configured)
        return 0;
    return !change->destroys - (entry && !entry->row.is_hidden);
}

void
controls_rows_judge(const struct control_row *before, const struct mib_change *change, uint64_t now_ns,
                    struct control_row *after)
{
    bool is_new = change->creates || !before || before->is_hidden;

    if (is_new || change->destroys) {
        controls_rows_key(change, after);
        after->emit = CONTROL_ONE_SHOT;
        after->threshold = CONTROLS_THRESHOLD_DEFAULT;
        after->interval_s = CONTROLS_INTERVAL_DEFAULT_S;
        after->is_configured = before && before->is_configured;
    } else {
        *after = *before;
    }
    after->is_hidden = change->destroys;
    if (change->destroys)
        return;
    /* To set a hidden row shows it again, as creating it does. */
    if (change->creates || (before && before->is_hidden))
        after->discon_ns = now_ns;
    if (change->sets & MIB_SETS_NOTIFY)
        after->notify = change->notify;
    if (change->sets & MIB_SETS_EMIT)
        after->emit = (uint8_t)change->emit;
    if (change->sets & MIB_SETS_THRESHOLD)
        after->threshold = change->threshold;
    if (change->sets & MIB_SETS_INTERVAL)
        after->interval_s = change->interval_s;
}

struct controls_entry *
controls_rows_surplus(const struct controls_rows *r)
{
    struct controls_entry *oldest = NULL;

    if (r->hidden <= CONTROLS_HIDDEN_MAX)
        return NULL;
    for (size_t i = 0; i < r->count; i++) {
        struct controls_entry *entry = r->entry[i];

        if (!entry->row.is_hidden || entry->row.is_configured)
            continue;
        /* Serials wrap: what is behind by less than half of them is older. */
        if (!oldest || (int32_t)(entry->row.serial - oldest->row.serial) < 0)
            oldest = entry;
    }
    return oldest;
}

/* ---- reloads ---------------------------------------------------------------------------------------------------- */

static struct controls_entry *
make_configured(const struct config_watch *w)
{
    struct controls_entry *entry = calloc(1, sizeof(*entry));
    size_t octets = strlen(w->method);

    if (!entry)
        return NULL;
    if (octets > METHOD_NAME_MAX)
        octets = METHOD_NAME_MAX;
    memcpy(entry->row.method, w->method, octets);
    entry->row.method_octets = (uint8_t)octets;
    entry->row.code = (uint16_t)w->code;
    entry->row.is_configured = true;
    entry->row.notify = entry->asked_notify = w->notify;
    entry->row.emit = entry->asked_emit = (uint8_t)w->emit;
    entry->row.threshold = entry->asked_threshold = w->threshold;
    entry->row.interval_s = entry->asked_interval_s = w->interval_s;
    entry->is_fresh = true;
    return entry;
}

static int
compare_entries(const void *left, const void *right)
{
    const struct controls_entry *const *a = left, *const *b = right;

    return control_row_compare(&(*a)->row, &(*b)->row);
}

/* All watches of a configuration as rows, sorted as the table is: the configuration has another order. */
static bool
make_watches(struct controls_rows *r, const struct config_instance *config)
{
    if (!controls_rows_reserve(r, config->n_watches + 1))
        return false;
    assert(r->entry);
    for (size_t i = 0; i < config->n_watches; i++) {
        r->entry[r->count] = make_configured(&config->watches[i]);
        if (!r->entry[r->count])
            return false;
        r->count++;
    }
    qsort(r->entry, r->count, sizeof(struct controls_entry *), compare_entries);
    return true;
}

static bool
asks_the_same(const struct controls_entry *a, const struct controls_entry *b)
{
    return a->row.is_configured && a->asked_notify == b->asked_notify && a->asked_emit == b->asked_emit &&
           a->asked_threshold == b->asked_threshold && a->asked_interval_s == b->asked_interval_s;
}

/* A row that is configured no longer, and had been created by SET as well: a copy that is only that. NULL
 * without memory. */
static struct controls_entry *
make_released(const struct controls_entry *last, uint32_t *serial)
{
    struct controls_entry *entry = malloc(sizeof(*entry));

    if (!entry)
        return NULL;
    *entry = *last;
    entry->row.is_configured = false;
    entry->row.serial = ++*serial;
    entry->is_fresh = true;
    return entry;
}

/* What becomes of a row that no watch asks for (now). NULL: it goes, or (with *ok false) there is no
 * memory. */
static struct controls_entry *
judge_unasked(struct controls_entry *last, uint32_t *serial, bool *ok)
{
    struct controls_entry *entry;

    if (!last->row.is_configured)
        return last;
    if (last->row.is_hidden || last->row.discon_ns == 0)
        return NULL;
    entry = make_released(last, serial);
    *ok = entry != NULL;
    return entry;
}

/* What becomes of a row that a watch asks for. Gives back the one of the two that is not wanted. */
static struct controls_entry *
judge_asked(struct controls_entry *last, struct controls_entry *asked, uint32_t *serial)
{
    if (last && asks_the_same(last, asked)) {
        free(asked);
        return last;
    }
    if (last && !last->row.is_hidden)
        asked->row.discon_ns = last->row.discon_ns;
    asked->row.serial = ++*serial;
    return asked;
}

static void
append(struct controls_rows *r, struct controls_entry *entry, uint64_t follow)
{
    if (!entry)
        return;
    entry->follow = follow;
    r->entry[r->count++] = entry;
    account(r, &entry->row, 1);
}

bool
controls_rows_follow(struct controls_rows *next, const struct controls_rows *last,
                     const struct config_instance *config, uint64_t follow, uint32_t *serial)
{
    struct controls_rows asked = { .count = 0 };
    size_t a = 0, l = 0, n_last = last ? last->count : 0;
    bool ok;

    *next = (struct controls_rows){ .count = 0 };
    ok = make_watches(&asked, config) && controls_rows_reserve(next, asked.count + n_last + 1);
    while (ok && (a < asked.count || l < n_last)) {
        int order = a == asked.count ? 1
                    : l == n_last    ? -1
                                     : compare_entries(&asked.entry[a], &last->entry[l]);

        if (order > 0)
            append(next, judge_unasked(last->entry[l], serial, &ok), follow);
        else
            append(next, judge_asked(order == 0 ? last->entry[l] : NULL, asked.entry[a], serial), follow);
        a += order <= 0;
        l += order >= 0;
    }
    for (; a < asked.count; a++)
        free(asked.entry[a]);
    free(asked.entry);
    return ok;
}

void
controls_rows_abandon(struct controls_rows *next)
{
    for (size_t i = 0; i < next->count; i++)
        if (next->entry[i]->is_fresh)
            free(next->entry[i]);
    free(next->entry);
    *next = (struct controls_rows){ .count = 0 };
}

void
controls_rows_own(struct controls_rows *next)
{
    for (size_t i = 0; i < next->count; i++)
        next->entry[i]->is_fresh = false;
}

void
controls_rows_retire(struct controls_rows *last, uint64_t follow)
{
    for (size_t i = 0; i < last->count; i++)
        if (last->entry[i]->follow != follow)
            free(last->entry[i]);
    free(last->entry);
    *last = (struct controls_rows){ .count = 0 };
}
