#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A package upgrade, and its way back: what sipmibd and libsipstat of former days left in the runtime directory (from
tests/unit/old, octet by octet) is taken over by the sipmibd of today with all counts, and what one of the future left is
refused or left alone, with the remedy."""

import fcntl
import json
import os
import struct
import subprocess
import time

import harness

F_OFD_SETLK = 37
REQUESTS = 1070
ABI_AT, COUNTERS_AT = 8, 4096 + 64
LAYOUT_ROW = b"layout"


def unhex(name, path):
    """The file that tests/unit/old/`name` describes."""
    data = b""
    with open(os.path.join(harness.TOP, "tests/unit/old", name), encoding="ascii") as f:
        for line in f:
            first, _, rest = line.partition(" ")
            if first == "octets":
                data = bytearray(int(rest))
            elif first != "#":
                octets = bytes.fromhex(rest)
                data[int(first, 16):int(first, 16) + len(octets)] = octets
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o640)


def patch(path, at, octets):
    with open(path, "r+b") as f:
        f.seek(at)
        f.write(octets)


def checksum(octets):
    total = 0xcbf29ce484222325
    for octet in octets:
        total = (total ^ octet) * 0x100000001b3 & (1 << 64) - 1
    return total


def be_of_this_boot(path):
    """States in a store of another boot have no times: these were of this one."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
        boot = bytes.fromhex(f.read().strip().replace("-", ""))
    with open(path, "rb") as f:
        data = bytearray(f.read())
    at = data.find(b"STT1")
    while at >= 0:
        octets, = struct.unpack_from("=I", data, at + 4)
        data[at + 16:at + 32] = boot
        struct.pack_into("=Q", data, at + 8, checksum(data[at + 16:at + octets]))
        at = data.find(b"STT1", at + 1)
    patch(path, 0, data)


class OldWriter:
    """A process that the former libsipstat is still mapped in: it holds its lane's lock, and counts."""

    def __init__(self, site, name, fixture="lane-abi1.hex", abi=None):
        self.path = os.path.join(site.runtime_dir, "edge", name + ".lane")
        unhex(fixture, self.path + ".hidden")
        if abi:
            patch(self.path + ".hidden", ABI_AT, struct.pack("=I", abi))
        self.fd = os.open(self.path + ".hidden", os.O_RDWR)
        fcntl.fcntl(self.fd, F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
        os.rename(self.path + ".hidden", self.path)

    def count(self, n):
        value, = struct.unpack("=Q", os.pread(self.fd, 8, COUNTERS_AT))
        os.pwrite(self.fd, struct.pack("=Q", value + n), COUNTERS_AT)

    def end(self):
        os.close(self.fd)


def served(site):
    return int(site.get("sipCommonSummaryInRequests.1"))


def wait_served(site, expected):
    try:
        return harness.wait_for("%d requests" % expected, lambda: served(site) == expected, 30)
    except TimeoutError:
        return False


def sipstat(site, *arguments):
    return subprocess.run([harness.sipstat(), *arguments], env=site.env, timeout=60, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def upgrade(site, report):
    """The former sipmibd was stopped, its totals are there, and a SIP server goes on with the former library."""
    store = os.path.join(site.runtime_dir, "retained.mdb/data.mdb")
    unhex("retained-layout1.hex", store)
    be_of_this_boot(store)
    unhex("interest-abi1.hex", os.path.join(site.runtime_dir, "edge/interest"))
    old = OldWriter(site, "old")
    agent = site.start_sipmibd()
    report.check("totals of a store of layout 1, and the lane of ABI 1 that lives", wait_served(site, 2 * REQUESTS))
    report.check("the log says that the store was taken over", "older sipmibd (layout 1) is taken over" in agent.log())
    report.equal("DisconTime is of before the master: nothing was lost", "0", site.get("sipCommonSummaryDisconTime.1"))
    old.count(30)
    report.check("the former library's process counts on", wait_served(site, 2 * REQUESTS + 30))
    agent.signal(9)
    agent.popen.wait()
    agent = site.start_sipmibd()
    report.check("sipmibd killed and started: the same", wait_served(site, 2 * REQUESTS + 30))
    old.end()
    harness.wait_for("the lane to be retired", lambda: not os.path.exists(old.path), 30)
    report.check("that process ends: the same", wait_served(site, 2 * REQUESTS + 30))
    return agent


def left_alone(site, report, agent):
    """Lanes of a future libsipstat, alive and dead."""
    many = [OldWriter(site, "future%d" % k, "lane-abi2.hex", 3 if k % 2 else 99) for k in range(20)]
    many[0].end()
    harness.wait_for("the lanes to be seen", lambda: json.loads(sipstat(site, "--agent", "-j"))["instances"][0]["lanes"]
                     ["other_abi"] == len(many), 30)
    time.sleep(2.5)  # ticks
    said = agent.log().count("set aside: lane ABI version")
    report.equal("said once, not for each of 20 lanes", 1, said)
    report.check("none is removed, the dead one neither", all(os.path.exists(lane.path) for lane in many))
    report.check("none is counted", wait_served(site, 2 * REQUESTS + 30))
    page = " ".join(sipstat(site, "--agent").split())
    report.check("sipstat --agent has the number and the remedy",
                 "20 lanes of another ABI version are left out: upgrade the older of sipmibd and libsipstat" in page, page)
    page = " ".join(sipstat(site).split())
    report.check("sipstat tells them from others", "20 lanes set aside" in page and "this program reads 1 to 2" in page, page)
    for lane in many:
        os.unlink(lane.path)


def refused(site, report, agent):
    """sipmibd older than what is there: exit status 3, which the unit does not start again on, and the remedy."""
    agent.stop()
    for name, layout in (("retained.mdb", 3), ("registrations.mdb", 2)):
        path = os.path.join(site.runtime_dir, name, "data.mdb")
        with open(path, "rb") as f:
            good = f.read()
        row = LAYOUT_ROW + struct.pack("=I", layout)
        patch(path, 0, good.replace(row, LAYOUT_ROW + struct.pack("=I", 1000)))
        agent = site.start_sipmibd(wait=False)
        status = agent.popen.wait(30)
        log = agent.log()[-600:]
        report.equal("%s of a newer layout: exit status" % name, 3, status)
        report.check("... with the remedy", "made by a newer sipmibd (layout 1000" in log and "run that one, or remove" in log, log)
        patch(path, 0, good)
    settings = site.write("state/settings", "sipmib settings 2\nend 0\n")
    agent = site.start_sipmibd(wait=False)
    report.equal("settings of a newer version: exit status", 3, agent.popen.wait(30))
    report.check("... with the remedy", "written by a newer sipmibd" in agent.log() and os.path.exists(settings), agent.log())
    os.unlink(settings)
    site.start_sipmibd()
    report.check("as it was before: the counts are there", wait_served(site, 2 * REQUESTS + 30))


def ousted(site, report):
    """A second sipmibd on a directory whose lock somebody removed: the first one ends, and not as if all were well."""
    first = site.processes[-1]
    os.unlink(os.path.join(site.runtime_dir, "agent.lock"))
    second = site.start_sipmibd(wait=False)
    ended = harness.wait_for("one of the two to end", lambda: next((p for p in (first, second) if not p.is_running()), None), 30)
    report.equal("the one that is left without the lock ends with status", 1, ended.popen.returncode)


def main():
    harness.need("snmpd", "snmpget")
    report = harness.Report()
    with harness.Site() as site:
        site.write_config(["{name: edge, appl_index: 1, roles: [registrar_server]}"])
        site.start_snmpd()
        agent = upgrade(site, report)
        left_alone(site, report, agent)
        refused(site, report, agent)
        ousted(site, report)
    report.exit()


if __name__ == "__main__":
    main()
