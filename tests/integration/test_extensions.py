#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The IETF's extensions to SIP: for each document an exchange crosses an instance of its own, and SNMP says what that
was. One line a document: what was sent ("<") and received (">"), and what the MIB shows, all of it. Some documents once
more by way of HEP."""

import json
import os
import re
import socket
import subprocess
import time

import dialog
import extensions
import harness
import hep_send
import manager
import traps
import writer

PATIENCE_S = 15
CONFIGURED_METHOD = "OPTIONS"
INSTANCE = ("{name: %s, appl_index: %d, roles: [user_agent, proxy_server, registrar_server], methods: [" + CONFIGURED_METHOD +
            "], %swatch: [{method: INVITE, codes: [486], notify: true, emit: normal}]}")
# What the instance of a document is configured with, and what is shown because of that: in the 2xx of 3608 stands
# Supported: path.
CONFIGURED = {
    3608: ("option_tags: {proxy_required: [path], supported: [timer]}, ", ["tag path Proxy-Require Supported",
                                                                          "tag timer Supported"]),
    4168: ("local: ['sctp:192.0.2.10:5060', 'tls-sctp:192.0.2.10:5061'], ", ["port 5060 SCTP", "port 5061 TLS-SCTP"])}
BY_HEP = (3262, 3486, 4168, 5627)  # documents that go by HEP too
HEP_PORTS = ["port 5060 UDP SCTP"]
HEP_INDEX = 100000                 # what is added to the index of those
PSEUDONYM = re.compile(r"(?:To|From): <sip:[0-9a-f]{32}@pseudonym\.invalid>")

# What is shown of a number at the end of an OID: a column of SIP-COMMON-MIB or SIP-SERVER-MIB, and a text for it.
COMMON, SERVER = manager.COMMON, manager.SERVER
SCALARS = {
    COMMON + ".1.3.1.1.1": "in requests %d", COMMON + ".1.3.1.1.2": "out requests %d", COMMON + ".1.3.1.1.3": "in responses %d",
    COMMON + ".1.3.1.1.4": "out responses %d", COMMON + ".1.3.1.1.5": "%d transactions", COMMON + ".1.6.1.1.1": "%d open",
    COMMON + ".1.8.1.1.1": "%d unsupported URIs", COMMON + ".1.8.1.1.2": "%d unsupported methods",
    COMMON + ".1.8.1.1.3": "%d discarded", SERVER + ".1.4.1.1.1": "%d Proxy-Require failures",
    SERVER + ".1.5.1.1.3": "%d users", SERVER + ".1.6.1.1.1": "%d accepted", SERVER + ".1.6.1.1.2": "%d rejected"}
BY_METHOD = {
    COMMON + ".1.4.1.1.2": "%s out %d", COMMON + ".1.4.1.1.3": "%s in %d", COMMON + ".1.7.1.1.2": "%s retries %d",
    COMMON + ".1.7.1.1.3": "%s final again %d", COMMON + ".1.7.1.1.4": "%s provisional again %d"}
BY_CODE = {COMMON + ".1.5.1.1.3": "%s/%d in %d", COMMON + ".1.5.1.1.4": "%s/%d out %d"}
TAG, TAG_FIELDS, ALLOWED = COMMON + ".1.1.3.1.2", COMMON + ".1.1.3.1.3", COMMON + ".1.1.4.1.2"
USER, FAILURES = SERVER + ".1.5.2.1.2", SERVER + ".1.5.2.1.3"
CONTACT_NAME, CONTACT, PREFERENCE = SERVER + ".1.5.3.1.2", SERVER + ".1.5.3.1.3", SERVER + ".1.5.3.1.6"
COLUMN_PARTS = 12  # of the OID of a column, in both modules
PORT = COMMON + ".1.1.2.1.2"
TRANSPORTS = ((0x80, "other"), (0x40, "UDP"), (0x20, "TCP"), (0x10, "SCTP"), (0x08, "TLS"), (0x04, "TLS-SCTP"))
FIELDS = ((0x80, "Require"), (0x40, "Proxy-Require"), (0x20, "Supported"), (0x10, "Unsupported"))


class Columns:
    """All columns of both modules, each {index: (type, value)}."""

    def __init__(self, site):
        self._cells = {}
        for oid, kind, value in site.walk_numeric(COMMON) + site.walk_numeric(SERVER):
            column = ".".join(map(str, oid[:COLUMN_PARTS]))
            self._cells.setdefault(column, {})[oid[COLUMN_PARTS:]] = (kind, value)

    def of(self, column, appl_index):
        """{rest of the index: (type, value)} of one instance."""
        return {index[1:]: cell for index, cell in self._cells.get(column, {}).items() if index[0] == appl_index}

    def numbers(self, column, appl_index):
        return {index: int(value) for index, (_, value) in self.of(column, appl_index).items() if int(value) != 0}

    def texts(self, column, appl_index):
        return {index: manager.octets_of(*cell).decode() for index, cell in self.of(column, appl_index).items()}


def method_of(index):
    return bytes(index[1:1 + index[0]]).decode()


def shown(columns, appl_index):
    """What the MIB shows of an instance: all that is not 0, in words."""
    words = []
    for column, text in SCALARS.items():
        words += [text % number for number in columns.numbers(column, appl_index).values()]
    for column, text in BY_METHOD.items():
        words += [text % (method_of(index), n) for index, n in columns.numbers(column, appl_index).items()]
    for column, text in BY_CODE.items():
        words += [text % (method_of(index), index[-1], n) for index, n in columns.numbers(column, appl_index).items()]
    words += [bits_of("port %d" % index[-1], cell, TRANSPORTS) for index, cell in columns.of(PORT, appl_index).items()]
    return words + words_sent(columns, appl_index) + users(columns, appl_index)


def bits_of(text, cell, names):
    bits = manager.octets_of(*cell)[0]
    return " ".join([text] + [name for bit, name in names if bits & bit])


def words_sent(columns, appl_index):
    words = []
    fields = columns.of(TAG_FIELDS, appl_index)
    for index, tag in columns.texts(TAG, appl_index).items():
        words.append(bits_of("tag " + tag, fields[index], FIELDS))
    allowed = sorted(set(columns.texts(ALLOWED, appl_index).values()) - {CONFIGURED_METHOD})
    return words + (["allows " + " ".join(allowed)] if allowed else [])


def users(columns, appl_index):
    uris, failures = columns.texts(USER, appl_index), columns.numbers(FAILURES, appl_index)
    names, preferences = columns.texts(CONTACT_NAME, appl_index), columns.texts(PREFERENCE, appl_index)
    words = ["user " + uri + (" failures %d" % failures[index] if index in failures else "") for index, uri in uris.items()]
    for index, uri in columns.texts(CONTACT, appl_index).items():
        words.append("contact %s of %s q %s" % (uri, uris.get(index[:1]), preferences.get(index)) +
                     (" name " + names[index] if names.get(index) else ""))
    return words


def notified(receiver):
    """The status code notifications that came, in words, by instance."""
    found = {}
    for n in receiver.received("v2c trap"):
        if n.name != "sipCommonStatusCodeNotif":
            continue
        index = next(oid for oid, _, _ in n.varbinds if oid.startswith(COMMON + ".1.5.1.1.")).split(".")[COLUMN_PARTS + 1:]
        found.setdefault(int(n.value(traps.NOTIFY_INDEX)), []).append("notified %s/%s to %s from %s" % (
            method_of([int(i) for i in index]), index[-1], who(n.value(traps.NOTIFY_TO)), who(n.value(traps.NOTIFY_FROM))))
    return found


def who(octets):
    text = octets.decode()
    if PSEUDONYM.fullmatch(text):
        return "a pseudonym"
    return '"%s"' % re.sub(r".*<sip:(.*)>.*", r"\1", text)


def compressed(site):
    """LANE_SIGCOMP of each instance, which no MIB has an object for."""
    done = subprocess.run([harness.sipstat(), "--json", "--dir", site.runtime_dir], stdout=subprocess.PIPE, check=True,
                          text=True, timeout=20)
    return {i["name"]: ["%d compressed" % i["counters"]["sigcomp"]] for i in json.loads(done.stdout)["instances"]
            if i["counters"].get("sigcomp")}


class Scene:
    """A document's exchange on an instance of its own."""

    def __init__(self, site, document, feed, way="", appl_index=0):
        self.document, self.way = document, way
        self.appl_index, self.name = appl_index or document.rfc, name_of(document.rfc, way)
        self.wire = dialog.Wire(feed)
        document.play(self.wire)
        counts = ["%s %d" % count for count in self.wire.counts.items()]
        configured = HEP_PORTS if way else CONFIGURED.get(document.rfc, ("", []))[1]
        self.expected = sorted(document.shows.strip().split(", ") + counts + configured)

    def shown(self, columns, notifications, others):
        return sorted(shown(columns, self.appl_index) + notifications.get(self.appl_index, []) + others.get(self.name, []))

    def title(self):
        return "RFC %d %s%s: %s" % (self.document.rfc, self.document.title, self.way, self.wire.story())


def name_of(rfc, way=""):
    return "rfc%d%s" % (rfc, way.replace(" ", "-"))


def by_library(site, document):
    """The instance is this process."""
    w = writer.Writer(site.runtime_dir, name_of(document.rfc))
    site.at_end.append(w.close)
    return lambda direction, octets, transport, after_s: w.observe(direction, octets, 10**9 * (1 + after_s),
                                                                   writer.TRANSPORTS[transport])


def hep_host(rfc):
    return "198.51.100.%d" % (1 + BY_HEP.index(rfc))


def by_hep(document, port):
    """The instance is a mirror's. HEP has one number for SCTP, whatever is in it."""
    ours, peer = "%s:" + hep_host(document.rfc) + ":5060", "%s:192.0.2.1:5060"
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    began = time.time() - 60

    def feed(direction, octets, transport, after_s):
        protocol = "sctp" if "SCTP" in transport else "udp"
        ends = (peer % protocol, ours % protocol)
        ends = ends if direction == dialog.IN else ends[::-1]
        sender.sendto(hep_send.packet(*ends, octets, began + after_s), ("127.0.0.1", port))

    return feed


def start(site):
    """snmpd, the agent, who receives notifications, and the collector. Returns the receiver and the collector's port."""
    documents = extensions.DOCUMENTS
    receiver = traps.Receiver(site)
    site.snmpd_lines = receiver.lines(["v2c trap"])
    site.start_snmpd()
    mirrored = [INSTANCE % (name_of(rfc, " by HEP"), HEP_INDEX + rfc, "local: ['udp:%s:5060', 'sctp:%s:5060'], " % (
        hep_host(rfc), hep_host(rfc))) for rfc in BY_HEP]
    site.write_config(mirrored)
    os.rename(site.config_path, site.path("hep.yaml"))
    site.write_config([INSTANCE % (name_of(d.rfc), d.rfc, CONFIGURED.get(d.rfc, [""])[0]) for d in documents] + mirrored)
    site.start_sipmibd()
    collector = site.start("sipstat-hep", [harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"), "-f",
                                           site.path("hep.yaml"), "--listen", "udp:127.0.0.1:0"])
    return receiver, int(collector.wait_log(r"listening on udp:127\.0\.0\.1:(\d+)").group(1))


def wanted(site, count):
    """Until the agent has asked writers of so many instances for what their status codes and registrations are."""
    def asked():
        found = 0
        for name in os.listdir(site.runtime_dir):
            path = os.path.join(site.runtime_dir, name, "interest")
            if os.path.exists(path):
                with open(path, "rb") as f:
                    found += any(f.read()[16:])
        return found >= count
    harness.wait_for("the agent's interest", asked)


def main():
    harness.need("snmpd", "snmpwalk", "snmptrapd")
    report = harness.Report()
    with harness.Site() as site:
        receiver, port = start(site)
        wanted(site, len(extensions.DOCUMENTS) + len(BY_HEP))
        scenes = [Scene(site, d, by_library(site, d)) for d in extensions.DOCUMENTS]
        scenes += [Scene(site, d, by_hep(d, port), " by HEP", HEP_INDEX + d.rfc) for d in extensions.DOCUMENTS if d.rfc in BY_HEP]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            columns, notifications, others = Columns(site), notified(receiver), compressed(site)
            found = [scene.shown(columns, notifications, others) for scene in scenes]
            if found == [scene.expected for scene in scenes] or time.monotonic() > deadline:
                break
            time.sleep(0.3)
        for scene, is_shown in zip(scenes, found):
            differs = "; missing %s; too many %s" % (sorted(set(scene.expected) - set(is_shown)),
                                                     sorted(set(is_shown) - set(scene.expected)))
            report.check("%s; SNMP shows %s" % (scene.title(), ", ".join(is_shown)), is_shown == scene.expected, differs)
    report.exit()


if __name__ == "__main__":
    main()
