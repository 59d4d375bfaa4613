/* SPDX-License-Identifier: BSD-2-Clause */
/* The reading side of a lane. A lane is input from another security domain: everything comes in through one bounded
 * copy, which survives truncation and hole punching; sizes and offsets are checked once and kept privately. */
#ifndef SIPCORE_LANE_READER_H
#define SIPCORE_LANE_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "sipcore/err.h"
#include "sipcore/lane.h"
#include "sipcore/lane_binding.h"
#include "sipcore/span.h"

/* A private copy of a cell. */
struct lane_cell_copy {
    uint64_t key, in, out;
};

/* A private copy of a word the entity sent. */
struct lane_word_copy {
    uint32_t uses; /* LANE_WORD_* */
    uint8_t octets;
    char text[LANE_WORD_TEXT_OCTETS + 1]; /* terminated; a token of RFC 3261 */
};

/* The counters of a lane as of one lane_reader_refresh(), in private memory, all checked. */
struct lane_copy {
    uint32_t state;
    uint32_t methods; /* names in use, METHOD_IANA_COUNT to LANE_METHODS - 1 */
    uint32_t cells;
    uint32_t notes;
    uint32_t words;
    uint64_t word_changes;
    uint64_t state_monotonic_ns;
    bool has_associations;
    uint64_t counters[LANE_COUNTERS_MAX];
    uint64_t method_counters[LANE_METHODS][LANE_METHOD_COUNTERS];
    struct lane_cell_copy cell[LANE_CELLS];
    struct lane_word_copy word[LANE_WORDS]; /* a text never changes; one that is no token has 0 octets */
};

struct lane_note_copy {
    char name[LANE_NOTE_NAME_OCTETS];
    uint64_t value;
};

/* One attached lane. Owned by one thread. What a refresh needs of it stands together. */
struct lane_reader {
    int fd;
    uint32_t names_known;
    char (*names)[LANE_NAME_OCTETS]; /* names[i]: terminated name of method i; LANE_METHODS of them, owned */
    const _Atomic uint64_t *map;     /* the file, see lane_map.h; NULL: pread(2) has to do */
    const _Atomic uint64_t *memory;  /* what is copied from: `map`, but in a test for the thread sanitizer */
    struct lane_header header;       /* checked, private */
    struct lane_copy copy;           /* the last good one; stays valid after damage */
};

/* Open the lane `name` in the directory open as `dir_fd`. 0, or a negative errno and `e` set:
 *   -ENOENT    gone meanwhile
 *   -EBADMSG   not a lane, or damaged: say so once and leave it alone
 *   -EPROTONOSUPPORT  a lane of another ABI version
 *   -EACCES, -EMFILE ...  as the system says: try again later
 * Refuses symbolic links, FIFOs, devices and directories without blocking on them. On success `r` holds a
 * first copy. */
int lane_reader_open(struct lane_reader *r, int dir_fd, const char *name, struct err *e);

void lane_reader_close(struct lane_reader *r);

/* Copy octets out of the lane: the one way in. `offset`, `octets` and `to` are multiples of 8, so that no
 * word is torn; the words may be of different times. What is not there (truncated) is damage: -EBADMSG and
 * `e` set. */
int lane_reader_copy(const struct lane_reader *r, void *to, size_t octets, uint64_t offset, struct err *e);

/* Take a new copy of the counters (about 40 KiB of stack). 0; -EBADMSG and `e` set on damage (truncated, a
 * counter that runs backwards, sizes beyond the tables ...): then the last good copy stays and the lane
 * should be set aside. */
int lane_reader_refresh(struct lane_reader *r, struct err *e);

/* To be called once a second or so: let go of the mapping, and read by pread(2) from then on, when the file is not as
 * long or not as full as its writer made it. A page that is mapped and not there would be allocated by who reads it,
 * and waits for who takes it away. */
void lane_reader_check_map(struct lane_reader *r);

/* True while the writer lives: asked of the lane's lock, so it works across containers. */
bool lane_reader_alive(const struct lane_reader *r);

/* The name of method `method` of this lane (terminated, as the writer spelled it: escape before showing); NULL when
 * the number is not in use. METHOD_OTHER has its name. Valid until the lane is closed. */
const char *lane_reader_method_name(const struct lane_reader *r, unsigned method);

/* Copy the writer's own notes; returns how many of at most LANE_NOTES. Names are terminated and printable. */
unsigned lane_reader_notes(const struct lane_reader *r, struct lane_note_copy notes[LANE_NOTES]);

/* ---- the event ring
 * --------------------------------------------------------------------------------------------- */

/* A reader's place in a ring. One that was kept elsewhere (its position and next_sequence) is taken up again by
 * ring_cursor_resume(). */
struct ring_cursor {
    uint64_t position;      /* octets */
    uint64_t next_sequence; /* the number of the next record, before any gap; 0: the next record tells */
    uint64_t
        gap_octets; /* jumped over since, records not yet in `lost`: the next record's number tells how many */
    uint64_t lost;  /* records that were overwritten before this reader came to them: exact */
};

/* An event, copied out and checked. */
struct ring_event {
    struct lane_record record;
    union {
        struct lane_event_status status;
        struct lane_event_state state;
        struct lane_event_auth_failed auth_failed;
        struct lane_event_bindings bindings;
    };
    struct span to, from, call_id; /* LANE_EVENT_STATUS: point into `body` */
    struct span aor;               /* LANE_EVENT_AUTH_FAILED, LANE_EVENT_BINDINGS: the same */
    struct span contacts;          /* LANE_EVENT_BINDINGS: for ring_contact_next(); checked as a whole */
    uint64_t body[LANE_RECORD_MAX / 8];
};

/* Start at the newest record (whatever was before is not counted as lost) or, `oldest`, at the oldest that is still
 * there. */
int ring_cursor_init(struct ring_cursor *c, const struct lane_reader *r, bool oldest, struct err *e);

/* Go on at a place that was kept: what was overwritten meanwhile is counted in `lost` by the next ring_next(). A place
 * that this lane cannot have given (misaligned, beyond the head, or with another record's number) is not believed:
 * then the cursor starts at the newest record, and `lost` holds what the numbers say was missed, if they say anything
 * sensible. 1 when the place was good, 0 when it was not, or a negative errno and `e` set (the ring is damaged). */
int ring_cursor_resume(struct ring_cursor *c, const struct lane_reader *r, uint64_t position,
                       uint64_t next_sequence, struct err *e);

/* Take the next contact off event->contacts. False at the end. The spans point into the event. */
bool ring_contact_next(struct span *contacts, struct lane_binding *out);

/* Copy out the next record. A reader that the writer has overtaken goes on at the oldest that is still there. 1 and
 * *event set;
 * 0 when there is none; -EBADMSG and `e` set when the ring is damaged. A record of a type unknown here is
 * returned as it is. Never waits, never disturbs the writer. */
int ring_next(struct ring_cursor *c, const struct lane_reader *r, struct ring_event *event, struct err *e);

#endif
