/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line of sipstat-hep. */
#ifndef COLLECTORS_HEP_HEP_OPTIONS_H
#define COLLECTORS_HEP_HEP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "config/config.h"
#include "sipcore/err.h"

struct hep_options {
    const char *config_file;
    const char *dir;                                    /* instead of runtime_dir; NULL: as configured */
    struct config_address listen[CONFIG_LISTENERS_MAX]; /* instead of collectors.hep.listen */
    size_t n_listen;
    bool only_check, verbose, want_help, want_version;
};

/* Read the command line; strings are borrowed from `argv`. 0, or -EINVAL with what is wrong in `e`. */
int hep_options_parse(struct hep_options *options, int argc, char **argv, struct err *e);

/* "udp:127.0.0.1:9060", "udp:[::1]:9060", "udp:*:9060"; port 0 is any free one. 0, or -EINVAL and `e`. */
int hep_options_address(const char *text, struct config_address *out, struct err *e);

void hep_options_usage(FILE *out);

#endif
