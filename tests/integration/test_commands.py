#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""sipmibd and sipstat as a person at a terminal, a script and a service manager meet them: options and exit statuses,
views that are repeated, events that are followed, where the log goes, and what is said of a runtime directory that is
not as it should be. No snmpd is needed."""

import json
import os
import pty
import re
import signal
import socket
import stat
import subprocess

import harness
import writer

WATCHED = ("{name: edge, appl_index: 1, roles: [registrar_server], local: [\"udp:127.0.0.1:5060\"], "
           "watch: [{method: INVITE, codes: [486], notify: true, emit: normal}]}")


def run(*command, env=None, stdout=subprocess.PIPE):
    return subprocess.run(command, env=env, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, text=True,
                          timeout=30, check=False)


def options(site, report):
    """The same for every program that people call."""
    for name, program in (("sipmibd", harness.sipmibd()), ("sipstat", harness.sipstat())):
        helped, told = run(program, "--help"), run(program, "--version")
        report.check("%s --help says how it is used" % name,
                     helped.returncode == 0 and helped.stdout.startswith("usage: " + name), helped.stdout)
        report.check("%s --version" % name, told.returncode == 0 and told.stdout.startswith(name + " "), told.stdout)
        for wrong in (["--no-such-option"], ["something"]):
            done = run(program, *wrong)
            report.check("%s %s: wrong usage, with the remedy" % (name, wrong[0]),
                         done.returncode == 2 and "see %s --help" % name in done.stderr, done.stderr)
    for wrong in (["--interval", "0"], ["--interval", "nan"], ["--interval", "3601"], ["--interval", "1x"],
                  ["--count", "0"], ["--count", "-1"], ["--count", "2x"], ["--agent", "--events"]):
        done = run(harness.sipstat(), *wrong)
        report.check("sipstat %s: wrong usage" % " ".join(wrong), done.returncode == 2 and done.stderr, done.stderr)
    with open("/dev/full", "w", encoding="ascii") as full:
        for command in ([harness.sipmibd(), "-f", site.config_path, "--check"],
                        [harness.sipmibd(), "-f", site.config_path, "--dump"], [harness.sipstat(), "--help"],
                        [harness.sipstat(), "-D", site.runtime_dir]):
            done = run(*command, stdout=full)
            report.check("%s %s: an output that is full is a failure" % (os.path.basename(command[0]), command[-1]),
                         done.returncode == 1 and "standard output" in done.stderr, done.stderr)
    for directory, claim in ((site.path("empty"), "no agent runs here"), (site.path("x" * 100), "too long")):
        done = run(harness.sipstat(), "--agent", "--dir", directory)
        report.check("sipstat --agent where there is none: %s" % claim, done.returncode == 1 and claim in done.stderr,
                     done.stderr)


def views(site, report):
    """What a writer counts meanwhile is in the next view."""
    w = writer.Writer(site.runtime_dir, "edge")
    w.request(writer.IN, "INVITE")
    with harness.spawn([harness.sipstat(), "-D", site.runtime_dir, "--json", "--interval", "0.5", "--count", "3"],
                          stdout=subprocess.PIPE, text=True) as viewer:
        seen = [json.loads(viewer.stdout.readline())]
        w.request(writer.IN, "INVITE")
        seen += [json.loads(line) for line in viewer.stdout]
    counts = [view["instances"][0]["counters"]["in_requests"] for view in seen]
    report.check("sipstat --interval --count 3: each view is of its time",
                 counts[0] == 1 and counts[-1] == 2 and counts == sorted(counts), counts)
    report.equal("... and then it ends", 0, viewer.returncode)
    done = run(harness.sipstat(), "-D", site.runtime_dir, "--interval", "0.1", "--count", "2")
    report.check("into a file, no screen is cleared", done.returncode == 0 and "\033" not in done.stdout and
                 done.stdout.count("edge") == 2, done.stdout)
    with harness.spawn([harness.sipstat(), "-D", site.runtime_dir, "--interval", "0.1"], stdout=subprocess.PIPE,
                          text=True) as viewer:
        viewer.stdout.readline()
        viewer.stdout.close()
        report.equal("a reader that ends, ends it", 0, viewer.wait(10))
    done = run(harness.sipstat(), "-D", site.runtime_dir, "--instance", "nobody")
    report.check("an instance that is not there: told which are", done.returncode == 1 and "edge" in done.stderr,
                 done.stderr)
    w.close()


def screen(site, report):
    """On a terminal it draws the same page again, until it is interrupted."""
    here, there = pty.openpty()
    viewer = harness.spawn([harness.sipstat(), "-D", site.runtime_dir, "--interval", "0.1"], stdout=there)
    os.close(there)
    seen = b""
    while seen.count(b"\033[H\033[2J") < 3:
        seen += os.read(here, 4096)
    viewer.send_signal(signal.SIGINT)
    report.equal("on a terminal it starts each page at the top; an interrupt ends it well", 0, viewer.wait(10))
    os.close(here)


def events(site, report):
    """The agent says what it wants to be told, a writer tells it, and whoever looks sees it too."""
    agent = site.start_sipmibd(wait=False)
    agent.wait_log("started")
    w = writer.Writer(site.runtime_dir, "edge", ring_octets=4096)
    viewers = [harness.spawn([harness.sipstat(), "-D", site.runtime_dir, "--events", "--interval", "0.1", *more],
                                stdout=subprocess.PIPE, text=True) for more in ([], ["--json"])]
    w.response(writer.OUT, "INVITE", 486, to="<sip:b@example.org>", call_id="first")
    w.bindings("sip:alice@example.org", [{"uri": "sip:alice@192.0.2.7", "q": 500, "instance": "<urn:uuid:1>", "reg_id": 1}])
    w.authentication_failed("sip:mallory@example.org", 403)
    w.set_state(writer.CONGESTED)
    lines, records = ([viewer.stdout.readline() for _ in range(4)] for viewer in viewers)
    records = [json.loads(line) for line in records]
    report.equal("sipstat --events --json: one event a line, in order",
                 [None, None, "authentication_failed", "state"],
                 [r["event"] if r.get("event") in ("authentication_failed", "state") else None for r in records])
    report.equal("... numbered", [0, 1, 2, 3], [r["sequence"] - records[0]["sequence"] for r in records])
    for line, words in zip(lines, (("486", "first"), ("alice@example.org", "192.0.2.7"), ("mallory", "403"),
                                   ("congested",))):
        report.check("sipstat --events: %s" % " ".join(words), all(word in line for word in words), line)
    for viewer, number in zip(viewers, (signal.SIGINT, signal.SIGTERM)):
        viewer.send_signal(number)
        report.equal("signal %d ends who follows events, well" % number, 0, viewer.wait(10))
        viewer.stdout.close()
    for _ in range(200):
        w.response(writer.OUT, "INVITE", 486, to="<sip:b@example.org>", call_id="many")
    done = run(harness.sipstat(), "-D", site.runtime_dir, "--events", "--count", "1")
    report.check("sipstat --events --count 1: what is in the ring, and it ends",
                 done.returncode == 0 and "many" in done.stdout, done.stdout + done.stderr)
    w.close()
    report.equal("the agent ends well", 0, agent.stop())


def logs(site, report):
    """What a service manager gets: the datagram that it is ready, and priorities where the journal listens."""
    for kind, address in (("path", site.path("notify")), ("name", "@" + os.path.basename(site.directory))):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(address.replace("@", "\0", 1))
            manager.settimeout(10)
            agent = site.start("quiet-" + kind, [harness.sipmibd(), "-q", "-f", site.config_path], {"NOTIFY_SOCKET": address})
            report.equal("the manager that has a %s is told" % kind, b"READY=1", manager.recv(64))
        agent.stop()
        report.check("... and -q keeps the rest", " info: " not in agent.log(), agent.log())
    agent = site.start("unheard", [harness.sipmibd(), "-f", site.config_path], {"NOTIFY_SOCKET": site.path("nobody")})
    agent.wait_log("cannot tell the service manager.*\n(.*\n)*.*started|started.*\n(.*\n)*.*cannot tell the service manager")
    report.equal("a manager that is not there: said, and it goes on", 0, agent.stop())
    bad = site.write("bad.yaml", "instances: 1\nnonsense: 2\n")
    with open(site.path("journal"), "w+", encoding="utf-8") as journal:
        stream = os.fstat(journal.fileno())
        done = subprocess.run([harness.sipmibd(), "-f", bad], stdin=subprocess.DEVNULL, stderr=journal, timeout=30, check=False,
                              env=dict(site.env, JOURNAL_STREAM="%d:%d" % (stream.st_dev, stream.st_ino)))
        journal.seek(0)
        lines = journal.read().splitlines()
    report.check("to the journal: every complaint has its priority", done.returncode == 3 and len(lines) > 2 and
                 all(re.match(r"<3>config: ", line) for line in lines), "\n".join(lines))


def directories(site, report):
    """A runtime directory that is not as it should be."""
    def log_of(prepare, patience="started"):
        site.runtime_dir = site.path("other")
        site.write_config([WATCHED])
        prepare(site.runtime_dir)
        agent = site.start("other", [harness.sipmibd(), "-f", site.config_path])
        harness.wait_for("the agent", lambda: patience in agent.log() or not agent.is_running())
        mode = stat.S_IMODE(os.lstat(site.runtime_dir).st_mode)
        status, said = agent.stop(), agent.log()
        os.remove(agent.log_path)
        return mode, status, said

    def make(mode):
        def prepare(path):
            os.mkdir(path)
            os.chmod(path, mode)
        return prepare

    cases = (("that is not there is made", lambda path: None, 0, "started"),
             ("that everybody may write", make(0o777), 0, "writable by everybody"),
             ("whose group may remove what others made", make(0o770), 0, "is not sticky"),
             ("that is a file", lambda path: open(path, "w", encoding="ascii").close(), 1, "cannot open it"),
             ("that is a link", lambda path: os.symlink(site.directory, path), 1, "it is a symbolic link"))
    for claim, prepare, wanted, words in cases:
        mode, status, said = log_of(prepare)
        report.check("a runtime directory %s: %s" % (claim, words), status == wanted and words in said, said)
        if prepare == cases[0][1]:
            report.equal("... for the group, sticky", 0o3771, mode)
        path = site.path("other")
        if os.path.isdir(path) and not os.path.islink(path):
            subprocess.run(["rm", "-rf", path], check=True)
        else:
            os.remove(path)


def main():
    harness.need(harness.sipmibd(), harness.sipstat())
    signal.alarm(300)                                  # nothing here waits for ever
    report = harness.Report()
    with harness.Site("commands-") as site:
        site.write_config([WATCHED])
        options(site, report)
        views(site, report)
        screen(site, report)
        events(site, report)
        logs(site, report)
        directories(site, report)
    report.exit()


main()
