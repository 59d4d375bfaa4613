# SPDX-License-Identifier: BSD-2-Clause
"""Lanes that lie: images of a good one with single words changed, and the locks that make them look alive."""

import fcntl
import os
import struct
import subprocess

import harness

F_OFD_SETLK = 37
SUFFIX = ".lane"
STATUS, STATE, AUTH_FAILED, BINDINGS = 1, 2, 3, 4  # types of ring records
RECORD_HEAD = "<IHHQQ"                             # octets, type, octets of the body, sequence, time


def program():
    return harness.program("HOSTILE", "tests/integration/hostile")


def read_fields():
    """{"header.abi": (offset, octets)}, as the library has it."""
    lines = subprocess.run([program(), "fields"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return {name: (int(offset), int(octets)) for name, offset, octets in (line.split() for line in lines)}


def lock(fd, kind=fcntl.F_WRLCK):
    """An open-file-description lock on all of it."""
    fcntl.fcntl(fd, F_OFD_SETLK, struct.pack("hhqqi4x", kind, os.SEEK_SET, 0, 0, 0))


class Image:
    """The octets of a lane, to be changed and made a file of."""

    def __init__(self, octets, fields):
        self.octets, self.fields = bytearray(octets), fields
        self.put_octets("header.identity", os.urandom(16))

    def copy(self):
        return Image(self.octets, self.fields)

    def get(self, field, row=0):
        offset, octets = self.fields[field]
        octets = min(octets, 8)
        return int.from_bytes(self.octets[offset + row * octets:offset + (row + 1) * octets], "little")

    def put(self, field, value, row=0):
        """`row`: which word of a field of many."""
        offset, octets = self.fields[field]
        octets = min(octets, 8)
        self.put_at(offset + row * octets, (value % (1 << 8 * octets)).to_bytes(octets, "little"))
        return self

    def put_octets(self, field, data):
        self.put_at(self.fields[field][0], data)
        return self

    def put_at(self, offset, data):
        self.octets[offset:offset + len(data)] = data

    def put_text(self, field, text):
        """As long as the field, with zeros behind."""
        octets = self.fields[field][1]
        return self.put_octets(field, text[:octets].ljust(octets, b"\0"))

    def put_records(self, *records, head=None, intent=None, next_sequence=None):
        """A ring that holds just these records."""
        data = b"".join(records)
        self.put_octets("table.ring", data)
        head = len(data) if head is None else head
        self.put("ring.head", head).put("ring.intent", head if intent is None else intent)
        return self.put("ring.head_sequence", len(records) + 1 if next_sequence is None else next_sequence)


def record(sequence, kind, body, octets=None, body_octets=None, time_ns=0):
    """One record, with lies where they are given."""
    padded = body.ljust((len(body) + 7) // 8 * 8, b"\0")
    return struct.pack(RECORD_HEAD, 24 + len(padded) if octets is None else octets, kind,
                       len(body) if body_octets is None else body_octets, sequence, time_ns) + padded


def state(value):
    return struct.pack("<II", value, 2)


def status(code=503, method=0, direction=1, to=b"<sip:x@y>", to_octets=None):
    return struct.pack("<BBHIHHHH", direction, method, code, 1, len(to) if to_octets is None else to_octets, 0, 0, 0) + to


def auth_failed(aor, code=403, aor_octets=None):
    return struct.pack("<HHI", code, len(aor) if aor_octets is None else aor_octets, 0) + aor


def contact(uri, expires=3600, q=0xffff, uri_octets=None, name=b""):
    return struct.pack("<IIHHHH", expires, 0, q, len(uri) if uri_octets is None else uri_octets, len(name), 0) + uri + name


def bindings(aor, contacts=(), count=None, part=0, flags=1):
    return struct.pack("<HHHH", part, flags, len(contacts) if count is None else count, len(aor)) + aor + b"".join(contacts)


class Lane:
    """A file with a lane's name, as a hostile user has it: open for writing, and locked unless `is_locked` is False."""

    def __init__(self, directory, name, octets, is_locked=True):
        hidden, self.path = os.path.join(directory, ".making"), os.path.join(directory, name)
        self.fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        os.write(self.fd, bytes(octets))
        if is_locked:
            lock(self.fd)
        os.rename(hidden, self.path)

    def poke(self, offset, data):
        os.pwrite(self.fd, data, offset)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1
