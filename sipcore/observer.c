/* SPDX-License-Identifier: BSD-2-Clause */
/* The observer: its life, its clock, and what becomes of a datagram. */
#include "sipcore/observer.h"

#include <errno.h>
#include <stdlib.h>

#include "sipcore/observer_internal.h"
#include "sipcore/observer_key.h"
#include "sipcore/sigcomp.h"
#include "sipcore/sip_text.h"

#define NS_PER_MS 1000000ull
#define NS_PER_S  1000000000ull

#define CLOCK_STEP_MAX_NS   (600 * NS_PER_S) /* the most that one call moves the clock */
#define CLOCK_REORDERING_NS (5 * NS_PER_S)   /* less than this backwards is reordering */

enum {
    T1_DEFAULT_MS = 500,
    T1_MAX_MS = 1000000,
    T4_MS = 5000,
    TIMER_C_DEFAULT_MS = 181000,
    TIMER_C_MAX_MS = 1000000000,
    EXPIRE_PER_MESSAGE = 8, /* a message adds one transaction, each of which comes up at most three times */
    EXPIRE_PER_TICK = 65536
};

static int
copy_schemes(struct observer *o, const char *const *schemes, struct err *e)
{
    static const char *const usual[] = { "sip", "sips", "tel", "urn", "im", "pres", NULL };

    for (const char *const *s = schemes != NULL ? schemes : usual; *s != NULL; s++) {
        size_t length = strlen(*s);

        if (o->schemes == OBSERVER_SCHEMES || length == 0 || length >= OBSERVER_SCHEME_OCTETS)
            return err_set(e, -EINVAL, "URI scheme %s: expected at most %d schemes of 1 to %d letters", *s,
                           OBSERVER_SCHEMES, OBSERVER_SCHEME_OCTETS - 1);
        for (size_t i = 0; i < length; i++)
            o->scheme[o->schemes][i] = (char)sip_lower((uint8_t)(*s)[i]);
        o->schemes++;
    }
    return 0;
}

static int
observer_init(struct observer *o, const struct observer_options *options, struct err *e)
{
    uint32_t t1_ms = options->t1_ms != 0 ? options->t1_ms : T1_DEFAULT_MS;
    uint32_t timer_c_ms = options->timer_c_ms != 0 ? options->timer_c_ms : TIMER_C_DEFAULT_MS;
    uint32_t wait_ms[TRANS_QUEUES];

    if (t1_ms > T1_MAX_MS || timer_c_ms > TIMER_C_MAX_MS)
        return err_set(e, -EINVAL, "observer: expected T1 up to %d ms and timer C up to %d ms, got %u and %u",
                       T1_MAX_MS, TIMER_C_MAX_MS, t1_ms, timer_c_ms);
    if (copy_schemes(o, options->uri_schemes, e) < 0)
        return -EINVAL;
    o->hash_key.word[0] = sip_load(options->hash_key);
    o->hash_key.word[1] = sip_load(options->hash_key + 8);
    wait_ms[TRANS_TRYING] = 64 * t1_ms;
    wait_ms[TRANS_PROCEEDING] = timer_c_ms;
    wait_ms[TRANS_LINGER] = 64 * t1_ms;
    wait_ms[TRANS_LINGER_SHORT] = T4_MS;
    return trans_init(&o->table, options->max_transactions, wait_ms, e);
}

struct observer *
observer_new(const struct observer_options *options, struct err *e)
{
    struct observer *o = calloc(1, sizeof(*o));

    if (o == NULL) {
        err_set(e, -ENOMEM, "observer: no memory");
        return NULL;
    }
    if (observer_init(o, options, e) < 0) {
        free(o);
        return NULL;
    }
    return o;
}

void
observer_free(struct observer *o)
{
    if (o == NULL)
        return;
    trans_fini(&o->table);
    free(o);
}

uint32_t
observer_open(const struct observer *o)
{
    return trans_open(&o->table);
}

uint32_t
observer_remembered(const struct observer *o)
{
    return trans_held(&o->table);
}

/* ---- time ---------------------------------------------------------------------------------------------- */

static void
advance_clock(struct observer *o, uint64_t now_ns)
{
    uint64_t step;

    if (o->clock_started && now_ns <= o->clock_last_ns) {
        if (o->clock_last_ns - now_ns >= CLOCK_REORDERING_NS)
            o->clock_last_ns = now_ns;
        return;
    }
    step = o->clock_started ? now_ns - o->clock_last_ns : 0;
    o->clock_started = true;
    o->clock_last_ns = now_ns;
    o->clock_ns += step < CLOCK_STEP_MAX_NS ? step : CLOCK_STEP_MAX_NS;
    o->now_ms = (uint32_t)(o->clock_ns / NS_PER_MS);
}

static void
expire(struct observer *o, struct lane_writer *w, unsigned budget)
{
    struct trans *x;

    while (budget-- > 0 && (x = trans_due(&o->table, o->now_ms)) != NULL) {
        if (trans_is_open(x))
            observer_time_out(o, w, x);
        else
            trans_forget(&o->table, x);
    }
}

void
observer_tick(struct observer *o, struct lane_writer *w, uint64_t now_ns)
{
    advance_clock(o, now_ns);
    expire(o, w, EXPIRE_PER_TICK);
}

/* ---- messages ------------------------------------------------------------------------------------------ */

static bool
is_stun(struct span s)
{
    static const uint8_t cookie[4] = { 0x21, 0x12, 0xa4, 0x42 };

    return s.length >= 20 && (s.data[0] & 0xc0) == 0 && memcmp(s.data + 4, cookie, sizeof(cookie)) == 0;
}

static bool
is_keepalive(struct span s)
{
    size_t i = 0;

    while (i < s.length && (s.data[i] == 0 || sip_char_is(s.data[i], SIP_CHAR_LWS)))
        i++;
    return i == s.length || is_stun(s);
}

/* What is no SIP that can be read, but no garbage either; SIPSTAT_DISCARDED when it is garbage, as far as can be told
 * here. */
static __attribute__((noinline)) enum sipstat_observed
count_other(struct lane_writer *w, struct span message)
{
    if (message.length > SIP_MESSAGE_MAX)
        return SIPSTAT_DISCARDED;
    if (is_keepalive(message)) {
        lane_count(w, LANE_KEEPALIVES);
        return SIPSTAT_KEEPALIVE;
    }
    if (sigcomp_is_message(message)) {
        lane_count(w, LANE_SIGCOMP);
        return SIPSTAT_COMPRESSED;
    }
    return SIPSTAT_DISCARDED;
}

/* SIP begins with a token. */
static inline bool
may_be_sip(struct span message)
{
    return __builtin_expect(message.length > 0 && sip_char_is(message.data[0], SIP_CHAR_TOKEN), 1);
}

static bool
is_reliable(enum sipstat_transport transport)
{
    return transport != SIPSTAT_UDP && transport != SIPSTAT_TRANSPORT_OTHER;
}

/* Extension methods get their number only when the message is known to count: what is discarded must not use the few
 * numbers up. The key needs none, it has the name. */
static unsigned
number_of_usual_method(struct span name)
{
    int iana = method_find(name);

    return iana >= 0 ? (unsigned)iana : METHOD_OTHER;
}

/* Requests received and responses sent are a server's. */
static void
make_key(struct observation *a)
{
    bool is_server = a->is_out != a->m->start.is_request;
    unsigned method = a->m->start.is_request && a->method == METHOD_ACK ? METHOD_INVITE : a->method;

    observer_key_make(&a->o->hash_key, a->m, is_server ? OBSERVER_KEY_SERVER : OBSERVER_KEY_CLIENT, method,
                      &a->key);
}

/* Parse the message, make its key, and let time pass. With a branch that is unique the key needs only what is
 * parsed first: so memory has time to bring the transaction while the rest is done. */
static enum sip_fault
parse(struct observation *a, struct span octets, struct sip_message *m)
{
    enum sip_fault fault = sip_message_parse_key(octets, m);
    bool is_early = fault == SIP_FAULT_NONE && m->via.is_unique;

    if (fault == SIP_FAULT_NONE)
        a->method = number_of_usual_method(m->method);
    if (is_early) {
        make_key(a);
        trans_prefetch(&a->o->table, &a->key);
    }
    expire(a->o, a->w, EXPIRE_PER_MESSAGE);
    if (is_early)
        trans_prefetch_entry(&a->o->table, &a->key);
    if (fault == SIP_FAULT_NONE)
        fault = sip_message_parse_rest(m);
    if (fault == SIP_FAULT_NONE && !is_early)
        make_key(a);
    if (fault == SIP_FAULT_NONE && a->method == METHOD_OTHER)
        a->method = lane_method(a->w, m->method);
    return fault;
}

enum sipstat_observed
observer_message(struct observer *o, struct lane_writer *w, enum sipstat_direction direction,
                 struct span message, enum sipstat_transport transport, uint64_t now_ns)
{
    struct sip_message m;
    struct observation a = {
        .o = o,
        .w = w,
        .m = &m,
        .is_out = direction == SIPSTAT_OUT,
        .is_reliable = is_reliable(transport),
        .now_ns = now_ns,
    };

    advance_clock(o, now_ns);
    if (!may_be_sip(message)) {
        enum sipstat_observed other = count_other(w, message);

        if (other != SIPSTAT_DISCARDED) {
            expire(o, w, EXPIRE_PER_MESSAGE);
            return other;
        }
    }
    if (parse(&a, message, &m) != SIP_FAULT_NONE) {
        lane_count(w, a.is_out ? LANE_OUT_UNPARSABLE : LANE_DISCARDED);
        return SIPSTAT_DISCARDED;
    }
    if (a.method == METHOD_OTHER)
        lane_count(w, LANE_METHODS_FOLDED);
    if (a.is_out && (m.fields.present & OBSERVER_WORD_FIELDS) != 0)
        observer_words(&a);
    return m.start.is_request ? observer_request(&a) : observer_response(&a);
}
