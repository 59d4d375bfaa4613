#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Exactly once, whatever dies: writers that keep ledgers, a sipmibd with fault points in it as they have, and a real
snmpd are killed, stopped and started again by a script, which is a function of a seed: at random instants, and at every
fault point of the table. Meanwhile the runtime directory, a small tmpfs of its own where the kernel lets us mount
one, is filled, shut and wiped, and the wall clock jumps. After each round SNMP must serve what the ledgers say, give or
take the message that each killed writer had in hand; no counter may ever fall, and no DisconTime move without a loss.

    faults.py [--seed N] [--kills N] [--seconds N] [--script ROUNDS] [--keep DIRECTORY]

--seconds ends it early, 0: never; --script only prints so many rounds; --keep copies logs there. Exit status 0
only when nothing was lost, and, in a run of 1,000 kills and more, every fault point was met by a kill."""

import argparse
import collections
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "integration")]

import faults_process  # noqa: E402
import faults_script  # noqa: E402
import faults_served  # noqa: E402
import harness  # noqa: E402

TMPFS_OCTETS = 64 << 20
PATIENCE_S = 30
POINT_S = 2.0  # that long a fault point is waited for


class Run:
    def __init__(self, site, tally):
        self.site, self.tally = site, tally
        self.has_tmpfs = faults_process.private_tmpfs(site, TMPFS_OCTETS)
        site.write_config(["{name: proxy, appl_index: 1, roles: [proxy_server]}",
                           "{name: registrar, appl_index: 2, roles: [registrar_server]}"],
                          more="snapshot_max_age: 10ms\n")
        self.snmpd = site.start_snmpd()
        self.agent = faults_process.Agent(site)
        self.slots = [faults_process.Slot(site, n) for n in range(faults_script.SLOTS)]
        self.everybody = self.slots + [self.agent]
        self.served = faults_served.Served(site, self.slots, tally)
        self.offset, self.is_shut, self.is_wiped, self.may_drop = 0, False, None, False
        self.filler = os.path.join(site.runtime_dir, "filler")
        self.sampler = threading.Thread(target=self._sample, daemon=True)
        self.is_over = threading.Event()

    # ---------------------------------------------------------------- beginning and end

    def begin(self):
        self.agent.start()
        self.site.wait_served(PATIENCE_S)
        for slot in self.slots:
            slot.start()
        harness.wait_for("every message to be counted once", self.served.is_complete, PATIENCE_S)
        self.settle(0)
        self.sampler.start()

    def end(self):
        self.is_over.set()
        if self.sampler.is_alive():
            self.sampler.join()
        for process in self.everybody:
            process.end()

    def _sample(self):
        while not self.is_over.wait(0.08):
            self.served.sample()

    def agent_kills(self, who):
        """At fault points that are the agent's, or its child's."""
        return sum(self.agent.word(faults_process.KILLED + place)
                   for place, (owner, _) in enumerate(faults_script.points()) if owner == who)

    def kills(self):
        counted = sum(n for name, n in self.tally.items() if name.startswith("kills of"))
        return counted + self.agent_kills("A") + self.agent_kills("C")

    # ---------------------------------------------------------------- a round

    def play(self, number, actions):
        self.served.number = number
        for pause, name, *arguments in actions:
            time.sleep(pause)
            self._look_after_agent()
            getattr(self, "do_" + name)(*arguments)
        self._await_agent()
        self.settle(number)

    def settle(self, number):
        """Undo what was done to the machine, start what does not run, and compare."""
        self.undo()
        self._hold()
        if self.is_wiped:
            self._resync()
        self.served.compare(number, self.may_drop, self.is_wiped, self.agent)
        self.is_wiped, self.may_drop = None, False
        for slot in self.slots:
            slot.hold(0)

    def undo(self):
        if os.path.exists(self.filler):
            os.unlink(self.filler)
        for process in self.everybody:
            process.disarm()
            process.set_word(faults_process.IS_FULL, 0)
            process.go_on()
        self.snmpd.signal(signal.SIGCONT)
        if self.is_shut:
            os.chmod(self.site.runtime_dir, 0o3771)
            for name in ("proxy", "registrar"):
                if os.path.isdir(os.path.join(self.site.runtime_dir, name)):
                    os.chmod(os.path.join(self.site.runtime_dir, name), 0o3770)
            self.is_shut = False
        if not self.snmpd.is_running():
            self.snmpd = self.site.start_snmpd()
        for slot in self.slots:
            if not slot.is_running():
                slot.start()
        self._look_after_agent()

    def _hold(self):
        for slot in self.slots:
            slot.hold(1)
        harness.wait_for("the writers to pause", self._is_idle, PATIENCE_S, 0.002)

    def _is_idle(self):
        self._look_after_agent()
        for slot in self.slots:
            if not slot.is_running():
                slot.start()
            elif slot.is_asleep():
                slot.go_on()
        return all(slot.is_idle() for slot in self.slots)

    def _resync(self):
        """Registrations went with the directory, or found no room: they come back with their refreshes."""
        for slot in self.slots[faults_script.PROXIES:]:
            slot.set_word(faults_process.REFRESH, 1)
            slot.hold(0)
        harness.wait_for("the registrars to refresh", lambda: not any(
            slot.word(faults_process.REFRESH) for slot in self.slots), PATIENCE_S)
        self._hold()

    # ---------------------------------------------------------------- the agent

    def _look_after_agent(self):
        """It is always started again, soon after its end."""
        self.agent.ensure()

    def _await_agent(self):
        deadline = time.monotonic() + POINT_S
        while self.agent.is_armed() and time.monotonic() < deadline:
            time.sleep(0.005)
            self._look_after_agent()
        self.tally["agent points not reached"] += self.agent.is_armed()
        self.agent.disarm()

    def _kill_agent(self):
        if self.agent.is_running():
            self.agent.kill()
            self.tally["kills of sipmibd"] += 1

    def do_agent_kill(self):
        self._kill_agent()

    def do_agent_stop(self):
        self.agent.stop()
        self.tally["stops of sipmibd"] += 1

    def do_agent_end(self):
        """Every other time it cannot look at the proxy's lanes, and must not take them for removed."""
        if self.agent.is_running():
            if self.tally["orderly ends of sipmibd"] % 2 and not self.is_wiped:
                self.do_shut("instance")
            self.agent.go_on()
            self.agent.disarm()
            self.agent.popen.terminate()
            try:
                self.agent.popen.wait(PATIENCE_S)
                self.tally["orderly ends of sipmibd"] += 1
            except subprocess.TimeoutExpired:
                self.served.fail("sipmibd does not end on SIGTERM")
                self.agent.kill()

    def do_agent_point(self, point, countdown, bits, action, _):
        if point.startswith("store."):
            self._lose_store()
        if faults_script.is_start(point):
            self._kill_agent()
        self.agent.arm(point, countdown, action)
        self._look_after_agent()
        if point.startswith("settings."):
            self.do_set(bits)

    def _lose_store(self):
        """Out of sight for longer than a tick of the agent: it opens it anew, and puts there all that it has."""
        os.chmod(self.site.runtime_dir, 0)
        time.sleep(1.2)
        os.chmod(self.site.runtime_dir, 0o3771)

    # ---------------------------------------------------------------- the writers

    def _restart(self, slot, at_once):
        if at_once:
            slot.start()

    def do_writer_kill(self, number, at_once):
        slot = self.slots[number]
        if slot.is_running():
            slot.kill()
            self.tally["kills of writers"] += 1
        self._restart(slot, at_once)

    def do_writer_stop(self, number):
        self.slots[number].stop()
        self.tally["stops of writers"] += 1

    def do_writer_point(self, number, point, action, at_once):
        slot = self.slots[number]
        slot.go_on()
        slot.arm(point, 0, action)
        if slot.is_running():
            slot.set_word(faults_process.REOPEN, 1)
        else:
            slot.start()
        deadline = time.monotonic() + POINT_S
        while slot.is_armed() and time.monotonic() < deadline:
            time.sleep(0.001)
        if slot.is_armed():
            self.tally["writer points not reached"] += 1
            slot.disarm()
        elif action == faults_script.KILL:
            slot.popen.wait(PATIENCE_S)
            slot.deaths += 1
            self.tally["kills of writers"] += 1
            self._restart(slot, at_once)
        else:
            self.tally["stops of writers"] += 1

    def do_massacre(self):
        """All proxies at once: there is nobody left whose transactions might be open."""
        self.may_drop = True
        for slot in self.slots[:faults_script.PROXIES]:
            if slot.is_running():
                slot.kill()
                self.tally["kills of writers"] += 1

    # ---------------------------------------------------------------- the master and the machine

    def do_snmpd_kill(self):
        self.snmpd.kill()
        self.tally["kills of snmpd"] += 1
        self.snmpd = self.site.start_snmpd()

    def do_snmpd_stop(self):
        self.snmpd.signal(signal.SIGSTOP)
        self.tally["stops of snmpd"] += 1

    def do_clock(self, offset_s):
        for process in self.everybody:
            process.set_word(faults_process.CLOCK_OFFSET, offset_s)
        self.tally["jumps of the wall clock"] += 1

    def do_set(self, bits):
        self.served.set(bits)

    def do_fill(self):
        self.tally["fills of the tmpfs"] += 1
        self.is_wiped = self.is_wiped or "fill"
        if not self.has_tmpfs:
            for process in self.everybody:
                process.set_word(faults_process.IS_FULL, 1)
            return
        with open(self.filler, "wb", buffering=0) as f:
            try:
                for octets in (1 << 20, 1 << 12):
                    while f.write(bytes(octets)) == octets:
                        pass
            except OSError:
                pass

    def do_shut(self, what):
        path = self.site.runtime_dir if what == "runtime" else os.path.join(self.site.runtime_dir, "proxy")
        if os.path.isdir(path):
            os.chmod(path, 0)
            self.is_shut = True
        self.tally["directories shut"] += 1

    def _remove_all(self):
        for name in os.listdir(self.site.runtime_dir):
            path = os.path.join(self.site.runtime_dir, name)
            if os.path.isdir(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                os.unlink(path)

    def do_wipe(self):
        """Under a living agent: nothing is lost. Writers begin again in the new directory, and what the removed lanes
        counted is only in the agent until it has retired them."""
        self.is_wiped = self.is_wiped or "wipe"
        self.tally["wipes under a living sipmibd"] += 1
        self._remove_all()
        time.sleep(1.5)
        self.may_drop = True
        for slot in self.slots:
            if slot.is_running():
                slot.kill()
                self.tally["kills of writers"] += 1
            slot.start()
        self.agent.go_on()
        harness.wait_for("sipmibd to retire removed lanes", lambda: not self.agent.has_removed_lanes(), PATIENCE_S)

    def do_wipe_kill(self):
        """And the agent dies, too: what was counted is lost, which DisconTime says."""
        self.is_wiped, self.may_drop = "wipe_kill", True
        self.served.expect_loss()
        self.tally["wipes with a kill of sipmibd"] += 1
        self._remove_all()
        self.agent.go_on()
        self.agent.disarm()
        self._kill_agent()
        for slot in self.slots:
            if slot.is_running():
                slot.kill()
                self.tally["kills of writers"] += 1
        self.do_writer_point(1, "file.directory", faults_script.KILL, True)


def report(run, tally, seed, seconds, kills_wanted):
    """The tally; whether all is well."""
    points = {}
    for place, (who, name) in enumerate(faults_script.points()):
        points[name] = [sum(p.word(base + place) for p in run.everybody)
                        for base in (faults_process.PASSED, faults_process.KILLED, faults_process.STOPPED)]
        print("point %-20s %s  passed %9d  killed %5d  stopped %4d" % (name, who, *points[name]))
    kills = run.kills()
    tally["kills of sipmibd"] += run.agent_kills("A")
    tally["kills of what looks at stores"] = run.agent_kills("C")
    tally["starts of sipmibd refused"] = run.agent.refused
    for name in sorted(tally):
        print("tally %-36s %d" % (name, tally[name]))
    missed = [name for name, columns in points.items() if columns[1] == 0]
    is_good = not run.served.failures and tally["rounds"] > 0
    if kills_wanted >= 1000 and missed:
        is_good = False
        print("not ok: no kill at %s" % ", ".join(missed))
    print("%s faults: seed %d, %d kills in %.0f s, %d at fault points; %d messages counted, %d lost, %d twice, "
          "%d backwards, %d in hand; tmpfs %s" %
          ("ok" if is_good else "not ok", seed, kills, seconds, sum(c[1] for c in points.values()),
           tally["messages counted"], tally["messages lost"], tally["messages twice"], tally["readings backwards"],
           tally["messages in hand"], "of its own" if run.has_tmpfs else "injected"))
    return is_good


def main():
    parser = argparse.ArgumentParser()
    any_seed = random.SystemRandom().randrange(1 << 32)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", any_seed)))
    parser.add_argument("--kills", type=int, default=150)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--script", type=int)
    parser.add_argument("--keep")
    options = parser.parse_args()
    rounds = faults_script.Writer(options.seed).rounds()
    if options.script:
        for number in range(1, options.script + 1):
            print(number, *next(rounds), sep="\n   ")
        return
    harness.need("snmpd", "snmpget", "snmpset", "snmpbulkwalk")
    faults_process.enter_namespace([sys.executable, os.path.abspath(__file__)] + sys.argv[1:] +
                                   ["--seed", str(options.seed)])
    print("SEED=%d KILLS=%d" % (options.seed, options.kills), flush=True)
    tally, began = collections.Counter(), time.monotonic()
    with harness.Site() as site:
        run = Run(site, tally)
        try:
            run.begin()
            for number, actions in enumerate(rounds, 1):
                run.play(number, actions)
                tally["rounds"] += 1
                if number % 50 == 0:
                    print("# round %d, %.0f s, %d failures" % (number, time.monotonic() - began, run.served.failures),
                          flush=True)
                if run.kills() >= options.kills or run.served.failures >= 20 or 0 < options.seconds < time.monotonic() - began:
                    break
        finally:
            run.end()
        is_good = report(run, tally, options.seed, time.monotonic() - began, options.kills)
        if options.keep:
            shutil.copytree(site.directory, options.keep, ignore=shutil.ignore_patterns("agentx", "*.sock"))
    sys.exit(0 if is_good else 1)


if __name__ == "__main__":
    main()
