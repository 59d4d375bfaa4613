#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Whoever may write lanes tries to hurt the agent, or an instance that is not its own. One line a case: what was done,
what the agent did, and what it cost. Whatever it is: the agent lives, answers for the other instance within a second,
says it in few lines, and all that honest writers count is served, those of the instance under attack included.

    test_hostile.py [PATTERN]     only the cases whose names match"""

import fcntl
import os
import socket
import stat
import struct
import time

import harness
import hostile
import hostile_lanes as lanes
from hostile_lanes import record

MANY = int(os.environ.get("HOSTILE_MANY", "5000"))  # lanes and files of junk: more than the agent takes. The full measure is 10000
ODD_NAMES = (b"\n2026-01-01T00:00:00.000 sipmibd[1] error: agent: all is lost.lane", b"\x1b[2J\x1b]0;owned\x07.lane",
             b"\xff\xfe\xc0\xaf.lane", b"%s%n%s%n.lane", b"..lane", b".hidden.lane", b"...lane", b"-rf.lane",
             b"\xe2\x80\xaetxet.lane", b"x" * 250 + b".lane", b"\\..\\..\\x.lane")


CASES = hostile.Cases()
case = CASES.case


# ---------------------------------------------------------------- files that are no lanes


def no_lane(name, make, page="not a regular file", **options):
    CASES.add(name, lambda a: (make(a.path("x.lane"), a), a.lanes_are("set_aside", 1)), page=page, **options)


def make_socket(path, a):
    here = os.open(a.directory, os.O_PATH)
    s = socket.socket(socket.AF_UNIX)
    s.bind("/proc/self/fd/%d/x.lane" % here)
    s.close()
    os.close(here)


def make_sparse(path, a):
    with open(path, "wb") as f:
        f.write(a.image().octets)
        f.truncate(4 << 40 if os.statvfs(a.directory).f_bsize else 1 << 30)


def make_foreign(path, a):
    a.lane("x.lane", b"nobody's\n" * 99).close()
    os.chown(path, 65534, 65534)
    os.chmod(path, 0o600)


no_lane("a FIFO", lambda path, a: os.mkfifo(path))
no_lane("a directory", lambda path, a: os.mkdir(path))
no_lane("a socket", make_socket)
no_lane("a symbolic link to the honest instance's lane",
        lambda path, a: os.symlink("../honest/" + next(n for n in os.listdir(a.site.runtime_dir + "/honest")
                                                       if n.endswith(".lane")), path))
no_lane("a symbolic link to /dev/zero", lambda path, a: os.symlink("/dev/zero", path))
no_lane("a dangling symbolic link", lambda path, a: os.symlink("nowhere", path))
no_lane("a symbolic link to itself", lambda path, a: os.symlink("x.lane", path))
no_lane("an empty file", lambda path, a: a.lane("x.lane", b""), page="truncated")
no_lane("a file of four terabytes, sparse", make_sparse, page="octets long instead of")
no_lane("a hard link to a lane of the same instance",
        lambda path, a: os.link(a.path(next(n for n in a.keep if n.endswith(".lane"))), path), page="it is a copy of")
no_lane("a hard link to the other instance's lane",
        lambda path, a: os.link(next(e.path for e in os.scandir(a.site.runtime_dir + "/honest")
                                     if e.name.endswith(".lane")), path), page='of instance "honest"')
if os.geteuid() == 0:
    no_lane("a device", lambda path, a: os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5)))
    no_lane("another user's file, unreadable to others", make_foreign, page="not a lane")


# ---------------------------------------------------------------- lies in the header

HUGE = (1 << 64) - 1
BEYOND = (0, 1, 7, 4095, 1 << 31, 0xffffffff)
BAD_HEADERS = {"header.magic": (0, 1, HUGE), "header.abi": (0, 1, 3, 0xffffffff), "header.header_octets": BEYOND,
               "header.file_octets": (0, 1, 1 << 40, HUGE), "header.flags": (4, 1 << 31, 0xffffffff),
               "header.ring_octets": BEYOND + (16385, 32768, 128 << 20)}
BAD_HEADERS.update(("header.%s_offset" % name, BEYOND + (8192,)) for name in
                   ("live", "methods", "cells", "names", "notes", "words", "ring", "ring_data"))
BAD_TEXTS = {"header.instance": (b"honest", b"", b"victim\n", b"x" * 64, b"../honest", b"\xff\xfe", b"victim/"),
             "header.software": (b"x" * 64, b"\xff" * 64), "header.program": (b"x" * 64,)}
FREE_NUMBERS = {"header.pid": (-1, 0, 1 << 62), "header.tid": (-1, 0), "header.started_monotonic_ns": (0, 1, HUGE, 1 << 63),
                "header.started_realtime_ns": (0, HUGE)}
FREE_TEXTS = {"header.software": (b"", b"\x1b[31m\n\xff\xfe%n", b"\xe2\x82" * 20, b"\xc0\x80"),
              "header.program": (b"\x1b[2J\r\n", b"\xff" * 63)}


def set_field(image, field, value):
    return image.put_text(field, value) if isinstance(value, bytes) else image.put(field, value)


def refused(field, values):
    """One lane for each value: all are set aside."""
    def attack(a):
        for k, value in enumerate(values):
            a.lane("x%d.lane" % k, set_field(a.image(), field, value))
        a.lanes_are("set_aside", len(values))
    CASES.add("%d lies in %s" % (len(values), field), attack, lines=len(values), page="x0.lane set aside")


def taken(field, values):
    """One lane for each value: all are served, since nothing follows from the field."""
    def attack(a):
        for k, value in enumerate(values):
            a.lane("x%d.lane" % k, set_field(a.image(), field, value))
        a.lanes_are("writers", 1 + len(values))
    CASES.add("%d odd values of %s" % (len(values), field), attack, lines=0)


for bad in (BAD_HEADERS, BAD_TEXTS):
    for bad_field in bad:
        refused(bad_field, bad[bad_field])
for free in (FREE_NUMBERS, FREE_TEXTS):
    for free_field in free:
        taken(free_field, free[free_field])


# ---------------------------------------------------------------- lies after the lane was believed


def poked(name, *pokes, page="set aside: damaged", **options):
    """One lane for each poke, a list of (field, row, value): all were good until then, and are damaged by it."""
    def attack(a):
        made = [a.lane("x%d.lane" % k) for k in range(len(pokes))]
        a.lanes_are("writers", 1 + len(made))
        for lane, changes in zip(made, pokes):
            poke(a, lane, changes)
        a.lanes_are("set_aside", len(made))
    CASES.add(name, attack, lines=len(pokes), page=page, **options)


def poke(a, lane, changes):
    image = a.image()
    for field, row, value in changes:
        offset, octets = a.fields[field]
        octets = min(octets, 8)
        image.put(field, value, row)
        lane.poke(offset + row * octets, bytes(image.octets[offset + row * octets:offset + (row + 1) * octets]))


CELL_KEY, CELL_IN, METHOD_IN_OF_OPTIONS, METHOD_NAME = 3, 4, 2 * 8, 14
poked("a state that is none", *([("live.state", 0, v)] for v in (0, 1, 8, 0xffffffff)))
poked("methods beyond the table, and fewer", *([("live.methods", 0, v)] for v in (0, 13, 14, 64, 0xffffffff)))
poked("cells beyond the table, and fewer", *([("live.cells", 0, v)] for v in (0, 1, 1025, 0xffffffff)))
poked("notes beyond the table", *([("live.notes", 0, v)] for v in (33, 0xffffffff)))
poked("words beyond the table, and fewer", *([("live.words", 0, v)] for v in (0, 129, HUGE)))
poked("counters that run backwards", [("live.counters", 0, 1)], [("live.counters", 0, 0)],
      [("table.methods", METHOD_IN_OF_OPTIONS, 0)], [("table.cells", CELL_IN + 1, 0)])
poked("a cell that becomes another one", [("table.cells", CELL_KEY, 2 << 16 | 404)], [("table.cells", CELL_KEY, 0)])
poked("new cells of codes and methods that are none",
      *([("table.cells", 6, key), ("live.cells", 0, 3)] for key in (HUGE, 2 << 16 | 99, 2 << 16 | 1000, 64 << 16 | 200)))
poked("a method's name that is no token", [("table.names", 15 * 13, 0x0a0a0a0a03), ("live.methods", 0, 16)],
      [("table.names", 15 * 13, 0xff), ("live.methods", 0, 16)])
poked("a ring whose head is impossible", *([("ring.head", 0, v), ("ring.intent", 0, v)] for v in (1, 12, HUGE)))
poked("a ring whose intent is behind, or far ahead", [("ring.head", 0, 4096)],
      *([("ring.intent", 0, v), ("ring.head", 0, 32)] for v in (8, 33, 8192, 1 << 40, HUGE - 7)))
poked("a ring without numbers", [("ring.head_sequence", 0, 0), ("ring.head", 0, 48), ("ring.intent", 0, 48)])


poked("counters beyond all counting", *([("live.counters", k, value)] for k, value in ((0, HUGE), (4, 1 << 63), (19, HUGE - 7))),
      [("table.cells", CELL_IN, HUGE)], [("table.methods", METHOD_IN_OF_OPTIONS, HUGE)])


@case("counters near 2^63, and gauges to match", lines=0)
def overflowing(a):
    made = [a.lane("x%d.lane" % k) for k in range(3)]
    a.lanes_are("writers", 4)
    for lane in made:
        poke(a, lane, [("live.counters", k, (1 << 63) - 1 - k) for k in range(20)] +
             [("table.cells", CELL_IN, (1 << 63) - 1), ("table.methods", METHOD_IN_OF_OPTIONS, (1 << 63) - 1)])
    a.until("the counts", lambda: a.status()[0]["counters"]["discarded"] > 1 << 60)


@case("a million transactions begun and none ended, and the reverse", lines=0)
def transactions(a):
    made = [a.lane("x%d.lane" % k) for k in range(2)]
    a.lanes_are("writers", 3)
    begun = lambda: a.status()[0]["counters"]["transactions_begun"]
    before = begun()  # whatever earlier cases left: near 2^64, it may be
    poke(a, made[0], [("live.counters", 4, 1000000)])
    poke(a, made[1], [("live.counters", 5, 1 << 62)])
    a.until("the counts", lambda: (begun() - before) % (1 << 64) >= 1000000)


# ---------------------------------------------------------------- lies in the ring


def ringed(name, *rings, **options):
    """One lane for each list of records: each is damaged by them."""
    def attack(a):
        for k, records in enumerate(rings):
            a.lane("x%d.lane" % k, a.image().put_records(*records))
        a.lanes_are("set_aside", len(rings))
    CASES.add(name, attack, lines=len(rings), page="set aside: damaged", **options)


STATE_UP = lanes.state(2)
AOR = b"sip:alice@example.org"
ringed("records of wrong lengths", *([record(1, lanes.STATE, STATE_UP, octets=o)] for o in (0, 8, 23, 25, 4104, 0xffffffff)))
ringed("records whose body is longer than they are",
       *([record(1, lanes.STATE, STATE_UP, body_octets=o)] for o in (0, 9, 100, 65535)))
ringed("records that overlap", [record(1, lanes.STATE, STATE_UP, octets=24), record(2, lanes.STATE, STATE_UP)])
ringed("records that skip numbers, or repeat them", *([record(n, lanes.STATE, STATE_UP), record(m, lanes.STATE, STATE_UP)]
                                                      for n, m in ((1, 1), (1, 3), (2, 1), (0, 0), (HUGE, 0))))
ringed("records of states that are none", *([record(1, lanes.STATE, lanes.state(s))] for s in (0, 1, 8, 0xffffffff)))
ringed("responses of impossible codes, methods and lengths", *([record(1, lanes.STATUS, body)] for body in (
    lanes.status(code=0), lanes.status(code=65535), lanes.status(method=200), lanes.status(direction=9),
    lanes.status(to_octets=65535), b"")))
ringed("failed authentications of nobody, and of far too many octets", *([record(1, lanes.AUTH_FAILED, body)] for body in (
    lanes.auth_failed(b""), lanes.auth_failed(b"x" * 513), lanes.auth_failed(AOR, aor_octets=9999), lanes.auth_failed(AOR, 7))))
ringed("bindings with absurd counts, weights and lengths", *([record(1, lanes.BINDINGS, body)] for body in (
    lanes.bindings(AOR, [lanes.contact(b"sip:a@b")], count=65535), lanes.bindings(AOR, [], count=3), lanes.bindings(b""),
    lanes.bindings(AOR, [lanes.contact(b"")]), lanes.bindings(AOR, [lanes.contact(b"sip:a@b", q=1001)]),
    lanes.bindings(AOR, [lanes.contact(b"sip:a@b", uri_octets=60000)]), lanes.bindings(AOR, [lanes.contact(b"x" * 1025)]))))


@case("bindings with absurd expiries and texts, and records of unknown types", lines=0)
def absurd_bindings(a):
    contacts = [lanes.contact(b"sip:\x00\xff\n@b", expires=4294967295), lanes.contact(b"\xff" * 40, expires=0, name=b"\x1b[2J"),
                lanes.contact(b"sip:a@b", expires=4294967294)]
    bodies = [lanes.bindings(b"sip:\x1b\xff@\n", contacts), lanes.bindings(AOR, contacts * 20), lanes.bindings(b"\0" * 512),
              lanes.bindings(AOR, contacts, part=7), lanes.bindings(AOR, contacts, flags=0), lanes.bindings(AOR, [], flags=0xffff)]
    records = [record(k + 1, lanes.BINDINGS, body, time_ns=HUGE * (k % 2)) for k, body in enumerate(bodies)]
    records += [record(len(records) + 1, 77, b"what?" * 9), record(len(records) + 2, 65535, b"")]
    before = a.status()[0]["events"]["read"]
    a.lane("x.lane", a.image().put_records(*records))
    a.until("the records", lambda: a.status()[0]["events"]["read"] >= before + len(records))


# ---------------------------------------------------------------- names and words


@case("lanes with names made to fool a log or a terminal", lines=0)
def odd_names(a):
    for name in ODD_NAMES:
        a.lane(os.fsdecode(name))
    a.lanes_are("writers", 1 + sum(not name.startswith(b".") for name in ODD_NAMES))
    a.page("-i", "victim")


@case("junk with names made to fool a log or a terminal", lines=len(ODD_NAMES), page=r"\\x1b\[2J.*set aside")
def odd_junk(a):
    for name in ODD_NAMES:
        a.lane(os.fsdecode(name), b"junk" * 9000)
    a.lanes_are("set_aside", sum(not name.startswith(b".") for name in ODD_NAMES))


@case("option tags, methods and notes with control characters and broken UTF-8", lines=0)
def odd_words(a):
    image = a.image().put("live.words", 128).put("live.word_changes", 500).put("live.notes", 32)
    for row in range(128):
        text = (b"\x1b[2J", b"\xff\xfe", b"a\nb", b"x" * 59, b"")[row % 5] + (b"%d" % row if row % 5 == 3 else b"")
        offset = a.fields["table.words"][0] + row * 64
        image.put_at(offset, struct.pack("<IB59s", 0xffffffff, (len(text), 255, 0)[row % 3], text))
    for row in range(32):
        image.put_at(a.fields["table.notes"][0] + row * 32, struct.pack("<24sQ", b"\x1b[2J\n\xff" * 4, HUGE))
    a.lane("x.lane", image)
    a.lanes_are("writers", 2)
    a.page("-i", "victim")
    a.page("-j")


# ---------------------------------------------------------------- while it reads


@case("a lane truncated, punched and regrown while it is read", lines=1, page="set aside")
def flapping(a):
    a.lane("x.lane")
    a.lanes_are("writers", 2)
    a.run("flap", a.path("x.lane"))
    a.lanes_are("set_aside", 1)
    time.sleep(0.3)


@case("a lane cut short, and one with a hole, once", lines=2, page="set aside: damaged")
def cut(a):
    made = [a.lane("x%d.lane" % k) for k in range(2)]
    a.lanes_are("writers", 3)
    os.ftruncate(made[0].fd, 5000)
    os.ftruncate(made[1].fd, 4096)
    os.ftruncate(made[1].fd, len(a.image().octets))
    a.lanes_are("set_aside", 2)


# ---------------------------------------------------------------- locks


@case("a writer that holds its lock and never writes", lines=0)
def silent(a):
    a.lane("x.lane")
    a.lanes_are("writers", 2)


@case("locks and leases of every kind on what others own", lines=1)
def locks(a):
    held = []
    for entry in [e for d in ("victim", "honest", "") for e in os.scandir(os.path.join(a.site.runtime_dir, d))]:
        if not entry.is_file(follow_symlinks=False):
            continue
        fd = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC)
        held.append(fd)
        for attempt in (lambda: lanes.lock(fd, fcntl.F_RDLCK), lambda: fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB),
                        lambda: fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)):
            try:
                attempt()
            except OSError:
                pass
    a.lane("x.lane").close()
    a.until("the lane's end", lambda: not os.path.exists(a.path("x.lane")))
    for fd in held:
        os.close(fd)


@case("a lease on a lane, so that whoever opens it waits", lines=2, page="set aside for now")
def leased(a):
    image = a.image()
    lane = lanes.Lane(a.directory, ".leased", image.octets)
    fcntl.fcntl(lane.fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    os.rename(a.path(".leased"), a.path("x.lane"))
    a.lanes.append(lane)
    a.lanes_are("set_aside", 1)


# ---------------------------------------------------------------- too much of everything


def many(a, attack, image, count):
    with open(a.site.path("model.octets"), "wb") as f:
        f.write(image.octets)
    a.run(attack, a.site.path("model.octets"), a.directory, count)


@case("%d lanes, all alive" % MANY, lines=2, page="refused")
def ten_thousand(a):
    many(a, "copies", a.image(), MANY)
    a.lanes_are("refused", 1)
    time.sleep(0.5)


@case("five hundred lanes, each with a hundred changes of state in its ring", lines=30)
def many_states(a):
    before = a.status()[0]["events"]["read"]
    image = a.image().put_records(*(record(n, lanes.STATE, lanes.state(2 + n % 2 * 2)) for n in range(1, 101)))
    many(a, "copies", image, 500)
    a.until("the events", lambda: a.status()[0]["events"]["read"] >= before + 50000)


@case("five hundred lanes, each with many words, methods and status codes", lines=2)
def many_words(a):
    image = a.image().put("live.words", 128).put("live.word_changes", 500).put("live.methods", 62).put("live.cells", 1023)
    for row in range(128):
        image.put_at(a.fields["table.words"][0] + row * 64, struct.pack("<IB59s", 31, 59, b"%059d" % row))
    for row in range(14, 62):
        image.put_at(a.fields["table.names"][0] + row * 104, struct.pack("<B100s", 100, b"%0100d" % row))
    for row in range(1, 1023):
        image.put("table.cells", row % 60 << 16 | 100 + row % 800, row * 3)
    many(a, "copies", image, 500)
    a.lanes_are("writers", 500)
    time.sleep(0.2)


@case("%d lanes of writers that have gone" % (MANY // 5), lines=2)
def ten_thousand_dead(a):
    many(a, "corpses", a.image(), MANY // 5)
    a.until("their end", lambda: not any(n.startswith("many-") for n in os.listdir(a.directory)))


@case("%d files of junk" % MANY, lines=300, page="more lanes set aside")
def junk(a):
    for k in range(MANY):
        with open(a.path("junk-%d.lane" % k), "w", encoding="ascii") as f:
            f.write("junk")
    a.until("the agent to know", lambda: a.status()[0]["lanes"]["set_aside"] > 256)


@case("lanes opened and closed as fast as they go", lines=2)
def churn(a):
    p = a.run("churn", "victim")
    time.sleep(1)
    p.stop()
    a.told = p.log().split("\n")[1]


@case("files made, renamed and removed as fast as they go", lines=30)
def storm(a):
    p = a.run("storm", a.directory)
    time.sleep(1)
    p.stop()


@case("a lane opened and closed as fast as it goes", lines=2)
def touch(a):
    a.lane("x.lane")
    p = a.run("touch", a.path("x.lane"))
    time.sleep(1)
    p.stop()


@case("a flood of events, and a notification of the other instance among them", lines=45)
def flood(a):
    p = a.run("flood", "victim")
    time.sleep(0.5)
    mark = b"honest-%d" % os.getpid()
    with a.steady.lock:
        a.writers[1].response(hostile.writer.OUT, "INVITE", 503, to="<sip:a@b>", call_id=mark, cseq=1)
    a.until("the honest instance's notification", lambda: a.has_trap(mark))
    p.stop()


# ---------------------------------------------------------------- the directory


@case("a lane renamed again and again, and ended under its last name", lines=0)
def renamed(a):
    lane = a.lane("x.lane")
    a.lanes_are("writers", 2)
    retired = a.status()[0]["lanes"]["retired"]
    for k in range(50):
        os.rename(lane.path, a.path("x%d.lane" % k))
        lane.path = a.path("x%d.lane" % k)
    lane.close()
    a.lanes_are("retired", retired + 1)
    a.until("its file to go", lambda: not os.path.exists(lane.path))


@case("a lane of two names, of which one stays when it is retired: counted once", lines=1)
def two_names(a):
    lane = a.lane("x.lane")
    a.lanes_are("writers", 2)
    counted, retired = a.status()[0]["counters"]["in_requests"], a.status()[0]["lanes"]["retired"]
    os.link(lane.path, a.path("y.lane"))
    lane.close()
    a.lanes_are("retired", retired + 1)
    a.until("both files to go", lambda: not os.path.exists(a.path("x.lane")) and not os.path.exists(a.path("y.lane")))
    more = a.status()[0]["counters"]["in_requests"] - counted
    if more >= 6 + 600:  # of the honest writer, at the most, and the lane's own a second time
        raise RuntimeError("counted twice")


@case("two hundred sets of bindings that never end, each as long as may be", lines=2)
def endless_sets(a):
    contacts = [lanes.contact(b"sip:" + b"x" * 900) for _ in range(3)]
    image = a.image().put_records(*(record(n + 1, lanes.BINDINGS, lanes.bindings(AOR, contacts, part=n, flags=0))
                                    for n in range(5)))
    before = a.status()[0]["events"]["read"]
    many(a, "copies", image, 200)
    a.until("the records", lambda: a.status()[0]["events"]["read"] >= before + 1000)


@case("the interest file overwritten, emptied, and replaced by links and directories", lines=20)
def interest(a):
    path = a.path("interest")
    for make in (lambda: os.symlink("/dev/zero", path), lambda: os.mkfifo(path), lambda: open(path, "wb").close(),
                 lambda: os.mkdir(path)):
        try:  # the agent puts a good one there in between, at any of these moments
            os.rename(path, a.path("interest.was"))
            make()
            time.sleep(0.1)
            if os.path.isdir(path):
                os.rmdir(path)
        except (FileNotFoundError, FileExistsError, NotADirectoryError):
            pass
    a.until("the agent's own", lambda: os.path.isfile(path) and not os.path.islink(path) and os.path.getsize(path) >= 4096)


if __name__ == "__main__":
    CASES.main()
