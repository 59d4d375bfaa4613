# SPDX-License-Identifier: BSD-2-Clause
"""How a benchmark script measures and says what it found: the same as bench.h and bench.c, for Python.

Figures are medians of several runs; ratios are medians of pairs of the same run. report(), absent(), point()
and note() print a line for people and, with BENCH_JSON=file in the environment, append a JSON object to
that file."""

import json
import os
import pathlib
import statistics
import sys
import time

# The table of targets, in its order: the key that a row names as its section, and its heading.
SECTIONS = [
    ("typed call", "typed call: one request or response, counters only"),
    ("typed call, recorded", "typed call with an event record and coarse time"),
    ("typed call, followed", "typed call while the agent polls and a viewer follows"),
    ("typed call, cold", "typed call with swept caches"),
    ("observe", "sipstat_observe: parse, match the transaction, count"),
    ("transactions", "transaction table with 1 to 1 M live transactions"),
    ("hep", "sipstat-hep, one core, UDP loopback"),
    ("snapshot", "snapshot of 256 lanes with 150 cells used each"),
    ("walk", "walks of tables of 1 k to 1 M rows"),
    ("get", "GET of 1 and of 60 varbinds"),
    ("registrations", "registrations through the ring into LMDB"),
    ("contact memory", "memory per registered contact"),
    ("idle", "idle agent with 64 lanes"),
    ("start", "start of the agent with 1 M contacts"),
]

now_ns = time.monotonic_ns
allowed = sorted(os.sched_getaffinity(0))


def pin(cpu, pid=0):
    """Run process pid (0: this one), all its threads, on this CPU, counted among those that this one was started with."""
    for thread in os.listdir(f"/proc/{pid or os.getpid()}/task"):
        os.sched_setaffinity(int(thread), {allowed[cpu % len(allowed)]})


def median(values):
    return statistics.median(values)


def spread(values):
    """(75th - 25th percentile) / median."""
    if len(values) < 2 or not median(values):
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / median(values)


def verdict(figure, target, at_least):
    if not target:
        return "told"
    return "met" if (figure >= target if at_least else figure <= target) else "NOT met"


def report(name, unit, values, baseline=None, baseline_values=None, target=0, at_least=False, section=None):
    """One figure: see struct bench_row."""
    row = {"section": section or "", "name": name, "unit": unit, "runs": len(values),
           "median": median(values), "spread": spread(values)}
    text = f"{name:<44} {row['median']:10.4g} {unit:<10} spread {100 * row['spread']:3.0f} %"
    if baseline:
        row["baseline"] = baseline
        row["baseline_median"] = median(baseline_values)
        row["ratio"] = median([v / b for v, b in zip(values, baseline_values, strict=True)])
        text += f"  {row['ratio']:.3g} x {baseline} ({row['baseline_median']:.4g})"
    row["verdict"] = verdict(row.get("ratio", row["median"]), target, at_least)
    if target:
        row["target"] = target
        row["at_least"] = at_least
        text += f"  target {'>=' if at_least else '<='} {target:.4g}: {row['verdict']}"
    print(text, flush=True)
    append("row", row)


def absent(section, name, reason):
    """A row that has no figure here, and why."""
    print(f"{name:<44} no figure: {reason}", flush=True)
    append("absent", {"section": section or "", "name": name, "reason": reason})


def claim(section, name, holds, text):
    """Something that holds or does not; text says what was seen."""
    row = {"section": section or "", "name": name, "text": text, "verdict": "met" if holds else "NOT met"}
    print(f"{name:<44} {text}: {row['verdict']}", flush=True)
    append("claim", row)


def point(curve, x_unit, x, y_unit, y):
    """A point of a cost curve: "picture: line in it"."""
    print(f"{curve:<44} {x:10.6g} {x_unit:<10} {y:10.4g} {y_unit}", flush=True)
    append("point", {"curve": curve, "x_unit": x_unit, "y_unit": y_unit, "x": x, "y": y})


def note(text):
    """A sentence for the reader of the output, shown below the table as well."""
    print(f"  {text}", flush=True)
    append("note", {"text": text})


def append(kind, row):
    path = os.environ.get("BENCH_JSON")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            line = {"kind": kind, "program": pathlib.Path(sys.argv[0]).name} | row
            file.write(json.dumps(line) + "\n")
