/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of bindings that take more than one record: put together, and given to the registry when they are whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/instance_internal.h"

enum {
    SET_OCTETS_MAX = 256 << 10, /* of one set: far more contacts than a user keeps */
    SETS_OCTETS_MAX = 16 << 20, /* of all that an instance has under way */
    RECORD_CONTACTS_MAX = LANE_RECORD_MAX / sizeof(struct lane_contact),
    EXPIRES_DEFAULT_S = 3600 /* RFC 3261 10.2: where neither the registrar nor the configuration says */
};

/* A set under way. Contacts stand as they do in records: those of several records behind one another. */
struct lane_bindings {
    struct ring_cursor start; /* before its first record: what is put again, if need be */
    uint16_t next_part;
    bool is_broken; /* and counted: the rest of it is passed over */
    size_t aor_octets, octets, allocated;
    uint32_t contacts;
    char aor[LANE_AOR_MAX];
    uint8_t *text;
};

static bool continues(const struct lane_bindings *p, const struct ring_event *event);
static bool begin(struct instance *i, struct registry_batch *batch, struct lane *l,
                  const struct ring_event *event);
static bool append(struct instance *i, struct lane_bindings *p, struct registry_batch *batch,
                   const struct ring_event *event);
static void lack_memory(struct registry_batch *batch);
static void put(struct instance *i, struct registry_batch *batch, const struct ring_event *event,
                struct span aor, struct span contacts, uint32_t most);

void
instance_take_bindings(struct instance *i, struct registry_batch *batch, struct lane *l,
                       const struct ring_event *event)
{
    bool is_last = event->bindings.flags & LANE_BINDINGS_LAST;
    struct lane_bindings *p;

    if (l->parts && !continues(l->parts, event))
        instance_break_bindings(i, l);
    if (!l->parts && event->bindings.part == 0 && is_last) {
        put(i, batch, event, event->aor, event->contacts, event->bindings.contacts);
        return;
    }
    if (!l->parts && !begin(i, batch, l, event))
        return;
    p = l->parts;
    if (!p->is_broken && (event->bindings.part != p->next_part || !append(i, p, batch, event))) {
        p->is_broken = true;
        i->bindings_broken++;
    }
    p->next_part = (uint16_t)(event->bindings.part + 1);
    if (!is_last)
        return;
    if (!p->is_broken)
        put(i, batch, event, span_of(p->aor, p->aor_octets), span_of(p->text, p->octets), p->contacts);
    instance_free_bindings(i, l);
}

/* The set is read again, with all that is in the batch. */
static void
lack_memory(struct registry_batch *batch)
{
    registry_fail(batch, -ENOMEM, "put a set of bindings together");
}

/* Whether a record belongs to the set: the next part of it, of the same address-of-record. */
static bool
continues(const struct lane_bindings *p, const struct ring_event *event)
{
    return event->bindings.part != 0 && event->bindings.part == p->next_part &&
           event->aor.length == p->aor_octets && memcmp(event->aor.data, p->aor, p->aor_octets) == 0;
}

/* A set whose first part is missing begins, too: broken, so that the rest of it counts no second time. */
static bool
begin(struct instance *i, struct registry_batch *batch, struct lane *l, const struct ring_event *event)
{
    struct lane_bindings *p;

    if (event->aor.length > LANE_AOR_MAX) {
        i->bindings_broken++;
        return false;
    }
    p = calloc(1, sizeof(*p));
    if (!p) {
        lack_memory(batch);
        return false;
    }
    p->start = l->place;
    p->start.position -= event->record.octets;
    p->start.next_sequence = event->record.sequence;
    p->aor_octets = event->aor.length;
    memcpy(p->aor, event->aor.data, event->aor.length);
    l->parts = p;
    return true;
}

/* False when the set is too large. */
static bool
append(struct instance *i, struct lane_bindings *p, struct registry_batch *batch,
       const struct ring_event *event)
{
    size_t octets = p->octets + event->contacts.length;

    if (octets > SET_OCTETS_MAX)
        return false;
    if (octets > p->allocated) {
        size_t wanted = octets * 2;
        uint8_t *grown;

        if (i->sets_octets + wanted - p->allocated > SETS_OCTETS_MAX)
            return false;
        grown = realloc(p->text, wanted);

        if (!grown) {
            lack_memory(batch);
            return true;
        }
        i->sets_octets += wanted - p->allocated;
        p->text = grown;
        p->allocated = wanted;
    }
    if (event->contacts.length > 0)
        memcpy(p->text + p->octets, event->contacts.data, event->contacts.length);
    p->octets = octets;
    p->contacts += event->bindings.contacts;
    return true;
}

static void
put(struct instance *i, struct registry_batch *batch, const struct ring_event *event, struct span aor,
    struct span contacts, uint32_t most)
{
    uint32_t expires_s = i->config->registrar.default_expiry_s, count = 0;
    struct lane_binding few[RECORD_CONTACTS_MAX], *binding = few;

    few[0] = (struct lane_binding){ .expires_s = 0 }; /* of an empty set, too */
    if (most > RECORD_CONTACTS_MAX)
        binding = malloc(most * sizeof(*binding));
    if (!binding) {
        lack_memory(batch);
        return;
    }
    binding[0] = (struct lane_binding){ 0 };
    while (count < most && ring_contact_next(&contacts, &binding[count]))
        count++;
    registry_put_bindings(batch, i->registry_id, aor, binding, count,
                          expires_s ? expires_s : EXPIRES_DEFAULT_S, event->record.time_ns);
    if (binding != few)
        free(binding);
}

void
instance_break_bindings(struct instance *i, struct lane *l)
{
    if (l->parts && !l->parts->is_broken)
        i->bindings_broken++;
    instance_free_bindings(i, l);
}

const struct ring_cursor *
instance_safe_place(const struct lane *l)
{
    return l->parts ? &l->parts->start : &l->place;
}

void
instance_free_bindings(struct instance *i, struct lane *l)
{
    if (l->parts) {
        i->sets_octets -= l->parts->allocated;
        free(l->parts->text);
    }
    free(l->parts);
    l->parts = NULL;
}
