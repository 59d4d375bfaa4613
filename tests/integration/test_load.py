#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Too much at once. Of packets: sipstat-hep at more than three times what it can take loses them at its socket only, as
many as the kernel says, tells so, counts all others, and does not grow. Of events: what the agent missed of rings that
ran over, and of notifications beyond the rate, it knows to the last one, all counters stay exact, and registrations
are whole again after the users' next refresh."""

import base64
import json
import os
import random
import re
import signal
import subprocess
import time

import harness
import hep_send
import manager
import registrations
import servers
import writer

NEAR, FAR = "udp:192.0.2.10:5060", "udp:192.0.2.1:5070"
PATIENCE_S = 180
IS_SANITIZED = "SIPMIB_PRELOAD" in os.environ  # what is freed is kept for a while

# ---------------------------------------------------------------------- packets

TIMES = 3              # its capacity
LEAST_LOST = 1000
MOST_SENT = 300000
WARM_UP = 3000


def costly(number, dice):
    """A packet that takes far longer to inflate than to send."""
    body = base64.b64encode(dice.randbytes(6000)) + b"x" * 50000
    text = ("OPTIONS sip:b@example.org SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK%d\r\n"
            "From: <sip:a@example.org>;tag=1\r\nTo: <sip:b@example.org>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\n"
            "Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % (number, number, len(body))).encode()
    return hep_send.packet(FAR, NEAR, text + body, compress="zlib")


class Socket:
    """Sends to the collector; its own count, and the kernel's of the other end."""

    def __init__(self, port):
        self.port, self.sent = port, 0
        self.socket = hep_send.socket.socket(hep_send.socket.AF_INET, hep_send.socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        dice = random.Random(4780)
        self.packets = [costly(n, dice) for n in range(100)]

    def send(self, count):
        for _ in range(count):
            self.socket.send(self.packets[self.sent % len(self.packets)])
            self.sent += 1

    def dropped(self):
        with open("/proc/net/udp", encoding="ascii") as f:
            return sum(int(line.split()[-1]) for line in f if line.split()[1].endswith(":%04X" % self.port))


def instance(site, name):
    done = subprocess.run([harness.sipstat(), "--json", "--dir", site.runtime_dir], stdout=subprocess.PIPE, check=True,
                          text=True, timeout=60)
    return next(i for i in json.loads(done.stdout)["instances"] if i["name"] == name)


def notes(site):
    found = re.findall(r'"([a-z_]+)": ?(\d+)', json.dumps(instance(site, "edge")["writers"]))
    return {key: int(value) for key, value in found}


def memory_kb(process):
    with open("/proc/%d/status" % process.pid, encoding="ascii") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))


def wait_seen(site, out):
    """Until all that was sent is received or lost."""
    harness.wait_for("all packets", lambda: notes(site)["packets"] + out.dropped() >= out.sent, PATIENCE_S, 0.1)


def capacity(site, out):
    """Packets a second that it can take: so few at once that none is lost."""
    began = time.monotonic()
    while out.sent < WARM_UP:
        out.send(50)
        harness.wait_for("the collector", lambda: queued_octets(out.port) == 0, PATIENCE_S, 0.0005)
    wait_seen(site, out)
    return WARM_UP / (time.monotonic() - began)


def queued_octets(port):
    with open("/proc/net/udp", encoding="ascii") as f:
        return sum(int(line.split()[4].split(":")[1], 16) for line in f if line.split()[1].endswith(":%04X" % port))


def storm(out, rate):
    """`rate` a second, for three seconds and until enough is lost. How long that took."""
    began, before = time.monotonic(), out.sent
    while out.sent - before < MOST_SENT and (time.monotonic() < began + 3 or out.dropped() < LEAST_LOST):
        due = int((time.monotonic() - began) * rate) - (out.sent - before)
        out.send(max(0, min(due, 500)))
        if due <= 0:
            time.sleep(0.001)
    return time.monotonic() - began


def overload(site, out, takes, rate):
    """How many times what it took in that time."""
    sent, seen = out.sent, notes(site)["packets"]
    took = storm(out, rate)
    sent, seen = out.sent - sent, notes(site)["packets"] - seen
    ratio = sent / max(1, seen)
    print("# it can take %.0f packets a second; %.0f came, in %.1f s: %.1f times what it took in that time" %
          (takes, sent / took, took, ratio))
    return ratio


def check_packets(report):
    with harness.Site() as site:
        site.write_config(["{name: edge, appl_index: 1, roles: [proxy_server], local: [\"%s\"]}" % NEAR])
        hep, port = servers.start_hep(site)
        harness.wait_for("the lane", lambda: os.path.isdir(site.runtime_dir + "/edge") and notes(site), PATIENCE_S)
        out = Socket(port)
        takes = capacity(site, out)
        report.equal("nothing is lost of what it can take", 0, out.dropped())
        memory, rate = memory_kb(hep), 2 * TIMES * takes
        for _ in range(5):  # other work beside may have made it look slow before
            ratio = overload(site, out, takes, rate)
            rate *= 2
            if ratio >= TIMES:
                break
        report.check("at least %d times what it can take was sent" % TIMES, ratio >= TIMES, "%.2f" % ratio)
        wait_seen(site, out)
        harness.wait_for("its own number of what was lost", lambda: notes(site)["socket_dropped"] == out.dropped(),
                         PATIENCE_S, 0.1)
        said, lost = notes(site), out.dropped()
        report.check("packets are lost (%d of %d)" % (lost, out.sent), lost >= LEAST_LOST)
        report.equal("the kernel's number is its own", lost, said["socket_dropped"])
        report.equal("sent = received + lost at the socket", out.sent, said["packets"] + lost)
        report.equal("all that was received is counted", said["packets"], said["counted"])
        report.equal("and by its instance", said["packets"], instance(site, "edge")["counters"]["in_requests"])
        grown = memory_kb(hep) - memory
        report.check("its memory does not grow (%d kB)" % grown, IS_SANITIZED or grown < 4096)
        over = hep.wait_log(r"packets are no longer lost; it was (\d+) of (\d+) in", 30)
        report.equal("the log tells what was lost", lost, int(over.group(1)))
        report.equal("beginning and end of the storm are one line each", (1, 1),
                     (hep.log().count("more comes than can be counted"), hep.log().count("are no longer lost")))
        page = subprocess.run([harness.sipstat(), "--dir", site.runtime_dir], stdout=subprocess.PIPE, check=True,
                              text=True, timeout=60).stdout
        report.check("sipstat shows it", "%d" % lost in page and "socket_dropped" in page, page)


# ---------------------------------------------------------------------- events

RING = 16384
BURSTS, BURST = 5, 4000
USERS = 1500
WATCHED = ("{name: %s, appl_index: %d, roles: [proxy_server], watch: [{method: INVITE, codes: [503], "
           "threshold: 4294967295, interval: 86400s, notify: true, emit: normal}]}")
REGISTRAR = "{name: home, appl_index: 3, roles: [registrar_server], registrar: {expose: full}}"


class Watched:
    """An instance whose 503s are told of, and what it wrote."""

    def __init__(self, site, name, appl_index):
        self.site, self.name, self.appl_index, self.written = site, name, appl_index, 0
        self.writer = writer.Writer(site.runtime_dir, name, ring_octets=RING)

    def burst(self, count):
        for _ in range(count):
            self.writer.response(writer.OUT, "INVITE", 503, to="<sip:b@example.org>", from_="<sip:a@example.org>;tag=1",
                                 call_id="flood", cseq=1)
        self.written += count

    def served(self):
        oid = manager.row(manager.CODE_OUTS, self.appl_index, "INVITE", 503)
        return int(manager.get(self.site, [oid]).get(oid, (None, 0))[1])

    def says(self):
        return next(i for i in ask(self.site)["instances"] if i["name"] == self.name)["events"]


def ask(site, *more):
    done = subprocess.run([harness.sipstat(), "--agent", "--dir", site.runtime_dir, *(more or ["--json"])],
                          stdout=subprocess.PIPE, check=True, text=True, timeout=60)
    return done.stdout if more else json.loads(done.stdout)


def accounted(events):
    return events["read"] + events["lost"] - events["lost_after_reading"]


def wait_equal(what, expected, look):
    """What `look` gives when it is that, or after a while."""
    seen = []
    try:
        harness.wait_for(what, lambda: seen.append(look()) or seen[-1] == expected, PATIENCE_S, 0.1)
    except TimeoutError:
        pass
    return seen[-1]


def flood(report, site, agent, watched):
    """The first burst while the agent sleeps: its rings run over for sure."""
    agent.signal(signal.SIGSTOP)
    for n, each in enumerate(watched):
        each.burst(BURST + n)
    agent.signal(signal.SIGCONT)
    for _ in range(BURSTS):
        for each in watched:
            each.burst(BURST)
        for each in watched:
            report.equal("%s: all responses are served" % each.name, each.written,
                         wait_equal("the count", each.written, each.served))
    for each in watched:
        wait_equal("the events", each.written, lambda e=each: accounted(e.says()))
        said = each.says()
        report.equal("%s: %d events followed and %d missed are all" % (each.name, said["read"], said["lost"]),
                     each.written, accounted(said))
        report.check("%s: events are missed" % each.name, said["lost"] > 0)
        told = (said["notifications_raised"], said["notifications_capped"], said["notifications_without_room"])
        report.equal("%s: each event followed is a notification: %d raised, %d beyond the rate, %d without room" %
                     ((each.name,) + told), said["read"], sum(told))
        report.check("%s: some are beyond the rate" % each.name, said["notifications_capped"] > 0)


def refresh(site, home, users, pause_s):
    """All of them register once more; how many events were missed of that."""
    before = home.says()["lost"]
    for n in users:
        home.writer.bindings("sip:u%05d@example.org" % n, ["sip:u%05d@192.0.2.1" % n])
        home.written += 1
        if pause_s and n % 20 == 19:
            time.sleep(pause_s)
    wait_equal("the registrations", home.written, lambda: accounted(home.says()))
    return home.says()["lost"] - before


def check_registrations(report, site, agent):
    home = Watched(site, "home", 3)
    agent.signal(signal.SIGSTOP)
    for n in range(USERS):
        home.writer.bindings("sip:u%05d@example.org" % n, ["sip:u%05d@192.0.2.1" % n])
    home.written += USERS
    agent.signal(signal.SIGCONT)
    report.equal("home: registrations followed and missed are all", USERS,
                 wait_equal("the registrations", USERS, lambda: accounted(home.says())))
    report.check("home: registrations are missed", registrations.current_users(site, 3) < USERS)
    for attempt in range(10):
        if refresh(site, home, range(USERS), 0.02 * (attempt + 1)) == 0:
            break
    report.equal("home: after a refresh of all, all are there", USERS,
                 wait_equal("users", USERS, lambda: registrations.current_users(site, 3)))
    report.equal("home: all events are accounted for", home.written, accounted(home.says()))


def check_use(report, site):
    """What the agent takes of the system, as it says itself."""
    says = ask(site)
    for part, keys in (("agent", ("rss_octets", "rss_highest_octets", "descriptors", "descriptors_max")),
                       ("store", ("page_octets", "pages", "readers_most")),
                       ("registry", ("page_octets", "pages", "readers_most")), ("snapshot", ("alive",))):
        report.check("the agent tells %s of %s" % (", ".join(keys), part), all(says[part][key] > 0 for key in keys),
                     str(says[part]))
    for part in ("store", "registry"):
        report.check("%s: %d of %d pages are free" % (part, says[part]["pages_free"], says[part]["pages"]),
                     says[part]["pages_free"] < says[part]["pages"] and
                     says[part]["pages"] * says[part]["page_octets"] == says[part]["octets"])


def check_events(report):
    with harness.Site() as site:
        site.write_config([WATCHED % ("one", 1), WATCHED % ("two", 2), REGISTRAR])
        site.start_snmpd()
        agent = site.start_sipmibd()
        for appl_index in (1, 2, 3):
            manager.set_(site, [("%s.%d" % (manager.NOTIFY_ENABLE, appl_index), "b", "")])
        flood(report, site, agent, [Watched(site, "one", 1), Watched(site, "two", 2)])
        check_registrations(report, site, agent)
        check_use(report, site)
        page = ask(site, "--agent")
        for name in ("one", "two", "home"):
            report.check("sipstat --agent tells what %s missed" % name,
                         re.search(r"%s: \d+ events overwritten before they were read" % name, page), page)
        report.check("and what the agent takes", re.search(
            r"uses: +[\d.]+ MiB of memory, at most [\d.]+; \d+ of \d+ descriptors", page), page)
        report.check("and how many notifications were left out", re.search(r"notifications: \d+ left out", page), page)


def main():
    harness.need("snmpd", "snmpget", "snmpset", harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"))
    report = harness.Report()
    check_packets(report)
    check_events(report)
    report.exit()


if __name__ == "__main__":
    main()
