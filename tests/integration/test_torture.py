#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The torture messages of RFC 4475 and RFC 5118, by HEP through sipstat-hep and sipmibd: what SNMP counts is the sum of
what the tables of the unit tests say of each, and everybody is still there."""

import collections
import re
import socket
import subprocess

import compare
import harness
import hep_send

NEAR, FAR = "udp:192.0.2.10:5060", "udp:192.0.2.77:5060"
INSTANCE = "{name: edge, appl_index: 1, roles: [proxy_server, registrar_server], local: [\"%s\"]}" % NEAR
SCALARS = {"in_requests": "sipCommonSummaryInRequests", "in_responses": "sipCommonSummaryInResponses",
           "transactions_begun": "sipCommonSummaryTotalTransactions",
           "unsupported_uris": "sipCommonOtherStatsNumUnsupportedUris",
           "discarded": "sipCommonOtherStatsOtherwiseDiscardedMsgs"}
PATIENCE_S = 30


def messages():
    """[(title, counts, octets)]"""
    done = subprocess.run([harness.program("TORTURE_MESSAGES", "tests/integration/torture_messages")], check=True,
                          stdout=subprocess.PIPE, text=True, timeout=20)
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    return [(title, counts, bytes.fromhex(octets)) for title, counts, octets in lines]


def expected(counts):
    """What SNMP should have after messages with these counts."""
    values = collections.Counter()
    for name, value in (pair.rsplit("=", 1) for text in counts for pair in text.split(" ")):
        cell = re.fullmatch(r"(.+)/(\d+)\.in", name)
        if name in SCALARS:
            values[(SCALARS[name],)] += int(value)
        elif cell:
            values[("sipCommonStatusCodeIns", cell.group(1), int(cell.group(2)))] += int(value)
        elif name.endswith(".in"):
            values[("sipCommonMethodStatsInbounds", name[:-3])] += int(value)
    return values


def main():
    harness.need("snmpd", "snmpget", harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"))
    report = harness.Report()
    with harness.Site() as site:
        site.start_snmpd()
        site.write_config([INSTANCE])
        agent = site.start_sipmibd()
        hep = site.start("sipstat-hep", [harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"), "-f",
                                         site.config_path, "--listen", "udp:127.0.0.1:0"])
        port = int(hep.wait_log(r"(?m)^listening on udp:127\.0\.0\.1:(\d+)$").group(1))
        torture = messages()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for _, _, octets in torture:
                s.sendto(hep_send.packet(FAR, NEAR, octets), ("127.0.0.1", port))
        totals = expected(counts for _, counts, _ in torture)
        values = {}

        def all_is_there():
            values.clear()
            values.update(compare.served(site, 1))
            return not compare.differences(totals, values)

        try:
            harness.wait_for("all counts", all_is_there, PATIENCE_S, 0.2)
        except TimeoutError:
            pass  # the report says what is missing
        compare.report_groups(report, "%d messages" % len(torture), totals, values)
        report.check("the collector is there", hep.is_running())
        report.check("the agent is there", agent.is_running())
    report.exit()


if __name__ == "__main__":
    main()
