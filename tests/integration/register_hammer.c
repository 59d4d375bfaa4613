/* SPDX-License-Identifier: BSD-2-Clause */
/* register_hammer: a registrar with many users, who all register in random order through the public API.
 *
 *     register_hammer INSTANCE USERS CONTACTS RATE SEED      RATE users a second; SIPSTAT_DIR says where
 *
 * Users are sip:u0000000@million.example, u0000001 ...; each has its share of the contacts, sip:u0000000@10.0.0.0:5060,
 * :5061 ... It says "pass N" after each time that all have registered; SIGUSR1 asks for another one, in another order.
 * SIGTERM ends it. */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sipcore/sipstat.h"

enum { SHARE_MAX = 16, EXPIRES_S = 86400, RING_OCTETS = 8 << 20, BEATS = 200 /* a second */ };

static volatile sig_atomic_t is_over, is_wanted = 1;

static void
on_signal(int number)
{
    if (number == SIGUSR1)
        is_wanted = 1;
    else
        is_over = 1;
}

static void
register_user(sipstat_writer *w, unsigned user, unsigned share)
{
    struct sipstat_contact contacts[SHARE_MAX];
    char aor[64], uris[SHARE_MAX][64];
    int aor_octets = snprintf(aor, sizeof(aor), "sip:u%07u@million.example", user);

    for (unsigned i = 0; i < share; i++) {
        int octets = snprintf(uris[i], sizeof(uris[i]), "sip:u%07u@10.%u.%u.%u:%u", user, user >> 16 & 255,
                              user >> 8 & 255, user & 255, 5060 + i);

        contacts[i] = (struct sipstat_contact){ .uri = uris[i],
                                                .uri_length = (size_t)octets,
                                                .display_name = "Some Body",
                                                .display_name_length = 9,
                                                .expires_s = EXPIRES_S,
                                                .q_thousandths = (uint16_t)(i ? 500 : SIPSTAT_Q_NONE) };
    }
    sipstat_bindings(w, aor, (size_t)aor_octets, contacts, share);
}

/* Fisher and Yates. */
static void
shuffle(unsigned *order, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned other = (unsigned)(random() % (i + 1));

        order[i] = order[other];
        order[other] = i;
    }
}

static void
pass(sipstat_writer *w, unsigned *order, unsigned users, unsigned contacts, unsigned rate)
{
    const struct timespec beat = { .tv_nsec = 1000000000 / BEATS };
    unsigned burst = rate / BEATS ? rate / BEATS : 1;

    shuffle(order, users);
    for (unsigned i = 0; i < users && !is_over; i++) {
        register_user(w, order[i], contacts / users + (order[i] < contacts % users));
        if (i % burst == burst - 1)
            nanosleep(&beat, NULL);
    }
}

static int
run(sipstat_writer *w, unsigned users, unsigned contacts, unsigned rate)
{
    const struct timespec rest = { .tv_nsec = 50000000 };
    unsigned *order = calloc(users, sizeof(*order)), n = 0;

    if (!order)
        return 1;
    while (!is_over) {
        if (is_wanted) {
            is_wanted = 0;
            pass(w, order, users, contacts, rate);
            printf("pass %u\n", ++n);
            fflush(stdout);
        }
        nanosleep(&rest, NULL);
    }
    free(order);
    return 0;
}

int
main(int argc, char **argv)
{
    struct sipstat_options options = { .size = sizeof(options),
                                       .software = "register_hammer 1.0",
                                       .ring_octets = RING_OCTETS };
    unsigned users, contacts, rate;
    sipstat_writer *writer;
    char error[256];
    int status;

    if (argc != 6) {
        fputs("usage: register_hammer INSTANCE USERS CONTACTS RATE SEED\n", stderr);
        return 2;
    }
    options.instance = argv[1];
    users = (unsigned)strtoul(argv[2], NULL, 10);
    contacts = (unsigned)strtoul(argv[3], NULL, 10);
    rate = (unsigned)strtoul(argv[4], NULL, 10);
    srandom((unsigned)strtoul(argv[5], NULL, 10));
    if (users == 0 || contacts < users || contacts / users >= SHARE_MAX) {
        fputs("register_hammer: from 1 to 15 contacts a user\n", stderr);
        return 2;
    }
    signal(SIGTERM, on_signal);
    signal(SIGUSR1, on_signal);
    if (sipstat_open(&writer, &options, error, sizeof(error)) < 0) {
        fprintf(stderr, "register_hammer: %s\n", error);
        return 1;
    }
    status = run(writer, users, contacts, rate);
    sipstat_close(writer);
    return status;
}
