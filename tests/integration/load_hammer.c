/* SPDX-License-Identifier: BSD-2-Clause */
/* load_hammer: a writer that floods with events, and keeps a ledger of its own to hold the agent's numbers against.
 *
 *     load_hammer INSTANCE LEDGER KIND BURST PERIOD_MS RING_KIB SEED      SIPSTAT_DIR says where
 *
 * does BURST things every PERIOD_MS milliseconds, by KIND
 *     responses   a request received, and a 503 sent with the header fields that a notification wants
 *     users       one of USERS users registers, unregisters, or brings wrong credentials
 *     methods     a request with one of METHODS methods that nobody has registered
 *
 * The ledger is a file that both it and the test map: for each of the four things a counter of what was announced
 * (before the library was called) and one of what is done. While its word `is_held` is 1 nothing is done, and
 * `is_idle` says so. SIGTERM ends it. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sipcore/sipstat.h"
#include "tests/integration/ledger.h"

enum { USERS = 2000, METHODS = 20, CONTACTS_MAX = 3, EXPIRES_S = 3600 };

/* The same order as in load.py. */
enum thing { REQUEST, RESPONSE, BINDINGS, FAILURE, THINGS };

static volatile sig_atomic_t is_over;

static void
on_term(int number)
{
    (void)number;
    is_over = 1;
}

static void
do_response(sipstat_writer *w, struct ledger *l)
{
    struct sipstat_headers headers = { .to = "<sip:bob@example.org>",
                                       .from = "<sip:alice@example.org>;tag=1",
                                       .call_id = "load",
                                       .to_length = 21,
                                       .from_length = 29,
                                       .call_id_length = 4,
                                       .cseq = 1 };

    ledger_announce(l, REQUEST);
    sipstat_request(w, SIPSTAT_IN, SIPSTAT_INVITE, 0);
    ledger_confirm(l, REQUEST);
    ledger_announce(l, RESPONSE);
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_INVITE, 503, 0, &headers);
    ledger_confirm(l, RESPONSE);
}

static void
do_user(sipstat_writer *w, struct ledger *l)
{
    struct sipstat_contact contacts[CONTACTS_MAX];
    char aor[64], uris[CONTACTS_MAX][64];
    unsigned dice = (unsigned)random(), user = dice % USERS, count = dice / USERS % (CONTACTS_MAX + 1);
    size_t octets = (size_t)snprintf(aor, sizeof(aor), "sip:guest%04u@load.example", user);

    if (dice / 8192 % 16 == 0) {
        ledger_announce(l, FAILURE);
        sipstat_authentication_failed(w, aor, octets, 403);
        ledger_confirm(l, FAILURE);
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        int n = snprintf(uris[i], sizeof(uris[i]), "sip:guest%04u@192.0.2.%u", user, i);

        contacts[i] = (struct sipstat_contact){
            .uri = uris[i], .uri_length = (size_t)n, .expires_s = EXPIRES_S, .q_thousandths = SIPSTAT_Q_NONE
        };
    }
    ledger_announce(l, BINDINGS);
    sipstat_bindings(w, aor, octets, contacts, count);
    ledger_confirm(l, BINDINGS);
}

static void
do_method(sipstat_writer *w, struct ledger *l)
{
    char name[16];
    int octets = snprintf(name, sizeof(name), "XLOAD%u", (unsigned)random() % METHODS);

    ledger_announce(l, REQUEST);
    sipstat_request(w, SIPSTAT_IN, sipstat_method(w, name, (size_t)octets), 0);
    ledger_confirm(l, REQUEST);
}

static void
run(sipstat_writer *w, struct ledger *l, void (*act)(sipstat_writer *, struct ledger *), unsigned burst,
    unsigned period_ms)
{
    const struct timespec period = { .tv_sec = period_ms / 1000, .tv_nsec = period_ms % 1000 * 1000000l };
    const struct timespec moment = { .tv_nsec = 1000000 };

    while (!is_over) {
        if (atomic_load(&l->is_held)) {
            atomic_store(&l->is_idle, 1);
            nanosleep(&moment, NULL);
            continue;
        }
        atomic_store(&l->is_idle, 0);
        for (unsigned i = 0; i < burst && !is_over; i++)
            act(w, l);
        nanosleep(&period, NULL);
    }
}

int
main(int argc, char **argv)
{
    struct sipstat_options options = { .size = sizeof(options), .software = "load_hammer 1.0" };
    void (*act)(sipstat_writer *, struct ledger *);
    sipstat_writer *writer;
    struct ledger *ledger;
    char error[256];

    if (argc != 8) {
        fputs("usage: load_hammer INSTANCE LEDGER KIND BURST PERIOD_MS RING_KIB SEED\n", stderr);
        return 2;
    }
    options.instance = argv[1];
    options.ring_octets = (uint32_t)strtoul(argv[6], NULL, 10) << 10;
    srandom((unsigned)strtoul(argv[7], NULL, 10));
    act = strcmp(argv[3], "responses") == 0 ? do_response
          : strcmp(argv[3], "users") == 0   ? do_user
                                            : do_method;
    ledger = ledger_map(argv[2], THINGS);
    if (!ledger) {
        fprintf(stderr, "load_hammer: %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    signal(SIGTERM, on_term);
    if (sipstat_open(&writer, &options, error, sizeof(error)) < 0) {
        fprintf(stderr, "load_hammer: %s\n", error);
        return 1;
    }
    run(writer, ledger, act, (unsigned)strtoul(argv[4], NULL, 10), (unsigned)strtoul(argv[5], NULL, 10));
    sipstat_close(writer);
    return 0;
}
