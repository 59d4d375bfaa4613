/* SPDX-License-Identifier: BSD-2-Clause */
/* The file that keeps sipCommonCfgServiceNotifEnable. */
#include "agent/controls_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/controls.h"
#include "agent/log.h"
#include "mib/snapshot.h"
#include "sipcore/fault.h"

#define FIRST_LINE     "sipmib settings 1" /* VERSION */
#define NO_BITS        "none"
#define TEMPORARY_NAME CONTROLS_FILE ".new"
#define DAMAGED_NAME   CONTROLS_FILE ".damaged"

enum {
    VERSION = 1,
    LINE_OCTETS = 160, /* the longest is shorter, newline included */
    FILE_OCTETS_MAX = (CONTROLS_LINES_MAX + 2) * LINE_OCTETS
};

static const struct {
    const char *name;
    unsigned bit;
} bits[] = {
    { "coldStart", SNAP_NOTIFY_COLD_START },
    { "warmStart", SNAP_NOTIFY_WARM_START },
    { "statusChanged", SNAP_NOTIFY_STATUS_CHANGED },
};
enum { BITS = sizeof(bits) / sizeof(bits[0]) };

static int read_all(int fd, char **text, size_t *octets, struct err *e);
static int parse(const char *text, size_t octets, struct controls_lines **out, struct err *e);
static int write_temporary(int dir_fd, const struct controls_lines *l, struct err *e);

/* ---- in memory -------------------------------------------------------------------------------------------------- */

struct controls_lines *
controls_lines_copy(const struct controls_lines *l, size_t more)
{
    size_t count = l ? l->count : 0;
    struct controls_lines *copy = malloc(sizeof(*copy) + (count + more) * sizeof(copy->line[0]));

    if (!copy)
        return NULL;
    copy->count = count;
    copy->room = count + more;
    if (count > 0)
        memcpy(copy->line, l->line, count * sizeof(copy->line[0]));
    return copy;
}

/* The first place whose name is not before `name`. */
static size_t
place_of(const struct controls_lines *l, const char *name)
{
    size_t low = 0, high = l->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(l->line[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct controls_line *
controls_lines_find(const struct controls_lines *l, const char *name)
{
    size_t at = place_of(l, name);

    return at < l->count && strcmp(l->line[at].name, name) == 0 ? &l->line[at] : NULL;
}

void
controls_lines_set(struct controls_lines *l, const char *name, unsigned notify_enable)
{
    size_t at = place_of(l, name);
    struct controls_line *line = &l->line[at];

    if (at == l->count || strcmp(line->name, name) != 0) {
        memmove(line + 1, line, (l->count - at) * sizeof(*line));
        memset(line, 0, sizeof(*line));
        snprintf(line->name, sizeof(line->name), "%s", name);
        l->count++;
    }
    line->notify_enable = notify_enable;
}

void
controls_lines_drop(struct controls_lines *l, size_t place)
{
    l->count--;
    memmove(&l->line[place], &l->line[place + 1], (l->count - place) * sizeof(l->line[0]));
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

int
controls_file_directory(const char *state_dir, struct err *e)
{
    int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd >= 0 ? fd : err_sys(e, -errno, "state directory %s: cannot open it", state_dir);
}

int
controls_file_read(int dir_fd, struct controls_lines **out, struct err *e)
{
    int fd = openat(dir_fd, CONTROLS_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    size_t octets = 0;
    char *text = NULL;
    int code;

    *out = NULL;
    if (fd < 0 && errno == ENOENT) {
        *out = controls_lines_copy(NULL, 0);
        return *out ? 0 : err_set(e, -ENOMEM, "%s: no memory", CONTROLS_FILE);
    }
    if (fd < 0 && errno == ELOOP)
        return err_set(e, -EBADMSG, "%s: it is a symbolic link", CONTROLS_FILE);
    if (fd < 0)
        return err_sys(e, -errno, "%s: cannot open it", CONTROLS_FILE);
    code = read_all(fd, &text, &octets, e);
    close(fd);
    if (code == 0)
        code = parse(text, octets, out, e);
    free(text);
    return code < 0 ? err_wrap(e, code, "%s", CONTROLS_FILE) : 0;
}

static int
read_all(int fd, char **text, size_t *octets, struct err *e)
{
    struct stat st;
    ssize_t n = 1;

    if (fstat(fd, &st) < 0)
        return err_sys(e, -errno, "cannot look at it");
    if (!S_ISREG(st.st_mode))
        return err_set(e, -EBADMSG, "it is no regular file");
    if (st.st_size > FILE_OCTETS_MAX)
        return err_set(e, -EBADMSG, "it has %lld octets, more than %d", (long long)st.st_size,
                       FILE_OCTETS_MAX);
    *text = malloc((size_t)st.st_size + 1);
    if (!*text)
        return err_set(e, -ENOMEM, "no memory");
    while (n > 0 && *octets < (size_t)st.st_size) {
        n = read(fd, *text + *octets, (size_t)st.st_size - *octets);
        if (n < 0 && errno == EINTR)
            n = 1;
        else if (n < 0)
            return err_sys(e, -errno, "cannot read it");
        else
            *octets += (size_t)n;
    }
    return 0;
}

/* Cut a line off, without its newline, terminated. False when there is none, or it is no line of ours. */
static bool
take_line(const char **text, size_t *octets, char line[LINE_OCTETS])
{
    const char *end = *octets > 0 ? memchr(*text, '\n', *octets) : NULL;
    size_t length = end ? (size_t)(end - *text) : 0;

    if (!end || length >= LINE_OCTETS || memchr(*text, '\0', length))
        return false;
    memcpy(line, *text, length);
    line[length] = '\0';
    *text = end + 1;
    *octets -= length + 1;
    return true;
}

/* The names of bits, each once, or "none". */
static bool
parse_bits(char *rest, unsigned *notify_enable)
{
    char *word;

    *notify_enable = 0;
    if (strcmp(rest, NO_BITS) == 0)
        return true;
    while ((word = strsep(&rest, " "))) {
        unsigned k = 0;

        while (k < BITS && strcmp(word, bits[k].name) != 0)
            k++;
        if (k == BITS || (*notify_enable & bits[k].bit))
            return false;
        *notify_enable |= bits[k].bit;
    }
    return true;
}

/* As the configuration has it: a name that could never be one is nobody's setting. */
static bool
is_instance_name(const char *name)
{
    size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    return length > 0 && length < CONFIG_NAME_OCTETS && name[length] == '\0' && name[0] != '.';
}

static bool
parse_line(char *text, struct controls_line *out)
{
    char *rest = text, *keyword = strsep(&rest, " "), *name = strsep(&rest, " ");

    if (strcmp(keyword, "notify") != 0 || !name || !is_instance_name(name) || !rest)
        return false;
    memset(out, 0, sizeof(*out));
    memcpy(out->name, name, strlen(name));
    return parse_bits(rest, &out->notify_enable);
}

static int
compare_lines(const void *left, const void *right)
{
    return strcmp(((const struct controls_line *)left)->name, ((const struct controls_line *)right)->name);
}

static size_t
count_lines(const char *text, size_t octets)
{
    size_t n = 0;

    for (size_t i = 0; i < octets; i++)
        n += text[i] == '\n';
    return n;
}

/* All lines between the first and the last one. */
static int
parse_settings(const char **text, size_t *octets, size_t count, struct controls_lines *l, struct err *e)
{
    char line[LINE_OCTETS], shown[LINE_OCTETS];

    while (l->count < count) {
        bool is_one = take_line(text, octets, line);

        log_escape(shown, sizeof(shown), is_one ? line : "", is_one ? strlen(line) : 0);
        if (!is_one || !parse_line(line, &l->line[l->count]))
            return err_set(e, -EBADMSG, "line %zu: expected \"notify INSTANCE BITS\", got \"%s\"",
                           l->count + 2, shown);
        l->count++;
    }
    qsort(l->line, l->count, sizeof(l->line[0]), compare_lines);
    for (size_t i = 1; i < l->count; i++)
        if (compare_lines(&l->line[i - 1], &l->line[i]) == 0)
            return err_set(e, -EBADMSG, "instance %s is there twice", l->line[i].name);
    return 0;
}

/* The first line is not today's: of a later version, or of none. */
static int
refuse_first(const char *line, struct err *e)
{
    unsigned version;
    char end;

    if (sscanf(line, "sipmib settings %4u%c", &version, &end) == 1 && version > VERSION)
        return err_set(
            e, -EPROTONOSUPPORT,
            "written by a newer sipmibd (version %u, this one knows %u): run that one, or remove the file "
            "and set sipCommonCfgServiceNotifEnable again",
            version, VERSION);
    return err_set(e, -EBADMSG, "line 1: expected \"%s\"", FIRST_LINE);
}

static int
parse(const char *text, size_t octets, struct controls_lines **out, struct err *e)
{
    size_t lines = count_lines(text, octets), count = lines >= 2 ? lines - 2 : 0;
    char line[LINE_OCTETS], last[LINE_OCTETS];
    struct controls_lines *l;
    int code;

    if (!take_line(&text, &octets, line))
        line[0] = '\0';
    if (strcmp(line, FIRST_LINE) != 0)
        return refuse_first(line, e);
    if (count > CONTROLS_LINES_MAX)
        return err_set(e, -EBADMSG, "%zu instances, more than %d", count, CONTROLS_LINES_MAX);
    l = controls_lines_copy(NULL, count);
    if (!l)
        return err_set(e, -ENOMEM, "no memory");
    code = parse_settings(&text, &octets, count, l, e);
    snprintf(last, sizeof(last), "end %zu", count);
    if (code == 0 && (!take_line(&text, &octets, line) || strcmp(line, last) != 0 || octets > 0))
        code = err_set(e, -EBADMSG, "it does not end with the line \"%s\": something is missing", last);
    if (code < 0)
        free(l);
    else
        *out = l;
    return code;
}

int
controls_file_set_aside(int dir_fd, struct err *e)
{
    if (renameat(dir_fd, CONTROLS_FILE, dir_fd, DAMAGED_NAME) < 0)
        return err_sys(e, -errno, "cannot rename it to %s", DAMAGED_NAME);
    return 0;
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

int
controls_file_write(int dir_fd, const struct controls_lines *l, bool *was_replaced, struct err *e)
{
    int code = write_temporary(dir_fd, l, e);

    *was_replaced = false;
    fault_point("settings.written");
    if (code == 0 && renameat(dir_fd, TEMPORARY_NAME, dir_fd, CONTROLS_FILE) < 0)
        code = err_sys(e, -errno, "%s: cannot rename it to %s", TEMPORARY_NAME, CONTROLS_FILE);
    if (code < 0) {
        unlinkat(dir_fd, TEMPORARY_NAME, 0);
        return code;
    }
    *was_replaced = true;
    fault_point("settings.renamed");
    /* EINVAL: a file system that has no such thing for directories. */
    if (fsync(dir_fd) < 0 && errno != EINVAL)
        return err_sys(e, -errno, "cannot bring the state directory to disk");
    return 0;
}

static size_t
format_line(char line[LINE_OCTETS], const struct controls_line *from)
{
    int used = snprintf(line, LINE_OCTETS, "notify %s", from->name);

    for (unsigned k = 0; k < BITS; k++)
        if (from->notify_enable & bits[k].bit)
            used += snprintf(line + used, LINE_OCTETS - (size_t)used, " %s", bits[k].name);
    if (from->notify_enable == 0)
        used += snprintf(line + used, LINE_OCTETS - (size_t)used, " " NO_BITS);
    line[used++] = '\n';
    return (size_t)used;
}

/* All of it. NULL without memory; free() it. */
static char *
format(const struct controls_lines *l, size_t *octets)
{
    char *text = malloc((l->count + 2) * LINE_OCTETS);
    size_t used;

    if (!text)
        return NULL;
    used = (size_t)snprintf(text, LINE_OCTETS, "%s\n", FIRST_LINE);
    for (size_t i = 0; i < l->count; i++)
        used += format_line(text + used, &l->line[i]);
    used += (size_t)snprintf(text + used, LINE_OCTETS, "end %zu\n", l->count);
    *octets = used;
    return text;
}

static int
write_all(int fd, const char *text, size_t octets)
{
    while (octets > 0) {
        ssize_t n = write(fd, text, octets);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            octets -= (size_t)n;
        }
    }
    return fsync(fd) < 0 ? -errno : 0;
}

/* One that is there already was left by an agent that was killed. Only a file made here and now is written
 * to. */
static int
write_temporary(int dir_fd, const struct controls_lines *l, struct err *e)
{
    size_t octets;
    char *text = format(l, &octets);
    int fd, code;

    if (!text)
        return err_set(e, -ENOMEM, "%s: no memory", CONTROLS_FILE);
    unlinkat(dir_fd, TEMPORARY_NAME, 0);
    fd = openat(dir_fd, TEMPORARY_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
    if (fd < 0) {
        code = err_sys(e, -errno, "%s: cannot make it", TEMPORARY_NAME);
    } else {
        fault_point("settings.made");
        code = write_all(fd, text, octets);
        if (close(fd) < 0 && code == 0)
            code = -errno;
        if (code < 0)
            err_sys(e, code, "%s: cannot write it", TEMPORARY_NAME);
    }
    free(text);
    return code;
}
