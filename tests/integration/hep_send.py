#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes and sends HEP packets, for tests, fuzzer seeds and trying things out:

    hep_send.py --to 127.0.0.1:9060 --from udp:192.0.2.1:5070 --dest udp:192.0.2.10:5060 --message FILE

sends the SIP message in FILE ("-": standard input; line ends become CRLF) as a mirror would.
"""

import argparse
import gzip
import ipaddress
import socket
import struct
import sys
import time
import zlib

PROTOCOLS = {"udp": 17, "tcp": 6, "sctp": 132, "tls": 22, "ws": 50}
FAMILY, IP_PROTOCOL, SOURCE4, DESTINATION4, SOURCE6, DESTINATION6, SOURCE_PORT, DESTINATION_PORT, SECONDS, MICROSECONDS, \
    PAYLOAD_PROTOCOL, CAPTURE_ID, KEEPALIVE, KEY, PAYLOAD, COMPRESSED, CORRELATION = range(1, 18)
SIP = 1


def chunk(kind, value, vendor=0):
    return struct.pack("!HHH", vendor, kind, 6 + len(value)) + value


def endpoint(text):
    """(transport, IP address, port) of "udp:192.0.2.1:5060" or "udp:[2001:db8::1]:5060"."""
    transport, rest = text.split(":", 1)
    host, port = rest.rsplit(":", 1)
    return transport, ipaddress.ip_address(host.strip("[]")), int(port)


def chunks(source, destination, stamp, key, protocol):
    """All chunks but the payload, as a list."""
    transport, from_host, from_port = endpoint(source)
    _, to_host, to_port = endpoint(destination)
    is_4 = from_host.version == 4
    out = [chunk(FAMILY, b"\2" if is_4 else b"\x0a"), chunk(IP_PROTOCOL, bytes([PROTOCOLS[transport]])),
           chunk(SOURCE4 if is_4 else SOURCE6, from_host.packed),
           chunk(DESTINATION4 if is_4 else DESTINATION6, to_host.packed),
           chunk(SOURCE_PORT, struct.pack("!H", from_port)), chunk(DESTINATION_PORT, struct.pack("!H", to_port)),
           chunk(SECONDS, struct.pack("!I", int(stamp))),
           chunk(MICROSECONDS, struct.pack("!I", int(stamp % 1 * 1000000))),
           chunk(PAYLOAD_PROTOCOL, bytes([protocol])), chunk(CAPTURE_ID, struct.pack("!I", 7))]
    return out + ([chunk(KEY, key.encode())] if key is not None else [])


def packet(source, destination, payload, stamp=None, key=None, protocol=SIP, compress=None, magic=b"HEP3"):
    """HEP version 3. compress: None, "zlib" or "gzip" for the payload, "packet" for gzip around it all."""
    body = b"".join(chunks(source, destination, time.time() if stamp is None else stamp, key, protocol))
    if compress in ("zlib", "gzip"):
        body += chunk(COMPRESSED, zlib.compress(payload) if compress == "zlib" else gzip.compress(payload, mtime=0))
    else:
        body += chunk(PAYLOAD, payload)
    whole = magic + struct.pack("!H", 6 + len(body)) + body
    return gzip.compress(whole, mtime=0) if compress == "packet" else whole


def old_packet(source, destination, payload, version=2, stamp=None, order="<"):
    """HEP version 1 or 2; order: of the sender's memory, "<" or ">"."""
    transport, from_host, from_port = endpoint(source)
    _, to_host, to_port = endpoint(destination)
    stamp = time.time() if stamp is None else stamp
    family = 2 if from_host.version == 4 else 10
    head = struct.pack("!BBBBHH", version, 8 + 2 * len(from_host.packed), family, PROTOCOLS[transport], from_port, to_port)
    head += from_host.packed + to_host.packed
    if version == 2:
        head += struct.pack(order + "IIHH", int(stamp), int(stamp % 1 * 1000000), 7, 0)
    return head + payload


def make(options, payload):
    stamp = options.time if options.time else None
    if options.version < 3:
        return old_packet(options.source, options.destination, payload, options.version, stamp)
    return packet(options.source, options.destination, payload, stamp, options.key, options.protocol, options.compress)


def main():
    parser = argparse.ArgumentParser(description="Send SIP messages as HEP packets.")
    parser.add_argument("--to", required=True, help="where the collector listens: 127.0.0.1:9060")
    parser.add_argument("--from", dest="source", required=True, help="source of the message: udp:192.0.2.1:5070")
    parser.add_argument("--dest", dest="destination", required=True, help="its destination: udp:192.0.2.10:5060")
    parser.add_argument("--message", action="append", required=True, help="file of the SIP message, - for standard input")
    parser.add_argument("--count", type=int, default=1, help="send all messages so often")
    parser.add_argument("--time", type=float, help="Unix time of the message (default: now)")
    parser.add_argument("--key", help="authentication key")
    parser.add_argument("--protocol", type=int, default=SIP, help="payload protocol (1: SIP)")
    parser.add_argument("--compress", choices=["zlib", "gzip", "packet"])
    parser.add_argument("--version", type=int, choices=[1, 2, 3], default=3, help="of HEP")
    options = parser.parse_args()
    host, port = options.to.rsplit(":", 1)
    host = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as s:
        for _ in range(options.count):
            for name in options.message:
                text = sys.stdin.buffer.read() if name == "-" else open(name, "rb").read()
                s.sendto(make(options, text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")), (host, int(port)))


if __name__ == "__main__":
    main()
