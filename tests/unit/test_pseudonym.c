/* SPDX-License-Identifier: BSD-2-Clause */
/* Pseudonyms: the same for the same user and key, and nothing else in them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/pseudonym.h"
#include "tests/unit/scratch.h"

/* By openssl(1): printf alice@example.com | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f */
#define KNOWN_KEY  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
#define KNOWN_NAME "a59fc578d4cb46faab1d6eb348e7c74b"

static char dir[PATH_MAX];
static struct err e;
static struct pseudonym *p;

static void
begin(void)
{
    log_init("test", LOG_LEVEL_ERROR, false);
    scratch_make(dir);
}

static void
end(void)
{
    pseudonym_free(p);
    scratch_remove(dir);
}

TestSuite(pseudonym, .init = begin, .fini = end);

static const char *
path_of(const char *name)
{
    static char path[PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void
write_key(const void *data, size_t octets)
{
    int fd = open(path_of(PSEUDONYM_KEY_FILE), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    cr_assert(eq(int, (int)write(fd, data, octets), (int)octets));
    close(fd);
}

static void
open_it(void)
{
    pseudonym_free(p);
    p = pseudonym_new(dir, &e);
    cr_assert(p != NULL, "%s", e.text);
}

static const char *
name_of(const char *uri)
{
    static char names[4][PSEUDONYM_OCTETS];
    static unsigned turn;
    char *to = names[turn++ % 4];

    cr_assert(eq(sz, pseudonym_of(p, span_string(uri), to), strlen(to)));
    return to;
}

Test(pseudonym, is_the_hmac_of_the_canonical_address)
{
    write_key(KNOWN_KEY, sizeof(KNOWN_KEY) - 1);
    open_it();
    cr_assert_str_eq(name_of("sip:alice@example.com"), KNOWN_NAME "@pseudonym.invalid");
}

Test(pseudonym, is_the_same_for_every_spelling)
{
    open_it();
    cr_assert_str_eq(name_of("sip:alice@example.com"), name_of("SIP:%61lice@EXAMPLE.com;transport=tcp"));
    cr_assert_str_eq(name_of("sip:alice@example.com"), name_of("alice@example.com"));
}

Test(pseudonym, tells_users_apart)
{
    open_it();
    cr_assert_str_neq(name_of("sip:alice@example.com"), name_of("sip:bob@example.com"));
}

Test(pseudonym, is_the_same_after_a_restart)
{
    char before[PSEUDONYM_OCTETS];

    open_it();
    strcpy(before, name_of("sip:alice@example.com"));
    open_it();
    cr_assert_str_eq(name_of("sip:alice@example.com"), before);
}

Test(pseudonym, is_another_under_another_key)
{
    char before[PSEUDONYM_OCTETS];

    open_it();
    strcpy(before, name_of("sip:alice@example.com"));
    cr_assert(eq(int, unlink(path_of(PSEUDONYM_KEY_FILE)), 0));
    open_it();
    cr_assert_str_neq(name_of("sip:alice@example.com"), before);
}

Test(pseudonym, keeps_its_key_from_others)
{
    struct stat st;

    umask(0);
    open_it();
    cr_assert(eq(int, stat(path_of(PSEUDONYM_KEY_FILE), &st), 0));
    cr_assert(eq(uint, st.st_mode & 07777, 0600));
    cr_assert(eq(int, (int)st.st_size, 65));
    cr_assert(ne(int, access(path_of(PSEUDONYM_KEY_FILE ".new"), F_OK), 0));
}

Test(pseudonym, closes_a_key_that_was_open_to_others)
{
    struct stat st;

    write_key(KNOWN_KEY, sizeof(KNOWN_KEY) - 1);
    chmod(path_of(PSEUDONYM_KEY_FILE), 0644);
    open_it();
    cr_assert(eq(int, stat(path_of(PSEUDONYM_KEY_FILE), &st), 0));
    cr_assert(eq(uint, st.st_mode & 07777, 0600));
    cr_assert_str_eq(name_of("sip:alice@example.com"), KNOWN_NAME "@pseudonym.invalid");
}

Test(pseudonym, sets_aside_what_is_no_key)
{
    static const char *const bad[] = { "", "0", "no key at all\n", KNOWN_KEY "more" };

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct stat st;

        write_key(bad[i], strlen(bad[i]));
        open_it();
        cr_assert(eq(int, stat(path_of(PSEUDONYM_KEY_FILE ".damaged"), &st), 0));
        cr_assert(eq(int, (int)st.st_size, (int)strlen(bad[i])));
        cr_assert(eq(int, stat(path_of(PSEUDONYM_KEY_FILE), &st), 0));
        cr_assert(eq(int, (int)st.st_size, 65), "and makes a new one");
    }
}

Test(pseudonym, follows_no_symbolic_link)
{
    cr_assert(eq(int, symlink("/dev/zero", path_of(PSEUDONYM_KEY_FILE)), 0));
    open_it();
    cr_assert(eq(int, access(path_of(PSEUDONYM_KEY_FILE ".damaged"), F_OK), 0));
}

Test(pseudonym, goes_on_for_a_run_where_no_key_can_be_kept)
{
    p = pseudonym_new("/nonexistent", &e);
    cr_assert(p != NULL);
    cr_assert_str_eq(name_of("sip:alice@example.com"), name_of("sip:alice@example.com"));
}

Test(pseudonym, stands_in_a_header_without_name_and_parameters)
{
    char to[PSEUDONYM_OCTETS + 8], expected[PSEUDONYM_OCTETS + 8];
    size_t octets;

    open_it();
    octets = pseudonym_header(p, span_string("\"Alice\" <sip:alice@example.com>;tag=1928301774"), to);
    snprintf(expected, sizeof(expected), "<sip:%s>", name_of("sip:alice@example.com"));
    cr_assert_str_eq(to, expected);
    cr_assert(eq(sz, octets, strlen(expected)));
    pseudonym_header(p, span_string("sip:alice@example.com;tag=x"), to);
    cr_assert_str_eq(to, expected);
}

Test(pseudonym, stands_for_a_header_that_cannot_be_read)
{
    char to[PSEUDONYM_OCTETS + 8];

    open_it();
    cr_assert(gt(sz, pseudonym_header(p, span_string("\"Alice <sip:alice@example.com"), to), 40));
    cr_assert(strstr(to, "alice") == NULL);
}
