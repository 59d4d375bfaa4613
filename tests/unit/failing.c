/* SPDX-License-Identifier: BSD-2-Clause */
/* What --wrap puts in the place of the C library and of LMDB. */
#include "tests/unit/failing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#include "agent/log.h"

static struct {
    enum failing_kind kind;
    bool is_paused, has_no_children;
    long after, count, refused;
    uint64_t passed_ns;
    unsigned lines;
    size_t octets;
    char log[65536];
} self = { .is_paused = true };

void
failing_arm(enum failing_kind kind, long after, long count)
{
    self.kind = kind;
    self.after = after;
    self.count = count;
    self.refused = 0;
    self.is_paused = true;
}

void
failing_pause(bool is_paused)
{
    self.is_paused = is_paused;
}

void
failing_allow_children(bool are_allowed)
{
    self.has_no_children = !are_allowed;
}

long
failing_refused(void)
{
    return self.refused;
}

void
failing_disarm(void)
{
    self.count = 0;
    self.is_paused = true;
}

static bool
is_refused(enum failing_kind kind)
{
    if (self.is_paused || self.kind != kind || self.count == 0)
        return false;
    if (self.after > 0) {
        self.after--;
        return false;
    }
    self.count--;
    self.refused++;
    return true;
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
                                  const struct timespec *until);

void
failing_pass_ms(unsigned ms)
{
    self.passed_ns += ms * UINT64_C(1000000);
}

int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    int code = __real_clock_gettime(clock, now);
    uint64_t ns = (uint64_t)now->tv_nsec + self.passed_ns;

    now->tv_sec += (time_t)(ns / 1000000000u);
    now->tv_nsec = (long)(ns % 1000000000u);
    return code;
}

/* Nobody else is there who could signal it. */
int
__wrap_pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t clock,
                              const struct timespec *until)
{
    (void)c;
    (void)m;
    (void)clock;
    (void)until;
    return ETIMEDOUT;
}

/* ---- the log ---------------------------------------------------------------------------------------------------- */

void __wrap_log_line(enum log_level level, enum log_topic topic, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void
__wrap_log_line(enum log_level level, enum log_topic topic, const char *format, ...)
{
    size_t room = sizeof(self.log) - self.octets;
    va_list args;
    int n;

    if (level > LOG_LEVEL_WARNING)
        return;
    self.lines++;
    if (room < 2048)
        return;
    n = snprintf(self.log + self.octets, room, "    %d/%d: ", (int)level, (int)topic);
    self.octets += (size_t)n;
    va_start(args, format);
    n = vsnprintf(self.log + self.octets, 1500, format, args);
    va_end(args);
    self.octets += n < 1500 ? (size_t)n : 1499;
    self.log[self.octets++] = '\n';
    self.log[self.octets] = '\0';
}

unsigned
failing_log_lines(void)
{
    return self.lines;
}

const char *
failing_log(void)
{
    return self.log;
}

void
failing_forget_log(void)
{
    self.lines = 0;
    self.octets = 0;
    self.log[0] = '\0';
}

/* ---- what can be refused ---------------------------------------------------------------------------------------- */

/* One function: `type name(parameters)` refused with `failure` and `error` in errno. */
#define REFUSE(kind, type, name, parameters, arguments, failure, error) \
    type __real_##name parameters;                                      \
    type __wrap_##name parameters;                                      \
    type __wrap_##name parameters                                       \
    {                                                                   \
        if (is_refused(kind)) {                                         \
            errno = error;                                              \
            return failure;                                             \
        }                                                               \
        return __real_##name arguments;                                 \
    }

#define MEMORY(type, name, parameters, arguments) \
    REFUSE(FAILING_MEMORY, type *, name, parameters, arguments, NULL, ENOMEM)
#define DESCRIPTOR(name, parameters, arguments) \
    REFUSE(FAILING_DESCRIPTORS, int, name, parameters, arguments, -1, EMFILE)
#define DISK(type, name, parameters, arguments) \
    REFUSE(FAILING_DISK, type, name, parameters, arguments, -1, ENOSPC)

/* clang-format off */
MEMORY(void, malloc, (size_t octets), (octets))
MEMORY(void, calloc, (size_t n, size_t octets), (n, octets))
MEMORY(void, realloc, (void *old, size_t octets), (old, octets))
MEMORY(void, aligned_alloc, (size_t align, size_t octets), (align, octets))
MEMORY(char, strdup, (const char *text), (text))
MEMORY(DIR, fdopendir, (int fd), (fd))
MEMORY(FILE, open_memstream, (char **text, size_t *octets), (text, octets))

REFUSE(FAILING_MEMORY, void *, mmap, (void *at, size_t octets, int use, int flags, int fd, off_t from),
       (at, octets, use, flags, fd, from), MAP_FAILED, ENOMEM)

DESCRIPTOR(socket, (int domain, int type, int protocol), (domain, type, protocol))
DESCRIPTOR(accept4, (int fd, struct sockaddr *peer, socklen_t *octets, int flags), (fd, peer, octets, flags))
DESCRIPTOR(eventfd, (unsigned first, int flags), (first, flags))
DESCRIPTOR(epoll_create1, (int flags), (flags))
DESCRIPTOR(inotify_init1, (int flags), (flags))

DISK(ssize_t, write, (int fd, const void *data, size_t octets), (fd, data, octets))
DISK(ssize_t, pwrite, (int fd, const void *data, size_t octets, off_t at), (fd, data, octets, at))
DISK(int, fsync, (int fd), (fd))
DISK(int, ftruncate, (int fd, off_t octets), (fd, octets))
DISK(int, mkdirat, (int dir, const char *name, mode_t mode), (dir, name, mode))
DISK(int, renameat, (int from_dir, const char *from, int to_dir, const char *to), (from_dir, from, to_dir, to))
DISK(int, linkat, (int from_dir, const char *from, int to_dir, const char *to, int flags),
     (from_dir, from, to_dir, to, flags))
DISK(int, unlinkat, (int dir, const char *name, int flags), (dir, name, flags))
DISK(int, fchmod, (int fd, mode_t mode), (fd, mode))
DISK(int, inotify_add_watch, (int fd, const char *path, uint32_t mask), (fd, path, mask))
REFUSE(FAILING_DISK, int, posix_fallocate, (int fd, off_t at, off_t octets), (fd, at, octets), ENOSPC, ENOSPC)
/* clang-format on */

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_openat(int dir_fd, const char *path, int flags, ...);
int __wrap_openat(int dir_fd, const char *path, int flags, ...);

static bool
open_is_refused(int flags)
{
    if (is_refused(FAILING_DESCRIPTORS)) {
        errno = EMFILE;
        return true;
    }
    if ((flags & O_CREAT) && is_refused(FAILING_DISK)) {
        errno = ENOSPC;
        return true;
    }
    return false;
}

/* Passed on whether there was one or not, as the C library itself does. */
static mode_t
mode_of(int flags, va_list args)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

int
__wrap_open(const char *path, int flags, ...)
{
    mode_t mode;
    va_list args;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_is_refused(flags) ? -1 : __real_open(path, flags, mode);
}

int
__wrap_openat(int dir_fd, const char *path, int flags, ...)
{
    mode_t mode;
    va_list args;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    return open_is_refused(flags) ? -1 : __real_openat(dir_fd, path, flags, mode);
}

/* ---- processes, and threads: none is made, the caller turns the core ------------------------------------------- */

pid_t __real_fork(void);
pid_t __wrap_fork(void);

pid_t
__wrap_fork(void)
{
    if (is_refused(FAILING_MEMORY) || self.has_no_children) {
        errno = ENOMEM;
        return -1;
    }
    return __real_fork();
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *arg);
int __wrap_pthread_join(pthread_t thread, void **result);

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *arg)
{
    (void)attributes;
    (void)run;
    (void)arg;
    memset(thread, 0, sizeof(*thread));
    return is_refused(FAILING_MEMORY) ? EAGAIN : 0;
}

int
__wrap_pthread_join(pthread_t thread, void **result)
{
    (void)thread;
    (void)result;
    return 0;
}

#ifdef TESTS_COVERAGE_H
void __real___gcov_dump(void);
void __wrap___gcov_dump(void);

/* What records the coverage of a child that ends is given all it asks for. */
void
__wrap___gcov_dump(void)
{
    bool was_paused = self.is_paused;

    self.is_paused = true;
    __real___gcov_dump();
    self.is_paused = was_paused;
}
#endif

/* ---- LMDB ------------------------------------------------------------------------------------------------------- */

/* It allocates nearly everywhere, and is short of room where it writes. */
static int
lmdb_refuses(bool writes)
{
    if (is_refused(FAILING_MEMORY))
        return ENOMEM;
    return writes && is_refused(FAILING_DISK) ? ENOSPC : 0;
}

#define LMDB(writes, name, parameters, arguments)     \
    int __real_##name parameters;                     \
    int __wrap_##name parameters;                     \
    int __wrap_##name parameters                      \
    {                                                 \
        int code = lmdb_refuses(writes);              \
                                                      \
        return code ? code : __real_##name arguments; \
    }

/* clang-format off */
LMDB(false, mdb_txn_begin, (MDB_env *env, MDB_txn *parent, unsigned flags, MDB_txn **txn), (env, parent, flags, txn))
LMDB(true, mdb_put, (MDB_txn *txn, MDB_dbi table, MDB_val *key, MDB_val *value, unsigned flags),
     (txn, table, key, value, flags))
LMDB(true, mdb_del, (MDB_txn *txn, MDB_dbi table, MDB_val *key, MDB_val *value), (txn, table, key, value))
LMDB(false, mdb_cursor_open, (MDB_txn *txn, MDB_dbi table, MDB_cursor **cursor), (txn, table, cursor))
LMDB(false, mdb_dbi_open, (MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *table), (txn, name, flags, table))
LMDB(false, mdb_env_create, (MDB_env **env), (env))
/* clang-format on */

int __real_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);
int __wrap_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode);
int __real_mdb_txn_commit(MDB_txn *txn);
int __wrap_mdb_txn_commit(MDB_txn *txn);

int
__wrap_mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
    int code = is_refused(FAILING_DESCRIPTORS) ? EMFILE : lmdb_refuses(true);

    return code ? code : __real_mdb_env_open(env, path, flags, mode);
}

int
__wrap_mdb_txn_commit(MDB_txn *txn)
{
    int code = lmdb_refuses(true);

    if (code == 0)
        return __real_mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return code;
}

/* ---- what a run claims ------------------------------------------------------------------------------------------ */

const char *failing_what;

void
failing_claim(bool is_true, const char *text)
{
    if (!is_true && !failing_what)
        failing_what = text;
}

unsigned
failing_open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}
