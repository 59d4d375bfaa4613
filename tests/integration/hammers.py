# SPDX-License-Identifier: BSD-2-Clause
"""Writers that hammer an instance (hammer.c), and the sums of their ledgers."""

import mmap
import os
import struct

import harness

METHODS = ("INVITE", "REGISTER", "OPTIONS", "MESSAGE")
CODES = (180, 200, 404, 503)
COUNTERS = len(METHODS) * (1 + len(CODES)) + 2


class Hammer:
    def __init__(self, site, instance, number, burst):
        self.path, self.burst = site.path("ledger-%d" % number), burst
        with open(self.path, "wb") as f:
            f.write(bytes(16 + 16 * COUNTERS))
        with open(self.path, "r+b") as f:
            self._map = mmap.mmap(f.fileno(), 0)
        self.process = site.start("hammer-%d" % number, [harness.program("HAMMER", "tests/integration/hammer"), instance,
                                                          self.path, str(burst)])

    def hold(self, is_held):
        self._map[0:8] = struct.pack("<Q", is_held)

    def is_idle(self):
        return not self.process.is_running() or self._map[8:16] != bytes(8)

    def ledger(self):
        """(announced, done) of each counter."""
        words = struct.unpack("<%dQ" % (2 * COUNTERS), self._map[16:])
        return list(zip(words[0::2], words[1::2]))

    def in_hand(self):
        return sum(announced - done for announced, done in self.ledger())


class Gang:
    """All writers of an instance, those killed included: their counts stay."""

    def __init__(self, site, instance):
        self.site, self.instance, self.members = site, instance, []

    def start(self, count, burst):
        for _ in range(count):
            self.members.append(Hammer(self.site, self.instance, len(self.members), burst))

    def running(self):
        return [h for h in self.members if h.process.is_running()]

    def hold(self, is_held):
        for h in self.running():
            h.hold(is_held)
        if is_held:
            harness.wait_for("the writers to pause", lambda: all(h.is_idle() for h in self.running()))

    def lanes(self):
        folder = os.path.join(self.site.runtime_dir, self.instance)
        return [name for name in os.listdir(folder) if name.endswith(".lane")] if os.path.isdir(folder) else []

    def bounds(self):
        """{object: (least, most)} of what SNMP may serve, by the ledgers."""
        sums = [(sum(pair[0] for pair in column), sum(pair[1] for pair in column))
                for column in zip(*(h.ledger() for h in self.members))]
        bounds = {}
        for m, method in enumerate(METHODS):
            bounds[("sipCommonMethodStatsInbounds", method)] = sums[m]
            for c, code in enumerate(CODES):
                bounds[("sipCommonStatusCodeOuts", method, code)] = sums[len(METHODS) + m * len(CODES) + c]
        bounds[("sipCommonSummaryInRequests",)] = _add(sums[:len(METHODS)])
        bounds[("sipCommonSummaryOutResponses",)] = _add(sums[len(METHODS):-2])
        bounds[("sipCommonSummaryTotalTransactions",)] = sums[-2]
        bounds[("sipCommonTransCurrentactions",)] = (sums[-2][0] - sums[-1][1], sums[-2][1] - sums[-1][0])
        return {name: (min(pair), max(pair)) for name, pair in bounds.items()}


def _add(pairs):
    return sum(p[0] for p in pairs), sum(p[1] for p in pairs)


TABLES = ("sipCommonSummaryStatsTable", "sipCommonMethodStatsTable", "sipCommonStatusCodeTable", "sipCommonTransCurrentTable")


def served(site, appl_index=1):
    """What SNMP serves of these objects and the DisconTimes: {(object, index ...): value}, without the application's
    index."""
    values = {}
    for table in TABLES:
        for key, value in site.walk(table).items():
            if len(key) > 1 and key[1] == appl_index:
                values[(key[0],) + key[2:]] = value
    return values
