/* SPDX-License-Identifier: BSD-2-Clause */
/* The transaction table: find, queues, deadlines, eviction; and a long random walk against a plain model. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "sipcore/trans.h"

static const uint32_t waits[TRANS_QUEUES] = {
    [TRANS_TRYING] = 32000, [TRANS_PROCEEDING] = 181000, [TRANS_LINGER] = 32000, [TRANS_LINGER_SHORT] = 5000
};

static struct trans_table t;

static struct trans_key
key_of(uint64_t n)
{
    return (struct trans_key){ { n * 0x9e3779b97f4a7c15u, n } };
}

static struct trans *
add(uint64_t n, enum trans_queue queue, uint32_t now_ms)
{
    struct trans_key key = key_of(n);

    return trans_add(&t, &key, queue, now_ms);
}

static struct trans *
find(uint64_t n)
{
    struct trans_key key = key_of(n);

    return trans_find(&t, &key);
}

static void
start(uint32_t max)
{
    struct err e;

    cr_assert(eq(int, trans_init(&t, max, waits, &e), 0));
}

Test(trans, finds_what_was_added_until_it_is_forgotten)
{
    start(10);
    for (uint64_t n = 1; n <= 10; n++)
        cr_assert(ne(ptr, add(n, TRANS_TRYING, 0), NULL));
    cr_expect(trans_is_full(&t));
    for (uint64_t n = 1; n <= 10; n++)
        cr_expect(eq(u64, find(n)->key.word[1], n));
    trans_forget(&t, find(5));
    cr_expect(eq(ptr, find(5), NULL));
    cr_expect(not(trans_is_full(&t)));
    cr_expect(eq(u32, trans_held(&t), 9));
    trans_fini(&t);
}

Test(trans, key_is_compared_whole)
{
    struct trans_key one = { { 7, 1 } }, other = { { 7, 2 } };

    start(4);
    trans_add(&t, &one, TRANS_TRYING, 0);
    cr_expect(eq(ptr, trans_find(&t, &other), NULL));
    trans_add(&t, &other, TRANS_TRYING, 0);
    cr_expect(ne(ptr, trans_find(&t, &one), trans_find(&t, &other)));
    trans_fini(&t);
}

Test(trans, comes_due_in_the_order_of_its_queue)
{
    start(10);
    add(1, TRANS_TRYING, 0);
    add(2, TRANS_TRYING, 10);
    add(3, TRANS_PROCEEDING, 0);
    cr_expect(eq(ptr, trans_due(&t, 31999), NULL));
    cr_expect(eq(ptr, trans_due(&t, 32000), find(1)));
    trans_move(&t, find(1), TRANS_LINGER, 32000);
    cr_expect(eq(ptr, trans_due(&t, 32009), NULL));
    cr_expect(eq(ptr, trans_due(&t, 32010), find(2)));
    trans_forget(&t, find(2));
    cr_expect(eq(ptr, trans_due(&t, 64000), find(1)));
    trans_forget(&t, find(1));
    cr_expect(eq(ptr, trans_due(&t, 180999), NULL));
    cr_expect(eq(ptr, trans_due(&t, 181000), find(3)));
    trans_fini(&t);
}

Test(trans, clock_may_wrap)
{
    start(10);
    add(1, TRANS_TRYING, UINT32_MAX - 1000);
    cr_expect(eq(ptr, trans_due(&t, UINT32_MAX), NULL));
    cr_expect(eq(ptr, trans_due(&t, 30998), NULL));
    cr_expect(eq(ptr, trans_due(&t, 30999), find(1)));
    trans_fini(&t);
}

Test(trans, forgets_what_lingers_before_what_is_open_and_oldest_first)
{
    static const uint64_t order[] = { 3, 5, 4, 6, 1, 2, 7 };

    start(7);
    add(1, TRANS_TRYING, 0);
    add(2, TRANS_PROCEEDING, 1);
    add(3, TRANS_LINGER, 2);
    add(4, TRANS_LINGER, 4);
    add(5, TRANS_LINGER_SHORT, 3);
    add(6, TRANS_LINGER_SHORT, 5);
    add(7, TRANS_TRYING, 6);
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        cr_expect(eq(ptr, trans_victim(&t), find(order[i])), "%zu", i);
        trans_forget(&t, trans_victim(&t));
    }
    cr_expect(eq(ptr, trans_victim(&t), NULL));
    trans_fini(&t);
}

Test(trans, refuses_sizes_out_of_range)
{
    struct err e;

    cr_expect(eq(int, trans_init(&t, 0, waits, &e), -EINVAL));
    cr_expect(eq(int, trans_init(&t, TRANS_MAX + 1, waits, &e), -EINVAL));
    cr_expect(eq(int, trans_init(&t, TRANS_MAX, waits, &e), 0));
    trans_fini(&t);
}

/* ---- against a model ----------------------------------------------------------------------------------- */

enum { MODEL = 64 };

static struct {
    bool is_held;
    enum trans_queue queue;
    uint32_t deadline_ms;
} model[MODEL];

/* Which of the model is due first; the table may name any of those that are as old. */
static void
check_due(uint32_t now_ms)
{
    struct trans *due = trans_due(&t, now_ms);
    bool any = false;

    for (size_t n = 0; n < MODEL; n++)
        any = any || (model[n].is_held && model[n].deadline_ms <= now_ms);
    cr_assert(eq(int, due != NULL, any));
    if (due == NULL)
        return;
    cr_assert(le(u32, model[due->key.word[1]].deadline_ms, now_ms));
    model[due->key.word[1]].is_held = false;
    trans_forget(&t, due);
}

Test(trans, behaves_like_its_model_for_a_hundred_thousand_steps)
{
    uint32_t now_ms = 0, held = 0;

    start(MODEL / 2);
    srandom(1);
    for (int i = 0; i < 100000; i++) {
        uint64_t n = (uint64_t)random() % MODEL;
        enum trans_queue queue = (enum trans_queue)(random() % TRANS_QUEUES);
        struct trans *x = find(n);

        now_ms += (uint32_t)random() % 2000;
        cr_assert(eq(int, x != NULL, model[n].is_held));
        if (x != NULL && random() % 3 == 0) {
            trans_forget(&t, x);
            model[n].is_held = false;
        } else {
            if (x == NULL && trans_is_full(&t)) {
                x = trans_victim(&t);
                model[x->key.word[1]].is_held = false;
                trans_forget(&t, x);
                x = NULL;
            }
            if (x != NULL)
                trans_move(&t, x, queue, now_ms);
            else
                add(n, queue, now_ms);
            model[n].is_held = true;
            model[n].deadline_ms = now_ms + waits[queue];
        }
        check_due(now_ms);
        held = 0;
        for (size_t k = 0; k < MODEL; k++)
            held += model[k].is_held;
        cr_assert(eq(u32, trans_held(&t), held));
    }
    trans_fini(&t);
}
