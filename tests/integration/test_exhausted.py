#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The daemons when the machine runs short: of memory, of descriptors, of room in the runtime and the state directory, of
threads; and when its clocks go strange. Nobody is ended by a signal, what is wrong is said once and seen in sipstat
--agent, no processor is burnt meanwhile, and when the shortage is over everything is right again: every count once."""

import ctypes
import itertools
import mmap
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

import harness
import hep_send
import writer

WORDS = ("askers", "after", "count", "asked", "refused", "real_ns", "monotonic_ns", "stands_at_ns", "clocks_fail",
         "threads_refused")
OWN = 1  # asker: sipmibd itself, LMDB and libyaml
SECOND = 10**9
YEAR = 365 * 86400 * SECOND
BUSY_PERCENT = 25  # of a processor, more than any idle daemon takes
STARTS = 12        # of those tried in a start-up sweep
INSTANCES = ("{name: edge, appl_index: 1, roles: [registrar_server], watch: [{method: INVITE, codes: [486]}]}",
             "{name: far, appl_index: 2, roles: [proxy_server]}")


WISHES = itertools.cycle([("0 2", "coldStart statusChanged"), ("0 1", "coldStart warmStart")])


class Control:
    """What exhaust.c refuses."""

    def __init__(self, site, name):
        self.path = site.path(name)
        with open(self.path, "wb") as f:
            f.write(bytes(8 * len(WORDS)))
        with open(self.path, "r+b") as f:
            self._map = mmap.mmap(f.fileno(), 8 * len(WORDS))

    def __getitem__(self, word):
        return struct.unpack_from("<q", self._map, 8 * WORDS.index(word))[0]

    def set(self, **values):
        for word, value in values.items():
            struct.pack_into("<q", self._map, 8 * WORDS.index(word), value)

    def refuse(self, after, count):
        self.set(askers=0, asked=0, refused=0, after=after, count=count)
        self.set(askers=OWN)


class World:
    """A site with an agent behind the preloaded library, and what it must have counted."""

    def __init__(self, site, report, library):
        self.site, self.report = site, report
        self.preload = {"LD_PRELOAD": library}
        self.control = Control(site, "control")
        self.sent, self.starts, self.writers, self.agent = 0, 0, [], None

    def start(self, control=None, limits=()):
        env = dict(self.preload, EXHAUST_CONTROL=(control or self.control).path)
        command = [harness.sipmibd(), "-f", self.site.config_path]
        self.starts += 1
        agent = self.site.start("sipmibd-%d" % self.starts, ["prlimit", *limits, *command] if limits else command, env)
        if control is None:
            self.agent = agent
            self.site.wait_served(30)
        return agent

    def write(self, count=7):
        w = writer.Writer(self.site.runtime_dir, "edge")
        self.writers.append(w)
        self.more(count)

    def more(self, count=7):
        for _ in range(count):
            self.writers[-1].request(writer.IN, "INVITE")
        self.sent += count

    def counted(self):
        try:
            return self.site.get("SIP-COMMON-MIB::sipCommonSummaryInRequests.1")
        except RuntimeError as e:
            return str(e)

    def is_right(self):
        return self.counted() == str(self.sent)

    def right(self, claim, timeout=30):
        try:
            harness.wait_for(claim, self.is_right, timeout, 0.1)
        except TimeoutError:
            pass
        self.report.check(claim, self.agent.is_running() and self.is_right(),
                          "%s, expected %d; exit %s" % (self.counted(), self.sent, self.agent.popen.poll()))

    def sipstat(self):
        done = subprocess.run([harness.sipstat(), "--agent"], env=self.site.env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30, check=False)
        return done.stdout

    def wait_text(self, pattern, text, timeout=30):
        """Whether the pattern comes up in what `text` gives."""
        try:
            return bool(harness.wait_for(pattern, lambda: re.search(pattern, text()), timeout, 0.1))
        except TimeoutError:
            return False

    def idles(self, what, seconds=2, who=None):
        ticks = os.sysconf("SC_CLK_TCK")

        def used():
            with open("/proc/%d/stat" % (who or self.agent).pid, encoding="ascii") as f:
                fields = f.read().rsplit(")", 1)[1].split()
            return (int(fields[11]) + int(fields[12])) / ticks

        before = used()
        time.sleep(seconds)
        percent = 100 * (used() - before) / seconds
        self.report.check("%s: %.0f %% of a processor" % (what, percent), percent < BUSY_PERCENT)


def build_library(site):
    path = site.path("exhaust.so")
    source = os.path.join(harness.HERE, "exhaust.c")
    done = subprocess.run(shlex.split(os.environ.get("CC", "cc")) +
                          ["-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", path, source, "-ldl"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stdout)
    return path


# ------------------------------------------------------------ memory


def memory_at_start(world):
    """One allocation of the agent's own fails while it starts: it serves, or says why not and ends."""
    site, report = world.site, world.report
    control = Control(site, "control-start")
    ends, wrong = {}, []
    places = 500
    for k in range(STARTS):
        control.refuse(int(places * (k + 0.5) / STARTS), 1)
        agent = world.start(control)
        harness.wait_for("the agent to end or serve", lambda: not agent.is_running() or site.is_served(), 30)
        control.set(askers=0)
        status, log = agent.stop(30), agent.log()
        ends[status] = ends.get(status, 0) + 1
        if status not in (0, 1) or (status != 0 and "error" not in log and "sipmibd: " not in log):
            wrong.append((k, status, log[-300:]))
        site.processes.remove(agent)
    report.check("memory fails once while the agent starts: exit statuses %s" % ends, not wrong, str(wrong))


def memory_while_running(world):
    """Bursts of failing allocations while lanes come and go and consoles ask."""
    refused = 0
    for burst in range(6):
        world.control.refuse(burst * 3, 60)
        world.write()
        world.counted()
        world.sipstat()
        if burst % 3 == 2:
            world.agent.signal(signal.SIGHUP)
        world.writers.pop(0).close()
        world.counted()
        refused += world.control["refused"]
        world.control.set(askers=0)
    world.write()
    world.right("memory fails %d times while the agent runs: every count is there, once" % refused)
    world.report.check("memory did fail", refused > 20)


def memory_of_the_viewer(world):
    """Each allocation of sipstat fails in turn, alone and with all behind it: it says so and ends, or shows all."""
    site, control, wrong = world.site, Control(world.site, "control-viewer"), []
    env, runs, ends = dict(site.env, **world.preload, EXHAUST_CONTROL=control.path), 0, {}
    for options in ([], ["-j"], ["-i", "edge"], ["--agent"], ["--agent", "-j"], ["-n", "1", "-c", "1"]):
        shown = None
        for count in (0, 1, 1 << 40):
            after = 0
            while after < 400:
                control.refuse(after, count)
                done = subprocess.run([harness.sipstat(), *options], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, timeout=30, check=False)
                if control["refused"] == 0:
                    shown = len(re.findall(r"[a-z_]{3,}", done.stdout))
                    break
                runs, after = runs + 1, after + 1
                ends[done.returncode] = ends.get(done.returncode, 0) + 1
                if done.returncode not in (0, 1) or (done.returncode == 1) != ("sipstat: " in done.stderr) or \
                        (done.returncode == 0 and abs(len(re.findall(r"[a-z_]{3,}", done.stdout)) - shown) > 3):
                    wrong.append((options, after, count, done.returncode, done.stderr[-200:]))
    world.report.check("memory of sipstat fails at %d places: exit statuses %s" % (runs, ends), runs > 20 and not wrong,
                       str(wrong[:5]))


# ------------------------------------------------------------ descriptors


def descriptors(world):
    open_now = len(os.listdir("/proc/%d/fd" % world.agent.pid))
    limits = resource.prlimit(world.agent.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(world.agent.pid, resource.RLIMIT_NOFILE, (open_now, limits[1]))
    for _ in range(4):
        world.write()
    world.report.check("no descriptor is left for a new lane: said, with the remedy",
                       world.wait_text("raise the limit on open files", world.agent.log))
    world.report.check("... and seen in sipstat --agent", world.wait_text("Too many open files", world.sipstat))
    world.idles("... and nothing is busy with it")
    said = world.agent.log().count("Too many open files")
    time.sleep(3)
    world.report.check("... and said once for each lane (%d lines)" % said,
                       world.agent.log().count("Too many open files") <= said + 1 and said <= 8)
    resource.prlimit(world.agent.pid, resource.RLIMIT_NOFILE, limits)
    world.right("descriptors are there again: every count is, too", 90)


def few_descriptors_at_start(world):
    statuses = []
    for n in (5, 9, 13, 17):
        agent = world.start(Control(world.site, "control-start"), ["--nofile=%d" % n])
        harness.wait_for("the agent to end, serve, or say why not", lambda: not agent.is_running() or
                         "not connected: " in agent.log() or world.site.is_served(), 30)
        how = "ended" if not agent.is_running() else "degraded" if "not connected: " in agent.log() else "served"
        statuses.append((n, how, agent.stop(30)))
        world.site.processes.remove(agent)
    world.report.check("few descriptors at the start: %s" % statuses,
                       all(s[2] == (1 if s[1] == "ended" else 0) for s in statuses))


def descriptors_of_a_server(world):
    """A SIP server, this process, has used up its descriptors."""
    limits, held = resource.getrlimit(resource.RLIMIT_NOFILE), []
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, limits[1]))
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    said = ""
    try:
        writer.Writer(world.site.runtime_dir, "edge")
    except OSError as e:
        said = str(e)
    world.more()
    for fd in held:
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    world.report.check("a SIP server without descriptors: sipstat_open says so", "Too many open files" in said, said)
    world.right("... those that are open go on counting")
    world.write()
    world.right("descriptors are there again: it opens")


def descriptors_of_the_collector(world):
    """Its lane is removed as well, and its configuration to be read again."""
    site, port, folder = world.site, harness.free_port(), world.site.path("run/far")
    path = site.write("hep.yaml", "runtime_dir: %s\ninstances:\n  - {name: far, appl_index: 2, roles: [other], local: "
                      "[\"udp:192.0.2.10:5060\"]}\ncollectors: {hep: {listen: [\"udp:127.0.0.1:%d\"]}}\n" %
                      (site.runtime_dir, port))
    hep = site.start("sipstat-hep", [harness.program("SIPSTAT_HEP", "collectors/hep/sipstat-hep"), "-f", path])
    hep.wait_log("listening on udp", 20)
    text = "OPTIONS sip:a@192.0.2.10 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK%d\r\nFrom: <sip:b@x>;tag=1\r\n" \
           "To: <sip:a@x>\r\nCall-ID: %d\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    sent, lanes = [], lambda: [n for n in os.listdir(folder) if n.endswith(".lane")]

    def mirrored(claim):
        sent.append(hep_send.packet("udp:192.0.2.1:5060", "udp:192.0.2.10:5060",
                                    (text % (len(sent), len(sent))).encode()))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(sent[-1], ("127.0.0.1", port))
        world.report.check(claim, world.wait_text("^%d$" % len(sent), lambda: site.get(
            "SIP-COMMON-MIB::sipCommonSummaryInRequests.2")), hep.log())

    mirrored("the collector counts")
    limits = resource.prlimit(hep.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(hep.pid, resource.RLIMIT_NOFILE, (len(os.listdir("/proc/%d/fd" % hep.pid)), limits[1]))
    for name in lanes():
        os.unlink(os.path.join(folder, name))
    hep.signal(signal.SIGHUP)
    world.report.check("no descriptor is left for its new lane: it says so", world.wait_text("Too many open files", hep.log))
    mirrored("... and counts in the old one")
    world.idles("... and is not busy with it", who=hep)
    world.report.check("... nor says it all the time", hep.log().count("Too many open files") <= 3, hep.log())
    resource.prlimit(hep.pid, resource.RLIMIT_NOFILE, limits)
    world.report.check("descriptors are there again: it has a new lane", harness.wait_for("a lane", lanes, 20), hep.log())
    mirrored("... and counts on")
    world.report.equal("it ends as it should", 0, hep.stop())


# ------------------------------------------------------------ disks


def full_state_directory(world):
    """Root alone can mount what is full at once."""
    if os.geteuid() != 0 or not mount(world.site.state_dir, "64k"):
        print("skipped: a full state directory takes a mount of its own")
        return
    with open(world.site.path("state/filler"), "wb", 0) as f:
        try:
            while True:
                f.write(bytes(4096))
        except OSError:
            pass
    kept_again(world, "the state directory is full", "No space left on device",
               lambda: os.unlink(world.site.path("state/filler")))


def set_kept(world, bits):
    """A SET of what survives a reboot."""
    change = ["SIP-COMMON-MIB::sipCommonCfgServiceNotifEnable.1", "b", bits]
    return world.site._snmp("snmpset", world.site.by_name(), change, check=False, community="private")


def settings(world):
    try:
        with open(world.site.path("state/settings"), encoding="ascii") as f:
            return re.findall("^notify edge (.*)$", f.read(), re.M)
    except (FileNotFoundError, NotADirectoryError):
        return []


def kept_again(world, claim, reason, mend):
    """A SET is refused, and nothing has changed; `mend`, and it is taken."""
    get = lambda: world.site.get("SIP-COMMON-MIB::sipCommonCfgServiceNotifEnable.1")
    value = get()
    bits, words = next(WISHES)
    done = set_kept(world, bits)
    world.report.check(claim + ": a SET that is to be kept is refused, and changes nothing",
                       done.returncode != 0 and "commitFailed" in done.stdout and get() == value, done.stdout)
    world.report.check("... which is said", world.wait_text(reason, world.agent.log))
    mend()
    world.report.check("... nothing of it was written", words not in settings(world), str(settings(world)))
    done = set_kept(world, bits)
    world.report.check("all right again: it is taken, and written",
                       done.returncode == 0 and get() != value and settings(world) == [words], done.stdout)


def strange_state_directory(world):
    """Read-only, not there, another one, no directory at all: while the agent runs, on a mount of its own."""
    path = world.site.state_dir
    remount = lambda flags: harness._libc.mount(b"none", path.encode(), None, 32 | flags, None)
    if not os.path.ismount(path):
        return
    if remount(1) != 0:  # MS_RDONLY, with MS_REMOUNT
        raise OSError(ctypes.get_errno(), path)
    kept_again(world, "the state directory is read-only", "Read-only file system", lambda: remount(0))
    harness._libc.umount2(path.encode(), 2)
    done = set_kept(world, "0 1 2")
    world.report.check("it is another one, and empty: a SET is taken, and written there",
                       done.returncode == 0 and settings(world) == ["coldStart warmStart statusChanged"], done.stdout)
    os.rename(path, path + ".away")
    kept_again(world, "it is not there", "cannot open it: No such file", lambda: os.rename(path + ".away", path))
    os.rename(path, path + ".away")
    open(path, "wb").close()

    def mend():
        os.unlink(path)
        os.rename(path + ".away", path)

    kept_again(world, "a file has its name", "cannot open it: Not a directory", mend)


def without_stores(world):
    """The files of LMDB are removed under the agent, and the directories that they are in."""
    started = lambda: world.site.get("SIP-COMMON-MIB::sipCommonSummaryDisconTime.1")
    before = started()
    for name in ("retained.mdb/data.mdb", "retained.mdb/lock.mdb", "registrations.mdb/data.mdb",
                 "registrations.mdb/lock.mdb", "retained.mdb", "registrations.mdb"):
        path = world.site.path("run/" + name)
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
        world.write()
        if len(world.writers) > 1:
            world.writers.pop(0).close()
        world.right("%s is removed: counts are served" % name)
        if "lock" not in name:  # what is open needs none: this agent's alone
            world.report.check("... and it is made again", harness.wait_for(name, lambda: os.path.exists(path), 30))
    world.report.check("none was lost", started() == before, "%s, %s" % (before, started()))
    world.agent.signal(signal.SIGKILL)
    world.agent.popen.wait(10)
    world.start()
    world.right("killed and started: every count once")


def full_runtime_directory(world):
    """Where LMDB finds no room for its pages lanes wait, and no signal comes of it."""
    filler = world.site.path("run/filler")
    with open(filler, "wb", 0) as f:
        try:
            while True:
                f.write(bytes(65536))
        except OSError:
            pass
    with open(filler, "ab", 0) as f:
        try:
            while True:
                f.write(bytes(512))
        except OSError:
            pass
    for _ in range(3):
        if len(world.writers) > 1:
            world.writers.pop(0).close()
    world.more()
    world.right("the runtime directory is full: counts are served")
    time.sleep(2)
    world.idles("... and nothing is busy with it")
    os.unlink(filler)
    world.right("room again: counts stay")
    try:
        lanes = harness.wait_for("dead lanes to be retired", lambda: len([n for n in os.listdir(
            world.site.path("run/edge")) if n.endswith(".lane")]) == len(world.writers), 90)
    except TimeoutError:
        lanes = False
    world.report.check("... and dead lanes are retired", lanes)


def mount(path, size):
    options = ctypes.c_char_p(("size=%s,mode=0770" % size).encode())
    return harness._libc.mount(b"tmpfs", path.encode(), b"tmpfs", 0, options) == 0


def private_mounts():
    """A mount name space of our own; False where that cannot be."""
    return (os.geteuid() == 0 and harness._libc.unshare(0x00020000) == 0 and  # CLONE_NEWNS
            harness._libc.mount(None, b"/", None, 0x4000 | 0x40000, None) == 0)  # MS_REC | MS_PRIVATE


# ------------------------------------------------------------ clocks


def clocks(world):
    control = world.control
    for words, name in (({"real_ns": 5 * YEAR}, "five years ahead"), ({"real_ns": -20 * YEAR}, "twenty years back"),
                        ({"real_ns": 80 * YEAR}, "in 2106"), ({"real_ns": -100 * YEAR}, "before 1970")):
        control.set(**words)
        world.more()
        world.writers[-1].bindings("sip:alice@example.org", ())
        world.right("wall clock %s: counts right" % name)
    control.set(real_ns=0)
    uptime = lambda: int(world.site._snmp("snmpget", ["-Oqvt", "-m", ""], ["1.3.6.1.2.1.1.3.0"]).stdout)
    started = lambda: int(world.site._snmp("snmpget", ["-Oqvt", "-m", ""],
                                           ["1.3.6.1.2.1.149.1.1.1.1.3.1"], check=False).stdout.strip() or -1)
    before = started()
    control.set(stands_at_ns=time.monotonic_ns())
    world.more()
    time.sleep(1)
    world.idles("the monotonic clock stands still")
    world.report.check("... and it still answers", world.counted().isdigit())
    control.set(stands_at_ns=0)
    world.right("... and goes on: counts right")
    control.set(monotonic_ns=3 * 86400 * SECOND)
    world.more()
    world.right("the monotonic clock three days ahead: counts right")
    world.idles("... and nothing is busy with it")
    control.set(clocks_fail=1)
    world.more()
    time.sleep(1)
    world.idles("no clock can be read")
    world.report.check("... and it still answers", world.counted().isdigit())
    control.set(clocks_fail=0)
    world.more()
    world.right("... and can be again: counts right")
    world.report.check("time stamps stay behind sysUpTime: %d, %d" % (before, started()),
                       0 <= before <= uptime() and 0 <= started() <= uptime())


# ------------------------------------------------------------ the rest


def no_threads(world):
    control = Control(world.site, "control-start")
    control.set(threads_refused=1)
    agent = world.start(control)
    harness.wait_for("the agent to end", lambda: not agent.is_running(), 30)
    world.report.check("no thread can be made: says so and ends, status %d" % agent.popen.returncode,
                       agent.popen.returncode == 1 and "thread" in agent.log())
    world.site.processes.remove(agent)


def limits(world):
    for option, name in (("--as=200000000", "address space"), ("--fsize=4096", "size of files")):
        agent = world.start(Control(world.site, "control-start"), [option])
        harness.wait_for("the agent to end or serve", lambda: not agent.is_running() or world.site.is_served(), 30)
        status, log = agent.stop(30), agent.log()
        world.report.check("a limit on the %s: exit status %d" % (name, status),
                           0 <= status <= 3 and (status == 0 or "error" in log), log[-400:])
        world.site.processes.remove(agent)


def main():
    harness.need("snmpd", "snmpget", "snmpset", "prlimit")
    if os.environ.get("SIPMIB_PRELOAD"):
        print("skipped: the sanitizers have allocations of their own")
        sys.exit(harness.SKIP)
    report = harness.Report()
    is_apart = private_mounts()
    with harness.Site() as site:
        if is_apart:
            mount(site.runtime_dir, "8m")
        site.start_snmpd()
        site.write_config(INSTANCES)
        world = World(site, report, build_library(site))
        memory_at_start(world)
        no_threads(world)
        limits(world)
        few_descriptors_at_start(world)
        world.start()
        world.write()
        world.right("all well to begin with")
        memory_while_running(world)
        memory_of_the_viewer(world)
        descriptors(world)
        descriptors_of_a_server(world)
        descriptors_of_the_collector(world)
        clocks(world)
        if is_apart:
            full_runtime_directory(world)
            full_state_directory(world)
            strange_state_directory(world)
            without_stores(world)
        else:
            print("skipped: full directories take a mount name space of their own, and so root")
        world.agent.stop()
        report.check("it ends as it should", world.agent.popen.returncode == 0)
        if is_apart:
            world.writers.clear()
            for path in (site.runtime_dir, site.state_dir):
                harness._libc.umount2(path.encode(), 2)
    report.exit()


if __name__ == "__main__":
    main()
