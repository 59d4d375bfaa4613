# SPDX-License-Identifier: BSD-2-Clause
"""sipServerRegUserTable and sipServerRegContactTable as SNMP serves them: whole, in order, and with the types that they
should have."""

import calendar
import re
import subprocess

import harness

REG_USERS = (1, 3, 6, 1, 2, 1, 151, 1, 5, 1, 1, 3)  # sipServerRegCurrentUsers
USERS = (1, 3, 6, 1, 2, 1, 151, 1, 5, 2, 1)
CONTACTS = (1, 3, 6, 1, 2, 1, 151, 1, 5, 3, 1)


def dotted(oid):
    return "." + ".".join(map(str, oid))


def _value(kind, text):
    if kind in ("Hex-STRING", "STRING") or text == '""':
        return bytes.fromhex(text) if kind == "Hex-STRING" else text.strip('"').encode()
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _variable(entry):
    match = re.match(r"\.([\d.]+) = (?:([\w-]+): ?)?(.*)$", entry, re.S)
    if not match:
        return None
    kind = match.group(2) or ""
    return tuple(map(int, match.group(1).split("."))), kind, _value(kind, match.group(3).strip())


def stream(site, oid):
    """One column or table by GETBULK, as it comes: (oid, type, value). Texts are bytes, numbers int."""
    walker = harness.spawn(["snmpbulkwalk", "-v2c", "-c", "public", "-m", "", "-Onxt", "-Cr50", "-t", "5", "-r", "5",
                            "127.0.0.1:%d" % site.snmp_port, dotted(oid)], env=site.env, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True)
    entry = ""
    for line in walker.stdout:
        if entry and line.startswith(".1."):  # long texts in hexadecimal take several lines
            yield _variable(entry) or _fail(entry)
            entry = ""
        entry += line
    if walker.wait() != 0:
        _fail(entry)
    if entry and _variable(entry):
        yield _variable(entry)


def _fail(text):
    raise RuntimeError("snmpbulkwalk: " + text)


def walk(site, oid):
    """The same as a list. Empty when there is no such object."""
    return [v for v in stream(site, oid) if "No Such" not in str(v[2]) and not v[1].startswith("No")]


def date_unix(octets):
    """DateAndTime (RFC 2579) of 11 octets as Unix time."""
    year, month, day, hour, minute, second, _ = (octets[0] << 8 | octets[1],) + tuple(octets[2:8])
    away = (octets[9] * 60 + octets[10]) * 60 * (1 if octets[8:9] == b"+" else -1)
    return calendar.timegm((year, month, day, hour, minute, second)) - away


def is_ordered(rows):
    return all(a[0] < b[0] for a, b in zip(rows, rows[1:]))


def _columns(rows, table, appl_index):
    """{index: {column: value}} of one application."""
    at = len(table)
    found = {}
    for oid, _, value in rows:
        if oid[at + 1] == appl_index:
            found.setdefault(oid[at + 2:], {})[oid[at]] = value
    return found


def read(site, appl_index):
    """(users, contacts, in_order): {(user,): (uri, failures)}, {(user, contact): (uri, name, updated, expiry, q)}."""
    user_rows, contact_rows = walk(site, USERS), walk(site, CONTACTS)
    users = {i: (c[2].decode(), c[3]) for i, c in _columns(user_rows, USERS, appl_index).items()}
    contacts = {i: (c[3].decode(), c[2].decode(), c[4], date_unix(c[5]), c[6].decode())
                for i, c in _columns(contact_rows, CONTACTS, appl_index).items()}
    return users, contacts, is_ordered(user_rows) and is_ordered(contact_rows)


def by_name(users, contacts):
    """{address-of-record: {contact URI: (expiry, q)}}"""
    names = {uri: {} for uri, _ in users.values()}
    for (user, _), (uri, _, _, expiry, q) in contacts.items():
        names[users[(user,)][0]][uri] = (expiry, q)
    return names


def current_users(site, appl_index):
    rows = walk(site, REG_USERS)
    return {oid[-1]: value for oid, _, value in rows}.get(appl_index)
