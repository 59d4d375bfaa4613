/* SPDX-License-Identifier: BSD-2-Clause */
/* The writing side of a lane: create, lock, publish, count. */
#ifndef SIPCORE_LANE_WRITER_H
#define SIPCORE_LANE_WRITER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sipcore/err.h"
#include "sipcore/lane.h"
#include "sipcore/lane_binding.h"
#include "sipcore/span.h"

/* How to make a lane; all members are used as given (the public API fills in defaults). */
struct lane_writer_options {
    const char *dir;      /* runtime directory; must exist */
    const char *instance; /* its subdirectory, made (mode 2770) when missing */
    const char *software; /* may be NULL */
    uint32_t flags;       /* LANE_* */
    uint32_t ring_octets; /* a power of two, LANE_RING_MIN to LANE_RING_MAX */
};

/* A lane being written. Owned by one thread at a time. */
struct lane_writer {
    struct lane_live *live; /* NULL: not attached (failed, closed, or a forked child) */
    _Atomic uint64_t (*methods)[LANE_METHOD_COUNTERS];
    struct lane_cell *cells;
    uint16_t *cell_index;                 /* private: [method][code - LANE_CODE_FIRST] -> cell, 0 none yet */
    const struct lane_interest *interest; /* never NULL while attached */
    struct lane_ring *ring;
    _Atomic uint64_t *ring_data;
    uint64_t ring_mask; /* in octets */
    uint64_t head;      /* private copies of what only we move */
    uint64_t oldest;
    uint64_t sequence;
    uint8_t (*names)[LANE_NAME_OCTETS];
    uint8_t *notes;
    struct lane_word *words;
    uint8_t *map;
    size_t map_octets;
    void *interest_map; /* NULL when `interest` is the built-in empty one */
    uint32_t flags;     /* LANE_SHARED_TRANSACTIONS ... */
    bool is_inherited;  /* a forked child gets the mapping, too: only where the kernel cannot help it */
    char *path;         /* of the lane's file */
    dev_t device;
    ino_t inode;
    struct lane_writer *next;                      /* all of this process, for fork() */
    _Atomic uint64_t wrapped[LANE_RECORD_MAX / 8]; /* a record that is to wrap around the ring's end */
};

/* Make, lock, fill and publish a lane. 0, or a negative errno and `e` set; then *w is detached and every
 * lane_* call on it must be avoided by asking lane_writer_attached(). Any thread; `w` must stay where it is
 * until closed. */
int lane_writer_open(struct lane_writer *w, const struct lane_writer_options *options, struct err *e);

/* Let go of the lane: the kernel drops the lock, and the agent retires the file. */
void lane_writer_close(struct lane_writer *w);

/* Whether the lane's file is still where readers find it: false when the runtime directory was wiped. True where that
 * cannot be told, since the directory is closed to this user. Calls the system. */
bool lane_writer_is_listed(const struct lane_writer *w);

static inline bool
lane_writer_attached(const struct lane_writer *w)
{
    return w->live != NULL;
}

/* A counter only its writer changes: load and store, no lock prefix. */
static inline void
lane_add(_Atomic uint64_t *counter, uint64_t n)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void
lane_count(struct lane_writer *w, enum lane_counter counter)
{
    lane_add(&w->live->counters[counter], 1);
}

static inline void
lane_count_method(struct lane_writer *w, unsigned method, enum lane_method_counter counter)
{
    lane_add(&w->methods[method][counter], 1);
}

/* Slow path of lane_count_response(): find or allot the cell of (method, code); 0 when the table is full or
 * the code is not 100 to 999. */
unsigned lane_cell_allot(struct lane_writer *w, unsigned method, unsigned code);

/* The cell of (method, code), 0 when it has none yet. `method` below LANE_METHODS, any code. */
static inline unsigned
lane_cell_find(const struct lane_writer *w, unsigned method, unsigned code)
{
    unsigned offset = code - LANE_CODE_FIRST;

    return __builtin_expect(offset < LANE_CODES, 1) ? w->cell_index[method * LANE_CODES + offset] : 0;
}

/* Count one response in its cell. Without a branch: which way the next message goes cannot be foreseen. */
static inline void
lane_count_cell(struct lane_writer *w, unsigned cell, bool is_out)
{
    _Static_assert(offsetof(struct lane_cell, out) == offsetof(struct lane_cell, in) + sizeof(uint64_t),
                   "found by adding");
    char *in = (char *)&w->cells[cell].in;

    lane_add((_Atomic uint64_t *)(void *)(in + is_out * sizeof(uint64_t)), 1);
}

/* Count one response, `is_out` as sent. `method` below LANE_METHODS. */
static inline void
lane_count_response(struct lane_writer *w, unsigned method, unsigned code, bool is_out)
{
    unsigned cell = lane_cell_find(w, method, code);

    if (__builtin_expect(cell == 0, 0)) {
        cell = lane_cell_allot(w, method, code);
        if (cell == 0)
            lane_count(w, LANE_CELLS_FOLDED);
    }
    lane_count_cell(w, cell, is_out);
}

/* The number of a method on this lane: IANA's, or an extension's, named in the lane when it is new. METHOD_OTHER when
 * the table is full or the name is not 1 to METHOD_NAME_MAX octets of a token (RFC 3261 25.1); the caller counts
 * LANE_METHODS_FOLDED per message. */
unsigned lane_method(struct lane_writer *w, struct span name);

/* Declare the operational state (SIPSTAT_STATE_UP to SIPSTAT_STATE_TESTING); also an event, whatever readers
 * asked for. `time_ns` is Unix time for the event. */
void lane_set_state(struct lane_writer *w, unsigned state, uint64_t monotonic_ns, uint64_t time_ns);

/* True while a reader wants responses of this status code recorded. One load. */
static inline bool
lane_wants_code(const struct lane_writer *w, unsigned code)
{
    size_t offset = code - LANE_CODE_FIRST;
    const _Atomic uint64_t *codes = w->interest->codes;

    return __builtin_expect(offset < LANE_CODES, 1) &&
           (atomic_load_explicit(&codes[offset / 64], memory_order_relaxed) >> (offset % 64) & 1);
}

/* True while a reader follows registrations. One load. */
static inline bool
lane_wants_registrations(const struct lane_writer *w)
{
    return (atomic_load_explicit(&w->interest->flags, memory_order_relaxed) & LANE_WANT_REGISTRATIONS) != 0;
}

/* What a status event is about. The spans are header field values, each cut at 255 octets (counted in
 * LANE_EVENTS_CUT). */
struct lane_status {
    bool is_out;
    bool is_private; /* LANE_STATUS_PRIVATE */
    unsigned method, code;
    uint32_t cseq;
    struct span to, from, call_id;
};

/* Record a response. `time_ns` is the message's time as the caller has it, or 0. A collector's record carries it as
 * Unix time (a capture is told as of then); any other writer's carries the real-time clock, which is read here, when
 * there is something to record. The same for the other events; but a registration's time is not believed
 * when it is more than a minute off the real-time clock, which it gets then. */
void lane_event_status(struct lane_writer *w, const struct lane_status *status, uint64_t time_ns);

/* Record a failed authentication. `aor`: the URI of To, as it stands there. One that is empty is nobody's, one of more
 * than LANE_AOR_MAX octets is counted in LANE_EVENTS_CUT: both are left out. The same for bindings. */
void lane_event_auth_failed(struct lane_writer *w, unsigned code, struct span aor, uint64_t time_ns);

/* Record all bindings of an address-of-record: `next` gives one after the other until it returns false; those without a
 * URI are left out. Takes as many records as need be, one behind the other. Texts beyond the bounds of struct
 * lane_contact are cut (LANE_EVENTS_CUT). */
void lane_event_bindings(struct lane_writer *w, struct span aor,
                         bool (*next)(void *context, struct lane_binding *out), void *context,
                         uint64_t time_ns);

/* Note that the entity sent `word` in the header fields of `uses` (LANE_WORD_*). What is longer than
 * LANE_WORD_TEXT_OCTETS, no token, or finds no room counts as LANE_WORDS_FOLDED. A search: callers remember what they
 * have noted. */
void lane_word(struct lane_writer *w, struct span word, unsigned uses);

/* Put a record into the ring: `body` of `octets` (at most LANE_RECORD_MAX less the record header). Never waits. */
void lane_ring_put(struct lane_writer *w, enum lane_event type, const void *body, size_t octets,
                   uint64_t time_ns);

/* Name note `index` (0 to LANE_NOTES - 1, in ascending order) of this writer, for people: at most 23 octets
 * of name. */
void lane_note_name(struct lane_writer *w, unsigned index, const char *name);

/* Set the value of a named note. */
void lane_note_set(struct lane_writer *w, unsigned index, uint64_t value);

#endif
