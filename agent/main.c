/* SPDX-License-Identifier: BSD-2-Clause */
/* sipmibd: the SIP MIB of RFC 4780 as an AgentX subagent. Options, signals, the two threads. */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/agentx.h"
#include "agent/core.h"
#include "agent/log.h"
#include "config/config.h"

/* EXIT_REFUSED: starting again does not help, somebody must do something first. */
enum exit_code { EXIT_FINE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_REFUSED = 3 };

enum action { ACTION_RUN, ACTION_CHECK, ACTION_DUMP, ACTION_DONE };

struct options {
    const char *config_path;
    enum action action;
    enum log_level log_level;
    bool to_syslog;
};

static int parse_options(int argc, char **argv, struct options *options);
static int load(const struct options *options, struct config **config, struct err *e);
static int check(const struct options *options, struct config *config);
static int run(const struct options *options, struct config *config);
static void block_signals(void);
static void say_ready(void);
static void print_help(void);

int
main(int argc, char **argv)
{
    struct options options = { .config_path = SIPMIB_CONFIG_FILE, .log_level = LOG_LEVEL_INFO };
    struct config *config;
    struct err e = { "" };
    int r = parse_options(argc, argv, &options);

    if (r != EXIT_FINE || options.action == ACTION_DONE)
        return r;
    log_init("sipmibd", options.log_level, options.to_syslog);
    prctl(PR_SET_DUMPABLE, 0); /* keys and who is registered are for no core file */
    r = load(&options, &config, &e);
    if (r < 0) /* short of something, or there is something to mend */
        return r == -ENOMEM || r == -EMFILE || r == -ENFILE ? EXIT_FAILED : EXIT_REFUSED;
    return options.action == ACTION_RUN ? run(&options, config) : check(&options, config);
}

static int
parse_options(int argc, char **argv, struct options *options)
{
    static const struct option longs[] = {
        { "config", required_argument, NULL, 'f' },
        { "check", no_argument, NULL, 'c' },
        { "dump", no_argument, NULL, 'd' },
        { "syslog", no_argument, NULL, 's' },
        { "verbose", no_argument, NULL, 'v' },
        { "quiet", no_argument, NULL, 'q' },
        { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    int c;

    while ((c = getopt_long(argc, argv, "f:cdsvqVh", longs, NULL)) != -1) {
        switch (c) {
        case 'f': options->config_path = optarg; break;
        case 'c': options->action = ACTION_CHECK; break;
        case 'd': options->action = ACTION_DUMP; break;
        case 's': options->to_syslog = true; break;
        case 'v': options->log_level = LOG_LEVEL_DEBUG; break;
        case 'q': options->log_level = LOG_LEVEL_WARNING; break;
        case 'V':
            puts("sipmibd " SIPMIB_VERSION);
            options->action = ACTION_DONE;
            return EXIT_FINE;
        case 'h':
            print_help();
            options->action = ACTION_DONE;
            return EXIT_FINE;
        default: fputs("sipmibd: see sipmibd --help\n", stderr); return EXIT_USAGE;
        }
    }
    if (optind == argc)
        return EXIT_FINE;
    fprintf(stderr, "sipmibd: unexpected argument \"%s\"; see sipmibd --help\n", argv[optind]);
    return EXIT_USAGE;
}

/* Complaints go to standard error for a person who started us, else through the log, so that each has its priority. */
static int
load(const struct options *options, struct config **config, struct err *e)
{
    bool is_logged = options->action == ACTION_RUN && (options->to_syslog || getenv("JOURNAL_STREAM"));
    char *text = NULL, *rest = NULL;
    size_t octets;
    FILE *out = is_logged ? open_memstream(&text, &octets) : stderr;
    int r = out ? config_load(options->config_path, config, out, e)
                : err_set(e, -ENOMEM, "no memory to start with");

    if (out && out != stderr)
        fclose(out);
    for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest))
        log_line(r < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, LOG_CONFIG, "%s", line);
    free(text);
    if (r < 0 && is_logged)
        log_line(LOG_LEVEL_ERROR, LOG_CONFIG, "%s", e->text);
    else if (r < 0)
        fprintf(stderr, "sipmibd: %s\n", e->text);
    return r;
}

static int
check(const struct options *options, struct config *config)
{
    if (options->action == ACTION_DUMP)
        config_dump(config, stdout);
    else
        printf("%s: no errors, %zu instance%s\n", options->config_path, config->n_instances,
               config->n_instances == 1 ? "" : "s");
    config_free(config);
    if (fflush(stdout) == 0)
        return EXIT_FINE;
    fprintf(stderr, "sipmibd: standard output: %s\n", strerror(errno));
    return EXIT_FAILED;
}

/* The core takes the configuration over, and may replace it on SIGHUP; what the AgentX thread needs is copied first. */
static int
run(const struct options *options, struct config *config)
{
    struct agentx_options agentx = { .ping_interval_s = config->ping_interval_s };
    char *socket = strdup(config->agentx_socket), *runtime_dir = strdup(config->runtime_dir);
    struct core *core = NULL;
    struct err e = { "" };
    bool is_failed = false;
    int r = -ENOMEM;

    block_signals();
    agentx_set_environment(config->state_dir);
    if (socket && runtime_dir)
        r = core_start(&core, config, options->config_path, &e);
    else
        err_set(&e, r, "no memory to start with");
    if (r < 0) {
        config_free(config);
    } else {
        agentx.socket = socket;
        agentx.runtime_dir = runtime_dir;
        say_ready();
        r = agentx_run(core, &agentx, &e);
        core_request_stop(core);
        is_failed = !core_stop(core);
    }
    if (r < 0)
        log_line(LOG_LEVEL_ERROR, LOG_AGENT, "%s", e.text);
    free(socket);
    free(runtime_dir);
    if (r == -EPROTONOSUPPORT)
        return EXIT_REFUSED;
    return r < 0 || is_failed ? EXIT_FAILED : EXIT_FINE;
}

/* For all threads to come: the core reads them from a descriptor. */
static void
block_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* Tell a service manager that asked to be told (sd_notify(3)'s protocol: one datagram). Without one, nothing. */
static void
say_ready(void)
{
    static const char ready[] = "READY=1";
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;

    if (!path || strlen(path) >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') /* the abstract name space */
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL, (const struct sockaddr *)&address,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path))) < 0)
        log_line(LOG_LEVEL_WARNING, LOG_AGENT, "cannot tell the service manager that we are ready: %s",
                 strerror(errno));
    close(fd);
}

static void
print_help(void)
{
    puts("usage: sipmibd [-f FILE] [--check | --dump] [--syslog] [-v | -q]\n"
         "\n"
         "Serves the SIP MIB (RFC 4780) through net-snmp's snmpd as an AgentX subagent.\n"
         "Runs in the foreground. SIGHUP reads the configuration again, SIGTERM ends.\n"
         "\n"
         "  -f, --config FILE  configuration (default " SIPMIB_CONFIG_FILE ")\n"
         "  -c, --check        only check the configuration: exit 0, or 3 and every error by line\n"
         "  -d, --dump         print the configuration in force, defaults included\n"
         "  -s, --syslog       log to syslog instead of standard error\n"
         "  -v, --verbose      log debugging too\n"
         "  -q, --quiet        log warnings and errors only\n"
         "  -V, --version      print the version\n"
         "  -h, --help         this text\n"
         "\n"
         "What it is doing and why it cannot: sipstat --agent.  See sipmibd(8), sipmib.yaml(5).");
}
