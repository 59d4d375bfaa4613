/* SPDX-License-Identifier: BSD-2-Clause */
/* The reading side of a lane: attach, check, copy. */
#include "sipcore/lane_reader.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sipcore/lane_map.h"
#include "sipcore/sipstat.h"

/* Fences: see ring_writer.c. */
#if defined(__SANITIZE_THREAD__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/* What lies from live_offset on, as copied: plain words, since the copy is ours alone. */
struct lane_image {
    uint32_t state, methods, cells, notes;
    uint64_t state_monotonic_ns, associations, words, word_changes, reserved[2];
    uint64_t counters[LANE_COUNTERS_MAX];
    uint64_t method_counters[LANE_METHODS][LANE_METHOD_COUNTERS];
    struct lane_cell_copy cell[LANE_CELLS];
};

enum { CELL_WORDS = sizeof(struct lane_cell_copy) / sizeof(uint64_t) };

_Static_assert(offsetof(struct lane_image, words) == offsetof(struct lane_live, words), "same layout");
_Static_assert(offsetof(struct lane_image, counters) == offsetof(struct lane_live, counters), "same layout");
_Static_assert(offsetof(struct lane_image, method_counters) == sizeof(struct lane_live),
               "methods follow at once");
_Static_assert(sizeof(struct lane_cell_copy) == sizeof(struct lane_cell), "same layout");

static int open_regular(struct lane_reader *r, int dir_fd, const char *name, uint64_t *octets, struct err *e);
static int check_header(struct lane_header *h, uint64_t file_octets, struct err *e);
static void start_copy(struct lane_reader *r);

int
lane_reader_open(struct lane_reader *r, int dir_fd, const char *name, struct err *e)
{
    uint64_t file_octets = 0;
    int code;

    r->names = NULL;
    r->names_known = 0;
    r->map = r->memory = NULL;
    code = open_regular(r, dir_fd, name, &file_octets, e);
    if (code < 0)
        return code;
    code = lane_reader_copy(r, &r->header, sizeof(r->header), 0, e);
    if (code == 0)
        code = check_header(&r->header, file_octets, e);
    if (code == 0) {
        r->names = calloc(LANE_METHODS, sizeof(*r->names));
        if (!r->names)
            code = err_set(e, -ENOMEM, "no memory for a lane");
    }
    if (code == 0) {
        r->map = r->memory = lane_map_new(r->fd, r->header.file_octets);
        lane_reader_check_map(r);
        start_copy(r);
        code = lane_reader_refresh(r, e);
    }
    if (code < 0)
        lane_reader_close(r);
    return code;
}

void
lane_reader_close(struct lane_reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
    lane_map_free(r->map, r->header.file_octets);
    r->map = r->memory = NULL;
    free(r->names);
    r->names = NULL;
    r->names_known = 0;
}

void
lane_reader_check_map(struct lane_reader *r)
{
    uint64_t octets = r->header.file_octets;
    struct stat st;

    if (!r->map ||
        (fstat(r->fd, &st) == 0 && (uint64_t)st.st_size == octets && (uint64_t)st.st_blocks * 512 >= octets))
        return;
    lane_map_free(r->map, octets);
    r->map = r->memory = NULL;
}

/* The kind of a file is known only once it is open, so opening must neither follow, block nor become the terminal. */
static int
open_regular(struct lane_reader *r, int dir_fd, const char *name, uint64_t *octets, struct err *e)
{
    struct stat st;

    do
        r->fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    while (r->fd < 0 && errno == EINTR);
    if (r->fd < 0 && (errno == ELOOP || errno == ENXIO || errno == ENODEV))
        return err_set(e, -EBADMSG, "not a regular file");
    if (r->fd < 0)
        return err_sys(e, -errno, "cannot open");
    if (fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *octets = (uint64_t)st.st_size;
        return 0;
    }
    lane_reader_close(r);
    return err_set(e, -EBADMSG, "not a regular file");
}

static bool
is_terminated(const char *text)
{
    return memchr(text, 0, LANE_TEXT_OCTETS) != NULL;
}

/* There is one layout for each ring size; with it every offset is aligned, in order and inside the file. */
static int
check_header(struct lane_header *h, uint64_t file_octets, struct err *e)
{
    struct lane_header expected = *h;

    if (h->magic != LANE_MAGIC)
        return err_set(e, -EBADMSG, "not a lane");
    if (!lane_abi_is_read(h->abi))
        return err_set(e, -EPROTONOSUPPORT, "lane ABI version %" PRIu32 ", this program reads %u to %u",
                       h->abi, LANE_ABI_OLDEST, LANE_ABI);
    if (h->ring_octets < LANE_RING_MIN || h->ring_octets > LANE_RING_MAX ||
        (h->ring_octets & (h->ring_octets - 1)))
        return err_set(e, -EBADMSG, "damaged: a ring of %" PRIu32 " octets", h->ring_octets);
    lane_layout(&expected, h->ring_octets);
    if (memcmp(&expected, h, sizeof(*h)) != 0)
        return err_set(e, -EBADMSG, "damaged: the header's sizes and offsets contradict each other");
    if (file_octets != h->file_octets)
        return err_set(e, -EBADMSG, "damaged: %" PRIu64 " octets long instead of %" PRIu64, file_octets,
                       h->file_octets);
    if (h->flags & ~(LANE_SHARED_TRANSACTIONS | LANE_COLLECTOR))
        return err_set(e, -EBADMSG, "damaged: flags %#" PRIx32, h->flags);
    if (!is_terminated(h->instance) || !is_terminated(h->software) || !is_terminated(h->program))
        return err_set(e, -EBADMSG, "damaged: a text in the header has no end");
    return 0;
}

/* The state before anything was counted: the first copy is checked against it as any other against its
 * predecessor. */
static void
start_copy(struct lane_reader *r)
{
    /* Rows beyond the counts are nobody's: untouched, they take no memory, of thousands of lanes. */
    memset(&r->copy, 0, offsetof(struct lane_copy, cell) + sizeof(r->copy.cell[0]));
    r->copy.words = 0;
    r->copy.word_changes = 0;
    r->copy.methods = METHOD_IANA_COUNT;
    r->copy.cells = 1;
    for (unsigned i = 0; i < METHOD_IANA_COUNT; i++)
        memcpy(r->names[i], method_name(i), strlen(method_name(i)) + 1);
    memcpy(r->names[METHOD_OTHER], METHOD_OTHER_NAME, sizeof(METHOD_OTHER_NAME));
    r->names_known = METHOD_IANA_COUNT;
}

/* ---- the one way in
 * --------------------------------------------------------------------------------------------- */

int
lane_reader_copy(const struct lane_reader *r, void *to, size_t octets, uint64_t offset, struct err *e)
{
    uint8_t *next = to;

    assert(octets % 8 == 0 && offset % 8 == 0 && (uintptr_t)to % 8 == 0);
    if (r->memory && lane_map_copy(to, &r->memory[offset / 8], octets / 8))
        return 0;
    /* Not mapped; or some of it is gone, and this tells where. */
    for (;;) {
        ssize_t n = pread(r->fd, next, octets, (off_t)offset);

        if (n == (ssize_t)octets)
            return 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, -EBADMSG, "damaged: cannot read %zu octets at %" PRIu64, octets, offset);
        return err_set(e, -EBADMSG, "damaged: truncated, nothing at %" PRIu64, offset + (uint64_t)n);
    }
}

/* ---- refresh
 * ---------------------------------------------------------------------------------------------------- */

static int read_image(const struct lane_reader *r, struct lane_image *image, struct err *e);
static int check_image(const struct lane_copy *c, const struct lane_image *image, struct err *e);
static int check_cells(const struct lane_copy *c, const struct lane_image *image, uint32_t *cells,
                       struct err *e);
static int read_names(struct lane_reader *r, uint32_t methods, struct err *e);
static int read_words(struct lane_reader *r, uint64_t changes, struct err *e);
static void keep_image(struct lane_copy *c, const struct lane_image *image, uint32_t cells);

int
lane_reader_refresh(struct lane_reader *r, struct err *e)
{
    _Alignas(64) struct lane_image image; /* as the lane is: faster to copy */
    uint32_t cells = 0;
    int code = read_image(r, &image, e);

    if (code == 0)
        code = check_image(&r->copy, &image, e);
    if (code == 0)
        code = check_cells(&r->copy, &image, &cells, e);
    if (code == 0 && image.methods > r->names_known)
        code = read_names(r, image.methods, e);
    if (code == 0 && image.word_changes != r->copy.word_changes && r->header.words_offset != 0)
        code = read_words(r, image.word_changes, e);
    if (code == 0)
        keep_image(&r->copy, &image, cells);
    return code;
}

/* The members [from, to) of the image. */
static int
read_part(const struct lane_reader *r, struct lane_image *image, size_t from, size_t to, struct err *e)
{
    return lane_reader_copy(r, (uint8_t *)image + from, to - from, r->header.live_offset + from, e);
}

/* What is in use: first how much that is, with the rows that were in use the last time; few lanes have more now. */
static int
read_image(const struct lane_reader *r, struct lane_image *image, struct err *e)
{
    const struct lane_copy *c = &r->copy;
    size_t other = offsetof(struct lane_image, method_counters[METHOD_OTHER]);
    int code = read_part(r, image, 0, offsetof(struct lane_image, method_counters[c->methods]), e);

    if (code < 0)
        return code;
    if (image->cells > LANE_CELLS)
        return err_set(e, -EBADMSG, "damaged: %" PRIu32 " cells in a table of %d", image->cells, LANE_CELLS);
    if (image->cells < c->cells)
        return err_set(e, -EBADMSG, "damaged: %" PRIu32 " cells after %" PRIu32, image->cells, c->cells);
    if (image->methods < c->methods || image->methods > METHOD_OTHER)
        return err_set(e, -EBADMSG, "damaged: %" PRIu32 " methods after %" PRIu32, image->methods,
                       c->methods);
    /* Pairs with lane_cell_allot(): the cells that the count covers come after it. */
    atomic_thread_fence(memory_order_acquire);
    if (image->methods > c->methods)
        code = read_part(r, image, offsetof(struct lane_image, method_counters[c->methods]),
                         offsetof(struct lane_image, method_counters[image->methods]), e);
    return code < 0 ? code : read_part(r, image, other, offsetof(struct lane_image, cell[image->cells]), e);
}

/* Two words, taken at once. */
typedef uint64_t pair __attribute__((vector_size(16), aligned(8), may_alias));

static inline pair
no_count(const uint64_t *before, const uint64_t *now)
{
    pair all = *(const pair *)(const void *)now;

    return all | (all - *(const pair *)(const void *)before);
}

/* Branch-free over the whole run: nearly always nothing is wrong. Neither a counter nor what was added to it since is a
 * number of counts when its top bit is set: then it ran backwards. */
static bool
runs_backwards(const uint64_t *before, const uint64_t *now, size_t count)
{
    size_t whole = count / 4 * 4;
    pair even = { 0 }, odd = { 0 };
    uint64_t rest = 0;

    for (size_t i = 0; i < whole; i += 4) {
        even |= no_count(before + i, now + i);
        odd |= no_count(before + i + 2, now + i + 2);
    }
    for (size_t i = whole; i < count; i++)
        rest |= now[i] | (now[i] - before[i]);
    even |= odd;
    return (even[0] | even[1] | rest) >> 63 != 0;
}

static int
check_image(const struct lane_copy *c, const struct lane_image *image, struct err *e)
{
    bool is_backwards;

    if (image->state < SIPSTAT_STATE_UP || image->state > SIPSTAT_STATE_TESTING)
        return err_set(e, -EBADMSG, "damaged: state %" PRIu32, image->state);
    if (image->notes < c->notes || image->notes > LANE_NOTES)
        return err_set(e, -EBADMSG, "damaged: %" PRIu32 " notes after %" PRIu32, image->notes, c->notes);
    if (image->words < c->words || image->words > LANE_WORDS)
        return err_set(e, -EBADMSG, "damaged: %" PRIu64 " words after %" PRIu32, image->words, c->words);
    is_backwards = runs_backwards(c->counters, image->counters, LANE_COUNTERS_MAX);
    is_backwards |= runs_backwards(c->method_counters[0], image->method_counters[0],
                                   (size_t)c->methods * LANE_METHOD_COUNTERS);
    is_backwards |= runs_backwards(c->method_counters[METHOD_OTHER], image->method_counters[METHOD_OTHER],
                                   LANE_METHOD_COUNTERS);
    if (is_backwards)
        return err_set(e, -EBADMSG, "damaged: a counter runs backwards");
    return 0;
}

/* Whether a row that was not there last time is there now: a copy made while the writer allots one may hold the count
 * without the key, or the key without the method's name. The next copy has them all. */
static bool
is_complete(const struct lane_cell_copy *cell, uint32_t methods)
{
    unsigned method = LANE_CELL_METHOD(cell->key);

    return cell->key != 0 && (method < methods || method >= METHOD_OTHER);
}

static int
check_cells(const struct lane_copy *c, const struct lane_image *image, uint32_t *cells, struct err *e)
{
    uint64_t moved = 0;
    uint32_t i;

    for (i = 0; i < c->cells; i++)
        moved |= image->cell[i].key ^ c->cell[i].key;
    if (moved != 0)
        return err_set(e, -EBADMSG, "damaged: a cell has changed its method or status code");
    if (runs_backwards(&c->cell[0].key, &image->cell[0].key,
                       c->cells * CELL_WORDS)) /* keys are as they were */
        return err_set(e, -EBADMSG, "damaged: a cell runs backwards");
    for (; i < image->cells && is_complete(&image->cell[i], image->methods); i++) {
        uint64_t key = image->cell[i].key;
        unsigned method = LANE_CELL_METHOD(key), code = LANE_CELL_CODE(key);

        if (method > METHOD_OTHER || code - LANE_CODE_FIRST >= LANE_CODES ||
            key != LANE_CELL_KEY(method, code))
            return err_set(e, -EBADMSG, "damaged: cell %" PRIu32 " has the key %#" PRIx64, i, key);
    }
    *cells = i;
    return 0;
}

static int
read_names(struct lane_reader *r, uint32_t methods, struct err *e)
{
    uint64_t row[LANE_NAME_OCTETS / 8];
    const uint8_t *octets = (const uint8_t *)row;

    /* Pairs with lane_method(): the names that the count covers come after it. */
    atomic_thread_fence(memory_order_acquire);
    for (uint32_t i = r->names_known; i < methods; i++) {
        int code =
            lane_reader_copy(r, row, sizeof(row), r->header.names_offset + (uint64_t)i * LANE_NAME_OCTETS, e);

        if (code < 0)
            return code;
        if (octets[0] > METHOD_NAME_MAX || !method_name_is_valid(span_of(octets + 1, octets[0])))
            return err_set(e, -EBADMSG, "damaged: the name of method %" PRIu32 " is not a token", i);
        memcpy(r->names[i], octets + 1, octets[0]);
        r->names[i][octets[0]] = 0;
        r->names_known = i + 1;
    }
    return 0;
}

/* A text is believed once. One that is no token is left out, and its lane is not worth less for it: words are only
 * words, while the counters of a lane that is set aside are lost to the sums. */
static void
keep_word(struct lane_word_copy *to, const struct lane_word *row, bool is_new)
{
    /* Our own copy by now, so that it is only read. */
    uint32_t uses = atomic_load_explicit(&row->uses, memory_order_relaxed);

    if (is_new) {
        *to = (struct lane_word_copy){ 0 };
        if (row->octets <= LANE_WORD_TEXT_OCTETS && lane_word_is_valid(span_of(row->text, row->octets))) {
            to->octets = row->octets;
            memcpy(to->text, row->text, row->octets);
        }
    }
    if (to->octets > 0)
        to->uses |= uses & (LANE_WORD_TAG | LANE_WORD_ALLOW);
}

/* `changes` was read before. */
static int
read_words(struct lane_reader *r, uint64_t changes, struct err *e)
{
    struct lane_word rows[LANE_WORDS];
    uint64_t words;
    int code;

    /* Both pair with lane_word(): the rows that were made before this change come after it, and what they hold after
     * their count. */
    atomic_thread_fence(memory_order_acquire);
    code = lane_reader_copy(r, &words, sizeof(words),
                            r->header.live_offset + offsetof(struct lane_live, words), e);
    if (code < 0)
        return code;
    if (words < r->copy.words || words > LANE_WORDS)
        return err_set(e, -EBADMSG, "damaged: %" PRIu64 " words after %" PRIu32, words, r->copy.words);
    atomic_thread_fence(memory_order_acquire);
    code = lane_reader_copy(r, rows, words * sizeof(rows[0]), r->header.words_offset, e);
    if (code < 0)
        return code;
    for (uint32_t i = 0; i < words; i++)
        keep_word(&r->copy.word[i], &rows[i], i >= r->copy.words);
    r->copy.words = (uint32_t)words;
    r->copy.word_changes = changes;
    return 0;
}

/* Only what is in use: the rest of the tables stays untouched, and out of the cache. */
static void
keep_image(struct lane_copy *c, const struct lane_image *image, uint32_t cells)
{
    c->state = image->state;
    c->methods = image->methods;
    c->cells = cells;
    c->notes = image->notes;
    c->state_monotonic_ns = image->state_monotonic_ns;
    c->has_associations |= image->associations != 0;
    memcpy(c->counters, image->counters, sizeof(c->counters));
    memcpy(c->method_counters, image->method_counters, image->methods * sizeof(c->method_counters[0]));
    memcpy(c->method_counters[METHOD_OTHER], image->method_counters[METHOD_OTHER],
           sizeof(c->method_counters[0]));
    memcpy(c->cell, image->cell, cells * sizeof(c->cell[0]));
}

/* ---- what else there is to know
 * --------------------------------------------------------------------------------- */

bool
lane_reader_alive(const struct lane_reader *r)
{
    struct flock whole = { .l_type = F_RDLCK, .l_whence = SEEK_SET };

    /* A failure to ask is no proof of death, and a lane must not be retired under a living writer. */
    return fcntl(r->fd, F_OFD_GETLK, &whole) < 0 || whole.l_type != F_UNLCK;
}

const char *
lane_reader_method_name(const struct lane_reader *r, unsigned method)
{
    return method < r->copy.methods || method == METHOD_OTHER ? r->names[method] : NULL;
}

unsigned
lane_reader_notes(const struct lane_reader *r, struct lane_note_copy notes[LANE_NOTES])
{
    _Static_assert(sizeof(struct lane_note_copy) == LANE_NOTE_OCTETS, "same layout");
    size_t octets = r->copy.notes * sizeof(notes[0]);

    if (lane_reader_copy(r, notes, octets, r->header.notes_offset, NULL) < 0)
        return 0;
    for (uint32_t i = 0; i < r->copy.notes; i++) {
        notes[i].name[LANE_NOTE_NAME_OCTETS - 1] = 0;
        for (char *c = notes[i].name; *c; c++)
            if (*c < 0x20 || *c > 0x7e)
                *c = '?';
    }
    return r->copy.notes;
}
