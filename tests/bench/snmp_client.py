# SPDX-License-Identifier: BSD-2-Clause
"""A manager that does next to nothing, so that what is measured is the agent: SNMPv2c over UDP, requests made
beforehand. A walk is recorded once and then repeated from the recorded requests."""

import socket

GET, GETBULK = 0xa0, 0xa5
CAP = 100                                      # varbinds in a response of snmpd


def tlv(tag, value):
    length = len(value)
    if length < 128:
        return bytes([tag, length]) + value
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + value


def integer(number):
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def oid(numbers):
    octets = bytearray([40 * numbers[0] + numbers[1]])
    for number in numbers[2:]:
        part = [number & 127]
        while number := number >> 7:
            part.append(number & 127 | 128)
        octets += bytes(reversed(part))
    return tlv(6, bytes(octets))


def request(kind, oids, repetitions=0):
    """A whole message. For GET `repetitions` is 0."""
    varbinds = b"".join(tlv(0x30, oid(numbers) + b"\x05\x00") for numbers in oids)
    pdu = tlv(kind, integer(4780) + integer(0) + integer(repetitions) + tlv(0x30, varbinds))
    return tlv(0x30, integer(1) + tlv(4, b"public") + pdu)


def split(octets):
    """Whatever is inside: [(tag, value)]."""
    parts, at = [], 0
    while at < len(octets):
        tag, length = octets[at], octets[at + 1]
        at += 2
        if length & 128:
            count = length & 127
            length = int.from_bytes(octets[at:at + count], "big")
            at += count
        parts.append((tag, octets[at:at + length]))
        at += length
    return parts


def numbers(octets):
    result, number = [octets[0] // 40, octets[0] % 40], 0
    for octet in octets[1:]:
        number = number << 7 | octet & 127
        if not octet & 128:
            result.append(number)
            number = 0
    return tuple(result)


class Client:
    """Speaks with one snmpd on loopback."""

    def __init__(self, port):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(10)

    def ask(self, message):
        self.socket.send(message)
        return self.socket.recv(65536)

    def varbinds(self, message):
        """[(OID, tag, value)] of the answer, which must be without an error."""
        pdu = split(split(split(self.ask(message))[0][1])[2][1])
        if pdu[1][1] != b"\x00":
            raise RuntimeError(f"error-status {pdu[1][1].hex()}")
        parts = [split(varbind) for _, varbind in split(pdu[3][1])]
        return [(numbers(name[1]), value[0], value[1]) for name, value in parts]

    def record_walk(self, columns, start, rows):
        """The requests that walk `rows` rows behind index `start` of these columns, by GETBULK. The rows must be there."""
        requests, at, left = [], [column + start for column in columns], rows
        while left > 0:
            repetitions = min(left, CAP // len(columns), 50)
            message = request(GETBULK, at, repetitions)
            found = self.varbinds(message)
            if len(found) != repetitions * len(columns):
                raise RuntimeError(f"{len(found)} varbinds for {repetitions} rows")
            at = [name for name, _, _ in found[-len(columns):]]
            if any(name[:len(column)] != column for name, column in zip(at, columns, strict=True)):
                raise RuntimeError(f"the walk left its column: {at}")
            requests.append(message)
            left -= repetitions
        return requests

    def repeat(self, requests):
        for message in requests:
            self.ask(message)
