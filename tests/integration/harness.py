# SPDX-License-Identifier: BSD-2-Clause
"""What the integration tests and the demonstration share: a private directory, processes that do not outlive the test,
free ports, a private snmpd with our agent behind it, and SNMP questions by name.

Nothing of the machine is touched: snmpd and the SNMP tools read and write only below the private directory, and all
sockets are on loopback or in that directory.
"""

import ctypes
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.environ.get("top_srcdir") or os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("top_builddir") or os.path.join(TOP, "build")
MODULES = "SIP-COMMON-MIB:SIP-SERVER-MIB:SIP-UA-MIB:NETWORK-SERVICES-MIB"
MIB_PATH = "%s/mib/modules:%s/mib/imports" % (TOP, TOP)
SUN_PATH_MAX = 107
WRAPPER = os.environ.get("SIPMIB_WRAPPER", "").split()  # what our daemons run under: valgrind and its options
SKIP = 77

# Where this process itself needs the sanitizers' library, because the library under test does, those it starts do not:
# they have their own, and look for leaks.
if os.environ.pop("LD_PRELOAD", None):
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "").replace("detect_leaks=0", "detect_leaks=1")
os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
_random = random.SystemRandom()
_libc = ctypes.CDLL(None, use_errno=True)


def program(variable, built):
    """A program of this build, as make check names it in the environment."""
    return os.environ.get(variable) or os.path.join(BUILD, built)


def sipmibd():
    return program("SIPMIBD", "agent/sipmibd")


def sipstat():
    return program("SIPSTAT", "agent/sipstat")


def need(*names):
    """End the test as skipped when one of these is not there: a program, or a path."""
    for name in names:
        if not (os.path.exists(name) if "/" in name else shutil.which(name)):
            print("skipped: no %s" % name)
            sys.exit(SKIP)


def _die_with_parent():
    _libc.prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG


def spawn(command, **options):
    """subprocess.Popen in a session of its own, which gets SIGTERM should this process be killed."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent,
                            **options)


def wait_for(what, condition, timeout=10.0, interval=0.02):
    """Poll `condition` until it gives something true, and return that."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise TimeoutError("waited %g s for %s" % (timeout, what))
        time.sleep(interval)


def free_port():
    """A loopback port that nobody uses at the moment, for UDP and TCP. Not one that the system hands out by itself
    (net.ipv4.ip_local_port_range), or it might before the program that is to have it has started."""
    while True:
        port = _random.randrange(10000, 32768)
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                with socket.socket(socket.AF_INET, kind) as s:
                    s.bind(("127.0.0.1", port))
            return port
        except OSError:
            continue


def is_bound(port):
    """True when somebody has this UDP port on IPv4. What is sent to it from then on is not lost."""
    with open("/proc/net/udp", encoding="ascii") as f:
        return any(line.split()[1].endswith(":%04X" % port) for line in f.readlines()[1:])


class Process:
    """A program of the site: its log file, and its end."""

    def __init__(self, site, name, command, env=None):
        self.name, self.log_path = name, os.path.join(site.directory, name + ".log")
        self._log = open(self.log_path, "ab")
        self.popen = spawn(command, cwd=site.directory, env=dict(site.env, **(env or {})), stdout=self._log,
                           stderr=subprocess.STDOUT)

    @property
    def pid(self):
        return self.popen.pid

    def is_running(self):
        return self.popen.poll() is None

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def wait_log(self, pattern, timeout=10.0):
        """The first match of a regular expression in the log."""

        def look():
            found = re.search(pattern, self.log())
            if not found and not self.is_running():
                raise RuntimeError("%s ended with status %s:\n%s" % (self.name, self.popen.returncode, self.log()))
            return found

        return wait_for('"%s" in the log of %s' % (pattern, self.name), look, timeout)

    def signal(self, number):
        self.popen.send_signal(number)

    def stop(self, timeout=10.0):
        """SIGTERM, and its exit status. What it forked goes too."""
        if self.is_running():
            self.popen.terminate()
            try:
                self.popen.wait(timeout)
            except subprocess.TimeoutExpired:
                print("%s does not end on SIGTERM" % self.name, file=sys.stderr)
        self._kill_group()
        self._log.close()
        return self.popen.wait()

    def kill(self):
        """SIGKILL."""
        self._kill_group()
        self.popen.wait()

    def _kill_group(self):
        try:
            os.killpg(self.popen.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def _on_signal(number, _frame):
    raise SystemExit(128 + number)


class Site:
    """A private directory and what runs in it. Use it as a context manager: all is gone at its end."""

    def __init__(self, prefix="sipmib-"):
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _on_signal)
        self.directory = tempfile.mkdtemp(prefix=prefix)
        if len(os.path.join(self.directory, "run/agent.sock")) > SUN_PATH_MAX:
            os.rmdir(self.directory)
            self.directory = tempfile.mkdtemp(prefix=prefix, dir="/tmp")
        self.processes = []
        self.at_end = []      # functions called before the processes are stopped
        self.at_failure = []  # functions that give a text for whoever looks for the reason
        self.agentx_socket = self.path("agentx")
        self.runtime_dir, self.state_dir = self.path("run"), self.path("state")
        for path in (self.runtime_dir, self.state_dir, self.path("snmp"), self.path("snmp-conf")):
            os.mkdir(path)
        self.env = dict(os.environ, SIPSTAT_DIR=self.runtime_dir, SNMP_PERSISTENT_DIR=self.path("snmp"),
                        SNMPCONFPATH=self.path("snmp-conf"), LC_ALL="C")
        self.env.pop("MIBS", None)
        self.env.pop("SIPSTAT_INSTANCE", None)
        self.snmp_port = None
        self.snmpd_lines, self.snmpd_options = [], []  # what else is in snmpd.conf, and on its command line
        self.config_path = self.path("sipmib.yaml")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None and kind not in (SystemExit, KeyboardInterrupt):
            self._show_logs()
        self.close()

    def _show_logs(self):
        for p in self.processes:
            print("---- end of the log of %s\n%s" % (p.name, p.log()[-3000:]), file=sys.stderr)
        for describe in self.at_failure:
            print("---- " + describe(), file=sys.stderr)

    def close(self):
        for action in reversed(self.at_end):
            action()
        for p in reversed(self.processes):
            p.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        return self.path(name)

    def start(self, name, command, env=None):
        if os.path.basename(command[0]) in ("sipmibd", "sipstat-hep"):
            command = WRAPPER + command
        p = Process(self, name, command, env)
        self.processes.append(p)
        return p

    # ------------------------------------------------------------ snmpd and the agent

    def start_snmpd(self):
        """A private master agent; on a second call the same again, at the same port. The community "public" reads,
        "private" writes."""
        self.write("snmpd.conf", "rocommunity public 127.0.0.1\nrwcommunity private 127.0.0.1\nmaster agentx\n"
                   "agentXSocket unix:%s\n%s[snmp] persistentDir %s\n" %
                   (self.agentx_socket, "".join(line + "\n" for line in self.snmpd_lines), self.path("snmp")))
        for _ in range(5):
            port = self.snmp_port or free_port()
            snmpd = self.start("snmpd", ["snmpd", "-f", "-Lo", "-r", "-I", "-smux,mteTrigger,mteTriggerConf", "-C", "-c",
                                         self.path("snmpd.conf"), *self.snmpd_options, "udp:127.0.0.1:%d" % port],
                               env={"MIBS": ""})
            if wait_for("snmpd", lambda: not snmpd.is_running() or
                        ("NET-SNMP version" in snmpd.log() and is_bound(port)), 20) and snmpd.is_running():
                self.snmp_port = port
                return snmpd
            if self.snmp_port:
                break
        raise RuntimeError("snmpd does not start:\n" + snmpd.log())

    def write_config(self, instances, ping_interval="1s", more=""):
        """sipmib.yaml; instances are YAML texts of one mapping each, on one line."""
        return self.write("sipmib.yaml", "runtime_dir: %s\nstate_dir: %s\nagentx:\n  socket: unix:%s\n  ping_interval: %s\n"
                          "%sinstances:\n%s" % (self.runtime_dir, self.state_dir, self.agentx_socket, ping_interval, more,
                                                "".join("  - %s\n" % i for i in instances)))

    def start_sipmibd(self, wait=True):
        agent = self.start("sipmibd", [sipmibd(), "-f", self.config_path])
        if wait:
            self.wait_served()
        return agent

    def wait_served(self, timeout=15.0):
        """Until the agent's tables are there; the seconds that took."""
        began = time.monotonic()
        wait_for("the SIP MIB in snmpd", lambda: self.is_served(), timeout)
        return time.monotonic() - began

    def is_served(self):
        done = self._snmp("snmpgetnext", ["-Onq", "-t", "0.5", "-r", "0", "-m", ""], ["1.3.6.1.2.1.149"], check=False)
        return done.returncode == 0 and done.stdout.startswith(".1.3.6.1.2.1.149.")

    def restart_snmpd(self, snmpd, number=signal.SIGTERM, away_s=0):
        """End it with a signal, and start it again after so many seconds. The new process."""
        snmpd.signal(number)
        snmpd.popen.wait(10)
        time.sleep(away_s)
        return self.start_snmpd()

    def reload(self, agent, timeout=10):
        """SIGHUP to sipmibd; returns when it has read its configuration."""
        before = agent.log().count(": reloaded ")
        agent.signal(signal.SIGHUP)
        wait_for("the configuration", lambda: agent.log().count(": reloaded ") > before, timeout)

    # ------------------------------------------------------------ questions

    def _snmp(self, tool, options, arguments, check=True, timeout=60, community="public"):
        command = [tool, "-v2c", "-c", community] + options + ["127.0.0.1:%d" % self.snmp_port] + arguments
        done = subprocess.run(command, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, check=False, text=True, errors="replace")
        if check and done.returncode != 0:
            raise RuntimeError("%s: %s" % (" ".join(command), done.stdout))
        return done

    def by_name(self):
        return ["-M", MIB_PATH, "-m", MODULES, "-t", "2", "-r", "3"]

    def walk(self, name):
        """A subtree by name: {(column, index, ...): value}; index parts are numbers or texts."""
        done = self._snmp("snmpwalk", self.by_name() + ["-OQXsUte"], [name])
        return dict(filter(None, (parse_named(line) for line in done.stdout.splitlines())))

    def get(self, name):
        """One object by name, as text."""
        return self._snmp("snmpget", self.by_name() + ["-OvQUte"], [name]).stdout.strip()

    def walk_numeric(self, oid):
        """A subtree: [(oid as a tuple, type, value)] in the order it came."""
        done = self._snmp("snmpwalk", ["-m", "", "-One", "-t", "2", "-r", "3"], [oid])
        return parse_all_numeric(done.stdout)

    def table(self, name):
        """snmptable's text."""
        return self._snmp("snmptable", self.by_name() + ["-Ci", "-Cb", "-Cw", "96"], [name]).stdout


def parse_named(line):
    match = re.match(r"([A-Za-z]\w*)((?:\[[^\]]*\])*)(?:\.0)? = (.*)$", line)
    if not match:
        return None
    index = re.findall(r"\[([^\]]*)\]", match.group(2))
    key = tuple(int(i) if re.fullmatch(r"\d+", i) else re.sub(r"^STRING: ", "", i).strip('"') for i in index)
    value = match.group(3).strip().strip('"')
    return (match.group(1),) + key, int(value) if re.fullmatch(r"-?\d+", value) else value


def parse_numeric(line):
    match = re.match(r"\.([\d.]+) = (?:([\w-]+): ?)?(.*)$", line, re.S)
    if not match:
        return None
    ticks = re.match(r"\((\d+)\)", match.group(3))
    return tuple(int(n) for n in match.group(1).split(".")), match.group(2) or "", (ticks or match).group(1 if ticks else 3)


def parse_all_numeric(text):
    """What a tool printed with -One, also where a value takes several lines."""
    return list(filter(None, (parse_numeric(part.rstrip("\n")) for part in re.split(r"(?m)^(?=\.1\.)", text))))


class Report:
    """Checks that are printed one a line, "ok" or "not ok", and add up to the exit status."""

    def __init__(self):
        self.failed = self.passed = 0

    def check(self, claim, is_true, detail=""):
        print("%s %s%s" % ("ok" if is_true else "not ok", claim, "" if is_true or not detail else ": " + detail),
              flush=True)
        self.passed += bool(is_true)
        self.failed += not is_true
        return is_true

    def equal(self, claim, expected, got):
        return self.check("%s (%s)" % (claim, got), expected == got, "expected %s, got %s" % (expected, got))

    def exit(self):
        sys.exit(1 if self.failed or not self.passed else 0)
