#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""snmpwalk of the applications and of the SIP MIB: every object resolves by name, GETNEXT ascends, types are those of
the MIB, GET agrees with the walk, and what can be measured moves when traffic flows."""

import os
import re
import time

import harness
import servers
import sipp
import traffic
import writer

SUBTREES = ("1.3.6.1.2.1.27", "1.3.6.1.2.1.149", "1.3.6.1.2.1.150", "1.3.6.1.2.1.151")
OURS = ("NETWORK-SERVICES-MIB", "SIP-COMMON-MIB", "SIP-UA-MIB", "SIP-SERVER-MIB")
AGE_S = 0.4
BATCH = 40  # varbinds of one GET

LIBRE = ("{name: libre, appl_index: 3, roles: [registrar_server, user_agent, proxy_server, redirect_server], "
         "description: A server, organization: Somebody, url: 'https://www.example.org/', directory_name: cn=libre, "
         "host: sip.example.org, local: ['udp:127.0.0.1:5060', 'tcp:127.0.0.1:5060', 'udp:[::1]:5062'], "
         "option_tags: {supported: [timer, 100rel], required: [path], proxy_required: [privacy]}, "
         "user_agent: {servers: [{address: 192.0.2.1, role: proxy_server}, {address: sip.example.org, role: registrar_server}]}, "
         "watch: [{method: INVITE, codes: [503, 408]}]}")
RELAY = "{name: relay, appl_index: 12, roles: [proxy_server, registrar_server], local: ['udp:127.0.0.1:5070']}"

# What a proxy has and a user agent server has not; the first call stays unanswered.
RELAYED = (
    (writer.IN, writer.request("INVITE", "1")), (writer.OUT, writer.request("INVITE", "2")),
    (writer.OUT, writer.request("INVITE", "2")), (writer.IN, writer.response(180, "INVITE", "2")),
    (writer.OUT, writer.response(180, "INVITE", "1")), (writer.OUT, writer.response(180, "INVITE", "1")),
    (writer.IN, writer.request("OPTIONS", "3", headers="Proxy-Require: x\r\n")),
    (writer.OUT, writer.response(420, "OPTIONS", "3")), (writer.IN, writer.request("OPTIONS", "4", uri="urn:x:y")),
    (writer.OUT, writer.response(416, "OPTIONS", "4")), (writer.IN, "INVITE\r\n\r\n"),
)

# Base types of mib-facts.txt and the textual conventions used here, as the SNMP tools name types.
TYPES = {"Counter32": ("Counter32",), "Gauge32": ("Gauge32",), "Unsigned32": ("Gauge32",), "TimeStamp": ("Timeticks",),
         "InetPortNumber": ("Gauge32",), "TimeTicks": ("Timeticks",), "DateAndTime": ("STRING", "Hex-STRING"),
         "SipTCMethodName": ("STRING",), "SnmpAdminString": ("STRING",), "InetAddress": ("STRING", "Hex-STRING"),
         "DistinguishedName": ("STRING",), "URLString": ("STRING",)}

# The table of single connections is another's: RFC 4780 wants applTable of that module.
NOT_SERVED = re.compile(r"assoc[A-Z]")

MUST_MOVE = ("applLastInboundActivity", "applLastOutboundActivity", "sipCommonSummaryInRequests",
             "sipCommonSummaryOutRequests", "sipCommonSummaryInResponses", "sipCommonSummaryOutResponses",
             "sipCommonSummaryTotalTransactions", "sipCommonMethodStatsInbounds", "sipCommonMethodStatsOutbounds",
             "sipCommonStatusCodeIns", "sipCommonStatusCodeOuts", "sipCommonTransCurrentactions",
             "sipCommonStatsRetries", "sipCommonStatsRetryFinalResponses", "sipCommonStatsRetryNonFinalResponses",
             "sipCommonOtherStatsNumUnsupportedUris", "sipCommonOtherStatsNumUnsupportedMethods",
             "sipCommonOtherStatsOtherwiseDiscardedMsgs", "sipServerRegStatsAcceptedRegs", "sipServerRegStatsRejectedRegs",
             "sipServerProxyStatProxyReqFailures", "sipServerRegCurrentUsers")


class Facts:
    """The columns of the MIB by OID, from mib-facts.txt."""

    def __init__(self):
        self.columns = {}
        rows, indexes = {}, {}
        with open(os.path.join(harness.HERE, "mib-facts.txt"), encoding="ascii") as f:
            for line in f:
                words = line.split(None, 5)
                if line.startswith("#") or len(words) < 5 or words[0] not in OURS:
                    continue
                oid = words[2]
                if words[3] == "row":
                    index = re.search(r"(?:index|augments)=(\S+)", line).group(1)
                    rows[oid] = indexes[words[1]] = indexes.get(index) or index.split(",")
                elif words[3] == "column":
                    self.columns[tuple(int(n) for n in oid.split("."))] = (
                        words[1], re.search(r"syntax=(\S+)", line).group(1), re.search(r"access=(\S+)", line).group(1),
                        len(rows.get(oid.rsplit(".", 1)[0], [])))

    def column(self, oid):
        for length in range(len(oid) - 1, 8, -1):
            if oid[:length] in self.columns:
                return self.columns[oid[:length]]
        return None


def types_of(syntax):
    base = re.match(r"[\w-]+", syntax).group(0)
    if base in TYPES:
        return TYPES[base]
    if base == "Bits" or base in ("SipTCEntityRole", "SipTCOptionTagHeaders", "SipTCTransportProtocol"):
        return ("Hex-STRING", "STRING", "BITS")
    if base == "OctetString":
        return ("STRING", "Hex-STRING")
    return ("INTEGER",)


def by_name(site, report, facts, walked):
    """Each line names a column of our modules and has one bracket for each part of its index."""
    parts = {name: n for name, _, _, n in facts.columns.values()}
    wrong, count = [], 0
    for subtree in SUBTREES:
        for line in site._snmp("snmpwalk", site.by_name() + ["-OQXUte"], [subtree]).stdout.splitlines():
            match = re.match(r"([\w-]+)::(\w+)((?:\[[^\]]*\])+) =", line)
            if not match:
                wrong += [] if not wrong and not line.strip() else [line]
                continue
            count += 1
            if match.group(1) not in OURS or parts.get(match.group(2)) != match.group(3).count("["):
                wrong.append(line)
    report.check("every object resolves by name: %d instances" % count, not wrong and count == len(walked),
                 "%d walked by number; %s" % (len(walked), wrong[:3]))


def in_order(report, walked):
    oids = [oid for oid, _, _ in walked]
    wrong = [(a, b) for a, b in zip(oids, oids[1:]) if a >= b]
    report.check("GETNEXT ascends, each instance once: %d steps" % len(oids), not wrong, str(wrong[:3]))


def typed(report, facts, walked):
    wrong = []
    for oid, kind, value in walked:
        column = facts.column(oid)
        if not column or column[2] == "noaccess" or kind not in types_of(column[1]) + (("",) if value in ('""', "") else ()):
            wrong.append((oid, kind, value, column))
    report.check("types are those of the MIB, nothing that is not accessible is served", not wrong, str(wrong[:3]))


def complete(report, facts, walked):
    seen = {facts.column(oid)[0] for oid, _, _ in walked if facts.column(oid)}
    wanted = {name for name, _, access, _ in facts.columns.values() if access != "noaccess" and not NOT_SERVED.match(name)}
    report.check("all columns are served: %d" % len(seen), wanted <= seen, "missing: %s" % sorted(wanted - seen))


def got(site, report, walked):
    """GET of each instance, many in one request, answers as the walk did. The server is quiet by now."""
    wrong = []
    for start in range(0, len(walked), BATCH):
        batch = walked[start:start + BATCH]
        done = site._snmp("snmpget", ["-m", "", "-One", "-t", "2", "-r", "3"],
                          ["." + ".".join(map(str, oid)) for oid, _, _ in batch])
        answers = harness.parse_all_numeric(done.stdout)
        wrong += [(a, b) for a, b in zip(batch, answers) if a != b]
        if len(answers) != len(batch):
            wrong.append((len(batch), len(answers)))
    report.check("GET of each instance agrees with the walk: %d" % len(walked), not wrong, str(wrong[:3]))


def walk(site):
    return [row for subtree in SUBTREES for row in site.walk_numeric(subtree)]


def register(relay):
    """Users, and connections: what no message of the relay shows."""
    relay.bindings("sip:alice@example.org", [{"uri": "sip:alice@192.0.2.5", "name": "Alice", "q": 500},
                                             {"uri": "sip:alice@192.0.2.6;transport=tcp"}])
    relay.bindings("sip:bob@example.org", ["sip:bob@192.0.2.7"])
    relay.authentication_failed("sip:bob@example.org")
    for direction in (writer.IN, writer.OUT):
        for what in (writer.OPENED, writer.FAILED):
            relay.association(direction, what)


def call_all(site, port):
    """Something for each counter that a user agent server and registrar has."""
    peers = traffic.Peers(site, port)
    for name, steps, who, _ in traffic.LIBRE_CALLERS:
        peers.call(name, steps, who, 2)
    brief = sipp.register(5)
    brief[-1] = sipp.recv(423, "REGISTER")
    peers.call("too short", brief, "bob", 2)
    for peer in peers.callers:
        peer.wait()


def moved(report, facts, before, after):
    """By column: has any of its instances another value than before?"""
    old = {oid: value for oid, _, value in before}
    names = {facts.column(oid)[0] for oid, _, value in after if old.get(oid) != value}
    report.check("what can be measured moves with traffic: %d columns" % len(names),
                 set(MUST_MOVE) <= names, "constant: %s" % sorted(set(MUST_MOVE) - names))


def main():
    harness.need("snmpd", "snmpwalk", "sipp")
    report, facts = harness.Report(), Facts()
    with harness.Site() as site:
        site.write_config([LIBRE, RELAY])
        site.start_snmpd()
        site.start_sipmibd()
        _, port = servers.start_libre(site)
        relay = writer.Writer(site.runtime_dir, "relay")
        site.at_end.append(relay.close)
        time.sleep(AGE_S)
        before = walk(site)
        for direction, text in RELAYED:
            relay.observe(direction, text)
        register(relay)
        call_all(site, port)
        time.sleep(AGE_S)
        after = walk(site)
        by_name(site, report, facts, after)
        in_order(report, after)
        typed(report, facts, after)
        complete(report, facts, after)
        got(site, report, after)
        moved(report, facts, before, after)
        uptime = int(site.get("SNMPv2-MIB::sysUpTime.0"))
        late = [(oid, value) for oid, kind, value in after if kind == "Timeticks" and not 0 <= int(value) <= uptime]
        report.check("no time lies in the master's future", not late, str(late[:3]))
    report.exit()


if __name__ == "__main__":
    main()
