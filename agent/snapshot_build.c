/* SPDX-License-Identifier: BSD-2-Clause */
/* Building snapshots. */
#include "agent/snapshot_build.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core.h"
#include "agent/word_rows.h"

/* The block begins with this; the rows follow. */
struct snapshot_block {
    struct snapshot snapshot; /* first: a snapshot is its block */
    atomic_uint references;
    struct config_hold *hold;
    struct word_rows *words;
    struct registry *registry; /* may be NULL */
};

/* How much there will be, at most. */
struct measure {
    size_t instances, methods, codes, text_octets;
};

/* Where the next of each goes. */
struct layout {
    struct snap_instance *instance;
    struct snap_method *method;
    struct snap_code *code;
    const void **row[SNAP_ROWS]; /* the next pointer of each table; NULL: the table is configuration */
    uint8_t *text;
    uint8_t *end;
};

static atomic_uint alive;

static struct measure measure(struct instance *const *instance, size_t count);
static struct snapshot_block *make_block(const struct measure *m, struct layout *at);
static void fill_instance(struct snapshot *s, struct layout *at, const struct instance *i,
                          const struct config_hold *hold, const struct registry *registry);
static void fill_methods(struct snapshot *s, struct layout *at, const struct instance *i, struct span *names);
static void fill_codes(struct snapshot *s, struct layout *at, const struct instance *i,
                       const struct span *names);

int
snapshot_build(const struct snapshot **out, struct instance *const *instance, size_t count,
               struct config_hold *hold, struct registry *registry, uint64_t generation, uint64_t now_ns,
               struct err *e)
{
    struct span names[TALLY_METHODS];
    struct snapshot_block *block;
    struct word_rows *words;
    struct layout at;
    struct measure m;
    int code = 0;

    for (size_t k = 0; code == 0 && k < count; k++)
        code = instance_sum(instance[k], e);
    if (code == 0)
        code = word_rows_get(&words, hold, instance, count, e);
    if (code != 0)
        return code;
    m = measure(instance, count);
    block = make_block(&m, &at);
    if (!block) {
        word_rows_release(words);
        return err_set(e, -ENOMEM, "no memory for a snapshot of %zu instances, %zu methods, %zu status codes",
                       m.instances, m.methods, m.codes);
    }
    block->hold = config_hold_take(hold);
    block->words = words;
    block->registry = registry_take(registry);
    for (unsigned id = 0; id < SNAP_ROWS; id++)
        if (!at.row[id])
            block->snapshot.rows[id] = hold->rows[id];
    block->snapshot.rows[SNAP_OPTION_TAGS] = words->tags;
    block->snapshot.rows[SNAP_SUPPORTED_METHODS] = words->methods;
    for (size_t k = 0; k < count; k++) {
        if (instance[k]->is_unseen)
            continue;
        fill_instance(&block->snapshot, &at, instance[k], hold, registry);
        fill_methods(&block->snapshot, &at, instance[k], names);
        fill_codes(&block->snapshot, &at, instance[k], names);
    }
    assert(at.text <= at.end);
    block->snapshot.taken_ns = now_ns;
    block->snapshot.generation = generation;
    *out = &block->snapshot;
    return 0;
}

const struct snapshot *
snapshot_take(const struct snapshot *s)
{
    struct snapshot_block *block = (struct snapshot_block *)(void *)s;

    atomic_fetch_add_explicit(&block->references, 1, memory_order_relaxed);
    return s;
}

void
snapshot_release(const struct snapshot *s)
{
    struct snapshot_block *block = (struct snapshot_block *)(void *)s;

    /* Release: our last reading comes before. Acquire: it comes before the other's freeing. */
    if (!s || atomic_fetch_sub_explicit(&block->references, 1, memory_order_acq_rel) != 1)
        return;
    registry_release(block->registry);
    word_rows_release(block->words);
    config_hold_release(block->hold);
    free(block);
    atomic_fetch_sub_explicit(&alive, 1, memory_order_relaxed);
}

unsigned
snapshots_alive(void)
{
    return atomic_load_explicit(&alive, memory_order_relaxed);
}

struct registry *
core_registry(const struct snapshot *s)
{
    return s ? ((const struct snapshot_block *)(const void *)s)->registry : NULL;
}

/* ---- the block -------------------------------------------------------------------------------------------------- */

/* What somebody asked for of a row, or NULL. */
static const struct control_row *
control_of(const struct instance *i, const struct row_order_code *c)
{
    return c->control ? &i->notifier.rows[c->control - 1] : NULL;
}

static struct measure
measure(struct instance *const *instance, size_t count)
{
    struct measure m = { .instances = count };

    for (size_t k = 0; k < count; k++) {
        const struct instance *i = instance[k];

        m.methods += i->order.n_methods;
        m.codes += i->order.n_codes;
        m.text_octets += sizeof(i->software);
        for (uint32_t r = 0; r < i->sum.methods; r++)
            m.text_octets += i->sum.method[r].name_octets;
        for (uint32_t r = 0; r < i->order.n_codes; r++)
            if (i->order.code[r].method == TALLY_METHODS)
                m.text_octets += control_of(i, &i->order.code[r])->method_octets;
    }
    return m;
}

/* Cut `octets` for 8-aligned things off the block. */
static void *
carve(uint8_t **at, size_t octets)
{
    void *here = *at;

    *at += (octets + 7) & ~(size_t)7;
    return here;
}

static struct snapshot_block *
make_block(const struct measure *m, struct layout *at)
{
    const size_t room[SNAP_ROWS] = {
        [SNAP_INSTANCES] = m->instances, [SNAP_TIMED] = m->instances,      [SNAP_SERVERS] = m->instances,
        [SNAP_PROXIES] = m->instances,   [SNAP_REGISTRARS] = m->instances, [SNAP_METHODS] = m->methods,
        [SNAP_CODES] = m->codes,
    };
    size_t octets = sizeof(struct snapshot_block) + m->instances * sizeof(*at->instance) +
                    m->methods * sizeof(*at->method) + m->codes * sizeof(*at->code) + m->text_octets + 64;
    struct snapshot_block *block;
    uint8_t *next;

    for (unsigned id = 0; id < SNAP_ROWS; id++)
        octets += room[id] * sizeof(void *);
    block = malloc(octets);
    if (!block)
        return NULL;
    memset(block, 0, sizeof(*block));
    atomic_fetch_add_explicit(&alive, 1, memory_order_relaxed);
    atomic_init(&block->references, 1);
    next = (uint8_t *)(block + 1);
    at->instance = carve(&next, m->instances * sizeof(*at->instance));
    at->method = carve(&next, m->methods * sizeof(*at->method));
    at->code = carve(&next, m->codes * sizeof(*at->code));
    for (unsigned id = 0; id < SNAP_ROWS; id++) {
        bool is_ours = id <= SNAP_REGISTRARS || id == SNAP_METHODS || id == SNAP_CODES;

        at->row[id] = is_ours ? carve(&next, room[id] * sizeof(void *)) : NULL;
        block->snapshot.rows[id].row = at->row[id];
    }
    at->text = next;
    at->end = (uint8_t *)block + octets;
    return block;
}

static void
add_row(struct snapshot *s, struct layout *at, enum snap_rows_id id, const void *row)
{
    *at->row[id]++ = row;
    s->rows[id].count++;
}

/* ---- rows ------------------------------------------------------------------------------------------------------- */

/* A text of a lane's, as it is: what is served of it is made fit where it is read. */
static struct span
copy_text(struct layout *at, const char *text, size_t octets)
{
    struct span copy = span_of(at->text, strnlen(text, octets));

    memcpy(at->text, text, copy.length);
    at->text += copy.length;
    return copy;
}

/* The users of a registrar: how many, and how they are asked for. They are nobody's business unless the
 * configuration exposes them. */
static void
fill_users(struct snap_instance *row, const struct instance *i, const struct registry *registry)
{
    if (!registry || i->registry_id == 0 || !(row->roles & CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR)))
        return;
    row->current_users = registry_users(registry, i->registry_id);
    if (i->config->registrar.expose != CONFIG_EXPOSE_NONE)
        row->registry_id = i->registry_id;
}

static void
fill_instance(struct snapshot *s, struct layout *at, const struct instance *i, const struct config_hold *hold,
              const struct registry *registry)
{
    const unsigned servers = CONFIG_ROLE_BIT(CONFIG_ROLE_PROXY) | CONFIG_ROLE_BIT(CONFIG_ROLE_REDIRECT) |
                             CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR);
    struct snap_instance *row = at->instance++;

    *row = hold->instance[i->config - hold->config->instances];
    row->version = copy_text(at, i->software, sizeof(i->software));
    row->oper_status = i->state.oper_status;
    row->start_ns = i->state.start_ns;
    row->last_change_ns = i->state.last_change_ns;
    row->discon_ns = i->state.discon_ns;
    row->last_in_ns = i->state.last_in_ns;
    row->last_out_ns = i->state.last_out_ns;
    memcpy(row->counters, i->sum.counters, sizeof(row->counters));
    row->has_associations = i->sum.has_associations;
    row->open_transactions = tally_open_transactions(&i->sum);
    row->notify_enable = i->notifier.notify_enable;
    fill_users(row, i, registry);
    add_row(s, at, SNAP_INSTANCES, row);
    if (!row->is_stateless_proxy)
        add_row(s, at, SNAP_TIMED, row);
    if (row->roles & servers)
        add_row(s, at, SNAP_SERVERS, row);
    if (row->roles & CONFIG_ROLE_BIT(CONFIG_ROLE_PROXY))
        add_row(s, at, SNAP_PROXIES, row);
    if (row->roles & CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR))
        add_row(s, at, SNAP_REGISTRARS, row);
}

static bool
has_counted(const struct tally_method *m)
{
    for (unsigned k = 0; k < LANE_METHOD_COUNTERS; k++)
        if (m->counters[k] != 0)
            return true;
    return false;
}

/* Methods of the configuration, and those seen. names[row] is filled in for all: status codes share them. */
static void
fill_methods(struct snapshot *s, struct layout *at, const struct instance *i, struct span *names)
{
    for (uint32_t k = 0; k < i->order.n_methods; k++) {
        uint32_t number = i->order.method[k];
        const struct tally_method *m = &i->sum.method[number];
        struct snap_method *row;

        names[number] = span_of(at->text, m->name_octets);
        memcpy(at->text, m->name, m->name_octets);
        at->text += m->name_octets;
        if (!i->order.is_configured[number] && !has_counted(m))
            continue;
        row = at->method++;
        row->appl_index = i->config->appl_index;
        row->name = names[number];
        memcpy(row->counters, m->counters, sizeof(row->counters));
        row->discon_ns = i->state.discon_ns;
        add_row(s, at, SNAP_METHODS, row);
    }
}

/* The name of a row that nothing was counted of, and no method is known by. */
static struct span
control_name(struct layout *at, const struct control_row *control)
{
    struct span name;

    assert(control);
    name = span_of(at->text, control->method_octets);
    memcpy(at->text, control->method, control->method_octets);
    at->text += control->method_octets;
    return name;
}

static void
fill_codes(struct snapshot *s, struct layout *at, const struct instance *i, const struct span *names)
{
    for (uint32_t k = 0; k < i->order.n_codes; k++) {
        const struct row_order_code *c = &i->order.code[k];
        const struct control_row *control = control_of(i, c);
        struct snap_code *row = at->code++;

        *row = (struct snap_code){
            .appl_index = i->config->appl_index,
            .method = c->method < TALLY_METHODS ? names[c->method] : control_name(at, control),
            .code = c->code,
            .in = c->cell ? i->sum.cell[c->cell].in : 0, /* cell 0 is what was folded */
            .out = c->cell ? i->sum.cell[c->cell].out : 0,
            .discon_ns = i->state.discon_ns,
            .notify = control && control->notify,
            .emit = control ? control->emit : CONTROL_ONE_SHOT,
            .threshold = control ? control->threshold : CONTROLS_THRESHOLD_DEFAULT,
            .interval_s = control ? control->interval_s : CONTROLS_INTERVAL_DEFAULT_S,
            .is_asked_for = control != NULL,
        };
        if (control && control->discon_ns > row->discon_ns)
            row->discon_ns = control->discon_ns;
        add_row(s, at, SNAP_CODES, row);
    }
}
