/* SPDX-License-Identifier: BSD-2-Clause */
/* sipstat: look at lanes, events and the agent from a terminal. */
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/view.h"
#include "agent/view_agent.h"
#include "agent/view_print.h"

enum exit_code { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum { EVENT_PERIOD_MS = 100, DEFAULT_EVENT_SCAN_MS = 1000 };

struct options {
    const char *dir;
    const char *instance;
    bool as_json, agent, events, done;
    double interval_s;   /* 0: once */
    unsigned long count; /* views, 0: for ever */
};

static volatile sig_atomic_t stopped;

static int parse_options(int argc, char **argv, struct options *o);
static bool parse_interval(const char *text, double *seconds);
static int watch(const struct options *o);
static int follow(const struct options *o);
static int show_agent(const struct options *o);
static int cannot_write(void);
static void print_help(void);

static void
on_signal(int number)
{
    (void)number;
    stopped = 1;
}

int
main(int argc, char **argv)
{
    const char *dir = secure_getenv("SIPSTAT_DIR");
    struct options o = { .dir = dir && *dir ? dir : SIPMIB_RUNTIME_DIR };
    struct sigaction stop = { .sa_handler = on_signal };
    int r = parse_options(argc, argv, &o);

    if (r != EXIT_FINE)
        return r;
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error of writing, seen where it is written to */
    if (!o.done)
        r = o.agent ? show_agent(&o) : o.events ? follow(&o) : watch(&o);
    return fflush(stdout) == 0 ? r : cannot_write();
}

static int
parse_options(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        { "dir", required_argument, NULL, 'D' },   { "instance", required_argument, NULL, 'i' },
        { "json", no_argument, NULL, 'j' },        { "interval", required_argument, NULL, 'n' },
        { "count", required_argument, NULL, 'c' }, { "agent", no_argument, NULL, 'a' },
        { "events", no_argument, NULL, 'e' },      { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },        { NULL, 0, NULL, 0 },
    };
    char *end;
    int c;

    while ((c = getopt_long(argc, argv, "D:i:jn:c:aeVh", longs, NULL)) != -1) {
        switch (c) {
        case 'D': o->dir = optarg; break;
        case 'i': o->instance = optarg; break;
        case 'j': o->as_json = true; break;
        case 'n':
            if (parse_interval(optarg, &o->interval_s))
                break;
            fprintf(stderr, "sipstat: --interval: expected 0.1 to 3600 seconds, got \"%s\"\n", optarg);
            return EXIT_USAGE;
        case 'c':
            o->count = strtoul(optarg, &end, 10);
            if (*end == '\0' && optarg[0] >= '0' && optarg[0] <= '9' && o->count > 0)
                break;
            fprintf(stderr, "sipstat: --count: expected a number from 1, got \"%s\"\n", optarg);
            return EXIT_USAGE;
        case 'a': o->agent = true; break;
        case 'e': o->events = true; break;
        case 'V':
            puts("sipstat " SIPMIB_VERSION);
            o->done = true;
            return EXIT_FINE;
        case 'h':
            print_help();
            o->done = true;
            return EXIT_FINE;
        default: fputs("sipstat: see sipstat --help\n", stderr); return EXIT_USAGE;
        }
    }
    if (o->agent && o->events) {
        fputs("sipstat: --agent and --events exclude each other; see sipstat --help\n", stderr);
        return EXIT_USAGE;
    }
    if (optind == argc)
        return EXIT_FINE;
    fprintf(stderr, "sipstat: unexpected argument \"%s\"; see sipstat --help\n", argv[optind]);
    return EXIT_USAGE;
}

static bool
parse_interval(const char *text, double *seconds)
{
    char *end;

    *seconds = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*seconds) && *seconds >= 0.1 && *seconds <= 3600;
}

static uint64_t
now_ns(void)
{
    struct timespec now = { 0, 0 };

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A signal ends the wait. */
static void
wait_s(double seconds)
{
    struct timespec t = { .tv_sec = (time_t)seconds };

    t.tv_nsec = (long)((seconds - (double)t.tv_sec) * 1e9);
    nanosleep(&t, NULL);
}

static int
complain(const struct err *e)
{
    fprintf(stderr, "sipstat: %s\n", e->text);
    return EXIT_FAILED;
}

/* The instance asked for must be there at the first look; later it may come and go. */
static int
look(struct view *v, const struct options *o, bool is_first, struct err *e)
{
    int r = view_refresh(v, o->instance, now_ns(), e);

    if (r == 0 && is_first && o->instance && v->instances == 0)
        r = view_no_instance(v, o->instance, e);
    return r;
}

/* What could not be read is said once, at the end; for who follows events, at the start. */
static int
complain_of_access(const struct view *v)
{
    struct err e = { "" };

    return view_check_access(v, &e) < 0 ? complain(&e) : EXIT_FINE;
}

static int
watch(const struct options *o)
{
    bool is_screen = o->interval_s > 0 && !o->as_json && isatty(STDOUT_FILENO);
    struct err e = { "" };
    struct view v;
    int r = EXIT_FINE;

    if (view_open(&v, o->dir, &e) < 0)
        return complain(&e);
    for (unsigned long n = 1; !stopped; n++) {
        if (look(&v, o, n == 1, &e) < 0) {
            r = complain(&e);
            break;
        }
        if (is_screen)
            fputs("\033[H\033[2J", stdout); /* home, and clear */
        if (!o->as_json) {
            view_print(&v, stdout);
        } else if (!view_print_json(&v, stdout)) {
            err_set(&e, -ENOMEM, "no memory");
            r = complain(&e);
            break;
        }
        if (fflush(stdout) != 0 || ferror(stdout)) {
            r = cannot_write();
            break;
        }
        if (o->interval_s == 0 || n == o->count)
            break;
        wait_s(o->interval_s);
    }
    if (r == EXIT_FINE)
        r = complain_of_access(&v);
    view_close(&v);
    return r;
}

/* Rings are read ten times a second, directories every interval (a second, when none was given). With --count only what
 * is in the rings now is printed, so many times. */
static int
follow(const struct options *o)
{
    unsigned scan_ms = o->interval_s > 0 ? (unsigned)(o->interval_s * 1000) : DEFAULT_EVENT_SCAN_MS,
             waited_ms = 0;
    struct err e = { "" };
    struct view v;
    int r = EXIT_FINE;

    if (view_open(&v, o->dir, &e) < 0)
        return complain(&e);
    for (unsigned long n = 1; !stopped; n++) {
        if (waited_ms == 0 && look(&v, o, n == 1, &e) < 0) {
            r = complain(&e);
            break;
        }
        if (n == 1)
            r = complain_of_access(&v);
        view_print_events(&v, o->as_json, stdout);
        if (fflush(stdout) != 0 || ferror(stdout)) {
            r = cannot_write();
            break;
        }
        if (n == o->count)
            break;
        wait_s(EVENT_PERIOD_MS / 1000.0);
        waited_ms = waited_ms + EVENT_PERIOD_MS >= scan_ms ? 0 : waited_ms + EVENT_PERIOD_MS;
    }
    view_close(&v);
    return r;
}

static int
show_agent(const struct options *o)
{
    struct err e = { "" };

    return view_print_agent(o->dir, o->as_json, stdout, &e) < 0 ? complain(&e) : EXIT_FINE;
}

/* Right after fflush() failed: what it could not write is gone, so it is said now or never. Who closes a pipe has seen
 * enough. */
static int
cannot_write(void)
{
    if (errno == EPIPE)
        return EXIT_FINE;
    fprintf(stderr, "sipstat: standard output: %s\n", strerror(errno));
    return EXIT_FAILED;
}

static void
print_help(void)
{
    puts("usage: sipstat [-D DIR] [-i INSTANCE] [--json] [--interval SECONDS [--count N]]\n"
         "       sipstat [-D DIR] [-i INSTANCE] --events [--json] [--count N]\n"
         "       sipstat [-D DIR] --agent [--json]\n"
         "\n"
         "Shows what SIP processes and collectors count, read from their lanes; no agent is needed.\n"
         "\n"
         "  -D, --dir DIR           runtime directory (default $SIPSTAT_DIR, else " SIPMIB_RUNTIME_DIR ")\n"
         "  -i, --instance NAME     only this instance\n"
         "  -j, --json              one JSON document a line\n"
         "  -n, --interval SECONDS  again and again, with rates; 0.1 to 3600\n"
         "  -c, --count N           so many times, then end\n"
         "  -e, --events            follow the event rings: what the agent asks writers to record\n"
         "  -a, --agent             the agent's own state: connection to snmpd, lanes, losses\n"
         "  -V, --version           print the version\n"
         "  -h, --help              this text\n"
         "\n"
         "Exit status: 0, 1 when something cannot be read, 2 for wrong usage.  See sipstat(1).");
}
