# SPDX-License-Identifier: BSD-2-Clause
"""libsipstat from Python: for tests that want to say exactly which messages crossed an instance."""

import ctypes
import os

import harness

IN, OUT = 0, 1


# Methods with a number of their own, RFC 3261 and what IANA has registered since.
METHODS = ("INVITE", "ACK", "OPTIONS", "BYE", "CANCEL", "REGISTER", "PRACK", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INFO",
           "REFER", "MESSAGE", "UPDATE")
SHARED_TRANSACTIONS, COLLECTOR = 1, 2                        # flags of a writer
RETRANSMISSION, PRIVATE = 1, 2                               # flags of a message
UP, DOWN, CONGESTED, RESTARTING, QUIESCING, TESTING = 2, 3, 4, 5, 6, 7
TRANSPORTS = {"UDP": 1, "TCP": 2, "SCTP": 3, "TLS": 4, "TLS-SCTP": 5, "WS": 6, "WSS": 7}
OPENED, CLOSED, FAILED = 0, 1, 2                             # what happens to an association
REQUIRE, PROXY_REQUIRE, SUPPORTED, UNSUPPORTED, ALLOW = 1, 2, 4, 8, 16
Q_NONE = 65535


class _Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("dir", ctypes.c_char_p), ("instance", ctypes.c_char_p),
                ("software", ctypes.c_char_p), ("flags", ctypes.c_uint), ("max_transactions", ctypes.c_uint32),
                ("ring_octets", ctypes.c_uint32)]


class _Addresses(ctypes.Structure):
    _fields_ = [("source", ctypes.c_void_p), ("destination", ctypes.c_void_p), ("transport", ctypes.c_int)]


class _Headers(ctypes.Structure):
    _fields_ = [("to", ctypes.c_char_p), ("from_", ctypes.c_char_p), ("call_id", ctypes.c_char_p),
                ("to_length", ctypes.c_size_t), ("from_length", ctypes.c_size_t), ("call_id_length", ctypes.c_size_t),
                ("cseq", ctypes.c_uint32)]


class _Contact(ctypes.Structure):
    _fields_ = [("uri", ctypes.c_char_p), ("display_name", ctypes.c_char_p), ("instance", ctypes.c_char_p),
                ("uri_length", ctypes.c_size_t), ("display_name_length", ctypes.c_size_t),
                ("instance_length", ctypes.c_size_t), ("expires_s", ctypes.c_uint32), ("reg_id", ctypes.c_uint32),
                ("q_thousandths", ctypes.c_uint16)]


_POINTER, _TEXT, _SIZE, _NUMBER = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint
_ARGUMENTS = {                                               # after the writer
    "observe": (ctypes.c_int, _TEXT, _SIZE, _POINTER, ctypes.c_uint64),
    "tick": (ctypes.c_uint64,),
    "method": (_TEXT, _SIZE),
    "request": (ctypes.c_int, _NUMBER, _NUMBER),
    "response": (ctypes.c_int, _NUMBER, _NUMBER, _NUMBER, _POINTER),
    "bindings": (_TEXT, _SIZE, _POINTER, _SIZE),
    "authentication_failed": (_TEXT, _SIZE, _NUMBER),
    "word": (ctypes.c_int, _TEXT, _SIZE),
    "association": (ctypes.c_int, ctypes.c_int),
    "set_state": (ctypes.c_int,),
    "transaction_begin": (), "transaction_end": (), "discarded": (), "unsupported_uri": (), "unsupported_method": (),
    "proxy_require_failed": (), "register_accepted": (), "register_rejected": (), "close": (),
}


def _octets(text):
    """What a str or bytes is on the wire."""
    return text if isinstance(text, bytes) else text.encode("utf-8")


class Writer:
    """A writer of this process. observe() takes texts as they would stand in a datagram; the others are the typed calls
    of sipstat(3), with methods by name. ring_octets 0 is the library's default."""

    def __init__(self, directory, instance, flags=0, ring_octets=0, software="test 1.0"):
        self._library = ctypes.CDLL(os.path.join(harness.BUILD, "sipcore/.libs/libsipstat.so"))
        for name, arguments in _ARGUMENTS.items():
            getattr(self._library, "sipstat_" + name).argtypes = [_POINTER, *arguments]
        self._numbers = {name: number for number, name in enumerate(METHODS)}
        self._handle, error = ctypes.c_void_p(), ctypes.create_string_buffer(256)
        options = _Options(ctypes.sizeof(_Options), directory.encode(), instance.encode(), _octets(software), flags, 0,
                           ring_octets)
        if self._library.sipstat_open(ctypes.byref(self._handle), ctypes.byref(options), error, len(error)) != 0:
            raise OSError(error.value.decode())

    def observe(self, direction, text, time_ns=0, transport=None):
        """`transport`: TRANSPORTS["SCTP"] ..., None: not known."""
        data = text if isinstance(text, bytes) else text.encode("latin-1")
        addresses = None if transport is None else ctypes.byref(_Addresses(None, None, transport))
        return self._library.sipstat_observe(self._handle, direction, data, len(data), addresses, time_ns)

    def tick(self, time_ns=0):
        self._library.sipstat_tick(self._handle, time_ns)

    def method(self, name):
        """The number of a method on this writer."""
        if name not in self._numbers:
            data = _octets(name)
            self._numbers[name] = self._library.sipstat_method(self._handle, data, len(data))
        return self._numbers[name]

    def request(self, direction, method, retransmission=False):
        self._library.sipstat_request(self._handle, direction, self.method(method), RETRANSMISSION * retransmission)

    def response(self, direction, method, code, to=None, from_=None, call_id=None, cseq=0, private=False,
                 retransmission=False):
        """`to`, `from_` and `call_id` are header field values; without any of them and `cseq` no headers are given."""
        headers = None
        if (to, from_, call_id, cseq) != (None, None, None, 0):
            texts = [_octets(text or "") for text in (to, from_, call_id)]
            headers = ctypes.byref(_Headers(*texts, *map(len, texts), cseq))
        self._library.sipstat_response(self._handle, direction, self.method(method), code,
                                       RETRANSMISSION * retransmission + PRIVATE * private, headers)

    def bindings(self, aor, contacts=()):
        """All contacts of an address-of-record: each a URI, or a dictionary with uri and any of name, instance, expires
        (3600), reg_id (0) and q (thousandths, Q_NONE)."""
        array = (_Contact * len(contacts))()
        for entry, contact in zip(array, contacts):
            given = contact if isinstance(contact, dict) else {"uri": contact}
            texts = [_octets(given.get(key, "")) for key in ("uri", "name", "instance")]
            (entry.uri, entry.display_name, entry.instance) = texts
            (entry.uri_length, entry.display_name_length, entry.instance_length) = map(len, texts)
            entry.expires_s, entry.reg_id = given.get("expires", 3600), given.get("reg_id", 0)
            entry.q_thousandths = given.get("q", Q_NONE)
        data = _octets(aor)
        self._library.sipstat_bindings(self._handle, data, len(data), array, len(contacts))

    def authentication_failed(self, aor, code=403):
        data = _octets(aor)
        self._library.sipstat_authentication_failed(self._handle, data, len(data), code)

    def word(self, header, word):
        """`header`: REQUIRE, SUPPORTED, ALLOW ..."""
        data = _octets(word)
        self._library.sipstat_word(self._handle, header, data, len(data))

    def association(self, direction, what):
        self._library.sipstat_association(self._handle, direction, what)

    def set_state(self, state):
        self._library.sipstat_set_state(self._handle, state)

    def count(self, what):
        """One call without arguments: "transaction_begin", "discarded", "register_accepted" ..."""
        getattr(self._library, "sipstat_" + what)(self._handle)

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
