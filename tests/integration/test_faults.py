#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A short run of the fault harness: every count exactly once, whatever is killed. `make stress` is the long one;
tests/stress/faults.py says what it does. SEED=n repeats a run."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "stress"))

import faults  # noqa: E402

if __name__ == "__main__":
    faults.main()
