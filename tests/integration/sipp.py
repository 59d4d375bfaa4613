# SPDX-License-Identifier: BSD-2-Clause
"""SIPp for the tests: scenarios as lists of steps, a run of one, and what it counted itself.

A scenario is a list of the steps below. SIPp reads XML; write() makes it. SIPp counts per step, so the steps also tell
which method a counted response belongs to, which its own file does not say.
"""

import csv
import os
import re
import signal
import subprocess
import time
from collections import Counter, namedtuple

from harness import spawn

# kind: send, recv, reply, expect, pause. `method` of a response is that of its CSeq.
Step = namedtuple("Step", "kind method code options")

T1_MS = 2000      # of SIPp where nothing is to be sent again: a busy machine alone does not make it
LATE_T1_MS = 500  # and where it is
LINGER_MS = 1500

CONTACT = "Contact: <sip:caller@[local_ip]:[contact_port]>"


def send(method, **options):
    """A request. cseq=1; target="[next_url]" within a dialog, where to_tag=True too; branch; headers=[]; retrans=T1."""
    return Step("send", method, None, options)


def recv(code, method, **options):
    """A response to `method`. optional=False; dialog=True: remember Contact, Record-Route and the To tag."""
    return Step("recv", method, code, options)


def expect(method, **options):
    """A request that comes. keep=True: remember its Via lines for a reply(kept=True)."""
    return Step("expect", method, None, options)


def reply(code, reason, method, **options):
    """Answer the last request, or the kept one. contact=False; headers=[]; retrans=T1: again until the ACK."""
    return Step("reply", method, code, dict(options, reason=reason))


def pause(milliseconds):
    return Step("pause", None, None, {"milliseconds": milliseconds})


# ---------------------------------------------------------------- the scenarios

INVITE = send("INVITE", headers=[CONTACT], retrans=T1_MS)
TRYING = recv(100, "INVITE", optional=True)
RINGING = recv(180, "INVITE", optional=True)  # a proxy of several processes may overtake it with the 200
ACK = send("ACK", target="[next_url]", to_tag=True, own=True)  # own: a transaction by itself
HANG_UP = [send("BYE", cseq=2, target="[next_url]", to_tag=True, retrans=T1_MS), recv(200, "BYE")]


def register(*expiries):
    """One REGISTER after the other for [service] at port [contact_port], each with its expiry; 0 unregisters."""
    steps = []
    for n, expires in enumerate(expiries, 1):
        contact = "Contact: <sip:[service]@[local_ip]:[contact_port]>;expires=%d" % expires
        steps += [
            send("REGISTER", cseq=n, uri="sip:[domain]", to="sip:[service]@[domain]", headers=[contact], retrans=T1_MS),
            recv(200, "REGISTER"),
        ]
    return steps


def refused(code):
    return [INVITE, TRYING, recv(180, "INVITE", optional=True), recv(code, "INVITE"),
            send("ACK", to_tag=True, branch="[branch-%d]" % 4)]


CALL = [INVITE, TRYING, RINGING, recv(200, "INVITE", dialog=True), ACK, pause(100)] + HANG_UP
LATE_ACK = [INVITE, TRYING, RINGING, recv(200, "INVITE", dialog=True), pause(1800), ACK, pause(100)] + HANG_UP
CALLED_AND_LEFT = [INVITE, TRYING, RINGING, recv(200, "INVITE", dialog=True), ACK, expect("BYE"), reply(200, "OK", "BYE")]
CANCELLED = [
    INVITE, TRYING, recv(180, "INVITE"), pause(100),
    send("CANCEL", branch="[branch-4]", retrans=T1_MS), recv(200, "CANCEL"), recv(487, "INVITE"),
    send("ACK", to_tag=True, branch="[branch-7]"),
]


def request(method, code, t1_ms=T1_MS):
    """One request outside of a dialog, and its answer."""
    return [send(method, retrans=t1_ms), recv(code, method)]


# The pauses between two answers: a proxy of several processes may let the second overtake the first.
ANSWERS = [
    expect("INVITE"), reply(180, "Ringing", "INVITE", contact=True), pause(50),
    reply(200, "OK", "INVITE", contact=True, retrans=LATE_T1_MS), expect("ACK", own=True), expect("BYE"), reply(200, "OK", "BYE"),
]


ANSWERS_LATE = [expect("MESSAGE"), pause(1200), reply(200, "OK", "MESSAGE")]


def refuses(code, reason):
    return [expect("INVITE"), reply(code, reason, "INVITE", retrans=T1_MS), expect("ACK")]


RINGS_ONLY = [
    expect("INVITE", keep=True), reply(180, "Ringing", "INVITE", contact=True),
    expect("CANCEL"), reply(200, "OK", "CANCEL"), pause(50),
    reply(487, "Request Terminated", "INVITE", kept=True, retrans=T1_MS), expect("ACK"),
]

# ---------------------------------------------------------------- as XML


def _message(lines):
    text = "\n".join("      " + line for line in lines)
    return "    <![CDATA[\n\n%s\n      Content-Length: 0\n\n    ]]>\n" % text


def _retrans(options):
    return ' retrans="%d"' % options["retrans"] if "retrans" in options else ""


def _send_xml(step):
    o = step.options
    target = o.get("target", o.get("uri", "sip:[service]@[remote_ip]:[remote_port]"))
    lines = [
        "%s %s SIP/2.0" % (step.method, target),
        "Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=%s" % o.get("branch", "[branch]"),
        "Max-Forwards: 70",
        "From: <sip:caller@[local_ip]:[local_port]>;tag=[pid]c[call_number]",
        "To: <%s>%s" % (o.get("to", "sip:[service]@[remote_ip]:[remote_port]"),
                        "[peer_tag_param]" if o.get("to_tag") else ""),
        "Call-ID: [call_id]",
        "CSeq: %d %s" % (o.get("cseq", 1), step.method),
    ] + (["[routes]"] if "target" in o else []) + o.get("headers", [])
    return "  <send%s>\n%s  </send>\n" % (_retrans(o), _message(lines))


def _reply_xml(step):
    o = step.options
    kept = o.get("kept")
    lines = ["SIP/2.0 %d %s" % (step.code, o["reason"])]
    lines += ["Via:[$via_1]", "Via:[$via_2]"] if kept else ["[last_Via:]"]
    lines += ["[last_Record-Route:]", "[last_From:]", "[last_To:];tag=[pid]s[call_number]", "[last_Call-ID:]"]
    lines += ["CSeq: 1 INVITE"] if kept else ["[last_CSeq:]"]
    lines += ["Contact: <sip:callee@[local_ip]:[contact_port]>"] if o.get("contact") else []
    return "  <send%s>\n%s  </send>\n" % (_retrans(o), _message(lines + o.get("headers", [])))


def _expect_xml(step):
    if not step.options.get("keep"):
        return '  <recv request="%s" />\n' % step.method
    keep = "".join('      <ereg regexp=".*" search_in="hdr" header="Via:" occurrence="%d" assign_to="via_%d" />\n' % (n, n)
                   for n in (1, 2))
    return '  <recv request="%s">\n    <action>\n%s    </action>\n  </recv>\n' % (step.method, keep)


def _step_xml(step):
    if step.kind == "send":
        return _send_xml(step)
    if step.kind == "reply":
        return _reply_xml(step)
    if step.kind == "expect":
        return _expect_xml(step)
    if step.kind == "pause":
        return '  <pause milliseconds="%d" />\n' % step.options["milliseconds"]
    return '  <recv response="%d"%s%s />\n' % (
        step.code,
        ' optional="true"' if step.options.get("optional") else "",
        ' rrs="true"' if step.options.get("dialog") else "",
    )


def write(path, steps):
    """The scenario as a file. At the end each call stays for a while: SIPp counts the repetitions that come late."""
    with open(path, "w", encoding="ascii") as f:
        f.write('<?xml version="1.0" encoding="US-ASCII" ?>\n<scenario name="%s">\n' % os.path.basename(path))
        f.write("".join(_step_xml(step) for step in steps + [pause(LINGER_MS)]))
        f.write("</scenario>\n")


# ---------------------------------------------------------------- a run


class Sipp:
    """One SIPp, started at once. `port` is its own; `remote` the port it calls (None for one that is called)."""

    def __init__(self, directory, name, steps, port, remote=None, calls=1, rate=20, transport="u1", limit="60s", **keys):
        self.name, self.steps, self.port = name, steps, port
        self.directory = os.path.join(directory, "sipp-%s-%d" % (name, port))
        os.mkdir(self.directory)
        write(os.path.join(self.directory, "scenario.xml"), steps)
        keys = dict({"contact_port": port, "domain": "127.0.0.1"}, **keys)
        service = keys.pop("service", "service")
        command = ["sipp", "127.0.0.1" + (":%d" % remote if remote else ""), "-sf", "scenario.xml",
                   "-i", "127.0.0.1", "-p", str(port), "-t", transport, "-s", str(service),
                   "-trace_counts", "-trace_err", "-nostdin", "-fd", "1", "-skip_rlimit", "-timer_resol", "1",
                   "-ci", "127.0.0.1", "-nd"]
        if remote:
            command += ["-m", str(calls), "-r", str(rate), "-timeout", limit, "-timeout_error"]
        for key, value in keys.items():
            command += ["-key", key, str(value)]
        self._log = open(os.path.join(self.directory, "screen.log"), "wb")
        self.process = spawn(command, cwd=self.directory, stdout=self._log, stderr=subprocess.STDOUT)

    def wait(self, timeout=70):
        """Until all calls are through. Raises with SIPp's own words when one failed."""
        status = self.process.wait(timeout)
        if status != 0:
            raise RuntimeError("sipp %s: exit status %d\n%s" % (self.name, status, self.complaints()))
        return self

    def stop(self):
        """End one that is called, when its calls are through; its counts are final then."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGUSR1)  # no new calls, finish those there are
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._log.close()

    def describe(self):
        """For a failure: is it running, and the end of what it says."""
        return "sipp %s, status %s: %s" % (self.name, self.process.poll(), self.complaints()[-1500:])

    def complaints(self):
        text = ""
        for name in sorted(os.listdir(self.directory)):
            if name.endswith("_errors.log") or name == "screen.log":
                with open(os.path.join(self.directory, name), errors="replace") as f:
                    text += f.read()[-3000:]
        return text

    def _last_counts(self):
        """The last line of SIPp's file: message index -> {Sent, Retrans, Recv, Unexp ...: count}."""
        deadline = time.monotonic() + 5
        while True:
            names = [n for n in os.listdir(self.directory) if n.endswith("_counts.csv")]
            if names or time.monotonic() > deadline:
                break
            time.sleep(0.05)
        with open(os.path.join(self.directory, names[0]), encoding="ascii", newline="") as f:
            rows = list(csv.reader(f, delimiter=";"))
        counts = {}
        for title, value in zip(rows[0][2:], rows[-1][2:]):
            match = re.match(r"(\d+)_.*_(\w+)$", title)
            if match:
                counts.setdefault(int(match.group(1)), {})[match.group(2)] = int(value)
        return counts

    def counts(self):
        """What SIPp sent and received, from its own file: a Counter of (direction, what, step) with direction "sent" or
        "received", what "new" or "again" (retransmissions)."""
        counts, steps = Counter(), self._last_counts()
        for n, step in enumerate(self.steps):
            if step.kind == "pause":
                continue
            found = steps[n]
            direction, first = ("sent", "Sent") if step.kind in ("send", "reply") else ("received", "Recv")
            if found.get("Unexp"):
                raise RuntimeError("sipp %s: %d unexpected at step %d\n%s" %
                                   (self.name, found["Unexp"], n, self.complaints()))
            counts[(direction, "new", n)] += found[first]
            counts[(direction, "again", n)] += found.get("Retrans", 0)
        return counts
