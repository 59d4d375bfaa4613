/* SPDX-License-Identifier: BSD-2-Clause */
/* How lanes come to be: complete and locked before they are seen, on any system, whatever is missing; and
 * what becomes of them over fork(2). What changes the process (its root, its system calls) is tried in a
 * child. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sipcore/sipstat.h"
#include "tests/unit/scratch.h"
#include "tests/unit/sandbox.h"

static char dir[PATH_MAX];
static struct lane_writer w;
static struct err e;

static void
make_dir(void)
{
    scratch_make(dir);
}

static void
remove_dir(void)
{
    scratch_remove(dir);
}

TestSuite(lane_file, .init = make_dir, .fini = remove_dir);
TestSuite(lane_fork, .init = make_dir, .fini = remove_dir);

static int
open_sized(uint32_t ring_octets)
{
    struct lane_writer_options options = { .dir = dir, .instance = "edge", .ring_octets = ring_octets };

    return lane_writer_open(&w, &options, &e);
}

static int
open_lane(void)
{
    return open_sized(LANE_RING_MIN);
}

/* Look at "edge", or at the file whose name ends in `suffix` below it. */
static struct stat
look(const char *suffix)
{
    char path[2 * PATH_MAX], name[NAME_MAX + 1] = "";
    struct stat st = { 0 };

    if (suffix)
        scratch_count(dir, "edge", suffix, name);
    snprintf(path, sizeof(path), "%s/edge/%s", dir, name);
    cr_assert(eq(int, lstat(path, &st), 0));
    return st;
}

/* Attach the only lane there is. */
static bool
attach(struct lane_reader *r)
{
    char path[PATH_MAX + 8], name[NAME_MAX + 1];
    int dir_fd, code;

    if (scratch_count(dir, "edge", LANE_SUFFIX, name) != 1)
        return false;
    snprintf(path, sizeof(path), "%s/edge", dir);
    dir_fd = open(path, O_RDONLY | O_DIRECTORY);
    code = lane_reader_open(r, dir_fd, name, &e);
    close(dir_fd);
    return code == 0;
}

/* The claim is true in a child, or cannot be tried on this machine. */
static void
holds_in_child(int (*claim)(void))
{
    int result = sandbox_run(claim);

    if (result == SANDBOX_SKIP) {
        remove_dir(); /* a test that is skipped is not cleaned up after */
        cr_skip_test("not allowed on this machine");
    }
    cr_assert(eq(int, result, true));
}

/* ---- files and modes
 * -------------------------------------------------------------------------------------------- */

Test(lane_file, directory_has_its_mode_whatever_the_umask)
{
    umask(077);
    cr_assert(eq(int, open_lane(), 0));
    cr_assert(eq(uint, look(NULL).st_mode & 07777, 02770));
    lane_writer_close(&w);
}

Test(lane_file, lane_is_readable_by_the_group_whatever_the_umask)
{
    umask(077);
    cr_assert(eq(int, open_lane(), 0));
    cr_assert(eq(uint, look(LANE_SUFFIX).st_mode & 07777, 0640));
    cr_assert(eq(uint, look(LANE_INTEREST_NAME).st_mode & 07777, 0640));
    lane_writer_close(&w);
}

Test(lane_file, leaves_an_existing_directory_as_it_is)
{
    char path[PATH_MAX + 8];

    snprintf(path, sizeof(path), "%s/edge", dir);
    mkdir(path, 0700);
    cr_assert(eq(int, open_lane(), 0));
    cr_assert(eq(uint, look(NULL).st_mode & 07777, 0700));
    lane_writer_close(&w);
}

Test(lane_file, every_octet_is_allocated)
{
    cr_assert(eq(int, open_lane(), 0));
    cr_assert(ge(i64, look(LANE_SUFFIX).st_blocks * 512, look(LANE_SUFFIX).st_size));
    cr_assert(eq(i64, look(LANE_SUFFIX).st_size, (int64_t)w.map_octets));
    lane_writer_close(&w);
}

Test(lane_file, name_is_sixteen_hexadecimal_digits)
{
    char name[NAME_MAX + 1];

    cr_assert(eq(int, open_lane(), 0));
    cr_assert(eq(uint, scratch_count(dir, "edge", LANE_SUFFIX, name), 1));
    cr_assert(eq(sz, strspn(name, "0123456789abcdef"), 16));
    cr_assert(eq(sz, strlen(name), 16 + sizeof(LANE_SUFFIX) - 1));
    lane_writer_close(&w);
}

Test(lane_file, stays_when_its_writer_closes)
{
    struct lane_reader r;

    cr_assert(eq(int, open_lane(), 0));
    lane_writer_close(&w);
    cr_assert(attach(&r));
    cr_assert(not(lane_reader_alive(&r)));
    lane_reader_close(&r);
}

Test(lane_file, two_writers_of_one_process_have_a_lane_each)
{
    struct lane_writer_options options = { .dir = dir, .instance = "edge", .ring_octets = LANE_RING_MIN };
    struct lane_writer second;

    cr_assert(eq(int, open_lane(), 0));
    cr_assert(eq(int, lane_writer_open(&second, &options, &e), 0));
    cr_assert(eq(uint, scratch_count(dir, "edge", LANE_SUFFIX, NULL), 2));
    lane_writer_close(&second);
    lane_writer_close(&w);
}

Test(lane_file, leaves_no_descriptor_but_the_lock_open)
{
    int before = dup(0), after;

    close(before);
    cr_assert(eq(int, open_lane(), 0));
    after = dup(0);
    cr_assert(le(int, after, before + 1));
    close(after);
    lane_writer_close(&w);
    after = dup(0);
    cr_assert(eq(int, after, before));
    close(after);
}

/* ---- refusals
 * --------------------------------------------------------------------------------------------------- */

Test(lane_file, missing_runtime_directory_says_so)
{
    char real[PATH_MAX];

    strcpy(real, dir);
    strcat(dir, "/none");
    cr_assert(eq(int, open_lane(), -ENOENT));
    cr_assert(strstr(e.text, "/none does not exist: is sipmib installed, or SIPSTAT_DIR right?") != NULL);
    cr_assert(not(lane_writer_attached(&w)));
    strcpy(dir, real);
}

Test(lane_file, runtime_directory_that_is_a_link_is_refused)
{
    char real[PATH_MAX], link[PATH_MAX + 8];

    snprintf(link, sizeof(link), "%s/link", dir);
    cr_assert(eq(int, symlink(dir, link), 0));
    strcpy(real, dir);
    strcat(dir, "/link");
    cr_assert(eq(int, open_lane(), -ENOTDIR));
    cr_assert(strstr(e.text, "symbolic link") != NULL);
    strcpy(dir, real);
}

Test(lane_file, instance_directory_that_is_a_link_is_refused)
{
    char link[PATH_MAX + 8];

    snprintf(link, sizeof(link), "%s/edge", dir);
    cr_assert(eq(int, symlink("/tmp", link), 0));
    cr_assert(eq(int, open_lane(), -ENOTDIR));
    cr_assert(strstr(e.text, "/edge: cannot open the directory: Not a directory") != NULL);
}

static int
claim_missing_permission_says_what_to_do(void)
{
    if (geteuid() != 0)
        chmod(dir, 0555);
    else if (chmod(dir, 0755) < 0 || setgid(65534) < 0 || setuid(65534) < 0)
        return SANDBOX_SKIP;
    return open_lane() == -EACCES && strstr(e.text, "start sipmibd first");
}

Test(lane_file, missing_permission_says_what_to_do)
{
    holds_in_child(claim_missing_permission_says_what_to_do);
}

static int
claim_file_size_limit_is_an_error_and_no_signal(void)
{
    struct rlimit limit = { .rlim_cur = 4096, .rlim_max = 4096 };

    setrlimit(RLIMIT_FSIZE, &limit);
    return open_lane() == -EFBIG && strstr(e.text, "file size limit is 4096");
}

Test(lane_file, file_size_limit_is_an_error_and_no_signal)
{
    holds_in_child(claim_file_size_limit_is_an_error_and_no_signal);
    cr_assert(eq(uint, scratch_count(dir, "edge", "", NULL), 2), "something beside . and .. was left");
}

static int
claim_full_file_system_is_an_error_and_leaves_nothing(void)
{
    if (!sandbox_mount_tmpfs(dir, "size=256k"))
        return SANDBOX_SKIP;
    return open_sized(1 << 20) == -ENOSPC && strstr(e.text, "cannot allocate") &&
           scratch_count(dir, "edge", "", NULL) == 2 && open_lane() == 0;
}

Test(lane_file, full_file_system_is_an_error_and_leaves_nothing)
{
    holds_in_child(claim_full_file_system_is_an_error_and_leaves_nothing);
}

static int
claim_too_few_descriptors_is_an_error_and_leaves_nothing(void)
{
    for (int spare = 1; spare < 3; spare++) {
        struct rlimit limit = { .rlim_max = 1024 };
        int first = dup(0);

        close(first);
        limit.rlim_cur = (rlim_t)(first + spare);
        if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
            return SANDBOX_SKIP;
        if (open_lane() == 0)
            return spare == 2; /* the directory, and the file until it is mapped */
        limit.rlim_cur = 1024;
        setrlimit(RLIMIT_NOFILE, &limit);
        if (scratch_count(dir, "edge", LANE_SUFFIX, NULL) + scratch_count(dir, "edge", ".tmp", NULL) != 0)
            return false;
    }
    return true;
}

Test(lane_file, too_few_descriptors_is_an_error_and_leaves_nothing)
{
    holds_in_child(claim_too_few_descriptors_is_an_error_and_leaves_nothing);
}

static void
on_alarm(int signal)
{
    (void)signal;
}

Test(lane_file, interval_timer_does_not_disturb)
{
    struct itimerval often = { .it_interval.tv_usec = 100, .it_value.tv_usec = 100 }, never = { 0 };
    struct sigaction action = { .sa_handler = on_alarm };
    int code;

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    code = open_sized(16 << 20);
    setitimer(ITIMER_REAL, &never, NULL);
    cr_assert(eq(int, code, 0), "%s", e.text);
    lane_writer_close(&w);
}

/* ---- where the system has less
 * ---------------------------------------------------------------------------------- */

/* A lane that a reader takes, and no other file. */
static bool
is_lane_made(void)
{
    struct lane_reader r;
    bool is_good = open_lane() == 0 && attach(&r) && lane_reader_alive(&r);

    return is_good && scratch_count(dir, "edge", "", NULL) == 4 && r.copy.methods == METHOD_IANA_COUNT;
}

static int
claim_works_without_nameless_files(void)
{
    if (!sandbox_refuse_flags(SYS_openat, 2, __O_TMPFILE, EOPNOTSUPP))
        return SANDBOX_SKIP;
    return is_lane_made();
}

Test(lane_file, works_without_nameless_files)
{
    holds_in_child(claim_works_without_nameless_files);
}

static int
claim_works_without_nameless_files_and_exclusive_rename(void)
{
    if (!sandbox_refuse_flags(SYS_openat, 2, __O_TMPFILE, EOPNOTSUPP) ||
        !sandbox_refuse_flags(SYS_renameat2, 4, 1, EINVAL))
        return SANDBOX_SKIP;
    return is_lane_made();
}

Test(lane_file, works_without_nameless_files_and_exclusive_rename)
{
    holds_in_child(claim_works_without_nameless_files_and_exclusive_rename);
}

static int
claim_works_without_proc(void)
{
    if (!sandbox_chroot(dir))
        return SANDBOX_SKIP;
    strcpy(dir, "/");
    return is_lane_made();
}

Test(lane_file, works_without_proc)
{
    holds_in_child(claim_works_without_proc);
}

/* ---- interest
 * --------------------------------------------------------------------------------------------------- */

static struct lane_interest *
open_interest(void)
{
    char path[PATH_MAX + 32];
    void *p;
    int fd;

    snprintf(path, sizeof(path), "%s/edge/%s", dir, LANE_INTEREST_NAME);
    fd = open(path, O_RDWR);
    cr_assert(ge(int, fd, 0));
    p = mmap(NULL, LANE_INTEREST_OCTETS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return p;
}

Test(lane_file, interest_set_later_shows_by_itself)
{
    struct lane_interest *interest;

    cr_assert(eq(int, open_lane(), 0));
    cr_assert(not(lane_wants_code(&w, 486)));
    interest = open_interest();
    atomic_fetch_or(&interest->codes[(486 - 100) / 64], 1ull << (486 - 100) % 64);
    cr_assert(lane_wants_code(&w, 486));
    cr_assert(not(lane_wants_code(&w, 485)));
    cr_assert(not(lane_wants_code(&w, 487)));
    lane_writer_close(&w);
}

Test(lane_file, interest_of_codes_that_are_none_is_never_asked)
{
    cr_assert(eq(int, open_lane(), 0));
    memset(open_interest()->codes, 0xff, sizeof(w.interest->codes));
    cr_assert(lane_wants_code(&w, 100));
    cr_assert(lane_wants_code(&w, 999));
    cr_assert(not(lane_wants_code(&w, 99)));
    cr_assert(not(lane_wants_code(&w, 1000)));
    lane_writer_close(&w);
}

/* Put something in the place of the interest file, and open a lane beside it. */
static bool
is_opened_beside(mode_t kind, off_t octets)
{
    char path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/edge", dir);
    mkdir(path, 0770);
    snprintf(path, sizeof(path), "%s/edge/%s", dir, LANE_INTEREST_NAME);
    if (mknod(path, kind | 0600, 0) < 0 || (kind == S_IFREG && truncate(path, octets) < 0))
        return false;
    return open_lane() == 0 && w.interest_map == NULL && !lane_wants_code(&w, 486);
}

Test(lane_file, interest_that_is_too_short_is_no_interest)
{
    cr_assert(is_opened_beside(S_IFREG, 100));
    lane_writer_close(&w);
}

Test(lane_file, interest_without_its_magic_is_no_interest)
{
    cr_assert(is_opened_beside(S_IFREG, LANE_INTEREST_OCTETS));
    lane_writer_close(&w);
}

Test(lane_file, interest_that_is_a_fifo_does_not_block)
{
    cr_assert(is_opened_beside(S_IFIFO, 0));
    lane_writer_close(&w);
}

/* ---- fork
 * ------------------------------------------------------------------------------------------------------- */

static int
claim_child_has_no_writer_and_harms_nothing(void)
{
    bool is_off = !lane_writer_attached(&w) && w.map == NULL;

    lane_writer_close(&w);
    return is_off;
}

Test(lane_fork, child_has_no_writer_and_harms_nothing)
{
    struct lane_reader r;
    cr_assert(eq(int, open_lane(), 0));
    lane_count(&w, LANE_DISCARDED);
    holds_in_child(claim_child_has_no_writer_and_harms_nothing);
    cr_assert(attach(&r));
    cr_assert(lane_reader_alive(&r));
    cr_assert(eq(u64, r.copy.counters[LANE_DISCARDED], 1));
    lane_count(&w, LANE_DISCARDED);
    cr_assert(eq(int, lane_reader_refresh(&r, &e), 0));
    cr_assert(eq(u64, r.copy.counters[LANE_DISCARDED], 2));
    lane_writer_close(&w);
    lane_reader_close(&r);
}

Test(lane_fork, lock_ends_with_the_parent_while_the_child_lives)
{
    struct lane_reader r;
    int ready[2], ended;
    char octet;
    pid_t child;

    cr_assert(eq(int, open_lane(), 0));
    cr_assert(attach(&r));
    cr_assert(eq(int, pipe(ready), 0));
    child = fork();
    if (child == 0) {
        if (write(ready[1], "", 1) == 1)
            pause();
        _exit(0);
    }
    cr_assert(eq(int, (int)read(ready[0], &octet, 1), 1));
    cr_assert(lane_reader_alive(&r));
    lane_writer_close(&w);
    cr_assert(not(lane_reader_alive(&r)));
    kill(child, SIGKILL);
    waitpid(child, &ended, 0);
    lane_reader_close(&r);
}

static int
claim_child_opens_a_lane_of_its_own(void)
{
    lane_writer_close(&w);
    return open_lane() == 0 && scratch_count(dir, "edge", LANE_SUFFIX, NULL) == 2;
}

Test(lane_fork, child_opens_a_lane_of_its_own)
{
    cr_assert(eq(int, open_lane(), 0));
    holds_in_child(claim_child_opens_a_lane_of_its_own);
    lane_writer_close(&w);
}

static int
claim_killed_writer_is_dead_at_once(void)
{
    if (open_lane() == 0)
        raise(SIGKILL);
    return false;
}

static void *
open_and_close(void *unused)
{
    struct lane_writer_options options = { .dir = dir, .instance = "edge", .ring_octets = LANE_RING_MIN };
    struct lane_writer own;

    for (unsigned i = 0; i < 100; i++)
        if (lane_writer_open(&own, &options, NULL) == 0)
            lane_writer_close(&own);
    return unused;
}

/* How many lanes of "edge" somebody still holds the lock of, -1 when there are none at all. */
static int
count_locked(void)
{
    char path[PATH_MAX + 8];
    struct lane_reader r;
    struct dirent *entry;
    int locked = -1;
    DIR *d;

    snprintf(path, sizeof(path), "%s/edge", dir);
    d = opendir(path);
    while ((entry = readdir(d))) {
        if (!strstr(entry->d_name, LANE_SUFFIX) || lane_reader_open(&r, dirfd(d), entry->d_name, NULL) < 0)
            continue;
        locked = (locked < 0 ? 0 : locked) + lane_reader_alive(&r);
        lane_reader_close(&r);
    }
    closedir(d);
    return locked;
}

Test(lane_fork, no_lock_leaks_into_a_child_made_while_another_thread_opens)
{
    pid_t children[30];
    pthread_t thread;
    int status, locked;

    cr_assert(eq(int, pthread_create(&thread, NULL, open_and_close, NULL), 0));
    for (unsigned i = 0; i < 30; i++) {
        children[i] = fork();
        if (children[i] == 0)
            for (;;)
                pause();
        sched_yield();
    }
    pthread_join(thread, NULL);
    locked = count_locked();
    for (unsigned i = 0; i < 30; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], &status, 0);
    }
    cr_assert(eq(int, locked, 0));
}

Test(lane_fork, killed_writer_is_dead_at_once)
{
    struct lane_reader r;
    int result = sandbox_run(claim_killed_writer_is_dead_at_once);

    cr_assert(eq(int, result, false));
    cr_assert(attach(&r));
    cr_assert(not(lane_reader_alive(&r)));
    lane_reader_close(&r);
}
