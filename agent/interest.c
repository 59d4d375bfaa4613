/* SPDX-License-Identifier: BSD-2-Clause */
/* What the agent wants writers to record. */
#include "agent/interest.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"
#include "sipcore/lane_file.h"
#include "sipcore/lane_interest.h"

static int open_file(int dir_fd, bool *is_bad, struct err *e);
static int make_file(int dir_fd, bool replace, struct err *e);
static void write_users(struct interest *n, int dir_fd, const uint64_t codes[LANE_CODE_WORDS],
                        const char *instance);
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
    struct stat ours, named, dir;
    struct err e = { "" };
    int code = 0;

    if (n->fd >= 0 &&
        (fstat(n->fd, &ours) < 0 || fstatat(dir_fd, LANE_INTEREST_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
         ours.st_ino != named.st_ino || ours.st_dev != named.st_dev || fstat(dir_fd, &dir) < 0 ||
         ours.st_gid != dir.st_gid)) {
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
    write_users(n, dir_fd, n->codes, instance);
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

static bool
is_valid(int fd, const struct stat *st)
{
    struct lane_interest head;

    return S_ISREG(st->st_mode) && st->st_size >= LANE_INTEREST_OCTETS &&
           pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) && head.magic == LANE_INTEREST_MAGIC &&
           lane_abi_is_read(head.abi);
}

/* Whoever writes lanes reads it, and nobody else writes it: to truncate it would crash the SIP processes that have it
 * mapped. */
static int
settle_file(int dir_fd, int fd, const struct stat *st, struct err *e)
{
    struct stat dir;

    if (fstat(dir_fd, &dir) == 0 && dir.st_gid != st->st_gid && fchown(fd, (uid_t)-1, dir.st_gid) < 0)
        err_set(e, -errno,
                "its group is not the directory's"); /* as it was made: who cannot read it wants nothing */
    if ((st->st_mode & 07777) != 0640 && fchmod(fd, 0640) < 0)
        return err_sys(e, -errno, "cannot set its mode");
    return 0;
}

/* *is_bad: something is there, and it is not what it should be. */
static int
open_file(int dir_fd, bool *is_bad, struct err *e)
{
    int fd = openat(dir_fd, LANE_INTEREST_NAME, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    int code;

    *is_bad = false;
    if (fd < 0) {
        code = -errno;
        *is_bad = code == -EACCES || code == -ELOOP || code == -EISDIR || code == -ENXIO;
        return err_sys(e, code, "cannot open");
    }
    if (fstat(fd, &st) < 0 || !is_valid(fd, &st)) {
        *is_bad = true;
        code = err_set(e, -EBADMSG, "damaged, or of another ABI version");
    } else if (st.st_uid != geteuid()) {
        *is_bad = true;
        code = err_set(e, -EPERM, "it is of user %u", (unsigned)st.st_uid);
    } else {
        code = settle_file(dir_fd, fd, &st, e);
    }
    if (code == 0)
        return fd;
    close(fd);
    return code;
}

/* What is there under the agent's name, where it is one that writers may have mapped, becomes its user's: they go on
 * with it. */
static int
put_away(int dir_fd)
{
    char name[LANE_INTEREST_NAME_OCTETS];
    struct stat st;

    if (fstatat(dir_fd, LANE_INTEREST_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        st.st_uid != geteuid()) {
        lane_interest_name(name, st.st_uid);
        if (renameat2(dir_fd, LANE_INTEREST_NAME, dir_fd, name, RENAME_NOREPLACE) == 0)
            return 0;
    }
    return unlinkat(dir_fd, LANE_INTEREST_NAME, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

static int
make_file(int dir_fd, bool replace, struct err *e)
{
    static const struct lane_interest empty = { .magic = LANE_INTEREST_MAGIC, .abi = LANE_ABI };
    struct lane_file f;
    int code = replace ? put_away(dir_fd) : 0;

    if (code < 0)
        return err_sys(e, code, "cannot remove");
    code = lane_file_begin(&f, dir_fd, 0640, LANE_INTEREST_OCTETS, e);
    if (code < 0)
        return code;
    code = lane_file_write(&f, &empty, sizeof(empty), 0, e);
    if (code == 0)
        code = lane_file_publish(&f, LANE_INTEREST_NAME, e);
    lane_file_end(&f);
    return code;
}

/* ---- the files of users
 * ----------------------------------------------------------------------------------------- */

/* False when it is not there any more, or is not a file that writers of that user would map. */
static bool
write_user(const struct interest *n, int dir_fd, uid_t user, const uint64_t codes[LANE_CODE_WORDS],
           struct err *e)
{
    char name[LANE_INTEREST_NAME_OCTETS];
    struct stat st;
    bool is_good;
    int fd;

    lane_interest_name(name, user);
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_uid != user)
        return false;
    fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        err_sys(e, -errno, "file %s: cannot open", name);
        return true;
    }
    is_good = fstat(fd, &st) == 0 && st.st_uid == user && is_valid(fd, &st);
    if (is_good)
        write_words(fd, codes, n->flags, e);
    close(fd);
    return is_good;
}

static void
say_users(struct interest *n, const struct err *e, const char *instance)
{
    if (e->text[0] && !n->said_users)
        log_line(
            LOG_LEVEL_WARNING, LOG_LANE,
            "instance %s: %s: that user's writers, which came before sipmibd, record no events until they are "
            "restarted",
            instance, e->text);
    n->said_users |= e->text[0] != '\0';
}

static void
write_users(struct interest *n, int dir_fd, const uint64_t codes[LANE_CODE_WORDS], const char *instance)
{
    struct err e = { "" };

    for (unsigned k = n->users; k-- > 0;)
        if (!write_user(n, dir_fd, n->user[k], codes, &e))
            n->user[k] = n->user[--n->users];
    say_users(n, &e, instance);
}

/* Bounded: beyond that many users the writers of the others record no events until they are restarted. */
void
interest_hear(struct interest *n, int dir_fd, const char *name, const char *instance)
{
    const size_t prefix = sizeof(LANE_INTEREST_NAME) - 1;
    char known[LANE_INTEREST_NAME_OCTETS];
    struct err e = { "" };
    unsigned k = 0;
    uid_t user;

    if (strncmp(name, LANE_INTEREST_NAME ".", prefix + 1) != 0)
        return;
    user = (uid_t)strtoul(name + prefix + 1, NULL, 10);
    lane_interest_name(known, user);
    if (strcmp(name, known) != 0)
        return;
    while (k < n->users && n->user[k] != user)
        k++;
    if (k == INTEREST_USERS_MAX || !write_user(n, dir_fd, user, n->codes, &e))
        return;
    if (k == n->users)
        n->user[n->users++] = user;
    say_users(n, &e, instance);
}

/* ---- writing
 * ---------------------------------------------------------------------------------------------------- */

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
interest_fini(struct interest *n, int dir_fd)
{
    static const uint64_t nothing[LANE_CODE_WORDS];

    if (dir_fd >= 0)
        write_users(n, dir_fd, nothing, "");
    if (n->fd >= 0) {
        write_words(n->fd, nothing, n->flags, NULL); /* at worst writers record events that nobody reads */
        close(n->fd);
    }
    interest_init(n);
}
