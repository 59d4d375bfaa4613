/* SPDX-License-Identifier: BSD-2-Clause */
/* Trying things in a child process whose system has less than ours. */
#include "tests/unit/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int
sandbox_run(int (*claim)(void))
{
    int status;
    pid_t child = fork();

    if (child < 0)
        return SANDBOX_SKIP;
    if (child == 0)
        _exit(claim());
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

static bool
write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    if (fd >= 0)
        close(fd);
    return is_done;
}

/* Root over mounts of our own: as root at once, as anybody else in a user namespace. */
static bool
become_root(void)
{
    unsigned uid = geteuid(), gid = getegid();
    char map[64];

    if (uid == 0)
        return unshare(CLONE_NEWNS) == 0;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return false;
    write_file("/proc/self/setgroups", "deny");
    snprintf(map, sizeof(map), "0 %u 1", uid);
    if (!write_file("/proc/self/uid_map", map))
        return false;
    snprintf(map, sizeof(map), "0 %u 1", gid);
    return write_file("/proc/self/gid_map", map);
}

bool
sandbox_mount_tmpfs(const char *dir, const char *options)
{
    return become_root() && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", dir, "tmpfs", 0, options) == 0;
}

bool
sandbox_chroot(const char *dir)
{
    return become_root() && chroot(dir) == 0 && chdir("/") == 0;
}

static bool
install(struct sock_filter *code, unsigned length)
{
    struct sock_fprog program = { .len = (unsigned short)length, .filter = code };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

#define LOAD(offset)              BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define UNLESS_EQUAL(value, skip) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, (skip))
#define RETURN(value)             BPF_STMT(BPF_RET | BPF_K, (uint32_t)(value))

bool
sandbox_refuse_flags(int number, unsigned argument, uint32_t flags, int error)
{
    size_t low = offsetof(struct seccomp_data, args) + argument * sizeof(uint64_t);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    low += sizeof(uint32_t);
#endif
    struct sock_filter code[] = {
        LOAD(offsetof(struct seccomp_data, nr)),
        UNLESS_EQUAL(number, 4),
        LOAD(low),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, flags),
        UNLESS_EQUAL(flags, 1),
        RETURN(SECCOMP_RET_ERRNO | (uint32_t)error),
        RETURN(SECCOMP_RET_ALLOW),
    };

    return install(code, sizeof(code) / sizeof(code[0]));
}

/* The sanitizers make system calls of their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#define IS_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define IS_SANITIZED false
#endif

bool
sandbox_kill_system_calls(void)
{
    struct sock_filter code[] = {
        LOAD(offsetof(struct seccomp_data, nr)),
        UNLESS_EQUAL(SYS_exit_group, 1),
        RETURN(SECCOMP_RET_ALLOW),
        UNLESS_EQUAL(SYS_write, 1),
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_KILL_PROCESS),
    };

    return !IS_SANITIZED && install(code, sizeof(code) / sizeof(code[0]));
}
