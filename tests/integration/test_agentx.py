#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""sipmibd and the master: SETs that are shared with others are all or nothing, whoever fails and in which phase; a
subtree that somebody else holds is left to him, named, and taken when he goes; notifications survive a master that is
killed, stopped, or held by a sink that does not answer."""

import os
import signal
import threading
import time

import agentx
import harness
import manager
import traps
import writer
from manager import COMMON, NOTIFY_ENABLE, OK, SERVER, THRESH, Answer, row, set_

CONTACT, UP_TIME, FOREIGN = "1.3.6.1.2.1.1.4.0", "1.3.6.1.2.1.1.3.0", "1.3.6.1.4.1.99999.1"
APPL_NAME = "1.3.6.1.2.1.27.1.1.2.1"
ENABLE, THRESHOLD = NOTIFY_ENABLE + ".1", row(THRESH, 1, "INVITE", 486)
NEVER = 1000000  # a threshold that is not reached
INSTANCES = ["{name: edge, appl_index: 1, roles: [proxy_server, registrar_server],"
             " watch: [{method: INVITE, codes: 486, notify: true, emit: normal, threshold: %d}]}" % NEVER]
BOTH = ((0, 1), (1, 0))  # orders of two varbinds


def reads(site):
    """What the two of ours that are set here, and snmpd's, read."""
    got = manager.get(site, [ENABLE, THRESHOLD, CONTACT])
    return tuple(got[o][1].strip().strip('"') for o in (ENABLE, THRESHOLD, CONTACT))


def all_or_nothing(site, report, claim, varbinds, wanted, failed):
    """In both orders: the error, its index (of varbind `failed`), and that nothing changed."""
    for order in BOTH:
        before = reads(site)
        answer = set_(site, [varbinds[i] for i in order])
        report.equal("%s, order %s" % (claim, order), Answer(wanted, order.index(failed) + 1), answer)
        report.equal("%s, order %s: nothing changed" % (claim, order), before, reads(site))


def shared_with_snmpd(site, report):
    ours, text = (ENABLE, "x", "80"), (CONTACT, "s", "nobody")
    for order in BOTH:
        report.equal("ours and snmpd's, order %s" % (order,), OK, set_(site, [(ours, text)[i] for i in order]))
        report.equal("ours and snmpd's: both set", ("80", "nobody"), (reads(site)[0], reads(site)[2]))
        set_(site, [(ENABLE, "x", "C0"), (CONTACT, "s", "somebody")])
    all_or_nothing(site, report, "snmpd's has the wrong type", [ours, (CONTACT, "i", "5")], "wrongType", 1)
    all_or_nothing(site, report, "snmpd's is read-only", [ours, (UP_TIME, "t", "5")], "notWritable", 1)
    all_or_nothing(site, report, "ours has the wrong type", [(ENABLE, "i", "5"), text], "wrongType", 0)
    all_or_nothing(site, report, "ours is read-only", [(COMMON + ".1.1.1.1.2.1", "i", "2"), text], "notWritable", 0)
    all_or_nothing(site, report, "one in another of our modules", [ours, (SERVER + ".1.1.1.1.2.1", "i", "1")],
                   "notWritable", 1)
    all_or_nothing(site, report, "one that nobody has", [ours, ("1.3.6.1.2.1.999.1.0", "i", "1")], "notWritable", 1)
    all_or_nothing(site, report, "two tables of one module", [(THRESHOLD, "i", "7"), ours], "wrongType", 0)


def shared_with_another(site, report):
    other = agentx.Subagent(site.agentx_socket, FOREIGN)
    ours, theirs = (ENABLE, "x", "80"), (FOREIGN + ".0", "i", "1")
    other.fails_at, other.error = agentx.TEST_SET, agentx.WRONG_VALUE
    all_or_nothing(site, report, "another subagent fails the test", [ours, theirs], "wrongValue", 1)
    other.fails_at, other.error = agentx.COMMIT_SET, agentx.COMMIT_FAILED
    all_or_nothing(site, report, "another subagent fails to commit", [ours, theirs], "commitFailed", 1)
    other.fails_at = None
    report.check("another subagent: ended each SET", agentx.UNDO_SET in other.seen and agentx.CLEANUP_SET in other.seen)
    report.equal("another subagent takes part", OK, set_(site, [ours, theirs]))
    report.equal("another subagent took part: ours is set", "80", reads(site)[0])
    set_(site, [(ENABLE, "x", "C0")])
    other.close()


def cannot_be_kept(site, report):
    """The state directory is gone: the enable bits cannot be written down."""
    away = site.state_dir + ".away"
    os.rename(site.state_dir, away)
    all_or_nothing(site, report, "the settings cannot be written", [(ENABLE, "x", "80"), (CONTACT, "s", "x")],
                   "commitFailed", 0)
    all_or_nothing(site, report, "the settings cannot be written, ours twice",
                   [(ENABLE, "x", "80"), (THRESHOLD, "u", "77")], "commitFailed", 0)
    os.rename(away, site.state_dir)
    report.equal("the settings can be written again", OK, set_(site, [(ENABLE, "x", "80"), (THRESHOLD, "u", "77")]))
    report.equal("the settings were written", ("80", "77"), reads(site)[:2])
    set_(site, [(ENABLE, "x", "C0"), (THRESHOLD, "u", NEVER)])


def master_dies_within(site, report, snmpd):
    """Between our commit and the end of the SET: nobody was told that it was done, and it is not."""
    other = agentx.Subagent(site.agentx_socket, FOREIGN)
    is_there = threading.Event()
    other.before[agentx.COMMIT_SET] = lambda: (is_there.set(), time.sleep(1))
    asking = threading.Thread(target=lambda: site._snmp("snmpset", ["-m", "", "-t", "1", "-r", "0"], [
        "." + FOREIGN + ".0", "i", "1", "." + ENABLE, "x", "E0"], check=False, community="private"))
    asking.start()
    is_there.wait(5)
    time.sleep(0.2)
    snmpd.kill()
    asking.join()
    other.close()
    snmpd = site.start_snmpd()
    site.wait_served()
    report.equal("the master died within a SET: taken back", "C0", reads(site)[0])
    return snmpd


def held_by_another(site, report, agent):
    """He was first: his registration stays his."""
    agent.stop()
    other = agentx.Subagent(site.agentx_socket, COMMON + ".1")
    agent = site.start_sipmibd(wait=False)
    agent.wait_log("the master refuses SIP-COMMON-MIB", 10)
    report.check("the subtree that another holds is named", True)
    time.sleep(3)
    other.fails_at, other.error = agentx.GET, agentx.GEN_ERR
    answer = site._snmp("snmpget", ["-m", ""] + manager.TIMEOUT, ["." + ENABLE], check=False).stdout
    report.check("his is not taken from him", "genError" in answer and agentx.GET in other.seen, answer)
    report.check("the others are served", len(manager.get(site, [APPL_NAME])) == 1)
    other.close()
    harness.wait_for("our subtree", lambda: ENABLE in manager.get(site, [ENABLE]), 10)
    report.check("taken when he is gone", True)
    return agent


# ---------------------------------------------------------------- notifications

class Caller:
    """Makes notifications of instance 1, and knows how many."""

    def __init__(self, site, receiver):
        self.receiver, self.made = receiver, 0
        self.writer = writer.Writer(site.runtime_dir, "edge")
        site.at_end.append(self.writer.close)
        harness.wait_for("the first notification", lambda: self.sequences(), 10)
        time.sleep(traps.AGE_S)
        self.made = len(self.sequences())

    def make(self, count):
        for _ in range(count):
            self.writer.response(writer.IN, "INVITE", 486, "<sip:b@x>", "<sip:a@x>", "c", 1)
        self.made += count

    def sequences(self):
        return [n.sequence for n in self.receiver.received("v2c trap")]

    def check(self, report, claim, repeats=0, timeout=30):
        """All arrived, in order, none but `repeats` twice."""
        try:
            harness.wait_for("all", lambda: len(set(self.sequences())) >= self.made, timeout)
        except TimeoutError:
            pass
        got = self.sequences()
        first = list(dict.fromkeys(got))
        report.check("%s: %d of %d, in order, %d twice" % (claim, len(first), self.made, len(got) - len(first)),
                     first == list(range(1, self.made + 1)) and len(got) - len(first) <= repeats, str(got[-50:]))


def notifications(site, report, snmpd, agent, receiver):
    caller = Caller(site, receiver)
    for _ in range(3):
        caller.make(100)
        snmpd.kill()
        caller.make(100)
        snmpd = site.start_snmpd()
    caller.check(report, "snmpd killed in the middle", repeats=24)
    snmpd.signal(signal.SIGSTOP)
    caller.make(100)
    time.sleep(3)
    snmpd.signal(signal.SIGCONT)
    caller.check(report, "snmpd stopped for 3 s")
    site.snmpd_lines += ["trapsess -Ci -v 3 -u informed -l noAuthNoPriv udp:127.0.0.1:%d" % harness.free_port()]
    snmpd = site.restart_snmpd(snmpd)
    site.wait_served(60)
    before = len(agent.log())
    caller.make(3)
    caller.check(report, "a sink of v3 informs that does not answer", timeout=60)
    report.check("... and the session stays", "not connected" not in agent.log()[before:])
    snmpd.kill()  # SIGTERM would have to wait for the sink


def main():
    harness.need("snmpd", "snmpset", "snmptrapd")
    report = harness.Report()
    with harness.Site() as site:
        receiver = traps.Receiver(site)
        site.snmpd_lines = receiver.lines(["v2c trap"])
        site.write_config(INSTANCES, more="notifications: {rate: 1000}\n")
        snmpd = site.start_snmpd()
        agent = site.start_sipmibd()
        set_(site, [(CONTACT, "s", "somebody")])
        shared_with_snmpd(site, report)
        shared_with_another(site, report)
        cannot_be_kept(site, report)
        snmpd = master_dies_within(site, report, snmpd)
        agent = held_by_another(site, report, agent)
        notifications(site, report, snmpd, agent, receiver)
    report.exit()


if __name__ == "__main__":
    main()
