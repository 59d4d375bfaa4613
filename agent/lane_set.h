/* SPDX-License-Identifier: BSD-2-Clause */
/* The lanes of one instance that the agent knows: those attached, and files set aside. Bookkeeping only;
 * what is done with them is in instance.h. One thread. */
#ifndef AGENT_LANE_SET_H
#define AGENT_LANE_SET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

#include "sipcore/lane_reader.h"
#include "sipcore/siphash.h"
#include "sipcore/tally.h"

enum lane_stage {
    LANE_LIVE,    /* its writer lives: read again and again */
    LANE_DEAD,    /* its writer has gone: the last copy is taken, and waits to be retained */
    LANE_DAMAGED, /* cannot be read any more: the last good copy waits to be retained */
    LANE_RETIRED  /* retained: the file waits to be removed */
};

/* An attached lane. All but the retired count towards the sums. */
struct lane {
    char *name;
    char *label;                                   /* the name as it is fit for a log */
    struct lane *next_of_inode, *next_of_identity; /* in the set's indexes */
    dev_t device;
    ino_t inode;
    enum lane_stage stage;
    bool is_registered;      /* the store knows its identity */
    bool was_known;          /* ... and did so when the agent started */
    bool is_removed;         /* its file was removed while the writer lived, and that was said */
    uint64_t messages;       /* received and sent, as of the last refresh */
    uint64_t heard_messages; /* ... when the state was last decided by them */
    uint64_t look_ns;        /* when it wants to be looked at again before the next tick; 0: it does not */
    uint32_t delay_ms;       /* between attempts to remove the file */
    char reason[200];        /* LANE_DAMAGED: what was wrong */

    /* Its event ring, as instance_follow.c goes through it. */
    struct ring_cursor place; /* read up to */
    struct ring_cursor put;   /* the place that is in the registry's batch */
    struct ring_cursor
        kept; /* the place that is in the registry, or from which on registrations are wanted */
    uint32_t
        kept_id; /* registrar under which the registry has its place, to be forgotten in the end; 0: none */
    bool is_behind;    /* registrations behind `kept` are still to be put */
    bool has_more;     /* the ring was not read to its end the last time */
    bool is_gone;      /* its writer died, and the ring is not read to its end yet */
    bool is_resyncing; /* events were lost: the state is what the copy says, once all is read */
    uint64_t heard;    /* position up to which status and state events were taken, or are none of ours */
    uint64_t counted; /* number of the next record that was not counted as read or lost so far; 0: none was */
    uint64_t gone_ns; /* when its writer was found dead */
    uint32_t declared; /* the state that it declared last, as of `place`; 0: none */
    uint64_t declared_ns;
    struct lane_bindings *parts; /* a set of bindings that has not come to its end yet; NULL: none */
    struct lane *next_in_batch;  /* of those whose place is in the batch */
    bool is_in_batch;

    struct lane_reader reader;
    struct tally_map map; /* its rows in the instance's sums */
};

/* A file that is not served: damaged, of another ABI, a copy; or one that cannot be opened now. */
struct lane_aside {
    char *name;
    dev_t device;
    ino_t inode;
    struct timespec changed; /* the file's, then: an inode number is soon another file's */
    uint64_t retry_ns;       /* try it again then; 0: never */
    uint32_t delay_ms;
    int code; /* the errno that was logged */
    char reason[200];
};

enum { LANE_SET_BUCKETS = 1024 }; /* a list of four, when there are as many lanes as there may be */

struct lane_set {
    struct lane **lane;
    uint32_t count, allocated;
    struct lane_aside *aside;
    uint32_t n_aside, aside_allocated;
    uint64_t aside_over;    /* files set aside since the last look for lanes, but not remembered: no room */
    uint64_t refused;       /* lanes beyond the bounds, as of the last time that the
                          directory was looked through */
    bool is_refusing;       /* said so */
    struct siphash_key key; /* identities are strangers' choice */
    struct lane *of_inode[LANE_SET_BUCKETS];    /* lists of those attached, by the
                                                 hash of their inode ... */
    struct lane *of_identity[LANE_SET_BUCKETS]; /* ... and of their identity */
};

void lane_set_init(struct lane_set *s);

/* Close and forget all lanes; their files stay. */
void lane_set_fini(struct lane_set *s);

/* A lane to be opened, in no set yet; NULL without memory. */
struct lane *lane_new(const char *name);
void lane_free(struct lane *l);

/* Messages received and sent, as of the lane's last copy. */
uint64_t lane_messages(const struct lane *l);

/* True for lanes that count towards the sums. */
bool lane_counts(const struct lane *l);

bool lane_is_collector(const struct lane *l);

/* Add an open lane, which the set then owns, behind those that are older: what a writer reported before it died is read
 * before what the next one does. 0 or -ENOMEM. */
int lane_set_add(struct lane_set *s, struct lane *l);

/* Call it by another name from now on. 0 or -ENOMEM. */
int lane_rename(struct lane *l, const char *name);

/* Take out and free the lane in place `i`; those behind it move up. */
void lane_set_remove(struct lane_set *s, uint32_t i);

/* The lane that is this file, under whatever name; NULL when there is none. */
struct lane *lane_set_find(const struct lane_set *s, dev_t device, ino_t inode);
struct lane *lane_set_find_identity(const struct lane_set *s, const uint8_t identity[LANE_IDENTITY_OCTETS]);

/* Remember a file as set aside, or say more of one that is. The record, or NULL when there is no room. */
struct lane_aside *lane_set_put_aside(struct lane_set *s, const char *name, const struct stat *st);
struct lane_aside *lane_set_find_aside(const struct lane_set *s, const char *name);

/* True when the record is of this very file, as it was then. */
bool lane_aside_is(const struct lane_aside *a, const struct stat *st);
void lane_set_drop_aside(struct lane_set *s, struct lane_aside *a);

/* Files set aside since they are lanes of another ABI version. */
uint32_t lane_set_other_abi(const struct lane_set *s);

/* Lanes at a stage. */
uint32_t lane_set_count(const struct lane_set *s, enum lane_stage stage);

#endif
