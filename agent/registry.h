/* SPDX-License-Identifier: BSD-2-Clause */
/* Registered users and their contacts, of all instances, in an LMDB environment of its own in the runtime directory.
 * The core thread writes, in batches that come true at once or not at all, each together with how far the rings were
 * read: so an agent that is killed goes on exactly where its last batch ended. Other threads read, by key.
 *
 *   users      (registrar, user index)                    -> address-of-record, failures, how many contacts ...
 *   names      (hash of registrar and address-of-record)  -> user index
 *   contacts   (registrar, user index, contact index)     -> URI, display name, expiry ...
 *   deadlines  (time, registrar, user, contact)           -> nothing: what ends next stands first
 *   places     (registrar, lane identity)                 -> position in its ring
 *
 * A user is there while a contact is, and REGISTRY_FAILURE_S after a failed authentication. Indexes of users grow by
 * one for ever (per registrar, from 1), those of contacts for ever within their user, and begin again after
 * 4294967295, passing over those in use: none is used again soon. */
#ifndef AGENT_REGISTRY_OF_USERS_H /* net-snmp has an AGENT_REGISTRY_H of its own */
#define AGENT_REGISTRY_OF_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/pseudonym.h"
#include "agent/store_pages.h"
#include "mib/registrations.h"
#include "sipcore/err.h"
#include "sipcore/lane.h"
#include "sipcore/lane_binding.h"
#include "sipcore/lane_reader.h"

#define REGISTRY_NAME "registrations.mdb" /* the directory */

enum {
    REGISTRY_FAILURE_S = 3600, /* how long a user without contacts is kept after the last failure */
    REGISTRY_STRANGERS_MAX =
        100000,                 /* users without contacts, of one registrar: no more are made by failures */
    REGISTRY_CONTACTS_MAX = 64, /* of one user; more are counted and left out */
};

/* Reference-counted: a snapshot that is still read keeps its registry open. */
struct registry;
struct registry_batch;

/* Times of what is put. */
struct registry_clock {
    uint64_t now_ns;  /* CLOCK_MONOTONIC */
    uint64_t unix_ns; /* CLOCK_REALTIME at the same moment */
};

struct registry_stats {
    uint64_t users, contacts; /* now; users with at least one contact */
    uint64_t strangers;       /* users that are there for their failures only */
    uint64_t octets, octets_max;
    uint64_t batches, errors;
    uint64_t expired;        /* contacts whose time was up */
    uint64_t contacts_over;  /* beyond REGISTRY_CONTACTS_MAX */
    uint64_t strangers_over; /* beyond REGISTRY_STRANGERS_MAX */
    uint64_t refused_full;   /* sets of bindings of which something was left out for want of room */
    bool is_full;            /* after the last batch there was hardly any room left */
    char last_error[256];
};

/* Open or make it. As store_open(): -EBADMSG damaged: registry_set_aside() and open again; -EPROTONOSUPPORT made by a
 * newer version; -EBUSY: this process still reads the same files (a registry that was given up), again in a moment;
 * others as the system says. What is of another boot is forgotten. A child process looks through all rows first, some
 * 0.3 s for a million contacts; else nothing here reads all of it. */
int registry_open(struct registry **out, const char *runtime_dir, int runtime_fd, struct err *e);
int registry_set_aside(const char *runtime_dir, int runtime_fd, struct err *e);
struct registry *registry_take(struct registry *r);
void registry_release(struct registry *r); /* NULL is fine */

/* Are its files still those in the runtime directory, and is it sound? Otherwise release it and open anew. */
bool registry_is_sound(struct registry *r, int runtime_fd);

/* What was read of it is not what it should be: set it aside before that. */
bool registry_is_damaged(const struct registry *r);

/* ---- the core thread */

/* The number that the registry knows an instance by, made when it is new: stable while the registry lives, never 0.
 * 0, or a negative errno and `e` set. */
int registry_instance(struct registry *r, const char *name, uint32_t *id, struct err *e);

/* Forget all users of an instance (it is configured no longer to keep any): at once; registry_expire() removes their
 * rows by and by. Not while a batch is open, and neither is registry_instance(). */
int registry_clear(struct registry *r, uint32_t id, struct err *e);

/* A batch. Failures stick: registry_commit() fails with the first, and nothing of the batch is kept. */
int registry_begin(struct registry *r, const struct registry_clock *clock, struct registry_batch **out,
                   struct err *e);

/* These are now all bindings of `aor` (as the writer gave it), accepted at `accepted_unix_ns` (0, and what is to
 * come: now). Those whose expires_s is LANE_EXPIRES_UNKNOWN get `default_expires_s`; 0 and what is past already
 * count as not there. A contact is the same as before when its +sip.instance and reg-id are (both given), else when
 * its URI is, octet for octet. One that is listed with the expiry that it had (to a second), with less time left
 * than it was given, and nothing else new was not refreshed by this message: it stays as it is. Where there is
 * hardly any room (the file system or the map is nearly full) what is new is left out (refused_full), and the batch
 * goes on: the next refresh heals it. */
void registry_put_bindings(struct registry_batch *b, uint32_t id, struct span aor,
                           const struct lane_binding *contacts, size_t count, uint32_t default_expires_s,
                           uint64_t accepted_unix_ns);

/* An authentication failed. Counts for a user that is there, or makes one without contacts, unless it was more than
 * REGISTRY_FAILURE_S ago. */
void registry_put_failure(struct registry_batch *b, uint32_t id, struct span aor, uint64_t failed_unix_ns);

/* What was to be put could not be made (no memory): let the batch fail with that, a negative errno, so that all of it
 * is read again. */
void registry_fail(struct registry_batch *b, int code, const char *doing);

/* Where a lane's ring was read up to; false when that is not known. A lane that is gone: forget. get tells what was
 * committed. */
void registry_put_place(struct registry_batch *b, uint32_t id, const uint8_t identity[LANE_IDENTITY_OCTETS],
                        const struct ring_cursor *place);
bool registry_get_place(struct registry *r, uint32_t id, const uint8_t identity[LANE_IDENTITY_OCTETS],
                        struct ring_cursor *place);
void registry_forget_place(struct registry_batch *b, uint32_t id,
                           const uint8_t identity[LANE_IDENTITY_OCTETS]);

/* Remove what is over, at most `max` of it, and fewer where there is hardly any room left. Returns how many; whether
 * more is due, registry_next_ns() tells after the commit. */
unsigned registry_expire(struct registry_batch *b, unsigned max);

/* When the next one is due, CLOCK_MONOTONIC; UINT64_MAX: none. */
uint64_t registry_next_ns(const struct registry *r);

/* End the batch. 0, or a negative errno (-ENOSPC: full) and `e` set. */
int registry_commit(struct registry_batch *b, struct err *e);

/* Users with at least one contact, as of the last batch. */
uint32_t registry_users(const struct registry *r, uint32_t id);

void registry_stats_get(const struct registry *r, struct registry_stats *stats);

/* How full its pages are; zeros when that cannot be told. Costs a transaction that reads. */
void registry_pages_get(struct registry *r, struct store_pages *pages);

/* ---- one other thread */

/* A reader: `mib` is what views point to. Takes a reference. Begins to read at the first question after
 * registry_reader_end(), and sees the registry as it was then. */
struct registry_reader;
struct registry_reader *registry_reader_new(const struct pseudonym *pseudonym);
void registry_reader_free(struct registry_reader *r);

/* Read this registry from now on (NULL: nothing is there), as of `now_ns`: what is over by then is not seen. */
struct mib_registrations *registry_reader_begin(struct registry_reader *r, struct registry *of,
                                                uint64_t now_ns);

/* Let go of what is held, so that its pages can be used again; soon, at the end of each request. */
void registry_reader_end(struct registry_reader *r);

#endif
