/* SPDX-License-Identifier: BSD-2-Clause */
/* What the configuration says of access: the group of an instance, and who may read the collectors' key. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "tests/unit/sandbox.h"
#include "tests/unit/scratch.h"

#define KEY "correct horse"

static struct config *c;
static char *said, *path;
static size_t said_octets;

/* Load a file of that mode whose instance and whose rest say this. */
static int
load(const char *instance, const char *rest, mode_t mode)
{
    char name[PATH_MAX];
    int fd = scratch_file(name), code;
    FILE *complaints = open_memstream(&said, &said_octets);
    struct err e;

    if (fd < 0 ||
        dprintf(fd, "instances:\n  - {name: edge, appl_index: 1, roles: [other]%s}\n%s", instance, rest) <
            0 ||
        fchmod(fd, mode) < 0)
        abort();
    close(fd);
    path = strdup(name);
    code = config_load(path, &c, complaints, &e);
    fclose(complaints);
    unlink(path);
    return code;
}

static void
end(void)
{
    config_free(c);
    free(said);
    free(path);
}

TestSuite(config_access, .fini = end);

static bool
dump_has(const char *text)
{
    char *dumped;
    size_t octets;
    FILE *out = open_memstream(&dumped, &octets);
    bool has;

    config_dump(c, out);
    fclose(out);
    has = strstr(dumped, text) != NULL;
    free(dumped);
    return has;
}

Test(config_access, without_a_group_the_instance_has_that_of_the_runtime_directory)
{
    cr_assert(eq(int, load("", "", 0600), 0));
    cr_assert(eq(ptr, c->instances[0].group.name, NULL));
    cr_assert(not(dump_has("group")));
}

Test(config_access, a_group_is_found_by_its_name)
{
    struct group *first = getgrgid(0);
    char text[64];

    cr_assert(first != NULL);
    snprintf(text, sizeof(text), ", group: %s", first->gr_name);
    cr_assert(eq(int, load(text, "", 0600), 0));
    cr_assert(eq(uint, c->instances[0].group.id, 0));
    snprintf(text, sizeof(text), "group: \"%s\"", first->gr_name);
    cr_assert(dump_has(text));
    cr_assert(eq(sz, said_octets, 0));
}

Test(config_access, a_number_is_a_group_whether_it_has_a_name_or_not)
{
    cr_assert(eq(int, load(", group: 3999999999", "", 0600), 0));
    cr_assert(eq(uint, c->instances[0].group.id, 3999999999u));
    cr_assert(dump_has("group: \"3999999999\""));
    cr_assert(eq(sz, said_octets, 0));
}

Test(config_access, a_group_that_is_not_there_is_warned_of_at_its_place)
{
    cr_assert(eq(int, load(", group: no.such-group", "", 0600), 0));
    cr_assert(eq(uint, c->instances[0].group.id, CONFIG_GROUP_UNKNOWN));
    cr_assert(strstr(said, ":2:56: warning: instances[0].group: there is no group \"no.such-group\"") != NULL,
              "%s", said);
}

Test(config_access, the_number_that_means_none_is_no_group)
{
    cr_assert(eq(int, load(", group: 4294967295", "", 0600), -EINVAL));
    cr_assert(strstr(said, "instances[0].group: expected the name of a group") != NULL);
}

Test(config_access, a_group_has_no_name_that_shells_and_logs_stumble_over)
{
    cr_assert(eq(int, load(", group: \"-x; rm\"", "", 0600), -EINVAL));
}

Test(config_access, a_key_in_a_file_that_everybody_may_read_is_warned_of_and_not_shown)
{
    cr_assert(eq(int, load("", "collectors: {hep: {auth_key: " KEY "}}\n", 0644), 0));
    cr_assert(strstr(said, ":3:30: warning: collectors.hep.auth_key: everybody may read the key") != NULL,
              "%s", said);
    cr_assert(eq(ptr, strstr(said, KEY), NULL));
}

Test(config_access, a_key_in_a_file_of_few_is_not_warned_of)
{
    cr_assert(eq(int, load("", "collectors: {hep: {auth_key: " KEY "}}\n", 0640), 0));
    cr_assert(eq(sz, said_octets, 0));
}

Test(config_access, no_key_in_a_file_of_all_is_not_warned_of)
{
    cr_assert(eq(int, load("", "collectors: {hep: {auth_key: null}}\n", 0644), 0));
    cr_assert(eq(sz, said_octets, 0));
}

Test(config_access, the_key_is_never_dumped)
{
    cr_assert(eq(int, load("", "collectors: {hep: {auth_key: " KEY "}}\n", 0600), 0));
    cr_assert(eq(str, c->hep.auth_key, KEY));
    cr_assert(not(dump_has(KEY)));
    cr_assert(dump_has("(not shown)"));
}

Test(config_access, a_bad_key_is_refused_without_being_quoted)
{
    cr_assert(eq(int, load("", "collectors: {hep: {auth_key: \"" KEY "\\u00e9\"}}\n", 0600), -EINVAL));
    cr_assert(eq(ptr, strstr(said, KEY), NULL));
}

static int
claim_a_key_file_of_another_user_is_no_error(void)
{
    char key[PATH_MAX], rest[PATH_MAX + 64];
    int fd = scratch_file(key), code;

    if (fd < 0 || write(fd, KEY "\n", sizeof(KEY)) < 0 || fchmod(fd, 0) < 0)
        return SANDBOX_SKIP;
    close(fd);
    if (geteuid() == 0 && seteuid(65534) < 0)
        return SANDBOX_SKIP;
    snprintf(rest, sizeof(rest), "collectors: {hep: {auth_key_file: \"%s\"}}\n", key);
    code = load("", rest, 0600);
    if (geteuid() != getuid() && seteuid(0) < 0)
        return SANDBOX_SKIP;
    unlink(key);
    return code == 0 && c->hep.key_is_hidden && !c->hep.auth_key;
}

/* The agent has no use for it; the collector does not start without. */
Test(config_access, a_key_file_of_another_user_is_no_error)
{
    int result = sandbox_run(claim_a_key_file_of_another_user_is_no_error);

    if (result == SANDBOX_SKIP)
        cr_skip_test("not allowed on this machine");
    cr_assert(eq(int, result, true));
}
