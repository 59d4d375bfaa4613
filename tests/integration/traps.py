# SPDX-License-Identifier: BSD-2-Clause
"""A real snmptrapd of one's own, told by the site's snmpd in v2c and v3, and what it received, varbind by varbind."""

import re
import time
import typing

import harness
import manager
import modules
import writer

ENGINE = "0x80000000017369706d6962"  # of snmpd: who receives its v3 traps has to know it
PASSWORDS = '-a SHA-256 -A "authentication" -x AES -X "privacy pass"'
WAYS = ("v2c trap", "v3 trap", "v3 inform")
AGE_S = 0.5    # until writers know what is wanted
QUIET_S = 0.8  # nothing more comes
KINDS = ("", "sipCommonStatusCodeNotif", "sipCommonStatusCodeThreshExceededInNotif",
         "sipCommonStatusCodeThreshExceededOutNotif", "sipCommonServiceColdStart", "sipCommonServiceWarmStart",
         "sipCommonServiceStatusChanged")
BLOCK = r"(?ms)^NOTIFICATION (\S+), SNMP (\S+), (?:user|community) (\S+?)(?:, context[^\n]*)?\n(.*?)\nEND$"
NOTIFY_TO, NOTIFY_FROM, NOTIFY_CALL_ID, NOTIFY_CSEQ, NOTIFY_INDEX, SEQUENCE = (
    manager.COMMON + ".1.9.%d.0" % n for n in range(1, 7))


class Notification(typing.NamedTuple):
    """One as it came. `way`: "v2c trap", "v3 trap", "v3 inform". `varbinds`: [(OID, type, value)] behind sysUpTime and
    snmpTrapOID, in their order; octets of strings as bytes, numbers as int."""
    way: str
    who: str
    uptime: int
    name: str
    varbinds: list

    def value(self, oid):
        """Of the first varbind at or below this OID."""
        return next((value for o, _, value in self.varbinds if o == oid or o.startswith(oid + ".")), None)

    @property
    def sequence(self):
        return self.value(SEQUENCE)


class Receiver:
    """snmptrapd with two users: "trapper" of snmpd's engine, for traps, and "informed" of its own, for informs."""

    def __init__(self, site, name="snmptrapd"):
        self.port = harness.free_port()
        persistent = site.path(name)
        conf = site.write(name + ".conf", "\n".join((
            "[snmp] persistentDir " + persistent,
            'createUser -e %s trapper SHA-256 "authentication" AES "privacy pass"' % ENGINE,
            'createUser informed SHA-256 "authentication" AES "privacy pass"',
            "authUser log trapper authPriv", "authUser log informed authPriv", "authCommunity log traps",
            "format1 IGNORED\\n", "format2 NOTIFICATION %P\\n%V\\n%v\\nEND\\n")) + "\n")
        self.process = site.start(name, ["snmptrapd", "-f", "-Lo", "-n", "-X", "-C", "-c", conf, "-One", "-m", "",
                                         "udp:127.0.0.1:%d" % self.port],
                                  env={"MIBS": "", "SNMP_PERSISTENT_DIR": persistent})
        self.process.wait_log("NET-SNMP version", 20)
        self._read, self._found = 0, []  # octets of the log that were parsed, and what was in them

    def lines(self, ways=WAYS):
        """What snmpd.conf has to say for these to come."""
        at = "udp:127.0.0.1:%d" % self.port
        lines = {"v2c trap": "trap2sink %s traps" % at, "v2c inform": "informsink %s traps" % at,
                 "v3 trap": "trapsess -e %s -v 3 -u trapper -l authPriv %s %s" % (ENGINE, PASSWORDS, at),
                 "v3 inform": "trapsess -Ci -v 3 -u informed -l authPriv %s %s" % (PASSWORDS, at)}
        return ["exactEngineID " + ENGINE] + [lines[way] for way in ways]

    def received(self, way=None):
        """All of ours so far, oldest first; snmpd's own are left out."""
        with open(self.process.log_path, "rb") as f:
            f.seek(self._read)
            new = f.read()
        new = new[:new.rfind(b"\nEND\n") + 5] if b"\nEND\n" in new else b""
        self._read += len(new)
        for pdu, version, who, text in re.findall(BLOCK, new.decode(errors="replace")):
            varbinds = [(".".join(map(str, oid)), kind, value) for oid, kind, value in harness.parse_all_numeric(text)]
            (_, _, uptime), (_, _, kind) = varbinds[:2]
            number = re.fullmatch(r"\.?" + re.escape(manager.COMMON) + r"\.0\.(\d)", kind)
            if number:
                sort = "%s %s" % (version, "inform" if pdu == "INFORM" else "trap")
                self._found.append(Notification(sort, who, int(uptime), KINDS[int(number.group(1))],
                                                [(oid, *_plain(kind, value)) for oid, kind, value in varbinds[2:]]))
        return [n for n in self._found if way in (None, n.way)]


def _plain(kind, value):
    if kind in ("STRING", "Hex-STRING") or (kind, value) == ("", '""'):
        return "STRING", manager.octets_of(kind, value)
    return kind, int(value) if re.fullmatch(r"-?\d+", value) else value


class Ledger:
    """A site whose notifications are taken one after the other, each once: the next of an instance is to have the number
    behind that of the one before. Starts snmpd and the agent, with the configuration that was written."""

    def __init__(self, site, report):
        self.site, self.report, self.mib = site, report, modules.Mib()
        self.receiver = Receiver(site)
        site.snmpd_lines = self.receiver.lines(WAYS)
        site.snmpd_options = ["-Dtrap"]  # says which informs were acknowledged
        self.snmpd = site.start_snmpd()
        self.agent = site.start_sipmibd()
        self.taken = {}

    def writer(self, name):
        w = writer.Writer(self.site.runtime_dir, name)
        self.site.at_end.append(w.close)
        time.sleep(AGE_S)
        return w

    def got(self, appl_index, way=WAYS[0]):
        return [n for n in self.receiver.received(way) if n.value(NOTIFY_INDEX) == appl_index]

    def new(self, appl_index, count, way=WAYS[0], timeout=8, quiet_s=0):
        """The next `count` of an instance, or what came in time; with `quiet_s` also all that came so long after."""
        key = (appl_index, way)
        try:
            harness.wait_for("notifications", lambda: len(self.got(*key)) >= self.taken.get(key, 0) + count, timeout)
        except TimeoutError:
            pass
        time.sleep(quiet_s)
        new = self.got(*key)[self.taken.get(key, 0):]
        new = new if quiet_s else new[:count]
        self.taken[key] = self.taken.get(key, 0) + len(new)
        return new

    def expected(self, name, appl_index, values, index=""):
        """The varbinds of a notification as its definition has them, with these values by object name."""
        found = []
        for thing in (self.mib.objects[o] for o in self.mib.objects[name].objects):
            suffix = "0" if thing.kind == "scalar" else "%d%s" % (appl_index, index if "Code" in thing.name else "")
            found.append((".".join(map(str, thing.oid)) + "." + suffix, thing.syntax.tag, values[thing.name]))
        return found

    def compare(self, claim, name, appl_index, values, index="", ways=WAYS):
        """The next notification of an instance is this one, in each way; `values` without its number."""
        for way in ways:
            new = self.new(appl_index, 1, way)
            number = self.taken[(appl_index, way)]
            wanted = self.expected(name, appl_index, dict(values, sipCommonNotifSequenceNumber=number,
                                                          sipCommonNotifApplIndex=appl_index), index)
            same = len(new) == 1 and new[0].name == name and len(new[0].varbinds) == len(wanted) and all(
                matches(w, g) for w, g in zip(wanted, new[0].varbinds))
            self.report.check("%s: %s number %d as %s, %d varbinds" % (claim, name, number, way, len(wanted)), same,
                              "expected %s, got %s" % (wanted, new))

    def silent(self, claim, appl_index):
        new = self.new(appl_index, 1, timeout=QUIET_S)
        self.report.check(claim, not new, str(new))

    def started(self, appl_index):
        """An instance that comes up says so; its start is what the table shows."""
        oid = "%s.%d" % (manager.START_TIME, appl_index)
        harness.wait_for("the start of instance %d" % appl_index, lambda: len(self.got(appl_index)) > 0)
        start = int(manager.get(self.site, [oid])[oid][1])
        self.compare("instance %d comes up" % appl_index, "sipCommonServiceColdStart", appl_index,
                     {"sipCommonCfgServiceStartTime": range(max(0, start - 2), start + 3)})

    def skip(self, appl_index, count):
        """Pass over some, in all ways; returns those of the first."""
        return [self.new(appl_index, count, way) for way in WAYS][0]


def matches(wanted, got):
    """A value may be a range where a clock is read."""
    value = wanted[2]
    return wanted[:2] == got[:2] and (got[2] in value if isinstance(value, range) else got[2] == value)
