# SPDX-License-Identifier: BSD-2-Clause
"""Where hostile lanes are tried: sipmibd and snmpd with two instances. "victim" is under attack and has an honest writer
of its own; "honest" has nothing to do with it. What the agent does, and what it costs, is measured all the time."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import typing

import harness
import hostile_lanes
import writer

VICTIM, HONEST = 1, 2                # applIndex
IN_REQUESTS = (1, 3, 6, 1, 2, 1, 149, 1, 3, 1, 1, 1)
MESSAGES = (1, 3, 6, 1, 2, 1, 149, 1, 4, 1, 1, 3)  # inbound, by method: what honest writers of the victim send alone
MESSAGE = (7,) + tuple(b"MESSAGE")
GENEROUS_S = 30
WORST_S = 5.0        # until an SNMP answer, with other tests beside it; alone it is far below one
RSS_MIB = 400        # of the agent, whatever is tried
IS_SANITIZED = "SIPMIB_PRELOAD" in os.environ  # what is freed is kept for a while
LOG_LINE = re.compile(r"^\S+ sipmibd\[\d+\] ((?:error|warning|info|debug): .*)$", re.M)
TICKS = os.sysconf("SC_CLK_TCK")


# ---------------------------------------------------------------- SNMP, small and fast


def _tlv(kind, body):
    return bytes((kind, len(body))) + body if len(body) < 128 else bytes((kind, 0x82)) + len(body).to_bytes(2, "big") + body


def _oid(numbers):
    body = bytearray((numbers[0] * 40 + numbers[1],))
    for number in numbers[2:]:
        parts = [number & 127]
        while number > 127:
            number >>= 7
            parts.append(128 | number & 127)
        body += bytes(reversed(parts))
    return _tlv(6, bytes(body))


class Asker:
    """GETs of one Counter32, without a process each."""

    def __init__(self, port):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", port))
        self._number = 256

    def get(self, oid, timeout=10.0):
        """(its value, seconds); None for a value that is not there, or no answer."""
        self._number = 256 + (self._number - 255) % 30000  # two octets
        number = _tlv(2, self._number.to_bytes(2, "big"))
        name = _oid(oid)
        pdu = _tlv(0xa0, number + _tlv(2, b"\0") * 2 + _tlv(0x30, _tlv(0x30, name + _tlv(5, b""))))
        began = time.monotonic()
        self._socket.send(_tlv(0x30, _tlv(2, b"\1") + _tlv(4, b"public") + pdu))
        while True:
            left = began + timeout - time.monotonic()
            if left <= 0:
                return None, timeout
            self._socket.settimeout(left)
            try:
                answer = self._socket.recv(2048)
            except socket.timeout:
                return None, timeout
            if number not in answer:
                continue
            at = answer.rfind(name) + len(name)
            value = int.from_bytes(answer[at + 2:at + 2 + answer[at + 1]], "big") if answer[at] == 0x41 else None
            return value, time.monotonic() - began

    def close(self):
        self._socket.close()


# ---------------------------------------------------------------- honest writers


class Steady(threading.Thread):
    """Counts a MESSAGE for each writer every few milliseconds, and knows how many."""

    def __init__(self, writers):
        super().__init__(daemon=True)
        self.writers, self.counted, self.is_over = writers, [0] * len(writers), False
        self.lock = threading.Lock()

    def run(self):
        while not self.is_over:
            with self.lock:
                for k, w in enumerate(self.writers):
                    w.request(writer.IN, "MESSAGE")
                    self.counted[k] += 1
            time.sleep(0.005)


class Answers(threading.Thread):
    """Asks for the honest instance's counter all the time: the longest wait, and whether it was ever wrong."""

    def __init__(self, port, steady):
        super().__init__(daemon=True)
        self._asker, self._steady, self.is_over = Asker(port), steady, False
        self.worst_s, self.asked, self.wrong, self._least = 0.0, 0, [], 0

    def run(self):
        while not self.is_over:
            value, took_s = self._asker.get(IN_REQUESTS + (HONEST,))
            most = self._steady.counted[1] + 1
            if value is None or not self._least <= value <= most:
                self.wrong.append((value, self._least, most))
            self._least = max(self._least, value or 0)
            self.worst_s, self.asked = max(self.worst_s, took_s), self.asked + 1
            time.sleep(0.02)
        self._asker.close()

    def begin(self):
        self.worst_s, self.asked, self.wrong = 0.0, 0, []


# ---------------------------------------------------------------- the arena


class Arena:
    """One agent for all attacks. `made` are files and directories that an attack leaves to be cleaned away."""

    def __init__(self, site):
        self.site, self.fields = site, hostile_lanes.read_fields()
        watch = "watch: [{method: INVITE, codes: 503, notify: true, emit: normal}]"
        roles = "roles: [proxy_server, registrar_server]"
        site.snmpd_lines.append("trap2sink 127.0.0.1:%d traps" % self._open_traps())
        site.write_config(["{name: victim, appl_index: 1, %s, %s}" % (roles, watch),
                           "{name: honest, appl_index: 2, %s, %s}" % (roles, watch)], more="snapshot_max_age: 20ms\n")
        site.start_snmpd()
        self.agent = site.start_sipmibd()
        self.directory = os.path.join(site.runtime_dir, "victim")
        self.writers = [writer.Writer(site.runtime_dir, "victim", ring_octets=16384),
                        writer.Writer(site.runtime_dir, "honest")]
        self.model = self._make_model()
        self.steady = Steady(self.writers)
        self.steady.start()
        self.asker = Asker(site.snmp_port)
        self.answers = Answers(site.snmp_port, self.steady)
        self.answers.start()
        self.keep = set(os.listdir(self.directory))
        self.processes, self.lanes, self.told = [], [], ""
        site.at_end.append(self._end)

    def _open_traps(self):
        self.traps = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.traps.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.traps.bind(("127.0.0.1", 0))
        self.traps.setblocking(False)
        return self.traps.getsockname()[1]

    def close(self):
        """No more questions."""
        self._end()

    def _end(self):
        self.steady.is_over = self.answers.is_over = True
        self.steady.join()
        self.answers.join()

    def _make_model(self):
        """A good lane of the victim, with a few counts, in a place where no agent looks."""
        os.mkdir(self.site.path("model"))
        w = writer.Writer(self.site.path("model"), "victim", ring_octets=16384)
        for _ in range(3):
            w.request(writer.IN, "OPTIONS")
            w.response(writer.OUT, "OPTIONS", 200)
            w.request(writer.IN, "PURPLE")
            w.word(writer.SUPPORTED, "timer")
        folder = self.site.path("model/victim")
        name = next(n for n in os.listdir(folder) if n.endswith(".lane"))
        with open(os.path.join(folder, name), "rb") as f:
            octets = f.read()
        w.close()
        return hostile_lanes.Image(octets, self.fields)

    # ------------------------------------------------------------ what an attack does

    def image(self):
        """A good lane with an identity of its own."""
        return self.model.copy()

    def lane(self, name, image=None, is_locked=True):
        octets = (image or self.image()).octets if not isinstance(image, (bytes, bytearray)) else image
        lane = hostile_lanes.Lane(self.directory, name, octets, is_locked)
        self.lanes.append(lane)
        return lane

    def run(self, *command):
        """The hostile program, once it is at it."""
        p = self.site.start("hostile-%d" % len(self.site.processes), [hostile_lanes.program(), *map(str, command)])
        p.wait_log("ready", 4 * GENEROUS_S)
        self.processes.append(p)
        return p

    def path(self, name):
        return os.path.join(self.directory, name)

    # ------------------------------------------------------------ what the agent says

    def status(self):
        """The victim's part of sipstat --agent -j, and all of it."""
        answer = json.loads(self.page("--agent", "-j").decode("utf-8"))
        return next(i for i in answer["instances"] if i["name"] == "victim"), answer

    def page(self, *arguments):
        """sipstat's text, as octets. On a machine that is busy elsewhere the agent may be late for sipstat's patience."""
        command = [harness.sipstat(), *(arguments or ("--agent",)), "--dir", self.site.runtime_dir]
        end = time.monotonic() + GENEROUS_S
        while True:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, timeout=GENEROUS_S)
            if done.returncode == 0 or time.monotonic() > end:
                done.check_returncode()
                return done.stdout

    def text_page(self):
        """The agent's page, on lines as long as they are; it must be fit for a terminal."""
        page = self.page().decode("utf-8")
        assert all(line.isprintable() for line in page.splitlines()), page
        return re.sub(r"\n {5,}", " ", page)

    def has_trap(self, mark):
        """Whether a notification came that carries these octets."""
        while True:
            try:
                if mark in self.traps.recv(65536):
                    return True
            except BlockingIOError:
                return False

    def describe(self, before, after, lines):
        """In a few words, what the agent did."""
        words = [self.told] if self.told else []
        for key in ("writers", "damaged", "retired", "refused", "set_aside", "removed_while_live"):
            more = after["lanes"][key] - before["lanes"][key]
            if more > 0:
                words.append("%d %s" % (more, {"writers": "served"}.get(key, key.replace("_", " "))))
        for key in ("read", "lost", "notifications_raised", "notifications_capped"):
            if after["events"][key] - before["events"][key] > 0:
                words.append("%d events %s" % (after["events"][key] - before["events"][key], key.replace("_", " ")))
        reasons = sorted({aside["reason"] for aside in after["set_aside"]})
        return ", ".join(words + reasons[:1]) or (lines[0] if lines else "nothing")

    def log_lines(self):
        """But for those that say how many of an earlier case were held back."""
        return [line for line in LOG_LINE.findall(self.agent.log()) if not line.endswith(" held back")]

    def lanes_are(self, key, number):
        """Wait until the agent says so of the victim's lanes."""
        return self.until("%s %d" % (key, number), lambda: self.status()[0]["lanes"][key] >= number)

    def until(self, what, condition):
        return harness.wait_for(what, condition, GENEROUS_S, 0.05)

    # ------------------------------------------------------------ what it costs

    def cpu_s(self):
        with open("/proc/%d/stat" % self.agent.pid, encoding="ascii", errors="replace") as f:
            fields = f.read().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_mib(self):
        with open("/proc/%d/status" % self.agent.pid, encoding="ascii", errors="replace") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024

    # ------------------------------------------------------------ afterwards

    def clean(self):
        """The attacker is gone, with all that was its own."""
        for p in self.processes:
            p.stop()
        for lane in self.lanes:
            lane.close()
        self.processes, self.lanes = [], []
        for entry in os.scandir(self.directory):
            if entry.name in self.keep:
                continue
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                try:
                    os.unlink(entry.path)
                except FileNotFoundError:
                    pass  # the agent was faster

    def settle(self):
        """Wait until the agent has no more of the attacker's; what is wrong with honest counts then, or ''."""
        with self.steady.lock:
            expected = list(self.steady.counted)
            got = None
            end = time.monotonic() + GENEROUS_S
            while time.monotonic() < end:
                got = [self.asker.get(MESSAGES + (VICTIM,) + MESSAGE)[0], self.asker.get(IN_REQUESTS + (HONEST,))[0]]
                if got == expected:
                    return ""
                time.sleep(0.02)
        return "counted %s, served %s" % (expected, got)

    def is_clean(self):
        lanes = self.status()[0]["lanes"]
        return lanes["writers"] == 1 and lanes["set_aside"] == lanes["waiting_to_be_retired"] == \
            lanes["waiting_to_be_removed"] == 0

# ---------------------------------------------------------------- cases


class Case(typing.NamedTuple):
    name: str
    attack: typing.Callable
    lines: int = 1      # in the log, at most
    page: str = ""      # what sipstat --agent has to say of it


class Cases(list):
    """What a test tries, in order."""

    def add(self, name, attack, **options):
        self.append(Case(name, attack, **options))

    def case(self, name, **options):
        """Make a function that attacks a case."""
        def add(attack):
            self.add(name, attack, **options)
            return attack
        return add

    def main(self):
        """All of them, or those whose names match the program's argument."""
        harness.need("snmpd", "snmpgetnext")
        signal.signal(signal.SIGIO, signal.SIG_IGN)  # what breaks a lease
        report = harness.Report()
        wanted = sys.argv[1] if len(sys.argv) > 1 else ""
        with harness.Site() as site:
            a = Arena(site)
            for c in self:
                if re.search(wanted, c.name):
                    run_case(a, c, report)
            log = a.agent.log()
            report.check("the log is lines of the agent, and fit for a terminal (%d)" % log.count("\n"),
                         all(LOG_LINE.fullmatch(line) and line.isprintable() for line in log.splitlines()))
            a.close()
            report.check("sipmibd ends cleanly on SIGTERM", a.agent.stop() == 0, a.agent.log()[-500:])
        report.exit()


def run_case(a, c, report):
    before, lines, cpu_s, began = a.status()[0], len(a.log_lines()), a.cpu_s(), time.monotonic()
    a.told, trouble = "", ""
    a.answers.begin()
    page = ""
    try:
        c.attack(a)
        if c.page:
            a.until("%r in sipstat --agent" % c.page, lambda: re.search(c.page, a.text_page()))
    except (TimeoutError, OSError, RuntimeError) as e:
        trouble = "%s: %s" % (type(e).__name__, e)
    took_s = time.monotonic() - began
    used_s = a.cpu_s() - cpu_s
    after = a.status()[0]
    a.clean()
    try:
        a.until("the agent to be rid of it", a.is_clean)
    except TimeoutError:
        trouble += " left over: %s" % a.status()[0]["lanes"]
    trouble += " " * bool(trouble) + a.settle()
    new = a.log_lines()[lines:]
    did = a.describe(before, after, new)
    claims = ((a.agent.is_running(), "the agent is dead"), (not trouble, trouble),
              (a.answers.worst_s < WORST_S, "an answer took %.2f s" % a.answers.worst_s),
              (not a.answers.wrong, "the other instance: %s" % a.answers.wrong[:2]),
              (len(new) <= c.lines, "%d lines in the log: %s" % (len(new), new[:4])),
              (IS_SANITIZED or a.rss_mib() < RSS_MIB, "%d MiB of memory" % a.rss_mib()))
    report.check("%s: %s (%.1f s, processor %.0f %%, answers within %.0f ms, %d log line%s, %.0f MiB)" %
                 (c.name, did, took_s, 100 * used_s / took_s, 1000 * a.answers.worst_s, len(new), "" if len(new) == 1 else "s",
                  a.rss_mib()),
                 all(is_true for is_true, _ in claims), "; ".join(text for is_true, text in claims if not is_true))
