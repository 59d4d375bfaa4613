#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""sipmibd and a master that resets connections, lies, or talks nonsense: it answers what can be answered, ends the
session where it cannot go on, comes back, and is there in the end. Nothing is lost or read out of bounds: where the
daemon is built with sanitizers, or runs under valgrind, their reports say so."""

import concurrent.futures
import contextlib
import os
import random
import socket
import struct
import subprocess
import time

import agentx
import harness
import manager
import master
from master import CLEANUP_SET, COMMIT_SET, GET, GET_BULK, GET_NEXT, PING, RESPONSE, TEST_SET, UNDO_SET, pdu

RESETS = 5
AGENTS = 9   # side by side: each waits a second for its next session
NOISES = 14
NAME = "1.3.6.1.2.1.27.1.1.2.1"
ENABLE = agentx.oid(manager.NOTIFY_ENABLE + ".1")
END = struct.pack(">BBBB", 0, 0, 0, 0)
SEED = int(os.environ.get("SIPMIB_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)


def ranges(*names):
    """A search range list: from each name, to nowhere."""
    return b"".join(agentx.oid(name) + END for name in names)


def raw_oid(count, *parts, prefix=0, include=0):
    """An object identifier that says how many parts it has, and has others."""
    return struct.pack(">BBBB%dI" % len(parts), count, prefix, include, 0, *parts)


def varbind(kind, name, value=b""):
    return struct.pack(">HH", kind, 0) + name + value


def octets(length, data):
    return struct.pack(">I", length) + data


def hostile():
    """What it is sent, by name: each alone in a session of its own."""
    oid, get = agentx.oid(NAME), ranges(NAME)
    long_oid = raw_oid(255, *[1] * 255)
    cases = {
        "no AgentX at all": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 20,
        "zeros": bytes(4096),
        "ones": b"\xff" * 4096,
        "another version": pdu(GET, get, version=2),
        "a type that is not": pdu(99, get),
        "type 0": pdu(0),
        "a payload of 4 GiB, as announced": pdu(GET, get, length=0xffffffff),
        "a payload of 2 GiB, as announced": pdu(GET, get, length=0x7fffffff),
        "a payload of 4 GiB less a header": pdu(GET, get, length=0xffffffec),
        "a length that is no multiple of 4": pdu(GET, get + b"x"),
        "a payload longer than announced": pdu(GET, get, length=4),
        "an unknown session": pdu(GET, get, session=4711),
        "no session": pdu(GET, get, session=0),
        "the other order of octets": pdu(GET, get, flags=0),
        "all flags": pdu(GET, get, flags=0xff),
        "a context without a length": pdu(GET, b"", flags=agentx.NETWORK_ORDER | 8),
        "a context longer than the PDU": pdu(GET, octets(1 << 20, b"abcd"), flags=agentx.NETWORK_ORDER | 8),
        "a context of 4 GiB": pdu(GET, octets(0xffffffff, b"abcd"), flags=agentx.NETWORK_ORDER | 8),
        "a context that nobody has": pdu(GET, octets(4, b"abcd") + get, flags=agentx.NETWORK_ORDER | 8),
        "a Get of nothing": pdu(GET),
        "a Get of half a name": pdu(GET, oid[:6]),
        "a Get without an end of the range": pdu(GET, oid),
        "a name of 255 parts": pdu(GET, long_oid + END),
        "a GetNext from 255 parts to 255 parts": pdu(GET_NEXT, long_oid + long_oid),
        "a name that says 255 parts and has one": pdu(GET, raw_oid(255, 1) + END),
        "a name with a prefix and 255 parts": pdu(GET, raw_oid(255, *[1] * 255, prefix=2) + END),
        "a name of no parts": pdu(GET_NEXT, END + END),
        "parts of 32 bits": pdu(GET_NEXT, raw_oid(10, *[0xffffffff] * 10) + END),
        "a range that runs backwards": pdu(GET_NEXT, agentx.oid("1.3.6.1.2.1.149.9") + agentx.oid("1.3")),
        "2,000 ranges": pdu(GET_NEXT, ranges(NAME) * 2000),
        "a GetBulk": pdu(GET_BULK, struct.pack(">HH", 0, 10) + ranges("1.3.6.1.2.1.149")),
        "a GetBulk of 65,535": pdu(GET_BULK, struct.pack(">HH", 0, 65535) + ranges("1.3.6.1.2.1.149") * 100),
        "a GetBulk of nothing": pdu(GET_BULK, struct.pack(">HH", 65535, 65535)),
        "half a GetBulk": pdu(GET_BULK, b"\0\0"),
        "a CommitSet without a TestSet": pdu(COMMIT_SET),
        "an UndoSet without a TestSet": pdu(UNDO_SET),
        "a CleanupSet without a TestSet": pdu(CLEANUP_SET),
        "a TestSet, and another of the same transaction":
            pdu(TEST_SET, varbind(4, ENABLE, octets(1, b"\x80\0\0\0"))) * 2,
        "all of a SET backwards": pdu(CLEANUP_SET) + pdu(UNDO_SET) + pdu(COMMIT_SET) +
            pdu(TEST_SET, varbind(4, ENABLE, octets(1, b"\x80\0\0\0"))),
        "a TestSet, and commits for others": pdu(TEST_SET, varbind(4, ENABLE, octets(1, b"\x80\0\0\0"))) +
            pdu(COMMIT_SET, transaction=2) + pdu(CLEANUP_SET, transaction=3) + pdu(UNDO_SET, transaction=4),
        "a TestSet of nothing": pdu(TEST_SET) + pdu(COMMIT_SET) + pdu(CLEANUP_SET),
        "a TestSet of an octet string of 4 GiB": pdu(TEST_SET, varbind(4, ENABLE, octets(0xffffffff, b"abcd"))),
        "a TestSet of an octet string past the end":
            pdu(TEST_SET, varbind(4, ENABLE, octets(64, b"abcd"))),
        "a TestSet of 64 KiB": pdu(TEST_SET, varbind(4, ENABLE, octets(65536, bytes(65536)))),
        "a TestSet of a type that is not": pdu(TEST_SET, varbind(77, ENABLE, bytes(8))),
        "a TestSet of half an integer": pdu(TEST_SET, varbind(2, ENABLE, b"\0\0")),
        "a TestSet of half a Counter64": pdu(TEST_SET, varbind(70, ENABLE, b"\0\0\0\0")),
        "a TestSet of an IpAddress of 9 octets": pdu(TEST_SET, varbind(64, ENABLE, octets(9, bytes(12)))),
        "a TestSet of a long name as value": pdu(TEST_SET, varbind(6, ENABLE, raw_oid(200, 1))),
        "a TestSet without a value": pdu(TEST_SET, struct.pack(">HH", 4, 0)),
        "a Response that nobody asked for": pdu(RESPONSE, struct.pack(">IHH", 1, 0, 0), packet=999),
        "a Response with nothing in it": pdu(RESPONSE, b"", packet=1),
        "a Response with half a varbind": pdu(RESPONSE, struct.pack(">IHH", 1, 0, 0) + b"\0\4\0\0", packet=2),
        "a Ping from the master": pdu(PING),
        "an Open from the master": pdu(master.OPEN, bytes((5, 0, 0, 0)) + agentx.oid("0.0") + octets(0, b"")),
        "an Open whose text is past the end": pdu(master.OPEN, bytes((5, 0, 0, 0)) + END + octets(999, b"")),
        "a Register from the master": pdu(master.REGISTER, struct.pack(">BBBB", 0, 127, 9, 0) + agentx.oid("1.3.6")),
        "a Close that gives no reason": pdu(2),
        "an Unregister": pdu(4, struct.pack(">BBBB", 0, 127, 0, 0) + agentx.oid("1.3.6.1.2.1.149.1")),
        "a Notify": pdu(master.NOTIFY, varbind(67, agentx.oid("1.3.6.1.2.1.1.3.0"), struct.pack(">I", 1))),
        "an IndexAllocate": pdu(master.INDEX_ALLOCATE, varbind(2, agentx.oid(NAME), struct.pack(">I", 1))),
        "AddAgentCaps": pdu(16, agentx.oid("1.3.6.1") + octets(1 << 31, b"abcd")),
        "1,000 Gets at once": b"".join(pdu(GET, get, packet=i) for i in range(1000)),
    }
    for kind in range(1, 19):
        cases["PDU %d with no payload but its length" % kind] = pdu(kind, length=8)
    return cases


def noise(seed):
    """Good PDUs with some octets changed."""
    chance = random.Random(seed)
    good = [pdu(GET, ranges(NAME)), pdu(GET_NEXT, ranges("1.3.6.1.2.1.149", "1.3.6.1.2.1.27")),
            pdu(TEST_SET, varbind(4, ENABLE, octets(1, b"\x80\0\0\0"))), pdu(COMMIT_SET), pdu(CLEANUP_SET),
            pdu(GET_BULK, struct.pack(">HH", 1, 5) + ranges("1.3.6.1.2.1.149", NAME))]
    stream = b""
    for _ in range(200):
        octet = bytearray(chance.choice(good))
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(octet))
            if not 16 <= at < 20:  # the length: else all that follows is no PDU
                octet[at] = chance.choice((0, 1, 255, 127, 128, chance.randrange(256)))
        stream += bytes(octet)
    return stream


class Hostility:
    """One agent and its bad master. A session is used on while it lives."""

    def __init__(self, site, report):
        site.write_config(["{name: edge, appl_index: 1, roles: [proxy_server]}"])
        self.site, self.report = site, report
        self.master = master.Master(site.agentx_socket)
        self.agent = site.start_sipmibd(wait=False)
        self.session = self.master.accept()
        self.kept = self.ended = 0

    def new_session(self):
        self.session.close()
        self.session = self.master.accept()

    def end(self):
        """The agent's end: its status says whether a sanitizer had to complain."""
        self.session.close()
        self.master.close()
        self.report.equal("it ends well; sessions that went on: %d, that ended: %d" % (self.kept, self.ended), 0,
                          self.agent.stop(60))

    def is_well(self):
        """It answers a Get in this session. Until then comes what the agent had to say to what it was sent."""
        try:
            self.session.socket.sendall(pdu(GET, ranges(NAME), packet=0x600d))
            while True:
                got = self.session.take()
                if got is None:
                    return False
                if got[0] == RESPONSE and got[4] == 0x600d:
                    return b"edge" in got[5]
                if got[0] != RESPONSE:
                    self.session.answer(got)
        except OSError:
            return False

    def send(self, data):
        """It goes on in this session, or in the next one; which of both, only the totals say."""
        try:
            self.session.socket.sendall(data)
        except OSError:
            pass
        # An announced payload that does not come is waited for, and swallows the Get: that is no fault of the agent's.
        self.session.socket.settimeout(0.5)
        well = self.is_well()
        self.kept += well
        if not well:
            self.ended += 1
            self.new_session()
            well = self.is_well()
        self.session.socket.settimeout(master.PATIENCE_S)
        return well and self.agent.is_running()


def attack(h, cases):
    for claim, data in cases:
        h.report.check(claim + ": it is there", h.send(data))


def resets(h):
    """A master that ends with the agent's Ping unread: the kernel resets the connection."""
    for count in range(RESETS):
        if not h.session.wait_readable():
            break
        h.new_session()
    h.report.equal("reset with something unread: it came back each time", RESETS, count + 1)


def beginnings(h):
    """What is no answer to the Open, or to a Register: the connection ends after it."""
    fine = struct.pack(">IHH", 1, 0, 0)
    answers = {
        "nothing": b"",
        "zeros": bytes(64),
        "an error": pdu(RESPONSE, struct.pack(">IHH", 1, 256, 0)),
        "a Response with nothing in it": pdu(RESPONSE),
        "a Response and half a varbind": pdu(RESPONSE, fine + b"\0\4\0\0"),
        "a Response and a name past the end": pdu(RESPONSE, fine + varbind(4, raw_oid(255, 1))),
        "a Response of 4 GiB": pdu(RESPONSE, fine, length=0xfffffffc),
        "a Get": pdu(GET, ranges(NAME)),
        "a whole SET backwards": pdu(CLEANUP_SET) + pdu(COMMIT_SET) + pdu(TEST_SET),
    }
    for claim, answer in answers.items():
        h.session.close()
        h.session, got = h.master.accept_open()
        # As the answer to this very PDU: its number stands in octets 12 to 15, in the order of the flags.
        h.session.socket.sendall(answer[:12] + struct.pack(">I", got[4]) + answer[16:])
        h.report.check("%s for an answer to the Open: it is there" % claim, h.agent.is_running())
    # Not requests: net-snmp then waits for the end of its patience, twice, before it sees that the connection is gone.
    for claim, answer in list(answers.items())[:-2]:
        h.session.close()
        h.session, got = h.master.accept_open()
        h.session.answer(got)
        got = h.session.take()
        h.session.socket.sendall(answer[:12] + struct.pack(">I", got[4] if got else 0) + answer[16:])
        h.report.check("%s for an answer to a Register: it is there" % claim, h.agent.is_running())
    h.new_session()
    h.report.check("beginnings that go wrong: it comes back", h.is_well())


def breaks(h):
    """Connections that end in the middle of everything."""
    whole = pdu(GET, ranges(NAME))
    for cut in (1, 19, 20, 21, len(whole) - 1):
        h.session.socket.sendall(whole[:cut])
        h.session.socket.shutdown(socket.SHUT_WR)
        h.new_session()
    h.report.check("cut off after each part of a PDU: it comes back", h.is_well())


def slow(h):
    """Octet by octet, and silence in the middle of a PDU."""
    for octet in pdu(GET, ranges(NAME), packet=1):
        h.session.socket.sendall(bytes([octet]))
        time.sleep(0.01)  # so that it sees them one by one
    h.report.check("octet by octet: answered", h.is_well())
    h.session.socket.sendall(pdu(GET, ranges(NAME))[:30])
    told = subprocess.run([harness.sipstat(), "-D", h.site.runtime_dir, "--agent"], env=h.site.env, timeout=30,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False)
    h.report.equal("silence within a PDU: the agent says how it is", 0, told.returncode)
    h.new_session()
    h.report.check("silence within a PDU: a new session", h.is_well())


def main():
    report = harness.Report()
    cases = [(claim, data) for claim, data in hostile().items()]
    cases += [("noise, seed %d" % (SEED + n), noise(SEED + n)) for n in range(NOISES)]
    with contextlib.ExitStack() as sites:
        all_of_them = [Hostility(sites.enter_context(harness.Site("hostile-master-")), report) for _ in range(AGENTS)]
        jobs = [lambda h, share=cases[k::AGENTS - 2]: attack(h, share) for k in range(AGENTS - 2)]
        jobs += [beginnings, lambda h: (resets(h), breaks(h), slow(h))]
        with concurrent.futures.ThreadPoolExecutor(AGENTS) as pool:
            for done in [pool.submit(job, h) for job, h in zip(jobs, all_of_them)]:
                done.result()
        for h in all_of_them:
            h.end()
    report.exit()


main()
