/* SPDX-License-Identifier: BSD-2-Clause */
/* In place of guard_hep.c where sipstat-hep is not built. */
#include "tests/bench/guard.h"

const struct guard_path guard_hep_paths[1] = { { .name = NULL } };
const size_t guard_hep_count = 0;
