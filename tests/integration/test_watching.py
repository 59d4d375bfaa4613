#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Being told of what happens in directories, and not: the kernel drops events since there are too many of them; there is
no inotify to be had, or no more watches, and then there are. The agent looks for itself, says so once, with the remedy, and
once when it is over. No count is missing meanwhile."""

import os
import re
import shutil
import signal
import subprocess
import sys

import harness
import writer
from harness import wait_for

INSTANCES = ("{name: edge, appl_index: 1, roles: [other]}", "{name: core, appl_index: 2, roles: [other]}")
EVENTS = 16384  # that may wait, as Linux has it; fs.inotify.max_queued_events is read all the same
LIMITS = "/proc/sys/user/max_inotify_%s"


class World:
    def __init__(self, site, report):
        self.site, self.report, self.agent = site, report, None
        self.counted, self.writers = [0, 0], []

    def write(self, *numbers):
        """A new writer each, that counts."""
        for number in numbers:
            w = writer.Writer(self.site.runtime_dir, ("edge", "core")[number])
            for _ in range(5):
                w.request(writer.IN, "INVITE")
            self.writers.append(w)
            self.counted[number] += 5

    def end(self):
        while self.writers:
            self.writers.pop().close()

    def right(self, claim):
        got = lambda: [int(self.site.walk("sipCommonSummaryInRequests").get(("sipCommonSummaryInRequests", n), -1))
                       for n in (1, 2)]
        try:
            wait_for(claim, lambda: got() == self.counted, 20, 0.05)
        except TimeoutError:
            pass
        self.report.check(claim, got() == self.counted, "%s, not %s" % (got(), self.counted))

    def lanes(self):
        return [n for d in ("edge", "core") for n in os.listdir(os.path.join(self.site.runtime_dir, d))
                if n.endswith(".lane")]

    def said(self, claim, pattern, times=1):
        count = lambda: len(re.findall(pattern, self.agent.log()))
        try:
            wait_for(claim, lambda: count() >= times, 20)
        except TimeoutError:
            pass
        self.report.equal(claim, times, count())

    def page(self):
        return subprocess.run([harness.sipstat(), "--agent", "-j", "--dir", self.site.runtime_dir], stdout=subprocess.PIPE,
                              check=True, timeout=20, text=True).stdout


def overflow(world):
    """Twice: the agent does not come to read what happens in the directory."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as f:
        events = int(f.read())
    if events > 4 * EVENTS:
        print("skipped: more than %d events may wait" % events)
        return
    folder = os.path.join(world.site.runtime_dir, "edge")
    for time in (1, 2):
        world.agent.signal(signal.SIGSTOP)
        for k in range(events // 2 + 100):
            os.mknod("%s/%d" % (folder, k))
            os.unlink("%s/%d" % (folder, k))
        world.end()
        world.write(0)
        shutil.rmtree(os.path.join(world.site.runtime_dir, "core"))  # the lane in it was seen
        world.write(1)
        world.agent.signal(signal.SIGCONT)
        world.said("more events than may wait, time %d: said" % time, "directory events were lost: ", time)
        world.right("... those who came and went are counted, also where the directory was removed")
        world.said("... and said when it is over", "directory events are kept up with again", time)
    world.report.check("... and in sipstat --agent", re.search(r'"directory_events_lost": ?[1-9]', world.page()), world.page())


def limit(agent, what, value):
    """Of the name space that the agent is in."""
    path = LIMITS % what
    subprocess.run(["nsenter", "--user", "--preserve-credentials", "--target", str(agent.pid), "sh", "-c",
                    "echo %d >%s" % (value, path)], check=True, timeout=20)


def is_limited_apart():
    """Whether a name space of our own may have limits of its own."""
    return shutil.which("unshare") and shutil.which("nsenter") and subprocess.run(
        ["unshare", "-U", "-r", "sh", "-c", "echo 0 >" + LIMITS % "instances"], stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, check=False, timeout=20).returncode == 0


def no_inotify(world):
    """None at the start; then no watch for one more directory."""
    site = world.site
    world.agent = site.start("sipmibd", ["unshare", "-U", "-r", "sh", "-c",
                                         'echo 0 >%s; exec "$@"' % (LIMITS % "instances"), "sh", harness.sipmibd(), "-f",
                                         site.config_path])
    site.wait_served()
    world.said("no inotify: said once, with the remedy",
               "cannot be watched: Too many open files; looking once a second instead; .*max_user_instances")
    world.write(0, 1)
    world.right("... new lanes are found")
    world.report.check("... and sipstat --agent says so", "looked at every second" in world.page())
    world.end()
    wait_for("lanes to be retired", lambda: not world.lanes(), 20)
    world.write(0)
    world.right("... and those that ended are retired")
    limit(world.agent, "instances", 100)
    world.said("inotify again: said once", "all directories are watched again")
    world.write(0, 1)
    world.right("... and lanes are found")
    limit(world.agent, "watches", 0)
    os.rename(os.path.join(site.runtime_dir, "core"), site.path("gone"))
    world.write(1)
    world.said("no watch for a new directory: said once, with the remedy", "core cannot be watched: .*max_user_watches")
    world.write(0, 1)
    world.right("... its lanes are found, and the other's")
    limit(world.agent, "watches", 1000)
    world.said("watches again: said once", "all directories are watched again", 2)
    world.write(0, 1)
    world.right("... and lanes are found")
    world.report.check("... and nobody looks any more", '"watched"' in world.page())


def main():
    harness.need("snmpd", "snmpwalk")
    report = harness.Report()
    with harness.Site() as site:
        site.write_config(INSTANCES)
        site.start_snmpd()
        world = World(site, report)
        world.agent = site.start_sipmibd()
        world.write(0, 1)
        world.right("writers are found")
        overflow(world)
        report.equal("it ends as it should", 0, world.agent.stop())
        if is_limited_apart():
            no_inotify(world)
            report.equal("it ends as it should", 0, world.agent.stop())
        else:
            print("skipped: limits on inotify take a user name space of their own")
        world.end()
    report.exit()


if __name__ == "__main__":
    sys.exit(main())
