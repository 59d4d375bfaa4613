#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""snmpd restarted: the tables are back within the ping interval and a second. snmpd stopped for 20 seconds: lanes are
retired meanwhile, sipstat answers and says since when the AgentX thread is held, and after SIGCONT SNMP answers with
the right counts."""

import re
import signal
import subprocess
import time

import hammers
import harness

PING_INTERVAL_S = 2
STOPPED_S = 20


def sipstat(site, *arguments):
    """(seconds it took, exit status, what it printed)."""
    began = time.monotonic()
    done = subprocess.run([harness.sipstat()] + list(arguments), env=site.env, timeout=30,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return time.monotonic() - began, done.returncode, done.stdout


def restarts(site, report, snmpd):
    """By SIGTERM, by SIGKILL, and away for longer than the interval."""
    for how, number, pause in (("SIGTERM", signal.SIGTERM, 0), ("SIGKILL", signal.SIGKILL, 0),
                               ("SIGKILL, away for 3 s", signal.SIGKILL, 3)):
        snmpd.signal(number)
        snmpd.popen.wait(10)
        time.sleep(pause)
        snmpd = site.start_snmpd()
        took = site.wait_served()
        report.check("snmpd restarted (%s): tables back after %.2f s" % (how, took), took <= PING_INTERVAL_S + 1)
    return snmpd


def stopped(site, report, gang, snmpd):
    snmpd.signal(signal.SIGSTOP)
    began = time.monotonic()
    victim, others = gang.members[0], len(gang.members) - 1
    try:
        time.sleep(6)
        victim.process.kill()
        harness.wait_for("the dead writer's lane to be retired", lambda: len(gang.lanes()) == others, 5)
        report.check("a writer that died meanwhile was retired after %.1f s" % (time.monotonic() - began - 6), True)
        while time.monotonic() - began < STOPPED_S - 1:
            time.sleep(0.2)
        took, status, text = sipstat(site)
        report.check("sipstat answers in %.2f s" % took, status == 0 and took < 2 and "stopped" in text, text)
        took, status, text = sipstat(site, "--agent")
        held = re.search(r"in a call to snmpd for (\d+(?:\.\d+)?) s", text)
        report.check("sipstat --agent says for how long the AgentX thread is held: %s" % (held and held.group(0)),
                     status == 0 and held and 1 < float(held.group(1)) <= STOPPED_S + 1, text)
        time.sleep(max(0, began + STOPPED_S - time.monotonic()))
    finally:
        snmpd.signal(signal.SIGCONT)
    took = site.wait_served(20)
    report.check("answers resume %.2f s after SIGCONT" % took, took <= PING_INTERVAL_S + 1)


def counts_right(site, report, gang, when):
    gang.hold(True)
    time.sleep(0.3)
    deadline = time.monotonic() + 5
    while True:
        values = hammers.served(site)
        wrong = {k: (b, values.get(k)) for k, b in gang.bounds().items() if not b[0] <= values.get(k, -1) <= b[1]}
        if not wrong or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    report.check("counts right %s" % when, not wrong, str(wrong))
    gang.hold(False)


def main():
    harness.need("snmpd", "snmpwalk")
    report = harness.Report()
    with harness.Site() as site:
        site.write_config(["{name: stopped, appl_index: 1, roles: [proxy_server]}"], ping_interval="%ds" % PING_INTERVAL_S)
        snmpd = site.start_snmpd()
        site.start_sipmibd()
        gang = hammers.Gang(site, "stopped")
        gang.start(3, 10)
        snmpd = restarts(site, report, snmpd)
        counts_right(site, report, gang, "after the restarts")
        stopped(site, report, gang, snmpd)
        counts_right(site, report, gang, "after the stop")
    report.exit()


if __name__ == "__main__":
    main()
