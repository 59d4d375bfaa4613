/* SPDX-License-Identifier: BSD-2-Clause */
/* A view as tables for people. */
#include "agent/view_print.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "agent/log.h"

static void print_instance(const struct view *v, const struct view_instance *i, FILE *out);
static void print_summary(const struct view *v, const struct view_instance *i, FILE *out);
static void print_methods(const struct view *v, const struct view_instance *i, FILE *out);
static void print_codes(const struct view *v, const struct view_instance *i, FILE *out);
static void print_losses(const struct view_instance *i, FILE *out);
static void print_writers(const struct view_instance *i, FILE *out);

void
view_print(const struct view *v, FILE *out)
{
    if (v->instances == 0)
        fprintf(out, "No instance has a lane below %s: no SIP process or collector reports there yet.\n",
                v->dir);
    for (size_t k = 0; k < v->instances; k++)
        print_instance(v, v->instance[k], out);
    if (v->skipped > 0)
        fprintf(out, "%zu instances or lanes are not shown: more than %d lanes, or no memory\n", v->skipped,
                VIEW_LANES_MAX);
}

static void
print_instance(const struct view *v, const struct view_instance *i, FILE *out)
{
    fprintf(out, "%s: %s, %zu writer%s", i->name, view_state_name(view_state(i)), i->alive,
            i->alive == 1 ? "" : "s");
    if (i->dead > 0)
        fprintf(out, ", %zu dead and not yet retired", i->dead);
    if (i->aside > 0)
        fprintf(out, ", %zu lane%s set aside", i->aside, i->aside == 1 ? "" : "s");
    fputs("\n\n", out);
    print_summary(v, i, out);
    print_methods(v, i, out);
    print_codes(v, i, out);
    print_losses(i, out);
    print_writers(i, out);
}

/* A rate per second since the view before, or nothing when there was none. */
static const char *
rate(char text[24], const struct view *v, uint64_t added)
{
    double seconds = (double)(v->taken_ns - v->before_ns) / 1e9;

    if (v->before_ns == 0 || seconds <= 0)
        text[0] = '\0';
    else
        snprintf(text, 24, "%.1f/s", (double)added / seconds);
    return text;
}

/* Two counters and their rates on one line. */
static void
print_pair(const struct view *v, const struct view_instance *i, const char *what, enum lane_counter in,
           enum lane_counter out_counter, FILE *out)
{
    char a[24], b[24];

    fprintf(out, "  %-22s%14" PRIu64 " %12s%14" PRIu64 " %12s\n", what, i->sum.counters[in],
            rate(a, v, i->recent.counters[in]), i->sum.counters[out_counter],
            rate(b, v, i->recent.counters[out_counter]));
}

static void
print_summary(const struct view *v, const struct view_instance *i, FILE *out)
{
    const uint64_t *c = i->sum.counters;
    char text[24];

    fprintf(out, "  %-22s%14s %12s%14s %12s\n", "live writers", "in", "", "out", "");
    print_pair(v, i, "requests", LANE_IN_REQUESTS, LANE_OUT_REQUESTS, out);
    print_pair(v, i, "responses", LANE_IN_RESPONSES, LANE_OUT_RESPONSES, out);
    fprintf(out, "  %-22s%14" PRIu64 " %12s   %" PRIu64 " open, %" PRIu64 " timed out\n", "transactions",
            c[LANE_TRANS_BEGUN], rate(text, v, i->recent.counters[LANE_TRANS_BEGUN]),
            tally_open_transactions(&i->sum), c[LANE_TRANS_TIMED_OUT]);
    fprintf(out, "  %-22s%14" PRIu64 " %12s   %" PRIu64 " rejected\n", "registers accepted",
            c[LANE_REGISTER_ACCEPTED], rate(text, v, i->recent.counters[LANE_REGISTER_ACCEPTED]),
            c[LANE_REGISTER_REJECTED]);
    if (i->sum.has_associations) {
        print_pair(v, i, "connections opened", LANE_ASSOC_IN_OPENED, LANE_ASSOC_OUT_OPENED, out);
        print_pair(v, i, "connections failed", LANE_ASSOC_IN_FAILED, LANE_ASSOC_OUT_FAILED, out);
    }
    fputc('\n', out);
}

static bool
is_method_used(const struct tally_method *m)
{
    for (unsigned k = 0; k < LANE_METHOD_COUNTERS; k++)
        if (m->counters[k] > 0)
            return true;
    return false;
}

static void
print_methods(const struct view *v, const struct view_instance *i, FILE *out)
{
    char name[40], a[24], b[24];

    fprintf(out, "  %-16s%12s %11s%12s %11s%11s%11s\n", "method", "in", "", "out", "", "resent in",
            "resent out");
    for (uint32_t k = 0; k < i->sum.methods; k++) {
        const struct tally_method *m = &i->sum.method[k], *r = &i->recent.method[k];

        if (!is_method_used(m))
            continue;
        fprintf(out, "  %-16s%12" PRIu64 " %11s%12" PRIu64 " %11s%11" PRIu64 "%11" PRIu64 "\n",
                log_escape(name, sizeof(name), m->name, m->name_octets), m->counters[LANE_METHOD_IN],
                rate(a, v, r->counters[LANE_METHOD_IN]), m->counters[LANE_METHOD_OUT],
                rate(b, v, r->counters[LANE_METHOD_OUT]), m->counters[LANE_METHOD_IN_RETRANSMITTED],
                m->counters[LANE_METHOD_OUT_RETRANSMITTED]);
    }
    fputc('\n', out);
}

static void
print_code_row(const struct view *v, const struct view_instance *i, uint32_t row, FILE *out)
{
    const struct tally_cell *c = &i->sum.cell[row], *r = &i->recent.cell[row];
    char name[40], a[24], b[24];

    fprintf(
        out, "  %-16s%5u%14" PRIu64 " %12s%14" PRIu64 " %12s\n",
        log_escape(name, sizeof(name), i->sum.method[c->method].name, i->sum.method[c->method].name_octets),
        c->code, c->in, rate(a, v, r->in), c->out, rate(b, v, r->out));
}

/* By method, then by code: codes are three digits, so a pass over the cells for each would be slow only where there are
 * very many; a table of a few hundred is sorted as it is printed. */
static void
print_codes(const struct view *v, const struct view_instance *i, FILE *out)
{
    const struct tally *t = &i->sum;
    bool is_first = true;

    for (uint32_t m = 0; m < t->methods; m++) {
        for (unsigned code = 100; code < 700; code++) {
            uint32_t row = t->index[m * 600 + code - 100];

            if (row == 0)
                continue;
            if (is_first)
                fprintf(out, "  %-16s%5s%14s %12s%14s\n", "responses to", "code", "in", "", "out");
            is_first = false;
            print_code_row(v, i, row, out);
        }
    }
    if (!is_first)
        fputc('\n', out);
}

/* What went wrong or was lost: only what is not 0. */
static void
print_losses(const struct view_instance *i, FILE *out)
{
    static const struct {
        enum lane_counter counter;
        const char *text;
    } rows[] = {
#define X(name, text, help) { LANE_##name, help },
        LANE_COUNTERS(X)
#undef X
    };
    static const enum lane_counter shown[] = {
        LANE_UNSUPPORTED_URIS, LANE_UNSUPPORTED_METHODS, LANE_DISCARDED,       LANE_PROXY_REQUIRE_FAILED,
        LANE_OUT_UNPARSABLE,   LANE_TRANS_EVICTED,       LANE_TRANS_UNMATCHED, LANE_TRANS_MEMORY_EVICTED,
        LANE_METHODS_FOLDED,   LANE_CELLS_FOLDED,        LANE_EVENTS_CUT,      LANE_KEEPALIVES,
    };
    bool any = false;

    for (size_t k = 0; k < sizeof(shown) / sizeof(shown[0]); k++) {
        if (i->sum.counters[shown[k]] == 0)
            continue;
        fprintf(out, "  %12" PRIu64 "  %s\n", i->sum.counters[shown[k]], rows[shown[k]].text);
        any = true;
    }
    if (any)
        fputc('\n', out);
}

static const char *
age(char text[24], uint64_t now_ns, uint64_t then_ns)
{
    unsigned long long s = now_ns > then_ns ? (now_ns - then_ns) / 1000000000u : 0;

    if (s < 3600)
        snprintf(text, 24, "%llum%02llus", s / 60, s % 60);
    else if (s < 86400)
        snprintf(text, 24, "%lluh%02llum", s / 3600, s / 60 % 60);
    else
        snprintf(text, 24, "%llud%02lluh", s / 86400, s / 3600 % 24);
    return text;
}

static void
print_notes(const struct view_lane *l, FILE *out)
{
    struct lane_note_copy notes[LANE_NOTES];
    unsigned n = lane_reader_notes(&l->reader, notes);

    for (unsigned k = 0; k < n; k++)
        if (notes[k].value > 0)
            fprintf(out, "      %12" PRIu64 "  %s\n", notes[k].value, notes[k].name);
}

static void
print_writer(const struct view_lane *l, FILE *out)
{
    const struct lane_header *h = &l->reader.header;
    char program[40], software[64], text[24];
    struct timespec now = { 0, 0 };

    clock_gettime(CLOCK_MONOTONIC, &now);
    fprintf(out, "  %-16s %8" PRId64 "  %-9s %-9s %9s  %s\n",
            log_escape(program, sizeof(program), h->program, strlen(h->program)), h->pid,
            l->is_alive ? "alive" : "dead", h->flags & LANE_COLLECTOR ? "collector" : "stack",
            age(text, (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec, h->started_monotonic_ns),
            log_escape(software, sizeof(software), h->software, strlen(h->software)));
    print_notes(l, out);
}

static void
print_writers(const struct view_instance *i, FILE *out)
{
    fprintf(out, "  %-16s %8s  %-9s %-9s %9s  %s\n", "writer", "pid", "health", "kind", "age", "software");
    for (size_t k = 0; k < i->lanes; k++) {
        char name[64];

        if (i->lane[k]->is_attached)
            print_writer(i->lane[k], out);
        else
            fprintf(out, "  %s: set aside: %s\n",
                    log_escape(name, sizeof(name), i->lane[k]->name, strlen(i->lane[k]->name)),
                    i->lane[k]->reason);
    }
    fputc('\n', out);
}
