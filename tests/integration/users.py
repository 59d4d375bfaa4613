# SPDX-License-Identifier: BSD-2-Clause
"""Other users, for tests that run as root: a process of a user that does what it is told, and programs started as one.
Users and groups are numbers that nobody has; nothing is written to /etc."""

import collections
import ctypes
import multiprocessing
import os
import shutil
import socket
import subprocess

import harness
import writer

User = collections.namedtuple("User", "uid gid groups", defaults=((),))


def command(user, words, umask=0o022):
    """`words` run as that user, with no capability, and no way to any."""
    become = ["setpriv", "--reuid=%d" % user.uid, "--regid=%d" % user.gid,
              "--groups=%s" % ",".join(map(str, user.groups)) if user.groups else "--clear-groups",
              "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    return ["sh", "-c", 'umask %03o; exec "$@"' % umask, "sh"] + become + list(words)


def run(user, words, env):
    return subprocess.run(command(user, words), env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=60, check=False)


def copy_programs(site, *programs):
    """Where every user may run them: the directories above the build may be closed to others."""
    os.makedirs(site.path("bin"), exist_ok=True)
    return [shutil.copy(program, site.path("bin")) for program in programs]


# ------------------------------------------------------------ what an actor can be told

_held = {}


def open_writer(name, *arguments, **options):
    _held[name] = writer.Writer(*arguments, **options)


def call_writer(name, function, *arguments):
    return getattr(_held[name], function)(*arguments)


def listdir(path):
    return os.listdir(path)


def open_file(path, flags):
    os.close(os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666))


def truncate(path):
    os.truncate(path, 0)


def make_directory(path):
    os.mkdir(path)


def make_fifo(path):
    os.mkfifo(path)


def remove(path):
    os.unlink(path)


def remove_directory(path):
    os.rmdir(path)


def rename(path, other):
    os.rename(path, other)


def link(path, other):
    os.link(path, other)


def symlink(path, other):
    os.symlink(path, other)


def change_mode(path, mode):
    os.chmod(path, mode)


def connect(path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.settimeout(30)
        text = b""
        while True:
            part = s.recv(65536)
            if not part:
                return text.decode()
            text += part


# ------------------------------------------------------------ the actor

class Actor:
    """A process of another user. tell(function, ...) calls one of the functions above there and gives its result; an
    OSError comes back as one."""

    def __init__(self, user):
        ctypes.CDLL(os.path.join(harness.BUILD, "sipcore/.libs/libsipstat.so"))  # while it can be reached
        self.user = user
        self._here, there = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("fork").Process(target=self._live, args=(there,), daemon=True)
        self._process.start()
        there.close()

    def _live(self, pipe):
        self._here.close()
        os.umask(0)
        os.setgroups(self.user.groups)
        os.setresgid(self.user.gid, self.user.gid, self.user.gid)
        os.setresuid(self.user.uid, self.user.uid, self.user.uid)
        while True:
            try:
                function, arguments, options = pipe.recv()
            except EOFError:
                os._exit(0)
            try:
                pipe.send((True, function(*arguments, **options)))
            except OSError as error:
                pipe.send((False, (error.errno, str(error))))

    def tell(self, function, *arguments, **options):
        self._here.send((function, arguments, options))
        is_good, result = self._here.recv()
        if not is_good:
            raise OSError(*result)
        return result

    def end(self):
        self._here.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
