#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The systemd units: what systemd-analyze thinks of them, and that sipmibd and sipstat-hep can do all their work under
what the units allow: start, requests, SET, registrations, a reload, a restart of snmpd, an orderly end. A system call that
a unit does not allow kills the program here."""

import ctypes.util
import os
import re
import signal
import socket
import subprocess
import sys

import harness
import hep_send
from harness import wait_for

WORST = 2.0                                                  # exposure, of 10
CONFINE = os.path.abspath(os.path.join(harness.HERE, "confine.py"))
UNITS = {name: os.path.abspath(os.path.join(harness.BUILD, "config/systemd/%s.service" % name)) for name in ("sipmibd", "sipstat-hep")}
# Of a program or page that is not installed where the unit says.
NOT_INSTALLED = r"is not executable|Command 'man "

report = harness.Report()


def analyze(*words):
    done = subprocess.run(["systemd-analyze", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, timeout=120,
                          env=dict(os.environ, SYSTEMD_PAGER="", SYSTEMD_LOG_LEVEL="warning"))
    return done.stdout


def check_units():
    for name, path in UNITS.items():
        verdict = re.search(r"exposure level for \S+ ([\d.]+)", analyze("security", "--offline=true", path))
        report.check("%s.service: exposure %s, at most %s" % (name, verdict and verdict.group(1), WORST),
                     verdict and float(verdict.group(1)) <= WORST)
        said = [line for line in analyze("verify", "--man=no", path).splitlines() if not re.search(NOT_INSTALLED, line)]
        report.check("%s.service: systemd finds no fault with it" % name,
                     not [line for line in said if name + ".service" in line], "; ".join(said))
        with open(path, encoding="utf-8") as f:
            text = f.read()
        user = re.search(r"(?m)^User=(\S+)$", text)
        report.check("%s.service: runs as %s" % (name, user and user.group(1)), user and user.group(1) not in ("root", "0"))
    report.check("the services are two users", len({re.search(r"(?m)^User=(\S+)$", open(p, encoding="utf-8").read()).group(1)
                                                    for p in UNITS.values()}) == 2)


def confined(site, name, *command):
    return site.start(name, [sys.executable, CONFINE, UNITS[name], site.runtime_dir, site.state_dir, "--", *command])


def check_confinement(site):
    """That what is not allowed would be seen."""
    def run(*command):
        return subprocess.run([sys.executable, CONFINE, UNITS["sipstat-hep"], site.runtime_dir, "--", *command],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    outside, inside = site.write("outside", ""), os.path.join(site.runtime_dir, "inside")
    report.check("a system call that a unit does not allow kills", run("chown", "0", outside).returncode == -signal.SIGSYS)
    report.check("a file may be made where the unit says", run("touch", inside).returncode == 0)
    if os.geteuid() == 0:
        report.check("and nowhere else", run("touch", outside).returncode == 1)
    os.unlink(inside)


def message(number, method="REGISTER", code=None):
    line = "SIP/2.0 %d Any" % code if code else "%s sip:192.0.2.10 SIP/2.0" % method
    contact = "Contact: <sip:u%d@192.0.2.1>;expires=600\r\n" % number if method == "REGISTER" else ""
    return ("%s\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%s%d\r\nFrom: <sip:u%d@example.org>;tag=1\r\n"
            "To: <sip:u%d@example.org>%s\r\nCall-ID: c%d\r\nCSeq: 1 %s\r\n%sContent-Length: 0\r\n\r\n" %
            (line, method, number, number, number, ";tag=2" if code else "", number, method, contact)).encode()


def send(site, first, count):
    """So many registrations and their answers, as a mirror sends them."""
    ours, theirs = "udp:192.0.2.10:5060", "udp:192.0.2.1:5060"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for number in range(first, first + count):
            s.sendto(hep_send.packet(theirs, ours, message(number)), ("127.0.0.1", site.hep_port))
            s.sendto(hep_send.packet(ours, theirs, message(number, code=200), compress="zlib"), ("127.0.0.1", site.hep_port))


def requests(site):
    return site.walk("sipCommonSummaryInRequests").get(("sipCommonSummaryInRequests", 1), 0)


def work(site):
    """All that the two do; they are returned."""
    snmpd = site.start_snmpd()
    agent = confined(site, "sipmibd", os.path.abspath(harness.sipmibd()), "-f", site.config_path)
    site.wait_served(60)
    hep = os.path.abspath(harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"))
    collector = confined(site, "sipstat-hep", hep, "-f", site.config_path)
    collector.wait_log("listening on", 60)
    send(site, 0, 20)
    wait_for("the counts", lambda: requests(site) == 20, 60)
    wait_for("the users", lambda: len(site.walk("sipServerRegUserTable")) >= 20, 60)
    site._snmp("snmpset", site.by_name(), ["sipCommonCfgServiceNotifEnable.1", "b", "0 1"], community="private")
    site.write_config(site.instances + ["{name: second, appl_index: 2, roles: [other], local: [\"udp:192.0.2.20:5060\"], "
                                        "group: \"%d\"}" % os.getegid()], more=site.more)
    site.reload(agent, 60)
    collector.signal(signal.SIGHUP)
    collector.wait_log("reloaded from", 60)
    wait_for("the second's lane", lambda: [n for n in os.listdir(os.path.join(site.runtime_dir, "second"))
                                           if n.endswith(".lane")], 60)
    site.restart_snmpd(snmpd, signal.SIGKILL)
    wait_for("the SIP MIB", site.is_served, 60)
    send(site, 20, 5)
    wait_for("the counts", lambda: requests(site) == 25, 60)
    asked = subprocess.run([harness.sipstat(), "--agent"], env=site.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           text=True, check=False, timeout=60)
    report.check("sipstat --agent is answered", asked.returncode == 0, asked.stdout)
    return agent, collector


def main():
    harness.need("systemd-analyze", "snmpd", "snmpwalk", *UNITS.values())
    check_units()
    with open(harness.sipmibd(), "rb") as f:
        is_sanitized = b"__asan_init" in f.read()
    if is_sanitized or not ctypes.util.find_library("seccomp"):
        report.exit()  # sanitizers make system calls of their own
    with harness.Site() as site:
        site.hep_port = harness.free_port()
        site.instances = ["{name: edge, appl_index: 1, roles: [registrar_server], local: [\"udp:192.0.2.10:5060\"]}"]
        site.more = "collectors: {hep: {listen: [\"udp:127.0.0.1:%d\"]}}\n" % site.hep_port
        site.write_config(site.instances, more=site.more)
        check_confinement(site)
        agent, collector = work(site)
        for process in (collector, agent):
            status = process.stop(60)
            report.check("%s did its work under its unit's filter, and ended in order" % process.name, status == 0,
                         "status %s:\n%s" % (status, process.log()[-2000:]))
            report.check("%s met no read-only file system" % process.name, "Read-only" not in process.log())
    report.exit()


main()
