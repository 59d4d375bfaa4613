/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads SETs that are written as text, and tries them in all orders. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/mib_set_fixture.h"

enum { PLAN_OCTETS = 200 };

struct attempt {
    const struct set_case *c;
    uint32_t rows_free;
    size_t order[SET_VARBINDS]; /* of the varbinds as they are sent */
    size_t count;
};

static void object_of(const char *object, struct mib_oid *oid);
static void add_numbers(struct mib_oid *oid, const char *text);
static void add_index(struct mib_oid *oid, const char *text);
static size_t octets_of(const char *text, uint8_t octets[SET_OCTETS_MAX]);
static bool holds_in_all_orders(struct attempt *t, size_t fixed);
static void swap(size_t *a, size_t *b);
static bool holds(const struct attempt *t);
static size_t place_at_fault(const struct attempt *t);
static void print_plan(const struct mib_change *changes, size_t count, char *text, size_t size);
static void print_change(const struct mib_change *c, char *text, size_t size);
static int compare_lines(const void *a, const void *b);

bool
set_case_holds(const struct set_case *c, uint32_t rows_free)
{
    struct attempt t = { .c = c, .rows_free = rows_free };

    for (; t.count < SET_VARBINDS && c->varbind[t.count].object != NULL; t.count++)
        t.order[t.count] = t.count;
    return holds_in_all_orders(&t, 0);
}

struct mib_assignment
set_parse(const struct set_varbind *v, struct mib_oid *oid, uint8_t octets[SET_OCTETS_MAX])
{
    struct mib_assignment a = { .wire = MIB_WIRE_OTHER };

    object_of(v->object, oid);
    add_index(oid, v->index);
    a.id = oid->id;
    a.length = oid->length;
    switch (v->value[0]) {
    case 'i': a.wire = MIB_WIRE_INTEGER; break;
    case 'u': a.wire = MIB_WIRE_UNSIGNED32; break;
    case 'x': a.wire = MIB_WIRE_OCTETS; break;
    default: return a;
    }
    if (a.wire == MIB_WIRE_OCTETS)
        a.octets = span_of(octets, octets_of(v->value + 1, octets));
    else
        a.number = strtoll(v->value + 1, NULL, 10);
    return a;
}

static void
object_of(const char *object, struct mib_oid *oid)
{
    oid->length = 0;
    for (size_t t = 0; t < mib_n_tables; t++)
        for (size_t c = 0; c < mib_tables[t]->n_columns; c++) {
            if (strcmp(mib_tables[t]->columns[c].object, object) != 0)
                continue;
            memcpy(oid->id, mib_tables[t]->oid, mib_tables[t]->oid_len * sizeof(oid->id[0]));
            oid->length = mib_tables[t]->oid_len;
            oid->id[oid->length++] = mib_tables[t]->columns[c].id;
            return;
        }
    add_numbers(oid, object);
}

static void
add_numbers(struct mib_oid *oid, const char *text)
{
    char *end;

    if (text[0] == '\0')
        return;
    if (text[0] < '0' || text[0] > '9')
        abort(); /* a name that is none */
    for (; oid->length < MIB_OID_MAX; text = end + 1) {
        oid->id[oid->length++] = (uint32_t)strtoul(text, &end, 10);
        if (*end != '.')
            break;
    }
}

static void
add_index(struct mib_oid *oid, const char *text)
{
    const char *method = strchr(text, '/'), *code;

    if (method == NULL) {
        add_numbers(oid, text);
        return;
    }
    method++;
    code = strchr(method, '/') + 1;
    oid->id[oid->length++] = (uint32_t)strtoul(text, NULL, 10);
    oid->id[oid->length++] = (uint32_t)(code - 1 - method);
    for (; *method != '/'; method++)
        oid->id[oid->length++] = (uint8_t)*method;
    oid->id[oid->length++] = (uint32_t)strtoul(code, NULL, 10);
}

static size_t
octets_of(const char *text, uint8_t octets[SET_OCTETS_MAX])
{
    size_t length = 0;
    unsigned octet;

    for (; length < SET_OCTETS_MAX && sscanf(text, "%2x", &octet) == 1; text += 2)
        octets[length++] = (uint8_t)octet;
    return length;
}

static bool
holds_in_all_orders(struct attempt *t, size_t fixed)
{
    bool ok = true;

    if (fixed + 1 >= t->count)
        return holds(t);
    for (size_t i = fixed; i < t->count && ok; i++) {
        swap(&t->order[fixed], &t->order[i]);
        ok = holds_in_all_orders(t, fixed + 1);
        swap(&t->order[fixed], &t->order[i]);
    }
    return ok;
}

static void
swap(size_t *a, size_t *b)
{
    size_t kept = *a;

    *a = *b;
    *b = kept;
}

static bool
holds(const struct attempt *t)
{
    struct mib_assignment a[SET_VARBINDS];
    struct mib_oid oid[SET_VARBINDS];
    uint8_t octets[SET_VARBINDS][SET_OCTETS_MAX];
    struct mib_change changes[SET_VARBINDS];
    char plan[SET_VARBINDS * PLAN_OCTETS] = "";
    size_t n_changes = 99, failed_at = 99;
    enum mib_set_error error;

    for (size_t i = 0; i < t->count; i++)
        a[i] = set_parse(&t->c->varbind[t->order[i]], &oid[i], octets[i]);
    error = mib_set_check(&mib_fixture_view, t->rows_free, a, t->count, changes, &n_changes, &failed_at);
    if (error == MIB_SET_OK)
        print_plan(changes, n_changes, plan, sizeof(plan));
    if (error == t->c->error && error == MIB_SET_OK && strcmp(plan, t->c->outcome) == 0)
        return true;
    if (error == t->c->error && error != MIB_SET_OK && failed_at == place_at_fault(t) && n_changes == 0)
        return true;
    fprintf(stderr, "%s: expected error %d %s, got error %d at %zu, plan \"%s\"; order", t->c->rule,
            t->c->error, t->c->outcome, error, failed_at, plan);
    for (size_t i = 0; i < t->count; i++)
        fprintf(stderr, " %c", (char)('a' + t->order[i]));
    fprintf(stderr, "\n");
    return false;
}

static size_t
place_at_fault(const struct attempt *t)
{
    size_t first = t->count, last = t->count;

    for (size_t i = 0; i < t->count; i++) {
        if (strchr(t->c->outcome, (int)('a' + t->order[i])) != NULL && first == t->count)
            first = i;
        if (strchr(t->c->outcome, (int)('A' + t->order[i])) != NULL)
            last = i;
    }
    return first < t->count ? first : last;
}

static void
print_plan(const struct mib_change *changes, size_t count, char *text, size_t size)
{
    char line[SET_VARBINDS][PLAN_OCTETS];
    size_t used = 0;

    for (size_t c = 0; c < count; c++)
        print_change(&changes[c], line[c], sizeof(line[c]));
    qsort(line, count, sizeof(line[0]), compare_lines);
    for (size_t c = 0; c < count; c++)
        used += (size_t)snprintf(text + used, size - used, c == 0 ? "%s" : "; %s", line[c]);
}

static void
print_change(const struct mib_change *c, char *text, size_t size)
{
    int used;

    if (c->kind == MIB_CHANGE_NOTIFY_ENABLE) {
        snprintf(text, size, "%" PRIu32 " enable=%u", c->appl_index, c->notify_enable);
        return;
    }
    used = snprintf(text, size, "%" PRIu32 "/%.*s/%" PRIu32 "%s%s", c->appl_index, (int)c->method_octets,
                    c->method, c->code, c->creates ? " create" : "", c->destroys ? " destroy" : "");
    if ((c->sets & MIB_SETS_NOTIFY) != 0)
        used += snprintf(text + used, size - (size_t)used, " send=%d", c->notify);
    if ((c->sets & MIB_SETS_EMIT) != 0)
        used += snprintf(text + used, size - (size_t)used, " emit=%u", c->emit);
    if ((c->sets & MIB_SETS_THRESHOLD) != 0)
        used += snprintf(text + used, size - (size_t)used, " thresh=%" PRIu32, c->threshold);
    if ((c->sets & MIB_SETS_INTERVAL) != 0)
        snprintf(text + used, size - (size_t)used, " interval=%" PRIu32, c->interval_s);
}

static int
compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}
