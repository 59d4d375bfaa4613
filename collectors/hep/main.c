/* SPDX-License-Identifier: BSD-2-Clause */
/* sipstat-hep: counts the SIP that an unmodified stack mirrors as HEP. */
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "collectors/hep/hep_options.h"
#include "collectors/hep/hep_server.h"
#include "collectors/log.h"

/* As sipstat-hep(8) says. */
enum { EXIT_GOOD = 0, EXIT_CANNOT = 1, EXIT_USAGE = 2, EXIT_BAD_CONFIG = 3 };

static int check(const struct hep_options *options);
static int run(const struct hep_options *options);
static void raise_descriptor_limit(void);

int
main(int argc, char **argv)
{
    struct hep_options options;
    struct err e = { "" };

    if (hep_options_parse(&options, argc, argv, &e) != 0) {
        fprintf(stderr, "sipstat-hep: %s; --help tells what there is\n", e.text);
        return EXIT_USAGE;
    }
    if (options.want_help) {
        hep_options_usage(stdout);
        return EXIT_GOOD;
    }
    if (options.want_version) {
        printf("sipstat-hep %s\n", SIPMIB_VERSION);
        return EXIT_GOOD;
    }
    collector_log_init("sipstat-hep", options.verbose ? COLLECTOR_DEBUG : COLLECTOR_INFO);
    return options.only_check ? check(&options) : run(&options);
}

static int
check(const struct hep_options *options)
{
    struct config *config;
    struct err e = { "" };

    if (hep_server_load(options, &config, &e) != 0) {
        collector_log(COLLECTOR_ERROR, "%s", e.text);
        return EXIT_BAD_CONFIG;
    }
    config_free(config);
    return EXIT_GOOD;
}

static int
run(const struct hep_options *options)
{
    struct config *config;
    struct err e = { "" };
    int code;

    prctl(PR_SET_DUMPABLE, 0); /* the mirrors' key is for no core file */
    raise_descriptor_limit();
    code = hep_server_load(options, &config, &e);
    if (code != 0) { /* short of something, or there is something to mend */
        collector_log(COLLECTOR_ERROR, "%s", e.text);
        return code == -ENOMEM || code == -EMFILE || code == -ENFILE ? EXIT_CANNOT : EXIT_BAD_CONFIG;
    }
    if (hep_server_run(options, config, &e) != 0) {
        collector_log(COLLECTOR_ERROR, "%s", e.text);
        return EXIT_CANNOT;
    }
    return EXIT_GOOD;
}

/* Each lane takes a descriptor, and there may be a thousand instances. */
static void
raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}
