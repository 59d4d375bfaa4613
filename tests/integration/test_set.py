#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""SET through a real snmpset: each writable object with each class of value in each state of its row, and SETs of several
objects in all orders. Error status and error index are those of RFC 3416 4.2.5 and RFC 2579, and what is there afterwards
is all of what was set, or what was there before. Then what a restart keeps, and where the bounds are."""

import itertools
import os
import signal
import time

import harness
import manager
import writer
from manager import EMIT, INTERVAL, NOTIFY_ENABLE, OK, ROW_STATUS, SEND, THRESH, Answer, row, set_

EDGE, CORE, NOBODY = 1, 2, 77  # applIndex; nobody is configured under the last
ROWS_MAX = 4096                # of an instance, by SET
ROWS_A_SET = 64
DEFAULTS = {SEND: 2, EMIT: 2, THRESH: 500, INTERVAL: 60}
EDGE_CONFIG = ("{name: edge, appl_index: 1, roles: [proxy_server, registrar_server], "
               "watch: [{method: INVITE, codes: [500, 503], threshold: 9, interval: %s}]}")
CORE_CONFIG = "{name: core, appl_index: 2, roles: [other]}"
STATUS_CODES = manager.COMMON + ".1.5"
COLUMNS = tuple(column + "." for column in (NOTIFY_ENABLE, ROW_STATUS, SEND, EMIT, THRESH, INTERVAL))
STATE_ROWS = 16  # with room for the end of a column; snmpd puts at most 100 varbinds into an answer

CONFIGURED, OBSERVED, MADE = ("INVITE", 503), ("OPTIONS", 200), ("x~y", 404)
ABSENT, DESTROYED = ("INVITE", 504), ("OPTIONS", 202)
HERE = {"configured": (EDGE,) + CONFIGURED, "observed": (EDGE,) + OBSERVED, "made": (EDGE,) + MADE}
AWAY = {"absent": (EDGE,) + ABSENT, "destroyed": (EDGE,) + DESTROYED, "of no instance": (NOBODY,) + ABSENT,
        "of the largest code": (EDGE, "Z" * 100, 999)}
IMPOSSIBLE = {"without index": "", "applIndex only": ".1", "applIndex 0": ".0.1.65.200",
              "applIndex too large": ".2147483648.1.65.200", "code 99": ".1.1.65.99", "code 1000": ".1.1.65.1000",
              "no code": ".1.1.65", "one part too many": ".1.1.65.200.0", "method of no octets": ".1.0.200",
              "method of 101 octets": ".1.101" + ".65" * 101 + ".200", "an octet of 256": ".1.1.256.200",
              "method shorter than it says": ".1.5.65.200", "method with a space": ".1.3.65.32.66.200"}

TRUTH = {"wrongType": [("u", 1), ("t", 1), ("s", "1"), ("o", ".1.3"), ("a", "1.2.3.4"), ("n", "")],
         "wrongValue": [("i", 0), ("i", 3), ("i", -1), ("i", 2147483647)], OK: [("i", 1), ("i", 2)]}
NUMBER = {"wrongType": [("i", 1), ("t", 1), ("s", "1"), ("o", ".1.3"), ("x", "01"), ("n", "")],
          OK: [("u", 0), ("u", 1), ("u", 4294967295)]}
VALUES = {SEND: TRUTH, EMIT: dict(TRUTH, wrongValue=[("i", 3), ("i", 0), ("i", 4), ("i", -2147483648)]),
          THRESH: NUMBER, INTERVAL: NUMBER}
ACTIONS = {"wrongType": [("u", 4), ("s", "4"), ("t", 4), ("n", "")],
           "wrongValue": [("i", n) for n in (0, 1, 2, 3, 5, 7, -1)]}
NAMES = {SEND: "NotifSend", EMIT: "NotifEmitMode", THRESH: "NotifThresh", INTERVAL: "NotifInterval",
         ROW_STATUS: "RowStatus", NOTIFY_ENABLE: "ServiceNotifEnable"}


# ---------------------------------------------------------------- what is there

def state(site):
    """{OID: value} of all that can be set: one GETBULK, which sees beyond the end of each column."""
    done = site._snmp("snmpbulkget", ["-m", "", "-One", "-Cn0", "-Cr%d" % STATE_ROWS] + manager.TIMEOUT,
                      ["." + column.rstrip(".") for column in COLUMNS])
    answers = [(".".join(map(str, oid)), kind, value) for oid, kind, value in harness.parse_all_numeric(done.stdout)]
    last = zip(answers[-len(COLUMNS):], COLUMNS)
    if len(answers) != STATE_ROWS * len(COLUMNS) or any(oid.startswith(column) for (oid, _, _), column in last):
        raise RuntimeError("more rows than %d: %s" % (STATE_ROWS, done.stdout[-500:]))
    return {oid: manager.octets_of(kind, value)[0] if oid.startswith(NOTIFY_ENABLE) else int(value)
            for oid, kind, value in answers if oid.startswith(COLUMNS)}


def of_row(oid):
    """The columns of the row that an object is in, {column: OID}."""
    column = next(c for c in (SEND, EMIT, THRESH, INTERVAL, ROW_STATUS) if oid.startswith(c + "."))
    return {c: c + oid[len(column):] for c in (*DEFAULTS, ROW_STATUS)}


def after(before, varbinds):
    """What a SET that succeeds makes of it, in whatever order its varbinds stand."""
    new = dict(before)
    actions = [(of_row(oid), int(value)) for oid, _, value in varbinds if oid.startswith(ROW_STATUS + ".")]
    for columns, action in actions:
        if action == manager.CREATE_AND_GO:
            new.update({columns[c]: value for c, value in DEFAULTS.items()}, **{columns[ROW_STATUS]: 1})
    for oid, kind, value in varbinds:
        if oid.startswith(NOTIFY_ENABLE + "."):
            octets = bytes.fromhex(value) if kind == "x" else value.encode()
            new[oid] = octets[0] & 0xe0 if octets else 0
        elif not oid.startswith((ROW_STATUS + ".", "1.3.6.1.2.1.1.")):
            new[oid] = int(value)
    for columns, action in actions:
        if action == manager.DESTROY:
            for oid in columns.values():
                new.pop(oid, None)
    return new


def words(varbinds):
    """For people."""
    return ", ".join("%s%s %s:%s" % (next((NAMES[c] + oid[len(c):] for c in NAMES if oid.startswith(c)), oid)[:46],
                                     "" if len(oid) < 80 else "...", kind, value) for oid, kind, value in varbinds)


class Matrix:
    """The cases: each is one SET, and a look at all that can be set before and after."""

    def __init__(self, site, report):
        self.site, self.report, self.cases = site, report, 0
        self.before = state(site)

    def case(self, claim, varbinds, expected, community="private"):
        """`expected`: OK, or an Answer."""
        answer = set_(self.site, varbinds, community)
        wanted = after(self.before, varbinds) if expected == OK else self.before
        now = state(self.site)
        wrong = ["%s: %s, expected %s" % (oid, now.get(oid, "not there"), wanted.get(oid, "not there"))
                 for oid in sorted(set(now) | set(wanted)) if now.get(oid) != wanted.get(oid)]
        self.cases += 1
        self.before = now
        return self.report.check("%s: %s: %s" % (claim, words(varbinds), expected), answer == expected and not wrong,
                                 "%s; %s" % (answer, "; ".join(wrong[:3]) or "the rest is right"))

    def one(self, claim, oid, kind, value, expected):
        """A SET of one object; `expected` may be the name of an error."""
        return self.case(claim, [(oid, kind, value)], expected if expected == OK else Answer(expected, 1))

    def orders(self, claim, varbinds, status, guilty=None, restore=()):
        """All orders of these varbinds; `guilty` is the one that the error is to point at. After a success `restore` is
        set."""
        for order in itertools.permutations(varbinds):
            self.case(claim, list(order), OK if guilty is None else Answer(status, 1 + order.index(guilty)))
            if restore and guilty is None:
                set_(self.site, list(restore))
                self.before = state(self.site)


# ---------------------------------------------------------------- one object

def columns(m):
    """Columns of rows: value classes in all states of the row."""
    for column, classes in VALUES.items():
        for status, values in classes.items():
            for kind, value in values:
                m.one("made row", row(column, *HERE["made"]), kind, value, status)
        for claim, at in HERE.items():
            for status, values in classes.items():
                m.one(claim + " row", row(column, *at), *values[0], status)
        for claim, at in AWAY.items():
            for status, values in classes.items():
                m.one("row " + claim, row(column, *at), *values[0], "inconsistentName" if status == OK else status)
        for claim, index in IMPOSSIBLE.items():
            m.one("no row, " + claim, column + index, *classes[OK][0], "noCreation")
        m.one("no row, and a wrong type", column + ".1.1.65.99", *classes["wrongType"][0], "wrongType")


def row_status(m):
    """RowStatus: createAndGo and destroy, and what is neither."""
    for status, values in ACTIONS.items():
        for kind, value in values:
            m.one("made row", row(ROW_STATUS, *HERE["made"]), kind, value, status)
            m.one("absent row", row(ROW_STATUS, *AWAY["absent"]), kind, value, status)
    for claim, at in HERE.items():
        m.one(claim + " row, made again", row(ROW_STATUS, *at), "i", 4, "inconsistentValue")
    for claim, index in IMPOSSIBLE.items():
        m.one("no row, " + claim, ROW_STATUS + index, "i", 4, "noCreation")
    m.one("no row, destroyed", ROW_STATUS + IMPOSSIBLE["code 1000"], "i", 6, "noCreation")
    m.one("row of no instance", row(ROW_STATUS, *AWAY["of no instance"]), "i", 4, "inconsistentName")
    m.one("row of no instance, destroyed", row(ROW_STATUS, *AWAY["of no instance"]), "i", 6, OK)
    for claim, at in [(c, a) for c, a in AWAY.items() if a[0] == EDGE] + list(HERE.items()):
        oid = row(ROW_STATUS, *at)
        if claim in HERE:
            m.one(claim + " row, destroyed", oid, "i", 6, OK)
        m.one(claim + " row, destroyed when it is not there", oid, "i", 6, OK)
        m.one(claim + " row, made", oid, "i", 4, OK)
        m.one(claim + " row, made twice", oid, "i", 4, "inconsistentValue")
        if claim in AWAY:
            m.one(claim + " row, destroyed", oid, "i", 6, OK)


def notify_enable(m):
    """BITS: what is behind the last named bit is ignored (RFC 3417 8), trailing zero octets are no harm."""
    at = NOTIFY_ENABLE + ".%d" % EDGE
    for kind, value in (("x", "E0"), ("x", "00"), ("x", "20"), ("x", "80"), ("x", "60"), ("x", ""), ("x", "C0"),
                        ("x", "40 00"), ("x", "FF"), ("x", "1F"), ("x", "C0"), ("s", "a")):
        m.one("bits", at, kind, value, OK)
    for kind, value in (("i", 1), ("u", 1), ("t", 1), ("o", ".1.3"), ("n", ""), ("a", "1.2.3.4")):
        m.one("no bits", at, kind, value, "wrongType")
    m.one("bits that have no name", at, "x", "C0 01", "wrongValue")
    m.one("more octets than any BITS", at, "x", "C0" + " 00" * 16, "wrongLength")
    for claim, index in (("an instance that is not there", ".77"), ("no index", ""), ("applIndex 0", ".0"),
                         ("one part too many", ".1.0")):
        m.one(claim, NOTIFY_ENABLE + index, "x", "C0", "noCreation")
    m.one("another instance", NOTIFY_ENABLE + ".%d" % CORE, "x", "20", OK)


def not_writable(m):
    """What no SET changes, whatever the value."""
    for claim, oid, kind, value in (
            ("Ins", row(manager.CODE_INS, *HERE["made"]), "u", 1),
            ("Outs", row(manager.CODE_OUTS, *HERE["made"]), "u", 1),
            ("DisconTime", row(manager.CODE_DISCON, *HERE["made"]), "t", 1),
            ("Ins of a row that is not there", row(manager.CODE_INS, *AWAY["absent"]), "u", 1),
            ("Ins, wrong type", row(manager.CODE_INS, *HERE["made"]), "s", "x"),
            ("the index column Method", row(manager.CODE_METHOD, *HERE["made"]), "s", "x~y"),
            ("the index column Value", row(manager.CODE_VALUE, *HERE["made"]), "u", 404),
            ("OperStatus", manager.OPER_STATUS + ".1", "i", 2), ("StartTime", manager.START_TIME + ".1", "t", 0),
            ("a timer", manager.COMMON + ".1.2.1.1.1.1", "u", 500), ("a table", manager.COMMON + ".1.5.1", "i", 1),
            ("an entry", manager.COMMON + ".1.5.1.1", "i", 1),
            ("a column there is not", STATUS_CODES + ".1.1.7.1", "i", 1),
            ("NotifTo", manager.COMMON + ".1.9.1.0", "s", "x"),
            ("NotifSequenceNumber", manager.COMMON + ".1.9.6.0", "u", 1),
            ("a notification", manager.COMMON + ".0.1", "i", 1),
            ("applName", manager.APPLICATIONS + ".1.1.2.1", "s", "x"),
            ("a registered user", manager.SERVER + ".1.5.2.1.2.1.1", "s", "x"),
            ("a server of a user agent", manager.UA + ".1.1.1.1.3.1.1", "s", "x")):
        m.one(claim, oid, kind, value, "notWritable")


def no_access(m):
    """What the view of the community does not have is the master's to refuse."""
    enable, create = (NOTIFY_ENABLE + ".1", "x", "00"), (row(ROW_STATUS, *AWAY["absent"]), "i", 4)
    m.case("a community that may only read", [enable], Answer("noAccess", 1), "public")
    m.case("a community that may only read", [create, enable], Answer("noAccess", 1), "public")


# ---------------------------------------------------------------- several objects

def several(m):
    at = AWAY["absent"]
    create, destroy = (row(ROW_STATUS, *at), "i", 4), (row(ROW_STATUS, *at), "i", 6)
    send, emit, thresh = (row(SEND, *at), "i", 1), (row(EMIT, *at), "i", 1), (row(THRESH, *at), "u", 7)
    enable, made = (NOTIFY_ENABLE + ".1", "x", "E0"), (row(INTERVAL, *HERE["made"]), "u", 5)
    back = [destroy, (NOTIFY_ENABLE + ".1", "x", "C0"), (made[0], "u", 60)]
    m.orders("a row made with its columns", [create, send, emit], "noError", restore=back)
    m.orders("a row made, another changed, an instance set", [create, made, enable], "noError", restore=back)
    m.orders("two rows made", [create, (row(ROW_STATUS, EDGE, "A", 100), "i", 4), thresh], "noError",
             restore=back + [(row(ROW_STATUS, EDGE, "A", 100), "i", 6)])
    for status, bad in (("wrongType", (thresh[0], "i", 7)), ("wrongValue", (emit[0], "i", 3)),
                        ("notWritable", (row(manager.CODE_INS, *at), "u", 0)),
                        ("noCreation", (ROW_STATUS + IMPOSSIBLE["code 99"], "i", 4)),
                        ("inconsistentName", (row(SEND, EDGE, "A", 100), "i", 1)),
                        ("inconsistentValue", (row(ROW_STATUS, *HERE["configured"]), "i", 4))):
        m.orders("one of three is wrong", [create, send, bad], status, bad)
        m.orders("one of three is wrong", [enable, made, bad], status, bad)
    for place in range(12):
        many = [(row(ROW_STATUS, EDGE, "MANY", 300 + k), "i", 4) for k in range(11)]
        bad = (row(ROW_STATUS, EDGE, "MANY", 1), "i", 4)
        m.case("one of twelve", many[:place] + [bad] + many[place:], Answer("noCreation", place + 1))
    same_row(m)
    other_modules(m, enable)


def same_row(m):
    """Varbinds of one PDU that say different things about one row."""
    here, at = HERE["observed"], AWAY["absent"]
    create, destroy = (row(ROW_STATUS, *at), "i", 4), (row(ROW_STATUS, *at), "i", 6)
    gone, changed = (row(ROW_STATUS, *here), "i", 6), (row(SEND, *here), "i", 1)
    m.orders("changed and destroyed", [changed, gone], "inconsistentValue", changed)
    m.orders("not there, changed and destroyed", [(row(SEND, *at), "i", 1), destroy], "inconsistentName",
             (row(SEND, *at), "i", 1))
    m.case("made and destroyed", [create, destroy], Answer("inconsistentValue", 2))
    m.case("destroyed and made", [destroy, create], Answer("inconsistentValue", 2))
    m.case("twice, with different values", [changed, (changed[0], "i", 2)], Answer("inconsistentValue", 2))
    m.case("twice, with the same value", [changed, changed], OK)
    m.case("and back", [(changed[0], "i", 2)], OK)
    name, kind = (row(SEND, *at), "i", 1), (row(THRESH, *here), "s", "x")
    for order in itertools.permutations((name, kind)):
        m.case("each by itself comes before all together", list(order), Answer("wrongType", 1 + order.index(kind)))
    for order in itertools.permutations(((row(SEND, *at), "i", 0), kind)):
        m.case("of two that are wrong by themselves the first", list(order),
               Answer("wrongValue" if order[1] == kind else "wrongType", 1))


def other_modules(m, enable):
    """All or nothing over several subtrees of the agent, and over what snmpd itself serves."""
    contact, get = ("1.3.6.1.2.1.1.4.0", "s", "somebody"), lambda: manager.get(m.site, ["1.3.6.1.2.1.1.4.0"])
    before = get()
    for status, bad in (("notWritable", (manager.SERVER + ".1.5.1.1.2.1", "u", 1)),
                        ("notWritable", ("1.3.6.1.2.1.1.1.0", "s", "x")),
                        ("wrongType", (row(SEND, *HERE["made"]), "s", "x")),
                        ("inconsistentName", (row(SEND, *AWAY["absent"]), "i", 1))):
        m.orders("with objects of other modules", [contact, enable, bad], status, bad)
    m.report.check("and sysContact did not change", get() == before, str(get()))
    m.orders("with an object of snmpd", [contact, enable], "noError", restore=[(enable[0], "x", "C0")])


# ---------------------------------------------------------------- what stays

def restarts(site, report, agent, snmpd):
    edge = NOTIFY_ENABLE + ".1"
    thresh = row(THRESH, *HERE["configured"])
    changes = [(edge, "x", "20"), (row(ROW_STATUS, EDGE, "GONE", 400), "i", 4), (thresh, "u", 77),
               (row(ROW_STATUS, EDGE, "INVITE", 500), "i", 6)]
    report.equal("set before the restarts", OK, set_(site, changes))
    kept = state(site)
    snmpd = site.restart_snmpd(snmpd)
    site.wait_served()
    report.equal("snmpd restarted: all as it was", kept, state(site))
    site.reload(agent)
    report.equal("configuration read again: all as it was", kept, state(site))
    site.write_config([EDGE_CONFIG % "10s", CORE_CONFIG])
    site.reload(agent)
    report.check("a row destroyed by SET is back when its configuration changes",
                 state(site).get(row(INTERVAL, EDGE, "INVITE", 500)) == 10, str(state(site)))
    for number in (signal.SIGTERM, signal.SIGKILL):
        set_(site, [(row(ROW_STATUS, EDGE, "GONE", 400), "i", 6)])
        set_(site, [(row(ROW_STATUS, EDGE, "GONE", 400), "i", 4), (thresh, "u", 77)])
        agent.signal(number)
        agent.popen.wait(10)
        harness.wait_for("the agent to be gone", lambda: not site.is_served())
        agent = site.start_sipmibd()
        now = state(site)
        report.equal("sipmibd restarted (%s): notification switches are kept" % number.name, 0x20, now.get(edge))
        report.check("... rows made by SET are not", row(ROW_STATUS, EDGE, "GONE", 400) not in now, str(now))
        report.equal("... rows of the configuration are as it says", 9, now.get(thresh))
    return agent


def restart(site, agent):
    agent.stop()
    harness.wait_for("the agent to be gone", lambda: not site.is_served())
    return site.start_sipmibd()


def damaged(site, report, agent):
    """Settings that cannot be read are set aside, those that cannot be written are not taken."""
    edge, path = NOTIFY_ENABLE + ".1", os.path.join(site.state_dir, "settings")
    with open(path, "rb") as f:
        good = f.read()
    report.check("the settings are in their file", b"edge" in good, str(good))
    for claim, octets in (("cut", good[:len(good) // 2]), ("overwritten", b"\0\xff" * 300), ("empty", b""),
                          ("no version that ever was", good.replace(b"1", b"0", 1))):
        set_(site, [(edge, "x", "20")])
        agent.stop()
        harness.wait_for("the agent to be gone", lambda: not site.is_served())
        with open(path, "wb") as f:
            f.write(octets)
        said = agent.log().count("settings.damaged")
        agent = site.start_sipmibd()
        report.equal("settings %s: the default" % claim, 0xc0, state(site).get(edge))
        with open(path + ".damaged", "rb") as f:
            report.check("... the file is set aside", f.read() == octets)
        report.equal("... and that is said once", said + 1, agent.log().count("settings.damaged"))
        report.equal("... and set anew", OK, set_(site, [(edge, "x", "60")]))
        os.unlink(path + ".damaged")
    agent = restart(site, agent)
    report.equal("which is kept", 0x60, state(site).get(edge))
    os.rename(path, path + ".good")
    os.mkdir(path)
    answer = set_(site, [(edge, "x", "80"), (row(ROW_STATUS, EDGE, "LOST", 400), "i", 4)])
    report.check("settings that cannot be written: %s" % answer.status, answer.status == "commitFailed")
    report.check("... and nothing changed", state(site).get(edge) == 0x60 and
                 row(ROW_STATUS, EDGE, "LOST", 400) not in state(site), str(state(site)))
    os.rmdir(path)
    os.rename(path + ".good", path)
    report.equal("... until they can", OK, set_(site, [(edge, "x", "80")]))
    return agent


def bounds(site, report):
    """No more rows than there may be."""
    names = [row(ROW_STATUS, CORE, "M%d" % (k // 900), 100 + k % 900) for k in range(ROWS_MAX + 2)]
    began, refused = time.monotonic(), []
    for start in range(0, ROWS_MAX, ROWS_A_SET):
        answer = set_(site, [(oid, "i", 4) for oid in names[start:start + ROWS_A_SET]])
        refused += [answer] if answer != OK else []
    report.check("%d rows made by %d SETs in %.1f s" % (ROWS_MAX, ROWS_MAX // ROWS_A_SET, time.monotonic() - began),
                 not refused, str(refused[:3]))
    one_more = [(oid, "i", 4) for oid in names[ROWS_MAX:]]
    report.equal("one more", Answer("resourceUnavailable", 1), set_(site, one_more[:1]))
    report.equal("another instance has its own", OK, set_(site, [(row(ROW_STATUS, EDGE, "ROOM", 200), "i", 4)]))
    report.equal("one is destroyed", OK, set_(site, [(names[0], "i", 6)]))
    report.equal("room for one, not for two", Answer("resourceUnavailable", 2), set_(site, one_more))
    report.equal("and nothing was made", {}, manager.get(site, names[ROWS_MAX:]))
    report.equal("room for one", OK, set_(site, one_more[:1]))
    rows = site.walk_numeric(manager.ROW_STATUS + ".%d" % CORE)
    report.equal("rows in the table", ROWS_MAX, len(rows))


def main():
    harness.need("snmpd", "snmpwalk", "snmpset")
    report = harness.Report()
    with harness.Site() as site:
        site.write_config([EDGE_CONFIG % "9s", CORE_CONFIG])
        snmpd = site.start_snmpd()
        agent = site.start_sipmibd()
        server = writer.Writer(site.runtime_dir, "edge")
        site.at_end.append(server.close)
        for method, code in (OBSERVED, DESTROYED):
            server.response(writer.IN, method, code)
        harness.wait_for("the observed rows", lambda: len(site.walk_numeric(ROW_STATUS)) == 4)
        set_(site, [(row(ROW_STATUS, *AWAY["destroyed"]), "i", 6), (row(ROW_STATUS, *HERE["made"]), "i", 4)])
        matrix = Matrix(site, report)
        for part in (columns, row_status, notify_enable, not_writable, no_access, several):
            part(matrix)
        report.check("%d cases" % matrix.cases, matrix.cases >= 80)
        agent = restarts(site, report, agent, snmpd)
        damaged(site, report, agent)
        bounds(site, report)
    report.exit()


if __name__ == "__main__":
    main()
