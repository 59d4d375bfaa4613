#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""sipstat-hep as a program: what it counts, refuses and says; reload; missing lanes; more packets than it can take."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import time

import harness
import hep_send

NEAR, FAR, CORE = "udp:192.0.2.10:5060", "udp:192.0.2.1:5070", "udp:192.0.2.11:5060"
EDGE = "{name: edge, appl_index: 1, roles: [proxy_server], local: [\"%s\"]}" % NEAR
OTHER = "{name: core, appl_index: 2, roles: [proxy_server], local: [\"%s\"]}" % CORE
KEY = "collectors: {hep: {auth_key: sesame}}\n"
PATIENCE_S = 20


def sip(serial, first="OPTIONS sip:b@example.org SIP/2.0"):
    return ("%s\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK%s\r\nFrom: <sip:a@example.org>;tag=1\r\n"
            "To: <sip:b@example.org>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n" %
            (first, serial, serial)).encode()


class Collector:
    """A running sipstat-hep, and a socket to send to it."""

    def __init__(self, site, listen="udp:127.0.0.1:0", more=()):
        self.site = site
        where = ["--listen", listen] if listen else []  # else where the configuration says
        self.process = site.start("sipstat-hep-%d" % len(site.processes),
                                  [program(), "-f", site.config_path, *where, *more])
        match = self.process.wait_log(r"(?m)^listening on udp:(\S+):(\d+)$")
        self.host, self.port = match.group(1).strip("[]"), int(match.group(2))
        self.socket = socket.socket(socket.AF_INET6 if ":" in self.host else socket.AF_INET, socket.SOCK_DGRAM)
        self.sent = 0

    def send(self, *packets):
        for packet in packets:
            self.socket.sendto(packet, (self.host, self.port))
        self.sent += len(packets)

    def instance(self, name="edge"):
        """What sipstat says about the instance now."""
        done = subprocess.run([harness.sipstat(), "--json", "--dir", self.site.runtime_dir], stdout=subprocess.PIPE,
                              check=True, text=True, timeout=20)
        return next((i for i in json.loads(done.stdout)["instances"] if i["name"] == name), None)

    def counters(self, name="edge"):
        found = self.instance(name)
        return found["counters"] if found else {}

    def notes(self):
        """The collector's own counters."""
        found = re.findall(r'"([a-z_]+)": ?(\d+)', json.dumps(self.instance()["writers"]))
        return {key: int(value) for key, value in found}

    def wait_note(self, name, value):
        try:
            harness.wait_for("%s = %d" % (name, value), lambda: self.notes().get(name) == value, PATIENCE_S, 0.1)
            return True
        except TimeoutError:
            return False

    def wait_counted(self, counter, value, name="edge"):
        try:
            harness.wait_for("%s = %d" % (counter, value), lambda: self.counters(name).get(counter) == value, PATIENCE_S,
                             0.1)
            return True
        except TimeoutError:
            return False

    def end(self):
        self.socket.close()
        return self.process.stop()


def program():
    return harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def run(*arguments):
    return subprocess.run([program()] + list(arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=20, check=False)


def check_command_line(site, report):
    good, bad = site.config_path, site.write("bad.yaml", "instances:\n  - {name: edge, appl_index: 0}\n")
    report.equal("--help ends with 0", 0, run("--help").returncode)
    report.equal("--version ends with 0", 0, run("--version").returncode)
    report.equal("an unknown option ends with 2", 2, run("--frob").returncode)
    report.equal("--check of a good configuration ends with 0", 0,
                 run("-f", good, "--check", "--listen", "udp:*:0").returncode)
    checked = run("-f", bad, "--check", "--listen", "udp:*:0")
    report.check("--check of a bad one ends with 3 and says where",
                 checked.returncode == 3 and re.search(r"bad\.yaml:2:\d+: instances\[0\]\.appl_index: expected", checked.stdout),
                 checked.stdout)
    report.check("nowhere to listen is an error", run("-f", good).returncode == 3)


def check_counting(site, report):
    site.write_config([EDGE, OTHER], more=KEY)
    hep = Collector(site)

    def packet(source, destination, body, **more):
        return hep_send.packet(source, destination, body, key=more.pop("key", "sesame"), **more)

    hep.send(packet(FAR, NEAR, sip(1)), packet(NEAR, FAR, sip(1, "SIP/2.0 200 OK")),
             packet(FAR, NEAR, sip(2), compress="zlib"), packet(FAR, NEAR, sip(3), compress="packet"),
             packet(NEAR, CORE, sip(4)), packet(NEAR, CORE, sip(4)))
    hep.send(packet(FAR, NEAR, sip(9), key="open"), hep_send.old_packet(FAR, NEAR, sip(9)),
             packet(FAR, NEAR, b"{}", protocol=5), packet(FAR, "udp:192.0.2.99:5060", sip(9)),
             packet(FAR, NEAR, sip(9))[:50], b"what is this?")
    report.check("all packets are seen", hep.wait_note("packets", hep.sent))
    edge, core, notes = hep.counters(), hep.counters("core"), hep.notes()
    report.equal("requests received by edge", 3, edge["in_requests"])
    report.equal("requests sent by edge", 1, edge["out_requests"])
    report.equal("responses sent by edge", 1, edge["out_responses"])
    report.equal("requests received by core, of a mirror that shows them twice", 1, core["in_requests"])
    for name, value in (("counted", 6), ("self_messages", 1), ("self_echoes", 1), ("key_wrong", 1), ("key_missing", 1),
                        ("not_sip", 1), ("unrouted", 1), ("truncated", 1), ("bad_magic", 1), ("not_counted", 0)):
        report.equal("note %s" % name, value, notes[name])
    log = hep.process.log()
    report.check("a refused packet is logged with its sender",
                 "from 127.0.0.1:%d refused" % hep.socket.getsockname()[1] in log, log)
    report.check("the key is not", "sesame" not in log)
    report.equal("SIGTERM ends it with 0", 0, hep.end())


def check_end_counts_what_waits(site, report):
    """Packets that came before SIGTERM count, though it had no chance to read them."""
    site.write_config([EDGE])
    hep = Collector(site, "udp:[::1]:0" if has_ipv6() else "udp:127.0.0.1:0")
    harness.wait_for("the lane", lambda: hep.instance() is not None)
    hep.process.signal(signal.SIGSTOP)
    hep.send(*[hep_send.packet(FAR, NEAR, sip("w%d" % i)) for i in range(100)])
    before = hep.counters()["in_requests"]
    hep.process.signal(signal.SIGTERM)
    hep.process.signal(signal.SIGCONT)
    hep.process.popen.wait(10)
    ended = re.search(r"ending; (\d+) packets received, (\d+) SIP messages counted", hep.process.log())
    report.equal("what waits at SIGTERM is counted", ("0", "100", "100"),
                 (str(before), ended.group(1), ended.group(2)))
    report.equal("it ends with 0", 0, hep.end())


def check_reload(site, report):
    site.write_config([EDGE])
    hep = Collector(site)
    hep.send(hep_send.packet(FAR, NEAR, sip("r1")), hep_send.packet(FAR, CORE, sip("r2")))
    report.check("before: no core", hep.wait_note("unrouted", 1))
    site.write_config([EDGE, "{name: core, appl_index: 1}"])
    hep.process.signal(signal.SIGHUP)
    hep.process.wait_log("configuration not reloaded, the old one stays in force")
    hep.send(hep_send.packet(FAR, NEAR, sip("r3")))
    report.check("a bad configuration changes nothing", hep.wait_counted("in_requests", 2))
    site.write_config([EDGE, OTHER], more="collectors: {hep: {listen: [\"udp:127.0.0.1:1\"]}}\n")
    hep.process.signal(signal.SIGHUP)
    hep.process.wait_log("configuration reloaded from")
    hep.send(hep_send.packet(FAR, NEAR, sip("r4")), hep_send.packet(FAR, CORE, sip("r5")))
    report.check("after: core counts", hep.wait_counted("in_requests", 1, "core"))
    report.check("edge went on in the same lane", hep.wait_counted("in_requests", 3))
    report.equal("the listener of the command line is the same", 1, hep.process.log().count("\nlistening on "))
    report.equal("it ends with 0", 0, hep.end())


def check_reload_of_listeners(site, report):
    """Those that stay are the same sockets: what waits in them is counted. Those that go, go after what waits in them."""
    ports = [harness.free_port() for _ in range(3)]

    def listen(*numbers):
        site.write_config([EDGE], more="collectors: {hep: {listen: [%s]}}\n" % ", ".join(
            "\"udp:127.0.0.1:%d\"" % port for port in numbers))

    listen(*ports[:2])
    hep = Collector(site, listen=None)
    hep.process.wait_log("listening on udp:127.0.0.1:%d" % ports[1])
    hep.process.signal(signal.SIGSTOP)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        for number, port in enumerate(ports[:2]):
            out.sendto(hep_send.packet(FAR, NEAR, sip("l%d" % number)), ("127.0.0.1", port))
        listen(*ports[1:])
        hep.process.signal(signal.SIGHUP)
        hep.process.signal(signal.SIGCONT)
        hep.process.wait_log("configuration reloaded from")
        report.check("reload: what waited in the listener that stays and in the one that goes is counted",
                     hep.wait_counted("in_requests", 2))
        for number, port in enumerate(ports[1:]):
            out.sendto(hep_send.packet(FAR, NEAR, sip("m%d" % number)), ("127.0.0.1", port))
        report.check("... the one that stays and the one that came listen", hep.wait_counted("in_requests", 4))
    report.equal("... and the one that went does not", [False, True, True], [harness.is_bound(port) for port in ports])
    report.equal("... it ends with 0", 0, hep.end())


def check_no_lane(site, report):
    """The runtime directory comes late, and goes."""
    site.write_config([EDGE])
    late = site.path("late")
    hep = Collector(site, more=["--dir", late])
    hep.process.wait_log("instance edge: its messages are not counted, trying again")
    site.runtime_dir, usual = late, site.runtime_dir
    hep.send(hep_send.packet(FAR, NEAR, sip("n1")))
    os.mkdir(late)
    hep.process.wait_log("instance edge: counting, after all", 12)
    hep.send(hep_send.packet(FAR, NEAR, sip("n2")))
    report.check("a lane that could not be opened is opened later", hep.wait_counted("in_requests", 1))
    report.check("what was missed is known", hep.wait_note("not_counted", 1))
    for name in os.listdir(late + "/edge"):
        os.unlink("%s/edge/%s" % (late, name))
    hep.process.wait_log("instance edge: its lane was removed")
    hep.send(hep_send.packet(FAR, NEAR, sip("n3")))
    report.check("a lane that was removed is replaced", hep.wait_counted("in_requests", 1))
    report.equal("it ends with 0", 0, hep.end())
    site.runtime_dir = usual


def memory_kib(process):
    with open("/proc/%d/status" % process.pid, encoding="ascii") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def check_garbage(site, report):
    """Twenty thousand damaged packets: each counted once, few of them logged."""
    site.write_config([EDGE])
    hep = Collector(site)
    rng = random.Random(4780)
    good = hep_send.packet(FAR, NEAR, sip("g"), stamp=time.time())
    began = time.monotonic()
    for i in range(20000):
        octets = bytearray(good)
        for _ in range(rng.randrange(1, 8)):
            octets[rng.randrange(len(octets))] = rng.randrange(256)
        hep.send(bytes(octets[:rng.randrange(len(octets) + 1)]))
        if i % 100 == 99:
            time.sleep(0.005)
    report.check("each damaged packet is seen", hep.wait_note("packets", hep.sent))
    notes = hep.notes()
    refused = sum(notes[n] for n in ("truncated", "bad_magic", "bad_length", "bad_chunk_length", "bad_chunk_size", "no_address",
                                     "no_payload", "not_sip", "bad_family", "bad_compression", "inflated_too_large"))
    report.equal("each is refused, unrouted, or counted", hep.sent, refused + notes["unrouted"] + notes["counted"])
    lines = hep.process.log().count("\n")
    report.check("few lines are logged", lines < 30 + 14 * (time.monotonic() - began), "%d lines" % lines)
    report.equal("it ends with 0", 0, hep.end())


def check_overload(site, report):
    """More than the socket's buffer holds while the collector does not run: what is lost is known to the last packet."""
    site.write_config([EDGE])
    hep = Collector(site)
    hep.send(*[hep_send.packet(FAR, NEAR, sip("o%d" % i)) for i in range(1000)])
    hep.wait_note("packets", 1000)
    before = memory_kib(hep.process)
    hep.process.signal(signal.SIGSTOP)
    big = hep_send.packet(FAR, NEAR, sip("big") + b"x" * 30000)
    for _ in range(4000):
        hep.send(big)
    hep.process.signal(signal.SIGCONT)
    harness.wait_for("all packets", lambda: hep.notes()["packets"] + hep.notes()["socket_dropped"] == hep.sent, PATIENCE_S)
    notes, after = hep.notes(), memory_kib(hep.process)
    report.check("packets are lost at the socket", notes["socket_dropped"] > 100, str(notes))
    report.equal("and each is accounted for", hep.sent, notes["packets"] + notes["socket_dropped"])
    report.check("memory does not grow", after - before < 16384, "%d KiB, then %d KiB" % (before, after))
    report.equal("it ends with 0", 0, hep.end())


def main():
    harness.need(program(), harness.sipstat())
    report = harness.Report()
    for check in (check_command_line, check_counting, check_end_counts_what_waits, check_reload,
                  check_reload_of_listeners, check_no_lane, check_garbage, check_overload):
        with harness.Site("sipmib-hep-") as site:
            site.write_config([EDGE])
            check(site, report)
    report.exit()


if __name__ == "__main__":
    main()
