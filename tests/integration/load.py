# SPDX-License-Identifier: BSD-2-Clause
"""Load for a time: eight walkers, writers that flood and are killed, users, methods, rows, instances and packets that
come and go; what the daemons take of the system meanwhile, and whether all numbers are right in the end."""

import json
import mmap
import os
import random
import re
import signal
import struct
import subprocess
import sys
import time

import hammers
import harness
import hep_send
import load_walker
import manager
import registrations
import servers

EDGE, HOME, CORE, MIRROR, GUEST = 1, 2, 3, 4, 9  # applIndex
LOCAL = "udp:192.0.2.10:5060"
INSTANCES = (
    "{name: edge, appl_index: 1, roles: [proxy_server], watch: [{method: INVITE, codes: [503], threshold: 100, "
    "interval: 1s, notify: true, emit: normal}]}",
    "{name: home, appl_index: 2, roles: [registrar_server], registrar: {expose: full, max_users: 2000000}}",
    "{name: core, appl_index: 3, roles: [proxy_server]}",
    "{name: mirror, appl_index: 4, roles: [proxy_server], local: [\"%s\"]}" % LOCAL)
GUEST_INSTANCE = "{name: guest, appl_index: 9, roles: [user_agent]}"

COMMON, SERVER, APPLICATIONS = ".1.3.6.1.2.1.149", ".1.3.6.1.2.1.151", ".1.3.6.1.2.1.27"
CONTACTS, USERS = (registrations.dotted(t) for t in (registrations.CONTACTS, registrations.USERS))
WALKERS = (  # tool, subtree, options
    ("snmpbulkwalk", CONTACTS, ("-Cr25",)), ("snmpbulkwalk", USERS, ("-Cr50",)), ("snmpwalk", CONTACTS, ()),
    ("snmpbulkwalk", SERVER, ("-Cr10",)), ("snmpwalk", COMMON + ".1.5", ()), ("snmpbulkwalk", COMMON, ("-Cr20",)),
    ("snmpwalk", COMMON, ()), ("snmpbulkwalk", APPLICATIONS, ("-Cr100",)))
REQUEST, RESPONSE, BINDINGS, FAILURE = range(4)  # as in load_hammer.c


class Ledger:
    """A load_hammer and what it says it did."""

    def __init__(self, load, instance, kind, burst, period_ms, ring_kib):
        self.load, self.arguments = load, (instance, kind, burst, period_ms, ring_kib)
        self.ended = [[0, 0] for _ in range(4)]  # of those killed
        self.kills = 0
        self._start()

    def _start(self):
        instance, kind, burst, period_ms, ring_kib = self.arguments
        self.path = self.load.site.path("load-%x" % id(self))
        with open(self.path, "wb") as f:
            f.write(bytes(16 + 16 * 4))
        with open(self.path, "r+b") as f:
            self._map = mmap.mmap(f.fileno(), 0)
        self.process = self.load.site.start("load-%s" % kind, [
            harness.program("LOAD_HAMMER", "tests/integration/load_hammer"), instance, self.path, kind, str(burst),
            str(period_ms), str(ring_kib), str(self.load.dice.randrange(1 << 31))])

    def _now(self):
        words = struct.unpack("<8Q", self._map[16:])
        return list(zip(words[0::2], words[1::2]))

    def kill(self):
        forget(self.load.site, self.process)
        self.ended = [[a + b for a, b in zip(old, new)] for old, new in zip(self.ended, self._now())]
        self._map.close()
        self.kills += 1
        self._start()

    def hold(self):
        self._map[0:8] = struct.pack("<Q", 1)

    def is_idle(self):
        return self._map[8:16] != bytes(8)

    def bounds(self, *things):
        """(least, most) that it did of these."""
        pairs = [(old[0] + new[0], old[1] + new[1]) for old, new in zip(self.ended, self._now())]
        return sum(pairs[t][1] for t in things), sum(pairs[t][0] for t in things)


def forget(site, process):
    """kill -9, and nothing of it stays open here."""
    process.kill()
    process._log.close()
    os.unlink(process.log_path)
    site.processes.remove(process)


class Load:
    def __init__(self, site, report, seconds, contacts, duty):
        self.site, self.report, self.seconds, self.contacts, self.duty = site, report, seconds, contacts, duty
        self.seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
        self.dice = random.Random(self.seed)
        self.samples, self.kills, self.reloads, self.rows_set, self.has_guest = [], 0, 0, 0, False

    # ------------------------------------------------------------ what runs

    def start(self):
        site = self.site
        site.write_config(INSTANCES)
        site.snmpd_lines.append("[snmp] dontLogTCPWrappersConnects yes\n[snmpd]")
        site.start_snmpd()
        site.start_sipmibd()
        servers.start_hep(site)
        self.hep_port = int(site.processes[-1].wait_log(r"listening on udp:127\.0\.0\.1:(\d+)").group(1))
        self.daemons = {p.name: p for p in site.processes}
        self.gang = hammers.Gang(site, "core")
        self.gang.start(4, 5)
        self.flood = Ledger(self, "edge", "responses", 2000, 500, 16)
        self.methods = Ledger(self, "edge", "methods", 5, 50, 16)
        self._register()
        self._wait_all_rows()
        self._list()
        self.guests = Ledger(self, "home", "users", 20, 100, 256)
        self.storm = Ledger(self, "home", "users", 4000, 5000, 16)
        self.hep_socket, self.hep_sent = hep_send.socket.socket(hep_send.socket.AF_INET, hep_send.socket.SOCK_DGRAM), 0
        self.walkers = [site.start("walker-%d" % n, [
            sys.executable, os.path.join(harness.HERE, "load_walker.py"), tool, str(site.snmp_port), oid,
            site.path("list-%d" % n), "%.3f" % (1 / self.duty - 1), *options])
            for n, (tool, oid, options) in enumerate(WALKERS)]

    def ledgers(self):
        return [self.flood, self.methods, self.guests, self.storm]

    def _register(self):
        users = self.contacts // 4
        self.stable = self.site.start("register-hammer", [
            harness.program("REGISTER_HAMMER", "tests/integration/register_hammer"), "home", str(users),
            str(self.contacts), "5000", "1"])
        for n in range(1, 6):
            self.stable.wait_log("pass %d\n" % n, 120)
            try:
                harness.wait_for("%d users" % users,
                                 lambda: registrations.current_users(self.site, HOME) == users, 10, 0.5)
                break
            except TimeoutError:
                self.stable.signal(signal.SIGUSR1)
        self.stable_events = users * n
        self.report.equal("users that stay are registered", users, registrations.current_users(self.site, HOME))

    def _wait_all_rows(self):
        """Until what is counted from the start is there: rows appear with what they count, and stay."""
        harness.wait_for("all rows", lambda: sum(
            1 for key, value in hammers.served(self.site, CORE).items()
            if key[0] == "sipCommonStatusCodeOuts" and value) == 16 and
            any(key[-1] == 503 for key in hammers.served(self.site, EDGE)), 60, 0.5)
        harness.wait_for("all methods", lambda: sum(
            1 for key in self.site.walk("SIP-COMMON-MIB::sipCommonMethodStatsInbounds")
            if str(key[-1]).startswith("XLOAD")) == 20, 60, 0.5)

    def _list(self):
        """What each walk has to have: what is there before anything comes and goes."""
        lists = {}
        for n, (tool, oid, options) in enumerate(WALKERS):
            if oid in lists:
                self.site.write("list-%d" % n, lists[oid])
                continue
            done = subprocess.run(load_walker.command(tool, self.site.snmp_port, oid, options), env=self.site.env,
                                  stdout=subprocess.PIPE, check=True, text=True, errors="replace", timeout=600)
            oids = list(load_walker.objects(done.stdout.splitlines()))
            numbers = [load_walker.number(o) for o in oids]
            self.report.check("%s of %s: %d objects in order" % (tool, oid, len(oids)),
                              oids and all(a < b for a, b in zip(numbers, numbers[1:])))
            lists[oid] = "".join(o + "\n" for o in oids)
            self.site.write("list-%d" % n, lists[oid])

    # ------------------------------------------------------------ what happens

    def run(self):
        began = time.monotonic()
        self.end = began + self.seconds
        every = {self._send: 0.05, self._kill: 2.0, self._reload: 10.0, self._set: 1.5,
                 self._sample: min(60.0, self.seconds / 20)}
        due = dict.fromkeys(every, began)
        while time.monotonic() < self.end:
            for action, period in every.items():
                if time.monotonic() >= due[action]:
                    action()
                    due[action] = max(due[action] + period, time.monotonic() - period)
            time.sleep(max(0.0, min(due.values()) - time.monotonic()))
        self._sample()

    def _send(self):
        for _ in range(10):
            self.hep_sent += 1
            self.hep_socket.sendto(hep_send.packet("udp:192.0.2.1:5070", LOCAL, (
                "OPTIONS sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK%d\r\n"
                "From: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\n"
                "Content-Length: 0\r\n\r\n" % (self.hep_sent, self.hep_sent)).encode()), ("127.0.0.1", self.hep_port))

    def _kill(self):
        self.kills += 1
        if self.dice.random() < 0.5:
            forget(self.site, self.dice.choice(self.gang.running()).process)
            self.gang.start(1, 5)
        else:
            self.dice.choice(self.ledgers()).kill()

    def _reload(self):
        """Another instance comes, or goes."""
        self.has_guest = not self.has_guest
        self.reloads += 1
        self.site.write_config(INSTANCES + ((GUEST_INSTANCE,) if self.has_guest else ()))
        self.daemons["sipmibd"].signal(signal.SIGHUP)

    def _set(self):
        """A row of the status code table comes, or goes."""
        code, is_made = self.dice.randrange(600, 620), self.rows_set % 2 == 0
        if not is_made:
            code = self.row_code
        self.row_code = code
        self.rows_set += 1
        manager.set_(self.site, [(manager.row(manager.ROW_STATUS, CORE, "BYE", code), "i",
                                  manager.CREATE_AND_GO if is_made else manager.DESTROY)])

    # ------------------------------------------------------------ what it takes

    def agent(self):
        done = subprocess.run([harness.sipstat(), "--agent", "--json", "--dir", self.site.runtime_dir], check=True,
                              stdout=subprocess.PIPE, text=True, timeout=60)
        return json.loads(done.stdout)

    def _sample(self):
        sample, says = {}, self.agent()
        for name, process in self.daemons.items():
            sample.update(("%s %s" % (name, key), value) for key, value in use_of(process.pid).items())
        for store in ("store", "registry"):
            sample["%s pages" % store] = says[store]["pages"]
            sample["%s pages in use" % store] = says[store]["pages"] - says[store]["pages_free"]
            sample["%s readers" % store] = says[store]["readers_most"]
        sample["snapshots alive"] = says["snapshot"]["alive"]
        self.samples.append((time.monotonic(), sample))
        walked = [self.walked(w) for w in self.walkers]
        print("# %s %d s: %s; walks %s, wrong %d" %
              (time.strftime("%H:%M:%S"), self.seconds - (self.end - time.monotonic()),
               ", ".join("%s %s" % pair for pair in sample.items() if "threads" not in pair[0]),
               [w.get("walks", 0) for w in walked],
               sum(w.get(k, 0) for w in walked for k in ("failed", "missing", "disorder"))), flush=True)

    @staticmethod
    def walked(process):
        """What a walker said last."""
        lines = [line for line in process.log().splitlines() if line.startswith("{")]
        return json.loads(lines[-1]) if lines else {}


def use_of(pid):
    """What a process takes: kB of its own memory and of all, descriptors, threads, seconds of CPU."""
    with open("/proc/%d/status" % pid, encoding="ascii", errors="replace") as f:
        status = dict(re.findall(r"(\w+):\s+(\d+)", f.read()))
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
        ticks = sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
    return {"own kB": int(status["RssAnon"]), "RSS kB": int(status["VmRSS"]),
            "descriptors": len(os.listdir("/proc/%d/fd" % pid)), "threads": int(status["Threads"]),
            "CPU s": round(ticks / os.sysconf("SC_CLK_TCK"), 1)}
