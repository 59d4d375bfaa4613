#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The shipped snmpd lines work behind those of a stock Debian, and the shipped sipmib.yaml has no error."""

import os
import subprocess

import harness

# What Debian's snmpd.conf says before it includes ours: the first line that fits a request rules.
STOCK = """view systemonly included .1.3.6.1.2.1.1
view systemonly included .1.3.6.1.2.1.25.1
rocommunity public default -V systemonly
rocommunity6 public default -V systemonly
"""
SAMPLES = os.path.join(harness.TOP, "config/samples")


def sample(name):
    with open(os.path.join(SAMPLES, name), encoding="utf-8") as f:
        return f.read()


def lines(site):
    """The sample, but for the socket and its permissions, which are root's to give."""
    kept = [line for line in sample("snmpd.conf.sipmib").splitlines() if not line.startswith("agentXPerms")]
    return "\n".join(kept).replace("unix:/var/agentx/master", "unix:" + site.agentx_socket) + "\n"


def start_snmpd(site):
    paths = site.write("stock.conf", STOCK) + "," + site.write("sample.conf", lines(site))
    site.snmp_port = harness.free_port()
    snmpd = site.start("snmpd", ["snmpd", "-f", "-Lo", "-r", "-I", "-smux", "-C", "-c", paths,
                                 "udp:127.0.0.1:%d" % site.snmp_port], env={"MIBS": ""})
    snmpd.wait_log("NET-SNMP version", 20)


def rows(site, community):
    """Instances of sipCommonSummaryStatsTable that this community sees."""
    done = subprocess.run(["snmpwalk", "-v2c", "-c", community, "-m", "", "-Onq", "127.0.0.1:%d" % site.snmp_port,
                           "1.3.6.1.2.1.149.1.3"], env=site.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          check=False, text=True)
    return sum(line.startswith(".1.3.6.1.2.1.149.1.3.") and "No " not in line for line in done.stdout.splitlines())


def main():
    harness.need("snmpd", "snmpwalk")
    report = harness.Report()
    with harness.Site() as site:
        checked = subprocess.run([harness.sipmibd(), "--check", "-f", os.path.join(SAMPLES, "sipmib.yaml")],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, text=True)
        report.check("sipmib.yaml has no error", checked.returncode == 0, checked.stdout)
        start_snmpd(site)
        site.write_config(["{name: edge, appl_index: 1, roles: [proxy_server]}"])
        site.start_sipmibd(wait=False)
        harness.wait_for("the SIP MIB", lambda: rows(site, "sipmib") > 0, 15)
        report.equal("the sample's community sees the summary table", 6, rows(site, "sipmib"))
        report.equal("Debian's own community goes on seeing none of it", 0, rows(site, "public"))
    report.exit()


main()
