/* SPDX-License-Identifier: BSD-2-Clause */
/* The counting rules: what a request, a response and the end of a wait mean to the counters. */
#include "sipcore/observer_internal.h"
#include "sipcore/observer_key.h"
#include "sipcore/sip_text.h"

enum { TIMER_C_GRAIN_MS = 1000 };

static void note_unsupported_uri(const struct observation *a, struct trans *x);
static struct trans *find(const struct observation *a, const struct trans_key *key);
static struct trans *add(const struct observation *a, const struct trans_key *key, enum trans_queue queue);
static struct trans *add_early(const struct observation *a);
static void begin_early(const struct observation *a, struct trans *x);

/* ---- requests ------------------------------------------------------------------------------------------ */

/* What an INVITE was answered is repeated, or acknowledged, for 64*T1 over any transport (timer H; RFC
 * 6026's L and M). */
static enum trans_queue
linger_queue(const struct trans *x, bool is_invite)
{
    bool is_brief = (x->flags & TRANS_FLAG_RELIABLE) != 0 && !is_invite;

    return is_brief ? TRANS_LINGER_SHORT : TRANS_LINGER;
}

/* An ACK: true when it is new. It belongs to its INVITE unless that was answered 2xx (RFC 3261 17.1.1.3,
 * 13.2.2.4). */
static bool
count_ack(const struct observation *a)
{
    unsigned kind = (a->is_out ? OBSERVER_KEY_CLIENT : OBSERVER_KEY_SERVER) | OBSERVER_KEY_ACK;
    struct trans *invite = find(a, &a->key);
    struct trans_key key;

    if (invite != NULL && (invite->final_code == 0 || invite->final_code >= 300)) {
        if ((invite->flags & TRANS_FLAG_ACKED) != 0)
            return false;
        invite->flags |= TRANS_FLAG_ACKED;
        return true;
    }
    observer_key_make(&a->o->hash_key, a->m, kind, METHOD_ACK, &key);
    if (find(a, &key) != NULL)
        return false;
    add(a, &key, TRANS_LINGER);
    lane_count(a->w, LANE_TRANS_ENDED);
    return true;
}

static bool
brings_credentials(const struct observation *a, enum sip_header_id id)
{
    return sip_headers_have(&a->m->fields, id) &&
           sip_credentials_are_given(sip_headers_value(&a->m->fields, id));
}

/* Any other request: true when it is new. */
static bool
count_other_request(const struct observation *a)
{
    struct trans *x = find(a, &a->key);
    bool is_early = x != NULL && (x->flags & TRANS_FLAG_EARLY) != 0;

    if (x != NULL && !is_early)
        return false;
    if (!is_early)
        x = add(a, &a->key, TRANS_TRYING);
    if (a->is_reliable)
        x->flags |= TRANS_FLAG_RELIABLE;
    if (is_early)
        begin_early(a, x);
    if (brings_credentials(a, SIP_HEADER_AUTHORIZATION))
        x->flags |= TRANS_FLAG_CREDENTIALS;
    if (brings_credentials(a, SIP_HEADER_PROXY_AUTHORIZATION))
        x->flags |= TRANS_FLAG_FOR_PROXY;
    if (sip_headers_have(&a->m->fields, SIP_HEADER_PROXY_REQUIRE))
        x->flags |= TRANS_FLAG_PROXY_REQUIRE;
    if (sip_headers_have(&a->m->fields, SIP_HEADER_PRIVACY) && observer_is_private(a->m))
        x->flags |= TRANS_FLAG_PRIVATE;
    note_unsupported_uri(a, x);
    return true;
}

enum sipstat_observed
observer_request(const struct observation *a)
{
    bool is_new;

    lane_count(a->w, a->is_out ? LANE_OUT_REQUESTS : LANE_IN_REQUESTS);
    is_new = a->method == METHOD_ACK ? count_ack(a) : count_other_request(a);
    if (is_new) {
        lane_count_method(a->w, a->method, a->is_out ? LANE_METHOD_OUT : LANE_METHOD_IN);
        return SIPSTAT_COUNTED;
    }
    lane_count_method(a->w, a->method,
                      a->is_out ? LANE_METHOD_OUT_RETRANSMITTED : LANE_METHOD_IN_RETRANSMITTED);
    return SIPSTAT_RETRANSMISSION;
}

/* A URI without any scheme is malformed, which is the stack's to say, not unsupported. */
static void
note_unsupported_uri(const struct observation *a, struct trans *x)
{
    struct span scheme;

    if (a->is_out || !sip_uri_scheme(a->m->start.uri, &scheme))
        return;
    for (unsigned i = 0; i < a->o->schemes; i++)
        if (sip_equals_nocase(scheme, a->o->scheme[i]))
            return;
    x->flags |= TRANS_FLAG_URI_COUNTED;
    lane_count(a->w, LANE_UNSUPPORTED_URIS);
}

/* ---- responses ----------------------------------------------------------------------------------------- */

/* True when such a response was among the latest of its transaction; remembers it in any case. */
static bool
seen_before(struct trans *x, uint32_t mark)
{
    unsigned i = 0;
    bool is_known;

    while (i < TRANS_MARKS - 1 && x->mark[i] != mark)
        i++;
    is_known = x->mark[i] == mark;
    for (; i > 0; i--)
        x->mark[i] = x->mark[i - 1];
    x->mark[0] = mark;
    return is_known;
}

/* A REGISTER is accepted or rejected, or only asked for credentials that it did not bring. */
static void
count_registration(const struct observation *a, const struct trans *x)
{
    unsigned code = a->m->start.code;
    bool is_challenge = (code == 401 && (x->flags & TRANS_FLAG_CREDENTIALS) == 0) ||
                        (code == 407 && (x->flags & TRANS_FLAG_FOR_PROXY) == 0);

    if (code < 300)
        lane_count(a->w, LANE_REGISTER_ACCEPTED);
    else if (!is_challenge)
        lane_count(a->w, LANE_REGISTER_REJECTED);
    if (!lane_wants_registrations(a->w))
        return;
    if (code < 300)
        observer_bindings(a);
    else
        observer_auth_failure(a, x);
}

/* What the first final response of a server transaction says about its request. */
static void
count_outcome(const struct observation *a, const struct trans *x)
{
    switch (a->m->start.code) {
    case 405:
    case 501: lane_count(a->w, LANE_UNSUPPORTED_METHODS); break;
    case 416:
        if ((x->flags & TRANS_FLAG_URI_COUNTED) == 0)
            lane_count(a->w, LANE_UNSUPPORTED_URIS);
        break;
    case 420:
        if ((x->flags & TRANS_FLAG_PROXY_REQUIRE) != 0)
            lane_count(a->w, LANE_PROXY_REQUIRE_FAILED);
        break;
    default: break;
    }
    if (a->method == METHOD_REGISTER)
        count_registration(a, x);
}

/* Timer C runs from the first provisional response on, and anew from each one but 100 (RFC 3261 16.7 step 2).
 * Those that follow each other within a second, as 180 follows 183, leave it as it is. */
static void
provisional(const struct observation *a, struct trans *x)
{
    struct trans_table *t = &a->o->table;

    if (a->method != METHOD_INVITE || !trans_is_open(x))
        return;
    if (x->queue == TRANS_PROCEEDING &&
        (a->m->start.code == 100 || trans_waited_ms(t, x, a->o->now_ms) < TIMER_C_GRAIN_MS))
        return;
    trans_move(t, x, TRANS_PROCEEDING, a->o->now_ms);
}

static void
final(const struct observation *a, struct trans *x)
{
    if (x->final_code == 0) {
        x->final_code = a->m->start.code;
        if (a->is_out)
            count_outcome(a, x);
    }
    if (trans_is_open(x)) {
        lane_count(a->w, LANE_TRANS_ENDED);
        trans_move(&a->o->table, x, linger_queue(x, a->method == METHOD_INVITE), a->o->now_ms);
    }
}

static void
count_repeated_response(const struct observation *a)
{
    enum lane_method_counter counter = LANE_METHOD_RESPONSES_IN_RETRANSMITTED;

    if (a->is_out)
        counter =
            a->m->start.code < 200 ? LANE_METHOD_PROVISIONAL_RETRANSMITTED : LANE_METHOD_FINAL_RETRANSMITTED;
    lane_count_method(a->w, a->method, counter);
}

static void
record_status(const struct observation *a, const struct trans *x)
{
    const struct sip_message *m = a->m;
    struct lane_status status = {
        .is_out = a->is_out,
        .is_private = (x != NULL && (x->flags & TRANS_FLAG_PRIVATE) != 0) || observer_is_private(m),
        .method = a->method,
        .code = m->start.code,
        .cseq = m->cseq,
        .to = sip_headers_value(&m->fields, SIP_HEADER_TO),
        .from = sip_headers_value(&m->fields, SIP_HEADER_FROM),
        .call_id = m->call_id,
    };

    lane_event_status(a->w, &status, a->now_ns);
}

/* A response that finds no transaction. One sent that accepts a REGISTER still lists all bindings there are, and they
 * are these, even if it is sent for the second time. NULL, or the transaction that is to come. */
static struct trans *
unmatched(const struct observation *a)
{
    unsigned code = a->m->start.code;

    if (a->is_out && a->method == METHOD_REGISTER && code >= 200 && code < 300 &&
        lane_wants_registrations(a->w))
        observer_bindings(a);
    return add_early(a);
}

enum sipstat_observed
observer_response(const struct observation *a)
{
    const struct sip_message *m = a->m;
    struct trans *x = find(a, &a->key);
    bool is_repeated;

    lane_count(a->w, a->is_out ? LANE_OUT_RESPONSES : LANE_IN_RESPONSES);
    lane_count_response(a->w, a->method, m->start.code, a->is_out);
    if (lane_wants_code(a->w, m->start.code))
        record_status(a, x);
    if (m->start.code >= 700)
        return SIPSTAT_COUNTED;

    if (x == NULL || (x->flags & TRANS_FLAG_EARLY) != 0)
        lane_count(a->w, LANE_TRANS_UNMATCHED);
    if (x == NULL && (x = unmatched(a)) == NULL)
        return SIPSTAT_COUNTED;
    is_repeated = seen_before(x, observer_key_mark(&a->o->hash_key, m));
    if (m->start.code < 200)
        provisional(a, x);
    else
        final(a, x);
    if (is_repeated)
        count_repeated_response(a);
    return is_repeated ? SIPSTAT_RETRANSMISSION : SIPSTAT_COUNTED;
}

/* ---- transactions -------------------------------------------------------------------------------------- */

/* Find a transaction. One whose time is up, but whose turn to expire has not come, is treated as if it had:
 * what is counted does not depend on how much work was left for later. */
static struct trans *
find(const struct observation *a, const struct trans_key *key)
{
    struct trans *x = trans_find(&a->o->table, key);

    if (x == NULL || !trans_is_due(x, a->o->now_ms))
        return x;
    if (trans_is_open(x))
        return observer_time_out(a->o, a->w, x);
    trans_forget(&a->o->table, x);
    return NULL;
}

static void
make_room(const struct observation *a)
{
    struct trans *x = trans_victim(&a->o->table);

    if (trans_is_open(x)) {
        lane_count(a->w, LANE_TRANS_EVICTED);
        lane_count(a->w, LANE_TRANS_ENDED);
    } else {
        lane_count(a->w, LANE_TRANS_MEMORY_EVICTED);
    }
    trans_forget(&a->o->table, x);
}

/* Begin a transaction. */
static struct trans *
add(const struct observation *a, const struct trans_key *key, enum trans_queue queue)
{
    if (trans_is_full(&a->o->table))
        make_room(a);
    lane_count(a->w, LANE_TRANS_BEGUN);
    return trans_add(&a->o->table, key, queue, a->o->now_ms);
}

/* A received response without its request. A mirror of a server with several processes shows a request when
 * it has been sent, and by then another process may have received, and shown, the answer (Kamailio's
 * siptrace). So it is remembered for a while, and the request that comes later finds its answer. Nothing open
 * is forgotten for that. */
static struct trans *
add_early(const struct observation *a)
{
    struct trans *x;

    if (a->is_out)
        return NULL;
    if (trans_is_full(&a->o->table)) {
        if (trans_is_open(trans_victim(&a->o->table)))
            return NULL;
        make_room(a);
    }
    x = trans_add(&a->o->table, &a->key, TRANS_LINGER_SHORT, a->o->now_ms);
    x->flags = TRANS_FLAG_EARLY;
    return x;
}

/* The request has come: begin its transaction, and end it when the final response is there already. */
static void
begin_early(const struct observation *a, struct trans *x)
{
    enum trans_queue queue = a->method == METHOD_INVITE ? TRANS_PROCEEDING : TRANS_TRYING;

    x->flags &= (uint8_t)~TRANS_FLAG_EARLY;
    lane_count(a->w, LANE_TRANS_BEGUN);
    if (x->final_code != 0) {
        lane_count(a->w, LANE_TRANS_ENDED);
        queue = linger_queue(x, a->method == METHOD_INVITE);
    }
    trans_move(&a->o->table, x, queue, a->o->now_ms);
}

/* It lingers from when its time was up, not from when that was noticed: what is counted must not depend on ticks. */
struct trans *
observer_time_out(struct observer *o, struct lane_writer *w, struct trans *x)
{
    lane_count(w, LANE_TRANS_ENDED);
    lane_count(w, LANE_TRANS_TIMED_OUT);
    trans_move(&o->table, x, linger_queue(x, false), x->deadline_ms);
    if (!trans_is_due(x, o->now_ms))
        return x;
    trans_forget(&o->table, x);
    return NULL;
}
