#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Many registrations through the event ring, in random order: SIPMIB_CONTACTS of them (20,000 unless given; the real
thing is 1,000,000). Says what they take, walks both tables and holds every row against what was registered, kills the
agent and finds the same rows under the same indexes."""

import array
import hashlib
import os
import signal
import time

import harness
import registrations

CONTACTS = int(os.environ.get("SIPMIB_CONTACTS", "20000"))
USERS = CONTACTS // 6 * 5 or 1
RATE = int(os.environ.get("SIPMIB_RATE", "10000"))  # users a second
PASSES = 5
APPL_INDEX = 8
USER_URI, CONTACT_URI = 2, 3
TIMES = {registrations.USERS: (4,), registrations.CONTACTS: (4,)}  # TimeStamps: computed when read


def contact_uri(user, contact):
    return "sip:u%07d@10.%d.%d.%d:%d" % (user, user >> 16 & 255, user >> 8 & 255, user & 255, 5060 + contact)


def share(user):
    return CONTACTS // USERS + (user < CONTACTS % USERS)


class Walk:
    """A table read once: in order, each column with the rows of the first, and a digest of all that does not move."""

    def __init__(self, site, table, row_check):
        self.wrong, self.rows, self.variables = [], 0, 0
        began, digest, columns, last = time.monotonic(), hashlib.sha256(), {}, ()
        for oid, _, value in registrations.stream(site, table):
            column, index = oid[len(table)], oid[len(table) + 2:]
            self._expect(oid > last, "%s does not come behind %s" % (oid, last))
            last = oid
            self.variables += 1
            columns.setdefault(column, hashlib.sha256()).update(repr(index).encode())
            row_check(self, column, index, value)
            if column not in TIMES[table]:
                digest.update(repr((oid, value)).encode())
        self._expect(len({c.digest() for c in columns.values()}) == 1, "columns have different rows")
        self.digest, self.columns, self.took_s = digest.hexdigest(), len(columns), time.monotonic() - began

    def _expect(self, claim, otherwise):
        if not claim and len(self.wrong) < 10:
            self.wrong.append(otherwise)

    def describe(self):
        return "%d rows, %d variables in %.1f s, %.0f us each" % \
            (self.rows, self.variables, self.took_s, 1e6 * self.took_s / max(self.variables, 1))


class Tables:
    """Both tables, every row against what was registered."""

    def __init__(self, site):
        self.user_of, self.seen, self.contacts_seen = {}, bytearray(USERS), array.array("B", bytes(USERS))
        self.users = Walk(site, registrations.USERS, self._check_user)
        self.contacts = Walk(site, registrations.CONTACTS, self._check_contact)

    def _check_user(self, walk, column, index, value):
        if column != USER_URI:
            return
        walk.rows += 1
        text = value.decode()
        user = int(text[1:8]) if len(text) == 24 and text[1:8].isdigit() else USERS
        if user < USERS and text == "u%07d@million.example" % user and not self.seen[user]:
            self.seen[user] = 1
            self.user_of[index[0]] = user
        else:
            walk._expect(False, "user %s is %s" % (index, text))

    def _check_contact(self, walk, column, index, value):
        if column != CONTACT_URI:
            return
        walk.rows += 1
        user = self.user_of.get(index[0])
        text = value.decode()
        port = int(text[-4:]) - 5060 if text[-4:].isdigit() else -1
        walk._expect(user is not None and 0 <= port < share(user) and text == contact_uri(user, port),
                     "contact %s is %s" % (index, text))
        if user is not None:
            self.contacts_seen[user] += 1

    def wrong(self):
        missing = sum(not s for s in self.seen)
        few = sum(self.contacts_seen[u] != share(u) for u in range(USERS))
        return self.users.wrong + self.contacts.wrong + (["%d users are missing" % missing] if missing else []) + \
            (["%d users have other contacts" % few] if few else [])


def rss(pid):
    """{VmRSS: MB ...} of a process."""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        fields = dict(line.split(":", 1) for line in f)
    return {n: int(fields[n].split()[0]) / 1024 for n in ("VmRSS", "RssAnon", "RssFile", "RssShmem")}


def size_of(folder):
    return sum(os.stat(os.path.join(folder, name)).st_blocks * 512 for name in os.listdir(folder))


def register_all(report, site):
    """Register, and again as long as something is missing: what an overrun ring lost heals at the next refresh."""
    began = time.monotonic()
    hammer = site.start("register-hammer", [harness.program("REGISTER_HAMMER", "tests/integration/register_hammer"),
                                            "million", str(USERS), str(CONTACTS), str(RATE), "4780"])
    for n in range(1, PASSES + 1):
        hammer.wait_log(r"pass %d\n" % n, 60 + 5 * USERS / RATE)
        done_s, found = time.monotonic() - began, -1
        while found != USERS:
            before, found = found, registrations.current_users(site, APPL_INDEX)
            if found == before:
                break
            time.sleep(1)
        print("# pass %d: %s users of %d, %.0f s after the start" % (n, found, USERS, done_s), flush=True)
        if found == USERS:
            break
        hammer.signal(signal.SIGUSR1)
    report.equal("all users are registered", USERS, found)
    return hammer


def describe(site, agent):
    folder = os.path.join(site.runtime_dir, "registrations.mdb")
    octets = size_of(folder)
    print("# agent: " + ", ".join("%s %.1f MB" % pair for pair in rss(agent.pid).items()))
    print("# %s: %.1f MB, %.0f octets a contact" % (os.path.basename(folder), octets / 1e6, octets / CONTACTS),
          flush=True)
    return octets


def main():
    harness.need("snmpd", "snmpbulkwalk")
    report = harness.Report()
    with harness.Site() as site:
        site.write_config(["{name: million, appl_index: %d, roles: [registrar_server], registrar: {max_users: 2000000}}" %
                           APPL_INDEX])
        site.start_snmpd()
        agent = site.start_sipmibd()
        register_all(report, site)
        before = Tables(site)
        octets = describe(site, agent)
        report.check("both tables are complete and in order: users %s; contacts %s" %
                     (before.users.describe(), before.contacts.describe()), not before.wrong(), "; ".join(before.wrong()))
        if CONTACTS >= 100000:
            report.check("a contact takes no more than 400 octets", octets / CONTACTS <= 400)
        agent.kill()
        began = time.monotonic()
        agent = site.start_sipmibd()
        harness.wait_for("the registrations", lambda: registrations.current_users(site, APPL_INDEX) == USERS, 30)
        print("# serving again %.1f s after the kill" % (time.monotonic() - began))
        after = Tables(site)
        describe(site, agent)
        report.check("killed and restarted: the same rows under the same indexes",
                     not after.wrong() and (after.users.digest, after.contacts.digest) ==
                     (before.users.digest, before.contacts.digest), "; ".join(after.wrong()) or "indexes or values differ")
    report.exit()


if __name__ == "__main__":
    main()
