/* SPDX-License-Identifier: BSD-2-Clause */
/* config_check [--dump] FILE: load a configuration as the programs do. Complaints go to standard output; 0 when it is
 * good, 1 when it is not. It needs nothing but config/, so that test_config_errors.sh tests that alone. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

int
main(int argc, char **argv)
{
    bool dump = argc == 3 && strcmp(argv[1], "--dump") == 0;
    struct config *c;
    struct err e;

    if (argc != 2 && !dump) {
        fprintf(stderr, "usage: %s [--dump] FILE\n", argv[0]);
        return 2;
    }
    if (config_load(argv[argc - 1], &c, stdout, &e) < 0) {
        printf("%s\n", e.text);
        return 1;
    }
    if (dump)
        config_dump(c, stdout);
    config_free(c);
    return 0;
}
