/* SPDX-License-Identifier: BSD-2-Clause */
/* The public API. All work is done elsewhere: here are defaults, checks of what the caller gave, and the no-ops. */
#include "sipcore/sipstat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sipcore/lane_file.h"
#include "sipcore/lane_status.h"
#include "sipcore/observer.h"
#include "sipcore/sip_stream.h"
#include "sipcore/sipstat_internal.h"

_Static_assert((int)SIPSTAT_INVITE == (int)METHOD_INVITE && (int)SIPSTAT_UPDATE == (int)METHOD_UPDATE,
               "the public method numbers are the lanes'");
_Static_assert(SIPSTAT_SHARED_TRANSACTIONS == LANE_SHARED_TRANSACTIONS && SIPSTAT_COLLECTOR == LANE_COLLECTOR,
               "the public flags are the lanes'");
_Static_assert((unsigned)SIPSTAT_REQUIRE == LANE_WORD_REQUIRE &&
                   (unsigned)SIPSTAT_PROXY_REQUIRE == LANE_WORD_PROXY_REQUIRE &&
                   (unsigned)SIPSTAT_SUPPORTED == LANE_WORD_SUPPORTED &&
                   (unsigned)SIPSTAT_UNSUPPORTED == LANE_WORD_UNSUPPORTED &&
                   (unsigned)SIPSTAT_ALLOW == LANE_WORD_ALLOW && SIPSTAT_Q_NONE == LANE_Q_NONE,
               "the public words are the lanes'");
_Static_assert(LANE_OUT_REQUESTS == LANE_IN_REQUESTS + 1 && LANE_OUT_RESPONSES == LANE_IN_RESPONSES + 1 &&
                   LANE_METHOD_OUT == LANE_METHOD_IN + 1 &&
                   LANE_METHOD_IN_RETRANSMITTED == LANE_METHOD_IN + 2 &&
                   LANE_METHOD_OUT_RETRANSMITTED == LANE_METHOD_IN + 3,
               "counters are found by adding direction and kind");
_Static_assert(LANE_ASSOC_OUT_OPENED == LANE_ASSOC_IN_OPENED + 3 &&
                   LANE_ASSOC_IN_FAILED == LANE_ASSOC_IN_OPENED + (int)SIPSTAT_ASSOCIATION_FAILED,
               "connections are found by adding direction and event");

#define MAX_TRANSACTIONS_DEFAULT 65536u
#define MAX_TRANSACTIONS_LIMIT   16777216u
#define OPTIONS_SIZE_LIMIT       4096u /* no later version needs more: a larger size is one that was never set */
#define INSTANCE_NAME_MAX        63u

/* The lane comes first: the hot path takes it at the handle's own address. */
struct sipstat_writer {
    struct lane_writer lane;
    struct observer *observer;
};

/* ---- opening
 * ---------------------------------------------------------------------------------------------------- */

static int take_options(struct sipstat_options *to, const struct sipstat_options *from, struct err *e);
static int apply_defaults(struct sipstat_options *o, struct err *e);
static int open_writer(sipstat_writer **writer, const struct sipstat_options *options, struct err *e);

int
sipstat_open(sipstat_writer **writer, const struct sipstat_options *options, char *error, size_t error_size)
{
    struct sipstat_options o;
    struct err e = { "" };
    int code;

    *writer = NULL;
    code = take_options(&o, options, &e);
    if (code == 0)
        code = apply_defaults(&o, &e);
    if (code == 0)
        code = open_writer(writer, &o, &e);
    if (error && error_size > 0)
        snprintf(error, error_size, "%s", e.text);
    return code;
}

/* A caller built with an older version knows fewer members, one built with a newer version more: what this
 * version does not know must not have been used. */
static int
take_options(struct sipstat_options *to, const struct sipstat_options *from, struct err *e)
{
    *to = (struct sipstat_options){ .size = sizeof(*to) };
    if (!from)
        return 0;
    if (from->size < sizeof(from->size) || from->size > OPTIONS_SIZE_LIMIT)
        return err_set(e, -EINVAL, "options.size is %zu: set it to sizeof(struct sipstat_options)",
                       from->size);
    for (size_t i = sizeof(*to); i < from->size; i++)
        if (((const char *)from)[i] != 0)
            return err_set(e, -EINVAL, "an option is set that version %s of libsipstat does not know",
                           sipstat_version());
    memcpy(to, from, from->size < sizeof(*to) ? from->size : sizeof(*to));
    return 0;
}

static bool
is_instance_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strspn(name, allowed);

    return length >= 1 && length <= INSTANCE_NAME_MAX && name[length] == 0 && name[0] != '.';
}

/* An empty variable says as little as none. */
static const char *
from_environment(const char *variable, const char *otherwise)
{
    const char *value = secure_getenv(variable);

    return value && *value ? value : otherwise;
}

static uint32_t
ring_size(uint32_t wanted)
{
    uint32_t octets = LANE_RING_MIN;

    while (octets < wanted)
        octets *= 2;
    return octets;
}

static int
apply_defaults(struct sipstat_options *o, struct err *e)
{
    if (!o->dir)
        o->dir = from_environment("SIPSTAT_DIR", SIPMIB_RUNTIME_DIR);
    if (!o->instance)
        o->instance = from_environment("SIPSTAT_INSTANCE", "default");
    if (o->max_transactions == 0)
        o->max_transactions = MAX_TRANSACTIONS_DEFAULT;
    if (o->ring_octets == 0)
        o->ring_octets = LANE_RING_DEFAULT;
    if (!is_instance_name(o->instance))
        return err_set(
            e, -EINVAL,
            "instance name \"%.80s\": must be 1 to %u characters of A-Z a-z 0-9 . _ - and not begin with a dot",
            o->instance, INSTANCE_NAME_MAX);
    if (o->flags & ~(SIPSTAT_SHARED_TRANSACTIONS | SIPSTAT_COLLECTOR))
        return err_set(e, -EINVAL, "flags %#x: version %s of libsipstat knows no such flag", o->flags,
                       sipstat_version());
    if (o->max_transactions > MAX_TRANSACTIONS_LIMIT)
        return err_set(e, -EINVAL, "max_transactions %u: at most %u", o->max_transactions,
                       MAX_TRANSACTIONS_LIMIT);
    if (o->ring_octets > LANE_RING_MAX)
        return err_set(e, -EINVAL, "ring_octets %u: at most %u", o->ring_octets, LANE_RING_MAX);
    o->ring_octets = ring_size(o->ring_octets);
    return 0;
}

/* The observer first: once the lane is there nothing may fail any more. */
static int
open_writer(sipstat_writer **writer, const struct sipstat_options *options, struct err *e)
{
    struct observer_options observing = { .max_transactions = options->max_transactions };
    struct lane_writer_options lane = {
        .dir = options->dir,
        .instance = options->instance,
        .software = options->software,
        .flags = options->flags,
        .ring_octets = options->ring_octets,
    };
    int code = lane_file_random(observing.hash_key, sizeof(observing.hash_key), e);
    sipstat_writer *w;

    if (code < 0)
        return code;
    w = calloc(1, sizeof(*w));
    if (!w)
        return err_set(e, -ENOMEM, "no memory for a writer");
    w->observer = observer_new(&observing, e);
    code = w->observer ? lane_writer_open(&w->lane, &lane, e) : -ENOMEM;
    if (code < 0) {
        observer_free(w->observer);
        free(w);
        return code;
    }
    *writer = w;
    return 0;
}

void
sipstat_close(sipstat_writer *writer)
{
    if (!writer)
        return;
    lane_writer_close(&writer->lane);
    observer_free(writer->observer);
    free(writer);
}

struct lane_writer *
sipstat_writer_lane(sipstat_writer *writer)
{
    return writer && lane_writer_attached(&writer->lane) ? &writer->lane : NULL;
}

const char *
sipstat_version(void)
{
    return SIPMIB_VERSION;
}

/* ---- raw
 * -------------------------------------------------------------------------------------------------------- */

/* True for a writer that has a lane: what every call begins with. */
static inline bool
is_open(const sipstat_writer *writer)
{
    return __builtin_expect(writer != NULL && lane_writer_attached(&writer->lane), 1);
}

/* Read in the vDSO: no system call. Never 0. */
static uint64_t
coarse_ns(clockid_t clock)
{
    struct timespec now = { 0, 1 };

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

enum sipstat_observed
sipstat_observe(sipstat_writer *writer, enum sipstat_direction direction, const void *message, size_t length,
                const struct sipstat_addresses *addresses, uint64_t time_ns)
{
    if (!is_open(writer))
        return SIPSTAT_IGNORED;
    if (time_ns == 0)
        time_ns = coarse_ns(CLOCK_MONOTONIC_COARSE);
    return observer_message(writer->observer, &writer->lane, direction, span_of(message, length),
                            addresses ? addresses->transport : SIPSTAT_TRANSPORT_OTHER, time_ns);
}

void
sipstat_tick(sipstat_writer *writer, uint64_t time_ns)
{
    if (!is_open(writer))
        return;
    observer_tick(writer->observer, &writer->lane, time_ns ? time_ns : coarse_ns(CLOCK_MONOTONIC_COARSE));
}

int
sipstat_frame(const void *buffer, size_t length, size_t *skip)
{
    return sip_stream_frame(buffer, length, skip);
}

/* ---- typed
 * ------------------------------------------------------------------------------------------------------ */

unsigned
sipstat_method(sipstat_writer *writer, const char *name, size_t length)
{
    return is_open(writer) ? lane_method(&writer->lane, span_of(name, length)) : METHOD_OTHER;
}

/* The two calls of every message: beginning a cache line they take as few as can be, of which each is a miss when other
 * work has used the caches. */
#define EVERY_MESSAGE __attribute__((aligned(64)))

/* A number without a name is counted under "(other)", visibly. */
static unsigned
named_method(struct lane_writer *w, unsigned method)
{
    if (method < atomic_load_explicit(&w->live->methods, memory_order_relaxed))
        return method;
    lane_count(w, LANE_METHODS_FOLDED);
    return METHOD_OTHER;
}

EVERY_MESSAGE void
sipstat_request(sipstat_writer *writer, enum sipstat_direction direction, unsigned method, unsigned flags)
{
    bool is_out = direction != SIPSTAT_IN, is_retransmission = flags & SIPSTAT_FLAG_RETRANSMISSION;

    if (!is_open(writer))
        return;
    lane_count(&writer->lane, LANE_IN_REQUESTS + is_out);
    if (__builtin_expect(method >= METHOD_IANA_COUNT, 0))
        method = named_method(&writer->lane, method);
    lane_count_method(&writer->lane, method, LANE_METHOD_IN + is_out + 2 * is_retransmission);
}

static void
count_retransmitted_response(struct lane_writer *w, bool is_out, unsigned method, unsigned code)
{
    if (!is_out)
        lane_count_method(w, method, LANE_METHOD_RESPONSES_IN_RETRANSMITTED);
    else if (code < 200)
        lane_count_method(w, method, LANE_METHOD_PROVISIONAL_RETRANSMITTED);
    else
        lane_count_method(w, method, LANE_METHOD_FINAL_RETRANSMITTED);
}

/* A text of the caller's; NULL is as good as empty. */
static struct span
text_span(const char *text, size_t length)
{
    return span_of(text, text ? length : 0);
}

/* Apart, as is what follows, so that sipstat_response() needs no registers saved. */
static __attribute__((noinline)) void
record_response(struct lane_writer *w, enum sipstat_direction direction, unsigned method, unsigned code,
                unsigned flags, const struct sipstat_headers *h)
{
    static const struct sipstat_headers none;

    if (!h)
        h = &none;
    lane_status_put(w,
                    &(struct lane_status){
                        .is_out = direction != SIPSTAT_IN,
                        .is_private = flags & SIPSTAT_FLAG_PRIVATE,
                        .method = method,
                        .code = code,
                        .cseq = h->cseq,
                        .to = text_span(h->to, h->to_length),
                        .from = text_span(h->from, h->from_length),
                        .call_id = text_span(h->call_id, h->call_id_length),
                    },
                    0);
}

/* Every response that is not counted in two additions. */
static __attribute__((noinline)) void
count_uncommon_response(struct lane_writer *w, enum sipstat_direction direction, unsigned method,
                        unsigned code, unsigned flags, const struct sipstat_headers *headers)
{
    bool is_out = direction != SIPSTAT_IN;

    lane_count(w, LANE_IN_RESPONSES + is_out);
    method = named_method(w, method);
    lane_count_response(w, method, code, is_out);
    if (flags & SIPSTAT_FLAG_RETRANSMISSION)
        count_retransmitted_response(w, is_out, method, code);
    if (lane_wants_code(w, code))
        record_response(w, direction, method, code, flags, headers);
}

EVERY_MESSAGE void
sipstat_response(sipstat_writer *writer, enum sipstat_direction direction, unsigned method, unsigned code,
                 unsigned flags, const struct sipstat_headers *headers)
{
    bool is_out = direction != SIPSTAT_IN;
    unsigned cell = 0;

    if (!is_open(writer))
        return;
    /* Only methods with a name get cells, and "(other)", which has none. */
    if (__builtin_expect(method < METHOD_OTHER && !(flags & SIPSTAT_FLAG_RETRANSMISSION), 1))
        cell = lane_cell_find(&writer->lane, method, code);
    if (__builtin_expect(cell == 0, 0)) {
        count_uncommon_response(&writer->lane, direction, method, code, flags, headers);
        return;
    }
    lane_count(&writer->lane, LANE_IN_RESPONSES + is_out);
    lane_count_cell(&writer->lane, cell, is_out);
    if (__builtin_expect(lane_wants_code(&writer->lane, code), 0))
        record_response(&writer->lane, direction, method, code, flags, headers);
}

static inline void
count(sipstat_writer *writer, enum lane_counter counter)
{
    if (is_open(writer))
        lane_count(&writer->lane, counter);
}

void
sipstat_transaction_begin(sipstat_writer *writer)
{
    count(writer, LANE_TRANS_BEGUN);
}

void
sipstat_transaction_end(sipstat_writer *writer)
{
    count(writer, LANE_TRANS_ENDED);
}

void
sipstat_discarded(sipstat_writer *writer)
{
    count(writer, LANE_DISCARDED);
}

void
sipstat_unsupported_uri(sipstat_writer *writer)
{
    count(writer, LANE_UNSUPPORTED_URIS);
}

void
sipstat_unsupported_method(sipstat_writer *writer)
{
    count(writer, LANE_UNSUPPORTED_METHODS);
}

void
sipstat_proxy_require_failed(sipstat_writer *writer)
{
    count(writer, LANE_PROXY_REQUIRE_FAILED);
}

void
sipstat_register_accepted(sipstat_writer *writer)
{
    count(writer, LANE_REGISTER_ACCEPTED);
}

void
sipstat_register_rejected(sipstat_writer *writer)
{
    count(writer, LANE_REGISTER_REJECTED);
}

/* ---- registrations and words ------------------------------------------------------------------------------------ */

/* Where an array of contacts has been taken to. */
struct contact_list {
    const struct sipstat_contact *next;
    size_t left;
};

static bool
next_contact(void *context, struct lane_binding *out)
{
    struct contact_list *list = context;
    const struct sipstat_contact *c = list->next;

    if (list->left == 0)
        return false;
    *out = (struct lane_binding){
        .uri = text_span(c->uri, c->uri_length),
        .name = text_span(c->display_name, c->display_name_length),
        .instance = text_span(c->instance, c->instance_length),
        .expires_s = c->expires_s,
        .reg_id = c->reg_id,
        .q_thousandths = c->q_thousandths,
    };
    list->next++;
    list->left--;
    return true;
}

void
sipstat_bindings(sipstat_writer *writer, const char *aor, size_t aor_length,
                 const struct sipstat_contact *contacts, size_t count)
{
    struct contact_list list = { .next = contacts, .left = contacts ? count : 0 };

    if (is_open(writer) && lane_wants_registrations(&writer->lane))
        lane_event_bindings(&writer->lane, text_span(aor, aor_length), next_contact, &list, 0);
}

void
sipstat_authentication_failed(sipstat_writer *writer, const char *aor, size_t aor_length, unsigned code)
{
    if (is_open(writer) && code - LANE_CODE_FIRST < LANE_CODES && lane_wants_registrations(&writer->lane))
        lane_event_auth_failed(&writer->lane, code, text_span(aor, aor_length), 0);
}

void
sipstat_word(sipstat_writer *writer, enum sipstat_word header, const char *word, size_t length)
{
    unsigned uses = (unsigned)header & (LANE_WORD_TAG | LANE_WORD_ALLOW);

    if (is_open(writer) && uses != 0)
        lane_word(&writer->lane, text_span(word, length), uses);
}

void
sipstat_association(sipstat_writer *writer, enum sipstat_direction direction, enum sipstat_association what)
{
    if (!is_open(writer) || (unsigned)what > SIPSTAT_ASSOCIATION_FAILED)
        return;
    atomic_store_explicit(&writer->lane.live->associations, 1, memory_order_relaxed);
    lane_count(&writer->lane, LANE_ASSOC_IN_OPENED + 3 * (direction != SIPSTAT_IN) + (unsigned)what);
}

/* ---- either
 * ----------------------------------------------------------------------------------------------------- */

void
sipstat_set_state(sipstat_writer *writer, enum sipstat_state state)
{
    if (!is_open(writer) || (unsigned)state < SIPSTAT_STATE_UP || (unsigned)state > SIPSTAT_STATE_TESTING)
        return;
    lane_set_state(&writer->lane, state, coarse_ns(CLOCK_MONOTONIC_COARSE), coarse_ns(CLOCK_REALTIME_COARSE));
}
