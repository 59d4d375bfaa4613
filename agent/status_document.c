/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent says of itself, as one JSON document. */
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "agent/controls.h"
#include "agent/core_state.h"
#include "agent/json.h"
#include "agent/log.h"
#include "agent/notice.h"
#include "agent/process_use.h"
#include "agent/pseudonym.h"
#include "agent/registry.h"
#include "agent/snapshot_build.h"
#include "agent/status.h"

static void write_agent(const struct core *c, struct json *j, uint64_t now_ns);
static void write_use(struct json *j);
static void write_configuration(const struct core *c, struct json *j, uint64_t now_ns);
static void write_agentx(const struct core *c, struct json *j, uint64_t now_ns);
static void write_snapshot(const struct core *c, struct json *j, uint64_t now_ns);
static void write_store(const struct core *c, struct json *j);
static void write_registry(const struct core *c, struct json *j);
static void write_notifications(const struct core *c, struct json *j);
static void write_controls(const struct core *c, struct json *j);
static void write_pseudonyms(const struct core *c, struct json *j);
static void write_instance(const struct instance *i, struct json *j, uint64_t now_ns);
static void write_strangers(const struct core *c, struct json *j);

void
status_write(const struct core *c, struct json *j, uint64_t now_ns)
{
    write_agent(c, j, now_ns);
    write_configuration(c, j, now_ns);
    write_agentx(c, j, now_ns);
    write_snapshot(c, j, now_ns);
    write_store(c, j);
    write_registry(c, j);
    write_notifications(c, j);
    write_controls(c, j);
    write_pseudonyms(c, j);
    json_array(j, "instances");
    for (size_t k = 0; k < c->n_instances; k++)
        write_instance(c->instance[k], j, now_ns);
    json_close(j);
    write_strangers(c, j);
}

/* Seconds since a moment; nothing at all for one that never was. */
static void
write_age(struct json *j, const char *key, uint64_t then_ns, uint64_t now_ns)
{
    if (then_ns != 0)
        json_decimal(j, key, then_ns > now_ns ? 0 : (double)(now_ns - then_ns) / 1e9, 1);
}

static void
write_agent(const struct core *c, struct json *j, uint64_t now_ns)
{
    json_object(j, "agent");
    json_string(j, "version", SIPMIB_VERSION);
    json_number(j, "pid", (uint64_t)getpid());
    write_age(j, "uptime_s", c->started_ns, now_ns);
    json_string(j, "runtime_dir", c->site.runtime_dir);
    json_bool(j, "runtime_dir_is_there", c->site.runtime_fd >= 0);
    json_string(j, "directories", c->site.watcher.is_blind ? "looked at every second" : "watched");
    json_number(j, "directory_events_lost", c->site.watcher.overflows);
    json_number(j, "lanes", c->site.lanes);
    json_number(j, "lanes_max", SITE_LANES_MAX);
    json_number(j, "log_lines_held_back", log_held_back());
    json_number(j, "status_answered", c->status.answered);
    json_number(j, "status_turned_away", c->status.turned_away);
    json_number(j, "status_dropped", c->status.dropped);
    write_use(j);
    json_close(j);
}

static void
write_use(struct json *j)
{
    struct process_use use;

    process_use_get(&use);
    json_number(j, "rss_octets", use.rss_octets);
    json_number(j, "rss_highest_octets", use.rss_highest_octets);
    json_number(j, "descriptors", use.descriptors);
    json_number(j, "descriptors_max", use.descriptors_max);
    json_decimal(j, "cpu_s", (double)use.cpu_ms / 1000, 3);
}

static void
write_pages(struct json *j, const struct store_pages *pages)
{
    json_number(j, "page_octets", pages->octets);
    json_number(j, "pages", pages->pages);
    json_number(j, "pages_free", pages->free);
    json_number(j, "pages_free_lots", pages->lots);
    json_number(j, "readers_most", pages->readers);
}

static void
write_configuration(const struct core *c, struct json *j, uint64_t now_ns)
{
    json_object(j, "configuration");
    json_string(j, "path", c->config_path);
    json_number(j, "generation", c->hold->generation);
    json_number(j, "reloads", c->reload.attempts);
    json_number(j, "reloads_failed", c->reload.failures);
    if (c->reload.last_ns != 0) {
        write_age(j, "last_reload_ago_s", c->reload.last_ns, now_ns);
        json_string(j, c->reload.last_failed ? "last_reload_failed" : "last_reload", c->reload.text);
    }
    json_close(j);
}

static void
write_agentx(const struct core *c, struct json *j, uint64_t now_ns)
{
    static const char *const states[] = { "starting", "connected", "disconnected" };
    struct agentx_report r;

    pthread_mutex_lock((pthread_mutex_t *)&c->mutex);
    r = c->report;
    pthread_mutex_unlock((pthread_mutex_t *)&c->mutex);
    json_object(j, "agentx");
    json_string(j, "state", states[r.state]);
    write_age(j, "for_s", r.since_ns, now_ns);
    json_string(j, "reason", r.reason);
    json_number(j, "connects", r.connects);
    json_number(j, "disconnects", r.disconnects);
    json_number(j, "requests", r.requests);
    write_age(j, "last_request_ago_s", r.last_request_ns, now_ns);
    json_number(j, "registrations_refused", r.registrations_refused);
    json_bool(j, "is_in_master", r.turn_started_ns != 0);
    write_age(j, "in_master_s", r.turn_started_ns, now_ns);
    json_close(j);
}

static void
write_snapshot(const struct core *c, struct json *j, uint64_t now_ns)
{
    const struct snapshot *s = c->snapshot; /* only this thread replaces it */

    json_object(j, "snapshot");
    json_number(j, "generation", s->generation);
    json_number(j, "alive", snapshots_alive());
    json_decimal(j, "age_ms", (double)(now_ns - s->taken_ns) / 1e6, 1);
    json_number(j, "max_age_ms", c->hold->config->snapshot_max_age_ms);
    json_number(j, "built", c->builds);
    json_decimal(j, "build_ms", (double)c->build_took_ns / 1e6, 3);
    json_decimal(j, "build_worst_ms", (double)c->build_worst_ns / 1e6, 3);
    json_number(j, "method_rows", s->rows[SNAP_METHODS].count);
    json_number(j, "status_code_rows", s->rows[SNAP_CODES].count);
    json_close(j);
}

static void
write_store(const struct core *c, struct json *j)
{
    struct store_stats stats;

    json_object(j, "store");
    json_string(j, "directory", STORE_NAME);
    json_bool(j, "is_open", c->site.store != NULL);
    json_number(j, "times_lost", c->site.stores_lost);
    json_number(j, "times_damaged", c->site.stores_damaged);
    if (c->site.store) {
        store_stats_get(c->site.store, &stats);
        json_number(j, "entries", stats.entries);
        json_number(j, "octets", stats.octets);
        json_number(j, "octets_max", stats.octets_max);
        write_pages(j, &stats.pages);
        json_number(j, "transactions", stats.transactions);
        json_number(j, "errors", stats.errors);
        json_string(j, "last_error", stats.last_error);
    }
    json_close(j);
}

static void
write_registry(const struct core *c, struct json *j)
{
    struct registry_stats stats;
    struct store_pages pages;

    json_object(j, "registry");
    json_string(j, "directory", REGISTRY_NAME);
    json_bool(j, "is_open", c->site.registry != NULL);
    json_bool(j, "is_refused", c->said_registry_code != 0 || c->site.said_batch_code != 0);
    json_number(j, "times_lost", c->site.registries_lost);
    json_number(j, "times_damaged", c->site.registries_damaged);
    json_number(j, "batches_failed", c->site.batches_failed);
    if (c->site.registry) {
        registry_stats_get(c->site.registry, &stats);
        json_number(j, "users", stats.users);
        json_number(j, "contacts", stats.contacts);
        json_number(j, "users_without_contacts", stats.strangers);
        json_number(j, "octets", stats.octets);
        json_number(j, "octets_max", stats.octets_max);
        registry_pages_get(c->site.registry, &pages);
        write_pages(j, &pages);
        json_number(j, "batches", stats.batches);
        json_number(j, "expired", stats.expired);
        json_number(j, "contacts_left_out", stats.contacts_over);
        json_number(j, "users_without_contacts_left_out", stats.strangers_over);
        json_number(j, "sets_refused_full", stats.refused_full);
        json_bool(j, "is_full", stats.is_full);
        json_number(j, "errors", stats.errors);
        json_string(j, "last_error", stats.last_error);
    }
    json_close(j);
}

/* `repeated` and `sent` are what the AgentX thread says. */
static void
write_notifications(const struct core *c, struct json *j)
{
    struct notice_stats stats;
    struct agentx_report r;
    uint64_t capped = c->site.capped_before;

    for (size_t k = 0; k < c->n_instances; k++)
        capped += c->instance[k]->notifier.capped.total;
    pthread_mutex_lock((pthread_mutex_t *)&c->mutex);
    r = c->report;
    pthread_mutex_unlock((pthread_mutex_t *)&c->mutex);
    notice_queue_stats(c->notices, &stats);
    json_object(j, "notifications");
    json_number(j, "raised", stats.put);
    json_number(j, "capped", capped);
    json_number(j, "overflowed", stats.overflowed);
    json_number(j, "waiting", stats.waiting);
    json_number(j, "waiting_max", stats.max);
    json_number(j, "delivered", stats.delivered);
    json_number(j, "sent", r.notices_sent);
    json_number(j, "repeated", r.notices_repeated);
    json_number(j, "rate_max", c->site.notice_rate);
    json_close(j);
}

static void
write_controls(const struct core *c, struct json *j)
{
    struct controls_stats stats;

    controls_stats_get(c->controls, &stats);
    json_object(j, "controls");
    json_number(j, "sets", stats.sets);
    json_number(j, "sets_undone", stats.sets_undone);
    json_number(j, "rows_set", stats.rows_set);
    json_number(j, "rows_destroyed", stats.rows_hidden);
    json_string(j, "trouble", stats.trouble);
    json_close(j);
}

static void
write_pseudonyms(const struct core *c, struct json *j)
{
    json_object(j, "pseudonyms");
    json_string(j, "trouble", c->pseudonym ? pseudonym_trouble(c->pseudonym) : "there is no key");
    json_close(j);
}

/* ---- instances -------------------------------------------------------------------------------------------------- */

static void
write_lanes(const struct instance *i, struct json *j)
{
    const struct lane_set *s = &i->lanes;
    uint32_t writers = 0, collectors = 0;

    for (uint32_t k = 0; k < s->count; k++) {
        if (s->lane[k]->stage == LANE_LIVE)
            *(lane_is_collector(s->lane[k]) ? &collectors : &writers) += 1;
    }
    json_object(j, "lanes");
    json_number(j, "writers", writers);
    json_number(j, "collectors", collectors);
    json_number(j, "retired", i->retired);
    json_number(j, "waiting_to_be_retired", lane_set_count(s, LANE_DEAD) + lane_set_count(s, LANE_DAMAGED));
    json_number(j, "waiting_to_be_removed", lane_set_count(s, LANE_RETIRED));
    json_number(j, "damaged", i->damaged);
    json_number(j, "removed_while_live", i->removed);
    json_number(j, "vanished", i->vanished);
    json_number(j, "refused", s->refused);
    json_number(j, "set_aside", s->n_aside + s->aside_over);
    json_number(j, "other_abi", lane_set_other_abi(s));
    json_close(j);
    json_array(j, "set_aside");
    for (uint32_t k = 0; k < s->n_aside && k < 32; k++) {
        json_object(j, NULL);
        json_string(j, "file", s->aside[k].name);
        json_string(j, "reason", s->aside[k].reason);
        json_bool(j, "will_be_tried_again", s->aside[k].retry_ns != 0);
        json_close(j);
    }
    json_close(j);
}

/* The scalar counters by their names in sipcore/lane.h: what is retained of ended writers and what lanes
 * show, as of the last look at them. */
static void
write_counters(const struct instance *i, struct json *j)
{
    static const char *const names[LANE_COUNTERS_USED] = {
#define X(name, text, help) [LANE_##name] = text,
        LANE_COUNTERS(X)
#undef X
    };
    uint64_t sums[LANE_COUNTERS_USED];

    memcpy(sums, i->retained.counters, sizeof(sums));
    for (uint32_t k = 0; k < i->lanes.count; k++)
        for (unsigned n = 0; lane_counts(i->lanes.lane[k]) && n < LANE_COUNTERS_USED; n++)
            sums[n] += i->lanes.lane[k]->reader.copy.counters[n];
    json_object(j, "counters");
    for (unsigned n = 0; n < LANE_COUNTERS_USED; n++)
        json_number(j, names[n], sums[n]);
    json_close(j);
}

/* What was not counted where it belongs, or not at all. */
static void
write_losses(const struct instance *i, struct json *j)
{
    const uint64_t *c = i->sum.counters;

    json_object(j, "overflows");
    json_number(j, "methods_folded", c[LANE_METHODS_FOLDED] + i->sum.methods_folded);
    json_number(j, "status_codes_folded", c[LANE_CELLS_FOLDED] + i->sum.cells_folded);
    json_number(j, "transactions_evicted", c[LANE_TRANS_EVICTED]);
    json_number(j, "finished_evicted", c[LANE_TRANS_MEMORY_EVICTED]);
    json_number(j, "events_cut", c[LANE_EVENTS_CUT]);
    json_close(j);
}

/* What was read off the event rings, and what it led to. */
static void
write_events(const struct instance *i, struct json *j)
{
    json_object(j, "events");
    json_number(j, "read", i->events);
    json_number(j, "lost", i->events_lost.total);
    json_number(j, "lost_after_reading", i->events_lost_again);
    json_number(j, "bindings_broken", i->bindings_broken);
    json_number(j, "notifications_raised", i->notifier.raised);
    json_number(j, "notifications_capped", i->notifier.capped.total);
    json_number(j, "notifications_without_room", i->notifier.overflowed.total);
    json_number(j, "notification_number", i->notifier.sequence);
    json_bool(j, "keeps_registrations", i->keeps_registrations);
    json_close(j);
}

static void
write_instance(const struct instance *i, struct json *j, uint64_t now_ns)
{
    json_object(j, NULL);
    json_string(j, "name", i->name);
    json_number(j, "appl_index", i->config->appl_index);
    json_string(j, "status", oper_status_name(i->state.oper_status));
    write_age(j, "for_s", i->state.last_change_ns, now_ns);
    write_age(j, "started_ago_s", i->state.start_ns, now_ns);
    write_age(j, "counts_since_s", i->state.discon_ns, now_ns);
    write_age(j, "last_in_ago_s", i->state.last_in_ns, now_ns);
    write_age(j, "last_out_ago_s", i->state.last_out_ns, now_ns);
    json_octets(j, "software", i->software, strnlen(i->software, sizeof(i->software)));
    json_bool(j, "directory_is_open", i->dir_fd >= 0);
    json_string(j, "interest",
                i->interest.trouble[0] ? i->interest.trouble
                : i->interest.is_set   ? "set"
                                       : "not set");
    write_counters(i, j);
    write_lanes(i, j);
    write_losses(i, j);
    write_events(i, j);
    json_close(j);
}

static void
write_strangers(const struct core *c, struct json *j)
{
    json_array(j, "unconfigured_directories");
    for (unsigned i = 0; i < c->site.n_strangers; i++)
        json_string(j, NULL, c->site.stranger[i].name);
    json_close(j);
    json_number(j, "unconfigured_directories_not_listed", c->site.strangers_over);
}
