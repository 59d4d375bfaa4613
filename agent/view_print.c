/* SPDX-License-Identifier: BSD-2-Clause */
/* A view as tables for people. */
#include "agent/view_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/log.h"
#include "agent/view_text.h"

enum { SOFTWARE_COLUMNS = 24 };

static void print_instance(const struct view *v, const struct view_instance *i, FILE *out);
static void print_summary(const struct view *v, const struct view_instance *i, FILE *out);
static void print_methods(const struct view *v, const struct view_instance *i, FILE *out);
static void print_codes(const struct view *v, const struct view_instance *i, FILE *out);
static void print_words(const struct view_instance *i, FILE *out);
static void print_losses(const struct view_instance *i, FILE *out);
static void print_writers(const struct view_instance *i, FILE *out);

void
view_print(const struct view *v, FILE *out)
{
    if (v->instances == 0)
        fprintf(out, "No instance has a lane below %s:\nno SIP process or collector reports there yet.\n",
                v->dir);
    for (size_t k = 0; k < v->instances; k++)
        print_instance(v, v->instance[k], out);
    if (v->skipped > 0)
        view_put_text(out, 0, "%zu instances or lanes are not shown: more than %d lanes, or no memory",
                      v->skipped, VIEW_LANES_MAX);
}

static void
print_instance(const struct view *v, const struct view_instance *i, FILE *out)
{
    char dead[64] = "", aside[64] = "";

    if (i->is_denied) {
        view_put_text(out, 2, "%s: permission denied", i->name);
        fputc('\n', out);
        return;
    }
    if (i->dead > 0)
        snprintf(dead, sizeof(dead), ", %zu dead and not yet retired", i->dead);
    if (i->aside > 0)
        snprintf(aside, sizeof(aside), ", %zu lane%s set aside", i->aside, i->aside == 1 ? "" : "s");
    view_put_text(out, 2, "%s: %s, %zu writer%s%s%s", i->name, view_state_name(view_state(i)), i->alive,
                  i->alive == 1 ? "" : "s", dead, aside);
    fputc('\n', out);
    print_summary(v, i, out);
    print_methods(v, i, out);
    print_codes(v, i, out);
    print_words(i, out);
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

    view_put_row(out, "  %-22s%14" PRIu64 " %12s%14" PRIu64 " %12s", what, i->sum.counters[in],
                 rate(a, v, i->recent.counters[in]), i->sum.counters[out_counter],
                 rate(b, v, i->recent.counters[out_counter]));
}

static void
print_summary(const struct view *v, const struct view_instance *i, FILE *out)
{
    const uint64_t *c = i->sum.counters;
    char text[24];

    view_put_row(out, "  %-22s%14s %12s%14s", "live writers", "in", "", "out");
    print_pair(v, i, "requests", LANE_IN_REQUESTS, LANE_OUT_REQUESTS, out);
    print_pair(v, i, "responses", LANE_IN_RESPONSES, LANE_OUT_RESPONSES, out);
    view_put_row(out, "  %-22s%14" PRIu64 " %12s%14" PRIu64 " open", "transactions", c[LANE_TRANS_BEGUN],
                 rate(text, v, i->recent.counters[LANE_TRANS_BEGUN]), tally_open_transactions(&i->sum));
    view_put_row(out, "  %-22s%14" PRIu64 " %12s%14" PRIu64 " rejected", "registers accepted",
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
    char name[128], a[24], b[24];
    bool is_first = true;

    for (uint32_t k = 0; k < i->sum.methods; k++) {
        const struct tally_method *m = &i->sum.method[k], *r = &i->recent.method[k];

        if (!is_method_used(m))
            continue;
        if (is_first)
            view_put_row(out, "  %-14s%11s %9s%11s %9s%10s%11s", "method", "in", "", "out", "", "resent in",
                         "resent out");
        is_first = false;
        log_escape(name, sizeof(name), m->name, m->name_octets);
        view_put_row(out, "  %-14s%11" PRIu64 " %9s%11" PRIu64 " %9s%10" PRIu64 "%11" PRIu64,
                     view_put_wide(out, name, 14), m->counters[LANE_METHOD_IN],
                     rate(a, v, r->counters[LANE_METHOD_IN]), m->counters[LANE_METHOD_OUT],
                     rate(b, v, r->counters[LANE_METHOD_OUT]), m->counters[LANE_METHOD_IN_RETRANSMITTED],
                     m->counters[LANE_METHOD_OUT_RETRANSMITTED]);
    }
    if (!is_first)
        fputc('\n', out);
}

static void
print_code_row(const struct view *v, const struct view_instance *i, uint32_t row, FILE *out)
{
    const struct tally_cell *c = &i->sum.cell[row], *r = &i->recent.cell[row];
    const struct tally_method *m = &i->sum.method[c->method];
    char name[128], a[24], b[24];

    log_escape(name, sizeof(name), m->name, m->name_octets);
    view_put_row(out, "  %-16s%5u%14" PRIu64 " %12s%14" PRIu64 " %12s", view_put_wide(out, name, 16), c->code,
                 c->in, rate(a, v, r->in), c->out, rate(b, v, r->out));
}

/* By method, then by code: codes are three digits, so a pass over the cells for each would be slow only where there are
 * very many; a table of a few hundred is sorted as it is printed. */
static void
print_codes(const struct view *v, const struct view_instance *i, FILE *out)
{
    const struct tally *t = &i->sum;
    bool is_first = true;

    for (uint32_t m = 0; m < t->methods; m++) {
        for (unsigned k = 0; k < LANE_CODES; k++) {
            uint32_t row = t->index[m * LANE_CODES + k];

            if (row == 0)
                continue;
            if (is_first)
                view_put_row(out, "  %-16s%5s%14s %12s%14s", "responses to", "code", "in", "", "out");
            is_first = false;
            print_code_row(v, i, row, out);
        }
    }
    if (!is_first)
        fputc('\n', out);
}

/* What the instance has sent in one header field, if anything; true then. They are tokens: nothing to escape. */
static bool
print_header_words(const struct tally *t, uint32_t use, const char *header, FILE *out)
{
    char *line = NULL;
    size_t octets = 0;
    FILE *words = open_memstream(&line, &octets);

    if (!words)
        return false; /* no memory: the rest is worth more */
    for (uint32_t k = 0; k < t->words; k++)
        if (t->word[k].uses & use)
            fprintf(words, "%s%s", ftell(words) > 0 ? ", " : "", t->word[k].text);
    if (fclose(words) == 0 && octets > 0)
        view_put_text(out, 18, "  %-14s  %s", header, line);
    free(line);
    return octets > 0;
}

static void
print_words(const struct view_instance *i, FILE *out)
{
    bool any = false;

    if (i->sum.words == 0)
        return;
    any |= print_header_words(&i->sum, LANE_WORD_SUPPORTED, "Supported", out);
    any |= print_header_words(&i->sum, LANE_WORD_REQUIRE, "Require", out);
    any |= print_header_words(&i->sum, LANE_WORD_PROXY_REQUIRE, "Proxy-Require", out);
    any |= print_header_words(&i->sum, LANE_WORD_UNSUPPORTED, "Unsupported", out);
    any |= print_header_words(&i->sum, LANE_WORD_ALLOW, "Allow", out);
    if (any)
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
        LANE_UNSUPPORTED_URIS,
        LANE_UNSUPPORTED_METHODS,
        LANE_DISCARDED,
        LANE_PROXY_REQUIRE_FAILED,
        LANE_OUT_UNPARSABLE,
        LANE_TRANS_TIMED_OUT,
        LANE_TRANS_EVICTED,
        LANE_TRANS_UNMATCHED,
        LANE_TRANS_MEMORY_EVICTED,
        LANE_METHODS_FOLDED,
        LANE_CELLS_FOLDED,
        LANE_EVENTS_CUT,
        LANE_SIGCOMP,
        LANE_WORDS_FOLDED,
        LANE_KEEPALIVES,
    };
    bool any = false;

    for (size_t k = 0; k < sizeof(shown) / sizeof(shown[0]); k++) {
        if (i->sum.counters[shown[k]] == 0)
            continue;
        view_put_text(out, 16, "  %12" PRIu64 "  %s", i->sum.counters[shown[k]], rows[shown[k]].text);
        any = true;
    }
    if (any)
        fputc('\n', out);
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
    char program[128], software[128], text[VIEW_AGE_OCTETS];
    struct timespec now = { 0, 0 };
    double age_s;

    clock_gettime(CLOCK_MONOTONIC, &now);
    age_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9 - (double)h->started_monotonic_ns / 1e9;
    log_escape(program, sizeof(program), h->program, strlen(h->program));
    log_escape(software, sizeof(software), h->software, strlen(h->software));
    view_put_row(out, "  %-16s %8" PRId64 "  %-6s %-9s %8s  %s", view_put_wide(out, program, 16), h->pid,
                 l->is_alive ? "alive" : "dead", h->flags & LANE_COLLECTOR ? "collector" : "stack",
                 view_age(text, age_s), strlen(software) <= SOFTWARE_COLUMNS ? software : "");
    if (strlen(software) > SOFTWARE_COLUMNS)
        view_put_text(out, 6, "      %s", software);
    print_notes(l, out);
}

static void
print_writers(const struct view_instance *i, FILE *out)
{
    if (i->lanes == 0)
        return;
    view_put_row(out, "  %-16s %8s  %-6s %-9s %8s  %s", "writer", "pid", "health", "kind", "age", "software");
    for (size_t k = 0; k < i->lanes; k++) {
        char name[128];

        if (i->lane[k]->is_attached)
            print_writer(i->lane[k], out);
        else
            view_put_text(out, 6, "  %s: set aside: %s",
                          log_escape(name, sizeof(name), i->lane[k]->name, strlen(i->lane[k]->name)),
                          i->lane[k]->reason);
    }
    fputc('\n', out);
}
