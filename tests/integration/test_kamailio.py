#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Kamailio as registrar and stateful proxy, mirrored over HEP: every summary, method and status-code counter, and the
retransmissions, over SNMP equal what a relay saw on the wire, message for message, and what SIPp counted itself."""

import socket
import time

import compare
import harness
import servers
import sipp
import traffic
import wire

CALLS = 6
AGE_S = 0.4
MESSAGE = ("MESSAGE sip:alice@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=%s\r\n%sMax-Forwards: 70\r\n"
           "From: <sip:raw@127.0.0.1>;tag=raw\r\nTo: <sip:alice@127.0.0.1>\r\nCall-ID: %s\r\nCSeq: 1 MESSAGE\r\n"
           "Content-Length: 0\r\n\r\n")


def send_raw(relay):
    """Requests sent twice though they were answered, and one with an option that no proxy knows."""
    link = relay.link("raw")
    again = MESSAGE.replace("alice", "nobody")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        for text in (again % ("z9hG4bKraw1", "", "raw-1"), again % ("z9hG4bKraw1", "", "raw-1"),
                     MESSAGE % ("z9hG4bKraw2", "Proxy-Require: teleport\r\n", "raw-2"),
                     MESSAGE % ("z9hG4bKraw2", "Proxy-Require: teleport\r\n", "raw-2")):
            s.sendto(text.encode("ascii"), ("127.0.0.1", link.near))
            time.sleep(0.1)
    relay.settle()


def lose_first_answers(link):
    """The first copy of each 404 never arrives: Kamailio sends it again until the ACK."""
    seen = set()

    def lose(data):
        sip = wire.parse(data)
        is_first = sip.code == 404 and sip.branch not in seen
        seen.add(sip.branch)
        return is_first

    link.drop_out = lose


def play(peers, relay):
    peers.answer(traffic.KAMAILIO_CALLEES)
    for name, steps, who, _ in traffic.KAMAILIO_CALLERS:
        peers.call(name, steps, who, CALLS)
    lossy = peers.call("calls to nobody whose answer is lost", sipp.refused(404), "nobody", CALLS)
    lose_first_answers(lossy.link)
    for peer in peers.callers:
        peer.wait()
    send_raw(relay)
    relay.settle()
    peers.stop()


def own_counts(peers, relay):
    """SIPp's own, with what only the relay knows: what was lost on purpose, what was sent without SIPp."""
    own = wire.sipp_counts(peers.all())
    raw = wire.Ledger().count_all(m for m in relay.log if m.link.name == "raw").counts
    for key in raw:
        own[key] += raw[key]
    for peer in peers.all():
        for (method, code), n in peer.link.dropped.items():
            own[("sipCommonStatusCodeOuts", method, code)] += n
            own[("sipCommonSummaryOutResponses",)] += n
    return own


def main():
    harness.need("snmpd", "snmpwalk", "sipp", "kamailio", harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"))
    report = harness.Report()
    with harness.Site() as site:
        port = harness.free_port()
        site.write_config(["{name: proxy, appl_index: 7, roles: [proxy_server, registrar_server], "
                           "local: [\"udp:127.0.0.1:%d\"]}" % port])
        site.start_snmpd()
        site.start_sipmibd()
        _, hep_port = servers.start_hep(site)
        servers.start_kamailio(site, port, hep_port)
        relay = wire.Relay(port)
        site.at_end.append(relay.close)
        peers = traffic.Peers(site, port, relay)
        play(peers, relay)
        time.sleep(AGE_S)
        values = compare.served(site, 7)
        ledger = wire.Ledger().count_all(relay.log)
        compare.report_groups(report, "SNMP equals the wire", ledger.counts, values)
        report.equal("transactions awaiting", ledger.open, values.get(("sipCommonTransCurrentactions",)))
        own = own_counts(peers, relay)
        wrong = compare.differences(own, values, compare.SUMMARY[:4] + compare.STATUS_CODES)
        report.check("SNMP equals SIPp (and what was sent or lost on purpose), %d messages" %
                     sum(values[(n,)] for n in compare.SUMMARY[:4]), not wrong, "; ".join(wrong))
    report.exit()


if __name__ == "__main__":
    main()
