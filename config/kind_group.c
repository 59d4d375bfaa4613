/* SPDX-License-Identifier: BSD-2-Clause */
/* The group of an instance's directory, by name or number. */
#include <errno.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>

#include "config/kind.h"

enum { ENTRY_OCTETS_FIRST = 1024, ENTRY_OCTETS_MOST = 1 << 20, NUMBER_DIGITS_MAX = 10 };

/* As group names are, and nothing that a log or a shell would stumble over. A name of digits only is a number. */
static bool
is_name(const char *text)
{
    return text[0] != '-' && text[strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                               "0123456789._-")] == '\0';
}

static bool
take_number(const char *text, gid_t *id)
{
    unsigned long long number;

    if (text[strspn(text, "0123456789")] != '\0' || strlen(text) > NUMBER_DIGITS_MAX)
        return false;
    number = strtoull(text, NULL, 10);
    *id = (gid_t)number;
    return number < (gid_t)-1; /* which chown(2) takes for "leave it" */
}

/* 0; -ENOENT: there is no such group; -ENOMEM; or what the name service had to say. */
static int
find_group(const char *name, gid_t *id)
{
    struct group entry, *found = NULL;
    int code = ERANGE;

    for (size_t octets = ENTRY_OCTETS_FIRST; code == ERANGE && octets <= ENTRY_OCTETS_MOST; octets *= 4) {
        char *text = malloc(octets);

        if (!text)
            return -ENOMEM;
        code = getgrnam_r(name, &entry, text, octets, &found);
        if (found)
            *id = found->gr_gid;
        free(text);
    }
    return found ? 0 : code == 0 ? -ENOENT : -code;
}

/* A group that is not there is no error: the file may be checked on another machine, and the collectors do not ask for
 * it. The agent does not serve the instance without. */
static void
group_load(struct loader *l, const struct field *f, const struct node *n, void *base)
{
    struct config_group group = { .id = CONFIG_GROUP_UNKNOWN };
    const char *text = field_scalar(l, f, n);
    int code;

    if (!text)
        return;
    if (n->length < f->min || n->length > f->max || strlen(text) != n->length || !is_name(text)) {
        field_refuse(l, f, n, NULL);
        return;
    }
    if (text[strspn(text, "0123456789")] == '\0') {
        if (!take_number(text, &group.id)) {
            field_refuse(l, f, n, "no group has this number");
            return;
        }
    } else {
        code = find_group(text, &group.id);
        if (code == -ENOMEM)
            l->error = -ENOMEM;
        else if (code < 0)
            field_warn(l, n,
                       "there is no group \"%s\" on this machine (add it with groupadd, then reload): "
                       "sipmibd will not serve the instance",
                       text);
    }
    group.name = field_copy(l, text);
    memcpy(field_member(f, base), &group, sizeof(group));
}

static void
group_expect(const struct field *f, struct phrase *p)
{
    phrase_add(p, "the name of a group, up to %llu of A-Z a-z 0-9 . _ -, or its number",
               (unsigned long long)f->max);
}

static void
group_dump(const struct field *f, const void *base, FILE *out, unsigned indent)
{
    const struct config_group *group = field_member_const(f, base);

    (void)indent;
    kind_dump_quoted(group->name, out);
}

static bool
group_is_set(const struct field *f, const void *base)
{
    const struct config_group *group = field_member_const(f, base);

    return group->name != NULL;
}

const struct kind kind_group = {
    .load = group_load, .expect = group_expect, .dump = group_dump, .is_set = group_is_set
};
