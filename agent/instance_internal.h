/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the instance share with each other only. */
#ifndef AGENT_INSTANCE_INTERNAL_H
#define AGENT_INSTANCE_INTERNAL_H

#include "agent/instance.h"

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

/* instance_retire.c: if the lane's writer died, take its last copy. True when it did. */
bool instance_check_lane(struct instance *i, struct lane *l, uint64_t now_ns);

/* Read a live lane; on damage it goes no further. */
void instance_refresh_lane(struct instance *i, struct lane *l, uint64_t now_ns);

/* Say which live writers' files are gone since the last look. */
void instance_note_removed(struct instance *i);

/* Register what is new, retain what died, remove what is retained. What cannot be done now is left for the
 * next call. */
void instance_settle(struct instance *i, struct site *site, uint64_t now_ns);

/* Counts were lost. */
void instance_lose(struct instance *i, uint64_t now_ns);

/* instance.c: decide the state from what the lanes show, of all of them or only those known before this
 * agent. */
void instance_decide(struct instance *i, bool known_only, uint64_t now_ns);

#endif
