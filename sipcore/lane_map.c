/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying out of files that strangers may truncate. */
#include "sipcore/lane_map.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>

#if defined(__has_feature)
#define IS_WORD_BY_WORD __has_feature(thread_sanitizer)
#elif defined(__SANITIZE_THREAD__)
#define IS_WORD_BY_WORD 1
#else
#define IS_WORD_BY_WORD 0
#endif

/* Where the copy under way in this thread goes on when a page is gone; NULL: none is under way. */
static _Thread_local sigjmp_buf *volatile way_out;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct sigaction before;
static bool is_guarded;

/* Raised by the very instruction that reads, so that leaving by a jump interrupts nothing but the copy. */
static void
on_sigbus(int number, siginfo_t *info, void *context)
{
    if (way_out && info->si_code > 0)
        siglongjmp(*way_out, 1);
    if (before.sa_flags & SA_SIGINFO)
        before.sa_sigaction(number, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(number);
    else if (before.sa_handler == SIG_DFL || info->si_code > 0) { /* no fault can be ignored */
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void
guard(void)
{
    struct sigaction ours = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO | SA_NODEFER };

    sigemptyset(&ours.sa_mask);
    is_guarded = sigaction(SIGBUS, &ours, &before) == 0;
}

const _Atomic uint64_t *
lane_map_new(int fd, uint64_t octets)
{
    void *map;

    pthread_once(&once, guard);
    if (!is_guarded || IS_WORD_BY_WORD) /* the thread sanitizer does not let a jump end a signal */
        return NULL;
    map = mmap(NULL, octets, PROT_READ, MAP_SHARED, fd, 0);
    return map == MAP_FAILED ? NULL : map;
}

void
lane_map_free(const _Atomic uint64_t *map, uint64_t octets)
{
    if (map)
        munmap((void *)map, octets);
}

#if IS_WORD_BY_WORD

/* A test has the writer's own mapping for the file's. What the writer released as a word, or as its second half, is to
 * be acquired as that; elsewhere the fences of whoever copies do. */
static inline uint64_t
load(const _Atomic uint64_t *word)
{
    uint64_t all = atomic_load_explicit(word, memory_order_acquire);

    (void)atomic_load_explicit((const _Atomic uint32_t *)(const void *)word + 1, memory_order_acquire);
    return all;
}
#else
static inline uint64_t
load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}
#endif

/* Two words in one instruction: aligned as they are, processors tear it between them if anywhere. That is half as long
 * as word by word, and lets twice as many cache misses be under way. */
typedef uint64_t pair __attribute__((vector_size(16), may_alias));

enum { BLOCK_WORDS = 8 };

static inline void
copy_block(uint64_t *to, const _Atomic uint64_t *from)
{
    const volatile pair *source = (const volatile pair *)(const void *)from;
    pair *target = (pair *)(void *)to;

    pair a = source[0], b = source[1], c = source[2], d = source[3];

    target[0] = a;
    target[1] = b;
    target[2] = c;
    target[3] = d;
}

bool
lane_map_copy(uint64_t *to, const _Atomic uint64_t *from, size_t words)
{
    bool is_whole = sizeof(void *) == 8 && ((uintptr_t)to | (uintptr_t)from) % sizeof(pair) == 0;
    sigjmp_buf here;
    size_t i = 0;

    if (sigsetjmp(here, 0) != 0) {
        way_out = NULL;
        return false;
    }
    way_out = &here;
    atomic_signal_fence(memory_order_seq_cst);
    for (; is_whole && !IS_WORD_BY_WORD && i + BLOCK_WORDS <= words; i += BLOCK_WORDS)
        copy_block(&to[i], &from[i]);
    for (; i < words; i++)
        to[i] = load(&from[i]);
    atomic_signal_fence(memory_order_seq_cst);
    way_out = NULL;
    return true;
}
