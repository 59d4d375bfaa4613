#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Eight writers hammer one instance; writers, sipmibd and snmpd are killed at random moments. SNMP serves the exact sum
of their ledgers, never less than before, and no DisconTime moves. SEED=n repeats a run."""

import os
import random
import sys
import time

import hammers
import harness

WRITERS = 8
FAST = 2            # of them; these hardly pause, so that a kill often interrupts a message
BURST, FAST_BURST = 40, 100000
ROUNDS = (  # what is killed, one after the other with a short random time between
    ("writer",), ("sipmibd",), ("snmpd",), ("writer", "sipmibd"), ("sipmibd", "writer", "writer"),
    ("writer", "writer", "snmpd"), ("snmpd", "sipmibd"), ("writer", "sipmibd", "snmpd", "writer"),
)
AGE_S = 0.3  # snapshot_max_age, and a little


class Watch:
    """Counters may only rise, and DisconTimes stay where they are in real time."""

    def __init__(self, site, report):
        self.site, self.report, self.highest, self.samples = site, report, {}, 0
        self.fallen, self.moved = set(), set()
        self.discon_at = {}

    def sample(self):
        """One look, if anybody answers. An agent that dies in mid-walk ends the walk early: what is there counts."""
        try:
            values = hammers.served(self.site)
            uptime = int(self.site.get("SNMPv2-MIB::sysUpTime.0"))
        except (RuntimeError, ValueError):
            return
        self.samples += bool(values)
        now = time.monotonic()
        for key, value in values.items():
            if "DisconTime" in key[0]:
                self._discon(key, value, now - uptime / 100 + value / 100)
            elif key[0] != "sipCommonTransCurrentactions" and isinstance(value, int) and "Row" not in key[0] and \
                    "Notif" not in key[0]:
                if value < self.highest.get(key, 0):
                    self.fallen.add((key, self.highest[key], value))
                self.highest[key] = max(value, self.highest.get(key, 0))

    def _discon(self, key, value, at):
        """0 is for what was before the master started; other values are held against the first one seen."""
        if value == 0:
            return
        if key in self.discon_at and abs(at - self.discon_at[key]) > 1.0:
            self.moved.add((key, self.discon_at[key], at))
        self.discon_at.setdefault(key, at)


def settle(site, gang, timeout=15):
    """Wait until SNMP serves what the ledgers say, and return what it serves and what differs."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            values = hammers.served(site)
        except RuntimeError:
            values = {}
        wrong = {key: (bounds, values.get(key)) for key, bounds in gang.bounds().items()
                 if not bounds[0] <= values.get(key, -1 if bounds[1] else 0) <= bounds[1]}
        if not wrong or time.monotonic() > deadline:
            return values, wrong
        time.sleep(0.1)


def play(site, gang, victims, choose, running):
    """Kill `victims`, and start again what was killed."""
    for victim in victims:
        if victim == "writer":
            fast = [h for h in gang.running() if h.burst == FAST_BURST]
            choose.choice(fast * 3 + gang.running()).process.kill()
        else:
            running[victim].kill()
        time.sleep(choose.uniform(0, 0.15))
    if "snmpd" in victims:
        running["snmpd"] = site.start_snmpd()
    if "sipmibd" in victims:
        running["sipmibd"] = site.start_sipmibd(wait=False)
    start_writers(gang)


def start_writers(gang):
    fast = sum(1 for h in gang.running() if h.burst == FAST_BURST)
    gang.start(FAST - fast, FAST_BURST)
    gang.start(WRITERS - len(gang.running()), BURST)


def main():
    harness.need("snmpd", "snmpwalk")
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    choose = random.Random(seed)
    report = harness.Report()
    print("SEED=%d" % seed)
    with harness.Site() as site:
        site.write_config(["{name: hammered, appl_index: 1, roles: [proxy_server]}"])
        running = {"snmpd": site.start_snmpd(), "sipmibd": site.start_sipmibd()}
        gang, watch = hammers.Gang(site, "hammered"), Watch(site, report)
        start_writers(gang)
        for number, victims in enumerate(ROUNDS, 1):
            end = time.monotonic() + choose.uniform(0.5, 1.2)
            while time.monotonic() < end:
                watch.sample()
            play(site, gang, victims, choose, running)
            site.wait_served()
            for _ in range(3):
                watch.sample()
            gang.hold(True)
            time.sleep(AGE_S)
            values, wrong = settle(site, gang)
            watch.sample()
            in_hand = sum(h.in_hand() for h in gang.members)
            report.check("round %d, kill -9 of %s: %s requests served exactly, %d message%s in hand" %
                         (number, ", ".join(victims), values.get(("sipCommonSummaryInRequests",)), in_hand,
                          "" if in_hand == 1 else "s"), not wrong, str(wrong))
            gang.hold(False)
        killed = sum(1 for h in gang.members if not h.process.is_running())
        report.check("a killed writer has at most one message in hand (%d killed)" % killed,
                     all(h.in_hand() <= 1 for h in gang.members))
        report.check("no counter was ever less than before, %d walks" % watch.samples,
                     not watch.fallen and watch.samples > len(ROUNDS), str(sorted(watch.fallen, key=str)[:5]))
        report.check("no DisconTime moved", not watch.moved, str(sorted(watch.moved, key=str)[:5]))
        harness.wait_for("the dead lanes to be retired", lambda: len(gang.lanes()) == WRITERS)
        report.equal("lanes left: those of the living", WRITERS, len(gang.lanes()))
        report.check("sipmibd ends cleanly on SIGTERM", running["sipmibd"].stop() == 0, running["sipmibd"].log()[-500:])
    report.exit()


if __name__ == "__main__":
    main()
