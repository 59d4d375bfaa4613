/* SPDX-License-Identifier: BSD-2-Clause */
/* The writing side of a lane: making it, letting go of it, and the slow paths of counting. */
#include "sipcore/lane_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "sipcore/fault.h"
#include "sipcore/lane_file.h"
#include "sipcore/lane_interest.h"
#include "sipcore/sipstat.h"

/* All attached writers of this process, for fork(). The lock is held while a lane is being made, too: a
 * child must not inherit a descriptor of it, which would hold on to the lock. */
static pthread_mutex_t writers_lock = PTHREAD_MUTEX_INITIALIZER;
static struct lane_writer *writers;

static int attach(struct lane_writer *w, const struct lane_writer_options *options, int dir_fd,
                  struct err *e);
static int watch_forks(struct err *e);
static void detach(struct lane_writer *w, bool is_child);

int
lane_writer_open(struct lane_writer *w, const struct lane_writer_options *options, struct err *e)
{
    int dir_fd, code;

    *w = (struct lane_writer){ .flags = options->flags };
    code = watch_forks(e);
    if (code < 0)
        return code;
    w->cell_index = calloc((size_t)LANE_METHODS * LANE_CODES, sizeof(*w->cell_index));
    if (!w->cell_index)
        return err_set(e, -ENOMEM, "no memory for a lane");

    pthread_mutex_lock(&writers_lock);
    dir_fd = code = lane_file_directory(options->dir, options->instance, e);
    if (dir_fd >= 0) {
        code = attach(w, options, dir_fd, e);
        close(dir_fd);
        if (code == 0) {
            w->next = writers;
            writers = w;
        } else {
            err_wrap(e, code, "lane in %s/%s", options->dir, options->instance);
        }
    }
    pthread_mutex_unlock(&writers_lock);
    if (code < 0)
        lane_writer_close(w);
    return code;
}

void
lane_writer_close(struct lane_writer *w)
{
    fault_point("lane.closing");
    pthread_mutex_lock(&writers_lock);
    for (struct lane_writer **p = &writers; *p; p = &(*p)->next)
        if (*p == w) {
            *p = w->next;
            break;
        }
    detach(w, false);
    pthread_mutex_unlock(&writers_lock);
    fault_point("lane.closed");
    free(w->cell_index);
    w->cell_index = NULL;
    free(w->path);
    w->path = NULL;
}

bool
lane_writer_is_listed(const struct lane_writer *w)
{
    struct stat st;

    if (!w->path)
        return false;
    if (lstat(w->path, &st) < 0)
        return errno != ENOENT && errno != ENOTDIR;
    return st.st_dev == w->device && st.st_ino == w->inode;
}

/* Async-signal-safe: also called in a forked child. What that did not inherit may be somebody else's memory by now, and
 * is not unmapped. */
static void
detach(struct lane_writer *w, bool is_child)
{
    w->live = NULL;
    if (w->map && (!is_child || w->is_inherited))
        munmap(w->map, w->map_octets);
    w->map = NULL;
    lane_interest_unmap(w->interest_map);
    w->interest_map = NULL;
}

/* ---- fork
 * ------------------------------------------------------------------------------------------------------- */

static int watch_result;

static void
before_fork(void)
{
    pthread_mutex_lock(&writers_lock);
}

static void
after_fork_in_parent(void)
{
    pthread_mutex_unlock(&writers_lock);
}

/* The child counts nothing for its parent. */
static void
after_fork_in_child(void)
{
    for (struct lane_writer *w = writers; w; w = w->next)
        detach(w, true);
    writers = NULL;
    pthread_mutex_unlock(&writers_lock);
}

static void
register_fork_handlers(void)
{
    watch_result = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static int
watch_forks(struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, register_fork_handlers);
    if (watch_result != 0)
        return err_sys(e, -watch_result, "cannot register fork handlers");
    return 0;
}

/* ---- making a lane
 * ---------------------------------------------------------------------------------------------- */

static uint64_t
now_ns(clockid_t clock)
{
    struct timespec now = { 0, 0 };

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void
set_text(char to[LANE_TEXT_OCTETS], const char *from)
{
    size_t octets = from ? strnlen(from, LANE_TEXT_OCTETS - 1) : 0;

    if (octets > 0)
        memcpy(to, from, octets);
    to[octets] = 0;
}

static int
fill_header(struct lane_header *h, const struct lane_writer_options *options, struct err *e)
{
    h->magic = LANE_MAGIC;
    h->abi = LANE_ABI;
    lane_layout(h, options->ring_octets);
    h->flags = options->flags;
    h->pid = getpid();
    h->tid = syscall(SYS_gettid);
    h->started_monotonic_ns = now_ns(CLOCK_MONOTONIC);
    h->started_realtime_ns = now_ns(CLOCK_REALTIME);
    set_text(h->instance, options->instance);
    set_text(h->software, options->software);
    set_text(h->program, program_invocation_short_name);
    return lane_file_random(h->identity, sizeof(h->identity), e);
}

static void
set_name(uint8_t row[LANE_NAME_OCTETS], struct span name)
{
    row[0] = (uint8_t)name.length;
    memcpy(row + 1, name.data, name.length);
}

/* Everything before the ring's data, as it stands when the lane appears. */
static void
fill_tables(uint8_t *image, const struct lane_header *h)
{
    struct lane_live *live = (struct lane_live *)(void *)(image + h->live_offset);
    struct lane_ring *ring = (struct lane_ring *)(void *)(image + h->ring_offset);

    memcpy(image, h, sizeof(*h));
    atomic_init(&live->state, SIPSTAT_STATE_UP);
    atomic_init(&live->state_monotonic_ns, h->started_monotonic_ns);
    atomic_init(&live->methods, METHOD_IANA_COUNT);
    atomic_init(&live->cells, 1);
    atomic_init(&ring->head_sequence, 1);
    for (unsigned i = 0; i < METHOD_IANA_COUNT; i++)
        set_name(image + h->names_offset + (size_t)i * LANE_NAME_OCTETS, span_string(method_name(i)));
    set_name(image + h->names_offset + (size_t)METHOD_OTHER * LANE_NAME_OCTETS,
             span_string(METHOD_OTHER_NAME));
}

static int
write_contents(const struct lane_file *f, const struct lane_header *h, struct err *e)
{
    uint8_t *image = calloc(1, h->ring_data_offset);
    int code;

    if (!image)
        return err_set(e, -ENOMEM, "no memory for a lane");
    fill_tables(image, h);
    code = lane_file_write(f, image, h->ring_data_offset, 0, e);
    free(image);
    return code;
}

static int
lock_whole(int fd, struct err *e)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    if (fcntl(fd, F_OFD_SETLK, &whole) < 0)
        return err_sys(e, -errno, "cannot lock the new file");
    return 0;
}

/* The mapping alone keeps the locked open file description, and so the lock, for as long as this process
 * lives. There is no descriptor afterwards that a stack which closes "all" descriptors could close, or confuse
 * with one of its own; and a forked child does not get the mapping, so it cannot keep its parent's lane alive. */
static int
map(struct lane_writer *w, const struct lane_file *f, const struct lane_header *h, struct err *e)
{
    void *p = mmap(NULL, h->file_octets, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, f->fd, 0);

    if (p == MAP_FAILED)
        return err_sys(e, -errno, "cannot map %llu octets", (unsigned long long)h->file_octets);
    w->is_inherited = madvise(p, h->file_octets, MADV_DONTFORK) != 0;
    w->map = p;
    w->map_octets = h->file_octets;
    return 0;
}

/* Remember the file, for lane_writer_is_listed(). */
static int
set_path(struct lane_writer *w, const struct lane_writer_options *options, const struct lane_file *f,
         const char *name, struct err *e)
{
    struct stat st;

    if (fstat(f->fd, &st) < 0)
        return err_sys(e, -errno, "cannot look at the new file");
    w->device = st.st_dev;
    w->inode = st.st_ino;
    if (asprintf(&w->path, "%s/%s/%s", options->dir, options->instance, name) >= 0)
        return 0;
    w->path = NULL;
    return err_set(e, -ENOMEM, "no memory for a lane");
}

static int
publish(struct lane_writer *w, const struct lane_writer_options *options, struct lane_file *f, struct err *e)
{
    char name[2 * 8 + sizeof(LANE_SUFFIX)];
    uint8_t random[8];
    int code = -EEXIST;

    for (unsigned attempt = 0; attempt < 8 && code == -EEXIST; attempt++) {
        code = lane_file_random(random, sizeof(random), e);
        if (code < 0)
            return code;
        lane_file_hex(name, random, sizeof(random));
        memcpy(name + 2 * sizeof(random), LANE_SUFFIX, sizeof(LANE_SUFFIX));
        free(w->path);
        w->path = NULL;
        code = set_path(w, options, f, name, e);
        if (code == 0)
            code = lane_file_publish(f, name, e);
    }
    return code == -EEXIST ? err_set(e, code, "cannot find a name that is free") : code;
}

/* Last of all `live`, which makes the writer attached. */
static void
point(struct lane_writer *w, const struct lane_header *h)
{
    w->methods = (void *)(w->map + h->methods_offset);
    w->cells = (void *)(w->map + h->cells_offset);
    w->names = (void *)(w->map + h->names_offset);
    w->notes = w->map + h->notes_offset;
    w->words = (void *)(w->map + h->words_offset);
    w->ring = (void *)(w->map + h->ring_offset);
    w->ring_data = (void *)(w->map + h->ring_data_offset);
    w->ring_mask = h->ring_octets - 1;
    w->head = w->oldest = 0;
    w->sequence = 1;
    w->live = (void *)(w->map + h->live_offset);
}

static int
attach(struct lane_writer *w, const struct lane_writer_options *options, int dir_fd, struct err *e)
{
    struct lane_header h = { 0 };
    struct lane_file f;
    int code = fill_header(&h, options, e);

    if (code < 0)
        return code;
    code = lane_file_begin(&f, dir_fd, 0640, h.file_octets, e);
    if (code < 0)
        return code;
    code = lock_whole(f.fd, e);
    fault_point("lane.locked");
    if (code == 0)
        code = write_contents(&f, &h, e);
    fault_point("lane.written");
    if (code == 0)
        code = map(w, &f, &h, e);
    fault_point("lane.mapped");
    if (code == 0)
        code = publish(w, options, &f, e);
    fault_point("lane.linked");
    if (code == 0) {
        w->interest = lane_interest_map(dir_fd, &w->interest_map);
        point(w, &h);
    }
    fault_point("lane.pointed");
    lane_file_end(&f);
    return code;
}

/* ---- counting: slow paths
 * --------------------------------------------------------------------------------------- */

unsigned
lane_cell_allot(struct lane_writer *w, unsigned method, unsigned code)
{
    uint32_t cell = atomic_load_explicit(&w->live->cells, memory_order_relaxed);

    if (code - LANE_CODE_FIRST >= LANE_CODES || method >= LANE_METHODS || cell >= LANE_CELLS)
        return 0;
    atomic_store_explicit(&w->cells[cell].key, LANE_CELL_KEY(method, code), memory_order_relaxed);
    /* Pairs with lane_reader_refresh(): who sees the count sees the key. */
    atomic_store_explicit(&w->live->cells, cell + 1, memory_order_release);
    w->cell_index[method * LANE_CODES + code - LANE_CODE_FIRST] = (uint16_t)cell;
    return cell;
}

unsigned
lane_method(struct lane_writer *w, struct span name)
{
    uint32_t methods = atomic_load_explicit(&w->live->methods, memory_order_relaxed);
    int iana = method_find(name);

    if (iana >= 0)
        return (unsigned)iana;
    for (uint32_t i = METHOD_IANA_COUNT; i < methods; i++)
        if (span_equals(span_of(w->names[i] + 1, w->names[i][0]), name))
            return i;
    if (methods >= METHOD_OTHER || !method_name_is_valid(name))
        return METHOD_OTHER;
    set_name(w->names[methods], name);
    /* Pairs with lane_reader_refresh(): who sees the count sees the name. */
    atomic_store_explicit(&w->live->methods, methods + 1, memory_order_release);
    return methods;
}

void
lane_note_name(struct lane_writer *w, unsigned index, const char *name)
{
    if (index >= LANE_NOTES)
        return;
    memcpy(w->notes + (size_t)index * LANE_NOTE_OCTETS, name, strnlen(name, LANE_NOTE_NAME_OCTETS - 1));
    /* Pairs with lane_reader_notes(): who sees the count sees the name. */
    if (index >= atomic_load_explicit(&w->live->notes, memory_order_relaxed))
        atomic_store_explicit(&w->live->notes, index + 1, memory_order_release);
}

void
lane_note_set(struct lane_writer *w, unsigned index, uint64_t value)
{
    uint8_t *note;

    if (index >= LANE_NOTES)
        return;
    note = w->notes + (size_t)index * LANE_NOTE_OCTETS;
    atomic_store_explicit((_Atomic uint64_t *)(void *)(note + LANE_NOTE_NAME_OCTETS), value,
                          memory_order_relaxed);
}

/* The row of a word; the number of rows in use when it has none. */
static uint32_t
find_word(const struct lane_writer *w, struct span text, unsigned uses, uint32_t words)
{
    uint32_t i;

    for (i = 0; i < words; i++) {
        const struct lane_word *row = &w->words[i];
        unsigned known = atomic_load_explicit(&row->uses, memory_order_relaxed);

        if (lane_word_is_same(span_of(row->text, row->octets), known, text, uses))
            break;
    }
    return i;
}

void
lane_word(struct lane_writer *w, struct span word, unsigned uses)
{
    uint32_t words = (uint32_t)atomic_load_explicit(&w->live->words, memory_order_relaxed);
    uint32_t i = find_word(w, word, uses, words), known;
    struct lane_word *row = &w->words[i];

    if (i == words && (i == LANE_WORDS || !lane_word_is_valid(word))) {
        lane_count(w, LANE_WORDS_FOLDED);
        return;
    }
    known = atomic_load_explicit(&row->uses, memory_order_relaxed);
    if (i < words && (known | uses) == known)
        return;
    if (i == words) {
        row->octets = (uint8_t)word.length;
        memcpy(row->text, word.data, word.length);
    }
    atomic_store_explicit(&row->uses, known | uses, memory_order_relaxed);
    /* Both pair with read_words() in lane_reader.c: who sees the count sees the row, who sees the change sees what
     * has changed. */
    if (i == words)
        atomic_store_explicit(&w->live->words, words + 1, memory_order_release);
    atomic_store_explicit(&w->live->word_changes,
                          atomic_load_explicit(&w->live->word_changes, memory_order_relaxed) + 1,
                          memory_order_release);
}
