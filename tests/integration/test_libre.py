#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A libre server that counts itself: every summary, method and status-code counter, and the retransmissions, over SNMP
equal what a relay saw on the wire, message for message, and what SIPp counted itself."""

import socket
import time

import compare
import harness
import servers
import sipp
import traffic
import wire

CALLS = 8
AGE_S = 0.4
OPTIONS = ("OPTIONS %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=%s\r\nMax-Forwards: 70\r\n"
           "From: <sip:raw@127.0.0.1>;tag=raw\r\nTo: <sip:alice@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\n"
           "Content-Length: 0\r\n\r\n")


def raw_messages():
    """What SIPp does not send: the same request again, an RFC 2543 one, compact and folded header fields, a scheme that
    is nobody's, garbage, and keep-alives, which are no messages."""
    good = OPTIONS % ("sip:alice@127.0.0.1", "z9hG4bKraw1", "raw-1")
    yield from (good, good, good)
    old = OPTIONS % ("sip:alice@127.0.0.1", "1", "raw-2")
    yield from (old, old)
    yield (OPTIONS % ("sip:alice@127.0.0.1", "z9hG4bKraw3", "raw-3")).replace("Call-ID", "i").replace("From", "f").replace(
        "Max-Forwards: 70", "Max-Forwards:\r\n  70")
    yield OPTIONS % ("gopher://127.0.0.1/", "z9hG4bKraw4", "raw-4")
    yield OPTIONS % ("im:alice@127.0.0.1", "z9hG4bKraw5", "raw-5")
    yield "OPTIONS sip:alice@127.0.0.1 SIP/2.0\r\nCSeq: none\r\n\r\n"
    yield "INVITE\r\n\r\n"
    yield "\r\n\r\n"
    yield "\0\1\0\0\x21\x12\xa4\x42transaction1"


def send_raw(relay):
    link = relay.link("raw")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        for text in raw_messages():
            s.sendto(text.encode("latin-1"), ("127.0.0.1", link.near))
            time.sleep(0.02)
        relay.settle()


def lose_first_answers(link):
    """The first copy of each 2xx to MESSAGE never arrives: SIPp sends again, and libre answers again."""
    seen = set()

    def lose(data):
        sip = wire.parse(data)
        is_first = sip.code == 200 and sip.branch not in seen
        seen.add(sip.branch)
        return is_first

    link.drop_out = lose


def play(site, peers, relay):
    for name, steps, who, _ in traffic.LIBRE_CALLERS:
        peers.call(name, steps, who, CALLS)
    lossy = peers.call("messages whose answer is lost", sipp.request("MESSAGE", 200, sipp.LATE_T1_MS), "alice", CALLS)
    lose_first_answers(lossy.link)
    brief = sipp.register(5)
    brief[-1] = sipp.recv(423, "REGISTER")
    peers.call("registrations for too short", brief, "bob", CALLS)
    for peer in peers.callers:
        peer.wait()
    send_raw(relay)
    relay.settle()


def over_tcp(site, report, port, before):
    """The relay knows datagrams only: here SIPp is the witness."""
    peers = traffic.Peers(site, port)
    peers.call("tcp calls", sipp.CALL, "alice", CALLS, transport="t1")
    peers.call("tcp registrations", sipp.register(600, 0), "carol", CALLS, transport="tn")
    for peer in peers.callers:
        peer.wait()
    time.sleep(AGE_S)
    after = compare.served(site, 1)
    grown = {key: value - before.get(key, 0) for key, value in after.items() if isinstance(value, int)}
    counted = wire.sipp_counts(peers.all())
    wrong = compare.differences(counted, grown, compare.SUMMARY + compare.METHODS + compare.STATUS_CODES)
    report.check("over TCP: SNMP equals SIPp, %d messages" % sum(counted[(n,)] for n in compare.SUMMARY[:4]), not wrong,
                 "; ".join(wrong))


def main():
    harness.need("snmpd", "snmpwalk", "sipp",
                 harness.program("SIPSTAT_RE_SERVER", "collectors/stacks/re/sipstat-re-server"))
    report = harness.Report()
    with harness.Site() as site:
        site.write_config(["{name: libre, appl_index: 1, roles: [registrar_server, user_agent]}"])
        site.start_snmpd()
        site.start_sipmibd()
        server, port = servers.start_libre(site)
        relay = wire.Relay(port)
        site.at_end.append(relay.close)
        peers = traffic.Peers(site, port, relay)
        play(site, peers, relay)
        time.sleep(AGE_S)
        values = compare.served(site, 1)
        ledger = wire.Ledger().count_all(relay.log)
        compare.report_groups(report, "SNMP equals the wire", ledger.counts, values)
        report.equal("transactions awaiting", ledger.open, values.get(("sipCommonTransCurrentactions",)))

        own = wire.sipp_counts(peers.all())
        lost = sum((p.link.dropped for p in peers.all()), start=wire.Counter())
        raw = wire.Ledger().count_all(m for m in relay.log if m.link.name == "raw").counts
        for key in raw:
            own[key] += raw[key]
        for (method, code), n in lost.items():
            own[("sipCommonStatusCodeOuts", method, code)] += n
            own[("sipCommonSummaryOutResponses",)] += n
        wrong = compare.differences(own, values, compare.SUMMARY[:4] + compare.STATUS_CODES)
        report.check("SNMP equals SIPp (and what was sent or lost on purpose), %d messages" %
                     sum(values[(n,)] for n in compare.SUMMARY[:4]), not wrong, "; ".join(wrong))
        over_tcp(site, report, port, values)
        report.check("the server ends cleanly on SIGTERM", server.stop() == 0, server.log()[-500:])
    report.exit()


if __name__ == "__main__":
    main()
