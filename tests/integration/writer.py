# SPDX-License-Identifier: BSD-2-Clause
"""libsipstat from Python: for tests that want to say exactly which messages crossed an instance."""

import ctypes
import os

import harness

IN, OUT = 0, 1


class _Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("dir", ctypes.c_char_p), ("instance", ctypes.c_char_p),
                ("software", ctypes.c_char_p), ("flags", ctypes.c_uint), ("max_transactions", ctypes.c_uint32),
                ("ring_octets", ctypes.c_uint32)]


class Writer:
    """A writer of this process. observe() takes texts as they would stand in a datagram."""

    def __init__(self, directory, instance):
        self._library = ctypes.CDLL(os.path.join(harness.BUILD, "sipcore/.libs/libsipstat.so"))
        self._library.sipstat_observe.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t,
                                                  ctypes.c_void_p, ctypes.c_uint64]
        self._library.sipstat_close.argtypes = [ctypes.c_void_p]
        self._handle, error = ctypes.c_void_p(), ctypes.create_string_buffer(256)
        options = _Options(ctypes.sizeof(_Options), directory.encode(), instance.encode(), b"test 1.0", 0, 0, 0)
        if self._library.sipstat_open(ctypes.byref(self._handle), ctypes.byref(options), error, len(error)) != 0:
            raise OSError(error.value.decode())

    def observe(self, direction, text):
        data = text.encode("latin-1")
        return self._library.sipstat_observe(self._handle, direction, data, len(data), None, 0)

    def close(self):
        self._library.sipstat_close(self._handle)
        self._handle = None


def request(method, branch, uri="sip:bob@example.org", headers=""):
    return ("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK%s\r\n%sFrom: <sip:a@example.org>;tag=a\r\n"
            "To: <sip:bob@example.org>\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n" %
            (method, uri, branch, headers, branch, method))


def response(code, method, branch):
    return ("SIP/2.0 %d Any\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK%s\r\nFrom: <sip:a@example.org>;tag=a\r\n"
            "To: <sip:bob@example.org>;tag=b\r\nCall-ID: %s\r\nCSeq: 1 %s\r\nContent-Length: 0\r\n\r\n" %
            (code, branch, branch, method))
