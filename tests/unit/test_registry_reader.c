/* SPDX-License-Identifier: BSD-2-Clause */
/* The registry as another thread sees it, and its keys and values. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/registry_internal.h"
#include "tests/unit/registry_fixture.h"

TestSuite(registry_reader, .init = reg_begin, .fini = reg_end);

/* ---- order ------------------------------------------------------------------------------------------------------ */

static void
put_for(struct registry_batch *b, uint32_t id, unsigned user, unsigned contacts)
{
    struct lane_binding bindings[8];
    char aor[32], uris[8][32];

    snprintf(aor, sizeof(aor), "sip:u%u@h", user);
    for (unsigned i = 0; i < contacts; i++) {
        snprintf(uris[i], sizeof(uris[i]), "sip:u%u@%u", user, i);
        bindings[i] = (struct lane_binding){ .uri = span_string(uris[i]), .expires_s = 60 };
    }
    registry_put_bindings(b, id, span_string(aor), bindings, contacts, 0, 0);
}

Test(registry_reader, meets_every_row_of_every_instance_once_and_in_order)
{
    enum { INSTANCES = 5, USERS = 300 };
    uint32_t ids[INSTANCES];
    struct registry_batch *b;

    for (unsigned i = 0; i < INSTANCES; i++) {
        char name[8];

        snprintf(name, sizeof(name), "i%u", i);
        cr_assert(eq(int, registry_instance(reg, name, &ids[i], &reg_err), 0));
    }
    cr_assert(eq(int, registry_begin(reg, &reg_clock, &b, &reg_err), 0));
    for (unsigned user = 0; user < USERS; user++)
        for (unsigned i = 0; i < INSTANCES; i++)
            put_for(b, ids[(user + i) % INSTANCES], user, 1 + (user + i) % 4);
    cr_assert(eq(int, registry_commit(b, &reg_err), 0), "%s", reg_err.text);
    for (unsigned i = 0; i < INSTANCES; i++) {
        struct mib_registrations *m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
        struct snap_contact c = { 0 };
        struct snap_user u = { 0 };
        unsigned users = 0, contacts = 0, last_user = 0;

        while (m->user_at(m, ids[i], false, u.index + 1, &u))
            cr_assert(eq(uint, u.index, ++users));
        while (m->contact_at(m, ids[i], false, c.user, c.index + 1, &c)) {
            cr_assert(c.user == last_user ? c.index > 1 : c.user == last_user + 1 && c.index == 1);
            last_user = c.user;
            contacts++;
        }
        cr_assert(eq(uint, users, USERS));
        cr_assert(eq(uint, last_user, USERS));
        cr_assert(eq(uint, contacts, USERS * 5 / 2));
        registry_reader_end(reg_reader);
    }
}

Test(registry_reader, finds_the_first_row_at_or_behind_an_index)
{
    struct mib_registrations *m;
    struct snap_contact c;
    struct snap_user u;

    reg_put("sip:a@h", "sip:a@1;60 sip:a@2;60");
    reg_put("sip:b@h", "sip:b@1;60");
    reg_put("sip:c@h", "sip:c@1;60");
    reg_put("sip:b@h", "");
    m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
    cr_assert(m->user_at(m, reg_id, false, 0, &u));
    cr_assert(eq(u32, u.index, 1));
    cr_assert(m->user_at(m, reg_id, false, 2, &u));
    cr_assert(eq(u32, u.index, 3));
    cr_assert(not(m->user_at(m, reg_id, false, 4, &u)));
    cr_assert(not(m->user_at(m, reg_id + 1, false, 0, &u)));
    cr_assert(m->contact_at(m, reg_id, false, 1, 2, &c));
    cr_assert(eq(u32, c.index, 2));
    cr_assert(m->contact_at(m, reg_id, false, 1, 3, &c));
    cr_assert(eq(u32, c.user, 3));
    cr_assert(not(m->contact_at(m, reg_id, false, 3, 2, &c)));
}

/* ---- moments ---------------------------------------------------------------------------------------------------- */

Test(registry_reader, sees_the_same_until_the_end_of_a_request)
{
    struct mib_registrations *m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
    struct snap_contact c;
    struct snap_user u;

    reg_put("sip:a@h", "sip:a@1;60");
    cr_assert(m->user_at(m, reg_id, false, 1, &u), "it begins at the first question");
    reg_put("sip:a@h", "sip:a@2;60");
    reg_put("sip:b@h", "sip:b@1;60");
    cr_assert(m->contact_at(m, reg_id, false, 1, 0, &c));
    cr_assert(span_equals(c.uri, span_string("sip:a@1")));
    cr_assert(not(m->user_at(m, reg_id, false, 2, &u)));
    registry_reader_end(reg_reader);
    m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
    cr_assert(m->contact_at(m, reg_id, false, 1, 0, &c));
    cr_assert(span_equals(c.uri, span_string("sip:a@2")));
    cr_assert(m->user_at(m, reg_id, false, 2, &u));
}

Test(registry_reader, asked_again_for_a_row_answers_the_same_until_it_is_over)
{
    struct mib_registrations *m;
    struct snap_contact first, again;

    reg_put("sip:alice@h", "sip:a@9;60");
    m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
    cr_assert(m->contact_at(m, reg_id, false, 0, 0, &first));
    cr_assert(m->contact_at(m, reg_id, false, 0, 0, &again));
    cr_assert(eq(u32, again.user, first.user));
    cr_assert(eq(u32, again.index, first.index));
    cr_assert(eq(sz, again.uri.length, first.uri.length));
    cr_assert(not(m->contact_at(m, reg_id, false, first.user + 1, 0, &again)), "another question");
    m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns + 61 * UINT64_C(1000000000));
    cr_assert(not(m->contact_at(m, reg_id, false, 0, 0, &again)), "it is over");
}

Test(registry_reader, has_nothing_to_tell_without_a_registry)
{
    struct mib_registrations *m = registry_reader_begin(reg_reader, NULL, 0);
    struct snap_contact c;
    struct snap_user u;

    cr_assert(not(m->user_at(m, reg_id, false, 0, &u)));
    cr_assert(not(m->contact_at(m, reg_id, false, 0, 0, &c)));
}

Test(registry_reader, keeps_what_it_reads_open)
{
    struct mib_registrations *m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
    struct snap_user u;

    reg_put("sip:a@h", "sip:a@1;60");
    registry_release(reg);
    cr_assert(m->user_at(m, reg_id, false, 1, &u));
    registry_reader_end(reg_reader);
    cr_assert(eq(int, reg_open(64 << 20), 0), "and lets it go: %s", reg_err.text);
    cr_assert_str_eq(reg_users(), "1:a@h(0)");
}

Test(registry_reader, lets_pages_be_used_again_after_each_request)
{
    uint64_t octets;

    for (unsigned i = 0; i < 50; i++) {
        reg_put("sip:a@h", "sip:a@1;60");
        reg_users();
    }
    octets = reg_stats().octets;
    for (unsigned i = 0; i < 2000; i++) {
        reg_pass(10);
        reg_put("sip:a@h", "sip:a@1;60");
        reg_users();
    }
    cr_assert(le(u64, reg_stats().octets, octets + 8 * 4096));
}

/* A set is two contacts or three, all with the same digit: whoever sees a mixture has seen half a batch. */
static atomic_bool is_over;

static void *
replace_sets(void *context)
{
    char set[128];

    (void)context;
    for (unsigned i = 0; i < 1500; i++) {
        unsigned digit = i % 10;

        snprintf(set, sizeof(set), "sip:a@%u1;600 sip:a@%u2;600%s", digit, digit,
                 digit % 2 ? " sip:a@1;600" : "");
        if (reg_put("sip:a@h", set) < 0)
            abort();
    }
    atomic_store(&is_over, true);
    return NULL;
}

Test(registry_reader, sees_whole_batches_while_they_are_written)
{
    struct registry_reader *reader = registry_reader_new(NULL);
    pthread_t writer;
    unsigned looks = 0;

    reg_put("sip:a@h", "sip:a@01;600 sip:a@02;600");
    cr_assert(eq(int, pthread_create(&writer, NULL, replace_sets, NULL), 0));
    while (!atomic_load(&is_over) || looks == 0) {
        struct mib_registrations *m = registry_reader_begin(reader, reg, REG_UPTIME * REG_SECOND);
        struct snap_contact c = { 0 };
        unsigned count = 0;
        char digit = 0;

        while (m->contact_at(m, reg_id, false, 1, c.index + 1, &c)) {
            if (c.uri.length == 8) {
                cr_assert(digit == 0 || digit == (char)c.uri.data[6]);
                digit = (char)c.uri.data[6];
            }
            count++;
        }
        cr_assert(eq(uint, count, 2 + (unsigned)(digit - '0') % 2));
        registry_reader_end(reader);
        looks++;
    }
    pthread_join(writer, NULL);
    registry_reader_free(reader);
}

/* ---- pseudonyms ------------------------------------------------------------------------------------------------- */

Test(registry_reader, tells_no_names_of_a_pseudonymous_instance)
{
    struct pseudonym *p = pseudonym_new(reg_dir, &reg_err);
    struct registry_reader *reader = registry_reader_new(p);
    struct mib_registrations *m = registry_reader_begin(reader, reg, reg_clock.now_ns);
    char expected[PSEUDONYM_OCTETS];
    struct snap_contact c;
    struct snap_user u;

    reg_put("sip:alice@h", "sip:alice@192.0.2.1;60;0.5;;;Alice");
    cr_assert(m->user_at(m, reg_id, true, 1, &u));
    pseudonym_of(p, span_string("sip:alice@h"), expected);
    cr_assert(span_equals(u.uri, span_string(expected)));
    cr_assert(m->contact_at(m, reg_id, true, 1, 1, &c));
    pseudonym_of(p, span_string("sip:alice@192.0.2.1"), expected);
    cr_assert(span_equals(span_first(c.uri, 4), span_string("sip:")));
    cr_assert(span_equals(span_from(c.uri, 4), span_string(expected)));
    cr_assert(eq(sz, c.display_name.length, 0));
    cr_assert(eq(u16, c.q_thousandths, 500));
    registry_reader_free(reader);
    pseudonym_free(p);
}

Test(registry_reader, tells_no_names_when_there_are_no_pseudonyms)
{
    struct mib_registrations *m = registry_reader_begin(reg_reader, reg, reg_clock.now_ns);
    struct snap_contact c;
    struct snap_user u;

    reg_put("sip:alice@h", "sip:alice@192.0.2.1;60");
    cr_assert(m->user_at(m, reg_id, true, 1, &u));
    cr_assert(eq(sz, u.uri.length, 0));
    cr_assert(m->contact_at(m, reg_id, true, 1, 1, &c));
    cr_assert(eq(sz, c.uri.length, 0));
}

/* ---- the codec -------------------------------------------------------------------------------------------------- */

Test(registry_codec, orders_keys_as_numbers)
{
    const struct registry_key ordered[] = { { .tree = 1, .user = 1, .contact = 255 },
                                            { .tree = 1, .user = 1, .contact = 256 },
                                            { .tree = 1, .user = 255, .contact = 1 },
                                            { .tree = 1, .user = 65536, .contact = 1 },
                                            { .tree = 2, .user = 1, .contact = 1 } };
    uint8_t a[REGISTRY_CONTACT_KEY_OCTETS], b[REGISTRY_CONTACT_KEY_OCTETS];

    for (unsigned i = 0; i + 1 < sizeof(ordered) / sizeof(ordered[0]); i++) {
        registry_contact_key(&ordered[i], a);
        registry_contact_key(&ordered[i + 1], b);
        cr_assert(lt(int, memcmp(a, b, sizeof(a)), 0));
    }
}

Test(registry_codec, reads_what_it_wrote)
{
    const struct registry_key key = {
        .time_ns = UINT64_C(0x123456789abcdef0), .tree = 7, .user = 8, .contact = 9
    };
    const struct registry_user user = { .failures = 5,
                                        .failure_end_ns = 6,
                                        .discon_ns = 7,
                                        .next_contact = 8,
                                        .contacts = 9,
                                        .aor = span_string("a@h") };
    const struct registry_contact contact = { .deadline_ns = 1,
                                              .updated_ns = 2,
                                              .expiry_unix_s = -3,
                                              .flow = 4,
                                              .q_thousandths = 5,
                                              .uri = span_string("sip:a@1"),
                                              .name = span_string("A") };
    uint8_t data[REGISTRY_CONTACT_MAX];
    struct registry_contact contact_read;
    struct registry_user user_read;
    struct registry_key key_read;

    registry_deadline_key(&key, data);
    cr_assert(registry_deadline_key_read(span_of(data, REGISTRY_DEADLINE_KEY_OCTETS), &key_read));
    cr_assert(key_read.time_ns == key.time_ns && key_read.tree == 7 && key_read.user == 8 &&
              key_read.contact == 9);
    cr_assert(registry_user_decode(span_of(data, registry_user_encode(&user, data)), &user_read));
    cr_assert(eq(u64, user_read.failure_end_ns, 6));
    cr_assert(span_equals(user_read.aor, user.aor));
    cr_assert(registry_contact_decode(span_of(data, registry_contact_encode(&contact, data)), &contact_read));
    cr_assert(eq(i64, contact_read.expiry_unix_s, -3));
    cr_assert(eq(u64, contact_read.flow, 4));
    cr_assert(span_equals(contact_read.uri, contact.uri));
    cr_assert(span_equals(contact_read.name, contact.name));
}

Test(registry_codec, refuses_values_that_were_cut)
{
    const struct registry_user user = { .failures = 5, .aor = span_string("a") };
    const struct registry_contact contact = { .flow = 4, .uri = span_string("sip:a@1") };
    uint8_t data[REGISTRY_CONTACT_MAX];
    struct registry_contact contact_read;
    struct registry_user user_read;
    size_t octets = registry_user_encode(&user, data);

    for (size_t n = 0; n < octets; n++) {
        uint8_t *exact = malloc(n ? n : 1);

        memcpy(exact, data, n);
        cr_assert(not(registry_user_decode(span_of(exact, n), &user_read)));
        free(exact);
    }
    octets = registry_contact_encode(&contact, data);
    for (size_t n = 0; n < octets; n++) {
        uint8_t *exact = malloc(n ? n : 1);

        memcpy(exact, data, n);
        cr_assert(not(registry_contact_decode(span_of(exact, n), &contact_read)));
        free(exact);
    }
}
