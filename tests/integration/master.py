# SPDX-License-Identifier: BSD-2-Clause
"""An AgentX master (RFC 2741) of the tests' own, which may behave as badly as a test wants: it gives a session, takes
the registrations, and then sends what it is told, or ends."""

import select
import socket
import struct

import agentx

HEADER_OCTETS = 20
OPEN, REGISTER, GET, GET_NEXT, GET_BULK, TEST_SET = 1, 3, 5, 6, 7, 8
COMMIT_SET, UNDO_SET, CLEANUP_SET, NOTIFY, PING, INDEX_ALLOCATE, RESPONSE = 9, 10, 11, 12, 13, 14, 18
SESSION = 7
PATIENCE_S = 30
ROOTS = 4  # what sipmibd registers


def pdu(kind, payload=b"", flags=agentx.NETWORK_ORDER, session=SESSION, transaction=1, packet=1, length=None,
        version=1):
    """One PDU; `length` in place of the payload's own, and numbers in the order that the flags say."""
    order = ">" if flags & agentx.NETWORK_ORDER else "<"
    return struct.pack(order + "BBBBIIII", version, kind, flags, 0, session, transaction, packet,
                       len(payload) if length is None else length) + payload


class Connection:
    """One subagent that has connected."""

    def __init__(self, accepted):
        self.socket = accepted
        self.socket.settimeout(PATIENCE_S)

    def close(self):
        self.socket.close()

    def take(self):
        """The next PDU: (kind, flags, session, transaction, packet, payload), or None at the end."""
        header = self._octets(HEADER_OCTETS)
        if not header:
            return None
        _, kind, flags, _ = header[:4]
        order = ">" if flags & agentx.NETWORK_ORDER else "<"
        session, transaction, packet, octets = struct.unpack(order + "IIII", header[4:])
        return kind, flags, session, transaction, packet, self._octets(octets)

    def _octets(self, count):
        got = b""
        while len(got) < count:
            more = self.socket.recv(count - len(got))
            if not more:
                return b""
            got += more
        return got

    def answer(self, got, error=0, up_time=100):
        order = ">" if got[1] & agentx.NETWORK_ORDER else "<"
        self.socket.sendall(pdu(RESPONSE, struct.pack(order + "IHH", up_time, error, 0), got[1] & agentx.NETWORK_ORDER,
                                SESSION, got[3], got[4]))

    def establish(self):
        """Give it a session and take its registrations; whether it came so far."""
        registered = 0
        while registered < ROOTS:
            got = self.take()
            if got is None:
                return False
            self.answer(got)
            registered += got[0] == REGISTER
        return True

    def wait_readable(self, timeout=PATIENCE_S):
        return bool(select.select([self.socket], [], [], timeout)[0])


class Master:
    """Listens where sipmibd looks for its master."""

    def __init__(self, path):
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen(8)
        self._listener.settimeout(2 * PATIENCE_S)

    def accept_open(self):
        """The next subagent that asks for a session, and what it sent."""
        while True:
            connection = Connection(self._listener.accept()[0])
            got = connection.take()
            if got is not None:
                return connection, got
            connection.close()

    def accept(self):
        """The next subagent with its session and registrations; sipmibd also looks who listens, and goes."""
        while True:
            connection = Connection(self._listener.accept()[0])
            try:
                if connection.establish():
                    return connection
            except OSError:
                pass
            connection.close()

    def close(self):
        self._listener.close()
