/* SPDX-License-Identifier: BSD-2-Clause */
/* Taking up lanes, and setting aside what cannot be taken up. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/instance_internal.h"
#include "agent/log.h"
#include "sipcore/fault.h"

enum { RETRY_FIRST_MS = 1000, RETRY_MOST_MS = 60000 };

static bool is_lane_name(const char *name);
static bool is_known(struct instance *i, const char *name, const struct stat *st);
static bool has_room(struct instance *i, const struct site *site);
static int open_lane(struct instance *i, struct site *site, struct lane *l, struct err *e);
static void set_aside(struct instance *i, const char *name, const struct stat *st, int code,
                      const char *reason, uint64_t now_ns);
static bool is_passing(int code);

void
instance_attach(struct instance *i, struct site *site, const char *name, uint64_t now_ns)
{
    struct lane_aside *aside;
    struct err e = { "" };
    struct lane *l;
    struct stat st;
    int code;

    if (!is_lane_name(name) || i->dir_fd < 0)
        return;
    if (fstatat(i->dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        i->must_search |= errno != ENOENT;
        instance_detach_aside(i, name);
        return;
    }
    aside = lane_set_find_aside(&i->lanes, name);
    if (aside && lane_aside_is(aside, &st) && (aside->retry_ns == 0 || aside->retry_ns > now_ns))
        return;
    if (is_known(i, name, &st) || !has_room(i, site))
        return;
    l = lane_new(name);
    code = l ? open_lane(i, site, l, &e) : err_set(&e, -ENOMEM, "no memory for a lane");
    if (code == 0) {
        instance_detach_aside(i, name);
        site->lanes++;
        i->must_settle = true;
        i->poll_ns = now_ns; /* without lanes there was nothing to poll */
        site_look_at(site, now_ns);
        fault_point("attach.added");
        log_line(LOG_LEVEL_DEBUG, LOG_LANE, "instance %s: lane %s attached, pid %lld", i->name, l->label,
                 (long long)l->reader.header.pid);
        return;
    }
    lane_free(l);
    if (code != -ENOENT)
        set_aside(i, name, &st, code, e.text, now_ns);
}

static bool
is_lane_name(const char *name)
{
    size_t octets = strlen(name), suffix = sizeof(LANE_SUFFIX) - 1;

    return octets > suffix && name[0] != '.' && strcmp(name + octets - suffix, LANE_SUFFIX) == 0;
}

/* Whether the file is attached. One that was renamed goes on under its new
 * name; one of two names is a copy. */
static bool
is_known(struct instance *i, const char *name, const struct stat *st)
{
    struct lane *l = lane_set_find(&i->lanes, st->st_dev, st->st_ino);
    struct stat old;

    if (!l || strcmp(l->name, name) == 0)
        return l != NULL;
    if (fstatat(i->dir_fd, l->name, &old, AT_SYMLINK_NOFOLLOW) == 0 && old.st_ino == l->inode &&
        old.st_dev == l->device)
        return false;
    if (lane_rename(l, name) == 0)
        instance_detach_aside(i, name);
    return true;
}

/* The last of the agent's room is for instances that have little of it: no one
 * can take all. */
static bool
has_room(struct instance *i, const struct site *site)
{
    bool is_small = i->lanes.count < SITE_SMALL_LANES;

    if (i->lanes.count < SITE_INSTANCE_LANES_MAX &&
        site->lanes < SITE_LANES_MAX - (is_small ? 0 : SITE_LANES_KEPT)) {
        i->lanes.is_refusing = false;
        return true;
    }
    i->lanes.refused++;
    if (!i->lanes.is_refusing)
        instance_say(i, LOG_LEVEL_ERROR, LOG_LANE,
                     ": more lanes than the agent takes (%d of an instance, %d in "
                     "all): their counts are missing",
                     SITE_INSTANCE_LANES_MAX, SITE_LANES_MAX);
    i->lanes.is_refusing = true;
    return false;
}

/* Open it, see that it belongs here and is not counted already, and add it. */
static int
open_lane(struct instance *i, struct site *site, struct lane *l, struct err *e)
{
    enum store_lane stage = STORE_LANE_UNKNOWN;
    const struct lane *twin;
    char escaped[256];
    struct stat st;
    int code = lane_reader_open(&l->reader, i->dir_fd, l->name, e);

    fault_point("attach.opened");
    if (code < 0)
        return code;
    if (fstat(l->reader.fd, &st) < 0)
        return err_sys(e, -errno, "cannot look at it");
    l->device = st.st_dev;
    l->inode = st.st_ino;
    if (strcmp(l->reader.header.instance, i->name) != 0)
        return err_set(e, -EBADMSG, "it says that it is of instance \"%s\"",
                       log_escape(escaped, sizeof(escaped), l->reader.header.instance,
                                  strnlen(l->reader.header.instance, LANE_TEXT_OCTETS)));
    twin = lane_set_find_identity(&i->lanes, l->reader.header.identity);
    if (twin)
        return err_set(e, -EBADMSG, "it is a copy of %s", twin->label);
    if (site->store)
        stage = store_lane(site->store, i->name, l->reader.header.identity);
    if (stage == STORE_LANE_UNREADABLE) /* counted twice, if it is retired */
        return err_set(e, -EAGAIN, "the store cannot tell whether its counts are kept already");
    if (stage == STORE_LANE_RETIRED && lane_reader_alive(&l->reader))
        return err_set(e, -EBADMSG, "it was damaged before, and its counts up to then are kept");
    l->stage = stage == STORE_LANE_RETIRED ? LANE_RETIRED : LANE_LIVE;
    l->is_registered = l->was_known = stage == STORE_LANE_ATTACHED;
    code = instance_follow_begin(i, site, l, e);
    if (code < 0)
        return code;
    if (lane_set_add(&i->lanes, l) < 0)
        return err_set(e, -ENOMEM, "no memory for a lane");
    return 0;
}

/* Say it once for each file and kind of trouble; of another ABI version there may be as many as there are writers: once
 * for all of them. */
static void
set_aside(struct instance *i, const char *name, const struct stat *st, int code, const char *reason,
          uint64_t now_ns)
{
    struct lane_aside *a = lane_set_put_aside(&i->lanes, name, st);
    const char *remedy = "look at the file, then remove it";
    char escaped[256];
    bool is_new;

    i->must_search |= !a && is_passing(code);
    if (!a)
        return;
    if (is_passing(code)) {
        a->delay_ms = a->delay_ms ? a->delay_ms * 2 : RETRY_FIRST_MS;
        if (a->delay_ms > RETRY_MOST_MS)
            a->delay_ms = RETRY_MOST_MS;
        a->retry_ns = now_ns + (uint64_t)a->delay_ms * 1000000u;
        remedy = "trying again";
    } else {
        a->retry_ns = 0;
    }
    if (code == -EACCES || code == -EPERM)
        remedy = "is sipmibd's user in the group of the file? trying again";
    else if (code == -EMFILE || code == -ENFILE)
        remedy = "raise the limit on open files (LimitNOFILE); trying again";
    else if (code == -EPROTONOSUPPORT)
        remedy = "its counts are left out, and others' of its kind; upgrade the "
                 "older of sipmibd and the SIP "
                 "server's libsipstat, then restart that server";
    is_new = a->code != code && (code != -EPROTONOSUPPORT || lane_set_other_abi(&i->lanes) == 0);
    snprintf(a->reason, sizeof(a->reason), "%.190s", reason);
    if (is_new)
        instance_say(i, LOG_LEVEL_WARNING, LOG_LANE, ": lane %s set aside: %s; %s",
                     log_escape(escaped, sizeof(escaped), name, strlen(name)), reason, remedy);
    a->code = code;
}

/* Trouble that is not the file's own. */
static bool
is_passing(int code)
{
    return code != -EBADMSG && code != -EPROTONOSUPPORT;
}

void
instance_detach_aside(struct instance *i, const char *name)
{
    struct lane_aside *a = lane_set_find_aside(&i->lanes, name);

    if (a)
        lane_set_drop_aside(&i->lanes, a);
}

void
instance_retry_aside(struct instance *i, struct site *site, uint64_t now_ns)
{
    char name[256];

    for (uint32_t k = i->lanes.n_aside; k-- > 0;) {
        if (k >= i->lanes.n_aside || i->lanes.aside[k].retry_ns > now_ns)
            continue;
        /* What never will be tried again as it is is, when it changed. Attaching may move the record. */
        snprintf(name, sizeof(name), "%s", i->lanes.aside[k].name);
        instance_attach(i, site, name, now_ns);
    }
}
