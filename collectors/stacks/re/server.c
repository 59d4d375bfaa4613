/* SPDX-License-Identifier: BSD-2-Clause */
/* sipstat-re-server: options, the SIP stack and its transports, the requests outside of calls, a clean end. The two
 * lines that instrument it are in attach_statistics(). */
#include "collectors/stacks/re/server.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collectors/stacks/re/sipstat_re.h"

enum { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

enum {
    HASH_SIZE = 1024,
    MIN_EXPIRY_S = 60,
    LATE_MS = 1200, /* a request is sent again after 0.5 and 1.5 seconds (timer E) */
    LATE_MAX = 10000,
    PORT_ATTEMPTS = 50 /* a port that is free for UDP may not be for TCP */
};

struct options {
    struct sa listen;
    const char *instance, *dir;
    uint32_t min_expiry_s;
    bool has_statistics;
    bool is_done;
};

struct server {
    struct sip *sip;
    struct sip_lsnr *gate, *rest;
    struct registrar *registrar;
    struct calls *calls;
    struct list late;
    sipstat_writer *writer;
};

static int parse_options(int argc, char **argv, struct options *options);
static int start(struct server *s, const struct options *options);
static void stop(struct server *s);
static void on_signal(int signal);

int
main(int argc, char **argv)
{
    struct options options = { .min_expiry_s = MIN_EXPIRY_S, .has_statistics = true };
    struct server server = { 0 };
    int r = parse_options(argc, argv, &options);

    if (r != EXIT_FINE || options.is_done)
        return r;
    signal(SIGPIPE, SIG_IGN);
    if (libre_init() != 0) {
        fputs("sipstat-re-server: cannot initialize libre\n", stderr);
        return EXIT_FAILED;
    }
    r = start(&server, &options);
    if (r == 0)
        r = re_main(on_signal);
    stop(&server);
    libre_close();
    return r == 0 ? EXIT_FINE : EXIT_FAILED;
}

static void
on_signal(int signal)
{
    (void)signal;
    re_cancel();
}

/* ---- options ---------------------------------------------------------------------------------------------------- */

static void
print_help(void)
{
    puts(
        "usage: sipstat-re-server [--listen ADDRESS:PORT] [--instance NAME] [--dir DIRECTORY]\n"
        "                         [--min-expires SECONDS] [--no-stat]\n"
        "\n"
        "A small SIP server on libre, counted by libsipstat. UDP and TCP; port 0: any free one. Takes registrations,\n"
        "OPTIONS and MESSAGE, and answers calls; who is called decides: nobody 404, busy 486, away 480, slow rings\n"
        "until cancelled, hangup answers and ends the call, any other answers. SIGTERM ends it.\n"
        "\n"
        "  --listen ADDRESS:PORT  default 127.0.0.1:5060\n"
        "  --instance NAME        what it is called in the agent's configuration\n"
        "  --dir DIRECTORY        the agent's runtime directory\n"
        "  --min-expires SECONDS  shorter registrations are refused with 423, default 60\n"
        "  --no-stat              no statistics: the stack alone");
}

static int
usage(const char *option, const char *expected, const char *got)
{
    fprintf(stderr, "sipstat-re-server: %s: expected %s, got \"%s\"\n", option, expected, got);
    return EXIT_USAGE;
}

static bool
parse_seconds(const char *text, uint32_t *seconds)
{
    char *end;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno || end == text || *end || *text == '-' || value > REGISTRAR_EXPIRY_S)
        return false;
    *seconds = (uint32_t)value;
    return true;
}

static int
parse_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        { "listen", required_argument, NULL, 'l' },
        { "instance", required_argument, NULL, 'i' },
        { "dir", required_argument, NULL, 'd' },
        { "min-expires", required_argument, NULL, 'm' },
        { "no-stat", no_argument, NULL, 'n' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    sa_set_str(&options->listen, "127.0.0.1", SIP_PORT);
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'l':
            if (sa_decode(&options->listen, optarg, strlen(optarg)) != 0)
                return usage("--listen", "ADDRESS:PORT", optarg);
            break;
        case 'i': options->instance = optarg; break;
        case 'd': options->dir = optarg; break;
        case 'm':
            if (!parse_seconds(optarg, &options->min_expiry_s))
                return usage("--min-expires", "0 to 3600", optarg);
            break;
        case 'n': options->has_statistics = false; break;
        case 'h':
            print_help();
            options->is_done = true;
            return EXIT_FINE;
        default: return EXIT_USAGE;
        }
    }
    return optind == argc ? EXIT_FINE : usage("arguments", "none", argv[optind]);
}

/* ---- the stack -------------------------------------------------------------------------------------------------- */

/* A server without an agent still is a server: says why it is not counted, once, and runs on. */
static void
attach_statistics(struct server *s, const struct options *options)
{
    struct sipstat_options how = {
        .size = sizeof(how),
        .dir = options->dir,
        .instance = options->instance,
        .software = "sipstat-re-server " SIPMIB_VERSION,
    };
    char error[256];

    if (!options->has_statistics)
        return;
    if (sipstat_open(&s->writer, &how, error, sizeof(error)) < 0)
        fprintf(stderr, "sipstat-re-server: not counted: %s\n", error);
    else if (sipstat_re_attach(s->sip, s->writer) < 0)
        fputs("sipstat-re-server: not counted: cannot attach to the stack\n", stderr);
}

/* UDP and TCP on one port. */
static int
add_transports(struct sip *sip, const struct sa *listen)
{
    int err = 0;

    for (int i = 0; i < PORT_ATTEMPTS; i++) {
        struct sa local = *listen;

        err = sip_transp_add(sip, SIP_TRANSP_UDP, &local);
        if (!err)
            err = sip_transp_laddr(sip, &local, SIP_TRANSP_UDP, &local);
        if (!err)
            err = sip_transp_add(sip, SIP_TRANSP_TCP, &local);
        if (!err) {
            (void)re_printf("listening on udp:%J and tcp:%J\n", &local, &local);
            fflush(stdout);
            return 0;
        }
        sip_transp_flush(sip);
        if (err != EADDRINUSE || sa_port(listen) != 0)
            break;
    }
    (void)re_fprintf(stderr, "sipstat-re-server: cannot listen on %J: %m\n", listen, err);
    return err;
}

/* RFC 3261 8.2.2.1: what is not a SIP address is nothing to us. */
static bool
refuse_scheme(const struct sip_msg *request, void *arg)
{
    struct server *s = arg;
    const struct pl *scheme = &request->uri.scheme;

    if (pl_strcasecmp(scheme, "sip") == 0 || pl_strcasecmp(scheme, "sips") == 0 ||
        pl_strcmp(&request->met, "ACK") == 0)
        return false;
    (void)sip_treply(NULL, s->sip, request, 416, "Unsupported URI Scheme");
    return true;
}

static bool
is_standard(const struct pl *method)
{
    static const char *const names[] = {
        "SUBSCRIBE", "NOTIFY", "PUBLISH", "PRACK", "INFO", "REFER", "UPDATE"
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (pl_strcmp(method, names[i]) == 0)
            return true;
    return false;
}

/* RFC 3261 21.4.6, 21.5.2: 405 for a method that is known but not served, 501 for one never heard of. */
static void
refuse_method(struct server *s, const struct sip_msg *request)
{
    bool is_known = is_standard(&request->met);

    (void)sip_treplyf(NULL, NULL, s->sip, request, false, is_known ? 405 : 501,
                      is_known ? "Method Not Allowed" : "Not Implemented",
                      "Allow: " SERVER_ALLOW "\r\nContent-Length: 0\r\n\r\n");
}

/* A request that waits for its answer. */
struct late {
    struct le le;
    struct tmr timer;
    struct server *server;
    struct sip_strans *transaction;
    struct sip_msg *request;
};

static void
late_destroy(void *arg)
{
    struct late *l = arg;

    tmr_cancel(&l->timer);
    list_unlink(&l->le);
    mem_deref(l->transaction);
    mem_deref(l->request);
}

static void
answer_late(void *arg)
{
    struct late *l = arg;

    (void)sip_treply(&l->transaction, l->server->sip, l->request, 200, "OK");
    mem_deref(l);
}

/* Answer a MESSAGE at once, or after its sender has sent it again: the transaction is there from the start, so that is
 * taken for what it is. */
static void
answer_message(struct server *s, const struct sip_msg *request)
{
    struct late *l;

    if (pl_strcmp(&request->uri.user, "late") != 0) {
        (void)sip_treply(NULL, s->sip, request, 200, "OK");
        return;
    }
    l = list_count(&s->late) < LATE_MAX ? mem_zalloc(sizeof(*l), late_destroy) : NULL;
    if (!l || sip_strans_alloc(&l->transaction, s->sip, request, NULL, NULL) != 0) {
        mem_deref(l);
        (void)sip_treply(NULL, s->sip, request, 503, "Too Many Messages");
        return;
    }
    l->server = s;
    l->request = mem_ref((void *)request);
    list_append(&s->late, &l->le, l);
    tmr_start(&l->timer, LATE_MS, answer_late, l);
}

/* Requests that no call and no transaction claimed. */
static bool
answer_request(const struct sip_msg *request, void *arg)
{
    struct server *s = arg;

    if (pl_strcmp(&request->met, "ACK") == 0)
        return true;
    if (pl_strcmp(&request->met, "REGISTER") == 0)
        registrar_request(s->registrar, request);
    else if (pl_strcmp(&request->met, "MESSAGE") == 0)
        answer_message(s, request);
    else if (pl_strcmp(&request->met, "OPTIONS") == 0)
        (void)sip_treplyf(NULL, NULL, s->sip, request, false, 200, "OK",
                          "Allow: " SERVER_ALLOW "\r\nContent-Length: 0\r\n\r\n");
    else if (pl_strcmp(&request->met, "CANCEL") == 0)
        (void)sip_treply(NULL, s->sip, request, 481, "Transaction Does Not Exist");
    else
        refuse_method(s, request);
    return true;
}

static int
start(struct server *s, const struct options *options)
{
    int err = sip_alloc(&s->sip, NULL, HASH_SIZE, HASH_SIZE, HASH_SIZE, "sipstat-re-server", NULL, NULL);

    if (!err) {
        attach_statistics(s, options);
        err = sip_listen(&s->gate, s->sip, true, refuse_scheme, s);
    }
    if (!err) {
        s->registrar = registrar_new(s->sip, options->min_expiry_s);
        s->calls = calls_new(s->sip);
        err = s->registrar && s->calls ? sip_listen(&s->rest, s->sip, true, answer_request, s) : ENOMEM;
    }
    if (err) {
        (void)re_fprintf(stderr, "sipstat-re-server: cannot start: %m\n", err);
        return err;
    }
    return add_transports(s->sip, &options->listen);
}

/* Calls in progress are ended with a BYE, which is not waited for. */
static void
stop(struct server *s)
{
    list_flush(&s->late);
    mem_deref(s->calls);
    mem_deref(s->registrar);
    mem_deref(s->rest);
    mem_deref(s->gate);
    sip_close(s->sip, true);
    sipstat_re_detach(s->sip);
    mem_deref(s->sip);
    sipstat_close(s->writer);
}
