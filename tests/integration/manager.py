# SPDX-License-Identifier: BSD-2-Clause
"""What an SNMP manager does beside reading: SET by real snmpset, with error status and error index as they came over
the wire, and the numbers of our objects."""

import re
import typing

import harness

ERRORS = ("noError", "tooBig", "noSuchName", "badValue", "readOnly", "genErr", "noAccess", "wrongType", "wrongLength",
          "wrongEncoding", "wrongValue", "noCreation", "inconsistentValue", "resourceUnavailable", "commitFailed",
          "undoFailed", "authorizationError", "notWritable", "inconsistentName")
DUMP_HEX = slice(6, 57)  # of a line of -d
TIMEOUT = ["-t", "5", "-r", "1"]

CREATE_AND_GO, DESTROY = 4, 6
NORMAL, ONE_SHOT, TRIGGERED = 1, 2, 3
TRUE, FALSE = 1, 2

COMMON, UA, SERVER, APPLICATIONS = "1.3.6.1.2.1.149", "1.3.6.1.2.1.150", "1.3.6.1.2.1.151", "1.3.6.1.2.1.27"
NOTIFY_ENABLE = COMMON + ".1.1.1.1.7"
OPER_STATUS, START_TIME, LAST_CHANGE = (COMMON + ".1.1.1.1.%d" % n for n in (2, 3, 4))
CODE_METHOD, CODE_VALUE, CODE_INS, CODE_OUTS, ROW_STATUS, CODE_DISCON = (COMMON + ".1.5.1.1.%d" % n for n in range(1, 7))
SEND, EMIT, THRESH, INTERVAL = (COMMON + ".1.5.2.1.%d" % n for n in range(1, 5))


class Answer(typing.NamedTuple):
    """What a SET came to: error-status by name, error-index from 1 (0: none)."""
    status: str
    index: int

    def __str__(self):
        return self.status if not self.index else "%s at %d" % self


OK = Answer("noError", 0)


def row(column, appl_index, method, code):
    """The object of a status code row: the method is a length and its octets."""
    return "%s.%d.%d.%s%d" % (column, appl_index, len(method), "".join("%d." % octet for octet in method.encode()), code)


def set_(site, varbinds, community="private"):
    """One SET of [(OID, type of snmpset(1), value)]."""
    arguments = [str(part) for oid, kind, value in varbinds for part in ("." + oid, kind, value)]
    done = site._snmp("snmpset", ["-m", "", "-On", "-d"] + TIMEOUT, arguments, check=False, community=community)
    answer = answer_of(done.stdout)
    if answer is None or (answer == OK) != (done.returncode == 0):
        raise RuntimeError("snmpset: status %s\n%s" % (done.returncode, done.stdout))
    return answer


def get(site, oids):
    """{OID: (type, value)} of those that are there. One request."""
    done = site._snmp("snmpget", ["-m", "", "-One"] + TIMEOUT, ["." + oid for oid in oids])
    return {".".join(map(str, oid)): (kind, value) for oid, kind, value in harness.parse_all_numeric(done.stdout)
            if not is_exception(kind, value)}


def is_exception(kind, value):
    return not kind and re.match(r"No (Such|more)", value) is not None


def answer_of(dump):
    """Error status and index of the last packet that a net-snmp tool says it received (option -d)."""
    packets = re.findall(r"(?m)^Received \d+ byte packet from .*\n((?:\d{4}: .*\n?)+)", dump)
    if not packets:
        return None
    octets = bytes(int(pair, 16) for line in packets[-1].splitlines() for pair in line[DUMP_HEX].split())
    message = _parts(octets)[0][1]
    pdu = _parts(message)[2][1]
    numbers = [int.from_bytes(value, "big", signed=True) for tag, value in _parts(pdu)[:3]]
    return Answer(ERRORS[numbers[1]] if numbers[1] < len(ERRORS) else str(numbers[1]), numbers[2])


def _parts(octets):
    """[(tag, value)] of BER."""
    parts = []
    while len(octets) > 1:
        tag, length, at = octets[0], octets[1], 2
        if length & 0x80:
            at += length & 0x7f
            length = int.from_bytes(octets[2:at], "big")
        parts.append((tag, octets[at:at + length]))
        octets = octets[at + length:]
    return parts


def octets_of(kind, value):
    """The octets of a string as -One printed it."""
    if kind == "Hex-STRING" or kind == "BITS":
        return bytes(int(pair, 16) for pair in re.findall(r"\b[0-9A-Fa-f]{2}\b", value))
    return re.sub(r"\\(.)", r"\1", value[1:-1] if value.startswith('"') else value, flags=re.S).encode()
