#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Files of the agent's own that rot under it: octets of retained.mdb and registrations.mdb are overwritten while it runs,
and the files cut. It may end of that, for LMDB believes its pages; but the next start serves, says what was lost, and
counts on from what was not: DisconTime moves when totals were lost, and never otherwise.

Options: rounds (4), seed."""

import os
import random
import signal
import subprocess
import sys
import time

import harness
import writer

RETAINED, REGISTERED = "retained.mdb", "registrations.mdb"
PAGE = 4096
LOST = "what ended writers counted is lost"
CONTACTS = ".1.3.6.1.2.1.151.1.5.3.1"
DISCON, IN_REQUESTS = "sipCommonSummaryDisconTime.1", "sipCommonSummaryInRequests.1"


def overwrite(path, at, octets):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(octets)


def rot(path, rng):
    """Do one of the things that disks, memory and people do. What that was."""
    size = os.path.getsize(path)
    kind = rng.choice(["bits", "octets", "octets", "octets", "page", "zeros", "pages", "cut"])
    if kind == "bits":
        for _ in range(8):
            at = rng.randrange(size)
            with open(path, "rb") as f:
                f.seek(at)
                old = f.read(1)[0]
            overwrite(path, at, bytes([old ^ 1 << rng.randrange(8)]))
    elif kind == "octets":
        for _ in range(rng.randrange(1, 20)):
            overwrite(path, rng.randrange(size - 64), rng.randbytes(rng.randrange(1, 64)))
    elif kind == "cut":
        os.truncate(path, rng.randrange(size))
    else:
        for _ in range(1 if kind != "pages" else 4):
            overwrite(path, rng.randrange(size // PAGE) * PAGE, bytes(PAGE) if kind == "zeros" else rng.randbytes(PAGE))
    return kind


class Load:
    """Writers that count, register, end and are followed by others; what they counted is known."""

    def __init__(self, site):
        self.site, self.sent, self.ended, self.lost, self.number = site, 0, 0, 0, 0
        self.writer = writer.Writer(site.runtime_dir, "edge", ring_octets=1 << 20)

    def step(self):
        for _ in range(20):
            self.number += 1
            self.writer.request(writer.IN, "INVITE")
            self.writer.bindings("sip:u%d@example.org" % (self.number * 7 % 400),
                                 ["sip:u%d@192.0.2.%d" % (self.number, k) for k in range(self.number % 3)])
        self.sent += 20

    def replace(self):
        self.writer.close()
        self.ended = self.sent
        self.writer = writer.Writer(self.site.runtime_dir, "edge", ring_octets=1 << 20)


def number(site, name):
    return int(site.get(name))


def exercise(load, agent, seconds):
    """Everything that reads and writes the files, for so long, or until the agent ends of it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and agent.is_running():
        load.step()
        load.site._snmp("snmpbulkwalk", ["-m", "", "-Onx", "-t", "1", "-r", "1"], [CONTACTS], check=False)
        if load.number % 3 == 0:
            load.replace()


class Tally:
    def __init__(self):
        self.crashes = self.lost = self.rounds = 0
        self.signals = {}


def counts_right(site, load, is_lost):
    """Nothing is missing; or, where totals were lost, at most what ended writers had counted: that is noted."""
    if is_lost:
        time.sleep(1.5)  # those that ended meanwhile are retired
        missing = load.sent - number(site, IN_REQUESTS)
        if not load.lost <= missing <= load.ended:
            return False
        load.lost = missing
    try:
        return harness.wait_for("the right count", lambda: number(site, IN_REQUESTS) == load.sent - load.lost, 30)
    except TimeoutError:
        return False


def one_round(site, report, load, agent, rng, tally):
    """The agent that runs afterwards."""
    name = rng.choice([RETAINED, REGISTERED])
    before = number(site, DISCON)
    kind = rot(os.path.join(site.runtime_dir, name, "data.mdb"), rng)
    exercise(load, agent, 1.5)
    crashed = not agent.is_running()
    if crashed:
        code = -agent.popen.returncode
        tally.crashes += 1
        tally.signals[code] = tally.signals.get(code, 0) + 1
    else:
        agent.signal(signal.SIGKILL)
    agent.popen.wait(10)
    text = agent.log()
    for _ in range(3):
        agent = site.start_sipmibd(wait=False)
        try:
            site.wait_served(30)
            break
        except TimeoutError:
            report.check("round %d: the next start serves (%s of %s)" % (tally.rounds, kind, name), False, agent.log())
    is_lost = LOST in agent.log()[len(text):]
    tally.lost += is_lost
    tally.rounds += 1
    right = counts_right(site, load, is_lost)
    moved = number(site, DISCON) - before > 50
    what = "round %d: %s in %s, %s" % (tally.rounds, kind, name, "ended by signal %d" % code if crashed else "lived")
    report.check("%s, counts go on%s" % (what, " without what was lost" if is_lost else ""), right,
                 "served %d, sent %d, lost %d" % (number(site, IN_REQUESTS), load.sent, load.lost) + agent.log()[len(text):])
    exercise(load, agent, 0.5)
    report.check("%s, the next start goes on running" % what, agent.is_running(), agent.log()[len(text):])
    report.check("%s, DisconTime %s" % (what, "moved" if is_lost else "is as before"), moved == is_lost)
    return agent


def main():
    harness.need("snmpd", "snmpget", "snmpbulkwalk")
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "big")
    report, tally, rng = harness.Report(), Tally(), random.Random(seed)
    print("seed %d" % seed)
    with harness.Site() as site:
        site.write_config(["{name: edge, appl_index: 1, roles: [registrar_server]}"])
        site.start_snmpd()
        agent = site.start_sipmibd()
        load = Load(site)
        exercise(load, agent, 2)
        for _ in range(rounds):
            agent = one_round(site, report, load, agent, rng, tally)
    print("%d rounds, %d ended the agent (by signal: %s), %d lost totals" %
          (tally.rounds, tally.crashes, tally.signals, tally.lost))
    report.exit()


if __name__ == "__main__":
    main()
