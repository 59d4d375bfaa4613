/* SPDX-License-Identifier: BSD-2-Clause */
/* The lanes of one instance that the agent knows. */
#include "agent/lane_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/log.h"
#include "agent/site.h"
#include "sipcore/lane_file.h"

enum { LABEL_OCTETS = 200 };

void
lane_set_init(struct lane_set *s)
{
    *s = (struct lane_set){ .count = 0 };
    (void)lane_file_random(&s->key, sizeof(s->key), NULL); /* without: slower, should somebody mean it */
}

void
lane_set_fini(struct lane_set *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        lane_free(s->lane[i]);
    for (uint32_t i = 0; i < s->n_aside; i++)
        free(s->aside[i].name);
    free(s->lane);
    free(s->aside);
    lane_set_init(s);
}

struct lane *
lane_new(const char *name)
{
    struct lane *l = calloc(1, sizeof(*l));

    if (!l)
        return NULL;
    l->reader.fd = -1;
    if (lane_rename(l, name) == 0)
        return l;
    free(l);
    return NULL;
}

int
lane_rename(struct lane *l, const char *name)
{
    char escaped[LABEL_OCTETS];
    char *label = strdup(log_escape(escaped, sizeof(escaped), name, strlen(name)));
    char *copy = strdup(name);

    if (!label || !copy) {
        free(label);
        free(copy);
        return -ENOMEM;
    }
    free(l->name);
    free(l->label);
    l->name = copy;
    l->label = label;
    return 0;
}

void
lane_free(struct lane *l)
{
    if (!l)
        return;
    lane_reader_close(&l->reader);
    free(l->name);
    free(l->label);
    free(l);
}

uint64_t
lane_messages(const struct lane *l)
{
    const uint64_t *c = l->reader.copy.counters;

    return c[LANE_IN_REQUESTS] + c[LANE_IN_RESPONSES] + c[LANE_OUT_REQUESTS] + c[LANE_OUT_RESPONSES];
}

bool
lane_counts(const struct lane *l)
{
    return l->stage != LANE_RETIRED;
}

bool
lane_is_collector(const struct lane *l)
{
    return (l->reader.header.flags & LANE_COLLECTOR) != 0;
}

static bool
is_older(const struct lane *l, const struct lane *other)
{
    return l->reader.header.started_monotonic_ns < other->reader.header.started_monotonic_ns;
}

/* ---- those attached
 * ---------------------------------------------------------------------------------------------
 */

static struct lane **
list_of_inode(const struct lane_set *s, ino_t inode)
{
    struct siphash h = siphash_start(&s->key);

    siphash_word(&h, inode);
    return (struct lane **)&s->of_inode[siphash_end(&h) % LANE_SET_BUCKETS];
}

static struct lane **
list_of_identity(const struct lane_set *s, const uint8_t identity[LANE_IDENTITY_OCTETS])
{
    struct siphash h = siphash_start(&s->key);

    siphash_octets(&h, span_of(identity, LANE_IDENTITY_OCTETS));
    return (struct lane **)&s->of_identity[siphash_end(&h) % LANE_SET_BUCKETS];
}

int
lane_set_add(struct lane_set *s, struct lane *l)
{
    uint32_t low = 0, high = s->count;
    struct lane **list;

    if (s->count == s->allocated) {
        uint32_t wanted = s->allocated ? s->allocated * 2 : 16;
        struct lane **grown = realloc(s->lane, wanted * sizeof(struct lane *));

        if (!grown)
            return -ENOMEM;
        s->lane = grown;
        s->allocated = wanted;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (is_older(l, s->lane[middle]))
            high = middle;
        else
            low = middle + 1;
    }
    memmove(&s->lane[low + 1], &s->lane[low], (s->count - low) * sizeof(s->lane[0]));
    s->lane[low] = l;
    s->count++;
    list = list_of_inode(s, l->inode);
    l->next_of_inode = *list;
    *list = l;
    list = list_of_identity(s, l->reader.header.identity);
    l->next_of_identity = *list;
    *list = l;
    return 0;
}

void
lane_set_remove(struct lane_set *s, uint32_t i)
{
    struct lane *l = s->lane[i], **at;

    for (at = list_of_inode(s, l->inode); *at != l; at = &(*at)->next_of_inode)
        continue;
    *at = l->next_of_inode;
    for (at = list_of_identity(s, l->reader.header.identity); *at != l; at = &(*at)->next_of_identity)
        continue;
    *at = l->next_of_identity;
    lane_free(l);
    s->count--;
    memmove(&s->lane[i], &s->lane[i + 1], (s->count - i) * sizeof(s->lane[0]));
}

struct lane *
lane_set_find(const struct lane_set *s, dev_t device, ino_t inode)
{
    struct lane *l = *list_of_inode(s, inode);

    while (l && (l->inode != inode || l->device != device))
        l = l->next_of_inode;
    return l;
}

struct lane *
lane_set_find_identity(const struct lane_set *s, const uint8_t identity[LANE_IDENTITY_OCTETS])
{
    struct lane *l = *list_of_identity(s, identity);

    while (l && memcmp(l->reader.header.identity, identity, LANE_IDENTITY_OCTETS) != 0)
        l = l->next_of_identity;
    return l;
}

/* ---- those set aside
 * --------------------------------------------------------------------------------------------
 */

static bool
grow_aside(struct lane_set *s)
{
    uint32_t wanted = s->aside_allocated ? s->aside_allocated * 2 : 8;
    struct lane_aside *grown = realloc(s->aside, wanted * sizeof(*grown));

    if (!grown)
        return false;
    s->aside = grown;
    s->aside_allocated = wanted;
    return true;
}

struct lane_aside *
lane_set_put_aside(struct lane_set *s, const char *name, const struct stat *st)
{
    struct lane_aside *a = lane_set_find_aside(s, name);
    char *copy;

    if (a) {
        if (!lane_aside_is(a, st)) {
            bool is_same_file = a->inode == st->st_ino && a->device == st->st_dev;

            *a = (struct lane_aside){ .name = a->name,
                                      .device = st->st_dev,
                                      .inode = st->st_ino,
                                      .changed = st->st_ctim,
                                      .code = is_same_file ? a->code : 0 };
        }
        return a;
    }
    if (s->n_aside == SITE_ASIDE_MAX || (s->n_aside == s->aside_allocated && !grow_aside(s)) ||
        !(copy = strdup(name))) {
        s->aside_over++;
        return NULL;
    }
    a = &s->aside[s->n_aside++];
    *a = (struct lane_aside){
        .name = copy, .device = st->st_dev, .inode = st->st_ino, .changed = st->st_ctim
    };
    return a;
}

bool
lane_aside_is(const struct lane_aside *a, const struct stat *st)
{
    return a->inode == st->st_ino && a->device == st->st_dev && a->changed.tv_sec == st->st_ctim.tv_sec &&
           a->changed.tv_nsec == st->st_ctim.tv_nsec;
}

struct lane_aside *
lane_set_find_aside(const struct lane_set *s, const char *name)
{
    for (uint32_t i = 0; i < s->n_aside; i++)
        if (strcmp(s->aside[i].name, name) == 0)
            return &s->aside[i];
    return NULL;
}

void
lane_set_drop_aside(struct lane_set *s, struct lane_aside *a)
{
    free(a->name);
    *a = s->aside[--s->n_aside];
}

uint32_t
lane_set_count(const struct lane_set *s, enum lane_stage stage)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->count; i++)
        count += s->lane[i]->stage == stage;
    return count;
}

uint32_t
lane_set_other_abi(const struct lane_set *s)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->n_aside; i++)
        count += s->aside[i].code == -EPROTONOSUPPORT;
    return count;
}
