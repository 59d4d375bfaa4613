#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A few seconds of what `make load` does for an hour: see load.py."""

import load_verdict

if __name__ == "__main__":
    load_verdict.play(seconds=8, contacts=1000, duty=1.0)
