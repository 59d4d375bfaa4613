# SPDX-License-Identifier: BSD-2-Clause
"""The processes of a run of faults.py, each with its control file: faults_control.h, word by word."""

import mmap
import os
import signal
import struct
import subprocess

import faults_script
import harness

POINTS_MAX, MESSAGES, USERS = 64, 32, 16
ARMED, COUNTDOWN, ACTION, CLOCK_OFFSET, IS_FULL = range(5)
PASSED, KILLED, STOPPED = 16, 16 + POINTS_MAX, 16 + 2 * POINTS_MAX
IS_HELD, IS_IDLE, REOPEN, REFRESH, LANES, REFUSED = range(16 + 3 * POINTS_MAX, 16 + 3 * POINTS_MAX + 6)
LEDGER = 16 + 3 * POINTS_MAX + 16
WORDS = LEDGER + 2 * MESSAGES + 2 * USERS
NAMES = [name for _, name in faults_script.points()]


class Controlled:
    """A program that is started again and again with the same control file."""

    def __init__(self, site, name, command):
        self.name, self._command, self.popen = name, command, None
        path = site.path(name + ".control")
        with open(path, "wb") as f:
            f.write(bytes(8 * WORDS))
        with open(path, "r+b") as f:
            self._map = mmap.mmap(f.fileno(), 0)
        self._env = dict(site.env, FAULTS_CONTROL=path)
        self.log_path = site.path(name + ".log")
        self._log = open(self.log_path, "ab")
        self._directory = site.directory
        self.is_stopped = False

    def word(self, at):
        return struct.unpack_from("<Q", self._map, 8 * at)[0]

    def set_word(self, at, value):
        struct.pack_into("<q", self._map, 8 * at, value)

    def words(self, at, count):
        return struct.unpack_from("<%dQ" % count, self._map, 8 * at)

    def start(self):
        self.is_stopped = False
        self.set_word(IS_IDLE, 0)
        self.popen = subprocess.Popen(self._command, cwd=self._directory, env=self._env, stdin=subprocess.DEVNULL,
                                      stdout=self._log, stderr=subprocess.STDOUT)

    def is_running(self):
        return self.popen is not None and self.popen.poll() is None

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def stop(self):
        if self.is_running():
            self.popen.send_signal(signal.SIGSTOP)
            self.is_stopped = True

    def go_on(self):
        """Whoever stopped it. One that stops itself at a fault point may be about to."""
        if self.is_running():
            self.popen.send_signal(signal.SIGCONT)
        self.is_stopped = False

    def is_asleep(self):
        """Stopped by a signal, its own included."""
        try:
            with open("/proc/%d/stat" % self.popen.pid, encoding="ascii", errors="replace") as f:
                return f.read().rsplit(")", 1)[1].split()[0] == "T"
        except OSError:
            return False

    def arm(self, point, countdown, action):
        self.set_word(ACTION, action)
        self.set_word(COUNTDOWN, countdown)
        self.set_word(ARMED, NAMES.index(point) + 1)

    def is_armed(self):
        return self.word(ARMED) != 0

    def disarm(self):
        self.set_word(ARMED, 0)

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def end(self):
        if self.is_running():
            self.kill()
        self._log.close()


class Slot(Controlled):
    """A writer, and its ledger over all its lives."""

    def __init__(self, site, number):
        self.is_proxy = number < faults_script.PROXIES
        burst = 2000 if number in (1, 2) else 40 if self.is_proxy else 8
        program = harness.program("FAULTS_WRITER", "tests/stress/faults_writer")
        lane = "last" if number == faults_script.ANCHOR else "change"
        super().__init__(site, "writer-%d" % number,
                         [program, "proxy" if self.is_proxy else "registrar", str(number), str(burst), lane])
        self.number, self.deaths = number, 0

    def kill(self):
        super().kill()
        self.deaths += 1

    def messages(self):
        """[(announced, done)]"""
        words = self.words(LEDGER, 2 * MESSAGES)
        return list(zip(words[0::2], words[1::2]))

    def users(self):
        """[(announced, done)] versions of bindings."""
        words = self.words(LEDGER + 2 * MESSAGES, 2 * USERS)
        return list(zip(words[0::2], words[1::2]))

    def hold(self, is_held):
        self.set_word(IS_HELD, is_held)

    def is_idle(self):
        return self.word(IS_IDLE) != 0


class Agent(Controlled):
    def __init__(self, site):
        super().__init__(site, "sipmibd", [harness.program("SIPMIBD_FAULTS", "tests/stress/sipmibd_faults"), "-q", "-f",
                                           site.config_path])
        self.refused = 0

    def has_removed_lanes(self):
        """Whether it holds on to lanes that have no name any more."""
        folder = "/proc/%d/fd" % self.popen.pid
        for name in os.listdir(folder):
            try:
                if ".lane (deleted)" in os.readlink(os.path.join(folder, name)):
                    return True
            except OSError:
                pass
        return False

    def ensure(self):
        """Start it where it does not run. True when it was started."""
        if self.is_running():
            return False
        if self.popen is not None and self.popen.returncode == 1:
            self.refused += 1
        self.start()
        return True


def private_tmpfs(site, octets):
    """Mount a small tmpfs as the runtime directory, where only we see it. False where that is not to be had."""
    if not os.environ.get("FAULTS_NAMESPACE"):
        return False
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=%d,mode=3771" % octets, "none", site.runtime_dir],
                          stderr=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        return False
    site.at_end.append(lambda: subprocess.run(["umount", "-l", site.runtime_dir], check=False))
    return True


def enter_namespace(arguments):
    """Run the program again with mounts of its own. Returns where that is done, or cannot be."""
    if os.environ.get("FAULTS_NAMESPACE"):
        return
    for options in (["-m"], ["-U", "-r", "-m"]):
        if subprocess.run(["unshare"] + options + ["true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            os.environ["FAULTS_NAMESPACE"] = "1"
            os.execvp("unshare", ["unshare"] + options + ["--"] + arguments)
