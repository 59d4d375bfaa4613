#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Walks a subtree again and again and holds each walk against a list of objects that are there all the time:

    load_walker.py snmpwalk|snmpbulkwalk PORT OID LIST PAUSE [OPTION ...]

LIST has one OID a line, in order; PAUSE is slept after each walk, in parts of the time that it took. Objects that come
and go may be anywhere between those of the list; each must come behind the one before. Says what it has found so far
as a line of JSON, now and then. SIGTERM ends it behind the walk in hand."""

import json
import signal
import subprocess
import sys
import time

import harness

SAY_S = 10
WRONG_MAX = 5


def number(text):
    return tuple(map(int, text[1:].split(".")))


class Walk:
    """One walk: what it has more, less, or elsewhere than the list."""

    def __init__(self, expected):
        self._expected = expected
        self._next, self._last = self._line(), ()
        self.seen = self.missing = self.disorder = self.more = 0
        self.wrong = []

    def _line(self):
        return next(self._expected, "").rstrip("\n")

    def take(self, oid):
        self.seen += 1
        if oid == self._next:  # the list is in order: no need to compare numbers
            self._last, self._next = oid, self._line()
            return
        at, last = number(oid), number(self._last) if self._last else ()
        if at <= last:
            self.disorder += 1
            self._note("%s does not come behind %s" % (oid, self._last))
            return
        self.more += 1
        while self._next and number(self._next) < at:
            self._miss()
        if oid == self._next:
            self.more -= 1
            self._next = self._line()
        self._last = oid

    def end(self):
        while self._next:
            self._miss()

    def _miss(self):
        self.missing += 1
        self._note("%s is missing behind %s" % (self._next, self._last))
        self._next = self._line()

    def _note(self, text):
        if len(self.wrong) < WRONG_MAX:
            self.wrong.append(text)


def objects(output):
    """The OIDs of what a walk printed."""
    for line in output:
        if line.startswith(".1.") and "No Such" not in line and "No more" not in line:
            yield line.split(" ", 1)[0]


def command(tool, port, oid, options):
    return [tool, "-v2c", "-c", "public", "-m", "", "-Onq", "-Cc", "-t", "5", "-r", "5", *options,
            "127.0.0.1:%s" % port, oid]


def walk_once(arguments, list_path):
    with open(list_path, encoding="ascii") as expected:
        walk = Walk(expected)
        tool = harness.spawn(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        last = ""

        def lines():
            nonlocal last
            for last in tool.stdout:
                yield last

        for oid in objects(lines()):
            walk.take(oid)
        failed = tool.wait() != 0
        if failed:
            walk.wrong.append(last.strip())
        else:
            walk.end()
        return walk, failed


def main():
    tool, port, oid, list_path, pause = sys.argv[1:6]
    totals = dict.fromkeys(("walks", "failed", "objects", "more", "missing", "disorder"), 0)
    totals.update(longest_s=0.0, wrong=[])
    ended = []
    signal.signal(signal.SIGTERM, lambda number, frame: ended.append(number))
    said = 0.0
    while not ended:
        began = time.monotonic()
        walk, failed = walk_once(command(tool, port, oid, sys.argv[6:]), list_path)
        took = time.monotonic() - began
        totals["walks"] += 1
        totals["failed"] += failed
        totals["objects"] += walk.seen
        for key in ("more", "missing", "disorder"):
            totals[key] += getattr(walk, key)
        totals["longest_s"] = round(max(totals["longest_s"], took), 2)
        totals["wrong"] = (totals["wrong"] + walk.wrong)[:WRONG_MAX]
        if ended or time.monotonic() - said > SAY_S:
            print(json.dumps(totals), flush=True)
            said = time.monotonic()
        rest = time.monotonic() + took * float(pause)
        while not ended and time.monotonic() < rest:
            time.sleep(min(0.2, max(0.0, rest - time.monotonic())))
    print(json.dumps(totals), flush=True)


if __name__ == "__main__":
    main()
