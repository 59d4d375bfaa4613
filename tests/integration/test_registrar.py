#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Kamailio as registrar, mirrored over HEP: after 5,000 registrations, refreshes, un-registrations and expiries its own
list of bindings (ul.dump by RPC) equals sipServerRegUserTable and sipServerRegContactTable: the same users, contacts,
expiries to two seconds, and preferences."""

import json
import os
import random
import re
import select
import socket
import time

import harness
import registrations
import servers

REQUESTS = int(os.environ.get("SIPMIB_REGISTRATIONS", "5000"))
WINDOW = 32          # requests under way
AGAIN_S = 0.5        # when one is sent again
LONG_S, SHORT_S = (600, 900, 3600), (2, 3, 4)
DOMAIN = "example.org"
APPL_INDEX = 3

REGISTER = ("REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%d;rport;branch=z9hG4bK%s-%d\r\nMax-Forwards: 70\r\n"
            "From: <%s>;tag=%s\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: %d REGISTER\r\n%sContent-Length: 0\r\n\r\n")
KAMAILIO = """loadmodule "jsonrpcs.so"
modparam("jsonrpcs", "transport", 2)
modparam("jsonrpcs", "fifo_name", "%s/rpc")
modparam("jsonrpcs", "fifo_reply_dir", "%s/")
modparam("usrloc", "timer_interval", 1)
modparam("usrloc", "use_domain", 1)
modparam("registrar", "min_expires", 1)
"""


class User:
    """Somebody with a few phones, who does one thing after the other."""

    def __init__(self, number, dice):
        self.name, self.number, self.dice, self.cseq, self.phones = "u%04d" % number, number, dice, 0, 0

    def contact(self, phone, expires, q=None):
        uri = "sip:%s@10.%d.%d.%d:5060" % (self.name, phone, self.number >> 8, self.number & 255)
        more = ";transport=tcp" if phone == 2 else ""
        outbound = ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-%04x%08x>";reg-id=1' % (phone, self.number) \
            if phone == 3 else ""
        return 'Contact: "Some Body" <%s%s>%s%s%s\r\n' % (uri, more, ";q=%s" % q if q else "",
                                                      "" if expires is None else ";expires=%d" % expires, outbound)

    def lines(self, what):
        """The Contact lines of the next request."""
        dice, phone = self.dice, self.dice.randint(1, max(self.phones, 1))
        if what == "first":
            self.phones = dice.randint(1, 3)
            return "".join(self.contact(p, dice.choice(LONG_S), dice.choice((None, "0.1", "0.75", "1.0")))
                           for p in range(1, self.phones + 1))
        if what == "refresh":
            return "".join(self.contact(p, dice.choice(LONG_S)) for p in range(1, self.phones + 1))
        if what == "default":
            return self.contact(phone, None, "0.5") + "Expires: 1800\r\n"
        if what == "another":
            self.phones += 1
            return self.contact(self.phones, dice.choice(LONG_S), "0.333")
        if what == "short":
            return self.contact(phone, dice.choice(SHORT_S))
        if what == "zero":
            return self.contact(phone, 0)
        if what == "star":
            return "Contact: *\r\nExpires: 0\r\n"
        return ""  # "query"

    def request(self, what, port, server):
        self.cseq += 1
        host = DOMAIN.upper() if self.cseq % 2 else DOMAIN
        aor = "sip:%s@%s" % (self.name, host)
        return REGISTER % (server, port, self.name, self.cseq, aor, self.name, aor, self.name, self.cseq, self.lines(what))


class Client:
    """REGISTERs by UDP, at most WINDOW under way, each sent again until it is answered."""

    def __init__(self, server_port):
        self.server_port, self.codes = server_port, {}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.connect(("127.0.0.1", server_port))
        self.port = self.socket.getsockname()[1]

    def play(self, steps):
        """(user, what) each; a user has one request under way at most when users differ within a window."""
        steps, open_requests = list(reversed(steps)), {}
        while steps or open_requests:
            while steps and len(open_requests) < WINDOW:
                user, what = steps.pop()
                text = user.request(what, self.port, DOMAIN).encode()
                open_requests["%s-%d" % (user.name, user.cseq)] = [text, 0.0]
            self._send_due(open_requests)
            self._receive(open_requests)

    def _send_due(self, open_requests):
        now = time.monotonic()
        for entry in open_requests.values():
            if now - entry[1] >= AGAIN_S:
                self.socket.send(entry[0])
                entry[1] = now

    def _receive(self, open_requests):
        while select.select([self.socket], [], [], 0.01)[0]:
            text = self.socket.recv(65536).decode("latin-1")
            branch = re.search(r"branch=z9hG4bK([\w-]+)", text).group(1)
            code = int(text.split()[1])
            if code >= 200 and open_requests.pop(branch, None):
                self.codes[code] = self.codes.get(code, 0) + 1
                return


def plan(dice):
    """Everybody registers; then each does something else, in another order."""
    users = [User(n, dice) for n in range(REQUESTS // 2)]
    steps = [(user, "first") for user in users]
    dice.shuffle(users)
    later = dice.choices(("refresh", "another", "default", "short", "zero", "star", "query"), (30, 15, 10, 20, 10, 10, 5),
                         k=REQUESTS - len(steps))
    return steps + list(zip(users + users, later))


def parse_dump(reply, now):
    """What ul.dump says: {address-of-record: {URI: (expiry, q as a number or None)}}."""
    names = {}
    for domain in reply["result"]["Domains"]:
        for aor in domain["Domain"]["AoRs"]:
            contacts = names.setdefault(aor["Info"]["AoR"], {})
            for entry in aor["Info"]["Contacts"]:
                c = entry["Contact"]
                contacts[c["Address"]] = (now + c["Expires"], c["Q"] if c["Q"] >= 0 else None)
    return names


def kamailio_bindings(directory):
    """Its own list, as `kamctl ul show` asks for it: by pipes."""
    reply_path = os.path.join(directory, "reply")
    if not os.path.exists(reply_path):
        os.mkfifo(reply_path, 0o600)
    reader = os.open(reply_path, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(reader, True)
    with open(os.path.join(directory, "rpc"), "w", encoding="ascii") as f:
        f.write(json.dumps({"jsonrpc": "2.0", "method": "ul.dump", "reply_name": "reply", "id": 1}))
    harness.wait_for("Kamailio to answer", lambda: select.select([reader], [], [], 0.1)[0], 20)
    now = time.time()
    with os.fdopen(reader, encoding="utf-8") as f:
        return parse_dump(json.load(f), now)


def differences(expected, served):
    """What is not the same, in words; few of them."""
    wrong = ["%s is %s" % (name, "missing" if name in expected else "too much") for name in
             sorted(set(expected) ^ set(served))]
    for name in sorted(set(expected) & set(served)):
        if set(expected[name]) != set(served[name]):
            wrong.append("%s: %s, served %s" % (name, sorted(expected[name]), sorted(served[name])))
            continue
        for uri, (expiry, q) in expected[name].items():
            got_expiry, got_q = served[name][uri]
            if abs(expiry - got_expiry) > 2:
                wrong.append("%s: %s ends %+.0f s off" % (name, uri, got_expiry - expiry))
            if "." not in got_q or abs(float(got_q) - (1.0 if q is None else q)) > 0.0005:
                wrong.append("%s: %s has q %s, served %s" % (name, uri, q, got_q))
    return wrong


def check_registrar(report, client, steps, bindings):
    """That Kamailio did what it was asked: else there is nothing to compare."""
    report.equal("Kamailio answers every REGISTER with 200", {200: len(steps)}, client.codes)
    count = sum(map(len, bindings.values()))
    report.check("Kamailio has %d users with %d contacts" % (len(bindings), count),
                 len(bindings) > REQUESTS / 4 and count > len(bindings))


def check_served(report, site, bindings):
    served, began = {}, time.monotonic()
    wrong = ["nothing read"]
    while wrong and time.monotonic() < began + 10:
        users, contacts, in_order = registrations.read(site, APPL_INDEX)
        served = registrations.by_name(users, contacts)
        wrong = differences(bindings, served)
        if wrong:
            time.sleep(0.5)
            bindings = kamailio_bindings(site.directory)
    report.check("SNMP serves the same users, contacts, expiries and preferences", not wrong,
                 "%d: %s" % (len(wrong), "; ".join(wrong[:5])))
    report.check("both tables come in order", in_order)
    report.equal("sipServerRegCurrentUsers", len(bindings), registrations.current_users(site, APPL_INDEX))


def main():
    harness.need("snmpd", "snmpbulkwalk", "kamailio", harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"))
    report = harness.Report()
    with harness.Site() as site:
        port = harness.free_port()
        site.write_config(["{name: registrar, appl_index: %d, roles: [registrar_server], local: [\"udp:127.0.0.1:%d\"], "
                           "registrar: {expose: full}}" % (APPL_INDEX, port)])
        site.start_snmpd()
        site.start_sipmibd()
        _, hep_port = servers.start_hep(site)
        servers.start_kamailio(site, port, hep_port, KAMAILIO % (site.directory, site.directory), shared_mb=256,
                               private_mb=64)
        client, steps = Client(port), plan(random.Random(4780))
        client.play(steps)
        time.sleep(max(SHORT_S) + 2)
        bindings = kamailio_bindings(site.directory)
        check_registrar(report, client, steps, bindings)
        check_served(report, site, bindings)
    report.exit()


if __name__ == "__main__":
    main()
