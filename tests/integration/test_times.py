#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Operational states and times: what OperStatus says as writers and collectors come, speak and die, and that
LastChange, StartTime, every DisconTime and all other TimeStamps name the moments at which things happened, in the
master's sysUpTime, before, during and after restarts of snmpd, of sipmibd and of the stack. This process's own clock is
the measure."""

import os
import shutil
import signal
import socket
import time

import harness
import hep_send
import manager
import modules
import registrations
import servers
import writer

PLAIN, MIRROR, REGISTRAR = 1, 2, 3
INSTANCES = ("{name: plain, appl_index: 1, roles: [other]}",
             "{name: mirror, appl_index: 2, roles: [other], local: [\"udp:192.0.2.10:5060\"], stale_after: 1s}",
             "{name: registrar, appl_index: 3, roles: [proxy_server, registrar_server], registrar: {expose: full}}")
NEAR, FAR = "udp:192.0.2.10:5060", "udp:192.0.2.1:5070"
STALE_S = 1
TOLERANCE_CS = 10  # the clocks of master and agent differ by what an answer takes
UNASKED_S = 0.4     # long enough to tell a time that was noted from one that was guessed at the next look
AGE_S = 0.5         # until writers know that registrations are wanted
SOON_S, LATER_S = 60, 7200  # expiries, before and after summer time begins
STATES = {1: "unknown", 2: "up", 3: "down", 4: "congested", 5: "restarting", 6: "quiescing", 7: "testing"}
APPL_STATES = {1: None, 2: 1, 3: 2, 4: 4, 5: 5, 6: 6, 7: 3}
APPL_OPER_STATUS, SYS_UP_TIME = manager.APPLICATIONS + ".1.1.6", "1.3.6.1.2.1.1.3.0"
SUMMARY_IN = manager.COMMON + ".1.3.1.1.1"
KINDS = {"sipCommonCfgServiceStartTime": "start", "applUptime": "start", "sipCommonCfgServiceLastChange": "change",
         "applLastChange": "change", "applLastInboundActivity": "in", "applLastOutboundActivity": "out",
         "sipServerRegContactLastUpdated": "updated", "sipServerRegUserDisconTime": "user"}  # others are "discon"


class Moment:
    """What happens inside happens then: `begin` to `end` by CLOCK_MONOTONIC, and by Unix time."""

    def __enter__(self):
        self.begin, self.unix_begin = time.monotonic(), time.time()
        return self

    def __exit__(self, *_):
        self.end, self.unix_end = time.monotonic(), time.time()


class Clock:
    """The master's sysUpTime at any moment since it started."""

    def __init__(self, site):
        self.site, self.base = site, 0
        self.follow()

    def follow(self):
        """After a start of snmpd. The quickest of a few answers is the best."""
        best = None
        for _ in range(8):
            begin = time.monotonic()
            uptime = int(manager.get(self.site, [SYS_UP_TIME])[SYS_UP_TIME][1])
            end = time.monotonic()
            if best is None or end - begin < best[0]:
                best = end - begin, uptime - 50 * (begin + end)
        self.base = best[1]

    def ticks(self, at):
        return self.base + 100 * at

    def distance(self, value, moment):
        """How many hundredths a TimeStamp is away from a moment; None: never."""
        begin, end = (0, 0) if moment is None else (max(0, self.ticks(t)) for t in (moment.begin, moment.end))
        return max(begin - value, value - end, 0)


class Child:
    """A writer in a process of its own, to be killed."""

    def __init__(self, site, instance):
        ready, tell = os.pipe()
        with Moment() as self.opened:
            self.pid = os.fork()
            if self.pid == 0:
                self._live(site, instance, tell)
            os.close(tell)
            is_open = os.read(ready, 1)
        os.close(ready)
        site.at_end.append(self.kill)
        if not is_open:
            raise RuntimeError("the writer of %s does not open" % instance)

    @staticmethod
    def _live(site, instance, tell):
        try:
            harness._die_with_parent()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            kept = writer.Writer(site.runtime_dir, instance)
            os.write(tell, b"1")
            while kept:
                signal.pause()
        finally:
            os._exit(1)

    def kill(self):
        """Returns when it is gone, and when that was."""
        with Moment() as moment:
            if self.pid:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            self.pid = None
        return moment


class Scene:
    """What all checks need: the site with what runs on it, the clock, and the moments that should be read."""

    def __init__(self, site, report):
        self.site, self.report = site, report
        columns = [o for o in modules.Mib().objects.values() if o.kind == "column" and "TimeTicks" in o.syntax.chain]
        self.columns = {o.oid: o.name for o in columns if not o.name.startswith("assoc")}  # optional, not served
        self.snmpd = site.start_snmpd()
        with Moment() as self.began:
            self.agent = site.start_sipmibd()
        self.clock = Clock(site)
        self.book = {}      # (kind, applIndex) or (object, index): Moment
        for n in (PLAIN, MIRROR, REGISTRAR):
            self.book.update({("change", n): self.began, ("discon", n): self.began})

    def writer(self, instance, flags=0):
        with Moment() as moment:
            w = writer.Writer(self.site.runtime_dir, instance, flags)
        self.site.at_end.append(lambda: w.close() if w._handle else None)
        return w, moment

    # ------------------------------------------------------------ the state of one instance

    def look(self, appl_index):
        """(OperStatus, applOperStatus or None, LastChange)"""
        oids = ["%s.%d" % (oid, appl_index) for oid in (manager.OPER_STATUS, APPL_OPER_STATUS, manager.LAST_CHANGE)]
        got = manager.get(self.site, oids)
        return tuple(int(got[oid][1]) if oid in got else None for oid in oids)

    def state(self, claim, appl_index, status, moment):
        """It gets into a state, and LastChange is the moment at which that happened."""
        try:
            harness.wait_for(STATES[status], lambda: self.look(appl_index)[0] == status, 5)
        except TimeoutError:
            pass
        got, appl, change = self.look(appl_index)
        self.book[("change", appl_index)] = moment
        away = self.clock.distance(change, moment)
        self.report.check("%s: %s, since then (%.0f cs off)" % (claim, STATES[status], away),
                          got == status and appl == APPL_STATES[status] and away <= TOLERANCE_CS,
                          "it is %s, %s; LastChange %d" % (STATES[got], appl, change))

    # ------------------------------------------------------------ all times

    def times(self):
        """{(object, index): hundredths} of every column that is a time."""
        found = {}
        for root in (manager.APPLICATIONS, manager.COMMON, manager.SERVER):
            for oid, kind, value in self.site.walk_numeric(root):
                if kind == "Timeticks":
                    length = next(n for n in range(len(oid), 0, -1) if oid[:n] in self.columns)
                    found[(self.columns[oid[:length]], oid[length:])] = int(value)
        return found

    def moment(self, key):
        """When that should have been. None: never."""
        name, index = key
        return self.book.get(key, self.book.get((KINDS.get(name, "discon"), index[0])))

    def check(self, claim, are_all=False):
        """All times are right. `are_all`: and all objects that are times are among them."""
        times = self.times()
        away = {key: self.clock.distance(value, self.moment(key)) for key, value in times.items()}
        wrong = {key: "%d, %.0f cs off" % (times[key], n) for key, n in away.items() if n > TOLERANCE_CS}
        missing = set(self.columns.values()) - {name for name, _ in times} if are_all else ()
        self.report.check("%s: %d times of %d objects are right (%.0f cs off at most)" %
                          (claim, len(times), len({name for name, _ in times}), max(away.values())),
                          not wrong and not missing, "%s; missing: %s" % (wrong, missing))
        return times

    def same(self, claim, before, but=()):
        """All times, but of some objects, are what they were."""
        after = self.times()
        differ = {key: (before.get(key), after.get(key)) for key in set(before) | set(after)
                  if before.get(key) != after.get(key) and key[0] not in but}
        self.report.check("%s: %d times read the same to the hundredth" % (claim, len(after)), not differ, str(differ))

    # ------------------------------------------------------------ restarts

    def end_agent(self, number):
        self.agent.signal(number)
        self.agent.popen.wait(10)

    def start_agent(self):
        with Moment() as moment:
            self.agent = self.site.start_sipmibd()
        return moment

    def restart_snmpd(self):
        self.snmpd.signal(signal.SIGTERM)
        self.snmpd.popen.wait(10)
        self.snmpd = self.site.start_snmpd()
        self.clock.follow()

    def counted(self, appl_index, count):
        """Until so many requests received are served."""
        oid = "%s.%d" % (SUMMARY_IN, appl_index)
        harness.wait_for("%d requests" % count, lambda: int(manager.get(self.site, [oid])[oid][1]) == count, 5)


# ---------------------------------------------------------------- operational states

def check_unknown(scene):
    for n, name in ((PLAIN, "plain"), (MIRROR, "mirror"), (REGISTRAR, "registrar")):
        scene.state("%s, of which nothing was heard" % name, n, 1, scene.began)


def check_declared(scene):
    """One writer, and what it says of itself."""
    w, opened = scene.writer("plain")
    scene.book[("start", PLAIN)] = opened
    scene.state("a writer", PLAIN, writer.UP, opened)
    for state in (writer.CONGESTED, writer.QUIESCING, writer.RESTARTING, writer.TESTING, writer.UP):
        with Moment() as moment:
            w.set_state(state)
        time.sleep(UNASKED_S)
        scene.state("it declares so", PLAIN, state, moment)
    before = scene.look(PLAIN)
    w.set_state(writer.UP)
    with Moment() as heard:
        w.request(writer.IN, "OPTIONS")
        scene.counted(PLAIN, 1)
    scene.book[("in", PLAIN)] = heard
    scene.report.equal("what it declares again is no change", before, scene.look(PLAIN))
    return w


def check_latest(scene, first):
    """Two writers: the latest word counts; of the dead none does."""
    second, _ = scene.writer("plain")
    for w, state, what in ((first, writer.CONGESTED, "the first says so"), (second, writer.UP, "the second, later"),
                           (first, writer.TESTING, "the first, later still")):
        with Moment() as moment:
            w.set_state(state)
        scene.state(what, PLAIN, state, moment)
    with Moment() as moment:
        first.close()
    scene.state("it ends: the second's word", PLAIN, writer.UP, moment)
    child = Child(scene.site, "plain")
    with Moment() as moment:
        second.set_state(writer.QUIESCING)
    scene.state("one that says nothing beside it", PLAIN, writer.QUIESCING, moment)
    with Moment() as moment:
        second.close()
    scene.state("the one that says nothing is left", PLAIN, writer.UP, moment)
    scene.state("it is killed", PLAIN, writer.DOWN, child.kill())
    with Moment() as moment:
        third, scene.book[("start", PLAIN)] = scene.writer("plain")
        third.set_state(writer.TESTING)
    time.sleep(UNASKED_S)
    scene.state("one that declares so with its first word", PLAIN, writer.TESTING, moment)
    with Moment() as moment:
        third.close()
    scene.state("it ends", PLAIN, writer.DOWN, moment)


def check_collector(scene):
    """sipstat-hep, which sees SIP, and then does not; and a writer beside it."""
    hep, port = servers.start_hep(scene.site)
    lanes = scene.site.path("run/mirror")
    harness.wait_for("the collector's lane", lambda: any(n.endswith(".lane") for n in os.listdir(lanes)))
    scene.state("a collector that saw nothing", MIRROR, 1, scene.began)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        with Moment() as heard:
            s.sendto(hep_send.packet(FAR, NEAR, writer.request("OPTIONS", "1").encode()), ("127.0.0.1", port))
            scene.counted(MIRROR, 1)
        scene.book.update({("start", MIRROR): heard, ("in", MIRROR): heard})
        scene.state("it saw SIP", MIRROR, writer.UP, heard)
        stale = Moment()
        stale.begin, stale.end = heard.begin + STALE_S, heard.end + STALE_S
        scene.state("it saw none for stale_after", MIRROR, 1, stale)
        child = Child(scene.site, "mirror")
        scene.book[("start", MIRROR)] = child.opened
        scene.state("a writer beside it", MIRROR, writer.UP, child.opened)
        scene.state("that is killed", MIRROR, writer.DOWN, child.kill())
        with Moment() as heard:
            s.sendto(hep_send.packet(FAR, NEAR, writer.request("OPTIONS", "2").encode()), ("127.0.0.1", port))
            scene.counted(MIRROR, 2)
        scene.book.update({("start", MIRROR): heard, ("in", MIRROR): heard})
        scene.state("the collector sees SIP after its end", MIRROR, writer.UP, heard)
        stale.begin, stale.end = heard.begin + STALE_S, heard.end + STALE_S
        scene.state("and then none", MIRROR, 1, stale)
    hep.stop()


# ---------------------------------------------------------------- times over restarts

def register(scene, w, user):
    """A user with a contact that ends soon and one that ends later. When."""
    with Moment() as moment:
        w.bindings("sip:%s@example.org" % user, [{"uri": "sip:%s@192.0.2.7" % user, "expires": SOON_S},
                                                 {"uri": "sip:%s@192.0.2.8" % user, "expires": LATER_S}])
    harness.wait_for("the registration", lambda: user in str(registrations.walk(scene.site, registrations.USERS)))
    return moment


def create(scene, method, code):
    """A status code row by SET."""
    with Moment() as moment:
        answer = manager.set_(scene.site, [(manager.row(manager.ROW_STATUS, REGISTRAR, method, code), "i",
                                            manager.CREATE_AND_GO)])
    scene.report.equal("SET creates %s/%d" % (method, code), manager.OK, answer)
    key = ("sipCommonStatusCodeDisconTime", (REGISTRAR, len(method)) + tuple(method.encode()) + (code,))
    scene.book[key] = moment
    return key


def destroy(scene, key, method, code):
    manager.set_(scene.site, [(manager.row(manager.ROW_STATUS, REGISTRAR, method, code), "i", manager.DESTROY)])
    scene.book.pop(key, None)


def talk(scene, w, requests):
    """One call refused, with a retransmission each way. `requests`: received in all, with it."""
    with Moment() as moment:
        w.request(writer.IN, "INVITE")
        w.request(writer.OUT, "INVITE")
        w.request(writer.OUT, "INVITE", retransmission=True)
        w.response(writer.IN, "INVITE", 486)
        w.response(writer.OUT, "INVITE", 486)
        scene.counted(REGISTRAR, requests)
    scene.book.update({("in", REGISTRAR): moment, ("out", REGISTRAR): moment})


def check_all(scene):
    """Something of everything."""
    w, opened = scene.writer("registrar")
    scene.book.update({("start", REGISTRAR): opened})
    scene.state("a registrar", REGISTRAR, writer.UP, opened)
    time.sleep(AGE_S)
    talk(scene, w, 1)
    moment = register(scene, w, "alice")
    scene.book.update({("user", REGISTRAR): moment, ("updated", REGISTRAR): moment})
    key = create(scene, "OPTIONS", 480)
    scene.check("with something of everything", are_all=True)
    destroy(scene, key, "OPTIONS", 480)
    check_expiry(scene, "alice", moment)
    return w, moment


def check_expiry(scene, user, moment):
    """Expiry is local time, with the zone that holds then: summer time begins in half an hour."""
    rows = {oid[len(registrations.CONTACTS):]: value for oid, _, value in
            registrations.walk(scene.site, registrations.CONTACTS)}
    found = {}
    for index, value in rows.items():
        if index[0] == 3 and value.startswith(b"sip:" + user.encode()):
            found[value[-1:]] = rows[(5,) + index[1:]]
    for host, expires, zone in ((b"7", SOON_S, b"+\x01\x1e"), (b"8", LATER_S, b"+\x02\x1e")):
        octets = found.get(host, b"")
        ends = registrations.date_unix(octets) if len(octets) == 11 else 0
        scene.report.check("a contact for %d s ends at %s" % (expires, octets.hex(" ")), octets[8:] == zone and
                           int(moment.unix_begin - 0.01) + expires <= ends <= int(moment.unix_end) + expires and
                           octets[7] == 0, "%d, expected %d" % (ends, moment.unix_begin + expires))
    return found


def check_agent_restarts(scene, w):
    """Nothing moves, whatever happened to the agent; what happened meanwhile is dated to then."""
    with Moment() as moment:
        w.set_state(writer.QUIESCING)
    scene.state("declared before", REGISTRAR, writer.QUIESCING, moment)
    before = scene.times()
    for number, how in ((signal.SIGTERM, "restarted"), (signal.SIGKILL, "killed and restarted")):
        scene.end_agent(number)
        scene.start_agent()
        scene.same("sipmibd " + how, before)
    child = Child(scene.site, "plain")
    scene.book[("start", PLAIN)] = child.opened
    scene.state("a writer", PLAIN, writer.UP, child.opened)
    scene.end_agent(signal.SIGKILL)
    with Moment() as moment:
        w.set_state(writer.CONGESTED)
    child.kill()
    child = Child(scene.site, "plain")
    time.sleep(UNASKED_S)
    scene.start_agent()
    scene.book[("start", PLAIN)] = child.opened
    scene.state("declared while there was no agent", REGISTRAR, writer.CONGESTED, moment)
    scene.state("started anew while there was no agent", PLAIN, writer.UP, child.opened)
    scene.check("after that")
    scene.state("killed", PLAIN, writer.DOWN, child.kill())


def check_snmpd_restart(scene, w, moment):
    """What was before reads 0. What comes after is right."""
    key = create(scene, "OPTIONS", 480)
    scene.restart_snmpd()
    scene.site.wait_served()
    times = scene.check("snmpd restarted", are_all=True)
    scene.report.equal("all of them read 0", {0}, set(times.values()))
    check_expiry(scene, "alice", moment)
    with Moment() as changed:
        w.set_state(writer.UP)
    scene.state("what happens after that", REGISTRAR, writer.UP, changed)
    talk(scene, w, 2)
    moment = register(scene, w, "bob")
    users = registrations.walk(scene.site, registrations.USERS)
    bob = next(oid[-1] for oid, _, value in users if value == b"bob@example.org")
    scene.book[("sipServerRegUserDisconTime", (REGISTRAR, bob))] = moment
    for contact in (1, 2):
        scene.book[("sipServerRegContactLastUpdated", (REGISTRAR, bob, contact))] = moment
    destroy(scene, key, "OPTIONS", 480)
    destroy(scene, key, "INVITE", 486)
    create(scene, "OPTIONS", 480)
    key = create(scene, "INVITE", 486)  # which was seen before
    scene.check("with more of everything", are_all=True)
    del scene.book[key]
    scene.end_agent(signal.SIGTERM)
    scene.restart_snmpd()
    scene.start_agent()
    scene.check("snmpd restarted while there was no agent")
    check_expiry(scene, "bob", moment)


def check_stack_restart(scene, w):
    """The entity starts anew; its counters go on."""
    with Moment() as moment:
        w.close()
    scene.state("the stack ends", REGISTRAR, writer.DOWN, moment)
    scene.check("then")
    w, opened = scene.writer("registrar")
    scene.book[("start", REGISTRAR)] = opened
    scene.state("the stack is back", REGISTRAR, writer.UP, opened)
    scene.check("then, and StartTime is another, no DisconTime is")
    return w


def wipe(directory):
    """All that is there now. A running agent may be making new things meanwhile."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)


def check_wiped(scene, w):
    """What an agent holds is not lost with the directory. What nobody holds any more is; DisconTime says since when."""
    site = scene.site
    before = scene.times()
    wipe(site.runtime_dir)
    scene.agent.wait_log("the lane of 1 live writer was removed")
    gone = ("sipServerRegUserDisconTime", "sipServerRegContactLastUpdated")  # with the registry
    scene.same("the runtime directory wiped while sipmibd runs", before, but=gone)
    scene.end_agent(signal.SIGKILL)
    moment = scene.start_agent()
    scene.book.update({("discon", REGISTRAR): moment})
    scene.state("killed after that, its counts are lost", REGISTRAR, writer.DOWN, moment)
    scene.check("then")
    w.close()
    scene.end_agent(signal.SIGTERM)
    wipe(site.runtime_dir)
    moment = scene.start_agent()
    scene.book = {(kind, n): moment for kind in ("discon", "change") for n in (PLAIN, MIRROR, REGISTRAR)}
    scene.check("wiped while no sipmibd runs: counting began anew")
    w, opened = scene.writer("registrar")
    scene.book.update({("start", REGISTRAR): opened})
    scene.state("a writer after that", REGISTRAR, writer.UP, opened)
    talk(scene, w, 1)
    scene.check("then")
    w.close()


def zone():
    """A TZ of which summer time begins in half an hour: UTC+1:30 now, UTC+2:30 then."""
    begins = time.gmtime(time.time() + 5400 + 1800)
    return "AAA-1:30BBB-2:30,%d/%d:%02d:%02d,%d/0" % (begins.tm_yday - 1, begins.tm_hour, begins.tm_min, begins.tm_sec,
                                                      (begins.tm_yday + 99) % 365)


def main():
    harness.need("snmpd", "snmpwalk", "snmpset", "smidump",
                 harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"))
    report = harness.Report()
    with harness.Site() as site:
        site.env["TZ"] = zone()
        site.write_config(INSTANCES, more="snapshot_max_age: 20ms\n")
        scene = Scene(site, report)
        check_unknown(scene)
        check_latest(scene, check_declared(scene))
        check_collector(scene)
        w, moment = check_all(scene)
        check_agent_restarts(scene, w)
        check_snmpd_restart(scene, w, moment)
        w = check_stack_restart(scene, w)
        check_wiped(scene, w)
    report.exit()


if __name__ == "__main__":
    main()
