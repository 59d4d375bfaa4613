#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""More notifications than may be sent, and more than can wait; snmpd ended and started among them. What is raised comes,
numbered without gaps, in order, in v2c and v3; what is not is counted, and said once."""

import json
import re
import signal
import subprocess
import time

import harness
import traps
import writer
from traps import WAYS

FLOOD = 4  # applIndex
RATE, QUEUE = 50, 500
QUIET_S = 1
CALM = 5
FLOOD_CONFIG, CALM_CONFIG = ("{name: %s, appl_index: %d, roles: [proxy_server], "
                             "watch: [{method: INVITE, codes: 486, notify: true, emit: normal}]}" % which
                             for which in (("flood", FLOOD), ("calm", CALM)))


def notifications(rate, queue):
    return "notifications: {rate: %d, queue: %d}\n" % (rate, queue)


def flood(t, w):
    """More than the rate allows: as many as it does come, the rest is said once."""
    sent = 6 * RATE
    for number in range(sent):
        w.response(writer.IN, "INVITE", 486, cseq=number + 1)
    new = t.new(FLOOD, RATE, quiet_s=QUIET_S)
    t.report.check("a flood of %d: %d came, %d may" % (sent, len(new), RATE), RATE <= len(new) <= 1.3 * RATE)
    t.report.equal("numbered without gaps", list(range(2, 2 + len(new))), [n.sequence for n in new])
    log = t.agent.wait_log(r"instance flood: .*: (\d+) notifications were left out", 10)
    t.report.equal("and the rest is counted", sent - len(new), int(log.group(1)))
    t.report.equal("it is said once", 1, t.agent.log().count("instance flood: more than %d notifications" % RATE))
    done = subprocess.run([harness.sipstat(), "--agent", "--dir", t.site.runtime_dir], stdout=subprocess.PIPE, text=True,
                          check=False, timeout=20)
    t.report.check("sipstat --agent knows of it", re.search(r"\b%d\b" % (sent - len(new)), done.stdout), done.stdout)
    for way in WAYS[1:]:
        t.report.equal("the same as %s" % way, [n.sequence for n in new],
                       [n.sequence for n in t.new(FLOOD, len(new), way)])


def snmpd_away(t, w, number):
    """A notification every 60 ms, and snmpd ended among them and started again: each comes, in order. One that snmpd had
    passed on, and had not answered for when it ended, comes twice."""
    first, count = t.got(FLOOD)[-1].sequence + 1, 50
    for k in range(count):
        w.response(writer.IN, "INVITE", 486, cseq=k + 1)
        time.sleep(0.06)
        if k == 15:
            t.snmpd.signal(number)
            t.snmpd.popen.wait(10)
        if k == 30:
            t.snmpd = t.site.start_snmpd()
    for way in WAYS:
        came = [n.sequence for n in t.new(FLOOD, count, way, timeout=15, quiet_s=QUIET_S if way == WAYS[0] else 0.2)]
        numbers = [n for n, before in zip(came, [None] + came) if n != before]
        t.report.equal("snmpd ended by %s in the middle, as %s: %d in order, %d of them twice" % (
            number.name, way, count, len(came) - len(numbers)), list(range(first, first + count)), numbers)


def queue_full(t, w):
    """While snmpd is away as many as the queue holds wait; the rest has no number, and is said once."""
    held = 16
    t.site.write_config([FLOOD_CONFIG], more=notifications(RATE, held))
    t.site.reload(t.agent)
    t.snmpd.stop()
    time.sleep(1)
    first = t.got(FLOOD)[-1].sequence + 1
    for k in range(2 * held):
        w.response(writer.IN, "INVITE", 486, cseq=k + 1)
        time.sleep(0.03)
    t.snmpd = t.site.start_snmpd()
    numbers = [n.sequence for n in t.new(FLOOD, held, timeout=15, quiet_s=QUIET_S)]
    t.report.equal("%d raised with room for %d: these came, without gaps" % (2 * held, held),
                   list(range(first, first + held)), numbers)
    w.response(writer.IN, "INVITE", 486)
    t.report.equal("and the next has the next number", [first + held], [n.sequence for n in t.new(FLOOD, 1)])
    t.report.equal("it is said once", 1, t.agent.log().count("instance flood: notifications find no room:"))
    for way in WAYS[1:]:
        t.new(FLOOD, held + 1, way)


def shares(t, w):
    """Two instances, and snmpd away: one that floods has half of the room, and the other what it needs."""
    held, mine = 32, 6
    t.site.write_config([FLOOD_CONFIG, CALM_CONFIG], more=notifications(4 * held, held))
    t.site.reload(t.agent)
    calm = t.writer("calm")
    t.started(CALM)
    t.snmpd.stop()
    time.sleep(1)
    first = t.got(FLOOD)[-1].sequence + 1
    for k in range(2 * held):
        w.response(writer.IN, "INVITE", 486, cseq=k + 1)
    t.agent.wait_log("(?s)find no room.*find no room", 10)
    for k in range(mine):
        calm.response(writer.IN, "INVITE", 486, cseq=k + 1)
    time.sleep(0.5)
    t.snmpd = t.site.start_snmpd()
    t.report.equal("one instance floods while snmpd is away, and has half of the room", list(range(first, first + held // 2)),
                   [n.sequence for n in t.new(FLOOD, held // 2, timeout=15, quiet_s=QUIET_S)])
    t.report.equal("... and the other's come, all of them in order", list(range(2, 2 + mine)),
                   [n.sequence for n in t.new(CALM, mine)])
    document = subprocess.run([harness.sipstat(), "--agent", "-j", "--dir", t.site.runtime_dir], stdout=subprocess.PIPE,
                              check=True, timeout=20).stdout
    left_out = {i["name"]: i["events"]["notifications_without_room"] for i in json.loads(document)["instances"]}
    t.report.check("... and what found no room is counted for its instance: %s" % left_out,
                   left_out["flood"] >= 2 * held - held // 2 and left_out["calm"] == 0)


def end_with_some(t, w):
    """What waits is not kept; how many they were is said."""
    t.snmpd.stop()
    time.sleep(1)
    for k in range(3):
        w.response(writer.IN, "INVITE", 486, cseq=k + 1)
    time.sleep(1)
    t.agent.stop()
    t.report.check("it ends while three wait: says so", "3 notifications are lost" in t.agent.log(), t.agent.log()[-500:])


def main():
    harness.need("snmpd", "snmpset", "snmptrapd", "smidump")
    report = harness.Report()
    with harness.Site() as site:
        site.write_config([FLOOD_CONFIG], more=notifications(RATE, QUEUE))
        t = traps.Ledger(site, report)
        server = t.writer("flood")
        t.started(FLOOD)
        flood(t, server)
        for number in (signal.SIGTERM, signal.SIGKILL):
            snmpd_away(t, server, number)
        queue_full(t, server)
        shares(t, server)
        end_with_some(t, server)
    report.exit()


if __name__ == "__main__":
    main()
