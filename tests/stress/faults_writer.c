/* SPDX-License-Identifier: BSD-2-Clause */
/* faults_writer: a writer that is killed at any time, and keeps a ledger in its control file of all that it reports.
 *
 *     faults_writer KIND SLOT BURST LANE      KIND: proxy, registrar; BURST turns each millisecond; LANE: last, change
 *
 * A proxy reports by the typed API, transactions shared with its like. A registrar hands over REGISTER requests and
 * their responses as they are on the wire, and reports bindings, failed authentications and OPTIONS by the typed API;
 * its users are sip:s<slot>-u<n>@faults.example, and the port of a user's one contact says which version it is. A
 * lane lasts for ever, or for some thousand bursts. */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sipcore/sipstat.h"
#include "tests/stress/faults_control.h"

enum {
    IN_INVITE,
    IN_OPTIONS,
    OUT_INVITE_200,
    OUT_OPTIONS_404,
    BEGUN,
    ENDED,
    DISCARDED,
    IN_REGISTER,
    OUT_REGISTER_200,
    AUTH_FAILED
};

enum { RING_OCTETS = 1 << 20, BEATS_A_LANE = 2000, EXPIRES_S = 604800, PORTS = 50000, PORT_FIRST = 10000 };

static struct faults_control *ledger;
static unsigned slot;
static uint64_t branch; /* of the next transaction */

static void
announce(unsigned message)
{
    atomic_fetch_add(&ledger->messages[message].announced, 1);
}

static void
confirm(unsigned message)
{
    atomic_fetch_add(&ledger->messages[message].done, 1);
}

static void
proxy(sipstat_writer *w, unsigned n)
{
    bool is_invite = n % 2;
    unsigned method = is_invite ? SIPSTAT_INVITE : SIPSTAT_OPTIONS,
             request = is_invite ? IN_INVITE : IN_OPTIONS,
             response = is_invite ? OUT_INVITE_200 : OUT_OPTIONS_404;

    announce(request);
    sipstat_request(w, SIPSTAT_IN, method, 0);
    confirm(request);
    announce(BEGUN);
    sipstat_transaction_begin(w);
    confirm(BEGUN);
    announce(response);
    sipstat_response(w, SIPSTAT_OUT, method, is_invite ? 200 : 404, 0, NULL);
    confirm(response);
    announce(ENDED);
    sipstat_transaction_end(w);
    confirm(ENDED);
    if (n % 16 == 0) {
        announce(DISCARDED);
        sipstat_discarded(w);
        confirm(DISCARDED);
    }
}

static void
observe(sipstat_writer *w, bool is_request, unsigned user, unsigned port)
{
    char text[1024];
    int octets = snprintf(text, sizeof(text),
                          "%s\r\nVia: SIP/2.0/UDP 192.0.2.%u:5060;branch=z9hG4bK%llx\r\n"
                          "To: <sip:s%u-u%u@faults.example>%s\r\nFrom: <sip:s%u-u%u@faults.example>;tag=f\r\n"
                          "Call-ID: %llx@faults\r\nCSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n"
                          "Contact: <sip:u%u@192.0.2.1:%u>;expires=%d\r\nContent-Length: 0\r\n\r\n",
                          is_request ? "REGISTER sip:faults.example SIP/2.0" : "SIP/2.0 200 OK", slot + 1,
                          (unsigned long long)branch, slot, user, is_request ? "" : ";tag=t", slot, user,
                          (unsigned long long)branch, user, port, EXPIRES_S);

    sipstat_observe(w, is_request ? SIPSTAT_IN : SIPSTAT_OUT, text, (size_t)octets, NULL, 0);
}

/* The next version of a user's bindings; through the typed API for every other user. */
static void
register_user(sipstat_writer *w, unsigned user)
{
    struct faults_message *u = &ledger->users[user];
    unsigned port = PORT_FIRST + (unsigned)(atomic_fetch_add(&u->announced, 1) + 1) % PORTS;

    if (user % 2) {
        char aor[64], uri[64];
        struct sipstat_contact contact = { .uri = uri,
                                           .expires_s = EXPIRES_S,
                                           .q_thousandths = SIPSTAT_Q_NONE };

        contact.uri_length = (size_t)snprintf(uri, sizeof(uri), "sip:u%u@192.0.2.1:%u", user, port);
        sipstat_bindings(w, aor, (size_t)snprintf(aor, sizeof(aor), "sip:s%u-u%u@faults.example", slot, user),
                         &contact, 1);
    } else {
        branch++;
        announce(IN_REGISTER);
        observe(w, true, user, port);
        confirm(IN_REGISTER);
        announce(OUT_REGISTER_200);
        observe(w, false, user, port);
        confirm(OUT_REGISTER_200);
    }
    atomic_store(&u->done, atomic_load(&u->announced));
}

static void
registrar(sipstat_writer *w, unsigned n)
{
    unsigned user = n / 32 % FAULTS_USERS;
    char aor[64];

    announce(IN_OPTIONS);
    sipstat_request(w, SIPSTAT_IN, SIPSTAT_OPTIONS, 0);
    confirm(IN_OPTIONS);
    announce(OUT_OPTIONS_404);
    sipstat_response(w, SIPSTAT_OUT, SIPSTAT_OPTIONS, 404, 0, NULL);
    confirm(OUT_OPTIONS_404);
    if (n % 32 == 3)
        register_user(w, user);
    if (n % 256 == 0 && atomic_load(&ledger->users[user].done) > 0) {
        int octets = snprintf(aor, sizeof(aor), "sip:s%u-u%u@faults.example", slot, user);

        announce(AUTH_FAILED);
        sipstat_authentication_failed(w, aor, (size_t)octets, 403);
        confirm(AUTH_FAILED);
    }
}

static bool
must_idle(void)
{
    bool is_held = atomic_load(&ledger->is_held) != 0;

    atomic_store(&ledger->is_idle, is_held);
    return is_held;
}

/* For as long as this lane lasts. */
static void
use_lane(sipstat_writer *w, void (*report)(sipstat_writer *, unsigned), unsigned burst, bool has_users,
         bool is_last)
{
    const struct timespec millisecond = { .tv_nsec = 1000000 };
    unsigned n = 0;

    for (unsigned beat = 0; (is_last || beat < BEATS_A_LANE) && !atomic_exchange(&ledger->reopen, 0);
         beat++) {
        if (has_users && atomic_load(&ledger->refresh)) {
            for (unsigned user = 0; user < FAULTS_USERS; user++)
                register_user(w, user);
            atomic_store(&ledger->refresh, 0);
        }
        for (unsigned i = 0; !must_idle() && i < burst; i++)
            report(w, n++);
        nanosleep(&millisecond, NULL);
    }
}

int
main(int argc, char **argv)
{
    const struct timespec pause = { .tv_nsec = 2000000 };
    struct sipstat_options options = { .size = sizeof(options),
                                       .software = "faults_writer 1.0",
                                       .ring_octets = RING_OCTETS };
    bool has_one_lane = argc == 5 && strcmp(argv[4], "last") == 0;
    bool is_proxy = argc == 5 && strcmp(argv[1], "proxy") == 0;
    sipstat_writer *writer;

    ledger = faults_control();
    if (argc != 5 || !ledger) {
        fputs("usage: FAULTS_CONTROL=FILE faults_writer KIND SLOT BURST LANE\n", stderr);
        return 2;
    }
    options.instance = argv[1];
    options.flags = is_proxy ? SIPSTAT_SHARED_TRANSACTIONS : 0;
    slot = (unsigned)atoi(argv[2]);
    for (;;) {
        if (sipstat_open(&writer, &options, NULL, 0) < 0) {
            atomic_fetch_add(&ledger->refused, 1);
            must_idle();
            nanosleep(&pause, NULL);
            continue;
        }
        atomic_fetch_add(&ledger->lanes, 1);
        use_lane(writer, is_proxy ? proxy : registrar, (unsigned)atoi(argv[3]), !is_proxy, has_one_lane);
        sipstat_close(writer);
    }
}
