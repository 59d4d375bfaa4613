/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent wants writers to record. */
#include "agent/interest.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"
#include "sipcore/lane_file.h"

static int open_file(int dir_fd, bool *is_bad, struct err *e);
static int make_file(int dir_fd, bool replace, struct err *e);
static int write_words(int fd, const uint64_t codes[LANE_CODE_WORDS], uint64_t flags, struct err *e);

void
interest_init(struct interest *n)
{
    *n = (struct interest){ .fd = -1 };
}

void
interest_want(struct interest *n, const uint64_t codes[LANE_CODE_WORDS], uint64_t flags)
{
    if (memcmp(codes, n->codes, sizeof(n->codes)) != 0 || flags != n->flags)
        n->is_set = false;
    memcpy(n->codes, codes, sizeof(n->codes));
    n->flags = flags;
}

bool
interest_is_any(const struct interest *n)
{
    bool any = n->flags != 0;

    for (unsigned k = 0; k < LANE_CODE_WORDS; k++)
        any |= n->codes[k] != 0;
    return any;
}

/* The file must be there, valid and writable; where it is not, a new one takes its name. */
static int
ensure_file(int dir_fd, const char *instance, struct err *e)
{
    bool is_bad = false;
    int fd = open_file(dir_fd, &is_bad, e), code;

    for (unsigned attempt = 0; fd < 0 && attempt < 3; attempt++) {
        if (fd != -ENOENT && !is_bad)
            return fd;
        if (is_bad)
            log_line(LOG_LEVEL_WARNING, LOG_LANE,
                     "instance %s: file %s: %s; replacing it: writers that mapped it "
                     "record no events until they are restarted",
                     instance, LANE_INTEREST_NAME, e->text);
        code = make_file(dir_fd, is_bad, e);
        if (code < 0 && code != -EEXIST)
            return code;
        fd = open_file(dir_fd, &is_bad, e);
    }
    return fd;
}

static bool
is_removed(int dir_fd)
{
    struct stat st;

    return fstat(dir_fd, &st) == 0 && st.st_nlink == 0;
}

void
interest_apply(struct interest *n, int dir_fd, const char *instance)
{
    struct stat ours, named;
    struct err e = { "" };
    int code = 0;

    if (n->fd >= 0 &&
        (fstat(n->fd, &ours) < 0 || fstatat(dir_fd, LANE_INTEREST_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
         ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)) {
        close(n->fd);
        n->fd = -1;
    }
    if (n->fd >= 0 && n->is_set)
        return;
    n->is_set = false;
    if (n->fd < 0) {
        n->fd = ensure_file(dir_fd, instance, &e);
        code = n->fd < 0 ? n->fd : 0;
    }
    if (code == 0)
        code = write_words(n->fd, n->codes, n->flags, &e);
    n->is_set = code == 0;
    snprintf(n->trouble, sizeof(n->trouble), "%.190s", code < 0 ? e.text : "");
    if (code < 0 && is_removed(dir_fd))
        return; /* another directory will come, and with it another try */
    if (code < 0 && code != n->said_code)
        log_line(LOG_LEVEL_WARNING, LOG_LANE,
                 "instance %s: file %s: %s; no events for notifications and registrations; trying again",
                 instance, LANE_INTEREST_NAME, e.text);
    else if (code == 0 && n->said_code != 0)
        log_line(LOG_LEVEL_INFO, LOG_LANE, "instance %s: file %s: it works again", instance,
                 LANE_INTEREST_NAME);
    n->said_code = code;
}

/* *is_bad: something is there, and it is not what it should be. */
static int
open_file(int dir_fd, bool *is_bad, struct err *e)
{
    int fd = openat(dir_fd, LANE_INTEREST_NAME, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct lane_interest head;
    struct stat st;
    int code;

    *is_bad = false;
    if (fd < 0) {
        code = -errno;
        *is_bad = code == -EACCES || code == -ELOOP || code == -EISDIR || code == -ENXIO;
        return err_sys(e, code, "cannot open");
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= LANE_INTEREST_OCTETS &&
        pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) && head.magic == LANE_INTEREST_MAGIC &&
        head.abi == LANE_ABI)
        return fd;
    close(fd);
    *is_bad = true;
    return err_set(e, -EBADMSG, "damaged");
}

static int
make_file(int dir_fd, bool replace, struct err *e)
{
    static const struct lane_interest empty = { .magic = LANE_INTEREST_MAGIC, .abi = LANE_ABI };
    struct lane_file f;
    int code;

    if (replace && unlinkat(dir_fd, LANE_INTEREST_NAME, 0) < 0 && errno != ENOENT)
        return err_sys(e, -errno, "cannot remove");
    /* Not for the group to write: whoever truncates it crashes the SIP processes that have it mapped. */
    code = lane_file_begin(&f, dir_fd, 0640, LANE_INTEREST_OCTETS, e);
    if (code < 0)
        return code;
    code = lane_file_write(&f, &empty, sizeof(empty), 0, e);
    if (code == 0)
        code = lane_file_publish(&f, LANE_INTEREST_NAME, e);
    lane_file_end(&f);
    return code;
}

/* Aligned words of one page: a writer sees each of them whole. */
static int
write_words(int fd, const uint64_t codes[LANE_CODE_WORDS], uint64_t flags, struct err *e)
{
    uint64_t words[1 + LANE_CODE_WORDS] = { flags };
    ssize_t n;

    _Static_assert(offsetof(struct lane_interest, codes) == offsetof(struct lane_interest, flags) + 8,
                   "the codes stand behind the flags");
    memcpy(words + 1, codes, LANE_CODE_WORDS * sizeof(words[0]));
    n = pwrite(fd, words, sizeof(words), offsetof(struct lane_interest, flags));
    if (n < 0)
        return err_sys(e, -errno, "cannot write");
    if (n != (ssize_t)sizeof(words))
        return err_set(e, -EIO, "cannot write all of it");
    return 0;
}

void
interest_abandon(struct interest *n)
{
    if (n->fd >= 0)
        close(n->fd);
    interest_init(n);
}

void
interest_fini(struct interest *n)
{
    static const uint64_t nothing[LANE_CODE_WORDS];

    if (n->fd >= 0) {
        write_words(n->fd, nothing, n->flags, NULL); /* at worst writers record events that nobody reads */
        close(n->fd);
    }
    interest_init(n);
}
