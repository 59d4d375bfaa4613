/* SPDX-License-Identifier: BSD-2-Clause */
/* The interest file, as a writer sees it. */
#include "sipcore/lane_interest.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sipcore/lane_file.h"

static const struct lane_interest nothing;

/* Whose files are mapped: whoever can write a file can also truncate it, and the next look at it is SIGBUS then. */
struct trust {
    uid_t agent; /* who owns the runtime directory */
    uid_t self;
};

static struct trust
trust_of(int dir_fd)
{
    struct trust t = { .agent = geteuid(), .self = geteuid() };
    struct stat st, own;

    if (fstatat(dir_fd, "..", &st, 0) < 0)
        return t;
    t.agent = st.st_uid;
    /* Mounted by itself, as into a container: what is above is not the agent's there. Sticky: the agent made it. */
    if (fstat(dir_fd, &own) == 0 && own.st_dev != st.st_dev && (own.st_mode & S_ISVTX))
        t.agent = own.st_uid;
    return t;
}

static bool
is_trusted(const struct trust *t, const struct stat *st)
{
    if (st->st_uid == t->self)
        return true; /* the mask of its list looks like the group's right to write */
    return (st->st_uid == t->agent || st->st_uid == 0) && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

void
lane_interest_name(char name[LANE_INTEREST_NAME_OCTETS], uid_t user)
{
    snprintf(name, LANE_INTEREST_NAME_OCTETS, "%s.%u", LANE_INTEREST_NAME, (unsigned)user);
}

/* Let the agent write the file, and nobody else but its owner: not the group, whose other members are writers, too.
 * Where the file system has no such lists the agent says that it cannot. */
static void
admit_agent(int fd, uid_t agent)
{
    struct {
        struct posix_acl_xattr_header header;
        struct posix_acl_xattr_entry entries[5];
    } list = {
        .header.a_version = htole32(POSIX_ACL_XATTR_VERSION),
        .entries = {
            { htole16(ACL_USER_OBJ), htole16(ACL_READ | ACL_WRITE), htole32((uint32_t)ACL_UNDEFINED_ID) },
            { htole16(ACL_USER), htole16(ACL_READ | ACL_WRITE), htole32(agent) },
            { htole16(ACL_GROUP_OBJ), htole16(ACL_READ), htole32((uint32_t)ACL_UNDEFINED_ID) },
            { htole16(ACL_MASK), htole16(ACL_READ | ACL_WRITE), htole32((uint32_t)ACL_UNDEFINED_ID) },
            { htole16(ACL_OTHER), 0, htole32((uint32_t)ACL_UNDEFINED_ID) },
        },
    };

    _Static_assert(sizeof(list) == 4 + 5 * 8, "as the kernel lays it out");
    fsetxattr(fd, "system.posix_acl_access", &list, sizeof(list), 0);
}

/* Whatever goes wrong here means only that the file will be looked for once more. */
static void
make_file(int dir_fd, const char *name, const struct trust *t)
{
    static const struct lane_interest empty = { .magic = LANE_INTEREST_MAGIC, .abi = LANE_ABI };
    struct lane_file f;

    if (lane_file_begin(&f, dir_fd, 0640, LANE_INTEREST_OCTETS, NULL) < 0)
        return;
    if (t->agent != t->self)
        admit_agent(f.fd, t->agent);
    if (lane_file_write(&f, &empty, sizeof(empty), 0, NULL) == 0)
        lane_file_publish(&f, name, NULL);
    lane_file_end(&f);
}

/* Only what is wholly there is mapped: to touch a page beyond the end of a file is SIGBUS. */
static bool
is_valid(int fd, const struct trust *t)
{
    struct lane_interest head;
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_trusted(t, &st) &&
           st.st_size >= LANE_INTEREST_OCTETS && pread(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head) &&
           head.magic == LANE_INTEREST_MAGIC && lane_abi_is_read(head.abi);
}

static int
open_file(int dir_fd, const char *name, const struct trust *t)
{
    /* O_NONBLOCK: a FIFO of this name must not hold up the SIP process. */
    int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

    if (fd < 0 || is_valid(fd, t))
        return fd;
    close(fd);
    errno = EBADMSG;
    return -1;
}

/* The agent's file; else one of this user's own, which the agent finds and writes as well. */
static int
open_or_make(int dir_fd)
{
    struct trust t = trust_of(dir_fd);
    char name[LANE_INTEREST_NAME_OCTETS] = LANE_INTEREST_NAME;
    int fd = open_file(dir_fd, name, &t);

    if (fd >= 0)
        return fd;
    if (t.agent != t.self) {
        lane_interest_name(name, t.self);
        fd = open_file(dir_fd, name, &t);
    }
    if (fd >= 0 || errno != ENOENT)
        return fd;
    make_file(dir_fd, name, &t);
    return open_file(dir_fd, name, &t);
}

const struct lane_interest *
lane_interest_map(int dir_fd, void **map)
{
    int fd = open_or_make(dir_fd);

    *map = NULL;
    if (fd >= 0) {
        void *p = mmap(NULL, LANE_INTEREST_OCTETS, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

        *map = p == MAP_FAILED ? NULL : p;
        close(fd);
    }
    return *map ? *map : &nothing;
}

void
lane_interest_unmap(void *map)
{
    if (map)
        munmap(map, LANE_INTEREST_OCTETS);
}
