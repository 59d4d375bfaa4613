#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The shipped snmpd lines work behind those of a stock Debian, also those to be taken out of their comments, and the
shipped sipmib.yaml has no error."""

import os
import re
import subprocess

import harness
import manager

# What Debian's snmpd.conf says before it includes ours: the first line that fits a request rules.
STOCK = """view systemonly included .1.3.6.1.2.1.1
view systemonly included .1.3.6.1.2.1.25.1
rocommunity public default -V systemonly
rocommunity6 public default -V systemonly
"""
# What a reader may take the # off.
OFFERED = re.compile(r"(?m)^#(?=(createUser|rouser|group|access|rwcommunity|trap2sink|informsink|trapsess) )")
SAMPLES = os.path.join(harness.TOP, "config/samples")


def sample(name):
    with open(os.path.join(SAMPLES, name), encoding="utf-8") as f:
        return f.read()


def lines(site):
    """The sample, but for the socket and its permissions, which are root's to give."""
    text = OFFERED.sub("", sample("snmpd.conf.sipmib")).replace("192.0.2.100", "127.0.0.1:%d" % harness.free_port())
    kept = [line for line in text.splitlines() if not line.startswith("agentXPerms")]
    return "\n".join(kept).replace("unix:/var/agentx/master", "unix:" + site.agentx_socket) + "\n"


def start_snmpd(site):
    paths = site.write("stock.conf", STOCK) + "," + site.write("sample.conf", lines(site))
    site.snmp_port = harness.free_port()
    snmpd = site.start("snmpd", ["snmpd", "-f", "-Lo", "-r", "-I", "-smux", "-C", "-c", paths,
                                 "udp:127.0.0.1:%d" % site.snmp_port], env={"MIBS": ""})
    snmpd.wait_log("NET-SNMP version", 20)
    return snmpd


def set_bits(site, oid, kind, value, who):
    """A SET as this user or community."""
    done = subprocess.run(["snmpset", *who, "-m", "", "-On", "-t", "5", "127.0.0.1:%d" % site.snmp_port, "." + oid, kind,
                           value], env=site.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, text=True)
    return "noError" if done.returncode == 0 else re.search(r"Reason: (\w+)|$", done.stdout).group(1) or done.stdout


def check_writers(site, report):
    """Who may set, sets what the SIP MIB has to be set, and nothing else."""
    bits, contact = (manager.NOTIFY_ENABLE + ".1", "x", "E0"), ("1.3.6.1.2.1.1.4.0", "s", "nobody")
    user = ["-v3", "-u", "sipmanager", "-l", "authPriv", "-a", "SHA-256", "-A", "authentication passphrase", "-x", "AES",
            "-X", "privacy passphrase"]
    for claim, who in (("the SNMPv3 user", user), ("the community", ["-v2c", "-c", "sipwrite"])):
        report.equal("%s for writing sets" % claim, "noError", set_bits(site, *bits, who))
        report.equal("... and nothing but the SIP MIB", "noAccess", set_bits(site, *contact, who))
    report.equal("the community for reading does not", "noAccess", set_bits(site, *bits, ["-v2c", "-c", "sipmib"]))


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
        snmpd = start_snmpd(site)
        report.check("snmpd takes every line", "Error" not in snmpd.log() and "Unknown" not in snmpd.log(), snmpd.log())
        site.write_config(["{name: edge, appl_index: 1, roles: [proxy_server]}"])
        site.start_sipmibd(wait=False)
        harness.wait_for("the SIP MIB", lambda: rows(site, "sipmib") > 0, 15)
        report.equal("the sample's community sees the summary table", 6, rows(site, "sipmib"))
        report.equal("Debian's own community goes on seeing none of it", 0, rows(site, "public"))
        check_writers(site, report)
    report.exit()


main()
