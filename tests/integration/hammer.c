/* SPDX-License-Identifier: BSD-2-Clause */
/* hammer: a writer that counts as fast as it is let, and keeps a ledger of its own to hold the sums against. The ledger
 * is a file that both it and the test map: what a kill -9 interrupts stays there. For each counter it has what was
 * announced (before the library was called) and what is done (after): what SNMP serves must lie between the two sums,
 * which differ by at most one message for each writer killed.
 *
 *     hammer INSTANCE LEDGER BURST      BURST messages each millisecond; SIPSTAT_DIR says where
 *
 * While the ledger's word `is_held` is 1 it does nothing, and says so in `is_idle`. SIGTERM ends it. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sipcore/sipstat.h"
#include "tests/integration/ledger.h"

/* The counters of its ledger, the same in harness.py's words: two for each of requests by method, responses by method
 * and code, begun and ended transactions. */
enum {
    METHODS = 4,
    CODES = 4,
    COUNTERS = METHODS + METHODS * CODES + 2,
    BEGUN = COUNTERS - 2,
    ENDED = COUNTERS - 1
};

static const unsigned methods[METHODS] = { SIPSTAT_INVITE, SIPSTAT_REGISTER, SIPSTAT_OPTIONS,
                                           SIPSTAT_MESSAGE };
static const unsigned codes[CODES] = { 180, 200, 404, 503 };

static volatile sig_atomic_t is_over;

static void
on_term(int number)
{
    (void)number;
    is_over = 1;
}

/* One transaction: a request in, a response out. */
static void
transact(sipstat_writer *w, struct ledger *l, unsigned n)
{
    unsigned method = n % METHODS, code = n / METHODS % CODES, response = METHODS + method * CODES + code;

    ledger_announce(l, method);
    sipstat_request(w, SIPSTAT_IN, methods[method], 0);
    ledger_confirm(l, method);
    ledger_announce(l, BEGUN);
    sipstat_transaction_begin(w);
    ledger_confirm(l, BEGUN);
    ledger_announce(l, response);
    sipstat_response(w, SIPSTAT_OUT, methods[method], codes[code], 0, NULL);
    ledger_confirm(l, response);
    ledger_announce(l, ENDED);
    sipstat_transaction_end(w);
    ledger_confirm(l, ENDED);
}

static void
run(sipstat_writer *w, struct ledger *l, unsigned burst)
{
    const struct timespec millisecond = { .tv_nsec = 1000000 };
    unsigned n = 0;

    while (!is_over) {
        if (atomic_load(&l->is_held)) {
            atomic_store(&l->is_idle, 1);
        } else {
            atomic_store(&l->is_idle, 0);
            for (unsigned i = 0; i < burst; i++)
                transact(w, l, n++);
        }
        nanosleep(&millisecond, NULL);
    }
}

int
main(int argc, char **argv)
{
    struct sipstat_options options = { .size = sizeof(options), .flags = SIPSTAT_SHARED_TRANSACTIONS };
    sipstat_writer *writer;
    struct ledger *ledger;
    char error[256];

    if (argc != 4) {
        fputs("usage: hammer INSTANCE LEDGER BURST\n", stderr);
        return 2;
    }
    options.instance = argv[1];
    options.software = "hammer 1.0";
    ledger = ledger_map(argv[2], COUNTERS);
    if (!ledger) {
        fprintf(stderr, "hammer: %s: %s\n", argv[2], strerror(errno));
        return 1;
    }
    signal(SIGTERM, on_term);
    if (sipstat_open(&writer, &options, error, sizeof(error)) < 0) {
        fprintf(stderr, "hammer: %s\n", error);
        return 1;
    }
    run(writer, ledger, (unsigned)strtoul(argv[3], NULL, 10));
    sipstat_close(writer);
    return 0;
}
