/* SPDX-License-Identifier: BSD-2-Clause */
/* hostile: a local user who may write lanes and means harm, faster than a script can. What it attacks is only what it
 * is given: SIPSTAT_DIR and an instance, or paths.
 *
 *     hostile fields                     where everything lies in a lane: "header.abi 8 4", one a line
 *     hostile flap FILE                  truncates, punches and regrows it, over and over
 *     hostile churn INSTANCE             opens and closes writers
 *     hostile flood INSTANCE             events, as fast as they go
 *     hostile storm DIRECTORY            makes, closes, renames and removes files that are called lanes
 *     hostile touch FILE                 opens it for writing and closes it
 *     hostile copies MODEL DIRECTORY N   N lanes like the model, each of its own identity, all locked and kept
 *     hostile corpses MODEL DIRECTORY N  the same, with nobody behind them
 *
 * All but the first go on until SIGTERM, say "ready" when they have begun, and in the end how often they did it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sipcore/lane.h"
#include "sipcore/sipstat.h"

static volatile sig_atomic_t is_over;
static unsigned long done;

static void
on_term(int number)
{
    (void)number;
    is_over = 1;
}

static int
fail(const char *what)
{
    fprintf(stderr, "hostile: %s: %s\n", what, strerror(errno));
    return 1;
}

static void
ready(void)
{
    puts("ready");
    fflush(stdout);
}

/* ---- where everything lies -------------------------------------------------------------------------------------- */

#define FIELD(prefix, base, type, member)                                       \
    printf("%s.%s %zu %zu\n", prefix, #member, (base) + offsetof(type, member), \
           sizeof(((type *)NULL)->member))

#define HEADER(member) FIELD("header", (size_t)0, struct lane_header, member)
#define LIVE(member)   FIELD("live", (size_t)h.live_offset, struct lane_live, member)
#define RING(member)   FIELD("ring", (size_t)h.ring_offset, struct lane_ring, member)

static int
fields(void)
{
    struct lane_header h = { 0 };

    lane_layout(&h, LANE_RING_MIN);
    HEADER(magic);
    HEADER(abi);
    HEADER(header_octets);
    HEADER(file_octets);
    HEADER(live_offset);
    HEADER(methods_offset);
    HEADER(cells_offset);
    HEADER(names_offset);
    HEADER(notes_offset);
    HEADER(ring_offset);
    HEADER(ring_data_offset);
    HEADER(ring_octets);
    HEADER(flags);
    HEADER(words_offset);
    HEADER(identity);
    HEADER(pid);
    HEADER(tid);
    HEADER(started_monotonic_ns);
    HEADER(started_realtime_ns);
    HEADER(instance);
    HEADER(software);
    HEADER(program);
    LIVE(state);
    LIVE(methods);
    LIVE(cells);
    LIVE(notes);
    LIVE(state_monotonic_ns);
    LIVE(associations);
    LIVE(words);
    LIVE(word_changes);
    LIVE(counters);
    RING(head);
    RING(head_sequence);
    RING(intent);
    printf("table.methods %u %zu\n", h.methods_offset, LANE_METHOD_COUNTERS * sizeof(uint64_t));
    printf("table.cells %u %zu\n", h.cells_offset, sizeof(struct lane_cell));
    printf("table.names %u %d\n", h.names_offset, LANE_NAME_OCTETS);
    printf("table.notes %u %d\n", h.notes_offset, LANE_NOTE_OCTETS);
    printf("table.words %u %zu\n", h.words_offset, sizeof(struct lane_word));
    printf("table.ring %u %u\n", h.ring_data_offset, h.ring_octets);
    return 0;
}

/* ---- one file --------------------------------------------------------------------------------------------------- */

static int
flap(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(path);
    ready();
    for (; !is_over; done++) {
        off_t page = (off_t)(done % 16) * 4096;

        if (done % 3 == 0)
            fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, page, 4096);
        if (ftruncate(fd, page) < 0 || ftruncate(fd, st.st_size) < 0)
            return fail("ftruncate");
    }
    close(fd);
    return 0;
}

static int
touch(const char *path)
{
    ready();
    for (; !is_over; done++) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        if (fd < 0)
            return fail(path);
        close(fd);
    }
    return 0;
}

static int
storm(const char *directory)
{
    char name[64], other[64];

    if (chdir(directory) < 0)
        return fail(directory);
    ready();
    for (; !is_over; done++) {
        int fd;

        snprintf(name, sizeof(name), "storm-%lu.lane", done % 64);
        snprintf(other, sizeof(other), "other-%lu.lane", done % 64);
        fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        if (fd < 0)
            return fail(name);
        close(fd);
        rename(name, other);
        unlink(other);
    }
    return 0;
}

/* ---- writers ---------------------------------------------------------------------------------------------------- */

static int
open_writer(sipstat_writer **w, const char *instance)
{
    struct sipstat_options options = { .size = sizeof(options), .instance = instance, .software = "hostile" };
    char error[256];

    if (sipstat_open(w, &options, error, sizeof(error)) == 0)
        return 0;
    fprintf(stderr, "hostile: %s\n", error);
    return -1;
}

static int
churn(const char *instance)
{
    sipstat_writer *w;

    ready();
    for (; !is_over; done++) {
        if (open_writer(&w, instance) < 0)
            return 1;
        sipstat_request(w, SIPSTAT_IN, SIPSTAT_OPTIONS, 0);
        sipstat_close(w);
    }
    return 0;
}

static int
flood(const char *instance)
{
    static const char text[] = "<sip:mallory@example.org>";
    struct sipstat_headers headers = { .to = text,
                                       .from = text,
                                       .call_id = text,
                                       .to_length = sizeof(text) - 1,
                                       .from_length = sizeof(text) - 1,
                                       .call_id_length = sizeof(text) - 1 };
    sipstat_writer *w;

    if (open_writer(&w, instance) < 0)
        return 1;
    ready();
    for (; !is_over; done++) {
        headers.cseq = (uint32_t)done;
        sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 503, 0, &headers);
        if (done % 8 == 0)
            sipstat_set_state(w, done % 16 ? SIPSTAT_STATE_UP : SIPSTAT_STATE_CONGESTED);
        sipstat_authentication_failed(w, "sip:mallory@example.org", 23, 403);
    }
    sipstat_close(w);
    return 0;
}

/* ---- many lanes ------------------------------------------------------------------------------------------------- */

/* The model's first octets, without what is zero: so that ten thousand take little room. */
static bool
copy_pages(int to, const char *model, uint64_t octets)
{
    static const char zeros[4096];

    if (ftruncate(to, (off_t)octets) < 0)
        return false;
    for (uint64_t at = 0; at < octets; at += sizeof(zeros)) {
        size_t length = octets - at < sizeof(zeros) ? (size_t)(octets - at) : sizeof(zeros);

        if (memcmp(model + at, zeros, length) != 0 &&
            pwrite(to, model + at, length, (off_t)at) != (ssize_t)length)
            return false;
    }
    return true;
}

static bool
make_copy(const char *model, uint64_t octets, unsigned long number, bool is_locked)
{
    struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    uint8_t identity[LANE_IDENTITY_OCTETS];
    char hidden[64], name[64];
    int fd;

    snprintf(hidden, sizeof(hidden), ".%lu", number);
    snprintf(name, sizeof(name), "many-%lu.lane", number);
    fd = open(hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    if (fd < 0 || getrandom(identity, sizeof(identity), 0) != (ssize_t)sizeof(identity) ||
        !copy_pages(fd, model, octets) ||
        pwrite(fd, identity, sizeof(identity), offsetof(struct lane_header, identity)) < 0 ||
        (is_locked && fcntl(fd, F_OFD_SETLK, &whole) < 0) || rename(hidden, name) < 0)
        return false;
    if (!is_locked)
        close(fd);
    return true;
}

static int
copies(const char *path, const char *directory, unsigned long count, bool is_locked)
{
    struct rlimit limit = { .rlim_cur = count + 64, .rlim_max = count + 64 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *model;

    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(path);
    model = malloc((size_t)st.st_size);
    if (!model || pread(fd, model, (size_t)st.st_size, 0) != st.st_size || chdir(directory) < 0)
        return fail(directory);
    setrlimit(RLIMIT_NOFILE, &limit); /* where it may not, the lanes are fewer */
    for (; done < count && !is_over; done++)
        if (!make_copy(model, (uint64_t)st.st_size, done, is_locked))
            return fail("a copy");
    free(model);
    ready();
    while (is_locked && !is_over)
        pause();
    return 0;
}

int
main(int argc, char **argv)
{
    const char *attack = argc > 1 ? argv[1] : "", *at = argc > 2 ? argv[2] : "";
    int status = 2;

    signal(SIGTERM, on_term);
    if (strcmp(attack, "fields") == 0)
        return fields();
    if (strcmp(attack, "flap") == 0)
        status = flap(at);
    else if (strcmp(attack, "churn") == 0)
        status = churn(at);
    else if (strcmp(attack, "flood") == 0)
        status = flood(at);
    else if (strcmp(attack, "storm") == 0)
        status = storm(at);
    else if (strcmp(attack, "touch") == 0)
        status = touch(at);
    else if (argc == 5 && (strcmp(attack, "copies") == 0 || strcmp(attack, "corpses") == 0))
        status = copies(at, argv[3], strtoul(argv[4], NULL, 10), strcmp(attack, "copies") == 0);
    printf("done %lu times\n", done);
    return status;
}
