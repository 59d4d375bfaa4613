#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The six notifications of RFC 4780 at a real snmptrapd: as v2c trap, v3 trap and v3 inform, varbind by varbind what was
sent, from the typed calls, from observed messages and from HEP; modes, thresholds, states; privacy."""

import os
import re
import socket
import stat
import time

import harness
import hep_send
import manager
import traps
import writer
from manager import EMIT, INTERVAL, NOTIFY_ENABLE, OK, ROW_STATUS, SEND, THRESH, row, set_
from traps import AGE_S, NOTIFY_FROM, NOTIFY_TO, WAYS

EDGE, MIRROR, HUSH, STATES = 1, 2, 3, 5  # applIndex
NEAR, FAR = "udp:192.0.2.10:5060", "udp:192.0.2.1:5070"
WATCH = "watch: [{method: INVITE, codes: 486, notify: true, emit: normal}, {method: INVITE, codes: 503, notify: true}]"
PSEUDONYM = re.compile(rb"(To|From): <sip:[0-9a-f]{32}@pseudonym\.invalid>")
CLEAR = re.compile(rb"alice|bob|example\.(org|com)|wonderland", re.I)


def instances(expose="pseudonym"):
    return ["{name: edge, appl_index: 1, roles: [proxy_server], %s}" % WATCH,
            "{name: mirror, appl_index: 2, roles: [proxy_server], local: ['%s'], %s}" % (NEAR, WATCH),
            "{name: hush, appl_index: 3, roles: [registrar_server], registrar: {expose: %s}, %s}" % (expose, WATCH),
            "{name: states, appl_index: 5, roles: [proxy_server]}"]


def message(first, serial, to, from_, method="INVITE", cseq=1, headers=""):
    return ("%s\r\nVia: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK%s\r\n%sFrom: %s\r\nTo: %s\r\nCall-ID: %s@192.0.2.1\r\n"
            "CSeq: %d %s\r\nContent-Length: 0\r\n\r\n" % (first, serial, headers, from_, to, serial, cseq, method))


def method_index(method, code):
    return "." + row("", 0, method, code).lstrip(".").split(".", 1)[1]


def about(to, from_, call_id, cseq, ins, outs):
    return {"sipCommonStatusCodeNotifTo": b"To: " + to.encode(),
            "sipCommonStatusCodeNotifFrom": b"From: " + from_.encode(),
            "sipCommonStatusCodeNotifCallId": b"Call-ID: " + call_id.encode(), "sipCommonStatusCodeNotifCSeq": cseq,
            "sipCommonStatusCodeIns": ins, "sipCommonStatusCodeOuts": outs}


# ---------------------------------------------------------------- each feed

def feed_typed(t, edge):
    who = ('"Alice \\"A\\" W\u00f6nderland" <sip:alice@example.org>;tag=1', "<sip:bob@example.org>;tag=2",
           "typed@192.0.2.1", 4711)
    edge.response(writer.IN, "INVITE", 486, *who)
    t.compare("typed, received", "sipCommonStatusCodeNotif", EDGE, about(*who, 1, 0), method_index("INVITE", 486))
    edge.response(writer.OUT, "INVITE", 486, *who)
    t.compare("typed, sent", "sipCommonStatusCodeNotif", EDGE, about(*who, 1, 1), method_index("INVITE", 486))
    edge.response(writer.OUT, "INVITE", 486)
    t.compare("typed, without headers", "sipCommonStatusCodeNotif", EDGE, about("", "", "", 0, 1, 2),
              method_index("INVITE", 486))
    edge.response(writer.IN, "INVITE", 486, "\u00e9" * 200, "x" * 300, "y" * 255, 4294967295)
    cut = dict(about("\u00e9" * 125, "x" * 249, "y" * 246, 4294967295, 2, 2))
    t.compare("typed, cut at 255 octets and a whole character", "sipCommonStatusCodeNotif", EDGE, cut,
              method_index("INVITE", 486))


def feed_observed(t, edge):
    to, from_ = "<sip:bob@example.org>;tag=b", '"Alice" <sip:alice@example.com>;tag=a'
    edge.observe(writer.IN, message("INVITE sip:bob@example.org SIP/2.0", "o1", "<sip:bob@example.org>", from_, cseq=17))
    edge.observe(writer.OUT, message("SIP/2.0 486 Busy", "o1", to, from_, cseq=17))
    t.compare("observed", "sipCommonStatusCodeNotif", EDGE, about(to, from_, "o1@192.0.2.1", 17, 2, 3),
              method_index("INVITE", 486))


def feed_hep(t):
    collector = t.site.start("sipstat-hep", [harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"), "-f",
                                             t.site.config_path, "--listen", "udp:127.0.0.1:0"])
    port = int(collector.wait_log(r"(?m)^listening on udp:\S+:(\d+)$").group(1))
    to, from_ = "<sip:bob@example.org>;tag=b", "Alice <sip:alice@example.com>;tag=a"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        def send(source, destination, text):
            s.sendto(hep_send.packet(source, destination, text.encode()), ("127.0.0.1", port))
        send(FAR, NEAR, message("OPTIONS sip:bob@example.org SIP/2.0", "h0", to, from_, "OPTIONS"))
        t.started(MIRROR)
        time.sleep(AGE_S)
        send(FAR, NEAR, message("INVITE sip:bob@example.org SIP/2.0", "h1", "<sip:bob@example.org>", from_, cseq=99))
        send(NEAR, FAR, message("SIP/2.0 486 Busy", "h1", to, from_, cseq=99))
        t.compare("mirrored", "sipCommonStatusCodeNotif", MIRROR, about(to, from_, "h1@192.0.2.1", 99, 0, 1),
                  method_index("INVITE", 486))
    collector.stop()


# ---------------------------------------------------------------- modes and thresholds

def modes(t, edge):
    mode, send, index = row(EMIT, EDGE, "INVITE", 503), row(SEND, EDGE, "INVITE", 503), method_index("INVITE", 503)
    who = ("<sip:b@x>", "<sip:a@x>", "mode", 5)

    def respond(count=1, method="INVITE", code=503):
        for _ in range(count):
            edge.response(writer.IN, method, code, *who)

    def reads(claim, value):
        def look():
            return int(manager.get(t.site, [mode])[mode][1]) == value
        try:
            harness.wait_for("the mode", look, 3)
        except TimeoutError:
            pass
        t.report.check("oneShot, %s: the mode reads %d" % (claim, value), look())

    respond(3)
    t.compare("oneShot, the first of three", "sipCommonStatusCodeNotif", EDGE, about(*who, range(1, 4), 0), index)
    t.silent("oneShot: no second one", EDGE)
    reads("spent", manager.TRIGGERED)
    t.report.equal("oneShot, armed again by SET", OK, set_(t.site, [(mode, "i", manager.ONE_SHOT)]))
    reads("armed", manager.ONE_SHOT)
    time.sleep(AGE_S)
    respond(2)
    t.compare("oneShot, armed again", "sipCommonStatusCodeNotif", EDGE, about(*who, range(4, 6), 0), index)
    t.silent("oneShot, armed again: no second one", EDGE)
    t.report.equal("normal by SET", OK, set_(t.site, [(mode, "i", manager.NORMAL)]))
    time.sleep(AGE_S)
    respond(3)
    t.report.equal("normal: one for each", 3, len(t.skip(EDGE, 3)))
    t.report.equal("NotifSend false by SET", OK, set_(t.site, [(send, "i", manager.FALSE)]))
    time.sleep(AGE_S)
    respond(3)
    t.silent("NotifSend false: none", EDGE)
    created = [(row(ROW_STATUS, EDGE, "x~y", 799), "i", 4), (row(SEND, EDGE, "x~y", 799), "i", 1),
               (row(EMIT, EDGE, "x~y", 799), "i", manager.NORMAL)]
    t.report.equal("a row made by SET with Send and mode", OK, set_(t.site, created))
    time.sleep(AGE_S)
    respond(1, "x~y", 799)
    t.compare("row made by SET", "sipCommonStatusCodeNotif", EDGE, about(*who, 1, 0), method_index("x~y", 799))
    t.report.equal("the row destroyed", OK, set_(t.site, [(created[0][0], "i", 6)]))
    time.sleep(AGE_S)
    respond(3, "x~y", 799)
    t.silent("row destroyed: none", EDGE)


def thresholds(t, edge):
    """More than three in a second, each direction by itself, once in a window."""
    interval_s, index = 1, method_index("BYE", 481)
    made = time.monotonic()
    t.report.equal("a row with a threshold by SET", OK, set_(t.site, [
        (row(ROW_STATUS, EDGE, "BYE", 481), "i", 4), (row(THRESH, EDGE, "BYE", 481), "u", 3),
        (row(INTERVAL, EDGE, "BYE", 481), "u", interval_s)]))
    for _ in range(3):
        edge.response(writer.IN, "BYE", 481)
        edge.response(writer.OUT, "BYE", 481)
    time.sleep(0.3)
    edge.response(writer.IN, "BYE", 481)
    t.compare("threshold, received", "sipCommonStatusCodeThreshExceededInNotif", EDGE, {"sipCommonStatusCodeIns": 4},
              index)
    for _ in range(3):
        edge.response(writer.IN, "BYE", 481)
    t.silent("threshold: not twice in a window, and not for those sent", EDGE)
    time.sleep(max(0, made + 3 * interval_s + 0.3 - time.monotonic()))
    for _ in range(4):
        edge.response(writer.OUT, "BYE", 481)
    t.compare("threshold, sent", "sipCommonStatusCodeThreshExceededOutNotif", EDGE, {"sipCommonStatusCodeOuts": 7},
              index)
    time.sleep(max(0, made + 5 * interval_s + 0.3 - time.monotonic()))
    for _ in range(4):
        edge.response(writer.IN, "BYE", 481)
    t.compare("threshold, armed again by the next window", "sipCommonStatusCodeThreshExceededInNotif", EDGE,
              {"sipCommonStatusCodeIns": 11}, index)
    set_(t.site, [(row(ROW_STATUS, EDGE, "BYE", 481), "i", 6)])


# ---------------------------------------------------------------- the state of an instance

def enable(t, bits):
    t.report.equal("NotifEnable %s by SET" % bits, OK, set_(t.site, [("%s.%d" % (NOTIFY_ENABLE, STATES), "x", bits)]))


def times(t):
    """{name: range} of StartTime and LastChange as the table shows them now, and the state."""
    oids = ["%s.%d" % (column, STATES) for column in (manager.START_TIME, manager.LAST_CHANGE, manager.OPER_STATUS)]
    start, change, status = (int(value) for _, value in (manager.get(t.site, oids)[oid] for oid in oids))
    return {"sipCommonCfgServiceStartTime": range(max(0, start - 2), start + 3), "sipCommonCfgServiceOperStatus": status,
            "sipCommonCfgServiceLastChange": range(max(0, change - 2), change + 3)}


def wait_state(t, state):
    oid = "%s.%d" % (manager.OPER_STATUS, STATES)
    harness.wait_for("state %d" % state, lambda: int(manager.get(t.site, [oid])[oid][1]) == state)


def states(t):
    enable(t, "E0")
    w = t.writer("states")
    wait_state(t, writer.UP)
    t.compare("it starts", "sipCommonServiceColdStart", STATES, times(t))
    t.compare("it starts", "sipCommonServiceStatusChanged", STATES, times(t))
    w.set_state(writer.RESTARTING)
    wait_state(t, writer.RESTARTING)
    t.compare("it restarts", "sipCommonServiceStatusChanged", STATES, times(t))
    w.set_state(writer.UP)
    wait_state(t, writer.UP)
    t.compare("it has restarted", "sipCommonServiceWarmStart", STATES, times(t))
    t.compare("it has restarted", "sipCommonServiceStatusChanged", STATES, times(t))
    enable(t, "00")
    w.set_state(writer.CONGESTED)
    wait_state(t, writer.CONGESTED)
    t.silent("nothing enabled: none", STATES)
    enable(t, "20")
    w.set_state(writer.RESTARTING)
    wait_state(t, writer.RESTARTING)
    w.set_state(writer.UP)
    wait_state(t, writer.UP)
    new = t.skip(STATES, 2)
    t.report.equal("only statusChanged enabled", [("sipCommonServiceStatusChanged", writer.RESTARTING),
                                                  ("sipCommonServiceStatusChanged", writer.UP)],
                   [(n.name, n.value(manager.OPER_STATUS)) for n in new])
    enable(t, "C0")


# ---------------------------------------------------------------- privacy

def users(t, appl_index, claim, count=1):
    """To and From of the next notifications, which must tell nobody's name."""
    new = t.skip(appl_index, count)
    texts = [(n.value(NOTIFY_TO), n.value(NOTIFY_FROM)) for n in new]
    t.report.check("%s: pseudonyms" % claim, len(new) == count and
                   all(PSEUDONYM.fullmatch(text) for pair in texts for text in pair), str(texts))
    names = [value for n in new for _, _, value in n.varbinds if isinstance(value, bytes) and CLEAR.search(value)]
    t.report.check("%s: no name in any varbind" % claim, new and not names, str(names))
    return [tuple(text.split(b": ", 1)[1] for text in pair) for pair in texts]


def privacy(t, edge, hush):
    """A user has one pseudonym, however the message came and whatever asked for privacy."""
    to, from_ = '"Bob" <sip:bob@example.org>;tag=b', '"Alice" <sip:alice@example.com:5060;transport=udp>;tag=a'
    seen = []
    for kind in ("id", "user", "header;critical", "none"):
        serial = "p-" + kind.split(";")[0]
        header = "Privacy: %s\r\n" % kind
        edge.observe(writer.IN, message("INVITE sip:bob@example.org SIP/2.0", serial, to, from_, headers=header))
        edge.observe(writer.OUT, message("SIP/2.0 486 Busy", serial, to, from_))
        if kind != "none":
            seen += users(t, EDGE, "Privacy: %s in the request" % kind)
    clear = t.skip(EDGE, 1)
    t.report.equal("Privacy: none asks for none", [b"To: " + to.encode()], [n.value(NOTIFY_TO) for n in clear])
    edge.response(writer.IN, "INVITE", 486, to, from_, "typed", 1, private=True)
    seen += users(t, EDGE, "typed as private")
    hush.response(writer.IN, "INVITE", 486, to, from_, "typed", 1)
    seen += users(t, HUSH, "expose: pseudonym")
    t.report.check("one pseudonym for one user, %d times" % len(seen), len(seen) == 5 and len(set(seen)) == 1,
                   str(set(seen)))
    t.report.check("another for another", seen and seen[0][0] != seen[0][1], str(seen[:1]))
    keys = [name for name in os.listdir(t.site.state_dir) if name.endswith(".key")]
    modes_ = [stat.S_IMODE(os.stat(os.path.join(t.site.state_dir, name)).st_mode) for name in keys]
    t.report.equal("the key is its owner's alone", [0o600], modes_)
    return seen[:1]


def agent_restarted(t, hush, seen):
    """The key is kept, and so are the pseudonyms."""
    t.agent.stop()
    t.site.write_config(instances("none"))
    t.agent = t.site.start_sipmibd()
    before = len(t.receiver.received(WAYS[0]))
    time.sleep(2 * AGE_S)
    t.report.equal("sipmibd restarted: no start of what ran on", before, len(t.receiver.received(WAYS[0])))
    t.taken.update({(HUSH, way): len(t.got(HUSH, way)) for way in WAYS})
    hush.response(writer.IN, "INVITE", 486, '"B." <sip:bob@example.org>', "<sip:alice@example.com:5060>", "again", 1)
    t.report.equal("sipmibd restarted, expose: none: the same pseudonyms", seen,
                   users(t, HUSH, "expose: none"))


def informs(t):
    """As snmpd says, each was acknowledged; as snmptrapd says, none had to be sent again."""
    received = t.receiver.received("v3 inform")
    acknowledged = t.snmpd.log().count("received the inform response")
    late = t.snmpd.log().count("received a timeout")
    t.report.check("informs acknowledged: %d of ours received, snmpd had %d responses" % (len(received), acknowledged),
                   received and acknowledged >= len(received) and not late, "%d timeouts" % late)
    keys = [(n.value(traps.NOTIFY_INDEX), n.sequence) for n in received]
    t.report.check("no inform twice", len(keys) == len(set(keys)))


def main():
    harness.need("snmpd", "snmpset", "snmptrapd", "smidump")
    report = harness.Report()
    with harness.Site() as site:
        site.write_config(instances())
        t = traps.Ledger(site, report)
        edge, hush = t.writer("edge"), t.writer("hush")
        for appl_index in (EDGE, HUSH):
            t.started(appl_index)
        feed_typed(t, edge)
        feed_observed(t, edge)
        feed_hep(t)
        modes(t, edge)
        thresholds(t, edge)
        states(t)
        seen = privacy(t, edge, hush)
        informs(t)
        agent_restarted(t, hush, seen)
    report.exit()


if __name__ == "__main__":
    main()
