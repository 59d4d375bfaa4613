# SPDX-License-Identifier: BSD-2-Clause
"""Another AgentX subagent (RFC 2741) beside ours, as far as the tests want one: it holds one subtree, and takes part in
SETs or makes them fail in the phase that it is told."""

import socket
import struct
import threading

OPEN, REGISTER, GET, TEST_SET, COMMIT_SET, UNDO_SET, CLEANUP_SET, RESPONSE = 1, 3, 5, 8, 9, 10, 11, 18
NETWORK_ORDER = 0x10
GEN_ERR, WRONG_VALUE, COMMIT_FAILED = 5, 10, 14
HEADER = struct.Struct(">BBBBIIII")


def oid(text):
    parts = [int(part) for part in text.split(".")]
    return struct.pack(">BBBB%dI" % len(parts), len(parts), 0, 0, 0, *parts)


class Subagent:
    """Holds `subtree`, with nothing in it. `fails_at`: the PDU that it refuses, with `error`. `before`: functions to
    call before a PDU is answered. `seen`: the PDUs that it got."""

    def __init__(self, path, subtree):
        self.fails_at, self.error, self.before, self.seen = None, 0, {}, []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(10)
        self._socket.connect(path)
        self._session, self._packet = 0, 0
        text = b"another subagent"
        self._ask(OPEN, struct.pack(">BBBB", 5, 0, 0, 0) + oid("0.0") + struct.pack(">I", len(text)) + text)
        self._ask(REGISTER, struct.pack(">BBBB", 0, 127, 0, 0) + oid(subtree))
        self._socket.settimeout(None)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def _ask(self, kind, payload):
        self._packet += 1
        header = HEADER.pack(1, kind, NETWORK_ORDER, 0, self._session, 0, self._packet, len(payload))
        self._socket.sendall(header + payload)
        (_, _, flags, _, session, _, _, _), answer = self._read()
        order = ">" if flags & NETWORK_ORDER else "<"
        error = struct.unpack(order + "H", answer[4:6])[0]
        if error:
            raise RuntimeError("the master refuses PDU %d with error %d" % (kind, error))
        self._session = session

    def _read(self):
        octets = self._take(HEADER.size)
        header = HEADER.unpack(octets)
        if not header[2] & NETWORK_ORDER:
            header = struct.unpack("<BBBBIIII", octets)
        return header, self._take(header[7])

    def _take(self, count):
        octets = b""
        while len(octets) < count:
            more = self._socket.recv(count - len(octets))
            if not more:
                raise EOFError
            octets += more
        return octets

    def _serve(self):
        try:
            while True:
                (_, kind, _, _, session, transaction, packet, _), _ = self._read()
                self.seen.append(kind)
                if kind in self.before:
                    self.before[kind]()
                if kind not in (RESPONSE, CLEANUP_SET):
                    error = self.error if kind == self.fails_at else 0
                    answer = struct.pack(">IHH", 0, error, 1 if error else 0)
                    self._socket.sendall(HEADER.pack(1, RESPONSE, NETWORK_ORDER, 0, session, transaction, packet,
                                                     len(answer)) + answer)
        except (EOFError, OSError):
            pass
