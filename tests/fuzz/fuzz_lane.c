/* SPDX-License-Identifier: BSD-2-Clause */
/* A lane that its owner spoils while it is read: every part of the reader, of the ring's and of the tally.
 * The input is a list of deeds: one octet says which, what follows says where and what; the file is whole
 * again for each input, by putting back what was spoiled. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sipcore/sipstat.h"
#include "sipcore/tally.h"
#include "tests/unit/scratch.h"

enum { DEEDS_MAX = 64, EVENTS_MAX = 300, FILE_OCTETS_MAX = 128 << 10 };

enum deed {
    POKE_HEADER,
    POKE_LIVE,
    POKE_CELLS,
    POKE_NAMES,
    POKE_RING,
    POKE_DATA,
    REFRESH,
    FOLLOW,
    REOPEN,
    TRUNCATE,
    RESUME,
    DEEDS
};

static struct scratch_lane s;
static uint8_t pristine[FILE_OCTETS_MAX];
static size_t pristine_octets;
static int fd;
static uint64_t spoiled[DEEDS_MAX]; /* offsets of words */
static unsigned n_spoiled;
static bool is_cut;

/* The sums of the readers of one input; where a lane goes in them is known until the lane is opened anew. */
static struct tally sums;
static struct tally_map map;
static bool has_sums;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool claim)
{
    if (!claim)
        abort();
}

static void
clean_up(void)
{
    close(fd);
    scratch_lane_close(&s);
}

/* Three contacts, the context counts them. */
static bool
next_contact(void *context, struct lane_binding *out)
{
    unsigned *count = context;

    *out = (struct lane_binding){ .uri = span_string("sip:to@192.0.2.1"), .name = span_string("To") };
    return (*count)++ < 3;
}

/* A lane with something of everything, ring wrapped. */
static void
fill(void)
{
    struct lane_status status = {
        .is_out = true,
        .method = METHOD_BYE,
        .code = 481,
        .to = span_string("<sip:to@example.org>"),
        .from = span_string("<sip:from@example.org>"),
        .call_id = span_string("call"),
    };
    unsigned method = lane_method(&s.writer, span_string("EXTENSION"));

    for (unsigned i = 0; i < 40; i++)
        lane_count_response(&s.writer, i & 1 ? method : METHOD_INVITE, 180 + i, i & 2);
    lane_note_name(&s.writer, 0, "note");
    lane_word(&s.writer, span_string("100rel"), LANE_WORD_SUPPORTED);
    lane_word(&s.writer, span_string("INVITE"), LANE_WORD_ALLOW);
    for (unsigned i = 0; i < 200; i++) {
        unsigned contacts = 0;

        status.cseq = i;
        lane_event_status(&s.writer, &status, 1);
        lane_set_state(&s.writer, SIPSTAT_STATE_UP + i % 6, 1, 1);
        lane_event_auth_failed(&s.writer, 403, span_string("sip:to@example.org"), 1);
        lane_event_bindings(&s.writer, span_string("sip:to@example.org"), next_contact, &contacts, 1);
    }
}

static void
start(void)
{
    scratch_lane_open(&s, LANE_RING_MIN);
    atexit(clean_up);
    fill();
    fd = openat(s.dir_fd, s.name, O_RDWR | O_CLOEXEC);
    pristine_octets = s.reader.header.file_octets;
    must(fd >= 0 && pristine_octets <= FILE_OCTETS_MAX);
    must(pread(fd, pristine, pristine_octets, 0) == (ssize_t)pristine_octets);
}

static uint64_t
take_word(struct span *in)
{
    struct span part;
    uint64_t word = 0;

    if (span_take(in, sizeof(word), &part))
        memcpy(&word, part.data, sizeof(word));
    return word;
}

static void
put(const void *octets, size_t count, uint64_t offset)
{
    must(pwrite(fd, octets, count, (off_t)offset) == (ssize_t)count);
}

/* Put a word at a place within a part of the file. */
static void
poke(struct span *in, uint64_t from, uint64_t octets)
{
    uint16_t place = 0;
    uint64_t word;

    span_take_u16(in, &place);
    word = take_word(in);
    spoiled[n_spoiled] = from + place * 8u % octets;
    put(&word, sizeof(word), spoiled[n_spoiled++]);
}

static void
cut(uint64_t octets)
{
    is_cut = true;
    must(ftruncate(fd, (off_t)octets) == 0);
}

static void
restore(void)
{
    if (is_cut) {
        cut(pristine_octets);
        put(pristine, pristine_octets, 0);
    }
    for (unsigned i = 0; i < n_spoiled && !is_cut; i++)
        put(pristine + spoiled[i], sizeof(uint64_t), spoiled[i]);
    is_cut = false;
    n_spoiled = 0;
}

/* What a reader relies on, whatever the file says. */
static void
check_copy(const struct lane_reader *r)
{
    must(r->copy.methods >= METHOD_IANA_COUNT && r->copy.methods <= METHOD_OTHER);
    must(r->copy.cells >= 1 && r->copy.cells <= LANE_CELLS);
    for (unsigned i = 0; i < r->copy.methods; i++)
        must(strlen(lane_reader_method_name(r, i)) <= METHOD_NAME_MAX);
    must(r->copy.words <= LANE_WORDS);
    for (unsigned i = 0; i < r->copy.words; i++) {
        const struct lane_word_copy *w = &r->copy.word[i];

        must(w->octets == strlen(w->text));
        must(w->octets == 0 || lane_word_is_valid(span_of(w->text, w->octets)));
    }
    for (unsigned i = 1; i < r->copy.cells; i++)
        must(lane_reader_method_name(r, LANE_CELL_METHOD(r->copy.cell[i].key)) != NULL);
}

static void
refresh(struct lane_reader *r)
{
    struct lane_note_copy notes[LANE_NOTES];
    struct err e;

    lane_reader_refresh(r, &e);
    check_copy(r);
    lane_reader_alive(r);
    lane_reader_notes(r, notes);
    if (!has_sums)
        must(tally_init(&sums, &e) == 0);
    has_sums = true;
    tally_clear(&sums);
    must(tally_add_lane(&sums, r, &map, &e) == 0);
    must(sums.counters[LANE_IN_RESPONSES] >= r->copy.counters[LANE_IN_RESPONSES]);
}

/* Reads every octet that the spans hold. */
static void
check_contacts(const struct ring_event *event)
{
    struct span contacts = event->contacts;
    struct lane_binding contact;
    unsigned count = 0;

    must(event->aor.length > 0 && event->aor.length <= LANE_AOR_MAX);
    for (; ring_contact_next(&contacts, &contact); count++)
        must(contact.uri.length > 0 &&
             span_equals(contact.name, span_of(contact.name.data, contact.name.length)));
    must(count == event->bindings.contacts && contacts.length == 0);
}

static void
follow(struct ring_cursor *c, const struct lane_reader *r)
{
    static struct ring_event event;
    uint64_t lost = c->lost;
    struct err e;

    for (unsigned i = 0; i < EVENTS_MAX && ring_next(c, r, &event, &e) == 1; i++) {
        must(c->lost >= lost);
        if (event.record.type == LANE_EVENT_STATUS)
            must(event.to.length + event.from.length + event.call_id.length <= LANE_RECORD_MAX);
        if (event.record.type == LANE_EVENT_BINDINGS)
            check_contacts(&event);
    }
}

static bool
reopen(struct lane_reader *r, struct ring_cursor *c, bool oldest)
{
    struct err e;

    lane_reader_close(r);
    memset(&map, 0, sizeof(map));
    return lane_reader_open(r, s.dir_fd, s.name, &e) == 0 && ring_cursor_init(c, r, oldest, &e) == 0;
}

/* From a place that may be any. */
static void
resume(struct span *in, const struct lane_reader *r, struct ring_cursor *c)
{
    uint64_t position = take_word(in), next_sequence = take_word(in);
    struct ring_cursor resumed;
    struct err e;

    if (ring_cursor_resume(&resumed, r, position, next_sequence, &e) >= 0)
        *c = resumed;
}

static void
poke_part(struct span *in, enum deed deed, const struct lane_header *h)
{
    switch (deed) {
    case POKE_HEADER: poke(in, 0, sizeof(*h)); break;
    case POKE_LIVE: poke(in, h->live_offset, h->cells_offset - h->live_offset); break;
    case POKE_CELLS: poke(in, h->cells_offset, h->names_offset - h->cells_offset); break;
    case POKE_NAMES: poke(in, h->names_offset, h->ring_offset - h->names_offset); break;
    case POKE_RING: poke(in, h->ring_offset, sizeof(struct lane_ring)); break;
    default: poke(in, h->ring_data_offset, h->ring_octets); break;
    }
}

/* False when there is no reader any more. */
static bool
act(struct span *in, uint8_t octet, struct lane_reader *r, struct ring_cursor *c)
{
    enum deed deed = octet % DEEDS;

    switch (deed) {
    case REFRESH: refresh(r); return true;
    case FOLLOW: follow(c, r); return true;
    case REOPEN: return reopen(r, c, octet & 128);
    case TRUNCATE: cut(take_word(in) % FILE_OCTETS_MAX); return true;
    case RESUME: resume(in, r, c); return true;
    default: poke_part(in, deed, &s.reader.header); return true;
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lane_reader r;
    struct span in = span_of(data, size);
    struct ring_cursor c;
    uint8_t octet;

    if (pristine_octets == 0)
        start();
    restore();
    r.fd = -1;
    r.names = NULL;
    must(reopen(&r, &c, true));
    for (unsigned i = 0; i < DEEDS_MAX && span_take_u8(&in, &octet); i++)
        if (!act(&in, octet, &r, &c))
            break;
    lane_reader_close(&r);
    if (has_sums)
        tally_fini(&sums);
    has_sums = false;
    return 0;
}
