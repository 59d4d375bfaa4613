#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every object of SIP-COMMON-MIB, SIP-SERVER-MIB, SIP-UA-MIB and applTable, held against the modules themselves: served,
GET as GETNEXT, of its type, in its range, with legal indexes, writable or not as MAX-ACCESS says; and rows in order, and
augmenting rows in step, while rows come and go. There is no list of exceptions."""

import random
import re
import threading
import time

import harness
import manager
import modules
import writer

TABLES = {"SIP-COMMON-MIB": None, "SIP-SERVER-MIB": None, "SIP-UA-MIB": None, "NETWORK-SERVICES-MIB": "applTable"}
SUBTREES = (manager.APPLICATIONS, manager.COMMON, manager.UA, manager.SERVER)
BATCH = 40  # varbinds of one GET
CHURN_S, WALKS, STEPS = 3, 3, 150  # at least so long, and so many walks; at most so many steps of two columns
CHURNED, CODES = ("M1", "MESSAGE", "ZZZ"), range(400, 430)
COLUMN_LENGTH = 12  # sub-identifiers of each column of the tables with the churn
AGE_S = 0.4
TYPES = {"INTEGER": "i", "Gauge32": "u", "Counter32": "u", "Timeticks": "t", "STRING": "x"}  # no tool sends a Counter32

ALL = ("{name: everything, appl_index: 7, roles: [user_agent, proxy_server, redirect_server, registrar_server, other], "
       "description: Everything there is, organization: Beispiel-Büro, url: 'https://www.example.org/', "
       "directory_name: cn=everything, local: ['udp:192.0.2.10:5060', 'tcp:192.0.2.10:5060', 'tls:[2001:db8::1]:5061'], "
       "option_tags: {supported: [timer, 100rel], required: [path], proxy_required: [privacy]}, "
       "proxy: {auth: [tls, digest], realm: example.org, recursion: true, statefulness: call_stateful}, "
       "user_agent: {servers: [{address: 192.0.2.1, role: proxy_server}, {address: '2001:db8::5', role: other}, "
       "{address: sip.example.org, role: [registrar_server, redirect_server]}]}, "
       "watch: [{method: INVITE, codes: [100, 503, 999]}, {method: x~y, codes: 404, emit: normal, notify: true}]}")
PRIVATE = ("{name: private, appl_index: 2147483647, roles: [registrar_server], registrar: {expose: pseudonym}, "
           "host: registrar.example.org, methods: [REGISTER]}")
HIDDEN = ("{name: hidden, appl_index: 12, roles: [registrar_server], local: ['udp:[2001:db8::7]:5060'], "
          "registrar: {expose: none}}")
INSTANCES = {7: "everything", 12: "hidden", 2147483647: "private"}


def feed(site, name):
    """Something for each object that is there only after it happened."""
    w = writer.Writer(site.runtime_dir, name)
    site.at_end.append(w.close)
    for direction in (writer.IN, writer.OUT):
        for method in ("INVITE", "OPTIONS", "x~y"):
            w.request(direction, method)
            w.request(direction, method, retransmission=True)
            for code in (100, 200, 404, 699, 700, 999):
                w.response(direction, method, code)
                w.response(direction, method, code, retransmission=True)
        for what in (writer.OPENED, writer.OPENED, writer.CLOSED, writer.FAILED):
            w.association(direction, what)
    for what in ("transaction_begin", "discarded", "unsupported_uri", "unsupported_method", "proxy_require_failed",
                 "register_accepted", "register_rejected"):
        w.count(what)
    for header in (writer.REQUIRE, writer.PROXY_REQUIRE, writer.SUPPORTED, writer.UNSUPPORTED):
        w.word(header, "seen-%d" % header)
    w.word(writer.ALLOW, "FROBNICATE")
    w.bindings("sip:steady@example.org", [
        {"uri": "sip:steady@192.0.2.77:5070;transport=tcp", "name": "Stéady \"S\"", "q": 700, "expires": 3600},
        {"uri": "sips:steady@[2001:db8::9]", "instance": "<urn:uuid:1>", "reg_id": 1, "expires": 600},
        {"uri": "tel:+1-201-555-0123", "q": 1000}])
    w.bindings("sips:other@example.org", ["sip:other@192.0.2.78"])
    w.authentication_failed("sip:steady@example.org")
    w.authentication_failed("sip:stranger@example.org", 401)
    w.set_state(writer.UP)
    return w


class Walked:
    """What a walk of all subtrees gave, by column."""

    def __init__(self, site, mib):
        self.rows = [row for subtree in SUBTREES for row in site.walk_numeric(subtree)]
        self.by_column, self.strangers = {}, []
        columns = {o.oid: o for o in mib.objects.values() if o.kind == "column"}
        for oid, kind, value in self.rows:
            length = next((n for n in range(len(oid), 8, -1) if oid[:n] in columns), None)
            if length is None:
                self.strangers.append(oid)
            else:
                self.by_column.setdefault(columns[oid[:length]].name, []).append((oid, kind, value))

    def of(self, column):
        return self.by_column.get(column.name, [])


def dotted(oid):
    return ".".join(map(str, oid))


def get_many(site, oids):
    """{OID: (type, value)}, many in a request; of one that is not there the exception's words are the value."""
    got = {}
    for start in range(0, len(oids), BATCH):
        done = site._snmp("snmpget", ["-m", "", "-One"] + manager.TIMEOUT,
                          ["." + dotted(oid) for oid in oids[start:start + BATCH]])
        got.update({oid: (kind, value) for oid, kind, value in harness.parse_all_numeric(done.stdout)})
    return got


# ---------------------------------------------------------------- values

def is_date(octets):
    """DateAndTime with its zone."""
    if len(octets) != 11:
        return False
    year, month, day, hour, minute, second, tenth = octets[0] * 256 + octets[1], *octets[2:8]
    zone = octets[8] in b"+-" and octets[9] <= 13 and octets[10] <= 59
    return year >= 2024 and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second <= 60 and \
        tenth <= 9 and zone


def is_utf8(octets):
    try:
        return "\0" not in octets.decode()
    except UnicodeDecodeError:
        return False


TEXTS = {"DateAndTime": is_date, "SnmpAdminString": is_utf8, "DistinguishedName": is_utf8, "URLString": is_utf8,
         "SipTCMethodName": lambda octets: re.fullmatch(rb"[A-Za-z0-9.!%*_+`'~-]+", octets) is not None}
ADDRESS_OCTETS = {1: (4,), 2: (16,), 16: range(1, 256)}  # by InetAddressType


def fault(column, kind, value, uptime_cs):
    """What is wrong with a value by itself; None when nothing is."""
    syntax = column.syntax
    if syntax.tag == "STRING":
        if kind not in ("STRING", "Hex-STRING") and (kind, value) != ("", '""'):
            return "is a %s" % kind
        octets = manager.octets_of(kind, value)
        if not syntax.takes_octets(octets):
            return "has %d octets: %r" % (len(octets), octets)
        return next(("is no %s: %r" % (name, octets) for name in syntax.chain
                     if name in TEXTS and not TEXTS[name](octets)), None)
    if kind != syntax.tag:
        return "is a %s" % kind
    if not syntax.takes(int(value)):
        return "is %s" % value
    if "TimeStamp" in syntax.chain or "TimeTicks" in syntax.chain:
        return None if int(value) <= uptime_cs else "lies in the future: %s" % value
    return None


def address_faults(walked, mib):
    """InetAddress is read by the InetAddressType in front of it (RFC 4001)."""
    faults = []
    for name in ("sipServerCfgHostAddress", "sipUACfgServerAddress"):
        kinds = {oid[len(mib.objects[name].oid):]: int(value) for oid, _, value in walked.of(mib.objects[name + "Type"])}
        for oid, kind, value in walked.of(mib.objects[name]):
            octets = manager.octets_of(kind, value)
            if len(octets) not in ADDRESS_OCTETS.get(kinds.get(oid[len(mib.objects[name].oid):]), ()):
                faults.append("%s %r of type %s" % (dotted(oid), octets, kinds))
    return faults


# ---------------------------------------------------------------- one object after the other

def set_value(column, kind, value):
    if column.syntax.tag == "STRING":
        return manager.octets_of(kind, value).hex(" ") or ""
    return value


def refused(site, column, oid, kind, value):
    """None when a SET of its own value to a read-only object is refused as it should."""
    answer = manager.set_(site, [(dotted(oid), TYPES[column.syntax.tag], set_value(column, kind, value))])
    return None if answer == manager.Answer("notWritable", 1) else "SET of %s: %s" % (dotted(oid), answer)


def written(site, column, oid, kind, value):
    """None when a writable object takes its own value; a row's status, what makes a row that is not there."""
    if "RowStatus" in column.syntax.chain:
        spare = manager.row(dotted(column.oid), oid[len(column.oid)], "CONFORM", 600)
        answers = [manager.set_(site, [(spare, "i", action)]) for action in (manager.CREATE_AND_GO, manager.DESTROY)]
    else:
        answers = [manager.set_(site, [(dotted(oid), TYPES[column.syntax.tag], set_value(column, kind, value))])]
    return None if set(answers) == {manager.OK} else "SET of %s: %s" % (dotted(oid), answers)


def check_column(site, report, mib, column, walked, uptime_cs):
    """A readable column. Its line."""
    rows, faults = walked.of(column), []
    got = get_many(site, [oid for oid, _, _ in rows])
    for oid, kind, value in rows:
        if got.get(oid) != (kind, value):
            faults.append("%s: GETNEXT %s %s, GET %s" % (dotted(oid), kind, value, got.get(oid)))
        wrong = fault(column, kind, value, uptime_cs)
        if wrong:
            faults.append("%s %s" % (dotted(oid), wrong))
        index = mib.index_of(column.row, oid[len(column.oid):])
        if index is None or index[0] not in INSTANCES:
            faults.append("%s has an index that is not legal" % dotted(oid))
    access = refused if column.access == "readonly" else written
    faults += filter(None, [access(site, column, *row) for row in {rows[0], rows[-1]}] if rows else [])
    return report.check("%s: %d instances, each GET = GETNEXT, %s legal, index legal, SET %s" % (
        column.name, len(rows), column.syntax.chain[0], "notWritable" if access is refused else "taken"),
        rows and not faults, "; ".join(faults[:3]) or "not served")


def check_unreadable(site, report, mib, thing, walked):
    """What is not accessible, or only in notifications: no GET gives it, no SET changes it."""
    if thing.kind == "column":
        suffixes = sorted({oid[len(c.oid):] for c in thing.row.columns for oid, _, _ in walked.of(c)})[:3]
    else:
        suffixes = [(0,)]
    oids = [thing.oid + suffix for suffix in suffixes]
    faults = ["GET of %s: %s" % (dotted(oid), answer) for oid, answer in get_many(site, oids).items()
              if not answer[1].startswith("No Such Object")]
    faults += ["%s was walked" % dotted(oid) for oid, _, _ in walked.rows if oid[:len(thing.oid)] == thing.oid]
    for oid in oids:
        kind = TYPES[thing.syntax.tag]
        answer = manager.set_(site, [(dotted(oid), kind, "41" if kind == "x" else 1)])
        if answer != manager.Answer("notWritable", 1):
            faults.append("SET of %s: %s" % (dotted(oid), answer))
    access = {"notifyonly": "accessible-for-notify", "noaccess": "not-accessible"}[thing.access]
    return report.check("%s: %s, %d times neither GET nor SET" % (thing.name, access, len(oids)), oids and not faults,
                        "; ".join(faults[:3]))


def check_objects(site, report, mib, walked):
    """One line for each object, and how many there are."""
    uptime_cs = int(site.get("SNMPv2-MIB::sysUpTime.0"))
    checked = instances = passed = 0
    for thing in sorted(mib.objects.values(), key=lambda thing: thing.oid):
        if thing.kind not in ("column", "scalar") or thing.module not in TABLES:
            continue
        if TABLES[thing.module] and thing.oid[:-2] != mib.objects[TABLES[thing.module]].oid:
            continue
        checked += 1
        instances += len(walked.of(thing)) if thing.kind == "column" else 0
        if thing.is_readable:
            passed += check_column(site, report, mib, thing, walked, uptime_cs)
        else:
            passed += check_unreadable(site, report, mib, thing, walked)
    report.check("total: %d of %d objects, %d instances" % (passed, checked, instances),
                 passed == checked and instances == len(walked.rows), "%d instances were walked" % len(walked.rows))


def check_notifications(site, report, mib):
    """Notifications are no objects."""
    oids = [thing.oid for thing in mib.objects.values() if thing.kind == "notification"]
    got = get_many(site, oids + [oid + (0,) for oid in oids])
    report.check("the %d notifications cannot be read" % len(oids),
                 len(oids) == 6 and all(value.startswith("No Such Object") for _, value in got.values()), str(got))


def in_order(rows):
    return [dotted(b[0]) for a, b in zip(rows, rows[1:]) if a[0] >= b[0]]


def augmented(walked, mib):
    """Rows of a base table that an augmenting row is missing for, and the other way round."""
    faults = []
    for row in (thing for thing in mib.objects.values() if thing.kind == "row" and thing.augments):
        base = mib.objects[row.augments]
        sides = [{oid[len(c.oid):] for c in side.columns for oid, _, _ in walked.of(c)} for side in (row, base)]
        faults += sides[0] ^ sides[1] or ([] if sides[0] else ["no rows"])
        for side in (row, base):
            readable = [c for c in side.columns if c.is_readable]
            faults += [c.name for c in readable if len(walked.of(c)) != len(sides[0])]
    return faults


def check_whole(report, mib, walked):
    wrong = in_order(walked.rows)
    report.check("GETNEXT ascends over %d instances" % len(walked.rows), not wrong, str(wrong[:3]))
    report.check("nothing is served that the modules do not have", not walked.strangers, str(walked.strangers[:3]))
    wrong = augmented(walked, mib)
    report.check("rows that augment are in step with their base", not wrong, str(wrong[:3]))
    wrong = address_faults(walked, mib)
    report.check("addresses are of their type", not wrong, str(wrong[:3]))
    states = {value for _, _, value in walked.of(mib.objects["sipCommonStatusCodeRowStatus"])}
    report.equal("rows of status codes read active", {"1"}, states)
    uri = mib.objects["sipServerRegUserUri"]
    shown = {oid[len(uri.oid)] for oid, _, _ in walked.of(uri)}
    report.equal("users are shown of those that expose them", {7, 2147483647}, shown)


# ---------------------------------------------------------------- while rows come and go

class Churn:
    """A writer that makes rows, and a manager that destroys and makes some, until stop()."""

    def __init__(self, site):
        self.site, self.error, self.made, self.set = site, None, 0, 0
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._guarded, args=(work,)) for work in (self._write, self._manage)]
        for thread in self._threads:
            thread.start()

    def _guarded(self, work):
        try:
            work()
        except Exception as e:  # shown by the main thread
            self.error = self.error or e

    def _write(self):
        w = writer.Writer(self.site.runtime_dir, "everything")
        chance = random.Random(4780)
        try:
            while not self._end.wait(0.005):
                w.response(writer.IN, chance.choice(CHURNED), chance.choice(CODES))
                user = chance.randrange(30)
                w.bindings("sip:u%d@example.org" % user,
                           ["sip:u%d@192.0.2.%d" % (user, n) for n in range(chance.randrange(4))])
                self.made += 1
        finally:
            w.close()

    def _manage(self):
        chance = random.Random(3416)
        while not self._end.is_set():
            objects = [manager.row(manager.ROW_STATUS, 7, chance.choice(CHURNED), chance.choice(CODES)) for _ in range(4)]
            for action in (manager.DESTROY, manager.CREATE_AND_GO):
                answer = manager.set_(self.site, [(oid, "i", action) for oid in set(objects)])
                if answer.status not in ("noError", "inconsistentValue"):
                    raise RuntimeError("SET: %s" % str(answer))
                self.set += 1

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join()


def step_pairs(site, base, augmenting):
    """Follow two columns together by GETNEXT, both in one request: (steps, those that went apart)."""
    at, steps, apart = "7", 0, []
    while True:
        done = site._snmp("snmpgetnext", ["-m", "", "-One"] + manager.TIMEOUT,
                          [".%s.%s" % (c, at) for c in (base, augmenting)])
        oids = [dotted(oid) for oid, _, _ in harness.parse_all_numeric(done.stdout)]
        suffixes = [oid[len(c) + 1:] if oid.startswith(c + ".") else None for oid, c in zip(oids, (base, augmenting))]
        if suffixes[0] != suffixes[1]:
            apart.append(suffixes)
        if None in suffixes or steps == STEPS:
            return steps, apart
        at, steps = suffixes[0], steps + 1


def steady(rows):
    """Objects that nobody touches: all columns of the rows of INVITE, and of the first two users."""
    def is_steady(oid):
        index = oid[COLUMN_LENGTH:]
        return index[1:8] == (6, *b"INVITE") if oid[6] == 149 else index[1] <= 2
    return {oid for oid, _, _ in rows if oid[COLUMN_LENGTH] == 7 and is_steady(oid)}


def check_churn(site, report):
    subtrees = (manager.COMMON + ".1.5", manager.SERVER + ".1.5.2", manager.SERVER + ".1.5.3")
    before = steady([row for subtree in subtrees for row in site.walk_numeric(subtree)])
    churn = Churn(site)
    walks = rows = 0
    wrong, missing, fewest, most = [], set(), 10**9, 0
    end = time.monotonic() + CHURN_S
    while time.monotonic() < end or walks < WALKS:
        walked = [row for subtree in subtrees for row in site.walk_numeric(subtree)]
        wrong += in_order(walked)
        missing |= before - {oid for oid, _, _ in walked}
        walks, rows = walks + 1, rows + len(walked)
        fewest, most = min(fewest, len(walked)), max(most, len(walked))
    steps, apart = step_pairs(site, manager.CODE_INS, manager.SEND)
    churn.stop()
    report.check("rows came (%d made by SIP) and went (%d SETs) meanwhile" % (churn.made, churn.set),
                 not churn.error and churn.made > 100 and churn.set > 10 and fewest < most, str(churn.error))
    report.check("%d walks with %d to %d instances: each ascends" % (walks, fewest, most), walks > 1 and not wrong,
                 str(wrong[:3]))
    report.check("what stayed is in each: %d instances" % len(before), len(before) > 10 and not missing,
                 str(sorted(missing)[:3]))
    report.check("base and augmenting rows in step at %d steps" % steps, steps > 10 and not apart, str(apart[:3]))


def main():
    harness.need("snmpd", "snmpwalk", "snmpset", "smidump")
    report, mib = harness.Report(), modules.Mib()
    with harness.Site() as site:
        site.write_config([ALL, PRIVATE, HIDDEN])
        site.start_snmpd()
        site.start_sipmibd()
        time.sleep(AGE_S)  # until writers are told that registrations are wanted
        for name in INSTANCES.values():
            feed(site, name)
        harness.wait_for("the users", lambda: len(site.walk("sipServerRegUserUri")) >= 6)
        time.sleep(AGE_S)
        walked = Walked(site, mib)
        check_whole(report, mib, walked)
        check_objects(site, report, mib, walked)
        check_notifications(site, report, mib)
        check_churn(site, report)
        check_whole(report, mib, Walked(site, mib))
    report.exit()


if __name__ == "__main__":
    main()
