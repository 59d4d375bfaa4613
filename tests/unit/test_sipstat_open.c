/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a writer by the public API: defaults, names, versions of the options, refusals. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sipcore/sipstat.h"
#include "tests/unit/scratch.h"

static char dir[PATH_MAX];
static char error[256];
static sipstat_writer *w;
static struct lane_reader r;
static struct err e;

static void
make_dir(void)
{
    scratch_make(dir);
    unsetenv("SIPSTAT_DIR");
    unsetenv("SIPSTAT_INSTANCE");
}

static void
remove_dir(void)
{
    sipstat_close(w);
    scratch_remove(dir);
}

TestSuite(sipstat_open, .init = make_dir, .fini = remove_dir);

static struct sipstat_options
edge(void)
{
    return (struct sipstat_options){ .size = sizeof(struct sipstat_options), .dir = dir, .instance = "edge" };
}

/* Attach the only lane of the instance. */
static bool
attach(const char *instance)
{
    char path[PATH_MAX + 80], name[NAME_MAX + 1];
    int dir_fd, code;

    if (scratch_count(dir, instance, LANE_SUFFIX, name) != 1)
        return false;
    snprintf(path, sizeof(path), "%s/%s", dir, instance);
    dir_fd = open(path, O_RDONLY | O_DIRECTORY);
    code = lane_reader_open(&r, dir_fd, name, &e);
    close(dir_fd);
    return code == 0;
}

static int
open_with(struct sipstat_options o)
{
    return sipstat_open(&w, &o, error, sizeof(error));
}

Test(sipstat_open, takes_the_environment_where_nothing_is_given)
{
    setenv("SIPSTAT_DIR", dir, 1);
    setenv("SIPSTAT_INSTANCE", "from-environment", 1);
    cr_assert(eq(int, sipstat_open(&w, NULL, NULL, 0), 0));
    cr_assert(attach("from-environment"));
    cr_assert(eq(str, (char *)r.header.instance, "from-environment"));
    cr_assert(eq(u32, r.header.ring_octets, LANE_RING_DEFAULT));
    lane_reader_close(&r);
}

Test(sipstat_open, prefers_what_is_given_to_the_environment)
{
    setenv("SIPSTAT_DIR", "/nonexistent", 1);
    setenv("SIPSTAT_INSTANCE", "other", 1);
    cr_assert(eq(int, open_with(edge()), 0));
    cr_assert(eq(uint, scratch_count(dir, "edge", LANE_SUFFIX, NULL), 1));
}

Test(sipstat_open, is_called_default_without_a_name)
{
    setenv("SIPSTAT_DIR", dir, 1);
    setenv("SIPSTAT_INSTANCE", "", 1);
    cr_assert(eq(int, sipstat_open(&w, NULL, NULL, 0), 0));
    cr_assert(eq(uint, scratch_count(dir, "default", LANE_SUFFIX, NULL), 1));
}

Test(sipstat_open, failure_gives_no_writer_and_a_sentence)
{
    struct sipstat_options o = edge();

    o.dir = "/nonexistent";
    w = (sipstat_writer *)dir;
    cr_assert(eq(int, open_with(o), -ENOENT));
    cr_assert(w == NULL);
    cr_assert(
        eq(str, error,
           "runtime directory /nonexistent does not exist: is sipmib installed, or SIPSTAT_DIR right?"));
}

Test(sipstat_open, sentence_is_cut_and_terminated)
{
    struct sipstat_options o = edge();

    o.dir = "/nonexistent";
    cr_assert(eq(int, sipstat_open(&w, &o, error, 8), -ENOENT));
    cr_assert(eq(str, error, "runtime"));
}

Test(sipstat_open, success_empties_the_sentence)
{
    strcpy(error, "old");
    cr_assert(eq(int, open_with(edge()), 0));
    cr_assert(eq(str, error, ""));
}

Test(sipstat_open, takes_every_proper_instance_name)
{
    static const char *const names[] = { "a", "A-Z.a_z09", "0",
                                         "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-abcdefghi" };

    for (unsigned i = 0; i < 4; i++) {
        struct sipstat_options o = edge();

        o.instance = names[i];
        cr_assert(eq(int, open_with(o), 0), "%s", names[i]);
        sipstat_close(w);
    }
    w = NULL;
}

Test(sipstat_open, refuses_an_instance_name_that_is_no_plain_name)
{
    static const char *const names[] = {
        "",    ".",
        "..",  ".hidden",
        "a/b", "../etc",
        "a b", "caf\xc3\xa9",
        "a\n", "abcdefghijklmnopqrstuvwxyz-abcdefghijklmnopqrstuvwxyz-abcdefghij"
    };

    for (unsigned i = 0; i < 10; i++) {
        struct sipstat_options o = edge();

        o.instance = names[i];
        cr_assert(eq(int, open_with(o), -EINVAL), "%s", names[i]);
        cr_assert(strstr(error, "must be 1 to 63 characters of A-Z a-z 0-9 . _ -") != NULL);
    }
}

Test(sipstat_open, refuses_an_instance_name_from_the_environment_too)
{
    setenv("SIPSTAT_INSTANCE", "../etc", 1);
    cr_assert(eq(int, sipstat_open(&w, NULL, error, sizeof(error)), -EINVAL));
}

Test(sipstat_open, refuses_options_without_a_size)
{
    struct sipstat_options o = edge();

    o.size = 0;
    cr_assert(eq(int, open_with(o), -EINVAL));
    o.size = SIZE_MAX;
    cr_assert(eq(int, open_with(o), -EINVAL));
    cr_assert(strstr(error, "sizeof(struct sipstat_options)") != NULL);
}

Test(sipstat_open, takes_options_of_a_version_that_knew_fewer)
{
    struct sipstat_options o = edge();

    o.size = offsetof(struct sipstat_options, software);
    o.ring_octets = UINT32_MAX;
    o.flags = UINT32_MAX;
    cr_assert(eq(int, open_with(o), 0));
}

struct later_options {
    struct sipstat_options known;
    uint64_t later;
};

Test(sipstat_open, takes_options_of_a_later_version_that_are_not_used)
{
    struct later_options o = { .known = edge() };

    o.known.size = sizeof(o);
    cr_assert(eq(int, sipstat_open(&w, &o.known, error, sizeof(error)), 0));
}

Test(sipstat_open, refuses_options_of_a_later_version_that_are_used)
{
    struct later_options o = { .known = edge(), .later = 1 };

    o.known.size = sizeof(o);
    cr_assert(eq(int, sipstat_open(&w, &o.known, error, sizeof(error)), -EINVAL));
}

Test(sipstat_open, refuses_unknown_flags)
{
    struct sipstat_options o = edge();

    o.flags = 4;
    cr_assert(eq(int, open_with(o), -EINVAL));
}

Test(sipstat_open, refuses_too_many_transactions)
{
    struct sipstat_options o = edge();

    o.max_transactions = (1 << 24) + 1;
    cr_assert(eq(int, open_with(o), -EINVAL));
}

Test(sipstat_open, rounds_the_ring_up)
{
    static const uint32_t sizes[][2] = {
        { 1, 16384 }, { 16384, 16384 }, { 16385, 32768 }, { 100000, 131072 }
    };

    for (unsigned i = 0; i < 4; i++) {
        struct sipstat_options o = edge();
        char name[8];

        snprintf(name, sizeof(name), "i%u", i);
        o.instance = name;
        o.ring_octets = sizes[i][0];
        cr_assert(eq(int, open_with(o), 0));
        cr_assert(attach(name));
        cr_assert(eq(u32, r.header.ring_octets, sizes[i][1]));
        lane_reader_close(&r);
        sipstat_close(w);
    }
    w = NULL;
}

Test(sipstat_open, refuses_a_ring_above_64_mebibytes)
{
    struct sipstat_options o = edge();

    o.ring_octets = (64 << 20) + 1;
    cr_assert(eq(int, open_with(o), -EINVAL));
}

Test(sipstat_open, cuts_the_software_name)
{
    struct sipstat_options o = edge();
    char text[200] = { 0 };

    memset(text, 's', sizeof(text) - 1);
    o.software = text;
    cr_assert(eq(int, open_with(o), 0));
    cr_assert(attach("edge"));
    cr_assert(eq(sz, strlen(r.header.software), 63));
    lane_reader_close(&r);
}

Test(sipstat_open, passes_the_flags_on)
{
    struct sipstat_options o = edge();

    o.flags = SIPSTAT_SHARED_TRANSACTIONS | SIPSTAT_COLLECTOR;
    cr_assert(eq(int, open_with(o), 0));
    cr_assert(attach("edge"));
    cr_assert(eq(u32, r.header.flags, LANE_SHARED_TRANSACTIONS | LANE_COLLECTOR));
    lane_reader_close(&r);
}
