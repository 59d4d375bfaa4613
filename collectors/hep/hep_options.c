/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of sipstat-hep. */
#include "collectors/hep/hep_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "sipcore/span.h"

enum { OPTION_LISTEN = 256, OPTION_DIR, OPTION_CHECK, OPTION_FOREGROUND, OPTION_VERSION };

static const struct option long_options[] = {
    { "config", required_argument, NULL, 'f' },
    { "listen", required_argument, NULL, OPTION_LISTEN },
    { "dir", required_argument, NULL, OPTION_DIR },
    { "check", no_argument, NULL, OPTION_CHECK },
    { "foreground", no_argument, NULL, OPTION_FOREGROUND },
    { "verbose", no_argument, NULL, 'v' },
    { "version", no_argument, NULL, OPTION_VERSION },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int take_option(struct hep_options *options, int option, struct err *e);
static int take_listen(struct hep_options *options, struct err *e);
static bool take_host(struct span host, unsigned port, struct config_address *out);
static bool take_port(const char *text, unsigned *out);

int
hep_options_parse(struct hep_options *options, int argc, char **argv, struct err *e)
{
    int option, code = 0;

    *options = (struct hep_options){ .config_file = SIPMIB_CONFIG_FILE };
    opterr = 0;
    optind = 0; /* glibc: start afresh, so that this can be called again */
    while (code == 0 && (option = getopt_long(argc, argv, ":f:vh", long_options, NULL)) != -1) {
        if (option == ':')
            return err_set(e, -EINVAL, "%s needs a value", argv[optind - 1]);
        if (option == '?')
            return err_set(e, -EINVAL, "there is no option %s", argv[optind - 1]);
        code = take_option(options, option, e);
    }
    if (code == 0 && optind < argc)
        return err_set(e, -EINVAL, "\"%s\" is one word too many", argv[optind]);
    return code;
}

static int
take_option(struct hep_options *options, int option, struct err *e)
{
    switch (option) {
    case 'f': options->config_file = optarg; return 0;
    case 'v': options->verbose = true; return 0;
    case 'h': options->want_help = true; return 0;
    case OPTION_VERSION: options->want_version = true; return 0;
    case OPTION_CHECK: options->only_check = true; return 0;
    case OPTION_FOREGROUND: return 0; /* as always */
    case OPTION_DIR: options->dir = optarg; return 0;
    default: return take_listen(options, e);
    }
}

static int
take_listen(struct hep_options *options, struct err *e)
{
    if (options->n_listen == CONFIG_LISTENERS_MAX)
        return err_set(e, -EINVAL, "more than %d times --listen", CONFIG_LISTENERS_MAX);
    if (hep_options_address(optarg, &options->listen[options->n_listen], e) != 0)
        return err_wrap(e, -EINVAL, "--listen");
    options->n_listen++;
    return 0;
}

int
hep_options_address(const char *text, struct config_address *out, struct err *e)
{
    const char *host = text + 4, *colon;
    unsigned port;

    *out = (struct config_address){ .transport = SIPSTAT_UDP };
    if (strncmp(text, "udp:", 4) != 0 || !(colon = strrchr(host, ':')) || !take_port(colon + 1, &port) ||
        !take_host(span_of(host, (size_t)(colon - host)), port, out))
        return err_set(e, -EINVAL, "expected an address like udp:127.0.0.1:9060, got \"%.80s\"", text);
    return 0;
}

static bool
take_port(const char *text, unsigned *out)
{
    size_t digits = strspn(text, "0123456789");

    *out = 0;
    if (digits == 0 || digits > 5 || text[digits] != 0)
        return false;
    for (size_t i = 0; i < digits; i++)
        *out = *out * 10 + (unsigned)(text[i] - '0');
    return *out <= 65535;
}

static bool
take_host(struct span host, unsigned port, struct config_address *out)
{
    struct sockaddr_in ipv4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    struct sockaddr_in6 ipv6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port) };
    char text[INET6_ADDRSTRLEN] = "";
    bool bracketed = host.length > 2 && host.data[0] == '[' && host.data[host.length - 1] == ']';

    if (bracketed)
        host = span_first(span_from(host, 1), host.length - 2);
    if (host.length == 0 || host.length >= sizeof(text))
        return false;
    memcpy(text, host.data, host.length);
    out->any_host = !bracketed && strcmp(text, "*") == 0;
    if (bracketed && inet_pton(AF_INET6, text, &ipv6.sin6_addr) == 1)
        memcpy(&out->address, &ipv6, sizeof(ipv6));
    else if (!bracketed && (out->any_host || inet_pton(AF_INET, text, &ipv4.sin_addr) == 1))
        memcpy(&out->address, &ipv4, sizeof(ipv4));
    else
        return false;
    return true;
}

void
hep_options_usage(FILE *out)
{
    fprintf(out,
            "usage: sipstat-hep [-v] [-f FILE] [--listen ADDRESS]... [--dir DIRECTORY] [--check]\n"
            "       sipstat-hep --help | --version\n"
            "\n"
            "Counts the SIP messages that arrive as HEP packets, for SNMP, in the lanes of sipmib.\n"
            "\n"
            "  -f, --config FILE    configuration (%s)\n"
            "      --listen ADDRESS take HEP here, and not where the configuration says; repeatable.\n"
            "                       udp:127.0.0.1:9060, udp:[::1]:9060, udp:*:9060; port 0: any free one\n"
            "      --dir DIRECTORY  runtime directory, instead of runtime_dir of the configuration\n"
            "      --check          only say whether the configuration is good\n"
            "      --foreground     nothing: it always runs in the foreground\n"
            "  -v, --verbose        log more\n"
            "  -h, --help           this text\n"
            "      --version        name and version\n"
            "\n"
            "SIGHUP reloads the configuration, SIGTERM and SIGINT end it. sipstat-hep(8) says the rest.\n",
            SIPMIB_CONFIG_FILE);
}
