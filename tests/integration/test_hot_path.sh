#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# The typed calls of libsipstat have no instruction that locks, make no system call, and call nobody.
exec "$PYTHON3" "$top_srcdir/tests/bench/hot_path"
