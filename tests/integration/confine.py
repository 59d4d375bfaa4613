#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Run a program under what its systemd unit allows, without systemd:

    confine.py UNIT READ-WRITE-PATH... -- PROGRAM ARGUMENT...

System calls: SystemCallFilter (its sets as systemd-analyze expands them), RestrictAddressFamilies and
MemoryDenyWriteExecute become a seccomp filter that kills the program, so that nothing refused stays unseen. Files: as
root, with ProtectSystem=strict in the unit, all but the paths given is read-only, in a mount namespace of its own.
"""

import ctypes
import os
import socket
import subprocess
import sys

KILL, ALLOW = 0x80000000, 0x7fff0000
EQUAL, MASKED_EQUAL = 4, 7
WRITE_OR_EXECUTE, EXECUTE = 6, 4                             # of mmap(2)'s prot
NEW_MOUNTS, RECURSIVE, PRIVATE, READ_ONLY = 0x20000, 0x8000, 1 << 18, 1
MOUNT_SETATTR = 442


def settings(unit):
    """{key: [value, ...]} of a unit file."""
    out = {}
    with open(unit, encoding="utf-8") as f:
        for line in f:
            if "=" in line and line[0] not in "#;[":
                key, value = line.strip().split("=", 1)
                out.setdefault(key, []).append(value)
    return out


def known_sets():
    """{"@set": [name or @set, ...]}, all of them by one call."""
    text = subprocess.run(["systemd-analyze", "syscall-filter"], stdout=subprocess.PIPE, text=True, check=True).stdout
    sets, name = {}, None
    for line in text.splitlines():
        word = line.strip()
        if line.startswith("@"):
            name = word
            sets[name] = []
        elif name and word and line[0] == " " and not word.startswith("#"):
            sets[name].append(word)
    return sets


def expand(names, sets):
    """System calls of a list of names and @sets."""
    out = set()
    for name in names:
        out |= expand(sets[name], sets) if name.startswith("@") else {name}
    return out


def allowed(unit):
    """What the SystemCallFilter lines leave, as systemd.exec(5) adds them up; the first is a list of what is allowed."""
    sets = known_sets()
    calls = expand(["@default"], sets)
    for line in unit["SystemCallFilter"]:
        listed = expand(line.lstrip("~").split(), sets)
        calls = calls - listed if line.startswith("~") else calls | listed
    return calls


class _Compare(ctypes.Structure):
    _fields_ = [("argument", ctypes.c_uint), ("operator", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


def load_filter(unit):
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add_array.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
                                               ctypes.POINTER(_Compare)]
    context = ctypes.c_void_p(library.seccomp_init(KILL))

    def rule(name, *compares):
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0 and library.seccomp_rule_add_array(context, ALLOW, number, len(compares),
                                                          (_Compare * len(compares))(*compares)) != 0:
            raise OSError("no rule for %s" % name)

    special = {"socket", "mmap", "mprotect"}
    calls = allowed(unit)
    for name in sorted(calls - special):
        rule(name)
    for family in unit["RestrictAddressFamilies"][0].split():
        rule("socket", _Compare(0, EQUAL, getattr(socket, family)))
    if unit.get("MemoryDenyWriteExecute") == ["yes"]:
        for prot in (0, 2, 4):
            rule("mmap", _Compare(2, MASKED_EQUAL, WRITE_OR_EXECUTE, prot))
        rule("mprotect", _Compare(2, MASKED_EQUAL, EXECUTE, 0))
    if library.seccomp_load(context) != 0:
        raise OSError("the filter cannot be loaded")


class _Attributes(ctypes.Structure):
    _fields_ = [("set", ctypes.c_uint64), ("clear", ctypes.c_uint64), ("propagation", ctypes.c_uint64),
                ("namespace", ctypes.c_uint64)]


def protect_files(paths):
    libc = ctypes.CDLL(None, use_errno=True)

    def attributes(path, **values):
        wanted = _Attributes(**values)
        if libc.syscall(MOUNT_SETATTR, -100, path.encode(), RECURSIVE, ctypes.byref(wanted), ctypes.sizeof(wanted)) != 0:
            raise OSError(ctypes.get_errno(), "%s: mount_setattr" % path)

    if libc.unshare(NEW_MOUNTS) != 0:
        return False
    attributes("/", propagation=PRIVATE)
    for path in paths:
        if libc.mount(path.encode(), path.encode(), None, 4096, None) != 0:
            raise OSError(ctypes.get_errno(), "%s: mount" % path)
    attributes("/", set=READ_ONLY)
    for path in paths:
        attributes(path, clear=READ_ONLY)
    return True


def main():
    split = sys.argv.index("--")
    unit, paths, command = settings(sys.argv[1]), sys.argv[2:split], sys.argv[split + 1:]
    if os.geteuid() == 0 and unit.get("ProtectSystem") == ["strict"] and protect_files(paths):
        print("confine: all but %s is read-only" % " ".join(paths), flush=True)
    load_filter(unit)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
