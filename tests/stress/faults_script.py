# SPDX-License-Identifier: BSD-2-Clause
"""The script of a run of faults.py: what is done to whom, in which order and with which pauses. A pure function of the
seed."""

import os
import random
import re

PROXIES, REGISTRARS = 5, 3
SLOTS = PROXIES + REGISTRARS
ANCHOR = 0  # a proxy that keeps its lane, so that what the instance's transactions differ by is kept; see massacre

KILL, STOP = 1, 2


def points():
    """[(who, name)] of the table, in its order."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "faults_points.h")
    with open(path, encoding="ascii") as f:
        return re.findall(r'X\(([WAC]), "([\w.]+)"\)', f.read())


def is_start(point):
    return point.startswith("start.")


class Deck:
    """All cards come before one comes again."""

    def __init__(self, choose, cards):
        self._choose, self._cards, self._left = choose, list(cards), []

    def draw(self):
        if not self._left:
            self._left = list(self._cards)
            self._choose.shuffle(self._left)
        return self._left.pop()


class Writer:
    """Makes the rounds, one after the other."""

    def __init__(self, seed):
        self._choose = random.Random(seed)
        names = {who: [name for owner, name in points() if owner == who] for who in "WAC"}
        self._writer_points = Deck(self._choose, [name for name in names["W"] if name != "file.directory"])
        self._agent_points = Deck(self._choose, names["C"] + names["A"])
        # Of 100 rounds. The rest disturbs nothing but what is killed.
        self._disturbances = Deck(self._choose, ["clock"] * 12 + ["fill"] * 3 + ["shut runtime"] * 2 +
                                  ["shut instance"] * 2 + ["wipe"] * 2 + ["wipe_kill"] + ["massacre"] * 3 +
                                  ["set"] * 10 + [None] * 65)

    def rounds(self):
        """Rounds: lists of (pause in seconds, name, argument ...)."""
        while True:
            agent, disturbance = self._agent(), self._disturbance()
            actions = [self._writer() for _ in range(self._choose.randint(6, 14))]
            if disturbance and disturbance[0][0].startswith("wipe"):
                # What only the agent holds then would die with it, and does in a wipe_kill. It may end in order.
                is_ended = disturbance[0][0] == "wipe" and self._choose.random() < 0.5
                actions = disturbance + actions + ([("agent_end",)] if is_ended else [])
            else:
                for action in agent + disturbance:
                    actions.insert(self._choose.randint(0, len(actions)), action)
            if self._choose.random() < 0.06:
                what = self._choose.choice(("snmpd_kill", "snmpd_stop"))
                actions.insert(self._choose.randint(0, len(actions)), (what,))
            yield [(round(self._choose.uniform(0, 0.012), 4),) + a for a in actions]

    def _writer(self):
        slot, kind = self._choose.randrange(1, SLOTS), self._choose.random()
        at_once = self._choose.random() < 0.8
        if kind < 0.60:
            return "writer_kill", slot, at_once
        if kind < 0.93:
            return "writer_point", slot, self._writer_points.draw(), KILL, at_once
        if kind < 0.96:
            return "writer_point", slot, self._writer_points.draw(), STOP, at_once
        return "writer_stop", self._choose.randrange(0, SLOTS)

    def _agent(self):
        kind = self._choose.random()
        if kind < 0.45:
            return [self._agent_point(KILL)]
        if kind < 0.50:
            return [self._agent_point(STOP)]
        return [("agent_kill",)] if kind < 0.60 else [("agent_stop",)] if kind < 0.63 else \
            [("agent_end",)] if kind < 0.65 else []

    def _agent_point(self, action):
        """Some points are passed often: the first time that comes, or one soon after."""
        point, bits, later = self._agent_points.draw(), self._choose.randrange(8), self._choose.randrange(4)
        is_rare = is_start(point) or point.startswith(("settings.", "store."))
        if ("C", point) in points():  # a start waits for its child, stopped or not
            action = KILL
        return "agent_point", point, 0 if is_rare else later, bits, action, None

    def _disturbance(self):
        what = self._disturbances.draw()
        if what == "clock":
            return [("clock", self._choose.randint(-48, 48) * 3600 + self._choose.randint(-1800, 1800))]
        if what == "set":
            return [("set", self._choose.randrange(8))]
        if what in ("shut runtime", "shut instance"):
            return [("shut", what.split()[1])]
        return [(what,)] if what else []
