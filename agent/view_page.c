/* SPDX-License-Identifier: BSD-2-Clause */
/* The agent's own state as a page for people. */
#include "agent/view_page.h"

#include <string.h>

#include "agent/log.h"
#include "agent/view_text.h"

enum { TEXT_OCTETS = 1024 };

static void put_agent(const struct json_value *agent, FILE *out);
static void put_use(const struct json_value *answer, FILE *out);
static void put_master(const struct json_value *agentx, FILE *out);
static void put_snapshot(const struct json_value *snapshot, FILE *out);
static void put_notifications(const struct json_value *answer, FILE *out);
static void put_registrations(const struct json_value *registry, FILE *out);
static void put_instances(const struct json_value *instances, FILE *out);
static bool put_agent_troubles(const struct json_value *answer, FILE *out);
static bool put_reload_trouble(const struct json_value *configuration, FILE *out);
static bool put_store_trouble(const struct json_value *store, FILE *out);
static bool put_lost(FILE *out, const char *whose, const struct json_value *object);
static bool put_event_troubles(const struct json_value *answer, FILE *out);
static bool put_strangers(const struct json_value *answer, FILE *out);
static bool put_instance_troubles(const struct json_value *instance, FILE *out);
static bool put_set_aside(const struct json_value *instance, const char *name, FILE *out);

void
view_print_page(const struct json_value *answer, FILE *out)
{
    const struct json_value *instances = json_get(answer, "instances");
    bool any;

    put_agent(json_get(answer, "agent"), out);
    put_master(json_get(answer, "agentx"), out);
    put_snapshot(json_get(answer, "snapshot"), out);
    put_notifications(answer, out);
    put_registrations(json_get(answer, "registry"), out);
    put_use(answer, out);
    fputc('\n', out);
    put_instances(instances, out);
    any = put_agent_troubles(answer, out);
    any |= put_reload_trouble(json_get(answer, "configuration"), out);
    any |= put_store_trouble(json_get(answer, "store"), out);
    any |= put_event_troubles(answer, out);
    any |= put_strangers(answer, out);
    for (const struct json_value *i = instances ? instances->first : NULL; i; i = i->next)
        any |= put_instance_troubles(i, out);
    if (!any)
        fputs("Nothing was lost, nothing is set aside.\n", out);
}

/* A member's text, fit for a terminal. */
static const char *
plain(char text[TEXT_OCTETS], const struct json_value *object, const char *key)
{
    const char *raw = json_get_text(object, key);

    return log_escape(text, TEXT_OCTETS, raw, strlen(raw));
}

static void
put_agent(const struct json_value *agent, FILE *out)
{
    char version[TEXT_OCTETS], dir[TEXT_OCTETS], up[VIEW_AGE_OCTETS];

    view_put_text(out, 8, "agent:  sipmibd %s, process %.0f, up %s, serves %s",
                  plain(version, agent, "version"), json_get_number(agent, "pid"),
                  view_age(up, json_get_number(agent, "uptime_s")), plain(dir, agent, "runtime_dir"));
}

/* How long it lasts is said where the agent says it. */
static void
put_master(const struct json_value *agentx, FILE *out)
{
    bool is_connected = strcmp(json_get_text(agentx, "state"), "connected") == 0;
    char state[TEXT_OCTETS], reason[TEXT_OCTETS], age[VIEW_AGE_OCTETS],
        lasts[VIEW_AGE_OCTETS + 8] = "", asked[VIEW_AGE_OCTETS + 32] = "";

    if (json_get(agentx, "for_s"))
        snprintf(lasts, sizeof(lasts), " for %s", view_age(age, json_get_number(agentx, "for_s")));
    if (json_get(agentx, "last_request_ago_s"))
        snprintf(asked, sizeof(asked), ", last asked %s ago",
                 view_age(age, json_get_number(agentx, "last_request_ago_s")));
    plain(reason, agentx, "reason");
    if (is_connected)
        view_put_text(out, 8, "snmpd:  connected%s, %.0f values answered%s", lasts,
                      json_get_number(agentx, "requests"), asked);
    else
        view_put_text(out, 8, "snmpd:  NOT connected (%s)%s%s%s%s", plain(state, agentx, "state"), lasts,
                      *reason ? ": " : "", reason, asked);
    if (is_connected && *reason)
        view_put_text(out, 8, "        %s", reason);
    if (json_get_bool(agentx, "is_in_master"))
        view_put_text(out, 8, "        in a call to snmpd for %.1f s%s",
                      json_get_number(agentx, "in_master_s"),
                      json_get_number(agentx, "in_master_s") > 1 ? ": snmpd does not answer" : "");
    if (json_get_number(agentx, "disconnects") > 0)
        view_put_text(out, 8, "        connected %.0f times, lost %.0f times so far",
                      json_get_number(agentx, "connects"), json_get_number(agentx, "disconnects"));
}

static void
put_snapshot(const struct json_value *snapshot, FILE *out)
{
    view_put_text(out, 8, "data:   %.1f seconds old, %.0f method rows and %.0f status code rows",
                  json_get_number(snapshot, "age_ms") / 1000, json_get_number(snapshot, "method_rows"),
                  json_get_number(snapshot, "status_code_rows"));
}

/* Only once there is something to tell. */
static void
put_notifications(const struct json_value *answer, FILE *out)
{
    const struct json_value *n = json_get(answer, "notifications"), *set = json_get(answer, "controls");

    if (json_get_number(n, "raised") > 0)
        view_put_text(out, 8, "traps:  %.0f raised, %.0f taken by snmpd, %.0f waiting of at most %.0f",
                      json_get_number(n, "raised"), json_get_number(n, "delivered"),
                      json_get_number(n, "waiting"), json_get_number(n, "waiting_max"));
    if (json_get_number(set, "sets") > 0)
        view_put_text(out, 8, "SETs:   %.0f carried out, %.0f taken back; %.0f status code rows made by them",
                      json_get_number(set, "sets"), json_get_number(set, "sets_undone"),
                      json_get_number(set, "rows_set"));
}

static void
put_registrations(const struct json_value *registry, FILE *out)
{
    if (json_get_bool(registry, "is_open"))
        view_put_text(out, 8, "users:  %.0f registered with %.0f contacts, in %.1f MiB",
                      json_get_number(registry, "users"), json_get_number(registry, "contacts"),
                      json_get_number(registry, "octets") / (1 << 20));
}

/* How far its files are filled: pages in use of those that they have. */
static const char *
pages_used(char text[TEXT_OCTETS], const struct json_value *object)
{
    double pages = json_get_number(object, "pages");

    snprintf(text, TEXT_OCTETS, "%.0f of %.0f", pages - json_get_number(object, "pages_free"), pages);
    return text;
}

static void
put_use(const struct json_value *answer, FILE *out)
{
    const struct json_value *agent = json_get(answer, "agent"), *store = json_get(answer, "store"),
                            *registry = json_get(answer, "registry");
    char retained[TEXT_OCTETS], registered[TEXT_OCTETS];

    if (!json_get(agent, "rss_octets"))
        return; /* an older agent */
    view_put_text(out, 8, "uses:   %.1f MiB of memory, at most %.1f; %.0f of %.0f descriptors; %.1f s of CPU",
                  json_get_number(agent, "rss_octets") / (1 << 20),
                  json_get_number(agent, "rss_highest_octets") / (1 << 20),
                  json_get_number(agent, "descriptors"), json_get_number(agent, "descriptors_max"),
                  json_get_number(agent, "cpu_s"));
    view_put_text(out, 8, "        %.0f snapshots; pages: retained %s, registrations %s",
                  json_get_number(json_get(answer, "snapshot"), "alive"), pages_used(retained, store),
                  pages_used(registered, registry));
}

static void
put_instances(const struct json_value *instances, FILE *out)
{
    char name[TEXT_OCTETS], status[TEXT_OCTETS], age[VIEW_AGE_OCTETS];

    if (!instances || !instances->first) {
        fputs("No instance is configured.\n\n", out);
        return;
    }
    view_put_row(out, "  %-20s%11s  %-10s%8s%8s%11s%8s", "instance", "applIndex", "status", "for", "writers",
                 "collectors", "retired");
    for (const struct json_value *i = instances->first; i; i = i->next) {
        const struct json_value *lanes = json_get(i, "lanes");

        view_put_row(out, "  %-20s%11.0f  %-10s%8s%8.0f%11.0f%8.0f",
                     view_put_wide(out, plain(name, i, "name"), 20), json_get_number(i, "appl_index"),
                     plain(status, i, "status"), view_age(age, json_get_number(i, "for_s")),
                     json_get_number(lanes, "writers"), json_get_number(lanes, "collectors"),
                     json_get_number(lanes, "retired"));
    }
    fputc('\n', out);
}

/* ---- what is amiss ---------------------------------------------------------------------------------------------- */

/* "edge: 12 lanes damaged", when it is not 0. */
static bool
put_count(FILE *out, const char *whose, const struct json_value *object, const char *key, const char *words)
{
    double n = json_get_number(object, key);

    if (n > 0)
        view_put_text(out, 4, "%s: %.0f %s", whose, n, words);
    return n > 0;
}

static bool
put_agent_troubles(const struct json_value *answer, FILE *out)
{
    const struct json_value *agent = json_get(answer, "agent");
    bool any = false;

    if (json_get(agent, "runtime_dir_is_there") && !json_get_bool(agent, "runtime_dir_is_there")) {
        view_put_text(out, 4, "agent: its runtime directory is not there: nobody can report");
        any = true;
    }
    if (json_get_number(agent, "lanes_max") > 0 &&
        json_get_number(agent, "lanes") >= json_get_number(agent, "lanes_max")) {
        view_put_text(out, 4, "agent: all %.0f lanes that it can follow are in use",
                      json_get_number(agent, "lanes_max"));
        any = true;
    }
    any |= put_count(out, "agent", agent, "directory_events_lost",
                     "changes of directories missed: it looked again");
    any |= put_count(out, "agent", agent, "log_lines_held_back", "lines held back from its log");
    any |= put_count(out, "agent", agent, "status_turned_away", "times too many asked for this page at once");
    any |=
        put_count(out, "agent", agent, "status_dropped", "times one who asked for this page did not read it");
    any |= put_count(out, "snmpd", json_get(answer, "agentx"), "registrations_refused",
                     "registrations refused: its log says why");
    return any;
}

static bool
put_reload_trouble(const struct json_value *configuration, FILE *out)
{
    char why[TEXT_OCTETS], age[VIEW_AGE_OCTETS];

    if (*plain(why, configuration, "last_reload_failed") == '\0')
        return false;
    view_put_text(out, 4, "configuration: reloading failed %s ago, the old one stays in force: %s",
                  view_age(age, json_get_number(configuration, "last_reload_ago_s")), why);
    return true;
}

static bool
put_store_trouble(const struct json_value *store, FILE *out)
{
    char text[TEXT_OCTETS];
    bool any = false;

    if (json_get(store, "is_open") && !json_get_bool(store, "is_open")) {
        view_put_text(out, 4, "store: not open: counts of ended writers would be lost with the agent");
        any = true;
    }
    any |= put_lost(out, "store", store);
    if (json_get_number(store, "errors") > 0) {
        view_put_text(out, 4, "store: %.0f errors, the last: %s", json_get_number(store, "errors"),
                      plain(text, store, "last_error"));
        any = true;
    }
    return any;
}

/* Of what the agent keeps in the runtime directory. */
static bool
put_lost(FILE *out, const char *whose, const struct json_value *object)
{
    bool any = put_count(out, whose, object, "times_damaged", "times damaged, set aside and begun anew");

    return put_count(out, whose, object, "times_lost", "times gone, and begun anew") || any;
}

/* Notifications that were left out, settings that cannot be kept, registrations that are not taken. */
static bool
put_event_troubles(const struct json_value *answer, FILE *out)
{
    const struct json_value *n = json_get(answer, "notifications"), *r = json_get(answer, "registry");
    char text[TEXT_OCTETS];
    bool any = false;

    any |= put_count(out, "notifications", n, "capped", "left out: more than notifications.rate");
    any |= put_count(out, "notifications", n, "overflowed", "left out: no room while snmpd was away");
    if (*plain(text, json_get(answer, "controls"), "trouble")) {
        view_put_text(out, 4, "settings: %s", text);
        any = true;
    }
    if (*plain(text, json_get(answer, "pseudonyms"), "trouble")) {
        view_put_text(out, 4, "pseudonyms: %s", text);
        any = true;
    }
    if (json_get_bool(r, "is_refused")) {
        plain(text, r, "last_error");
        view_put_text(out, 4, "registrations: not taken now, they wait in the event rings%s%s",
                      *text ? ": " : "", text);
        any = true;
    }
    any |= put_lost(out, "registrations", r);
    any |= put_count(out, "registrations", r, "contacts_left_out", "contacts left out: too many of one user");
    any |= put_count(out, "registrations", r, "users_without_contacts_left_out",
                     "failed authentications of too many unknown users left out");
    return any | put_count(out, "registrations", r, "sets_refused_full",
                           "times there was no room for a user: make room in the runtime directory");
}

static bool
put_strangers(const struct json_value *answer, FILE *out)
{
    const struct json_value *list = json_get(answer, "unconfigured_directories");
    char name[TEXT_OCTETS];
    bool any = false;

    for (const struct json_value *i = list ? list->first : NULL; i; i = i->next) {
        view_put_text(out, 4,
                      "%s: a directory of no configured instance: add it to the configuration, or end "
                      "the program that reports there",
                      log_escape(name, sizeof(name), i->text, strlen(i->text)));
        any = true;
    }
    return any | put_count(out, "agent", answer, "unconfigured_directories_not_listed",
                           "more directories of no configured instance");
}

static bool
put_instance_troubles(const struct json_value *instance, FILE *out)
{
    const struct json_value *lanes = json_get(instance, "lanes"), *lost = json_get(instance, "overflows");
    const struct json_value *events = json_get(instance, "events");
    char name[TEXT_OCTETS], interest[TEXT_OCTETS], words[64];
    bool any = false;

    plain(name, instance, "name");
    plain(interest, instance, "interest");
    if (json_get(instance, "directory_is_open") && !json_get_bool(instance, "directory_is_open")) {
        view_put_text(out, 4, "%s: its directory is not open", name);
        any = true;
    }
    if (*interest && strcmp(interest, "set") != 0 && strcmp(interest, "not set") != 0) {
        view_put_text(out, 4, "%s: writers cannot be told which events are wanted: %s", name, interest);
        any = true;
    }
    any |= put_count(out, name, lanes, "damaged", "lanes were damaged by their writers");
    any |= put_count(out, name, lanes, "removed_while_live",
                     "lanes of live writers were removed: restart those processes");
    any |= put_count(out, name, lanes, "vanished", "lanes were removed before they could be read to the end");
    any |= put_count(out, name, lanes, "refused", "lanes refused: no room for more");
    any |= put_count(
        out, name, lanes, "other_abi",
        "lanes of another ABI version are left out: upgrade the older of sipmibd and libsipstat, then "
        "restart those processes");
    any |= put_count(out, name, lanes, "waiting_to_be_retired", "lanes of ended writers wait to be retired");
    any |= put_count(out, name, lanes, "waiting_to_be_removed", "retired lanes wait to be removed");
    any |=
        put_count(out, name, events, "lost", "events overwritten before they were read: longer rings help");
    any |= put_count(out, name, events, "bindings_broken",
                     "incomplete registrations passed over: they come back with their refreshes");
    for (const struct json_value *i = lost ? lost->first : NULL; i; i = i->next) {
        snprintf(words, sizeof(words), "%s", i->key);
        for (char *c = words; (c = strchr(c, '_'));)
            *c = ' ';
        any |= put_count(out, name, lost, i->key, words);
    }
    return put_set_aside(instance, name, out) || any;
}

static bool
put_set_aside(const struct json_value *instance, const char *name, FILE *out)
{
    const struct json_value *list = json_get(instance, "set_aside");
    double all = json_get_number(json_get(instance, "lanes"), "set_aside");
    char file[TEXT_OCTETS], reason[TEXT_OCTETS];
    unsigned listed = 0;

    for (const struct json_value *i = list ? list->first : NULL; i; i = i->next, listed++)
        view_put_text(out, 4, "%s: %s set aside%s: %s", name, plain(file, i, "file"),
                      json_get_bool(i, "will_be_tried_again") ? " for now" : "", plain(reason, i, "reason"));
    if (all > listed)
        view_put_text(out, 4, "%s: %.0f more lanes set aside", name, all - listed);
    return all > 0 || listed > 0;
}
