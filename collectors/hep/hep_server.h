/* SPDX-License-Identifier: BSD-2-Clause */
/* The running collector: sockets, signals, the time. */
#ifndef COLLECTORS_HEP_HEP_SERVER_H
#define COLLECTORS_HEP_HEP_SERVER_H

#include "collectors/hep/hep_options.h"
#include "sipcore/err.h"

/* Load the configuration and say what is wrong with it, also what only concerns this program: on a
 * terminal or with --check as it is, else each complaint as an error of the log. 0 and *out owned by the
 * caller, or a negative errno. */
int hep_server_load(const struct hep_options *options, struct config **out, struct err *e);

/* Run until SIGTERM or SIGINT, which then end in 0; SIGHUP reloads. Takes `config`. A negative errno and
 * `e` when it cannot start or go on. Says on standard output where it listens, as soon as it does. Blocks
 * the three signals. */
int hep_server_run(const struct hep_options *options, struct config *config, struct err *e);

#endif
