/* SPDX-License-Identifier: BSD-2-Clause */
/* An instance's notifications: what managers and the configuration want, and how much was counted. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/instance_internal.h"
#include "agent/log.h"

static void want(struct instance *i);
static void look_at_thresholds(struct instance *i, uint64_t now_ns);

/* ---- what is wanted --------------------------------------------------------------------------------------------- */

void
instance_notify_begin(struct instance *i, const struct site *site)
{
    notifier_init(&i->notifier, i->name, site->notices, site->pseudonym);
    instance_notify_configure(i, site);
}

void
instance_notify_configure(struct instance *i, const struct site *site)
{
    i->notifier.appl_index = i->config->appl_index;
    i->notifier.is_pseudonymous = i->config->registrar.expose != CONFIG_EXPOSE_FULL;
    i->notifier.rate = site->notice_rate;
    i->keeps_registrations = i->config->roles & CONFIG_ROLE_BIT(CONFIG_ROLE_REGISTRAR);
    want(i);
}

/* What writers are to record: the file follows at the next look at the directory. */
static void
want(struct instance *i)
{
    uint64_t codes[LANE_CODE_WORDS];

    notifier_interest(&i->notifier, codes);
    interest_want(&i->interest, codes, i->keeps_registrations ? LANE_WANT_REGISTRATIONS : 0);
}

void
instance_follow_controls(struct instance *i, struct site *site, uint64_t now_ns)
{
    unsigned notify_enable = SNAP_NOTIFY_DEFAULT;
    struct control_row *rows = NULL;
    uint64_t generation;
    size_t count = 0;
    int code;

    if (!site->controls ||
        (!i->must_follow_controls && i->controls_generation == controls_generation(site->controls)))
        return;
    code = controls_copy(site->controls, i->name, &notify_enable, &rows, &count, &generation);
    if (code == 0)
        code = notifier_set_rows(&i->notifier, notify_enable, rows, count);
    i->must_follow_controls = code == -ENOMEM; /* again at the next tick */
    if (code < 0) {
        free(rows);
        return;
    }
    i->controls_generation = generation;
    want(i);
    if (!i->interest.is_set && i->dir_fd >= 0)
        interest_apply(&i->interest, i->dir_fd, i->name);
    i->poll_ns = now_ns;
    site_look_at(site, now_ns);
    /* New windows begin now, with what is counted now. */
    for (uint32_t k = 0; k < i->lanes.count; k++)
        if (i->lanes.lane[k]->stage == LANE_LIVE)
            instance_refresh_lane(i, i->lanes.lane[k], now_ns);
    look_at_thresholds(i, now_ns);
}

/* ---- what was counted ------------------------------------------------------------------------------------------- */

/* For a notification of one status code: of that row alone, as of now, and without summing up all others. */
struct row_count {
    struct instance *instance;
    struct lane *lane; /* where the response was recorded */
    uint64_t now_ns;
};

static void
add_lane_cell(const struct lane_reader *r, const char *method, size_t octets, unsigned code, uint64_t *in,
              uint64_t *out)
{
    for (uint32_t k = 1; k < r->copy.cells; k++) {
        const struct lane_cell_copy *c = &r->copy.cell[k];
        const char *name =
            LANE_CELL_CODE(c->key) == code ? lane_reader_method_name(r, LANE_CELL_METHOD(c->key)) : NULL;

        if (!name || strlen(name) != octets || memcmp(name, method, octets) != 0)
            continue;
        *in += c->in;
        *out += c->out;
    }
}

static uint32_t
find_method(const struct tally *t, const char *method, size_t octets)
{
    for (uint32_t k = 0; k < t->methods; k++)
        if (t->method[k].name_octets == octets && memcmp(t->method[k].name, method, octets) == 0)
            return k;
    return TALLY_METHODS;
}

static void
add_tally_cell(const struct tally *t, uint32_t method, unsigned code, uint64_t *in, uint64_t *out)
{
    uint32_t cell = 0;

    if (method < TALLY_METHODS && code - LANE_CODE_FIRST < LANE_CODES)
        cell = t->index[method * LANE_CODES + code - LANE_CODE_FIRST];
    if (cell == 0)
        return;
    *in += t->cell[cell].in;
    *out += t->cell[cell].out;
}

static void
count_row(void *context, const char *method, size_t octets, unsigned code, uint64_t *in, uint64_t *out)
{
    const struct row_count *c = context;
    struct instance *i = c->instance;

    if (c->lane->stage == LANE_LIVE)
        instance_refresh_lane(i, c->lane, c->now_ns);
    *in = *out = 0;
    add_tally_cell(&i->retained, find_method(&i->retained, method, octets), code, in, out);
    for (uint32_t k = 0; k < i->lanes.count; k++)
        if (lane_counts(i->lanes.lane[k]))
            add_lane_cell(&i->lanes.lane[k]->reader, method, octets, code, in, out);
}

void
instance_hear_status(struct instance *i, struct site *site, struct lane *l, const struct ring_event *event,
                     uint64_t now_ns)
{
    struct row_count counting = { .instance = i, .lane = l, .now_ns = now_ns };
    const char *method = lane_reader_method_name(&l->reader, event->status.method);
    const struct control_row *spent;

    if (!method && l->stage == LANE_LIVE) { /* a name that is newer than the copy */
        instance_refresh_lane(i, l, now_ns);
        method = lane_reader_method_name(&l->reader, event->status.method);
    }
    spent = notifier_status(&i->notifier, event, method ? method : METHOD_OTHER_NAME, count_row, &counting,
                            now_ns);
    if (!spent || !site->controls)
        return;
    controls_trigger(site->controls, i->name, spent);
    i->must_follow_controls = true;
}

/* ---- as time goes by -------------------------------------------------------------------------------------------- */

/* For all rows at once: from the sums. Rows come sorted by method, so the last one found is often the next one. */
struct sum_count {
    const struct tally *sum;
    uint32_t method;
};

static void
count_in_sum(void *context, const char *method, size_t octets, unsigned code, uint64_t *in, uint64_t *out)
{
    struct sum_count *c = context;
    const struct tally_method *last = c->method < TALLY_METHODS ? &c->sum->method[c->method] : NULL;

    *in = *out = 0;
    if (!last || last->name_octets != octets || memcmp(last->name, method, octets) != 0)
        c->method = find_method(c->sum, method, octets);
    add_tally_cell(c->sum, c->method, code, in, out);
}

static void
look_at_thresholds(struct instance *i, uint64_t now_ns)
{
    struct sum_count counting = { .sum = &i->sum, .method = TALLY_METHODS };
    struct err e;

    if (i->notifier.n_rows > 0 && instance_sum(i, &e) == 0) /* without memory: at the next tick */
        notifier_thresholds(&i->notifier, count_in_sum, &counting, now_ns);
}

void
instance_notify_tick(struct instance *i, uint64_t now_ns)
{
    uint64_t count;

    look_at_thresholds(i, now_ns);
    notifier_tick(&i->notifier, now_ns);
    if (flood_is_over(&i->events_lost, now_ns, &count))
        instance_say(i, LOG_LEVEL_INFO, LOG_LANE, ": events are read in time again: %" PRIu64 " %s lost",
                     count, count == 1 ? "was" : "were");
}
