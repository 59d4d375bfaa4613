/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the instance share with each other only. */
#ifndef AGENT_INSTANCE_INTERNAL_H
#define AGENT_INSTANCE_INTERNAL_H

#include "agent/instance.h"
#include "agent/log.h"

/* instance_say.c: a line of the log: "instance NAME" and the text, which begins
 * with what follows the name. At most as many as the instance's share allows.
 */
void instance_say(struct instance *i, enum log_level level, enum log_topic topic, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Once a second: say how many were more than that. */
void instance_say_held_back(struct instance *i);

/* instance_directory.c: open, make and watch the directory; attach every lane in it. */
void instance_directory_look(struct instance *i, struct site *site);
void instance_directory_close(struct instance *i, struct site *site);
void instance_scan(struct instance *i, struct site *site, uint64_t now_ns);

/* instance_attach.c: take up the file `name` if it is a lane, and not known. */
void instance_attach(struct instance *i, struct site *site, const char *name, uint64_t now_ns);

/* Forget a file set aside that is gone. */
void instance_detach_aside(struct instance *i, const char *name);

/* Try again the files that could not be opened, when their time has come, and those that changed since. */
void instance_retry_aside(struct instance *i, struct site *site, uint64_t now_ns);

/* instance_retire.c: if the lane's writer died, read its ring to the end and take its last copy. True when that is
 * done; a ring too long for one time is gone on with at the next look. */
bool instance_check_lane(struct instance *i, struct site *site, struct lane *l, uint64_t now_ns);

/* Read a live lane; on damage it goes no further. */
void instance_refresh_lane(struct instance *i, struct lane *l, uint64_t now_ns);

/* A live lane cannot be read any more: it goes no further. */
void instance_damage_lane(struct instance *i, struct lane *l, const char *reason, uint64_t now_ns);

/* Say which live writers' files are gone since the last look. */
void instance_note_removed(struct instance *i);

/* Register what is new, retain what died, remove what is retained. What cannot be done now is left for the
 * next call. */
void instance_settle(struct instance *i, struct site *site, uint64_t now_ns);

/* Counts were lost. */
void instance_lose(struct instance *i, uint64_t now_ns);

/* instance_follow.c: begin to follow the ring of a lane that is being attached. 0; -EBADMSG and `e` set: damaged. */
int instance_follow_begin(struct instance *i, struct site *site, struct lane *l, struct err *e);

/* Begin another turn: rings may be read again as far as the instance's share of
 * it goes. A start and an end may read far more: what died in the dark is known
 * to be dead then. */
void instance_follow_more(struct instance *i);
void instance_follow_all(struct instance *i);

/* Read a bounded part of one lane. True when it was read to its end. */
bool instance_follow_lane(struct instance *i, struct site *site, struct lane *l, uint64_t now_ns);

/* instance_bindings.c: take in a record of a set of bindings; complete sets go into the batch. */
void instance_take_bindings(struct instance *i, struct registry_batch *batch, struct lane *l,
                            const struct ring_event *event);

/* The set that is not complete will never be. */
void instance_break_bindings(struct instance *i, struct lane *l);

/* Where the set began that is not complete yet; else where the ring was read up to. */
const struct ring_cursor *instance_safe_place(const struct lane *l);
void instance_free_bindings(struct instance *i, struct lane *l);

/* instance_notify.c: begin; follow the configuration. */
void instance_notify_begin(struct instance *i, const struct site *site);
void instance_notify_configure(struct instance *i, const struct site *site);

/* A response was recorded on the lane. */
void instance_hear_status(struct instance *i, struct site *site, struct lane *l,
                          const struct ring_event *event, uint64_t now_ns);

/* Once a second, after the lanes were read: thresholds, floods that are over. */
void instance_notify_tick(struct instance *i, uint64_t now_ns);

/* instance_state.c: the lane that is being followed declared another state. */
void instance_hear_state(struct instance *i, const struct lane *l, uint64_t now_ns);

/* instance_state.c: decide the state from what the lanes show, of all of them or only those known before this
 * agent. */
void instance_decide(struct instance *i, bool known_only, uint64_t now_ns);

#endif
