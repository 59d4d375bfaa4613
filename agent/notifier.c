/* SPDX-License-Identifier: BSD-2-Clause */
/* Which notifications an instance raises, and when. */
#include "agent/notifier.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "agent/notifier_text.h"
#include "agent/notifier_window.h"
#include "sipcore/sipstat.h"

#define SECOND_NS    UINT64_C(1000000000)
#define SEQUENCE_MAX 2147483647u /* of Integer32 */

static struct control_row *find_row(const struct notifier *n, const char *method, unsigned code);
static bool take_token(struct notifier_credit *credit, uint32_t rate, uint64_t now_ns);
static bool raise_notice(struct notifier *n, struct notice *notice, uint64_t now_ns);
static void name_row(struct notice *notice, const struct control_row *row);
static void fill_texts(const struct notifier *n, struct notice *notice, const struct ring_event *event);

void
notifier_init(struct notifier *n, const char *instance, struct notice_queue *queue,
              const struct pseudonym *pseudonym)
{
    *n = (struct notifier){
        .queue = queue, .pseudonym = pseudonym, .rate = 1, .notify_enable = SNAP_NOTIFY_DEFAULT
    };
    snprintf(n->instance, sizeof(n->instance), "%s", instance);
}

void
notifier_fini(struct notifier *n)
{
    free(n->rows);
    free(n->windows);
    n->rows = NULL;
    n->windows = NULL;
    n->n_rows = 0;
}

/* ---- the controls ----------------------------------------------------------------------------------------------- */

static struct control_row *
find_row(const struct notifier *n, const char *method, unsigned code)
{
    struct control_row key = { .method_octets = (uint8_t)strnlen(method, METHOD_NAME_MAX),
                               .code = (uint16_t)code };
    size_t low = 0, high = n->n_rows;

    memcpy(key.method, method, key.method_octets);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = control_row_compare(&n->rows[middle], &key);

        if (order == 0)
            return &n->rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

int
notifier_set_rows(struct notifier *n, unsigned notify_enable, struct control_row *rows, size_t count)
{
    struct notifier_window *windows = calloc(count + 1, sizeof(*windows));

    if (!windows)
        return -ENOMEM;
    for (size_t k = 0; k < count; k++) {
        const struct control_row *before = find_row(n, rows[k].method, rows[k].code);

        if (before && before->serial == rows[k].serial)
            windows[k] = n->windows[before - n->rows];
    }
    free(n->rows);
    free(n->windows);
    n->rows = rows;
    n->windows = windows;
    n->n_rows = count;
    n->notify_enable = notify_enable;
    return 0;
}

void
notifier_interest(const struct notifier *n, uint64_t codes[LANE_CODE_WORDS])
{
    memset(codes, 0, LANE_CODE_WORDS * sizeof(*codes));
    for (size_t k = 0; k < n->n_rows; k++) {
        const struct control_row *row = &n->rows[k];
        unsigned offset = row->code - (unsigned)LANE_CODE_FIRST;

        if (row->notify && row->emit != CONTROL_TRIGGERED && !row->is_hidden && offset < LANE_CODE_WORDS * 64)
            codes[offset / 64] |= UINT64_C(1) << (offset % 64);
    }
}

/* ---- a status code ---------------------------------------------------------------------------------------------- */

const struct control_row *
notifier_status(struct notifier *n, const struct ring_event *event, const char *method, notifier_count *count,
                void *context, uint64_t now_ns)
{
    struct control_row *row = find_row(n, method, event->status.code);
    struct notice notice = { .kind = NOTICE_STATUS_CODE, .cseq = event->status.cseq };

    if (!row || row->is_hidden || !row->notify || row->emit == CONTROL_TRIGGERED || !n->queue)
        return NULL;
    if (!take_token(&n->codes, n->rate, now_ns)) {
        if (flood_add(&n->capped, 1, now_ns))
            log_line(LOG_LEVEL_WARNING, LOG_STATE,
                     "instance %s: more than %u notifications of status codes a second, last of %s %u: those "
                     "beyond are left out",
                     n->instance, n->rate, row->method, row->code);
        return NULL;
    }
    name_row(&notice, row);
    fill_texts(n, &notice, event);
    count(context, row->method, row->method_octets, row->code, &notice.in, &notice.out);
    if (!raise_notice(n, &notice, now_ns) || row->emit != CONTROL_ONE_SHOT)
        return NULL;
    row->emit = CONTROL_TRIGGERED;
    return row;
}

/* A token bucket: it fills with time, and a notification takes its share of a second. */
static bool
take_token(struct notifier_credit *credit, uint32_t rate, uint64_t now_ns)
{
    uint64_t price_ns = SECOND_NS / (rate > 0 ? rate : 1), passed_ns;

    passed_ns = credit->at_ns == 0 ? SECOND_NS : now_ns > credit->at_ns ? now_ns - credit->at_ns : 0;
    credit->at_ns = now_ns;
    credit->ns += passed_ns < SECOND_NS ? passed_ns : SECOND_NS;
    if (credit->ns > SECOND_NS)
        credit->ns = SECOND_NS;
    if (credit->ns < price_ns)
        return false;
    credit->ns -= price_ns;
    return true;
}

static void
name_row(struct notice *notice, const struct control_row *row)
{
    notice->method_octets = row->method_octets;
    memcpy(notice->method, row->method, row->method_octets);
    notice->code = row->code;
}

static void
fill_user(const struct notifier *n, char to[NOTICE_TEXT_OCTETS], const char *name, struct span value,
          bool is_private)
{
    static const char anonymous[] = "<sip:anonymous@anonymous.invalid>";
    char pseudonym[PSEUDONYM_OCTETS + 8];

    if (is_private && n->pseudonym)
        value = span_of(pseudonym, pseudonym_header(n->pseudonym, value, pseudonym));
    else if (is_private)
        value = span_string(anonymous);
    notifier_text(to, name, value);
}

static void
fill_texts(const struct notifier *n, struct notice *notice, const struct ring_event *event)
{
    bool is_private = n->is_pseudonymous || (event->status.flags & LANE_STATUS_PRIVATE);

    fill_user(n, notice->to, "To: ", event->to, is_private);
    fill_user(n, notice->from, "From: ", event->from, is_private);
    notifier_text(notice->call_id, "Call-ID: ", event->call_id);
}

/* What finds no room gets no number. */
static bool
raise_notice(struct notifier *n, struct notice *notice, uint64_t now_ns)
{
    if (!n->queue)
        return false;
    notice->appl_index = n->appl_index;
    notice->sequence = n->sequence < SEQUENCE_MAX ? n->sequence + 1 : 1;
    notice->time_ns = now_ns;
    if (!notice_queue_put(n->queue, notice)) {
        if (flood_add(&n->overflowed, 1, now_ns))
            log_line(LOG_LEVEL_WARNING, LOG_STATE,
                     "instance %s: notifications find no room: the master takes none, and as many wait as "
                     "notifications.queue allows; those beyond are left out",
                     n->instance);
        return false;
    }
    n->sequence = notice->sequence;
    n->raised++;
    return true;
}

/* ---- thresholds ------------------------------------------------------------------------------------------------- */

static void
raise_threshold(struct notifier *n, enum notice_kind kind, const struct control_row *row, uint64_t in,
                uint64_t out, uint64_t now_ns)
{
    struct notice notice = { .kind = kind, .in = in, .out = out };

    name_row(&notice, row);
    raise_notice(n, &notice, now_ns);
}

void
notifier_thresholds(struct notifier *n, notifier_count *count, void *context, uint64_t now_ns)
{
    for (size_t k = 0; k < n->n_rows; k++) {
        const struct control_row *row = &n->rows[k];
        bool in_exceeds, out_exceeds;
        uint64_t in, out;

        if (row->is_hidden || row->interval_s == 0)
            continue;
        count(context, row->method, row->method_octets, row->code, &in, &out);
        notifier_window_look(&n->windows[k], row->threshold, row->interval_s, in, out, now_ns, &in_exceeds,
                             &out_exceeds);
        if (in_exceeds)
            raise_threshold(n, NOTICE_THRESHOLD_IN, row, in, out, now_ns);
        if (out_exceeds)
            raise_threshold(n, NOTICE_THRESHOLD_OUT, row, in, out, now_ns);
    }
}

/* ---- the state -------------------------------------------------------------------------------------------------- */

static void
raise_state(struct notifier *n, enum notice_kind kind, const struct instance_state *state, uint64_t now_ns)
{
    struct notice notice = { .kind = kind,
                             .start_ns = state->start_ns,
                             .last_change_ns = state->last_change_ns,
                             .oper_status = state->oper_status };

    if (take_token(&n->states, n->rate, now_ns))
        raise_notice(n, &notice, now_ns);
    else if (flood_add(&n->capped, 1, now_ns))
        log_line(
            LOG_LEVEL_WARNING, LOG_STATE,
            "instance %s: its state changes more than %u times a second: notifications beyond are left out",
            n->instance, n->rate);
}

void
notifier_state(struct notifier *n, uint32_t before, const struct instance_state *state, uint64_t now_ns)
{
    bool is_up = state->oper_status == OPER_UP;

    if (before == state->oper_status)
        return;
    if (is_up && (before == OPER_UNKNOWN || before == OPER_DOWN) &&
        (n->notify_enable & SNAP_NOTIFY_COLD_START))
        raise_state(n, NOTICE_COLD_START, state, now_ns);
    if (is_up && before == OPER_RESTARTING && (n->notify_enable & SNAP_NOTIFY_WARM_START))
        raise_state(n, NOTICE_WARM_START, state, now_ns);
    if (n->notify_enable & SNAP_NOTIFY_STATUS_CHANGED)
        raise_state(n, NOTICE_STATUS_CHANGED, state, now_ns);
}

void
notifier_tick(struct notifier *n, uint64_t now_ns)
{
    uint64_t count;

    if (flood_is_over(&n->capped, now_ns, &count))
        log_line(LOG_LEVEL_INFO, LOG_STATE,
                 "instance %s: the flood is over: %" PRIu64 " notification%s left out", n->instance, count,
                 count == 1 ? " was" : "s were");
    if (flood_is_over(&n->overflowed, now_ns, &count))
        log_line(LOG_LEVEL_INFO, LOG_STATE,
                 "instance %s: notifications find room again: %" PRIu64 " %s left out", n->instance, count,
                 count == 1 ? "was" : "were");
}
