# SPDX-License-Identifier: BSD-2-Clause
"""What SNMP serves in a run of faults.py, against the ledgers of its writers."""

import re
import subprocess
import threading
import time

import faults_process
import faults_script
import manager
import registrations

PATIENCE_S = 40
DISCON_S = 3.0  # a DisconTime that is nearer than that did not move
WRAP = 1 << 32

(IN_INVITE, IN_OPTIONS, OUT_INVITE_200, OUT_OPTIONS_404, BEGUN, ENDED, DISCARDED, IN_REGISTER, OUT_REGISTER_200,
 AUTH_FAILED) = range(10)
MESSAGES = 10

COMMON, SERVER = manager.COMMON, manager.SERVER
UPTIME = "1.3.6.1.2.1.1.3.0"
READ_AT = "when that was read"  # by time.monotonic(): much may happen before it is looked at
DISCON = {n: "%s.1.3.1.1.6.%d" % (COMMON, n) for n in (1, 2)}
SETTING = manager.NOTIFY_ENABLE + ".1"
GAUGES = {1: COMMON + ".1.6.1.1.1.1", 2: COMMON + ".1.6.1.1.1.2"}
AUTH_FAILURES = "failed authentications"


def _method(column, appl_index, name):
    return "%s.%d.%d.%s" % (column, appl_index, len(name), ".".join(str(o) for o in name.encode()))


def _counters():
    """{OID: (application, messages counted there)}"""
    inbounds = COMMON + ".1.4.1.1.3"
    found = {}
    for n, ins, outs, begun in ((1, (IN_INVITE, IN_OPTIONS), (OUT_INVITE_200, OUT_OPTIONS_404), BEGUN),
                                (2, (IN_OPTIONS, IN_REGISTER), (OUT_OPTIONS_404, OUT_REGISTER_200), IN_REGISTER)):
        found[COMMON + ".1.3.1.1.1.%d" % n] = n, ins
        found[COMMON + ".1.3.1.1.4.%d" % n] = n, outs
        found[COMMON + ".1.3.1.1.5.%d" % n] = n, (begun,)
        found[_method(inbounds, n, "OPTIONS")] = n, (IN_OPTIONS,)
        found[manager.row(manager.CODE_OUTS, n, "OPTIONS", 404)] = n, (OUT_OPTIONS_404,)
    found[_method(inbounds, 1, "INVITE")] = 1, (IN_INVITE,)
    found[_method(inbounds, 2, "REGISTER")] = 2, (IN_REGISTER,)
    found[manager.row(manager.CODE_OUTS, 1, "INVITE", 200)] = 1, (OUT_INVITE_200,)
    found[manager.row(manager.CODE_OUTS, 2, "REGISTER", 200)] = 2, (OUT_REGISTER_200,)
    found[COMMON + ".1.8.1.1.3.1"] = 1, (DISCARDED,)
    found[SERVER + ".1.6.1.1.1.2"] = 2, (OUT_REGISTER_200,)
    return found


COUNTERS = _counters()


class Served:
    def __init__(self, site, slots, tally):
        self.site, self.slots, self.tally = site, slots, tally
        self.failures = 0
        self._lock = threading.Lock()  # one reading at a time: the later one is the newer one
        self._highest, self._may_fall = {}, False
        self._base = {oid: 0 for oid in COUNTERS}          # what was served at the last comparison ...
        self._base.update({GAUGES[1]: 0, GAUGES[2]: 0, AUTH_FAILURES: 0})
        self._ledger = self._messages()                    # ... when the ledgers said this
        self._deaths = {slot.number: 0 for slot in slots}
        self._discon_at, self._wiped_at = {}, 0.0
        self._late = 0  # failed authentications that may still come out of the rings, or never
        self._settings = {0}                               # what the setting may be
        self.number = 0

    def fail(self, what):
        self.failures += 1
        print("not ok: round %d: %s" % (self.number, what), flush=True)

    # ---------------------------------------------------------------- readings

    def _read(self):
        """{OID: value} by one request, or None while nobody answers for all of them. Call with the lock held."""
        oids = [UPTIME, SETTING] + list(DISCON.values()) + list(GAUGES.values()) + list(COUNTERS)
        done = self.site._snmp("snmpget", ["-m", "", "-Onqetx", "-t", "1", "-r", "0"], ["." + o for o in oids],
                               check=False)
        values = dict(re.findall(r"(?m)^\.([\d.]+) (.*)$", done.stdout))
        if done.returncode != 0 or len(values) != len(oids):
            return None
        try:
            return {READ_AT: time.monotonic(),
                    **{oid: value if oid == SETTING else int(value) for oid, value in values.items()}}
        except ValueError:
            return None

    def is_complete(self):
        """Whether there is a row for everything. Rows of status codes appear with the first message."""
        return self.sample() is not None

    def sample(self):
        """Read, and see that nothing fell. The values, or None."""
        with self._lock:
            values = self._read()
            if values is None:
                return None
            self.tally["readings"] += 1
            for oid in COUNTERS:
                before = self._highest.get(oid, 0)
                fell = (values[oid] - before) % WRAP >= WRAP // 2
                if fell and not self._may_fall:
                    self.tally["readings backwards"] += 1
                    self.fail("%s fell from %d to %d" % (oid, before, values[oid]))
                self._highest[oid] = values[oid]
            return values

    def expect_loss(self):
        self._may_fall, self._wiped_at = True, time.monotonic()

    # ---------------------------------------------------------------- what it should be

    def _messages(self):
        """{(application, message): (announced, done)}"""
        sums = {(n, m): [0, 0] for n in (1, 2) for m in range(MESSAGES)}
        for slot in self.slots:
            for m, pair in enumerate(slot.messages()[:MESSAGES]):
                for k in (0, 1):
                    sums[(1 if slot.is_proxy else 2, m)][k] += pair[k]
        return sums

    def _bounds(self, now, may_drop):
        """{OID or name: (least, most)}"""
        new = {key: (now[key][1] - self._ledger[key][1], now[key][0] - self._ledger[key][0]) for key in now}
        bounds = {oid: (self._base[oid] + sum(new[(n, m)][0] for m in messages),
                        self._base[oid] + sum(new[(n, m)][1] for m in messages))
                  for oid, (n, messages) in COUNTERS.items()}
        begun, ended = new[(1, BEGUN)], new[(1, ENDED)]
        least, most = (self._base[GAUGES[1]] + begun[k] - ended[1 - k] for k in (0, 1))
        bounds[GAUGES[1]] = min(least, 0) if may_drop else least, max(most, 0)
        bounds[GAUGES[2]] = 0, 0
        least, most = new[(2, AUTH_FAILED)]
        bounds[AUTH_FAILURES] = self._base[AUTH_FAILURES] + least, self._base[AUTH_FAILURES] + most + self._late
        return bounds

    @staticmethod
    def _is_within(value, bounds, is_gauge):
        least, most = bounds
        if is_gauge:
            return max(least, 0) <= value <= max(most, 0)
        return (value - least) % WRAP <= most - least

    def _wrong(self, values, bounds):
        gauges = set(GAUGES.values())
        return {oid: (pair, values.get(oid)) for oid, pair in bounds.items()
                if oid not in values or not self._is_within(values[oid], pair, oid in gauges)}

    # ---------------------------------------------------------------- registrations

    def _read_users(self):
        """(sum of failed authentications, {address-of-record: [contact URI]})"""
        users = registrations.walk(self.site, registrations.USERS)
        contacts = registrations.walk(self.site, registrations.CONTACTS + (3,))
        at = len(registrations.USERS)
        names = {oid[at + 1:]: value.decode() for oid, _, value in users if oid[at] == 2}
        failures = sum(value for oid, _, value in users if oid[at] == 3)
        bindings = {name: [] for name in names.values()}
        for oid, _, value in contacts:
            bindings[names[oid[at + 1:at + 3]]].append(value.decode())
        return failures, bindings

    def _wrong_users(self, bindings):
        wrong = {}
        for slot in self.slots[faults_script.PROXIES:]:
            for user, (announced, done) in enumerate(slot.users()):
                name = "s%d-u%d@faults.example" % (slot.number, user)
                may_be = [["sip:u%d@192.0.2.1:%d" % (user, 10000 + version % 50000)] if version else []
                          for version in range(done, announced + 1)]
                if bindings.get(name, []) not in may_be:
                    wrong[name] = may_be, bindings.get(name)
        return wrong

    # ---------------------------------------------------------------- comparing

    def compare(self, number, may_drop, is_wiped, agent):
        """Wait until SNMP serves what the ledgers say. Writers do nothing meanwhile."""
        self.number = number
        now = self._messages()
        bounds = self._bounds(now, may_drop)
        values, wrong = self._wait(bounds, is_wiped, agent)
        if is_wiped == "wipe_kill":
            self._take_loss(values, bounds)
        elif wrong:
            self._say_wrong(wrong, agent)
        if not values:
            return
        self._note_in_hand(now)
        self._check_discon(values, is_wiped, agent)
        self._check_setting(values)
        for oid in bounds:
            if oid in values:
                self._base[oid] = values[oid]
        self._late = 0
        if is_wiped and AUTH_FAILURES in values:
            self._late = max(bounds[AUTH_FAILURES][1] - values[AUTH_FAILURES], 0)
        self._ledger = now
        with self._lock:
            self._may_fall = False

    def _wait(self, bounds, is_wiped, agent):
        """(values, what is wrong in the end)"""
        deadline, last = time.monotonic() + PATIENCE_S, {}
        exact = {} if is_wiped == "wipe_kill" else bounds
        while True:
            agent.ensure()
            values, wrong = self.sample(), {"SNMP": "no answer"}
            if values:
                last = values
                wrong = self._wrong(values, {o: p for o, p in exact.items() if o != AUTH_FAILURES})
            if values and (not wrong or time.monotonic() > deadline):
                wrong.update(self._look_at_users(values, exact, is_wiped))
            if values and not wrong or time.monotonic() > deadline:
                return last, wrong
            time.sleep(0.02)

    def _look_at_users(self, values, exact, is_wiped):
        try:
            values[AUTH_FAILURES], bindings = self._read_users()
        except (RuntimeError, KeyError, subprocess.SubprocessError) as problem:
            return {"users": str(problem)}
        wrong = self._wrong_users(bindings)
        if not is_wiped:
            wrong.update(self._wrong(values, {AUTH_FAILURES: exact[AUTH_FAILURES]}))
        return wrong

    def _say_wrong(self, wrong, agent):
        for oid, (bounds, value) in ((k, v) for k, v in wrong.items() if isinstance(v, tuple)):
            if isinstance(value, int) and oid not in GAUGES.values():
                below = (bounds[0] - value) % WRAP
                self.tally["messages lost" if below < WRAP // 2 else "messages twice"] += \
                    below if below < WRAP // 2 else (value - bounds[1]) % WRAP
        self.fail("expected and served: %s\n%s" % (wrong, agent.log()[-1500:]))

    def _take_loss(self, values, bounds):
        for oid, (least, _) in bounds.items():
            if oid in COUNTERS and oid.startswith(COMMON + ".1.3.1.1.") and not oid.endswith(".5.1"):
                self.tally["messages lost with the directory"] += max((least - values.get(oid, 0)) % WRAP, 0)

    def _note_in_hand(self, now):
        for key, (announced, done) in now.items():
            before = self._ledger[key]
            in_hand = announced - before[0] - (done - before[1])
            self.tally["messages in hand"] += in_hand
            self.tally["messages counted"] += done - before[1]
        for slot in self.slots:
            gap = sum(a - d for a, d in slot.messages())
            if gap > slot.deaths:
                self.fail("writer %d has %d messages in hand after %d deaths" % (slot.number, gap, slot.deaths))

    def _check_discon(self, values, is_wiped, agent):
        """In real time; 0 is for what was before the master started."""
        for n, oid in DISCON.items():
            at = values[READ_AT] - (values[UPTIME] - values[oid]) / 100
            if is_wiped == "wipe_kill":
                if at < self._wiped_at - DISCON_S:
                    self.fail("the directory was wiped, and DisconTime of %d did not move" % n)
                self._discon_at[n] = at
            elif values[oid] != 0:
                if abs(at - self._discon_at.setdefault(n, at)) > DISCON_S:
                    self.tally["DisconTimes moved"] += 1
                    self.fail("DisconTime of %d moved by %.1f s\n%s" % (n, at - self._discon_at[n], agent.log()[-3000:]))
                    self._discon_at[n] = at

    # ---------------------------------------------------------------- settings

    def set(self, bits):
        """sipCommonCfgServiceNotifEnable of the proxy. What a killed agent had in hand may be or not."""
        value = bits << 5
        try:
            done = self.site._snmp("snmpset", ["-m", "", "-On", "-t", "1", "-r", "0"],
                                   ["." + SETTING, "x", "%02x" % value], check=False, community="private")
        except subprocess.SubprocessError:
            return
        self._settings = {value} if done.returncode == 0 else self._settings | {value}
        self.tally["settings made"] += done.returncode == 0

    def _check_setting(self, values):
        if SETTING not in values:
            return
        value = int(values[SETTING].strip('" ') or "0", 16)
        if value not in self._settings and self.number > 0:
            self.fail("the setting is %s, and was set to %s" % (values[SETTING], self._settings))
        self._settings = {value}
