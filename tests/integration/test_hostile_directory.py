#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The directory of an instance is taken away, replaced and put back while lanes live in it and the agent runs: by whoever
owns it, or the directory above. No count is lost, other instances do not notice, it is said in a line, and all is well
again without a restart.

    test_hostile_directory.py [PATTERN]     only the cases whose names match"""

import os
import shutil
import time

import harness
import hostile
import writer

CASES = hostile.Cases()
INVITE = (6,) + tuple(b"INVITE")
SERVED = hostile.MESSAGES + (hostile.VICTIM,) + INVITE


class Guest:
    """An honest writer of the victim, beside the arena's own. What all of them counted is known."""

    counted = 0

    def __init__(self, a):
        self.writer = writer.Writer(a.site.runtime_dir, "victim", ring_octets=16384)
        self.count()

    def count(self, number=3):
        for _ in range(number):
            self.writer.request(writer.IN, "INVITE")
        Guest.counted += number

    def close(self):
        self.writer.close()


def served(a, when):
    try:
        a.until("it", lambda: a.asker.get(SERVED)[0] == Guest.counted)
    except TimeoutError:
        raise RuntimeError("%s: counted %d, served %s" % (when, Guest.counted, a.asker.get(SERVED)[0])) from None


def said(a, words, lines):
    a.until(words, lambda: any(words in line for line in a.log_lines()[lines:]))


def taken_away(name, take, words, lines=3, put_back=None, away_s=0.0):
    """`take` does something to the directory, the agent says it in `words`, `put_back` undoes it: in the log there are that,
    the stranger's directory, and that it is over."""
    def attack(a):
        here, away, before = a.directory, a.directory + ".away", len(a.log_lines())
        lives, ends = Guest(a), Guest(a)
        served(a, "before")
        take(a, here, away)
        lives.count()
        said(a, words, before)
        ends.count()
        ends.close()
        time.sleep(away_s)
        served(a, "while it is away")
        (put_back or restore)(a, here, away)
        lives.count()
        new = Guest(a)
        served(a, "afterwards")
        if "removed" in words:
            said(a, "are there again", before)
        lives.close()
        new.close()
        a.until("their end", lambda: a.status()[0]["lanes"]["writers"] == 1)
        served(a, "at the end")
        a.until("their files to go", lambda: a.keep == set(os.listdir(here)))
    CASES.add(name, attack, lines=lines)


def restore(_a, here, away):
    """Whatever has its name goes, and the directory gets it."""
    while True:
        try:
            if os.path.islink(here) or not os.path.isdir(here):
                os.unlink(here)
            else:
                shutil.rmtree(here)
            os.rename(away, here)
            return
        except OSError:
            time.sleep(0.01)  # the agent was faster, with one of its own


def replace(make):
    def take(a, here, away):
        os.rename(here, away)
        make(a, here, away)
    return take


def copy(_a, here, away):
    """Another directory, with copies of all lanes, and a link to each of them."""
    os.mkdir(here)
    for name in os.listdir(away):
        shutil.copy(os.path.join(away, name), os.path.join(here, "copy-" + name))
        if name.endswith(".lane"):
            os.link(os.path.join(away, name), os.path.join(here, "link-" + name))


taken_away("renamed away", lambda a, here, away: os.rename(here, away), "removed: restart")
taken_away("replaced by a symbolic link to the other instance's", replace(lambda a, here, away: os.symlink("honest", here)),
           "something else has its name")
taken_away("replaced by a symbolic link to itself elsewhere", replace(lambda a, here, away: os.symlink("victim.away", here)),
           "something else has its name")
taken_away("replaced by a dangling symbolic link", replace(lambda a, here, away: os.symlink("nowhere", here)),
           "something else has its name")
taken_away("replaced by a file", replace(lambda a, here, away: open(here, "wb").close()), "something else has its name",
           away_s=1.3)
taken_away("replaced by a FIFO", replace(lambda a, here, away: os.mkfifo(here)), "something else has its name")
taken_away("replaced by a directory with copies of its lanes, and links to them", replace(copy), "set aside", lines=12)


def exchange(a, here, _away):
    other = os.path.join(a.site.runtime_dir, "honest")
    code = harness._libc.renameat2(-1, here.encode(), -1, other.encode(), 2)  # RENAME_EXCHANGE
    if code != 0:
        raise OSError("cannot exchange them")


taken_away("exchanged with the other instance's", exchange, "it says that it is of instance", lines=12, put_back=exchange)


def renew(a):
    """The arena's own writer of the victim again, after its lane was removed."""
    with a.steady.lock:
        a.writers[0].close()
        a.writers[0] = writer.Writer(a.site.runtime_dir, "victim", ring_octets=16384)
    a.until("the old one's end", lambda: a.status()[0]["lanes"]["writers"] == 1)
    a.keep = set(os.listdir(a.directory))


@CASES.case("removed with all lanes in it, again and again", lines=8)
def removed(a):
    before = len(a.log_lines())
    for _ in range(3):
        lives, ends = Guest(a), Guest(a)
        served(a, "before")
        shutil.rmtree(a.directory, ignore_errors=True)
        said(a, "removed: restart", before)
        lives.count()
        ends.count()
        ends.close()
        served(a, "after it was removed")
        new = Guest(a)
        served(a, "with a new writer")
        lives.close()
        new.close()
        renew(a)
        served(a, "at the end")


@CASES.case("renamed away and back as fast as it goes", lines=60)
def flapping(a):
    lives, end = Guest(a), time.monotonic() + 1
    while time.monotonic() < end:
        ends = Guest(a)
        os.rename(a.directory, a.directory + ".away")
        ends.count()
        ends.close()
        restore(a, a.directory, a.directory + ".away")
        lives.count()
    served(a, "at the end")
    lives.close()


if __name__ == "__main__":
    CASES.main()
