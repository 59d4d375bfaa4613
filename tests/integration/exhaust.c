/* SPDX-License-Identifier: BSD-2-Clause */
/* Preloaded into a program under test: refuses memory and threads, and makes the clocks strange, as a file says that
 * the test has mapped as well (test_exhausted.py). Memory is told apart by who asks: the program itself with LMDB and
 * libyaml, net-snmp, or others. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum asker { ASKER_OWN = 1, ASKER_NETSNMP = 2, ASKER_OTHER = 4 };
enum { RANGES_MAX = 128 };

/* All 64 bits, in the order that the test writes them. */
struct control {
    _Atomic int64_t askers;          /* whose allocations count */
    _Atomic int64_t after;           /* so many of them go well */
    _Atomic int64_t count;           /* and so many then do not */
    _Atomic int64_t asked, refused;  /* so far */
    _Atomic int64_t real_ns;         /* CLOCK_REALTIME is so much ahead */
    _Atomic int64_t monotonic_ns;    /* CLOCK_MONOTONIC is */
    _Atomic int64_t stands_at_ns;    /* CLOCK_MONOTONIC stands still there; 0: it goes */
    _Atomic int64_t clocks_fail;     /* EPERM, as with a filter of system calls */
    _Atomic int64_t threads_refused; /* 1: no thread can be made */
};

struct range {
    uintptr_t from, to;
    enum asker asker;
};

static struct control nothing, *control = &nothing;
static struct range ranges[RANGES_MAX];
static unsigned n_ranges;

void *__libc_malloc(size_t octets);
void *__libc_calloc(size_t n, size_t octets);
void *__libc_realloc(void *old, size_t octets);

static enum asker
asker_of(const char *path)
{
    if (path[0] == '\0' || strstr(path, "liblmdb") || strstr(path, "libyaml"))
        return ASKER_OWN;
    return strstr(path, "libnetsnmp") ? ASKER_NETSNMP : ASKER_OTHER;
}

static int
note_object(struct dl_phdr_info *info, size_t octets, void *unused)
{
    (void)octets;
    (void)unused;
    for (unsigned k = 0; k < info->dlpi_phnum && n_ranges < RANGES_MAX; k++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[k];

        if (p->p_type == PT_LOAD && (p->p_flags & PF_X))
            ranges[n_ranges++] = (struct range){ .from = info->dlpi_addr + p->p_vaddr,
                                                 .to = info->dlpi_addr + p->p_vaddr + p->p_memsz,
                                                 .asker = asker_of(info->dlpi_name) };
    }
    return 0;
}

static void __attribute__((constructor)) begin(void)
{
    const char *path = getenv("EXHAUST_CONTROL");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(nothing), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    dl_iterate_phdr(note_object, NULL);
    if (map != MAP_FAILED)
        control = map;
}

static bool
is_refused(const void *caller)
{
    enum asker asker = ASKER_OTHER;

    if (control->askers == 0)
        return false;
    for (unsigned k = 0; k < n_ranges; k++)
        if ((uintptr_t)caller >= ranges[k].from && (uintptr_t)caller < ranges[k].to)
            asker = ranges[k].asker;
    if (!(control->askers & asker))
        return false;
    if (atomic_fetch_add(&control->asked, 1) < control->after ||
        atomic_load(&control->asked) > control->after + control->count)
        return false;
    atomic_fetch_add(&control->refused, 1);
    errno = ENOMEM;
    return true;
}

void *
malloc(size_t octets)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(octets);
}

void *
calloc(size_t n, size_t octets)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_calloc(n, octets);
}

void *
realloc(void *old, size_t octets)
{
    return is_refused(__builtin_return_address(0)) ? NULL : __libc_realloc(old, octets);
}

char *
strdup(const char *text)
{
    size_t octets = strlen(text) + 1;
    char *copy = is_refused(__builtin_return_address(0)) ? NULL : __libc_malloc(octets);

    return copy ? memcpy(copy, text, octets) : NULL;
}

/* ---- clocks ----------------------------------------------------------------------------------------------------- */

int
clock_gettime(clockid_t clock, struct timespec *now)
{
    bool is_real = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    bool is_monotonic = clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE;
    int64_t ahead_ns = is_real ? control->real_ns : is_monotonic ? control->monotonic_ns : 0, ns;

    if (control->clocks_fail && (is_real || is_monotonic)) {
        errno = EPERM;
        return -1;
    }
    if (syscall(SYS_clock_gettime, clock, now) != 0)
        return -1;
    ns = (int64_t)now->tv_nsec + ahead_ns % 1000000000;
    now->tv_sec += ahead_ns / 1000000000 + (ns >= 1000000000) - (ns < 0);
    now->tv_nsec = ns < 0 ? ns + 1000000000 : ns % 1000000000;
    if (is_monotonic && control->stands_at_ns)
        *now = (struct timespec){ .tv_sec = control->stands_at_ns / 1000000000,
                                  .tv_nsec = control->stands_at_ns % 1000000000 };
    return 0;
}

int
gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    struct timespec t = { 0, 0 };
    int code = clock_gettime(CLOCK_REALTIME, &t);

    (void)zone;
    *now = (struct timeval){ .tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000 };
    return code;
}

time_t
time(time_t *out)
{
    struct timespec t = { -1, 0 };

    clock_gettime(CLOCK_REALTIME, &t);
    if (out)
        *out = t.tv_sec;
    return t.tv_sec;
}

/* ---- threads ---------------------------------------------------------------------------------------------------- */

#ifdef __GLIBC__
#include <dlfcn.h>

int
pthread_create(pthread_t *restrict thread, const pthread_attr_t *restrict attributes, void *(*run)(void *),
               void *restrict arg)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

    *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return control->threads_refused ? EAGAIN : real(thread, attributes, run, arg);
}
#endif
